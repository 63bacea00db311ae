/* bulk_sql.c - see bulk_sql.h. */
#include "bulk_sql.h"

#include "date.h"
#include "postgres_words.h"

#include <stdio.h>
#include <string.h>

#define STAGE     "pg_temp.sluice_stage"
#define KEYS      "pg_temp.sluice_keys"
#define NAME_SIZE 64

static const struct table *table_of(const struct bulk_sql *q)
{
    return q->target->table;
}

static const struct db *db_of(const struct bulk_sql *q)
{
    return q->target->db;
}

static bool is_named(const struct bulk_sql *q, size_t column)
{
    return *table_of(q)->columns[column].name;
}

/* ---- The stage ---- */

static const char *staged_type(uint32_t type)
{
    switch (type) {
    case SLUICE_INT:
        return "BIGINT";
    case SLUICE_BOOL:
        return "BOOLEAN";
    case SLUICE_DECIMAL:
        return "NUMERIC";
    case SLUICE_TIME:
        return "TIMESTAMPTZ";
    case SLUICE_INTS:
        return "BIGINT[]";
    default:
        return "TEXT";
    }
}

void bulk_sql_stage(const struct bulk_sql *q, struct buf *sql)
{
    const struct table *t = table_of(q);

    buf_add_str(sql, "CREATE TEMP TABLE sluice_stage (sluice_n INTEGER, sluice_key TEXT, sluice_rules SMALLINT,"
                     " sluice_shape BIGINT");
    for (size_t i = 0; i < t->column_count; i += BULK_KEEP_BITS)
        buf_printf(sql, ", sluice_keep%zu BIGINT", i / BULK_KEEP_BITS);
    for (size_t i = 0; i < t->column_count; i++) {
        if (is_named(q, i))
            buf_printf(sql, ", sluice_%zu %s", i, staged_type(t->columns[i].type));
    }
    buf_add_str(sql, ") ON COMMIT DROP");
}

/* ---- Parts ---- */

static void name_value(size_t column, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "sluice_%zu", column);
}

static void add_keeps(struct buf *sql, size_t column)
{
    buf_printf(sql, "(sluice_keep%zu & %lld) <> 0", column / BULK_KEEP_BITS,
               (long long)(INT64_C(1) << (column % BULK_KEEP_BITS)));
}

static void add_same(const struct bulk_sql *q, struct buf *sql, size_t column)
{
    char value[NAME_SIZE];

    name_value(column, value);
    db_add_same(db_of(q), sql, q->target->state->as[column], table_of(q)->columns[column].type, value);
}

static bool is_quiet(const struct bulk_sql *q, size_t column)
{
    return (table_of(q)->columns[column].flags & SLUICE_QUIET) != 0;
}

static bool has_quiet(const struct bulk_sql *q)
{
    for (size_t i = 0; i < table_of(q)->column_count; i++) {
        if (is_named(q, i) && is_quiet(q, i))
            return true;
    }
    return false;
}

/* `quiet`: leave quiet columns out. */
static void add_all_same(const struct bulk_sql *q, struct buf *sql, bool quiet)
{
    const char *separator = "";

    for (size_t i = 0; i < table_of(q)->column_count; i++) {
        if (!is_named(q, i) || q->keeps[i] == q->records || (quiet && is_quiet(q, i)))
            continue;
        buf_add_str(sql, separator);
        if (q->keeps[i]) {
            buf_add_char(sql, '(');
            add_keeps(sql, i);
            buf_add_str(sql, " OR ");
        }
        add_same(q, sql, i);
        buf_add_str(sql, q->keeps[i] ? ")" : "");
        separator = " AND ";
    }
    buf_add_str(sql, *separator ? "" : "true");
}

/* Is there nothing in this column of an identity? */
static void add_nothing(const struct bulk_sql *q, struct buf *sql, size_t column)
{
    const struct table_rule *id = &table_of(q)->rules[q->target->identity];
    const struct table_column *c = &table_of(q)->columns[column];

    buf_add_char(sql, '(');
    db_quote(sql, c->name);
    buf_add_str(sql, " IS NULL");
    for (size_t k = 0; k <= id->never_count; k++) {
        if (k == 0 && c->type != SLUICE_TEXT)
            continue;
        buf_add_str(sql, " OR ");
        db_quote(sql, c->name);
        buf_add_str(sql, "::text = ");
        db_quote_text(sql, k ? id->never[k - 1] : "");
    }
    buf_add_char(sql, ')');
}

