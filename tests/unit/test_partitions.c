/* The partitions of a job: as the configuration lists them, as a worker is told of them, and as the stream's texts name
 * them. */
#include "job_spec.h"
#include "job_stream.h"
#include "run.h"
#include "spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static char nothing[] = "";

static struct config_connector shop = {.name = (char[]){"shop"}, .plugin = (char[]){"shop"}};
static struct config config = {.plugins = nothing, .store_url = (char[]){"sqlite:x.db"}};

/* A job whose connector lists these tenants; without partitions when `option` is "". */
static struct config_job make_job(const char *tenants, const char *option)
{
    static char name[] = "shop.people", stream[] = "people", table[] = "people", copy[32];

    json_decref(shop.options);
    shop.options = json_pack("{s:s, s:o}", "url", "u", "tenants", json_loads(tenants, 0, NULL));
    assert_non_null(shop.options);
    snprintf(copy, sizeof(copy), "%s", option);
    return (struct config_job){.connector = &shop, .name = name, .stream = stream, .table = table, .partition = copy};
}

#define THREE "[{\"id\":\"a\",\"town\":\"Athens\"},{\"id\":\"b\",\"town\":\"Bonn\"},{\"id\":\"c\"}]"

/* ---- The configuration ---- */

static void a_job_has_the_partitions_that_its_settings_list(void **state)
{
    struct config_job job = make_job(THREE, "tenants");
    (void)state;

    assert_int_equal(config_partition_count(&job), 3);
    assert_string_equal(config_partition(&job, 2), "c");
    assert_string_equal(config_partition(&job, 3), "");
    assert_true(config_has_partition(&job, "b"));
    assert_false(config_has_partition(&job, "B"));
    assert_false(config_has_partition(&job, ""));
    job = make_job(THREE, "");
    assert_int_equal(config_partition_count(&job), 0);
    job.partition = NULL; /* not bound */
    assert_int_equal(config_partition_count(&job), 0);
}

static void a_partition_that_is_not_there_is_told_with_those_that_are(void **state)
{
    struct config_job job = make_job(THREE, "tenants");
    struct err err = {0};
    (void)state;

    assert_int_equal(config_check_partition(&job, "a", &err), 0);
    assert_int_equal(config_check_partition(&job, "d", &err), E_NOT_FOUND);
    assert_string_equal(err.msg, "shop.people has no partition \"d\"; `tenants` of connector shop lists a, b, c");
    job = make_job("[]", "tenants");
    assert_int_equal(config_check_partition(&job, "d", &err), E_NOT_FOUND);
    assert_string_equal(err.msg, "shop.people has no partition \"d\"; `tenants` of connector shop lists none");
    job = make_job(THREE, "");
    assert_int_equal(config_check_partition(&job, "a", &err), E_USAGE);
    assert_string_equal(err.msg, "--partition a: shop.people has no partitions; leave the option out");
}

static void of_many_partitions_some_are_named(void **state)
{
    json_t *many = json_array();
    struct err err = {0};
    (void)state;

    for (int i = 0; i < 1000; i++)
        json_array_append_new(many, json_pack("{s:o}", "id", json_sprintf("m%03d", i)));
    char *text = json_dumps(many, 0);
    struct config_job job = make_job(text, "tenants");
    assert_int_equal(config_check_partition(&job, "x", &err), E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "lists m000, m001, "));
    assert_non_null(strstr(err.msg, "m019 and 980 more"));
    free(text);
    json_decref(many);
}

/* ---- The worker's half ---- */

/* "partition" and "partitions" of what a worker is handed for `l`. */
static void check_spec(const struct launch *l, const char *partition, const char *partitions)
{
    json_t *spec = job_spec_store(l);
    char *list = json_dumps(json_object_get(spec, "partitions"), JSON_COMPACT | JSON_ENCODE_ANY);

    assert_string_equal(spec_text(spec, "partition"), partition);
    assert_string_equal(list, partitions);
    free(list);
    json_decref(spec);
}

