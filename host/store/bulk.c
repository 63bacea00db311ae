/* bulk.c - see bulk.h.
 *
 * What belongs together is a range of records. A range whose classification is refused, because a value cannot even be
 * compared, is taken as several ranges one after the other, which is the same by contract A6.4. A statement that writes
 * and is refused, or writes another number of rows than it should, is taken back and tried in parts; the records are
 * independent of each other by then. What remains in the end goes to merge.c.
 */
#include "bulk.h"

#include "bulk_batch.h"
#include "clock.h"
#include "db_driver.h"

#include <stdlib.h>
#include <string.h>

#define PARTS      4  /* that a range is split into */
#define SMALLEST   8  /* records that are not split any more */
#define WATCHED    32 /* records of a run that show what triggers do */
#define SAMPLE     20 /* and records of a batch that do, while that is not known */
#define MISSES_MAX 6  /* smallest parts in a row that failed: nearly all will */

struct bulk {
    struct db *db;
    struct target *target;
    struct rejects *rejects;
    char *run_id;
    struct bulk_one one;
    struct bulk_table facts;
    struct batch batch;
    struct bulk_tally *tally;
    bool unwatched; /* for tests: whatever triggers do */
    bool begun;     /* some were merged one by one, to see what triggers do */
    int misses;   /* smallest parts that failed since the last part that did not */
    bool indexed; /* the temporary tables, for parts of them */
};

int bulk_open(struct db *db, struct target *target, struct rejects *rejects, const char *run_id, struct bulk_one one,
              struct bulk **out, struct err *err)
{
    const struct target_sql *words = target_words(target);

    *out = NULL;
    if (db->driver != &postgres_driver || words->table->rule_count == 0 || words->table->rule_count > 14)
        return SLUICE_OK;
    struct bulk *b = calloc(1, sizeof(*b));
    if (!b)
        return err_set(err, E_SYSTEM, "out of memory");
    b->db = db;
    b->target = target;
    b->rejects = rejects;
    b->one = one;
    b->run_id = strdup(run_id);
    int rc = b->run_id ? bulk_table_read(db, words, &b->facts, err) : err_set(err, E_SYSTEM, "out of memory");
    if (!rc)
        rc = batch_open(&b->batch, db, target, b->run_id, &b->facts, err);
    if (rc || b->facts.unfit || b->batch.sql.default_count > BULK_KEEP_BITS)
        bulk_close(b);
    else
        *out = b;
    return rc;
}

void bulk_close(struct bulk *b)
{
    if (!b)
        return;
    batch_free(&b->batch);
    bulk_table_free(&b->facts);
    free(b->run_id);
    free(b);
}

void bulk_always(struct bulk *b)
{
    b->batch.few = 1;
    b->begun = b->unwatched = true;
}

void bulk_use_rejects(struct bulk *b, struct rejects *rejects)
{
    b->rejects = rejects;
}

int bulk_add(struct bulk *b, const sluice_value *values, uint32_t count, struct err *err)
{
    return batch_add(&b->batch, values, count, err);
}

bool bulk_is_due(const struct bulk *b)
{
    return batch_is_full(&b->batch);
}

bool bulk_has(const struct bulk *b, sluice_str key)
{
    return batch_has(&b->batch, key);
}

int bulk_rest(struct bulk *b, struct err *err)
{
    return batch_rest(&b->batch, err);
}

void bulk_drop(struct bulk *b)
{
    batch_clear(&b->batch);
}

/* ---- Statements ---- */

/* Run the statement in `sql`, which is freed. `each` (may be NULL) is called for each row that comes back; *changes
 * (may be NULL): rows it touched. E_REFUSED when the data refused it: the transaction goes on. */
static int ask(struct bulk *b, struct buf *sql, void (*each)(struct bulk *b, struct db_stmt *st, void *context),
               void *context, int64_t *changes, struct err *err)
{
    struct db_stmt *st = NULL;
    int rc = sql->failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(b->db, buf_text(sql), &st, err);

    buf_free(sql);
    if (rc)
        return rc;
    db_may_refuse(st);
    if (!each)
        rc = db_run(st, changes, err);
    else
        while ((rc = db_step(st, err)) == 1)
            each(b, st, context);
    db_finalize(st);
    return rc;
}

static int ask_text(struct bulk *b, const char *text, struct err *err)
{
    struct buf sql = {0};

    buf_add_str(&sql, text);
    return ask(b, &sql, NULL, NULL, NULL, err);
}

static void take_numbers(struct bulk *b, struct db_stmt *st, void *context)
{
    int64_t *numbers = context;

    (void)b;
    for (int i = 0; i < BULK_KINDS; i++)
        numbers[i] = db_column_int(st, i);
}

