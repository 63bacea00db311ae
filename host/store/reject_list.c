/* reject_list.c - open rejects for people. See reject.h. */
#include "reject.h"

int reject_list(struct db *db, const char *job, int (*each)(const struct reject_row *row, void *context), void *context,
                struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT id, run_id, job, partition, record_key, reason, payload, kind, rejected_at,"
                        " last_seen_at, seen_count FROM sluice_rejects WHERE ($1 = '' OR job = $1) AND " REJECT_OPEN
                        " ORDER BY id",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, job ? job : "");
    while ((rc = db_step(st, err)) == 1) {
        struct reject_row row = {.id = db_column_text(st, 0),         .run_id = db_column_text(st, 1),
                                 .job = db_column_text(st, 2),        .partition = db_column_text(st, 3),
                                 .record_key = db_column_text(st, 4), .reason = db_column_text(st, 5),
                                 .payload = db_column_text(st, 6),    .kind = db_column_text(st, 7),
                                 .rejected_at = db_column_text(st, 8), .last_seen_at = db_column_text(st, 9),
                                 .seen_count = db_column_int(st, 10)};
        rc = each(&row, context);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc;
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
