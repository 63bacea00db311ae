/* hosts.c - see hosts.h. A beat is kept as every moment in sluice's tables is (stamp.h), but written by the server. */
#include "hosts.h"

#include "owner.h"

#include <string.h>
#include <unistd.h>

#define NOW "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* Seconds since the beat. The server's clock may have been set back, or be that of the server which stands in for it:
 * a beat that is far ahead says no more than one that is long ago. */
#define AGE "abs(EXTRACT(EPOCH FROM clock_timestamp() - CAST(sluice_hosts.beat_at AS TIMESTAMPTZ)))"

#define DAEMON                                                                                                         \
    "INSERT INTO sluice_hosts (host, generation, config_hash, version, beat_at) VALUES ($1, $2, $3, $4, " NOW ")"      \
    " ON CONFLICT (host) DO UPDATE SET generation = excluded.generation, config_hash = excluded.config_hash,"          \
    " version = excluded.version, beat_at = excluded.beat_at"

#define OTHER                                                                                                          \
    "INSERT INTO sluice_hosts (host, beat_at) VALUES ($1, " NOW ")"                                                    \
    " ON CONFLICT (host) DO UPDATE SET beat_at = excluded.beat_at WHERE " AGE " >= 2"

#define LIVING "SELECT 1 FROM sluice_hosts WHERE host = $1 AND " AGE " < $2"

static int this_host(char out[OWNER_SIZE], struct err *err)
{
    char owner[OWNER_SIZE];

    if (!owner_of(getpid(), owner) || !owner_host(owner, out))
        return err_set(err, E_SYSTEM, "cannot read /proc/self/stat");
    return SLUICE_OK;
}

int hosts_beat(struct db *db, uint64_t generation, const char *config_hash, const char *version, struct err *err)
{
    char host[OWNER_SIZE];
    struct db_stmt *st;

    if (!db_is_shared(db))
        return SLUICE_OK;
    int rc = this_host(host, err);
    if (!rc)
        rc = db_prepare(db, config_hash ? DAEMON : OTHER, &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, host);
    if (config_hash) {
        db_bind_int(st, 2, (int64_t)generation);
        db_bind_text(st, 3, config_hash);
        db_bind_text(st, 4, version);
    }
    rc = db_run(st, NULL, err);
    db_finalize(st);
    return rc;
}

#define OTHERS                                                                                                         \
    "SELECT host FROM sluice_hosts WHERE config_hash <> $1 AND host <> $2 AND " AGE " < $3 ORDER BY host"

int hosts_differing(struct db *db, const char *config_hash, struct buf *out, struct err *err)
{
    char host[OWNER_SIZE];
    struct db_stmt *st;
    const char *separator = "";

    if (!db_is_shared(db))
        return SLUICE_OK;
    int rc = this_host(host, err);
    if (!rc)
        rc = db_prepare(db, OTHERS, &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, config_hash);
    db_bind_text(st, 2, host);
    db_bind_int(st, 3, HOSTS_ALIVE_SECONDS);
    while ((rc = db_step(st, err)) == 1) {
        const char *name = db_column_text(st, 0);
        buf_add_str(out, separator);
        buf_add(out, name, strcspn(name, "/"));
        separator = ", ";
    }
    db_finalize(st);
    return rc;
}

static int host_lives(struct db *db, const char *host, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, LIVING, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, host);
    db_bind_int(st, 2, HOSTS_ALIVE_SECONDS);
    rc = db_step(st, err);
    db_finalize(st);
    return rc;
}

int hosts_owner_alive(struct db *db, const char *owner, struct err *err)
{
    char host[OWNER_SIZE];

    if (!db_is_shared(db) || owner_is_here(owner))
        return owner_alive(owner);
    return owner_host(owner, host) ? host_lives(db, host, err) : 0;
}

int hosts_forget(struct db *db, struct err *err)
{
    return db_is_shared(db) ? db_exec(db, "DELETE FROM sluice_hosts WHERE " AGE " > 7 * 86400", err) : SLUICE_OK;
}
