#include "cron_oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY       INT64_C(86400)
#define FIRST_DAY 5479  /* 1985-01-01 */
#define LAST_DAY  49307 /* 2104-12-31 */

static void *grown(void *list, size_t count, size_t size)
{
    if (count & (count - 1) || (count > 0 && count < 16))
        return list;
    list = realloc(list, (count < 16 ? 16 : count * 2) * size);
    if (!list)
        abort();
    return list;
}

static int64_t day_of(int64_t wall)
{
    return wall >= 0 ? wall / DAY : -((DAY - 1 - wall) / DAY);
}

/* ---- Lines ---- */

static int value_of(const char *word, size_t len, const char *names)
{
    for (const char *name = names; name && *name; name += 3)
        if (len == 3 && strncasecmp(word, name, 3) == 0)
            return (int)(name - names) / 3;
    return (int)strtol(word, NULL, 10);
}

/* Does one entry of a list, such as "*", "3-9" or "fri-sun/2", hold the value? Names count from `base`. */
static bool part_holds(const char *part, size_t len, int min, int max, const char *names, int base, int value)
{
    const char *slash = memchr(part, '/', len), *end = slash ? slash : part + len;
    const char *dash = memchr(part, '-', (size_t)(end - part));
    int low = min, high = max;

    if (*part != '*') {
        size_t first = (size_t)((dash ? dash : end) - part);
        low = value_of(part, first, names) + (strspn(part, "0123456789") ? 0 : base);
        if (dash)
            high = value_of(dash + 1, (size_t)(end - dash - 1), names) + (strspn(dash + 1, "0123456789") ? 0 : base);
        else if (!slash || low > high)
            high = low;
        if (high == 0 && low > 0)
            high = 7; /* to Sunday */
    }
    return value >= low && value <= high && (value - low) % (slash ? (int)strtol(slash + 1, NULL, 10) : 1) == 0;
}

static bool field_holds(const char *field, int min, int max, const char *names, int base, int value)
{
    for (const char *part = field;; part += strcspn(part, ",") + 1) {
        size_t len = strcspn(part, ",");
        if (part_holds(part, len, min, max, names, base, value))
            return true;
        if (part[len] == '\0')
            return false;
    }
}

static void read_fields(char fields[6][64], struct oracle_line *l)
{
    for (int v = 0; v < 60; v++) {
        l->seconds[v] = field_holds(fields[0], 0, 59, NULL, 0, v);
        l->minutes[v] = field_holds(fields[1], 0, 59, NULL, 0, v);
    }
    for (int v = 0; v < 24; v++)
        l->hours[v] = field_holds(fields[2], 0, 23, NULL, 0, v);
    for (int v = 1; v < 32; v++)
        l->days[v] = field_holds(fields[3], 1, 31, NULL, 0, v);
    for (int v = 1; v < 13; v++)
        l->months[v] = field_holds(fields[4], 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1, v);
    for (int v = 0; v < 8; v++)
        if (field_holds(fields[5], 0, 6, "sunmontuewedthufrisat", 0, v))
            l->weekdays[v % 7] = true;
    l->days_or_weekdays = fields[3][0] != '*' && fields[5][0] != '*';
    l->interval = fields[1][0] == '*' || fields[2][0] == '*';
}

static void list_times(struct oracle_line *l)
{
    for (int time = 0; time < DAY; time++) {
        if (!l->hours[time / 3600] || !l->minutes[time / 60 % 60] || !l->seconds[time % 60])
            continue;
        l->times = grown(l->times, l->time_count, sizeof *l->times);
        l->times[l->time_count++] = time;
    }
}

static const char *spelt_out(const char *text)
{
    static const char *const nicknames[][2] = {
        {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
        {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
    };
    for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++)
        if (strcmp(text, nicknames[i][0]) == 0)
            return nicknames[i][1];
    return text;
}

void oracle_line_read(const char *text, struct oracle_line *out)
{
    char fields[6][64] = {"0"};
    const char *line = spelt_out(text);
    int six =
        sscanf(line, "%63s %63s %63s %63s %63s %63s", fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]);

    if (six == 5) {
        memmove(fields[1], fields[0], sizeof fields - sizeof fields[0]);
        snprintf(fields[0], sizeof fields[0], "0");
    }
    *out = (struct oracle_line){0};
    read_fields(fields, out);
    list_times(out);
}

void oracle_line_free(struct oracle_line *l)
{
    free(l->times);
    *l = (struct oracle_line){0};
}

bool oracle_day_matches(const struct oracle_line *l, int64_t day)
{
    static struct date {
        signed char month, day, weekday;
    } dates[LAST_DAY - FIRST_DAY + 1];

    if (day < FIRST_DAY || day > LAST_DAY)
        abort();
    struct date *date = &dates[day - FIRST_DAY];
    if (date->month == 0) {
        time_t noon = (time_t)(day * DAY + DAY / 2);
        struct tm tm;
        gmtime_r(&noon, &tm);
        *date = (struct date){(signed char)(tm.tm_mon + 1), (signed char)tm.tm_mday, (signed char)tm.tm_wday};
    }
    bool by_day = l->days[date->day], by_weekday = l->weekdays[date->weekday];
    return l->months[date->month] && (l->days_or_weekdays ? by_day || by_weekday : by_day && by_weekday);
}