static void take_number(struct bulk *b, struct db_stmt *st, void *context)
{
    (void)b;
    *(int64_t *)context = db_column_int(st, 0);
}

static void take_apart(struct bulk *b, struct db_stmt *st, void *context)
{
    (void)context;
    b->batch.rows[db_column_int(st, 0)].apart = true;
}

/* ---- What each record means ---- */

/* How many records of the range there are of each kind, by BULK_*. */
static int count_kinds(struct bulk *b, int64_t counts[BULK_KINDS], struct err *err)
{
    struct buf sql = {0};

    buf_add_str(&sql, "SELECT");
    for (int i = 0; i < BULK_KINDS; i++)
        buf_printf(&sql, "%s count(*) FILTER (WHERE sluice_state = %d)", i ? "," : "", i);
    buf_add_str(&sql, " FROM pg_temp.sluice_keys");
    return ask(b, &sql, take_numbers, counts, NULL, err);
}

static int analyze(struct bulk *b, struct err *err)
{
    return ask_text(b, "ANALYZE pg_temp.sluice_keys (sluice_n, sluice_mid, sluice_state, sluice_hit)", err);
}

/* Rule `rule` for the records that no rule before has found a row for. */
static int classify_more(struct bulk *b, size_t rule, struct err *err)
{
    const struct table *t = b->batch.sql.target->table;
    struct buf sql = {0};
    int64_t found = 0;

    if (b->batch.usable[rule] == 0)
        return SLUICE_OK;
    int rc = t->rules[rule].rule == SLUICE_ADOPT ? target_may_adopt(b->target, err) : 1;
    if (rc <= 0)
        return rc;
    bulk_sql_classify_more(&b->batch.sql, rule, &sql);
    rc = ask(b, &sql, NULL, NULL, &found, err);
    if (rc || !found)
        return rc;
    rc = analyze(b, err);
    bulk_sql_drop_found(rule, &sql);
    return rc ? rc : ask(b, &sql, NULL, NULL, NULL, err);
}

static int classify(struct bulk *b, struct bulk_range r, int64_t counts[BULK_KINDS], struct err *err)
{
    const struct table *t = b->batch.sql.target->table;
    struct buf sql = {0};
    int64_t fresh;

    bulk_sql_classify(&b->batch.sql, r, &sql);
    int rc = ask(b, &sql, NULL, NULL, NULL, err);
    if (!rc)
        rc = count_kinds(b, counts, err);
    if (!rc && counts[BULK_SAME] < (int64_t)(r.to - r.from))
        rc = analyze(b, err);
    fresh = counts[BULK_NEW];
    for (size_t i = 1; !rc && fresh && i < t->rule_count; i++)
        rc = classify_more(b, i, err);
    return !rc && fresh && t->rule_count > 1 ? count_kinds(b, counts, err) : rc;
}

/* More than one row was found for some. */
static int set_ambiguous_apart(struct bulk *b, struct err *err)
{
    return ask_text(b,
                    "UPDATE pg_temp.sluice_keys SET sluice_state = 3 WHERE sluice_n IN"
                    " (SELECT sluice_n FROM pg_temp.sluice_keys GROUP BY sluice_n HAVING count(*) > 1)",
                    err);
}

/* Could two records share a key? Not when no two have said the same one, and no row has another than its record. */
static int may_share(struct bulk *b, bool *may, struct err *err)
{
    struct buf sql = {0};
    int64_t found = 0;

    *may = b->batch.shared || b->batch.sql.doubled || b->facts.lenient;
    if (*may)
        return SLUICE_OK;
    bulk_sql_has_old(&b->batch.sql, &sql);
    int rc = ask(b, &sql, take_number, &found, NULL, err);
    *may = found > 0;
    return rc;
}

static int set_entangled_apart(struct bulk *b, struct err *err)
{
    bool may = false;
    int rc = may_share(b, &may, err);
    int64_t changes = may;

    while (!rc && changes > 0) {
        struct buf sql = {0};
        bulk_sql_entangle(&b->batch.sql, &sql);
        rc = ask(b, &sql, NULL, NULL, &changes, err);
    }
    return rc;
}

static size_t count_staged(const struct bulk *b, struct bulk_range r)
{
    size_t n = 0;

    for (size_t i = r.from; i < r.to; i++)
        n += b->batch.rows[i].staged;
    return n;
}

