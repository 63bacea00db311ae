/* ddl_words.c - see ddl_words.h. */
#include "ddl_words.h"

#include "ddl.h"

#include <string.h>

void ddl_add_type(const struct db *db, struct buf *sql, const struct table_column *c)
{
    db_add_type(db, sql, c->type, c->scale, c->flags & SLUICE_NARROW);
}

/* "name" TYPE */
static void add_column(const struct db *db, struct buf *sql, const struct table_column *c)
{
    db_quote(sql, c->name);
    buf_add_char(sql, ' ');
    ddl_add_type(db, sql, c);
}

static void add_system(const struct db *db, struct buf *sql, const char *name)
{
    buf_printf(sql, "\"%s\" ", name);
    db_add_type(db, sql, SLUICE_TIME, 0, false);
}

static void add_alter(const struct db *db, struct buf *sql, const struct table *t)
{
    buf_add_str(sql, "ALTER TABLE ");
    db_quote_table(db, sql, t->name);
    buf_add_str(sql, " ADD COLUMN ");
}

void ddl_add_column(const struct db *db, struct buf *sql, const struct table *t, const struct table_column *c)
{
    add_alter(db, sql, t);
    add_column(db, sql, c);
}

void ddl_add_system(const struct db *db, struct buf *sql, const struct table *t, size_t system)
{
    add_alter(db, sql, t);
    add_system(db, sql, ddl_system_name(system));
}

/* An identity is unique, unless dummies or empty texts stand in for none: those may repeat. */
static bool is_unique(const struct table *t, const struct table_rule *r)
{
    for (size_t i = 0; i < r->column_count; i++) {
        if (t->columns[r->columns[i]].flags & SLUICE_BLANK)
            return false;
    }
    return r->rule == SLUICE_IDENTITY && r->never_count == 0;
}

/* The table's name without its schema: an index goes where its table is. */
static const char *bare_name(const struct table *t)
{
    const char *dot = strchr(t->name, '.');

    return dot ? dot + 1 : t->name;
}

/* CREATE [UNIQUE ]INDEX name ON table ( */
static void begin_index(const struct db *db, struct buf *sql, const struct table *t, bool unique, const char *name)
{
    buf_printf(sql, "CREATE %sINDEX ", unique ? "UNIQUE " : "");
    db_quote(sql, name);
    buf_add_str(sql, " ON ");
    db_quote_table(db, sql, t->name);
    buf_add_str(sql, " (");
}

void ddl_add_column_index(const struct db *db, struct buf *sql, const struct table *t, const struct table_column *c)
{
    struct buf name = {0};

    buf_printf(&name, "%s_%s", bare_name(t), c->name);
    begin_index(db, sql, t, false, buf_text(&name));
    db_quote(sql, c->name);
    buf_add_str(sql, ")");
    buf_free(&name);
}

void ddl_add_index(const struct db *db, struct buf *sql, const struct table *t, size_t rule)
{
    const struct table_rule *r = &t->rules[rule];
    struct buf name = {0};

    buf_printf(&name, "%s_match_%zu", bare_name(t), rule + 1);
    begin_index(db, sql, t, is_unique(t, r), buf_text(&name));
    buf_free(&name);
    if (t->scope != TABLE_NONE) {
        db_quote(sql, t->columns[t->scope].name);
        buf_add_str(sql, ", ");
    }
    for (size_t i = 0; i < r->column_count; i++) {
        const struct table_column *c = &t->columns[r->columns[i]];
        buf_add_str(sql, i ? ", " : "");
        db_normalised(db, sql, c->name, c->flags);
    }
    buf_add_str(sql, ")");
}

bool ddl_is_primary_key(const struct table *t, size_t rule)
{
    const struct table_rule *r = &t->rules[rule];
    size_t keys = 0;

    for (size_t i = 0; i < t->column_count; i++)
        keys += (t->columns[i].flags & SLUICE_KEY) != 0;
    for (size_t i = 0; i < r->column_count; i++) {
        if (!(t->columns[r->columns[i]].flags & SLUICE_KEY))
            return false;
    }
    return keys > 0 && keys == r->column_count && t->scope == TABLE_NONE;
}

static void add_primary_key(struct buf *sql, const struct table *t)
{
    const char *separator = "";

    buf_add_str(sql, ", PRIMARY KEY (");
    for (size_t i = 0; i < t->column_count; i++) {
        if (!(t->columns[i].flags & SLUICE_KEY))
            continue;
        buf_add_str(sql, separator);
        db_quote(sql, t->columns[i].name);
        separator = ", ";
    }
    buf_add_str(sql, ")");
}

void ddl_add_create(const struct db *db, struct buf *sql, const struct table *t)
{
    bool natural = table_has_key(t);

    buf_add_str(sql, "CREATE TABLE ");
    db_quote_table(db, sql, t->name);
    buf_add_str(sql, " (");
    if (!natural)
        buf_printf(sql, "\"id\" %s, ", db_serial_type(db));
    for (size_t i = 0; i < t->column_count; i++) {
        const struct table_column *c = &t->columns[i];
        if (!*c->name)
            continue;
        add_column(db, sql, c);
        buf_add_str(sql, c->flags & (SLUICE_REQUIRED | SLUICE_KEY) ? " NOT NULL, " : ", ");
    }
    for (size_t i = 0; i < 3; i++) {
        buf_add_str(sql, i ? ", " : "");
        add_system(db, sql, ddl_system_name(i));
        buf_add_str(sql, " NOT NULL");
    }
    if (natural)
        add_primary_key(sql, t);
    buf_add_str(sql, ")");
}
