/* sqlite.c - db.h on SQLite: WAL, synchronous=FULL, one writer. */
#include "db.h"

#include "buf.h"
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

static const volatile sig_atomic_t *stop_flag;

struct db {
    sqlite3 *handle;
    unsigned flags;
    bool begun; /* a transaction was begun, and not ended by us */
    uint64_t transactions; /* so far */
    int64_t busy_since;    /* monotonic; of the lock that is waited for */
};

struct db_stmt {
    struct db *db;
    sqlite3_stmt *handle;
};

static const char *sqlite_path(const char *url)
{
    return strncmp(url, "sqlite:", 7) == 0 ? url + 7 : NULL;
}

/* What a failed call means to the caller; the class comes first in the message where a record is to blame. */
static int sqlite_fail(struct db *db, const char *what, struct err *err)
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

int db_exec(struct db *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return SLUICE_OK;
    return sqlite_fail(db, "statement", err);
}

bool db_exists(const char *url)
{
    const char *path = sqlite_path(url);

    return path && access(path, F_OK) == 0;
}

static int open_handle(struct db *db, const char *path, struct err *err)
{
    int mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    if (db->flags & DB_READ_ONLY)
        mode = SQLITE_OPEN_READWRITE; /* a WAL database is not readable without its shared memory file */
    if ((db->flags & DB_DRY_RUN) && access(path, F_OK) != 0)
        path = ":memory:";
    if (sqlite3_open_v2(path, &db->handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK)
        return SLUICE_OK;
    return err_set(err, E_STORE, "store: cannot open %s: %s", path,
                   db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
}

void db_mind_stop(const volatile sig_atomic_t *stop)
{
    stop_flag = stop;
}

/* Is it worth to go on waiting for a lock since `since`? */
static bool is_patient(int64_t since)
{
    int64_t patience_ms = stop_flag && *stop_flag ? BUSY_STOP_MS : BUSY_MS;

    return clock_mono_us() - since < patience_ms * 1000;
}

/* SQLite asks so before it tries again; `times` counts from 0 for each lock. */
static int wait_for_lock(void *context, int times)
{
    struct db *db = context;

    if (times == 0)
        db->busy_since = clock_mono_us();
    if (!is_patient(db->busy_since))
        return 0;
    clock_sleep_us(BUSY_LOOK_US);
    return 1;
}

/* Of two programs that turn WAL on at the same moment SQLite refuses one at once, since each would wait for the other:
 * that one tries again. */
static int turn_wal_on(struct db *db, struct err *err)
{
    int64_t since = clock_mono_us();
    int rc;

    while ((rc = db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 2000;", err)) == E_STORE) {
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

int db_open(const char *url, unsigned flags, struct db **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *path = sqlite_path(url);

    pthread_once(&once, configure);
    if (!path)
        return err_set(err, SLUICE_E_CONFIG, "store.url: only sqlite:PATH is built into this sluice");
    struct db *db = calloc(1, sizeof(*db));
    if (!db)
        return err_set(err, E_SYSTEM, "store: out of memory");
    db->flags = flags;
    int rc = open_handle(db, path, err);
    if (!rc) {
        sqlite3_busy_handler(db->handle, wait_for_lock, db);
        rc = db_exec(db, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;", err);
    }
    if (!rc && !(flags & (DB_READ_ONLY | DB_DRY_RUN)))
        rc = turn_wal_on(db, err);
    if (rc) {
        db_close(db);
        return rc;
    }
    *out = db;
    return SLUICE_OK;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    db_rollback(db);
    sqlite3_close_v2(db->handle);
    free(db);
}

bool db_has_moved(struct db *db)
{
    int moved = 0;

    return sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

void db_rest(struct db *db)
{
    sqlite3_db_release_memory(db->handle);
}

int db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
    struct db_stmt *st = calloc(1, sizeof(*st));

    if (!st)
        return err_set(err, E_SYSTEM, "store: out of memory");
    st->db = db;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->handle, NULL) != SQLITE_OK) {
        free(st);
        return sqlite_fail(db, "prepare", err);
    }
    *out = st;
    return SLUICE_OK;
}

void db_finalize(struct db_stmt *st)
{
    if (!st)
        return;
    sqlite3_finalize(st->handle);
    free(st);
}

/* Binding fails only for an index that is not there, a bug, or for memory, which the step then reports as a null. */
void db_bind(struct db_stmt *st, int index, struct db_value value)
{
    switch (value.type) {
    case DB_INT:
        sqlite3_bind_int64(st->handle, index, value.i);
        break;
    case DB_TEXT:
        sqlite3_bind_text64(st->handle, index, value.s.len ? value.s.ptr : "", value.s.len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    default:
        sqlite3_bind_null(st->handle, index);
    }
}

void db_bind_int(struct db_stmt *st, int index, int64_t value)
{
    sqlite3_bind_int64(st->handle, index, value);
}

void db_bind_text(struct db_stmt *st, int index, const char *text)
{
    sqlite3_bind_text(st->handle, index, text, -1, SQLITE_TRANSIENT);
}

void db_bind_null(struct db_stmt *st, int index)
{
    sqlite3_bind_null(st->handle, index);
}

int db_step(struct db_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st->handle);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    rc = sqlite_fail(st->db, "statement", err);
    sqlite3_reset(st->handle);
    return rc;
}

struct db_value db_column(struct db_stmt *st, int index)
{
    struct db_value v = {.type = DB_NULL};

    switch (sqlite3_column_type(st->handle, index)) {
    case SQLITE_INTEGER:
        v.type = DB_INT;
        v.i = sqlite3_column_int64(st->handle, index);
        break;
    case SQLITE_NULL:
        break;
    case SQLITE_FLOAT:
        v.type = DB_REAL;
        v.s.ptr = (const char *)sqlite3_column_text(st->handle, index);
        v.s.len = (size_t)sqlite3_column_bytes(st->handle, index);
        break;
    default:
        v.type = DB_TEXT;
        v.s.ptr = (const char *)sqlite3_column_text(st->handle, index);
        v.s.len = (size_t)sqlite3_column_bytes(st->handle, index);
    }
    return v;
}

int64_t db_column_int(struct db_stmt *st, int index)
{
    return sqlite3_column_int64(st->handle, index);
}

const char *db_column_text(struct db_stmt *st, int index)
{
    const char *text = (const char *)sqlite3_column_text(st->handle, index);

    return text ? text : "";
}

void db_reset(struct db_stmt *st)
{
    sqlite3_reset(st->handle);
}

int db_run(struct db_stmt *st, int64_t *changes, struct err *err)
{
    int rc;

    do {
        rc = db_step(st, err);
    } while (rc == 1);
    if (!rc && changes)
        *changes = sqlite3_changes64(st->db->handle);
    sqlite3_reset(st->handle);
    return rc;
}

bool db_breaks_deferred(struct db *db)
{
    int now = 0, high = 0;

    return sqlite3_db_status(db->handle, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0) == SQLITE_OK && now > 0;
}

int64_t db_last_row(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int db_begin(struct db *db, struct err *err)
{
    int rc = db_exec(db, "BEGIN IMMEDIATE", err);

    if (!rc) {
        db->begun = true;
        db->transactions++;
    }
    return rc;
}

int db_commit(struct db *db, struct err *err)
{
    int rc = db_exec(db, "COMMIT", err);

    if (!rc)
        db->begun = false;
    return rc;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->begun = false;
}

bool db_in_transaction(const struct db *db)
{
    return db->handle && !sqlite3_get_autocommit(db->handle);
}

uint64_t db_transaction(const struct db *db)
{
    return db_in_transaction(db) ? db->transactions : 0;
}

const char *db_type_name(const struct db *db, uint32_t type, uint32_t scale, bool narrow)
{
    (void)db;
    (void)scale;
    switch (type) {
    case SLUICE_INT:
        return narrow ? "INTEGER" : "BIGINT";
    case SLUICE_BOOL:
        return "BOOLEAN";
    default:
        return "TEXT"; /* decimals and times too: exact, and readable as they are */
    }
}

const char *db_serial_type(const struct db *db)
{
    (void)db;
    return "INTEGER PRIMARY KEY";
}

void db_normalised(const struct db *db, struct buf *out, const char *name, uint32_t flags)
{
    (void)db;
    if (flags & SLUICE_LOWER)
        buf_add_str(out, "lower("); /* SQLite's own lower() knows ASCII only */
    if (flags & SLUICE_TRIM)
        buf_add_str(out, "trim(");
    db_quote(out, name);
    if (flags & SLUICE_TRIM)
        buf_add_str(out, ", char(9, 10, 11, 12, 13, 32))");
    if (flags & SLUICE_LOWER)
        buf_add_str(out, ")");
}

bool db_family_holds(int family, uint32_t type)
{
    switch (type) {
    case SLUICE_INT:
        return family != DB_FAMILY_TEXT && family != DB_FAMILY_REAL;
    case SLUICE_BOOL:
        return family != DB_FAMILY_TEXT;
    case SLUICE_DECIMAL:
    case SLUICE_TIME: /* no ISO time looks like a number, so no affinity touches it */
        return family != DB_FAMILY_INT;
    default:
        return family == DB_FAMILY_TEXT || family == DB_FAMILY_OTHER;
    }
}
