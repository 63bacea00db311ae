/* history.h - forgets old runs and rejects, a little at a time so that nobody waits long for the write lock. */
#ifndef SLUICE_STORE_HISTORY_H
#define SLUICE_STORE_HISTORY_H

#include "db.h"

/* Delete at most `limit` runs (that are not running) started before `before` (microseconds since 1970 UTC), those of
 * partitions with their parents; the last run and the last good run of each job stay, however old. *count (may be NULL)
 * tells how many. */
int history_forget_runs(struct db *db, int64_t before, int64_t limit, int64_t *count, struct err *err);

/* The same of rejects: those resolved, superseded or last seen before `before`. */
int history_forget_rejects(struct db *db, int64_t before, int64_t limit, int64_t *count, struct err *err);

#endif
