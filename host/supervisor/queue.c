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

struct turn *queue_add(struct job *job, bool full, const char *partition, bool scheduled, int64_t fire_us)
{
    struct turn *turn = calloc(1, sizeof(*turn));
    char *connector = strdup(job->config->connector->name);
    char *part = partition ? strdup(partition) : NULL;

    if (!turn || !connector || (partition && !part)) {
        log_line(LOG_ERROR, job->config->name, "out of memory: it does not run");
        free(turn);
        free(connector);
        free(part);
        return NULL;
    }
    *turn = (struct turn){.s = job->s,
                          .job = job,
                          .connector = connector,
                          .partition = part,
                          .full = full,
                          .scheduled = scheduled,
                          .fire_us = fire_us};
    id_new(turn->run_id);
    job->turn = turn;
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
