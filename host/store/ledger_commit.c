/* ledger_commit.c - the end of a run's transaction, also when the connection is cut while it commits. See ledger.h. */
#include "ledger.h"

#include "clock.h"

#define ASK_US   (30 * CLOCK_SECOND) /* a server that was killed recovers in this time, or the run ends */
#define PAUSE_US (CLOCK_SECOND / 5)

/* Did the fence of this run's last transaction get through? 1, 0 or an error. The row is written, not read: that waits
 * for a server that still commits for the connection that is gone. */
static int ask(struct db *db, const struct run *r, struct err *err)
{
    struct db_stmt *st = NULL;
    int64_t changes = 0;
    int rc = db_begin(db, err);

    if (!rc)
        rc = db_prepare(db, "UPDATE sluice_runs SET batch_no = batch_no WHERE id = $1 AND batch_no = $2", &st, err);
    if (!rc) {
        db_bind_text(st, 1, r->id);
        db_bind_int(st, 2, r->batch_no);
        rc = db_run(st, &changes, err);
    }
    db_finalize(st);
    db_rollback(db);
    return rc ? rc : changes == 1;
}

int ledger_commit(struct db *db, const struct run *r, struct err *err)
{
    struct err asking = {0};
    int64_t since = clock_mono_us();
    int rc = db_commit(db, err);

    if (rc != E_STORE || !db_is_uncertain(db))
        return rc;
    int done = ask(db, r, &asking);
    while (done < 0 && !db_must_stop() && clock_mono_us() - since < ASK_US) {
        clock_sleep_us(PAUSE_US);
        done = ask(db, r, &asking);
    }
    if (done < 0)
        return err_wrap(err, "nobody knows whether the last batch was stored");
    if (!done)
        return rc;
    *err = (struct err){0};
    return SLUICE_OK;
}
