/* retry.h - how long to wait before the same is asked again. */
#ifndef SLUICE_HTTP_RETRY_H
#define SLUICE_HTTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Exponential back-off with full jitter: a random time between 0 and base * 2^(failed - 1), at most a minute. `failed`
 * counts the attempts so far, from 1. */
int64_t retry_backoff_us(int64_t base_us, uint32_t failed);

/* Read a Retry-After header: seconds, or an HTTP date that is compared with `now_us`, the sender's clock since 1970.
 * False when it is neither. */
bool retry_after_us(const char *value, int64_t now_us, int64_t *wait_us);

#endif
