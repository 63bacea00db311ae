/* gone.h - rows that a complete read of the source did not meet any more (contract A6.10).
 *
 * A full run tells the identity of every record that it meets, whatever became of it. When it was complete,
 * gone_note() sets the table's gone column on the rows that it did not meet. Which rows are the run's to judge: those
 * with an identity, of its scope, and in a partition those that have each of its constants (SLUICE's `value` columns),
 * so that no other partition's rows are touched. A row that returns is cleared by the merge, since its record says
 * null.
 *
 * The list of whom it met is in the database, as that of claims.h: a temporary table, or where sessions are not ours
 * alone the table sluice_met, which is written without a log and emptied when the next list is opened.
 */
#ifndef SLUICE_STORE_GONE_H
#define SLUICE_STORE_GONE_H

#include "buf.h"
#include "db.h"
#include "table.h"

/* Of the rows that are there, the share that may vanish at once without gone_note()'s `allow`: one in five. */
#define GONE_PART 5

struct gone; /* opaque */

/* An empty list for run `run_id`, which is marked as running in the ledger, in the open transaction. `table`, which is
 * there and has a gone column, must outlive it. SLUICE_E_CONFIG when its identity is not one integer or text. */
int gone_open(struct db *db, const struct table *table, const char *run_id, bool partitioned, struct gone **out,
              struct err *err);
void gone_close(struct gone *g); /* NULL is fine */

/* A record was met: as mapped; or, since it was rejected or left out, by its key as text. A record that has no
 * identity, or one that cannot be told, counts as unknown. Both only take notes: gone_flush() is due before a batch
 * ends. */
void gone_meet(struct gone *g, const sluice_value *values, uint32_t count);
void gone_meet_key(struct gone *g, sluice_str key);

/* Put what was noted into the list, in the open transaction. */
int gone_flush(struct gone *g, struct err *err);

/* Records whose identity is unknown, so far. Where there are any, nobody knows who is gone. */
int64_t gone_unknown(const struct gone *g);

/* Flush, and set the gone column to `now`, whole seconds, on all rows that were not met and have no note yet; *noted
 * says how many. In the open transaction. SLUICE_E_LIMIT, and nothing is written, when that were more than one in
 * GONE_PART of those that have no note yet, unless `allow`. */
int gone_note(struct gone *g, int64_t now, bool allow, int64_t *noted, struct err *err);

#endif
