/* gone.c - see gone.h. */
#include "gone.h"

#include "cell.h"
#include "date.h"
#include "ddl.h"
#include "decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gone {
    struct db *db;
    const struct table *table;
    char *run_id; /* NULL: the list is all this run's */
    const struct table_rule *rule;
    const struct table_column *identity;
    size_t identity_at;
    bool partitioned;
    struct buf met; /* identities that are not in the list yet: "[1,2" */
    struct db_stmt *add;
    int64_t unknown;
    struct db_table have;
};

/* ---- Opening ---- */

static const struct db_table_column *stored(const struct gone *g, const char *name)
{
    for (size_t i = 0; i < g->have.column_count; i++) {
        if (db_same_name(g->db, g->have.columns[i].name, name))
            return &g->have.columns[i];
    }
    return NULL;
}

/* The table compares as its columns do; an index serves only where the list is of the same kind. */
static int open_list(struct gone *g, struct err *err)
{
    static const char forget[] = "DELETE FROM sluice_met WHERE met_run NOT IN"
                                 " (SELECT id FROM sluice_runs WHERE status = 'running')";
    static const char server_add[] =
        "INSERT INTO sluice_met (met_run, met_key) SELECT $1, value FROM json_array_elements_text($2::json)";
    static const char file_add[] = "INSERT OR IGNORE INTO temp.sluice_met (met_key) SELECT value FROM json_each($1)";
    struct buf make = {0};

    buf_printf(&make, "DROP TABLE IF EXISTS temp.sluice_met; CREATE TEMP TABLE sluice_met (met_key %s PRIMARY KEY)",
               g->identity->type == SLUICE_INT ? "BIGINT" : "TEXT");
    int rc = db_exec(g->db, g->run_id ? forget : buf_text(&make), err);
    buf_free(&make);
    return rc ? rc : db_prepare(g->db, g->run_id ? server_add : file_add, &g->add, err);
}

static int find_identity(struct gone *g, struct err *err)
{
    for (size_t i = 0; i < g->table->rule_count && !g->rule; i++) {
        if (g->table->rules[i].rule == SLUICE_IDENTITY)
            g->rule = &g->table->rules[i];
    }
    if (!g->rule || g->rule->column_count != 1)
        return err_set(err, SLUICE_E_CONFIG,
                       "match: a stream that notes which rows are gone needs an identity of one column");
    g->identity_at = g->rule->columns[0];
    g->identity = &g->table->columns[g->identity_at];
    if (g->identity->type != SLUICE_INT && g->identity->type != SLUICE_TEXT)
        return err_set(err, SLUICE_E_CONFIG,
                       "match: a stream that notes which rows are gone needs an identity that is an integer or a text");
    return SLUICE_OK;
}

static int describe(struct gone *g, struct err *err)
{
    int rc = db_describe(g->db, g->table->name, &g->have, err);

    if (!rc && (!stored(g, g->table->gone->name) || !stored(g, g->identity->name)))
        rc = err_set(err, SLUICE_E_CONFIG, "table %s has no column \"%s\" any more", g->table->name,
                     stored(g, g->identity->name) ? g->table->gone->name : g->identity->name);
    return rc;
}

int gone_open(struct db *db, const struct table *table, const char *run_id, bool partitioned, struct gone **out,
              struct err *err)
{
    struct gone *g = calloc(1, sizeof(*g));

    if (!g)
        return err_set(err, E_SYSTEM, "out of memory");
    *g = (struct gone){.db = db, .table = table, .partitioned = partitioned};
    if (db_is_shared(db)) {
        g->run_id = strdup(run_id);
        if (!g->run_id) {
            free(g);
            return err_set(err, E_SYSTEM, "out of memory");
        }
    }
    int rc = find_identity(g, err);
    if (!rc)
        rc = describe(g, err);
    if (!rc)
        rc = open_list(g, err);
    if (rc)
        gone_close(g);
    else
        *out = g;
    return rc;
}

void gone_close(struct gone *g)
{
    if (!g)
        return;
    db_finalize(g->add);
    db_table_free(&g->have);
    buf_free(&g->met);
    free(g->run_id);
    free(g);
}

int64_t gone_unknown(const struct gone *g)
{
    return g->unknown;
}

/* ---- Who was met ---- */

int gone_flush(struct gone *g, struct err *err)
{
    int n = 1;

    if (!g->met.len)
        return SLUICE_OK;
    buf_add_char(&g->met, ']');
    if (g->met.failed)
        return err_set(err, E_SYSTEM, "out of memory");
    if (g->run_id)
        db_bind_text(g->add, n++, g->run_id);
    db_bind(g->add, n, (struct db_value){.type = DB_TEXT, .s = buf_str(&g->met)});
    int rc = db_run(g->add, NULL, err);
    buf_clear(&g->met);
    return rc;
}

