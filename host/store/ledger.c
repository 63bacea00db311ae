/* ledger.c - see ledger.h. */
#include "ledger.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "owner.h"

#include <stdlib.h>
#include <string.h>

#define RUN_COLUMNS                                                                                                    \
    "id, parent, job, partition, mode, status, reason, host, batch_no, started_at, finished_at, total, processed, "    \
    "created, updated, skipped, errors, window_start, window_end, message, error, warnings, stats, error_details"

static void bind_time(struct db_stmt *st, int index, int64_t us)
{
    struct buf text = {0};

    if (us) {
        date_print_ms(&text, us);
        db_bind_text(st, index, buf_text(&text));
    } else {
        db_bind_null(st, index);
    }
    buf_free(&text);
}

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
                        " VALUES ($1, $2, $3, $4, $5, 'running', $6, $7)",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, r->id);
    db_bind_text(st, 2, *r->parent ? r->parent : NULL);
    db_bind_text(st, 3, r->job);
    db_bind_text(st, 4, r->partition);
    db_bind_text(st, 5, r->mode);
    db_bind_text(st, 6, r->host);
    bind_time(st, 7, r->started_at);
    rc = db_run(st, NULL, err);
    db_finalize(st);
    return rc;
}

int ledger_close(struct db *db, const char *id, const char *status, const char *reason, bool *closed, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int rc = db_prepare(db,
                        "UPDATE sluice_runs SET status = $1, reason = $2, error = $3, finished_at = $4"
                        " WHERE id = $5 AND status = 'running'",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, status);
    db_bind_text(st, 2, reason);
    db_bind_text(st, 3, reason);
    bind_time(st, 4, clock_wall_us());
    db_bind_text(st, 5, id);
    rc = db_run(st, &changes, err);
    db_finalize(st);
    if (!rc && closed)
        *closed = changes == 1;
    return rc;
}

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
    if (owner_alive(host))
        return err_set(err, E_BUSY, "%s is already running: run %s of %s, since %s", r->job, id, who, since);
    char reason[OWNER_SIZE + 80];
    snprintf(reason, sizeof(reason), "its %s is gone; found by run %s", who, r->id);
    return ledger_close(db, id, "crashed", reason, NULL, err);
}

int ledger_start(struct db *db, struct run *r, struct err *err)
{
    bool mine = !db_in_transaction(db);
    int rc = mine ? db_begin(db, err) : SLUICE_OK;

    if (!rc)
        rc = clear_holder(db, r, err);
    if (!rc)
        rc = insert_run(db, r, err);
    if (!rc && mine)
        rc = db_commit(db, err);
    if (rc && mine)
        db_rollback(db);
    return rc;
}

/* One UPDATE serves fence and finish, so that what a run's row says is written in one place. */
static int write_run(struct db *db, struct run *r, struct err *err)
{
    struct db_stmt *st;
    int64_t changes = 0;
    int rc = db_prepare(db,
                        "UPDATE sluice_runs SET batch_no = $1, status = $2, reason = $3, mode = $4, finished_at = $5,"
                        " total = $6, processed = $7, created = $8, updated = $9, skipped = $10, errors = $11,"
                        " window_start = $12, window_end = $13, message = $14, error = $15, warnings = $16,"
                        " stats = $17, error_details = $18"
                        " WHERE id = $19 AND status = 'running' AND batch_no = $20",
                        &st, err);
    if (rc)
        return rc;
    db_bind_int(st, 1, r->batch_no + 1);
    db_bind_text(st, 2, r->status);
    db_bind_text(st, 3, r->reason);
    db_bind_text(st, 4, r->mode);
    bind_time(st, 5, r->finished_at);
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
    db_bind_text(st, 19, r->id);
    db_bind_int(st, 20, r->batch_no);
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
    r->finished_at = clock_wall_us();
    return write_run(db, r, err);
}

static int64_t read_time(struct db_stmt *st, int index)
{
    const char *text = db_column_text(st, index);
    int64_t us = 0;

    if (!date_parse((sluice_str){text, strlen(text)}, NULL, &us))
        return 0;
    return us;
}

static void read_json(struct db_stmt *st, int index, json_t **member)
{
    json_t *json = json_loads(db_column_text(st, index), JSON_DECODE_ANY, NULL);

    if (json) {
        json_decref(*member);
        *member = json;
    }
}

static void read_text(struct db_stmt *st, int index, char **member)
{
    run_set(member, db_column(st, index).type == DB_NULL ? NULL : db_column_text(st, index));
}

static int read_run(struct db_stmt *st, struct run *r, struct err *err)
{
    char job[512], partition[512];

    snprintf(job, sizeof(job), "%s", db_column_text(st, 2));
    snprintf(partition, sizeof(partition), "%s", db_column_text(st, 3));
    int rc = run_init(r, job, partition, db_column_text(st, 4), err);
    if (rc)
        return rc;
    snprintf(r->id, sizeof(r->id), "%s", db_column_text(st, 0));
    snprintf(r->parent, sizeof(r->parent), "%s", db_column_text(st, 1));
    snprintf(r->status, sizeof(r->status), "%s", db_column_text(st, 5));
    read_text(st, 6, &r->reason);
    read_text(st, 7, &r->host);
    r->batch_no = db_column_int(st, 8);
    r->started_at = read_time(st, 9);
    r->finished_at = read_time(st, 10);
    r->total = db_column(st, 11).type == DB_NULL ? -1 : db_column_int(st, 11);
    r->counts = (struct run_counts){db_column_int(st, 12), db_column_int(st, 13), db_column_int(st, 14),
                                    db_column_int(st, 15), db_column_int(st, 16)};
    read_text(st, 17, &r->window_start);
    read_text(st, 18, &r->window_end);
    read_text(st, 19, &r->message);
    read_text(st, 20, &r->error);
    read_json(st, 21, &r->warnings);
    read_json(st, 22, &r->stats);
    read_json(st, 23, &r->details);
    return SLUICE_OK;
}

static int walk(struct db_stmt *st, int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    int rc;

    while ((rc = db_step(st, err)) == 1) {
        struct run r;
        rc = read_run(st, &r, err);
        if (rc)
            break;
        rc = each(&r, context);
        run_free(&r);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc;
}

int ledger_list(struct db *db, const char *job, const char *id, int64_t limit,
                int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    const char *where = id ? "WHERE id = $1" : job ? "WHERE job = $1" : "WHERE id <> $1";
    struct db_stmt *st;
    struct buf sql = {0};

    /* Each filter is a statement of its own, so that the database can use its index. */
    buf_printf(&sql, "SELECT " RUN_COLUMNS " FROM sluice_runs %s ORDER BY started_at DESC, id DESC LIMIT $2", where);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&sql), &st, err);
    buf_free(&sql);
    if (rc)
        return rc;
    db_bind_text(st, 1, id ? id : job ? job : "");
    db_bind_int(st, 2, limit);
    return walk(st, each, context, err);
}
