/* target.c - see target.h. Each SQL statement is made once from the table and kept prepared. */
#include "target.h"

#include "blame.h"
#include "cell.h"
#include "claims.h"
#include "date.h"
#include "ddl.h"
#include "target_sql.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
    struct db *db;
    const struct table *table;
    struct ddl_state state;
    struct target_sql sql; /* of these three */
    struct cell *cells;   /* the record, by column */
    struct cell *presets; /* by column; CELL_ABSENT where there is none */
    bool *is_identity;    /* which columns are the identity */
    bool *shape;          /* which columns the next INSERT or UPDATE names */
    bool *changed;        /* which columns of the row found last differ */
    struct db_stmt **find; /* by rule */
    struct db_stmt *adoptable; /* is there a row without identity? NULL: not asked, there may be one */
    uint64_t asked_in;    /* the transaction that it was asked in */
    bool may_adopt;       /* what it said, and what was written since */
    struct buf found;     /* identity of the row found last */
    struct db_value row, lasting; /* of the row found or written last: its locator, and what it keeps */
    struct buf row_text, lasting_text;
    const struct cell **written; /* by column: what the last statement said of it; NULL: nothing */
    bool raced;           /* this record met a row that was not there when it was looked up */
    struct buf stamp;     /* system columns of the second `stamped` */
    int64_t stamped;
    struct variants inserts, updates;
    struct claims *claims; /* NULL: nobody asks */
    struct {               /* for triggers that store something else than was written */
        void (*warn)(void *context, const char *text);
        void *context;
        bool *said; /* which columns the statement named */
        int writes; /* still to be looked at */
        bool rewritten;
    } watch;
};

#define WATCH_WRITES 20

static const struct cell null_cell = {.state = CELL_NULL};

static size_t identity_rule(const struct table *t)
{
    for (size_t i = 0; i < t->rule_count; i++) {
        if (t->rules[i].rule == SLUICE_IDENTITY)
            return i;
    }
    return TABLE_NONE;
}

/* ---- Opening ---- */

/* Prepare the statement in `sql`, which is freed. */
static int prepare(struct target *t, struct buf *sql, struct db_stmt **out, struct err *err)
{
    int rc = sql->failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(t->db, buf_text(sql), out, err);

    buf_free(sql);
    return rc ? err_wrap(err, "table %s", t->table->name) : SLUICE_OK;
}

/* Can a look-up fail because of what the record says? */
static bool is_picky(const struct target *t)
{
    for (size_t i = 0; i < t->table->column_count; i++) {
        if (t->state.as[i] && t->state.as[i]->picky)
            return true;
    }
    return false;
}

static int prepare_finds(struct target *t, struct err *err)
{
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < t->table->rule_count; i++) {
        struct buf sql = {0};
        target_sql_find(&t->sql, &t->table->rules[i], &sql);
        rc = prepare(t, &sql, &t->find[i], err);
        if (!rc && is_picky(t))
            db_may_refuse(t->find[i]);
    }
    return rc;
}

/* Is every column of the identity looked up as it is, so that an index on it knows the rows that have none? */
static bool is_plain_identity(const struct target *t)
{
    const struct table_rule *r = t->sql.identity == TABLE_NONE ? NULL : &t->table->rules[t->sql.identity];

    for (size_t i = 0; r && i < r->column_count; i++) {
        if (t->table->columns[r->columns[i]].flags & (SLUICE_TRIM | SLUICE_LOWER))
            return false;
    }
    return r;
}

static int prepare_adoptable(struct target *t, struct err *err)
{
    struct buf sql = {0};

    t->may_adopt = true;
    if (!is_plain_identity(t))
        return SLUICE_OK;
    target_sql_adoptable(&t->sql, &sql);
    return prepare(t, &sql, &t->adoptable, err);
}

/* Only rule REBIND asks which rows this run has touched. */
static bool rebinds(const struct table *table)
{
    for (size_t i = 0; i < table->rule_count; i++) {
        if (table->rules[i].rule == SLUICE_REBIND)
            return true;
    }
    return false;
}