static void a_worker_is_told_whose_records_to_read(void **state)
{
    struct config_job job = make_job(THREE, "tenants");
    json_t *some = json_pack("[s, s, s]", "c", "a", "gone");
    (void)state;

    check_spec(&(struct launch){.config = &config, .job = &job}, "", "[\"a\",\"b\",\"c\"]");
    check_spec(&(struct launch){.config = &config, .job = &job, .partition = "b"}, "b", "null");
    check_spec(&(struct launch){.config = &config, .job = &job, .partitions = some}, "", "[\"a\",\"c\"]");
    job = make_job("[]", "tenants");
    check_spec(&(struct launch){.config = &config, .job = &job}, "", "[]");
    job = make_job(THREE, ""); /* what a partitioned job runs after */
    check_spec(&(struct launch){.config = &config, .job = &job, .partition = "b"}, "", "null");
    json_decref(some);
}

/* ---- The stream ---- */

static const sluice_option options_table[] = {
    {.name = "url", .type = SLUICE_TEXT},
    {.name = "tenants", .type = SLUICE_GROUP, .flags = SLUICE_LIST},
    {.name = "tenants.id", .type = SLUICE_TEXT},
    {.name = "tenants.town", .type = SLUICE_TEXT},
};

static void texts_of_a_partition_are_filled_in_for_each(void **state)
{
    static const sluice_column columns[] = {
        {"name", SLUICE_TEXT, 0, .path = "name", .preset = "none"},
        {"tenant", SLUICE_TEXT, 0, .value = "${tenants.id} at ${url}"},
        {"town", SLUICE_TEXT, 0, .preset = "${tenants.town}"},
        {"url", SLUICE_TEXT, 0, .value = "${url}"},
    };
    const sluice_stream declared = {.name = "people",
                                    .columns = columns,
                                    .column_stride = sizeof(sluice_column),
                                    .column_count = LEN(columns),
                                    .partition = "tenants"};
    struct config_job job = make_job(THREE, "tenants");
    struct options o = {
        .values = shop.options, .partition = job.partition, .table = options_table, .count = LEN(options_table)};
    json_t *fields = json_pack("[{s:s, s:s, s:i}]", "from", "EMAIL", "column", "email", "type", (int)SLUICE_TEXT);
    struct job_stream s = {0};
    struct err err = {0};
    (void)state;

    assert_int_equal(job_stream_make(&s, &declared, fields, &o, &err), 0);
    assert_int_equal(s.stream.column_count, LEN(columns) + 1);
    assert_string_equal(s.index[4]->path, "EMAIL");
    assert_int_equal(s.own_count, 2);
    assert_string_equal(s.columns[3].value, "u");
    for (size_t i = 0; i < 3; i++) {
        static const char *const want[][2] = {{"a at u", "Athens"}, {"b at u", "Bonn"}, {"c at u", ""}};
        o.partition_index = i;
        assert_int_equal(job_stream_fill(&s, &o, &err), 0);
        assert_string_equal(s.index[1]->value, want[i][0]);
        assert_string_equal(s.index[2]->preset, want[i][1]);
    }
    for (size_t i = 0; i < s.own_count; i++)
        free(s.own[i].filled);
    free((void *)(uintptr_t)s.columns[3].value);
    free(s.own);
    free(s.columns);
    free((void *)s.index);
    json_decref(fields);
}

static int forget(void **state)
{
    (void)state;
    json_decref(shop.options);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_has_the_partitions_that_its_settings_list),
        cmocka_unit_test(a_partition_that_is_not_there_is_told_with_those_that_are),
        cmocka_unit_test(of_many_partitions_some_are_named),
        cmocka_unit_test(a_worker_is_told_whose_records_to_read),
        cmocka_unit_test(texts_of_a_partition_are_filled_in_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
