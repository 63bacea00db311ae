/* A configuration as an operator writes it: what is taken, and what is said about what is wrong. Each wrong file is
 * held against the exact text of all its problems. */
#include "buf.h"
#include "config.h"
#include "file.h"
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

/* What a connector needs to be one. */
#define CONNECTOR(rest) "connectors = ( { name = \"erp\"; plugin = \"p\"; " rest " } );\n"
#define JOB(rest)       CONNECTOR("jobs = ( { stream = \"s\"; " rest " } );")

static char home[] = "/tmp/sluice-config-XXXXXX";

static void write_bytes(const char *path, const char *bytes, size_t len)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fchmod(fileno(f), 0640), 0);
    fclose(f);
}

static void write_file(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

/* All problems as "file:line: text" lines. The directory of the test is "@" in them. */
static char *as_text(const struct config_problems *p)
{
    struct buf all = {0};
    for (size_t i = 0; i < p->count; i++) {
        const struct config_problem *one = &p->list[i];
        buf_printf(&all, "%s:%d: ", one->file, one->line);
        const char *at = one->text;
        for (const char *hit; (hit = strstr(at, home)) != NULL; at = hit + strlen(home)) {
            buf_add(&all, at, (size_t)(hit - at));
            buf_add_char(&all, '@');
        }
        buf_printf(&all, "%s\n", at);
    }
    return all.ptr ? all.ptr : strdup("");
}

/* Load sluice.cfg and give its problems; a config that was taken goes to *out. */
static char *load(struct config **out)
{
    struct config_problems problems = {0};
    *out = NULL;
    int rc = config_load("sluice.cfg", NULL, out, &problems);
    assert_int_equal(rc, problems.count > 0 ? SLUICE_E_CONFIG : SLUICE_OK);
    char *text = as_text(&problems);
    config_problems_free(&problems);
    redact_forget();
    return text;
}

static struct config *load_good(void)
{
    struct config *c = NULL;
    char *problems = load(&c);
    assert_string_equal(problems, "");
    free(problems);
    assert_non_null(c);
    return c;
}

static struct config *load_text(const char *text)
{
    write_file("sluice.cfg", text);
    return load_good();
}

static void check_problems(const char *want)
{
    struct config *c = NULL;
    char *problems = load(&c);
    assert_string_equal(problems, want);
    assert_null(c);
    free(problems);
}

struct wrong {
    const char *text;
    const char *want; /* the file is left out of the lines */
};

static void check_wrong(const struct wrong *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf want = {0};
        for (const char *at = cases[i].want; *at;) {
            size_t len = strcspn(at, "\n");
            buf_printf(&want, "sluice.cfg:%.*s\n", (int)len, at);
            at += len + (at[len] == '\n');
        }
        write_file("sluice.cfg", cases[i].text);
        check_problems(buf_text(&want));
        buf_free(&want);
    }
}

/* ---- Text ---- */

static void what_libconfig_would_misread_is_refused(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"limits = { max_runs = 2; };\n/* the rest\nstore = { };\n", "2: this comment is never closed with */"},
        {"/* one\nlimits = { };\n/* two */\n",
         "1: this comment runs into the one that begins on line 3: close it with */"},
        {"plugins = \"/x;\nlimits = { max_runs = 1; };\n",
         "1: this text is not closed on its line; a long one is written \"in\" \"parts\""},
        {"limits = { max_runs = 4294967298; };",
         "1: this number needs more than 32 bits: put an L behind it, as in 5000000000L"},
        {"limits = { max_runs = -2147483649; };",
         "1: this number needs more than 32 bits: put an L behind it, as in 5000000000L"},
        {"limits = { max_runs = 0x100000002; };",
         "1: this number needs more than 32 bits: put an L behind it, as in 5000000000L"},
        {"limits = { max_runs = 18446744073709551618L; };", "1: this number needs more than 64 bits"},
        {"limits = { max_runs = 0x1FFFFFFFFFFFFFFFFL; };", "1: this number needs more than 64 bits"},
        {"limits = { max_runs = 0b11; };", "1: binary numbers are not understood: write it in decimal or as 0x…"},
        {"limits = { max_runs = 010; };",
         "1: a number does not begin with 0: write it without, or in double quotes if it is a text"},
        {"limits = { deadline = 30m; };", "1: this is no number; a value with a unit is a text: \"30s\", \"64MiB\""},
        {"plugins = \"C:\\temp\";",
         "1: `\\t` in a text would turn into something else: for a backslash write \\\\, in a path /"},
        {"plugins = \"\\x41\\n\";\nlimits = { max_runs = 0; };",
         "1: `\\x` in a text would turn into something else: for a backslash write \\\\, in a path /\n"
         "2: `max_runs` must be a whole number from 1 to 1000, not the number 0"},
        {"plugins = \"/tmp\\", "1: this text is not closed on its line; a long one is written \"in\" \"parts\""},
        {"\xEF\xBB\xBFlimits = { };", "1: the file begins with a byte order mark: save it as UTF-8 without one"},
        {"\xFF\xFEl", "1: the file is UTF-16: save it as UTF-8"},
        {"limits = { };\n# caf\xE9\n", "2: this line is not UTF-8: save the file as UTF-8"},
        {"# one\rlimits = { max_runs = 1; };\n",
         "1: there is a carriage return without a line feed on this line: save the file with Unix line ends"},
        {"@include \"more.cfg\"\n",
         "1: @include is not supported: put the file into the directory that `include` names"},
    };
    check_wrong(cases, LEN(cases));
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "limits = { };\n\0store = 5;\n";
    write_bytes("sluice.cfg", text, sizeof text - 1);
    check_problems("sluice.cfg:2: there is a NUL byte on this line: this is no text file\n");
}

