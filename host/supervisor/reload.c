/* reload.c - a configuration that was prepared is put in force, or not.
 *
 * Runs go on with the configuration they began with; jobs that stay keep their timers and their state, those that wait
 * run with the new one. A reload that is asked for while one reads is done after it, once, however often it was asked
 * for: so at least one begins after the last signal.
 */
#include "inner.h"

#include "clock.h"
#include "log.h"
#include "redact.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reload_waiter {
    struct reload_waiter *next;
    void (*done)(void *context, const json_t *answer);
    void *context;
};

/* ---- Generations ---- */

struct generation *generation_retain(struct generation *g)
{
    g->refs++;
    return g;
}

void generation_release(struct supervisor *s, struct generation *g)
{
    if (--g->refs > 0)
        return;
    struct generation **at = &s->generations;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    config_free(g->config);
    free(g);
}

const struct config *supervisor_retain(struct supervisor *s)
{
    return generation_retain(s->generations)->config;
}

void supervisor_release(struct supervisor *s, const struct config *config)
{
    struct generation *g = s->generations;

    while (g && g->config != config)
        g = g->next;
    if (g)
        generation_release(s, g);
}

/* What is masked: the secrets of every configuration that is still used. */
static bool hide_secrets(const struct supervisor *s)
{
    bool hidden = true;

    redact_forget();
    for (const struct generation *g = s->generations; g; g = g->next)
        hidden = config_hide_secrets(g->config) && hidden;
    return hidden;
}

/* ---- Jobs ---- */

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool same_schedule(const struct config_job *a, const struct config_job *b)
{
    return same(a->schedule, b->schedule) && same(a->full_schedule, b->full_schedule) &&
           same(a->timezone, b->timezone) && a->enabled == b->enabled;
}

/* The job goes on under another configuration; a schedule that changed has missed nothing yet. */
static void carry_over(struct job *from, struct job *to)
{
    int64_t now = clock_wall_us();

    to->recalled = from->recalled;
    to->paused = from->paused;
    to->first_seen_us = from->first_seen_us;
    to->held_us = from->held_us;
    to->last_success_us = from->last_success_us;
    to->last_run = from->last_run;
    from->last_run = NULL;
    to->starts = from->starts;
    to->again = from->again;
    to->again_full = from->again_full;
    to->again_us = from->again_us;
    to->table.last_fire = from->table.last_fire;
    to->next_us = timetable_next(&to->table, now);
    if (!same_schedule(from->config, to->config) && to->recalled)
        firing_forget_missed(to, now);
    to->turn = from->turn;
    to->parts = from->parts;
    from->turn = from->parts = NULL;
    if (to->turn)
        to->turn->job = to;
    for (struct turn *turn = to->parts; turn; turn = turn->sibling)
        turn->job = to;
    if (from->retry && event_pending(from->retry, EV_TIMEOUT, NULL))
        firing_carry_retry(from, to);
}

static bool turn_waits(const struct turn *turn)
{
    bool waits;

    return queue_find(turn->s, turn->run_id, &waits) == turn && waits;
}

/* The job is gone or disabled: what runs goes on, what waits does not begin. */
static void let_go(struct job *job, const char *why)
{
    for (struct turn *turn; (turn = job->turn ? job->turn : job->parts) != NULL;) {
        queue_leave_job(turn);
        if (turn_waits(turn)) {
            queue_remove(turn);
            turn_give_up(turn, SLUICE_E_CANCELLED, why);
        }
    }
}

static void retire(struct job *job)
{
    log_line(LOG_INFO, job->config->name, "no longer in the configuration");
    let_go(job, "a reload took the job away before the run began");
}

static size_t count_jobs(const struct config *config)
{
    size_t n = 0;

    for (size_t c = 0; c < config->connector_count; c++)
        n += config->connectors[c].job_count;
    return n;
}

static struct job **new_jobs(struct supervisor *s, const struct config *config, size_t *count)
{
    struct job **jobs = calloc(count_jobs(config) + 1, sizeof(struct job *));

