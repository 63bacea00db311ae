/* schema.c - see schema.h. The statements are plain SQL that SQLite and PostgreSQL both take. */
#include "schema.h"

#include "buf.h"
#include "ledger.h"
#include "reject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_PARTITION "CREATE INDEX sluice_runs_partition ON sluice_runs (job, partition, id) WHERE partition <> '';"

static const char tables[] =
    "CREATE TABLE sluice_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE sluice_runs ("
    " id TEXT PRIMARY KEY, parent TEXT, job TEXT NOT NULL, partition TEXT NOT NULL DEFAULT '', mode TEXT NOT NULL,"
    " status TEXT NOT NULL, reason TEXT, host TEXT NOT NULL, batch_no BIGINT NOT NULL DEFAULT 0,"
    " started_at TEXT NOT NULL, finished_at TEXT, total BIGINT, processed BIGINT NOT NULL DEFAULT 0,"
    " created BIGINT NOT NULL DEFAULT 0, updated BIGINT NOT NULL DEFAULT 0, skipped BIGINT NOT NULL DEFAULT 0,"
    " errors BIGINT NOT NULL DEFAULT 0, window_start TEXT, window_end TEXT, message TEXT, error TEXT,"
    " warnings TEXT NOT NULL DEFAULT '[]', stats TEXT NOT NULL DEFAULT '{}', error_details TEXT NOT NULL DEFAULT '[]',"
    " scope TEXT);"
    "CREATE UNIQUE INDEX sluice_runs_running ON sluice_runs (job, partition) WHERE status = 'running';"
    "CREATE INDEX sluice_runs_started ON sluice_runs (started_at, id) WHERE parent IS NULL;"
    "CREATE INDEX sluice_runs_job ON sluice_runs (job, started_at, id) WHERE parent IS NULL;"
    "CREATE INDEX sluice_runs_good ON sluice_runs (job, started_at, id) WHERE " LEDGER_GOOD ";"
    "CREATE INDEX sluice_runs_parent ON sluice_runs (parent) WHERE parent IS NOT NULL;"
    RUNS_PARTITION
    "CREATE TABLE sluice_cursors (job TEXT NOT NULL, partition TEXT NOT NULL DEFAULT '', cursor TEXT NOT NULL,"
    " updated_at TEXT NOT NULL, reply_at BIGINT, window_us BIGINT, scope TEXT, PRIMARY KEY (job, partition));"
    "CREATE TABLE sluice_rejects ("
    " id TEXT PRIMARY KEY, run_id TEXT NOT NULL, job TEXT NOT NULL, partition TEXT NOT NULL DEFAULT '',"
    " record_key TEXT NOT NULL, reason TEXT NOT NULL, payload TEXT NOT NULL, kind TEXT NOT NULL,"
    " seen_count BIGINT NOT NULL DEFAULT 1, rejected_at TEXT NOT NULL, last_seen_at TEXT NOT NULL, resolved_at TEXT,"
    " superseded_at TEXT, payload_hash BIGINT NOT NULL DEFAULT 0, scope TEXT);"
    "CREATE INDEX sluice_rejects_open ON sluice_rejects (job, partition, record_key, payload_hash)"
    " WHERE " REJECT_OPEN ";"
    "CREATE INDEX sluice_rejects_seen ON sluice_rejects (last_seen_at);"
    "CREATE TABLE sluice_jobs (job TEXT PRIMARY KEY, last_fire TEXT, paused BIGINT NOT NULL DEFAULT 0,"
    " config_hash TEXT, updated_at TEXT NOT NULL, start_at TEXT, start_host TEXT);"
    "CREATE TABLE sluice_hosts (host TEXT PRIMARY KEY, beat_at TEXT NOT NULL, generation BIGINT NOT NULL DEFAULT 0,"
    " config_hash TEXT, version TEXT);"
    "INSERT INTO sluice_meta (name, value) VALUES ('schema_version', '2');";

/* Where sessions are shared, what a run has touched or met cannot be kept in a temporary table: see claims.h, gone.h. */
static const char claims[] =
    "CREATE UNLOGGED TABLE sluice_claims (run TEXT, row_key TEXT, PRIMARY KEY (run, row_key));"
    "CREATE UNLOGGED TABLE sluice_met (met_run TEXT, met_key TEXT);";

