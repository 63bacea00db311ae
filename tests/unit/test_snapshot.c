/* A bound configuration as JSON and back: nothing is lost, nothing is believed, and secrets stay masked. */
#include "buf.h"
#include "config.h"
#include "redact.h"
#include "sluice/abi.h"
#include "snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A plugin as describe_file() would tell of it. */
static const char description_text[] =
    "{'options':["
    "{'name':'url','type':'text','required':true},"
    "{'name':'key','type':'text','required':true,'secret':true},"
    "{'name':'pages','type':'integer','preset':'10'},"
    "{'name':'strict','type':'boolean','preset':'false'},"
    "{'name':'hosts','type':'text','list':true},"
    "{'name':'auth','type':'group'},"
    "{'name':'auth.pin','type':'text','secret':true},"
    "{'name':'maps','type':'group','list':true},"
    "{'name':'maps.id','type':'text','required':true},"
    "{'name':'maps.tenant','type':'text'},"
    "{'name':'maps.token','type':'text','secret':true}],"
    "'streams':["
    "{'name':'orders','table':'erp_orders','partition':'maps','scope':'owner','needs':'customers','columns':["
    "{'name':'owner','flags':0,'value':'${maps.tenant}'},{'name':'code','flags':0},"
    "{'name':'vat','flags':0},{'name':'title','flags':0}],"
    "'matches':[{'rule':1,'columns':'code'}]},"
    "{'name':'returns','table':'erp_returns','columns':["
    "{'name':'code','flags':0},{'name':'vat','flags':0},{'name':'title','flags':0}],"
    "'matches':[{'rule':1,'columns':'code'}]},"
    "{'name':'customers','table':'erp_customers','columns':[{'name':'id','flags':16}],"
    "'matches':[{'rule':1,'columns':'id'}]}],"
    "'routes':[{'methods':'GET POST','path':'/api/sync/:id','action':1,'stream':'orders','full_key':'fullSync',"
    "'under':'data','message':null,'keys':null}]}";

/* A line that sets a key to something that is not its preset, and another that changes it. The configuration is these
 * lines, in this order, inside what opens and closes their groups. */