/* ---- Clocks ---- */

void oracle_set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

int64_t oracle_offset(int64_t utc)
{
    time_t t = (time_t)utc;
    struct tm tm;

    localtime_r(&t, &tm);
    return tm.tm_gmtoff;
}

static void add_stretch(struct oracle_clock *c, int64_t from, int64_t offset)
{
    c->list = grown(c->list, c->count, sizeof *c->list);
    c->list[c->count++] = (struct oracle_stretch){from, offset};
}

void oracle_clock_watch(struct oracle_clock *c, const char *zone, int64_t from, int64_t end, int64_t grid)
{
    *c = (struct oracle_clock){.end = end};
    oracle_set_zone(zone);
    int64_t offset = oracle_offset(from);
    add_stretch(c, from, offset);
    for (int64_t at = from; at < end; at += grid) {
        int64_t low = at, high = at + grid; /* it changes after one of these and not after the other */
        if (oracle_offset(high) == offset)
            continue;
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (oracle_offset(middle) == offset)
                low = middle;
            else
                high = middle;
        }
        offset = oracle_offset(high);
        add_stretch(c, high, offset);
    }
}

void oracle_clock_free(struct oracle_clock *c)
{
    free(c->list);
    *c = (struct oracle_clock){0};
}

/* ---- Fires ---- */

struct walk {
    const struct oracle_line *line;
    bool (*fire)(void *context, int64_t at);
    void *context;
};

/* What fires while the wall clock runs evenly from `wall` to before `end`, `offset` ahead of UTC. */
static bool walk_evenly(const struct walk *w, int64_t wall, int64_t end, int64_t offset)
{
    const struct oracle_line *l = w->line;

    for (int64_t day = day_of(wall); day * DAY < end; day++) {
        if (!oracle_day_matches(l, day))
            continue;
        for (size_t i = 0; i < l->time_count; i++) {
            int64_t shown = day * DAY + l->times[i];
            if (shown >= end)
                break;
            if (shown >= wall && !w->fire(w->context, shown - offset))
                return false;
        }
    }
    return true;
}

static bool refuse(void *context, int64_t at)
{
    (void)context;
    (void)at;
    return false;
}

/* Does any wall time from `wall` to before `end` match? */
static bool any_matches(const struct oracle_line *l, int64_t wall, int64_t end)
{
    return !walk_evenly(&(struct walk){.line = l, .fire = refuse}, wall, end, 0);
}

bool oracle_walk(const struct oracle_line *l, const struct oracle_clock *c, int64_t from, int64_t end,
                 bool (*fire)(void *context, int64_t at), void *context)
{
    struct walk w = {l, fire, context};
    int64_t unseen = c->list[0].from + c->list[0].offset; /* the first wall time that was never shown */

    for (size_t i = 0; i < c->count; i++) {
        int64_t offset = c->list[i].offset, start = c->list[i].from;
        int64_t stop = i + 1 < c->count ? c->list[i + 1].from : c->end;
        int64_t first = start + offset; /* that fires */
        if (!l->interval && first > unseen && start >= from && start < end && any_matches(l, unseen, first)) {
            if (!fire(context, start))
                return false;
            first++; /* that was this fire, too */
        }
        if (!l->interval && first < unseen)
            first = unseen;
        if (stop + offset > unseen)
            unseen = stop + offset;
        if (first < from + offset)
            first = from + offset;
        if (!walk_evenly(&w, first, (stop < end ? stop : end) + offset, offset))
            return false;
    }
    return true;
}

struct fire_list {
    int64_t *at;
    size_t count;
};

static bool keep(void *context, int64_t at)
{
    struct fire_list *list = context;

    list->at = grown(list->at, list->count, sizeof *list->at);
    list->at[list->count++] = at;
    return true;
}

size_t oracle_fires(const struct oracle_line *lines, size_t count, const struct oracle_clock *c, int64_t from,
                    int64_t end, int64_t **list, bool **second)
{
    struct fire_list of[2] = {{0}};
    size_t next[2] = {0}, total = 0;

    for (size_t i = 0; i < count; i++)
        oracle_walk(&lines[i], c, from, end, keep, &of[i]);
    *list = calloc(of[0].count + of[1].count + 1, sizeof **list);
    *second = calloc(of[0].count + of[1].count + 1, sizeof **second);
    if (!*list || !*second)
        abort();
    while (next[0] < of[0].count || next[1] < of[1].count) {
        int64_t a = next[0] < of[0].count ? of[0].at[next[0]] : INT64_MAX;
        int64_t b = next[1] < of[1].count ? of[1].at[next[1]] : INT64_MAX;
        (*list)[total] = a < b ? a : b;
        (*second)[total++] = b <= a;
        next[0] += a <= b;
        next[1] += b <= a;
    }
    free(of[0].at);
    free(of[1].at);
    return total;
}
