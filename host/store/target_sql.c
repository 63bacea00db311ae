/* target_sql.c - see target_sql.h. */
#include "target_sql.h"

#include <stdio.h>

#define PARAM_SIZE 64

/* Parameter `n` as a value of column `i` that travels. */
static void param(const struct target_sql *t, size_t i, int n, char out[PARAM_SIZE])
{
    struct buf text = {0};

    db_add_param(t->db, &text, t->table->columns[i].type, n);
    snprintf(out, PARAM_SIZE, "%s", buf_text(&text));
    buf_free(&text);
}

static void add_empty(const struct target_sql *t, struct buf *sql, const struct table_column *c, const char *literal)
{
    buf_add_str(sql, " OR ");
    db_quote(sql, c->name);
    buf_add_str(sql, c->type == SLUICE_TEXT && db_compares(t->db) ? "::text = " : " = ");
    db_quote_text(sql, literal);
}

static void add_no_identity(const struct target_sql *t, struct buf *sql)
{
    const struct table_rule *id = &t->table->rules[t->identity];

    for (size_t i = 0; i < id->column_count; i++) {
        const struct table_column *c = &t->table->columns[id->columns[i]];
        buf_add_str(sql, " AND (");
        db_quote(sql, c->name);
        buf_add_str(sql, " IS NULL");
        if (c->type == SLUICE_TEXT)
            add_empty(t, sql, c, "");
        for (size_t k = 0; k < id->never_count; k++)
            add_empty(t, sql, c, id->never[k]);
        buf_add_str(sql, ")");
    }
}

/* Which columns differ, and what the identity is. Returns the next parameter's number. */
static int add_comparison(const struct target_sql *t, struct buf *sql)
{
    const struct table *table = t->table;
    char value[PARAM_SIZE];
    int n = 1;

    for (size_t i = 0; i < table->column_count; i++) {
        if (!*table->columns[i].name)
            continue;
        param(t, i, n++, value);
        buf_add_str(sql, ", ");
        db_add_same(t->db, sql, t->state->as[i], table->columns[i].type, value);
    }
    for (size_t i = 0; t->identity != TABLE_NONE && i < table->rules[t->identity].column_count; i++) {
        buf_add_str(sql, ", ");
        db_quote(sql, table->columns[table->rules[t->identity].columns[i]].name);
        buf_add_str(sql, "::text");
    }
    return n;
}

static int add_columns(const struct target_sql *t, struct buf *sql)
{
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (!*t->table->columns[i].name)
            continue;
        buf_add_str(sql, ", ");
        db_quote(sql, t->table->columns[i].name);
    }
    return 1;
}

static void add_key(const struct target_sql *t, struct buf *sql, size_t column, uint32_t flags, int n)
{
    const struct table_column *c = &t->table->columns[column];
    char value[PARAM_SIZE];

    param(t, column, n, value);
    db_normalised(t->db, sql, c->name, flags);
    buf_add_str(sql, " = ");
    if (flags & (SLUICE_TRIM | SLUICE_LOWER))
        buf_add_str(sql, value);
    else
        db_add_key(t->db, sql, t->state->as[column], c->type, value);
}

void target_sql_find(const struct target_sql *t, const struct table_rule *rule, struct buf *sql)
{
    const struct table *table = t->table;

    buf_printf(sql, "SELECT %s", t->state->have.locator);
    if (t->claims)
        buf_printf(sql, ", %s", t->state->have.lasting);
    int n = db_compares(t->db) ? add_comparison(t, sql) : add_columns(t, sql);
    buf_add_str(sql, " FROM ");
    db_quote_table(t->db, sql, table->name);
    buf_add_str(sql, " WHERE ");
    if (table->scope != TABLE_NONE) {
        add_key(t, sql, table->scope, 0, n++);
        buf_add_str(sql, " AND ");
    }
    for (size_t i = 0; i < rule->column_count; i++) {
        buf_add_str(sql, i ? " AND " : "");
        add_key(t, sql, rule->columns[i], table->columns[rule->columns[i]].flags, n++);
    }
    if (rule->rule == SLUICE_ADOPT && t->identity != TABLE_NONE)
        add_no_identity(t, sql);
    buf_add_str(sql, " LIMIT 2");
}

