/* calls.c - see calls.h. */
#include "calls_inner.h"

#include "clock.h"
#include "redact.h"
#include "text.h"

#include <string.h>

static struct calls *calls_of(sluice_run *run)
{
    return (struct calls *)(void *)run;
}

void calls_open(struct calls *c)
{
    c->thread = pthread_self();
    pthread_mutex_init(&c->lock, NULL);
}

void calls_begin(struct calls *c)
{
    pthread_mutex_lock(&c->lock);
    c->closed = false;
    c->why = (struct err){0};
    c->verdicts = 0;
    c->scans = 0;
    atomic_store(&c->failed, 0);
    pthread_mutex_unlock(&c->lock);
}

/* With the lock held. */
static void note_failure(struct calls *c, int code, const char *why)
{
    if (c->closed || atomic_load(&c->failed))
        return;
    err_set(&c->why, code, "%s", why);
    atomic_store(&c->failed, code);
}

int32_t calls_fail(struct calls *c, int code, const char *why)
{
    pthread_mutex_lock(&c->lock);
    note_failure(c, code, why);
    int32_t rc = c->closed ? SLUICE_E_CANCELLED : atomic_load(&c->failed);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void calls_flush(struct calls *c)
{
    pthread_mutex_lock(&c->lock);
    frame_flush(c->out);
    pthread_mutex_unlock(&c->lock);
}

int calls_close(struct calls *c, struct err *why)
{
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    *why = c->why;
    pthread_mutex_unlock(&c->lock);
    return atomic_load(&c->failed);
}

static int32_t fail_err(struct calls *c, const struct err *err)
{
    return calls_fail(c, err->code, err->msg);
}

/* The code of the first failure. */
static int32_t over(struct calls *c)
{
    return atomic_load(&c->failed);
}

int32_t calls_enter(struct calls *c, const char *call)
{
    char why[100];

    if (pthread_equal(pthread_self(), c->thread))
        return over(c);
    snprintf(why, sizeof(why), "%s() was called from another thread than run()'s", call);
    return calls_fail(c, SLUICE_E_BUG, why);
}

bool calls_frame(struct calls *c, uint8_t type)
{
    pthread_mutex_lock(&c->lock);
    if (c->closed) {
        pthread_mutex_unlock(&c->lock);
        return false;
    }
    frame_begin(c->out, type);
    return true;
}

int32_t calls_send(struct calls *c)
{
    if (c->out->buf.failed) {
        frame_drop(c->out);
        note_failure(c, E_SYSTEM, "there is no memory left for the plugin's process (limits.memory)");
    } else if (c->out->buf.len - c->out->frame > FRAME_MAX) {
        frame_drop(c->out);
        note_failure(c, SLUICE_E_BUG, "a record or text of more than 64 MiB in one call");
    } else {
        frame_end(c->out);
        if (c->out->broken)
            note_failure(c, SLUICE_E_CANCELLED, "the host ended the run");
    }
    pthread_mutex_unlock(&c->lock);
    return over(c);
}

void calls_mapped(struct calls *c)
{
    calls_frame(c, FRAME_MAPPED);
    calls_send(c);
    calls_flush(c);
}

/* Text for people, with the secrets of this process masked, in `room`. */
static sluice_str mask_into(struct buf *room, sluice_str text)
{
    buf_clear(room);
    buf_add(room, text.ptr, text.len);
    if (room->len)
        room->len = redact(room->ptr, room->len);
    return buf_str(room);
}

/* The same; lives until the next call. */
static sluice_str masked(struct calls *c, sluice_str text)
{
    return mask_into(&c->scratch, text);
}

static const void *host_extension(sluice_run *run, const char *id)
{
    (void)run;
    (void)id;
    return NULL; /* this host offers none */
}

static void host_log(sluice_run *run, int32_t level, sluice_str text)
{
    struct calls *c = calls_of(run);
    struct buf room = {0};
    sluice_str plain = mask_into(&room, text);

    if (calls_frame(c, FRAME_LOG)) {
        frame_put_i64(c->out, level);
        frame_put_str(c->out, plain);
        calls_send(c);
    }
    buf_free(&room);
}

static int32_t host_status(sluice_run *run)
{
    struct calls *c = calls_of(run);

    if (!atomic_load(&c->failed) && atomic_load(c->stop))
        return calls_fail(c, SLUICE_E_CANCELLED, "cancelled");
    return over(c);
}

/* Without an allocation: memory may be what has run out. */
static int32_t host_fail(sluice_run *run, int32_t code, sluice_str why)
{
    struct calls *c = calls_of(run);
    char text[sizeof(c->why.msg)];
    sluice_str shown = text_cut(why, sizeof(text) - sizeof("…")); /* a secret may be cut: said, so that it is masked */

    if (calls_enter(c, "fail"))
        return over(c);
    if (code > SLUICE_E_CONFIG || code < SLUICE_E_BUG || (code == SLUICE_E_CANCELLED && !atomic_load(c->stop)))
        code = SLUICE_E_BUG; /* only the host cancels */
    snprintf(text, sizeof(text), "%.*s%s", (int)shown.len, shown.len ? shown.ptr : "", shown.len < why.len ? "…" : "");
    return calls_fail(c, code, *text ? text : "it failed without saying why");
}

static int32_t host_option(sluice_run *run, const char *name, sluice_value *value)
{
    struct calls *c = calls_of(run);
    struct err err = {0};

    if (calls_enter(c, "option"))
        return over(c);
    return options_get(&c->options, name, value, &err) ? fail_err(c, &err) : SLUICE_OK;
}

static int32_t host_send(sluice_run *run, const sluice_request *request, sluice_exchange **exchange)
{
    struct calls *c = calls_of(run);
    struct http_exchange *x = NULL;
    struct err err = {0};

    *exchange = NULL;
    if (calls_enter(c, "send") || host_status(run))
        return over(c);
    if (http_send(c->http, request, &x, &err))
        return fail_err(c, &err);
    *exchange = (sluice_exchange *)(void *)x;
    return SLUICE_OK;
}

/* A charset's bad bytes are data that was lost: said once an answer. */
static void warn_replaced(sluice_run *run, struct http_exchange *x)
{
    struct calls *c = calls_of(run);
    struct buf text = {0};
    uint64_t n = http_replaced(x);

    if (n == 0)
        return;
    buf_printf(&text, "%llu byte%s of the answer had no character in its charset and became U+FFFD",
               (unsigned long long)n, n == 1 ? "" : "s");
    c->run.host->warn(run, buf_str(&text));
    buf_free(&text);
}

static int32_t host_wait(sluice_run *run, sluice_exchange *exchange, sluice_reply *reply)
{
    struct calls *c = calls_of(run);
    struct http_exchange *x = (struct http_exchange *)(void *)exchange;
    struct err err = {0};

    if (calls_enter(c, "wait") || host_status(run))
        return over(c);
    calls_flush(c); /* what is there should not wait for the source */
    if (http_wait(c->http, x, reply, &err))
        return fail_err(c, &err);
    warn_replaced(run, x);
    return over(c);
}

static int32_t host_header(sluice_run *run, sluice_exchange *exchange, const char *name, sluice_str *value)
{
    *value = (sluice_str){"", 0};
    if (calls_enter(calls_of(run), "header"))
        return over(calls_of(run));
    *value = http_header((const struct http_exchange *)(const void *)exchange, name);
    return SLUICE_OK;
}

static int32_t host_read(sluice_run *run, sluice_exchange *exchange, uint64_t offset, size_t want, sluice_str *bytes)
{
    struct calls *c = calls_of(run);
    struct err err = {0};

    *bytes = (sluice_str){"", 0};
    if (calls_enter(c, "read") || host_status(run))
        return over(c);
    if (http_read((struct http_exchange *)(void *)exchange, offset, want, bytes, &err))
        return fail_err(c, &err);
    return SLUICE_OK;
}

static void host_drop(sluice_run *run, sluice_exchange *exchange)
{
    struct calls *c = calls_of(run);

    if (pthread_equal(pthread_self(), c->thread))
        http_drop(c->http, (struct http_exchange *)(void *)exchange);
}

static int32_t wrong_value(struct calls *c, uint32_t i, const sluice_value *v)
{
    const sluice_column *column = c->columns[i];
    char why[300];

    if (v->reserved)
        snprintf(why, sizeof(why), "emit: column %s was given a value whose reserved member is not zero", column->name);
    else if (v->type == column->type)
        snprintf(why, sizeof(why), "emit: column %s: a record's lists have more than %d numbers", column->name,
                 FRAME_INTS_MAX);
    else
        snprintf(why, sizeof(why), "emit: column %s is of type %u and was given a value of type %u", column->name,
                 column->type, v->type);
    return calls_fail(c, SLUICE_E_BUG, why);
}

/* A value is either none or of its column's type; the writer relies on it, and checks it again. */
static int32_t check_values(struct calls *c, const sluice_value *values, uint32_t count)
{
    size_t room = FRAME_INTS_MAX; /* of all lists together */

    if (count > c->column_count)
        return calls_fail(c, SLUICE_E_BUG, "emit: more values than the stream has columns");
    if (count && !values)
        return calls_fail(c, SLUICE_E_BUG, "emit: values is NULL");
    for (uint32_t i = 0; i < count; i++) {
        const sluice_value *v = &values[i];
        if (v->reserved || (v->type > SLUICE_NULL && v->type != c->columns[i]->type))
            return wrong_value(c, i, v);
        if (v->type != SLUICE_INTS)
            continue;
        if (v->as.n.len > room)
            return wrong_value(c, i, v);
        room -= v->as.n.len;
    }
    return SLUICE_OK;
}

static int32_t host_emit(sluice_run *run, const sluice_value *values, uint32_t count)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "emit") || check_values(c, values, count))
        return over(c);
    calls_frame(c, FRAME_ROW);
    frame_put_u32(c->out, count);
    for (uint32_t i = 0; i < count; i++)
        frame_put_value(c->out, &values[i]);
    c->verdicts++;
    return calls_send(c);
}

