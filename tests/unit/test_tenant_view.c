/* What a tenant sees of a run: its own partitions, and what these came to. */
#include "tenant_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static char partition_option[] = "maps", tenant_setting[] = "owner", none[] = "";
static struct config_connector connector;
static struct config_job job = {.partition = partition_option, .tenant = tenant_setting, .connector = &connector};
static struct config_job plain = {.partition = none, .tenant = none, .connector = &connector};

static const char whole[] =
    "{\"job\": \"c.s\", \"run\": \"R\", \"mode\": \"incremental\", \"status\": \"partial\", \"success\": true,"
    " \"total\": 12, \"processed\": 12, \"created\": 6, \"updated\": 0, \"skipped\": 3, \"errors\": 3,"
    " \"errorDetails\": [{\"key\": \"of another\"}], \"message\": \"of all\", \"error\": \"p2: secret\","
    " \"warnings\": [\"p2: secret\"], \"stats\": {\"ignored\": 9}, \"window_start\": \"w\", \"at\": \"a\","
    " \"started_at\": \"s\", \"timestamp\": \"t\", \"duration_ms\": 5, \"partitions\": ["
    "{\"id\": \"p1\", \"status\": \"success\", \"success\": true, \"total\": 5, \"processed\": 5, \"created\": 3,"
    " \"updated\": 0, \"skipped\": 1, \"errors\": 1, \"errorDetails\": [{\"key\": \"k1\"}], \"warnings\": [\"w1\"],"
    " \"stats\": {\"ignored\": 1, \"gap_seconds\": 7}},"
    "{\"id\": \"p2\", \"status\": \"failed\", \"success\": false, \"total\": 4, \"processed\": 4, \"created\": 1,"
    " \"updated\": 0, \"skipped\": 2, \"errors\": 1, \"errorDetails\": [], \"warnings\": [], \"stats\": {},"
    " \"error\": \"secret\"},"
    "{\"id\": \"p3\", \"status\": \"success\", \"success\": true, \"total\": 3, \"processed\": 3, \"created\": 2,"
    " \"updated\": 0, \"skipped\": 0, \"errors\": 1, \"errorDetails\": [{\"key\": \"k3\"}], \"warnings\": [],"
    " \"stats\": {\"ignored\": 2, \"gap_seconds\": 4}}]}";

static json_t *json(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);

    if (!value)
        fail_msg("%s: %s", text, error.text);
    return value;
}

static int set_up(void **state)
{
    (void)state;
    connector.options = json("{\"maps\": [{\"id\": \"p1\", \"owner\": \"t1\"}, {\"id\": \"p2\", \"owner\": \"t2\"},"
                             " {\"id\": \"p3\", \"owner\": \"t1\"}]}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(connector.options);
    return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_run_over_several_is_cut_to_its_own_with_their_sums(void **state)
{
    static const struct {
        const char *key;
        json_int_t want;
    } sums[] = {{"total", 8}, {"processed", 8}, {"created", 5}, {"skipped", 1}, {"errors", 2}, {"duration_ms", 5}};
    json_t *run = json(whole), *view = tenant_run(&job, "t1", run);

    (void)state;
    for (size_t i = 0; i < LEN(sums); i++)
        assert_int_equal(json_integer_value(json_object_get(view, sums[i].key)), sums[i].want);
    assert_string_equal(text_of(view, "status"), "success");
    assert_string_equal(text_of(view, "run"), "R");
    assert_int_equal(json_array_size(json_object_get(view, "partitions")), 2);
    assert_int_equal(json_array_size(json_object_get(view, "errorDetails")), 2);
    assert_int_equal(json_array_size(json_object_get(view, "warnings")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(view, "stats"), "ignored")), 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(view, "stats"), "gap_seconds")), 7);
    json_decref(run);
    json_decref(view);
}

static void nothing_of_another_shows(void **state)
{
    json_t *run = json(whole), *view = tenant_run(&job, "t1", run);
    char *text = json_dumps(view, 0);

    (void)state;
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "p2"));
    assert_null(strstr(text, "of another"));
    assert_null(strstr(text, "of all"));
    free(text);
    json_decref(run);
    json_decref(view);
}

static void its_status_is_what_its_own_came_to(void **state)
{
    json_t *run = json(whole), *view = tenant_run(&job, "t2", run);

    (void)state;
    assert_string_equal(text_of(view, "status"), "failed");
    assert_true(json_is_false(json_object_get(view, "success")));
    assert_string_equal(text_of(view, "error"), "secret");
    json_decref(view);
    json_object_set_new(run, "status", json_string("running"));
    view = tenant_run(&job, "t2", run);
    assert_string_equal(text_of(view, "status"), "running");
    json_decref(run);
    json_decref(view);
}

static void a_run_of_one_is_its_tenants_or_nobodys(void **state)
{
    json_t *run = json("{\"partition\": \"p2\", \"status\": \"success\"}"), *all = json(whole);

    (void)state;
    json_t *view = tenant_run(&job, "t2", run);
    assert_ptr_equal(view, run);
    json_decref(view);
    view = tenant_run(&job, "", all);
    assert_ptr_equal(view, all);
    json_decref(view);
    assert_null(tenant_run(&job, "t1", run));
    assert_null(tenant_run(&job, "t3", all));
    assert_null(tenant_run(&plain, "t1", all));
    assert_null(tenant_run(NULL, "t1", all));
    json_decref(run);
    json_decref(all);
}

static void a_tenant_has_part_in_jobs_with_its_partitions(void **state)
{
    (void)state;
    assert_true(tenant_has_part(&job, "t1"));
    assert_false(tenant_has_part(&job, "t3"));
    assert_false(tenant_has_part(&plain, "t1"));
    assert_true(tenant_has_part(&plain, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_over_several_is_cut_to_its_own_with_their_sums),
        cmocka_unit_test(nothing_of_another_shows),
        cmocka_unit_test(its_status_is_what_its_own_came_to),
        cmocka_unit_test(a_run_of_one_is_its_tenants_or_nobodys),
        cmocka_unit_test(a_tenant_has_part_in_jobs_with_its_partitions),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
