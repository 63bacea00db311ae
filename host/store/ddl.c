/* ddl.c - see ddl.h. */
#include "ddl.h"

#include "buf.h"

#include <stdlib.h>
#include <string.h>

static const char *const system_names[3] = {"created_at", "updated_at", "last_sync_at"};

const char *ddl_system_name(size_t index)
{
    return system_names[index];
}

static const struct db_table_column *find_column(const struct db *db, const struct db_table *t, const char *name)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (db_same_name(db, t->columns[i].name, name))
            return &t->columns[i];
    }
    return NULL;
}

static int exec_buf(struct db *db, struct buf *sql, struct err *err)
{
    int rc = sql->failed ? err_set(err, E_SYSTEM, "out of memory") : db_exec(db, buf_text(sql), err);

    buf_clear(sql);
    return rc;
}

/* "name" TYPE */
static void add_column_sql(const struct db *db, struct buf *sql, const struct table_column *c)
{
    db_quote(sql, c->name);
    buf_add_char(sql, ' ');
    db_add_type(db, sql, c->type, c->scale, c->flags & SLUICE_NARROW);
}

static void add_system_sql(const struct db *db, struct buf *sql, const char *name)
{
    buf_printf(sql, "\"%s\" ", name);
    db_add_type(db, sql, SLUICE_TIME, 0, false);
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

/* The index that a match rule looks its key up by. */
static void add_index_sql(const struct db *db, struct buf *sql, const struct table *t, size_t index)
{
    const struct table_rule *r = &t->rules[index];
    struct buf name = {0};
    const char *dot = strchr(t->name, '.');

    buf_printf(&name, "%s_match_%zu", dot ? dot + 1 : t->name, index + 1); /* it goes where its table is */
    buf_printf(sql, "CREATE %sINDEX ", is_unique(t, r) ? "UNIQUE " : "");
    db_quote(sql, buf_text(&name));
    buf_free(&name);
    buf_add_str(sql, " ON ");
    db_quote_table(db, sql, t->name);
    buf_add_str(sql, " (");
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

/* Is rule `index` looked up by the primary key already? */
static bool is_primary_key(const struct table *t, size_t index)
{
    const struct table_rule *r = &t->rules[index];
    size_t keys = 0;

    for (size_t i = 0; i < t->column_count; i++)
        keys += (t->columns[i].flags & SLUICE_KEY) != 0;
    for (size_t i = 0; i < r->column_count; i++) {
        if (!(t->columns[r->columns[i]].flags & SLUICE_KEY))
            return false;
    }
    return keys > 0 && keys == r->column_count && t->scope == TABLE_NONE;
}

static void add_primary_key_sql(struct buf *sql, const struct table *t)
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

static void add_create_sql(const struct db *db, struct buf *sql, const struct table *t)
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
        add_column_sql(db, sql, c);
        buf_add_str(sql, c->flags & (SLUICE_REQUIRED | SLUICE_KEY) ? " NOT NULL, " : ", ");
    }
    for (size_t i = 0; i < 3; i++) {
        buf_add_str(sql, i ? ", " : "");
        add_system_sql(db, sql, system_names[i]);
        buf_add_str(sql, " NOT NULL");
    }
    if (natural)
        add_primary_key_sql(sql, t);
    buf_add_str(sql, ")");
}

/* Whose table it is decides later whether sluice may add indexes to it. */
static int note_creation(struct db *db, const struct table *t, struct err *err)
{
    struct db_stmt *st;
    struct buf name = {0};
    int rc = db_prepare(
        db, "INSERT INTO sluice_meta (name, value) VALUES ($1, 'created') ON CONFLICT (name) DO NOTHING", &st, err);
    if (rc)
        return rc;
    buf_printf(&name, "table:%s", t->name);
    db_bind_text(st, 1, buf_text(&name));
    rc = db_run(st, NULL, err);
    db_finalize(st);
    buf_free(&name);
    return rc;
}

static int create_table(struct db *db, const struct table *t, struct err *err)
{
    struct buf sql = {0};

    add_create_sql(db, &sql, t);
    int rc = exec_buf(db, &sql, err);
    for (size_t i = 0; !rc && i < t->rule_count; i++) {
        if (is_primary_key(t, i))
            continue;
        add_index_sql(db, &sql, t, i);
        rc = exec_buf(db, &sql, err);
    }
    buf_free(&sql);
    return rc ? err_wrap(err, "create table %s", t->name) : note_creation(db, t, err);
}

/* One line for each thing about an existing table that keeps sluice from writing to it. */
static void list_misfits(const struct db *db, const struct table *t, const struct db_table *have, bool may_add,
                         struct buf *out)
{
    if (have->is_view)
        buf_printf(out, "\n  it is a view");
    for (size_t i = 0; i < t->column_count; i++) {
        const struct table_column *c = &t->columns[i];
        const struct db_table_column *h = *c->name ? find_column(db, have, c->name) : NULL;

        if (!*c->name)
            continue;
        if (!h && !may_add)
            buf_printf(out, "\n  column \"%s\" is missing", c->name);
        else if (h && h->generated)
            buf_printf(out, "\n  column \"%s\" is generated", c->name);
        else if (h && !db_holds(db, h, c->type))
            buf_printf(out, "\n  column \"%s\" is of type %s, which does not keep every value of %s unchanged", c->name,
                       h->type, c->source);
    }
}

