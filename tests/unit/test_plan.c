/* From HELLO and the job to the target table. HELLO comes from the plugin's process, so anything may be in it. */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char hello[] =
    "{\"name\":\"partners\",\"table\":\"erp_partners\",\"scope\":\"tenant\",\"windowed\":true,\"columns\":["
    "{\"name\":\"code\",\"type\":2,\"flags\":0,\"scale\":0},"
    "{\"name\":\"tax\",\"type\":3,\"flags\":96,\"scale\":0},"
    "{\"name\":\"name\",\"type\":3,\"flags\":1,\"scale\":0,\"preset\":\"Unknown\"},"
    "{\"name\":\"money\",\"type\":5,\"flags\":0,\"scale\":2,\"preset\":null},"
    "{\"name\":\"tenant\",\"type\":3,\"flags\":0,\"scale\":0,\"value\":\"m1\"}],"
    "\"matches\":[{\"rule\":1,\"columns\":\"code\",\"never\":null},"
    "{\"rule\":2,\"columns\":\" tax\\tname \",\"never\":\"000 999\"}]}";

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

    if (!json)
        fail_msg("the test's own JSON: %s", text);
    return json;
}

static int make(const json_t *stream, const char *job, struct plan *out, struct err *err)
{
    json_t *j = json_of(job);
    int rc = plan_make(stream, j, out, err);

    json_decref(j);
    return rc;
}

static void a_stream_becomes_a_table(void **state)
{
    json_t *stream = json_of(hello);
    struct plan p;
    struct err err = {0};
    (void)state;

    assert_int_equal(make(stream, "{}", &p, &err), 0);
    const struct table *t = &p.table;
    assert_true(p.windowed);
    assert_false(t->check_only);
    assert_string_equal(t->name, "erp_partners");
    assert_int_equal(t->column_count, 5);
    assert_string_equal(t->columns[1].name, "tax");
    assert_string_equal(t->columns[1].source, "tax");
    assert_int_equal(t->columns[1].type, SLUICE_TEXT);
    assert_int_equal(t->columns[1].flags, SLUICE_TRIM | SLUICE_LOWER);
    assert_string_equal(t->columns[2].preset, "Unknown");
    assert_null(t->columns[2].value);
    assert_int_equal(t->columns[3].scale, 2);
    assert_null(t->columns[3].preset);
    assert_string_equal(t->columns[4].value, "m1");
    assert_int_equal(t->scope, 4);
    assert_int_equal(t->rule_count, 2);
    assert_int_equal(t->rules[0].rule, SLUICE_IDENTITY);
    assert_int_equal(t->rules[0].never_count, 0);
    assert_int_equal(t->rules[1].rule, SLUICE_ADOPT);
    assert_int_equal(t->rules[1].column_count, 2);
    assert_int_equal(t->rules[1].columns[0], 1);
    assert_int_equal(t->rules[1].columns[1], 2);
    assert_int_equal(t->rules[1].never_count, 2);
    assert_string_equal(t->rules[1].never[1], "999");
    plan_free(&p);
    plan_free(&p); /* a freed one is zeroed */
    json_decref(stream);
}

static void the_job_changes_names_and_rules(void **state)
{
    static const char job[] =
        "{\"table\":\"partners\",\"manage_check\":true,"
        "\"columns\":[{\"from\":\"code\",\"to\":\"ref\"},{\"from\":\"money\",\"to\":\"\"},{\"from\":\"x\",\"to\":\"y\"}],"
        "\"match\":[{\"rule\":3,\"columns\":\"tax\",\"never\":\"\"}]}";
    json_t *stream = json_of(hello);
    struct plan p;
    struct err err = {0};
    (void)state;

    assert_int_equal(make(stream, job, &p, &err), 0);
    assert_string_equal(p.table.name, "partners");
    assert_true(p.table.check_only);
    assert_string_equal(p.table.columns[0].name, "ref");
    assert_string_equal(p.table.columns[0].source, "code");
    assert_string_equal(p.table.columns[3].name, "");
    assert_int_equal(p.table.rule_count, 1);
    assert_int_equal(p.table.rules[0].rule, SLUICE_REBIND);
    assert_int_equal(p.table.rules[0].columns[0], 1);
    plan_free(&p);
    json_decref(stream);
}

static void a_job_that_asks_for_what_is_not_there_is_told(void **state)
{
    static const struct {
        const char *job, *why;
    } cases[] = {
        {"{\"match\":[{\"rule\":1,\"columns\":\"nobody\"}]}", "match: there is no column nobody in the table"},
        {"{\"match\":[{\"rule\":1,\"columns\":\"co\"}]}", "match: there is no column co in the table"},
        {"{\"match\":[{\"rule\":1,\"columns\":\" \"}]}", "match: a rule without columns"},
        {"{\"match\":[{\"rule\":1}]}", "match: a rule without columns"},
        {"{\"match\":[{\"rule\":1,\"columns\":\"tax tax tax tax tax tax tax tax tax\"}]}",
         "match: more than 8 columns in one rule"},
        {"{\"columns\":[{\"from\":\"code\",\"to\":\"\"}]}", "match: there is no column code in the table"},
        {"{\"columns\":[{\"from\":\"tenant\",\"to\":\"\"}]}", "scope: there is no column tenant in the table"},
    };
    json_t *stream = json_of(hello);
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct plan p;
        struct err err = {0};
        assert_int_equal(make(stream, cases[i].job, &p, &err), SLUICE_E_CONFIG);
        assert_string_equal(err.msg, cases[i].why);
    }
    json_decref(stream);
}

