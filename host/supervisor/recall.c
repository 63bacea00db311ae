/* recall.c - what the store remembers of the jobs, asked for and told through the store thread.
 *
 * Until the store has told each job's last fire nothing fires, since it would not be known what was missed; it is asked
 * again until it answers. Then old history is forgotten now and every few hours, a piece at a time.
 */
#include "inner.h"

#include "clock.h"
#include "history.h"
#include "hosts.h"
#include "jobs.h"
#include "ledger.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REMEMBERED        20                      /* runs of a job, for the state of its alerts */
#define ASK_AGAIN_SECONDS 1                       /* doubled each time */
#define ASK_AGAIN_MAX     30
#define FORGET_SECONDS    (6 * 3600)
#define FORGET_AT_ONCE    500

/* ---- What the store remembers ---- */

/* A job as the store knows it; filled in by the store thread. */
struct memory {
    char *job;
    int64_t last_fire, last_good;
    bool paused;
    json_t *runs; /* newest first */
};

/* One ask about some jobs. */
struct recall {
    struct supervisor *s;
    bool first; /* of all jobs, at the start */
    int64_t now;
    struct memory *jobs;
    size_t count;
};

static void free_recall(void *context)
{
    struct recall *r = context;

    for (size_t i = 0; i < r->count; i++) {
        free(r->jobs[i].job);
        json_decref(r->jobs[i].runs);
    }
    free(r->jobs);
    free(r);
}

static struct recall *new_recall(struct supervisor *s, struct job *const *jobs, size_t count)
{
    struct recall *r = calloc(1, sizeof(*r));

    if (r)
        r->jobs = calloc(count + 1, sizeof(*r->jobs));
    if (!r || !r->jobs) {
        free(r);
        return NULL;
    }
    r->s = s;
    r->now = clock_wall_us();
    for (; r->count < count; r->count++) {
        struct memory *m = &r->jobs[r->count];
        *m = (struct memory){.job = strdup(jobs[r->count]->config->name), .runs = json_array()};
        if (m->job && m->runs)
            continue;
        r->count++;
        free_recall(r);
        return NULL;
    }
    return r;
}

static int keep_run(const struct run *run, void *context)
{
    return json_array_append_new(context, run_json(run)) ? E_SYSTEM : 0;
}

static int keep_job(const char *job, int64_t last_fire, bool paused, void *context)
{
    struct recall *r = context;

    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->jobs[i].job, job) == 0) {
            r->jobs[i].last_fire = last_fire;
            r->jobs[i].paused = paused;
        }
    }
    return 0;
}

/* In the store thread. */
static int work_recall(struct db *db, void *context, struct err *err)
{
    struct recall *r = context;
    int rc = r->first ? ledger_close_dead(db, NULL, err) : SLUICE_OK;

    if (rc >= 0)
        rc = db_begin(db, err);
    for (size_t i = 0; rc >= 0 && i < r->count; i++)
        rc = jobs_meet(db, r->jobs[i].job, r->now, err);
    if (rc >= 0)
        rc = db_commit(db, err);
    else
        db_rollback(db);
    if (rc >= 0)
        rc = jobs_list(db, keep_job, r, err);
    for (size_t i = 0; rc >= 0 && i < r->count; i++) {
        struct memory *m = &r->jobs[i];
        rc = ledger_recent(db, m->job, REMEMBERED, keep_run, m->runs, err);
        if (rc >= 0)
            rc = ledger_last_good(db, m->job, &m->last_good, err);
    }
    return rc;
}

static void take_memory(struct job *job, const struct memory *m, int64_t now)
{
    job->paused = m->paused;
    job->table.last_fire = m->last_fire;
    job->last_success_us = m->last_good;
    if (!job->last_run)
        job->last_run = json_incref(json_array_get(m->runs, 0));
    alerts_remember(job->s->alerts, job->config, m->runs);
    if (timetable_is_ahead(&job->table, now))
        firing_forget_missed(job, now);
    job->next_us = timetable_next(&job->table, now);
}

static void ask_again_in(struct supervisor *s, int seconds)
{
    struct timeval tv = {seconds, 0};

    if (s->recall)
        evtimer_add(s->recall, &tv);
}

static void done_recall(void *context, int rc, const struct err *err)
{
    struct recall *r = context;
    struct supervisor *s = r->s;

    if (rc < 0) {
        int seconds = ASK_AGAIN_SECONDS << (s->recall_tries < 5 ? s->recall_tries : 5);
        if (s->recall_tries++ == 0)
            log_line(LOG_ERROR, NULL, "%s; %s is run by schedule until the store answers", err->msg,
                     s->recalled ? "no new job" : "nothing");
        ask_again_in(s, seconds < ASK_AGAIN_MAX ? seconds : ASK_AGAIN_MAX);
        return;
    }
    if (s->recall_tries)
        log_line(LOG_INFO, NULL, "the store answers");
    s->recall_tries = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct job *job = supervisor_job_of(s, r->jobs[i].job);
        if (job && !job->recalled) {
            job->recalled = true;
            take_memory(job, &r->jobs[i], clock_wall_us());
        }
    }
    s->recalled = true;
    ask_again_in(s, 1); /* from now on, to forget */
    firing_look(s);
}

