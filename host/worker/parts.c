/* parts.c - see parts.h. */
#include "parts.h"

#include "clock.h"
#include "events.h"
#include "keeper.h"
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parts_new(const json_t *ids, struct parts **out, struct err *err)
{
    struct parts *p = calloc(1, sizeof(*p));

    if (p) {
        p->ids = json_deep_copy(ids);
        p->sum.results = json_array();
    }
    if (!p || !p->ids || !p->sum.results) {
        parts_free(p);
        return err_set(err, E_SYSTEM, "out of memory");
    }
    for (size_t i = 0; i < json_array_size(p->ids); i++)
        json_array_append_new(p->sum.results, json_null());
    *out = p;
    return SLUICE_OK;
}

void parts_free(struct parts *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < PARTS_GROUP; i++) {
        run_free(&p->group[i].run);
        run_free(&p->quiet[i].run);
    }
    run_free(&p->whole);
    json_decref(p->ids);
    json_decref(p->sum.results);
    buf_free(&p->sum.failures);
    free(p);
}

const char *parts_id(const struct parts *p, size_t index)
{
    return json_string_value(json_array_get(p->ids, index));
}

size_t parts_count(const struct parts *p)
{
    return json_array_size(p->ids);
}

bool parts_is_last(const struct parts *p)
{
    return p->at + 1 == parts_count(p);
}

void parts_tell_place(const struct parts *p, json_t *event)
{
    json_object_set_new(event, "partition", json_string(p->at < parts_count(p) ? parts_id(p, p->at) : ""));
    json_object_set_new(event, "partitions_ended", json_integer((json_int_t)p->at));
    json_object_set_new(event, "partitions_total", json_integer((json_int_t)parts_count(p)));
}

/* ---- Beginnings ---- */

/* Another run has it. */
static void tell_busy(struct parts *p, struct ledger_part *part)
{
    snprintf(part->run.status, sizeof(part->run.status), "failed");
    part->run.finished_at = part->run.started_at;
    run_set(&part->run.error, part->busy.msg);
    parts_add(p, p->at, &part->run, false, part->busy.code);
}

/* What the worker knows of the partition before this one is forgotten. */
static void begin_part(struct worker *w, struct ledger_part *part)
{
    run_free(&w->run);
    w->run = part->run;
    part->run = (struct run){0};
    w->run.started_at = clock_wall_us();
    w->started = w->what != SPEC_PREVIEW;
    w->last = part->cursor;
    w->mark = (struct cursor){0};
    w->has_rejects = part->rejects;
    w->marked = w->window_seen = w->stumbled = false;
    w->retry_id = NULL;
    w->end = END_NONE;
    w->err = (struct err){0};
    if (!w->started)
        return;
    w->sink.before = w->parts->whole.counts;
    sink_next_part(&w->sink);
}

/* ---- One of them ---- */

static bool is_usable(const struct worker *w)
{
    if (w->stumbled || w->child <= 0)
        return false;
    return w->end == END_DONE || (w->end == END_FAIL && w->err.code != SLUICE_E_BUG && w->err.code != E_SYSTEM);
}

/* A child that died, or that nobody knows what to expect of, reads no other partition. */
static void end_child(struct worker *w)
{
    struct http_stats *sum = &w->parts->http;

    keeper_stop(w);
    *sum = (struct http_stats){sum->requests + w->http.requests, sum->retries + w->http.retries,
                               sum->throttled_us + w->http.throttled_us, sum->bytes + w->http.bytes};
    w->http = (struct http_stats){0};
}

static int have_child(struct worker *w)
{
    if (w->child > 0)
        return SLUICE_OK;
    int rc = keeper_start_again(w);
    return rc ? rc : reading_hello(w);
}

/* Does it end the whole? */
static void mind_end(struct worker *w)
{
    struct parts *p = w->parts;
    bool no_table = w->err.code == SLUICE_E_CONFIG && w->started && !w->sink.target;
    bool ours = w->err.code == E_STORE || (w->stumbled && (w->err.code == E_SYSTEM || no_table));

    if (w->end == END_TIMEOUT || w->end == END_CUT || (w->end == END_CANCELLED && *w->stop))
        parts_end(p, w->end, &w->err);
    else if (w->end == END_FAIL && ours)
        parts_end(p, END_FAIL, &w->err);
}

/* The store, or another run, may have the last word on it. */
static void finish_part(struct worker *w)
{
    struct parts *p = w->parts;
    const struct cursor *cursor = NULL;
    bool quiet = false;
    int code;

    outcome_of_part(w, &quiet, &cursor);
    mind_end(w);
    code = w->end == END_DONE || w->end == END_CUT ? 0 : w->err.code;
    if (quiet)
        parts_keep_quiet(w, cursor, code);
    else
        parts_add(p, p->at, &w->run, w->started, code);
    if (code == E_FENCED) /* only this one was taken over, or the whole? */
        parts_check(w);
    else if (w->started)
        parts_mind(w);
}