/* A NOT NULL column that neither sluice nor the database fills would refuse every new row. */
static void list_unfilled(const struct db *db, const struct table *t, const struct db_table *have, struct buf *out)
{
    for (size_t k = 0; k < have->column_count; k++) {
        const struct db_table_column *h = &have->columns[k];
        bool filled = !h->not_null || h->has_default || h->generated;

        for (size_t i = 0; !filled && i < t->column_count; i++)
            filled = db_same_name(db, t->columns[i].name, h->name);
        for (size_t i = 0; !filled && i < 3; i++)
            filled = db_same_name(db, system_names[i], h->name);
        if (!filled)
            buf_printf(out, "\n  column \"%s\" is NOT NULL without a default, and nothing fills it", h->name);
    }
}

static int add_missing(struct db *db, const struct table *t, const struct db_table *have, struct err *err)
{
    struct buf sql = {0};
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < t->column_count + 3; i++) {
        const char *name = i < t->column_count ? t->columns[i].name : system_names[i - t->column_count];

        if (!*name || find_column(db, have, name))
            continue;
        buf_add_str(&sql, "ALTER TABLE ");
        db_quote_table(db, &sql, t->name);
        buf_add_str(&sql, " ADD COLUMN ");
        if (i < t->column_count)
            add_column_sql(db, &sql, &t->columns[i]);
        else
            add_system_sql(db, &sql, name);
        rc = exec_buf(db, &sql, err);
    }
    buf_free(&sql);
    return rc;
}

static int created_by_us(struct db *db, const struct table *t, struct err *err)
{
    struct db_stmt *st;
    struct buf name = {0};
    int rc = db_prepare(db, "SELECT 1 FROM sluice_meta WHERE name = $1", &st, err);

    if (rc)
        return rc;
    buf_printf(&name, "table:%s", t->name);
    db_bind_text(st, 1, buf_text(&name));
    rc = db_step(st, err);
    db_finalize(st);
    buf_free(&name);
    return rc;
}

/* A look-up without its index reads the whole table for each record. sluice does not add one to a table that is not
 * its own, but says which it would be. */
static int tell_missing_indexes(struct db *db, const struct table *t, void (*warn)(void *, const char *), void *context,
                                struct err *err)
{
    int rc = created_by_us(db, t, err);
    struct buf text = {0};

    for (size_t i = 0; rc == 0 && i < t->rule_count; i++) {
        if (is_primary_key(t, i))
            continue;
        size_t first = t->scope != TABLE_NONE ? t->scope : t->rules[i].columns[0];
        int found = db_has_index(db, t->name, t->columns[first].name, err);
        buf_clear(&text);
        add_index_sql(db, &text, t, i);
        if (found == 0) {
            struct buf line = {0};
            buf_printf(&line, "table %s was not made by sluice and has no index for its match rule; consider: %s;",
                       t->name, buf_text(&text));
            warn(context, buf_text(&line));
            buf_free(&line);
        }
        rc = found < 0 ? found : 0;
    }
    buf_free(&text);
    return rc < 0 ? rc : SLUICE_OK;
}

static int fit_existing(struct db *db, const struct table *t, const struct db_table *have,
                        void (*warn)(void *, const char *), void *context, struct err *err)
{
    struct buf misfits = {.max = 700};

    list_misfits(db, t, have, !t->check_only, &misfits);
    list_unfilled(db, t, have, &misfits);
    if (misfits.len) {
        int rc = err_set(err, SLUICE_E_CONFIG, "table %s does not fit:%s", t->name, buf_text(&misfits));
        buf_free(&misfits);
        return rc;
    }
    buf_free(&misfits);
    int rc = t->check_only ? SLUICE_OK : add_missing(db, t, have, err);
    return rc ? rc : tell_missing_indexes(db, t, warn, context, err);
}

static int read_state(struct db *db, const struct table *t, struct ddl_state *out, struct err *err)
{
    int rc = db_describe(db, t->name, &out->have, err);

    if (rc)
        return rc;
    out->as = calloc(t->column_count + 1, sizeof(struct db_table_column *));
    for (size_t i = 0; i < 3; i++) {
        out->system_as[i] = find_column(db, &out->have, system_names[i]);
        out->system[i] = out->system_as[i] != NULL;
    }
    for (size_t i = 0; out->as && i < t->column_count; i++)
        out->as[i] = *t->columns[i].name ? find_column(db, &out->have, t->columns[i].name) : NULL;
    return out->as ? SLUICE_OK : err_set(err, E_SYSTEM, "out of memory");
}

int ddl_ensure(struct db *db, const struct table *t, struct ddl_state *out, void (*warn)(void *, const char *),
               void *context, struct err *err)
{
    struct db_table have;
    int rc = db_describe(db, t->name, &have, err);

    *out = (struct ddl_state){0};
    if (rc)
        return rc;
    if (have.exists)
        rc = fit_existing(db, t, &have, warn, context, err);
    else if (t->check_only)
        rc = err_set(err, SLUICE_E_CONFIG, "table %s is not there, and manage = \"check\" creates nothing", t->name);
    else
        rc = create_table(db, t, err);
    db_table_free(&have);
    if (!rc)
        rc = read_state(db, t, out, err);
    if (rc)
        ddl_free(out);
    return rc;
}

void ddl_free(struct ddl_state *s)
{
    db_table_free(&s->have);
    free((void *)s->as);
    *s = (struct ddl_state){0};
}
