/* postgres_stmt.c - one statement with parameters: sent, answered, read row by row. See postgres.h.
 *
 * All that belongs to a statement is sent at once and answered in one round trip: the savepoint before one that the
 * data may refuse, the statement, and the savepoint's end. From its second time on it is prepared under a name of its
 * own, unless there is a pooler, which would have another server answer for it.
 *
 * Values are sent and read as text. Parameters have the types that the SQL gives them.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCH_ROWS 256 /* of a cursor at once */

struct param {
    bool set;
    struct buf text;
};

struct pg_stmt {
    struct db_stmt base; /* first */
    char *sql;
    char name[24];        /* "": not prepared */
    uint64_t prepared_in; /* the connection's generation */
    uint64_t runs;
    bool may_refuse;
    int fetch; /* rows that one step brings of a cursor; 0: the statement has all of them */
    struct param *params;
    int param_count;
    bool failed;    /* memory, while binding */
    PGresult *rows; /* NULL: not stepped yet */
    int at;
    int64_t changes;
};

static struct pg_stmt *of(struct db_stmt *st)
{
    return (struct pg_stmt *)st;
}

static struct pg *db_of(const struct pg_stmt *st)
{
    return (struct pg *)st->base.db;
}

/* ---- Making and binding ---- */

int pg_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
    struct pg_stmt *st = calloc(1, sizeof(*st));

    if (st)
        st->sql = strdup(sql);
    if (!st || !st->sql) {
        free(st);
        return err_set(err, E_SYSTEM, "store: out of memory");
    }
    st->base.db = db;
    *out = &st->base;
    return SLUICE_OK;
}

/* A name that nobody uses any more holds memory of the server. */
static void forget_name(struct pg_stmt *st)
{
    struct pg *db = db_of(st);
    struct err ignored = {0};
    char sql[64];

    if (!*st->name || st->prepared_in != db->generation || !db->conn)
        return;
    PGTransactionStatusType status = PQtransactionStatus(db->conn);
    if (status != PQTRANS_IDLE && status != PQTRANS_INTRANS)
        return;
    snprintf(sql, sizeof(sql), "DEALLOCATE %s", st->name);
    pg_query(db, sql, NULL, &ignored);
}

/* What is left of a cursor's rows; it is the last word of its FETCH. */
static void close_cursor(const struct pg_stmt *st)
{
    struct pg *db = db_of(st);
    struct err ignored = {0};
    char sql[64];

    if (!st->fetch || !db->conn || PQtransactionStatus(db->conn) != PQTRANS_INTRANS)
        return;
    snprintf(sql, sizeof(sql), "CLOSE %s", strrchr(st->sql, ' ') + 1);
    pg_query(db, sql, NULL, &ignored);
}

/* A cursor, and the FETCH that is repeated until it brings fewer rows than it may. */
int pg_stream(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
    struct pg *pg = (struct pg *)db;
    struct buf declare = {0};
    char fetch[64];
    unsigned long long name = ++pg->names;

    if (!pg->begun)
        return err_set(err, SLUICE_E_BUG, "store: rows are read one by one inside a transaction only");
    buf_printf(&declare, "DECLARE sluice_rows_%llu NO SCROLL CURSOR FOR %s", name, sql);
    int rc = declare.failed ? err_set(err, E_SYSTEM, "store: out of memory")
                            : pg_query(pg, buf_text(&declare), NULL, err);
    buf_free(&declare);
    snprintf(fetch, sizeof(fetch), "FETCH %d FROM sluice_rows_%llu", FETCH_ROWS, name);
    if (!rc)
        rc = pg_prepare(db, fetch, out, err);
    if (!rc)
        ((struct pg_stmt *)*out)->fetch = FETCH_ROWS;
    return rc;
}

void pg_finalize(struct db_stmt *base)
{
    struct pg_stmt *st = of(base);

    forget_name(st);
    close_cursor(st);
    pg_reset(base);
    for (int i = 0; i < st->param_count; i++)
        buf_free(&st->params[i].text);
    free(st->params);
    free(st->sql);
    free(st);
}

void pg_may_refuse(struct db_stmt *st)
{
    of(st)->may_refuse = true;
}

static struct param *param_at(struct pg_stmt *st, int index)
{
    if (index > st->param_count) {
        struct param *grown = reallocarray(st->params, (size_t)index, sizeof(*grown));
        if (!grown) {
            st->failed = true;
            return NULL;
        }
        memset(grown + st->param_count, 0, (size_t)(index - st->param_count) * sizeof(*grown));
        st->params = grown;
        st->param_count = index;
    }
    struct param *p = &st->params[index - 1];
    buf_clear(&p->text);
    p->set = false;
    return p;
}

