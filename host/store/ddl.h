/* ddl.h - the target table itself: created, extended or only verified, as the job's `manage` says. */
#ifndef SLUICE_STORE_DDL_H
#define SLUICE_STORE_DDL_H

#include "buf.h"
#include "db.h"
#include "table.h"

#define DDL_CREATED_AT 0
#define DDL_UPDATED_AT 1
#define DDL_LAST_SYNC_AT 2

/* What target.c needs to know of the table as it is. */
struct ddl_state {
    struct db_table have;
    const struct db_table_column **as; /* by column of the struct table; NULL: not in the table, left out by the job */
    bool system[3];                    /* which of created_at, updated_at, last_sync_at are there */
    const struct db_table_column *system_as[3];
};

/* Name of system column DDL_*. */
const char *ddl_system_name(size_t index);

/* Make the table fit, in the open transaction. `warn` is told what a person should do by hand (indexes on a table that
 * sluice did not create). SLUICE_E_CONFIG names everything that does not fit, at once. */
int ddl_ensure(struct db *db, const struct table *t, struct ddl_state *out,
               void (*warn)(void *context, const char *text), void *context, struct err *err);

/* What ddl_ensure() would say, in full, with the SQL that cures it: appended to `out`, which stays empty when there is
 * nothing to say. Changes nothing. SLUICE_E_CONFIG when the table does not fit. */
int ddl_check(struct db *db, const struct table *t, struct buf *out, struct err *err);

void ddl_free(struct ddl_state *s);

#endif
