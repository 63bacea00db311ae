#include "clock.h"
#include "err.h"
#include "file.h"
#include "id.h"
#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

/* ---- err ---- */

static void a_message_grows_outwards(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, E_STORE, "cannot open %s: %s", "/x/y.db", "Permission denied"), E_STORE);
    assert_int_equal(err_wrap(&err, "store"), E_STORE);
    assert_int_equal(err_wrap(&err, "%s.%s", "erp", "customers"), E_STORE);
    assert_string_equal(err.msg, "erp.customers: store: cannot open /x/y.db: Permission denied");
    assert_int_equal(err_set(&err, E_SYSTEM, "again: %s", err.msg), E_SYSTEM); /* its own message as an argument */
    assert_string_equal(err.msg, "again: erp.customers: store: cannot open /x/y.db: Permission denied");
}

static void success_has_no_message_to_wrap(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_wrap(&err, "context"), SLUICE_OK);
    assert_string_equal(err.msg, "");
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    struct err err = {0};
    char text[4000];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xCE\xB1", 3);
        err_set(&err, SLUICE_E_REMOTE, "%s", text);
        size_t len = strlen(err.msg);
        assert_true(len >= sizeof err.msg - 2 && len < sizeof err.msg);
        assert_int_equal((unsigned char)err.msg[len - 1], 0xB1);
        err_wrap(&err, "%s", text);
        len = strlen(err.msg);
        assert_true(len >= sizeof err.msg - 2 && len < sizeof err.msg);
        assert_int_equal((unsigned char)err.msg[len - 1], 0xB1);
    }
}

static void a_secret_does_not_survive_in_a_message_that_is_cut(void **state)
{
    (void)state;
    redact_forget();
    assert_true(redact_add("hunter2secret", 13));
    struct err err = {0};
    char text[1100];
    for (size_t pad = 1000; pad < 1040; pad++) {
        memset(text, '.', pad);
        memcpy(text + pad, "hunter2secret", 14);
        err_set(&err, SLUICE_E_AUTH, "%s", text);
        assert_null(strchr(err.msg, 'h'));
    }
    redact_forget();
}

static void each_code_has_its_exit_code(void **state)
{
    (void)state;
    static const struct {
        int code, want;
    } cases[] = {
        {SLUICE_OK, 0},        {SLUICE_E_CONFIG, 78}, {SLUICE_E_AUTH, 77},       {SLUICE_E_RETRY, 69},
        {SLUICE_E_REMOTE, 1},  {SLUICE_E_LIMIT, 1},   {SLUICE_E_CANCELLED, 130}, {SLUICE_E_BUG, 1},
        {E_USAGE, 64},         {E_NOT_FOUND, 66},     {E_BUSY, 3},               {E_STORE, 69},
        {E_SYSTEM, 1},         {E_REFUSED, 1},        {E_FENCED, 1},             {-4711, 1},
    };
    for (size_t i = 0; i < LEN(cases); i++)
        assert_int_equal(err_exit_code(cases[i].code), cases[i].want);
}

static void of_two_exit_codes_the_worse_counts(void **state)
{
    (void)state;
    static const int worst_first[] = {130, 64, 66, 78, 77, 69, 1, 2, 3, 0};
    for (size_t a = 0; a < LEN(worst_first); a++)
        for (size_t b = 0; b < LEN(worst_first); b++)
            assert_int_equal(err_worse_exit(worst_first[a], worst_first[b]), worst_first[a < b ? a : b]);
    assert_int_equal(err_worse_exit(2, 99), 99); /* unknown: a failure */
    assert_int_equal(err_worse_exit(99, 69), 69);
}

/* ---- redact ---- */

