/* units.h - texts with units into numbers: "90d", "64MiB", "80/min". */
#ifndef SLUICE_CONFIG_UNITS_H
#define SLUICE_CONFIG_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_OK    0
#define UNITS_WRONG (-1) /* not of this form */
#define UNITS_BARE  (-2) /* a number without the unit that it needs */
#define UNITS_RANGE (-3) /* more than fits */

/* A decimal integer, with or without a sign. */
int units_integer(const char *text, int64_t *value);

/* "true", "yes", "on", "1" or their opposites, in any case. */
int units_truth(const char *text, bool *value);

/* ms, s, m, h, d, w, y (365 days) into microseconds. No fractions: 1.5h is 90m. */
int units_duration(const char *text, int64_t *us);

/* Bytes: none or B, KiB MiB GiB TiB (1024), KB MB GB TB (1000); upper and lower case alike. */
int units_size(const char *text, int64_t *bytes);

/* "80/min", "2/s" or "5000/h", rounded down to a minute; "none" is 0, no limit. Less than one a minute is UNITS_RANGE.
 */
int units_rate(const char *text, int64_t *per_min);

/* Write a duration or size as people would: the largest unit that divides it. `out` takes 32 bytes. */
void units_show_duration(int64_t us, char out[32]);
void units_show_size(int64_t bytes, char out[32]);

#endif
