/* sqlite_describe.h - what a table of an SQLite database looks like. */
#ifndef SLUICE_STORE_SQLITE_DESCRIBE_H
#define SLUICE_STORE_SQLITE_DESCRIBE_H

#include "db_driver.h"

/* What a column keeps unchanged. */
#define SQLITE_FAMILY_OTHER  0
#define SQLITE_FAMILY_INT    1
#define SQLITE_FAMILY_TEXT   2
#define SQLITE_FAMILY_NUMBER 3 /* numbers of any kind */
#define SQLITE_FAMILY_REAL   4 /* doubles: whole numbers only up to 2^53 */

int sqlite_describe(struct db *db, const char *name, struct db_table *out, struct err *err);
int sqlite_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err);

#endif
