/* bulk_batch.c - see bulk_batch.h. */
#include "bulk_batch.h"

#include "bulk.h"
#include "clock.h"
#include "copy_row.h"
#include "postgres_words.h"

#include <stdlib.h>
#include <string.h>

#define FEW  128         /* records that merge.c has merged before a stage would be made: see tests/bench/run */
#define PART (64 * 1024) /* bytes that are sent at once */
#define OLD  (10 * CLOCK_SECOND)

static struct pg *pg_of(struct batch *b)
{
    return (struct pg *)b->db;
}

static const struct table *table_of(const struct batch *b)
{
    return b->sql.target->table;
}

/* ---- Opening ---- */

/* What choose_columns() in target.c leaves to the database when there is nothing. */
static void find_defaults(struct batch *b)
{
    const struct table *t = table_of(b);

    for (size_t i = 0; i < t->column_count; i++) {
        const struct db_table_column *as = b->sql.target->state->as[i];
        if (as && as->has_default && !t->columns[i].preset)
            b->defaults[b->sql.default_count++] = i;
    }
}

int batch_open(struct batch *b, struct db *db, struct target *target, const char *run_id,
               const struct bulk_table *facts, struct err *err)
{
    const struct table *t = target_words(target)->table;

    *b = (struct batch){.db = db, .target = target, .few = FEW};
    b->keeps = calloc(t->column_count + 1, sizeof(*b->keeps));
    b->usable = calloc(t->rule_count + 1, sizeof(*b->usable));
    b->defaults = calloc(t->column_count + 1, sizeof(*b->defaults));
    b->values = calloc(t->column_count + 1, sizeof(*b->values));
    b->sql = (struct bulk_sql){.target = target_words(target),
                               .run_id = run_id,
                               .facts = facts,
                               .defaults = b->defaults,
                               .keeps = b->keeps,
                               .usable = b->usable};
    if (!b->keeps || !b->usable || !b->defaults || !b->values)
        return err_set(err, E_SYSTEM, "out of memory");
    find_defaults(b);
    return SLUICE_OK;
}

void batch_free(struct batch *b)
{
    kept_free(&b->kept);
    buf_free(&b->out);
    buf_free(&b->key);
    buf_free(&b->part);
    free(b->keeps);
    free(b->usable);
    free(b->defaults);
    free(b->values);
    free(b->rows);
    hashes_free(&b->keys);
    *b = (struct batch){0};
}

/* ---- Keys ---- */

#define AS_TEXT UINT32_MAX /* the kind of a key's text among the hashes; others are numbers of bulk_table.h */

bool batch_has(const struct batch *b, sluice_str key)
{
    return key.len && hashes_has(&b->keys, AS_TEXT, key);
}

/* Append what is the same text for all values that the database takes for the same. False when that is not known. */
static bool add_plain(const struct batch *b, size_t column, bool normalised, struct buf *out)
{
    const struct db_table_column *as = b->sql.target->state->as[column];
    const struct table_column *c = &table_of(b)->columns[column];
    const struct cell *cell = target_new(b->target, column);
    size_t from = out->len;

    cell_print(cell, out);
    if (c->type == SLUICE_INT)
        return as->family == PG_INT;
    if (c->type != SLUICE_TEXT || as->family != PG_TEXT)
        return false;
    for (size_t i = from; normalised && i < out->len; i++) {
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] = (char)(out->ptr[i] - 'A' + 'a');
    }
    const char *blanks = normalised ? " \t\n\v\f\r" : " ";
    while (out->len > from && strchr(blanks, out->ptr[out->len - 1]))
        out->len--;
    return !normalised || out->len == from || !strchr(blanks, out->ptr[from]);
}

static bool is_nothing(const struct batch *b, size_t column)
{
    return target_new(b->target, column)->state != CELL_VALUE;
}

/* Is a part of the key something that nobody looks up, and no index minds? */
static bool is_idle(const struct batch *b, const struct bulk_key *key)
{
    bool preset = false; /* which nobody sent, but others may look up */

    for (size_t i = 0; i < key->count; i++) {
        const struct cell *cell = target_new(b->target, key->columns[i]);
        preset = preset || table_of(b)->columns[key->columns[i]].preset;
        if (cell->state != CELL_VALUE)
            return true;
        if (!key->unique && cell->value.type == DB_TEXT && cell->value.s.len == 0)
            return true;
    }
    return !preset && !key->unique && key->rule != TABLE_NONE && !target_usable(b->target, key->rule);
}

