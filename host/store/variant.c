/* variant.c - see variant.h. */
#include "variant.h"

#include "buf.h"

#include <stdlib.h>
#include <string.h>

static int prepare(struct variants *v, struct db *db, const bool *columns,
                   void (*sql)(void *context, const bool *columns, struct buf *out), void *context, struct db_stmt **out,
                   struct err *err)
{
    struct buf text = {0};
    size_t slot = v->next;

    sql(context, columns, &text);
    int rc = text.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&text), out, err);
    buf_free(&text);
    if (rc)
        return rc;
    db_may_refuse(*out);
    db_finalize(v->list[slot].st);
    v->list[slot].st = *out;
    if (!v->list[slot].columns)
        v->list[slot].columns = malloc(v->count * sizeof(bool));
    if (!v->list[slot].columns) {
        db_finalize(*out);
        v->list[slot].st = NULL;
        return err_set(err, E_SYSTEM, "out of memory");
    }
    memcpy(v->list[slot].columns, columns, v->count * sizeof(bool));
    v->next = (slot + 1) % VARIANT_KEPT;
    return SLUICE_OK;
}

int variant_get(struct variants *v, struct db *db, const bool *columns,
                void (*sql)(void *context, const bool *columns, struct buf *out), void *context, struct db_stmt **out,
                struct err *err)
{
    for (size_t i = 0; i < VARIANT_KEPT; i++) {
        if (v->list[i].st && memcmp(v->list[i].columns, columns, v->count * sizeof(bool)) == 0) {
            *out = v->list[i].st;
            return SLUICE_OK;
        }
    }
    return prepare(v, db, columns, sql, context, out, err);
}

void variants_free(struct variants *v)
{
    for (size_t i = 0; i < VARIANT_KEPT; i++) {
        db_finalize(v->list[i].st);
        free(v->list[i].columns);
    }
    *v = (struct variants){0};
}