static const struct line {
    const char *path; /* of the key; "": it only opens or closes */
    const char *text, *other;
    bool job; /* what runs of the job do depends on it */
} lines[] = {
    {"store.url", "store = { url = \"postgresql://me:hunter2%21@db/sales\"; };",
     "store = { url = \"sqlite:/tmp/other.db\"; };", false},
    {"", "control = {", NULL, false},
    {"control.listen", "listen = \"127.0.0.1:9000\";", "listen = \"127.0.0.1:9001\";", false},
    {"control.socket", "socket = \"/run/x.sock\";", "socket = \"/run/y.sock\";", false},
    {"", "tokens = ( {", NULL, false},
    {"control.tokens[].name", "name = \"ops\";", "name = \"dev\";", false},
    {"control.tokens[].secret", "secret = \"opensesame\";", "secret = \"openwheat\";", false},
    {"control.tokens[].tenant", "tenant = \"t1\";", "tenant = \"t2\";", false},
    {"", "}, { name = \"none\"; secret = \"\"; } ); };", NULL, false},
    {"plugins", "plugins = \"/usr/lib\";", "plugins = \"/usr\";", false},
    {"", "limits = {", NULL, false},
    {"limits.max_runs", "max_runs = 7;", "max_runs = 8;", false},
    {"limits.memory", "memory = \"64MiB\";", "memory = \"1TiB\";", false},
    {"limits.deadline", "deadline = \"11m\";", "deadline = \"12m\";", false},
    {"", "}; history = {", NULL, false},
    {"history.runs", "runs = \"30d\";", "runs = \"31d\";", false},
    {"history.rejects", "rejects = \"40d\";", "rejects = \"41d\";", false},
    {"", "}; alerts = ( {", NULL, false},
    {"alerts[].on", "on = [ \"gap\", \"rejects\" ];", "on = [ \"gap\" ];", false},
    {"alerts[].after", "after = 3;", "after = 4;", false},
    {"alerts[].webhook", "webhook = \"https://hooks.example/verysecret\";", "webhook = \"https://hooks.example/x\";",
     false},
    {"alerts[].command", "command = \"/bin/tell\";", "command = \"/bin/shout\";", false},
    {"", "} ); connectors = ( {", NULL, false},
    {"connectors[].name", "name = \"erp\";", "name = \"crm\";", true},
    {"connectors[].plugin", "plugin = \"./p.so\";", "plugin = \"q\";", true},
    {"connectors[].enabled", "enabled = true;", "enabled = false;", true},
    {"connectors[].routes", "routes = true;", "routes = false;", false},
    {"connectors[].log", "log = \"debug\";", "log = \"info\";", false},
    {"connectors[].settings",
     "settings = { url = \"Ωmega\"; key = \"swordfish\"; pages = 12; strict = true; hosts = [ \"a\", \"b\" ];\n"
     "auth = { pin = \"47114711\"; }; maps = ( { id = \"x\"; token = \"maptoken\"; }, { id = \"y\"; } ); };",
     "settings = { url = \"u\"; key = \"shark\"; };", true},
    {"", "http = {", NULL, false},
    {"connectors[].http.timeout", "timeout = \"31s\";", "timeout = \"32s\";", true},
    {"connectors[].http.connect_timeout", "connect_timeout = \"11s\";", "connect_timeout = \"12s\";", true},
    {"connectors[].http.attempts", "attempts = 5;", "attempts = 6;", true},
    {"connectors[].http.parallel", "parallel = 2;", "parallel = 3;", true},
    {"connectors[].http.rate", "rate = \"none\";", "rate = \"80/min\";", true},
    {"connectors[].http.max_body", "max_body = \"5GiB\";", "max_body = \"6GiB\";", true},
    {"connectors[].http.proxy", "proxy = \"http://me:proxypass@proxy:1\";", "proxy = \"\";", true},
    {"connectors[].http.ca_file", "ca_file = \"/etc/passwd\";", "ca_file = \"/etc/group\";", true},
    {"connectors[].http.insecure", "insecure = true;", "insecure = false;", true},
    {"", "}; jobs = ( {", NULL, false},
    {"connectors[].jobs[].stream", "stream = \"orders\";", "stream = \"returns\";", true},
    {"connectors[].jobs[].name", "name = \"nightly\";", "name = \"daily\";", true},
    {"connectors[].jobs[].enabled", "enabled = true;", "enabled = false;", true},
    {"connectors[].jobs[].schedule", "schedule = \"*/5 * * * *\";", "schedule = \"*/6 * * * *\";", true},
    {"connectors[].jobs[].full_schedule", "full_schedule = \"0 3 * * 0\";", "full_schedule = \"\";", true},
    {"connectors[].jobs[].timezone", "timezone = \"Europe/Athens\";", "timezone = \"Europe/Berlin\";", true},
    {"connectors[].jobs[].on_start", "on_start = true;", "on_start = false;", true},
    {"connectors[].jobs[].jitter", "jitter = \"2s\";", "jitter = \"3s\";", true},
    {"connectors[].jobs[].catchup", "catchup = \"skip\";", "catchup = \"once\";", true},
    {"connectors[].jobs[].overlap", "overlap = \"queue\";", "overlap = \"skip\";", true},
    {"connectors[].jobs[].deadline", "deadline = \"5m\";", "deadline = \"6m\";", true},
    {"connectors[].jobs[].after", "after = [ \"customers\" ];", "after = [ ];", true},
    {"", "fields = ( {", NULL, false},
    {"connectors[].jobs[].fields[].from", "from = \"EMAIL\";", "from = \"MAIL\";", true},
    {"connectors[].jobs[].fields[].column", "column = \"email\";", "column = \"mail\";", true},
    {"connectors[].jobs[].fields[].type", "type = \"time\";", "type = \"boolean\";", true},
    {"", "}, { from = \"SUM\"; column = \"sum\"; type = \"decimal\";", NULL, false},
    {"connectors[].jobs[].fields[].scale", "scale = 4;", "scale = 5;", true},
    {"", "} );", NULL, false},
    {"connectors[].jobs[].table", "table = \"mine\";", "table = \"yours\";", true},
    {"connectors[].jobs[].columns", "columns = { title = \"name\"; vat = \"\"; };", "columns = { };", true},
    {"", "match = ( { rule = \"identity\"; columns = \"code\"; }, {", NULL, false},
    {"connectors[].jobs[].match[].rule", "rule = \"adopt\";", "rule = \"rebind\";", true},
    {"connectors[].jobs[].match[].columns", "columns = [ \"title\" ];", "columns = \"code\";", true},
    {"connectors[].jobs[].match[].never", "never = \"0 -\";", "never = \"0\";", true},
    {"", "} );", NULL, false},
    {"connectors[].jobs[].manage", "manage = \"check\";", "manage = \"create\";", true},
    {"connectors[].jobs[].on_gap", "on_gap = \"full\";", "on_gap = \"warn\";", true},
    {"connectors[].jobs[].gap_tolerance", "gap_tolerance = \"1m\";", "gap_tolerance = \"2m\";", true},
    {"connectors[].jobs[].hold", "hold = \"1h\";", "hold = \"2h\";", true},
    {"connectors[].jobs[].batch", "batch = 77;", "batch = 78;", true},
    {"", "}, { stream = \"customers\"; } ); }, { name = \"off\"; plugin = \"x\"; enabled = false; } );", NULL, false},
};