/* Ask about every job that is not known yet. */
static void ask_recall(struct supervisor *s)
{
    struct job **jobs = calloc(s->job_count + 1, sizeof(struct job *));
    size_t count = 0;

    for (size_t i = 0; jobs && i < s->job_count; i++) {
        if (!s->jobs[i]->recalled)
            jobs[count++] = s->jobs[i];
    }
    struct recall *r = jobs ? new_recall(s, jobs, count) : NULL;
    free(jobs);
    if (!r)
        return;
    r->first = !s->recalled;
    const struct store_ask ask = {.work = work_recall, .done = done_recall, .drop = free_recall, .context = r};
    if (store_thread_ask(s->store, &ask))
        return;
    free_recall(r);
    ask_again_in(s, ASK_AGAIN_SECONDS);
}

/* ---- What is to be forgotten ---- */

struct forget {
    struct supervisor *s;
    int64_t runs_before, rejects_before;
    int64_t runs, rejects;
};

static int work_forget(struct db *db, void *context, struct err *err)
{
    struct forget *f = context;
    int rc = history_forget_runs(db, f->runs_before, FORGET_AT_ONCE, &f->runs, err);

    if (rc >= 0)
        rc = history_forget_rejects(db, f->rejects_before, FORGET_AT_ONCE, &f->rejects, err);
    return rc < 0 ? rc : hosts_forget(db, err);
}

static void done_forget(void *context, int rc, const struct err *err)
{
    const struct forget *f = context;
    bool more = rc >= 0 && (f->runs >= FORGET_AT_ONCE || f->rejects >= FORGET_AT_ONCE);

    if (rc < 0)
        log_line(LOG_WARN, NULL, "history is not forgotten: %s", err->msg);
    ask_again_in(f->s, more ? 1 : FORGET_SECONDS);
}

static void ask_forget(struct supervisor *s)
{
    const struct config *config = supervisor_config(s);
    struct forget *f = calloc(1, sizeof(*f));
    int64_t now = clock_wall_us();

    if (!f)
        return;
    *f = (struct forget){
        .s = s, .runs_before = now - config->history_runs_us, .rejects_before = now - config->history_rejects_us};
    const struct store_ask ask = {.work = work_forget, .done = done_forget, .drop = free, .context = f};
    if (store_thread_ask(s->store, &ask))
        return;
    free(f);
    ask_again_in(s, FORGET_SECONDS);
}

static bool knows_all(const struct supervisor *s)
{
    for (size_t i = 0; i < s->job_count; i++) {
        if (!s->jobs[i]->recalled)
            return false;
    }
    return s->recalled;
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    struct supervisor *s = context;

    (void)fd;
    (void)what;
    if (s->stopping)
        return;
    if (knows_all(s))
        ask_forget(s);
    else
        ask_recall(s);
}

void recall_begin(struct supervisor *s)
{
    if (!s->recall)
        s->recall = evtimer_new(s->base, on_time, s);
    ask_recall(s);
}

void recall_close(struct supervisor *s)
{
    if (s->recall)
        event_free(s->recall);
    s->recall = NULL;
}

/* ---- What the store is told ---- */

#define FIRE_DONE  0 /* not to be caught up with */
#define FIRE_UNDO  1 /* to be caught up with */
#define FIRE_RESET 2 /* whatever it was */

struct fire_note {
    struct supervisor *s;
    char *job;
    int64_t fire_us;
    int what;
};

static int work_fire(struct db *db, void *context, struct err *err)
{
    const struct fire_note *n = context;
    bool claimed;

    if (n->what == FIRE_DONE)
        return jobs_claim(db, n->job, n->fire_us, &claimed, err);
    return jobs_set_fire(db, n->job, n->what == FIRE_UNDO ? n->fire_us - 1000 : n->fire_us, err);
}

static void done_fire(void *context, int rc, const struct err *err)
{
    const struct fire_note *n = context;

    if (rc < 0 && !n->s->notes_fail)
        log_line(LOG_WARN, n->job, "its last fire is not noted, nor are others until the store answers: %s", err->msg);
    n->s->notes_fail = rc < 0;
    n->s->asks--;
    supervisor_mind_idle(n->s);
}

static void drop_fire(void *context)
{
    struct fire_note *n = context;

    free(n->job);
    free(n);
}

static void note_fire(struct supervisor *s, const char *job, int64_t fire_us, int what)
{
    struct fire_note *n = fire_us ? calloc(1, sizeof(*n)) : NULL;

    if (!n)
        return;
    *n = (struct fire_note){.s = s, .job = strdup(job), .fire_us = fire_us, .what = what};
    const struct store_ask ask = {.work = work_fire, .done = done_fire, .drop = drop_fire, .context = n};
    if (n->job && store_thread_ask(s->store, &ask)) {
        s->asks++;
        return;
    }
    if (!s->notes_fail)
        log_line(LOG_WARN, job, "its last fire is not noted: too much waits for the store");
    s->notes_fail = true;
    drop_fire(n);
}

