/* claims.h - the rows that a run has matched or written, which rule REBIND asks for. The list is in the database, since
 * it grows with the run: a temporary table, or where sessions are not ours alone the table sluice_claims, which is
 * written without a log and emptied when the next list is opened.
 */
#ifndef SLUICE_STORE_CLAIMS_H
#define SLUICE_STORE_CLAIMS_H

#include "db.h"

struct claims; /* opaque */

/* An empty list for run `run_id`, which is marked as running in the ledger. */
int claims_open(struct db *db, const char *run_id, struct claims **out, struct err *err);
void claims_close(struct claims *c); /* NULL is fine */

/* Rows are known by what db_table.lasting says of them. */
int claims_add(struct claims *c, struct db_value row, struct err *err);
int claims_has(struct claims *c, struct db_value row, struct err *err); /* 1, 0 or an error */

#endif