static bool is_dummy(const struct gone *g, sluice_str text)
{
    for (size_t i = 0; i < g->rule->never_count; i++) {
        if (strlen(g->rule->never[i]) == text.len && memcmp(g->rule->never[i], text.ptr, text.len) == 0)
            return true;
    }
    return false;
}

static bool is_dummy_number(const struct gone *g, int64_t id)
{
    char text[24];

    return g->rule->never_count &&
           is_dummy(g, (sluice_str){text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)id)});
}

static void add_int(struct gone *g, int64_t id)
{
    buf_add_char(&g->met, g->met.len ? ',' : '[');
    decimal_print(&g->met, id, 0);
}

/* A text with a NUL is in no database that others share, and JSON of such a text is refused there. */
static void add_text(struct gone *g, sluice_str text)
{
    if (memchr(text.ptr, '\0', text.len) && !db_takes_nul(g->db))
        return;
    buf_add_str(&g->met, g->met.len ? ",\"" : "[\"");
    buf_add_json(&g->met, text);
    buf_add_char(&g->met, '"');
}

void gone_meet(struct gone *g, const sluice_value *values, uint32_t count)
{
    const sluice_value none = {0};
    const sluice_value *v = g->identity_at < count ? &values[g->identity_at] : &none;

    if (v->type == SLUICE_INT && !is_dummy_number(g, v->as.i))
        add_int(g, v->as.i);
    else if (v->type == SLUICE_TEXT && v->as.s.len && !is_dummy(g, v->as.s))
        add_text(g, v->as.s);
    else
        g->unknown++;
}

/* By several rules a record can be known by another key than its identity; and what a picky column would refuse is not
 * to be compared with it. A text that is no integer is no row's identity. */
void gone_meet_key(struct gone *g, sluice_str key)
{
    const struct db_table_column *as = stored(g, g->identity->name);
    int64_t id;

    if (!key.len || is_dummy(g, key) || g->table->rule_count > 1 || as->picky)
        g->unknown++;
    else if (g->identity->type == SLUICE_TEXT)
        add_text(g, key);
    else if (integer_parse(key, &id) == NUMBER_OK)
        add_int(g, id);
}

/* ---- Who was not ---- */

/* The parameters of a condition, in order. */
struct constants {
    struct cell *cells; /* room for one of each column */
    int count;
};

static bool is_constant(const struct gone *g, size_t column)
{
    const struct table_column *c = &g->table->columns[column];

    return *c->name && c->value && stored(g, c->name) && (g->partitioned || column == g->table->scope);
}

static void add_constant(const struct gone *g, size_t column, struct constants *k, int parameter, struct buf *sql)
{
    const struct table_column *c = &g->table->columns[column];
    struct buf value = {0};

    if (!cell_set_text(&k->cells[k->count++], c, c->value, 0))
        sql->failed = true; /* as it was when the table was opened, unless memory ran out */
    db_add_param(g->db, &value, c->type, parameter);
    buf_add_str(sql, " AND ");
    db_quote(sql, c->name);
    buf_add_str(sql, " = ");
    db_add_key(g->db, sql, stored(g, c->name), c->type, buf_text(&value));
    buf_free(&value);
}

/* Is this row the run's to judge? The first of its parameters is `parameter`. */
static void add_mine(const struct gone *g, struct constants *k, int parameter, struct buf *sql)
{
    const char *text = g->identity->type == SLUICE_TEXT && g->run_id ? "::text" : "";

    db_quote(sql, g->table->gone->name);
    buf_add_str(sql, " IS NULL AND ");
    db_quote(sql, g->identity->name);
    buf_add_str(sql, " IS NOT NULL");
    for (size_t i = 0; i <= g->rule->never_count; i++) {
        if (i == g->rule->never_count && g->identity->type != SLUICE_TEXT)
            break; /* beside the dummies: no text */
        buf_add_str(sql, " AND ");
        db_quote(sql, g->identity->name);
        buf_printf(sql, "%s <> ", text);
        db_quote_text(sql, i < g->rule->never_count ? g->rule->never[i] : "");
    }
    for (size_t i = 0; i < g->table->column_count; i++) {
        if (is_constant(g, i))
            add_constant(g, i, k, parameter + k->count, sql);
    }
}

/* What the identity is compared with, as a look-up compares it. */
static void add_not_met(const struct gone *g, struct buf *sql, int parameter)
{
    uint32_t flags = g->identity->flags & (SLUICE_TRIM | SLUICE_LOWER);
    struct buf key = {0};

    db_add_from_text(g->db, &key, g->identity->type, "met_key");
    buf_add_str(sql, " AND NOT EXISTS (SELECT 1 FROM sluice_met WHERE ");
    if (g->run_id)
        buf_printf(sql, "met_run = $%d AND ", parameter);
    if (flags)
        buf_add_str(sql, buf_text(&key));
    else
        db_add_key(g->db, sql, stored(g, g->identity->name), g->identity->type, buf_text(&key));
    buf_add_str(sql, " = ");
    db_normalised(g->db, sql, g->identity->name, flags);
    buf_add_str(sql, ")");
    buf_free(&key);
}