int target_refill(struct target *t, struct err *err)
{
    for (size_t i = 0; i < t->table->column_count; i++) {
        const struct table_column *c = &t->table->columns[i];
        if (c->preset && strcmp(c->preset, "now") != 0 && !cell_set_text(&t->presets[i], c, c->preset, 0))
            return err_set(err, SLUICE_E_CONFIG, "%s: preset \"%s\" does not fit the column's type", c->source,
                           c->preset);
        if (c->value && !cell_set_text(&t->cells[i], c, c->value, 0))
            return err_set(err, SLUICE_E_CONFIG, "%s: value \"%s\" does not fit the column's type", c->source,
                           c->value);
    }
    return SLUICE_OK;
}

static int allocate(struct target *t, struct err *err)
{
    size_t n = t->table->column_count;

    t->cells = calloc(n + 1, sizeof(*t->cells));
    t->presets = calloc(n + 1, sizeof(*t->presets));
    t->is_identity = calloc(n + 1, sizeof(*t->is_identity));
    t->shape = calloc(n + 1, sizeof(*t->shape));
    t->changed = calloc(n + 1, sizeof(*t->changed));
    t->written = calloc(n + 1, sizeof(struct cell *));
    t->watch.said = calloc(n + 1, sizeof(*t->watch.said));
    t->find = calloc(t->table->rule_count + 1, sizeof(struct db_stmt *));
    t->inserts.count = t->updates.count = n;
    if (t->cells && t->presets && t->is_identity && t->shape && t->changed && t->written && t->watch.said &&
        t->find)
        return SLUICE_OK;
    return err_set(err, E_SYSTEM, "out of memory");
}

static void note_identity_columns(struct target *t)
{
    if (t->sql.identity == TABLE_NONE)
        return;
    const struct table_rule *r = &t->table->rules[t->sql.identity];
    for (size_t i = 0; i < r->column_count; i++)
        t->is_identity[r->columns[i]] = true;
}

static void start_watch(struct target *t, void (*warn)(void *context, const char *text), void *context)
{
    t->watch.warn = warn;
    t->watch.context = context;
    t->watch.writes = t->state.have.triggers ? WATCH_WRITES : 0;
}

int target_open(struct db *db, const struct table *table, const char *run_id,
                void (*warn)(void *context, const char *text), void *context, struct target **out, struct err *err)
{
    struct target *t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(err, E_SYSTEM, "out of memory");
    t->db = db;
    t->table = table;
    t->sql = (struct target_sql){db, table, &t->state, identity_rule(table), rebinds(table)};
    int rc = allocate(t, err);
    if (!rc)
        note_identity_columns(t);
    if (!rc)
        rc = ddl_ensure(db, table, &t->state, warn, context, err);
    if (!rc)
        start_watch(t, warn, context);
    if (!rc)
        rc = target_refill(t, err);
    if (!rc)
        rc = prepare_finds(t, err);
    if (!rc)
        rc = prepare_adoptable(t, err);
    if (!rc && t->sql.claims)
        rc = claims_open(db, run_id, &t->claims, err);
    if (rc)
        target_close(t);
    else
        *out = t;
    return rc;
}

void target_close(struct target *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->cells && t->presets && i < t->table->column_count; i++) {
        buf_free(&t->cells[i].text);
        buf_free(&t->presets[i].text);
    }
    for (size_t i = 0; t->find && i < t->table->rule_count; i++)
        db_finalize(t->find[i]);
    db_finalize(t->adoptable);
    variants_free(&t->inserts);
    variants_free(&t->updates);
    claims_close(t->claims);
    ddl_free(&t->state);
    buf_free(&t->found);
    buf_free(&t->row_text);
    buf_free(&t->lasting_text);
    buf_free(&t->stamp);
    free(t->cells);
    free(t->presets);
    free(t->is_identity);
    free(t->shape);
    free(t->changed);
    free((void *)t->written);
    free(t->watch.said);
    free(t->find);
    free(t);
}

/* ---- One record ---- */

/* Texts with a NUL end there for some databases. */
static bool can_store(const struct target *t, const struct cell *cell)
{
    return db_takes_nul(t->db) || cell->state != CELL_VALUE || cell->value.type != DB_TEXT || !cell->value.s.len ||
           !memchr(cell->value.s.ptr, '\0', cell->value.s.len);
}

