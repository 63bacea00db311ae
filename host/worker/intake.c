/* intake.c - what the connector child says, frame by frame, into the sink. Nothing in a frame is trusted. */
#include "clock.h"
#include "events.h"
#include "plain.h"
#include "reading.h"
#include "scan.h"
#include "state.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

/* Texts that a plugin makes are cut to what a person reads; the source's own text of a record is kept whole. */
#define TEXT_MAX 2000  /* bytes of a reason, a warning, a log line */
#define SHORT_MAX 500  /* of a key, a figure's name, an end of a window */

static int broken(struct worker *w, const char *what)
{
    return err_set(&w->err, SLUICE_E_BUG, "plugin %s broke the pipe: %s", spec_text(w->spec, "plugin_name"), what);
}

static int no_memory(struct worker *w)
{
    return err_set(&w->err, E_SYSTEM, "out of memory");
}

/* --limit counts verdicts; the one that reaches it ends the run. */
static int count_seen(struct worker *w)
{
    if (w->limit && ++w->seen >= w->limit)
        w->end = END_CUT;
    return SLUICE_OK;
}

static json_t *value_json(const sluice_value *v, const struct table_column *c)
{
    struct cell cell = {0};
    struct buf text = {0};
    const char *why;
    json_t *j = json_null();

    if (v->type == SLUICE_BOOL)
        return json_boolean(v->as.i);
    if (v->type == SLUICE_INT)
        return json_integer(v->as.i);
    if (cell_set(&cell, c, v, &why) && cell.state == CELL_VALUE) {
        cell_print(&cell, &text);
        j = v->type == SLUICE_INTS ? json_loadb(text.ptr, text.len, 0, NULL) : json_stringn(buf_text(&text), text.len);
    }
    buf_free(&text);
    buf_free(&cell.text);
    return j;
}

/* A record of a preview. */
static void show(const struct worker *w, json_t *event)
{
    if (w->parted)
        json_object_set_new(event, "partition", json_string(reading_partition(w)));
    event_send(w->events, event);
}

static int preview_row(struct worker *w, uint32_t count)
{
    json_t *values = json_object();

    for (uint32_t i = 0; i < count && i < w->plan.table.column_count; i++) {
        if (w->values[i].type != SLUICE_ABSENT)
            json_object_set_new(values, w->plan.table.columns[i].source,
                                value_json(&w->values[i], &w->plan.table.columns[i]));
    }
    show(w, json_pack("{s:s, s:o}", "event", "row", "values", values));
    return count_seen(w);
}

/* A record that comes is not gone, whatever its row says. Returns how many values there are then. */
static uint32_t clear_gone(struct worker *w, uint32_t count)
{
    const struct table *t = &w->plan.table;

    if (!t->gone)
        return count;
    uint32_t at = (uint32_t)(t->gone - t->columns);
    while (count <= at)
        w->values[count++] = (sluice_value){0};
    w->values[at] = (sluice_value){.type = SLUICE_NULL};
    return count;
}

static int take_row(struct worker *w, struct frame_walk *walk)
{
    uint32_t count = frame_u32(walk);
    int64_t *ints = w->ints;

    if (count > w->plan.table.column_count || count > FRAME_VALUES_MAX)
        return broken(w, "a row with more values than the stream has columns");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t type = w->plan.table.columns[i].type;
        frame_value(walk, &w->values[i], &ints, w->ints + FRAME_INTS_MAX);
        if (w->values[i].type > SLUICE_NULL && w->values[i].type != type)
            return broken(w, "a value of another type than its column");
    }
    if (!frame_walked(walk))
        return broken(w, "a row that is not one");
    count = clear_gone(w, count);
    if (w->what == SPEC_PREVIEW)
        return preview_row(w, count);
    if (w->what == SPEC_RETRY)
        return w->retry_id ? sink_retry(&w->sink, w->retry_id, NULL, w->values, count, &w->err)
                           : broken(w, "an extra row");
    int rc = sink_row(&w->sink, w->values, count, &w->err);
    return rc ? rc : count_seen(w);
}

static int take_skip(struct worker *w, struct frame_walk *walk)
{
    sluice_str key = frame_str(walk), why = frame_str(walk);

    if (!frame_walked(walk))
        return broken(w, "a skip that is not one");
    if (w->what == SPEC_PREVIEW) {
        char *text = plain_text(why, TEXT_MAX);
        show(w, json_pack("{s:s, s:s}", "event", "row", "skipped", text ? text : ""));
        free(text);
        return count_seen(w);
    }
    if (w->what == SPEC_RETRY) {
        w->sink.tally.resolved++;
        return w->retry_id ? rejects_resolve(w->sink.rejects, w->retry_id, (sluice_str){0}, &w->err)
                           : broken(w, "an extra skip");
    }
    int rc = sink_skip(&w->sink, key, &w->err);
    return rc ? rc : count_seen(w);
}

