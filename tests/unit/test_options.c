/* A connector's settings as its plugin asks for them. */
#include "options.h"

#include "redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const sluice_option table[] = {
    {.name = "url", .type = SLUICE_TEXT},
    {.name = "limit", .type = SLUICE_INT},
    {.name = "strict", .type = SLUICE_BOOL},
    {.name = "unset", .type = SLUICE_TEXT},
    {.name = "hosts", .type = SLUICE_TEXT, .flags = SLUICE_LIST},
    {.name = "login", .type = SLUICE_GROUP},
    {.name = "login.user", .type = SLUICE_TEXT},
    {.name = "login.password", .type = SLUICE_TEXT, .flags = SLUICE_SECRET},
    {.name = "tenants", .type = SLUICE_GROUP, .flags = SLUICE_LIST},
    {.name = "tenants.id", .type = SLUICE_TEXT},
    {.name = "tenants.key", .type = SLUICE_TEXT, .flags = SLUICE_SECRET},
    {.name = "keys", .type = SLUICE_TEXT, .flags = SLUICE_LIST | SLUICE_SECRET},
};

static const char values[] =
    "{\"url\":\"https://erp.example\",\"limit\":100,\"strict\":true,\"hosts\":[\"a\",\"b\"],"
    "\"login\":{\"user\":\"me\",\"password\":\"swordfish\"},\"tenants\":[{\"id\":\"m1\",\"key\":\"first key\"},"
    "{\"id\":\"m2\",\"key\":\"second key\"},{\"id\":\"m3\"}],\"keys\":[\"opensesame\",\"shibboleth\"]}";

static struct options make_options(const char *partition, size_t index)
{
    json_t *json = json_loads(values, 0, NULL);

    assert_non_null(json);
    return (struct options){
        .values = json, .partition = partition, .partition_index = index, .table = table, .count = LEN(table)};
}

static void free_options(struct options *o)
{
    json_decref((json_t *)(uintptr_t)o->values);
}

/* The setting as text, with what it is in front of it. */
static void print_setting(const struct options *o, const char *name, char *out, size_t size)
{
    sluice_value v;
    struct err err = {0};

    if (options_get(o, name, &v, &err))
        snprintf(out, size, "%d", err.code);
    else if (v.type == SLUICE_TEXT)
        snprintf(out, size, "text %.*s", (int)v.as.s.len, v.as.s.ptr);
    else if (v.type == SLUICE_ABSENT)
        snprintf(out, size, "absent");
    else
        snprintf(out, size, "%s %lld", v.type == SLUICE_INT ? "integer" : "boolean", (long long)v.as.i);
}

static void a_setting_is_found_by_its_name(void **state)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"url", "text https://erp.example"},
        {"limit", "integer 100"},
        {"strict", "boolean 1"},
        {"unset", "absent"},
        {"hosts[0]", "text a"},
        {"hosts[1]", "text b"},
        {"hosts[2]", "absent"},
        {"hosts[]", "integer 2"},
        {"login.user", "text me"},
        {"tenants[0].id", "text m1"},
        {"tenants[2].id", "text m3"},
        {"tenants[2].key", "absent"},
        {"tenants[3].id", "absent"},
        {"tenants[99999999999999999999].id", "absent"},
        {"tenants[]", "integer 3"},
        {"keys[]", "integer 2"},
        {"limit[]", "integer 0"},
        {"unset[0]", "absent"},
        {"unset[]", "integer 0"},
        {"url[0]", "absent"},
    };
    struct options o = make_options(NULL, 0);
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        char have[64];
        print_setting(&o, cases[i].name, have, sizeof(have));
        if (strcmp(have, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, have);
    }
    free_options(&o);
}

static void a_setting_that_is_not_declared_is_the_plugin_s_mistake(void **state)
{
    static const char *const names[] = {"", "URL", "ur", "urls", "url.x", "login.name", "tenants.ids", "user", ".", "..",
                                        "[]", "[0]", "url.", ".url"};
    struct options o = make_options(NULL, 0);
    (void)state;

    for (size_t i = 0; i < LEN(names); i++) {
        sluice_value v;
        struct err err = {0};
        char want[128];
        if (options_get(&o, names[i], &v, &err) != SLUICE_E_BUG)
            fail_msg("\"%s\"", names[i]);
        snprintf(want, sizeof(want), "the plugin asks for a setting \"%s\" that it does not declare", names[i]);
        assert_string_equal(err.msg, want);
    }
    free_options(&o);
}