int target_load(struct target *t, const sluice_value *values, uint32_t count, struct err *err)
{
    static const sluice_value absent = {0};

    t->raced = false;
    for (size_t i = 0; i < t->table->column_count; i++) {
        const struct table_column *c = &t->table->columns[i];
        const char *why;

        if (c->value)
            continue;
        if (!cell_set(&t->cells[i], c, i < count ? &values[i] : &absent, &why))
            return err_set(err, E_REFUSED, "value: %s: %s", c->source, why);
        if (!can_store(t, &t->cells[i]))
            return err_set(err, E_REFUSED, "value: %s: has a NUL inside, which the database cannot store", c->source);
    }
    return SLUICE_OK;
}

static bool is_empty(const struct cell *cell)
{
    return cell->state != CELL_VALUE || (cell->value.type == DB_TEXT && cell->value.s.len == 0);
}

static bool is_dummy(const struct table_rule *rule, const struct cell *cell)
{
    char number[24];
    sluice_str text = cell->value.s;

    if (cell->value.type == DB_INT)
        text = (sluice_str){number, (size_t)snprintf(number, sizeof(number), "%lld", (long long)cell->value.i)};
    for (size_t i = 0; i < rule->never_count; i++) {
        if (strlen(rule->never[i]) == text.len && memcmp(rule->never[i], text.ptr, text.len) == 0)
            return true;
    }
    return false;
}

bool target_usable(const struct target *t, size_t rule)
{
    const struct table_rule *r = &t->table->rules[rule];

    if (t->table->scope != TABLE_NONE && is_empty(&t->cells[t->table->scope]))
        return false;
    for (size_t i = 0; i < r->column_count; i++) {
        const struct cell *cell = &t->cells[r->columns[i]];
        if (is_empty(cell) || (r->never_count && is_dummy(r, cell)))
            return false;
    }
    return r->column_count > 0;
}

void target_key(const struct target *t, size_t rule, struct buf *out)
{
    const struct table_rule *r = &t->table->rules[rule];

    for (size_t i = 0; i < r->column_count; i++) {
        buf_add_str(out, i ? "/" : "");
        cell_print(&t->cells[r->columns[i]], out);
    }
}

/* What the record makes of column `i` of a stored row: a null goes back to the preset. NULL: it stays as it is, as an
 * identity does when the record has none: it was found by another key, and says nothing about this one. */
static const struct cell *wanted(const struct target *t, size_t i)
{
    const struct cell *cell = &t->cells[i];

    if (cell->state == CELL_ABSENT || (t->is_identity[i] && is_empty(cell)))
        return NULL;
    if (cell->state == CELL_NULL)
        return t->presets[i].state == CELL_VALUE ? &t->presets[i] : &null_cell;
    return cell;
}

static void keep_value(struct db_value from, struct db_value *to, struct buf *text)
{
    *to = from;
    buf_clear(text);
    buf_add(text, from.s.ptr, from.s.len);
    to->s = buf_str(text);
}

/* What the row found last has in a column of the identity; `same`: it is what the record says. */
static void note_identity(struct target *t, size_t column, const struct db_value *stored, bool same,
                          struct target_hit *hit)
{
    const struct table_rule *rule = &t->table->rules[t->sql.identity];
    const struct cell have = {.state = CELL_VALUE, .value = *stored};

    if (stored->type == DB_NULL || (stored->type == DB_TEXT && stored->s.len == 0) || is_dummy(rule, &have))
        return;
    hit->has_identity = true;
    if (!is_empty(&t->cells[column]) && !same)
        hit->other_identity = true;
    if (t->found.len)
        buf_add_char(&t->found, '/');
    cell_print(&have, &t->found);
}

/* Does the row of `st` store in column `i` what the record wants there? */
static bool is_same(const struct target *t, size_t i, struct db_stmt *st, int at)
{
    const struct cell *want = wanted(t, i);

    if (!want || db_compares(t->db))
        return !want || db_column_int(st, at) != 0;
    struct db_value stored = db_column(st, at);
    return cell_equals(want, &t->table->columns[i], &stored);
}

