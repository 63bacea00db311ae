/* clock.h - the two clocks: wall time for people and ledgers, monotonic time for waiting. Microseconds. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)

int64_t clock_wall_us(void);  /* since 1970 UTC; may be set back and forth */
int64_t clock_mono_us(void);  /* since some start; never goes back */
void clock_sleep_us(int64_t us); /* ends early when a signal arrives */

#endif
