/* A connector's settings and jobs held against its plugin's description. */
#include "buf.h"
#include "config.h"
#include "redact.h"
#include "sluice/abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A plugin with an option of every kind and three streams, as describe_file() would tell of it. */
static const char description_text[] =
    "{'options':["
    "{'name':'url','type':'text','required':true,'help':'where the source is'},"
    "{'name':'key','type':'text','required':true,'secret':true},"
    "{'name':'pages','type':'integer','preset':'10'},"
    "{'name':'strict','type':'boolean','preset':'false'},"
    "{'name':'wait','type':'duration','preset':'30s'},"
    "{'name':'zone','type':'zone','preset':'UTC'},"
    "{'name':'charset','type':'charset','preset':'utf-8'},"
    "{'name':'dates','type':'text','preset':'won','choices':'won all'},"
    "{'name':'note','type':'text'},"
    "{'name':'hosts','type':'text','list':true,'unique':true},"
    "{'name':'auth','type':'group'},"
    "{'name':'auth.user','type':'text','preset':'me'},"
    "{'name':'auth.pin','type':'integer','secret':true},"
    "{'name':'maps','type':'group','list':true},"
    "{'name':'maps.id','type':'text','required':true,'unique':true},"
    "{'name':'maps.tenant','type':'text'}],"
    "'streams':["
    "{'name':'orders','table':'erp_orders','scope':'tenant','gone':'gone_at','needs':'customers','columns':["
    "{'name':'code','flags':0},{'name':'vat','flags':0},{'name':'title','flags':0},"
    "{'name':'tenant','flags':0},{'name':'gone_at','flags':0}],"
    "'matches':[{'rule':1,'columns':'code'},{'rule':2,'columns':'vat'}]},"
    "{'name':'customers','table':'erp_customers','columns':[{'name':'id','flags':16},{'name':'name','flags':0}],"
    "'matches':[{'rule':1,'columns':'id'}]},"
    "{'name':'sales','table':'erp_sales','needs':'orders customers','columns':[{'name':'a','flags':0}],"
    "'matches':[{'rule':1,'columns':'a'}]}],"
    "'routes':[{'methods':'GET POST','path':'/api/sync/:id'},{'methods':'GET','path':'/api/all'}]}";

/* Settings that are in order. */
#define SETTINGS "settings = { url = \"u\"; key = \"k\"; };"

/* What orders and sales need. */
#define CUSTOMERS "{ stream = \"customers\"; }"

static char path[] = "/tmp/sluice-bind-XXXXXX";
static json_t *description;

static struct config *load(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    struct config *c = NULL;
    struct config_problems problems = {0};
    int rc = config_load(path, NULL, &c, &problems);
    if (rc)
        fail_msg("%d: %s", problems.list[0].line, problems.list[0].text);
    return c;
}

/* Problems as "line: text" lines. */
static char *as_text(struct config_problems *p)
{
    struct buf all = {0};
    for (size_t i = 0; i < p->count; i++) {
        assert_string_equal(p->list[i].file, path);
        buf_printf(&all, "%d: %s\n", p->list[i].line, p->list[i].text);
    }
    config_problems_free(p);
    return all.ptr ? all.ptr : strdup("");
}

static struct config *bind(const char *body, const char *want)
{
    char text[4096];
    snprintf(text, sizeof text, "connectors = ( { name = \"erp\"; plugin = \"p\"; %s } );\n", body);
    struct config *c = load(text);
    struct config_problems problems = {0};
    int rc = config_bind(c, 0, description, &problems);
    assert_int_equal(rc, problems.count > 0 ? SLUICE_E_CONFIG : SLUICE_OK);
    char *said = as_text(&problems);
    assert_string_equal(said, want);
    free(said);
    redact_forget();
    return c;
}

struct wrong {
    const char *body, *want;
};

static void check_wrong(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        config_free(bind(cases[i].body, cases[i].want));
}

/* ---- Settings ---- */