void target_sql_adoptable(const struct target_sql *t, struct buf *sql)
{
    buf_add_str(sql, "SELECT 1 FROM ");
    db_quote_table(t->db, sql, t->table->name);
    buf_add_str(sql, " WHERE 1 = 1");
    add_no_identity(t, sql);
    buf_add_str(sql, " LIMIT 1");
}

bool target_sql_returns(const struct target_sql *t)
{
    return t->claims && db_is_shared(t->db);
}

static void add_returning(const struct target_sql *t, struct buf *sql)
{
    if (target_sql_returns(t))
        buf_printf(sql, " RETURNING %s", t->state->have.lasting);
}

static void add_value(const struct target_sql *t, struct buf *sql, size_t column, int n)
{
    char value[PARAM_SIZE];

    param(t, column, n, value);
    db_add_value(t->db, sql, t->state->as[column], t->table->columns[column].type, value);
}

static void add_stamp(const struct target_sql *t, struct buf *sql, size_t system, int n)
{
    struct buf value = {0};

    db_add_param(t->db, &value, SLUICE_TIME, n);
    db_add_value(t->db, sql, t->state->system_as[system], SLUICE_TIME, buf_text(&value));
    buf_free(&value);
}

void target_sql_insert(void *context, const bool *shape, struct buf *sql)
{
    const struct target_sql *t = context;
    int n = 0;

    buf_add_str(sql, "INSERT INTO ");
    db_quote_table(t->db, sql, t->table->name);
    buf_add_str(sql, " (");
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (!shape[i])
            continue;
        buf_add_str(sql, n++ ? ", " : "");
        db_quote(sql, t->table->columns[i].name);
    }
    for (size_t i = 0; i < 3; i++) {
        if (t->state->system[i])
            buf_printf(sql, "%s\"%s\"", n++ ? ", " : "", ddl_system_name(i));
    }
    buf_add_str(sql, ") VALUES (");
    n = 0;
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (!shape[i])
            continue;
        buf_add_str(sql, n++ ? ", " : "");
        add_value(t, sql, i, n);
    }
    for (size_t i = 0; i < 3; i++) {
        if (!t->state->system[i])
            continue;
        buf_add_str(sql, n++ ? ", " : "");
        add_stamp(t, sql, i, n);
    }
    buf_add_str(sql, ")");
    add_returning(t, sql);
}

size_t target_sql_first_stamp(const struct target_sql *t, const bool *shape)
{
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (shape[i] && !(t->table->columns[i].flags & SLUICE_QUIET))
            return DDL_UPDATED_AT;
    }
    return DDL_LAST_SYNC_AT;
}

void target_sql_update(void *context, const bool *shape, struct buf *sql)
{
    const struct target_sql *t = context;
    int n = 0;

    buf_add_str(sql, "UPDATE ");
    db_quote_table(t->db, sql, t->table->name);
    buf_add_str(sql, " SET ");
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (!shape[i])
            continue;
        buf_add_str(sql, n++ ? ", " : "");
        db_quote(sql, t->table->columns[i].name);
        buf_add_str(sql, " = ");
        add_value(t, sql, i, n);
    }
    for (size_t i = target_sql_first_stamp(t, shape); i < 3; i++) {
        if (!t->state->system[i])
            continue;
        buf_printf(sql, "%s\"%s\" = ", n ? ", " : "", ddl_system_name(i));
        add_stamp(t, sql, i, ++n);
    }
    buf_add_str(sql, " WHERE ");
    db_add_located(t->db, sql, &t->state->have, n + 1);
    add_returning(t, sql);
}