static void what_is_no_libconfig_says_what_is_missing(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"limits = {\n  max_runs = 4;\n\nstore = { };\n", "1: this `{` is never closed"},
        {"limits = { max_runs = 4; );", "1: this `)` stands where the `{` of line 1 is open"},
        {"limits = { };\n}\n", "2: this `}` closes nothing"},
        {"connectors = ( { name = \"a\"; }, );", "1: a comma before the closing bracket: take it out"},
        {"connectors = ( { name = \"a\"; }\n { name = \"b\"; } );",
         "2: a comma is missing between two entries of a list, or a closing bracket before this"},
        {"connectors = ( { name = \"a\"; }; );", "1: the entries of a list are split by commas, not by `;`"},
        {"connectors = ( , );", "1: one comma too many"},
        {"limits = { max_runs = 4;; };", "1: one `;` too many"},
        {"limits = { max_runs = ; };", "1: a value is missing"},
        {"limits = { max_runs = };", "1: a value is missing"},
        {"limits = { max_runs 4; };", "1: a `=` is missing after `max_runs`, or a text above lacks a quote"},
        {"limits =", "1: the file ends in the middle of a line: a value is missing"},
        {"limits = { 4 };", "1: a name is missing: a group holds lines such as name = \"value\";"},
        {"limits = { _x = 4; };", "1: a name begins with a letter and holds letters, digits, _ and - only"},
        {"plugins = 'x';", "1: text stands in double quotes, not in single ones"},
        {"plugins = ${HOME};", "1: a variable stands inside double quotes: \"${NAME}\""},
        {"plugins = /usr/lib;", "1: `/` has no meaning here; text stands in double quotes"},
        {"plugins = hunter2;",
         "1: `plugins`: a word without quotes is no value: write true, false, a number, or \"text\""},
        {"alerts = ( { on = [ \"gap\", stale ]; } );",
         "1: a word without quotes is no value: write true, false, a number, or \"text\""},
        {"alerts = [ { } ];", "1: [ ] holds plain values only; groups and lists stand in ( )"},
        {"alerts = ( { on = [ \"gap\", 1 ]; } );", "1: [ ] holds values of one kind; mixed ones stand in ( )"},
        {"alerts = ( { on = [ 1, 2.5 ]; } );", "1: [ ] holds values of one kind; mixed ones stand in ( )"},
        {"true = 1;", "1: syntax error here or just before: a line is name = value;"},
        {"limits = { max_runs = 1;\n  deadline = \"1m\";\n  max_runs = 2; };\nlimits = { };\n",
         "3: `max_runs` is set twice: line 1 has it already\n4: `limits` is set twice: line 1 has it already"},
        {"a=(((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))));",
         "1: too many brackets within brackets"},
    };
    check_wrong(cases, LEN(cases));
}

/* ---- Keys ---- */

static void an_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"limit = { max_runs = 1; };", "1: unknown key `limit`: did you mean `limits`?"},
        {JOB("scheduel = \"@daily\";"), "1: unknown key `scheduel`: did you mean `schedule`?"},
        {JOB("tabel = \"x\";"), "1: unknown key `tabel`: did you mean `table`?"},
        {"store = { path = \"x\"; };", "1: unknown key `path`: store has url"},
        {CONNECTOR("http = { retries = 3; };"),
         "1: unknown key `retries`: http has timeout, connect_timeout, attempts, parallel, rate, max_body, proxy, "
         "ca_file, insecure"},
        {"include_dir = \"x\";",
         "1: unknown key `include_dir`: the main file has store, env_file, control, plugins, include, limits, history, "
         "alerts, connectors"},
    };
    check_wrong(cases, LEN(cases));
}

static void a_wrong_type_says_what_is_wanted_and_what_is_there(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"limits = ( );", "1: `limits` must be a group: { … }, not a list"},
        {"connectors = { };", "1: `connectors` must be a list of groups: ( { … }, { … } ), not a group"},
        {"connectors = ( 5 );", "1: `connectors` must be a list of groups: ( { … }, { … } ), not the number 5"},
        {"plugins = 5;", "1: `plugins` must be a path in double quotes, not the number 5"},
        {"include = true;", "1: `include` must be a path in double quotes, not true"},
        {"limits = { max_runs = \"many\"; };",
         "1: `max_runs` must be a whole number from 1 to 1000, not the text \"many\""},
        {"limits = { max_runs = 2.5; };",
         "1: `max_runs` must be a whole number from 1 to 1000, not a number with a fraction"},
        {"limits = { deadline = 30; };", "1: `deadline` needs a unit, as in \"30s\""},
        {"limits = { deadline = \"30\"; };", "1: `deadline` needs a unit, as in \"30s\""},
        {"limits = { deadline = \"1.5h\"; };",
         "1: `deadline` must be a duration such as \"30s\" or \"10m\", from 1s to 30d, not the text \"1.5h\""},
        {"limits = { deadline = \"99999999999999999999s\"; };",
         "1: `deadline` must be a duration such as \"30s\" or \"10m\", from 1s to 30d, not the text "
         "\"99999999999999999999s\""},
        {"limits = { deadline = \"0s\"; };",
         "1: `deadline` must be a duration such as \"30s\" or \"10m\", from 1s to 30d, not the text \"0s\""},
        {"limits = { memory = \"64M\"; };",
         "1: `memory` must be a size such as \"64MiB\", from 16MiB to 1TiB, not the text \"64M\""},
        {"limits = { memory = 1024; };",
         "1: `memory` must be a size such as \"64MiB\", from 16MiB to 1TiB, not the number 1024"},
        {CONNECTOR("http = { rate = 80; };"), "1: `rate` needs a unit, as in \"80/min\""},
        {CONNECTOR("http = { rate = \"30/h\"; };"), "1: `rate` must be at least one a minute: \"1/min\""},
        {CONNECTOR("http = { rate = \"80/day\"; };"),
         "1: `rate` must be a rate such as \"80/min\", \"2/s\" or \"none\", not the text \"80/day\""},
        {CONNECTOR("http = { attempts = 0; parallel = 65; };"),
         "1: `attempts` must be a whole number from 1 to 20, not the number 0\n"
         "1: `parallel` must be a whole number from 1 to 64, not the number 65"},
        {CONNECTOR("enabled = \"maybe\";"), "1: `enabled` must be true or false, not the text \"maybe\""},
        {CONNECTOR("routes = 2;"), "1: `routes` must be true or false, not the number 2"},
        {CONNECTOR("log = \"loud\";"), "1: `log` must be one of error, warn, info, debug, not the text \"loud\""},
        {CONNECTOR("http = 5; jobs = ( { stream = \"s\"; } );"), "1: `http` must be a group: { … }, not the number 5"},
        {CONNECTOR("settings = ( );"), "1: `settings` must be a group: { … }, not a list"},
        {JOB("batch = 1000001;"), "1: `batch` must be a whole number from 1 to 1000000, not the number 1000001"},
        {JOB("catchup = \"all\";"), "1: `catchup` must be one of once, skip, not the text \"all\""},
        {JOB("after = \"deals\";"), "1: `after` must be a list of texts: [ \"one\", \"two\" ], not the text \"deals\""},
        {JOB("columns = [ \"a\" ];"), "1: `columns` must be a group of texts: { name = \"other_name\"; }, not a list"},
        {JOB("columns = { a = 5; };"),
         "1: `a` must be a column's name of at most 63 bytes, or \"\" to leave it out, not the number 5"},
        {JOB("fields = ( { from = \"A\"; column = \"a\"; type = \"string\"; } );"),
         "1: `type` must be one of integer, text, boolean, decimal, time, integers, not the text \"string\""},
        {"alerts = ( { on = [ \"gap\",\n \"fail\" ]; command = \"x\"; } );",
         "2: `on` lists some of failing, recovered, gap, stale, rejects, config, not the text \"fail\""},
    };
    check_wrong(cases, LEN(cases));
}

