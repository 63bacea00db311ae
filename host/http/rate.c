#include "rate.h"

#include "clock.h"

#include <stdlib.h>

#define MINUTE (60 * CLOCK_SECOND)

bool rate_init(struct rate *r, uint32_t per_min)
{
    *r = (struct rate){.per_min = per_min};
    if (per_min == 0)
        return true;
    r->started = calloc(per_min, sizeof *r->started);
    return r->started;
}

void rate_free(struct rate *r)
{
    free(r->started);
    *r = (struct rate){0};
}

int64_t rate_wait_us(const struct rate *r, int64_t now)
{
    if (!r->started || r->used < r->per_min)
        return 0;
    int64_t free_at = r->started[r->next] + MINUTE;
    return free_at > now ? free_at - now : 0;
}

void rate_note(struct rate *r, int64_t now)
{
    if (!r->started)
        return;
    r->started[r->next] = now;
    r->next = (r->next + 1) % r->per_min;
    if (r->used < r->per_min)
        r->used++;
}
