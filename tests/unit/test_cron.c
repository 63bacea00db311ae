#include "cron.h"

#include "buf.h"
#include "date.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define MINUTE INT64_C(60)
#define HOUR INT64_C(3600)
#define DAY INT64_C(86400)

static struct cron parsed(const char *line)
{
    struct cron c = {0};
    struct err err = {0};
    if (cron_parse(line, &c, &err) != SLUICE_OK)
        fail_msg("%s: %s", line, err.msg);
    return c;
}

static struct zone *open_zone(const char *name)
{
    struct zone *z = zone_open(name);
    if (!z)
        fail_msg("%s does not open", name);
    return z;
}

/* ---- Parsing ---- */

/* A set written as its values, "0 15 30". */
static uint64_t set_of(const char *text)
{
    uint64_t set = 0;
    for (char *end; *text; text = end + strspn(end, " "))
        set |= UINT64_C(1) << strtol(text, &end, 10);
    return set;
}

static void a_field_is_a_set_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int field; /* 0 seconds to 5 weekdays */
        const char *want;
    } cases[] = {
        {"*/15 * * * *", 1, "0 15 30 45"},
        {"2/5 * * * *", 1, "2 7 12 17 22 27 32 37 42 47 52 57"},
        {"1,2,50 * * * *", 1, "1 2 50"},
        {"10-14 * * * *", 1, "10 11 12 13 14"},
        {"10-20/5 * * * *", 1, "10 15 20"},
        {"1-3,*/20,59 * * * *", 1, "0 1 2 3 20 40 59"},
        {"*/60 * * * *", 1, "0"},
        {"59/5 * * * *", 1, "59"},
        {"007 * * * *", 1, "7"},
        {"0 0 * * *", 0, "0"},
        {"*/30 0 0 * * *", 0, "0 30"},
        {"0 9-17/4 * * *", 2, "9 13 17"},
        {"0 0 1,15 * *", 3, "1 15"},
        {"0 0 */10 * *", 3, "1 11 21 31"},
        {"0 0 1 jan,JUL *", 4, "1 7"},
        {"0 0 1 Oct-Dec *", 4, "10 11 12"},
        {"0 0 1 */3 *", 4, "1 4 7 10"},
        {"0 0 * * 0", 5, "0"},
        {"0 0 * * 7", 5, "0"},
        {"0 0 * * 5-7", 5, "0 5 6"},
        {"0 0 * * fri-sun", 5, "0 5 6"},
        {"0 0 * * Sun-Tue", 5, "0 1 2"},
        {"0 0 * * mon-fri", 5, "1 2 3 4 5"},
        {"0 0 * * */2", 5, "0 2 4 6"},
        {"0 0 * * 1/2", 5, "1 3 5"},
        {"0 0 * * 0-7", 5, "0 1 2 3 4 5 6"},
        {"@hourly", 1, "0"},
        {"@daily", 2, "0"},
        {" @Midnight\t", 2, "0"},
        {"@weekly", 5, "0"},
        {"@monthly", 3, "1"},
        {"@yearly", 4, "1"},
        {"@annually", 3, "1"},
        {"\t0   0\t1 1 *  ", 4, "1"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct cron c = parsed(cases[i].line);
        uint64_t sets[] = {c.seconds, c.minutes, c.hours, c.days, c.months, c.weekdays};
        if (sets[cases[i].field] != set_of(cases[i].want))
            fail_msg("%s: %llx", cases[i].line, (unsigned long long)sets[cases[i].field]);
    }
}

static void a_star_at_the_start_of_a_field_says_what_kind_of_job_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool interval, either_day;
    } cases[] = {
        {"* * * * *", true, false},       {"*/5 3 * * *", true, false},   {"0 * * * *", true, false},
        {"0 */2 * * *", true, false},     {"30 2 * * *", false, false},   {"0,30 2 * * *", false, false},
        {"0 0-23 * * *", false, false},   {"* 30 2 * * *", false, false}, {"0 *,3 * * *", true, false},
        {"0 0 1 * 1", false, true},       {"0 0 */2 * 1", false, false},  {"0 0 1 * */2", false, false},
        {"0 0 1-31 * 1", false, true},    {"@hourly", true, false},       {"@weekly", false, false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct cron c = parsed(cases[i].line);
        if (c.interval != cases[i].interval || c.days_or_weekdays != cases[i].either_day)
            fail_msg("%s: interval %d, either day %d", cases[i].line, c.interval, c.days_or_weekdays);
    }
}

