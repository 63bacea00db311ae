/* hold.c - see hold.h. */
#include "hold.h"

#include "reject.h"
#include "stamp.h"

/* Since the cursor moved; without one, ever. */
#define MOVED "COALESCE((SELECT updated_at FROM sluice_cursors WHERE job = $1 AND partition = $2), '')"

/* The condition on last_seen_at follows from the other one, and has an index. What was closed longer ago than a hold
 * can last has nothing to do with this one. */
static int prepare(struct db *db, struct db_stmt **out, struct err *err)
{
    struct buf sql = {0};

    buf_add_str(&sql, "SELECT count(CASE WHEN " REJECT_OPEN " THEN 1 END), min(rejected_at) FROM sluice_rejects"
                      " WHERE job = $1 AND partition = $2 AND last_seen_at >= " MOVED " AND rejected_at >= " MOVED
                      " AND (" REJECT_OPEN " OR COALESCE(resolved_at, superseded_at) >= $3) AND ");
    reject_retryable_sql(&sql);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(db, buf_text(&sql), out, err);
    buf_free(&sql);
    return rc;
}

int hold_ask(struct db *db, const char *job, const char *partition, int64_t hold_us, int64_t now, struct hold *out,
             struct err *err)
{
    struct db_stmt *st;
    int rc = prepare(db, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    db_bind_text(st, 2, partition);
    stamp_bind(st, 3, now - hold_us);
    rc = db_step(st, err);
    if (rc == 1) {
        *out = (struct hold){.count = db_column_int(st, 0)};
        if (out->count > 0)
            out->since = stamp_read(st, 1);
        out->over = out->count > 0 && now - out->since > hold_us;
        rc = SLUICE_OK;
    }
    db_finalize(st);
    return rc;
}
