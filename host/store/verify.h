/* verify.h - does a table that is there fit? What does not, all of it, and for each the SQL that would cure it. */
#ifndef SLUICE_STORE_VERIFY_H
#define SLUICE_STORE_VERIFY_H

#include "buf.h"
#include "db.h"
#include "table.h"

struct verdict {
    struct buf problems; /* lines of text, each "\n  " and what it is */
    struct buf cures;    /* the same with SQL; what no SQL cures is a comment that says what does */
    size_t count;        /* of problems */
    size_t fatal;        /* of those that keep sluice from writing; the others only make it slow */
};

/* Judge `have`, the table as it is. When columns may be added (the job does not only check), those that sluice can add
 * are no problem. Nothing is changed. */
int verify_table(struct db *db, const struct table *t, const struct db_table *have, struct verdict *out,
                 struct err *err);

/* Has the table an index by which match rule `rule` finds its rows? 1, 0 or an error. */
int verify_index(struct db *db, const struct table *t, size_t rule, struct err *err);

/* The verdict on a table that is not there and is not to be created: what would create it. */
void verify_absent(const struct db *db, const struct table *t, struct verdict *out);

void verdict_free(struct verdict *v);

#endif
