/* ledger.c - see ledger.h. */
#include "ledger.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "hosts.h"
#include "jobs.h"
#include "owner.h"
#include "stamp.h"

#include <stdlib.h>
#include <string.h>

static void bind_json(struct db_stmt *st, int index, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    db_bind_text(st, index, text ? text : "null");
    free(text);
}

static int insert_run(struct db *db, const struct run *r, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at)"
                        " VALUES ($1, $2, $3, $4, $5, 'running', $6, $7)"
                        " ON CONFLICT (job, partition) WHERE status = 'running' DO NOTHING",
                        &st, err);
    int64_t changes = 0;
    if (rc)
        return rc;
    db_bind_text(st, 1, r->id);
    db_bind_text(st, 2, *r->parent ? r->parent : NULL);
    db_bind_text(st, 3, r->job);
    db_bind_text(st, 4, r->partition);
    db_bind_text(st, 5, r->mode);
    db_bind_text(st, 6, r->host);
    stamp_bind(st, 7, r->started_at);
    rc = db_run(st, &changes, err);
    db_finalize(st);
    if (!rc && changes != 1) /* on a store that others share, one can come in between */
        return err_set(err, E_BUSY, "%s is already running: another run began at the same moment", r->job);
    return rc;
}

/* Close the running row whose `column` is `id`, or all of them. */
static int close_by(struct db *db, const char *column, const char *id, const char *status, const char *reason,
                    int64_t *changes, struct err *err)
{
    struct db_stmt *st;
    char sql[160];

    snprintf(sql, sizeof(sql),
             "UPDATE sluice_runs SET status = $1, reason = $2, error = $3, finished_at = $4"
             " WHERE %s = $5 AND status = 'running'",
             column);
    int rc = db_prepare(db, sql, &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, status);
    db_bind_text(st, 2, reason);
    db_bind_text(st, 3, reason);
    stamp_bind(st, 4, clock_wall_us());
    db_bind_text(st, 5, id);
    rc = db_run(st, changes, err);
    db_finalize(st);
    return rc;
}

int ledger_close(struct db *db, const char *id, const char *status, const char *reason, int64_t *count, struct err *err)
{
    int64_t changes = 0, parts = 0;
    int rc = close_by(db, "id", id, status, reason, &changes, err);

    if (!rc)
        rc = close_by(db, "parent", id, status, reason, &parts, err);
    if (!rc && count)
        *count = changes + parts;
    return rc;
}

/* ---- The start ---- */

/* The running run of this job, if any: E_BUSY when its process lives, else it is closed. */
static int clear_holder(struct db *db, const struct run *r, struct err *err)
{
    struct db_stmt *st;
    char id[RUN_ID_SIZE] = "", host[OWNER_SIZE], since[40], who[OWNER_SIZE];
    int rc = db_prepare(db,
                        "SELECT id, host, started_at FROM sluice_runs"
                        " WHERE job = $1 AND partition = $2 AND status = 'running'",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, r->job);
    db_bind_text(st, 2, r->partition);
    rc = db_step(st, err);
    if (rc == 1) {
        snprintf(id, sizeof(id), "%s", db_column_text(st, 0));
        snprintf(host, sizeof(host), "%s", db_column_text(st, 1));
        snprintf(since, sizeof(since), "%s", db_column_text(st, 2));
    }
    db_finalize(st);
    if (rc <= 0)
        return rc;
    owner_tell(host, who, sizeof(who));
    rc = hosts_owner_alive(db, host, err);
    if (rc < 0)
        return rc;
    if (rc && *r->partition)
        return err_set(err, E_BUSY, "partition %s of %s is already running: run %s of %s, since %s", r->partition, r->job,
                       id, who, since);
    if (rc)
        return err_set(err, E_BUSY, "%s is already running: run %s of %s, since %s", r->job, id, who, since);
    char reason[OWNER_SIZE + 80];
    snprintf(reason, sizeof(reason), "its %s is gone; found by run %s", who, r->id);
    return ledger_close(db, id, "crashed", reason, NULL, err);
}

