/* target_sql.c - see target_sql.h. */
#include "target_sql.h"

static void add_no_identity(const struct target_sql *t, struct buf *sql)
{
    const struct table_rule *id = &t->table->rules[t->identity];

    for (size_t i = 0; i < id->column_count; i++) {
        const struct table_column *c = &t->table->columns[id->columns[i]];
        buf_add_str(sql, " AND (");
        db_quote(sql, c->name);
        buf_add_str(sql, " IS NULL");
        if (c->type == SLUICE_TEXT) {
            buf_add_str(sql, " OR ");
            db_quote(sql, c->name);
            buf_add_str(sql, " = ''");
        }
        for (size_t k = 0; k < id->never_count; k++) {
            buf_add_str(sql, " OR ");
            db_quote(sql, c->name);
            buf_add_str(sql, " = ");
            db_quote_text(sql, id->never[k]);
        }
        buf_add_str(sql, ")");
    }
}

void target_sql_find(const struct target_sql *t, const struct table_rule *rule, struct buf *sql)
{
    const struct table *table = t->table;
    int n = 1;

    buf_printf(sql, "SELECT %s", t->state->locator);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!*table->columns[i].name)
            continue;
        buf_add_str(sql, ", ");
        db_quote(sql, table->columns[i].name);
    }
    buf_add_str(sql, " FROM ");
    db_quote(sql, table->name);
    buf_add_str(sql, " WHERE ");
    if (table->scope != TABLE_NONE) {
        db_quote(sql, table->columns[table->scope].name);
        buf_printf(sql, " = $%d AND ", n++);
    }
    for (size_t i = 0; i < rule->column_count; i++) {
        const struct table_column *c = &table->columns[rule->columns[i]];
        buf_add_str(sql, i ? " AND " : "");
        db_normalised(t->db, sql, c->name, c->flags);
        buf_printf(sql, " = $%d", n++);
    }
    if (rule->rule == SLUICE_ADOPT && t->identity != TABLE_NONE)
        add_no_identity(t, sql);
    buf_add_str(sql, " LIMIT 2");
}

void target_sql_adoptable(const struct target_sql *t, struct buf *sql)
{
    buf_add_str(sql, "SELECT 1 FROM ");
    db_quote(sql, t->table->name);
    buf_add_str(sql, " WHERE 1 = 1");
    add_no_identity(t, sql);
    buf_add_str(sql, " LIMIT 1");
}

void target_sql_insert(void *context, const bool *shape, struct buf *sql)
{
    const struct target_sql *t = context;
    int n = 0;

    buf_add_str(sql, "INSERT INTO ");
    db_quote(sql, t->table->name);
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
    for (int i = 1; i <= n; i++)
        buf_printf(sql, "%s$%d", i > 1 ? ", " : "", i);
    buf_add_str(sql, ")");
}

void target_sql_update(void *context, const bool *shape, struct buf *sql)
{
    const struct target_sql *t = context;
    int n = 0;

    buf_add_str(sql, "UPDATE ");
    db_quote(sql, t->table->name);
    buf_add_str(sql, " SET ");
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (!shape[i])
            continue;
        buf_add_str(sql, n ? ", " : "");
        db_quote(sql, t->table->columns[i].name);
        buf_printf(sql, " = $%d", ++n);
    }
    for (size_t i = DDL_UPDATED_AT; i < 3; i++) {
        if (!t->state->system[i])
            continue;
        buf_printf(sql, "%s\"%s\" = $%d", n ? ", " : "", ddl_system_name(i), n + 1);
        n++;
    }
    buf_printf(sql, " WHERE %s = $%d", t->state->locator, n + 1);
}