/* The key of which the other line is taken; NULL: none. */
#define NO_KEY NULL

static char path[] = "/tmp/sluice-snapshot-XXXXXX";
static json_t *description;

/* ---- Configurations ---- */

static struct config *load(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    struct config *c = NULL;
    struct config_problems problems = {0};
    int rc = config_load(path, NULL, &c, &problems);
    for (size_t i = 0; rc == 0 && i < c->connector_count; i++)
        if (c->connectors[i].enabled)
            rc = config_bind(c, i, description, &problems);
    if (rc)
        fail_msg("%d: %s", problems.list[0].line, problems.list[0].text);
    return c;
}

/* The configuration with every key set, but for one that is changed. `head` is written before it. */
static struct config *load_lines(const char *head, const char *changed)
{
    struct buf text = {0};
    buf_add_str(&text, head);
    for (size_t i = 0; i < LEN(lines); i++)
        buf_printf(&text, "%s\n", changed && strcmp(changed, lines[i].path) == 0 ? lines[i].other : lines[i].text);
    struct config *c = load(buf_text(&text));
    buf_free(&text);
    return c;
}

static json_t *must_snapshot(const struct config *c)
{
    json_t *json = config_snapshot(c);
    assert_non_null(json);
    return json;
}

static struct config *must_restore(const json_t *json)
{
    struct config *c = NULL;
    struct err err = {0};
    int rc = config_restore(json, &c, &err);
    if (rc)
        fail_msg("%s", err.msg);
    return c;
}

/* As it goes over a pipe. */
static struct config *over_a_pipe(const struct config *c)
{
    json_t *json = must_snapshot(c);
    char *text = json_dumps(json, JSON_COMPACT);
    json_t *parsed = json_loads(text, 0, NULL);
    assert_non_null(parsed);
    struct config *copy = must_restore(parsed);
    json_decref(parsed);
    json_decref(json);
    free(text);
    return copy;
}

/* ---- Nothing is lost ---- */

/* Keys that config_load() reads by itself: no member holds them. */
static bool is_early(const char *key)
{
    return strcmp(key, "env_file") == 0 || strcmp(key, "include") == 0;
}

static void find_line(void *context, const struct config_key *key)
{
    size_t *count = context;
    for (size_t i = 0; i < LEN(lines); i++)
        if (strcmp(lines[i].path, key->path) == 0) {
            (*count)++;
            return;
        }
    if (!is_early(key->path))
        fail_msg("%s has no line in this test: add one", key->path);
}

static void every_key_is_set_here(void **state)
{
    (void)state;
    size_t found = 0, wanted = 0;
    config_each_key(find_line, &found);
    for (size_t i = 0; i < LEN(lines); i++)
        wanted += lines[i].path[0] != '\0';
    assert_int_equal(found, wanted);
}

static void a_restored_configuration_gives_the_same_snapshot(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(lines); i++) {
        struct config *c = load_lines("", lines[i].path[0] ? lines[i].path : NO_KEY);
        struct config *copy = over_a_pipe(c);
        json_t *a = must_snapshot(c), *b = must_snapshot(copy);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        config_free(c);
        config_free(copy);
    }
}

/* Every key's change shows in the snapshot, so every key is in it. */
static void every_key_is_in_the_snapshot(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY);
    json_t *a = must_snapshot(c);
    for (size_t i = 0; i < LEN(lines); i++) {
        if (!lines[i].path[0])
            continue;
        struct config *changed = load_lines("", lines[i].path);
        json_t *b = must_snapshot(changed);
        if (json_equal(json_object_get(a, "keys"), json_object_get(b, "keys")))
            fail_msg("%s is not in the snapshot", lines[i].path);
        json_decref(b);
        config_free(changed);
    }
    json_decref(a);
    config_free(c);
}