    *count = 0;
    for (size_t c = 0; jobs && c < config->connector_count; c++) {
        for (size_t j = 0; j < config->connectors[c].job_count; j++) {
            jobs[*count] = job_new(s, config, &config->connectors[c].jobs[j], jobs, *count);
            if (jobs[*count]) {
                ++*count;
                continue;
            }
            while (*count > 0)
                job_free(jobs[--*count]);
            free(jobs);
            return NULL;
        }
    }
    return jobs;
}

static void meet(struct job *job, struct job *old, bool first)
{
    if (!old) {
        job->starts = job->config->on_start && job->config->enabled;
        if (!first)
            log_line(LOG_INFO, job->config->name, "new in the configuration");
        return;
    }
    if (!same(old->hash, job->hash))
        log_line(LOG_INFO, job->config->name, "changed");
    carry_over(old, job);
    if (job->config->enabled && !old->config->enabled)
        job->starts = job->config->on_start;
    if (!job->config->enabled) {
        job->again = job->starts = false;
        let_go(job, "a reload disabled the job before the run began");
    }
}

/* ---- In force ---- */

int reload_apply(struct supervisor *s, struct config *config, struct err *err)
{
    struct generation *g = calloc(1, sizeof(*g)), *old = s->generations;
    struct job **before = s->jobs, **jobs;
    size_t before_count = s->job_count, count = 0;

    jobs = g ? new_jobs(s, config, &count) : NULL;
    if (!jobs) {
        free(g);
        config_free(config);
        return err_set(err, E_SYSTEM, "out of memory");
    }
    *g = (struct generation){.next = old, .config = config, .refs = 1};
    s->generations = g;
    s->number++;
    if (!hide_secrets(s))
        log_line(LOG_ERROR, NULL, "out of memory: some secrets may not be masked");
    for (size_t i = 0; i < count; i++)
        meet(jobs[i], supervisor_job_of(s, jobs[i]->config->name), before_count == 0);
    s->jobs = jobs;
    s->job_count = count;
    alerts_configure(s->alerts, config);
    for (size_t i = 0; i < before_count; i++) {
        if (!supervisor_job_of(s, before[i]->config->name))
            retire(before[i]);
        job_free(before[i]);
    }
    free(before);
    if (old) {
        generation_release(s, old);
        hide_secrets(s);
    }
    event_active(s->pump, 0, 0);
    return SLUICE_OK;
}

/* ---- Asking for it ---- */

static void tell(struct supervisor *s, json_t *answer)
{
    struct reload_waiter *w = s->reload_now;

    s->reload_now = NULL;
    while (w) {
        struct reload_waiter *next = w->next;
        if (w->done)
            w->done(w->context, answer);
        free(w);
        w = next;
    }
    json_decref(answer);
}

static void add_error(json_t *errors, const char *file, json_int_t line, const char *text)
{
    char where[24] = "";

    if (line)
        snprintf(where, sizeof(where), ":%lld", (long long)line);
    json_t *error = json_sprintf("%s%s: %s", file, where, text);
    log_line(LOG_ERROR, NULL, "reload: %s", json_string_value(error) ? json_string_value(error) : text);
    json_array_append_new(errors, error);
}

static void refuse(struct supervisor *s, json_t *errors)
{
    log_line(LOG_ERROR, NULL, "reload: refused; generation %llu stays in force", (unsigned long long)s->number);
    metrics_reload(s->metrics, false);
    tell(s, json_pack("{s:I, s:b, s:o}", "generation", (json_int_t)s->number, "applied", 0, "errors", errors));
}

static json_t *prepare_errors(const struct prepared *p)
{
    json_t *errors = json_array();

    for (size_t i = 0; i < json_array_size(p->problems); i++) {
        const json_t *one = json_array_get(p->problems, i);
        const char *file = json_string_value(json_object_get(one, "file"));
        const char *text = json_string_value(json_object_get(one, "text"));
        add_error(errors, file ? file : "", json_integer_value(json_object_get(one, "line")), text ? text : "");
    }
    if (json_array_size(errors) == 0)
        add_error(errors, "sluice", 0, p->err.msg);
    return errors;
}

