/* history.c - see history.h. What is to go is looked up before the write lock is taken, so that an evening on which
 * nothing is old costs others nothing.
 */
#include "history.h"

#include "ledger.h"
#include "stamp.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE 200 /* runs whose ids are held at once */

/* The oldest runs that may go. What an index finds first are the runs that stay, two of a job at most. */
static const char old_runs[] =
    "SELECT id FROM sluice_runs AS r WHERE parent IS NULL AND started_at < $1 AND status <> 'running'"
    " AND id <> COALESCE((SELECT id FROM sluice_runs WHERE job = r.job AND parent IS NULL AND status <> 'running'"
    " ORDER BY started_at DESC, id DESC LIMIT 1), '')"
    " AND id <> COALESCE((SELECT id FROM sluice_runs WHERE job = r.job AND " LEDGER_GOOD
    " ORDER BY started_at DESC, id DESC LIMIT 1), '')"
    " AND NOT EXISTS (SELECT 1 FROM sluice_runs AS part WHERE part.parent = r.id AND part.status = 'running')"
    " ORDER BY started_at, id LIMIT $2";

struct piece {
    char ids[PIECE][RUN_ID_SIZE];
    size_t count;
};

static int look_up(struct db *db, int64_t before, int64_t limit, struct piece *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, old_runs, &st, err);

    out->count = 0;
    if (rc)
        return rc;
    stamp_bind(st, 1, before);
    db_bind_int(st, 2, limit < PIECE ? limit : PIECE);
    while ((rc = db_step(st, err)) == 1)
        snprintf(out->ids[out->count++], RUN_ID_SIZE, "%s", db_column_text(st, 0));
    db_finalize(st);
    return rc;
}

/* Delete runs by their `column`, at most *left of them, which is less those then. */
static int delete_by(struct db *db, const char *column, const char *id, int64_t *left, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    char sql[128];

    snprintf(sql, sizeof(sql),
             "DELETE FROM sluice_runs WHERE id IN (SELECT id FROM sluice_runs WHERE %s = $1 LIMIT $2)", column);
    int rc = db_prepare(db, sql, &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, id);
    db_bind_int(st, 2, *left);
    rc = db_run(st, &changes, err);
    db_finalize(st);
    *left -= changes;
    return rc;
}

/* The parts of a run first, so that none is ever without its parent; the next call goes on where this one ends. */
static int delete_piece(struct db *db, const struct piece *p, int64_t *left, struct err *err)
{
    int64_t before = *left;
    int rc = db_begin(db, err);

    for (size_t i = 0; !rc && *left > 0 && i < p->count; i++) {
        rc = delete_by(db, "parent", p->ids[i], left, err);
        if (!rc && *left > 0)
            rc = delete_by(db, "id", p->ids[i], left, err);
    }
    if (!rc)
        rc = db_commit(db, err);
    if (rc) {
        db_rollback(db);
        *left = before;
    }
    return rc;
}

int history_forget_runs(struct db *db, int64_t before, int64_t limit, int64_t *count, struct err *err)
{
    struct piece *p = malloc(sizeof(*p));
    int64_t left = limit;
    int rc = p ? SLUICE_OK : err_set(err, E_SYSTEM, "out of memory");

    while (!rc && left > 0) {
        rc = look_up(db, before, left, p, err);
        if (rc || p->count == 0)
            break;
        rc = delete_piece(db, p, &left, err);
    }
    free(p);
    if (!rc && count)
        *count = limit - left;
    return rc;
}

static int has_old_reject(struct db *db, int64_t before, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT 1 FROM sluice_rejects WHERE last_seen_at < $1 LIMIT 1", &st, err);

    if (rc)
        return rc;
    stamp_bind(st, 1, before);
    rc = db_step(st, err);
    db_finalize(st);
    return rc;
}

/* What was resolved or superseded was last seen before that. */
int history_forget_rejects(struct db *db, int64_t before, int64_t limit, int64_t *count, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int rc = has_old_reject(db, before, err);

    if (rc == 1) {
        rc = db_prepare(db,
                        "DELETE FROM sluice_rejects WHERE id IN (SELECT id FROM sluice_rejects WHERE last_seen_at < $1"
                        " ORDER BY last_seen_at LIMIT $2)",
                        &st, err);
        if (rc)
            return rc;
        stamp_bind(st, 1, before);
        db_bind_int(st, 2, limit);
        rc = db_run(st, &changes, err);
        db_finalize(st);
    }
    if (!rc && count)
        *count = changes;
    return rc;
}
