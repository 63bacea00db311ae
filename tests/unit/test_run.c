/* A run as JSON and as an exit code: contract A2. */
#include "run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static struct run make_run(const char *partition)
{
    struct run r;
    struct err err = {0};

    if (run_init(&r, "erp.customers", partition, "incremental", &err))
        fail_msg("%s", err.msg);
    return r;
}

/* The keys of `j`, each with a blank behind it, in their order. */
static void keys_of(json_t *j, char *out, size_t size)
{
    const char *key;
    json_t *value;

    out[0] = '\0';
    json_object_foreach(j, key, value)
    {
        size_t len = strlen(out);
        snprintf(out + len, size - len, "%s ", key);
    }
}

static void a_result_has_exactly_the_keys_of_the_contract(void **state)
{
    static const char keys[] = "job run mode status success total processed created updated skipped errors errorDetails "
                               "window_start at message warnings stats started_at timestamp duration_ms partitions ";
    struct run r = make_run("");
    char have[512];
    (void)state;

    json_t *j = run_json(&r);
    keys_of(j, have, sizeof(have));
    assert_string_equal(have, keys);
    json_decref(j);
    run_free(&r);
}

static void a_result_tells_what_happened(void **state)
{
    struct run r = make_run("");
    char *text;
    (void)state;

    snprintf(r.id, sizeof(r.id), "01J000000000000000000000AB");
    snprintf(r.status, sizeof(r.status), "success");
    r.started_at = INT64_C(1760173124900000);
    r.finished_at = INT64_C(1760173125123999);
    r.counts = (struct run_counts){.processed = 5, .created = 2, .updated = 3};
    run_set(&r.window_start, "2025-10-11 08:48:45");
    run_set(&r.window_end, "2025-10-11 08:58:45");
    json_t *j = run_json(&r);
    text = json_dumps(j, JSON_COMPACT);
    assert_string_equal(
        text,
        "{\"job\":\"erp.customers\",\"run\":\"01J000000000000000000000AB\",\"mode\":\"incremental\","
        "\"status\":\"success\",\"success\":true,\"total\":5,\"processed\":5,\"created\":2,\"updated\":3,"
        "\"skipped\":0,\"errors\":0,\"errorDetails\":[],\"window_start\":\"2025-10-11 08:48:45\","
        "\"at\":\"2025-10-11 08:58:45\",\"message\":null,\"warnings\":[],\"stats\":{},"
        "\"started_at\":\"2025-10-11T08:58:44.900Z\",\"timestamp\":\"2025-10-11T08:58:45.123Z\",\"duration_ms\":223,"
        "\"partitions\":[]}");
    free(text);
    json_decref(j);
    run_free(&r);
}

static void a_partition_and_a_failure_add_their_keys(void **state)
{
    struct run r = make_run("m1");
    (void)state;

    snprintf(r.status, sizeof(r.status), "failed");
    run_set(&r.error, "the source is away");
    run_set(&r.reason, "the source is away");
    json_t *j = run_json(&r);
    assert_string_equal(json_string_value(json_object_get(j, "partition")), "m1");
    assert_string_equal(json_string_value(json_object_get(j, "error")), "the source is away");
    assert_string_equal(json_string_value(json_object_get(j, "reason")), "the source is away");
    assert_true(json_is_false(json_object_get(j, "success")));
    json_decref(j);
    run_free(&r);
}

static void success_is_said_of_complete_runs_only(void **state)
{
    static const struct {
        const char *status;
        bool success;
    } cases[] = {{"success", true}, {"partial", true},    {"failed", false}, {"crashed", false},
                 {"timeout", false}, {"cancelled", false}, {"running", false}};
    struct run r = make_run("");
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        snprintf(r.status, sizeof(r.status), "%s", cases[i].status);
        json_t *j = run_json(&r);
        if (json_is_true(json_object_get(j, "success")) != cases[i].success)
            fail_msg("%s", cases[i].status);
        json_decref(j);
    }
    run_free(&r);
}

