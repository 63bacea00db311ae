/* ledger_read.c - the history in the ledger, as ledger.h says. Each WHERE is written so that one index of schema.c
 * serves it, with the order of the rows.
 */
#include "ledger.h"

#include "buf.h"
#include "stamp.h"

#include <stdlib.h>
#include <string.h>

#define RUN_COLUMNS                                                                                                    \
    "id, parent, job, partition, mode, status, reason, host, batch_no, started_at, finished_at, total, processed, "    \
    "created, updated, skipped, errors, window_start, window_end, message, error, warnings, stats, error_details, " \
    "scope"

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
    r->started_at = stamp_read(st, 9);
    r->finished_at = stamp_read(st, 10);
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
    read_text(st, 24, &r->scope);
    return SLUICE_OK;
}

/* The runs that `clauses` choose: WHERE with $1, bound to `text`, with $2, bound to `more` if that is not NULL, and
 * ORDER BY. At most `limit`. */
static int walk_more(struct db *db, const char *clauses, const char *text, const char *more, int64_t limit,
                     int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    struct db_stmt *st;
    struct buf sql = {0};

    buf_printf(&sql, "SELECT " RUN_COLUMNS " FROM sluice_runs WHERE %s LIMIT $%d", clauses, more ? 3 : 2);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&sql), &st, err);
    buf_free(&sql);
    if (rc)
        return rc;
    db_bind_text(st, 1, text);
    if (more)
        db_bind_text(st, 2, more);
    db_bind_int(st, more ? 3 : 2, limit);
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

static int walk(struct db *db, const char *clauses, const char *text, int64_t limit,
                int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    return walk_more(db, clauses, text, NULL, limit, each, context, err);
}

int ledger_list(struct db *db, const char *job, const char *id, int64_t limit,
                int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    if (id)
        return walk(db, "id = $1", id, limit, each, context, err);
    if (job)
        return walk(db, "job = $1 AND parent IS NULL ORDER BY started_at DESC, id DESC", job, limit, each, context,
                    err);
    return walk(db, "$1 = '' AND parent IS NULL ORDER BY started_at DESC, id DESC", "", limit, each, context, err);
}

/* Ids are 26 digits and letters of upper case: those that begin alike stand together, none behind a row of Z. */
int ledger_find(struct db *db, const char *prefix, int64_t limit, int (*each)(const struct run *r, void *context),
                void *context, struct err *err)
{
    char first[RUN_ID_SIZE];
    size_t len = strlen(prefix);

    if (len >= sizeof(first))
        return SLUICE_OK;
    for (size_t i = 0; i <= len; i++)
        first[i] = (char)(prefix[i] >= 'a' && prefix[i] <= 'z' ? prefix[i] - 'a' + 'A' : prefix[i]);
    return walk(db, "id >= $1 AND id <= $1 || 'ZZZZZZZZZZZZZZZZZZZZZZZZZZ' ORDER BY id", first, limit, each, context,
                err);
}

int ledger_running(struct db *db, const char *job, int (*each)(const struct run *r, void *context), void *context,
                   struct err *err)
{
    return walk(db, job ? "job = $1 AND status = 'running'" : "$1 = '' AND status = 'running'", job ? job : "",
                INT64_MAX, each, context, err);
}

int ledger_parts(struct db *db, const char *parent, int (*each)(const struct run *r, void *context), void *context,
                 struct err *err)
{
    return walk(db, "parent = $1 ORDER BY id", parent, INT64_MAX, each, context, err);
}

int ledger_recent(struct db *db, const char *job, int64_t limit, int (*each)(const struct run *r, void *context),
                  void *context, struct err *err)
{
    return walk(db, "job = $1 AND parent IS NULL AND status <> 'running' ORDER BY started_at DESC, id DESC", job, limit,
                each, context, err);
}

int ledger_last_good(struct db *db, const char *job, int64_t *finished_at, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT finished_at FROM sluice_runs WHERE job = $1 AND " LEDGER_GOOD
                        " ORDER BY started_at DESC, id DESC LIMIT 1",
                        &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    rc = db_step(st, err);
    if (rc >= 0)
        *finished_at = rc == 1 ? stamp_read(st, 0) : 0;
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

int ledger_partition(struct db *db, const char *job, const char *partition, int64_t limit,
                     int (*each)(const struct run *r, void *context), void *context, struct err *err)
{
    return walk_more(db, "job = $1 AND partition = $2 AND partition <> '' ORDER BY id DESC", job, partition, limit,
                     each, context, err);
}

/* Ids grow with time. */
int ledger_last_of_each(struct db *db, const char *job, int (*each)(const struct run *r, void *context), void *context,
                        struct err *err)
{
    return walk(db,
                "id IN (SELECT max(id) FROM sluice_runs WHERE job = $1 AND partition <> '' AND status <> 'running'"
                " GROUP BY partition) ORDER BY id",
                job, INT64_MAX, each, context, err);
}