static void a_missing_key_says_what_it_must_be(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"\nconnectors = ( {\n } );", "2: `name` is missing: it must be a name of letters, digits, _ and -\n"
                                      "2: `plugin` is missing: it must be a text in double quotes"},
        {CONNECTOR("jobs = ( { schedule = \"@daily\"; } );"),
         "1: `stream` is missing: it must be a text in double quotes"},
        {JOB("fields = ( { from = \"A\"; } );"), "1: `column` is missing: it must be a name of at most 63 bytes"},
        {JOB("match = ( { columns = \"a\"; } );"), "1: `rule` is missing: it must be one of identity, adopt, rebind"},
        {"control = { tokens = ( { name = \"ops\"; } ); };",
         "1: `secret` is missing: it must be a text in double quotes"},
        {"connectors = ( { name = \"\"; plugin = \"p\"; } );",
         "1: `name` must be a name of letters, digits, _ and -, not an empty text"},
    };
    check_wrong(cases, LEN(cases));
}

/* ---- Values ---- */

static void values_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"connectors = ( { name = \"a.b\"; plugin = \"p\"; } );",
         "1: `name` must be a name of letters, digits, _ and -, not the text \"a.b\""},
        {JOB("schedule = \"0 0 31 2 *\";"), "1: `schedule` never fires: no month has such a day"},
        {JOB("full_schedule = \"0 0 31 4,6,9,11 *\";"), "1: `full_schedule` never fires: no month has such a day"},
        {JOB("full_schedule = \"0 25 * * *\";"),
         "1: `full_schedule`: hour \"25\": not a value of this field; allowed is 0 to 23"},
        {JOB("timezone = \"Europe/Athen\";"),
         "1: `timezone` must be a time zone of this system such as \"Europe/Athens\", not the text \"Europe/Athen\""},
        {JOB("timezone = \"\";"),
         "1: `timezone` must be a time zone of this system such as \"Europe/Athens\", not an empty text"},
        {JOB("table = \"a1234567890123456789012345678901234567890123456789012345678901234\";"),
         "1: `table` must be a name of at most 63 bytes, not a text of 65 bytes"},
        {JOB("match = ( { rule = \"adopt\"; columns = \"a\"; } );"),
         "1: the first rule of `match` must be the identity"},
        {JOB("match = ( { rule = \"identity\"; columns = \"a\"; },\n { rule = \"identity\"; columns = \"b\"; } );"),
         "2: `match` has an identity already: the others are adopt or rebind"},
        {JOB("match = ( { rule = \"identity\"; columns = \"a b\"; never = \"0\"; } );"),
         "1: `never` goes with a single column, and this rule has several"},
        {JOB("fields = ( { from = \"A\"; column = \"a\"; },\n { from = \"B\"; column = \"a\"; } );"),
         "2: `fields` fills the column `a` twice"},
        {"store = { url = \"mysql://root:hunter2@db/x\"; };",
         "1: `url` must be sqlite:PATH or a postgresql:// URL, not the text that is there"},
        {"store = { url = \"sqlite:\"; };", "1: `url` must name a file: sqlite:/path, or sqlite:path beside this one"},
        {"store = { url = \"sqlite::memory:\"; };",
         "1: `url` must name a file: sqlite:/path, or sqlite:path beside this one"},
        {"control = { listen = \"127.0.0.1\"; };",
         "1: `listen` must be an address and a port, as in \"127.0.0.1:8480\" or \"[::1]:8480\", not the text "
         "\"127.0.0.1\""},
        {"control = { listen = \"127.0.0.1:70000\"; };",
         "1: `listen` must be an address and a port, as in \"127.0.0.1:8480\" or \"[::1]:8480\", not the text "
         "\"127.0.0.1:70000\""},
        {"control = { listen = \"0.0.0.0:8480\"; };",
         "1: `listen` is open to other hosts: that needs a token in `tokens` whose secret is not empty"},
        {"control = { listen = \"[::]:8480\";\n tokens = ( { name = \"a\"; secret = \"\"; } ); };",
         "1: `listen` is open to other hosts: that needs a token in `tokens` whose secret is not empty"},
        {"alerts = ( { on = [ \"gap\" ]; } );", "1: an alert needs a `webhook` or a `command`"},
        {"alerts = ( { on = [ ]; command = \"x\"; } );", "1: `on` lists nothing: the alert would never be told"},
        {"alerts = ( { webhook = \"hooks.example/T0/secret\"; } );", "1: `webhook` must be an http:// or https:// URL"},
        {CONNECTOR("http = { proxy = \"proxy:3128\"; };"),
         "1: `proxy` must be a URL such as http://proxy:3128 or socks5://proxy:1080"},
        {CONNECTOR("http = { ca_file = \"ca.pem\"; };"),
         "1: `ca_file` cannot be read: @/ca.pem: No such file or directory"},
        {"plugins = \"nowhere\";", "1: `plugins` must be a directory, and @/nowhere is none"},
        {"include = \"${SLUICE_TEST_NONE:-nowhere}\";",
         "1: include: cannot read the directory ${SLUICE_TEST_NONE}: No such file or directory"},
        {"plugins = \"${SLUICE_TEST_NONE:-nowhere}\";",
         "1: `plugins` must be a directory, and ${SLUICE_TEST_NONE} is none"},
        {"include = \"nowhere\";", "1: include: cannot read the directory nowhere: No such file or directory"},
        {"env_file = \"nowhere\";", "1: env_file nowhere does not exist: create it, or take the line out"},
        {"connectors = ( { name = \"a\"; plugin = \"p\"; },\n { name = \"a\"; plugin = \"p\"; } );",
         "2: the connector `a` is there twice: line 1 has it already"},
        {CONNECTOR("jobs = ( { stream = \"s\"; },\n { stream = \"s\"; } );"),
         "2: the job `erp.s` is there twice: line 1 has it already; give this one a `name`"},
    };
    check_wrong(cases, LEN(cases));
}

