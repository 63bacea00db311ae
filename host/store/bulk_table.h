/* bulk_table.h - by which keys records of one table can depend on each other: those of its match rules, and those that
 * a unique index of the table compares.
 */
#ifndef SLUICE_STORE_BULK_TABLE_H
#define SLUICE_STORE_BULK_TABLE_H

#include "target_sql.h"

/* Columns that make a key together. */
struct bulk_key {
    size_t columns[TABLE_KEY_MAX];
    size_t count;
    size_t rule; /* of the table; TABLE_NONE: a unique index that no rule covers */
    bool unique; /* empty texts and dummies collide too */
};

struct bulk_table {
    struct bulk_key *keys;
    size_t key_count;
    bool opaque;  /* records can depend on each other in ways that keys do not tell: what differs goes one by one */
    bool lenient; /* a collation takes texts for equal that are not the same bytes */
    bool unfit;   /* nothing here is for bulk.c */
};

/* Look the table of `t` up. */
int bulk_table_read(struct db *db, const struct target_sql *t, struct bulk_table *out, struct err *err);
void bulk_table_free(struct bulk_table *b);

#endif