static void check_options(const char *body, const char *want)
{
    struct config *c = bind(body, "");
    char *got = json_dumps(c->connectors[0].options, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(got, want);
    free(got);
    config_free(c);
}

static void settings_become_options_of_their_types(void **state)
{
    (void)state;
    check_options(SETTINGS, "{\"charset\":\"utf-8\",\"dates\":\"won\",\"key\":\"k\",\"pages\":10,\"strict\":false,"
                            "\"url\":\"u\",\"wait\":30000000,\"zone\":\"UTC\"}");
    check_options(
        "settings = { url = 1000; key = \"k\"; pages = \"25\"; strict = \"yes\"; wait = \"2m\";\n"
        "zone = \"Europe/Athens\"; charset = \"windows-1253\"; dates = \"all\"; note = \"\";\n"
        "hosts = [ \"a\", \"b\" ]; auth = { pin = 12; };\n"
        "maps = ( { id = \"x\"; tenant = \"t\"; }, { id = 7; } ); };",
        "{\"auth\":{\"pin\":12,\"user\":\"me\"},\"charset\":\"windows-1253\",\"dates\":\"all\",\"hosts\":[\"a\","
        "\"b\"],\"key\":\"k\",\"maps\":[{\"id\":\"x\",\"tenant\":\"t\"},{\"id\":\"7\"}],\"note\":\"\","
        "\"pages\":25,\"strict\":true,\"url\":\"1000\",\"wait\":120000000,\"zone\":\"Europe/Athens\"}");
}

static void wrong_settings_are_named(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"", "1: erp: setting `url` is required: where the source is\n1: erp: setting `key` is required\n"},
        {"settings = { url = \"\"; key = \"${SLUICE_TEST_EMPTY}\"; };",
         "1: erp: setting `url` is required, and it is empty\n"
         "1: erp: setting `key` is required, and the value of ${SLUICE_TEST_EMPTY} is empty\n"},
        {"settings = { url = \"u\"; key = \"k\";\n notes = \"x\";\n ulr = 1; colour = 1; };",
         "2: erp: unknown setting `notes`: did you mean `note`?\n"
         "3: erp: unknown setting `ulr`: did you mean `url`?\n"
         "3: erp: unknown setting `colour`: there are url, key, pages, strict, wait, zone, charset, dates, note, "
         "hosts, "
         "auth, maps\n"},
        {"settings = { url = { }; key = [ \"k\" ]; };",
         "1: erp: setting `url` must be a text in double quotes, not a group\n"
         "1: erp: setting `key` must be a text in double quotes, not a list\n"},
        {"settings = { url = \"u\"; key = \"k\"; pages = \"ten\"; strict = \"?\"; wait = 30; };",
         "1: erp: setting `pages` must be a whole number, not the text \"ten\"\n"
         "1: erp: setting `strict` must be true or false, not the text \"?\"\n"
         "1: erp: setting `wait` must be a duration with a unit, such as \"30s\", not the number 30\n"},
        {"settings = { url = \"u\"; key = \"k\"; zone = \"Europe/Athen\"; charset = \"utf-88\"; dates = \"none\"; };",
         "1: erp: setting `zone` must be a time zone of this system such as \"Europe/Athens\", not the text "
         "\"Europe/Athen\"\n"
         "1: erp: setting `charset` must be a charset that iconv knows, such as \"windows-1253\", not the text "
         "\"utf-88\"\n"
         "1: erp: setting `dates` must be one of won, all, not the text \"none\"\n"},
        {"settings = { url = \"u\"; key = \"k\"; hosts = \"a\"; maps = { id = \"x\"; }; auth = ( ); };",
         "1: erp: setting `hosts` must be a list: [ …, … ], not the text \"a\"\n"
         "1: erp: setting `auth` must be a group: { … }, not a list\n"
         "1: erp: setting `maps` must be a list of groups: ( { … }, { … } ), not a group\n"},
        {"settings = { url = \"u\"; key = \"k\"; hosts = ( \"a\", { }, \"a\" ); };",
         "1: erp: setting `hosts[1]` must be a text in double quotes, not a group\n"
         "1: erp: setting `hosts[2]` is the same as that of entry 1\n"},
        {"settings = { url = \"u\"; key = \"k\"; maps = ( { id = \"x\"; },\n{ tenant = \"t\"; },\n{ id = \"x\"; ids = "
         "1; }, 5 "
         "); };",
         "2: erp: setting `maps[1].id` is required\n"
         "3: erp: unknown setting `maps[2].ids`: did you mean `id`?\n"
         "3: erp: setting `maps[3]` must be a group: { … }, not the number 5\n"
         "3: erp: setting `maps[2].id` is the same as that of entry 1\n"},
    };
    setenv("SLUICE_TEST_EMPTY", "", 1);
    check_wrong(cases, LEN(cases));
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"settings = { url = \"u\"; key = \"k\"; auth = { pin = \"hunter2\"; }; };",
         "1: erp: setting `auth.pin` must be a whole number, not the text that is there\n"},
        {"settings = { url = \"u\"; key = \"k\"; auth = { pin = \"${SLUICE_TEST_SECRET}\"; }; };",
         "1: erp: setting `auth.pin` must be a whole number, not the value of ${SLUICE_TEST_SECRET}\n"},
        {"settings = { url = \"u\"; key = \"k\"; pages = \"${SLUICE_TEST_SECRET}\"; };",
         "1: erp: setting `pages` must be a whole number, not the value of ${SLUICE_TEST_SECRET}\n"},
        {SETTINGS "jobs = ( { stream = \"${SLUICE_TEST_SECRET}\"; } );",
         "1: erp has no stream `${SLUICE_TEST_SECRET}`: there are orders, customers, sales\n"},
    };
    setenv("SLUICE_TEST_SECRET", "hunter2", 1);
    check_wrong(cases, LEN(cases));
}