static void a_hello_that_is_none_is_refused(void **state)
{
    static const char column[] = "the plugin's HELLO has a column that is not one";
    static const char columns[] = "the plugin's HELLO has no columns";
    static const struct {
        const char *hello, *why;
    } cases[] = {
        {"null", columns},
        {"[]", columns},
        {"\"hello\"", columns},
        {"{}", columns},
        {"{\"table\":\"t\",\"columns\":{}}", columns},
        {"{\"table\":\"t\",\"columns\":[]}", columns},
        {"{\"table\":\"t\",\"columns\":\"code\"}", columns},
        {"{\"table\":\"t\",\"columns\":[null]}", column},
        {"{\"table\":\"t\",\"columns\":[[]]}", column},
        {"{\"table\":\"t\",\"columns\":[{}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\"}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"\",\"type\":2}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":7,\"type\":2}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":1}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":8}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":-2}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":\"2\"}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":4294967298}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":5,\"scale\":19}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":5,\"scale\":-1}]}", column},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[{\"rule\":0,\"columns\":\"a\"}]}",
         "match: an unknown rule"},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[{\"rule\":4,\"columns\":\"a\"}]}",
         "match: an unknown rule"},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[null]}", "match: an unknown rule"},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[{\"rule\":1,\"columns\":[\"a\"]}]}",
         "match: a rule without columns"},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":{}}",
         "match: there is no rule by which a record finds its row"},
        {"{\"table\":\"t\",\"columns\":[{\"name\":\"a\",\"type\":2}]}",
         "match: there is no rule by which a record finds its row"},
        {"{\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[{\"rule\":1,\"columns\":\"a\"}]}",
         "the plugin's HELLO names no table"},
        {"{\"table\":7,\"columns\":[{\"name\":\"a\",\"type\":2}],\"matches\":[{\"rule\":1,\"columns\":\"a\"}]}",
         "the plugin's HELLO names no table"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct plan p;
        struct err err = {0};
        json_t *stream = json_of(cases[i].hello);
        if (make(stream, "{}", &p, &err) >= 0)
            fail_msg("%s", cases[i].hello);
        if (strcmp(err.msg, cases[i].why) != 0)
            fail_msg("%s: %s", cases[i].hello, err.msg);
        json_decref(stream);
    }
}

/* ---- Every part of a good HELLO, spoiled ---- */

/* Replace the value number *at below `j`, counted in the order of a walk, by `by`. True once it was done. */
static bool replace(json_t *j, int *at, json_t *by)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_object(j)) {
        json_object_foreach(j, key, value)
        {
            if ((*at)-- == 0)
                return json_object_set(j, key, by) == 0;
            if (replace(value, at, by))
                return true;
        }
    }
    json_array_foreach(j, i, value)
    {
        if ((*at)-- == 0)
            return json_array_set(j, i, by) == 0;
        if (replace(value, at, by))
            return true;
    }
    return false;
}

static void check_plan(const struct plan *p)
{
    const struct table *t = &p->table;

    assert_true(*t->name && t->column_count && t->rule_count);
    assert_true(t->scope == TABLE_NONE || t->scope < t->column_count);
    for (size_t i = 0; i < t->column_count; i++) {
        const struct table_column *c = &t->columns[i];
        assert_true(c->name && *c->source && c->type >= SLUICE_INT && c->type <= SLUICE_INTS && c->scale <= 18);
    }
    for (size_t i = 0; i < t->rule_count; i++) {
        assert_in_range(t->rules[i].column_count, 1, TABLE_KEY_MAX);
        for (size_t k = 0; k < t->rules[i].column_count; k++)
            assert_true(t->rules[i].columns[k] < t->column_count);
    }
}

static void any_spoiled_part_is_refused_or_harmless(void **state)
{
    static const char *const spoils[] = {"null", "true", "-1", "0", "4", "9223372036854775807", "1.5", "\"\"", "\" \"",
                                         "\"tax\"", "\"a b c d e f g h i j\"", "[]", "{}", "[null]", "[[]]",
                                         "{\"name\":1}", "[{\"rule\":1}]"};
    int refused = 0, taken = 0;
    (void)state;

    for (size_t s = 0; s < LEN(spoils); s++) {
        json_t *by = json_of(spoils[s]);
        for (int at = 0;; at++) {
            json_t *stream = json_of(hello);
            int left = at;
            bool done = replace(stream, &left, by);
            for (int as_job = 0; done && as_job < 2; as_job++) {
                struct plan p;
                struct err err = {0};
                json_t *good = json_of(hello);
                int rc = as_job ? plan_make(good, stream, &p, &err) : make(stream, "{}", &p, &err);
                json_decref(good);
                if (rc) {
                    assert_true(rc == SLUICE_E_BUG || rc == SLUICE_E_CONFIG);
                    assert_true(*err.msg != '\0');
                    refused++;
                    continue;
                }
                check_plan(&p);
                plan_free(&p);
                taken++;
            }
            json_decref(stream);
            if (!done)
                break;
        }
        json_decref(by);
    }
    assert_true(refused > 200 && taken > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_becomes_a_table),
        cmocka_unit_test(the_job_changes_names_and_rules),
        cmocka_unit_test(a_job_that_asks_for_what_is_not_there_is_told),
        cmocka_unit_test(a_hello_that_is_none_is_refused),
        cmocka_unit_test(any_spoiled_part_is_refused_or_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
