/* postgres_wait.c - see postgres.h. */
#include "postgres.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define LOOK_MS     100                      /* between two looks at the stop flag */
#define STOP_US     CLOCK_SECOND             /* what a wait may take when the process is to end */
#define PATIENCE_US (11 * 60 * CLOCK_SECOND) /* longer than statement_timeout, which the server should keep */

int pg_wait_socket(const struct pg *db, short events, int64_t since, int64_t deadline, struct err *err)
{
    struct pollfd p = {.fd = PQsocket(db->conn), .events = events};
    int64_t until = deadline ? deadline : since + PATIENCE_US;

    for (;;) {
        int64_t now = clock_mono_us();
        int64_t left = db_must_stop() && since + STOP_US < until ? since + STOP_US - now : until - now;
        if (left <= 0 && db_must_stop())
            return err_set(err, E_STORE, "store: given up, this process is to end");
        if (left <= 0)
            return err_set(err, E_STORE, "store: no answer within %lld s", (long long)((until - since) / CLOCK_SECOND));
        int ready = poll(&p, 1, left / 1000 < LOOK_MS ? (int)(left / 1000) + 1 : LOOK_MS);
        if (ready > 0)
            return SLUICE_OK;
        if (ready < 0 && errno != EINTR)
            return err_set(err, E_STORE, "store: poll: %s", strerror(errno));
    }
}

/* As pg_wait_socket(); when it is in vain the connection goes. */
static int wait_or_drop(struct pg *db, short events, int64_t since, struct err *err)
{
    int rc = pg_wait_socket(db, events, since, 0, err);

    if (rc)
        pg_drop(db);
    return rc;
}

int pg_flush(struct pg *db, struct err *err)
{
    int64_t since = clock_mono_us();

    for (;;) {
        int left = PQflush(db->conn);
        if (left < 0)
            return pg_lost(db, err);
        if (left == 0)
            return SLUICE_OK;
        /* A server that sends may wait for us to read before it goes on reading. */
        int rc = wait_or_drop(db, POLLIN | POLLOUT, since, err);
        if (rc)
            return rc;
        if (!PQconsumeInput(db->conn))
            return pg_lost(db, err);
    }
}

int pg_result(struct pg *db, PGresult **out, struct err *err)
{
    int64_t since = clock_mono_us();

    while (PQisBusy(db->conn)) {
        int rc = wait_or_drop(db, POLLIN, since, err);
        if (rc)
            return rc;
        if (!PQconsumeInput(db->conn))
            return pg_lost(db, err);
    }
    *out = PQgetResult(db->conn);
    return SLUICE_OK;
}

int pg_query(struct pg *db, const char *sql, PGresult **last, struct err *err)
{
    PGresult *res = NULL, *kept = NULL;
    struct err first = {0};

    if (!PQsendQuery(db->conn, sql))
        return pg_lost(db, err);
    int rc = pg_flush(db, err);
    while (!rc && !(rc = pg_result(db, &res, err)) && res) {
        ExecStatusType status = PQresultStatus(res);
        bool failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
        if (failed && !first.code)
            pg_fail(db, res, !db->begun, &first);
        PQclear(kept);
        kept = res;
    }
    if (!rc && first.code) {
        rc = first.code;
        *err = first;
        if (PQstatus(db->conn) == CONNECTION_BAD)
            pg_drop(db);
    }
    if (rc || !last)
        PQclear(kept);
    else
        *last = kept;
    return rc;
}