static void all_problems_come_at_once_in_the_order_of_the_file(void **state)
{
    (void)state;
    write_file("sluice.cfg", "connectors = (\n"
                             "  { name = \"erp\"; plugin = \"p\";\n"
                             "    settings = { key = \"${SLUICE_TEST_UNSET}\"; };\n"
                             "    jobs = ( { stream = \"s\"; shedule = \"@daily\";\n"
                             "               batch = 99999999999; } );\n"
                             "    enabled = 5; } );\n"
                             "limits = { max_runs = 0; };\n");
    check_problems(
        "sluice.cfg:3: `key`: `SLUICE_TEST_UNSET` is not set: set it in the environment or in an env_file, or "
        "write ${SLUICE_TEST_UNSET:-}\n"
        "sluice.cfg:4: unknown key `shedule`: did you mean `schedule`?\n"
        "sluice.cfg:5: this number needs more than 32 bits: put an L behind it, as in 5000000000L\n"
        "sluice.cfg:6: `enabled` must be true or false, not the number 5\n"
        "sluice.cfg:7: `max_runs` must be a whole number from 1 to 1000, not the number 0\n");
}

/* ---- Files ---- */

static void a_missing_main_file_says_how_to_name_another(void **state)
{
    (void)state;
    struct config *c = NULL;
    struct config_problems problems = {0};
    assert_int_equal(config_load("none.cfg", NULL, &c, &problems), E_NOT_FOUND);
    assert_null(c);
    char *text = as_text(&problems);
    assert_string_equal(text, "none.cfg:0: there is no such file; name the configuration with -c FILE or the variable "
                              "SLUICE_CONFIG\n");
    free(text);
    config_problems_free(&problems);
}

static void files_that_others_can_change_are_refused(void **state)
{
    (void)state;
    write_file("env", "A=1\n");
    mkdir("plugins", 0755);
    write_file("sluice.cfg", "env_file = \"env\";\nplugins = \"plugins\";\n");
    chmod("sluice.cfg", 0666);
    chmod("env", 0646);
    chmod("plugins", 0777);
    check_problems("sluice.cfg:0: this file can be changed by others: chmod go-w sluice.cfg\n"
                   "sluice.cfg:2: the plugin directory can be changed by others: chmod go-w @/plugins\n"
                   "env:0: this file can be changed by others: chmod go-w env\n");
    chmod("sluice.cfg", 0644);
    chmod("env", 0600);
    chmod("plugins", 0755);
    config_free(load_good());
    rmdir("plugins");
}

static void a_directory_is_no_file(void **state)
{
    (void)state;
    unlink("sluice.cfg");
    mkdir("sluice.cfg", 0755);
    check_problems("sluice.cfg:0: not a regular file\n");
    rmdir("sluice.cfg");
}

static void included_files_come_in_byte_order_after_the_main_one(void **state)
{
    (void)state;
    mkdir("d", 0755);
    write_file("d/b.cfg", "connectors = ( { name = \"b\"; plugin = \"p\"; } );");
    write_file("d/B.cfg", "connectors = ( { name = \"B\"; plugin = \"./x.so\"; } );");
    write_file("d/a.cfg", "connectors = ( { name = \"a\"; plugin = \"p\"; }, { name = \"a2\"; plugin = \"p\"; } );");
    write_file("d/.c.cfg", "connectors = ( { name = \"hidden\"; } );");
    write_file("d/a.cfg~", "rubbish");
    struct config *c = load_text("include = \"d/\";\n" CONNECTOR(""));
    static const char *const want[] = {"erp", "B", "a", "a2", "b"};
    assert_int_equal(c->connector_count, LEN(want));
    for (size_t i = 0; i < LEN(want); i++)
        assert_string_equal(c->connectors[i].name, want[i]);
    assert_string_equal(c->connectors[1].file, "d/B.cfg");
    char plugin[256];
    snprintf(plugin, sizeof plugin, "%s/d/x.so", home);
    assert_string_equal(c->connectors[1].plugin, plugin);
    config_free(c);
}

static void included_files_hold_connectors_only(void **state)
{
    (void)state;
    write_file("d/b.cfg", "limits = { };\nconnectors = ( { name = \"erp\"; plugin = \"p\"; } );");
    write_file("d/B.cfg", "connectors = { };");
    write_file("d/a.cfg", "connectors = (");
    write_file("sluice.cfg", "include = \"d\";\n" CONNECTOR(""));
    check_problems("d/B.cfg:1: `connectors` must be a list of groups: ( { … }, { … } )\n"
                   "d/a.cfg:1: this `(` is never closed\n"
                   "d/b.cfg:1: `limits`: an included file holds `connectors` only; the rest stands in sluice.cfg\n"
                   "d/b.cfg:2: the connector `erp` is there twice: sluice.cfg:2 has it already\n");
    unlink("d/a.cfg");
    unlink("d/B.cfg");
    unlink("d/b.cfg");
    unlink("d/.c.cfg");
    unlink("d/a.cfg~");
    config_free(load_text("include = \"d\";\n"));
    rmdir("d");
}

/* ---- Variables ---- */

