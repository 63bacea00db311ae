/* reject_list.c - open rejects for people. See reject.h. */
#include "reject.h"

#include "run.h"

#include <stdio.h>

#define PAGE 64 /* rows that are read at once: a server hands over whole results, and a payload may be long */

/* The next page behind `last`, which becomes the id of its last row. How many rows it has, or what `each` returned, or
 * an error. */
static int list_page(struct db_stmt *st, char last[RUN_ID_SIZE],
                     int (*each)(const struct reject_row *row, void *context), void *context, struct err *err)
{
    int rc, count = 0;

    db_bind_text(st, 2, last);
    while ((rc = db_step(st, err)) == 1) {
        const struct reject_row row = {.id = db_column_text(st, 0),
                                       .run_id = db_column_text(st, 1),
                                       .job = db_column_text(st, 2),
                                       .partition = db_column_text(st, 3),
                                       .record_key = db_column_text(st, 4),
                                       .reason = db_column_text(st, 5),
                                       .payload = db_column_text(st, 6),
                                       .kind = db_column_text(st, 7),
                                       .rejected_at = db_column_text(st, 8),
                                       .last_seen_at = db_column_text(st, 9),
                                       .seen_count = db_column_int(st, 10),
                                       .scope = db_column_text(st, 11)};
        snprintf(last, RUN_ID_SIZE, "%s", row.id);
        count++;
        rc = each(&row, context);
        if (rc < 0)
            break;
    }
    db_reset(st);
    return rc < 0 ? rc : count;
}

int reject_list(struct db *db, const char *job, const char *after,
                int (*each)(const struct reject_row *row, void *context), void *context, struct err *err)
{
    struct buf sql = {0};
    struct db_stmt *st = NULL;
    char last[RUN_ID_SIZE];

    buf_printf(&sql,
               "SELECT id, run_id, job, partition, record_key, reason, payload, kind, rejected_at, last_seen_at,"
               " seen_count, scope FROM sluice_rejects WHERE ($1 = '' OR job = $1) AND id > $2 AND " REJECT_OPEN
               " ORDER BY id LIMIT %d",
               PAGE);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&sql), &st, err);
    buf_free(&sql);
    if (rc)
        return rc;
    snprintf(last, sizeof(last), "%s", after ? after : "");
    db_bind_text(st, 1, job ? job : "");
    do {
        rc = list_page(st, last, each, context, err);
    } while (rc == PAGE);
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

int reject_partitions(struct db *db, const char *job, int (*each)(const char *partition, void *context), void *context,
                      struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT DISTINCT partition FROM sluice_rejects WHERE job = $1 AND " REJECT_OPEN, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    while ((rc = db_step(st, err)) == 1) {
        rc = each(db_column_text(st, 0), context);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

int reject_purge(struct db *db, const char *job, int64_t *count, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "DELETE FROM sluice_rejects WHERE ($1 = '' OR job = $1) AND " REJECT_OPEN, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job ? job : "");
    rc = db_run(st, count, err);
    db_finalize(st);
    return rc;
}
