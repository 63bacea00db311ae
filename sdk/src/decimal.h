/* decimal.h - exact decimal numbers as scaled integers; no double anywhere. */
#ifndef SLUICE_SDK_DECIMAL_H
#define SLUICE_SDK_DECIMAL_H

#include "buf.h"

/* Results of the parsers. */
#define NUMBER_OK 0
#define NUMBER_SYNTAX 1   /* not a number */
#define NUMBER_RANGE 2    /* does not fit */
#define NUMBER_FRACTION 3 /* integers only: a part after the point that is not zero */

/* `text` ("-12.5", "+7", "1e3", "12.50", ".5" and "5." are not numbers) as an integer in units of 10^-scale, rounded
 * half away from zero as PostgreSQL's numeric does. No blanks, no grouping. scale <= 18. */
int decimal_parse(sluice_str text, uint32_t scale, int64_t *units);

/* `text` as an integer: a decimal whose fraction, if any, is zero ("1000", "1e3", "1000.0"). */
int integer_parse(sluice_str text, int64_t *value);

/* Append the canonical text of `units`: "-?digits.dd", with exactly `scale` digits after the point. */
bool decimal_print(struct buf *out, int64_t units, uint32_t scale);

#endif