static void a_misspelt_variable_names_the_one_that_is_set(void **state)
{
    (void)state;
    setenv("SLUICE_TEST_API_KEY", "hunter2", 1);
    write_file("sluice.cfg", CONNECTOR("settings = { api_key = \"${SLUICE_TEST_APY_KEY}\"; };"));
    check_problems("sluice.cfg:1: `api_key`: `SLUICE_TEST_APY_KEY` is not set; `SLUICE_TEST_API_KEY` is: misspelt?\n");
    unsetenv("SLUICE_TEST_API_KEY");

    write_file("env", "SLUICE_TEST_API_KEYS=hunter2\n");
    write_file("sluice.cfg",
               "env_file = \"env\";\n" CONNECTOR("settings = { api_key = \"${SLUICE_TEST_API_KEY}\"; };"));
    check_problems("sluice.cfg:2: `api_key`: `SLUICE_TEST_API_KEY` is not set; `SLUICE_TEST_API_KEYS` is: misspelt?\n");
}

static void references_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct wrong cases[] = {
        {"plugins = \"${HOME\";", "1: `plugins`: a ${ is not closed with }; a plain ${ is written $${"},
        {"plugins = \"${}\";",
         "1: `plugins`: a reference is ${NAME}, ${NAME:-default} or ${file:/path}; a plain ${ is written $${"},
        {"plugins = \"${HOME:=x}\";",
         "1: `plugins`: a reference is ${NAME}, ${NAME:-default} or ${file:/path}; a plain ${ is written $${"},
        {CONNECTOR("settings = { a = \"${HOME:-}${file:$HOME/none}\"; };"), "1: `a`: ${file:$HOME/none}: no such file"},
        {CONNECTOR("settings = { a = \"${file:none}\"; };"), "1: `a`: ${file:none}: no such file"},
        {CONNECTOR("settings = { a = \"${file:$SLUICE_TEST_NONE/x}\"; };"),
         "1: `a`: `SLUICE_TEST_NONE` is not set: set it in the environment or in an env_file, or write "
         "${SLUICE_TEST_NONE:-}"},
    };
    check_wrong(cases, LEN(cases));
}

static void variables_are_filled_in_wherever_text_stands(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"${SLUICE_TEST_A}", "one"},
        {"x${SLUICE_TEST_A}y${SLUICE_TEST_A}z", "xoneyonez"},
        {"${SLUICE_TEST_NONE:-d}", "d"},
        {"${SLUICE_TEST_EMPTY:-d}", "d"},
        {"${SLUICE_TEST_EMPTY}x", "x"},
        {"${SLUICE_TEST_NONE:-a ${SLUICE_TEST_A} b}!", "a one b!"},
        {"${SLUICE_TEST_NONE:-${SLUICE_TEST_EMPTY:-deep}}", "deep"},
        {"${SLUICE_TEST_A:-d}", "one"},
        {"$${SLUICE_TEST_A}", "${SLUICE_TEST_A}"},
        {"$SLUICE_TEST_A $", "$SLUICE_TEST_A $"},
        {"${SLUICE_TEST_LIKE}", "${SLUICE_TEST_A}"},
        {"${file:secret}", "p\xC3\xA4ss"},
        {"<${file:./secret}>", "<p\xC3\xA4ss>"},
        {"${file:$SLUICE_TEST_DIR/secret}", "p\xC3\xA4ss"},
        {"${file:${SLUICE_TEST_DIR}/two}", "a\n"},
        {"a \\\"b\\\" c\\\\d", "a \"b\" c\\d"},
    };
    setenv("SLUICE_TEST_A", "one", 1);
    setenv("SLUICE_TEST_EMPTY", "", 1);
    setenv("SLUICE_TEST_LIKE", "${SLUICE_TEST_A}", 1);
    setenv("SLUICE_TEST_DIR", home, 1);
    write_file("secret", "p\xC3\xA4ss\n");
    write_file("two", "a\n\n");
    chmod("two", 0444);
    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf text = {0};
        buf_printf(&text, "alerts = ( { command = \"%s\"; } );", cases[i].text);
        struct config *c = load_text(buf_text(&text));
        assert_int_equal(c->alert_count, 1);
        assert_string_equal(c->alerts[0].command, cases[i].want);
        config_free(c);
        buf_free(&text);
    }
    unsetenv("SLUICE_TEST_A");
}

static void the_env_file_wins_over_the_environment(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"T=file", "file"},
        {"# T=no\n\n  export T=file", "file"},
        {"T=one\nT=two", "two"},
        {"T= a b # c ", "a b # c"},
        {"T='a \"b\" $c' # why", "a \"b\" $c"},
        {"T=\"a \\\"b\\\" \\$c \\n\"", "a \"b\" $c \\n"},
        {"T=a=b\r\n", "a=b"},
        {"T='  x '", "  x "},
        {"T=${HOME}", "${HOME}"},
    };
    setenv("T", "environment", 1);
    for (size_t i = 0; i < LEN(cases); i++) {
        write_file("env", cases[i].line);
        struct config *c = load_text("env_file = \"./env\";\nalerts = ( { command = \"${T}\"; } );");
        assert_string_equal(c->alerts[0].command, cases[i].want);
        config_free(c);
    }
    write_file("env", "T=\n");
    struct config *c = load_text("env_file = \"env\";\nalerts = ( { command = \"${T:-default}\"; } );");
    assert_string_equal(c->alerts[0].command, "default");
    config_free(c);

    write_file("other", "T=other\n");
    struct config_problems problems = {0};
    assert_int_equal(config_load("sluice.cfg", "other", &c, &problems), 0);
    assert_string_equal(c->alerts[0].command, "other");
    config_free(c);
    redact_forget();
    unsetenv("T");
}

static void a_bad_line_of_the_env_file_is_named_without_its_value(void **state)
{
    (void)state;
    write_file("env",
               "A=1\nhunter2\n B C=hunter2\n9=hunter2\nexport\nD='hunter2\nE=\"hunter2\nF='hunter2'x\nG =hunter2\n");
    write_file("sluice.cfg", "env_file = \"env\";\n");
    const char *form = "this line is not NAME=value (a name is letters, digits and _, with no blank before the =)";
    const char *open = "the value's quote is not closed";
    char want[2048];
    snprintf(want, sizeof want,
             "env:2: %s\nenv:3: %s\nenv:4: %s\nenv:5: %s\nenv:6: %s\nenv:7: %s\n"
             "env:8: something follows the closing quote\nenv:9: %s\n",
             form, form, form, form, open, open, form);
    check_problems(want);
}

