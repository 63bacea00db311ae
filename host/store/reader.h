/* reader.h - the rows of a target table, for the streams that are derived from it: in an order, as they were at one
 * moment, a few at a time in memory. Rows that are gone are left out.
 *
 * Lifetime: a reader ends before its connection's transaction does.
 */
#ifndef SLUICE_STORE_READER_H
#define SLUICE_STORE_READER_H

#include "db.h"
#include "table.h"

struct reader; /* opaque */

/* Read `columns` (indexes into table->columns, as many as `count`) ordered by `order`, none of which the job leaves
 * out, in the open transaction of `db`, a DB_SNAPSHOT connection. `table` must outlive the reader. SLUICE_E_CONFIG when
 * the table, or a column, is not there. */
int reader_open(struct db *db, const struct table *table, const size_t *columns, size_t count, const size_t *order,
                size_t order_count, struct reader **out, struct err *err);
void reader_close(struct reader *r); /* NULL is fine */

/* The next row into `values`, one for each column: null, or of its type. 1, 0 after the last one, or an error. Texts
 * live until the next call; lists go to `ints`, which has room for `ints_max` numbers. */
int reader_next(struct reader *r, sluice_value *values, int64_t *ints, size_t ints_max, struct err *err);

#endif