/* Does the row belong to another identity than the record's? */
static void add_other_identity(const struct bulk_sql *q, struct buf *sql)
{
    const struct table_rule *id = &table_of(q)->rules[q->target->identity];

    for (size_t i = 0; i < id->column_count; i++) {
        buf_add_str(sql, i ? " OR NOT (" : "NOT (");
        add_keeps(sql, id->columns[i]);
        buf_add_str(sql, " OR ");
        add_nothing(q, sql, id->columns[i]);
        buf_add_str(sql, " OR ");
        add_same(q, sql, id->columns[i]);
        buf_add_char(sql, ')');
    }
}

/* The first column of a key that counts in this batch. When records keep a part of what their rows have, one after the
 * other can make any key of the parts: then who shares the last one depends on each other. */
static size_t first_of(const struct bulk_sql *q, const struct bulk_key *key)
{
    for (size_t i = 0; i < key->count; i++) {
        if (q->keeps[key->columns[i]])
            return key->count - 1;
    }
    return 0;
}

/* What a column of a key has in a row. */
static void add_stored(const struct bulk_sql *q, struct buf *sql, const struct bulk_key *key, size_t column)
{
    const struct table_column *c = &table_of(q)->columns[column];

    db_normalised(db_of(q), sql, c->name, key->rule == TABLE_NONE ? 0 : c->flags);
}

/* The same for the record. */
static void add_sent(const struct bulk_sql *q, struct buf *sql, const struct bulk_key *key, size_t column)
{
    const struct table_column *c = &table_of(q)->columns[column];
    char value[NAME_SIZE];

    name_value(column, value);
    if (key->rule != TABLE_NONE && c->flags & (SLUICE_TRIM | SLUICE_LOWER))
        db_normalised(db_of(q), sql, value, c->flags);
    else
        db_add_key(db_of(q), sql, q->target->state->as[column], c->type, value);
}

/* A condition for the record's value as rule's key, as target_sql_find() has it. */
static void add_match(const struct bulk_sql *q, struct buf *sql, size_t column, uint32_t flags)
{
    const struct table_column *c = &table_of(q)->columns[column];
    char value[NAME_SIZE];

    name_value(column, value);
    db_normalised(db_of(q), sql, c->name, flags);
    buf_add_str(sql, " = ");
    if (flags & (SLUICE_TRIM | SLUICE_LOWER))
        buf_add_str(sql, value);
    else
        db_add_key(db_of(q), sql, q->target->state->as[column], c->type, value);
}

static void add_rule(const struct bulk_sql *q, struct buf *sql, size_t rule)
{
    const struct table *t = table_of(q);
    const struct table_rule *r = &t->rules[rule];
    const struct table_rule *id = q->target->identity == TABLE_NONE ? NULL : &t->rules[q->target->identity];
    const char *separator = "";

    if (q->usable[rule] < q->records) {
        buf_printf(sql, "(s.sluice_rules & %d) <> 0", 1 << rule);
        separator = " AND ";
    }
    if (t->scope != TABLE_NONE) {
        buf_add_str(sql, separator);
        add_match(q, sql, t->scope, 0);
        separator = " AND ";
    }
    for (size_t i = 0; i < r->column_count; i++, separator = " AND ") {
        buf_add_str(sql, separator);
        add_match(q, sql, r->columns[i], t->columns[r->columns[i]].flags);
    }
    for (size_t i = 0; r->rule == SLUICE_ADOPT && id && i < id->column_count; i++) {
        buf_add_str(sql, " AND ");
        add_nothing(q, sql, id->columns[i]);
    }
}

/* The target with what tells its rows, so that no name in here stands for two things. */
static void add_target(const struct bulk_sql *q, struct buf *sql)
{
    buf_add_str(sql, "(SELECT *, ctid AS sluice_mid");
    if (q->target->claims)
        buf_printf(sql, ", %s AS sluice_lasting", q->target->state->have.lasting);
    buf_add_str(sql, " FROM ");
    db_quote_table(db_of(q), sql, table_of(q)->name);
    buf_add_str(sql, ") AS t");
}

