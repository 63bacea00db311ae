/* ledger.h - the runs in the store: the lock, the fence and the history.
 *
 * A run holds its job (and partition) by its row with status 'running', of which there can be one. Every transaction of
 * a run ends with ledger_fence(), which moves the row's batch number on and writes the counters: when the row is no
 * longer this run's, nothing of that transaction is kept.
 */
#ifndef SLUICE_STORE_LEDGER_H
#define SLUICE_STORE_LEDGER_H

#include "db.h"
#include "run.h"

/* Insert `r` as the running run of its job, owned by r->host. A holder that is dead is closed as crashed first.
 * E_BUSY names a living one. Inside the caller's transaction, or in one of its own. */
int ledger_start(struct db *db, struct run *r, struct err *err);

/* The last statement of a batch's transaction: count it, write the counters. E_FENCED: the run was taken over; roll
 * back and stop. */
int ledger_fence(struct db *db, struct run *r, struct err *err);

/* As ledger_fence(), and the end of the run: status, times, texts. */
int ledger_finish(struct db *db, struct run *r, struct err *err);

/* Close run `id` as `status` when it is still running: its process died and cannot do it. *closed (may be NULL) says
 * whether it was. */
int ledger_close(struct db *db, const char *id, const char *status, const char *reason, bool *closed, struct err *err);

/* Call `each` for runs, newest first: the one with `id`, or those of `job`, or (both NULL) all; at most `limit`. A
 * negative result of `each` ends the walk and is returned. */
int ledger_list(struct db *db, const char *job, const char *id, int64_t limit,
                int (*each)(const struct run *r, void *context), void *context, struct err *err);

#endif
