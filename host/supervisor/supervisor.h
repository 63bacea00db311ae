/* supervisor.h - the daemon's core: which jobs there are, when they run, what runs now.
 *
 * A run is asked for by a schedule or by a caller. It waits in the lane of its connector, where one run at a time goes,
 * and for one of `limits.max_runs` places; what a job needs first runs first, in the same turn. A job that waits or
 * runs is not asked for again, but other partitions of it are. Everything here is answered from memory; what needs SQL
 * goes through the store thread.
 *
 * Threads: the loop's only. What is handed out lives until the loop runs again, unless it says otherwise.
 */
#ifndef SLUICE_SUPERVISOR_SUPERVISOR_H
#define SLUICE_SUPERVISOR_SUPERVISOR_H

#include "config.h"
#include "err.h"
#include "launch.h"
#include "run.h"

#include <event2/event.h>

struct supervisor; /* opaque */
struct store_thread;
struct metrics;

struct supervisor_options {
    struct event_base *base;
    const char *config_path, *env_file; /* env_file: NULL as the config says */
};

/* Load the configuration, which may take as long as its plugins take to describe themselves, and get ready; nothing
 * runs before supervisor_begin(). E_* with *problems (new reference or NULL, a list of {"file","line","text"}). */
int supervisor_open(const struct supervisor_options *options, struct supervisor **out, json_t **problems,
                    struct err *err);

/* From now on fire. */
int supervisor_begin(struct supervisor *s, struct err *err);

/* Start nothing any more and tell what runs to end; `idle` is called when nothing runs. A second call ends all at once.
 */
void supervisor_stop(struct supervisor *s, void (*idle)(void *context), void *context);

void supervisor_free(struct supervisor *s); /* NULL is fine */

/* ---- What is in force ---- */

/* The configuration in force, and its number, 1 for the first. */
const struct config *supervisor_config(const struct supervisor *s);
uint64_t supervisor_generation(const struct supervisor *s);

/* Keep a configuration beyond the next reload: pair with supervisor_release(). */
const struct config *supervisor_retain(struct supervisor *s);
void supervisor_release(struct supervisor *s, const struct config *config);

struct store_thread *supervisor_store(struct supervisor *s);
struct metrics *supervisor_metrics(struct supervisor *s);

/* A job as it is now. */
struct supervisor_job {
    const struct config_job *job;
    bool paused, running, queued;
    const char *run_id;     /* of the run that runs or waits, first one of all partitions; "" */
    const json_t *last_run; /* the newest that ended, as `run --json` tells it; NULL: none is known */
    const json_t *progress; /* of the run that runs, the newest "progress" event; NULL: none yet */
    int64_t next_run_us;    /* wall time, jitter included; 0: none */
    int64_t last_success_us; /* wall time of the end of the last good run; 0: none is known */
};
size_t supervisor_job_count(const struct supervisor *s);
void supervisor_job(const struct supervisor *s, size_t index, struct supervisor_job *out);
bool supervisor_find_job(const struct supervisor *s, const char *name, struct supervisor_job *out);

/* A run of this daemon that runs or waits. */
struct supervisor_active {
    const struct config_job *job; /* NULL: a reload has taken it away */
    const char *run_id;
    const char *partition;    /* which it is of; "": of some or all, or there are none */
    const json_t *partitions; /* ids: of just these; NULL: all */
    bool queued;              /* it waits */
};
bool supervisor_find_run(const struct supervisor *s, const char *run_id, struct supervisor_active *out);

/* ---- What can be asked for ---- */

struct supervisor_request {
    const char *job;
    const char *partition;    /* just this one, as a run of its own; NULL: all */
    const json_t *partitions; /* ids: just these, in one run; NULL: all */
    bool full;
    /* Called once, from the loop and never from within supervisor_run(). `result` lives for the call. NULL: nobody
     * wants to know. */
    void (*done)(void *context, const struct launch_result *result);
    void *context;
};

/* Run a job as soon as there is a place; run_id gets the id that its run will have. E_NOT_FOUND; SLUICE_E_CONFIG for
 * one that is not enabled; E_BUSY when it, or one of these partitions, waits or runs: run_id is then that run's;
 * SLUICE_E_CANCELLED while the daemon stops. */
int supervisor_run(struct supervisor *s, const struct supervisor_request *request, char run_id[RUN_ID_SIZE],
                   struct err *err);

/* Nobody wants to hear of this run any more; it goes on. */
void supervisor_unask(struct supervisor *s, const void *context);

/* End a run of this daemon that runs or waits. E_NOT_FOUND when it is not one. */
int supervisor_cancel(struct supervisor *s, const char *run_id, struct err *err);

/* Stop or let go the schedule of a job; kept in the store. `done` is called from the loop, once; rc is 0 or a code with
 * err. E_NOT_FOUND at once. */
int supervisor_pause(struct supervisor *s, const char *name, bool paused,
                     void (*done)(void *context, int rc, const struct err *err), void *context, struct err *err);

/* Read the configuration again and put it in force, or not. `done` (may be NULL) is called from the loop, after the
 * fact, with {"generation":7,"applied":true} or {"generation":6,"applied":false,"errors":["file:line: text",…]}; the
 * answer lives for the call. Calls that come while a reload reads share the next one, which starts after it. */
void supervisor_reload(struct supervisor *s, void (*done)(void *context, const json_t *answer), void *context);

#endif
