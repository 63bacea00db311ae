/* What routes answer, made from their tables: those of a source with partitions, and those of one without. */
#include "plugin_routes.h"
#include "route_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static json_t *json(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

    if (!value)
        fail_msg("%s: %s", text, error.text);
    return value;
}

/* Compare and drop `got`. */
static void check(const char *name, json_t *got, const char *want_text)
{
    json_t *want = json(want_text);

    if (!json_equal(got, want)) {
        char *text = json_dumps(got, JSON_ENCODE_ANY | JSON_SORT_KEYS);
        fail_msg("%s: %s", name, text);
    }
    json_decref(got);
    json_decref(want);
}

static const char settings[] =
    "{\"limit\": 100, \"login\": {\"user\": \"u\"}, \"mappings\": ["
    "{\"id\": \"m1\", \"business_id\": \"b1\", \"tenant_name\": \"T1\"}, {\"id\": \"m2\", \"business_id\": \"b2\"}]}";

static const char run_text[] =
    "{\"job\": \"s.c\", \"run\": \"R\", \"success\": true, \"status\": \"partial\", \"created\": 3, \"processed\": 9,"
    " \"message\": null, \"timestamp\": \"t\", \"stats\": {\"ignored\": 4}, \"partitions\": ["
    "{\"id\": \"m1\", \"success\": true, \"processed\": 5, \"created\": 3, \"error\": null, \"timestamp\": \"t1\","
    " \"errorDetails\": [{\"key\": \"k\", \"reason\": \"bad\"}]},"
    "{\"id\": \"m2\", \"success\": false, \"processed\": 4, \"created\": 0, \"error\": \"no\", \"timestamp\": "
    "\"t2\", \"errorDetails\": []}]}";

static void a_run_of_partitions_is_told_as_a_list_under_a_key(void **state)
{
    json_t *route = json("{\"under\": \"data\", \"message\": \"Sync completed\", \"keys\":"
                         " \"success businessId=mappings.business_id  customersProcessed=processed created"
                         " errorDetails\"}");
    json_t *options = json(settings), *run = json(run_text);
    struct route_source s = {route, options, "mappings", NULL, NULL};

    (void)state;
    check(
        "all", route_answer_run(&s, run),
        "{\"success\": true, \"message\": \"Sync completed\", \"data\": ["
        "{\"success\": true, \"businessId\": \"b1\", \"customersProcessed\": 5, \"created\": 3,"
        " \"errorDetails\": [{\"key\": \"k\", \"reason\": \"bad\"}]},"
        "{\"success\": false, \"businessId\": \"b2\", \"customersProcessed\": 4, \"created\": 0,"
        " \"errorDetails\": [{\"key\": null, \"reason\": \"no\"}]}]}");
    s.visible = json("{\"m1\": true}");
    check("some", route_answer_run(&s, run),
          "{\"success\": true, \"message\": \"Sync completed\", \"data\": ["
          "{\"success\": true, \"businessId\": \"b1\", \"customersProcessed\": 5, \"created\": 3,"
          " \"errorDetails\": [{\"key\": \"k\", \"reason\": \"bad\"}]}]}");
    json_decref((json_t *)(uintptr_t)s.visible);
    s.visible = NULL;
    s.id = "m2";
    check(
        "one", route_answer_run(&s, run),
        "{\"success\": false, \"error\": \"no\", \"timestamp\": \"t2\", \"data\":"
        "{\"success\": false, \"businessId\": \"b2\", \"customersProcessed\": 4, \"created\": 0,"
        " \"errorDetails\": [{\"key\": null, \"reason\": \"no\"}]}}");
    json_decref(route);
    json_decref(options);
    json_decref(run);
}

static void a_partition_that_did_not_run_is_not_in_the_result(void **state)
{
    json_t *route = json("{\"under\": \"data\", \"keys\": \"id created\"}"), *options = json(settings);
    json_t *run = json("{\"success\": true, \"message\": \"Nothing changed\","
                       " \"partitions\": [{\"id\": \"m2\", \"success\": true, \"created\": 1}]}");
    const struct route_source s = {route, options, "mappings", NULL, NULL};

    (void)state;
    check("only m2", route_answer_run(&s, run),
          "{\"success\": true, \"message\": \"Nothing changed\", \"data\": [{\"id\": \"m2\", \"created\": 1}]}");
    json_decref(route);
    json_decref(options);
    json_decref(run);
}

