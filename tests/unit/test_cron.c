#include "cron.h"

#include "buf.h"
#include "cron_lines.h"
#include "cron_oracle.h"
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

/* ---- A clock that is watched tick by tick ----
 *
 * The wall clock as the C library shows it, looked at at every tick of a stretch of time. An interval job fires when
 * what the clock shows matches. A fixed job fires when one of the times matches that the clock has come to, or jumped
 * over, since the latest time it has ever shown. */

struct watch {
    int64_t start, tick; /* seconds */
    size_t count;
    int64_t *wall;       /* what the clock shows at each tick */
    bool *fires;         /* at which ticks something was seen to fire */
    int64_t fires_left;  /* that compare_oracle() has yet to meet */
};

static bool wall_matches(const struct oracle_line *l, int64_t wall)
{
    int second = (int)(wall % DAY); /* all walls here are after 1970 */
    return l->minutes[second / 60 % 60] && l->hours[second / 3600] && l->seconds[second % 60] &&
           oracle_day_matches(l, wall / DAY);
}

static void watch_clock(struct watch *w, const struct oracle_line *l)
{
    int64_t latest = w->wall[0];
    w->fires[0] = false;
    for (size_t i = 1; i < w->count; i++) {
        bool fires = false;
        if (l->interval)
            fires = wall_matches(l, w->wall[i]);
        else
            for (int64_t shown = latest + w->tick; shown <= w->wall[i] && !fires; shown += w->tick)
                fires = wall_matches(l, shown);
        if (w->wall[i] > latest)
            latest = w->wall[i];
        w->fires[i] = fires;
    }
}

/* Watch the zone that oracle_set_zone() has set. */
static void open_watch(struct watch *w, int64_t start, int64_t tick, size_t count)
{
    *w = (struct watch){.start = start, .tick = tick, .count = count};
    w->wall = malloc(count * sizeof *w->wall);
    w->fires = malloc(count * sizeof *w->fires);
    assert_non_null(w->wall);
    assert_non_null(w->fires);
    for (size_t i = 0; i < count; i++) {
        int64_t at = start + (int64_t)i * tick;
        w->wall[i] = at + oracle_offset(at);
    }
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
    int64_t at = from, fire = 0;
    for (size_t i = 0; i < w->count; i++) {
        int64_t seen = w->start + (int64_t)i * w->tick;
        if (!w->fires[i] || seen <= from)
            continue;
        int64_t between = at + cron_random(&seed) % (seen - at);
        if (!cron_next(c, z, at, &fire) || fire != seen)
            fail_msg("%s in %s after %lld: %lld, not %lld", line, zone, (long long)at, (long long)fire,
                     (long long)seen);
        if (!cron_next(c, z, between, &fire) || fire != seen)
            fail_msg("%s in %s after %lld: %lld, not %lld as after %lld", line, zone, (long long)between,
                     (long long)fire, (long long)seen, (long long)at);
        at = seen;
    }
    if (cron_next(c, z, at, &fire) && fire < w->start + (int64_t)w->count * w->tick)
        fail_msg("%s in %s after %lld: %lld, where nothing was seen", line, zone, (long long)at, (long long)fire);
}

static const char *const zones[] = {
    "UTC",                 "Europe/Athens",      "Europe/London",       "Europe/Dublin",      "Europe/Lisbon",
    "Europe/Istanbul",     "Europe/Volgograd",   "America/New_York",    "America/Los_Angeles", "America/St_Johns",
    "America/Havana",      "America/Santiago",   "America/Sao_Paulo",   "America/Asuncion",   "America/Nuuk",
    "America/Scoresbysund", "America/Caracas",   "Africa/Casablanca",   "Africa/El_Aaiun",    "Africa/Cairo",
    "Africa/Tripoli",      "Asia/Gaza",          "Asia/Tehran",         "Asia/Beirut",        "Asia/Amman",
    "Asia/Damascus",       "Asia/Dhaka",         "Asia/Kathmandu",      "Asia/Pyongyang",     "Australia/Lord_Howe",
    "Australia/Eucla",     "Pacific/Apia",       "Pacific/Fakaofo",     "Pacific/Chatham",    "Pacific/Kiritimati",
    "Pacific/Kwajalein",   "Pacific/Norfolk",    "Pacific/Fiji",        "Antarctica/Troll",   "Antarctica/Casey",
};

#define MOMENTS 8

/* Times that are worth a look: the newest changes of the zone's clock and the strangest ones since 1990, and the ends
 * of February. */
static size_t moments_of(const struct oracle_clock *c, int64_t list[MOMENTS])
{
    size_t count = 0, plain = 0;
    list[count++] = date_days(2024, 2, 29) * DAY;
    list[count++] = date_days(2100, 3, 1) * DAY; /* no leap year */
    for (size_t i = c->count - 1; i > 0 && count < MOMENTS; i--) {
        int64_t move = c->list[i].offset - c->list[i - 1].offset;
        bool strange = move != HOUR && move != -HOUR;
        if (c->list[i].from < date_days(2026, 1, 1) * DAY && (strange || plain++ < 3))
            list[count++] = c->list[i].from;
    }
    return count;
}