/* A name of sluice_keys for what the row has as column `i` of a key, when that is not what the record says. */
static void name_old(size_t key, size_t i, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "sluice_old%zu_%zu", key, i);
}

static void add_old_keys(const struct bulk_sql *q, struct buf *sql)
{
    char name[NAME_SIZE];

    for (size_t k = 0; k < q->facts->key_count; k++) {
        const struct bulk_key *key = &q->facts->keys[k];
        for (size_t i = first_of(q, key); i < key->count; i++) {
            name_old(k, i, name);
            buf_add_str(sql, ", CASE WHEN ");
            for (size_t n = first_of(q, key); n < key->count; n++) {
                buf_add_str(sql, n > first_of(q, key) ? " OR " : "");
                add_stored(q, sql, key, key->columns[n]);
                buf_add_str(sql, " IS DISTINCT FROM ");
                add_sent(q, sql, key, key->columns[n]);
            }
            buf_add_str(sql, " THEN ");
            add_stored(q, sql, key, key->columns[i]);
            buf_printf(sql, " END AS %s", name);
        }
    }
}

static void add_entry(const struct bulk_sql *q, struct buf *sql, size_t rule)
{
    buf_add_str(sql, "SELECT s.sluice_n, t.sluice_mid, (CASE");
    if (rule == 0)
        buf_printf(sql, " WHEN t.sluice_mid IS NULL THEN %d", BULK_NEW);
    if (table_of(q)->rules[rule].rule == SLUICE_REBIND && q->target->identity != TABLE_NONE) {
        buf_add_str(sql, " WHEN ");
        add_other_identity(q, sql);
        buf_printf(sql, " THEN %d", BULK_APART);
    }
    buf_add_str(sql, " WHEN ");
    add_all_same(q, sql, false);
    buf_printf(sql, " THEN %d", BULK_SAME);
    if (has_quiet(q)) {
        buf_add_str(sql, " WHEN ");
        add_all_same(q, sql, true);
        buf_printf(sql, " THEN %d", BULK_QUIET);
    }
    buf_printf(sql, " ELSE %d END)::smallint AS sluice_state, %zu::smallint AS sluice_hit, s.sluice_rules", BULK_CHANGED,
               rule);
    if (q->target->claims)
        buf_add_str(sql, ", t.sluice_lasting::text AS sluice_lasting");
    add_old_keys(q, sql);
}

/* ---- Classifying ---- */

void bulk_sql_classify(const struct bulk_sql *q, struct bulk_range r, struct buf *sql)
{
    buf_add_str(sql, "CREATE TEMP TABLE sluice_keys ON COMMIT DROP AS ");
    add_entry(q, sql, 0);
    buf_add_str(sql, " FROM " STAGE " AS s LEFT JOIN ");
    add_target(q, sql);
    buf_add_str(sql, " ON ");
    add_rule(q, sql, 0);
    buf_printf(sql, " WHERE s.sluice_n >= %zu AND s.sluice_n < %zu", r.from, r.to);
}

void bulk_sql_classify_more(const struct bulk_sql *q, size_t rule, struct buf *sql)
{
    buf_add_str(sql, "INSERT INTO " KEYS " ");
    add_entry(q, sql, rule);
    buf_add_str(sql, " FROM (SELECT s.* FROM " STAGE " AS s JOIN " KEYS " AS k ON k.sluice_n = s.sluice_n"
                     " WHERE k.sluice_mid IS NULL) AS s JOIN ");
    add_target(q, sql);
    buf_add_str(sql, " ON ");
    add_rule(q, sql, rule);
}

void bulk_sql_drop_found(size_t rule, struct buf *sql)
{
    buf_printf(sql,
               "DELETE FROM " KEYS " AS d USING (SELECT DISTINCT sluice_n FROM " KEYS " WHERE sluice_hit = %zu) AS k"
               " WHERE d.sluice_n = k.sluice_n AND d.sluice_mid IS NULL",
               rule);
}

/* ---- Entangled records ---- */

