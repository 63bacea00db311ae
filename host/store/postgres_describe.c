/* postgres_describe.c - what a table of a PostgreSQL database looks like, from its catalogue. */
#include "postgres_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Columns ---- */

/* Each column with the type at the bottom of its domains; length and scale are those of the innermost that has any. */
#define COLUMNS                                                                                                        \
    "WITH RECURSIVE down AS ("                                                                                         \
    " SELECT a.attnum, a.attname, a.atttypid AS declared, a.atttypmod AS declared_mod, a.atttypid AS typ,"             \
    "  a.atttypmod AS mod, a.attnotnull AS required, a.atthasdef OR a.attidentity <> '' AS filled,"                    \
    "  a.attgenerated <> '' OR a.attidentity = 'a' AS fixed, a.attidentity = 'a' AS numbered"                          \
    " FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped"    \
    " UNION ALL SELECT d.attnum, d.attname, d.declared, d.declared_mod, t.typbasetype,"                                \
    "  CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE d.mod END, d.required OR t.typnotnull,"                        \
    "  d.filled OR t.typdefault IS NOT NULL, d.fixed, d.numbered"                                                      \
    " FROM down AS d JOIN pg_catalog.pg_type AS t ON t.oid = d.typ WHERE t.typtype = 'd')"                             \
    "SELECT d.attname, pg_catalog.format_type(d.declared, d.declared_mod), pg_catalog.format_type(d.typ, NULL),"       \
    " t.typname, t.typtype = 'e', d.mod, d.required, d.filled, d.fixed, d.numbered,"                                   \
    " NOT pg_catalog.has_column_privilege($1::bigint::oid, d.attnum, 'INSERT'),"                                       \
    " NOT pg_catalog.has_column_privilege($1::bigint::oid, d.attnum, 'UPDATE')"                                        \
    " FROM down AS d JOIN pg_catalog.pg_type AS t ON t.oid = d.typ WHERE t.typtype <> 'd' ORDER BY d.attnum"

static int kind_of(const char *type, bool is_enum)
{
    static const struct {
        const char *type;
        int kind;
    } kinds[] = {
        {"text", PG_TEXT},
        {"varchar", PG_TEXT},
        {"bpchar", PG_CHAR},
        {"citext", PG_CITEXT},
        {"int2", PG_INT},
        {"int4", PG_INT},
        {"int8", PG_INT},
        {"numeric", PG_NUMERIC},
        {"bool", PG_BOOL},
        {"date", PG_DATE},
        {"timestamptz", PG_TIMESTAMPTZ},
        {"timestamp", PG_TIMESTAMP},
        {"uuid", PG_UUID},
        {"json", PG_JSON},
        {"jsonb", PG_JSONB},
        {"xml", PG_XML},
        {"_int2", PG_INTS},
        {"_int4", PG_INTS},
        {"_int8", PG_INTS},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].kind;
    }
    return is_enum ? PG_ENUM : PG_OTHER;
}

/* Length and scale stand in the type's modifier, each type in its own way; -1 there: any. */
static void read_modifier(struct db_table_column *c, int modifier)
{
    c->limit = c->scale = -1;
    if (modifier < 0)
        return;
    if (c->family == PG_TEXT || c->family == PG_CHAR)
        c->limit = modifier - 4;
    else if (c->family == PG_NUMERIC)
        c->scale = (modifier - 4) & 0x7ff;
    else if (c->family == PG_TIMESTAMPTZ || c->family == PG_TIMESTAMP)
        c->scale = modifier;
}