/* All that write. */
static int set_opaque_apart(struct bulk *b, struct err *err)
{
    struct buf sql = {0};

    buf_add_str(&sql, "UPDATE pg_temp.sluice_keys SET sluice_state = 3 WHERE sluice_state IN (1, 2, 4)"
                      " RETURNING sluice_n");
    return ask(b, &sql, take_apart, NULL, NULL, err);
}

/* Find out which records merge.c has to have, as far as that is known before anything is written. */
static int set_apart(struct bulk *b, struct bulk_range r, int64_t counts[BULK_KINDS], struct err *err)
{
    int64_t writers = counts[BULK_CHANGED] + counts[BULK_NEW] + counts[BULK_APART] + counts[BULK_QUIET];
    int64_t total = counts[BULK_SAME] + writers;
    struct buf sql = {0};
    int rc = SLUICE_OK;

    if (total > (int64_t)count_staged(b, r))
        rc = set_ambiguous_apart(b, err);
    else if (!writers)
        return rc;
    if (!rc && b->facts.opaque)
        rc = set_opaque_apart(b, err);
    if (!rc)
        rc = set_entangled_apart(b, err);
    if (!rc)
        rc = count_kinds(b, counts, err);
    if (rc || !counts[BULK_APART])
        return rc;
    buf_add_str(&sql, "SELECT sluice_n FROM pg_temp.sluice_keys WHERE sluice_state = 3");
    return ask(b, &sql, take_apart, NULL, NULL, err);
}

/* ---- Writing ---- */

static int savepoint(struct bulk *b, const char *what, struct err *err)
{
    return db_exec(b->db, what, err);
}

static int write_rows(struct bulk *b, struct buf *sql, int64_t *written, struct err *err)
{
    bool counted = b->batch.sql.target->claims;
    int64_t rows = 0;
    int rc = ask(b, sql, counted ? take_number : NULL, &rows, counted ? NULL : &rows, err);

    *written += rows;
    return rc;
}

/* All statements for what is of a kind in a range. `all`: all that is staged is new. */
static int write_kind(struct bulk *b, int kind, struct bulk_range r, bool all, int64_t *written, struct err *err)
{
    struct buf sql = {0};
    int rc = SLUICE_OK;

    if (kind != BULK_NEW) {
        bulk_sql_update(&b->batch.sql, r, kind, &sql);
        return write_rows(b, &sql, written, err);
    }
    for (size_t i = 0; !rc && i < b->batch.shape_count; i++) {
        bulk_sql_insert(&b->batch.sql, r, b->batch.shapes[i], all, &sql);
        rc = write_rows(b, &sql, written, err);
    }
    return rc;
}

/* Write them all or none; E_REFUSED for none, also when another program or a trigger made it another number. */
static int try_kind(struct bulk *b, int kind, struct bulk_range r, bool all, int64_t expected, struct err *err)
{
    int64_t written = 0;
    struct err undo = {0};
    int rc = savepoint(b, "SAVEPOINT sluice_part", err);

    if (rc)
        return rc;
    rc = write_kind(b, kind, r, all, &written, err);
    if (!rc && written != expected)
        rc = err_set(err, E_REFUSED, "%lld rows instead of %lld", (long long)written, (long long)expected);
    if (rc == E_REFUSED && savepoint(b, "ROLLBACK TO SAVEPOINT sluice_part", &undo))
        *err = undo;
    if ((!rc || rc == E_REFUSED) && !undo.code && savepoint(b, "RELEASE SAVEPOINT sluice_part", &undo))
        *err = undo;
    if (undo.code)
        return undo.code;
    if (!rc && kind == BULK_CHANGED)
        b->tally->updated += expected;
    else if (!rc && kind == BULK_QUIET)
        b->tally->unchanged += expected;
    else if (!rc)
        b->tally->created += expected;
    return rc;
}

/* Leave what is of a kind in a range to merge.c. */
static int leave(struct bulk *b, int kind, struct bulk_range r, struct err *err)
{
    struct buf sql = {0};

    buf_printf(&sql,
               "UPDATE pg_temp.sluice_keys SET sluice_state = %d WHERE sluice_state = %d AND sluice_n >= %zu AND"
               " sluice_n < %zu RETURNING sluice_n",
               BULK_APART, kind, r.from, r.to);
    return ask(b, &sql, take_apart, NULL, NULL, err);
}

static int count_kind(struct bulk *b, int kind, struct bulk_range r, int64_t *count, struct err *err)
{
    struct buf sql = {0};

    buf_printf(
        &sql, "SELECT count(*) FROM pg_temp.sluice_keys WHERE sluice_state = %d AND sluice_n >= %zu AND sluice_n < %zu",
        kind, r.from, r.to);
    return ask(b, &sql, take_number, count, NULL, err);
}

