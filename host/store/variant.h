/* variant.h - prepared writes that differ in which columns they name. Few shapes recur, so a few are kept. The data may
 * refuse each of them: db_may_refuse(). */
#ifndef SLUICE_STORE_VARIANT_H
#define SLUICE_STORE_VARIANT_H

#include "db.h"

#define VARIANT_KEPT 8

struct variants {
    struct {
        bool *columns;
        struct db_stmt *st;
    } list[VARIANT_KEPT];
    size_t count; /* columns of a shape */
    size_t next;  /* the one that is replaced next */
};

/* The statement of this shape, prepared with the SQL that `sql` appends when it is not kept. Owned by `v`. */
int variant_get(struct variants *v, struct db *db, const bool *columns,
                void (*sql)(void *context, const bool *columns, struct buf *out), void *context, struct db_stmt **out,
                struct err *err);
void variants_free(struct variants *v);

#endif
