#include "fires.h"

#include "cron_lines.h"
#include "cron_oracle.h"
#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define DAY    INT64_C(86400)

static struct fires opened(const char *schedule, const char *full_schedule, const char *zone)
{
    struct fires f;
    struct err err = {0};
    if (fires_open(&f, schedule, full_schedule, zone, &err) != SLUICE_OK)
        fail_msg("%s", err.msg);
    return f;
}

static int64_t time_of(const char *text)
{
    int64_t us = 0;
    if (!date_parse((sluice_str){text, strlen(text)}, NULL, &us))
        fail_msg("%s", text);
    return us / 1000000;
}

/* ---- Opening ---- */

static void what_cannot_be_opened_is_told_with_its_setting(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *full_schedule, *zone, *want;
    } cases[] = {
        {"60 * * * *", "", "UTC", "schedule: minute \"60\": not a value of this field; allowed is 0 to 59"},
        {"@daily", "* 24 * * *", "UTC", "full_schedule: hour \"24\": not a value of this field; allowed is 0 to 23"},
        {"@daily", "", "Europe/Atens",
         "timezone: there is no time zone \"Europe/Atens\" on this system; tzdata has them"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fires f;
        struct err err = {0};
        assert_int_equal(fires_open(&f, cases[i].schedule, cases[i].full_schedule, cases[i].zone, &err),
                         SLUICE_E_CONFIG);
        assert_string_equal(err.msg, cases[i].want);
        assert_null(f.zone);
        fires_close(&f);
    }
}

static void without_a_line_or_a_date_that_comes_there_are_no_fires(void **state)
{
    (void)state;
    static const char *const lines[][2] = {{"", ""}, {"0 0 30 2 *", ""}, {"", "0 0 31 4,6 *"}};
    for (size_t i = 0; i < LEN(lines); i++) {
        struct fires f = opened(lines[i][0], lines[i][1], "Europe/Athens");
        int64_t at;
        assert_false(fires_next(&f, 0, &at, NULL));
        assert_false(fires_last(&f, 0, time_of("2300-01-01"), &at, NULL));
        fires_close(&f);
    }
}

/* ---- Two lines ---- */

static void a_moment_of_both_lines_is_one_fire_of_a_full_run(void **state)
{
    (void)state;
    struct fires f = opened("0 * * * *", "30 3,4 * * *", "UTC"), both = opened("0 * * * *", "0 4 * * *", "UTC");
    int64_t at;
    bool full;
    assert_true(fires_next(&f, time_of("2025-10-11T03:00:00Z"), &at, &full));
    assert_true(at == time_of("2025-10-11T03:30:00Z") && full);
    assert_true(fires_next(&f, at, &at, &full));
    assert_true(at == time_of("2025-10-11T04:00:00Z") && !full);

    assert_true(fires_next(&both, time_of("2025-10-11T03:00:00Z"), &at, &full));
    assert_true(at == time_of("2025-10-11T04:00:00Z") && full);
    assert_true(fires_next(&both, at, &at, &full));
    assert_true(at == time_of("2025-10-11T05:00:00Z") && !full);
    fires_close(&f);
    fires_close(&both);
}

static void a_full_schedule_alone_means_full_runs(void **state)
{
    (void)state;
    struct fires f = opened("", "@weekly", "UTC");
    int64_t at;
    bool full = false;
    assert_true(fires_next(&f, time_of("2025-10-11"), &at, &full));
    assert_true(at == time_of("2025-10-12") && full);
    full = false;
    assert_true(fires_last(&f, time_of("2025-10-01"), time_of("2025-10-14"), &at, &full));
    assert_true(at == time_of("2025-10-12") && full);
    fires_close(&f);
}

static void the_last_fire_is_in_the_stretch_and_full_when_any_of_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *full_schedule, *after, *now;
        const char *want; /* "": there is none */
        bool full;
    } cases[] = {
        {"0 * * * *", "", "2025-10-11T03:00:00Z", "2025-10-11T03:59:59Z", "", false},
        {"0 * * * *", "", "2025-10-11T03:00:00Z", "2025-10-11T04:00:00Z", "2025-10-11T04:00:00Z", false},
        {"0 * * * *", "", "2025-10-11T04:00:00Z", "2025-10-11T04:00:00Z", "", false},
        {"0 * * * *", "", "2025-10-11T05:00:00Z", "2025-10-11T04:00:00Z", "", false}, /* the clock was set back */
        {"0 * * * *", "30 3 * * *", "2025-10-11T03:00:00Z", "2025-10-11T04:10:00Z", "2025-10-11T04:00:00Z", true},
        {"0 * * * *", "30 3 * * *", "2025-10-11T03:00:00Z", "2025-10-11T03:40:00Z", "2025-10-11T03:30:00Z", true},
        {"0 * * * *", "30 3 * * *", "2025-10-11T03:30:00Z", "2025-10-11T04:40:00Z", "2025-10-11T04:00:00Z", false},
        {"0 * * * *", "30 3 * * *", "2025-10-11T03:29:59Z", "2025-10-11T04:40:00Z", "2025-10-11T04:00:00Z", true},
        {"* * * * *", "", "1970-01-01", "2025-10-11T04:40:30Z", "2025-10-11T04:40:00Z", false},
        {"* 9-17 * * 1-5", "", "2020-01-01", "2025-10-13T06:00:00Z", "2025-10-10T17:59:00Z", false},
        {"0 0 29 2 *", "", "0500-01-01", "2103-12-31", "2096-02-29", false},
        {"0 0 29 2 0", "", "1970-01-01", "2025-02-28", "2025-02-23", false},
        {"* * * * * *", "0 0 1 1 *", "1970-01-01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", true},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fires f = opened(cases[i].schedule, cases[i].full_schedule, "UTC");
        int64_t at = 0;
        bool full = false;
        bool any = fires_last(&f, time_of(cases[i].after), time_of(cases[i].now), &at, &full);
        if (any != (*cases[i].want != '\0') || (any && (at != time_of(cases[i].want) || full != cases[i].full)))
            fail_msg("case %zu: %d, %lld, full %d", i, any, (long long)at, full);
        fires_close(&f);
    }
}