static void note_key(struct batch *b, size_t index)
{
    const struct bulk_key *key = &b->sql.facts->keys[index];

    if (is_idle(b, key))
        return;
    buf_clear(&b->part);
    for (size_t i = 0; i < key->count; i++) {
        uint32_t flags = table_of(b)->columns[key->columns[i]].flags;
        bool normalised = key->rule != TABLE_NONE && flags & (SLUICE_TRIM | SLUICE_LOWER);
        b->shared = b->shared || !add_plain(b, key->columns[i], normalised, &b->part);
        buf_add_char(&b->part, '\x1f');
    }
    b->shared = b->shared || b->part.failed || hashes_add(&b->keys, (uint32_t)index, buf_str(&b->part));
}

static void note_keys(struct batch *b)
{
    for (size_t i = 0; i < b->sql.facts->key_count; i++)
        note_key(b, i);
}

static int grow(struct batch *b, struct err *err)
{
    size_t max = b->row_max ? b->row_max * 2 : 64;
    struct batch_row *rows = realloc(b->rows, max * sizeof(*rows));

    if (!rows)
        return err_set(err, E_SYSTEM, "out of memory");
    b->rows = rows;
    b->row_max = max;
    return SLUICE_OK;
}

/* ---- Staging one record, which is loaded ---- */

static uint64_t shape_of(const struct batch *b)
{
    uint64_t shape = 0;

    for (size_t i = 0; i < b->sql.default_count; i++)
        shape |= (uint64_t)is_nothing(b, b->defaults[i]) << i;
    return shape;
}

static bool note_shape(struct batch *b, uint64_t shape)
{
    for (size_t i = 0; i < b->shape_count; i++) {
        if (b->shapes[i] == shape)
            return true;
    }
    if (b->shape_count == BATCH_SHAPES)
        return false;
    b->shapes[b->shape_count++] = shape;
    return true;
}

static int note_rules(struct batch *b)
{
    int bits = 0;

    for (size_t i = 0; i < table_of(b)->rule_count; i++) {
        bool usable = target_usable(b->target, i);
        bits |= usable << i;
        b->usable[i] += usable;
        b->anonymous = b->anonymous || (i == b->sql.target->identity && !usable);
    }
    return bits;
}

static void put_keeps(struct batch *b)
{
    size_t count = table_of(b)->column_count;
    uint64_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        bool keeps = target_keeps(b->target, i);
        b->keeps[i] += keeps;
        bits |= (uint64_t)keeps << i % BULK_KEEP_BITS;
        if (i % BULK_KEEP_BITS == BULK_KEEP_BITS - 1 || i == count - 1) {
            copy_int64(&b->out, (int64_t)bits);
            bits = 0;
        }
    }
}

static bool put_values(struct batch *b)
{
    bool ok = true;

    for (size_t i = 0; i < table_of(b)->column_count; i++) {
        if (*table_of(b)->columns[i].name)
            ok = copy_cell(&b->out, table_of(b)->columns[i].type, target_new(b->target, i)) && ok;
    }
    return ok;
}

static size_t count_fields(const struct batch *b)
{
    size_t count = 4 + (table_of(b)->column_count + BULK_KEEP_BITS - 1) / BULK_KEEP_BITS;

    for (size_t i = 0; i < table_of(b)->column_count; i++)
        count += *table_of(b)->columns[i].name != '\0';
    return count;
}

static int send(struct batch *b, struct err *err)
{
    int rc =
        b->out.failed ? err_set(err, E_SYSTEM, "out of memory") : pg_copy_put(pg_of(b), b->out.ptr, b->out.len, err);
    buf_clear(&b->out);
    return rc;
}

static int begin_copy(struct batch *b, struct err *err)
{
    int rc = pg_copy_begin(pg_of(b), "COPY pg_temp.sluice_stage FROM STDIN (FORMAT binary)", err);

    if (rc)
        return rc;
    b->copying = true;
    buf_clear(&b->out);
    copy_begin(&b->out);
    return SLUICE_OK;
}

/* The record's key is in `key`. */
static int stage_loaded(struct batch *b, size_t n, struct err *err)
{
    uint64_t shape = shape_of(b);
    int rc = b->copying ? SLUICE_OK : begin_copy(b, err);

    if (rc)
        return rc;
    copy_row(&b->out, count_fields(b));
    copy_int32(&b->out, (int32_t)n);
    copy_text(&b->out, buf_str(&b->key));
    copy_int16(&b->out, (int16_t)note_rules(b));
    copy_int64(&b->out, (int64_t)shape);
    put_keeps(b);
    b->whole = !put_values(b) || !note_shape(b, shape) || b->whole;
    note_keys(b);
    b->sql.records++;
    return b->out.len < PART ? SLUICE_OK : send(b, err);
}

