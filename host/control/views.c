/* views.c - see views.h: runs, rejects and cursors. */
#include "views.h"

#include "cursor.h"
#include "hosts.h"
#include "ledger.h"
#include "owner.h"
#include "reject.h"
#include "tenant_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text of the store as JSON; a source's own text may be anything. */
static json_t *text(const char *s)
{
    json_t *json = json_string(s);

    return json ? json : json_string("(not text)");
}

/* {"key": list}, or the list itself; NULL when the walk that filled it ended with an error. Steals the list. */
static json_t *finish(int rc, const char *key, json_t *list, struct err *err)
{
    json_t *view = NULL;

    if (rc >= 0)
        view = key ? json_pack("{s:O}", key, list) : json_incref(list);
    if (!view && !err->code)
        err_set(err, E_SYSTEM, "out of memory");
    json_decref(list);
    return view;
}

/* ---- Runs ---- */

bool view_is_running(struct db *db, const struct run *r)
{
    struct err ignored = {0};

    return strcmp(r->status, "running") == 0 && r->host && hosts_owner_alive(db, r->host, &ignored) != 0;
}

/* What is marked as running while its process is gone has crashed. Steals `json`. */
static json_t *as_it_is(struct db *db, const struct run *r, json_t *json)
{
    char who[OWNER_SIZE], why[OWNER_SIZE + 32];

    if (!json || strcmp(r->status, "running") != 0 || view_is_running(db, r))
        return json;
    owner_tell(r->host ? r->host : "its process", who, sizeof(who));
    snprintf(why, sizeof(why), "%s is gone", who);
    json_object_set_new(json, "status", json_string("crashed"));
    json_object_set_new(json, "error", json_string(why));
    return json;
}

json_t *view_run_json(struct db *db, const struct run *r)
{
    return as_it_is(db, r, run_json(r));
}

struct run_walk {
    struct db *db;
    json_t *list;
};

static int add_run(const struct run *r, void *context)
{
    const struct run_walk *w = context;

    return json_array_append_new(w->list, view_run_json(w->db, r)) ? E_SYSTEM : 0;
}

json_t *view_runs(struct db *db, const char *job, int64_t limit, struct err *err)
{
    struct run_walk w = {db, json_array()};
    int rc = db ? ledger_list(db, job, NULL, limit, add_run, &w, err) : 0;

    return finish(rc, "runs", w.list, err);
}

static int add_part(const struct run *r, void *context)
{
    const struct run_walk *w = context;

    return json_array_append_new(w->list, as_it_is(w->db, r, run_part_json(r))) ? E_SYSTEM : 0;
}

/* What came of its partitions. */
static int add_parts(struct db *db, json_t *run, struct err *err)
{
    struct run_walk w = {db, json_object_get(run, "partitions")};

    return ledger_parts(db, json_string_value(json_object_get(run, "run")), add_part, &w, err);
}

static const char *id_of(const json_t *run)
{
    return json_string_value(json_object_get(run, "run"));
}

static int newer_first(const void *a, const void *b)
{
    return strcmp(id_of(*(json_t *const *)b), id_of(*(json_t *const *)a));
}

/* The newest `limit` of a list of runs. New reference. */
static json_t *newest(const json_t *list, int64_t limit)
{
    size_t count = json_array_size(list);
    json_t **runs = calloc(count + 1, sizeof(*runs)), *out = json_array();

    for (size_t i = 0; runs && i < count; i++)
        runs[i] = json_array_get(list, i);
    if (runs)
        qsort(runs, count, sizeof(*runs), newer_first);
    for (size_t i = 0; runs && i < count && (int64_t)i < limit; i++)
        json_array_append(out, runs[i]);
    free(runs);
    return out;
}

/* However many partitions there are, no more is held. */
static void keep_newest(struct run_walk *w, int64_t limit)
{
    json_t *list = newest(w->list, limit);

    json_decref(w->list);
    w->list = list;
}

struct tenant_walk {
    struct run_walk *runs;
    const struct config_job *job;
    const char *tenant;
};

static int add_own_run(const struct run *r, void *context)
{
    const struct tenant_walk *w = context;

    return tenant_sees(w->job, w->tenant, r->partition, r->scope ? r->scope : "") ? add_run(r, w->runs) : SLUICE_OK;
}

/* Of each of the tenant's partitions of a job. */
static int walk_tenant(const struct config_job *job, const char *tenant, int64_t limit, struct run_walk *w,
                       struct err *err)
{
    struct tenant_walk own = {w, job, tenant};
    json_t *ids = config_tenant_partitions(job, tenant);
    int rc = 0;

    for (size_t i = 0; rc >= 0 && i < json_array_size(ids); i++) {
        rc = ledger_partition(w->db, job->name, json_string_value(json_array_get(ids, i)), limit, add_own_run,
                              &own, err);
        keep_newest(w, limit);
    }
    json_decref(ids);
    return rc;
}

