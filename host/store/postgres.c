/* postgres.c - db.h on PostgreSQL: connections and transactions. See postgres.h. */
#include "postgres.h"

#include <stdlib.h>
#include <string.h>

static struct pg *of(struct db *db)
{
    return (struct pg *)db;
}

static const struct pg *of_const(const struct db *db)
{
    return (const struct pg *)db;
}

static void pg_close(struct db *base)
{
    struct pg *db = of(base);

    pg_drop(db); /* which ends what is open */
    buf_free(&db->settings);
    if (db->url)
        explicit_bzero(db->url, strlen(db->url));
    free(db->url);
    free(db);
}

static int pg_open(const char *url, unsigned flags, struct db **out, struct err *err)
{
    int rc = late_pq_load(err);

    if (rc)
        return rc;
    struct pg *db = calloc(1, sizeof(*db));
    if (!db)
        return err_set(err, E_SYSTEM, "store: out of memory");
    db->base.driver = &postgres_driver;
    db->flags = flags;
    db->url = strdup(url);
    rc = db->url ? pg_connect(db, err) : err_set(err, E_SYSTEM, "store: out of memory");
    if (rc)
        pg_close(&db->base);
    else
        *out = &db->base;
    return rc;
}

static bool pg_has_moved(struct db *db)
{
    return !pg_stands(of(db));
}

static void pg_rest(struct db *db)
{
    (void)db;
}

static bool pg_exists(const char *url)
{
    (void)url;
    return true;
}

static int pg_exec(struct db *base, const char *sql, struct err *err)
{
    struct pg *db = of(base);
    int rc = pg_connect(db, err);

    return rc ? rc : pg_query(db, sql, NULL, err);
}

/* Constraints that wait for the commit would take the batch with them: here each statement answers for itself. */
static int pg_begin(struct db *base, struct err *err)
{
    struct pg *db = of(base);
    struct buf sql = {0};

    db->lost = false;
    int rc = pg_connect(db, err);
    if (rc)
        return rc;
    buf_printf(&sql, "BEGIN ISOLATION LEVEL %s%s; SET CONSTRAINTS ALL IMMEDIATE;",
               db->flags & DB_SNAPSHOT ? "REPEATABLE READ" : "READ COMMITTED",
               db->flags & (DB_READ_ONLY | DB_SNAPSHOT) ? " READ ONLY" : "");
    if (db->pooled)
        buf_add(&sql, db->settings.ptr, db->settings.len);
    rc = sql.failed ? err_set(err, E_SYSTEM, "store: out of memory") : pg_query(db, buf_text(&sql), NULL, err);
    buf_free(&sql);
    if (rc) {
        if (db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE)
            pg_drop(db);
        return rc;
    }
    db->begun = true;
    db->transactions++;
    return SLUICE_OK;
}

/* A COMMIT that does not come back may have been done. One that the server refuses with the connection intact was not:
 * it says ROLLBACK, or why. */
static int pg_commit(struct db *base, struct err *err)
{
    struct pg *db = of(base);
    PGresult *res = NULL;

    db->uncertain = false;
    if (!db->begun)
        return err_set(err, E_STORE, "store: the connection was lost, and the transaction with it");
    int rc = pg_query(db, "COMMIT", &res, err);
    if (!rc && strcmp(PQcmdStatus(res), "COMMIT") != 0)
        rc = err_set(err, E_STORE, "store: the transaction was rolled back: a statement in it had failed");
    PQclear(res);
    db->uncertain = rc && !db->conn;
    db->begun = false;
    db->lost = false;
    return rc;
}

static bool pg_is_uncertain(const struct db *db)
{
    return of_const(db)->uncertain;
}

static bool pg_has_clashed(const struct db *db)
{
    return of_const(db)->clashed;
}

static void pg_rollback(struct db *base)
{
    struct pg *db = of(base);
    struct err ignored = {0};

    if (db->conn && PQtransactionStatus(db->conn) == PQTRANS_ACTIVE)
        pg_drop(db); /* in the middle of an answer */
    else if (db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE && pg_query(db, "ROLLBACK", NULL, &ignored))
        pg_drop(db);
    db->begun = false;
    db->lost = false;
}

static bool pg_in_transaction(const struct db *db)
{
    return of_const(db)->begun;
}

static uint64_t pg_transaction(const struct db *db)
{
    return of_const(db)->begun ? of_const(db)->transactions : 0;
}

/* pg_begin() has made them immediate. */
static bool pg_breaks_deferred(struct db *db)
{
    (void)db;
    return false;
}

/* A row has no number of its own: RETURNING tells. */
static int64_t pg_last_row(const struct db *db)
{
    (void)db;
    return 0;
}

const struct db_driver postgres_driver = {
    .open = pg_open,
    .close = pg_close,
    .has_moved = pg_has_moved,
    .rest = pg_rest,
    .exists = pg_exists,
    .exec = pg_exec,
    .prepare = pg_prepare,
    .stream = pg_stream,
    .finalize = pg_finalize,
    .may_refuse = pg_may_refuse,
    .bind = pg_bind,
    .bind_text = pg_bind_text,
    .step = pg_step,
    .column = pg_column,
    .column_int = pg_column_int,
    .column_text = pg_column_text,
    .reset = pg_reset,
    .changes = pg_changes,
    .breaks_deferred = pg_breaks_deferred,
    .last_row = pg_last_row,
    .begin = pg_begin,
    .commit = pg_commit,
    .is_uncertain = pg_is_uncertain,
    .has_clashed = pg_has_clashed,
    .rollback = pg_rollback,
    .in_transaction = pg_in_transaction,
    .transaction = pg_transaction,
    .words = &postgres_words,
};
