/* claims.c - see claims.h. */
#include "claims.h"

#include <stdlib.h>
#include <string.h>

struct claims {
    char *run_id; /* NULL: the list is all this run's */
    struct db_stmt *add, *has;
};

#define TEMPORARY                                                                                                      \
    "CREATE TEMP TABLE IF NOT EXISTS sluice_claimed (row_key BIGINT PRIMARY KEY);"                                     \
    "DELETE FROM sluice_claimed"

/* The lists of runs that have ended. */
#define FORGET "DELETE FROM sluice_claims WHERE run NOT IN (SELECT id FROM sluice_runs WHERE status = 'running')"

static int prepare(struct claims *c, struct db *db, struct err *err)
{
    const char *add = "INSERT INTO sluice_claimed (row_key) VALUES ($1) ON CONFLICT DO NOTHING";
    const char *has = "SELECT 1 FROM sluice_claimed WHERE row_key = $1";

    if (c->run_id) {
        add = "INSERT INTO sluice_claims (row_key, run) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        has = "SELECT 1 FROM sluice_claims WHERE row_key = $1 AND run = $2";
    }
    int rc = db_exec(db, c->run_id ? FORGET : TEMPORARY, err);
    if (!rc)
        rc = db_prepare(db, add, &c->add, err);
    return rc ? rc : db_prepare(db, has, &c->has, err);
}

int claims_open(struct db *db, const char *run_id, struct claims **out, struct err *err)
{
    struct claims *c = calloc(1, sizeof(*c));
    bool shared = db_is_shared(db);

    if (c && shared)
        c->run_id = strdup(run_id);
    int rc = c && (c->run_id || !shared) ? prepare(c, db, err) : err_set(err, E_SYSTEM, "out of memory");
    if (rc)
        claims_close(c);
    else
        *out = c;
    return rc;
}

void claims_close(struct claims *c)
{
    if (!c)
        return;
    db_finalize(c->add);
    db_finalize(c->has);
    free(c->run_id);
    free(c);
}

static void bind(const struct claims *c, struct db_stmt *st, struct db_value row)
{
    db_bind(st, 1, row);
    if (c->run_id)
        db_bind_text(st, 2, c->run_id);
}

int claims_add(struct claims *c, struct db_value row, struct err *err)
{
    bind(c, c->add, row);
    return db_run(c->add, NULL, err);
}

int claims_has(struct claims *c, struct db_value row, struct err *err)
{
    bind(c, c->has, row);
    int rc = db_step(c->has, err);
    db_reset(c->has);
    return rc;
}
