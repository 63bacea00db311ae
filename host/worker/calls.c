/* calls.c - see calls.h. */
#include "calls.h"

#include "clock.h"
#include "redact.h"

#include <string.h>

static struct calls *calls_of(sluice_run *run)
{
    return (struct calls *)(void *)run;
}

int32_t calls_fail(struct calls *c, int code, const char *why)
{
    int none = 0;

    if (atomic_compare_exchange_strong(&c->failed, &none, code))
        err_set(&c->why, code, "%s", why);
    return atomic_load(&c->failed);
}

static int32_t fail_err(struct calls *c, const struct err *err)
{
    return calls_fail(c, err->code, err->msg);
}

/* The code of the first failure; the writer's going away is one too. */
static int32_t over(struct calls *c)
{
    if (atomic_load(&c->failed))
        return atomic_load(&c->failed);
    if (c->out->broken)
        return calls_fail(c, SLUICE_E_CANCELLED, "the host ended the run");
    return SLUICE_OK;
}

/* Text for people, with the secrets of this process masked; lives until the next call. */
static sluice_str masked(struct calls *c, sluice_str text)
{
    buf_clear(&c->scratch);
    buf_add(&c->scratch, text.ptr, text.len);
    if (c->scratch.len)
        c->scratch.len = redact(c->scratch.ptr, c->scratch.len);
    return buf_str(&c->scratch);
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

    frame_begin(c->out, FRAME_LOG);
    frame_put_i64(c->out, level);
    frame_put_str(c->out, masked(c, text));
    frame_end(c->out);
}

static int32_t host_status(sluice_run *run)
{
    struct calls *c = calls_of(run);

    if (!atomic_load(&c->failed) && atomic_load(c->stop))
        return calls_fail(c, SLUICE_E_CANCELLED, "cancelled");
    return over(c);
}

static int32_t host_fail(sluice_run *run, int32_t code, sluice_str why)
{
    struct calls *c = calls_of(run);
    struct buf text = {0};

    if (code > SLUICE_E_CONFIG || code < SLUICE_E_BUG)
        code = SLUICE_E_BUG;
    buf_add(&text, why.ptr, why.len);
    int32_t rc = calls_fail(c, code, buf_text(&text));
    buf_free(&text);
    return rc;
}

static int32_t host_option(sluice_run *run, const char *name, sluice_value *value)
{
    struct calls *c = calls_of(run);
    struct err err = {0};

    if (over(c))
        return over(c);
    return options_get(&c->options, name, value, &err) ? fail_err(c, &err) : SLUICE_OK;
}

static int32_t host_send(sluice_run *run, const sluice_request *request, sluice_exchange **exchange)
{
    struct calls *c = calls_of(run);
    struct http_exchange *x = NULL;
    struct err err = {0};

    *exchange = NULL;
    if (host_status(run))
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

    if (host_status(run))
        return over(c);
    frame_flush(c->out); /* what is there should not wait for the source */
    if (http_wait(c->http, x, reply, &err))
        return fail_err(c, &err);
    warn_replaced(run, x);
    return over(c);
}

static int32_t host_header(sluice_run *run, sluice_exchange *exchange, const char *name, sluice_str *value)
{
    *value = (sluice_str){"", 0};
    if (over(calls_of(run)))
        return over(calls_of(run));
    *value = http_header((const struct http_exchange *)(const void *)exchange, name);
    return SLUICE_OK;
}

static int32_t host_read(sluice_run *run, sluice_exchange *exchange, uint64_t offset, size_t want, sluice_str *bytes)
{
    struct calls *c = calls_of(run);
    struct err err = {0};

    *bytes = (sluice_str){"", 0};
    if (host_status(run))
        return over(c);
    if (http_read((struct http_exchange *)(void *)exchange, offset, want, bytes, &err))
        return fail_err(c, &err);
    return SLUICE_OK;
}

static void host_drop(sluice_run *run, sluice_exchange *exchange)
{
    http_drop(calls_of(run)->http, (struct http_exchange *)(void *)exchange);
}

static int32_t wrong_value(struct calls *c, const sluice_column *column, const sluice_value *v)
{
    char why[300];

    snprintf(why, sizeof(why), "emit: column %s is of type %u and was given a value of type %u", column->name,
             column->type, v->type);
    return calls_fail(c, SLUICE_E_BUG, why);
}

/* A value is either none or of its column's type; the writer relies on it, and checks it again. */
static bool fits(const sluice_column *column, const sluice_value *v)
{
    return v->type == SLUICE_ABSENT || v->type == SLUICE_NULL || v->type == column->type;
}

static int32_t host_emit(sluice_run *run, const sluice_value *values, uint32_t count)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    if (count > c->column_count)
        return calls_fail(c, SLUICE_E_BUG, "emit: more values than the stream has columns");
    for (uint32_t i = 0; i < count; i++) {
        if (!fits(c->columns[i], &values[i]))
            return wrong_value(c, c->columns[i], &values[i]);
    }
    frame_begin(c->out, FRAME_ROW);
    frame_put_u32(c->out, count);
    for (uint32_t i = 0; i < count; i++)
        frame_put_value(c->out, &values[i]);
    frame_end(c->out);
    c->verdicts++;
    return over(c);
}

static int32_t host_skip(sluice_run *run, sluice_str why)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, FRAME_SKIP);
    frame_put_str(c->out, why);
    frame_end(c->out);
    c->verdicts++;
    return over(c);
}

static int32_t host_reject(sluice_run *run, sluice_str key, sluice_str why, sluice_str source)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, FRAME_REJECT);
    frame_put_str(c->out, key);
    frame_put_str(c->out, masked(c, why));
    frame_put_str(c->out, masked(c, source));
    frame_end(c->out);
    c->verdicts++;
    return over(c);
}

static int32_t put_text(sluice_run *run, uint8_t type, sluice_str text)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, type);
    frame_put_str(c->out, text);
    frame_end(c->out);
    return over(c);
}

static int32_t host_checkpoint(sluice_run *run, sluice_str cursor)
{
    return cursor.len ? put_text(run, FRAME_CHECKPOINT, cursor) : over(calls_of(run));
}

static int32_t host_total(sluice_run *run, int64_t announced)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, FRAME_TOTAL);
    frame_put_i64(c->out, announced);
    frame_end(c->out);
    return over(c);
}

static int32_t host_window(sluice_run *run, sluice_str from, sluice_str to, int64_t length)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, FRAME_WINDOW);
    frame_put_str(c->out, from);
    frame_put_str(c->out, to);
    frame_put_i64(c->out, length);
    frame_put_i64(c->out, clock_wall_us());
    frame_end(c->out);
    return over(c);
}

static int32_t host_stat(sluice_run *run, const char *name, int64_t value)
{
    struct calls *c = calls_of(run);

    if (over(c))
        return over(c);
    frame_begin(c->out, FRAME_STAT);
    frame_put_str(c->out, (sluice_str){name, strlen(name)});
    frame_put_i64(c->out, value);
    frame_end(c->out);
    return over(c);
}

static int32_t host_warn(sluice_run *run, sluice_str text)
{
    return put_text(run, FRAME_WARN, masked(calls_of(run), text));
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
};