/* The database has compared; what the identity is follows behind all columns. */
static void read_identity(struct target *t, struct db_stmt *st, int at, struct target_hit *hit)
{
    const struct table_rule *r = t->sql.identity == TABLE_NONE ? NULL : &t->table->rules[t->sql.identity];

    for (size_t i = 0; r && i < r->column_count; i++) {
        struct db_value stored = db_column(st, at++);
        note_identity(t, r->columns[i], &stored, !t->changed[r->columns[i]], hit);
    }
}

static void compare_row(struct target *t, struct db_stmt *st, struct target_hit *hit)
{
    int at = 1;

    *hit = (struct target_hit){.same = true, .quiet = true};
    buf_clear(&t->found);
    keep_value(db_column(st, 0), &t->row, &t->row_text);
    if (t->claims)
        keep_value(db_column(st, at++), &t->lasting, &t->lasting_text);
    for (size_t i = 0; i < t->table->column_count; i++) {
        t->changed[i] = false;
        if (!*t->table->columns[i].name)
            continue;
        t->changed[i] = !is_same(t, i, st, at);
        hit->same = hit->same && !t->changed[i];
        hit->quiet = hit->quiet && (!t->changed[i] || t->table->columns[i].flags & SLUICE_QUIET);
        if (t->is_identity[i] && !db_compares(t->db)) {
            struct db_value stored = db_column(st, at);
            note_identity(t, i, &stored, !t->changed[i], hit);
        }
        at++;
    }
    hit->quiet = hit->quiet && !hit->same;
    if (db_compares(t->db))
        read_identity(t, st, at, hit);
}

/* Rule ADOPT finds only rows without identity, and most tables have none: asked once a transaction, that saves a
 * look-up for each new record. 1, 0 or an error. */
static int may_adopt(struct target *t, struct err *err)
{
    uint64_t transaction = db_transaction(t->db);

    if (!t->adoptable || (transaction && t->asked_in == transaction))
        return t->may_adopt;
    int rc = db_step(t->adoptable, err);
    db_reset(t->adoptable);
    if (rc >= 0) {
        t->may_adopt = rc == 1;
        t->asked_in = transaction;
    }
    return rc;
}

/* The record was written, perhaps as a row without identity. */
static void note_written(struct target *t)
{
    if (!t->may_adopt)
        t->may_adopt = !target_usable(t, t->sql.identity);
}

static void bind_cell(struct db_stmt *st, int index, const struct cell *cell)
{
    if (cell->state == CELL_VALUE)
        db_bind(st, index, cell->value);
    else
        db_bind_null(st, index);
}

int target_find(struct target *t, size_t rule, struct target_hit *hit, struct err *err)
{
    const struct table_rule *r = &t->table->rules[rule];
    struct db_stmt *st = t->find[rule];
    int n = 1;

    if (r->rule == SLUICE_ADOPT) {
        int rc = may_adopt(t, err);
        if (rc <= 0)
            return rc;
    }
    for (size_t i = 0; db_compares(t->db) && i < t->table->column_count; i++) {
        t->written[i] = wanted(t, i);
        if (*t->table->columns[i].name)
            bind_cell(st, n++, t->written[i] ? t->written[i] : &null_cell);
    }
    if (t->table->scope != TABLE_NONE)
        db_bind(st, n++, t->cells[t->table->scope].value);
    for (size_t i = 0; i < r->column_count; i++)
        db_bind(st, n++, t->cells[r->columns[i]].value);
    int rc = db_step(st, err);
    if (rc == 1) {
        compare_row(t, st, hit);
        rc = db_step(st, err);
        rc = rc < 0 ? rc : 1 + rc;
    }
    db_reset(st);
    return rc == E_REFUSED ? blame(t->db, t->table, &t->state, t->written, err) : rc;
}

const char *target_found_identity(const struct target *t)
{
    return buf_text(&t->found);
}