json_t *view_tenant_runs(const struct config *config, struct db *db, const char *job, const char *tenant, int64_t limit,
                         struct err *err)
{
    struct run_walk w = {db, json_array()};
    int rc = 0;

    for (size_t c = 0; db && c < config->connector_count; c++) {
        const struct config_connector *connector = &config->connectors[c];
        for (size_t j = 0; rc >= 0 && j < connector->job_count; j++) {
            if (!job || strcmp(connector->jobs[j].name, job) == 0)
                rc = walk_tenant(&connector->jobs[j], tenant, limit, &w, err);
        }
    }
    return finish(rc, "runs", w.list, err);
}

json_t *view_last_of_each(struct db *db, const char *job, struct err *err)
{
    struct run_walk w = {db, json_array()};
    int rc = db ? ledger_last_of_each(db, job, add_part, &w, err) : 0;

    return finish(rc, "partitions", w.list, err);
}

json_t *view_run(struct db *db, const char *id, struct err *err)
{
    json_t *found = json_array(), *run = NULL;
    struct run_walk w = {db, found};
    int rc = db ? ledger_find(db, id, 2, add_run, &w, err) : 0;

    if (rc >= 0 && json_array_size(found) == 0)
        err_set(err, E_NOT_FOUND, "there is no run \"%s\"", id);
    else if (rc >= 0 && json_array_size(found) == 2)
        err_set(err, E_NOT_FOUND, "more than one run begins with \"%s\": write more of it", id);
    else if (rc >= 0)
        run = json_incref(json_array_get(found, 0));
    else if (!err->code)
        err_set(err, E_SYSTEM, "out of memory");
    json_decref(found);
    if (run && add_parts(db, run, err) < 0) {
        json_decref(run);
        return NULL;
    }
    return run;
}

/* ---- Rejects ---- */

json_t *view_reject(const struct reject_row *r)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:I, s:s, s:s}", "id", r->id, "run", r->run_id, "job",
                     r->job, "partition", text(r->partition), "key", text(r->record_key), "reason", text(r->reason),
                     "kind", r->kind, "payload", text(r->payload), "count", (json_int_t)r->seen_count, "first_seen",
                     r->rejected_at, "last_seen", r->last_seen_at);
}

#define ENOUGH (-1000) /* ends a walk that has seen what it wanted */

struct reject_walk {
    json_t *list;
    int64_t left;
    size_t bytes_left;
    char last[RUN_ID_SIZE];
    const struct config *config; /* NULL: those of every tenant */
    const char *tenant;
};

static int add_some_rejects(const struct reject_row *r, void *context)
{
    struct reject_walk *w = context;
    const struct config_job *job = w->config ? config_find_job(w->config, r->job) : NULL;
    size_t size = strlen(r->payload);

    if (w->config && (!job || !tenant_sees(job, w->tenant, r->partition, r->scope)))
        return 0;
    if (w->left-- == 0 || (size > w->bytes_left && json_array_size(w->list) > 0))
        return ENOUGH;
    w->bytes_left -= size < w->bytes_left ? size : w->bytes_left;
    snprintf(w->last, sizeof(w->last), "%s", r->id);
    return json_array_append_new(w->list, view_reject(r)) ? E_SYSTEM : 0;
}

json_t *view_tenant_rejects(const struct config *config, struct db *db, const char *job, const char *tenant,
                            const char *after, int64_t limit, struct err *err)
{
    struct reject_walk w = {json_array(), limit, VIEW_REJECTS_BYTES, "", config, tenant};
    int rc = db ? reject_list(db, job, after, add_some_rejects, &w, err) : 0;
    json_t *view = finish(rc == ENOUGH ? 0 : rc, "rejects", w.list, err);

    if (view && rc == ENOUGH)
        json_object_set_new(view, "next", json_string(w.last));
    return view;
}

json_t *view_rejects(struct db *db, const char *job, const char *after, int64_t limit, struct err *err)
{
    return view_tenant_rejects(NULL, db, job, "", after, limit, err);
}

/* ---- Cursors ---- */

struct cursor_walk {
    json_t *list;
    const char *partition;
    int64_t left;
};

static int add_cursor(const char *job, const char *partition, const char *cursor, const char *updated_at, void *context)
{
    struct cursor_walk *w = context;

    if (w->partition && strcmp(partition, w->partition) != 0)
        return 0;
    if (w->left-- == 0)
        return ENOUGH;
    json_t *row = json_pack("{s:s, s:o, s:o, s:s}", "job", job, "partition", text(partition), "cursor", text(cursor),
                            "updated_at", updated_at);
    return json_array_append_new(w->list, row) ? E_SYSTEM : 0;
}

json_t *view_cursors(struct db *db, const char *job, const char *partition, int64_t limit, struct err *err)
{
    struct cursor_walk w = {json_array(), partition, limit};
    int rc = db ? cursor_list(db, job, add_cursor, &w, err) : 0;

    return finish(rc == ENOUGH ? 0 : rc, NULL, w.list, err);
}
