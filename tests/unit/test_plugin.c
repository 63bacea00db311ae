/* Loading plugins, good and bad, here and in a process of their own. The fixtures are in plugins/. */
#include "describe.h"
#include "plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *fixture(const char *name)
{
    static char path[4096];

    plugin_path(TEST_PLUGINS, name, path, sizeof path);
    return path;
}

/* What is loaded stays for the life of the process. */
static const sluice_connector *load(const char *name)
{
    static const sluice_connector *loaded[8];
    static size_t count;
    struct err err = {0};

    assert_true(count < LEN(loaded));
    if (plugin_load(fixture(name), &loaded[count], &err))
        fail_msg("%s: %s", name, err.msg);
    return loaded[count++];
}

/* ---- Good ones ---- */

static void a_good_plugin_is_copied_as_it_is(void **state)
{
    (void)state;
    const sluice_connector *c = load("good");

    assert_string_equal(c->name, "good");
    assert_string_equal(c->version, "1.2.3");
    assert_int_equal(c->rate_per_min, 80);
    assert_int_equal(c->option_count, 3);
    assert_int_equal(c->option_stride, sizeof(sluice_option));
    assert_string_equal(c->options[2].preset, "100");
    assert_int_equal(c->stream_count, 1);
    assert_string_equal(c->streams[0].columns[1].name, "price");
    assert_int_equal(c->streams[0].columns[1].scale, 2);
    assert_string_equal(c->streams[0].matches[0].never, "0 -");
    assert_non_null(c->streams[0].run);
    assert_string_equal(c->routes[0].keys, "success count=processed");
}

static void rows_with_members_of_a_later_header_are_read_by_their_stride(void **state)
{
    (void)state;
    const sluice_connector *c = load("grown");

    assert_int_equal(c->struct_size, sizeof(sluice_connector));
    assert_int_equal(c->abi_minor, 9);
    assert_string_equal(c->options[1].name, "limit");
    assert_string_equal(c->options[1].help, "second");
    assert_string_equal(c->streams[1].name, "second");
    assert_int_equal(c->streams[1].column_stride, sizeof(sluice_column));
    assert_string_equal(c->streams[1].columns[1].name, "name");
    assert_string_equal(c->streams[0].matches[1].columns, "name");
    assert_string_equal(c->routes[1].path, "/second");
}

static void members_that_an_earlier_header_lacks_are_zero(void **state)
{
    (void)state;
    const sluice_connector *c = load("shrunk");

    assert_string_equal(c->options[1].name, "limit");
    assert_null(c->options[0].preset);
    assert_null(c->options[0].help);
    assert_string_equal(c->streams[0].columns[1].path, "n");
    assert_null(c->streams[0].columns[0].value);
    assert_null(c->streams[0].columns[0].help);
    assert_string_equal(c->streams[0].matches[1].columns, "name");
    assert_null(c->streams[0].matches[0].never);
    assert_int_equal(c->rate_per_min, 0);
    assert_int_equal(c->parallel, 0);
}

static void a_description_has_all_that_the_tables_say(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *d = describe_file(fixture("good"), &err);
    json_t *want = json_loads(
        "{\"abi\":\"0.0\",\"name\":\"good\",\"version\":\"1.2.3\",\"help\":\"a connector for tests\","
        "\"rate_per_min\":80,\"parallel\":0,\"options\":["
        "{\"name\":\"url\",\"type\":\"text\",\"required\":true,\"secret\":false,\"list\":false,\"unique\":false,"
        "\"preset\":null,\"choices\":null,\"help\":\"where the source is\"},"
        "{\"name\":\"key\",\"type\":\"text\",\"required\":true,\"secret\":true,\"list\":false,\"unique\":false,"
        "\"preset\":null,\"choices\":null,\"help\":\"sent as X-Key\"},"
        "{\"name\":\"page_size\",\"type\":\"integer\",\"required\":false,\"secret\":false,\"list\":false,"
        "\"unique\":false,\"preset\":\"100\",\"choices\":null,\"help\":\"records a page\"}],"
        "\"streams\":[{\"name\":\"things\",\"table\":\"good_things\",\"help\":\"what there is\",\"scope\":null,"
        "\"partition\":null,\"needs\":null,\"zone\":null,\"gone\":null,\"incremental\":true,\"windowed\":false,"
        "\"columns\":[{\"name\":\"code\",\"type\":3,\"flags\":17,\"scale\":0,\"path\":\"id\",\"value\":null,"
        "\"preset\":null,\"empty\":null,\"help\":null},"
        "{\"name\":\"price\",\"type\":5,\"flags\":0,\"scale\":2,\"path\":\"price\",\"value\":null,"
        "\"preset\":null,\"empty\":null,\"help\":null}],"
        "\"matches\":[{\"rule\":1,\"columns\":\"code\",\"never\":\"0 -\"}]}],"
        "\"routes\":[{\"methods\":\"GET POST\",\"path\":\"/api/cron/sync-things\",\"action\":1,"
        "\"stream\":\"things\",\"full_key\":null,\"under\":null,\"message\":null,"
        "\"keys\":\"success count=processed\"}]}",
        0, NULL);

    assert_non_null(d);
    assert_non_null(want);
    assert_true(json_equal(d, want));
    json_decref(d);
    json_decref(want);
}

