/* zone_rule.c - see zone_rule.h. */
#include "zone_rule.h"

#include "date.h"

#include <string.h>

#define DAY_S INT64_C(86400)
#define CYCLE_S (INT64_C(146097) * DAY_S) /* after 400 years the calendar repeats, weekdays included */

static bool take_char(sluice_str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

static bool take_number(sluice_str *s, int min, int max, int *value)
{
    int number = 0;
    size_t digits = 0;
    while (digits < s->len && digits < 4 && s->ptr[digits] >= '0' && s->ptr[digits] <= '9')
        number = number * 10 + (s->ptr[digits++] - '0');
    s->ptr += digits;
    s->len -= digits;
    *value = number;
    return digits > 0 && number >= min && number <= max;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A name: three letters or more, or anything in angle brackets. The text itself is of no use here. */
static bool skip_name(sluice_str *s)
{
    size_t len = 0;
    if (take_char(s, '<')) {
        while (len < s->len && s->ptr[len] != '>')
            len++;
        s->ptr += len;
        s->len -= len;
        return take_char(s, '>');
    }
    while (len < s->len && is_letter(s->ptr[len]))
        len++;
    s->ptr += len;
    s->len -= len;
    return len >= 3;
}

/* "[+-]hours[:minutes[:seconds]]" in seconds. */
static bool take_time(sluice_str *s, int max_hours, int32_t *seconds)
{
    bool negative = take_char(s, '-');
    if (!negative)
        take_char(s, '+');
    int hours, minutes = 0, rest = 0;
    if (!take_number(s, 0, max_hours, &hours))
        return false;
    if (take_char(s, ':')) {
        if (!take_number(s, 0, 59, &minutes))
            return false;
        if (take_char(s, ':') && !take_number(s, 0, 59, &rest))
            return false;
    }
    *seconds = (negative ? -1 : 1) * ((hours * 60 + minutes) * 60 + rest);
    return true;
}

/* ",M10.5.0/4", ",J60" or ",59/-1:30". */
static bool take_rule_date(sluice_str *s, struct zone_rule_date *d)
{
    *d = (struct zone_rule_date){.form = 'n', .time = 2 * 3600};
    if (!take_char(s, ','))
        return false;
    if (take_char(s, 'M')) {
        d->form = 'M';
        if (!take_number(s, 1, 12, &d->month) || !take_char(s, '.') || !take_number(s, 1, 5, &d->week) ||
            !take_char(s, '.') || !take_number(s, 0, 6, &d->day))
            return false;
    } else if (take_char(s, 'J')) {
        d->form = 'J';
        if (!take_number(s, 1, 365, &d->day))
            return false;
    } else if (!take_number(s, 0, 365, &d->day)) {
        return false;
    }
    return !take_char(s, '/') || take_time(s, 167, &d->time);
}

bool zone_rule_parse(sluice_str s, struct zone_rule *r)
{
    if (s.len == 0)
        return true;
    int32_t west;
    if (!skip_name(&s) || !take_time(&s, 24, &west))
        return false;
    *r = (struct zone_rule){.present = true, .standard = -west, .summer = -west + 3600};
    if (s.len == 0)
        return true;

    r->daylight = true;
    if (!skip_name(&s))
        return false;
    if (s.len > 0 && s.ptr[0] != ',') {
        if (!take_time(&s, 24, &west))
            return false;
        r->summer = -west;
    }
    return take_rule_date(&s, &r->start) && take_rule_date(&s, &r->end) && s.len == 0;
}

/* The instant at which the change of `year` happens, `offset` being in force before it. */
static int64_t rule_date_at(const struct zone_rule_date *d, int year, int32_t offset)
{
    int64_t day = date_days(year, 1, 1);
    if (d->form == 'M') {
        int64_t first = date_days(year, d->month, 1);
        int64_t next_month = d->month == 12 ? date_days(year + 1, 1, 1) : date_days(year, d->month + 1, 1);
        int first_weekday = (int)(((first + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
        day = first + (d->day - first_weekday + 7) % 7 + 7 * (d->week - 1);
        if (day >= next_month)
            day -= 7;
    } else if (d->form == 'J') {
        bool leap = date_days(year + 1, 1, 1) - day == 366;
        day += d->day - 1 + (leap && d->day >= 60);
    } else {
        day += d->day;
    }
    return day * DAY_S + d->time - offset;
}

/* The changes of the years around an instant, enough to know what holds at it and what comes next. Those of the last
 * year only tell whether the ones before them change anything. */
#define CHANGES 10
static void rule_changes(const struct zone_rule *r, int64_t utc, struct zone_transition changes[CHANGES])
{
    int year, month, day;
    date_civil(utc / DAY_S, &year, &month, &day);
    for (int i = 0; i < CHANGES; i += 2) {
        int y = year - 1 + i / 2;
        changes[i] = (struct zone_transition){rule_date_at(&r->start, y, r->standard), r->summer};
        changes[i + 1] = (struct zone_transition){rule_date_at(&r->end, y, r->summer), r->standard};
    }
}

/* What the latest change at or before `utc` left in force; of two at one instant the later in the list counts, so
 * daylight saving that ends when the next one begins never ends. */
static int32_t latest_offset(const struct zone_transition changes[CHANGES], int64_t utc)
{
    int64_t latest = INT64_MIN;
    int32_t offset = 0;
    for (int i = 0; i < CHANGES; i++)
        if (changes[i].at <= utc && changes[i].at >= latest) {
            latest = changes[i].at;
            offset = changes[i].offset;
        }
    return offset;
}

/* The instant of the same calendar day in the years 2000 to 2399. */
static int64_t into_cycle(int64_t utc)
{
    int64_t start = date_days(2000, 1, 1) * DAY_S;
    int64_t within = (utc % CYCLE_S - start) % CYCLE_S;
    return start + within + (within < 0 ? CYCLE_S : 0);
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc)
{
    if (!r->daylight)
        return r->standard;
    struct zone_transition changes[CHANGES];
    int64_t t = into_cycle(utc);
    rule_changes(r, t, changes);
    return latest_offset(changes, t);
}

bool zone_rule_next_change(const struct zone_rule *r, int64_t utc, int64_t *at)
{
    if (!r->daylight)
        return false;
    struct zone_transition changes[CHANGES];
    int64_t t = into_cycle(utc), next = INT64_MAX;
    rule_changes(r, t, changes);
    for (int i = 0; i < CHANGES - 2; i++) {
        int64_t change = changes[i].at;
        if (change > t && change < next && latest_offset(changes, change) != latest_offset(changes, change - 1))
            next = change;
    }
    if (next == INT64_MAX)
        return false;
    *at = utc + (next - t);
    return true;
}