static json_t *fixed_errors(struct supervisor *s, const struct config *config)
{
    struct config_problems problems = {0};
    json_t *errors = NULL;

    config_check_fixed(supervisor_config(s), config, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        if (!errors)
            errors = json_array();
        add_error(errors, problems.list[i].file, problems.list[i].line, problems.list[i].text);
    }
    config_problems_free(&problems);
    return errors;
}

/* What was counted of jobs that are gone is no longer told. */
static void keep_metrics(const struct supervisor *s)
{
    const struct config *config = supervisor_config(s);
    const char **jobs = calloc(s->job_count + 1, sizeof(*jobs));
    const char **connectors = calloc(config->connector_count + 1, sizeof(*connectors));

    for (size_t i = 0; jobs && i < s->job_count; i++)
        jobs[i] = s->jobs[i]->config->name;
    for (size_t i = 0; connectors && i < config->connector_count; i++)
        connectors[i] = config->connectors[i].name;
    if (jobs && connectors)
        metrics_keep(s->metrics, jobs, s->job_count, connectors, config->connector_count);
    free(jobs);
    free(connectors);
}

static void put_in_force(struct supervisor *s, struct config *config)
{
    struct err err = {0};

    if (reload_apply(s, config, &err)) {
        json_t *errors = json_array();
        add_error(errors, s->config_path, 0, err.msg);
        refuse(s, errors);
        return;
    }
    log_line(LOG_INFO, NULL, "reload: generation %llu is in force: %zu jobs", (unsigned long long)s->number,
             s->job_count);
    metrics_reload(s->metrics, true);
    keep_metrics(s);
    recall_begin(s);
    firing_look(s);
    tell(s, json_pack("{s:I, s:b}", "generation", (json_int_t)s->number, "applied", 1));
}

static void start_reload(struct supervisor *s);

static void on_prepared(void *context, struct prepared *p)
{
    struct supervisor *s = context;
    json_t *errors = p->config ? fixed_errors(s, p->config) : prepare_errors(p);

    s->prepare = NULL;
    if (errors || !p->config) {
        config_free(p->config);
        refuse(s, errors);
    } else {
        put_in_force(s, p->config);
    }
    p->config = NULL;
    malloc_trim(0);
    if (s->reload_again)
        start_reload(s);
}

static void start_reload(struct supervisor *s)
{
    struct err err = {0};

    s->reload_again = false;
    s->reload_now = s->reload_next;
    s->reload_next = NULL;
    if (prepare_start(s->base, s->children, s->config_path, s->env_file, on_prepared, s, &s->prepare, &err)) {
        json_t *errors = json_array();
        s->prepare = NULL;
        add_error(errors, s->config_path, 0, err.msg);
        refuse(s, errors);
    }
}

void supervisor_reload(struct supervisor *s, void (*done)(void *context, const json_t *answer), void *context)
{
    struct reload_waiter *w = done ? calloc(1, sizeof(*w)) : NULL;

    if (w) {
        *w = (struct reload_waiter){s->reload_next, done, context};
        s->reload_next = w;
    }
    s->reload_again = true;
    if (!s->prepare && !s->stopping)
        start_reload(s);
}

void reload_cancel(struct supervisor *s)
{
    prepare_cancel(s->prepare);
    s->prepare = NULL;
    s->reload_again = false;
    tell(s, json_pack("{s:I, s:b, s:[s]}", "generation", (json_int_t)s->number, "applied", 0, "errors",
                      "the daemon stops"));
    s->reload_now = s->reload_next;
    s->reload_next = NULL;
    tell(s, json_pack("{s:I, s:b, s:[s]}", "generation", (json_int_t)s->number, "applied", 0, "errors",
                      "the daemon stops"));
}
