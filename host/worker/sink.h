/* sink.h - where a run's records land: merged in batches, each batch one transaction with its rejects, its counters,
 * its cursor and the fence.
 *
 * After an error the open batch is rolled back and the counters are those of what was committed.
 */
#ifndef SLUICE_WORKER_SINK_H
#define SLUICE_WORKER_SINK_H

#include "bulk.h"
#include "cursor.h"
#include "gone.h"
#include "landed.h"
#include "ledger.h"
#include "merge.h"
#include "reject.h"
#include "schema.h"

/* How records are merged where there are two ways: as it is fastest, or for tests always in one way. */
#define SINK_FASTEST 0
#define SINK_ONE_BY_ONE 1
#define SINK_IN_BULK 2

/* What a run counts besides its row's counters. */
struct sink_tally {
    int64_t ignored, unchanged, rebound, retried, resolved, gone;
    int64_t details_lost; /* errors beyond those that a result carries */
    int64_t held;         /* rejects that hold the cursor back (hold.h); 0: it may move */
    int64_t left_behind;  /* rejects that it moved past, since it may be held no longer */
    int64_t held_since;   /* of either; microseconds since 1970 UTC */
};

struct sink {
    struct db *db;
    const struct table *table;
    struct run *run;
    struct run *whole;        /* the run over partitions of which `run` is one part; NULL: it is none */
    struct run_counts before; /* of the whole, without `run` */
    bool dry_run;        /* one transaction, rolled back at the end */
    uint32_t batch_max;  /* records a transaction; 0: as many as suit the store */
    int64_t hold_us;     /* how long retryable rejects may hold the cursor back; 0: they do not */
    int ways;            /* SINK_* */
    bool full;           /* all that the source has is read: what came before it is not known to be complete */
    bool complete;       /* and was read: set before sink_finish() */
    /* private */
    struct target *target;
    struct rejects *rejects;
    struct bulk *bulk; /* NULL: records are merged one by one as they come */
    struct gone *gone; /* NULL: nobody asks whom the run meets */
    struct landed landed; /* as the store has it, and this run left it */
    struct merge_outcome outcome;
    uint32_t batch;             /* records in the open transaction */
    bool saved;                 /* a dry run: there is a savepoint before that */
    struct sink_tally tally;
    struct { /* what a rollback falls back to */
        struct run_counts counts;
        struct sink_tally tally;
        size_t details;
        int64_t batch_no, whole_batch_no;
    } committed;
    struct buf payload;
};

/* Start the run, or the whole that it is a part of, in the ledger; the fields above "private" are set by the caller. */
int sink_open(struct sink *s, struct err *err);

/* Make the table fit and prepare, in a transaction of its own. */
int sink_prepare(struct sink *s, struct err *err);

/* `run` is the next part of the whole, which has begun in the ledger. */
void sink_next_part(struct sink *s);

/* Has nothing been asked of the sink for this part yet? Then its end can wait for others' (parts.h). */
bool sink_is_untouched(const struct sink *s);

/* The part has ended so: its figures and the time of its end. */
void sink_end_untouched(struct sink *s);

/* Merge one record, or count one that the connector skipped or rejected. May commit. */
int sink_row(struct sink *s, const sluice_value *values, uint32_t count, struct err *err);
int sink_skip(struct sink *s, sluice_str key, struct err *err);
int sink_reject(struct sink *s, sluice_str key, sluice_str why, sluice_str source, struct err *err);

/* Merge the records that wait to be merged many at once. Until then they are in the counter `processed` only. */
int sink_flush(struct sink *s, struct err *err);

/* Be in a transaction, that of the batch under way. */
int sink_begin(struct sink *s, struct err *err);

/* Commit what is open; `cursor` (NULL: none) goes with it, unless rejects hold it back. */
int sink_commit(struct sink *s, const struct cursor *cursor, struct err *err);

/* Is a transaction open? It should not wait for a slow source. */
bool sink_is_open(const struct sink *s);

/* The last transaction: what is open, the cursor unless rejects hold it back, and the run's end with status and texts
 * as in s->run. A dry run is rolled back. */
int sink_finish(struct sink *s, const struct cursor *cursor, struct err *err);

/* Store a kept record again: its open reject `id` is resolved when it fits now, else it tells why not. With `known`,
 * the reason that it has, nothing is written when that is still the reason; NULL counts it as one rejection more. Not
 * counted in the run's counters. */
int sink_retry(struct sink *s, const char *id, const char *known, const sluice_value *values, uint32_t count,
               struct err *err);

/* Retry the store rejects of this job; `retryable_only`: just those that may pass by themselves. */
int sink_retry_kept(struct sink *s, bool retryable_only, struct err *err);

/* Throw the open batch away; the counters fall back to what was committed. */
void sink_rollback(struct sink *s);
void sink_close(struct sink *s);

#endif
