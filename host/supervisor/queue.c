/* queue.c - which turn goes when: one at a time in the lane of a connector, whose rate they share, and as many at once
 * as limits.max_runs says; whoever came first goes first.
 */
#include "inner.h"

#include "id.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

#define STARTS_AT_ONCE 4 /* then the loop looks at everything else that has come */

static void append(struct turn **list, struct turn *turn)
{
    while (*list)
        list = &(*list)->next;
    turn->next = NULL;
    *list = turn;
}

static void take_out(struct turn **list, struct turn *turn)
{
    while (*list && *list != turn)
        list = &(*list)->next;
    if (*list)
        *list = turn->next;
    turn->next = NULL;
}

/* ---- Some partitions of a job ---- */

bool turn_is_part(const struct turn *turn)
{
    return turn->partition || turn->partitions;
}

static bool has_partition(const struct turn *turn, const char *id)
{
    if (turn->partition)
        return strcmp(turn->partition, id) == 0;
    for (size_t i = 0; i < json_array_size(turn->partitions); i++) {
        if (strcmp(json_string_value(json_array_get(turn->partitions, i)), id) == 0)
            return true;
    }
    return false;
}

static bool meets(const struct turn *turn, const struct turn_part *part)
{
    if (part->partition)
        return has_partition(turn, part->partition);
    for (size_t i = 0; i < json_array_size(part->partitions); i++) {
        if (has_partition(turn, json_string_value(json_array_get(part->partitions, i))))
            return true;
    }
    return false;
}

struct turn *queue_in_way(const struct job *job, const struct turn_part *part)
{
    if (job->turn)
        return job->turn;
    for (struct turn *turn = job->parts; turn; turn = turn->sibling) {
        if (meets(turn, part))
            return turn;
    }
    return NULL;
}

static void join_job(struct job *job, struct turn *turn)
{
    if (!turn_is_part(turn)) {
        job->turn = turn;
        return;
    }
    turn->sibling = job->parts;
    job->parts = turn;
}

void queue_leave_job(struct turn *turn)
{
    struct job *job = turn->job;

    turn->job = NULL;
    if (!job)
        return;
    if (job->turn == turn)
        job->turn = NULL;
    struct turn **at = &job->parts;
    while (*at && *at != turn)
        at = &(*at)->sibling;
    if (*at)
        *at = turn->sibling;
    turn->sibling = NULL;
}

/* ---- The queue ---- */

struct turn *queue_add(struct job *job, bool full, const struct turn_part *part, bool scheduled, int64_t fire_us)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    char *connector = strdup(job->config->connector->name);
    const char *wanted = part ? part->partition : NULL;
    char *partition = wanted ? strdup(wanted) : NULL;

    if (!turn || !connector || (wanted && !partition)) {
        log_line(LOG_ERROR, job->config->name, "out of memory: it does not run");
        free(turn);
        free(connector);
        free(partition);
        return NULL;
    }
    *turn = (struct turn){.s = job->s,
                          .job = job,
                          .connector = connector,
                          .partition = partition,
                          .partitions = part ? json_incref((json_t *)(uintptr_t)part->partitions) : NULL,
                          .full = full,
                          .scheduled = scheduled,
                          .fire_us = fire_us};
    id_new(turn->run_id);
    join_job(job, turn);
    append(&job->s->waiting, turn);
    event_active(job->s->pump, 0, 0);
    return turn;
}

static bool lane_is_free(const struct supervisor *s, const char *connector)
{
    for (const struct turn *t = s->running; t; t = t->next) {
        if (strcmp(t->connector, connector) == 0)
            return false;
    }
    return true;
}

/* The first that may go; NULL when none may. */
static struct turn *next_turn(const struct supervisor *s)
{
    if (s->running_count >= supervisor_config(s)->max_runs)
        return NULL;
    for (struct turn *t = s->waiting; t; t = t->next) {
        if (lane_is_free(s, t->connector))
            return t;
    }
    return NULL;
}

void queue_pump(struct supervisor *s)
{
    struct turn *turn = NULL;

    for (int i = 0; !s->stopping && i < STARTS_AT_ONCE && (turn = next_turn(s)); i++) {
        take_out(&s->waiting, turn);
        append(&s->running, turn);
        s->running_count++;
        turn_start(turn);
    }
    if (turn && !s->stopping)
        event_active(s->pump, 0, 0);
}

void queue_remove(struct turn *turn)
{
    take_out(&turn->s->waiting, turn);
}

void queue_finished(struct turn *turn)
{
    struct supervisor *s = turn->s;

    take_out(&s->running, turn);
    s->running_count--;
    event_active(s->pump, 0, 0);
}

/* Is that the run of the turn, or what it needs first and does now? */
static bool is_run(const struct turn *turn, const char *run_id)
{
    return strcmp(turn->run_id, run_id) == 0 ||
           (turn->process && *run_id && strcmp(process_run_id(turn->process), run_id) == 0);
}

static struct turn *find_in(struct turn *list, const char *run_id)
{
    while (list && !is_run(list, run_id))
        list = list->next;
    return list;
}

struct turn *queue_find(const struct supervisor *s, const char *run_id, bool *waits)
{
    struct turn *turn = find_in(s->waiting, run_id);

    *waits = turn != NULL;
    return turn ? turn : find_in(s->running, run_id);
}