static int32_t host_skip(sluice_run *run, sluice_str key, sluice_str why)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "skip"))
        return over(c);
    calls_frame(c, FRAME_SKIP);
    frame_put_str(c->out, masked(c, key));
    frame_put_str(c->out, masked(c, why));
    c->verdicts++;
    return calls_send(c);
}

static int32_t host_reject(sluice_run *run, sluice_str key, sluice_str why, sluice_str source)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "reject"))
        return over(c);
    calls_frame(c, FRAME_REJECT);
    frame_put_str(c->out, masked(c, key));
    frame_put_str(c->out, masked(c, why));
    frame_put_str(c->out, masked(c, source));
    c->verdicts++;
    return calls_send(c);
}

static int32_t put_text(struct calls *c, uint8_t type, sluice_str text)
{
    calls_frame(c, type);
    frame_put_str(c->out, text);
    return calls_send(c);
}

static int32_t host_checkpoint(sluice_run *run, sluice_str cursor)
{
    struct calls *c = calls_of(run);

    return calls_enter(c, "checkpoint") || !cursor.len ? over(c) : put_text(c, FRAME_CHECKPOINT, cursor);
}

static int32_t host_total(sluice_run *run, int64_t announced)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "total"))
        return over(c);
    calls_frame(c, FRAME_TOTAL);
    frame_put_i64(c->out, announced);
    return calls_send(c);
}

