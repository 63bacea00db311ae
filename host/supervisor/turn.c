/* turn.c - one turn: what a job needs first, then the job itself, each as a worker process that the loop watches.
 *
 * A worker is given its deadline and ends itself; one that does not is killed PROCESS_GRACE_US later. A dead worker's
 * row is closed by the store thread before anybody hears of its end.
 */
#include "inner.h"

#include "clock.h"
#include "id.h"
#include "log.h"
#include "spec.h"
#include "steps.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void start_step(struct turn *turn);

static const struct config_job *step_of(const struct turn *turn)
{
    return turn->steps[turn->step];
}

static bool is_own_step(const struct turn *turn)
{
    return turn->step + 1 == turn->step_count;
}

/* ---- Its end ---- */

static void turn_free(struct turn *turn)
{
    while (turn->waiters) {
        struct waiter *w = turn->waiters;
        turn->waiters = w->next;
        free(w);
    }
    if (turn->generation)
        generation_release(turn->s, turn->generation);
    json_decref(turn->progress);
    free(turn->steps);
    free(turn->partition);
    json_decref(turn->partitions);
    free(turn->connector);
    free(turn);
}

void turn_finish(struct turn *turn, const struct launch_result *result)
{
    struct job *job = turn->job;

    queue_leave_job(turn);
    while (turn->waiters) {
        struct waiter *w = turn->waiters;
        turn->waiters = w->next;
        if (w->done)
            w->done(w->context, result);
        free(w);
    }
    if (job)
        firing_ended(job, turn, result);
    turn_free(turn);
}

void turn_give_up(struct turn *turn, int code, const char *why)
{
    struct launch_result result = {.code = code};

    snprintf(result.message, sizeof(result.message), "%s", why);
    turn_finish(turn, &result);
}

static void end_turn(struct turn *turn, const struct launch_result *result)
{
    struct supervisor *s = turn->s;

    queue_finished(turn);
    turn_finish(turn, result);
    supervisor_mind_idle(s);
}

/* ---- The end of a step ---- */

static bool is_complete(const json_t *run)
{
    const char *status = spec_text(run, "status");

    return strcmp(status, "success") == 0 || strcmp(status, "partial") == 0;
}

/* One line for a run. */
static void tell_run(const struct config_job *job, const struct launch_result *result)
{
    const json_t *run = result->run;
    const char *status = spec_text(run, "status"), *error = spec_text(run, "error");
    int level = strcmp(status, "success") == 0 ? LOG_INFO : strcmp(status, "partial") == 0 ? LOG_WARN : LOG_ERROR;

    if (!run) {
        level = result->code == E_BUSY ? LOG_INFO : result->code == SLUICE_E_CANCELLED ? LOG_WARN : LOG_ERROR;
        log_line(level, job->name, "%s", result->message);
        return;
    }
    if (result->code == SLUICE_E_CANCELLED)
        level = LOG_WARN;
    const struct log_field fields[] = {
        LOG_TEXT("run", spec_text(run, "run")),
        LOG_TEXT("mode", spec_text(run, "mode")),
        LOG_TEXT("status", status),
        LOG_NUMBER("total", spec_int(run, "total")),
        LOG_NUMBER("processed", spec_int(run, "processed")),
        LOG_NUMBER("created", spec_int(run, "created")),
        LOG_NUMBER("updated", spec_int(run, "updated")),
        LOG_NUMBER("skipped", spec_int(run, "skipped")),
        LOG_NUMBER("errors", spec_int(run, "errors")),
        LOG_NUMBER("duration_ms", spec_int(run, "duration_ms")),
    };
    log_event(level, job->name, *error ? error : "run ended", fields, sizeof(fields) / sizeof(fields[0]));
    const json_t *warnings = json_object_get(run, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++)
        log_line(LOG_WARN, job->name, "%s", json_string_value(json_array_get(warnings, i)));
}

/* What the daemon remembers of a run, if the job is still there. */
static void note_run(struct turn *turn, const struct config_job *config, const struct launch_result *result)
{
    struct supervisor *s = turn->s;
    struct job *job = supervisor_job_of(s, config->name);

    if (!job)
        return;
    metrics_run(s->metrics, result->run);
    if (result->throttled_us)
        metrics_throttled(s->metrics, config->connector->name, result->throttled_us);
    json_decref(job->last_run);
    job->last_run = json_incref(result->run);
    if (is_complete(result->run))
        job->last_success_us = clock_wall_us();
    /* Partitions may have failed for a reason that passes. */
    if (is_complete(result->run) && !result->code && (turn->scheduled || !turn_is_part(turn)))
        firing_forget_retry(job);
    alerts_run(s->alerts, job->config, result->run);
}