static void check_job(const struct config_job *got, const struct config_job *want)
{
    assert_string_equal(got->name, want->name);
    assert_string_equal(got->stream, want->stream);
    assert_int_equal(got->enabled, want->enabled);
    assert_string_equal(got->schedule, want->schedule);
    assert_string_equal(got->full_schedule, want->full_schedule);
    assert_string_equal(got->timezone, want->timezone);
    assert_int_equal(got->on_start, want->on_start);
    assert_int_equal(got->jitter_us, want->jitter_us);
    assert_int_equal(got->catchup, want->catchup);
    assert_int_equal(got->overlap, want->overlap);
    assert_int_equal(got->deadline_us, want->deadline_us);
    assert_int_equal(got->after_set, want->after_set);
    assert_int_equal(got->after_count, want->after_count);
    for (size_t i = 0; i < want->after_count; i++)
        assert_string_equal(got->after[i], want->after[i]);
    assert_int_equal(got->field_count, want->field_count);
    for (size_t i = 0; i < want->field_count; i++) {
        assert_string_equal(got->fields[i].from, want->fields[i].from);
        assert_string_equal(got->fields[i].column, want->fields[i].column);
        assert_int_equal(got->fields[i].type, want->fields[i].type);
        assert_int_equal(got->fields[i].scale, want->fields[i].scale);
    }
    assert_int_equal(got->column_count, want->column_count);
    for (size_t i = 0; i < want->column_count; i++) {
        assert_string_equal(got->columns[i].from, want->columns[i].from);
        assert_string_equal(got->columns[i].to, want->columns[i].to);
    }
    assert_int_equal(got->match_count, want->match_count);
    for (size_t i = 0; i < want->match_count; i++) {
        assert_int_equal(got->match[i].rule, want->match[i].rule);
        assert_string_equal(got->match[i].columns, want->match[i].columns);
        assert_string_equal(got->match[i].never, want->match[i].never);
    }
    assert_string_equal(got->table, want->table);
    assert_string_equal(got->partition, want->partition);
    assert_string_equal(got->tenant, want->tenant);
    assert_int_equal(got->manage, want->manage);
    assert_int_equal(got->on_gap, want->on_gap);
    assert_int_equal(got->gap_tolerance_us, want->gap_tolerance_us);
    assert_int_equal(got->hold_us, want->hold_us);
    assert_int_equal(got->batch, want->batch);
    assert_string_equal(got->file, want->file);
    assert_int_equal(got->line, want->line);
    assert_null(got->node);
}

static void check_http(const struct config_http *got, const struct config_http *want)
{
    assert_int_equal(got->timeout_us, want->timeout_us);
    assert_int_equal(got->connect_timeout_us, want->connect_timeout_us);
    assert_int_equal(got->max_body, want->max_body);
    assert_int_equal(got->attempts, want->attempts);
    assert_int_equal(got->parallel, want->parallel);
    assert_int_equal(got->rate_per_min, want->rate_per_min);
    assert_int_equal(got->rate_set, want->rate_set);
    assert_int_equal(got->insecure, want->insecure);
    assert_string_equal(got->proxy, want->proxy);
    assert_string_equal(got->ca_file, want->ca_file);
}

static void check_connector(const struct config_connector *got, const struct config_connector *want)
{
    assert_string_equal(got->name, want->name);
    assert_string_equal(got->plugin, want->plugin);
    assert_int_equal(got->enabled, want->enabled);
    assert_int_equal(got->routes, want->routes);
    assert_string_equal(got->log, want->log);
    check_http(&got->http, &want->http);
    assert_true(got->options == want->options || json_equal(got->options, want->options));
    assert_true(got->served == want->served || json_equal(got->served, want->served));
    assert_string_equal(got->file, want->file);
    assert_int_equal(got->line, want->line);
    assert_null(got->settings);
    assert_int_equal(got->job_count, want->job_count);
    for (size_t i = 0; i < want->job_count; i++) {
        check_job(&got->jobs[i], &want->jobs[i]);
        assert_ptr_equal(got->jobs[i].connector, got);
    }
}

