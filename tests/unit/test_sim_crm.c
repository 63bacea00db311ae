/* The simulated CRM: what it understands of OData, and what it makes of its rows. */
#include "crm.h"

#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define NOW (INT64_C(1770704403) * 1000000) /* 2026-02-10T06:20:03Z */

static void a_query_is_understood_or_refused_as_the_crm_does(void **state)
{
    static const struct {
        const char *query;
        int status;
    } cases[] = {
        {"", 200},
        {"$select=Id,ContactId&$top=1", 200},
        {"%24select=Id&$count=true&$skip=600&$orderby=Id%20desc", 200},
        {"$expand=Products&$filter=StatusId%20eq%202", 200},
        {"$filter=LastUpdateDate+ge+2026-02-10T03:20:03.5-03:00", 200},
        {"$filter=LastUpdateDate%20ge%202026-02-10T03:20:03%2B02:00%20and%20FinishDate%20ne%20null", 200},
        {"$select=Id,LastStageUpdate", 403},
        {"$select=Products", 403},
        {"$expand=Quotes", 400},
        {"$filter=Title%20eq%20'x'", 400},
        {"$filter=LastUpdateDate%20ge%20yesterday", 400},
        {"$filter=LastUpdateDate%20ge", 400},
        {"$filter=Id%20ge%201%20or%20Id%20le%200", 400},
        {"$filter=LastUpdateDate+ge+2026-02-10T03:20:03+02:00", 400}, /* a "+" is a blank */
        {"$orderby=Title", 400},
        {"$orderby=Id%20up", 400},
        {"$top=-1", 400},
        {"$skip=", 400},
        {"$count=yes", 400},
        {"$search=x", 400},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct odata_query q;
        struct buf why = {0};
        int status = odata_parse(&crm_entities[CRM_DEALS], cases[i].query, &q, &why);
        if (status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].query, status, buf_text(&why));
        assert_true(status != 400 || why.len > 0);
        buf_free(&why);
    }
}

static struct crm *crm_of(uint32_t deals)
{
    struct crm *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->seed = 1;
    c->generated[CRM_DEALS] = deals;
    c->generated[CRM_CONTACTS] = 40;
    crm_reset(c, false);
    return c;
}

static void put(struct crm *c, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_true(crm_put(c, CRM_DEALS, json, NOW));
    json_decref(json);
}

/* The answer to `query`; *count: what the filter lets through. Give it to json_decref(). */
static json_t *ask(const struct crm *c, uint32_t list, const char *query, uint64_t *count)
{
    struct odata_query q;
    struct buf text = {0};
    uint64_t all;
    assert_int_equal(odata_parse(&crm_entities[list], query, &q, &text), 200);
    all = crm_answer(c, list, &q, &text);
    json_t *rows = json_loadb(buf_text(&text), text.len, 0, NULL);
    if (!rows)
        fail_msg("not JSON: %s", buf_text(&text));
    buf_free(&text);
    if (count)
        *count = all;
    return rows;
}

/* The Ids of the answer, as "7 8 9". */
static void check_ids(const struct crm *c, const char *query, const char *want)
{
    json_t *rows = ask(c, CRM_DEALS, query, NULL);
    struct buf ids = {0};
    for (size_t i = 0; i < json_array_size(rows); i++)
        buf_printf(&ids, "%s%lld", i ? " " : "", json_integer_value(json_object_get(json_array_get(rows, i), "Id")));
    if (strcmp(buf_text(&ids), want) != 0)
        fail_msg("%s: %s", query, buf_text(&ids));
    buf_free(&ids);
    json_decref(rows);
}

static void free_crm(struct crm *c)
{
    crm_free(c);
    free(c);
}

