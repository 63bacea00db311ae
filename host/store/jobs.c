/* jobs.c - see jobs.h. */
#include "jobs.h"

#include "clock.h"
#include "stamp.h"

#include <stdio.h>

int jobs_list(struct db *db, int (*each)(const char *job, int64_t last_fire, bool paused, void *context), void *context,
              struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT job, last_fire, paused FROM sluice_jobs ORDER BY job", &st, err);

    if (rc)
        return rc;
    while ((rc = db_step(st, err)) == 1) {
        rc = each(db_column_text(st, 0), stamp_read(st, 1), db_column_int(st, 2) != 0, context);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc;
}

/* Insert a job's row, or change the one that is there as what follows says. $1: the job, $2: its last fire, $3: whether
 * it is paused, $4: now. */
#define PUT                                                                                                            \
    "INSERT INTO sluice_jobs (job, last_fire, paused, updated_at) VALUES ($1, $2, $3, $4)"                             \
    " ON CONFLICT (job) DO UPDATE SET updated_at = excluded.updated_at, "

/* *changes (may be NULL): how many rows were written. */
static int put(struct db *db, const char *sql, const char *job, int64_t last_fire, bool paused, int64_t *changes,
               struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, sql, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    stamp_bind(st, 2, last_fire);
    db_bind_int(st, 3, paused);
    stamp_bind(st, 4, clock_wall_us());
    rc = db_run(st, changes, err);
    db_finalize(st);
    return rc;
}

/* A row without a fire is that of a job which was paused before anybody saw it. */
int jobs_meet(struct db *db, const char *job, int64_t now, struct err *err)
{
    return put(db, PUT "last_fire = excluded.last_fire WHERE sluice_jobs.last_fire IS NULL", job, now, false, NULL,
               err);
}

int jobs_claim(struct db *db, const char *job, int64_t due, bool *claimed, struct err *err)
{
    static const char sql[] = PUT "last_fire = excluded.last_fire"
                                  " WHERE sluice_jobs.last_fire IS NULL OR sluice_jobs.last_fire < excluded.last_fire";
    int64_t changes = 0;
    int rc = put(db, sql, job, due, false, &changes, err);

    if (!rc)
        *claimed = changes == 1;
    return rc;
}

#define TOGETHER_US (60 * CLOCK_SECOND)

/* Moments are texts that sort as they read, and each host tells its own: one that is ahead says nothing. */
int jobs_claim_start(struct db *db, const char *job, int64_t due, const char *host, bool *claimed, struct err *err)
{
    static const char sql[] =
        "INSERT INTO sluice_jobs (job, last_fire, start_at, start_host, updated_at) VALUES ($1, $2, $2, $3, $4)"
        " ON CONFLICT (job) DO UPDATE SET updated_at = excluded.updated_at, last_fire = excluded.last_fire,"
        " start_at = excluded.start_at, start_host = excluded.start_host"
        " WHERE (sluice_jobs.last_fire IS NULL OR sluice_jobs.last_fire < excluded.last_fire)"
        " AND (sluice_jobs.start_at IS NULL OR sluice_jobs.start_host = excluded.start_host"
        " OR sluice_jobs.start_at <= $5 OR sluice_jobs.start_at >= $6)";
    struct db_stmt *st;
    int64_t changes = 0;
    int rc = db_prepare(db, sql, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    stamp_bind(st, 2, due);
    db_bind_text(st, 3, host);
    stamp_bind(st, 4, clock_wall_us());
    stamp_bind(st, 5, due - TOGETHER_US);
    stamp_bind(st, 6, due + TOGETHER_US);
    rc = db_run(st, &changes, err);
    db_finalize(st);
    if (!rc)
        *claimed = changes == 1;
    return rc;
}

int jobs_set_fire(struct db *db, const char *job, int64_t last_fire, struct err *err)
{
    return put(db, PUT "last_fire = excluded.last_fire", job, last_fire, false, NULL, err);
}

int jobs_set_paused(struct db *db, const char *job, bool paused, struct err *err)
{
    return put(db, PUT "paused = excluded.paused", job, 0, paused, NULL, err);
}
