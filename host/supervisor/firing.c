/* firing.c - what is due, and what becomes of it.
 *
 * One timer on wall time stands at the first moment at which any job is due, so nothing wakes up before; it also tells
 * when the clock was set. A due job gets a turn; one that runs already is skipped, or runs once more afterwards. A run
 * that failed for a reason that may pass is run again after one minute, two, four… until the job's next fire.
 */
#include "inner.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define RETRY_FIRST_US (60 * CLOCK_SECOND)
#define RETRY_MAX_US   (3600 * CLOCK_SECOND)
#define TO_BE_SET      (-1) /* next_us of a job that was due */

/* ---- The timer ---- */

static void set_timer(struct supervisor *s)
{
    struct itimerspec at = {0};
    int64_t first = 0;

    for (size_t i = 0; i < s->job_count; i++) {
        int64_t next = s->jobs[i]->next_us;
        if (next && (!first || next < first))
            first = next;
    }
    if (first) {
        at.it_value.tv_sec = first / CLOCK_SECOND;
        at.it_value.tv_nsec = first % CLOCK_SECOND * 1000;
    }
    timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

/* ---- One job that is due ---- */

/* How long after its moment it is known to be due. */
static void tell_late(const struct job *job, int64_t fire_us)
{
    int64_t late_us = clock_wall_us() - fire_us - job->table.jitter_us;
    const struct log_field fields[] = {LOG_NUMBER("late_us", late_us)};

    metrics_delay(job->s->metrics, late_us);
    log_event(LOG_DEBUG, job->config->name, "due", fields, 1);
}

static void tell_stale(struct job *job, int64_t now)
{
    int64_t since = job->last_success_us ? job->last_success_us : job->first_seen_us;
    int64_t at = timetable_stale_at(&job->table, since > job->held_us ? since : job->held_us);

    if (job->paused)
        return;
    alerts_stale(job->s->alerts, job->config, at && now >= at, job->last_success_us);
}

static void skip(struct job *job, int64_t fire_us, const char *why)
{
    log_line(LOG_INFO, job->config->name, "not run: %s", why);
    recall_note_fire(job->s, job->config->name, fire_us);
}

/* A turn of the schedule. */
static void add_turn(struct job *job, bool full, const struct turn_part *part, int64_t fire_us, bool at_start)
{
    struct turn *turn = queue_add(job, full, part, true, fire_us);

    if (turn)
        turn->at_start = at_start;
}

static void fire(struct job *job, int64_t fire_us, bool full, bool at_start)
{
    firing_forget_retry(job);
    if (!job->turn) {
        add_turn(job, full, NULL, fire_us, at_start);
    } else if (job->config->overlap == CONFIG_OVERLAP_QUEUE) {
        job->again = true;
        job->again_full = job->again_full || full;
        job->again_us = fire_us;
    } else {
        skip(job, fire_us, "the run before it has not ended (overlap = \"skip\")");
    }
}

/* on_start: what was missed is run with it. Its moment is one more than the last fire's where the store keeps it, in
 * milliseconds. */
static void fire_at_start(struct job *job, int64_t now)
{
    struct timetable_due missed;
    bool full = timetable_due(&job->table, now, &missed) && missed.full;

    job->starts = false;
    if (job->paused)
        return;
    job->table.last_fire = now >= job->table.last_fire + 1000 ? now : job->table.last_fire + 1000;
    fire(job, job->table.last_fire, full, true);
}

static void look_at(struct job *job, int64_t now)
{
    struct timetable_due due;

    if (job->starts)
        fire_at_start(job, now);
    if (timetable_due(&job->table, now, &due)) {
        job->table.last_fire = due.at;
        tell_late(job, due.at);
        tell_stale(job, now);
        if (due.run && !job->paused)
            fire(job, due.at, due.full, false);
        else if (!job->paused)
            skip(job, due.at, "its time was missed (catchup = \"skip\")");
    }
    job->next_us = TO_BE_SET;
}

static bool is_due(const struct job *job, int64_t now)
{
    return job->config->enabled && job->recalled && (job->starts || (job->next_us && job->next_us <= now));
}

void firing_look(struct supervisor *s)
{
    int64_t now = clock_wall_us();

    if (!s->begun || !s->recalled || s->stopping)
        return;
    for (size_t i = 0; i < s->job_count; i++) {
        if (is_due(s->jobs[i], now))
            look_at(s->jobs[i], now);
    }
    for (size_t i = 0; i < s->job_count; i++) { /* only now: when many are due at once, none waits for this */
        if (s->jobs[i]->next_us == TO_BE_SET)
            s->jobs[i]->next_us = timetable_next(&s->jobs[i]->table, now);
    }
    set_timer(s);
}

void firing_forget_missed(struct job *job, int64_t now)
{
    job->held_us = now;
    timetable_forget(&job->table, now);
    job->next_us = timetable_next(&job->table, now);
    recall_set_fire(job->s, job->config->name, job->table.last_fire);
}

/* Somebody has set the clock. */
static void mind_clock(struct supervisor *s)
{
    int64_t now = clock_wall_us();

    for (size_t i = 0; i < s->job_count; i++) {
        struct job *job = s->jobs[i];
        job->next_us = timetable_next(&job->table, now);
        if (!timetable_is_ahead(&job->table, now))
            continue;
        log_line(LOG_WARN, job->config->name, "the clock was set back: its last fire is in the future, and is forgotten");
        firing_forget_missed(job, now);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct supervisor *s = context;
    uint64_t times;

    (void)what;
    if (read(fd, &times, sizeof(times)) < 0 && errno == ECANCELED)
        mind_clock(s);
    firing_look(s);
}

int firing_open(struct supervisor *s, struct err *err)
{
    s->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->timer_fd < 0)
        return err_set(err, E_SYSTEM, "cannot make a timer: %s", strerror(errno));
    s->timer = event_new(s->base, s->timer_fd, EV_READ | EV_PERSIST, on_timer, s);
    if (!s->timer || event_add(s->timer, NULL) != 0)
        return err_set(err, E_SYSTEM, "cannot watch a timer");
    return SLUICE_OK;
}

void firing_close(struct supervisor *s)
{
    if (s->timer)
        event_free(s->timer);
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    s->timer = NULL;
    s->timer_fd = -1;
}

/* ---- What failed ---- */

void firing_forget_retry(struct job *job)
{
    job->retries = 0;
    job->retry_fire_us = 0;
    job->retry_at_start = false;
    json_decref(job->retry_partitions);
    job->retry_partitions = NULL;
    if (job->retry)
        event_del(job->retry);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    struct job *job = context;
    const struct turn_part part = {.partitions = job->retry_partitions};

    (void)fd;
    (void)what;
    if (!queue_in_way(job, &part) && !job->paused && job->config->enabled && !job->s->stopping)
        add_turn(job, job->retry_full, &part, job->retry_fire_us, job->retry_at_start);
}

void firing_carry_retry(struct job *from, struct job *to)
{
    struct timeval at, now;

    event_pending(from->retry, EV_TIMEOUT, &at);
    evutil_gettimeofday(&now, NULL);
    evutil_timersub(&at, &now, &at);
    if (at.tv_sec < 0)
        at = (struct timeval){0};
    to->retry = evtimer_new(to->s->base, on_retry, to);
    if (!to->retry || evtimer_add(to->retry, &at) != 0)
        return;
    to->retries = from->retries;
    to->retry_full = from->retry_full;
    to->retry_fire_us = from->retry_fire_us;
    to->retry_at_start = from->retry_at_start;
    to->retry_partitions = json_incref(from->retry_partitions);
}

/* The partitions that failed, where others did not; else all of the turn's. New reference. */
static json_t *failed_partitions(const struct turn *turn, const json_t *run)
{
    const json_t *parts = json_object_get(run, "partitions");
    const char *status = json_string_value(json_object_get(run, "status"));
    json_t *ids = json_array();

    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        if (!json_is_true(json_object_get(part, "success")))
            json_array_append(ids, json_object_get(part, "id"));
    }
    if (status && strcmp(status, "partial") == 0 && json_array_size(ids))
        return ids;
    json_decref(ids);
    return json_incref(turn->partitions);
}

