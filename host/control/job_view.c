/* job_view.c - see views.h: a job as configured, and what the store knows of it. */
#include "views.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "fires.h"
#include "hosts.h"
#include "ledger.h"

#include <stdio.h>
#include <string.h>

/* ---- When it fires ---- */

static json_t *time_json(int64_t seconds)
{
    struct buf text = {0};

    date_print(&text, seconds * CLOCK_SECOND);
    json_t *json = json_string(buf_text(&text));
    buf_free(&text);
    return json;
}

json_t *view_fires(const struct config_job *job, int64_t now, int64_t count, struct err *err)
{
    struct fires f;
    int64_t at = now / CLOCK_SECOND;
    json_t *list = json_array();

    if (fires_open(&f, job->schedule, job->full_schedule, job->timezone, err)) {
        err_wrap(err, "%s", job->name);
        json_decref(list);
        list = NULL;
    }
    while (list && count-- > 0 && fires_next(&f, at, &at, NULL))
        json_array_append_new(list, time_json(at));
    fires_close(&f);
    return list;
}

static int next_run(const struct config_job *job, bool paused, int64_t now, json_t **out, struct err *err)
{
    *out = json_null();
    if (!job->enabled || paused)
        return SLUICE_OK;
    json_t *list = view_fires(job, now, 1, err);
    if (!list)
        return err->code;
    if (json_array_size(list) == 1)
        *out = json_incref(json_array_get(list, 0));
    json_decref(list);
    return SLUICE_OK;
}

/* ---- What the store knows ---- */

struct job_state {
    struct db *db;
    bool paused, running;
    char last_id[RUN_ID_SIZE];
    json_t *last; /* NULL: it never ended a run */
};

/* Or may live, when the store does not tell. */
static bool lives(const struct job_state *s, const char *owner)
{
    struct err ignored = {0};

    return hosts_owner_alive(s->db, owner, &ignored) != 0;
}

/* Run a query with the job's name as its parameter until `row` returns false. */
static int query(struct db *db, const char *sql, const char *job, bool (*row)(struct db_stmt *st, void *context),
                 void *context, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, sql, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    do
        rc = db_step(st, err);
    while (rc == 1 && row(st, context));
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

static bool see_paused(struct db_stmt *st, void *context)
{
    struct job_state *s = context;

    s->paused = db_column_int(st, 0) != 0;
    return false;
}

static bool see_running(struct db_stmt *st, void *context)
{
    struct job_state *s = context;

    s->running = lives(s, db_column_text(st, 0));
    return !s->running;
}

/* A run that is marked as running but whose process is gone has ended too. */
static bool see_ended(struct db_stmt *st, void *context)
{
    struct job_state *s = context;
    bool goes_on = strcmp(db_column_text(st, 1), "running") == 0 && lives(s, db_column_text(st, 2));

    if (!goes_on)
        snprintf(s->last_id, sizeof(s->last_id), "%s", db_column_text(st, 0));
    return goes_on;
}

static int keep_run(const struct run *r, void *context)
{
    struct job_state *s = context;

    s->last = view_run_json(s->db, r);
    return 0;
}

static int job_state(struct db *db, const char *job, struct job_state *out, struct err *err)
{
    *out = (struct job_state){.db = db};
    if (!db)
        return SLUICE_OK;
    int rc = query(db, "SELECT paused FROM sluice_jobs WHERE job = $1", job, see_paused, out, err);
    if (!rc)
        rc =
            query(db, "SELECT host FROM sluice_runs WHERE job = $1 AND status = 'running'", job, see_running, out, err);
    if (!rc)
        rc = query(db,
                   "SELECT id, status, host FROM sluice_runs WHERE job = $1 AND parent IS NULL"
                   " ORDER BY started_at DESC, id DESC",
                   job, see_ended, out, err);
    if (!rc && *out->last_id)
        rc = ledger_list(db, NULL, out->last_id, 1, keep_run, out, err);
    return rc;
}

/* ---- The views ---- */

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

json_t *view_job(const struct config_job *job, struct db *db, int64_t now, struct err *err)
{
    struct job_state state;
    json_t *next;

    if (job_state(db, job->name, &state, err))
        return NULL;
    if (next_run(job, state.paused, now, &next, err)) {
        json_decref(state.last);
        return NULL;
    }
    json_t *view =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:s, s:o, s:b, s:o}", "name", job->name, "connector",
                  job->connector->name, "stream", job->stream, "enabled", (int)job->enabled, "paused",
                  (int)state.paused, "schedule", text_or_null(job->schedule), "timezone", job->timezone, "next_run",
                  next, "running", (int)state.running, "last_run", state.last ? state.last : json_null());
    if (!view)
        err_set(err, E_SYSTEM, "out of memory");
    return view;
}

json_t *view_jobs(const struct config *config, struct db *db, int64_t now, struct err *err)
{
    json_t *list = json_array();

    for (size_t c = 0; list && c < config->connector_count; c++) {
        for (size_t j = 0; list && j < config->connectors[c].job_count; j++) {
            json_t *job = view_job(&config->connectors[c].jobs[j], db, now, err);
            if (!job || json_array_append_new(list, job)) {
                json_decref(list);
                list = NULL;
            }
        }
    }
    return list ? json_pack("{s:o}", "jobs", list) : NULL;
}
