/* landed.c - see landed.h. A row of sluice_meta for each job: "complete RUN.BATCH" or "partial RUN.BATCH". */
#include "landed.h"

#include "buf.h"

#include <stdio.h>
#include <string.h>

static void bind_name(struct db_stmt *st, const char *job)
{
    struct buf name = {0};

    buf_printf(&name, "landed:%s", job);
    db_bind_text(st, 1, buf_text(&name));
    buf_free(&name);
}

int landed_get(struct db *db, const char *job, struct landed *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "SELECT value FROM sluice_meta WHERE name = $1", &st, err);

    *out = (struct landed){0};
    if (rc)
        return rc;
    bind_name(st, job);
    rc = db_step(st, err);
    if (rc == 1) {
        const char *value = db_column_text(st, 0);
        out->complete = strncmp(value, "complete ", 9) == 0;
        snprintf(out->mark, sizeof(out->mark), "%s", value + strcspn(value, " ") + (strchr(value, ' ') != NULL));
    }
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

int landed_put(struct db *db, const struct run *run, bool complete, struct err *err)
{
    char value[sizeof(((struct landed *)NULL)->mark) + 16];
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "INSERT INTO sluice_meta (name, value) VALUES ($1, $2)"
                        " ON CONFLICT (name) DO UPDATE SET value = $2",
                        &st, err);

    if (rc)
        return rc;
    snprintf(value, sizeof(value), "%s %s.%lld", complete ? "complete" : "partial", run->id,
             (long long)run->batch_no + 1);
    bind_name(st, run->job);
    db_bind_text(st, 2, value);
    rc = db_run(st, NULL, err);
    db_finalize(st);
    return rc;
}