static void every_member_comes_back(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY), *copy = over_a_pipe(c);
    assert_string_equal(copy->path, path);
    assert_string_equal(copy->store_url, c->store_url);
    assert_string_equal(copy->plugins, "/usr/lib");
    assert_string_equal(copy->listen, "127.0.0.1:9000");
    assert_string_equal(copy->socket, "/run/x.sock");
    assert_int_equal(copy->token_count, 1);
    assert_string_equal(copy->tokens[0].name, "ops");
    assert_string_equal(copy->tokens[0].secret, "opensesame");
    assert_string_equal(copy->tokens[0].tenant, "t1");
    assert_int_equal(copy->max_runs, 7);
    assert_int_equal(copy->memory, 64 << 20);
    assert_int_equal(copy->deadline_us, c->deadline_us);
    assert_int_equal(copy->history_runs_us, c->history_runs_us);
    assert_int_equal(copy->history_rejects_us, c->history_rejects_us);
    assert_int_equal(copy->alert_count, 1);
    assert_int_equal(copy->alerts[0].on_count, 2);
    assert_string_equal(copy->alerts[0].on[1], "rejects");
    assert_int_equal(copy->alerts[0].after, 3);
    assert_string_equal(copy->alerts[0].webhook, "https://hooks.example/verysecret");
    assert_string_equal(copy->alerts[0].command, "/bin/tell");
    assert_int_equal(copy->connector_count, 2);
    for (size_t i = 0; i < 2; i++)
        check_connector(&copy->connectors[i], &c->connectors[i]);
    assert_ptr_equal(config_find_job(copy, "erp.nightly"), &copy->connectors[0].jobs[0]);
    config_free(c);
    config_free(copy);
}

static void a_partition_is_its_tenants(void **state)
{
    (void)state;
    struct config *c = load("connectors = ( { name = \"erp\"; plugin = \"p\"; settings = { url = \"u\"; key = \"k\";\n"
                            "maps = ( { id = \"a\"; tenant = \"t1\"; }, { id = \"b\"; tenant = \"t2\"; },\n"
                            "{ id = \"c\"; }, { id = \"d\"; tenant = \"t1\"; } ); };\n"
                            "jobs = ( { stream = \"orders\"; }, { stream = \"customers\"; } ); } );");
    struct config *copy = over_a_pipe(c);
    const struct config_job *orders = config_find_job(copy, "erp.orders");
    static const struct {
        const char *tenant, *want;
    } cases[] = {{"", "[\"a\",\"b\",\"c\",\"d\"]"}, {"t1", "[\"a\",\"d\"]"}, {"t2", "[\"b\"]"}, {"t3", "[]"}};
    for (size_t i = 0; i < LEN(cases); i++) {
        json_t *ids = config_tenant_partitions(orders, cases[i].tenant);
        char *text = json_dumps(ids, JSON_COMPACT);
        assert_string_equal(text, cases[i].want);
        free(text);
        json_decref(ids);
    }
    assert_true(config_is_tenants(orders, "a", "t1"));
    assert_true(config_is_tenants(orders, "c", ""));
    assert_false(config_is_tenants(orders, "a", "t2"));
    assert_false(config_is_tenants(orders, "c", "t1"));
    assert_false(config_is_tenants(orders, "x", ""));
    assert_false(config_is_tenants(config_find_job(copy, "erp.customers"), "a", "t1"));
    config_free(c);
    config_free(copy);
}

static void what_the_plugin_says_is_part_of_it(void **state)
{
    (void)state;
    struct config *c =
        load("connectors = ( { name = \"erp\"; plugin = \"p\"; settings = { url = \"u\"; key = \"k\"; };\n"
             "jobs = ( { stream = \"orders\"; }, { stream = \"customers\"; } ); },\n"
             "{ name = \"b\"; plugin = \"p\"; routes = false; settings = { url = \"u\"; key = \"k\"; };"
             "} );");
    struct config *copy = over_a_pipe(c);
    const struct config_job *orders = config_find_job(copy, "erp.orders");
    assert_string_equal(orders->table, "erp_orders");
    assert_string_equal(orders->partition, "maps");
    assert_string_equal(orders->tenant, "tenant");
    assert_false(orders->after_set);
    assert_int_equal(orders->after_count, 1);
    assert_string_equal(orders->after[0], "customers");
    assert_string_equal(config_find_job(copy, "erp.customers")->partition, "");
    assert_string_equal(config_find_job(copy, "erp.customers")->tenant, "");
    assert_int_equal(json_array_size(copy->connectors[0].served), 1);
    assert_true(json_equal(copy->connectors[0].served, json_object_get(description, "routes")));
    assert_null(copy->connectors[1].served);
    config_free(c);
    config_free(copy);
}

static void a_restored_configuration_outlives_its_snapshot(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY);
    json_t *json = must_snapshot(c);
    config_free(c);
    struct config *copy = must_restore(json);
    json_decref(json);
    assert_string_equal(json_string_value(json_object_get(copy->connectors[0].options, "url")), "Ωmega");
    assert_string_equal(copy->connectors[0].jobs[0].name, "erp.nightly");
    config_free(copy);
}