/* Might the record change what others find by this key? Rule ADOPT finds only rows without identity. */
static void add_writes(const struct bulk_sql *q, struct buf *sql, const struct bulk_key *key)
{
    bool adopts = key->rule != TABLE_NONE && !key->unique && table_of(q)->rules[key->rule].rule == SLUICE_ADOPT &&
                  q->target->identity != TABLE_NONE;

    if (adopts)
        buf_printf(sql,
                   "(k.sluice_state = %d OR (k.sluice_state <> %d AND (k.sluice_hit <> %zu OR"
                   " (k.sluice_mid IS NULL AND (k.sluice_rules & %d) = 0))))",
                   BULK_APART, BULK_SAME, q->target->identity, 1 << q->target->identity);
    else
        buf_printf(sql, "k.sluice_state <> %d", BULK_SAME);
}

/* Keys that nobody looks up, and no index minds. */
static void add_exclusions(const struct bulk_sql *q, struct buf *sql, const struct bulk_key *key)
{
    const struct table *t = table_of(q);

    for (size_t i = first_of(q, key); i < key->count; i++) {
        const struct table_rule *r = key->rule == TABLE_NONE ? NULL : &t->rules[key->rule];
        buf_printf(sql, "%sk%zu IS NOT NULL", i > first_of(q, key) ? " AND " : "", i);
        if (key->unique || !r)
            continue;
        if (t->columns[key->columns[i]].type == SLUICE_TEXT)
            buf_printf(sql, " AND k%zu::text <> ''", i);
        for (size_t n = 0; n < r->never_count; n++) {
            buf_printf(sql, " AND k%zu::text <> ", i);
            db_quote_text(sql, r->never[n]);
        }
    }
}

static void add_columns_list(const struct bulk_sql *q, struct buf *sql, const struct bulk_key *key)
{
    for (size_t i = first_of(q, key); i < key->count; i++)
        buf_printf(sql, "%sk%zu", i > first_of(q, key) ? ", " : "", i);
}

static void add_any_old(const struct bulk_sql *q, struct buf *sql, size_t index, const struct bulk_key *key)
{
    char old[NAME_SIZE];

    for (size_t i = first_of(q, key); i < key->count; i++) {
        name_old(index, i, old);
        buf_printf(sql, "%sk.%s IS NOT NULL", i > first_of(q, key) ? " OR " : "", old);
    }
}

static void add_shared_key(const struct bulk_sql *q, struct buf *sql, size_t index)
{
    const struct bulk_key *key = &q->facts->keys[index];
    char old[NAME_SIZE];

    buf_add_str(sql, "SELECT n FROM (WITH keys AS MATERIALIZED (SELECT s.sluice_n AS n, ");
    add_writes(q, sql, key);
    buf_add_str(sql, " AS w");
    for (size_t i = first_of(q, key); i < key->count; i++) {
        buf_add_str(sql, ", ");
        add_sent(q, sql, key, key->columns[i]);
        buf_printf(sql, " AS k%zu", i);
    }
    buf_add_str(sql,
                " FROM " STAGE " AS s JOIN " KEYS " AS k ON k.sluice_n = s.sluice_n UNION ALL SELECT k.sluice_n, ");
    add_writes(q, sql, key);
    for (size_t i = first_of(q, key); i < key->count; i++) {
        name_old(index, i, old);
        buf_printf(sql, ", k.%s", old);
    }
    buf_add_str(sql, " FROM " KEYS " AS k WHERE ");
    add_any_old(q, sql, index, key);
    buf_add_str(sql, "), shared AS MATERIALIZED (SELECT ");
    add_columns_list(q, sql, key);
    buf_add_str(sql, " FROM keys WHERE ");
    add_exclusions(q, sql, key);
    buf_add_str(sql, " GROUP BY ");
    add_columns_list(q, sql, key);
    buf_add_str(sql, " HAVING min(n) <> max(n) AND bool_or(w)) SELECT n FROM keys JOIN shared USING (");
    add_columns_list(q, sql, key);
    buf_printf(sql, ")) AS key%zu", index);
}

void bulk_sql_has_old(const struct bulk_sql *q, struct buf *sql)
{
    buf_add_str(sql, "SELECT 1 FROM " KEYS " AS k WHERE false");
    for (size_t i = 0; i < q->facts->key_count; i++) {
        buf_add_str(sql, " OR ");
        add_any_old(q, sql, i, &q->facts->keys[i]);
    }
    buf_add_str(sql, " LIMIT 1");
}

