/* date.h - times as text. Instants are microseconds since 1970 UTC; the calendar is the proleptic Gregorian one. */
#ifndef SLUICE_SDK_DATE_H
#define SLUICE_SDK_DATE_H

#include "buf.h"
#include "zone.h"

/* Days since 1970-01-01 of a civil date, and back. Any year from 0001 to 9999. */
int64_t date_days(int year, int month, int day);
void date_civil(int64_t days, int *year, int *month, int *day);

/* `text` as an instant: "YYYY-MM-DD", then optionally "T" or a blank and a time. A time is "HH:MM" or "HH:MM:SS", the
 * latter optionally with a fraction of 1 to 9 digits (kept to the microsecond, the rest cut off), then optionally "Z"
 * or an offset "+HH:MM", "+HHMM" or "+HH". Without an offset it is local to `zone` (NULL: UTC); a local time that
 * occurs twice means the first. Every field is checked (no 30 February, no 24:00, second 60 is refused), and the
 * instant must be in the years 0001 to 9999. False when it is anything else. */
bool date_parse(sluice_str text, const struct zone *zone, int64_t *us);

/* Append "2025-10-11T08:58:45Z", with a fraction only when it is not zero and without its trailing zeros. False when
 * `out` refused. */
bool date_print(struct buf *out, int64_t us);

/* Append with exactly three fraction digits: "2025-10-11T08:58:45.123Z". */
bool date_print_ms(struct buf *out, int64_t us);

#endif