/* ---- The stage ---- */

static int undo_stage(struct batch *b, struct err *err)
{
    b->staging = b->copying = false;
    return db_exec(b->db, "ROLLBACK TO SAVEPOINT sluice_stage; RELEASE SAVEPOINT sluice_stage", err);
}

static int make_stage(struct batch *b, struct err *err)
{
    struct buf sql = {0};
    struct db_stmt *st = NULL;
    int rc = db_exec(b->db, "SET LOCAL jit TO off; SAVEPOINT sluice_stage", err);

    bulk_sql_stage(&b->sql, &sql);
    if (!rc)
        rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(b->db, buf_text(&sql), &st, err);
    if (!rc) {
        db_may_refuse(st);
        rc = db_run(st, NULL, err);
    }
    db_finalize(st);
    buf_free(&sql);
    b->barred = rc == E_REFUSED;
    b->staging = rc == SLUICE_OK;
    if (!b->barred)
        return rc;
    *err = (struct err){0};
    return undo_stage(b, err);
}

/* Load record `n`, and have its key in `key`: that of the first rule that can be used. 1: it can be merged; 0: it is a
 * reject, whatever is stored; or an error. */
static int load(struct batch *b, const sluice_value *values, uint32_t count, struct err *err)
{
    int rc = target_load(b->target, values, count, err);

    buf_clear(&b->key);
    if (rc == E_REFUSED) {
        *err = (struct err){0};
        return 0;
    }
    for (size_t i = 0; !rc && i < table_of(b)->rule_count; i++) {
        if (target_usable(b->target, i)) {
            target_key(b->target, i, &b->key);
            return b->key.failed ? err_set(err, E_SYSTEM, "out of memory") : 1;
        }
    }
    return rc;
}

const sluice_value *batch_read(struct batch *b, size_t n)
{
    kept_read(&b->kept, n, b->values, table_of(b)->column_count);
    return b->values;
}

/* All that have come so far. */
static int stage_kept(struct batch *b, struct err *err)
{
    int rc = make_stage(b, err);

    for (size_t n = 0; !rc && b->staging && n < b->kept.count; n++) {
        if (!b->rows[n].staged)
            continue;
        rc = load(b, batch_read(b, n), (uint32_t)table_of(b)->column_count, err);
        if (rc == 1)
            rc = stage_loaded(b, n, err);
    }
    return rc;
}

int batch_add(struct batch *b, const sluice_value *values, uint32_t count, struct err *err)
{
    size_t n = b->kept.count;
    int rc = n == b->row_max ? grow(b, err) : SLUICE_OK;

    if (!rc && !kept_add(&b->kept, values, count))
        rc = err_set(err, E_SYSTEM, "out of memory");
    if (rc)
        return rc;
    if (n == 0)
        b->since = clock_mono_us();
    rc = load(b, values, count, err);
    if (rc < 0)
        return rc;
    b->rows[n] = (struct batch_row){.staged = rc == 1, .apart = rc == 0};
    if (b->key.len) {
        bool there = hashes_add(&b->keys, AS_TEXT, buf_str(&b->key));
        b->sql.doubled = b->sql.doubled || there;
    }
    if (b->staging)
        return rc ? stage_loaded(b, n, err) : SLUICE_OK;
    return n + 1 == b->few && !b->barred ? stage_kept(b, err) : SLUICE_OK;
}

bool batch_is_full(const struct batch *b)
{
    return b->kept.count >= BULK_RECORDS || b->kept.bytes.len >= BULK_BYTES ||
           (b->kept.count > 0 && clock_mono_us() - b->since > OLD);
}

int batch_rest(struct batch *b, struct err *err)
{
    if (!b->copying)
        return SLUICE_OK;
    copy_end(&b->out);
    int rc = send(b, err);
    b->copying = false;
    if (rc)
        return rc;
    rc = pg_copy_end(pg_of(b), err);
    if (rc != E_REFUSED)
        return rc;
    *err = (struct err){0};
    return undo_stage(b, err);
}

void batch_clear(struct batch *b)
{
    kept_clear(&b->kept);
    hashes_clear(&b->keys);
    memset(b->keeps, 0, table_of(b)->column_count * sizeof(*b->keeps));
    memset(b->usable, 0, table_of(b)->rule_count * sizeof(*b->usable));
    b->sql.records = 0;
    b->sql.doubled = false;
    b->shape_count = 0;
    b->shared = b->anonymous = b->staging = b->copying = b->whole = false;
}
