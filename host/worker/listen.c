/* listen.c - waiting for the connector child's next frame, and what is done meanwhile. */
#include "clock.h"
#include "events.h"
#include "keeper.h"
#include "orphans.h"
#include "parts.h"

#include <poll.h>

#define TICK_MS 200 /* between two looks at stop, deadline and progress */

static void send_progress(struct worker *w)
{
    static int64_t next;
    const struct run_counts *c = &w->run.counts, *b = &w->sink.before;

    if (w->what != SPEC_RUN || clock_mono_us() < next)
        return;
    next = clock_mono_us() + TICK_MS * 1000;
    json_t *event = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "progress", "processed",
                              (json_int_t)b->processed + c->processed, "created",
                              (json_int_t)b->created + c->created, "updated", (json_int_t)b->updated + c->updated,
                              "skipped", (json_int_t)b->skipped + c->skipped, "errors",
                              (json_int_t)b->errors + c->errors, "total",
                              (json_int_t)(w->parts ? -1 : w->run.total));
    if (w->parts)
        parts_tell_place(w->parts, event);
    event_offer(w->events, event);
}

bool worker_is_over(struct worker *w)
{
    if (*w->stop)
        w->end = END_CANCELLED;
    else if (w->deadline && clock_mono_us() > w->deadline)
        w->end = END_TIMEOUT;
    return w->end != END_NONE;
}

/* The source is slow: nobody else should wait for our open transaction, nor ended partitions for their end. */
static int commit_idle(struct worker *w)
{
    if (w->what != SPEC_RUN || !w->db || w->sink.dry_run)
        return SLUICE_OK;
    int rc = sink_is_open(&w->sink) ? sink_commit(&w->sink, NULL, &w->err) : SLUICE_OK;
    return rc || !w->parts ? rc : parts_mind(w);
}

/* A child can die without an end of the pipe: one that it forked holds it too. What it sent before is read first, so
 * the pipe must be found empty after the death was seen. True when it is over. */
static bool mind_child(struct worker *w)
{
    if (w->child_dead)
        return true;
    w->child_dead = orphans_await(w->child, 0);
    return false;
}

/* Wait for bytes from the child. 1: some came; 0: the run is over, or a tick has passed; negative: an error. */
static int wait_for_bytes(struct worker *w)
{
    struct pollfd p[2] = {{.fd = w->in.fd, .events = POLLIN}, {.fd = w->chatter.fd, .events = POLLIN}};
    int ready = poll(p, 2, TICK_MS);

    if (worker_is_over(w))
        return 0;
    send_progress(w);
    if (ready > 0 && p[1].revents)
        chatter_take(&w->chatter, w->events);
    if (ready > 0 && p[0].revents) {
        int rc = frame_fill(&w->in, &w->err);
        if (rc == 0)
            keeper_tell_death(w);
        return rc;
    }
    if (ready == 0 && mind_child(w))
        keeper_tell_death(w);
    return 0;
}

int worker_hear(struct worker *w, struct frame *f)
{
    int64_t idle_from = 0;
    int rc;

    while ((rc = frame_next(&w->in, f, &w->err)) == 0) {
        if (idle_from == 0)
            idle_from = clock_mono_us();
        rc = wait_for_bytes(w);
        if (rc < 0 || w->end != END_NONE)
            return rc < 0 ? rc : 0;
        if (clock_mono_us() - idle_from >= TICK_MS * 1000)
            rc = commit_idle(w);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? err_wrap(&w->err, "plugin %s", spec_text(w->spec, "plugin_name")) : rc;
}
