/* reading.c - see reading.h. */
#include "reading.h"

#include "check_table.h"
#include "clock.h"
#include "events.h"
#include "owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A partitioned stream must not run as if it had no partitions: it would read one tenant and call it all. */
static int check_partition(struct worker *w, const json_t *hello)
{
    const char *option = spec_text(hello, "partition"), *wanted = spec_text(w->spec, "partition");

    if (*option)
        return err_set(&w->err, SLUICE_E_CONFIG, "stream %s is partitioned by %s; this sluice runs streams without "
                       "partitions only", spec_text(hello, "name"), option);
    if (*wanted)
        return err_set(&w->err, E_USAGE, "--partition %s: stream %s has no partitions", wanted, spec_text(hello, "name"));
    return SLUICE_OK;
}

static int hear_hello(struct worker *w)
{
    struct frame f;
    int rc = worker_hear(w, &f);

    if (rc == 0) /* it died, or nobody wants the run any more */
        return w->err.code ? w->err.code : SLUICE_E_CANCELLED;
    if (rc < 0)
        return rc;
    if (f.type == FRAME_FAIL) {
        rc = intake_frame(w, &f);
        return rc ? rc : w->err.code;
    }
    json_t *hello = f.type == FRAME_HELLO ? json_loadb(f.payload.ptr, f.payload.len, 0, NULL) : NULL;
    rc = json_is_object(hello) ? check_partition(w, hello) : err_set(&w->err, SLUICE_E_BUG, "the plugin's HELLO is not one");
    if (!rc)
        rc = plan_make(hello, w->spec, &w->plan, &w->err);
    json_decref(hello);
    return rc;
}

static int start_run(struct worker *w)
{
    char owner[OWNER_SIZE];
    bool dry = spec_bool(w->spec, "dry_run");
    int rc = db_open(spec_text(w->spec, "store_url"), dry ? DB_DRY_RUN : 0, &w->db, &w->err);

    if (rc)
        return rc;
    if (!owner_of(getpid(), owner))
        return err_set(&w->err, E_SYSTEM, "cannot read /proc/self/stat");
    const char *mode = w->what == SPEC_RETRY ? "retry" : spec_bool(w->spec, "full") ? "full" : "incremental";
    rc = run_init(&w->run, spec_text(w->spec, "job"), spec_text(w->spec, "partition"), mode, &w->err);
    if (rc)
        return rc;
    if (*spec_text(w->spec, "run_id"))
        snprintf(w->run.id, sizeof(w->run.id), "%s", spec_text(w->spec, "run_id"));
    run_set(&w->run.host, owner);
    w->run.started_at = clock_wall_us();
    w->run.fire_us = dry ? 0 : spec_int(w->spec, "fire_us");
    w->run.at_start = spec_bool(w->spec, "at_start");
    w->sink = (struct sink){.db = w->db,
                            .table = &w->plan.table,
                            .run = &w->run,
                            .dry_run = dry,
                            .batch_max = (uint32_t)spec_int(w->spec, "batch")};
    event_send(w->events, json_pack("{s:s, s:s}", "event", "starting", "run", w->run.id));
    rc = sink_open(&w->sink, &w->err);
    if (rc)
        return rc;
    w->started = true;
    event_send(w->events, json_pack("{s:s, s:s}", "event", "started", "run", w->run.id));
    return SLUICE_OK;
}

static int prepare_run(struct worker *w)
{
    int rc = cursor_get(w->db, w->run.job, w->run.partition, &w->last, &w->err);

    if (!rc)
        rc = sink_prepare(&w->sink, &w->err);
    if (rc)
        return rc;
    w->sink.hold_us = w->plan.windowed ? 0 : spec_int(w->spec, "hold_us"); /* a window's source re-reads nothing */
    w->full = spec_bool(w->spec, "full") || (!w->plan.windowed && !w->last.text[0]);
    if (w->full && w->what == SPEC_RUN)
        snprintf(w->run.mode, sizeof(w->run.mode), "full");
    return sink_retry_kept(&w->sink, w->what == SPEC_RUN, &w->err);
}

static int send_go(struct worker *w)
{
    json_t *go = json_pack("{s:b, s:s, s:I, s:b}", "full", w->full, "cursor", w->full ? "" : w->last.text, "started_at",
                           (json_int_t)(w->run.started_at ? w->run.started_at : clock_wall_us()), "retry",
                           w->what == SPEC_RETRY);
    char *text = json_dumps(go, JSON_COMPACT);

    json_decref(go);
    if (!text)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    frame_begin(&w->out, FRAME_GO);
    frame_put_raw(&w->out, text, strlen(text));
    frame_end(&w->out);
    free(text);
    frame_flush(&w->out); /* a child that is gone is noticed when it is listened to */
    return SLUICE_OK;
}

/* Frames until the run has ended. */
static int listen_to_end(struct worker *w)
{
    struct frame f;
    int rc = SLUICE_OK;

    while (!rc && w->end == END_NONE && (rc = worker_hear(w, &f)) == 1)
        rc = intake_frame(w, &f);
    return rc;
}

/* Have one kept text mapped and merged again. */
static int retry_text(struct worker *w, const struct reject *r)
{
    char id[RUN_ID_SIZE];
    struct frame f;
    int rc = SLUICE_OK;

    snprintf(id, sizeof(id), "%s", r->id);
    frame_begin(&w->out, FRAME_RECORD);
    frame_put_str(&w->out, r->payload);
    frame_end(&w->out);
    frame_flush(&w->out);
    w->retry_id = id;
    w->sink.tally.retried++;
    while (!rc && w->retry_id && w->end == END_NONE && (rc = worker_hear(w, &f)) == 1)
        rc = intake_frame(w, &f);
    w->retry_id = NULL;
    return rc;
}

static int retry_texts(struct worker *w)
{
    char after[RUN_ID_SIZE] = "";
    struct reject r;
    int rc = SLUICE_OK;

    while (w->end == END_NONE && rc >= 0) {
        rc = rejects_next(w->sink.rejects, false, after, &r, &w->err);
        if (rc != 1)
            break;
        snprintf(after, sizeof(after), "%s", r.id);
        if (strcmp(r.kind, REJECT_MAPPING) == 0)
            rc = retry_text(w, &r);
    }
    if (rc < 0 || w->end != END_NONE)
        return rc < 0 ? rc : SLUICE_OK;
    frame_begin(&w->out, FRAME_END);
    frame_end(&w->out);
    frame_flush(&w->out);
    return listen_to_end(w);
}

int reading_conduct(struct worker *w)
{
    int rc = w->what == SPEC_PREVIEW ? SLUICE_OK : start_run(w); /* the lock first: what follows is told in its row */

    if (!rc)
        rc = hear_hello(w);
    if (!rc && w->what != SPEC_PREVIEW)
        rc = prepare_run(w);
    if (!rc && spec_bool(w->spec, "check_table"))
        check_table(w);
    if (!rc)
        rc = send_go(w);
    if (!rc)
        rc = w->what == SPEC_RETRY ? retry_texts(w) : listen_to_end(w);
    return rc;
}