/* A run that did not begin has claimed nothing: its fire is still to be. */
static void plan_retry(struct job *job, const struct turn *turn, const struct launch_result *result)
{
    int64_t wait = RETRY_FIRST_US << (job->retries < 6 ? job->retries : 6);
    struct timeval tv;

    if (wait > RETRY_MAX_US)
        wait = RETRY_MAX_US;
    if (job->next_us && clock_wall_us() + wait >= job->next_us) {
        job->retries = 0; /* the next fire comes first */
        return;
    }
    if (!job->retry)
        job->retry = evtimer_new(job->s->base, on_retry, job);
    tv = (struct timeval){wait / CLOCK_SECOND, 0};
    if (!job->retry || evtimer_add(job->retry, &tv) != 0)
        return;
    job->retries++;
    json_decref(job->retry_partitions);
    job->retry_partitions = failed_partitions(turn, result->run);
    job->retry_full = turn->full;
    job->retry_fire_us = result->run ? 0 : turn->fire_us;
    job->retry_at_start = !result->run && turn->at_start;
    log_line(LOG_INFO, job->config->name, "run again in %lld s", (long long)(wait / CLOCK_SECOND));
}

/* Also when no process could be started, for want of memory or descriptors. */
static bool may_pass(const struct launch_result *result)
{
    return result->code == SLUICE_E_RETRY || result->code == E_STORE || (result->code == E_SYSTEM && !result->run);
}

void firing_ended(struct job *job, const struct turn *turn, const struct launch_result *result)
{
    struct supervisor *s = job->s;

    if (s->stopping) { /* one that still came to its end is not repeated */
        if (turn->stopped && turn->fire_us && result->code == SLUICE_E_CANCELLED &&
            job->config->catchup == CONFIG_CATCHUP_ONCE)
            recall_unfire(s, job->config->name, turn->fire_us);
        return;
    }
    if (turn_is_part(turn) && !turn->scheduled)
        return;
    if (turn->scheduled && result->code == E_BUSY)
        recall_note_fire(s, job->config->name, turn->fire_us);
    else if (turn->scheduled && result->code == SLUICE_E_CANCELLED && !result->run)
        recall_note_fire(s, job->config->name, turn->fire_us);
    if (job->again) {
        job->again = false;
        if (!job->paused && job->config->enabled)
            add_turn(job, job->again_full, NULL, job->again_us, false);
        job->again_full = false;
    } else if (turn->scheduled && may_pass(result) && !job->paused) {
        plan_retry(job, turn, result);
    }
}
