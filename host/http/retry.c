#include "retry.h"

#include "clock.h"
#include "late_curl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BACKOFF_MAX (60 * CLOCK_SECOND)
#define SECONDS_MAX INT64_C(100000000) /* three years: more than any cap */

static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
        bits = (uint64_t)clock_mono_us() * UINT64_C(0x9E3779B97F4A7C15); /* jitter needs no secrecy */
    return bits;
}

int64_t retry_backoff_us(int64_t base_us, uint32_t failed)
{
    int64_t top = base_us;
    for (uint32_t i = 1; i < failed && top < BACKOFF_MAX; i++)
        top *= 2;
    if (top > BACKOFF_MAX)
        top = BACKOFF_MAX;
    return top > 0 ? (int64_t)(random_bits() % (uint64_t)(top + 1)) : 0;
}

bool retry_after_us(const char *value, int64_t now_us, int64_t *wait_us)
{
    size_t digits = strspn(value, "0123456789");
    if (digits > 0 && value[digits] == '\0') {
        int64_t seconds = digits > 9 ? SECONDS_MAX : strtoll(value, NULL, 10);
        *wait_us = (seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * CLOCK_SECOND;
        return true;
    }
    time_t at = digits == 0 && value[0] ? curl_getdate(value, NULL) : -1;
    if (at < 0)
        return false;
    int64_t wait = (int64_t)at * CLOCK_SECOND - now_us;
    *wait_us = wait < 0 ? 0 : wait > SECONDS_MAX * CLOCK_SECOND ? SECONDS_MAX * CLOCK_SECOND : wait;
    return true;
}
