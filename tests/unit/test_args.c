/* Command lines of verbs. What is said of a wrong one goes to standard error and is not looked at here. */
#include "args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 12

static const struct cli_verb verb = {.name = "try", .usage = "", .help = "try", .text = ""};

/* What a command line came to. */
struct parsed {
    struct cli cli;
    const char *n, *partition;
    bool full;
    int count;
    char *argv[ARGS_MAX];
    char text[256];
};

/* Split `line` at blanks and parse it. */
static void parse(struct parsed *p, const char *line)
{
    const struct cli_option options[] = {
        {"-n", &p->n, NULL}, {"--partition", &p->partition, NULL}, {"--full", NULL, &p->full}};
    int argc = 0;

    *p = (struct parsed){0};
    snprintf(p->text, sizeof p->text, "%s", line);
    for (char *save = NULL, *word = strtok_r(p->text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < ARGS_MAX);
        p->argv[argc++] = word;
    }
    p->count = cli_parse(&p->cli, &verb, argc, p->argv, options, 3);
}

static void options_stand_anywhere(void **state)
{
    (void)state;
    struct parsed p;

    parse(&p, "try -n 5 a.b --full c.d --partition=x -c f.cfg --json -v");
    assert_int_equal(p.count, 2);
    assert_string_equal(p.argv[1], "a.b");
    assert_string_equal(p.argv[2], "c.d");
    assert_string_equal(p.n, "5");
    assert_string_equal(p.partition, "x");
    assert_string_equal(p.cli.config_path, "f.cfg");
    assert_true(p.full && p.cli.json && p.cli.verbose);
}

static void values_may_be_attached(void **state)
{
    (void)state;
    struct parsed p;

    parse(&p, "try -n7 --partition=");
    assert_int_equal(p.count, 0);
    assert_string_equal(p.n, "7");
    assert_string_equal(p.partition, "");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct parsed p;

    parse(&p, "try --full -- --json -n");
    assert_int_equal(p.count, 2);
    assert_string_equal(p.argv[1], "--json");
    assert_string_equal(p.argv[2], "-n");
    assert_false(p.cli.json);
}

static void a_wrong_command_line_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"try --ful",      "try --fullest", "try -n",      "try a --partition",
                                        "try --full=yes", "try -x",        "try --json=1"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct parsed p;
        parse(&p, lines[i]);
        assert_int_equal(p.count, -1);
    }
}

static void numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0", "-1", "11", "1.5", "x", "5x", "99999999999999999999"};
    int64_t n = 0;

    assert_true(cli_number("-n", "10", 10, &n));
    assert_int_equal(n, 10);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(cli_number("-n", wrong[i], 10, &n));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),        cmocka_unit_test(values_may_be_attached),
        cmocka_unit_test(two_dashes_end_the_options),    cmocka_unit_test(a_wrong_command_line_is_refused),
        cmocka_unit_test(numbers_are_whole_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
