/* rate.h - at most so many starts in any minute: a ring of the last ones. All times are monotonic microseconds. */
#ifndef SLUICE_HTTP_RATE_H
#define SLUICE_HTTP_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    int64_t *started; /* ring of the last `per_min` starts; NULL: no limit */
    uint32_t per_min;
    uint32_t next; /* where the next start is noted: the oldest one */
    uint32_t used;
};

/* 0 is no limit. False when memory ran out. Pair with rate_free(). */
bool rate_init(struct rate *r, uint32_t per_min);
void rate_free(struct rate *r);

/* How long the next start has to wait; 0: it may go. */
int64_t rate_wait_us(const struct rate *r, int64_t now);

/* One starts now. */
void rate_note(struct rate *r, int64_t now);

#endif
