/* sqlite.c - db.h on SQLite: WAL, synchronous=FULL, one writer. */
#include "db_driver.h"

#include "clock.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BUSY_MS 10000
#define BUSY_STOP_MS 1000 /* when the process is to end */
#define BUSY_LOOK_US 2000

struct sqlite {
    struct db base; /* first */
    sqlite3 *handle;
    unsigned flags;
    bool begun; /* a transaction was begun, and not ended by us */
    uint64_t transactions; /* so far */
    int64_t busy_since;    /* monotonic; of the lock that is waited for */
};

struct sqlite_stmt {
    struct db_stmt base; /* first */
    sqlite3_stmt *handle;
};

static struct sqlite *of(struct db *db)
{
    return (struct sqlite *)db;
}

static const struct sqlite *of_const(const struct db *db)
{
    return (const struct sqlite *)db;
}

static sqlite3_stmt *handle_of(struct db_stmt *st)
{
    return ((struct sqlite_stmt *)st)->handle;
}

static const char *sqlite_path(const char *url)
{
    return strncmp(url, "sqlite:", 7) == 0 ? url + 7 : NULL;
}

/* What a failed call means to the caller; the class comes first in the message where a record is to blame. */
static int fail(struct sqlite *db, const char *what, struct err *err)
{
    int code = sqlite3_extended_errcode(db->handle);
    const char *text = sqlite3_errmsg(db->handle);

    /* ON CONFLICT ROLLBACK, raise(ROLLBACK), a full disk: what came before this statement is lost too. */
    if (db->begun && sqlite3_get_autocommit(db->handle)) {
        db->begun = false;
        return err_set(err, E_STORE, "store: %s: the database rolled the whole transaction back: %s", what, text);
    }
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
            return err_set(err, E_REFUSED, "foreign-key: %s", text);
        if (code == SQLITE_CONSTRAINT_TRIGGER)
            return err_set(err, E_REFUSED, "trigger: %s", text);
        return err_set(err, E_REFUSED, "constraint: %s", text);
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return err_set(err, E_REFUSED, "type: %s", text);
    case SQLITE_NOMEM:
        return err_set(err, E_SYSTEM, "store: out of memory");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, E_STORE, "store: %s: locked by another program", what);
    default:
        return err_set(err, E_STORE, "store: %s: %s", what, text);
    }
}

static int sqlite_exec(struct db *base, const char *sql, struct err *err)
{
    struct sqlite *db = of(base);

    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return SLUICE_OK;
    return fail(db, "statement", err);
}

static bool sqlite_exists(const char *url)
{
    const char *path = sqlite_path(url);

    return path && access(path, F_OK) == 0;
}