/* System columns carry whole seconds, so many rows share one text. Returns the next parameter's index. */
static int bind_stamps(struct target *t, struct db_stmt *st, int index, size_t first, int64_t now)
{
    int64_t second = now - now % 1000000;

    if (t->stamped != second) {
        buf_clear(&t->stamp);
        date_print(&t->stamp, second);
        t->stamped = second;
    }
    for (size_t i = first; i < 3; i++) {
        if (t->state.system[i])
            db_bind(st, index++, (struct db_value){.type = DB_TEXT, .s = buf_str(&t->stamp)});
    }
    return index;
}

/* Run an INSERT or UPDATE of one row; *changes: how many it wrote. */
static int write_one(struct target *t, struct db_stmt *st, int64_t *changes, struct err *err)
{
    if (!target_sql_returns(&t->sql))
        return db_run(st, changes, err);
    *changes = 0;
    int rc = db_step(st, err);
    if (rc == 1) {
        *changes = 1;
        keep_value(db_column(st, 0), &t->lasting, &t->lasting_text);
    }
    db_reset(st);
    return rc < 0 ? rc : SLUICE_OK;
}

/* A foreign key that would fail at the commit, and take the batch with it, is the fault of this one row. */
static int write_row(struct target *t, struct db_stmt *st, int64_t *changes, struct err *err)
{
    if (!t->state.have.deferred)
        return write_one(t, st, changes, err);
    int rc = db_exec(t->db, "SAVEPOINT sluice_row", err);
    if (rc)
        return rc;
    rc = write_one(t, st, changes, err);
    if (!rc && db_breaks_deferred(t->db))
        rc = err_set(err, E_REFUSED, "foreign-key: the row it points to is not there");
    struct err undo = {0};
    if (rc == E_REFUSED && db_exec(t->db, "ROLLBACK TO sluice_row", &undo))
        *err = undo;
    if (db_exec(t->db, "RELEASE sluice_row", &undo))
        *err = undo;
    return undo.code ? undo.code : rc;
}

/* A trigger or a conflict clause may leave the row out and call it success. */
static int was_ignored(struct err *err)
{
    return err_set(err, E_REFUSED, "ignored: a trigger or constraint of the table dropped it without an error");
}

/* Was a new row perhaps refused for one that another program has added since the look-up? Asked once a record. */
static bool may_have_raced(struct target *t, int rc)
{
    bool raced = !t->raced && rc == E_REFUSED && db_has_clashed(t->db);

    t->raced = t->raced || raced;
    return raced;
}

/* ---- Triggers ---- */

/* The first rule that finds the record's row now that it is written, or TABLE_NONE: a row with an identity is none that
 * can be adopted. */
static size_t rule_of_written(const struct target *t)
{
    for (size_t i = 0; i < t->table->rule_count; i++) {
        if (t->table->rules[i].rule != SLUICE_ADOPT && target_usable(t, i))
            return i;
    }
    return TABLE_NONE;
}

static void tell_rewritten(struct target *t, const struct table_rule *lost)
{
    struct buf text = {0};
    const char *separator = "";

    buf_printf(&text, "a trigger of table %s rewrites what the source sent in ", t->table->name);
    for (size_t i = 0; i < t->table->column_count; i++) {
        bool is_key = false;
        for (size_t k = 0; lost && k < lost->column_count; k++)
            is_key = is_key || lost->columns[k] == i;
        if (lost ? !is_key : !(t->watch.said[i] && t->changed[i]))
            continue;
        buf_printf(&text, "%s\"%s\"", separator, t->table->columns[i].name);
        separator = ", ";
    }
    buf_add_str(&text, lost ? ": the row is not found again, and each run adds another one"
                            : ": such a row is never equal to its record, and each run writes it again");
    buf_add_str(&text, "; change the trigger, or leave the column out with the job's `columns`");
    t->watch.warn(t->watch.context, buf_text(&text));
    t->watch.writes = 0; /* said once */
    t->watch.rewritten = true;
    buf_free(&text);
}

