/* ddl_words.h - the SQL that makes a target table, its columns and its indexes: to be run, or to be shown to people. */
#ifndef SLUICE_STORE_DDL_WORDS_H
#define SLUICE_STORE_DDL_WORDS_H

#include "buf.h"
#include "db.h"
#include "table.h"

/* Append `CREATE TABLE …`, as sluice makes one of its own. */
void ddl_add_create(const struct db *db, struct buf *sql, const struct table *t);

/* Append `CREATE INDEX …`: by which rule `rule` looks its key up. */
void ddl_add_index(const struct db *db, struct buf *sql, const struct table *t, size_t rule);

/* Append `CREATE INDEX …` for a column that asks for one of its own (SLUICE_INDEX). */
void ddl_add_column_index(const struct db *db, struct buf *sql, const struct table *t, const struct table_column *c);

/* Is rule `rule` looked up by the primary key that ddl_add_create() makes? */
bool ddl_is_primary_key(const struct table *t, size_t rule);

/* Append `ALTER TABLE … ADD COLUMN …` for a column, or for system column `system` of ddl.h. */
void ddl_add_column(const struct db *db, struct buf *sql, const struct table *t, const struct table_column *c);
void ddl_add_system(const struct db *db, struct buf *sql, const struct table *t, size_t system);

/* Append the type of a column. */
void ddl_add_type(const struct db *db, struct buf *sql, const struct table_column *c);

#endif
