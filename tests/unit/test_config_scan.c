/* The scan before libconfig: what it lets pass, where it sees values, and that no cut text upsets it. What it refuses
 * is in test_config.c, with the words an operator reads. */
#include "scan.h"

#include "number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static size_t scan_problems(const char *text, size_t len, struct scan *out)
{
    /* A copy without a NUL behind it: reading on would be seen. */
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    struct config_problems problems = {0};
    scan_text("x.cfg", copy, len, out, &problems);
    size_t count = problems.count;
    config_problems_free(&problems);
    free(copy);
    return count;
}

static void good_texts_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "  \r\n\t # only a comment",
        "// one\n/* two \n * lines */\n",
        "/**/ /***/ a = 1; /* /etc/x/*.cfg */",
        "a = 1, b = 2",
        "a : { b : 1 }",
        "a = true; b = FALSE; c-d = 1; e_2 = 1;",
        "a = \"in\" \"parts\"\n  \"over lines\";",
        "a = \"/* # // no comment\";",
        "a = \"quote \\\" and \\\\\";",
        "a = ( ); b = [ ]; c = { };",
        "a = ( 1, \"x\", ( [ 1 ], { } ) );",
        "a = [ 1, -2, 0x3 ];",
        "a = 2147483647; b = -2147483648; c = 0x7FFFFFFF; d = 0;",
        "a = 2147483648L; b = 9223372036854775807LL; c = -9223372036854775808L; d = 0xFFFFFFFFL;",
        "a = 1.5; b = .5; c = 1.; d = 1e5; e = -1.5E-3;",
        "gr = \"\xCE\x91\xCE\xA6\xCE\x9C\";",
        "a = { x = 1; }; b = { x = 1; y = { x = 1; }; };",
    };
    for (size_t i = 0; i < LEN(texts); i++) {
        struct scan scan;
        if (scan_problems(texts[i], strlen(texts[i]), &scan) > 0)
            fail_msg("refused: %s", texts[i]);
        assert_true(scan.readable);
        scan_free(&scan);
    }
}

static void values_are_seen_where_they_stand(void **state)
{
    (void)state;
    static const char text[] = "a = 1;\n"
                               "b = (\n"
                               "  \"x\"\n"
                               "    \"y\",\n"
                               "  { c =\n"
                               "      true; }\n"
                               ");\n";
    static const int want[] = {1, 2, 3, 5, 6};
    struct scan scan;
    assert_int_equal(scan_problems(text, sizeof text - 1, &scan), 0);
    assert_int_equal(scan.value_count, LEN(want));
    for (size_t i = 0; i < LEN(want); i++)
        assert_int_equal(scan.value_lines[i], want[i]);
    scan_free(&scan);
}

static void what_would_be_misread_harms_its_line_only(void **state)
{
    (void)state;
    static const char text[] = "a = \"C:\\temp\\new\";\nb = 1;\nc = 99999999999;\n";
    struct scan scan;
    assert_int_equal(scan_problems(text, sizeof text - 1, &scan), 2);
    assert_true(scan.readable);
    assert_int_equal(scan.harmed_count, 2);
    assert_int_equal(scan.harmed_lines[0], 1);
    assert_int_equal(scan.harmed_lines[1], 3);
    scan_free(&scan);
}

static void any_cut_or_changed_text_is_survived(void **state)
{
    (void)state;
    static const char text[] =
        "/* c */ a = { b = \"x\\\\\" \"y\"; c = ( 1, 0x2L, [ true ], { } ); # end\n d = 1e5; }; \xC3\xA9";
    static const char bytes[] = "\"\\/*#{}[]();,=:'@$x0L\n\r\xFF";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct scan scan;
        scan_problems(text, cut, &scan);
        scan_free(&scan);
    }
    char changed[sizeof text];
    for (size_t at = 0; at + 1 < sizeof text; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) { /* the NUL too */
            memcpy(changed, text, sizeof text);
            changed[at] = bytes[i];
            struct scan scan;
            scan_problems(changed, sizeof text - 1, &scan);
            scan_free(&scan);
        }
    }
}

static void numbers_are_taken_or_refused_as_libconfig_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good, readable;
    } cases[] = {
        {"0", true, true},           {"-0", true, true},
        {"+7", true, true},          {"00", false, true},
        {"-01", false, true},        {"0x0F", true, true},
        {"0x80000000", false, true}, {"0x80000000L", true, true},
        {"2147483648", false, true}, {"1L", true, true},
        {"1LL", true, true},         {"1LLL", false, false},
        {"1l", false, false},        {"-", false, false},
        {".", false, false},         {"1.2.3", false, false},
        {"1e", false, false},        {"0x", false, false},
        {"30s", false, false},       {"9223372036854775808L", false, true},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        bool readable = false;
        const char *problem = number_problem(cases[i].text, strlen(cases[i].text), &readable);
        if ((problem == NULL) != cases[i].good || readable != cases[i].readable)
            fail_msg("%s: %s", cases[i].text, problem ? problem : "taken");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_pass),
        cmocka_unit_test(values_are_seen_where_they_stand),
        cmocka_unit_test(what_would_be_misread_harms_its_line_only),
        cmocka_unit_test(any_cut_or_changed_text_is_survived),
        cmocka_unit_test(numbers_are_taken_or_refused_as_libconfig_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
