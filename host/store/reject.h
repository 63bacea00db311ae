/* reject.h - records that could not be stored: kept with reason and payload until they are stored or forgotten.
 *
 * A reason begins with its class, "no-key: …", "constraint: …". A record that is rejected again is one row with a
 * count: the same key, with the same payload or from an earlier run; without a key, the same payload. The row keeps the
 * newest payload, and when the record was rejected first.
 */
#ifndef SLUICE_STORE_REJECT_H
#define SLUICE_STORE_REJECT_H

#include "buf.h"
#include "db.h"

#define REJECT_MAPPING "mapping" /* the payload is the source's text */
#define REJECT_STORE "store"     /* the payload is the mapped record, an object by column */

struct rejects; /* opaque: the rejects of one job and partition during one run */

/* Prepare; new rejects are noted under the run `run_id` and with its `scope` (run.h; NULL: none). Close with
 * rejects_close(). */
int rejects_open(struct db *db, const char *job, const char *partition, const char *run_id, const char *scope,
                 struct rejects **out, struct err *err);
void rejects_close(struct rejects *r); /* NULL is fine */

/* Keep one, inside the batch's transaction. */
int rejects_put(struct rejects *r, sluice_str key, const char *reason, const char *kind, sluice_str payload,
                struct err *err);

/* A record with this key was stored: its open rejects are superseded. Cheap while there are none. */
int rejects_supersede(struct rejects *r, sluice_str key, struct err *err);

/* The same for many: all keys that the query `keys` gives. */
int rejects_supersede_all(struct rejects *r, const char *keys, struct err *err);

/* The open rejects of the job, in the order in which they came, when `retryable_only` just those that may pass by
 * themselves. Reads one after `after_id` ("": the first). 1: *out is filled, its texts live until the next call; 0: no
 * more. */
struct reject {
    const char *id, *key, *reason, *kind;
    sluice_str payload;
};
int rejects_next(struct rejects *r, bool retryable_only, const char *after_id, struct reject *out, struct err *err);

/* It was retried and is rejected again, perhaps by the next who looked at it: the row tells the newest reason and what
 * is known of the record by now. Its run stays the one that read the record. */
int rejects_again(struct rejects *r, const char *id, sluice_str key, const char *reason, const char *kind,
                  sluice_str payload, struct err *err);

/* It was stored after all, under `key` ("": none): older open rejects of that key are superseded. */
int rejects_resolve(struct rejects *r, const char *id, sluice_str key, struct err *err);

/* Tables that an older sluice made know no hashes: note those of all open rejects. In the caller's transaction. */
int rejects_hash_all(struct db *db, struct err *err);

/* May some be open? False is certain. */
bool rejects_any(const struct rejects *r);

/* May a reject with this reason pass by itself later? (foreign key, lock, serialization, disk, permission) */
bool reject_retryable(const char *reason);

/* Append SQL that is true for a store reject of which that can be said. */
void reject_retryable_sql(struct buf *out);

/* SQL for an open reject: neither stored since, nor overtaken by a newer record. */
#define REJECT_OPEN "resolved_at IS NULL AND superseded_at IS NULL"

/* For people: call `each` for open rejects (of `job`; NULL: all) behind the one with the id `after` (NULL: all), newest
 * last, until it returns something negative, which is returned. Reads a few at a time. Values as in the table. */
struct reject_row {
    const char *id, *run_id, *job, *partition, *record_key, *reason, *payload, *kind, *rejected_at, *last_seen_at;
    const char *scope; /* "": none */
    int64_t seen_count;
};
int reject_list(struct db *db, const char *job, const char *after,
                int (*each)(const struct reject_row *row, void *context), void *context, struct err *err);

/* The partitions of `job` that have open ones: call `each` for their ids. */
int reject_partitions(struct db *db, const char *job, int (*each)(const char *partition, void *context), void *context,
                      struct err *err);

/* Forget the open rejects of `job` (NULL: all); *count says how many. */
int reject_purge(struct db *db, const char *job, int64_t *count, struct err *err);

#endif
