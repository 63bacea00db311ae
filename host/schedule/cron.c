#include "cron.h"

#include "date.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S INT64_C(86400)
#define CYCLE_DAYS INT64_C(146097) /* after 400 years the calendar repeats, weekdays included */
#define OVERLAP_MAX_S (3 * DAY_S)  /* no wall clock is set back further */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- Sets of values ---- */

/* The smallest value in `set` that is at least `from`; -1: none. */
static int set_next(uint64_t set, int from)
{
    set = from < 64 ? set >> from << from : 0;
    return set ? __builtin_ctzll(set) : -1;
}

static bool set_has(uint64_t set, int value)
{
    return set >> value & 1;
}

/* ---- The calendar ---- */

/* The first matching second of a day at or after `from` (0 to 86399); -1: none. */
static int time_next(const struct cron *c, int from)
{
    int hour = set_next(c->hours, from / HOUR_S);
    if (hour == from / HOUR_S) {
        int minute = set_next(c->minutes, from / MINUTE_S % 60);
        if (minute == from / MINUTE_S % 60) {
            int second = set_next(c->seconds, from % MINUTE_S);
            if (second >= 0)
                return hour * HOUR_S + minute * MINUTE_S + second;
            minute = set_next(c->minutes, minute + 1);
        }
        if (minute >= 0)
            return hour * HOUR_S + minute * MINUTE_S + set_next(c->seconds, 0);
        hour = set_next(c->hours, hour + 1);
    }
    return hour < 0 ? -1 : hour * HOUR_S + set_next(c->minutes, 0) * MINUTE_S + set_next(c->seconds, 0);
}

static bool day_matches(const struct cron *c, int64_t days, int day)
{
    int weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    bool by_day = set_has(c->days, day), by_weekday = set_has(c->weekdays, weekday);
    return c->days_or_weekdays ? by_day || by_weekday : by_day && by_weekday;
}

/* The first matching day at or after `days`, looked for in one cycle of the calendar. */
static bool day_next(const struct cron *c, int64_t days, int64_t *found)
{
    for (int64_t end = days + CYCLE_DAYS; days <= end;) {
        int year, month, day;
        date_civil(days, &year, &month, &day);
        int64_t next_month = month == 12 ? date_days(year + 1, 1, 1) : date_days(year, month + 1, 1);
        if (!set_has(c->months, month))
            days = next_month;
        for (; days < next_month; days++, day++)
            if (day_matches(c, days, day)) {
                *found = days;
                return true;
            }
    }
    return false;
}

/* The first matching wall-clock time at or after `local`. */
static bool local_next(const struct cron *c, int64_t local, int64_t *found)
{
    int64_t today = floor_div(local, DAY_S), days;
    if (!day_next(c, today, &days))
        return false;
    int time = time_next(c, days == today ? (int)(local - today * DAY_S) : 0);
    if (time < 0) { /* today matches, but its last time is over */
        if (!day_next(c, today + 1, &days))
            return false;
        time = time_next(c, 0);
    }
    *found = days * DAY_S + time;
    return true;
}

bool cron_never(const struct cron *c)
{
    int64_t days;
    return !day_next(c, 0, &days);
}

/* ---- The clock on the wall ---- */

/* The first instant after `after` at which the wall clock shows a matching time. Between two changes of the offset the
 * wall clock runs evenly, so each such stretch is one question to the calendar. */
static bool next_of_interval(const struct cron *c, const struct zone *z, int64_t after, int64_t *fire)
{
    int64_t end = after + CYCLE_DAYS * DAY_S;
    for (int64_t from = after + 1; from <= end;) {
        int32_t offset = zone_offset(z, from);
        int64_t local, change;
        bool changes = zone_next_change(z, from, &change);
        if (!local_next(c, from + offset, &local))
            return false;
        if (!changes || local - offset < change) {
            *fire = local - offset;
            return true;
        }
        from = change;
    }
    return false;
}

/* The latest time that the wall clock has shown up to `utc`: later than what it shows now, in a repeated hour. */
static int64_t latest_shown(const struct zone *z, int64_t utc)
{
    int64_t latest = utc + zone_offset(z, utc), change;
    for (int64_t from = utc - OVERLAP_MAX_S; zone_next_change(z, from, &change) && change <= utc; from = change) {
        int64_t shown = change - 1 + zone_offset(z, change - 1);
        latest = shown > latest ? shown : latest;
    }
    return latest;
}

/* A moment of the day fires when the wall clock reaches or jumps over it for the first time. So the moments that have
 * fired are exactly those up to the latest time shown, and the next fire belongs to the first moment after it. */
static bool next_of_fixed(const struct cron *c, const struct zone *z, int64_t after, int64_t *fire)
{
    int64_t local;
    if (!local_next(c, latest_shown(z, after) + 1, &local))
        return false;
    if (zone_resolve(z, local, fire) == ZONE_SKIPPED) {
        /* The gap that swallowed it ends at the first change that puts the wall clock beyond it. */
        int64_t change = *fire - OVERLAP_MAX_S;
        do
            zone_next_change(z, change, &change);
        while (change + zone_offset(z, change) < local);
        *fire = change;
    }
    return true;
}

bool cron_next(const struct cron *c, const struct zone *z, int64_t after_utc_s, int64_t *fire_utc_s)
{
    if (after_utc_s < date_days(1, 1, 1) * DAY_S || after_utc_s >= date_days(10000, 1, 1) * DAY_S)
        return false;
    return c->interval ? next_of_interval(c, z, after_utc_s, fire_utc_s)
                       : next_of_fixed(c, z, after_utc_s, fire_utc_s);
}