void recall_note_fire(struct supervisor *s, const char *job, int64_t fire_us)
{
    note_fire(s, job, fire_us, FIRE_DONE);
}

void recall_unfire(struct supervisor *s, const char *job, int64_t fire_us)
{
    note_fire(s, job, fire_us, FIRE_UNDO);
}

void recall_set_fire(struct supervisor *s, const char *job, int64_t fire_us)
{
    note_fire(s, job, fire_us, FIRE_RESET);
}

/* ---- Pause ---- */

struct pause {
    struct supervisor *s;
    char *job;
    bool paused;
    int64_t now;
    bool stored;  /* by the store thread */
    bool applied; /* by the loop */
    void (*done)(void *context, int rc, const struct err *err);
    void *context;
};

static int work_pause(struct db *db, void *context, struct err *err)
{
    struct pause *p = context;
    int rc = jobs_meet(db, p->job, p->now, err);

    if (rc >= 0)
        rc = jobs_set_paused(db, p->job, p->paused, err);
    p->stored = rc >= 0;
    return rc;
}

static void apply_pause(struct pause *p)
{
    struct job *job = supervisor_job_of(p->s, p->job);

    p->applied = true;
    if (!job)
        return;
    log_line(LOG_INFO, p->job, p->paused ? "paused" : "resumed");
    job->paused = p->paused;
    firing_forget_retry(job);
    if (!p->paused) /* what is missed during a pause is not caught up with */
        firing_forget_missed(job, clock_wall_us());
    firing_look(p->s);
}

static void done_pause(void *context, int rc, const struct err *err)
{
    struct pause *p = context;

    if (rc >= 0)
        apply_pause(p);
    if (p->done)
        p->done(p->context, rc < 0 ? rc : SLUICE_OK, err);
}

/* What was stored after the deadline, so after the caller was told that it was not, holds all the same. */
static void drop_pause(void *context)
{
    struct pause *p = context;

    if (p->stored && !p->applied && !p->s->stopping)
        apply_pause(p);
    free(p->job);
    free(p);
}

int supervisor_pause(struct supervisor *s, const char *name, bool paused,
                     void (*done)(void *context, int rc, const struct err *err), void *context, struct err *err)
{
    struct pause *p;

    if (!supervisor_job_of(s, name))
        return err_set(err, E_NOT_FOUND, "there is no job \"%s\"", name);
    p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(err, E_SYSTEM, "out of memory");
    *p = (struct pause){
        .s = s, .job = strdup(name), .paused = paused, .now = clock_wall_us(), .done = done, .context = context};
    const struct store_ask ask = {.work = work_pause, .done = done_pause, .drop = drop_pause, .context = p};
    if (p->job && store_thread_ask(s->store, &ask))
        return SLUICE_OK;
    drop_pause(p);
    return err_set(err, E_STORE, "store: too much waits for it");
}

/* ---- A run whose process died ---- */

struct closing {
    char id[RUN_ID_SIZE];
    char status[16];
    char why[1024];
    json_t *run;
    void (*done)(void *context, json_t *run);
    void *context;
};

static int work_close(struct db *db, void *context, struct err *err)
{
    struct closing *c = context;
    int rc = ledger_close(db, c->id, c->status, c->why, NULL, err);

    return rc < 0 ? rc : ledger_run_json(db, c->id, &c->run, err);
}

static void done_close(void *context, int rc, const struct err *err)
{
    const struct closing *c = context;

    if (!c->done)
        return;
    if (rc < 0)
        log_line(LOG_WARN, NULL, "run %s: its row is closed by the next run: %s", c->id, err->msg);
    c->done(c->context, rc < 0 ? NULL : c->run);
}

static void drop_close(void *context)
{
    struct closing *c = context;

    json_decref(c->run);
    free(c);
}

void recall_close_run(struct supervisor *s, const char *id, const char *status, const char *why,
                      void (*done)(void *context, json_t *run), void *context, struct closing **closing)
{
    struct closing *c = *id ? calloc(1, sizeof(*c)) : NULL;

    *closing = NULL;
    if (c) {
        *c = (struct closing){.done = done, .context = context};
        snprintf(c->id, sizeof(c->id), "%s", id);
        snprintf(c->status, sizeof(c->status), "%s", status);
        snprintf(c->why, sizeof(c->why), "%s", why);
        const struct store_ask ask = {.work = work_close, .done = done_close, .drop = drop_close, .context = c};
        *closing = c;
        if (store_thread_ask(s->store, &ask))
            return;
        *closing = NULL;
        free(c);
    }
    done(context, NULL);
}

void recall_forget_closing(struct closing *closing)
{
    closing->done = NULL;
}
