/* supervisor.c - see supervisor.h: opens and closes all of it, and tells what is there. */
#include "inner.h"

#include "clock.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HURRY_SECONDS 2

/* ---- Jobs ---- */

/* One of `jobs` whose time zone is that one; NULL: none. */
static const struct timetable *in_zone(struct job *const *jobs, size_t count, const char *zone)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(jobs[i]->config->timezone, zone) == 0)
            return &jobs[i]->table;
    }
    return NULL;
}

struct job *job_new(struct supervisor *s, const struct config *root, const struct config_job *config,
                    struct job *const *jobs, size_t count)
{
    struct job *job = calloc(1, sizeof(*job));
    struct err err = {0};

    if (!job)
        return NULL;
    *job = (struct job){.s = s, .config = config, .first_seen_us = clock_wall_us()};
    config_hash(root, config, job->hash);
    if (timetable_open(&job->table, config, in_zone(jobs, count, config->timezone), &err)) {
        /* the zone has gone since it was checked */
        log_line(LOG_ERROR, config->name, "%s", err.msg);
        job_free(job);
        return NULL;
    }
    return job;
}

void job_free(struct job *job)
{
    if (job->retry)
        event_free(job->retry);
    timetable_close(&job->table);
    json_decref(job->last_run);
    json_decref(job->retry_partitions);
    free(job);
}

struct job *supervisor_job_of(const struct supervisor *s, const char *name)
{
    for (size_t i = 0; i < s->job_count; i++) {
        if (strcmp(s->jobs[i]->config->name, name) == 0)
            return s->jobs[i];
    }
    return NULL;
}

/* ---- Open ---- */

static void on_pump(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    queue_pump(context);
}

static int open_parts(struct supervisor *s, const struct supervisor_options *o, struct err *err)
{
    s->base = o->base;
    s->timer_fd = -1;
    s->config_path = strdup(o->config_path);
    s->env_file = o->env_file ? strdup(o->env_file) : NULL;
    s->metrics = metrics_new();
    s->pump = event_new(s->base, -1, 0, on_pump, s);
    if (!s->config_path || (o->env_file && !s->env_file) || !s->metrics || !s->pump)
        return err_set(err, E_SYSTEM, "out of memory");
    int rc = children_open(s->base, &s->children, err);
    if (rc)
        return rc;
    s->alerts = alerts_new(s->children);
    return s->alerts ? firing_open(s, err) : err_set(err, E_SYSTEM, "out of memory");
}

/* The first configuration; the loop runs until it is there. */
struct first {
    struct config *config;
    json_t *problems;
    struct err err;
    bool done;
};

static void on_first(void *context, struct prepared *p)
{
    struct first *f = context;

    f->config = p->config;
    p->config = NULL;
    f->problems = json_incref(p->problems);
    f->err = p->err;
    f->done = true;
}

static int load_first(struct supervisor *s, struct config **config, json_t **problems, struct err *err)
{
    struct first f = {0};
    int rc = prepare_start(s->base, s->children, s->config_path, s->env_file, on_first, &f, &s->prepare, err);

    if (rc)
        return rc;
    while (!f.done && !event_base_got_break(s->base))
        event_base_loop(s->base, EVLOOP_ONCE);
    if (!f.done) {
        prepare_cancel(s->prepare);
        s->prepare = NULL;
        return err_set(err, SLUICE_E_CANCELLED, "stopped while the configuration was read");
    }
    s->prepare = NULL;
    *problems = f.problems;
    *config = f.config;
    *err = f.err;
    return f.config ? SLUICE_OK : f.err.code;
}

int supervisor_open(const struct supervisor_options *options, struct supervisor **out, json_t **problems,
                    struct err *err)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    struct config *config = NULL;
    int rc = s ? open_parts(s, options, err) : err_set(err, E_SYSTEM, "out of memory");

    *problems = NULL;
    if (!rc)
        rc = load_first(s, &config, problems, err);
    if (!rc)
        rc = reload_apply(s, config, err);
    if (!rc)
        rc = store_thread_open(supervisor_config(s)->store_url, s->base, &s->store, err);
    if (rc) {
        supervisor_free(s);
        return rc;
    }
    *out = s;
    return SLUICE_OK;
}