static void a_run_without_keys_is_told_whole(void **state)
{
    json_t *route = json("{\"under\": null, \"message\": null, \"keys\": null}"), *run = json(run_text);
    json_t *options = json("{}");
    const struct route_source s = {route, options, "", NULL, NULL};

    (void)state;
    check("whole", route_answer_run(&s, run), run_text);
    json_decref(route);
    json_decref(options);
    json_decref(run);
}

static void keys_choose_rename_and_nest(void **state)
{
    json_t *route = json("{\"message\": \"done\", \"keys\": \"success n.made=created n.ignored=stats.ignored limit"
                         " who=login.user nothing=stats.none\"}");
    json_t *options = json(settings), *run = json(run_text);
    const struct route_source s = {route, options, "", NULL, NULL};

    (void)state;
    check("keys", route_answer_run(&s, run),
          "{\"success\": true, \"message\": \"done\", \"n\": {\"made\": 3, \"ignored\": 4}, \"limit\": 100, \"who\": "
          "\"u\"}");
    json_decref(route);
    json_decref(options);
    json_decref(run);
}

static void a_status_tells_every_partition_also_those_that_never_ran(void **state)
{
    json_t *route = json("{\"under\": \"data\", \"keys\": \"id=mappings.id businessName=mappings.tenant_name"
                         " lastSyncAt=timestamp last.created=created last.syncedAt=timestamp\"}");
    json_t *options = json(settings);
    json_t *run = json("{\"partitions\": [{\"id\": \"m1\", \"created\": 1, \"timestamp\": \"t1\"}]}");
    struct route_source s = {route, options, "mappings", NULL, NULL};

    (void)state;
    check("after a run", route_answer_status(&s, run),
          "{\"success\": true, \"data\": ["
          "{\"id\": \"m1\", \"businessName\": \"T1\", \"lastSyncAt\": \"t1\","
          " \"last\": {\"created\": 1, \"syncedAt\": \"t1\"}},"
          "{\"id\": \"m2\", \"businessName\": null, \"lastSyncAt\": null, \"last\": null}]}");
    check("before any", route_answer_status(&s, NULL),
          "{\"success\": true, \"data\": ["
          "{\"id\": \"m1\", \"businessName\": \"T1\", \"lastSyncAt\": null, \"last\": null},"
          "{\"id\": \"m2\", \"businessName\": null, \"lastSyncAt\": null, \"last\": null}]}");
    s.id = "m1";
    check("one", route_answer_status(&s, run),
          "{\"success\": true, \"data\": {\"id\": \"m1\", \"businessName\": \"T1\", \"lastSyncAt\": \"t1\","
          " \"last\": {\"created\": 1, \"syncedAt\": \"t1\"}}}");
    s.id = "m2";
    json_decref(run);
    run = json("{\"partitions\": [{\"id\": \"m2\", \"created\": 1, \"timestamp\": \"t1\"}]}");
    check("without a name", route_answer_status(&s, run),
          "{\"success\": true, \"data\": {\"id\": \"m2\", \"businessName\": null, \"lastSyncAt\": \"t1\","
          " \"last\": {\"created\": 1, \"syncedAt\": \"t1\"}}}");
    json_decref(route);
    json_decref(options);
    json_decref(run);
}

static void the_partitions_are_told_as_configured(void **state)
{
    json_t *route = json("{\"under\": \"data\", \"keys\": \"id=mappings.id sabitoBusinessId=mappings.business_id\"}");
    json_t *options = json(settings);
    struct route_source s = {route, options, "mappings", NULL, NULL};

    (void)state;
    check("all", route_answer_partitions(&s),
          "{\"success\": true, \"data\": [{\"id\": \"m1\", \"sabitoBusinessId\": \"b1\"},"
          " {\"id\": \"m2\", \"sabitoBusinessId\": \"b2\"}]}");
    s.id = "m2";
    check("one", route_answer_partitions(&s),
          "{\"success\": true, \"data\": {\"id\": \"m2\", \"sabitoBusinessId\": \"b2\"}}");
    json_decref(route);
    json_decref(options);
}

