/* cron_lines.h - 200 cron lines to compare fires with: those that people write and those that daylight saving is hard
 * on, then random ones. Every line has fires.
 */
#ifndef SLUICE_TESTS_CRON_LINES_H
#define SLUICE_TESTS_CRON_LINES_H

#include <stddef.h>
#include <stdint.h>

#define CRON_LINES     200
#define CRON_LINE_SIZE 64

/* Fill the list; the random ones follow from `seed`. */
void cron_lines(char lines[CRON_LINES][CRON_LINE_SIZE], uint64_t seed);

/* The next random number. */
uint32_t cron_random(uint64_t *seed);

#endif
