/* zone.h - the system's IANA time zones, read from its TZif files. C has no call for a zone by name.
 *
 * A zone is immutable once opened and may be shared by threads. Times are seconds since 1970 UTC; "local" seconds are
 * the wall clock read as if it were UTC.
 *
 * Limits: times up to 2^60 seconds either way. The "right/" zones, which count leap seconds, are refused.
 */
#ifndef SLUICE_SDK_ZONE_H
#define SLUICE_SDK_ZONE_H

#include "sluice/abi.h"

#include <stdbool.h>

struct zone; /* opaque */

/* Open "Europe/Athens" or "UTC" from $TZDIR or /usr/share/zoneinfo. NULL when there is no such zone, its file is not
 * whole, or the name tries to leave the directory. "UTC" always works. Close with zone_close(). */
struct zone *zone_open(const char *name);
void zone_close(struct zone *z); /* NULL is fine */

/* The same zone once more, for another owner in the same thread, who closes it too. */
struct zone *zone_share(struct zone *z);

/* Seconds east of UTC in force at `utc`. Uses the file's footer rule beyond its last transition. */
int32_t zone_offset(const struct zone *z, int64_t utc);

/* What zone_resolve() found out about a local time. */
#define ZONE_ONCE 0
#define ZONE_TWICE 1   /* occurs twice: the first is given */
#define ZONE_SKIPPED 2 /* never occurs: what it would be with the offset before the gap is given */

/* The instant of a local time. Returns one of the above; *utc is always set. */
int zone_resolve(const struct zone *z, int64_t local, int64_t *utc);

/* The next instant after `utc` at which the offset changes; false when there is none. */
bool zone_next_change(const struct zone *z, int64_t utc, int64_t *at);

#endif