/* ---- Bad ones: described, so that nothing of them stays in this process ---- */

static void a_bad_plugin_is_refused_with_the_exact_reason(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        int code;
        const char *why;
    } cases[] = {
        {"no_such", E_NOT_FOUND, "plugin no_such.so: " TEST_PLUGINS "/no_such.so: No such file or directory"},
        {"no_entry", SLUICE_E_CONFIG, "plugin no_entry.so: is not a connector: it does not export sluice_connector_v0"},
        {"other_version", SLUICE_E_CONFIG,
         "plugin other_version.so: speaks version 7 of the connector ABI, this sluice speaks version 0: build it "
         "against this sluice's headers"},
        {"null_table", SLUICE_E_BUG, "plugin null_table.so: sluice_connector_v0() returned NULL instead of its table"},
        {"small_struct", SLUICE_E_BUG, "plugin small_struct.so: struct_size is 16; at least 80 bytes are needed"},
        {"newer", SLUICE_E_CONFIG, "plugin newer.so: needs version 0.2 of the connector ABI, this sluice has 0.0"},
        {"bad_stride", SLUICE_E_BUG, "plugin bad_stride.so: options: a stride of 0 bytes; at least 16 are needed"},
        {"bad_match", SLUICE_E_BUG, "plugin bad_match.so: stream things: match 1: there is no column \"amf\""},
        {"crashes", SLUICE_E_BUG, "plugin crashes.so: crashed while it was loaded: signal 11 (Segmentation fault)"},
        {"exits", SLUICE_E_BUG, "plugin exits.so: ended its process while it was loaded, with exit code 7"},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        struct err err = {0};
        assert_null(describe_file(fixture(cases[i].file), &err));
        assert_string_equal(err.msg, cases[i].why);
        assert_int_equal(err.code, cases[i].code);
    }
}

static void what_the_loader_says_is_passed_on(void **state)
{
    (void)state;
    struct err err = {0};

    assert_null(describe_file(fixture("unresolved"), &err));
    assert_int_equal(err.code, SLUICE_E_CONFIG);
    assert_non_null(strstr(err.msg, "plugin unresolved.so: cannot be loaded: "));
    assert_non_null(strstr(err.msg, "a_function_that_nobody_has"));
}

static void what_is_no_shared_object_is_told_as_such(void **state)
{
    (void)state;
    struct err err = {0};
    char text[] = "/tmp/sluice-plugin-XXXXXX";
    int fd = mkstemp(text);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "not ELF at all", 14), 14);
    close(fd);
    assert_null(describe_file(text, &err));
    assert_non_null(strstr(err.msg, ": is not a shared object: it does not begin as an ELF file does"));
    unlink(text);

    assert_null(describe_file("/tmp/", &err));
    assert_non_null(strstr(err.msg, ": is a directory, not a shared object"));

    assert_int_equal(mkfifo(text, 0600), 0);
    assert_null(describe_file(text, &err));
    assert_non_null(strstr(err.msg, ": is not a regular file, not a shared object"));
    unlink(text);
}

static void a_plugin_that_hangs_is_killed_with_all_that_it_started(void **state)
{
    (void)state;
    static const char *const names[] = {"hangs", "hides"};

    for (size_t i = 0; i < LEN(names); i++) {
        struct err err = {0};
        assert_null(describe_file_within(fixture(names[i]), 300, &err));
        assert_int_equal(err.code, SLUICE_E_BUG);
        assert_non_null(strstr(err.msg, ".so: did not describe itself within 0.3 s"));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    }
}

static void a_plugin_that_writes_into_the_answer_is_not_believed(void **state)
{
    (void)state;
    struct err err = {0};

    assert_null(describe_file(fixture("garbage"), &err));
    assert_non_null(strstr(err.msg, "plugin garbage.so: "));
    assert_int_equal(err.code, SLUICE_E_BUG);
}

static void a_name_is_a_file_in_the_directory_and_a_path_is_itself(void **state)
{
    (void)state;
    char path[64];

    plugin_path("/usr/lib/sluice", "sales", path, sizeof path);
    assert_string_equal(path, "/usr/lib/sluice/sales.so");
    plugin_path("/usr/lib/sluice", "./build/sales.so", path, sizeof path);
    assert_string_equal(path, "./build/sales.so");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_copied_as_it_is),
        cmocka_unit_test(rows_with_members_of_a_later_header_are_read_by_their_stride),
        cmocka_unit_test(members_that_an_earlier_header_lacks_are_zero),
        cmocka_unit_test(a_description_has_all_that_the_tables_say),
        cmocka_unit_test(a_bad_plugin_is_refused_with_the_exact_reason),
        cmocka_unit_test(what_the_loader_says_is_passed_on),
        cmocka_unit_test(what_is_no_shared_object_is_told_as_such),
        cmocka_unit_test(a_plugin_that_hangs_is_killed_with_all_that_it_started),
        cmocka_unit_test(a_plugin_that_writes_into_the_answer_is_not_believed),
        cmocka_unit_test(a_name_is_a_file_in_the_directory_and_a_path_is_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