/* Take the run's fire, so that of all who saw it due one runs. */
static int claim_fire(struct db *db, const struct run *r, struct err *err)
{
    struct buf due = {0};
    char host[OWNER_SIZE] = "";
    bool claimed = false;
    int rc = SLUICE_OK;

    if (r->fire_us && r->at_start && owner_host(r->host, host))
        rc = jobs_claim_start(db, r->job, r->fire_us, host, &claimed, err);
    else if (r->fire_us)
        rc = jobs_claim(db, r->job, r->fire_us, &claimed, err);
    if (rc || claimed || !r->fire_us)
        return rc;
    if (r->at_start)
        return err_set(err, E_BUSY, "%s: another host that started at the same time was first", r->job);
    date_print(&due, r->fire_us);
    err_set(err, E_BUSY, "%s: the fire of %s was taken by another run", r->job, buf_text(&due));
    buf_free(&due);
    return err->code;
}

int ledger_start(struct db *db, struct run *r, struct err *err)
{
    bool mine = !db_in_transaction(db);
    int rc = mine ? hosts_beat(db, 0, NULL, NULL, err) : SLUICE_OK; /* before anybody can see the run */

    if (!rc && mine)
        rc = db_begin(db, err);
    if (!rc)
        rc = clear_holder(db, r, err);
    if (!rc)
        rc = claim_fire(db, r, err);
    if (!rc)
        rc = insert_run(db, r, err);
    if (!rc && mine)
        rc = db_commit(db, err);
    if (rc && mine)
        db_rollback(db);
    return rc;
}

/* ---- The fence and the end ---- */

/* One UPDATE serves fence and finish, so that what a run's row says is written in one place. */
static int write_run(struct db *db, struct run *r, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int rc = db_prepare(db,
                        "UPDATE sluice_runs SET batch_no = $1, status = $2, reason = $3, mode = $4, finished_at = $5,"
                        " total = $6, processed = $7, created = $8, updated = $9, skipped = $10, errors = $11,"
                        " window_start = $12, window_end = $13, message = $14, error = $15, warnings = $16,"
                        " stats = $17, error_details = $18, started_at = $19, scope = $20"
                        " WHERE id = $21 AND status = 'running' AND batch_no = $22",
                        &st, err);
    if (rc)
        return rc;
    db_bind_int(st, 1, r->batch_no + 1);
    db_bind_text(st, 2, r->status);
    db_bind_text(st, 3, r->reason);
    db_bind_text(st, 4, r->mode);
    stamp_bind(st, 5, r->finished_at);
    if (r->total >= 0)
        db_bind_int(st, 6, r->total);
    else
        db_bind_null(st, 6);
    db_bind_int(st, 7, r->counts.processed);
    db_bind_int(st, 8, r->counts.created);
    db_bind_int(st, 9, r->counts.updated);
    db_bind_int(st, 10, r->counts.skipped);
    db_bind_int(st, 11, r->counts.errors);
    db_bind_text(st, 12, r->window_start);
    db_bind_text(st, 13, r->window_end);
    db_bind_text(st, 14, r->message);
    db_bind_text(st, 15, r->error);
    bind_json(st, 16, r->warnings);
    bind_json(st, 17, r->stats);
    bind_json(st, 18, r->details);
    stamp_bind(st, 19, r->started_at); /* of a partition later than its row */
    db_bind_text(st, 20, r->scope);
    db_bind_text(st, 21, r->id);
    db_bind_int(st, 22, r->batch_no);
    rc = db_run(st, &changes, err);
    db_finalize(st);
    if (rc)
        return rc;
    if (changes != 1)
        return err_set(err, E_FENCED, "run %s was taken over by another process; nothing more is written", r->id);
    r->batch_no++;
    return SLUICE_OK;
}

int ledger_fence(struct db *db, struct run *r, struct err *err)
{
    return write_run(db, r, err);
}

int ledger_finish(struct db *db, struct run *r, struct err *err)
{
    if (!r->finished_at)
        r->finished_at = clock_wall_us();
    return write_run(db, r, err);
}