/* Here all parts are plain text. */
static int reject(struct worker *w, const char *key, const char *why, const char *source)
{
    sluice_str key_str = {key, strlen(key)}, source_str = {source, strlen(source)};

    if (w->what == SPEC_PREVIEW) {
        show(w, json_pack("{s:s, s:{s:s, s:s}}", "event", "row", "rejected", "key", key, "reason", why));
        return count_seen(w);
    }
    if (w->what == SPEC_RETRY)
        return w->retry_id ? rejects_again(w->sink.rejects, w->retry_id, key_str, why, REJECT_MAPPING, source_str, &w->err)
                           : broken(w, "an extra reject");
    int rc = sink_reject(&w->sink, key_str, (sluice_str){why, strlen(why)}, source_str, &w->err);
    return rc ? rc : count_seen(w);
}

static int take_reject(struct worker *w, struct frame_walk *walk)
{
    sluice_str key = frame_str(walk), why = frame_str(walk), source = frame_str(walk);

    if (!frame_walked(walk))
        return broken(w, "a reject that is not one");
    char *plain_key = plain_text(key, SHORT_MAX), *plain_why = plain_text(why, TEXT_MAX);
    char *plain_source = plain_text(source, FRAME_MAX);
    int rc = plain_key && plain_why && plain_source ? reject(w, plain_key, plain_why, plain_source) : no_memory(w);
    free(plain_key);
    free(plain_why);
    free(plain_source);
    return rc;
}

/* A mark in the middle of an incremental run is stored once enough rows are open to be worth a transaction. */
static int take_checkpoint(struct worker *w, struct frame_walk *walk)
{
    sluice_str text = frame_str(walk);

    if (!frame_walked(walk) || memchr(text.ptr, '\0', text.len))
        return broken(w, "a cursor that is not one");
    if (text.len > CURSOR_MAX)
        return err_set(&w->err, SLUICE_E_BUG, "the plugin's cursor has %zu bytes, more than %d", text.len, CURSOR_MAX);
    memcpy(w->mark.text, text.ptr, text.len);
    w->mark.text[text.len] = '\0';
    if (!w->mark.reply_at)
        w->mark.reply_at = clock_wall_us();
    w->marked = true;
    if (w->full || w->limit || w->what != SPEC_RUN || w->sink.batch < w->sink.batch_max / 2)
        return SLUICE_OK;
    return sink_commit(&w->sink, &w->mark, &w->err);
}

static void tell_gap(struct worker *w, int64_t gap_us)
{
    struct buf text = {0};
    int64_t s = gap_us / CLOCK_SECOND;

    buf_printf(&text,
               "window gap: nothing was delivered for %lldh %02lldm %02llds, between %s and %s of the source's clock; "
               "what changed then will not come by itself",
               (long long)(s / 3600), (long long)(s / 60 % 60), (long long)(s % 60), w->last.text,
               w->run.window_start ? w->run.window_start : "?");
    run_warn(&w->run, buf_text(&text));
    buf_free(&text);
}

static int take_window(struct worker *w, struct frame_walk *walk)
{
    sluice_str from = frame_str(walk), to = frame_str(walk);
    int64_t length = frame_i64(walk), reply_at = frame_i64(walk);

    if (!frame_walked(walk))
        return broken(w, "a window that is not one");
    free(w->run.window_start);
    free(w->run.window_end);
    w->run.window_start = from.len ? plain_text(from, SHORT_MAX) : NULL;
    w->run.window_end = to.len ? plain_text(to, SHORT_MAX) : NULL;
    struct window_gap g = window_gap(w->last.reply_at, w->last.window_us, reply_at, length);
    w->window_seen = w->run.window_start != NULL; /* an end alone is no window */
    w->mark.reply_at = reply_at;
    w->mark.window_us = g.length_us;
    if (g.known && (w->window_seen || !w->full)) { /* a full answer without a window leaves no gap */
        run_stat(&w->run, "gap_seconds", g.gap_us / CLOCK_SECOND);
        if (g.gap_us > spec_int(w->spec, "gap_tolerance_us"))
            tell_gap(w, g.gap_us);
    }
    return SLUICE_OK;
}

/* One column's value or preset. */
static int take_constant(struct worker *w, struct frame_walk *walk)
{
    uint32_t column = frame_u32(walk), preset = frame_u32(walk);
    sluice_str text = frame_str(walk);

    if (walk->bad || column >= w->plan.table.column_count || preset > 1 ||
        memchr(text.len ? text.ptr : "", '\0', text.len))
        return broken(w, "a column's text that is not one");
    struct table_column *c = &w->plan.table.columns[column];
    char **at = preset ? &c->preset : &c->value;
    char *copy = strndup(text.len ? text.ptr : "", text.len);
    if (!copy || !*at) {
        free(copy);
        return copy ? broken(w, "a text for a column that has none") : no_memory(w);
    }
    free(*at);
    *at = copy;
    return SLUICE_OK;
}