static void secrets_are_registered_for_masking(void **state)
{
    (void)state;
    struct config *c = load("connectors = ( { name = \"erp\"; plugin = \"p\";\n"
                            "settings = { url = \"public\"; key = \"hunter2\"; auth = { pin = 4711; }; }; } );");
    struct config_problems problems = {0};
    assert_int_equal(config_bind(c, 0, description, &problems), 0);
    char text[] = "public hunter2 4711";
    redact(text, strlen(text));
    assert_string_equal(text, "public *** ***");
    redact_forget();
    config_free(c);
}

static void a_disabled_connector_may_lack_settings_but_not_misname_them(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"enabled = false;", ""},
        {"enabled = false; settings = { url = \"${SLUICE_TEST_NONE}\"; key = \"${SLUICE_TEST_NONE}\"; };", ""},
        {"enabled = false; settings = { urls = \"u\"; };", "1: erp: unknown setting `urls`: did you mean `url`?\n"},
        {"enabled = false; jobs = ( { stream = \"${SLUICE_TEST_NONE}\"; } );", ""},
    };
    check_wrong(cases, LEN(cases));
}

/* ---- Jobs ---- */

static void wrong_jobs_are_named(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {SETTINGS "jobs = (\n{ stream = \"order\"; } );", "2: erp has no stream `order`: did you mean `orders`?\n"},
        {SETTINGS "jobs = ( " CUSTOMERS
                  ", { stream = \"orders\"; }, { stream = \"sales\"; after = [ \"customer\",\n\"sales\" ]; } );",
         "1: `after`: erp has no stream `customer`: did you mean `customers`?\n"
         "2: `after`: `sales` cannot run before itself\n"},
        {SETTINGS "jobs = ( { stream = \"orders\"; },\n{ stream = \"sales\"; } );",
         "1: `orders` reads what `customers` has landed, and there is no job for that: add { stream = \"customers\"; "
         "}\n"
         "2: `sales` reads what `customers` has landed, and there is no job for that: add { stream = \"customers\"; "
         "}\n"},
        {"enabled = false; jobs = ( { stream = \"sales\"; } );", ""},
        {SETTINGS "jobs = ( { stream = \"customers\"; after = [ \"orders\" ]; } );",
         "1: `after` goes in a circle: `orders` waits for `customers`\n"},
        {SETTINGS "jobs = ( { stream = \"customers\"; after = [ \"orders\" ]; },\n"
                  "{ stream = \"orders\"; after = [ \"sales\" ]; },\n{ stream = \"sales\"; after = [ ]; } );",
         ""},
        {SETTINGS "jobs = ( " CUSTOMERS ", { stream = \"orders\"; columns = { titel = \"x\"; }; } );",
         "1: orders has no column `titel`: did you mean `title`?\n"},
        {SETTINGS "jobs = ( " CUSTOMERS
                  ", { stream = \"orders\";\ncolumns = { code = \"\";\nvat = \"\"; tenant = \"\"; gone_at = \"\"; }; } "
                  ");",
         "2: the column `code` finds rows and cannot be left out\n"
         "3: the column `vat` finds rows and cannot be left out\n"
         "3: the column `tenant` tells tenants apart and cannot be left out\n"
         "3: the column `gone_at` notes what is gone and cannot be left out\n"},
        {SETTINGS "jobs = ( { stream = \"customers\"; columns = { id = \"\"; }; } );",
         "1: the column `id` is the table's key and cannot be left out\n"},
        {SETTINGS "jobs = ( " CUSTOMERS ", { stream = \"orders\"; columns = { vat = \"\"; title = \"\"; };\n"
                  "match = ( { rule = \"identity\"; columns = \"code titel\"; } ); } );",
         "2: `match`: orders has no column `titel`: did you mean `title`?\n"},
        {SETTINGS "jobs = ( " CUSTOMERS
                  ", { stream = \"orders\"; columns = { code = \"title\"; vat = \"created_at\"; title = \"id\"; }; } "
                  ");",
         "1: `created_at` is a column that sluice fills itself\n"
         "1: `id` is a column that sluice fills itself\n"},
        {SETTINGS "jobs = ( " CUSTOMERS ", { stream = \"orders\"; columns = { code = \"Title\"; }; } );",
         "1: two columns would be called `Title`: `title` and `code`\n"},
        {SETTINGS "jobs = ( " CUSTOMERS ", { stream = \"orders\"; fields = ( { from = \"X\"; column = \"title\"; },\n"
                  "{ from = \"X\"; column = \"last_sync_at\"; }, { from = \"X\"; column = \"id\"; } ); } );",
         "1: `fields` cannot fill the column `title`: orders has it already\n"
         "2: `last_sync_at` is a column that sluice fills itself\n"
         "2: `id` is a column that sluice fills itself\n"},
        {SETTINGS "jobs = ( { stream = \"customers\"; fields = ( { from = \"X\"; column = \"id\"; } ); } );",
         "1: `fields` cannot fill the column `id`: customers has it already\n"},
    };
    check_wrong(cases, LEN(cases));
}

