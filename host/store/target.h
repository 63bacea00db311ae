/* target.h - the rows of a target table, one record at a time: the store calls that merge.c is written over.
 *
 * target_load() takes a record; the other calls are about that record, until the next load.
 */
#ifndef SLUICE_STORE_TARGET_H
#define SLUICE_STORE_TARGET_H

#include "buf.h"
#include "db.h"
#include "table.h"

struct target; /* opaque: a table that is open for merging */

/* Make the table fit (ddl.h) and prepare for run `run_id`, in the open transaction. `table` must outlive the target. */
int target_open(struct db *db, const struct table *table, const char *run_id,
                void (*warn)(void *context, const char *text), void *context, struct target **out, struct err *err);
void target_close(struct target *t); /* NULL is fine */

/* The table's `value` and `preset` texts are others from now on. */
int target_refill(struct target *t, struct err *err);

/* Take a record: `count` values in column order, the rest absent. Texts must stay until the record is done with.
 * E_REFUSED with a reason when a value does not fit its column. */
int target_load(struct target *t, const sluice_value *values, uint32_t count, struct err *err);

/* Can rule `rule` be used for this record? Not when a key, or the scope, is null, empty or a dummy. */
bool target_usable(const struct target *t, size_t rule);

/* Append the record's key by `rule`, as text. */
void target_key(const struct target *t, size_t rule, struct buf *out);

/* A row that was found. */
struct target_hit {
    bool same;         /* it already stores all that the record says */
    bool quiet;        /* what differs are quiet columns only */
    bool has_identity; /* its identity columns are not empty */
    bool other_identity; /* and say another identity than the record does */
};

/* Find the row for rule `rule`. Returns 0, 1 or 2 (more than one), or an error. */
int target_find(struct target *t, size_t rule, struct target_hit *hit, struct err *err);

/* The identity that the row found last has, as text. */
const char *target_found_identity(const struct target *t);

/* Write the record as a new row, or what differs into the row found last. 0, or TARGET_MOVED: another program came
 * first, nothing was written, and the record is to be looked up again. E_REFUSED: the record is to blame, nothing of it
 * was written, the transaction goes on. `now` is for created_at and the like (updated_at stays where the row only
 * changes quiet columns). Where the table has triggers, `warn` of
 * target_open() is told, once, when one of the first rows does not store what was written. */
#define TARGET_MOVED 1
int target_insert(struct target *t, int64_t now, struct err *err);
int target_update(struct target *t, int64_t now, struct err *err);

/* Rows that this run has matched or written, for rule REBIND: note the one found or written last; was the one found
 * last noted? 1, 0 or an error. */
int target_claim(struct target *t, struct err *err);
int target_claimed(struct target *t, struct err *err);

/* ---- For bulk.c: what the record that was loaded comes to ---- */

struct cell;
struct target_sql;

/* What the SQL for this table is made from. */
const struct target_sql *target_words(const struct target *t);

/* What a new row gets in `column`, but for the preset "now". */
const struct cell *target_new(const struct target *t, size_t column);

/* Does a row that is found keep what it has in `column`? Else it gets target_new(). */
bool target_keeps(const struct target *t, size_t column);

/* Can rule ADOPT find anything in this transaction? 1, 0 or an error. A row without identity was added: it can. */
int target_may_adopt(struct target *t, struct err *err);
void target_note_anonymous(struct target *t);

/* Are there triggers, and too few rows written one by one to know what they do? */
bool target_watches(const struct target *t);

/* Did a trigger store something else than was written? Known once some rows were written one by one. */
bool target_rewrites(const struct target *t);

#endif