static void paths_need_not_be_utf8(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY);
    char odd[] = "/tmp/\xff\xfe.cfg";
    c->path = odd;
    struct config *copy = over_a_pipe(c);
    assert_string_equal(copy->path, odd);
    config_free(c);
    config_free(copy);
}

/* ---- Nothing is believed ---- */

/* Restore what may be no snapshot: it is one or an error, and the error says so. */
static int try_restore(const json_t *json)
{
    struct config *c = NULL;
    struct err err = {0};
    int rc = config_restore(json, &c, &err);
    if (rc) {
        assert_null(c);
        assert_int_equal(rc, SLUICE_E_BUG);
        assert_int_equal(err.code, SLUICE_E_BUG);
        assert_true(err.msg[0] != '\0');
        return 0;
    }
    json_t *again = must_snapshot(c);
    json_decref(again);
    config_free(c);
    return 1;
}

static size_t restored, refused;

static void try_one(const json_t *root)
{
    int good = try_restore(root);
    restored += good == 1;
    refused += good == 0;
}

static json_t *other_values(void)
{
    json_t *list = json_pack("[n, b, i, I, f, s, [], {}, [[]], [{}], s%]", 1, -1, (json_int_t)1 << 40, 0.5, "text",
                             "a\0b", (size_t)3);
    assert_non_null(list);
    return list;
}

/* Drop each member, and put values of other types in its place, at every depth. */
static void spoil(const json_t *root, json_t *json, const json_t *values)
{
    json_t *names = json_array(), *kid = NULL;
    const char *key = NULL;
    size_t i = 0;

    json_object_foreach (json, key, kid)
        json_array_append_new(names, json_string(key));
    for (i = 0; i < json_array_size(names); i++) {
        key = json_string_value(json_array_get(names, i));
        kid = json_incref(json_object_get(json, key));
        spoil(root, kid, values);
        for (size_t v = 0; v < json_array_size(values); v++) {
            json_object_set(json, key, json_array_get(values, v));
            try_one(root);
        }
        json_object_del(json, key);
        try_one(root);
        json_object_set_new(json, key, kid);
    }
    json_decref(names);
    for (i = 0; i < json_array_size(json); i++) {
        kid = json_incref(json_array_get(json, i));
        spoil(root, kid, values);
        for (size_t v = 0; v < json_array_size(values); v++) {
            json_array_set(json, i, json_array_get(values, v));
            try_one(root);
        }
        json_array_remove(json, i);
        try_one(root);
        json_array_insert_new(json, i, kid);
    }
}

static void what_is_no_snapshot_is_an_error(void **state)
{
    (void)state;
    json_t *values = other_values();
    for (size_t i = 0; i < json_array_size(values); i++)
        assert_int_equal(try_restore(json_array_get(values, i)), 0);
    assert_int_equal(try_restore(NULL), 0);
    json_decref(values);
}

static void a_spoilt_snapshot_is_an_error_or_another_one(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY);
    json_t *shared = must_snapshot(c), *json = json_deep_copy(shared), *values = other_values();
    redact_forget();
    restored = refused = 0;
    spoil(json, json, values);
    assert_true(json_equal(json, shared)); /* all was put back */
    assert_true(refused > 1000);
    assert_true(restored > 0);
    json_decref(values);
    json_decref(json);
    json_decref(shared);
    config_free(c);
}

static void a_member_that_is_missing_is_named(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY), *copy = NULL;
    json_t *json = must_snapshot(c);
    struct err err = {0};
    json_t *limits = json_object_get(json_object_get(json, "keys"), "limits");
    assert_int_equal(json_object_del(limits, "deadline"), 0);
    assert_int_equal(config_restore(json, &copy, &err), SLUICE_E_BUG);
    assert_string_equal(err.msg, "the snapshot of a configuration: `deadline` is missing or wrong");
    json_decref(json);
    config_free(c);
}

/* ---- Secrets ---- */

static void check_masked(bool masked)
{
    static const char *const secrets[] = {"hunter2%21", "hunter2!", "opensesame", "https://hooks.example/verysecret",
                                          "swordfish",  "47114711", "maptoken",   "proxypass"};
    for (size_t i = 0; i < LEN(secrets); i++) {
        char text[128];
        snprintf(text, sizeof text, "it is %s.", secrets[i]);
        text[redact(text, strlen(text))] = '\0';
        if (masked)
            assert_string_equal(text, "it is ***.");
        else
            assert_non_null(strstr(text, secrets[i]));
    }
    char open[] = "Ωmega and /bin/tell";
    assert_int_equal(redact(open, strlen(open)), strlen("Ωmega and /bin/tell"));
}

