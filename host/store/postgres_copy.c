/* postgres_copy.c - rows streamed into a table. See postgres.h. */
#include "postgres.h"

#define COPY_PART (1 << 20)

int pg_copy_begin(struct pg *db, const char *sql, struct err *err)
{
    PGresult *res = NULL;

    if (!PQsendQuery(db->conn, sql))
        return pg_lost(db, err);
    int rc = pg_flush(db, err);
    if (!rc)
        rc = pg_result(db, &res, err);
    if (!rc && PQresultStatus(res) != PGRES_COPY_IN) {
        rc = pg_fail(db, res, true, err);
        PQclear(res);
        struct err ignored = {0};
        while (db->conn && !pg_result(db, &res, &ignored) && res)
            PQclear(res);
        return rc;
    }
    PQclear(res);
    return rc;
}

int pg_copy_put(struct pg *db, const char *bytes, size_t len, struct err *err)
{
    while (len > 0) {
        int part = len > COPY_PART ? COPY_PART : (int)len;
        int sent = PQputCopyData(db->conn, bytes, part);
        if (sent < 0)
            return pg_lost(db, err);
        int rc = pg_flush(db, err);
        if (rc)
            return rc;
        bytes += sent ? part : 0;
        len -= sent ? (size_t)part : 0;
    }
    return SLUICE_OK;
}

int pg_copy_end(struct pg *db, struct err *err)
{
    PGresult *res = NULL;
    int rc = SLUICE_OK, sent;

    while (!rc && (sent = PQputCopyEnd(db->conn, NULL)) != 1)
        rc = sent < 0 ? pg_lost(db, err) : pg_flush(db, err);
    if (!rc)
        rc = pg_flush(db, err);
    struct err first = {0};
    while (!rc && !(rc = pg_result(db, &res, err)) && res) {
        if (PQresultStatus(res) != PGRES_COMMAND_OK && !first.code)
            pg_fail(db, res, true, &first);
        PQclear(res);
    }
    if (rc || !first.code)
        return rc;
    *err = first;
    return first.code;
}
