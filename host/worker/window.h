/* window.h - was anything missed between the last good reply of a windowed source and this one?
 *
 * Only our own clock and the window's length are compared, so no time zone is involved (contract A6.8).
 */
#ifndef SLUICE_WORKER_WINDOW_H
#define SLUICE_WORKER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window_gap {
    bool known;        /* there was a good reply before, and a length to go by */
    int64_t gap_us;    /* 0 or more */
    int64_t length_us; /* the length to remember as the last good one; 0: still unknown */
};

/* `last_reply_at`, `last_length_us`: of the last good reply, 0 when there was none; `reply_at`, `length_us`: of this
 * one. A length that is not positive, or 50 minutes and more off the last good one, comes from a clock change: the last
 * good one stands. */
struct window_gap window_gap(int64_t last_reply_at, int64_t last_length_us, int64_t reply_at, int64_t length_us);

#endif