static void rows_are_compared_as_instants_and_ordered_by_any_field(void **state)
{
    struct crm *c = crm_of(0);
    (void)state;

    put(c, "{\"Id\": 3, \"LastUpdateDate\": \"2026-02-10T03:20:03.4-03:00\", \"FinishDate\": null}");
    put(c, "{\"Id\": 1, \"LastUpdateDate\": \"2026-02-10T06:20:03.5Z\", \"FinishDate\": \"2026-01-01T00:00:00Z\"}");
    put(c, "{\"Id\": 2, \"LastUpdateDate\": \"2026-02-10T09:20:03+03:00\"}");
    put(c, "{\"Id\": 4}"); /* edited now */
    check_ids(c, "", "1 2 3 4");
    check_ids(c, "$filter=LastUpdateDate%20ge%202026-02-10T06:20:03.4Z", "1 3");
    check_ids(c, "$filter=LastUpdateDate%20ge%202026-02-10T03:20:03.41-03:00", "1");
    check_ids(c, "$filter=LastUpdateDate%20eq%202026-02-10T06:20:03Z%20and%20Id%20gt%202", "4");
    check_ids(c, "$filter=FinishDate%20eq%20null", "2 3 4");
    check_ids(c, "$filter=FinishDate%20ne%20null", "1");
    check_ids(c, "$orderby=LastUpdateDate", "2 4 3 1");
    check_ids(c, "$orderby=Id%20desc&$top=2", "4 3");
    check_ids(c, "$orderby=Id&$skip=1&$top=2", "2 3");
    check_ids(c, "$orderby=Id&$skip=4", "");
    put(c, "{\"Id\": 1, \"Amount\": 2.5}"); /* edited now, the rest stays */
    check_ids(c, "$filter=LastUpdateDate%20eq%202026-02-10T06:20:03Z", "1 2 4");
    check_ids(c, "$filter=FinishDate%20ne%20null", "1");
    assert_true(crm_delete(c, CRM_DEALS, 2));
    assert_false(crm_delete(c, CRM_DEALS, 2));
    check_ids(c, "$orderby=Id", "1 3 4");
    free_crm(c);
}

static void an_answer_holds_three_hundred_rows_at_most_and_counts_all(void **state)
{
    struct crm *c = crm_of(700);
    uint64_t count = 0;
    (void)state;

    json_t *rows = ask(c, CRM_DEALS, "$top=1000&$select=Id", &count);
    assert_int_equal(json_array_size(rows), 300);
    assert_int_equal(count, 700);
    json_decref(rows);
    rows = ask(c, CRM_DEALS, "$skip=600", &count);
    assert_int_equal(json_array_size(rows), 100);
    json_decref(rows);
    rows = ask(c, CRM_DEALS, "$top=0&$filter=StatusId%20eq%202", &count);
    assert_int_equal(json_array_size(rows), 0);
    assert_true(count > 200 && count < 500);
    json_decref(rows);
    free_crm(c);
}

/* Every generated row has what the source has: whole keys, times with an offset, lists only when they are asked for. */
static void generated_rows_are_the_same_each_time_and_complete(void **state)
{
    struct crm *a = crm_of(500), *b = crm_of(500);
    (void)state;

    crm_touch(b, CRM_DEALS, 500, NOW);
    crm_reset(b, false);
    for (uint32_t list = 0; list < CRM_LISTS; list++) {
        json_t *rows = ask(a, list, "", NULL), *again = ask(b, list, "", NULL);
        assert_true(json_array_size(rows) > 0 && json_equal(rows, again));
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = json_array_get(rows, i);
            const char *at = json_string_value(json_object_get(row, "LastUpdateDate"));
            int64_t us;
            assert_true(date_parse((sluice_str){at, strlen(at)}, NULL, &us) && us < NOW);
            assert_string_equal(at + strlen(at) - 6, "-03:00");
            assert_null(json_object_get(row, "Products"));
        }
        json_decref(rows);
        json_decref(again);
    }
    json_t *rows = ask(a, CRM_DEALS, "$expand=Products&$select=Id&$top=1", NULL);
    assert_true(json_is_array(json_object_get(json_array_get(rows, 0), "Products")));
    json_decref(rows);
    crm_touch(a, CRM_DEALS, 7, NOW);
    uint64_t count;
    json_decref(ask(a, CRM_DEALS, "$filter=LastUpdateDate%20ge%202026-02-10T06:20:03Z", &count));
    assert_int_equal(count, 7);
    free_crm(a);
    free_crm(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_understood_or_refused_as_the_crm_does),
        cmocka_unit_test(rows_are_compared_as_instants_and_ordered_by_any_field),
        cmocka_unit_test(an_answer_holds_three_hundred_rows_at_most_and_counts_all),
        cmocka_unit_test(generated_rows_are_the_same_each_time_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