int supervisor_begin(struct supervisor *s, struct err *err)
{
    (void)err;
    s->begun = true;
    recall_begin(s);
    beat_begin(s);
    return SLUICE_OK;
}

/* ---- Close ---- */

void supervisor_mind_idle(struct supervisor *s)
{
    void (*idle)(void *context) = s->idle;

    if (!s->stopping || s->running || (s->asks && !s->hurries) || !idle)
        return;
    s->idle = NULL;
    idle(s->idle_context);
}

static void on_hurry(evutil_socket_t fd, short what, void *context)
{
    struct supervisor *s = context;

    (void)fd;
    (void)what;
    s->hurries = true;
    for (struct turn *t = s->running, *next; t; t = next) {
        next = t->next;
        turn_leave_row(t);
    }
    supervisor_mind_idle(s);
}

/* The store may take HURRY_SECONDS for what there still is to tell it. */
static void hurry(struct supervisor *s)
{
    const struct timeval tv = {HURRY_SECONDS, 0};

    if (!s->hurry)
        s->hurry = evtimer_new(s->base, on_hurry, s);
    if (s->hurry && !evtimer_pending(s->hurry, NULL))
        evtimer_add(s->hurry, &tv);
}

void supervisor_stop(struct supervisor *s, void (*idle)(void *context), void *context)
{
    bool again = s->stopping;

    s->stopping = true;
    if (again) {
        hurry(s);
    } else {
        s->idle = idle;
        s->idle_context = context;
        firing_close(s);
        recall_close(s);
        reload_cancel(s);
    }
    while (s->waiting) { /* not claimed: it is caught up with */
        struct turn *turn = s->waiting;
        queue_remove(turn);
        turn_give_up(turn, SLUICE_E_CANCELLED, "the daemon stops");
    }
    for (struct turn *t = s->running; t; t = t->next)
        turn_stop(t, again);
    supervisor_mind_idle(s);
}

void supervisor_free(struct supervisor *s)
{
    if (!s)
        return;
    s->stopping = true;
    s->idle = NULL;
    reload_cancel(s);
    firing_close(s);
    recall_close(s);
    store_thread_close(s->store);
    beat_close(s);
    for (size_t i = 0; i < s->job_count; i++)
        job_free(s->jobs[i]);
    free(s->jobs);
    while (s->generations)
        generation_release(s, s->generations);
    alerts_free(s->alerts);
    if (s->children)
        children_settle(s->children);
    children_close(s->children);
    metrics_free(s->metrics);
    if (s->pump)
        event_free(s->pump);
    if (s->hurry)
        event_free(s->hurry);
    free(s->config_path);
    free(s->env_file);
    free(s);
}

/* ---- What is in force ---- */

const struct config *supervisor_config(const struct supervisor *s)
{
    return s->generations->config;
}

uint64_t supervisor_generation(const struct supervisor *s)
{
    return s->number;
}

struct store_thread *supervisor_store(struct supervisor *s)
{
    return s->store;
}

struct metrics *supervisor_metrics(struct supervisor *s)
{
    return s->metrics;
}

/* The one of all partitions, else one of some, rather one that runs. */
static const struct turn *active_turn(const struct supervisor *s, const struct job *job)
{
    bool waits = true;

    if (job->turn)
        return job->turn;
    for (const struct turn *turn = job->parts; turn; turn = turn->sibling) {
        queue_find(s, turn->run_id, &waits);
        if (!waits)
            return turn;
    }
    return job->parts;
}