static void paths_match_segment_by_segment(void **state)
{
    static const struct {
        const char *pattern, *path, *part; /* part NULL: none; "-": no match */
    } cases[] = {
        {"/", "/", NULL},          {"/livez", "/livez", NULL},  {"/livez", "/livez/", "-"}, {"/livez", "/live", "-"},
        {"/", "/livez", "-"},      {"/a/:id", "/a/b", "b"},     {"/a/:id", "/a/", "-"},     {"/a/:id", "/a", "-"},
        {"/a/:id", "/a/b/c", "-"}, {"/a/:id/c", "/a/b/c", "b"}, {"/a/:id/c", "/a//c", "-"}, {"/a/:", "/a/x y", "x y"},
        {"/a", "//a", "-"},
    };

    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        sluice_str part = {0};
        bool matches = path_matches(cases[i].pattern, cases[i].path, &part);
        const char *want = cases[i].part;
        if (matches == (want && strcmp(want, "-") == 0))
            fail_msg("%s and %s", cases[i].pattern, cases[i].path);
        if (matches && (want ? part.len != strlen(want) || memcmp(part.ptr, want, part.len) != 0 : part.ptr != NULL))
            fail_msg("%s and %s: the part", cases[i].pattern, cases[i].path);
    }
}

/* The route that is found, by its position, and what may be asked for; -1: none. */
static int find(const struct config *config, const char *method, const char *path, const char *allowed)
{
    struct plugin_route r;
    struct buf allow = {0};
    bool found = plugin_route_find(config, method, path, &r, &allow);

    if (strcmp(buf_text(&allow), allowed) != 0)
        fail_msg("%s %s: %s", method, path, buf_text(&allow));
    buf_free(&allow);
    return found ? (int)json_integer_value(json_object_get(r.route, "n")) : -1;
}

static void routes_are_found_by_method_and_path(void **state)
{
    struct config_connector connectors[2] = {0};
    const struct config config = {.connectors = connectors, .connector_count = 2};

    (void)state;
    connectors[1].served = json("[{\"n\": 0, \"methods\": \"POST GET\", \"path\": \"/sync\", \"action\": 1},"
                                "{\"n\": 1, \"methods\": \"POST\", \"path\": \"/sync/:id\", \"action\": 1},"
                                "{\"n\": 2, \"methods\": \"GET\", \"path\": \"/sync/:id\", \"action\": 2},"
                                "{\"n\": 3, \"methods\": \"GET\", \"path\": \"/sync/status\", \"action\": 2}]");
    assert_int_equal(find(&config, "POST", "/sync", "POST, GET"), 0);
    assert_int_equal(find(&config, "GET", "/sync", "POST, GET"), 0);
    assert_int_equal(find(&config, "HEAD", "/sync", "POST, GET"), -1); /* it would run something */
    assert_int_equal(find(&config, "DELETE", "/sync", "POST, GET"), -1);
    assert_int_equal(find(&config, "POST", "/sync/x", "POST, GET, HEAD"), 1);
    assert_int_equal(find(&config, "GET", "/sync/x", "POST, GET, HEAD"), 2);
    assert_int_equal(find(&config, "GET", "/sync/status", "POST, GET, HEAD"), 3);
    assert_int_equal(find(&config, "HEAD", "/sync/status", "POST, GET, HEAD"), 3);
    assert_int_equal(find(&config, "GET", "/other", ""), -1);
    json_decref(connectors[1].served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_partitions_is_told_as_a_list_under_a_key),
        cmocka_unit_test(a_partition_that_did_not_run_is_not_in_the_result),
        cmocka_unit_test(a_run_without_keys_is_told_whole),
        cmocka_unit_test(keys_choose_rename_and_nest),
        cmocka_unit_test(a_status_tells_every_partition_also_those_that_never_ran),
        cmocka_unit_test(the_partitions_are_told_as_configured),
        cmocka_unit_test(paths_match_segment_by_segment),
        cmocka_unit_test(routes_are_found_by_method_and_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
