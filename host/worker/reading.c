/* reading.c - see reading.h. */
#include "reading.h"

#include "check_table.h"
#include "clock.h"
#include "events.h"
#include "owner.h"
#include "parts.h"
#include "scan.h"
#include "sink_gone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What the stream is ---- */

/* What the configuration knew of the stream when it was read must still hold. */
static int check_partitions(struct worker *w, const json_t *hello)
{
    bool wanted = w->parts || *spec_text(w->spec, "partition");

    w->parted = *spec_text(hello, "partition") != '\0';
    if (w->parted == wanted)
        return SLUICE_OK;
    return err_set(&w->err, SLUICE_E_CONFIG,
                   "stream %s of plugin %s has %spartitions, which was not so when the configuration was read: run it "
                   "again, or `sluice reload`",
                   spec_text(hello, "name"), spec_text(w->spec, "plugin_name"), w->parted ? "" : "no ");
}

static int take_hello(struct worker *w, const struct frame *f)
{
    json_t *hello = f->type == FRAME_HELLO ? json_loadb(f->payload.ptr, f->payload.len, 0, NULL) : NULL;
    int rc = SLUICE_OK;

    if (!json_is_object(hello))
        rc = err_set(&w->err, SLUICE_E_BUG, "the plugin's HELLO is not one");
    if (!rc)
        rc = check_partitions(w, hello);
    if (!rc)
        rc = plan_make(hello, w->spec, &w->plan, &w->err);
    if (!rc)
        rc = scans_open(w, hello);
    json_decref(hello);
    buf_add(&w->hello, f->payload.ptr, f->payload.len);
    return rc;
}

int reading_hello(struct worker *w)
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
    if (!w->hello.len)
        return take_hello(w, &f);
    if (f.type == FRAME_HELLO && f.payload.len == w->hello.len &&
        memcmp(f.payload.ptr, w->hello.ptr, w->hello.len) == 0)
        return SLUICE_OK;
    return err_set(&w->err, SLUICE_E_CONFIG, "plugin %s was changed during the run", spec_text(w->spec, "plugin_name"));
}

/* ---- The run's row ---- */

int reading_open(struct worker *w, struct run *run)
{
    char owner[OWNER_SIZE];
    bool dry = spec_bool(w->spec, "dry_run");
    int rc = db_open(spec_text(w->spec, "store_url"), dry ? DB_DRY_RUN : 0, &w->db, &w->err);

    if (rc)
        return rc;
    if (!owner_of(getpid(), owner))
        return err_set(&w->err, E_SYSTEM, "cannot read /proc/self/stat");
    rc = run_init(run, spec_text(w->spec, "job"), spec_text(w->spec, "partition"), reading_mode(w), &w->err);
    if (rc)
        return rc;
    if (*spec_text(w->spec, "run_id"))
        snprintf(run->id, sizeof(run->id), "%s", spec_text(w->spec, "run_id"));
    run_set(&run->host, owner);
    run->started_at = clock_wall_us();
    run->fire_us = dry ? 0 : spec_int(w->spec, "fire_us");
    run->at_start = spec_bool(w->spec, "at_start");
    w->sink = (struct sink){.db = w->db,
                            .table = &w->plan.table,
                            .run = &w->run,
                            .whole = run == &w->run ? NULL : run,
                            .dry_run = dry,
                            .batch_max = (uint32_t)spec_int(w->spec, "batch")};
    event_send(w->events, json_pack("{s:s, s:s}", "event", "starting", "run", run->id));
    rc = sink_open(&w->sink, &w->err);
    if (!rc)
        event_send(w->events, json_pack("{s:s, s:s}", "event", "started", "run", run->id));
    return rc;
}

const char *reading_mode(const struct worker *w)
{
    return w->what == SPEC_RETRY ? "retry" : spec_bool(w->spec, "full") ? "full" : "incremental";
}

/* ---- Before the first record ---- */

/* From where: the first run of a stream with a cursor of its own is a full one. */
static void choose_start(struct worker *w)
{
    w->full = spec_bool(w->spec, "full") || (w->started && !w->plan.windowed && !w->last.text[0]);
    if (w->started && w->full && w->what == SPEC_RUN)
        snprintf(w->run.mode, sizeof(w->run.mode), "full");
}

/* The table, and the rejects that may have become storable. */
static int prepare(struct worker *w)
{
    int rc = w->sink.target ? SLUICE_OK : sink_prepare(&w->sink, &w->err);

    w->sink.hold_us = w->plan.windowed ? 0 : spec_int(w->spec, "hold_us"); /* a window's source re-reads nothing */
    w->sink.full = w->full && w->what == SPEC_RUN;
    if (!rc && w->has_rejects)
        rc = sink_retry_kept(&w->sink, w->what == SPEC_RUN, &w->err);
    if (!rc && w->sink.full && !w->limit)
        rc = sink_mind_gone(&w->sink, &w->err);
    return rc;
}

