/* reader.c - see reader.h. */
#include "reader.h"

#include "buf.h"
#include "cell.h"
#include "plain.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 100 /* bytes of a value */

struct reader {
    struct db_stmt *rows;
    const struct table *table;
    size_t *columns;
    size_t count;
    bool ended; /* a statement that is stepped again begins anew */
};

/* ---- Opening ---- */

static const struct db_table_column *stored_column(const struct db *db, const struct db_table *have, const char *name)
{
    for (size_t i = 0; i < have->column_count; i++) {
        if (db_same_name(db, have->columns[i].name, name))
            return &have->columns[i];
    }
    return NULL;
}

/* The table's column; what is not there is the operator's to put right. */
static int find(const struct db *db, const struct db_table *have, const struct table *t, const struct table_column *c,
                const struct db_table_column **out, struct err *err)
{
    *out = stored_column(db, have, c->name);
    if (*out)
        return SLUICE_OK;
    return err_set(err, SLUICE_E_CONFIG, "table %s has no column \"%s\": was it dropped, or renamed by hand?", t->name,
                   c->name);
}

static int add_select(const struct db *db, const struct db_table *have, const struct reader *r, struct buf *sql,
                      struct err *err)
{
    const struct db_table_column *as;
    int rc = SLUICE_OK;

    buf_add_str(sql, "SELECT ");
    for (size_t i = 0; !rc && i < r->count; i++) {
        const struct table_column *c = &r->table->columns[r->columns[i]];
        rc = find(db, have, r->table, c, &as, err);
        buf_add_str(sql, i ? ", " : "");
        if (!rc)
            db_add_read(db, sql, as, c->type);
        buf_printf(sql, " AS sluice_%zu", i); /* ORDER BY is to mean the table's column, not what is read of it */
    }
    buf_add_str(sql, " FROM ");
    db_quote_table(db, sql, r->table->name);
    if (r->table->gone) {
        buf_add_str(sql, " WHERE ");
        db_quote(sql, r->table->gone->name);
        buf_add_str(sql, " IS NULL");
    }
    return rc;
}

static int add_order(const struct db *db, const struct db_table *have, const struct table *t, const size_t *order,
                     size_t count, struct buf *sql, struct err *err)
{
    const struct db_table_column *as;
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < count; i++) {
        rc = find(db, have, t, &t->columns[order[i]], &as, err);
        buf_add_str(sql, i ? ", " : " ORDER BY ");
        if (!rc)
            db_add_order(db, sql, as, t->columns[order[i]].type);
    }
    return rc;
}

static int word(struct db *db, const struct reader *r, const size_t *order, size_t order_count, struct buf *sql,
                struct err *err)
{
    struct db_table have;
    const struct db_table_column *as;
    int rc = db_describe(db, r->table->name, &have, err);

    if (rc)
        return rc;
    if (!have.exists)
        rc =
            err_set(err, SLUICE_E_CONFIG, "table %s is not there: was it dropped, or renamed by hand?", r->table->name);
    if (!rc && r->table->gone)
        rc = find(db, &have, r->table, r->table->gone, &as, err);
    if (!rc)
        rc = add_select(db, &have, r, sql, err);
    if (!rc)
        rc = add_order(db, &have, r->table, order, order_count, sql, err);
    if (!rc && sql->failed)
        rc = err_set(err, E_SYSTEM, "out of memory");
    db_table_free(&have);
    return rc;
}

int reader_open(struct db *db, const struct table *table, const size_t *columns, size_t count, const size_t *order,
                size_t order_count, struct reader **out, struct err *err)
{
    struct reader *r = calloc(1, sizeof(*r));
    struct buf sql = {0};

    if (r)
        r->columns = calloc(count + 1, sizeof(*columns));
    if (!r || !r->columns) {
        free(r);
        return err_set(err, E_SYSTEM, "out of memory");
    }
    r->table = table;
    r->count = count;
    memcpy(r->columns, columns, count * sizeof(*columns));
    int rc = word(db, r, order, order_count, &sql, err);
    if (!rc)
        rc = db_stream(db, buf_text(&sql), &r->rows, err);
    buf_free(&sql);
    if (rc)
        reader_close(r);
    else
        *out = r;
    return rc;
}

void reader_close(struct reader *r)
{
    if (!r)
        return;
    db_finalize(r->rows);
    free(r->columns);
    free(r);
}

/* ---- Reading ---- */

static int refuse(const struct reader *r, const struct table_column *c, struct db_value stored, struct err *err)
{
    static const char *const names[] = {
        [SLUICE_INT] = "integer",     [SLUICE_TEXT] = "text", [SLUICE_BOOL] = "boolean",
        [SLUICE_DECIMAL] = "decimal", [SLUICE_TIME] = "time", [SLUICE_INTS] = "list of integers"};
    char *shown = plain_text(stored.s, SHOWN);

    err_set(err, SLUICE_E_CONFIG, "table %s: column %s holds \"%s\", which is no %s: another program wrote it",
            r->table->name, c->name, shown ? shown : "", names[c->type]);
    free(shown);
    return err->code;
}

int reader_next(struct reader *r, sluice_value *values, int64_t *ints, size_t ints_max, struct err *err)
{
    const int64_t *end = ints + ints_max;
    int rc = r->ended ? 0 : db_step(r->rows, err);

    r->ended = rc == 0;
    for (size_t i = 0; rc == 1 && i < r->count; i++) {
        const struct table_column *c = &r->table->columns[r->columns[i]];
        struct db_value stored = db_column(r->rows, (int)i);
        if (!cell_read(c, &stored, &values[i], &ints, end))
            return refuse(r, c, stored, err);
    }
    return rc;
}
