/* bulk_sql.h - the SQL of bulk.c.
 *
 * A batch is a range of record numbers in two temporary tables:
 *   sluice_stage   sluice_n, its key as text, which rules it can use, which columns have a default (shape), which a row
 *                  that is found keeps (63 to a number), then a value for each column that is not left out
 *   sluice_keys    for each record the row that it finds (sluice_mid), by which rule (sluice_hit), and what is to be
 * done (sluice_state); what the row has as keys where the record says another All their columns begin with sluice_, so
 * that a column of the target needs no table's name before it.
 */
#ifndef SLUICE_STORE_BULK_SQL_H
#define SLUICE_STORE_BULK_SQL_H

#include "bulk_table.h"

#define BULK_SAME      0
#define BULK_CHANGED   1
#define BULK_NEW       2
#define BULK_APART     3 /* for merge.c */
#define BULK_QUIET     4 /* differs in quiet columns only */
#define BULK_KINDS     5

#define BULK_KEEP_BITS 63

struct bulk_range {
    size_t from, to; /* the first record, and the one behind the last */
};

struct bulk_sql {
    const struct target_sql *target;
    const char *run_id;
    const struct bulk_table *facts;
    const size_t *defaults; /* the columns that the database fills when they have nothing; bits of a shape in order */
    size_t default_count;
    /* of the records that are staged: */
    size_t records;
    const size_t *keeps;  /* by column: how many keep what is there */
    const size_t *usable; /* by rule: how many can use it */
    bool doubled;         /* some have the same key as text */
    int64_t now;          /* microseconds since 1970 UTC */
};

void bulk_sql_stage(const struct bulk_sql *q, struct buf *sql);

/* Make sluice_keys of a range by the first rule; then add what a later rule finds for records without a row, and drop
 * these records' first entries. */
void bulk_sql_classify(const struct bulk_sql *q, struct bulk_range r, struct buf *sql);
void bulk_sql_classify_more(const struct bulk_sql *q, size_t rule, struct buf *sql);
void bulk_sql_drop_found(size_t rule, struct buf *sql);

/* Set apart the records that share a key, their own or their row's, with another one, when one of them writes. (Who
 * finds the same row shares a key of it.) To be done until nothing changes. */
void bulk_sql_entangle(const struct bulk_sql *q, struct buf *sql);

/* Does a row that was found have another key than its record? 1 or no row. */
void bulk_sql_has_old(const struct bulk_sql *q, struct buf *sql);

/* Write a range. The statement touches as many rows as it writes, or where the table has claims it returns their
 * number. `kind`: BULK_CHANGED or BULK_QUIET. `all`: each record that is staged is new. */
void bulk_sql_update(const struct bulk_sql *q, struct bulk_range r, int kind, struct buf *sql);
void bulk_sql_insert(const struct bulk_sql *q, struct bulk_range r, uint64_t shape, bool all, struct buf *sql);

/* Note the rows that stay as they are among those that the run has touched. */
void bulk_sql_claim(const struct bulk_sql *q, struct buf *sql);

#endif