/* Two rules can have the same text for a key: then one record supersedes the rejects of the other. */
static void add_shared_text(struct buf *sql)
{
    buf_printf(sql,
               " UNION ALL SELECT s.sluice_n FROM " STAGE " AS s JOIN " KEYS " AS k ON k.sluice_n = s.sluice_n"
               " WHERE s.sluice_key IN (SELECT s.sluice_key FROM " STAGE " AS s JOIN " KEYS " AS k"
               " ON k.sluice_n = s.sluice_n GROUP BY s.sluice_key"
               " HAVING min(s.sluice_n) <> max(s.sluice_n) AND bool_or(k.sluice_state <> %d))",
               BULK_SAME);
}

void bulk_sql_entangle(const struct bulk_sql *q, struct buf *sql)
{
    buf_printf(sql, "UPDATE " KEYS " SET sluice_state = %d WHERE sluice_state <> %d AND sluice_n IN (", BULK_APART,
               BULK_APART);
    for (size_t i = 0; i < q->facts->key_count; i++) {
        buf_add_str(sql, i ? " UNION ALL " : "");
        add_shared_key(q, sql, i);
    }
    if (q->doubled)
        add_shared_text(sql);
    buf_add_char(sql, ')');
}

/* ---- Writing ---- */

static void add_moment(struct buf *sql, int64_t us)
{
    buf_add_char(sql, '\'');
    date_print(sql, us);
    buf_add_str(sql, "'::timestamptz");
}

static void add_stamp(const struct bulk_sql *q, struct buf *sql, size_t system)
{
    struct buf moment = {0};

    add_moment(&moment, q->now - q->now % 1000000);
    db_add_value(db_of(q), sql, q->target->state->system_as[system], SLUICE_TIME, buf_text(&moment));
    buf_free(&moment);
}

/* Rows that are noted have to come back first. */
static void begin_write(const struct bulk_sql *q, struct buf *sql)
{
    buf_add_str(sql, q->target->claims ? "WITH written AS (" : "");
}

static void end_write(const struct bulk_sql *q, struct buf *sql)
{
    if (!q->target->claims)
        return;
    buf_printf(sql,
               " RETURNING %s::text AS row_key), noted AS (INSERT INTO sluice_claims (row_key, run)"
               " SELECT row_key, ",
               q->target->state->have.lasting);
    db_quote_text(sql, q->run_id);
    buf_add_str(sql, " FROM written ON CONFLICT DO NOTHING) SELECT count(*) FROM written");
}

/* What is equal but for how it is written stays as it is: 1.0 and 1.00. */
static bool has_looks(const struct db_table_column *as)
{
    return (as->family == PG_NUMERIC && as->scale < 0) || as->family == PG_INTS;
}

static void add_assignment(const struct bulk_sql *q, struct buf *sql, size_t column)
{
    const struct table_column *c = &table_of(q)->columns[column];
    const struct db_table_column *as = q->target->state->as[column];
    bool conditional = q->keeps[column] || has_looks(as);
    char value[NAME_SIZE];

    db_quote(sql, c->name);
    buf_add_str(sql, conditional ? " = CASE" : " = ");
    if (q->keeps[column]) {
        buf_add_str(sql, " WHEN ");
        add_keeps(sql, column);
        buf_add_str(sql, " THEN t.");
        db_quote(sql, c->name);
    }
    if (has_looks(as)) {
        buf_add_str(sql, " WHEN ");
        add_same(q, sql, column);
        buf_add_str(sql, " THEN t.");
        db_quote(sql, c->name);
    }
    buf_add_str(sql, conditional ? " ELSE " : "");
    name_value(column, value);
    db_add_value(db_of(q), sql, as, c->type, value);
    buf_add_str(sql, conditional ? " END" : "");
}

