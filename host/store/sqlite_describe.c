/* sqlite_describe.c - see sqlite_describe.h. */
#include "sqlite_describe.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a column declared as `type` keeps unchanged: SQLite's own affinity rules, in their order. */
static int family_of(const char *type)
{
    if (strcasestr(type, "INT"))
        return SQLITE_FAMILY_INT;
    if (strcasestr(type, "CHAR") || strcasestr(type, "CLOB") || strcasestr(type, "TEXT"))
        return SQLITE_FAMILY_TEXT;
    if (!*type || strcasestr(type, "BLOB"))
        return SQLITE_FAMILY_OTHER;
    if (strcasestr(type, "REAL") || strcasestr(type, "FLOA") || strcasestr(type, "DOUB"))
        return SQLITE_FAMILY_REAL;
    return SQLITE_FAMILY_NUMBER;
}

/* Columns hidden = 2 or 3 are generated; column `alias` is another name of the row's number, which SQLite fills in. */
static int add_column(struct db_table *t, struct db_stmt *st, struct err *err)
{
    struct db_table_column *grown = realloc(t->columns, (t->column_count + 1) * sizeof(*grown));

    if (!grown)
        return err_set(err, E_SYSTEM, "store: out of memory");
    t->columns = grown;
    struct db_table_column *c = &grown[t->column_count];
    *c = (struct db_table_column){.name = strdup(db_column_text(st, 0)), .type = strdup(db_column_text(st, 1))};
    t->column_count++;
    if (!c->name || !c->type)
        return err_set(err, E_SYSTEM, "store: out of memory");
    c->family = family_of(c->type);
    c->limit = c->scale = -1;
    c->not_null = db_column_int(st, 2) != 0;
    c->has_default = db_column(st, 3).type != DB_NULL || db_column_int(st, 5) != 0;
    c->generated = db_column_int(st, 4) >= 2;
    return SLUICE_OK;
}

static int read_columns(struct db *db, const char *name, struct db_table *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT name, type, \"notnull\", dflt_value, hidden, pk = 1 AND upper(type) = 'INTEGER' AND"
                        " (SELECT max(pk) FROM pragma_table_xinfo($1)) = 1 AS alias FROM pragma_table_xinfo($1)",
                        &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, name);
    while ((rc = db_step(st, err)) == 1) {
        rc = add_column(out, st, err);
        if (rc)
            break;
    }
    db_finalize(st);
    return rc;
}

static bool has_column(const struct db_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (strcasecmp(t->columns[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A row's own number under the first of its three names that no column hides. */
static int pick_locator(struct db_table *t, const char *name, struct err *err)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};

    for (size_t i = 0; i < 3; i++) {
        if (!has_column(t, names[i])) {
            t->locator = strdup(names[i]);
            t->lasting = strdup(names[i]);
            return t->locator && t->lasting ? SLUICE_OK : err_set(err, E_SYSTEM, "store: out of memory");
        }
    }
    return err_set(err, SLUICE_E_CONFIG, "table %s: its columns rowid, _rowid_ and oid hide the row's number", name);
}

int sqlite_describe(struct db *db, const char *name, struct db_table *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT l.type, l.wr, m.sql LIKE '%INITIALLY%DEFERRED%', EXISTS (SELECT 1"
                            " FROM sqlite_master AS g WHERE g.type = 'trigger' AND g.tbl_name = l.name COLLATE NOCASE)"
                            " FROM pragma_table_list AS l"
                            " LEFT JOIN sqlite_master AS m ON m.name = l.name"
                            " WHERE l.schema = 'main' AND l.name = $1 COLLATE NOCASE",
                        &st, err);

    *out = (struct db_table){0};
    if (rc)
        return rc;
    db_bind_text(st, 1, name);
    rc = db_step(st, err);
    bool without_rowid = false;
    if (rc == 1) {
        out->exists = true;
        out->is_view = strcmp(db_column_text(st, 0), "view") == 0;
        without_rowid = db_column_int(st, 1) != 0;
        out->deferred = db_column_int(st, 2) != 0;
        out->triggers = db_column_int(st, 3) != 0;
    }
    db_finalize(st);
    if (rc == 1)
        rc = read_columns(db, name, out, err);
    if (!rc && without_rowid)
        rc = err_set(err, SLUICE_E_CONFIG, "table %s is WITHOUT ROWID, which sluice cannot write to", name);
    if (!rc && out->exists)
        rc = pick_locator(out, name, err);
    if (rc)
        db_table_free(out);
    return rc;
}

/* SQL without what may be written in several ways. */
#define BARE(sql)                                                                                                      \
    "replace(replace(replace(replace(replace(replace(lower(" sql "), ' ', ''), char(10), ''), '\"', ''), '`', ''),"      \
    " '[', ''), ']', '')"

/* cid -1 is the row's number, -2 an expression: an index on another one of the column is no use to a look-up. A primary
 * key may be the row's number itself, which no index lists. */
int sqlite_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err)
{
    struct buf expression = {0};
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT 1 FROM pragma_index_list($1) AS l, pragma_index_xinfo(l.name) AS x"
                        " WHERE x.seqno = 0 AND l.partial = 0 AND CASE WHEN $2 = 0 THEN x.name = $3 COLLATE NOCASE"
                        " ELSE x.cid = -2 AND instr((SELECT " BARE("sql") " FROM sqlite_master AS m"
                        " WHERE m.name = l.name), " BARE("$4") ") END"
                        " UNION ALL SELECT 1 FROM pragma_table_xinfo($1)"
                        " WHERE $2 = 0 AND pk = 1 AND name = $3 COLLATE NOCASE"
                        " LIMIT 1",
                        &st, err);
    if (rc)
        return rc;
    db_normalised(db, &expression, column, flags);
    db_bind_text(st, 1, table);
    db_bind_int(st, 2, flags);
    db_bind_text(st, 3, column);
    db_bind_text(st, 4, buf_text(&expression));
    rc = expression.failed ? err_set(err, E_SYSTEM, "store: out of memory") : db_step(st, err);
    db_finalize(st);
    buf_free(&expression);
    return rc;
}