static void a_restored_configuration_masks_its_secrets(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY);
    json_t *json = must_snapshot(c);
    config_free(c);
    redact_forget();
    check_masked(false);

    c = must_restore(json);
    json_decref(json);
    check_masked(true);
    redact_forget();
    check_masked(false);
    assert_true(config_hide_secrets(c));
    check_masked(true);
    config_free(c);
}

static void secrets_of_any_bytes_are_masked(void **state)
{
    (void)state;
    struct config *c = load("store = { url = \"postgresql://me:%ff%00%fe%fd@db/x\"; }; connectors = ( );");
    struct config *copy = over_a_pipe(c);
    redact_forget();
    assert_true(config_hide_secrets(copy));
    char text[] = "it is \xff\0\xfe\xfd.";
    size_t len = redact(text, sizeof text - 1);
    assert_int_equal(len, strlen("it is ***."));
    assert_memory_equal(text, "it is ***.", len);
    config_free(c);
    config_free(copy);
}

/* ---- Hashes ---- */

struct hashes {
    char all[CONFIG_HASH_SIZE], job[CONFIG_HASH_SIZE], jobs[CONFIG_HASH_SIZE];
};

static struct hashes hash(const struct config *c)
{
    struct hashes h;
    config_hash(c, NULL, h.all);
    config_hash(c, &c->connectors[0].jobs[0], h.job);
    config_hash_jobs(c, h.jobs);
    assert_int_equal(strspn(h.all, "0123456789abcdef"), 16);
    assert_int_equal(strspn(h.job, "0123456789abcdef"), 16);
    assert_int_equal(strspn(h.jobs, "0123456789abcdef"), 16);
    return h;
}

static struct hashes hash_lines(const char *head, const char *changed)
{
    struct config *c = load_lines(head, changed);
    struct hashes h = hash(c);
    config_free(c);
    return h;
}

static void every_key_changes_the_hash(void **state)
{
    (void)state;
    struct hashes all = hash_lines("", NO_KEY);
    for (size_t i = 0; i < LEN(lines); i++) {
        if (!lines[i].path[0])
            continue;
        struct hashes other = hash_lines("", lines[i].path);
        if (strcmp(all.all, other.all) == 0)
            fail_msg("%s is not in the hash of all", lines[i].path);
        if ((strcmp(all.job, other.job) != 0) != lines[i].job)
            fail_msg("%s and the hash of the job", lines[i].path);
        if (lines[i].job && strcmp(all.jobs, other.jobs) == 0)
            fail_msg("%s is not in the hash of all jobs", lines[i].path);
    }
}

/* Hosts may have their connectors in another order, and listen elsewhere. */
static void the_hash_of_all_jobs_is_that_of_the_set_of_them(void **state)
{
    (void)state;
#define CONNECTOR(name)                                                                                                \
    "{ name = \"" name "\"; plugin = \"p\"; settings = { url = \"u\"; key = \"k\"; };"                                     \
    "  jobs = ( { stream = \"orders\"; schedule = \"@hourly\"; }, { stream = \"customers\"; } ); }"
    static const char *const texts[] = {
        "connectors = ( " CONNECTOR("a") ", " CONNECTOR("b") " );",
        "connectors = ( " CONNECTOR("b") ", " CONNECTOR("a") " );",
        "control = { listen = \"127.0.0.1:9\"; }; connectors = ( " CONNECTOR("a") ", " CONNECTOR("b") " );",
        "connectors = ( " CONNECTOR("a") " );",
    };
    char hashes[LEN(texts)][CONFIG_HASH_SIZE];
    for (size_t i = 0; i < LEN(texts); i++) {
        struct config *c = load(texts[i]);
        config_hash_jobs(c, hashes[i]);
        config_free(c);
    }
    assert_string_equal(hashes[0], hashes[1]);
    assert_string_equal(hashes[0], hashes[2]);
    assert_string_not_equal(hashes[0], hashes[3]);
}

static void the_place_does_not_change_the_hash(void **state)
{
    (void)state;
    struct hashes a = hash_lines("", NO_KEY), b = hash_lines("\n\n# moved down\n", NO_KEY);
    assert_string_equal(a.all, b.all);
    assert_string_equal(a.job, b.job);
}