static void secrets_are_masked_in_every_form(void **state)
{
    (void)state;
    static const char *const secrets[] = {
        "p\"w\\d/1",          /* needs escapes in JSON */
        "a b&c=d+e",          /* needs escapes in a URL */
        "\xCE\xBB\xCF\x8C\xCE\xB3\xCE\xBF\xCF\x82", /* Greek */
        "\xF0\x9F\x94\x91key",                      /* beyond the basic plane */
        "tab\tline\nend",
        "tokentoken",
        "abcdef",
        "defghi", /* overlaps the one before in abcdefghi */
        "dot...dot", "dot..x",
        "xy",     /* too short to be masked */
    };
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"nothing here", "nothing here"},
        {"p\"w\\d/1", "***"},
        {"{\"p\":\"p\\\"w\\\\d/1\"}", "{\"p\":\"***\"}"},
        {"{\"p\":\"p\\\"w\\\\d\\/1\"}", "{\"p\":\"***\"}"},
        {"{\"p\":\"p\\u0022w\\u005Cd\\u002f1\"}", "{\"p\":\"***\"}"},
        {"?p=p%22w%5Cd%2F1&x=1", "?p=***&x=1"},
        {"?p=p%22w%5cd/1", "?p=***"},
        {"?p=%70%22%77%5c%64%2f%31", "?p=***"},
        {"a b&c=d+e", "***"},
        {"q=a%20b%26c%3Dd%2Be", "q=***"},
        {"q=a+b%26c%3dd%2be", "q=***"},
        {"<\xCE\xBB\xCF\x8C\xCE\xB3\xCE\xBF\xCF\x82>", "<***>"},
        {"<\\u03bb\\u03CC\\u03b3\\u03bf\\u03c2>", "<***>"},
        {"<%CE%BB%CF%8C%CE%B3%CE%BF%CF%82>", "<***>"},
        {"\\ud83d\\udd11key", "***"},
        {"%F0%9F%94%91key", "***"},
        {"tab\\tline\\nend", "***"},
        {"tab%09line%0Aend", "***"},
        {"tokentokentoken", "***"},        /* two that overlap: nothing of either stays */
        {"tokentokentokentoken", "***"},
        {"tokentoken tokentoken", "*** ***"},
        {"abcdefghi", "***"},
        {"xabcdef,defghix", "x***,***x"},
        {"abcde", "abcde"},
        {"xy xy", "xy xy"},
        {"<abc...>", "<***...>"}, /* a text that was cut inside a secret */
        {"<abc\xE2\x80\xA6>", "<***\xE2\x80\xA6>"},
        {"<ab...>", "<ab...>"},
        {"abcdef...", "***..."},
        {"<p\\\"w\\u005...", "<***..."},
        {"?p=p%22w%5...", "?p=***..."},
        {"a+b%26...", "***..."},
        {"<\\ud83d\\udd11k\xE2\x80\xA6", "<***\xE2\x80\xA6"},
        {"abcx...", "abcx..."},
        {"<dot...dot>", "<***>"},
        {"<dot...do>", "<***...do>"},
        {"dot....", "***..."},
        {"100% \\", "100% \\"},
        {"%4", "%4"},
        {"\\u12", "\\u12"},
        {"\\ud83d\\u0041", "\\ud83d\\u0041"},
    };
    redact_forget();
    for (size_t i = 0; i < LEN(secrets); i++)
        assert_true(redact_add(secrets[i], strlen(secrets[i])));
    for (size_t i = 0; i < LEN(cases); i++) {
        char *text = strdup(cases[i].text);
        assert_non_null(text);
        size_t len = redact(text, strlen(text));
        if (strcmp(text, cases[i].want) != 0 || len != strlen(cases[i].want))
            fail_msg("case %zu: %s became %s", i, cases[i].text, text);
        free(text);
    }
    redact_forget();
    char text[] = "abcdef";
    assert_int_equal(redact(text, 6), 6);
    assert_string_equal(text, "abcdef");
}

static void text_is_looked_at_only_up_to_its_length(void **state)
{
    (void)state;
    redact_forget();
    assert_true(redact_add("abcdef", 6));
    assert_true(redact_add("abcdef", 6)); /* twice is once */
    for (size_t len = 0; len < 6; len++) {
        char *exact = malloc(len + 1); /* the sanitizer watches its end */
        assert_non_null(exact);
        memcpy(exact, "abcdef", len);
        assert_int_equal(redact(exact, len), len);
        memcpy(exact, "\\u006", len < 5 ? len : 5);
        redact(exact, len);
        free(exact);
    }
    redact_forget();
}

/* ---- id ---- */

static void ids_are_ulids_that_sort_by_time_and_never_repeat(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static char ids[COUNT][ID_BYTES];
    int64_t before = clock_wall_us() / 1000;
    for (int i = 0; i < COUNT; i++)
        id_new(ids[i]);
    int64_t after = clock_wall_us() / 1000;

    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(strlen(ids[i]), 26);
        assert_int_equal(strspn(ids[i], digits), 26);
        int64_t ms = 0;
        for (int c = 0; c < 10; c++)
            ms = ms * 32 + (strchr(digits, ids[i][c]) - digits);
        assert_true(ms >= before && ms <= after);
        assert_true(i == 0 || strncmp(ids[i - 1], ids[i], 10) <= 0);
        for (int k = i > 50 ? i - 50 : 0; k < i; k++)
            assert_string_not_equal(ids[k], ids[i]);
    }
}

static void an_id_sorts_behind_the_one_before_in_the_same_millisecond_too(void **state)
{
    static const struct {
        const char *last, *want; /* want NULL: a new one */
    } cases[] = {
        {"", NULL},
        {"00000000000000000000000000", NULL},
        {"7ZZZZZZZZZ0000000000000000", "7ZZZZZZZZZ0000000000000001"},
        {"7ZZZZZZZZZ0000000000000009", "7ZZZZZZZZZ000000000000000A"},
        {"7ZZZZZZZZZ000000000000H0ZZ", "7ZZZZZZZZZ000000000000H100"},
        {"7YZZZZZZZZZZZZZZZZZZZZZZZZ", "7Z000000000000000000000000"},
    };
    char id[ID_BYTES];
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        id_new_after(cases[i].last, id);
        assert_true(strcmp(id, cases[i].last) > 0);
        if (cases[i].want)
            assert_string_equal(id, cases[i].want);
    }
    for (int i = 0; i < 2000; i++) {
        char last[ID_BYTES];
        memcpy(last, id, sizeof(last));
        id_new_after(id, id);
        assert_true(strcmp(id, last) > 0);
    }
}