static void read_part(struct worker *w, struct ledger_part *part)
{
    begin_part(w, part);
    int rc = have_child(w);
    if (!rc)
        rc = reading_read(w);
    w->stumbled = rc < 0;
    if (rc < 0 && w->end == END_NONE)
        w->end = *w->stop ? END_CANCELLED : END_FAIL;
    if (!is_usable(w))
        end_child(w);
    finish_part(w);
}

/* ---- All of them ---- */

static int keep_id(const char *partition, void *context)
{
    return json_object_set_new(context, partition, json_true()) ? E_SYSTEM : 0;
}

/* Only a partition's own run can store its rejects again. */
static void tell_unlisted(struct parts *p, json_t *with)
{
    struct buf text = {0};
    const char *id;
    json_t *ignored;

    json_object_foreach(with, id, ignored)
    {
        const char *separator = ", ";
        if (text.len == 0)
            separator = "rejects of partitions that the settings do not list any more stay as they are: ";
        buf_printf(&text, "%s%s", separator, id);
    }
    if (text.len)
        run_warn(&p->whole, buf_text(&text));
    buf_free(&text);
}

/* To try rejects again, only those that have some are looked at. */
static int drop_clean(struct worker *w)
{
    struct parts *p = w->parts;
    json_t *with = json_object();
    int rc = reject_partitions(w->db, p->whole.job, keep_id, with, &w->err);

    for (size_t i = parts_count(p); !rc && i-- > 0;) {
        if (json_object_del(with, parts_id(p, i)) == 0)
            continue;
        json_array_remove(p->ids, i);
        json_array_remove(p->sum.results, i);
    }
    if (!rc)
        tell_unlisted(p, with);
    json_decref(with);
    return rc;
}

static int open_whole(struct worker *w)
{
    struct parts *p = w->parts;
    int rc = SLUICE_OK;

    if (w->what != SPEC_PREVIEW) {
        rc = reading_open(w, &p->whole);
        p->started = !rc;
    } else {
        rc = run_init(&p->whole, spec_text(w->spec, "job"), "", "incremental", &w->err);
    }
    if (!rc && w->what == SPEC_RETRY)
        rc = drop_clean(w);
    else if (!rc && parts_count(p) == 0)
        rc = err_set(&w->err, SLUICE_E_CONFIG, "%s has no partitions: the connector's settings list none",
                     p->whole.job);
    return rc ? rc : reading_hello(w);
}

static int read_parts(struct worker *w)
{
    struct parts *p = w->parts;
    int rc = SLUICE_OK;

    for (p->at = 0; p->at < parts_count(p) && p->end == END_NONE; p->at++) {
        struct ledger_part *part;
        rc = parts_next(w, &part);
        if (rc)
            break;
        if (part->busy.code)
            tell_busy(p, part);
        else
            read_part(w, part);
        run_free(&part->run);
    }
    return rc;
}

/* A row that cannot be ended is ended by the next run. */
static void finish_whole(struct worker *w)
{
    struct parts *p = w->parts;
    struct err err = {0};

    if (p->started)
        parts_flush(w);
    parts_describe(w);
    if (!p->started)
        return;
    int64_t batch_no = p->whole.batch_no;
    int rc = parts_close(w, &err);
    if (rc && rc != E_FENCED) {
        p->whole.batch_no = batch_no;
        struct err again = {0};
        rc = parts_close(w, &again);
    }
    if (!rc)
        return;
    parts_end(p, END_FAIL, &err);
    parts_describe(w);
}

void parts_conduct(struct worker *w)
{
    struct parts *p = w->parts;
    int rc = open_whole(w);

    if (!rc)
        rc = read_parts(w);
    if (rc) { /* told in the whole's own result */
        if (w->end == END_NONE)
            w->end = *w->stop ? END_CANCELLED : END_FAIL;
        parts_end(p, w->end, &w->err);
    }
    keeper_stop(w);
    w->http.requests += p->http.requests;
    w->http.retries += p->http.retries;
    w->http.throttled_us += p->http.throttled_us;
    w->http.bytes += p->http.bytes;
    finish_whole(w);
    const char *message = p->whole.error ? p->whole.error : "";
    json_t *run = p->started ? run_json(&p->whole) : json_null();
    if (p->started)
        json_object_set_new(run, "partitions", parts_results(p));
    outcome_send(w, p->sum.code, message, run);
}
