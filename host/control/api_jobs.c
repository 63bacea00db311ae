/* api_jobs.c - jobs: what they are now, and what can be asked of them. */
#include "api_inner.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "tenant_view.h"
#include "views.h"

#include <stdlib.h>
#include <string.h>

/* ---- A job as JSON ---- */

static json_t *text_or_null(const char *text)
{
    return *text ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t us)
{
    struct buf text = {0};

    if (!us)
        return json_null();
    date_print(&text, us);
    json_t *json = json_string(buf_text(&text));
    buf_free(&text);
    return json;
}

/* What the store knows of the job: {"jobs":[…]} or the one object; NULL when it told nothing. */
static const json_t *stored_job(const json_t *stored, const char *name)
{
    const json_t *list = json_object_get(stored, "jobs"), *job;
    size_t i;

    if (!list)
        return stored;
    json_array_foreach(list, i, job) {
        const char *its = json_string_value(json_object_get(job, "name"));
        if (its && strcmp(its, name) == 0)
            return job;
    }
    return NULL;
}

/* A run of another process is in the store only; what this daemon knows best is in memory. */
static json_t *job_json(const struct supervisor_job *j, const char *tenant, const json_t *stored)
{
    const struct config_job *job = j->job;
    const json_t *in_store = stored_job(stored, job->name), *last = json_object_get(in_store, "last_run");
    bool running = j->running || json_is_true(json_object_get(in_store, "running"));

    if (!last || json_is_null(last))
        last = j->last_run;
    json_t *own = json_is_object(last) ? tenant_run(job, tenant, last) : NULL;
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:s, s:o, s:b, s:o}", "name", job->name, "connector",
                     job->connector->name, "stream", job->stream, "enabled", (int)job->enabled, "paused",
                     (int)j->paused, "schedule", text_or_null(job->schedule), "timezone", job->timezone, "next_run",
                     time_or_null(j->next_run_us), "running", (int)running, "last_run",
                     own ? own : json_null());
}