static int32_t host_window(sluice_run *run, sluice_str from, sluice_str to, int64_t length)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "window"))
        return over(c);
    calls_frame(c, FRAME_WINDOW);
    frame_put_str(c->out, from);
    frame_put_str(c->out, to);
    frame_put_i64(c->out, length);
    frame_put_i64(c->out, clock_wall_us());
    return calls_send(c);
}

static int32_t host_stat(sluice_run *run, const char *name, int64_t value)
{
    struct calls *c = calls_of(run);

    if (calls_enter(c, "stat"))
        return over(c);
    calls_frame(c, FRAME_STAT);
    frame_put_str(c->out, (sluice_str){name, strlen(name)});
    frame_put_i64(c->out, value);
    return calls_send(c);
}

static int32_t host_warn(sluice_run *run, sluice_str text)
{
    struct calls *c = calls_of(run);

    return calls_enter(c, "warn") ? over(c) : put_text(c, FRAME_WARN, masked(c, text));
}

const sluice_host calls_host = {
    .struct_size = sizeof(sluice_host),
    .abi_minor = SLUICE_ABI_MINOR,
    .extension = host_extension,
    .log = host_log,
    .status = host_status,
    .fail = host_fail,
    .option = host_option,
    .send = host_send,
    .wait = host_wait,
    .header = host_header,
    .read = host_read,
    .drop = host_drop,
    .emit = host_emit,
    .skip = host_skip,
    .reject = host_reject,
    .checkpoint = host_checkpoint,
    .total = host_total,
    .window = host_window,
    .stat = host_stat,
    .warn = host_warn,
    .scan = calls_scan,
    .next = calls_next,
};
