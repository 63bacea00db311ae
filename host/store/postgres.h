/* postgres.h - a connection to PostgreSQL, for the files of its driver: postgres*.c, and bulk.c.
 *
 * Nothing here blocks in libpq: every wait is in pg_wait() and the like, which look at the stop flag of db_mind_stop()
 * and end. A wait that is given up, and any other break, closes the connection; the server ends what it was doing for
 * us when it notices (client_connection_check_interval).
 *
 * Transaction poolers: a server's session is ours from BEGIN to COMMIT only. Behind one (the process that answers is
 * not the one that greeted us) settings are made in each transaction and statements are prepared anew each time;
 * directly both last as long as the connection. Nothing else may outlive a transaction: no temporary tables, no session
 * locks.
 */
#ifndef SLUICE_STORE_POSTGRES_H
#define SLUICE_STORE_POSTGRES_H

#include "db_driver.h"
#include "late_pq.h"

struct pg {
    struct db base; /* first */
    char *url;
    unsigned flags;
    PGconn *conn;        /* NULL: to be made */
    uint64_t generation; /* of the connection: names of prepared statements are its */
    uint64_t names;      /* of prepared statements so far */
    bool pooled;
    struct buf settings;   /* SQL that makes a session, or (pooled) a transaction, as we want it */
    bool begun;            /* a transaction was begun, and not ended by us */
    bool lost;             /* it went with its connection, and nobody has called db_rollback() yet */
    uint64_t transactions; /* so far */
    bool uncertain;        /* the connection broke in a COMMIT */
    bool clashed;          /* the last failure was for a row that another one excludes */
};

/* ---- postgres_connect.c ---- */

/* Be connected. E_STORE, or SLUICE_E_CONFIG for a URL that is none. A transaction that was lost stays so. */
int pg_connect(struct pg *db, struct err *err);

/* Is there a connection that still stands? Asks the socket, not the server. */
bool pg_stands(const struct pg *db);

/* Close the connection; an open transaction is gone. */
void pg_drop(struct pg *db);

/* ---- postgres_wait.c ---- */

/* Wait until the socket is readable (POLLIN) or writable (POLLOUT), or `deadline` (monotonic; 0: the longest a
 * statement may take) has passed or the process is to end: E_STORE then. `since`: when the wait began. */
int pg_wait_socket(const struct pg *db, short events, int64_t since, int64_t deadline, struct err *err);

/* Send all that libpq holds. A connection that breaks is dropped. */
int pg_flush(struct pg *db, struct err *err);

/* The next result of what was sent; *out is NULL at the end of a command. The caller gives it to PQclear(). A
 * connection that breaks is dropped: E_STORE. */
int pg_result(struct pg *db, PGresult **out, struct err *err);

/* Run statements without parameters to their end; *last (may be NULL) is the result of the last one. */
int pg_query(struct pg *db, const char *sql, PGresult **last, struct err *err);

/* ---- postgres_error.c ---- */

/* Set the error that a failed result means. `refusable`: the data may be to blame, and the transaction goes on. Returns
 * its code. `res` stays the caller's. */
int pg_fail(struct pg *db, const PGresult *res, bool refusable, struct err *err);

/* The connection broke: drop it and say so. */
int pg_lost(struct pg *db, struct err *err);

/* ---- postgres_stmt.c: the calls of db.h ---- */

int pg_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
int pg_stream(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
void pg_finalize(struct db_stmt *base);
void pg_may_refuse(struct db_stmt *st);
void pg_bind(struct db_stmt *base, int index, struct db_value value);
void pg_bind_text(struct db_stmt *base, int index, const char *text);
int pg_step(struct db_stmt *base, struct err *err);
struct db_value pg_column(struct db_stmt *base, int index);
int64_t pg_column_int(struct db_stmt *base, int index);
const char *pg_column_text(struct db_stmt *base, int index);
void pg_reset(struct db_stmt *base);
int64_t pg_changes(struct db_stmt *base);

/* ---- postgres_copy.c ---- */

/* COPY … FROM STDIN in the open transaction: begin, send bytes in its format, end. E_REFUSED when the server does not
 * take it: the transaction is to go back to a savepoint then. After an error of pg_copy_put() the connection is gone. */
int pg_copy_begin(struct pg *db, const char *sql, struct err *err);
int pg_copy_put(struct pg *db, const char *bytes, size_t len, struct err *err);
int pg_copy_end(struct pg *db, struct err *err);

/* ---- postgres_describe.c ---- */

int pg_describe(struct db *db, const char *name, struct db_table *out, struct err *err);
int pg_has_index(struct db *db, const char *table, const char *column, uint32_t flags, struct err *err);

#endif