static void what_is_disabled_may_have_unset_variables(void **state)
{
    (void)state;
    setenv("SLUICE_TEST_OFF", "false", 1);
    struct config *c =
        load_text("connectors = (\n"
                  "  { name = \"${SLUICE_TEST_OFF:-x}\"; plugin = \"p\"; enabled = \"${SLUICE_TEST_OFF}\";\n"
                  "    settings = { key = \"${SLUICE_TEST_NONE}\"; list = ( { a = \"${SLUICE_TEST_NONE}\"; } ); };\n"
                  "    http = { timeout = \"${SLUICE_TEST_NONE}\"; };\n"
                  "    jobs = ( { stream = \"s\"; schedule = \"${SLUICE_TEST_NONE}\"; } ); },\n"
                  "  { name = \"b\"; plugin = \"p\";\n"
                  "    jobs = ( { stream = \"s\"; enabled = false; schedule = \"${SLUICE_TEST_NONE}\"; }, { stream = "
                  "\"t\"; } ); } );");
    assert_false(c->connectors[0].enabled);
    assert_int_equal(c->connectors[0].http.timeout_us, 30000000);
    assert_false(c->connectors[0].jobs[0].enabled);
    assert_true(c->connectors[1].enabled);
    assert_false(c->connectors[1].jobs[0].enabled);
    assert_true(c->connectors[1].jobs[1].enabled);
    config_free(c);

    write_file("sluice.cfg", "connectors = ( { name = \"a\"; plugin = \"p\"; enabled = false; tabel = 1; } );");
    check_problems("sluice.cfg:1: unknown key `tabel`: a connector has name, plugin, enabled, settings, http, jobs, "
                   "routes, log\n");
}

static void problems_never_show_what_a_variable_holds(void **state)
{
    (void)state;
    setenv("SLUICE_TEST_SECRET", "hunter2", 1);
    write_file("secret", "hunter2\n");
    write_file(
        "sluice.cfg",
        "store = { url = \"${SLUICE_TEST_SECRET}\"; };\n"
        "control = { listen = \"${file:secret}\"; };\n"
        "limits = { max_runs = \"${SLUICE_TEST_SECRET}\"; deadline = \"x${SLUICE_TEST_SECRET}\"; };\n"
        "alerts = ( { on = [ \"${SLUICE_TEST_SECRET}\" ]; webhook = \"${SLUICE_TEST_SECRET}\"; } );\n"
        "connectors = ( { name = \"${SLUICE_TEST_SECRET}.\"; plugin = \"p\"; log = \"${SLUICE_TEST_SECRET}\";\n"
        "  jobs = ( { stream = \"s\"; schedule = \"${SLUICE_TEST_SECRET}\"; timezone = \"${SLUICE_TEST_SECRET}\";\n"
        "    catchup = \"${SLUICE_TEST_SECRET}\"; columns = { a = \"${SLUICE_TEST_SECRET}\"; }; } ); } );\n");
    struct config *c = NULL;
    char *problems = load(&c);
    assert_null(c);
    assert_null(strstr(problems, "hunter2"));
    assert_string_equal(
        problems,
        "sluice.cfg:1: `url` must be sqlite:PATH or a postgresql:// URL, not the value of ${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:2: `listen` must be an address and a port, as in \"127.0.0.1:8480\" or \"[::1]:8480\", not the "
        "value "
        "of ${file:secret}\n"
        "sluice.cfg:3: `max_runs` must be a whole number from 1 to 1000, not the value of ${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:3: `deadline` must be a duration such as \"30s\" or \"10m\", from 1s to 30d, not the value of "
        "${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:4: `on` lists some of failing, recovered, gap, stale, rejects, config, not the value of "
        "${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:4: `webhook` must be an http:// or https:// URL\n"
        "sluice.cfg:5: `name` must be a name of letters, digits, _ and -, not the value of ${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:5: `log` must be one of error, warn, info, debug, not the value of ${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:6: `schedule` must be a cron line such as \"*/10 * * * *\", not the value of "
        "${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:6: `timezone` must be a time zone of this system such as \"Europe/Athens\", not the value of "
        "${SLUICE_TEST_SECRET}\n"
        "sluice.cfg:7: `catchup` must be one of once, skip, not the value of ${SLUICE_TEST_SECRET}\n");
    free(problems);
    unsetenv("SLUICE_TEST_SECRET");
}

/* ---- Good files ---- */

static void an_empty_file_is_all_presets(void **state)
{
    (void)state;
    struct config *c = load_text("");
    assert_string_equal(c->path, "sluice.cfg");
    assert_string_equal(c->store_url, "sqlite:/var/lib/sluice/sluice.db");
    assert_string_equal(c->listen, "127.0.0.1:8480");
    assert_string_equal(c->socket, "/run/sluice/control.sock");
    assert_int_equal(c->plugins[0], '/');
    assert_int_equal(c->max_runs, 4);
    assert_int_equal(c->memory, 256 << 20);
    assert_int_equal(c->deadline_us, INT64_C(1800000000));
    assert_int_equal(c->history_runs_us, INT64_C(90) * 86400 * 1000000);
    assert_int_equal(c->history_rejects_us, INT64_C(365) * 86400 * 1000000);
    assert_int_equal(c->token_count + c->alert_count + c->connector_count, 0);
    config_free(c);
}