/* From one version to the next. */
static const char from_1[] =
    "ALTER TABLE sluice_runs ADD COLUMN scope TEXT;"
    "ALTER TABLE sluice_rejects ADD COLUMN payload_hash BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE sluice_rejects ADD COLUMN scope TEXT;"
    "ALTER TABLE sluice_cursors ADD COLUMN scope TEXT;"
    "ALTER TABLE sluice_jobs ADD COLUMN start_at TEXT;"
    "ALTER TABLE sluice_jobs ADD COLUMN start_host TEXT;"
    "DROP INDEX sluice_rejects_open;"
    "CREATE INDEX sluice_rejects_open ON sluice_rejects (job, partition, record_key, payload_hash)"
    " WHERE " REJECT_OPEN ";"
    RUNS_PARTITION
    "UPDATE sluice_meta SET value = '2' WHERE name = 'schema_version';";

/* Run statements that make tables; texts of sluice's own sort byte by byte, whatever the database's language. */
static int run(struct db *db, const char *statements, const char *more, struct err *err)
{
    struct buf sql = {0};

    for (const char *p = statements, *word; *p; p = word) {
        word = strstr(p + 1, " TEXT");
        word = word ? word : p + strlen(p);
        buf_add(&sql, p, (size_t)(word - p));
        if (strncmp(word, " TEXT", 5) == 0) {
            buf_printf(&sql, " TEXT%s", db_bytewise(db));
            word += 5;
        }
    }
    buf_add_str(&sql, more);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_exec(db, buf_text(&sql), err);
    buf_free(&sql);
    return rc;
}

/* Make the tables, or bring those of an older `version` (0: there are none) up to date. */
static int make_tables(struct db *db, int version, struct err *err)
{
    if (version == 0)
        return run(db, tables, db_is_shared(db) ? claims : "", err);
    int rc = run(db, from_1, "", err);
    return rc ? rc : rejects_hash_all(db, err);
}

/* The version of the tables that are there, or an error. */
static int read_version(struct db *db, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT value FROM sluice_meta WHERE name = 'schema_version'", &st, err);

    if (rc)
        return rc;
    rc = db_step(st, err);
    long version = rc == 1 ? strtol(db_column_text(st, 0), NULL, 10) : 0;
    db_finalize(st);
    if (rc < 0)
        return rc;
    if (version < 1)
        return err_set(err, E_STORE, "store: sluice_meta is there but tells no schema version");
    if (version > SCHEMA_VERSION)
        return err_set(err, SLUICE_E_CONFIG,
                       "store: its tables are of schema version %ld, made by a newer sluice; this one knows up to %d: "
                       "upgrade this sluice",
                       version, SCHEMA_VERSION);
    return (int)version;
}

/* The same; 0: there are none. */
static int find_version(struct db *db, struct err *err)
{
    struct db_table meta;
    int rc = db_describe(db, "sluice_meta", &meta, err);

    if (rc)
        return rc;
    bool exists = meta.exists;
    db_table_free(&meta);
    return exists ? read_version(db, err) : 0;
}

int schema_check(struct db *db, struct err *err)
{
    int version = find_version(db, err);

    if (version > 0 && version < SCHEMA_VERSION)
        return err_set(err, E_STORE, "store: its tables are of schema version %d, made by an older sluice: the next "
                       "run, or the daemon when it starts, brings them up to date", version);
    return version > 0 ? 1 : version;
}

int schema_ensure(struct db *db, struct err *err)
{
    bool mine = !db_in_transaction(db);
    int version = find_version(db, err), rc = version < 0 ? version : SLUICE_OK;

    if (version == SCHEMA_VERSION)
        return SLUICE_OK;
    if (!rc && mine)
        rc = db_begin(db, err);
    if (!rc) {
        version = find_version(db, err); /* another process may have been first */
        rc = version < 0 ? version : SLUICE_OK;
    }
    if (!rc && version < SCHEMA_VERSION)
        rc = make_tables(db, version, err);
    if (!rc && mine)
        rc = db_commit(db, err);
    if (rc && mine)
        db_rollback(db);
    if (rc && mine && db_is_shared(db)) {
        struct err ignored = {0};
        if (find_version(db, &ignored) == SCHEMA_VERSION) /* two at once: the other one has made them */
            rc = SLUICE_OK;
    }
    return rc;
}
