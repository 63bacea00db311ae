/* views.h - jobs, runs, rejects and cursors as JSON: what `--json` prints and the HTTP API answers (contract A4).
 *
 * `db` may be NULL, for a store that the first run has yet to create: then nothing has run. Results are new references,
 * NULL with err on failure.
 */
#ifndef SLUICE_CONTROL_VIEWS_H
#define SLUICE_CONTROL_VIEWS_H

#include "config.h"
#include "db.h"
#include "reject.h"
#include "run.h"

#include <jansson.h>

/* {"jobs":[{"name","connector","stream","enabled","paused","schedule","timezone","next_run","running","last_run"}]}, in
 * the order of the configuration. `next_run` is the first fire after `now` (microseconds), null when there is none or
 * the job is paused; `last_run` the newest run that has ended, null when there is none. A job without a schedule has
 * null there. */
json_t *view_jobs(const struct config *config, struct db *db, int64_t now, struct err *err);

/* The one object of it. */
json_t *view_job(const struct config_job *job, struct db *db, int64_t now, struct err *err);

/* The next `count` fires after `now` of a job's schedules, ["2025-10-11T09:00:00Z",…]; fewer when there are no more. */
json_t *view_fires(const struct config_job *job, int64_t now, int64_t count, struct err *err);

/* {"runs":[…]}, newest first, at most `limit`, of `job` (NULL: all). A partition's part of a run is not listed. */
json_t *view_runs(struct db *db, const char *job, int64_t limit, struct err *err);

/* The same of the partitions of one tenant, also where they are parts of larger runs. */
json_t *view_tenant_runs(const struct config *config, struct db *db, const char *job, const char *tenant, int64_t limit,
                         struct err *err);

/* {"partitions":[…]}: of each partition of `job` the last run that has ended, with the partition's "id". */
json_t *view_last_of_each(struct db *db, const char *job, struct err *err);

/* The run whose id begins with `id`, with its partitions. E_NOT_FOUND when none or more than one does. */
json_t *view_run(struct db *db, const char *id, struct err *err);

/* The object of a run as it is: one that is marked as running but whose process is gone has crashed. */
json_t *view_run_json(struct db *db, const struct run *r);

/* Is it running, in a process that lives, or may do so when the store does not tell? */
bool view_is_running(struct db *db, const struct run *r);

/* {"id","run","job","partition","key","reason","kind","payload","count","first_seen","last_seen"} */
json_t *view_reject(const struct reject_row *r);

/* {"rejects":[…]}: those that are open, of `job` (NULL: all), oldest first, behind the one with the id `after` (NULL:
 * all); at most `limit`, and no more than VIEW_REJECTS_BYTES of payload unless it is one. Where there are more, "next"
 * is what `after` is to be for them. */
#define VIEW_REJECTS_BYTES (8 << 20)
json_t *view_rejects(struct db *db, const char *job, const char *after, int64_t limit, struct err *err);

/* The same of the partitions of one tenant. */
json_t *view_tenant_rejects(const struct config *config, struct db *db, const char *job, const char *tenant,
                            const char *after, int64_t limit, struct err *err);

/* [{"job","partition","cursor","updated_at"}], of `job` (NULL: all) and `partition` (NULL: all), at most `limit`. */
json_t *view_cursors(struct db *db, const char *job, const char *partition, int64_t limit, struct err *err);

#endif