/* ---- The oracle ---- */

static const char *const zones[] = {
    "UTC",          "Europe/Athens",        "Europe/Dublin",    "America/Havana",  "America/St_Johns",
    "Africa/Cairo", "Africa/Casablanca",    "Asia/Beirut",      "Pacific/Apia",    "Australia/Lord_Howe",
    "Asia/Gaza",    "America/Scoresbysund", "Antarctica/Troll", "Pacific/Fakaofo",
};

/* How many entries of an ascending list are not after `at`. */
static size_t count_until(const int64_t *list, size_t count, int64_t at)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (list[middle] <= at)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static bool any_second(const bool *second, size_t from, size_t to)
{
    while (from < to && !second[from])
        from++;
    return from < to;
}

/* A time in the years of the oracle; every other time near a change of the clock, every third on a fire. */
static int64_t some_time(uint64_t *seed, const struct oracle_clock *c, const int64_t *list, size_t count)
{
    uint32_t kind = cron_random(seed) % 6;
    if (kind % 3 == 0 && count > 0)
        return list[cron_random(seed) % count] + cron_random(seed) % 3 - 1;
    if (kind % 2 == 0)
        return c->list[cron_random(seed) % c->count].from + cron_random(seed) % (4 * DAY) - 2 * DAY;
    return c->list[0].from + (int64_t)(cron_random(seed) % (uint64_t)(c->end - c->list[0].from));
}

static void compare(const char *zone, const struct oracle_clock *c, const char *schedule, const char *full_schedule,
                    uint64_t *seed)
{
    struct fires f = opened(schedule, full_schedule, zone);
    struct oracle_line lines[2];
    int64_t *list, from = c->list[0].from + 7 * DAY, end = c->end - 7 * DAY;
    bool *second;

    oracle_line_read(schedule, &lines[0]);
    oracle_line_read(full_schedule, &lines[1]);
    size_t count = oracle_fires(lines, 2, c, from, end, &list, &second);
    for (int n = 0; n < 200; n++) {
        int64_t after = some_time(seed, c, list, count), now = some_time(seed, c, list, count), at = 0;
        bool full = false;
        if (after < from || after >= end || now < from || now >= end)
            continue;
        size_t first = count_until(list, count, after), next_of_last = count_until(list, count, now);
        if (first < count && (!fires_next(&f, after, &at, &full) || at != list[first] || full != second[first]))
            fail_msg("%s and %s in %s after %lld: %lld, full %d", schedule, full_schedule, zone, (long long)after,
                     (long long)at, full);
        bool any = fires_last(&f, after, now, &at, &full), want = first < next_of_last;
        if (any != want || (any && (at != list[next_of_last - 1] || full != any_second(second, first, next_of_last))))
            fail_msg("%s and %s in %s from %lld to %lld: %d, %lld, full %d", schedule, full_schedule, zone,
                     (long long)after, (long long)now, any, (long long)at, full);
    }
    free(list);
    free(second);
    oracle_line_free(&lines[0]);
    oracle_line_free(&lines[1]);
    fires_close(&f);
}

static void next_and_last_agree_with_the_oracle_over_years(void **state)
{
    (void)state;
    static char lines[CRON_LINES][CRON_LINE_SIZE];
    uint64_t seed = 20251026;
    cron_lines(lines, 20251026);
    for (size_t i = 0; i < LEN(zones); i++) {
        struct oracle_clock c;
        oracle_clock_watch(&c, zones[i], date_days(2008, 1, 1) * DAY, date_days(2013, 1, 1) * DAY, 6 * 3600);
        for (int n = 0; n < 40; n++)
            compare(zones[i], &c, lines[cron_random(&seed) % CRON_LINES], lines[cron_random(&seed) % CRON_LINES],
                    &seed);
        oracle_clock_free(&c);
    }
    oracle_set_zone("UTC");
}

/* ---- Cost ---- */

static void the_last_of_four_billion_fires_is_found_at_once(void **state)
{
    (void)state;
    struct fires f = opened("* 9-17 * * 1-5", "* * * * * *", "Europe/Athens");
    clock_t start = clock();
    int64_t at;
    for (int i = 0; i < 1000; i++)
        assert_true(fires_last(&f, time_of("1900-01-01"), time_of("2026-01-01") + i, &at, NULL));
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC); /* a walk over all of them would take hours */
    fires_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_opened_is_told_with_its_setting),
        cmocka_unit_test(without_a_line_or_a_date_that_comes_there_are_no_fires),
        cmocka_unit_test(a_moment_of_both_lines_is_one_fire_of_a_full_run),
        cmocka_unit_test(a_full_schedule_alone_means_full_runs),
        cmocka_unit_test(the_last_fire_is_in_the_stretch_and_full_when_any_of_it_is),
        cmocka_unit_test(next_and_last_agree_with_the_oracle_over_years),
        cmocka_unit_test(the_last_of_four_billion_fires_is_found_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
