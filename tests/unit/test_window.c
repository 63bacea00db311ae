/* The gap of a windowed source: contract A6.8. */
#include "window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define S INT64_C(1000000)
#define MIN (60 * S)
#define R (INT64_C(1760173125) * S) /* the last good reply */

static void the_gap_is_the_time_since_the_last_reply_less_the_window(void **state)
{
    static const struct {
        const char *name;
        int64_t last_reply, last_length, reply, length;
        bool known;
        int64_t gap, kept;
    } cases[] = {
        {"the first reply", 0, 0, R, 10 * MIN, false, 0, 10 * MIN},
        {"the first reply of a known length", 0, 10 * MIN, R, 10 * MIN, false, 0, 10 * MIN},
        {"the first reply without a length", 0, 0, R, 0, false, 0, 0},
        {"half a window later", R, 10 * MIN, R + 5 * MIN, 10 * MIN, true, 0, 10 * MIN},
        {"just one window later", R, 10 * MIN, R + 10 * MIN, 10 * MIN, true, 0, 10 * MIN},
        {"a second too late", R, 10 * MIN, R + 10 * MIN + S, 10 * MIN, true, S, 10 * MIN},
        {"down for a night", R, 10 * MIN, R + 600 * MIN, 10 * MIN, true, 590 * MIN, 10 * MIN},
        {"a window that grew", R, 10 * MIN, R + 20 * MIN, 15 * MIN, true, 5 * MIN, 15 * MIN},
        {"a window that shrank", R, 10 * MIN, R + 20 * MIN, 5 * MIN, true, 15 * MIN, 5 * MIN},
        {"the length is known only now", R, 0, R + 15 * MIN, 10 * MIN, true, 5 * MIN, 10 * MIN},
        {"the length was never known", R, 0, R + 15 * MIN, 0, false, 0, 0},
        {"our clock was set back", R, 10 * MIN, R - 5 * MIN, 10 * MIN, true, 0, 10 * MIN},
        {"the same instant", R, 10 * MIN, R, 10 * MIN, true, 0, 10 * MIN},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct window_gap g =
            window_gap(cases[i].last_reply, cases[i].last_length, cases[i].reply, cases[i].length);
        if (g.known != cases[i].known || g.gap_us != cases[i].gap || g.length_us != cases[i].kept)
            fail_msg("%s: %d, gap %lld s, length %lld s", cases[i].name, g.known, (long long)(g.gap_us / S),
                     (long long)(g.length_us / S));
    }
}

static void a_length_from_a_clock_change_is_not_believed(void **state)
{
    static const struct {
        const char *name;
        int64_t last_length, length, kept;
    } cases[] = {
        {"an hour more", 10 * MIN, 70 * MIN, 10 * MIN},
        {"an hour less", 70 * MIN, 10 * MIN, 70 * MIN},
        {"an hour less than ten minutes", 10 * MIN, -50 * MIN, 10 * MIN},
        {"50 minutes more", 10 * MIN, 60 * MIN, 10 * MIN},
        {"50 minutes less", 60 * MIN, 10 * MIN, 60 * MIN},
        {"49 minutes more", 10 * MIN, 59 * MIN, 59 * MIN},
        {"49 minutes less", 59 * MIN, 10 * MIN, 10 * MIN},
        {"a second short of 50 minutes", 10 * MIN, 60 * MIN - S, 60 * MIN - S},
        {"nothing", 10 * MIN, 0, 10 * MIN},
        {"a microsecond back", 10 * MIN, -1, 10 * MIN},
        {"nothing to compare with", 0, 70 * MIN, 70 * MIN},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct window_gap g = window_gap(R, cases[i].last_length, R + 200 * MIN, cases[i].length);
        if (!g.known || g.length_us != cases[i].kept || g.gap_us != 200 * MIN - cases[i].kept)
            fail_msg("%s: %d, gap %lld s, length %lld s", cases[i].name, g.known, (long long)(g.gap_us / S),
                     (long long)(g.length_us / S));
    }
}

static void numbers_that_make_no_sense_do_no_harm(void **state)
{
    static const int64_t odd[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, R, INT64_MAX - 1, INT64_MAX};
    (void)state;

    for (size_t i = 0; i < LEN(odd); i++) {
        for (size_t k = 0; k < LEN(odd); k++) {
            struct window_gap g = window_gap(R, 10 * MIN, odd[i], odd[k]);
            assert_true(g.known && g.gap_us >= 0 && g.length_us > 0);
            g = window_gap(R, 0, odd[i], odd[k]);
            assert_true(g.gap_us >= 0 && g.length_us >= 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gap_is_the_time_since_the_last_reply_less_the_window),
        cmocka_unit_test(a_length_from_a_clock_change_is_not_believed),
        cmocka_unit_test(numbers_that_make_no_sense_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
