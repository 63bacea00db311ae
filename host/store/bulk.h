/* bulk.h - PostgreSQL's fast path of the merge: many records at once, with the result of merge.c one by one.
 *
 * Records are streamed into a temporary table as they come. bulk_flush() finds out in one statement what each of them
 * means, writes what differs and inserts what is new, each in one statement, and hands the rest to merge.c in the order
 * in which they came: records that depend on each other, those that are rejected, those that a statement stumbled over,
 * all of them while they are few, and the first of a run where triggers have to be watched. All in the open
 * transaction; between two flushes nothing else may be asked of the connection without bulk_rest().
 *
 * Limits: BULK_RECORDS records and BULK_BYTES bytes are kept in memory until the flush; bulk_is_due() says when.
 */
#ifndef SLUICE_STORE_BULK_H
#define SLUICE_STORE_BULK_H

#include "reject.h"
#include "target.h"

#define BULK_RECORDS 20000
#define BULK_BYTES   (8 << 20)

struct bulk; /* opaque */

/* How a record is merged by itself: merge_record(), and all that is noted of its outcome. */
struct bulk_one {
    int (*merge)(void *context, const sluice_value *values, uint32_t count, struct err *err);
    void *context;
};

struct bulk_tally {
    int64_t created, updated, unchanged;
};

/* Prepare for run `run_id`. *out is NULL where the store or the table is not made for it. All is borrowed. */
int bulk_open(struct db *db, struct target *target, struct rejects *rejects, const char *run_id, struct bulk_one one,
              struct bulk **out, struct err *err);
void bulk_close(struct bulk *b); /* NULL is fine */

/* For tests: in bulk however few they are. */
void bulk_always(struct bulk *b);

/* From now on the run is another part of the one that it was opened for, whose rejects these are. Nothing waits. */
void bulk_use_rejects(struct bulk *b, struct rejects *rejects);

/* Take a record. */
int bulk_add(struct bulk *b, const sluice_value *values, uint32_t count, struct err *err);

/* Should what is there be flushed? It is much, or has waited for 10 seconds. */
bool bulk_is_due(const struct bulk *b);

/* Is a record with this key among those that wait? */
bool bulk_has(const struct bulk *b, sluice_str key);

/* Let the connection be used. */
int bulk_rest(struct bulk *b, struct err *err);

/* Merge all that wait. What was written without bulk_one is added to *tally; its records with open rejects have
 * superseded them. */
int bulk_flush(struct bulk *b, struct bulk_tally *tally, struct err *err);

/* Forget what waits: the transaction is rolled back. */
void bulk_drop(struct bulk *b);

#endif