/* All jobs that the caller sees; NULL without memory. */
static json_t *job_list(const struct call *c, const json_t *stored)
{
    const struct supervisor *s = c->api->supervisor;
    json_t *list = json_array();
    struct supervisor_job job;

    for (size_t i = 0; list && i < supervisor_job_count(s); i++) {
        supervisor_job(s, i, &job);
        if (!call_sees(c, job.job) || json_array_append_new(list, job_json(&job, c->tenant, stored)) == 0)
            continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

/* ---- GET ---- */

void api_get_init(struct call *c)
{
    json_t *list = job_list(c, NULL);

    exchange_answer(c->x, 200, list ? json_pack("{s:b, s:o}", "success", 1, "jobs", list) : NULL);
}

/* Without the store the answer is what memory has, and says so. */
static void add_trouble(json_t *body, const struct inquiry *q, int rc, const struct err *err)
{
    struct buf why = {0};

    if (rc < 0 && body) {
        inquiry_trouble(q->errand.api, err, &why);
        json_object_set_new(body, "store", json_string(buf_text(&why)));
    }
    buf_free(&why);
}

/* What the tenant had of the last run of a job; else the last one that it had part in. */
static int put_own_run(struct db *db, const struct inquiry *q, json_t *view, struct err *err)
{
    const char *name = json_string_value(json_object_get(view, "name"));
    const char *id = json_string_value(json_object_get(json_object_get(view, "last_run"), "run"));
    const struct config_job *job = name ? config_find_job(q->config, name) : NULL;

    if (!id || !tenant_has_part(job, q->tenant))
        return SLUICE_OK;
    json_t *run = view_run(db, id, err), *own = run ? tenant_run(job, q->tenant, run) : NULL, *runs = NULL;
    if (run && !own)
        runs = view_tenant_runs(q->config, db, name, q->tenant, 1, err);
    if (runs)
        own = json_incref(json_array_get(json_object_get(runs, "runs"), 0));
    json_decref(runs);
    json_decref(run);
    json_object_set_new(view, "last_run", own ? own : json_null());
    return err->code;
}

static int read_jobs(struct db *db, struct inquiry *q, struct err *err)
{
    const struct config_job *job = q->job ? config_find_job(q->config, q->job) : NULL;
    int rc = SLUICE_OK;

    q->out = q->job ? view_job(job, db, clock_wall_us(), err) : view_jobs(q->config, db, clock_wall_us(), err);
    if (!q->out)
        return err->code ? err->code : err_set(err, E_SYSTEM, "out of memory");
    json_t *list = json_object_get(q->out, "jobs");
    if (*q->tenant && !list)
        rc = put_own_run(db, q, q->out, err);
    for (size_t i = 0; *q->tenant && !rc && i < json_array_size(list); i++)
        rc = put_own_run(db, q, json_array_get(list, i), err);
    return rc;
}

static void tell_jobs(struct inquiry *q, int rc, const struct err *err)
{
    struct call c = {.api = q->errand.api, .x = q->errand.x, .tenant = q->tenant};
    json_t *list = job_list(&c, rc < 0 ? NULL : q->out);
    json_t *body = list ? json_pack("{s:o}", "jobs", list) : NULL;

    add_trouble(body, q, rc, err);
    exchange_answer(q->errand.x, 200, body);
}

static void tell_job(struct inquiry *q, int rc, const struct err *err)
{
    struct supervisor_job job;

    if (!supervisor_find_job(q->errand.api->supervisor, q->job, &job)) {
        exchange_fail(q->errand.x, 404, "a reload has just taken job %s away", q->job);
        return;
    }
    json_t *body = job_json(&job, q->tenant, rc < 0 ? NULL : q->out);
    add_trouble(body, q, rc, err);
    exchange_answer(q->errand.x, 200, body);
}

static void ask_jobs(struct call *c, const char *name, void (*tell)(struct inquiry *q, int rc, const struct err *err))
{
    struct inquiry *q = inquiry_new(c, name, NULL);

    if (!q)
        return;
    q->work = read_jobs;
    q->done = tell;
    inquiry_ask(q);
}

void api_get_jobs(struct call *c)
{
    ask_jobs(c, NULL, tell_jobs);
}

void api_get_job(struct call *c)
{
    if (call_find_job(c, c->name))
        ask_jobs(c, c->name, tell_job);
}

/* ---- Run ---- */

static bool has_part_in(const struct supervisor_active *run, const char *tenant)
{
    if (!*tenant)
        return true;
    if (!run->job)
        return false;
    if (*run->partition)
        return config_is_tenants(run->job, run->partition, tenant);
    for (size_t i = 0; i < json_array_size(run->partitions); i++) {
        if (config_is_tenants(run->job, json_string_value(json_array_get(run->partitions, i)), tenant))
            return true;
    }
    return !run->partitions && tenant_has_part(run->job, tenant);
}

/* As a run that has done nothing yet. */
json_t *api_active_run(const struct api *api, const char *id, const char *tenant)
{
    struct supervisor_active active;
    struct run run;
    struct err err = {0};

    if (!supervisor_find_run(api->supervisor, id, &active) || !active.job || !has_part_in(&active, tenant) ||
        run_init(&run, active.job->name, active.partition, "", &err))
        return NULL;
    json_t *json = run_json(&run);
    run_free(&run);
    json_object_set_new(json, "run", json_string(active.run_id));
    json_object_set_new(json, "mode", json_null());
    if (active.queued)
        json_object_set_new(json, "status", json_string("queued"));
    return json;
}

static void tell_result(struct exchange *x, const struct launch_result *result, json_t *more)
{
    (void)more;
    if (!result->run)
        call_failed(x, result);
    else
        exchange_answer(x, json_is_true(json_object_get(result->run, "success")) ? 200 : 500, json_incref(result->run));
}

/* `run_id` is that of the run in the way. */
static void refuse_run(struct call *c, const char *name, const char *run_id, const struct err *err)
{
    struct supervisor_active active;

    if (err->code != E_BUSY || !supervisor_find_run(c->api->supervisor, run_id, &active)) {
        call_refused(c->x, err);
        return;
    }
    exchange_answer(c->x, 409,
                    json_pack("{s:b, s:s, s:s, s:s, s:s, s:o}", "success", 0, "error", err->msg, "job", name, "run",
                              run_id, "status", active.queued ? "queued" : "running", "timestamp",
                              time_or_null(clock_wall_us())));
}

static void run_and_leave(struct call *c, const struct supervisor_request *request)
{
    char run_id[RUN_ID_SIZE];
    struct err err = {0};
    struct buf location = {0};

    if (supervisor_run(c->api->supervisor, request, run_id, &err)) {
        refuse_run(c, request->job, run_id, &err);
        return;
    }
    buf_printf(&location, "/api/v1/runs/%s", run_id);
    exchange_set_header(c->x, "Location", buf_text(&location));
    exchange_answer(c->x, 202, json_pack("{s:s, s:s}", "run", run_id, "job", request->job));
    buf_free(&location);
}

/* Is there such a partition, which the caller sees? False after 404 or 400 was answered. */
static bool has_partition(struct call *c, const struct config_job *job, const char *id)
{
    if (id && !*job->partition)
        exchange_fail(c->x, 400, "%s has no partitions; leave \"partition\" out", job->name);
    else if (id && !config_is_tenants(job, id, c->tenant))
        exchange_fail(c->x, 404, "%s has no partition \"%s\"", job->name, id);
    else
        return true;
    return false;
}

void api_post_run(struct call *c)
{
    static const char *const keys[] = {"full", "partition", "wait", NULL};
    const struct config_job *job = call_find_job(c, c->name);
    json_t *body = job ? call_body(c, keys) : NULL, *own = NULL;
    struct supervisor_request request = {.job = c->name};
    bool wait = false;

    if (body && call_take_flag(c, body, "full", &request.full) && call_take_flag(c, body, "wait", &wait) &&
        call_take_text(c, body, "partition", &request.partition) && has_partition(c, job, request.partition)) {
        if (*c->tenant && !request.partition)
            request.partitions = own = config_tenant_partitions(job, c->tenant);
        if (wait)
            call_run_and_wait(c, &request, tell_result, NULL);
        else
            run_and_leave(c, &request);
    }
    json_decref(own);
    json_decref(body);
}

/* ---- Pause and resume ---- */

struct pause {
    struct errand errand;
    char *job;
    bool paused;
};

static void tell_paused(void *context, int rc, const struct err *err)
{
    struct pause *p = context;
    struct exchange *x = p->errand.x;

    if (x && rc)
        call_busy(x, err->msg);
    else if (x)
        exchange_answer(x, 200, json_pack("{s:s, s:b}", "job", p->job, "paused", (int)p->paused));
    errand_end(&p->errand);
    free(p->job);
    free(p);
}

static void pause_job(struct call *c, bool paused)
{
    struct err err = {0};

    if (!call_find_job(c, c->name) || !call_is_for_all(c))
        return;
    struct pause *p = calloc(1, sizeof(*p));
    char *job = strdup(c->name);
    if (!p || !job) {
        free(p);
        free(job);
        exchange_answer(c->x, 500, NULL);
        return;
    }
    *p = (struct pause){.job = job, .paused = paused};
    errand_begin(&p->errand, c, NULL);
    int rc = supervisor_pause(c->api->supervisor, c->name, paused, tell_paused, p, &err);
    if (rc) {
        exchange_on_gone(c->x, NULL, NULL);
        tell_paused(p, rc, &err);
    }
}

void api_post_pause(struct call *c)
{
    pause_job(c, true);
}

void api_post_resume(struct call *c)
{
    pause_job(c, false);
}

/* ---- Reload ---- */

static void tell_reload(void *context, const json_t *answer)
{
    struct errand *e = context;

    if (e->x)
        exchange_answer(e->x, 200, json_deep_copy(answer));
    errand_end(e);
    free(e);
}

void api_post_reload(struct call *c)
{
    static const char *const none[] = {NULL};
    struct errand *e = NULL;

    if (!call_is_for_all(c))
        return;
    json_t *body = call_body(c, none);
    if (!body)
        return;
    json_decref(body);
    e = calloc(1, sizeof(*e));
    if (!e) {
        exchange_answer(c->x, 500, NULL);
        return;
    }
    errand_begin(e, c, NULL);
    supervisor_reload(c->api->supervisor, tell_reload, e);
}