const char *reading_partition(const struct worker *w)
{
    return w->run.partition ? w->run.partition : spec_text(w->spec, "partition");
}

static void send_partition(struct worker *w)
{
    const char *id = reading_partition(w);

    frame_begin(&w->out, FRAME_PARTITION);
    frame_put_str(&w->out, (sluice_str){id, strlen(id)});
    frame_end(&w->out);
    frame_flush(&w->out);
}

static int send_go(struct worker *w)
{
    json_t *go = json_pack("{s:b, s:s, s:s, s:I, s:b, s:b}", "full", w->full, "cursor",
                           w->full ? "" : w->last.text, "landed", scans_landed(w->scans),
                           "started_at", (json_int_t)(w->run.started_at ? w->run.started_at : clock_wall_us()), "retry",
                           w->what == SPEC_RETRY, "last", !w->parts || parts_is_last(w->parts));
    char *text = json_dumps(go, JSON_COMPACT);

    json_decref(go);
    if (!text)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    scans_forget(w->scans);
    frame_begin(&w->out, FRAME_GO);
    frame_put_raw(&w->out, text, strlen(text));
    frame_end(&w->out);
    free(text);
    frame_flush(&w->out); /* a child that is gone is noticed when it is listened to */
    return SLUICE_OK;
}

/* What the partition makes of the columns' texts comes before anything else of it. */
static int hear_constants(struct worker *w)
{
    struct frame f;
    int rc = worker_hear(w, &f);

    if (rc != 1)
        return rc;
    if (f.type == FRAME_CONSTANTS)
        return intake_constants(w, &f);
    return err_set(&w->err, SLUICE_E_BUG, "plugin %s broke the pipe: a frame before its time",
                   spec_text(w->spec, "plugin_name"));
}

/* What a partition's rows have in the scope column; "" where that is not the same for all of them. */
static const char *scope_of(const struct table *t)
{
    return t->scope != TABLE_NONE && t->columns[t->scope].value ? t->columns[t->scope].value : "";
}

/* A partition that was moved to another scope is read in full: nothing of it has landed there. */
static void mind_scope(struct worker *w)
{
    const char *scope = scope_of(&w->plan.table);
    char text[3 * CURSOR_SCOPE_MAX];

    if (w->what == SPEC_RUN && cursor_is_elsewhere(&w->last, scope)) {
        snprintf(text, sizeof(text), "its %s was \"%s\" and is \"%s\" now: all of it is read; what landed there stays",
                 w->plan.table.columns[w->plan.table.scope].source, w->last.scope, scope);
        run_warn(&w->run, text);
        w->full = true;
        snprintf(w->run.mode, sizeof(w->run.mode), "full");
    }
    cursor_set_scope(&w->mark, scope);
    run_set(&w->run.scope, *scope ? scope : NULL);
}

/* ---- The records ---- */

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

/* What is the partition's own. */
static int choose_partition(struct worker *w)
{
    send_partition(w);
    int rc = hear_constants(w);

    if (rc || w->end != END_NONE)
        return rc;
    mind_scope(w);
    return w->sink.target ? target_refill(w->sink.target, &w->err) : SLUICE_OK;
}

/* The table must fit before the source is asked for anything. */
static int begin_reading(struct worker *w)
{
    int rc = w->parted ? choose_partition(w) : SLUICE_OK;

    if (!rc && w->started && w->end == END_NONE)
        rc = prepare(w);
    return rc || w->end != END_NONE ? rc : send_go(w);
}

int reading_read(struct worker *w)
{
    choose_start(w);
    if (spec_bool(w->spec, "check_table") && (!w->parts || w->parts->at == 0))
        check_table(w);
    int rc = begin_reading(w);
    if (rc || w->end != END_NONE)
        return rc;
    return w->what == SPEC_RETRY ? retry_texts(w) : listen_to_end(w);
}

int reading_conduct(struct worker *w)
{
    int rc = SLUICE_OK;

    if (w->what != SPEC_PREVIEW) {
        rc = reading_open(w, &w->run); /* the lock first: what follows is told in its row */
        w->started = !rc;
    }
    if (!rc)
        rc = reading_hello(w);
    if (!rc && w->started)
        rc = cursor_get(w->db, w->run.job, w->run.partition, &w->last, &w->err);
    w->has_rejects = true;
    return rc ? rc : reading_read(w);
}
