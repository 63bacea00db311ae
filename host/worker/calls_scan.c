/* calls_scan.c - scan() and next() in the connector child: rows of streams that have landed, asked for a few at a time
 * and answered by the writer, who alone knows the store. See calls.h and frame.h.
 *
 * What is asked for is checked here against the plugin's own tables: a wrong name is a fault of the plugin, and named.
 */
#include "calls_inner.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sluice_rows {
    uint32_t scan;
    uint32_t width;       /* columns */
    bool ended;           /* the writer has no more */
    struct buf batch;     /* the rows that came last */
    struct frame_walk at; /* in them */
    sluice_value *values; /* the row that next() gave last */
    int64_t *ints;        /* its lists; NULL: there are none */
};

static struct calls *calls_of(sluice_run *run)
{
    return (struct calls *)(void *)run;
}

static int32_t wrong(struct calls *c, const sluice_query *q, const char *what, sluice_str name)
{
    char why[300];

    snprintf(why, sizeof(why), "scan of %s: %s \"%.*s\"", q->stream, what, (int)(name.len < 100 ? name.len : 100),
             name.len ? name.ptr : "");
    return calls_fail(c, SLUICE_E_BUG, why);
}

/* ---- What may be asked for ---- */

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, text ? strlen(text) : 0};
}

static bool has_word(const char *words, const char *name)
{
    sluice_str list = str_of(words), word;

    while (text_word(&list, &word)) {
        if (word.len == strlen(name) && memcmp(word.ptr, name, word.len) == 0)
            return true;
    }
    return false;
}

/* The stream to be read, the run's own or one that it needs; NULL when it is neither. */
static const sluice_stream *needed(const struct calls *c, const char *name)
{
    bool may = strcmp(c->run.stream->name, name) == 0 || has_word(c->run.stream->needs, name);

    for (uint32_t i = 0; may && i < c->connector->stream_count; i++) {
        if (strcmp(c->connector->streams[i].name, name) == 0)
            return &c->connector->streams[i];
    }
    return NULL;
}

static const sluice_column *find_column(const sluice_stream *s, sluice_str name)
{
    for (uint32_t i = 0; i < s->column_count; i++) {
        const char *column = s->columns[i].name;
        if (strlen(column) == name.len && memcmp(column, name.ptr, name.len) == 0)
            return &s->columns[i];
    }
    return NULL;
}

/* How many columns there are, and whether one of them is a list. False when the run has failed. */
static bool check_columns(struct calls *c, const sluice_query *q, const sluice_stream *s, uint32_t *width, bool *lists)
{
    sluice_str list = str_of(q->columns), word;

    while (text_word(&list, &word)) {
        const sluice_column *column = find_column(s, word);
        if (!column) {
            wrong(c, q, "it has no column", word);
            return false;
        }
        *lists = *lists || column->type == SLUICE_INTS;
        ++*width;
    }
    if (*width > 0 && *width <= FRAME_VALUES_MAX)
        return true;
    wrong(c, q, "no columns, or too many, are asked for:", str_of(q->columns));
    return false;
}

static int32_t check_order(struct calls *c, const sluice_query *q, const sluice_stream *s)
{
    sluice_str list = str_of(q->order), word;

    while (text_word(&list, &word)) {
        const sluice_column *column = find_column(s, word);
        if (!column)
            return wrong(c, q, "it has no column", word);
        if (column->type == SLUICE_DECIMAL || column->type == SLUICE_INTS)
            return wrong(c, q, "rows cannot be ordered by a decimal or a list, as is", word);
    }
    return SLUICE_OK;
}

static struct sluice_rows *make_rows(uint32_t width, bool lists)
{
    struct sluice_rows *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->values = calloc(width, sizeof(*r->values));
    r->ints = lists ? malloc(FRAME_INTS_MAX * sizeof(*r->ints)) : NULL;
    if (r->values && (r->ints || !lists))
        return r;
    free(r->values);
    free(r);
    return NULL;
}

