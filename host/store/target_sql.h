/* target_sql.h - the SQL by which target.c finds and writes rows, made from the table.
 *
 * Parameters are numbered in the order in which target.c binds them: for a look-up every column that is not left out
 * (where the database compares), the scope and the rule's columns; for a write the columns of the shape, then the
 * system columns that are there, then (for an update) the row.
 */
#ifndef SLUICE_STORE_TARGET_SQL_H
#define SLUICE_STORE_TARGET_SQL_H

#include "buf.h"
#include "db.h"
#include "ddl.h"
#include "table.h"

/* What the SQL is made from; all of it borrowed. */
struct target_sql {
    const struct db *db;
    const struct table *table;
    const struct ddl_state *state;
    size_t identity; /* the rule IDENTITY, or TABLE_NONE */
    bool claims;     /* a row is also told by what it keeps */
};

/* Append: at most two rows that `rule` finds: the locator, what the row keeps (with `claims`), then every column that
 * is not left out; where the database compares, whether it has the parameter's value instead, and then the columns of
 * the identity as text. */
void target_sql_find(const struct target_sql *t, const struct table_rule *rule, struct buf *sql);

/* Append: is there a row that has no identity? */
void target_sql_adoptable(const struct target_sql *t, struct buf *sql);

/* Append: a new row, or new values for one, naming the columns of `shape` (by column of the table). The signature is
 * variant_get()'s; `context` is a struct target_sql. */
void target_sql_insert(void *context, const bool *shape, struct buf *sql);
void target_sql_update(void *context, const bool *shape, struct buf *sql);

/* The first system column that an update of `shape` writes: a row whose quiet columns alone differ keeps updated_at. */
size_t target_sql_first_stamp(const struct target_sql *t, const bool *shape);

/* Does a write return a row, with what the row keeps in its first column? */
bool target_sql_returns(const struct target_sql *t);

#endif