static bool takes_all(const char *type)
{
    static const char *const types[] = {"text", "bigint", "boolean", "timestamp with time zone", "numeric", "bigint[]"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

static int add_column(struct db_table *t, struct db_stmt *st, struct err *err)
{
    struct db_table_column *grown = realloc(t->columns, (t->column_count + 1) * sizeof(*grown));

    if (!grown)
        return err_set(err, E_SYSTEM, "store: out of memory");
    t->columns = grown;
    struct db_table_column *c = &grown[t->column_count];
    *c = (struct db_table_column){.name = strdup(db_column_text(st, 0)),
                                  .type = strdup(db_column_text(st, 1)),
                                  .base = strdup(db_column_text(st, 2))};
    t->column_count++;
    if (!c->name || !c->type || !c->base)
        return err_set(err, E_SYSTEM, "store: out of memory");
    c->family = kind_of(db_column_text(st, 3), db_column_int(st, 4) != 0);
    read_modifier(c, (int)db_column_int(st, 5));
    c->not_null = db_column_int(st, 6) != 0;
    c->has_default = db_column_int(st, 7) != 0;
    c->generated = db_column_int(st, 8) != 0;
    c->numbered = db_column_int(st, 9) != 0;
    c->no_insert = db_column_int(st, 10) != 0;
    c->no_update = db_column_int(st, 11) != 0;
    c->takes_all = strcmp(c->type, c->base) == 0 && takes_all(c->type);
    c->picky = c->family == PG_UUID || c->family == PG_JSONB || c->family == PG_ENUM;
    return SLUICE_OK;
}

static int read_columns(struct db *db, int64_t oid, struct db_table *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, COLUMNS, &st, err);

    if (rc)
        return rc;
    db_bind_int(st, 1, oid);
    while ((rc = db_step(st, err)) == 1) {
        rc = add_column(out, st, err);
        if (rc)
            break;
    }
    db_finalize(st);
    return rc;
}

/* ---- The table ---- */

/* Triggers that are fired for each new row, for each changed one. */
#define TRIGGER(bits)                                                                                                  \
    "EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal"                  \
    " AND g.tgenabled IN ('O', 'A') AND g.tgtype & 1 <> 0 AND " bits ")"

/* GRANTs for the sequences behind columns, where the role has no right to use them. */
#define GRANTS                                                                                                         \
    "(SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('GRANT USAGE ON SEQUENCE %s TO %I;', s.oid::regclass,"   \
    "   current_user), ' ') FROM pg_catalog.pg_attrdef AS d JOIN pg_catalog.pg_depend AS p ON p.objid = d.oid"         \
    "  AND p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.refclassid = 'pg_catalog.pg_class'::regclass"           \
    "  JOIN pg_catalog.pg_class AS s ON s.oid = p.refobjid WHERE d.adrelid = c.oid AND"                                \
    "  CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE, UPDATE') END)"

/* A policy of the table for this role. */
#define POLICY(which)                                                                                                  \
    "EXISTS (SELECT 1 FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid AND EXISTS (SELECT 1"                    \
    " FROM pg_catalog.unnest(p.polroles) AS r WHERE CASE WHEN r = 0 THEN TRUE ELSE pg_catalog.pg_has_role(r, 'USAGE')" \
    " END) AND " which ")"
#define SEES_ALL   "pg_catalog.pg_get_expr(p.polqual, c.oid) = 'true'"
#define WRITES_ALL "pg_catalog.pg_get_expr(COALESCE(p.polwithcheck, p.polqual), c.oid) = 'true'"

/* Row-level security is in force, and it is not so that for each command one policy lets everything pass. */
#define HIDES                                                                                                          \
    "pg_catalog.row_security_active(c.oid) AND (" POLICY("NOT p.polpermissive") " OR NOT ("                            \
    POLICY("p.polpermissive AND p.polcmd IN ('*', 'r') AND " SEES_ALL) " AND "                                         \
    POLICY("p.polpermissive AND p.polcmd IN ('*', 'a') AND " WRITES_ALL) " AND "                                       \
    POLICY("p.polpermissive AND p.polcmd IN ('*', 'w') AND " SEES_ALL " AND " WRITES_ALL) "))"

/* What a row keeps: its primary key, else where it is. */
#define TABLE                                                                                                          \
    "SELECT c.oid::bigint, c.relkind IN ('v', 'm'), c.relkind = 'p' OR c.relhassubclass,"                              \
    " (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.n)"                             \
    "  FROM pg_catalog.pg_index AS i, pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)"                    \
    "  JOIN pg_catalog.pg_attribute AS a ON a.attnum = k.attnum"                                                       \
    "  WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND k.n <= i.indnkeyatts),"                  \
    " " HIDES ", NOT pg_catalog.has_table_privilege(c.oid, 'SELECT'),"                                                 \
    " NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'), " TRIGGER("g.tgtype & 20 <> 0") ","                             \
    " " TRIGGER("g.tgtype & 6 = 6") ", current_user, " GRANTS                                                          \
    " FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', "   \
    "'f')"

static int word_locators(struct db_table *t, const char *key, struct err *err)
{
    t->locator = strdup(t->spread ? "tableoid::oid::text || '/' || ctid::text" : "ctid::text");
    if (*key && asprintf(&t->lasting, "ROW(%s)::text", key) < 0)
        t->lasting = NULL;
    if (!*key && t->locator)
        t->lasting = strdup(t->locator);
    return t->locator && t->lasting ? SLUICE_OK : err_set(err, E_SYSTEM, "store: out of memory");
}

/* What this role may do with it, and what others do when it is written. */
static int read_rights(struct db_table *t, struct db_stmt *st, struct err *err)
{
    t->hides = db_column_int(st, 4) != 0;
    t->no_select = db_column_int(st, 5) != 0;
    t->not_owned = db_column_int(st, 6) != 0;
    t->triggers = db_column_int(st, 7) != 0;
    t->completes = db_column_int(st, 8) != 0;
    t->role = strdup(db_column_text(st, 9));
    t->grants = strdup(db_column_text(st, 10));
    return t->role && t->grants ? SLUICE_OK : err_set(err, E_SYSTEM, "store: out of memory");
}

/* A name as a text that to_regclass() takes. */
static void bind_name(struct db *db, struct db_stmt *st, int index, const char *name)
{
    struct buf quoted = {0};

    db_quote_table(db, &quoted, name);
    db_bind_text(st, index, buf_text(&quoted));
    buf_free(&quoted);
}

/* A schema that this role may not look into says of nothing whether it is there. */
static int check_schema(struct db *db, const char *name, struct err *err)
{
    const char *dot = strchr(name, '.');
    struct buf schema = {0};
    struct db_stmt *st;

    if (!dot || dot == name)
        return SLUICE_OK;
    int rc = db_prepare(db,
                        "SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I; GRANT SELECT, INSERT, UPDATE ON %s"
                        " TO %I;', nspname, current_user, $2::text, current_user) FROM pg_catalog.pg_namespace"
                        " WHERE nspname = $1 AND NOT pg_catalog.has_schema_privilege(oid, 'USAGE')",
                        &st, err);
    if (rc)
        return rc;
    buf_add(&schema, name, (size_t)(dot - name));
    db_bind_text(st, 1, buf_text(&schema));
    bind_name(db, st, 2, name);
    rc = db_step(st, err);
    if (rc == 1)
        rc = err_set(err, SLUICE_E_CONFIG, "table %s: the schema may not be used: %s", name, db_column_text(st, 0));
    db_finalize(st);
    buf_free(&schema);
    return rc;
}

int pg_describe(struct db *db, const char *name, struct db_table *out, struct err *err)
{
    struct db_stmt *st;
    int64_t oid = 0;
    int rc = check_schema(db, name, err);

    *out = (struct db_table){0};
    if (!rc)
        rc = db_prepare(db, TABLE, &st, err);
    if (rc)
        return rc;
    bind_name(db, st, 1, name);
    rc = db_step(st, err);
    if (rc == 1) {
        oid = db_column_int(st, 0);
        out->exists = true;
        out->is_view = db_column_int(st, 1) != 0;
        out->spread = db_column_int(st, 2) != 0;
        rc = word_locators(out, db_column_text(st, 3), err);
        if (!rc)
            rc = read_rights(out, st, err);
    }
    db_finalize(st);
    if (!rc && out->exists)
        rc = read_columns(db, oid, out, err);
    if (rc)
        db_table_free(out);
    return rc;
}

/* What the server shows of an expression has casts and brackets of its own. */
#define BARE(sql) "pg_catalog.regexp_replace(" sql ", '::text|::character varying|COLLATE|[() \"]', '', 'g')"

/* What db_normalised() makes of the column, with the letters of a text as they are. */
static void word_normalised(struct buf *out, const char *column, uint32_t flags)
{
    buf_add_str(out, flags & SLUICE_LOWER ? "lower(" : "");
    buf_add_str(out, flags & SLUICE_TRIM ? "btrim(" : "");
    buf_add_str(out, column);
    buf_add_str(out, flags & SLUICE_TRIM ? ", ' \t\n\v\f\r')" : "");
    buf_add_str(out, flags & SLUICE_LOWER ? " COLLATE \"C\")" : "");
}

/* An index on another expression of the column is no use to a look-up. One that is not valid serves nobody, a partial
 * one not all. */
int pg_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err)
{
    struct buf expression = {0};
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT 1 FROM pg_catalog.pg_index AS i LEFT JOIN pg_catalog.pg_attribute AS a"
                        " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                        " WHERE i.indrelid = pg_catalog.to_regclass($1) AND i.indisvalid AND i.indpred IS NULL"
                        " AND CASE WHEN $2::bigint = 0 THEN a.attname = $3 ELSE i.indkey[0] = 0 AND "
                        BARE("pg_catalog.pg_get_indexdef(i.indexrelid, 1, true)") " = " BARE("$4::text") " END LIMIT 1",
                        &st, err);
    if (rc)
        return rc;
    word_normalised(&expression, column, flags);
    bind_name(db, st, 1, table);
    db_bind_int(st, 2, flags);
    db_bind_text(st, 3, column);
    db_bind_text(st, 4, buf_text(&expression));
    rc = expression.failed ? err_set(err, E_SYSTEM, "store: out of memory") : db_step(st, err);
    db_finalize(st);
    buf_free(&expression);
    return rc;
}
