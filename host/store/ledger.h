/* ledger.h - the runs in the store: the lock, the fence and the history.
 *
 * A run holds its job (and partition) by its row with status 'running', of which there can be one. Every transaction of
 * a run ends with ledger_fence(), which moves the row's batch number on and writes the counters: when the row is no
 * longer this run's, nothing of that transaction is kept.
 */
#ifndef SLUICE_STORE_LEDGER_H
#define SLUICE_STORE_LEDGER_H

#include "cursor.h"
#include "db.h"
#include "run.h"

/* Insert `r` as the running run of its job, owned by r->host. A holder that is dead is closed as crashed first.
 * E_BUSY names a living one. With r->fire_us the run also takes that fire of its job (jobs.h): E_BUSY when it was taken
 * before, and nothing is inserted; with r->at_start it does so as jobs_claim_start() says. Inside the caller's
 * transaction, or in one of its own. */
int ledger_start(struct db *db, struct run *r, struct err *err);

/* The last statement of a batch's transaction: count it, write the counters. E_FENCED: the run was taken over; roll
 * back and stop. */
int ledger_fence(struct db *db, struct run *r, struct err *err);

/* As ledger_fence(), and the end of the run: status, times (r->finished_at; 0: now), texts. */
int ledger_finish(struct db *db, struct run *r, struct err *err);

/* ---- A run over partitions: a row for the whole, and one for each partition, whose parent it is ---- */

/* A partition's row as it begins. */
struct ledger_part {
    struct run run;       /* by run_init(), with host, parent and started_at */
    struct cursor cursor; /* out: where it resumes */
    bool rejects;         /* out: some of its rejects are open */
    struct err busy;      /* out: E_BUSY when another run has this partition; then there is no row */
};

/* Insert the rows of `count` partitions and read what they need, with one fence of `whole`. One that another living run
 * has is told in its `busy`; a dead holder is closed. In the caller's transaction, or in one of its own. E_FENCED: the
 * whole run was taken over. */
int ledger_claim_parts(struct db *db, struct run *whole, struct ledger_part *parts, size_t count, struct err *err);

/* A partition's row as it ends. */
struct ledger_end {
    struct run *run;             /* with its status and texts */
    const struct cursor *cursor; /* to be stored with it; NULL: none */
    struct err fenced;           /* out: E_FENCED when its row is another's by now; then nothing of it was written */
};

/* End `count` partitions that have nothing open, with one fence of `whole`; a transaction as above. */
int ledger_finish_parts(struct db *db, struct run *whole, struct ledger_end *ends, size_t count, struct err *err);

/* Forget the rows of `whole` that are still marked as running: their turn never came. Inside a transaction. */
int ledger_drop_parts(struct db *db, const struct run *whole, struct err *err);

/* The rows of the partitions of run `parent`, in the order in which they began. */
int ledger_parts(struct db *db, const char *parent, int (*each)(const struct run *r, void *context), void *context,
                 struct err *err);

/* The object of `run --json` for run `id`, with its partitions. New reference; NULL in *out when there is no such. */
int ledger_run_json(struct db *db, const char *id, json_t **out, struct err *err);

/* Commit a transaction whose last statement was one of these two. When the connection is cut while it commits, the
 * batch number tells afterwards whether it was done; E_STORE when it was not, or when the store stays away. */
int ledger_commit(struct db *db, const struct run *r, struct err *err);

/* Close run `id` as `status` when it is still running, and those of its partitions that are: its process died and cannot
 * do it. *count (may be NULL) says how many rows that were. */
int ledger_close(struct db *db, const char *id, const char *status, const char *reason, int64_t *count, struct err *err);

/* Close as crashed all runs that are marked as running and whose process is gone (hosts.h); *count (may be NULL) says
 * how many. Outside a transaction. */
int ledger_close_dead(struct db *db, int64_t *count, struct err *err);

/* The same of this host's runs, a while after the process was first seen to be gone: whoever watches it tells better
 * why. To be called from time to time, since to other hosts they live as long as this host beats. `left`, empty at
 * first, keeps what was seen; ledger_left_free(). Outside a transaction. */
struct ledger_left {
    char (*ids)[RUN_ID_SIZE];
    size_t count;
};
int ledger_close_left(struct db *db, struct ledger_left *left, struct err *err);
void ledger_left_free(struct ledger_left *left);

/* ---- What the ledger knows ----
 *
 * Each of these reads no more rows than it calls `each` for, and a few, however long the history is. A negative result
 * of `each` ends the walk and is returned. A partition's part of a run is left out unless it is asked for. */

/* Runs, newest first: the one with `id` (also that of a partition), or those of `job`, or (both NULL) all; at most
 * `limit`. */
int ledger_list(struct db *db, const char *job, const char *id, int64_t limit,
                int (*each)(const struct run *r, void *context), void *context, struct err *err);

/* Those whose id begins with `prefix`, in upper or lower case; at most `limit`. Those of partitions too. */
int ledger_find(struct db *db, const char *prefix, int64_t limit, int (*each)(const struct run *r, void *context),
                void *context, struct err *err);

/* Those that are marked as running, of `job` (NULL: all), whether or not their process lives. Those of partitions too.
 */
int ledger_running(struct db *db, const char *job, int (*each)(const struct run *r, void *context), void *context,
                   struct err *err);

/* Those of `job` that have ended, newest first; at most `limit`. Runs of mode "retry" are among them. */
int ledger_recent(struct db *db, const char *job, int64_t limit, int (*each)(const struct run *r, void *context),
                  void *context, struct err *err);

/* The runs of one partition, as runs of their own or as parts of larger ones, newest first. */
int ledger_partition(struct db *db, const char *job, const char *partition, int64_t limit,
                     int (*each)(const struct run *r, void *context), void *context, struct err *err);

/* Of each partition of `job` the last run that has ended. */
int ledger_last_of_each(struct db *db, const char *job, int (*each)(const struct run *r, void *context), void *context,
                        struct err *err);

/* When the last good run of `job` ended, microseconds since 1970 UTC; 0: none ever did. */
int ledger_last_good(struct db *db, const char *job, int64_t *finished_at, struct err *err);

/* SQL for a good run: it read all that its source had to tell, so it is no "retry". An index is on these words. */
#define LEDGER_GOOD "parent IS NULL AND status IN ('success', 'partial') AND mode <> 'retry'"

#endif