/* So that a part of the batch costs what a part of it should. */
static int index_tables(struct bulk *b, struct err *err)
{
    if (b->indexed)
        return SLUICE_OK;
    b->indexed = true;
    int rc = ask_text(b, "CREATE INDEX ON pg_temp.sluice_keys (sluice_n)", err);
    if (!rc)
        rc = ask_text(b, "CREATE INDEX ON pg_temp.sluice_stage (sluice_n)", err);
    return rc ? rc : ask_text(b, "ANALYZE pg_temp.sluice_stage (sluice_n)", err);
}

static struct bulk_range part_of(struct bulk_range r, size_t i)
{
    size_t size = r.to - r.from;

    return (struct bulk_range){r.from + size * i / PARTS, r.from + size * (i + 1) / PARTS};
}

static int write_parts(struct bulk *b, int kind, struct bulk_range r, struct err *err);

static int write_range(struct bulk *b, int kind, struct bulk_range r, bool all, int64_t expected, struct err *err)
{
    if (expected == 0)
        return SLUICE_OK;
    if (b->misses >= MISSES_MAX)
        return leave(b, kind, r, err);
    int rc = try_kind(b, kind, r, all, expected, err);
    if (!rc)
        b->misses = 0;
    if (rc != E_REFUSED)
        return rc;
    *err = (struct err){0};
    if (r.to - r.from > SMALLEST && expected > 1)
        return write_parts(b, kind, r, err);
    b->misses++;
    return leave(b, kind, r, err);
}

static int write_parts(struct bulk *b, int kind, struct bulk_range r, struct err *err)
{
    int rc = index_tables(b, err);

    for (size_t i = 0; !rc && i < PARTS; i++) {
        struct bulk_range part = part_of(r, i);
        int64_t expected = 0;
        rc = count_kind(b, kind, part, &expected, err);
        if (!rc)
            rc = write_range(b, kind, part, false, expected, err);
    }
    return rc;
}

/* Rows that were found and stay as they are count as touched by this run, too. */
static int claim_same(struct bulk *b, int64_t same, struct err *err)
{
    struct buf sql = {0};

    if (!b->batch.sql.target->claims || !same)
        return SLUICE_OK;
    bulk_sql_claim(&b->batch.sql, &sql);
    return ask(b, &sql, NULL, NULL, NULL, err);
}

/* ---- One by one ---- */

static int merge_one(struct bulk *b, size_t n, struct err *err)
{
    const sluice_value *values = batch_read(&b->batch, n);

    return b->one.merge(b->one.context, values, (uint32_t)b->batch.sql.target->table->column_count, err);
}

static int merge_apart(struct bulk *b, struct bulk_range r, struct err *err)
{
    int rc = SLUICE_OK;

    for (size_t n = r.from; !rc && n < r.to; n++) {
        if (b->batch.rows[n].apart)
            rc = merge_one(b, n, err);
    }
    return rc;
}

static int merge_each(struct bulk *b, struct bulk_range r, struct err *err)
{
    int rc = SLUICE_OK;

    for (size_t n = r.from; !rc && n < r.to; n++)
        rc = merge_one(b, n, err);
    return rc;
}

/* ---- Triggers ---- */

/* Where triggers are, the first ones show what they do: when they store something else than was written, keys do not
 * tell any more which records depend on each other. */
static int watch_triggers(struct bulk *b, struct bulk_range *r, struct err *err)
{
    if (b->begun || !b->batch.sql.target->state->have.triggers)
        return SLUICE_OK;
    struct bulk_range first = {r->from, r->to < WATCHED ? r->to : WATCHED};
    int rc = merge_each(b, first, err);

    b->begun = true;
    b->facts.opaque = b->facts.opaque || target_rewrites(b->target);
    r->from = first.to;
    return rc;
}

struct sample {
    size_t list[SAMPLE];
    size_t count;
};

static void take_sample(struct bulk *b, struct db_stmt *st, void *context)
{
    struct sample *s = context;

    (void)b;
    if (s->count < SAMPLE)
        s->list[s->count++] = (size_t)db_column_int(st, 0);
}

/* The first records of a run may all have been equal to their rows: some that are not are merged one by one. They depend
 * on no other one, so they may come first. */