static void free_constants(struct constants *k)
{
    for (int i = 0; i < k->count; i++)
        buf_free(&k->cells[i].text);
    free(k->cells);
}

/* Prepare `sql` followed by the condition, whose first parameter is `parameter`, and bind that. */
static int prepare(const struct gone *g, struct buf *sql, int parameter, bool not_met, struct constants *k,
                   struct db_stmt **out, struct err *err)
{
    k->cells = calloc(g->table->column_count + 1, sizeof(*k->cells));
    if (!k->cells)
        return err_set(err, E_SYSTEM, "out of memory");
    add_mine(g, k, parameter, sql);
    if (not_met)
        add_not_met(g, sql, parameter + k->count);
    int rc = sql->failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(g->db, buf_text(sql), out, err);
    if (rc)
        return rc;
    for (int i = 0; i < k->count; i++)
        db_bind(*out, parameter + i, k->cells[i].value);
    if (not_met && g->run_id)
        db_bind_text(*out, parameter + k->count, g->run_id);
    return SLUICE_OK;
}

static int count_rows(const struct gone *g, bool not_met, int64_t *rows, struct err *err)
{
    struct constants k = {0};
    struct buf sql = {0};
    struct db_stmt *st = NULL;

    buf_add_str(&sql, "SELECT count(*) FROM ");
    db_quote_table(g->db, &sql, g->table->name);
    buf_add_str(&sql, " WHERE ");
    int rc = prepare(g, &sql, 1, not_met, &k, &st, err);
    if (!rc)
        rc = db_step(st, err);
    if (rc == 1)
        *rows = db_column_int(st, 0);
    db_finalize(st);
    free_constants(&k);
    buf_free(&sql);
    return rc < 0 ? rc : SLUICE_OK;
}

static int write_notes(const struct gone *g, int64_t now, int64_t *noted, struct err *err)
{
    const char *const names[] = {g->table->gone->name, ddl_system_name(DDL_UPDATED_AT),
                                 ddl_system_name(DDL_LAST_SYNC_AT)};
    struct constants k = {0};
    struct buf sql = {0}, moment = {0}, value = {0};
    struct db_stmt *st = NULL;
    const char *separator = " SET ";

    date_print(&moment, now - now % 1000000);
    db_add_param(g->db, &value, SLUICE_TIME, 1);
    buf_add_str(&sql, "UPDATE ");
    db_quote_table(g->db, &sql, g->table->name);
    for (size_t i = 0; i < 3; i++) {
        const struct db_table_column *as = stored(g, names[i]);
        if (!as)
            continue;
        buf_add_str(&sql, separator);
        db_quote(&sql, names[i]);
        buf_add_str(&sql, " = ");
        db_add_value(g->db, &sql, as, SLUICE_TIME, buf_text(&value));
        separator = ", ";
    }
    buf_add_str(&sql, " WHERE ");
    int rc = prepare(g, &sql, 2, true, &k, &st, err);
    if (!rc) {
        db_bind(st, 1, (struct db_value){.type = DB_TEXT, .s = buf_str(&moment)});
        rc = db_run(st, noted, err);
    }
    db_finalize(st);
    free_constants(&k);
    buf_free(&sql);
    buf_free(&value);
    buf_free(&moment);
    return rc;
}

static int refuse(const struct gone *g, int64_t missing, int64_t all, struct err *err)
{
    return err_set(err, SLUICE_E_LIMIT,
                   "%lld of %lld rows of table %s did not come any more, more than %d %%: too many to believe, so none "
                   "was noted as gone; when that is right, run it with --full --allow-gone",
                   (long long)missing, (long long)all, g->table->name, 100 / GONE_PART);
}

int gone_note(struct gone *g, int64_t now, bool allow, int64_t *noted, struct err *err)
{
    int64_t missing = 0, all = 0;
    int rc = gone_flush(g, err);

    *noted = 0;
    if (!rc && g->run_id)
        rc = db_exec(g->db, "ANALYZE sluice_met",
                     err); /* it has grown since anybody looked, and the plan depends on it */
    if (!rc)
        rc = count_rows(g, true, &missing, err);
    if (rc || missing == 0)
        return rc;
    if (!allow)
        rc = count_rows(g, false, &all, err);
    if (!rc && !allow && missing > all / GONE_PART)
        return refuse(g, missing, all, err);
    return rc ? rc : write_notes(g, now, noted, err);
}