/* What did not even begin has failed as well. The ledger knows nothing of it, so nobody else is told. */
static void note_unrun(const struct turn *turn, const struct config_job *config, const struct launch_result *result)
{
    struct supervisor *s = turn->s;
    const struct job *job = supervisor_job_of(s, config->name);

    if (!job || result->code == E_BUSY || result->code == SLUICE_E_CANCELLED)
        return;
    json_t *run = json_pack("{s:s, s:s, s:s, s:s, s:s}", "job", config->name, "run", turn->run_id, "mode",
                            turn->full ? "full" : "incremental", "status", "failed", "error", result->message);
    if (run)
        alerts_run(s->alerts, job->config, run);
    json_decref(run);
}

/* What the job needs first did not complete, or nobody wants the job any more. */
static void end_unrun(struct turn *turn, const struct launch_result *result, bool complete)
{
    struct launch_result unrun = {.code = complete ? SLUICE_E_CANCELLED : result->code ? result->code : SLUICE_E_LIMIT};

    if (complete)
        snprintf(unrun.message, sizeof(unrun.message), "cancelled before it began");
    else
        snprintf(unrun.message, sizeof(unrun.message), "not run: %s, which runs before it, did not complete: %.512s",
                 step_of(turn)->name, result->message);
    const struct config_job *job = turn->steps[turn->step_count - 1];
    log_line(LOG_ERROR, job->name, "%s", unrun.message);
    note_unrun(turn, job, &unrun);
    end_turn(turn, &unrun);
}

/* The turn goes on with the next step, or has ended. */
static void step_ended(struct turn *turn, struct launch_result *result)
{
    const struct config_job *job = step_of(turn);
    bool complete = result->run && is_complete(result->run);

    tell_run(job, result);
    if (result->run)
        note_run(turn, job, result);
    else
        note_unrun(turn, job, result);
    if (complete && !turn->full && !turn->step_full && !turn->s->stopping && launch_wants_full(job, result->run)) {
        turn->step_full = true;
        id_new(turn->run_id);
        start_step(turn);
    } else if (is_own_step(turn)) {
        end_turn(turn, result);
    } else if (complete && !turn->stopped) {
        turn->step++;
        turn->step_full = false;
        start_step(turn);
    } else {
        end_unrun(turn, result, complete);
    }
    launch_result_free(result);
}

/* ---- The process of a step ---- */

static void free_process(struct turn *turn)
{
    if (turn->events)
        event_free(turn->events);
    if (turn->kill)
        event_free(turn->kill);
    process_free(turn->process);
    turn->events = turn->kill = NULL;
    turn->process = NULL;
    json_decref(turn->progress);
    turn->progress = NULL;
}

/* Its row is closed now, or the store is away: then the next run of the job closes it. */
static void on_closed(void *context, json_t *run)
{
    struct turn *turn = context;
    struct launch_result result;

    turn->closing = NULL;
    process_result(turn->process, turn->wait_status, &result, NULL);
    result.run = json_incref(run);
    free_process(turn);
    step_ended(turn, &result);
}

static void count_exit(const struct turn *turn, const char *closes)
{
    char reason[32] = "result";
    int status = turn->wait_status;

    if (closes && strcmp(closes, "timeout") == 0)
        snprintf(reason, sizeof(reason), "deadline");
    else if (closes && strcmp(closes, "cancelled") == 0)
        snprintf(reason, sizeof(reason), "cancelled");
    else if (closes && WIFSIGNALED(status))
        snprintf(reason, sizeof(reason), "signal %d", WTERMSIG(status));
    else if (closes)
        snprintf(reason, sizeof(reason), "exit %d", WEXITSTATUS(status));
    metrics_worker_exit(turn->s->metrics, reason);
}

/* What the plugin and its host have to say of the run. */
static void tell_log(const struct config_job *job, const json_t *event)
{
    int wanted = launch_log_level(job), level = (int)spec_int(event, "level");

    if (wanted < 0)
        log_line(level, job->name, "%s", spec_text(event, "text"));
    else if (level <= wanted)
        log_say(level, job->name, spec_text(event, "text"));
}

static void on_event(void *context, const json_t *event)
{
    struct turn *turn = context;
    const char *what = spec_text(event, "event");

    if (strcmp(what, "progress") == 0) {
        json_decref(turn->progress);
        turn->progress = json_deep_copy(event);
    } else if (strcmp(what, "log") == 0) {
        tell_log(step_of(turn), event);
    }
}