static void bind_bytes(struct pg_stmt *st, int index, const char *bytes, size_t len)
{
    struct param *p = param_at(st, index);

    if (!p)
        return;
    buf_add(&p->text, bytes, len);
    p->set = true;
    st->failed = st->failed || p->text.failed;
}

void pg_bind(struct db_stmt *base, int index, struct db_value value)
{
    char number[24];

    switch (value.type) {
    case DB_INT:
        bind_bytes(of(base), index, number, (size_t)snprintf(number, sizeof(number), "%lld", (long long)value.i));
        break;
    case DB_NULL:
        param_at(of(base), index);
        break;
    default:
        bind_bytes(of(base), index, value.s.ptr, value.s.len);
    }
}

void pg_bind_text(struct db_stmt *base, int index, const char *text)
{
    if (text)
        bind_bytes(of(base), index, text, strlen(text));
    else
        param_at(of(base), index);
}

/* ---- Sending ---- */

#define SAVEPOINT "SAVEPOINT sluice_statement"
#define RELEASE   "RELEASE SAVEPOINT sluice_statement"
#define UNDO      "ROLLBACK TO SAVEPOINT sluice_statement; RELEASE SAVEPOINT sluice_statement"
/* Who else holds the locks will hold those of the next records too: do not wait as long for each of them. */
#define UNDO_LOCKED                                                                                                    \
    "ROLLBACK TO SAVEPOINT sluice_statement; RELEASE SAVEPOINT sluice_statement; SET LOCAL lock_timeout TO 100"

/* What one round trip consists of, in order. */
enum part { PART_SAVEPOINT, PART_PREPARE, PART_STATEMENT, PART_RELEASE, PARTS };

struct trip {
    bool has[PARTS];
};

