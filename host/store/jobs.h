/* jobs.h - what the store remembers of each job between its runs: its last fire, and whether it is paused.
 *
 * Times are microseconds since 1970 UTC.
 */
#ifndef SLUICE_STORE_JOBS_H
#define SLUICE_STORE_JOBS_H

#include "db.h"

/* Call `each` for every job that the store knows. A negative result of `each` ends the walk and is returned. */
int jobs_list(struct db *db, int (*each)(const char *job, int64_t last_fire, bool paused, void *context), void *context,
              struct err *err);

/* A job that is seen for the first time has fired `now`: what was due before it was there is not missed. */
int jobs_meet(struct db *db, const char *job, int64_t now, struct err *err);

/* Take the fire that was due at `due`, in the transaction that inserts its run. *claimed: false when this fire or a
 * later one was taken before. */
int jobs_claim(struct db *db, const char *job, int64_t due, bool *claimed, struct err *err);

/* The same of a fire that is there because a daemon on `host` (owner.h) has just started. Hosts that are started together
 * make one run of it: it is not claimed either when another host did so less than a minute ago. */
int jobs_claim_start(struct db *db, const char *job, int64_t due, const char *host, bool *claimed, struct err *err);

/* The clock was set back beyond what daylight saving does: the last fire was not in the future. */
int jobs_set_fire(struct db *db, const char *job, int64_t last_fire, struct err *err);

int jobs_set_paused(struct db *db, const char *job, bool paused, struct err *err);

#endif