/* Whatever the process wrote before it died; one that it left behind may still hold the pipe. */
static void read_rest(struct turn *turn)
{
    struct pollfd p = {.fd = process_fd(turn->process), .events = POLLIN};

    while (poll(&p, 1, 0) > 0 && process_read(turn->process, on_event, turn))
        continue;
}

static void on_ended(void *context, pid_t pid, int status)
{
    struct turn *turn = context;
    const char *closes;
    struct launch_result result;

    (void)pid;
    turn->wait_status = status;
    read_rest(turn);
    turn->ended = true;
    process_result(turn->process, status, &result, &closes);
    count_exit(turn, closes);
    children_end_strangers(turn->s->children); /* what a plugin had started, if the worker could not end it */
    if (closes) {
        event_del(turn->events);
        if (turn->kill)
            event_del(turn->kill);
        recall_close_run(turn->s, process_run_id(turn->process), closes, result.message, on_closed, turn,
                         &turn->closing);
        launch_result_free(&result);
        return;
    }
    free_process(turn);
    step_ended(turn, &result);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct turn *turn = context;

    (void)fd;
    (void)what;
    if (!process_read(turn->process, on_event, turn))
        event_del(turn->events); /* its end is told by SIGCHLD */
}

static void on_late(evutil_socket_t fd, short what, void *context)
{
    struct turn *turn = context;

    (void)fd;
    (void)what;
    process_kill(turn->process, true);
}

static bool arm_kill(struct turn *turn)
{
    int64_t at = process_kill_at(turn->process);
    int64_t left = at - clock_mono_us();
    struct timeval tv = {left > 0 ? left / CLOCK_SECOND : 0, left > 0 ? left % CLOCK_SECOND : 0};

    if (!at)
        return true;
    if (!turn->kill)
        turn->kill = evtimer_new(turn->s->base, on_late, turn);
    return turn->kill && evtimer_add(turn->kill, &tv) == 0;
}

static bool watch(struct turn *turn)
{
    int fd = process_fd(turn->process);

    fcntl(fd, F_SETFL, O_NONBLOCK);
    turn->events = event_new(turn->s->base, fd, EV_READ | EV_PERSIST, on_readable, turn);
    return turn->events && event_add(turn->events, NULL) == 0 && arm_kill(turn) &&
           children_add(turn->s->children, process_pid(turn->process), on_ended, turn);
}

static void start_step(struct turn *turn)
{
    const struct config_job *job = step_of(turn);
    bool claims = is_own_step(turn) && !turn->step_full;
    const struct launch l = {.config = turn->generation->config,
                             .job = job,
                             .what = LAUNCH_RUN,
                             .full = turn->full || turn->step_full,
                             .partition = turn->partition,
                             .partitions = turn->partitions,
                             .run_id = is_own_step(turn) ? turn->run_id : NULL,
                             .fire_us = claims ? turn->fire_us : 0,
                             .at_start = claims && turn->at_start};
    struct launch_result result = {0};
    struct err err = {0};

    turn->ended = false;
    if (process_start(&l, &turn->process, &err) == SLUICE_OK) {
        log_line(LOG_DEBUG, job->name, "worker %d started", (int)process_pid(turn->process));
        if (watch(turn))
            return;
        kill(-process_pid(turn->process), SIGKILL);
        err_set(&err, E_SYSTEM, "cannot watch a worker: out of memory or descriptors");
        free_process(turn);
    }
    result.code = err.code;
    snprintf(result.message, sizeof(result.message), "%s", err.msg);
    step_ended(turn, &result);
}

/* ---- From outside ---- */

static size_t job_total(const struct config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->connector_count; i++)
        n += config->connectors[i].job_count;
    return n;
}

void turn_start(struct turn *turn)
{
    struct supervisor *s = turn->s;

    turn->generation = generation_retain(s->generations);
    turn->steps = calloc(job_total(turn->generation->config) + 1, sizeof(struct config_job *));
    if (!turn->steps) {
        struct launch_result result = {.code = E_SYSTEM, .message = "out of memory"};
        end_turn(turn, &result);
        return;
    }
    turn->step_count = steps_add(turn->steps, 0, turn->job->config);
    start_step(turn);
}

void turn_leave_row(struct turn *turn)
{
    if (!turn->closing)
        return;
    recall_forget_closing(turn->closing);
    on_closed(turn, NULL);
}

void turn_stop(struct turn *turn, bool at_once)
{
    turn->stopped = true;
    if (!turn->process || turn->ended)
        return; /* between two processes: it ends where it is */
    process_stop(turn->process);
    if (at_once)
        process_kill(turn->process, false);
    arm_kill(turn);
}