static int open_handle(struct sqlite *db, const char *path, struct err *err)
{
    int mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    if (db->flags & (DB_READ_ONLY | DB_SNAPSHOT))
        mode = SQLITE_OPEN_READWRITE; /* a WAL database is not readable without its shared memory file */
    if ((db->flags & DB_DRY_RUN) && access(path, F_OK) != 0)
        path = ":memory:";
    if (sqlite3_open_v2(path, &db->handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK)
        return SLUICE_OK;
    return err_set(err, E_STORE, "store: cannot open %s: %s", path,
                   db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
}

/* Is it worth to go on waiting for a lock since `since`? */
static bool is_patient(int64_t since)
{
    int64_t patience_ms = db_must_stop() ? BUSY_STOP_MS : BUSY_MS;

    return clock_mono_us() - since < patience_ms * 1000;
}

/* SQLite asks so before it tries again; `times` counts from 0 for each lock. */
static int wait_for_lock(void *context, int times)
{
    struct sqlite *db = context;

    if (times == 0)
        db->busy_since = clock_mono_us();
    if (!is_patient(db->busy_since))
        return 0;
    clock_sleep_us(BUSY_LOOK_US);
    return 1;
}

/* Of two programs that turn WAL on at the same moment SQLite refuses one at once, since each would wait for the other:
 * that one tries again. */
static int turn_wal_on(struct sqlite *db, struct err *err)
{
    int64_t since = clock_mono_us();
    int rc;

    while ((rc = sqlite_exec(&db->base, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2000;", err)) ==
           E_STORE) {
        if ((sqlite3_errcode(db->handle) & 0xff) != SQLITE_BUSY || !is_patient(since))
            break;
        clock_sleep_us(5000);
    }
    return rc;
}

/* Nobody asks SQLite how much memory it has used, and counting takes a lock in each of its allocations: 6 % of all that
 * a new record costs. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void sqlite_rollback(struct db *db)
{
    if (of(db)->handle && !sqlite3_get_autocommit(of(db)->handle))
        sqlite3_exec(of(db)->handle, "ROLLBACK", NULL, NULL, NULL);
    of(db)->begun = false;
}

static void sqlite_close(struct db *base)
{
    struct sqlite *db = of(base);

    sqlite_rollback(base);
    sqlite3_close_v2(db->handle);
    free(db);
}

static int sqlite_open(const char *url, unsigned flags, struct db **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *path = sqlite_path(url);

    pthread_once(&once, configure);
    struct sqlite *db = calloc(1, sizeof(*db));
    if (!db)
        return err_set(err, E_SYSTEM, "store: out of memory");
    db->base.driver = &sqlite_driver;
    db->flags = flags;
    int rc = open_handle(db, path, err);
    if (!rc) {
        sqlite3_busy_handler(db->handle, wait_for_lock, db);
        rc = sqlite_exec(&db->base, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;",
                         err);
    }
    if (!rc && (flags & DB_SNAPSHOT))
        rc = sqlite_exec(&db->base, "PRAGMA query_only = ON", err);
    if (!rc && !(flags & (DB_READ_ONLY | DB_SNAPSHOT | DB_DRY_RUN)))
        rc = turn_wal_on(db, err);
    if (rc) {
        sqlite_close(&db->base);
        return rc;
    }
    *out = &db->base;
    return SLUICE_OK;
}

static bool sqlite_has_moved(struct db *db)
{
    int moved = 0;

    return sqlite3_file_control(of(db)->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static void sqlite_rest(struct db *db)
{
    sqlite3_db_release_memory(of(db)->handle);
}

static int sqlite_prepare(struct db *base, const char *sql, struct db_stmt **out, struct err *err)
{
    struct sqlite *db = of(base);
    struct sqlite_stmt *st = calloc(1, sizeof(*st));

    if (!st)
        return err_set(err, E_SYSTEM, "store: out of memory");
    st->base.db = base;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->handle, NULL) != SQLITE_OK) {
        free(st);
        return fail(db, "prepare", err);
    }
    *out = &st->base;
    return SLUICE_OK;
}

static void sqlite_finalize(struct db_stmt *st)
{
    sqlite3_finalize(handle_of(st));
    free(st);
}

/* A statement that fails leaves what came before it as it was. */
static void sqlite_may_refuse(struct db_stmt *st)
{
    (void)st;
}

/* Binding fails only for an index that is not there, a bug, or for memory, which the step then reports as a null. */
static void sqlite_bind(struct db_stmt *st, int index, struct db_value value)
{
    switch (value.type) {
    case DB_INT:
        sqlite3_bind_int64(handle_of(st), index, value.i);
        break;
    case DB_TEXT:
        sqlite3_bind_text64(handle_of(st), index, value.s.len ? value.s.ptr : "", value.s.len, SQLITE_STATIC,
                            SQLITE_UTF8);
        break;
    default:
        sqlite3_bind_null(handle_of(st), index);
    }
}

static void sqlite_bind_text(struct db_stmt *st, int index, const char *text)
{
    sqlite3_bind_text(handle_of(st), index, text, -1, SQLITE_TRANSIENT);
}

static int sqlite_step(struct db_stmt *st, struct err *err)
{
    int rc = sqlite3_step(handle_of(st));

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    rc = fail(of(st->db), "statement", err);
    sqlite3_reset(handle_of(st));
    return rc;
}

static struct db_value sqlite_column(struct db_stmt *st, int index)
{
    struct db_value v = {.type = DB_NULL};

    switch (sqlite3_column_type(handle_of(st), index)) {
    case SQLITE_INTEGER:
        v.type = DB_INT;
        v.i = sqlite3_column_int64(handle_of(st), index);
        break;
    case SQLITE_NULL:
        break;
    case SQLITE_FLOAT:
        v.type = DB_REAL;
        v.s.ptr = (const char *)sqlite3_column_text(handle_of(st), index);
        v.s.len = (size_t)sqlite3_column_bytes(handle_of(st), index);
        break;
    default:
        v.type = DB_TEXT;
        v.s.ptr = (const char *)sqlite3_column_text(handle_of(st), index);
        v.s.len = (size_t)sqlite3_column_bytes(handle_of(st), index);
    }
    return v;
}

static int64_t sqlite_column_int(struct db_stmt *st, int index)
{
    return sqlite3_column_int64(handle_of(st), index);
}

static const char *sqlite_column_text(struct db_stmt *st, int index)
{
    const char *text = (const char *)sqlite3_column_text(handle_of(st), index);

    return text ? text : "";
}

static void sqlite_reset(struct db_stmt *st)
{
    sqlite3_reset(handle_of(st));
}

static int64_t sqlite_changes(struct db_stmt *st)
{
    return sqlite3_changes64(of(st->db)->handle);
}

static bool sqlite_breaks_deferred(struct db *db)
{
    int now = 0, high = 0;

    return sqlite3_db_status(of(db)->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0) == SQLITE_OK && now > 0;
}

static int64_t sqlite_last_row(const struct db *db)
{
    return sqlite3_last_insert_rowid(of_const(db)->handle);
}

static bool sqlite_in_transaction(const struct db *db)
{
    return of_const(db)->handle && !sqlite3_get_autocommit(of_const(db)->handle);
}

/* What is read in a transaction is the database as it was at its first read. */
#define BEGIN_SNAPSHOT "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1"

static int sqlite_begin(struct db *base, struct err *err)
{
    struct sqlite *db = of(base);
    int rc = sqlite_exec(base, db->flags & DB_SNAPSHOT ? BEGIN_SNAPSHOT : "BEGIN IMMEDIATE", err);

    if (!rc) {
        db->begun = true;
        db->transactions++;
    }
    return rc;
}

static int sqlite_commit(struct db *db, struct err *err)
{
    int rc = sqlite_exec(db, "COMMIT", err);

    if (!rc)
        of(db)->begun = false;
    return rc;
}

static bool sqlite_is_uncertain(const struct db *db)
{
    (void)db;
    return false;
}

static uint64_t sqlite_transaction(const struct db *db)
{
    return sqlite_in_transaction(db) ? of_const(db)->transactions : 0;
}

const struct db_driver sqlite_driver = {
    .open = sqlite_open,
    .close = sqlite_close,
    .has_moved = sqlite_has_moved,
    .rest = sqlite_rest,
    .exists = sqlite_exists,
    .exec = sqlite_exec,
    .prepare = sqlite_prepare,
    .stream = sqlite_prepare,
    .finalize = sqlite_finalize,
    .may_refuse = sqlite_may_refuse,
    .bind = sqlite_bind,
    .bind_text = sqlite_bind_text,
    .step = sqlite_step,
    .column = sqlite_column,
    .column_int = sqlite_column_int,
    .column_text = sqlite_column_text,
    .reset = sqlite_reset,
    .changes = sqlite_changes,
    .breaks_deferred = sqlite_breaks_deferred,
    .last_row = sqlite_last_row,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .is_uncertain = sqlite_is_uncertain,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .transaction = sqlite_transaction,
    .words = &sqlite_words,
};
