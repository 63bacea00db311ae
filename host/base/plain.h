/* plain.h - a plugin's text as everybody else expects text: valid UTF-8, no NUL, of bounded length. */
#ifndef SLUICE_WORKER_PLAIN_H
#define SLUICE_WORKER_PLAIN_H

#include "sluice/abi.h"

/* A copy of `s`, terminated: bytes that are not UTF-8, and NULs, become U+FFFD; what is longer than `max` bytes is cut
 * at a whole character and ends with "…". The caller frees it; NULL when memory ran out. */
char *plain_text(sluice_str s, size_t max);

#endif
