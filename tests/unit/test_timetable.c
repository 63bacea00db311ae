#include "timetable.h"

#include "clock.h"
#include "cron_lines.h"
#include "cron_oracle.h"
#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define SECOND CLOCK_SECOND
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static int64_t time_of(const char *text)
{
    int64_t us = 0;
    if (!date_parse((sluice_str){text, strlen(text)}, NULL, &us))
        fail_msg("%s", text);
    return us;
}

static struct timetable opened(const char *schedule, const char *full_schedule, const char *zone, int catchup)
{
    char name[] = "shop.things", lines[2][CRON_LINE_SIZE], timezone[64];
    struct config_job job = {
        .name = name, .schedule = lines[0], .full_schedule = lines[1], .timezone = timezone, .catchup = catchup};
    struct timetable t;
    struct err err = {0};
    snprintf(lines[0], sizeof lines[0], "%s", schedule);
    snprintf(lines[1], sizeof lines[1], "%s", full_schedule);
    snprintf(timezone, sizeof timezone, "%s", zone);
    if (timetable_open(&t, &job, NULL, &err) != SLUICE_OK)
        fail_msg("%s", err.msg);
    assert_true(t.last_fire == 0 && t.jitter_us == 0);
    return t;
}

/* ---- Opening, jitter ---- */

static void a_bad_line_is_told_with_its_job_and_setting(void **state)
{
    (void)state;
    char name[] = "shop.things", line[] = "@daily", bad[] = "0 25 * * *", zone[] = "UTC";
    struct config_job job = {.name = name, .schedule = line, .full_schedule = bad, .timezone = zone};
    struct timetable t;
    struct err err = {0};
    assert_int_equal(timetable_open(&t, &job, NULL, &err), SLUICE_E_CONFIG);
    assert_string_equal(err.msg,
                        "shop.things: full_schedule: hour \"25\": not a value of this field; allowed is 0 to 23");
    timetable_close(&t);
}

static int64_t jitter_of(const char *name, int64_t jitter_us)
{
    char own[64], line[] = "@hourly", none[] = "", zone[] = "UTC";
    struct config_job job = {
        .name = own, .schedule = line, .full_schedule = none, .timezone = zone, .jitter_us = jitter_us};
    struct timetable t;
    struct err err = {0};
    snprintf(own, sizeof own, "%s", name);
    assert_int_equal(timetable_open(&t, &job, NULL, &err), SLUICE_OK);
    int64_t jitter = t.jitter_us;
    timetable_close(&t);
    return jitter;
}

static void the_jitter_of_a_job_is_always_the_same_and_below_its_limit(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 2, SECOND, 10 * MINUTE, DAY};
    for (size_t i = 0; i < LEN(limits); i++)
        for (int n = 0; n < 100; n++) {
            char name[32];
            snprintf(name, sizeof name, "shop%d.things", n);
            int64_t jitter = jitter_of(name, limits[i]);
            assert_true(jitter >= 0 && jitter < limits[i]);
            assert_true(jitter == jitter_of(name, limits[i]));
        }
    assert_true(jitter_of("shop.things", 0) == 0);
    /* Other processes and later versions find the same: a restart must not move a job. */
    assert_true(jitter_of("shop.things", HOUR) == INT64_C(2904848009));
}

static void the_jitters_of_jobs_with_names_alike_are_spread_evenly(void **state)
{
    (void)state;
    int tenths[10] = {0};
    for (int n = 0; n < 1000; n++) {
        char name[32];
        snprintf(name, sizeof name, "shop.things%d", n);
        tenths[jitter_of(name, 10 * MINUTE) / MINUTE]++;
    }
    for (int i = 0; i < 10; i++)
        if (tenths[i] < 60 || tenths[i] > 140)
            fail_msg("%d of 1000 jobs in tenth %d", tenths[i], i);
}

/* ---- What is due ---- */