static bool send_plain(struct pg *db, const char *sql)
{
    return PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

static bool send_statement(struct pg *db, struct pg_stmt *st, const char *const *values)
{
    if (*st->name)
        return PQsendQueryPrepared(db->conn, st->name, st->param_count, values, NULL, NULL, 0);
    return PQsendQueryParams(db->conn, st->sql, st->param_count, NULL, values, NULL, NULL, 0);
}

/* The name is given once the statement comes a second time. */
static bool wants_name(struct pg *db, struct pg_stmt *st)
{
    if (db->pooled || st->runs == 0 || (*st->name && st->prepared_in == db->generation))
        return false;
    snprintf(st->name, sizeof(st->name), "sluice_%llu", (unsigned long long)++db->names);
    return true;
}

static bool send_parts(struct pg *db, struct pg_stmt *st, const char *const *values, struct trip *t)
{
    t->has[PART_STATEMENT] = true;
    t->has[PART_SAVEPOINT] = t->has[PART_RELEASE] = st->may_refuse && db->begun;
    if (*st->name && st->prepared_in != db->generation)
        *st->name = '\0';
    t->has[PART_PREPARE] = wants_name(db, st);
    return PQenterPipelineMode(db->conn) && (!t->has[PART_SAVEPOINT] || send_plain(db, SAVEPOINT)) &&
           (!t->has[PART_PREPARE] || PQsendPrepare(db->conn, st->name, st->sql, 0, NULL)) &&
           send_statement(db, st, values) && (!t->has[PART_RELEASE] || send_plain(db, RELEASE)) &&
           PQpipelineSync(db->conn);
}

static int send(struct pg *db, struct pg_stmt *st, struct trip *t, struct err *err)
{
    const char **values = calloc((size_t)st->param_count + 1, sizeof(*values));

    if (!values || st->failed) {
        free(values);
        st->failed = false;
        return err_set(err, E_SYSTEM, "store: out of memory");
    }
    for (int i = 0; i < st->param_count; i++)
        values[i] = st->params[i].set ? buf_text(&st->params[i].text) : NULL;
    bool sent = send_parts(db, st, values, t);
    free(values);
    return sent ? pg_flush(db, err) : pg_lost(db, err);
}

/* ---- Hearing ---- */

static bool is_good(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The one result of a part and the end behind it. */
static int hear_part(struct pg *db, PGresult **out, struct err *err)
{
    PGresult *end = NULL;
    int rc = pg_result(db, out, err);

    if (!rc && *out)
        rc = pg_result(db, &end, err);
    PQclear(end);
    if (rc) {
        PQclear(*out);
        *out = NULL;
    }
    return rc;
}

/* All answers to a trip. The first failure counts; what was sent behind it was not done. */
static int hear(struct pg *db, struct pg_stmt *st, const struct trip *t, PGresult **rows, PGresult **failed,
                struct err *err)
{
    int rc = SLUICE_OK;

    for (int part = 0; !rc && part < PARTS; part++) {
        PGresult *res = NULL;
        if (!t->has[part])
            continue;
        rc = hear_part(db, &res, err);
        bool good = !rc && is_good(res);
        if (good && part == PART_PREPARE)
            st->prepared_in = db->generation;
        if (good && part == PART_STATEMENT)
            *rows = res;
        else if (!rc && !good && !*failed)
            *failed = res;
        else
            PQclear(res);
    }
    PGresult *sync = NULL;
    if (!rc)
        rc = pg_result(db, &sync, err);
    PQclear(sync);
    if (!rc && !PQexitPipelineMode(db->conn))
        rc = pg_lost(db, err);
    return rc;
}

static bool is_lock(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state && strcmp(state, "55P03") == 0;
}

/* The statement was refused: go back to before it. */
static int undo(struct pg *db, const PGresult *failed, struct err *err)
{
    struct err undone = {0};
    int rc = db->conn ? pg_query(db, is_lock(failed) ? UNDO_LOCKED : UNDO, NULL, &undone) : SLUICE_OK;

    if (!rc)
        return SLUICE_OK;
    *err = undone;
    return rc;
}

static int execute(struct pg_stmt *st, struct err *err)
{
    struct pg *db = db_of(st);
    PGresult *rows = NULL, *failed = NULL;
    struct trip trip = {0};
    int rc = pg_connect(db, err);

    if (!rc)
        rc = send(db, st, &trip, err);
    if (!rc)
        rc = hear(db, st, &trip, &rows, &failed, err);
    if (!rc && failed) {
        if (trip.has[PART_PREPARE] && st->prepared_in != db->generation)
            *st->name = '\0';
        rc = pg_fail(db, failed, trip.has[PART_SAVEPOINT] || !db->begun, err);
        if (PQstatus(db->conn) == CONNECTION_BAD)
            pg_drop(db);
        st->runs += rc == E_REFUSED;
        if (rc == E_REFUSED && trip.has[PART_SAVEPOINT] && undo(db, failed, err))
            rc = err->code;
    }
    PQclear(failed);
    if (rc) {
        PQclear(rows);
        return rc;
    }
    st->rows = rows;
    st->at = -1;
    st->runs++;
    const char *touched = PQcmdTuples(rows);
    st->changes = *touched ? strtoll(touched, NULL, 10) : 0;
    return SLUICE_OK;
}

/* ---- Reading ---- */

int pg_step(struct db_stmt *base, struct err *err)
{
    struct pg_stmt *st = of(base);
    int rc = st->rows ? SLUICE_OK : execute(st, err);

    if (rc)
        return rc;
    if (++st->at < PQntuples(st->rows))
        return 1;
    bool more = st->fetch && st->at == st->fetch;
    pg_reset(base);
    return more ? pg_step(base, err) : 0;
}

/* Types of results, by their number in pg_type, which never changes. */
#define TYPE_BOOL   16
#define TYPE_INT8   20
#define TYPE_INT2   21
#define TYPE_INT4   23
#define TYPE_FLOAT4 700
#define TYPE_FLOAT8 701

int64_t pg_column_int(struct db_stmt *base, int index)
{
    struct pg_stmt *st = of(base);

    if (PQftype(st->rows, index) == TYPE_BOOL)
        return PQgetvalue(st->rows, st->at, index)[0] == 't';
    return strtoll(PQgetvalue(st->rows, st->at, index), NULL, 10);
}

struct db_value pg_column(struct db_stmt *base, int index)
{
    struct pg_stmt *st = of(base);
    struct db_value v = {.type = DB_TEXT};

    if (PQgetisnull(st->rows, st->at, index))
        return (struct db_value){.type = DB_NULL};
    v.s = (sluice_str){PQgetvalue(st->rows, st->at, index), (size_t)PQgetlength(st->rows, st->at, index)};
    switch (PQftype(st->rows, index)) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return (struct db_value){.type = DB_INT, .i = pg_column_int(base, index)};
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        v.type = DB_REAL;
        return v;
    default:
        return v;
    }
}

const char *pg_column_text(struct db_stmt *base, int index)
{
    struct pg_stmt *st = of(base);

    return PQgetvalue(st->rows, st->at, index);
}

void pg_reset(struct db_stmt *base)
{
    struct pg_stmt *st = of(base);

    PQclear(st->rows);
    st->rows = NULL;
}

int64_t pg_changes(struct db_stmt *base)
{
    return of(base)->changes;
}
