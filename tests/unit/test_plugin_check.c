/* What a connector's tables may say: each case spoils one row of a good connector and names what must be said of it. */
#include "plugin_check.h"
#include "sluice/sluice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- A good connector, to be spoilt in a copy ---- */

static int32_t run_it(sluice_run *run)
{
    return run->host->status(run);
}

static int32_t map_it(sluice_run *run, sluice_str record)
{
    return (run->host->skip)(run, (sluice_str){0}, record); /* cmocka has a macro skip() */
}

static const sluice_option good_options[] = {
    {"url", SLUICE_TEXT, SLUICE_REQUIRED, .help = "where"},
    {"key", SLUICE_TEXT, SLUICE_SECRET, .help = "secret"},
    {"zone", SLUICE_ZONE, .preset = "Europe/Athens"},
    {"shops", SLUICE_GROUP, SLUICE_LIST | SLUICE_REQUIRED, .help = "which"},
    {"shops.id", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_UNIQUE, .help = "names it"},
    {"shops.tenant", SLUICE_TEXT, SLUICE_REQUIRED, .help = "whose"},
    {"spoilt", SLUICE_TEXT, .help = "cases replace this one"},
};

static const sluice_column good_columns[] = {
    {"code", SLUICE_TEXT, SLUICE_REQUIRED, .path = "id"},
    {"tenant", SLUICE_TEXT, .value = "${shops.tenant}"},
    {"gone_at", SLUICE_TIME, .help = "noted by the host"},
    {"parts", SLUICE_INTS, SLUICE_NARROW | SLUICE_SET | SLUICE_QUIET, .path = "parts[].id"},
    {"spoilt", SLUICE_TEXT, .help = "cases replace this one"},
};

static const sluice_column untenanted[] = {{"code", SLUICE_TEXT, .help = "set by run"}};

static const sluice_match good_matches[] = {
    {SLUICE_IDENTITY, .columns = "code"},
    {SLUICE_ADOPT, .columns = "spoilt", .never = "0"},
};

static const sluice_match two_columns[] = {{SLUICE_IDENTITY, .columns = "code spoilt"}};

#define GOOD_STREAM                                                                                                    \
    .table = "things", SLUICE_COLUMNS(good_columns), .matches = good_matches, .match_count = LEN(good_matches),        \
    .match_stride = sizeof(sluice_match), .run = run_it, .map = map_it

static const sluice_stream good_streams[] = {
    {"things", GOOD_STREAM, .scope = "tenant", .partition = "shops", .zone = "zone", .gone = "gone_at",
     .flags = SLUICE_INCREMENTAL},
    {"plain", .table = "shop.plain", SLUICE_COLUMNS(good_columns), .matches = good_matches,
     .match_count = LEN(good_matches), .match_stride = sizeof(sluice_match), .partition = "shops", .run = run_it,
     .map = map_it, .needs = "things"},
};

static const sluice_route good_routes[] = {
    {"POST", "/api/things/sync", SLUICE_ROUTE_RUN, .stream = "things", .full_key = "fullSync", .under = "data",
     .keys = "success tenant=shops.tenant nested.made=created stats.gone_at=stats.gone error"},
    {"POST GET", "/api/things/sync/:id", SLUICE_ROUTE_RUN, .stream = "things"},
    {"GET", "/api/things/shops", SLUICE_ROUTE_PARTITIONS, .stream = "things", .keys = "id=shops.id"},
    {"GET", "/spoilt", SLUICE_ROUTE_STATUS, .stream = "things"},
};

struct tables {
    sluice_connector connector;
    sluice_option options[LEN(good_options)];
    sluice_column columns[LEN(good_columns)];
    sluice_match matches[LEN(good_matches)];
    sluice_stream streams[LEN(good_streams)];
    sluice_route routes[LEN(good_routes)];
};

/* Only the first stream gets the columns and matches that a case may spoil. */
static void set_up(struct tables *t)
{
    memcpy(t->options, good_options, sizeof good_options);
    memcpy(t->columns, good_columns, sizeof good_columns);
    memcpy(t->matches, good_matches, sizeof good_matches);
    memcpy(t->streams, good_streams, sizeof good_streams);
    memcpy(t->routes, good_routes, sizeof good_routes);
    t->streams[0].columns = t->columns;
    t->streams[0].matches = t->matches;
    t->connector = (sluice_connector){.struct_size = sizeof t->connector,
                                      .name = "shop",
                                      .version = "1",
                                      SLUICE_OPTIONS(t->options),
                                      SLUICE_STREAMS(t->streams),
                                      SLUICE_ROUTES(t->routes)};
}