void bulk_sql_update(const struct bulk_sql *q, struct bulk_range r, int kind, struct buf *sql)
{
    const char *separator = "";

    begin_write(q, sql);
    buf_add_str(sql, "UPDATE ");
    db_quote_table(db_of(q), sql, table_of(q)->name);
    buf_add_str(sql, " AS t SET ");
    for (size_t i = 0; i < table_of(q)->column_count; i++) {
        if (!is_named(q, i) || q->keeps[i] == q->records || (kind == BULK_QUIET && !is_quiet(q, i)))
            continue;
        buf_add_str(sql, separator);
        add_assignment(q, sql, i);
        separator = ", ";
    }
    for (size_t i = kind == BULK_QUIET ? DDL_LAST_SYNC_AT : DDL_UPDATED_AT; i < 3; i++) {
        if (!q->target->state->system[i])
            continue;
        buf_printf(sql, "%s\"%s\" = ", separator, ddl_system_name(i));
        add_stamp(q, sql, i);
        separator = ", ";
    }
    buf_printf(
        sql,
        " FROM (SELECT k.sluice_mid, s.* FROM " KEYS " AS k JOIN " STAGE " AS s ON s.sluice_n = k.sluice_n"
        " WHERE k.sluice_state = %d AND k.sluice_n >= %zu AND k.sluice_n < %zu) AS x WHERE t.ctid = x.sluice_mid",
        kind, r.from, r.to);
    end_write(q, sql);
}

static bool is_defaulted(const struct bulk_sql *q, size_t column, uint64_t shape)
{
    for (size_t i = 0; i < q->default_count; i++) {
        if (q->defaults[i] == column)
            return (shape >> i & 1) != 0;
    }
    return false;
}

static void add_new_value(const struct bulk_sql *q, struct buf *sql, size_t column)
{
    const struct table_column *c = &table_of(q)->columns[column];
    struct buf value = {0};

    if (c->preset && strcmp(c->preset, "now") == 0) {
        buf_printf(&value, "coalesce(sluice_%zu, ", column);
        add_moment(&value, q->now);
        buf_add_char(&value, ')');
    } else {
        buf_printf(&value, "sluice_%zu", column);
    }
    db_add_value(db_of(q), sql, q->target->state->as[column], c->type, buf_text(&value));
    buf_free(&value);
}

/* Names (`values` false) or values of a new row. */
static void add_new_row(const struct bulk_sql *q, struct buf *sql, uint64_t shape, bool values)
{
    const char *separator = "";

    for (size_t i = 0; i < table_of(q)->column_count; i++) {
        if (!is_named(q, i) || is_defaulted(q, i, shape))
            continue;
        buf_add_str(sql, separator);
        if (values)
            add_new_value(q, sql, i);
        else
            db_quote(sql, table_of(q)->columns[i].name);
        separator = ", ";
    }
    for (size_t i = 0; i < 3; i++) {
        if (!q->target->state->system[i])
            continue;
        buf_add_str(sql, separator);
        if (values)
            add_stamp(q, sql, i);
        else
            buf_printf(sql, "\"%s\"", ddl_system_name(i));
        separator = ", ";
    }
}

void bulk_sql_insert(const struct bulk_sql *q, struct bulk_range r, uint64_t shape, bool all, struct buf *sql)
{
    begin_write(q, sql);
    buf_add_str(sql, "INSERT INTO ");
    db_quote_table(db_of(q), sql, table_of(q)->name);
    buf_add_str(sql, " (");
    add_new_row(q, sql, shape, false);
    buf_add_str(sql, ") SELECT ");
    add_new_row(q, sql, shape, true);
    buf_add_str(sql, all ? " FROM " STAGE " AS s WHERE true"
                         : " FROM " KEYS " AS k JOIN " STAGE " AS s ON s.sluice_n = k.sluice_n");
    if (!all)
        buf_printf(sql, " WHERE k.sluice_state = %d AND k.sluice_n >= %zu AND k.sluice_n < %zu", BULK_NEW, r.from,
                   r.to);
    if (q->default_count)
        buf_printf(sql, " AND s.sluice_shape = %llu", (unsigned long long)shape);
    buf_add_str(sql, all ? "" : " ORDER BY s.sluice_n");
    end_write(q, sql);
}

void bulk_sql_claim(const struct bulk_sql *q, struct buf *sql)
{
    buf_add_str(sql, "INSERT INTO sluice_claims (row_key, run) SELECT sluice_lasting, ");
    db_quote_text(sql, q->run_id);
    buf_printf(sql, " FROM " KEYS " WHERE sluice_state = %d ON CONFLICT DO NOTHING", BULK_SAME);
}