static void tell_job(const struct supervisor *s, const struct job *job, struct supervisor_job *out)
{
    const struct turn *turn = active_turn(s, job);
    bool waits = false;

    *out = (struct supervisor_job){.job = job->config,
                                   .paused = job->paused,
                                   .run_id = "",
                                   .last_run = job->last_run,
                                   .next_run_us = job->config->enabled && !job->paused ? job->next_us : 0,
                                   .last_success_us = job->last_success_us};
    if (!turn)
        return;
    queue_find(s, turn->run_id, &waits);
    out->running = !waits;
    out->queued = waits;
    out->run_id = turn->run_id;
    out->progress = turn->progress;
}

size_t supervisor_job_count(const struct supervisor *s)
{
    return s->job_count;
}

void supervisor_job(const struct supervisor *s, size_t index, struct supervisor_job *out)
{
    tell_job(s, s->jobs[index], out);
}

bool supervisor_find_job(const struct supervisor *s, const char *name, struct supervisor_job *out)
{
    const struct job *job = supervisor_job_of(s, name);

    if (job)
        tell_job(s, job, out);
    return job != NULL;
}

bool supervisor_find_run(const struct supervisor *s, const char *run_id, struct supervisor_active *out)
{
    bool waits;
    const struct turn *turn = queue_find(s, run_id, &waits);

    if (!turn || strcmp(turn->run_id, run_id) != 0)
        return false;
    *out = (struct supervisor_active){.job = turn->job ? turn->job->config : NULL,
                                      .run_id = turn->run_id,
                                      .partition = turn->partition ? turn->partition : "",
                                      .partitions = turn->partitions,
                                      .queued = waits};
    return true;
}

/* ---- What can be asked for ---- */

static bool add_waiter(struct turn *turn, const struct supervisor_request *r)
{
    struct waiter *w = r->done ? calloc(1, sizeof(*w)) : NULL;

    if (!r->done)
        return true;
    if (!w)
        return false;
    *w = (struct waiter){turn->waiters, r->done, r->context};
    turn->waiters = w;
    return true;
}

int supervisor_run(struct supervisor *s, const struct supervisor_request *r, char run_id[RUN_ID_SIZE], struct err *err)
{
    struct job *job = supervisor_job_of(s, r->job);
    const struct turn_part part = {r->partition, r->partitions};

    if (s->stopping)
        return err_set(err, SLUICE_E_CANCELLED, "the daemon stops");
    if (!job)
        return err_set(err, E_NOT_FOUND, "there is no job \"%s\"", r->job);
    if (!job->config->enabled)
        return err_set(err, SLUICE_E_CONFIG, "job %s is not enabled", r->job);
    struct turn *turn = queue_in_way(job, &part);
    if (turn) {
        snprintf(run_id, RUN_ID_SIZE, "%s", turn->run_id);
        return err_set(err, E_BUSY, "%s is already running: run %s", r->job, turn->run_id);
    }
    turn = queue_add(job, r->full, &part, false, 0);
    if (!turn)
        return err_set(err, E_SYSTEM, "out of memory");
    if (!add_waiter(turn, r)) {
        queue_remove(turn);
        turn_give_up(turn, E_SYSTEM, "out of memory");
        return err_set(err, E_SYSTEM, "out of memory");
    }
    snprintf(run_id, RUN_ID_SIZE, "%s", turn->run_id);
    return SLUICE_OK;
}

static void unask_in(struct turn *list, const void *context)
{
    for (struct turn *t = list; t; t = t->next) {
        for (struct waiter *w = t->waiters; w; w = w->next) {
            if (w->context == context)
                w->done = NULL;
        }
    }
}

void supervisor_unask(struct supervisor *s, const void *context)
{
    unask_in(s->waiting, context);
    unask_in(s->running, context);
}

int supervisor_cancel(struct supervisor *s, const char *run_id, struct err *err)
{
    bool waits;
    struct turn *turn = queue_find(s, run_id, &waits);

    if (!turn)
        return err_set(err, E_NOT_FOUND, "run \"%s\" neither runs nor waits here", run_id);
    if (waits) {
        queue_remove(turn);
        turn_give_up(turn, SLUICE_E_CANCELLED, "cancelled before it began");
    } else {
        turn_stop(turn, false);
    }
    return SLUICE_OK;
}
