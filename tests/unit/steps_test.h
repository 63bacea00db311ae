/* steps_test.h - how much work a database does, counted in steps of its machine rather than in time.
 *
 * Call steps_count() before the first store is opened; steps_taken() tells how many steps all connections took since
 * its last call. Include after cmocka.h.
 */
#ifndef SLUICE_TEST_STEPS_TEST_H
#define SLUICE_TEST_STEPS_TEST_H

#include "db.h"

#include <sqlite3.h>
#include <stdio.h>

static long steps_so_far;

static int steps_one(void *unused)
{
    (void)unused;
    steps_so_far++;
    return 0;
}

static int steps_watch(sqlite3 *handle, const char **message, const struct sqlite3_api_routines *api)
{
    (void)message;
    (void)api;
    sqlite3_progress_handler(handle, 1, steps_one, NULL);
    return SQLITE_OK;
}

static inline void steps_count(void)
{
    assert_int_equal(sqlite3_auto_extension((void (*)(void))steps_watch), SQLITE_OK);
}

static inline long steps_taken(void)
{
    long taken = steps_so_far;

    steps_so_far = 0;
    return taken;
}

/* `count` ended runs of jobs erp.a to erp.j in turn, one a minute from `start` (microseconds) on; the oldest tenth was
 * good, all later ones failed, and every third has two parts. The first two runs are erp.old's, which then had no more.
 */
static inline void steps_fill(struct db *db, int64_t start, int count)
{
    struct err err = {0};
    char sql[2048];

    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d - 1),"
             " r AS (SELECT i, printf('01K7%%022d', i) AS id,"
             "  CASE WHEN i < 2 THEN 'erp.old' ELSE 'erp.' || char(97 + i %% 10) END AS job,"
             "  strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000Z', %lld + 60 * i, 'unixepoch') AS at,"
             "  CASE WHEN i < %d THEN 'success' ELSE 'failed' END AS status FROM n)"
             " INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at, finished_at)"
             " SELECT id, NULL, job, '', 'incremental', status, '', at, at FROM r UNION ALL"
             " SELECT 'P' || id || part, id, job, part, 'incremental', status, '', at, at FROM r,"
             "  (SELECT 'm1' AS part UNION ALL SELECT 'm2') WHERE i %% 3 = 0",
             count, (long long)(start / 1000000), count / 10);
    assert_int_equal(db_exec(db, sql, &err), 0);
    steps_taken();
}

#endif