static void a_restored_configuration_has_the_same_hash(void **state)
{
    (void)state;
    struct config *c = load_lines("", NO_KEY), *copy = over_a_pipe(c);
    struct hashes a = hash(c), b = hash(copy);
    assert_string_equal(a.all, b.all);
    assert_string_equal(a.job, b.job);
    config_free(c);
    config_free(copy);
}

/* ---- What only a restart can change ---- */

static char *fixed_problems(const char *before, const char *after)
{
    struct config *loaded = load(before), *now = over_a_pipe(loaded), *other = load(after), *c = over_a_pipe(other);
    struct config_problems problems = {0};
    struct buf all = {0};
    config_check_fixed(now, c, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        assert_string_equal(problems.list[i].file, path);
        buf_printf(&all, "%d: %s\n", problems.list[i].line, problems.list[i].text);
    }
    config_problems_free(&problems);
    config_free(loaded);
    config_free(now);
    config_free(other);
    config_free(c);
    return all.ptr ? all.ptr : strdup("");
}

static void what_is_fixed_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *want;
    } cases[] = {
        {"connectors = ( );", "limits = { max_runs = 9; }; connectors = ( );", ""},
        {"store = { url = \"sqlite:/tmp/a\"; };\n connectors = ( );", "connectors = ( );",
         "0: `store.url` cannot be changed by a reload: restart sluice\n"},
        {"store = { url = \"postgresql://me:pass1@db/x\"; };", "\nstore = {\nurl = \"postgresql://me:pass2@db/x\"; };",
         "3: `store.url` cannot be changed by a reload: restart sluice\n"},
        {"control = { listen = \"127.0.0.1:1\"; socket = \"/run/a\"; };",
         "control = { listen = \"127.0.0.1:2\";\nsocket = \"/run/b\"; };",
         "1: `control.listen` cannot be changed by a reload: restart sluice\n"
         "2: `control.socket` cannot be changed by a reload: restart sluice\n"},
        {"control = { listen = \"127.0.0.1:1\"; };", "\ncontrol = {\n};\n",
         "2: `control.listen` cannot be changed by a reload: restart sluice\n"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char *said = fixed_problems(cases[i].before, cases[i].after);
        assert_string_equal(said, cases[i].want);
        free(said);
    }
}

struct fixed_search {
    const char *changed;
    bool fixed;
};

static void is_fixed(void *context, const struct config_key *key)
{
    struct fixed_search *s = context;
    if (strcmp(key->path, s->changed) == 0)
        s->fixed = !key->reloads;
}

static void exactly_the_keys_that_the_manual_calls_fixed_are(void **state)
{
    (void)state;
    struct config *now = load_lines("", NO_KEY);
    for (size_t i = 0; i < LEN(lines); i++) {
        if (!lines[i].path[0])
            continue;
        struct fixed_search s = {lines[i].path, false};
        struct config *c = load_lines("", lines[i].path);
        struct config_problems problems = {0};
        config_each_key(is_fixed, &s);
        config_check_fixed(now, c, &problems);
        if ((problems.count == 1) != s.fixed)
            fail_msg("%s: %zu problems", lines[i].path, problems.count);
        config_problems_free(&problems);
        config_free(c);
    }
    config_free(now);
}

/* ---- */

static int open_all(void **state)
{
    (void)state;
    char *json = strdup(description_text);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    description = json_loads(json, 0, NULL);
    free(json);
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    return description && fd >= 0 ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    json_decref(description);
    return unlink(path);
}

static int forget(void **state)
{
    (void)state;
    redact_forget();
    return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_is_set_here),
        TEST(a_restored_configuration_gives_the_same_snapshot),
        TEST(every_key_is_in_the_snapshot),
        TEST(every_member_comes_back),
        TEST(a_partition_is_its_tenants),
        TEST(what_the_plugin_says_is_part_of_it),
        TEST(a_restored_configuration_outlives_its_snapshot),
        TEST(paths_need_not_be_utf8),
        TEST(what_is_no_snapshot_is_an_error),
        TEST(a_spoilt_snapshot_is_an_error_or_another_one),
        TEST(a_member_that_is_missing_is_named),
        TEST(a_restored_configuration_masks_its_secrets),
        TEST(secrets_of_any_bytes_are_masked),
        TEST(every_key_changes_the_hash),
        TEST(the_hash_of_all_jobs_is_that_of_the_set_of_them),
        TEST(the_place_does_not_change_the_hash),
        TEST(a_restored_configuration_has_the_same_hash),
        TEST(what_is_fixed_is_told_with_its_line),
        TEST(exactly_the_keys_that_the_manual_calls_fixed_are),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