static void good_jobs_get_their_table(void **state)
{
    (void)state;
    struct config *c = bind(
        SETTINGS "jobs = ( { stream = \"orders\"; columns = { title = \"\"; code = \"erp_code\"; };\n"
                 "  fields = ( { from = \"E\"; column = \"title\"; }, { from = \"M\"; column = \"mail\"; } );\n"
                 "  match = ( { rule = \"identity\"; columns = \"code\"; }, { rule = \"adopt\"; columns = \"mail\"; } "
                 "); },\n"
                 "{ stream = \"customers\"; table = \"mine\"; columns = { id = \"customer_id\"; }; },\n"
                 "{ stream = \"sales\"; after = [ \"customers\", \"orders\" ]; } );",
        "");
    assert_string_equal(config_find_job(c, "erp.orders")->table, "erp_orders");
    assert_string_equal(config_find_job(c, "erp.customers")->table, "mine");
    assert_string_equal(config_find_job(c, "erp.sales")->table, "erp_sales");
    config_free(c);
}

/* ---- Routes ---- */

static void check_routes(const char *second, const char *want)
{
    char text[512];
    snprintf(text, sizeof text,
             "connectors = ( { name = \"a\"; plugin = \"p\"; },\n{ name = \"b\"; plugin = \"p\"; %s },\n"
             "{ name = \"c\"; plugin = \"q\"; } );",
             second);
    struct config *c = load(text);
    json_t *other = json_pack("{s:[{s:s,s:s},{s:s,s:s}]}", "routes", "methods", "POST", "path", "/api/sync/:name",
                              "methods", "PUT", "path", "/api/all");
    const json_t *descriptions[] = {description, other, NULL};
    struct config_problems problems = {0};
    int rc = config_check_routes(c, descriptions, &problems);
    assert_int_equal(rc, problems.count > 0 ? SLUICE_E_CONFIG : SLUICE_OK);
    char *said = as_text(&problems);
    assert_string_equal(said, want);
    free(said);
    json_decref(other);
    config_free(c);
}

static void a_path_belongs_to_one_enabled_connector(void **state)
{
    (void)state;
    check_routes("", "2: `a` and `b` both serve POST /api/sync/:name: write routes = false; in one of them\n");
    check_routes("routes = false;", "");
    check_routes("enabled = false;", "");
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    char *json = strdup(description_text);
    for (char *c = json; c && *c; c++)
        if (*c == '\'')
            *c = '"';
    description = json_loads(json, 0, NULL);
    free(json);
    return description ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    json_decref(description);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_become_options_of_their_types),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(secrets_are_registered_for_masking),
        cmocka_unit_test(a_disabled_connector_may_lack_settings_but_not_misname_them),
        cmocka_unit_test(wrong_jobs_are_named),
        cmocka_unit_test(good_jobs_get_their_table),
        cmocka_unit_test(a_path_belongs_to_one_enabled_connector),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