static void a_bad_line_is_refused_with_field_value_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"60 * * * *", "minute \"60\": not a value of this field; allowed is 0 to 59"},
        {"* 24 * * *", "hour \"24\": not a value of this field; allowed is 0 to 23"},
        {"* * 0 * *", "day of month \"0\": not a value of this field; allowed is 1 to 31"},
        {"* * 32 * *", "day of month \"32\": not a value of this field; allowed is 1 to 31"},
        {"* * * 13 *", "month \"13\": not a value of this field; allowed is 1 to 12 or jan to dec"},
        {"* * * juni *", "month \"juni\": not a value of this field; allowed is 1 to 12 or jan to dec"},
        {"* * * * 8", "weekday \"8\": not a value of this field; allowed is 0 to 7 or sun to sat (0 and 7 are Sunday)"},
        {"60 * * * * *", "second \"60\": not a value of this field; allowed is 0 to 59"},
        {"1,,2 * * * *", "minute \"\": not a value of this field; allowed is 0 to 59"},
        {"1, * * * *", "minute \"\": not a value of this field; allowed is 0 to 59"},
        {"-5 * * * *", "minute \"-5\": not a value of this field; allowed is 0 to 59"},
        {"5- * * * *", "minute \"5-\": not a range of this field; allowed is 0 to 59"},
        {"1-2-3 * * * *", "minute \"1-2-3\": not a range of this field; allowed is 0 to 59"},
        {"*-5 * * * *", "minute \"*-5\": not a value of this field; allowed is 0 to 59"},
        {"*5 * * * *", "minute \"*5\": not a value of this field; allowed is 0 to 59"},
        {"30-10 * * * *", "minute \"30-10\": the range runs backwards; allowed is 0 to 59"},
        {"0 22-2 * * *", "hour \"22-2\": the range runs backwards; allowed is 0 to 23"},
        {"*/0 * * * *", "minute \"*/0\": the step must be 1 to 60; allowed is 0 to 59"},
        {"*/90 * * * *", "minute \"*/90\": the step must be 1 to 60; allowed is 0 to 59"},
        {"*/ * * * *", "minute \"*/\": the step must be 1 to 60; allowed is 0 to 59"},
        {"*/5/5 * * * *", "minute \"*/5/5\": the step must be 1 to 60; allowed is 0 to 59"},
        {"0 */25 * * *", "hour \"*/25\": the step must be 1 to 24; allowed is 0 to 23"},
        {"99999999999 * * * *", "minute \"99999999999\": not a value of this field; allowed is 0 to 59"},
        {"+5 * * * *", "minute \"+5\": not a value of this field; allowed is 0 to 59"},
        {"0 0 L * *", "day of month \"L\": not a value of this field; allowed is 1 to 31"},
        {"0 0 ? * *", "day of month \"?\": not a value of this field; allowed is 1 to 31"},
        {"mon * * * *", "minute \"mon\": not a value of this field; allowed is 0 to 59"},
        {"", "\"\": 0 fields; allowed is 5 (minute, hour, day of month, month, weekday), or 6 with seconds in front"},
        {"* * * *",
         "\"* * * *\": 4 fields; allowed is 5 (minute, hour, day of month, month, weekday), or 6 with seconds in "
         "front"},
        {"* * * * * * *",
         "\"* * * * * * *\": 7 fields; allowed is 5 (minute, hour, day of month, month, weekday), or 6 with seconds in "
         "front"},
        {"@reboot", "\"@reboot\": not known; allowed is @hourly, @daily, @midnight, @weekly, @monthly, @yearly, "
                    "@annually (to run when the daemon starts, set on_start)"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct cron c = {.hours = 4711};
        struct err err = {0};
        assert_int_equal(cron_parse(cases[i].line, &c, &err), SLUICE_E_CONFIG);
        assert_string_equal(err.msg, cases[i].want);
        assert_true(c.hours == 4711);
    }
}

