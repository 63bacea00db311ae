#include "clock.h"

#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t us)
{
    if (us <= 0)
        return;
    const struct timespec pause = {.tv_sec = us / CLOCK_SECOND, .tv_nsec = (long)(us % CLOCK_SECOND) * 1000};
    nanosleep(&pause, NULL);
}
