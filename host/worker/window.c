/* window.c - see window.h. */
#include "window.h"

#define CLOCK_CHANGE_US (INT64_C(50) * 60 * 1000000)

static bool is_clock_change(int64_t last, int64_t length)
{
    int64_t off = length > last ? length - last : last - length;

    return last > 0 && off >= CLOCK_CHANGE_US;
}

struct window_gap window_gap(int64_t last_reply_at, int64_t last_length_us, int64_t reply_at, int64_t length_us)
{
    struct window_gap g = {.length_us = length_us};

    if (length_us <= 0 || is_clock_change(last_length_us, length_us))
        g.length_us = last_length_us;
    if (last_reply_at <= 0 || g.length_us == 0)
        return g;
    g.known = true;
    int64_t elapsed = reply_at > last_reply_at ? reply_at - last_reply_at : 0;
    if (elapsed > g.length_us)
        g.gap_us = elapsed - g.length_us;
    return g;
}