static void a_date_that_never_comes_is_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool never;
    } cases[] = {
        {"0 0 30 2 *", true},
        {"0 0 31 2 *", true},
        {"0 0 31 4,6,9,11 *", true},
        {"0 0 30,31 feb *", true},
        {"0 0 30 2 */2", true},
        {"0 0 30 2 1", false},   /* or on a Monday */
        {"0 0 29 2 */6", false}, /* 29 February, on a weekend */
        {"0 0 29 2 *", false},
        {"0 0 31 * *", false},
        {"0 0 31 2,3 *", false},
        {"* * * * *", false},
        {"@yearly", false},
    };
    struct zone *z = open_zone("Europe/Athens");
    for (size_t i = 0; i < LEN(cases); i++) {
        struct cron c = parsed(cases[i].line);
        int64_t fire;
        if (cron_never(&c) != cases[i].never || cron_next(&c, z, 0, &fire) == cases[i].never)
            fail_msg("%s", cases[i].line);
    }
    zone_close(z);
}

/* ---- Known fires ---- */

static void jobs_fire_when_people_expect(void **state)
{
    (void)state;
    static const struct {
        const char *line, *zone, *after;
        const char *want[4]; /* the fires that follow, in UTC */
    } cases[] = {
        {"*/5 * * * *", "UTC", "2025-10-11T08:58:45Z", {"2025-10-11T09:00:00Z", "2025-10-11T09:05:00Z"}},
        {"0 3 * * *", "Europe/Athens", "2025-10-11T08:58:45Z", {"2025-10-12T00:00:00Z", "2025-10-13T00:00:00Z"}},
        {"0 0 29 2 *", "UTC", "2096-03-01", {"2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"}},
        {"0 0 29 2 *", "UTC", "1999-03-01", {"2000-02-29T00:00:00Z", "2004-02-29T00:00:00Z"}},
        {"0 0 29 2 */7", "UTC", "2076-03-01", {"2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"}}, /* a Sunday */
        {"0 0 13 * 5", "UTC", "2025-10-11", {"2025-10-13T00:00:00Z", "2025-10-17T00:00:00Z", "2025-10-24T00:00:00Z"}},
        {"0 0 1 * */2", "UTC", "2025-10-11", {"2025-11-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"}},
        {"15,45 30 12 * * *", "UTC", "2025-10-11T12:30:15Z", {"2025-10-11T12:30:45Z", "2025-10-12T12:30:15Z"}},
        {"0 0 31 * *", "UTC", "2025-10-31", {"2025-12-31T00:00:00Z", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"}},
        {"59 23 31 12 *", "UTC", "9998-12-31T23:59:00Z", {"9999-12-31T23:59:00Z"}},

        /* Athens, 2025-03-30: 03:00 to 04:00 is skipped at 01:00 UTC. */
        {"*/30 * * * *", "Europe/Athens", "2025-03-30T00:00:00Z",
         {"2025-03-30T00:30:00Z", "2025-03-30T01:00:00Z", "2025-03-30T01:30:00Z"}},
        {"*/30 3 * * *", "Europe/Athens", "2025-03-30T00:00:00Z", {"2025-03-31T00:00:00Z"}}, /* not this day */
        {"30 3 * * *", "Europe/Athens", "2025-03-29T02:00:00Z", {"2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"}},
        {"0,15,30 3 * * *", "Europe/Athens", "2025-03-29T02:00:00Z", {"2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z"}},
        {"30 3,4 * * *", "Europe/Athens", "2025-03-29T03:00:00Z", {"2025-03-30T01:00:00Z", "2025-03-30T01:30:00Z"}},
        {"0 3,4 * * *", "Europe/Athens", "2025-03-29T03:00:00Z", {"2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z"}},

        /* Athens, 2025-10-26: 03:00 to 04:00 occurs at 00:00 and again at 01:00 UTC. */
        {"30 * * * *", "Europe/Athens", "2025-10-26T00:00:00Z",
         {"2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z", "2025-10-26T02:30:00Z"}},
        {"*/30 3 * * *", "Europe/Athens", "2025-10-25T20:00:00Z",
         {"2025-10-26T00:00:00Z", "2025-10-26T00:30:00Z", "2025-10-26T01:00:00Z", "2025-10-26T01:30:00Z"}},
        {"30 3 * * *", "Europe/Athens", "2025-10-25T20:00:00Z", {"2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"}},
        {"30 3 * * *", "Europe/Athens", "2025-10-26T01:00:00Z", {"2025-10-27T01:30:00Z"}},
        {"0 4 * * *", "Europe/Athens", "2025-10-25T20:00:00Z", {"2025-10-26T02:00:00Z"}},

        /* Lord Howe moves by half an hour. */
        {"15 2 * * *", "Australia/Lord_Howe", "2025-10-04T00:00:00Z", {"2025-10-04T15:30:00Z", "2025-10-05T15:15:00Z"}},
        {"45 1 * * *", "Australia/Lord_Howe", "2025-04-05T00:00:00Z", {"2025-04-05T14:45:00Z", "2025-04-06T15:15:00Z"}},
        {"45 * * * *", "Australia/Lord_Howe", "2025-04-05T14:00:00Z", {"2025-04-05T14:45:00Z", "2025-04-05T15:15:00Z"}},

        /* Apia had no 30 December 2011: after the 29th came the 31st, at 10:00 UTC. */
        {"0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
         {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        {"0 6,12,18 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", {"2011-12-30T10:00:00Z", "2012-12-29T16:00:00Z"}},
        {"0 * * * *", "Pacific/Apia", "2011-12-30T09:00:00Z", {"2011-12-30T10:00:00Z", "2011-12-30T11:00:00Z"}},

        /* The clock of Sao Paulo jumped over midnight. */
        {"@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", {"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct cron c = parsed(cases[i].line);
        struct zone *z = open_zone(cases[i].zone);
        int64_t us;
        assert_true(date_parse((sluice_str){cases[i].after, strlen(cases[i].after)}, NULL, &us));
        int64_t at = us / 1000000;
        struct buf text = {0};
        for (size_t n = 0; n < LEN(cases[i].want) && cases[i].want[n]; n++) {
            assert_true(cron_next(&c, z, at, &at));
            buf_clear(&text);
            date_print(&text, at * 1000000);
            if (strcmp(buf_text(&text), cases[i].want[n]) != 0)
                fail_msg("%s in %s, fire %zu after %s: %s, not %s", cases[i].line, cases[i].zone, n + 1, cases[i].after,
                         buf_text(&text), cases[i].want[n]);
        }
        buf_free(&text);
        zone_close(z);
    }
}

static void times_outside_the_calendar_have_no_next_fire(void **state)
{
    (void)state;
    struct cron c = parsed("* * * * *");
    struct zone *z = open_zone("Europe/Athens");
    int64_t fire;
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_C(253402300800), INT64_C(-62135596801)};
    for (size_t i = 0; i < LEN(times); i++)
        assert_false(cron_next(&c, z, times[i], &fire));
    assert_true(cron_next(&c, z, INT64_C(253402300799), &fire));
    assert_true(cron_next(&c, z, INT64_C(-62135596800), &fire));
    zone_close(z);
}

/* ---- A clock that is watched tick by tick, as the oracle ----
 *
 * It looks at the wall clock at every tick of a stretch of time. An interval job fires when what the clock shows
 * matches. A fixed job fires when one of the times matches that the clock has come to, or jumped over, since the latest
 * time it has ever shown. */

struct watch {
    int64_t start, tick; /* seconds */
    size_t count;
    int64_t *wall;       /* what the clock shows at each tick */
    int64_t *fires;      /* what was seen */
    size_t fire_count;
};

static bool wall_matches(const struct cron *c, int64_t wall)
{
    int64_t days = wall / DAY, second = wall % DAY; /* all walls here are after 1970 */
    if (!(c->hours >> second / HOUR & 1) || !(c->minutes >> second / MINUTE % 60 & 1) ||
        !(c->seconds >> second % MINUTE & 1))
        return false;
    int year, month, day;
    date_civil(days, &year, &month, &day);
    bool by_day = c->days >> day & 1, by_weekday = c->weekdays >> (days + 4) % 7 & 1;
    return (c->months >> month & 1) && (c->days_or_weekdays ? by_day || by_weekday : by_day && by_weekday);
}

static void watch_clock(struct watch *w, const struct cron *c)
{
    int64_t latest = w->wall[0];
    w->fire_count = 0;
    for (size_t i = 1; i < w->count; i++) {
        bool fires = false;
        if (c->interval)
            fires = wall_matches(c, w->wall[i]);
        else
            for (int64_t shown = latest + w->tick; shown <= w->wall[i] && !fires; shown += w->tick)
                fires = wall_matches(c, shown);
        if (w->wall[i] > latest)
            latest = w->wall[i];
        if (fires)
            w->fires[w->fire_count++] = w->start + (int64_t)i * w->tick;
    }
}

static void open_watch(struct watch *w, const struct zone *z, int64_t start, int64_t tick, size_t count)
{
    *w = (struct watch){.start = start, .tick = tick, .count = count};
    w->wall = malloc(count * sizeof *w->wall);
    w->fires = malloc(count * sizeof *w->fires);
    assert_non_null(w->wall);
    assert_non_null(w->fires);
    for (size_t i = 0; i < count; i++)
        w->wall[i] = start + (int64_t)i * tick + zone_offset(z, start + (int64_t)i * tick);
}

static void close_watch(struct watch *w)
{
    free(w->wall);
    free(w->fires);
}

/* From `from` on, is every fire that was seen also computed, and no other? */
static void compare(const struct watch *w, const struct cron *c, const struct zone *z, int64_t from, const char *line,
                    const char *zone)
{
    static uint64_t seed = 20251026;
    int64_t end = w->start + (int64_t)(w->count - 1) * w->tick, at = from, fire = 0;
    size_t i = 0;
    while (i < w->fire_count && w->fires[i] <= from)
        i++;
    for (; i < w->fire_count; i++) {
        if (!cron_next(c, z, at, &fire) || fire != w->fires[i])
            fail_msg("%s in %s after %lld: %lld, not %lld", line, zone, (long long)at, (long long)fire,
                     (long long)w->fires[i]);
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t between = at + (int64_t)(seed >> 33) % (fire - at), again = 0;
        if (!cron_next(c, z, between, &again) || again != fire)
            fail_msg("%s in %s after %lld: %lld, not %lld as after %lld", line, zone, (long long)between,
                     (long long)again, (long long)fire, (long long)at);
        at = fire;
    }
    if (cron_next(c, z, at, &fire) && fire <= end)
        fail_msg("%s in %s after %lld: %lld, where nothing was seen", line, zone, (long long)at, (long long)fire);
}

static const char *const zones[] = {
    "UTC",                 "Europe/Athens",     "Europe/London",     "Europe/Dublin",      "America/New_York",
    "America/Los_Angeles", "America/St_Johns",  "America/Havana",    "America/Santiago",   "America/Nuuk",
    "America/Asuncion",    "Africa/Casablanca", "Africa/Cairo",      "Asia/Gaza",          "Asia/Tehran",
    "Asia/Beirut",         "Asia/Pyongyang",    "Australia/Lord_Howe", "Pacific/Apia",     "Pacific/Chatham",
    "Pacific/Kwajalein",   "Antarctica/Troll",  "Antarctica/Casey",  "America/Caracas",
};

static const char *const minute_lines[] = {
    "* * * * *",       "*/5 * * * *",     "*/7 * * * *",     "2/5 * * * *",      "*/30 * * * *",     "0 * * * *",
    "30 * * * *",      "59 * * * *",      "0 */2 * * *",     "0 */3 * * *",      "30 */5 * * *",     "*/10 0 * * *",
    "*/10 1 * * *",    "*/10 2 * * *",    "*/10 3 * * *",    "*/15 1-3 * * *",   "*/20 23 * * *",    "* 2 * * *",
    "5,10 *,3 * * *",  "0 0 * * *",       "0 1 * * *",       "0 2 * * *",        "0 3 * * *",        "0 4 * * *",
    "30 0 * * *",      "30 1 * * *",      "30 2 * * *",      "30 3 * * *",       "15 2 * * *",       "45 1 * * *",
    "59 23 * * *",     "0 23 * * *",      "59 1 * * *",      "1 0 * * *",        "0,30 0-4 * * *",   "15,45 1-3 * * *",
    "0-59 2 * * *",    "0-59/3 1,2,3 * * *", "0 0-23 * * *", "0-59 0-23 * * *",  "0 12 * * *",       "0 6,18 * * *",
    "0 0 * * 0",       "0 0 * * 1",       "30 2 * * 0",      "30 2 * * 6",       "30 2 * * sun,mon", "0 2 * * 1-5",
    "0 0 1 * *",       "30 2 29-31 * *",  "0 12 30 12 *",    "0 12 30,31 * 5",   "30 2 */2 * *",     "30 2 * * */2",
    "30 2 * 3,10 *",   "0 3 */2 * 0",     "0 0 1-7 * 0",     "*/15 2 * * 0",     "* * 30 * *",       "0 * * * 0",
    "@daily",          "@weekly",         "@hourly",         "@monthly",
};

static const char *const second_lines[] = {
    "*/10 * * * * *", "30 59 * * * *", "0 0 * * * *",    "15 30 2 * * *",  "* 30 1 * * *",    "*/7 0-59 2 * * *",
    "59 59 1 * * *",  "0 0 3 * * *",   "1 0 3 * * *",    "59 59 2 * * *",  "30 */20 1,2 * * *", "59 59 23 * * *",
};

/* The changes of 2025, and the strangest ones the zone has had since 1990. */
static size_t changes_of(const struct zone *z, int64_t *list, size_t max)
{
    int64_t change = date_days(1990, 1, 1) * DAY;
    size_t count = 0;
    while (count < max && zone_next_change(z, change, &change) && change < date_days(2026, 1, 1) * DAY) {
        int32_t move = zone_offset(z, change) - zone_offset(z, change - 1);
        bool strange = move != HOUR && move != -HOUR;
        if (strange || change >= date_days(2025, 1, 1) * DAY)
            list[count++] = change;
    }
    if (count == 0)
        list[count++] = date_days(2025, 3, 1) * DAY;
    return count;
}

static void every_minute_around_a_change_agrees_with_a_watched_clock(void **state)
{
    (void)state;
    for (size_t n = 0; n < LEN(zones); n++) {
        struct zone *z = open_zone(zones[n]);
        int64_t changes[6];
        size_t count = changes_of(z, changes, LEN(changes));
        for (size_t k = 0; k < count; k++) {
            struct watch w;
            int64_t around = changes[k] - changes[k] % MINUTE;
            open_watch(&w, z, around - 4 * DAY, MINUTE, 6 * 1440);
            for (size_t i = 0; i < LEN(minute_lines); i++) {
                struct cron c = parsed(minute_lines[i]);
                watch_clock(&w, &c);
                compare(&w, &c, z, around - 36 * HOUR, minute_lines[i], zones[n]);
            }
            close_watch(&w);
        }
        zone_close(z);
    }
}

static void every_second_around_a_change_agrees_with_a_watched_clock(void **state)
{
    (void)state;
    for (size_t n = 0; n < LEN(zones); n++) {
        struct zone *z = open_zone(zones[n]);
        int64_t changes[2];
        size_t count = changes_of(z, changes, LEN(changes));
        for (size_t k = 0; k < count; k++) {
            struct watch w;
            open_watch(&w, z, changes[k] - 5 * HOUR, 1, 8 * 3600);
            for (size_t i = 0; i < LEN(second_lines); i++) {
                struct cron c = parsed(second_lines[i]);
                watch_clock(&w, &c);
                compare(&w, &c, z, changes[k] - 2 * HOUR, second_lines[i], zones[n]);
            }
            close_watch(&w);
        }
        zone_close(z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_a_set_of_values),
        cmocka_unit_test(a_star_at_the_start_of_a_field_says_what_kind_of_job_it_is),
        cmocka_unit_test(a_bad_line_is_refused_with_field_value_and_what_is_allowed),
        cmocka_unit_test(a_date_that_never_comes_is_recognised),
        cmocka_unit_test(jobs_fire_when_people_expect),
        cmocka_unit_test(times_outside_the_calendar_have_no_next_fire),
        cmocka_unit_test(every_minute_around_a_change_agrees_with_a_watched_clock),
        cmocka_unit_test(every_second_around_a_change_agrees_with_a_watched_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