/* `why` is a part of the message; NULL: the tables are good. */
static void assert_verdict(const struct tables *t, const char *why)
{
    struct err err = {0};
    int rc = plugin_check(&t->connector, &err);

    if (!why) {
        assert_string_equal(err.msg, "");
        assert_int_equal(rc, SLUICE_OK);
        return;
    }
    if (!strstr(err.msg, why))
        fail_msg("\"%s\" is not in \"%s\"", why, err.msg);
    assert_int_equal(rc, SLUICE_E_BUG);
}

/* ---- The cases ---- */

static void settings_are_checked(void **state)
{
    (void)state;
    static const struct {
        sluice_option row;
        const char *why;
    } cases[] = {
        {{"size", SLUICE_INT, 0, "10", .choices = "10 20"}, NULL},
        {{"hosts", SLUICE_TEXT, .flags = SLUICE_LIST | SLUICE_UNIQUE}, NULL},
        {{"wait", SLUICE_DURATION, 0, .preset = "30s"}, NULL},
        {{NULL, .type = SLUICE_TEXT}, "option 7 has no name"},
        {{"", .type = SLUICE_TEXT}, "option 7 has no name"},
        {{"two words", .type = SLUICE_TEXT}, "option \"two words\": a name is"},
        {{"9lives", .type = SLUICE_TEXT}, "option \"9lives\": a name is"},
        {{"url", .type = SLUICE_TEXT}, "option url: is there twice"},
        {{"x", .type = SLUICE_TIME}, "option x: 6 is no type of a setting"},
        {{"x", .type = 0}, "option x: 0 is no type"},
        {{"x", SLUICE_TEXT, .flags = 0x800}, "option x: flags 0x800 are not those of a setting"},
        {{"x", SLUICE_TEXT, .flags = SLUICE_UNIQUE}, "option x: is unique but in no list"},
        {{"url.part", .type = SLUICE_TEXT}, "option url.part: does not follow a group \"url\""},
        {{"other.part", .type = SLUICE_TEXT}, "option other.part: does not follow a group \"other\""},
        {{"x", .type = SLUICE_GROUP}, "option x: is not followed by a field"},
        {{"x", SLUICE_INT, 0, .preset = "many"}, "option x: preset \"many\" is not an integer"},
        {{"x", SLUICE_BOOL, 0, .preset = "yes"}, "option x: preset \"yes\" is neither true nor false"},
        {{"x", SLUICE_TEXT, 0, "c", .choices = "a b"}, "option x: preset \"c\" is not one of its choices \"a b\""},
        {{"x", SLUICE_TEXT, SLUICE_REQUIRED, .preset = "c"},
         "option x: is required, so its preset \"c\" is never used"},
        {{"x", SLUICE_TEXT, .help = "\xC1\xF9"}, "option x: help is not UTF-8"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct tables t;
        set_up(&t);
        t.options[LEN(good_options) - 1] = cases[i].row;
        assert_verdict(&t, cases[i].why);
    }
}

static void fields_stand_behind_their_group(void **state)
{
    (void)state;
    struct tables t;
    sluice_option field;

    set_up(&t);
    field = t.options[5];
    t.options[5] = t.options[6];
    t.options[6] = field;
    assert_verdict(&t, "option shops.tenant: does not follow a group \"shops\"");
}

static void columns_are_checked(void **state)
{
    (void)state;
    static const struct {
        sluice_column row;
        const char *why;
    } cases[] = {
        {{"spoilt", SLUICE_DECIMAL, .path = "a.b|c[].d", .scale = 18}, NULL},
        {{"spoilt", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, .preset = "at ${url} in ${shops.id}"}, NULL},
        {{NULL, .type = SLUICE_TEXT}, "stream things: column 5 has no name"},
        {{"two words", .type = SLUICE_TEXT}, "column \"two words\": a name is"},
        {{"CODE", .type = SLUICE_TEXT}, "column CODE: is there twice"},
        {{"created_at", .type = SLUICE_TIME}, "column created_at: the name belongs to a column that the host adds"},
        {{"Last_Sync_At", .type = SLUICE_TIME}, "the name belongs to a column that the host adds"},
        {{"id", .type = SLUICE_INT}, "column id: the host adds an \"id\""},
        {{"spoilt", .type = SLUICE_NULL}, "column spoilt: 1 is no type of a column"},
        {{"spoilt", .type = SLUICE_ZONE}, "column spoilt: 33 is no type of a column"},
        {{"spoilt", SLUICE_TEXT, .flags = SLUICE_SECRET}, "column spoilt: flags 0x2 are not those of a column"},
        {{"spoilt", SLUICE_INT, .flags = SLUICE_TRIM}, "only a text can be trimmed"},
        {{"spoilt", SLUICE_TEXT, .flags = SLUICE_NARROW}, "only integers can be narrow"},
        {{"spoilt", SLUICE_INTS, .flags = SLUICE_INDEX}, "a list cannot have an index"},
        {{"spoilt", SLUICE_INT, .flags = SLUICE_QUIET | SLUICE_KEY}, "a key cannot be quiet"},
        {{"spoilt", SLUICE_INT, .flags = SLUICE_SET}, "only a list can be a set"},
        {{"spoilt", SLUICE_DECIMAL, .scale = 19}, "a scale of 19; at most 18 digits"},
        {{"spoilt", SLUICE_INT, .scale = 2}, "only a decimal has a scale"},
        {{"spoilt", SLUICE_TEXT, .reserved = 1}, "its reserved field is not zero"},
        {{"spoilt", SLUICE_TEXT, .path = "a", .value = "b"}, "has a path and a value"},
        {{"spoilt", SLUICE_TEXT, .path = ""}, "\"\" is no path"},
        {{"spoilt", SLUICE_TEXT, .path = "a..b"}, "\"a..b\" is no path"},
        {{"spoilt", SLUICE_TEXT, .value = "${nothing}"}, "value \"${nothing}\": there is no setting \"nothing\""},
        {{"spoilt", SLUICE_TEXT, .preset = "${url"}, "preset \"${url\": a \"${\" without its \"}\""},
        {{"spoilt", SLUICE_TEXT, .value = "${key}"}, "value \"${key}\": setting \"key\" is a secret"},
        {{"spoilt", SLUICE_TEXT, .value = "${shops}"}, "setting \"shops\" is a group or a list"},
        {{"spoilt", SLUICE_TEXT, .empty = "\xFF"}, "column spoilt: empty is not UTF-8"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct tables t;
        set_up(&t);
        t.columns[LEN(good_columns) - 1] = cases[i].row;
        assert_verdict(&t, cases[i].why);
    }
}

static void match_rules_are_checked(void **state)
{
    (void)state;
    static const struct {
        sluice_match row;
        const char *why;
    } cases[] = {
        {{SLUICE_REBIND, .columns = " code  spoilt "}, NULL},
        {{4, .columns = "code"}, "stream things: match 2: 4 is no rule"},
        {{SLUICE_IDENTITY, .columns = "code"}, "match 2: the first rule is the identity"},
        {{SLUICE_ADOPT, 1, .columns = "code"}, "match 2: its flags are not zero"},
        {{SLUICE_ADOPT, .columns = NULL}, "match 2: names no column"},
        {{SLUICE_ADOPT, .columns = "code,spoilt"}, "match 2: there is no column \"code,spoilt\""},
        {{SLUICE_ADOPT, .columns = "Code"}, "match 2: there is no column \"Code\""},
        {{SLUICE_ADOPT, .columns = "code code"}, "match 2: column code is there twice"},
        {{SLUICE_ADOPT, .columns = "parts"}, "match 2: column parts is a list"},
        {{SLUICE_ADOPT, .columns = "code spoilt", .never = "0"}, "match 2: has dummy values for more than one column"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct tables t;
        set_up(&t);
        t.matches[1] = cases[i].row;
        assert_verdict(&t, cases[i].why);
    }
}

static void a_rule_has_at_most_eight_columns(void **state)
{
    (void)state;
    sluice_column columns[9];
    char names[9][2];
    struct tables t;

    set_up(&t);
    for (size_t i = 0; i < LEN(columns); i++) {
        names[i][0] = (char)('a' + i);
        names[i][1] = '\0';
        columns[i] = (sluice_column){names[i], SLUICE_TEXT, .help = "one of many"};
    }
    t.streams[0] = (sluice_stream){"things",
                                   .table = "things",
                                   SLUICE_COLUMNS(columns),
                                   .matches = t.matches,
                                   .match_count = 1,
                                   .match_stride = sizeof(sluice_match),
                                   .partition = "shops",
                                   .run = run_it};
    t.matches[0].columns = "a b c d e f g h";
    assert_verdict(&t, NULL);
    t.matches[0].columns = "a b c d e f g h i";
    assert_verdict(&t, "match 1: more than 8 columns");
}

static void streams_are_checked(void **state)
{
    (void)state;
    static const struct {
        sluice_stream row;
        const char *why;
    } cases[] = {
        {{"other", GOOD_STREAM, .partition = "shops"}, NULL},
        {{NULL, GOOD_STREAM}, "stream 2 has no name"},
        {{"a.b", GOOD_STREAM}, "stream \"a.b\": a name is"},
        {{"things", GOOD_STREAM}, "stream things is there twice"},
        {{"x", GOOD_STREAM}, "setting \"shops.tenant\" is one of a list; only the stream's partition has one value"},
        {{"x", .table = "x", .run = run_it}, "stream x: has no columns"},
        {{"x", .table = "x", SLUICE_COLUMNS(good_columns), .partition = "shops", .run = run_it},
         "stream x: column code: has a path, but the stream has no map function"},
        {{"x", .table = "x", SLUICE_COLUMNS(good_columns), .partition = "shops", .run = run_it, .map = map_it},
         "stream x: has no match rules"},
        {{"x", .table = "x", SLUICE_COLUMNS(good_columns), .map = map_it}, "stream x: has no run function"},
        {{"x", .run = run_it}, "stream x: table \"\""},
        {{"x", .table = "a b", .run = run_it}, "stream x: table \"a b\""},
        {{"x", .table = "sluice_runs", .run = run_it}, "stream x: table \"sluice_runs\""},
        {{"x", GOOD_STREAM, .flags = 64}, "stream x: flags 0x40 are not those of a stream"},
        {{"x", GOOD_STREAM, .reserved = 1}, "stream x: its reserved field is not zero"},
        {{"x", GOOD_STREAM, .partition = "shops", .scope = "no"}, "stream x: scope: there is no column \"no\""},
        {{"x", GOOD_STREAM, .partition = "shops", .gone = "no"}, "stream x: gone: there is no column \"no\""},
        {{"x", GOOD_STREAM, .partition = "shops", .gone = "code"}, "gone: column code must be a time"},
        {{"x", GOOD_STREAM, .partition = "shops", .gone = "gone_at"},
         "gone: partitions of one table need a scope whose column has a value, so that none calls another's rows gone"},
        {{"x", .table = "things", SLUICE_COLUMNS(good_columns), .matches = two_columns, .match_count = 1,
          .match_stride = sizeof(sluice_match), .run = run_it, .map = map_it, .partition = "shops", .scope = "tenant",
          .gone = "gone_at"},
         "gone: the identity must be one column, an integer or a text"},
        {{"x", GOOD_STREAM, .partition = "shops", .zone = "url"}, "zone: there is no setting \"url\" that is a time"},
        {{"x", .table = "x", SLUICE_COLUMNS(untenanted), .matches = good_matches, .match_count = 1,
          .match_stride = sizeof(sluice_match), .run = run_it, .partition = "url"},
         "partition: there is no setting \"url\" that is a list of groups"},
        {{"x", GOOD_STREAM, .partition = "shops", .needs = "things nope"}, "needs: there is no stream \"nope\""},
        {{"x", GOOD_STREAM, .partition = "shops", .needs = "x"}, "needs: a stream cannot need itself"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct tables t;
        set_up(&t);
        t.streams[1] = cases[i].row;
        assert_verdict(&t, cases[i].why);
    }
}

static void partitions_need_an_id(void **state)
{
    (void)state;
    struct tables t;

    set_up(&t);
    t.options[4].flags = SLUICE_REQUIRED;
    assert_verdict(&t, "stream things: partition: it needs a setting \"shops.id\", a required and unique text");
}

static void streams_cannot_need_each_other(void **state)
{
    (void)state;
    struct tables t;

    set_up(&t);
    t.streams[0].needs = "plain";
    assert_verdict(&t, "stream things: what it needs (\"plain\") needs it in turn");
}

static void a_key_column_makes_room_for_an_id(void **state)
{
    (void)state;
    struct tables t;

    set_up(&t);
    t.columns[4] = (sluice_column){"id", SLUICE_INT, SLUICE_KEY, .path = "nr"};
    t.matches[1].columns = "id";
    assert_verdict(&t, NULL);
}

static void routes_are_checked(void **state)
{
    (void)state;
    static const struct {
        sluice_route row;
        const char *why;
    } cases[] = {
        {{"GET", "/x/y-z/v1.0", SLUICE_ROUTE_STATUS, .stream = "things", .keys = "a=shops.id b=url"}, NULL},
        {{"GET", "/api/things/sync", SLUICE_ROUTE_STATUS, .stream = "things"}, NULL},
        {{"GET", NULL, SLUICE_ROUTE_RUN, .stream = "things"}, "route 4 has no path"},
        {{"GET", "x", SLUICE_ROUTE_RUN, .stream = "things"}, "route 4 has no path that begins with"},
        {{"GET", "/", SLUICE_ROUTE_RUN, .stream = "things"}, "route /: is a path of the host's own"},
        {{"GET", "/api/v1/jobs", SLUICE_ROUTE_RUN, .stream = "things"}, "is a path of the host's own"},
        {{"GET", "/a//b", SLUICE_ROUTE_RUN, .stream = "things"}, "route /a//b: a path is"},
        {{"GET", "/a/../b", SLUICE_ROUTE_RUN, .stream = "things"}, "a path is"},
        {{"GET", "/a?b", SLUICE_ROUTE_RUN, .stream = "things"}, "a path is"},
        {{"GET", "/:name", SLUICE_ROUTE_RUN, .stream = "things"}, "a path is"},
        {{"GET", "/:id/:id", SLUICE_ROUTE_RUN, .stream = "things"}, "has more than one \":id\""},
        {{"POST", "/api/things/sync", SLUICE_ROUTE_RUN, .stream = "things"}, "POST of this path is there twice"},
        {{"GOT", "/x", SLUICE_ROUTE_RUN, .stream = "things"}, "route /x: \"GOT\" is no method"},
        {{NULL, "/x", SLUICE_ROUTE_RUN, .stream = "things"}, "route /x: has no methods"},
        {{"GET", "/x", 9, .stream = "things"}, "route /x: 9 is no action"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, 1, .stream = "things"}, "route /x: its flags are not zero"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .stream = "nope"}, "route /x: there is no stream \"nope\""},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .full_key = NULL}, "route /x: there is no stream \"\""},
        {{"GET", "/x", SLUICE_ROUTE_STATUS, .stream = "things", .full_key = "f"}, "only a route that runs a stream"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .stream = "things", .keys = "made"}, "keys: \"made\" is neither in a run's"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .stream = "things", .keys = "a=key"}, "keys: setting \"key\" is a secret"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .stream = "things", .keys = "a=shops"}, "keys: setting \"shops\" is a group"},
        {{"GET", "/x", SLUICE_ROUTE_RUN, .stream = "things", .keys = "=url"}, "keys: \"\" is no name"},
        {{"GET", "/x", SLUICE_ROUTE_PARTITIONS, .stream = "things", .keys = "created"},
         "keys: \"created\" is neither in a run's"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct tables t;
        set_up(&t);
        t.routes[LEN(good_routes) - 1] = cases[i].row;
        assert_verdict(&t, cases[i].why);
    }
}