/* Where triggers are, the first rows that a run writes are looked up again: do they store what was written? */
static int watch_written(struct target *t, struct err *err)
{
    size_t rule = t->watch.writes ? rule_of_written(t) : TABLE_NONE;
    struct target_hit hit = {0};
    struct err ignored = {0};

    if (rule == TABLE_NONE)
        return SLUICE_OK;
    for (size_t i = 0; i < t->table->column_count; i++)
        t->watch.said[i] = t->written[i] != NULL;
    int found = target_find(t, rule, &hit, &ignored);
    if (found < 0 && found != E_REFUSED) {
        *err = ignored;
        return found;
    }
    t->watch.writes--;
    bool differs = false;
    for (size_t i = 0; found == 1 && i < t->table->column_count; i++)
        differs = differs || (t->watch.said[i] && t->changed[i]);
    if (found == 0 || differs)
        tell_rewritten(t, found == 0 ? &t->table->rules[rule] : NULL);
    return SLUICE_OK;
}

/* ---- New rows and new values ---- */

/* Which columns a new row names: not those that the database fills better. */
static void choose_columns(struct target *t, int64_t now)
{
    for (size_t i = 0; i < t->table->column_count; i++) {
        const struct table_column *c = &t->table->columns[i];
        if (t->cells[i].state != CELL_VALUE && c->preset && strcmp(c->preset, "now") == 0)
            cell_set_text(&t->cells[i], c, "now", now);
        bool nothing = t->cells[i].state != CELL_VALUE && t->presets[i].state != CELL_VALUE;
        t->shape[i] = *c->name && !(nothing && t->state.as[i]->has_default);
    }
}

int target_insert(struct target *t, int64_t now, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int n = 1;

    choose_columns(t, now);
    int rc = variant_get(&t->inserts, t->db, t->shape, target_sql_insert, &t->sql, &st, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < t->table->column_count; i++) {
        const struct cell *cell = t->cells[i].state == CELL_VALUE ? &t->cells[i] : &t->presets[i];
        t->written[i] = t->shape[i] ? cell : NULL;
        if (t->shape[i])
            bind_cell(st, n++, cell);
    }
    bind_stamps(t, st, n, DDL_CREATED_AT, now);
    note_written(t);
    rc = write_row(t, st, &changes, err);
    if (may_have_raced(t, rc)) {
        *err = (struct err){0};
        return TARGET_MOVED;
    }
    if (rc)
        return blame(t->db, t->table, &t->state, t->written, err);
    if (changes != 1)
        rc = was_ignored(err);
    if (!rc && t->claims && !target_sql_returns(&t->sql))
        t->lasting = (struct db_value){.type = DB_INT, .i = db_last_row(t->db)};
    return rc ? rc : watch_written(t, err);
}

int target_update(struct target *t, int64_t now, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int n = 1;
    int rc = variant_get(&t->updates, t->db, t->changed, target_sql_update, &t->sql, &st, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < t->table->column_count; i++) {
        t->written[i] = t->changed[i] ? wanted(t, i) : NULL;
        if (t->changed[i])
            bind_cell(st, n++, t->written[i]);
    }
    n = bind_stamps(t, st, n, target_sql_first_stamp(&t->sql, t->changed), now);
    db_bind(st, n, t->row);
    note_written(t);
    rc = write_row(t, st, &changes, err);
    if (!rc && changes != 1)
        return db_is_shared(t->db) ? TARGET_MOVED : was_ignored(err);
    return rc ? blame(t->db, t->table, &t->state, t->written, err) : watch_written(t, err);
}

int target_claim(struct target *t, struct err *err)
{
    return t->claims ? claims_add(t->claims, t->lasting, err) : SLUICE_OK;
}

int target_claimed(struct target *t, struct err *err)
{
    return t->claims ? claims_has(t->claims, t->lasting, err) : 0;
}

/* ---- For bulk.c ---- */

const struct target_sql *target_words(const struct target *t)
{
    return &t->sql;
}

const struct cell *target_new(const struct target *t, size_t column)
{
    return t->cells[column].state == CELL_VALUE ? &t->cells[column] : &t->presets[column];
}

bool target_keeps(const struct target *t, size_t column)
{
    return !wanted(t, column);
}

int target_may_adopt(struct target *t, struct err *err)
{
    return may_adopt(t, err);
}

void target_note_anonymous(struct target *t)
{
    t->may_adopt = true;
}

bool target_watches(const struct target *t)
{
    return t->watch.writes > 0;
}

bool target_rewrites(const struct target *t)
{
    return t->watch.rewritten;
}