static bool is_seen(void *context, int64_t at)
{
    struct watch *w = context;
    int64_t i = (at - w->start) / w->tick;
    if ((at - w->start) % w->tick != 0 || !w->fires[i])
        return false;
    w->fires_left--;
    return true;
}

/* The oracle of the other tests does not look at every tick. Does it say the same? */
static void compare_oracle(struct watch *w, const struct oracle_line *l, const struct oracle_clock *c, int64_t from,
                           const char *line, const char *zone)
{
    w->fires_left = 0;
    for (size_t i = 0; i < w->count; i++)
        w->fires_left += w->fires[i] && w->start + (int64_t)i * w->tick >= from;
    if (!oracle_walk(l, c, from, w->start + (int64_t)w->count * w->tick, is_seen, w) || w->fires_left != 0)
        fail_msg("%s in %s: the oracle is wrong in the days after %lld", line, zone, (long long)from);
}

/* The lines that are compared, with what both sides make of them. */
static struct compared {
    char text[CRON_LINE_SIZE];
    struct cron cron;
    struct oracle_line oracle;
} compared[CRON_LINES];

static int read_lines(void **state)
{
    (void)state;
    static char texts[CRON_LINES][CRON_LINE_SIZE];
    cron_lines(texts, 20251026);
    for (size_t i = 0; i < CRON_LINES; i++) {
        memcpy(compared[i].text, texts[i], CRON_LINE_SIZE);
        compared[i].cron = parsed(texts[i]);
        oracle_line_read(texts[i], &compared[i].oracle);
    }
    return 0;
}

static int free_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < CRON_LINES; i++)
        oracle_line_free(&compared[i].oracle);
    oracle_set_zone("UTC");
    return 0;
}

static bool has_seconds(const char *line)
{
    int blanks = 0;
    for (; *line; line++)
        blanks += *line == ' ';
    return blanks == 5;
}

/* Watch the clock for `before` and `after` ticks around a moment, and compare from half of `before` on: what is sooner
 * only tells which times were shown. */
static void watch_moment(const struct oracle_clock *clock, const struct zone *z, const char *zone, int64_t moment,
                         int64_t tick, int before, int after)
{
    struct watch w;
    int64_t around = moment - moment % tick, from = around - before / 2 * tick;
    open_watch(&w, around - before * tick, tick, (size_t)(before + after));
    for (struct compared *c = compared; c < compared + CRON_LINES; c++) {
        if (has_seconds(c->text) != (tick == 1))
            continue;
        watch_clock(&w, &c->oracle);
        compare(&w, &c->cron, z, from, c->text, zone);
        compare_oracle(&w, &c->oracle, clock, from, c->text, zone);
    }
    close_watch(&w);
}

static void watch_zone(const char *zone, int64_t tick, int before, int after)
{
    struct zone *z = open_zone(zone);
    struct oracle_clock clock;
    int64_t moments[MOMENTS];
    oracle_clock_watch(&clock, zone, date_days(1990, 1, 1) * DAY, date_days(2101, 1, 1) * DAY, 6 * HOUR);
    size_t count = moments_of(&clock, moments);
    for (size_t i = 0; i < count; i++)
        watch_moment(&clock, z, zone, moments[i], tick, before, after);
    oracle_clock_free(&clock);
    zone_close(z);
}

static void every_minute_around_a_change_agrees_with_a_watched_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(zones); i++)
        watch_zone(zones[i], MINUTE, 2 * 1440, 1440 + 720);
}

static void every_second_around_a_change_agrees_with_a_watched_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(zones); i++)
        watch_zone(zones[i], 1, 4 * 3600, 2 * 3600);
}

static void both_sides_read_the_same_from_a_line(void **state)
{
    (void)state;
    for (struct compared *c = compared; c < compared + CRON_LINES; c++) {
        const struct oracle_line *l = &c->oracle;
        bool same = c->cron.interval == l->interval && c->cron.days_or_weekdays == l->days_or_weekdays;
        for (int v = 0; v < 60; v++)
            same = same && (c->cron.seconds >> v & 1) == l->seconds[v] && (c->cron.minutes >> v & 1) == l->minutes[v];
        for (int v = 0; v < 32; v++)
            same = same && (c->cron.days >> v & 1) == l->days[v];
        for (int v = 0; v < 24; v++)
            same = same && (c->cron.hours >> v & 1) == l->hours[v];
        for (int v = 0; v < 13; v++)
            same = same && (c->cron.months >> v & 1) == l->months[v];
        for (int v = 0; v < 7; v++)
            same = same && (c->cron.weekdays >> v & 1) == l->weekdays[v];
        if (!same || cron_never(&c->cron))
            fail_msg("%s", c->text);
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
        cmocka_unit_test(both_sides_read_the_same_from_a_line),
        cmocka_unit_test(every_minute_around_a_change_agrees_with_a_watched_clock),
        cmocka_unit_test(every_second_around_a_change_agrees_with_a_watched_clock),
    };
    return cmocka_run_group_tests(tests, read_lines, free_lines);
}