static void a_job_is_presets_until_it_says_more(void **state)
{
    (void)state;
    struct config *c = load_text("limits = { deadline = \"1h\"; };\n" JOB(""));
    const struct config_connector *k = &c->connectors[0];
    const struct config_job *j = config_find_job(c, "erp.s");
    assert_ptr_equal(j, &k->jobs[0]);
    assert_ptr_equal(j->connector, k);
    assert_null(config_find_job(c, "erp.t"));
    assert_true(k->enabled && k->routes && j->enabled);
    assert_string_equal(k->log, "");
    assert_int_equal(k->http.timeout_us, 30000000);
    assert_int_equal(k->http.connect_timeout_us, 10000000);
    assert_int_equal(k->http.max_body, 1 << 30);
    assert_int_equal(k->http.attempts, 4);
    assert_int_equal(k->http.parallel, 0);
    assert_false(k->http.rate_set || k->http.insecure);
    assert_string_equal(k->http.proxy, "");
    assert_string_equal(k->http.ca_file, "");
    assert_string_equal(j->schedule, "");
    assert_string_equal(j->full_schedule, "");
    assert_string_equal(j->timezone, "UTC");
    assert_string_equal(j->table, "");
    assert_false(j->on_start || j->after_set);
    assert_int_equal(j->jitter_us, 0);
    assert_int_equal(j->deadline_us, INT64_C(3600000000));
    assert_int_equal(j->catchup, CONFIG_CATCHUP_ONCE);
    assert_int_equal(j->overlap, CONFIG_OVERLAP_SKIP);
    assert_int_equal(j->manage, CONFIG_MANAGE_CREATE);
    assert_int_equal(j->on_gap, CONFIG_ON_GAP_WARN);
    assert_int_equal(j->gap_tolerance_us, 30000000);
    assert_int_equal(j->hold_us, INT64_C(86400000000));
    assert_int_equal(j->batch, 0); /* as many as suit the store */
    config_free(c);
}

static void every_key_is_read(void **state)
{
    (void)state;
    write_file("ca.pem", "");
    struct config *c = load_text(
        "store = { url = \"sqlite:data/x.db\"; };\n"
        "control = { listen = \"[::]:80\"; socket = \"\"; tokens = (\n"
        "  { name = \"ops\"; secret = \"abc\"; tenant = \"t1\"; }, { name = \"off\"; secret = \"${SLUICE_NONE:-}\"; } "
        "); };\n"
        "limits : { max_runs = \"7\", memory = \"64MB\" }\n"
        "alerts = ( { on = ( \"gap\" ); after = 3; webhook = \"https://h/x\"; }, { webhook = \"${SLUICE_NONE:-}\"; } "
        ");\n" CONNECTOR(
            "enabled = \"YES\"; routes = \"off\"; log = \"debug\"; settings = { a = 1; };\n"
            "http = { timeout = \"1500ms\"; connect_timeout = \"2s\"; attempts = \"2\"; parallel = 8;\n"
            "  rate = \"2/s\"; max_body = 4096; proxy = \"http://u:pw@p:1\"; ca_file = \"ca.pem\"; insecure = true; "
            "};\n"
            "jobs = ( { stream = \"s\"; name = \"all\"; schedule = \"*/5 * * * *\"; full_schedule = \"@daily\";\n"
            "  timezone = \"Europe/Athens\"; on_start = \"1\"; jitter = \"5s\"; catchup = \"skip\";\n"
            "  overlap = \"queue\"; deadline = \"2h\"; after = [ ]; table = \"t\";\n"
            "  fields = ( { from = \"A.b\"; column = \"ab\"; type = \"decimal\"; scale = 3; },\n"
            "             { from = \"C\"; column = \"c\"; } );\n"
            "  columns = { x = \"y\"; z = \"\"; };\n"
            "  match = ( { rule = \"identity\"; columns = [ \"a\", \"b\" ]; },\n"
            "            { rule = \"rebind\"; columns = \"c\"; never = \"0 00\"; } );\n"
            "  manage = \"check\"; on_gap = \"full\"; gap_tolerance = \"0s\"; hold = \"1w\"; batch = 10; } );"));
    char path[256];
    snprintf(path, sizeof path, "sqlite:%s/data/x.db", home);
    assert_string_equal(c->store_url, path);
    assert_string_equal(c->listen, "[::]:80");
    assert_string_equal(c->socket, "");
    assert_int_equal(c->token_count, 1);
    assert_string_equal(c->tokens[0].tenant, "t1");
    assert_int_equal(c->max_runs, 7);
    assert_int_equal(c->alert_count, 1);
    assert_int_equal(c->alerts[0].on_count, 1);
    assert_int_equal(c->alerts[0].after, 3);

    const struct config_connector *k = &c->connectors[0];
    assert_true(k->enabled && !k->routes && k->http.rate_set && k->http.insecure);
    assert_string_equal(k->log, "debug");
    assert_int_equal(k->http.timeout_us, 1500000);
    assert_int_equal(k->http.attempts, 2);
    assert_int_equal(k->http.parallel, 8);
    assert_int_equal(k->http.rate_per_min, 120);
    assert_int_equal(k->http.max_body, 4096);
    snprintf(path, sizeof path, "%s/ca.pem", home);
    assert_string_equal(k->http.ca_file, path);

    const struct config_job *j = config_find_job(c, "erp.all");
    assert_non_null(j);
    assert_true(j->on_start && j->after_set && j->after_count == 0);
    assert_int_equal(j->jitter_us, 5000000);
    assert_int_equal(j->catchup, CONFIG_CATCHUP_SKIP);
    assert_int_equal(j->overlap, CONFIG_OVERLAP_QUEUE);
    assert_int_equal(j->deadline_us, INT64_C(7200000000));
    assert_string_equal(j->table, "t");
    assert_int_equal(j->field_count, 2);
    assert_int_equal(j->fields[0].type, SLUICE_DECIMAL);
    assert_int_equal(j->fields[0].scale, 3);
    assert_int_equal(j->fields[1].type, SLUICE_TEXT);
    assert_int_equal(j->column_count, 2);
    assert_string_equal(j->columns[0].to, "y");
    assert_string_equal(j->columns[1].to, "");
    assert_int_equal(j->match_count, 2);
    assert_int_equal(j->match[0].rule, SLUICE_IDENTITY);
    assert_string_equal(j->match[0].columns, "a b");
    assert_int_equal(j->match[1].rule, SLUICE_REBIND);
    assert_string_equal(j->match[1].never, "0 00");
    assert_int_equal(j->manage, CONFIG_MANAGE_CHECK);
    assert_int_equal(j->on_gap, CONFIG_ON_GAP_FULL);
    assert_int_equal(j->gap_tolerance_us, 0);
    assert_int_equal(j->batch, 10);
    config_free(c);
}

