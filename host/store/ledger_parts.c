/* ledger_parts.c - a run over partitions, whose rows begin and end in groups. See ledger.h.
 *
 * Most partitions have nothing new most of the time: a transaction for each of a thousand would cost more than asking
 * their source.
 */
#include "ledger.h"

#include "reject.h"

/* Do `all` in a transaction of its own unless one is open, which then goes on. */
static int in_transaction(struct db *db, struct run *whole,
                          int (*all)(struct db *db, struct run *whole, void *rows, size_t count, struct err *err),
                          void *rows, size_t count, struct err *err)
{
    bool mine = !db_in_transaction(db);
    int64_t batch_no = whole->batch_no;
    int rc = mine ? db_begin(db, err) : SLUICE_OK;

    if (!rc)
        rc = all(db, whole, rows, count, err);
    if (!rc && mine)
        rc = ledger_commit(db, whole, err);
    if (rc && mine) {
        db_rollback(db);
        whole->batch_no = batch_no; /* the fence may have passed before the commit failed */
    }
    return rc;
}

/* ---- The beginning ---- */

static int has_rejects(struct db_stmt *st, const struct run *r, bool *out, struct err *err)
{
    db_bind_text(st, 1, r->job);
    db_bind_text(st, 2, r->partition);
    int rc = db_step(st, err);
    db_reset(st);
    *out = rc == 1;
    return rc < 0 ? rc : SLUICE_OK;
}

static int claim(struct db *db, struct ledger_part *p, struct db_stmt *open, struct err *err)
{
    int rc = ledger_start(db, &p->run, &p->busy);

    if (rc == E_BUSY)
        return SLUICE_OK;
    if (rc) {
        *err = p->busy;
        return rc;
    }
    rc = cursor_get(db, p->run.job, p->run.partition, &p->cursor, err);
    return rc ? rc : has_rejects(open, &p->run, &p->rejects, err);
}

static int claim_rows(struct db *db, struct run *whole, void *rows, size_t count, struct err *err)
{
    struct ledger_part *parts = rows;
    struct db_stmt *open = NULL;
    int rc = db_prepare(db,
                        "SELECT 1 FROM sluice_rejects WHERE job = $1 AND partition = $2 AND " REJECT_OPEN " LIMIT 1",
                        &open, err);

    for (size_t i = 0; !rc && i < count; i++)
        rc = claim(db, &parts[i], open, err);
    db_finalize(open);
    return rc ? rc : ledger_fence(db, whole, err);
}

int ledger_claim_parts(struct db *db, struct run *whole, struct ledger_part *parts, size_t count, struct err *err)
{
    return in_transaction(db, whole, claim_rows, parts, count, err);
}

/* ---- The end ---- */

/* Its row first: what follows is only for the run that has it. */
static int finish(struct db *db, struct ledger_end *e, struct err *err)
{
    int rc = ledger_finish(db, e->run, &e->fenced);

    if (rc == E_FENCED)
        return SLUICE_OK;
    if (rc) {
        *err = e->fenced;
        return rc;
    }
    return e->cursor ? cursor_put(db, e->run->job, e->run->partition, e->cursor, err) : SLUICE_OK;
}

static int finish_rows(struct db *db, struct run *whole, void *rows, size_t count, struct err *err)
{
    struct ledger_end *ends = rows;
    int rc = SLUICE_OK;

    for (size_t i = 0; !rc && i < count; i++)
        rc = finish(db, &ends[i], err);
    return rc ? rc : ledger_fence(db, whole, err);
}

int ledger_finish_parts(struct db *db, struct run *whole, struct ledger_end *ends, size_t count, struct err *err)
{
    return in_transaction(db, whole, finish_rows, ends, count, err);
}

int ledger_drop_parts(struct db *db, const struct run *whole, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "DELETE FROM sluice_runs WHERE parent = $1 AND status = 'running'", &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, whole->id);
    rc = db_run(st, NULL, err);
    db_finalize(st);
    return rc;
}

/* ---- The result ---- */

static int keep_run(const struct run *r, void *context)
{
    json_t **out = context;

    *out = run_json(r);
    return *out ? 0 : E_SYSTEM;
}

static int keep_part(const struct run *r, void *context)
{
    return json_array_append_new(context, run_part_json(r)) ? E_SYSTEM : 0;
}

int ledger_run_json(struct db *db, const char *id, json_t **out, struct err *err)
{
    *out = NULL;
    int rc = ledger_list(db, NULL, id, 1, keep_run, out, err);
    if (rc < 0 || !*out)
        return rc < 0 ? rc : SLUICE_OK;
    rc = ledger_parts(db, id, keep_part, json_object_get(*out, "partitions"), err);
    if (rc >= 0)
        return SLUICE_OK;
    json_decref(*out);
    *out = NULL;
    return rc;
}
