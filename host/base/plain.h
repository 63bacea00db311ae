/* plain.h - text of foreign origin as everybody else expects text: valid UTF-8, no NUL, of bounded length.
 *
 * What comes from a source through the host is UTF-8 already; a connector that makes texts of its own may err.
 */
#ifndef SLUICE_BASE_PLAIN_H
#define SLUICE_BASE_PLAIN_H

#include "sluice/abi.h"

#include <stdbool.h>

/* Is all of it valid UTF-8? NULs are. */
bool plain_is_utf8(sluice_str s);

/* A copy of `s`, terminated: bytes that are not UTF-8, and NULs, become U+FFFD; what is longer than `max` bytes is cut
 * at a whole character and ends with "…". The caller frees it; NULL when memory ran out. */
char *plain_text(sluice_str s, size_t max);

#endif