static void secrets_are_registered_for_masking(void **state)
{
    (void)state;
    write_file("sluice.cfg", "store = { url = \"postgresql://u:p%40ss@h/db?sslmode=require&password=que%2fry\"; };\n"
                             "control = { tokens = ( { name = \"a\"; secret = \"token-text\"; } ); };\n"
                             "alerts = ( { webhook = \"https://hooks.example/T0/xyz\"; } );\n" CONNECTOR(
                                 "http = { proxy = \"http://u:proxy-pw@p:1\"; };"));
    struct config *c = NULL;
    struct config_problems problems = {0};
    assert_int_equal(config_load("sluice.cfg", NULL, &c, &problems), 0);
    static const char *const secrets[] = {
        "p%40ss", "p@ss", "que/ry", "token-text", "https://hooks.example/T0/xyz", "proxy-pw",
    };
    for (size_t i = 0; i < LEN(secrets); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", secrets[i]);
        redact(text, strlen(text));
        assert_string_equal(text, "***");
    }
    redact_forget();
    config_free(c);
}

/* A shipped file, with a mode that does not depend on the checkout. */
static void copy_shipped(const char *path)
{
    char from[512];
    struct buf text = {0};
    struct err err = {0};
    snprintf(from, sizeof from, "%s/etc/%s", SLUICE_SOURCE_DIR, path);
    assert_int_equal(file_read(from, 1 << 20, &text, &err), 0);
    write_bytes(path, text.ptr, text.len);
    buf_free(&text);
}

static void the_shipped_files_are_good(void **state)
{
    (void)state;
    static const char *const names[] = {"SOFTONE_URL", "SOFTONE_USERNAME", "SOFTONE_PASSWORD", "SOFTONE_COMPANY",
                                        "SABITO_API_URL", "SABITO_API_KEY", "PLOOMES_API_KEY"};
    for (size_t i = 0; i < LEN(names); i++)
        setenv(names[i], "1000", 1);
    struct config *c = NULL;
    struct config_problems problems = {0};
    mkdir("connectors.d", 0755);
    copy_shipped("sluice.cfg");
    copy_shipped("connectors.d/ploomes.cfg");
    copy_shipped("connectors.d/sabito.cfg");
    copy_shipped("connectors.d/softone.cfg");
    write_file("env", "");
    int rc = config_load("sluice.cfg", "env", &c, &problems);
    char *text = as_text(&problems);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(rc, 0);

    const struct config_job *customers = config_find_job(c, "softone.customers");
    assert_non_null(customers);
    assert_string_equal(customers->schedule, "*/5 * * * *");
    assert_string_equal(customers->timezone, "Europe/Athens");
    assert_non_null(config_find_job(c, "softone.suppliers"));
    const struct config_job *referred = config_find_job(c, "sabito.customers");
    assert_non_null(referred);
    assert_string_equal(referred->schedule, "0 */6 * * *");
    assert_true(referred->on_start);
    assert_true(customers->connector->http.rate_set);
    assert_int_equal(customers->connector->http.rate_per_min, 80);
    config_free(c);
    redact_forget();
    unlink("connectors.d/ploomes.cfg");
    unlink("connectors.d/sabito.cfg");
    unlink("connectors.d/softone.cfg");
    rmdir("connectors.d");
}

/* ---- Names and manual ---- */

static void the_nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"schedule", "stream", "table", "on_gap"};
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"scheduel", "schedule"}, {"Schedule", "schedule"},
        {"steam", "stream"},      {"tabel", "table"},
        {"ongap", "on_gap"},      {"x", NULL},
        {"colour", NULL},         {"", NULL},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        const char *near = config_nearest(cases[i].name, names, LEN(names));
        if (cases[i].want)
            assert_string_equal(near, cases[i].want);
        else
            assert_null(near);
    }
}

static void count_key(void *context, const struct config_key *key)
{
    size_t *count = context;
    assert_true(key->help[0] != '\0' && key->wanted[0] != '\0');
    *count += strcmp(key->path, "connectors[].jobs[].batch") == 0;
    *count += strcmp(key->path, "store.url") == 0 && !key->reloads;
}

static void every_key_has_a_line_for_the_manual(void **state)
{
    (void)state;
    size_t count = 0;
    config_each_key(count_key, &count);
    assert_int_equal(count, 2);
}

static int enter_home(void **state)
{
    (void)state;
    return mkdtemp(home) && chdir(home) == 0 ? 0 : -1;
}

static int remove_home(void **state)
{
    (void)state;
    static const char *const left[] = {"sluice.cfg", "env", "other", "secret", "two", "ca.pem"};
    for (size_t i = 0; i < LEN(left); i++)
        unlink(left[i]);
    return chdir("/") == 0 && rmdir(home) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libconfig_would_misread_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(what_is_no_libconfig_says_what_is_missing),
        cmocka_unit_test(an_unknown_key_names_the_nearest),
        cmocka_unit_test(a_wrong_type_says_what_is_wanted_and_what_is_there),
        cmocka_unit_test(a_missing_key_says_what_it_must_be),
        cmocka_unit_test(values_that_cannot_work_are_refused),
        cmocka_unit_test(all_problems_come_at_once_in_the_order_of_the_file),
        cmocka_unit_test(a_missing_main_file_says_how_to_name_another),
        cmocka_unit_test(files_that_others_can_change_are_refused),
        cmocka_unit_test(a_directory_is_no_file),
        cmocka_unit_test(included_files_come_in_byte_order_after_the_main_one),
        cmocka_unit_test(included_files_hold_connectors_only),
        cmocka_unit_test(a_misspelt_variable_names_the_one_that_is_set),
        cmocka_unit_test(references_that_are_none_are_refused),
        cmocka_unit_test(variables_are_filled_in_wherever_text_stands),
        cmocka_unit_test(the_env_file_wins_over_the_environment),
        cmocka_unit_test(a_bad_line_of_the_env_file_is_named_without_its_value),
        cmocka_unit_test(what_is_disabled_may_have_unset_variables),
        cmocka_unit_test(problems_never_show_what_a_variable_holds),
        cmocka_unit_test(an_empty_file_is_all_presets),
        cmocka_unit_test(a_job_is_presets_until_it_says_more),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(secrets_are_registered_for_masking),
        cmocka_unit_test(the_shipped_files_are_good),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(every_key_has_a_line_for_the_manual),
    };
    return cmocka_run_group_tests(tests, enter_home, remove_home);
}