static int32_t send_query(struct calls *c, const sluice_query *q, uint32_t scan)
{
    calls_frame(c, FRAME_SCAN);
    frame_put_u32(c->out, scan);
    frame_put_str(c->out, str_of(q->stream));
    frame_put_str(c->out, str_of(q->columns));
    frame_put_str(c->out, str_of(q->order));
    return calls_send(c);
}

int32_t calls_scan(sluice_run *run, const sluice_query *query, sluice_rows **rows)
{
    struct calls *c = calls_of(run);
    uint32_t width = 0;
    bool lists = false;

    *rows = NULL;
    if (calls_enter(c, "scan") || c->run.host->status(run))
        return atomic_load(&c->failed);
    if (query->struct_size < sizeof(*query) || !query->stream || !query->columns)
        return calls_fail(c, SLUICE_E_BUG, "scan: its query has no size, no stream or no columns");
    const sluice_stream *s = needed(c, query->stream);
    if (!s)
        return wrong(c, query, "this is none that the stream needs:", str_of(query->stream));
    if (c->scans == FRAME_SCANS_MAX)
        return wrong(c, query, "more scans than a run may open, with", str_of(query->columns));
    if (!check_columns(c, query, s, &width, &lists) || check_order(c, query, s))
        return atomic_load(&c->failed);
    struct sluice_rows *r = make_rows(width, lists); /* it lives as long as the process */
    if (!r)
        return calls_fail(c, E_SYSTEM, "there is no memory left for the plugin's process (limits.memory)");
    r->scan = c->scans++;
    r->width = width;
    *rows = r;
    return send_query(c, query, r->scan);
}

/* ---- Rows ---- */

/* The writer's answer; false when the writer is gone. */
static bool hear(struct calls *c, struct frame *f)
{
    struct err err;
    int rc;

    while ((rc = frame_next(c->in, f, &err)) == 0) {
        if (frame_fill(c->in, &err) != 1)
            return false;
    }
    return rc == 1 && f->type == FRAME_ROWS;
}

static int32_t fetch(struct calls *c, struct sluice_rows *r)
{
    struct frame f;

    calls_frame(c, FRAME_FETCH);
    frame_put_u32(c->out, r->scan);
    if (calls_send(c))
        return atomic_load(&c->failed);
    calls_flush(c); /* what was emitted so far goes first */
    if (!hear(c, &f))
        return calls_fail(c, SLUICE_E_CANCELLED, "the host ended the run");
    struct frame_walk w = frame_walk(&f);
    if (frame_u32(&w) != r->scan)
        return calls_fail(c, E_SYSTEM, "rows came of another scan than was asked for");
    buf_clear(&r->batch);
    if (!buf_add(&r->batch, w.p, (size_t)(w.end - w.p)))
        return calls_fail(c, E_SYSTEM, "there is no memory left for the plugin's process (limits.memory)");
    r->at = (struct frame_walk){.p = r->batch.ptr, .end = r->batch.ptr + r->batch.len};
    r->ended = r->batch.len == 0;
    return SLUICE_OK;
}

int32_t calls_next(sluice_run *run, sluice_rows *rows, const sluice_value **values)
{
    struct calls *c = calls_of(run);

    *values = NULL;
    if (calls_enter(c, "next") || c->run.host->status(run))
        return atomic_load(&c->failed);
    if (!rows)
        return calls_fail(c, SLUICE_E_BUG, "next() was called without rows");
    if (!rows->ended && rows->at.p == rows->at.end && fetch(c, rows))
        return atomic_load(&c->failed);
    if (rows->ended)
        return SLUICE_OK;
    int64_t *ints = rows->ints;
    for (uint32_t i = 0; i < rows->width; i++)
        frame_value(&rows->at, &rows->values[i], &ints, rows->ints ? rows->ints + FRAME_INTS_MAX : NULL);
    if (rows->at.bad)
        return calls_fail(c, E_SYSTEM, "a row that was asked for came broken");
    *values = rows->values;
    return SLUICE_OK;
}