int intake_constants(struct worker *w, const struct frame *f)
{
    struct frame_walk walk = frame_walk(f);
    uint32_t count = frame_u32(&walk);
    int rc = SLUICE_OK;

    for (uint32_t i = 0; !rc && i < count; i++)
        rc = take_constant(w, &walk);
    return rc || frame_walked(&walk) ? rc : broken(w, "columns' texts that are none");
}

static int take_total(struct worker *w, struct frame_walk *walk)
{
    int64_t total = frame_i64(walk);

    if (!frame_walked(walk))
        return broken(w, "a total that is not one");
    w->run.total = total;
    return SLUICE_OK;
}

#define STATS_MAX 1000

static int take_stat(struct worker *w, struct frame_walk *walk)
{
    sluice_str name = frame_str(walk);
    int64_t value = frame_i64(walk);

    if (!frame_walked(walk))
        return broken(w, "a figure that is not one");
    char *plain = plain_text(name, SHORT_MAX);
    if (!plain)
        return no_memory(w);
    bool room = json_object_size(w->run.stats) < STATS_MAX || json_object_get(w->run.stats, plain);
    if (room)
        run_stat(&w->run, plain, value);
    free(plain);
    return room ? SLUICE_OK : err_set(&w->err, SLUICE_E_BUG, "plugin %s gave more than %d figures (stat)",
                                      spec_text(w->spec, "plugin_name"), STATS_MAX);
}

#define WARNINGS_MAX 1000

static int take_warn(struct worker *w, struct frame_walk *walk)
{
    sluice_str text = frame_str(walk);

    if (!frame_walked(walk))
        return broken(w, "a warning that is not one");
    size_t count = json_array_size(w->run.warnings);
    if (count == WARNINGS_MAX)
        run_warn(&w->run, "and more warnings, which are not kept");
    if (count >= WARNINGS_MAX)
        return SLUICE_OK;
    char *plain = plain_text(text, TEXT_MAX);
    run_warn(&w->run, plain ? plain : "");
    free(plain);
    return SLUICE_OK;
}

static int take_log(struct worker *w, struct frame_walk *walk)
{
    int64_t level = frame_i64(walk);
    sluice_str text = frame_str(walk);

    if (!frame_walked(walk))
        return broken(w, "a log line that is not one");
    char *plain = plain_text(text, TEXT_MAX);
    event_offer(w->events, json_pack("{s:s, s:I, s:s}", "event", "log", "level", (json_int_t)level, "text",
                                     plain ? plain : ""));
    free(plain);
    return SLUICE_OK;
}

static int take_http(struct worker *w, struct frame_walk *walk)
{
    int64_t requests = frame_i64(walk), retries = frame_i64(walk), throttled_us = frame_i64(walk);
    int64_t bytes = frame_i64(walk);

    if (!frame_walked(walk) || requests < 0 || retries < 0 || throttled_us < 0 || bytes < 0)
        return broken(w, "figures of its requests that are none");
    w->http = (struct http_stats){(uint64_t)requests, (uint64_t)retries, throttled_us, (uint64_t)bytes};
    return SLUICE_OK;
}

static int take_fail(struct worker *w, struct frame_walk *walk)
{
    int64_t code = frame_i64(walk);
    sluice_str why = frame_str(walk);

    if (!frame_walked(walk) || code >= 0 || code < E_FENCED)
        return broken(w, "a failure that is not one");
    char *plain = plain_text(why, TEXT_MAX);
    w->end = code == SLUICE_E_CANCELLED ? END_CANCELLED : END_FAIL;
    err_set(&w->err, (int)code, "%s", plain ? plain : "");
    free(plain);
    if (code == SLUICE_E_BUG || code == E_SYSTEM)
        err_wrap(&w->err, "plugin %s", spec_text(w->spec, "plugin_name"));
    return SLUICE_OK;
}

int intake_frame(struct worker *w, const struct frame *f)
{
    struct frame_walk walk = frame_walk(f);

    switch (f->type) {
    case FRAME_ROW:
        return take_row(w, &walk);
    case FRAME_SKIP:
        return take_skip(w, &walk);
    case FRAME_REJECT:
        return take_reject(w, &walk);
    case FRAME_CHECKPOINT:
        return take_checkpoint(w, &walk);
    case FRAME_TOTAL:
        return take_total(w, &walk);
    case FRAME_WINDOW:
        return take_window(w, &walk);
    case FRAME_STAT:
        return take_stat(w, &walk);
    case FRAME_WARN:
        return take_warn(w, &walk);
    case FRAME_LOG:
        return take_log(w, &walk);
    case FRAME_HTTP:
        return take_http(w, &walk);
    case FRAME_SCAN:
        return scans_begin(w, &walk);
    case FRAME_FETCH:
        return scans_fetch(w, &walk);
    case FRAME_FAIL:
        return take_fail(w, &walk);
    case FRAME_MAPPED:
        w->retry_id = NULL;
        return SLUICE_OK;
    case FRAME_DONE:
        w->end = END_DONE;
        return SLUICE_OK;
    default:
        return broken(w, "a frame of an unknown type");
    }
}