static void a_partition_sees_its_own_entry(void **state)
{
    static const struct {
        size_t index;
        const char *name, *want;
    } cases[] = {
        {0, "tenants.id", "text m1"}, {1, "tenants.id", "text m2"},    {1, "tenants.key", "text second key"},
        {2, "tenants.key", "absent"}, {7, "tenants.id", "absent"},     {1, "tenants[0].id", "text m1"},
        {1, "tenants[]", "integer 3"}, {1, "login.user", "text me"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct options o = make_options("tenants", cases[i].index);
        char have[64];
        print_setting(&o, cases[i].name, have, sizeof(have));
        if (strcmp(have, cases[i].want) != 0)
            fail_msg("%s of %zu: %s", cases[i].name, cases[i].index, have);
        free_options(&o);
    }
}

static void settings_fill_texts(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"no settings", "no settings"},
        {"${url}/a?limit=${limit}&x=${strict}", "https://erp.example/a?limit=100&x=true"},
        {"${tenants.id}", "m2"},
        {"${unset}|", "|"},
        {"${hosts[1]} ${hosts[]}", "b 2"},
        {"$url {url} $ {url} $${limit}", "$url {url} $ {url} $100"},
        {"${url", "${url"},
        {"${}", NULL},
        {"${nobody}", NULL},
        {"a}b", "a}b"},
    };
    struct options o = make_options("tenants", 1);
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf out = {0};
        struct err err = {0};
        int rc = options_fill(&o, cases[i].text, &out, &err);
        if (rc != (cases[i].want ? 0 : SLUICE_E_BUG))
            fail_msg("%s: %d", cases[i].text, rc);
        if (!rc)
            assert_string_equal(buf_text(&out), cases[i].want);
        buf_free(&out);
    }
    free_options(&o);
}

static void every_secret_is_masked_and_nothing_else(void **state)
{
    char text[] = "me swordfish first key second key opensesame shibboleth m1 https://erp.example";
    struct options o = make_options(NULL, 0);
    (void)state;

    assert_true(options_redact(&o));
    redact(text, strlen(text));
    assert_string_equal(text, "me *** *** *** *** *** m1 https://erp.example");
    redact_forget();
    free_options(&o);
}

static void settings_of_the_wrong_form_are_not_there(void **state)
{
    static const char *const forms[] = {
        "{}", "null", "[]", "{\"login\":1,\"tenants\":{},\"hosts\":\"a\",\"keys\":{\"a\":1},\"url\":{}}",
        "{\"login\":[],\"tenants\":[1,[],null],\"hosts\":[[1]],\"keys\":7,\"url\":[]}",
    };
    static const char *const names[] = {"url", "hosts[0]", "login.user", "tenants[0].id", "tenants.id", "keys[1]"};
    (void)state;

    for (size_t i = 0; i < LEN(forms); i++) {
        json_t *json = json_loads(forms[i], JSON_DECODE_ANY, NULL);
        struct options o = {.values = json, .partition = "tenants", .partition_index = 1, .table = table,
                            .count = LEN(table)};
        for (size_t k = 0; k < LEN(names); k++) {
            char have[64];
            print_setting(&o, names[k], have, sizeof(have));
            if (strcmp(have, "absent") != 0)
                fail_msg("%s in %s: %s", names[k], forms[i], have);
        }
        assert_true(options_redact(&o));
        json_decref(json);
    }
    redact_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_is_found_by_its_name),
        cmocka_unit_test(a_setting_that_is_not_declared_is_the_plugin_s_mistake),
        cmocka_unit_test(a_partition_sees_its_own_entry),
        cmocka_unit_test(settings_fill_texts),
        cmocka_unit_test(every_secret_is_masked_and_nothing_else),
        cmocka_unit_test(settings_of_the_wrong_form_are_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