static int watch_sample(struct bulk *b, int64_t counts[BULK_KINDS], struct err *err)
{
    struct sample s = {0};
    struct buf sql = {0};

    if (b->unwatched || !target_watches(b->target) || !(counts[BULK_CHANGED] + counts[BULK_NEW] + counts[BULK_QUIET]))
        return SLUICE_OK;
    buf_printf(&sql,
               "DELETE FROM pg_temp.sluice_keys WHERE sluice_n IN (SELECT sluice_n FROM pg_temp.sluice_keys WHERE"
               " sluice_state IN (%d, %d, %d) ORDER BY sluice_n LIMIT %d) RETURNING sluice_n",
               BULK_CHANGED, BULK_NEW, BULK_QUIET, SAMPLE);
    int rc = ask(b, &sql, take_sample, &s, NULL, err);
    for (size_t i = 0; !rc && i < s.count; i++)
        rc = merge_one(b, s.list[i], err);
    if (!rc && target_rewrites(b->target)) {
        b->facts.opaque = true;
        rc = set_opaque_apart(b, err);
    }
    if (!rc)
        rc = count_kinds(b, counts, err);
    return rc == E_REFUSED ? (err->code = E_STORE) : rc; /* they must not be merged again */
}

/* ---- A range ---- */

#define STORED                                                                                                         \
    "SELECT s.sluice_key FROM pg_temp.sluice_stage AS s JOIN pg_temp.sluice_keys AS k ON k.sluice_n = s.sluice_n"      \
    " WHERE k.sluice_state <> 3"

static int write_all(struct bulk *b, struct bulk_range r, int64_t counts[BULK_KINDS], struct err *err)
{
    bool all = counts[BULK_NEW] == (int64_t)b->batch.sql.records;

    b->misses = 0;
    int rc = claim_same(b, counts[BULK_SAME], err);
    if (!rc)
        rc = write_range(b, BULK_CHANGED, r, false, counts[BULK_CHANGED], err);
    if (!rc)
        rc = write_range(b, BULK_QUIET, r, false, counts[BULK_QUIET], err);
    if (!rc)
        rc = write_range(b, BULK_NEW, r, all, counts[BULK_NEW], err);
    b->tally->unchanged += rc ? 0 : counts[BULK_SAME];
    if (!rc && b->batch.anonymous && counts[BULK_NEW])
        target_note_anonymous(b->target);
    return rc ? rc : rejects_supersede_all(b->rejects, STORED, err);
}

static int drop_keys(struct bulk *b, struct err *err)
{
    b->indexed = false;
    return db_exec(b->db, "DROP TABLE IF EXISTS pg_temp.sluice_keys", err);
}

static int merge_range(struct bulk *b, struct bulk_range r, struct err *err);

static int merge_parts(struct bulk *b, struct bulk_range r, struct err *err)
{
    int rc = SLUICE_OK;

    if (r.to - r.from <= SMALLEST || b->misses >= MISSES_MAX) {
        b->misses++;
        return merge_each(b, r, err);
    }
    for (size_t i = 0; !rc && i < PARTS; i++)
        rc = merge_range(b, part_of(r, i), err);
    return rc;
}

static int merge_range(struct bulk *b, struct bulk_range r, struct err *err)
{
    int64_t counts[BULK_KINDS] = {0};
    int misses = b->misses;

    if (misses >= MISSES_MAX)
        return merge_each(b, r, err);
    int rc = classify(b, r, counts, err);
    if (!rc)
        rc = set_apart(b, r, counts, err);
    if (!rc)
        rc = watch_sample(b, counts, err);
    bool refused = rc == E_REFUSED;
    if (refused)
        *err = (struct err){0};
    if (!rc)
        rc = write_all(b, r, counts, err);
    struct err dropping = {0};
    if ((!rc || refused) && drop_keys(b, &dropping)) {
        *err = dropping;
        return dropping.code;
    }
    if (refused)
        return merge_parts(b, r, err);
    b->misses = 0;
    return rc ? rc : merge_apart(b, r, err);
}

static int flush_staged(struct bulk *b, struct bulk_range r, struct err *err)
{
    int rc = watch_triggers(b, &r, err);

    return rc || r.from == r.to ? rc : merge_range(b, r, err);
}

int bulk_flush(struct bulk *b, struct bulk_tally *tally, struct err *err)
{
    struct bulk_range all = {0, b->batch.kept.count};

    if (all.to == 0)
        return SLUICE_OK;
    b->tally = tally;
    b->misses = 0;
    b->batch.sql.now = clock_wall_us();
    int rc = batch_rest(&b->batch, err);
    if (!rc && b->batch.staging && !b->batch.whole)
        rc = flush_staged(b, all, err);
    else if (!rc)
        rc = merge_each(b, all, err);
    if (!rc && b->batch.staging)
        rc = db_exec(b->db, "DROP TABLE pg_temp.sluice_stage; RELEASE SAVEPOINT sluice_stage", err);
    if (!rc)
        batch_clear(&b->batch);
    return rc;
}