static void partitions_in_routes_need_a_partitioned_stream(void **state)
{
    (void)state;
    struct tables t;

    set_up(&t);
    t.streams[1].partition = NULL;
    t.streams[1].columns = untenanted;
    t.streams[1].column_count = 1;
    t.streams[1].match_count = 1;
    t.routes[3] = (sluice_route){"GET", "/x/:id", SLUICE_ROUTE_RUN, .stream = "plain"};
    assert_verdict(&t, "route /x/:id: has \":id\", but stream plain has no partitions");
    t.routes[3] = (sluice_route){"GET", "/x", SLUICE_ROUTE_PARTITIONS, .stream = "plain"};
    assert_verdict(&t, "route /x: stream plain has no partitions to tell");
}

static void the_connector_itself_is_checked(void **state)
{
    (void)state;
    struct tables t;

    set_up(&t);
    assert_verdict(&t, NULL);
    t.connector.name = NULL;
    assert_verdict(&t, "the connector has no name");
    t.connector.name = "a b";
    assert_verdict(&t, "\"a b\" is no name of a connector");
    t.connector.name = "shop";
    t.connector.version = "";
    assert_verdict(&t, "version is missing");
    t.connector.version = "1";
    t.connector.stream_count = 0;
    assert_verdict(&t, "the connector has no streams");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connector_itself_is_checked),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(fields_stand_behind_their_group),
        cmocka_unit_test(columns_are_checked),
        cmocka_unit_test(a_key_column_makes_room_for_an_id),
        cmocka_unit_test(match_rules_are_checked),
        cmocka_unit_test(a_rule_has_at_most_eight_columns),
        cmocka_unit_test(streams_are_checked),
        cmocka_unit_test(partitions_need_an_id),
        cmocka_unit_test(streams_cannot_need_each_other),
        cmocka_unit_test(routes_are_checked),
        cmocka_unit_test(partitions_in_routes_need_a_partitioned_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
