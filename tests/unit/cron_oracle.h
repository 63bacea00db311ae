/* cron_oracle.h - when cron lines fire, by the words of the contract and the C library's clock.
 *
 * It shares nothing with host/schedule and the SDK's zones, so that the two can be compared: lines are read value by
 * value, wall clocks come from localtime_r() with TZ set, dates from gmtime_r(). Times are seconds since 1970 UTC; a
 * "wall" time is what the clock on the wall shows, read as if it were UTC. Days from 1985 to 2104 only.
 *
 * Threads: one; TZ is the process's.
 */
#ifndef SLUICE_TESTS_CRON_ORACLE_H
#define SLUICE_TESTS_CRON_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Lines ---- */

struct oracle_line {
    bool seconds[60], minutes[60], hours[24], days[32], months[13], weekdays[7];
    bool days_or_weekdays; /* both are restricted: one is enough */
    bool interval;         /* minute or hour begins with "*" */
    int *times;            /* the seconds of a matching day at which it matches, ascending */
    size_t time_count;
};

/* Read a line that is known to be one, with five or six fields or a nickname. Pair with oracle_line_free(). */
void oracle_line_read(const char *text, struct oracle_line *out);
void oracle_line_free(struct oracle_line *l);

/* Does the day (since 1970) match? */
bool oracle_day_matches(const struct oracle_line *l, int64_t day);

/* ---- Clocks ---- */

/* A stretch of time in which the wall clock runs evenly. */
struct oracle_stretch {
    int64_t from, offset;
};
struct oracle_clock {
    struct oracle_stretch *list;
    size_t count;
    int64_t end; /* of the last stretch */
};

/* Make the C library's local time that of `zone`. */
void oracle_set_zone(const char *zone);

/* What the C library's local time is ahead of UTC. */
int64_t oracle_offset(int64_t utc);

/* Watch a zone's clock, looking every `grid` seconds, which is less than there is between two changes. Pair with
 * oracle_clock_free(). */
void oracle_clock_watch(struct oracle_clock *c, const char *zone, int64_t from, int64_t end, int64_t grid);
void oracle_clock_free(struct oracle_clock *c);

/* Call `fire` for every fire from `from` on and before `end`, in order, until it returns false. The clock must be
 * watched from some days before `from`. False when `fire` was. */
bool oracle_walk(const struct oracle_line *l, const struct oracle_clock *c, int64_t from, int64_t end,
                 bool (*fire)(void *context, int64_t at), void *context);

/* The fires of one or two lines from `from` on and before `end`, in order, each once. (*second)[i] tells whether the
 * second line fires then. Both lists are the caller's to free. */
size_t oracle_fires(const struct oracle_line *lines, size_t count, const struct oracle_clock *c, int64_t from,
                    int64_t end, int64_t **list, bool **second);

#endif
