/* cron.h - from a cron line to the next time it fires: a pure function of (line, zone, time).
 *
 * A line has five fields as Vixie cron takes them (minute, hour, day of month, month, weekday), or six with seconds in
 * front, or is one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. A field is "*", a value, a
 * range or a list of these; "/step" may follow "*", a range, or a value (then from it to the field's end). Months and
 * weekdays have names of three letters; Sunday is 0 or 7. When day of month and weekday are both restricted, either of
 * them is enough; a field that begins with "*" is not a restriction, though its step still counts.
 *
 * Daylight saving: a job whose minute or hour field begins with "*" fires at every matching minute of the wall clock as
 * it comes: a repeated hour fires again, a skipped one does not. Any other job means moments of the day: those that
 * fall into a skipped stretch (an hour, a whole day) fire once together, at the first instant after it, and in a
 * repeated hour only the first occurrence fires.
 *
 * Threads: any; nothing here has state.
 */
#ifndef SLUICE_SCHEDULE_CRON_H
#define SLUICE_SCHEDULE_CRON_H

#include "err.h"
#include "zone.h"

#include <stdbool.h>
#include <stdint.h>

/* A cron line, parsed; plain data. Bit n of a set is the value n. */
struct cron {
    uint64_t seconds, minutes, hours; /* 0 to 59, 0 to 59, 0 to 23 */
    uint64_t days, months, weekdays;  /* 1 to 31, 1 to 12, 0 (Sunday) to 6 */
    bool days_or_weekdays;            /* both are restricted: one of them is enough */
    bool interval;                    /* minute or hour begins with "*" */
};

/* Parse a line. SLUICE_E_CONFIG with the field, the value and what is allowed there when it is none; *out is then
 * untouched. A date that never comes (30 February) is no error here; see cron_never(). */
int cron_parse(const char *text, struct cron *out, struct err *err);

/* Does the line match no date at all, in any year? */
bool cron_never(const struct cron *c);

/* The first fire after `after_utc_s`, in seconds since 1970 UTC. False when there is none: the line never comes, or the
 * time is not within the years 0001 to 9999. */
bool cron_next(const struct cron *c, const struct zone *z, int64_t after_utc_s, int64_t *fire_utc_s);

#endif