static void total_is_what_was_announced_else_what_was_processed(void **state)
{
    static const struct {
        int64_t announced, processed, want;
    } cases[] = {{-1, 7, 7}, {0, 7, 0}, {9, 7, 9}, {-1, 0, 0}};
    struct run r = make_run("");
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        r.total = cases[i].announced;
        r.counts.processed = cases[i].processed;
        json_t *j = run_json(&r);
        assert_int_equal(json_integer_value(json_object_get(j, "total")), cases[i].want);
        json_decref(j);
    }
    run_free(&r);
}

static void error_details_end_at_their_limit(void **state)
{
    struct run r = make_run("");
    (void)state;

    for (int i = 0; i < RUN_DETAILS_MAX + 5; i++)
        run_detail(&r, "4711", "no-key: why");
    json_t *j = run_json(&r), *details = json_object_get(j, "errorDetails");
    assert_int_equal(json_array_size(details), RUN_DETAILS_MAX);
    assert_string_equal(json_string_value(json_object_get(json_array_get(details, 0), "key")), "4711");
    assert_string_equal(json_string_value(json_object_get(json_array_get(details, 0), "reason")), "no-key: why");
    assert_int_equal(json_object_size(json_array_get(details, 0)), 2);
    json_decref(j);
    run_free(&r);
}

static void the_last_value_of_a_figure_wins_and_warnings_keep_their_order(void **state)
{
    struct run r = make_run("");
    (void)state;

    run_stat(&r, "pages", 1);
    run_stat(&r, "pages", 2);
    run_warn(&r, "one");
    run_warn(&r, "two");
    assert_int_equal(json_integer_value(json_object_get(r.stats, "pages")), 2);
    assert_int_equal(json_array_size(r.warnings), 2);
    assert_string_equal(json_string_value(json_array_get(r.warnings, 1)), "two");
    run_free(&r);
}

static void a_run_that_has_not_ended_has_no_length(void **state)
{
    struct run r = make_run("");
    (void)state;

    r.started_at = INT64_C(1760173124900000);
    json_t *j = run_json(&r);
    assert_int_equal(json_integer_value(json_object_get(j, "duration_ms")), 0);
    assert_string_equal(json_string_value(json_object_get(j, "timestamp")), "2025-10-11T08:58:44.900Z");
    json_decref(j);
    run_free(&r);
    run_free(&r); /* a freed one is zeroed */
}

static void every_end_has_its_exit_code(void **state)
{
    static const struct {
        const char *status;
        int code, want;
    } cases[] = {
        {"success", 0, 0},
        {"partial", 0, 2},
        {"partial", SLUICE_E_AUTH, 77}, /* of a partition */
        {"partial", E_BUSY, 3},
        {"cancelled", SLUICE_E_CANCELLED, 130},
        {"crashed", SLUICE_E_BUG, 1},
        {"timeout", SLUICE_E_RETRY, 1},
        {"failed", 0, 1},
        {"failed", SLUICE_E_CONFIG, 78},
        {"failed", SLUICE_E_AUTH, 77},
        {"failed", SLUICE_E_RETRY, 69},
        {"failed", SLUICE_E_REMOTE, 1},
        {"failed", SLUICE_E_LIMIT, 1},
        {"failed", SLUICE_E_BUG, 1},
        {"failed", E_STORE, 69},
        {"failed", E_BUSY, 3},
        {"failed", E_FENCED, 1},
        {"failed", E_SYSTEM, 1},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        int have = run_exit_code(cases[i].status, cases[i].code);
        if (have != cases[i].want)
            fail_msg("%s with %d: %d", cases[i].status, cases[i].code, have);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_has_exactly_the_keys_of_the_contract),
        cmocka_unit_test(a_result_tells_what_happened),
        cmocka_unit_test(a_partition_and_a_failure_add_their_keys),
        cmocka_unit_test(success_is_said_of_complete_runs_only),
        cmocka_unit_test(total_is_what_was_announced_else_what_was_processed),
        cmocka_unit_test(error_details_end_at_their_limit),
        cmocka_unit_test(the_last_value_of_a_figure_wins_and_warnings_keep_their_order),
        cmocka_unit_test(a_run_that_has_not_ended_has_no_length),
        cmocka_unit_test(every_end_has_its_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
