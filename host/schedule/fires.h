/* fires.h - when a job fires: its one or two cron lines in its time zone.
 *
 * A moment that both lines name is one fire, of a full run. Times are seconds since 1970 UTC.
 */
#ifndef SLUICE_SCHEDULE_FIRES_H
#define SLUICE_SCHEDULE_FIRES_H

#include "cron.h"

struct fires {
    struct zone *zone; /* NULL while closed */
    struct cron lines[2];
    bool full[2]; /* is a fire of this line a full run? */
    int count;
};

/* Either line may be "". SLUICE_E_CONFIG for one that is none, or a zone that the system does not have; *f is then as
 * closed. One whose date never comes is no error here, it just has no fires. */
int fires_open(struct fires *f, const char *schedule, const char *full_schedule, const char *timezone, struct err *err);
void fires_close(struct fires *f); /* zeroed is fine */

/* The same in a zone that is open; it is closed with the fires, and on failure. */
int fires_open_in(struct fires *f, const char *schedule, const char *full_schedule, struct zone *zone, struct err *err);

/* The first fire after `after`. False when there is none. `full` may be NULL. */
bool fires_next(const struct fires *f, int64_t after, int64_t *at, bool *full);

/* The last fire that is not after `now` but after `after`. False when there is none. *full (may be NULL): whether any
 * fire of that stretch is that of a full run. The cost grows with the logarithm of the stretch, not with its fires. */
bool fires_last(const struct fires *f, int64_t after, int64_t now, int64_t *at, bool *full);

#endif