static void all_random_digits_of_an_id_vary(void **state)
{
    (void)state;
    uint32_t seen[16] = {0};
    for (int i = 0; i < 1000; i++) {
        char id[ID_BYTES];
        id_new(id);
        for (int c = 0; c < 16; c++)
            seen[c] |= UINT32_C(1) << (strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", id[10 + c]) -
                                       strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", '0')) % 32;
    }
    for (int c = 0; c < 16; c++)
        assert_true(__builtin_popcount(seen[c]) > 20);
}

/* ---- clock ---- */

static void the_clocks_run(void **state)
{
    (void)state;
    assert_true(llabs(clock_wall_us() / CLOCK_SECOND - (int64_t)time(NULL)) <= 1);
    int64_t start = clock_mono_us();
    clock_sleep_us(2000);
    assert_true(clock_mono_us() - start >= 2000);
    clock_sleep_us(0);
    clock_sleep_us(-5);
}

/* ---- file ---- */

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_base.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"file", "fifo", "link"};
    char path[96];
    for (size_t i = 0; i < LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void write_file(const char *path, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < len; i++)
        fputc('a' + (int)(i % 26), f);
    assert_int_equal(fclose(f), 0);
}

static void a_file_is_read_whole_up_to_its_limit(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 16383, 16384, 16385, 50000};
    char path[96];
    snprintf(path, sizeof path, "%s/file", dir);
    struct buf out = {0};
    buf_add_str(&out, "old");
    for (size_t i = 0; i < LEN(sizes); i++) {
        struct err err = {0};
        write_file(path, sizes[i]);
        assert_int_equal(file_read(path, sizes[i], &out, &err), SLUICE_OK);
        assert_int_equal(out.len, sizes[i]);
        assert_int_equal(strlen(buf_text(&out)), sizes[i]);
        if (sizes[i] == 0)
            continue;
        assert_int_equal(buf_text(&out)[sizes[i] - 1], 'a' + (int)((sizes[i] - 1) % 26));
        assert_int_equal(file_read(path, sizes[i] - 1, &out, &err), SLUICE_E_CONFIG);
        assert_non_null(strstr(err.msg, "larger than"));
        assert_int_equal(out.len, 0);
    }
    buf_free(&out);
}

static void what_is_not_a_regular_file_is_refused(void **state)
{
    (void)state;
    char path[96];
    struct buf out = {0};
    struct err err = {0};

    snprintf(path, sizeof path, "%s/none", dir);
    assert_int_equal(file_read(path, 100, &out, &err), E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "none: no such file"));
    snprintf(path, sizeof path, "%s/link", dir);
    assert_int_equal(symlink("none", path), 0);
    assert_int_equal(file_read(path, 100, &out, &err), E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 100, &out, &err), SLUICE_E_CONFIG); /* and does not wait for a writer */
    assert_int_equal(file_read(dir, 100, &out, &err), SLUICE_E_CONFIG);
    assert_int_equal(file_read("/dev/null", 100, &out, &err), SLUICE_E_CONFIG);
    assert_non_null(strstr(err.msg, "not a regular file"));
    buf_free(&out);
}

static void reading_files_leaves_no_descriptor_open(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/file", dir);
    write_file(path, 100);
    int before = dup(0);
    close(before);
    struct buf out = {0};
    struct err err = {0};
    file_read(path, 1000, &out, &err);
    file_read(path, 10, &out, &err);
    file_read(dir, 10, &out, &err);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_grows_outwards),
        cmocka_unit_test(success_has_no_message_to_wrap),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(a_secret_does_not_survive_in_a_message_that_is_cut),
        cmocka_unit_test(each_code_has_its_exit_code),
        cmocka_unit_test(of_two_exit_codes_the_worse_counts),
        cmocka_unit_test(secrets_are_masked_in_every_form),
        cmocka_unit_test(text_is_looked_at_only_up_to_its_length),
        cmocka_unit_test(ids_are_ulids_that_sort_by_time_and_never_repeat),
        cmocka_unit_test(an_id_sorts_behind_the_one_before_in_the_same_millisecond_too),
        cmocka_unit_test(all_random_digits_of_an_id_vary),
        cmocka_unit_test(the_clocks_run),
        cmocka_unit_test(a_file_is_read_whole_up_to_its_limit),
        cmocka_unit_test(what_is_not_a_regular_file_is_refused),
        cmocka_unit_test(reading_files_leaves_no_descriptor_open),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