static void what_is_due_follows_from_the_last_fire_and_the_time(void **state)
{
    (void)state;
    static const struct {
        const char *what, *schedule, *full_schedule;
        int catchup;
        int64_t jitter_us;
        const char *last, *now;
        const char *at; /* NULL: nothing is due */
        int64_t missed;
        bool run, full;
        const char *next; /* before `at` is handled; NULL: never */
    } cases[] = {
        {"not yet", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z", "2025-10-11T09:59:59.999999Z",
         NULL, 0, false, false, "2025-10-11T10:00:00Z"},
        {"now", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z", "2025-10-11T10:00:00Z",
         "2025-10-11T10:00:00Z", 0, true, false, "2025-10-11T10:00:00Z"},
        {"missed once", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z", "2025-10-11T10:59:00Z",
         "2025-10-11T10:00:00Z", 0, true, false, "2025-10-11T10:59:00Z"},
        {"missed thrice", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z", "2025-10-11T12:01:01Z",
         "2025-10-11T12:00:00Z", 2, true, false, "2025-10-11T12:01:01Z"},
        {"missed for years", "* * * * *", "", CONFIG_CATCHUP_ONCE, 0, "1999-10-11T09:00:00Z", "2025-10-11T12:01:01Z",
         "2025-10-11T12:01:00Z", TIMETABLE_MISSED_MAX, true, false, "2025-10-11T12:01:01Z"},
        {"a full one among the missed", "0 * * * *", "30 10 * * *", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T12:01:01Z", "2025-10-11T12:00:00Z", 3, true, true, "2025-10-11T12:01:01Z"},
        {"a full one before the missed", "0 * * * *", "30 8 * * *", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T12:01:01Z", "2025-10-11T12:00:00Z", 2, true, false, "2025-10-11T12:01:01Z"},
        {"both lines at once", "0 * * * *", "0 10 * * *", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T10:00:00Z", "2025-10-11T10:00:00Z", 0, true, true, "2025-10-11T10:00:00Z"},

        {"a minute late is not missed", "0 * * * *", "", CONFIG_CATCHUP_SKIP, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T10:01:00Z", "2025-10-11T10:00:00Z", 0, true, false, "2025-10-11T10:01:00Z"},
        {"more than a minute is", "0 * * * *", "", CONFIG_CATCHUP_SKIP, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T10:01:00.000001Z", "2025-10-11T10:00:00Z", 1, false, false, "2025-10-11T10:01:00.000001Z"},
        {"only the last of three is in time", "0 * * * *", "", CONFIG_CATCHUP_SKIP, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T12:00:30Z", "2025-10-11T12:00:00Z", 2, true, false, "2025-10-11T12:00:30Z"},
        {"all three are missed", "0 * * * *", "", CONFIG_CATCHUP_SKIP, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T12:02:00Z", "2025-10-11T12:00:00Z", 3, false, false, "2025-10-11T12:02:00Z"},
        {"a missed full one is forgotten", "0 * * * *", "30 10 * * *", CONFIG_CATCHUP_SKIP, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T12:00:01Z", "2025-10-11T12:00:00Z", 3, true, false, "2025-10-11T12:00:01Z"},
        {"a full one in the last minute is not", "30 0 12 * * *", "10 0 12 * * *", CONFIG_CATCHUP_SKIP, 0,
         "2025-10-11T09:00:00Z", "2025-10-11T12:00:31Z", "2025-10-11T12:00:30Z", 1, true, true, "2025-10-11T12:00:31Z"},
        {"one that was handled makes no other full", "30 0 12 * * *", "10 0 12 * * *", CONFIG_CATCHUP_SKIP, 0,
         "2025-10-11T12:00:10Z", "2025-10-11T12:00:31Z", "2025-10-11T12:00:30Z", 0, true, false,
         "2025-10-11T12:00:31Z"},

        {"its jitter has not come", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 7 * MINUTE + 1, "2025-10-11T09:00:00Z",
         "2025-10-11T10:07:00Z", NULL, 0, false, false, "2025-10-11T10:07:00.000001Z"},
        {"its jitter has come", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 7 * MINUTE + 1, "2025-10-11T09:00:00Z",
         "2025-10-11T10:07:00.000001Z", "2025-10-11T10:00:00Z", 0, true, false, "2025-10-11T10:07:00.000001Z"},
        {"late counts from the jitter on", "0 * * * *", "", CONFIG_CATCHUP_SKIP, 7 * MINUTE, "2025-10-11T09:00:00Z",
         "2025-10-11T10:08:00Z", "2025-10-11T10:00:00Z", 0, true, false, "2025-10-11T10:08:00Z"},
        {"several are on their way", "*/5 * * * *", "", CONFIG_CATCHUP_ONCE, 22 * MINUTE, "2025-10-11T09:35:00Z",
         "2025-10-11T10:02:00Z", "2025-10-11T09:40:00Z", 0, true, false, "2025-10-11T10:02:00Z"},
        {"and the next comes after its distance", "*/5 * * * *", "", CONFIG_CATCHUP_ONCE, 22 * MINUTE,
         "2025-10-11T09:40:00Z", "2025-10-11T10:02:00Z", NULL, 0, false, false, "2025-10-11T10:07:00Z"},

        {"the last fire is not of this line", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:17:23.5Z",
         "2025-10-11T09:59:00Z", NULL, 0, false, false, "2025-10-11T10:00:00Z"},
        {"seen first within the second of a fire", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00.3Z",
         "2025-10-11T09:00:00.9Z", NULL, 0, false, false, "2025-10-11T10:00:00Z"},
        {"set back within three hours", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z",
         "2025-10-11T06:30:00Z", NULL, 0, false, false, "2025-10-11T10:00:00Z"},
        {"before 1970", "0 * * * *", "", CONFIG_CATCHUP_ONCE, 0, "1969-12-31T21:59:59.5Z", "1969-12-31T22:00:00.5Z",
         "1969-12-31T22:00:00Z", 0, true, false, "1969-12-31T22:00:00.5Z"},
        {"no line", "", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z", "2035-10-11T09:00:00Z", NULL, 0, false,
         false, NULL},
        {"a date that never comes", "0 0 30 2 *", "", CONFIG_CATCHUP_ONCE, 0, "2025-10-11T09:00:00Z",
         "2035-10-11T09:00:00Z", NULL, 0, false, false, NULL},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct timetable t = opened(cases[i].schedule, cases[i].full_schedule, "UTC", cases[i].catchup);
        struct timetable_due due = {0};
        int64_t now = time_of(cases[i].now);
        t.jitter_us = cases[i].jitter_us;
        t.last_fire = time_of(cases[i].last);
        bool any = timetable_due(&t, now, &due);
        if (any != (cases[i].at != NULL))
            fail_msg("%s: due %d", cases[i].what, any);
        if (any && (due.at != time_of(cases[i].at) || due.missed != cases[i].missed || due.run != cases[i].run ||
                    due.full != cases[i].full))
            fail_msg("%s: at %lld, missed %lld, run %d, full %d", cases[i].what, (long long)due.at,
                     (long long)due.missed, due.run, due.full);
        if (timetable_next(&t, now) != (cases[i].next ? time_of(cases[i].next) : 0))
            fail_msg("%s: next %lld", cases[i].what, (long long)timetable_next(&t, now));
        if (any) { /* handled, it is not due again */
            t.last_fire = due.at;
            if (timetable_due(&t, now, &due))
                fail_msg("%s: is due again at %lld", cases[i].what, (long long)due.at);
        }
        timetable_close(&t);
    }
}

/* ---- The clock, changed lines ---- */

static void a_clock_set_back_by_more_than_three_hours_makes_the_last_fire_undone(void **state)
{
    (void)state;
    struct timetable t = opened("0 * * * *", "", "UTC", CONFIG_CATCHUP_ONCE);
    struct timetable_due due;
    t.last_fire = time_of("2025-10-11T09:00:00Z");
    assert_false(timetable_is_ahead(&t, time_of("2025-10-11T09:00:00Z")));
    assert_false(timetable_is_ahead(&t, time_of("2025-10-11T06:00:00Z")));
    timetable_forget(&t, time_of("2025-10-11T06:00:00Z")); /* as a pause ends: what was handled stays so */
    assert_true(t.last_fire == time_of("2025-10-11T09:00:00Z"));

    int64_t now = time_of("2025-10-11T05:59:59.5Z");
    assert_true(timetable_is_ahead(&t, now));
    timetable_forget(&t, now);
    assert_false(timetable_is_ahead(&t, now));
    assert_false(timetable_due(&t, now, &due));
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T06:00:00Z"));
    timetable_close(&t);
}

static void a_clock_set_back_far_starts_anew_with_the_fires_on_their_way(void **state)
{
    (void)state;
    struct timetable t = opened("0 * * * *", "", "UTC", CONFIG_CATCHUP_ONCE);
    struct timetable_due due;
    int64_t now = time_of("2025-10-11T05:30:00Z");
    t.jitter_us = 5 * HOUR + 40 * MINUTE; /* longer than what a clock may be set back */
    t.last_fire = time_of("2025-10-11T09:00:00Z");
    assert_true(timetable_is_ahead(&t, now));
    timetable_forget(&t, now);
    assert_false(timetable_is_ahead(&t, now));
    assert_false(timetable_due(&t, now, &due));
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T05:40:00Z")); /* that of midnight */
    timetable_close(&t);
}

static void lines_that_changed_have_missed_nothing(void **state)
{
    (void)state;
    struct timetable t = opened("*/10 * * * *", "", "UTC", CONFIG_CATCHUP_ONCE);
    struct timetable_due due;
    int64_t now = time_of("2025-10-11T09:45:00Z");
    t.last_fire = time_of("2025-10-11T09:00:00Z"); /* by an hourly line */
    timetable_forget(&t, now);
    assert_false(timetable_due(&t, now, &due));
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T09:50:00Z"));

    /* What is on its way by the jitter is neither missed nor handled. */
    t.jitter_us = 7 * MINUTE;
    t.last_fire = time_of("2025-10-11T09:00:00Z");
    timetable_forget(&t, now);
    assert_false(timetable_due(&t, now, &due));
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T09:47:00Z"));

    /* What was handled is not due again. */
    t.last_fire = time_of("2025-10-11T09:40:00Z");
    timetable_forget(&t, now);
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T09:57:00Z"));
    timetable_close(&t);
}

static void a_job_seen_first_begins_with_what_is_still_to_come(void **state)
{
    (void)state;
    struct timetable t = opened("0 * * * *", "", "UTC", CONFIG_CATCHUP_ONCE);
    struct timetable_due due;
    int64_t now = time_of("2025-10-11T09:45:00Z");
    timetable_forget(&t, now);
    assert_true(t.last_fire == now);
    assert_false(timetable_due(&t, now, &due));
    assert_true(timetable_next(&t, now) == time_of("2025-10-11T10:00:00Z"));
    timetable_close(&t);
}

/* ---- Staleness ---- */

static void a_job_is_stale_at_the_third_fire_without_success(void **state)
{
    (void)state;
    static const struct {
        const char *schedule, *full_schedule, *zone;
        int64_t jitter_us;
        const char *since, *want; /* NULL: never */
    } cases[] = {
        {"*/5 * * * *", "", "UTC", 0, "2025-10-11T10:00:05Z", "2025-10-11T10:15:00Z"},
        {"*/5 * * * *", "", "UTC", 2 * MINUTE, "2025-10-11T10:02:05Z", "2025-10-11T10:17:00Z"},
        {"*/5 * * * *", "", "UTC", 22 * MINUTE, "2025-10-11T10:22:05Z", "2025-10-11T10:37:00Z"},
        {"0 6 * * 1-5", "", "UTC", 0, "2025-10-09T06:01:00Z", "2025-10-14T06:00:00Z"}, /* a weekend between */
        {"0 6 * * *", "0 12 * * *", "UTC", 0, "2025-10-09T06:01:00Z", "2025-10-10T12:00:00Z"},
        {"30 3 * * *", "", "Europe/Athens", 0, "2025-03-28T02:00:00Z", "2025-03-31T00:30:00Z"},
        {"", "", "UTC", 0, "2025-10-09T06:01:00Z", NULL},
        {"0 0 30 2 *", "", "UTC", 0, "2025-10-09T06:01:00Z", NULL},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct timetable t = opened(cases[i].schedule, cases[i].full_schedule, cases[i].zone, CONFIG_CATCHUP_ONCE);
        t.jitter_us = cases[i].jitter_us;
        int64_t at = timetable_stale_at(&t, time_of(cases[i].since));
        if (at != (cases[i].want ? time_of(cases[i].want) : 0))
            fail_msg("case %zu: %lld", i, (long long)at);
        timetable_close(&t);
    }
}

/* ---- A daemon over months ----
 *
 * It wakes when the timetable says so, runs what is due, and notes it in a store. `truth` is what the oracle knows. */

struct truth {
    int64_t *fires; /* seconds */
    bool *full;
    size_t count;
};

struct daemon {
    const struct truth *truth;
    const char *what;
    struct timetable table;
    int64_t now, store; /* the store's last fire */
    size_t runs, missed;
    uint64_t seed;
};

static int64_t below(struct daemon *d, int64_t limit)
{
    return (int64_t)((uint64_t)cron_random(&d->seed) << 31 | cron_random(&d->seed)) % limit;
}

/* How many fires are at or before a time. */
static size_t fires_until(const struct truth *truth, int64_t us)
{
    size_t low = 0, high = truth->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (truth->fires[middle] * SECOND <= us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Does the timetable say what the truth is? */
static bool look(struct daemon *d, struct timetable_due *due)
{
    const struct timetable *t = &d->table;
    size_t first = fires_until(d->truth, t->last_fire), end = fires_until(d->truth, d->now - t->jitter_us);
    bool any = timetable_due(t, d->now, due), full = false;

    if (first < d->truth->count) {
        int64_t next = d->truth->fires[first] * SECOND + t->jitter_us;
        if (timetable_next(t, d->now) != (next > d->now ? next : d->now))
            fail_msg("%s: next at %lld is wrong", d->what, (long long)d->now);
    }
    if (any != (first < end))
        fail_msg("%s: due at %lld: %d", d->what, (long long)d->now, any);
    if (!any)
        return false;
    bool late = d->now - t->jitter_us - d->truth->fires[end - 1] * SECOND > MINUTE, run = t->catchup || !late;
    int64_t missed = (int64_t)(end - first) - run;
    for (size_t i = first; i < end && run; i++)
        full = full ||
               (d->truth->full[i] && (t->catchup || d->now - t->jitter_us - d->truth->fires[i] * SECOND <= MINUTE));
    if (due->at != d->truth->fires[end - 1] * SECOND || due->run != run || due->full != full ||
        due->missed != (missed < TIMETABLE_MISSED_MAX ? missed : TIMETABLE_MISSED_MAX))
        fail_msg("%s: due at %lld: at %lld, missed %lld, run %d, full %d", d->what, (long long)d->now,
                 (long long)due->at, (long long)due->missed, due->run, due->full);
    d->missed += (size_t)missed;
    return true;
}

/* Claim what is due in the store. A fire that was claimed before is not run twice. */
static void claim(struct daemon *d, const struct timetable_due *due)
{
    d->table.last_fire = due->at;
    if (d->store >= due->at)
        fail_msg("%s: the fire of %lld is due twice", d->what, (long long)due->at);
    d->store = due->at;
    d->runs += due->run;
}

/* Sleep until something is due, for at most `most`, and wake up to 20 ms later. */
static void sleep_until_due(struct daemon *d, int64_t most)
{
    int64_t next = timetable_next(&d->table, d->now);
    d->now = next && next < d->now + most ? next : d->now + most;
    d->now += below(d, 20000);
}

static void open_daemon(struct daemon *d, const struct truth *truth, const char *what, int64_t start)
{
    d->truth = truth;
    d->what = what;
    d->now = start;
    timetable_forget(&d->table, start);
    d->store = d->table.last_fire;
}

/* Nothing disturbs it: it runs every fire once, when its moment comes. */
static void live_calmly(struct daemon *d, int64_t end)
{
    struct timetable_due due;
    size_t first = fires_until(d->truth, d->store);

    while (d->now < end) {
        sleep_until_due(d, 30 * DAY);
        if (!look(d, &due))
            continue;
        if (d->now - due.at - d->table.jitter_us >= SECOND || due.missed > 0)
            fail_msg("%s: the fire of %lld comes late", d->what, (long long)due.at);
        claim(d, &due);
    }
    size_t want = fires_until(d->truth, d->now - d->table.jitter_us) - first;
    if (d->runs != want)
        fail_msg("%s: %zu runs of %zu fires", d->what, d->runs, want);
}

/* It is stopped for a while, or crashes before a fire is claimed, or its clock is set. */
static void live_wildly(struct daemon *d, int64_t end)
{
    static const int64_t breaks[] = {SECOND, 10 * MINUTE, 5 * HOUR, 3 * DAY, 40 * DAY};
    struct timetable_due due;
    size_t first = fires_until(d->truth, d->store), again = 0;

    while (d->now < end) {
        int64_t length = below(d, breaks[below(d, LEN(breaks))]);
        switch (below(d, 40)) {
        case 0: /* stopped, or set forward, which looks the same */
            d->now += length;
            d->table.last_fire = d->store;
            break;
        case 1: /* set back */
            length = length < 20 * HOUR ? length : 20 * HOUR;
            d->now -= length;
            if (!timetable_is_ahead(&d->table, d->now)) {
                assert_true(d->table.last_fire - d->now <= 3 * HOUR);
                break;
            }
            again += fires_until(d->truth, d->store);
            timetable_forget(&d->table, d->now);
            d->store = d->table.last_fire;
            again -= fires_until(d->truth, d->store); /* these come once more */
            break;
        default:
            sleep_until_due(d, length + 1);
            break;
        }
        size_t missed = d->missed;
        if (!look(d, &due))
            continue;
        if (below(d, 20) == 0) { /* crashes before the claim: it is due again */
            d->missed = missed;
            d->table.last_fire = d->store;
            continue;
        }
        claim(d, &due);
    }
    size_t want = fires_until(d->truth, d->store) - first + again;
    if (d->runs + d->missed != want)
        fail_msg("%s: %zu runs and %zu missed of %zu fires", d->what, d->runs, d->missed, want);
}

static const struct {
    const char *schedule, *full_schedule;
} schedules[] = {
    {"*/20 * * * *", "0 3 * * 0"},     {"30 * * * *", ""},           {"30 2 * * *", ""},
    {"0,30 0-4 * * *", "15 2 * * *"},  {"0 0 * * *", "0 0 1 * *"},   {"", "30 1 * * *"},
    {"0 12 * * 1-5", "0 0 29-31 * *"}, {"0 */3 * * *", "0 3 * * *"}, {"10 59 1,2,23 * * *", "@daily"},
};

static const struct {
    const char *zone, *start, *end;
} places[] = {
    {"UTC", "2024-01-10", "2024-07-01"},
    {"Europe/Athens", "2025-02-01", "2025-12-01"},
    {"Europe/Dublin", "2025-02-01", "2025-12-01"},
    {"America/Havana", "2025-02-01", "2025-12-01"},
    {"America/Sao_Paulo", "2018-01-10", "2018-12-01"},
    {"Africa/Cairo", "2025-02-01", "2025-12-01"},
    {"Africa/Casablanca", "2025-02-01", "2025-06-01"},
    {"Asia/Beirut", "2025-02-01", "2025-12-01"},
    {"Pacific/Apia", "2011-08-01", "2012-05-01"},
    {"Australia/Lord_Howe", "2025-02-01", "2025-12-01"},
    {"Antarctica/Troll", "2025-02-01", "2025-12-01"},
};

static const int64_t jitters[] = {0, 90 * SECOND + 123456, 25 * MINUTE, 7 * HOUR + 1};

/* One daemon's life with a schedule in a place. */
static void live(size_t place, size_t schedule, int64_t jitter, int catchup, bool calm, const struct truth *truth)
{
    char what[160];
    struct daemon d = {.seed = place * 1000003 + schedule * 1009 + (uint64_t)jitter + (uint64_t)catchup};
    d.table = opened(schedules[schedule].schedule, schedules[schedule].full_schedule, places[place].zone, catchup);
    d.table.jitter_us = jitter;
    snprintf(what, sizeof what, "\"%s\" and \"%s\" in %s, jitter %lld, catchup %d, %s", schedules[schedule].schedule,
             schedules[schedule].full_schedule, places[place].zone, (long long)jitter, catchup, calm ? "calm" : "wild");
    open_daemon(&d, truth, what, time_of(places[place].start));
    if (calm)
        live_calmly(&d, time_of(places[place].end));
    else
        live_wildly(&d, time_of(places[place].end));
    timetable_close(&d.table);
}

static void live_everywhere(bool calm)
{
    for (size_t place = 0; place < LEN(places); place++) {
        struct oracle_clock clock;
        int64_t from = time_of(places[place].start) / SECOND, end = time_of(places[place].end) / SECOND;
        int64_t room = 60 * (DAY / SECOND); /* that a break or a jitter reaches beyond */
        oracle_clock_watch(&clock, places[place].zone, from - room, end + room, 6 * 3600);
        for (size_t s = 0; s < LEN(schedules); s++) {
            struct oracle_line lines[2];
            struct truth truth;
            size_t count = 0;
            const char *texts[] = {schedules[s].schedule, schedules[s].full_schedule};
            for (size_t i = 0; i < 2; i++)
                if (*texts[i])
                    oracle_line_read(texts[i], &lines[count++]);
            truth.count =
                oracle_fires(lines, count, &clock, from - room + 86400, end + room, &truth.fires, &truth.full);
            for (size_t i = 0; count == 1 && i < truth.count; i++)
                truth.full[i] = *texts[1] != '\0';
            for (size_t j = 0; j < LEN(jitters); j++)
                live(place, s, jitters[j], (place + j) % 2 ? CONFIG_CATCHUP_ONCE : CONFIG_CATCHUP_SKIP, calm, &truth);
            free(truth.fires);
            free(truth.full);
            while (count > 0)
                oracle_line_free(&lines[--count]);
        }
        oracle_clock_free(&clock);
    }
    oracle_set_zone("UTC");
}

static void a_daemon_left_alone_runs_every_fire_once_and_in_time(void **state)
{
    (void)state;
    live_everywhere(true);
}

static void stops_crashes_and_set_clocks_lose_and_double_no_fire(void **state)
{
    (void)state;
    live_everywhere(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_line_is_told_with_its_job_and_setting),
        cmocka_unit_test(the_jitter_of_a_job_is_always_the_same_and_below_its_limit),
        cmocka_unit_test(the_jitters_of_jobs_with_names_alike_are_spread_evenly),
        cmocka_unit_test(what_is_due_follows_from_the_last_fire_and_the_time),
        cmocka_unit_test(a_clock_set_back_by_more_than_three_hours_makes_the_last_fire_undone),
        cmocka_unit_test(a_clock_set_back_far_starts_anew_with_the_fires_on_their_way),
        cmocka_unit_test(lines_that_changed_have_missed_nothing),
        cmocka_unit_test(a_job_seen_first_begins_with_what_is_still_to_come),
        cmocka_unit_test(a_job_is_stale_at_the_third_fire_without_success),
        cmocka_unit_test(a_daemon_left_alone_runs_every_fire_once_and_in_time),
        cmocka_unit_test(stops_crashes_and_set_clocks_lose_and_double_no_fire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
