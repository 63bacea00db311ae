/* fake_host.h - a host made of tables, for tests of what connectors link. It notes what the connector does, a line
 * each, and fails at any call it is told to.
 */
#ifndef SLUICE_TESTS_FAKE_HOST_H
#define SLUICE_TESTS_FAKE_HOST_H

#include "helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

/* A request under way; the bytes last read are a copy of exactly their size, so that a step too far is noticed. */
struct sluice_exchange {
    char *window;
    char *body; /* its own answer; NULL: the fake's body */
    int64_t time; /* the source's clock when it was sent */
    int32_t status;
    bool dropped;
    struct sluice_exchange *next;
};

struct fake {
    sluice_run run; /* first, so that a run leads back to its fake */
    sluice_host host;
    char *(*answer)(struct fake *f, const char *url); /* makes the answer to a request; NULL: all get `body` */
    void *context;                                     /* of the test */
    int64_t clock;                                     /* of the source, grows by 1 with each request */
    sluice_str body;
    uint64_t announced; /* size of the body; 0: its own */
    struct buf log;     /* what the connector did, a line each */
    int32_t status;
    int requests, refuse_at; /* the request that gets a 400; 0: none */
    int calls, fail_at; /* the call that ends the run; 0: none */
    bool late;          /* a verdict was handed over after the run had ended */
    int open;           /* exchanges that were not dropped */
    struct sluice_exchange *exchanges;
};

static struct fake *fake_of(sluice_run *run)
{
    return (struct fake *)run;
}

/* Count a call; false when the run is over. */
static bool enter(sluice_run *run)
{
    struct fake *f = fake_of(run);
    f->calls++;
    if (f->calls == f->fail_at && f->status == SLUICE_OK)
        f->status = SLUICE_E_RETRY;
    return f->status == SLUICE_OK;
}

/* The same for the three verdicts. */
static bool enter_late(sluice_run *run)
{
    fake_of(run)->late |= fake_of(run)->status != SLUICE_OK;
    return enter(run);
}

static int32_t note(sluice_run *run, const char *fmt, ...) SLUICE_PRINTF(2, 3);
static int32_t note(sluice_run *run, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&fake_of(run)->log, fmt, args);
    va_end(args);
    buf_add_char(&fake_of(run)->log, '\n');
    return SLUICE_OK;
}

#define TEXT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static const void *fake_extension(sluice_run *run, const char *id)
{
    (void)id;
    enter(run);
    return NULL;
}

static void fake_log(sluice_run *run, int32_t level, sluice_str text)
{
    enter(run);
    note(run, "log %d %.*s", level, TEXT(text));
}

static int32_t fake_status(sluice_run *run)
{
    return fake_of(run)->status;
}

static int32_t fake_fail(sluice_run *run, int32_t code, sluice_str why)
{
    struct fake *f = fake_of(run);
    if (enter(run)) {
        f->status = code;
        note(run, "fail %d %.*s", code, TEXT(why));
    }
    return f->status;
}

static const struct {
    const char *name;
    sluice_value value;
} settings[] = {
    {"url", {.type = SLUICE_TEXT, .as.s = {"https://host.example//root/", 27}}},
    {"username", {.type = SLUICE_TEXT, .as.s = {"O'Neil \"x\"", 10}}},
    {"company", {.type = SLUICE_INT, .as.i = 1000}},
    {"open", {.type = SLUICE_BOOL, .as.i = 1}},
    {"percent", {.type = SLUICE_TEXT, .as.s = {"100%d %s ${url}", 15}}},
    {"charset", {.type = SLUICE_TEXT, .as.s = {"windows-1253", 12}}},
    {"zone", {.type = SLUICE_TEXT, .as.s = {"Europe/Athens", 13}}},
    {"bad_zone", {.type = SLUICE_TEXT, .as.s = {"Europe/Nowhere", 14}}},
    {"overlap", {.type = SLUICE_DURATION, .as.i = 60000000}},
    {"number", {.type = SLUICE_TEXT, .as.s = {"42", 2}}},
    {"unset", {.type = SLUICE_ABSENT}},
};

static int32_t fake_option(sluice_run *run, const char *name, sluice_value *value)
{
    if (!enter(run))
        return fake_of(run)->status;
    for (size_t i = 0; i < LEN(settings); i++) {
        if (strcmp(settings[i].name, name) != 0)
            continue;
        *value = settings[i].value;
        return SLUICE_OK;
    }
    return SLUICE_E_BUG;
}

static int32_t fake_send(sluice_run *run, const sluice_request *request, sluice_exchange **exchange)
{
    struct fake *f = fake_of(run);
    if (!enter(run))
        return f->status;
    assert_int_equal(request->struct_size, sizeof *request);
    note(run, "send %s %s", request->method, request->url);
    for (uint32_t i = 0; i < request->header_count; i++)
        note(run, " %s: %s", request->headers[i].name, request->headers[i].value);
    if (request->body.len)
        note(run, " body %.*s", TEXT(request->body));
    if (request->charset)
        note(run, " charset %s", request->charset);
    struct sluice_exchange *made = calloc(1, sizeof *made);
    assert_non_null(made);
    made->time = ++f->clock;
    made->status = ++f->requests == f->refuse_at ? 400 : 200;
    assert_true(made->status == 200 || request->flags & SLUICE_MAY_REFUSE);
    made->body = f->answer ? f->answer(f, request->url) : NULL;
    made->next = f->exchanges;
    f->exchanges = made;
    f->open++;
    *exchange = made;
    return SLUICE_OK;
}

static sluice_str body_of(const struct fake *f, const struct sluice_exchange *exchange)
{
    return exchange->body ? str_of(exchange->body) : f->body;
}

static int32_t fake_wait(sluice_run *run, sluice_exchange *exchange, sluice_reply *reply)
{
    struct fake *f = fake_of(run);
    if (!enter(run))
        return f->status;
    assert_false(exchange->dropped);
    assert_int_equal(reply->struct_size, sizeof *reply);
    reply->status = exchange->status;
    reply->size = f->announced ? f->announced : body_of(f, exchange).len;
    reply->source_time = exchange->time;
    return SLUICE_OK;
}

static int32_t fake_header(sluice_run *run, sluice_exchange *exchange, const char *name, sluice_str *value)
{
    (void)exchange;
    (void)name;
    *value = (sluice_str){0};
    return enter(run) ? SLUICE_OK : fake_of(run)->status;
}

/* Not one byte more than was wanted. */
static int32_t fake_read(sluice_run *run, sluice_exchange *exchange, uint64_t offset, size_t want, sluice_str *bytes)
{
    struct fake *f = fake_of(run);
    if (!enter(run))
        return f->status;
    assert_false(exchange->dropped);
    sluice_str body = body_of(f, exchange);
    size_t left = offset < body.len ? body.len - (size_t)offset : 0;
    size_t len = want < left ? want : left;
    free(exchange->window);
    exchange->window = malloc(len ? len : 1);
    assert_non_null(exchange->window);
    if (len)
        memcpy(exchange->window, body.ptr + offset, len);
    *bytes = (sluice_str){exchange->window, len};
    return SLUICE_OK;
}

static void fake_drop(sluice_run *run, sluice_exchange *exchange)
{
    if (!exchange)
        return;
    assert_false(exchange->dropped);
    exchange->dropped = true;
    free(exchange->window);
    exchange->window = NULL;
    fake_of(run)->open--;
}

static void note_value(struct buf *log, const sluice_value *v)
{
    if (v->type == SLUICE_ABSENT)
        buf_add_str(log, " -");
    else if (v->type == SLUICE_NULL)
        buf_add_str(log, " null");
    else if (v->type == SLUICE_TEXT)
        buf_printf(log, " '%.*s'", TEXT(v->as.s));
    else if (v->type == SLUICE_INTS)
        buf_printf(log, " [%zu]", v->as.n.len);
    else
        buf_printf(log, " %lld", (long long)v->as.i);
}

static int32_t fake_emit(sluice_run *run, const sluice_value *values, uint32_t count)
{
    if (!enter_late(run))
        return fake_of(run)->status;
    buf_add_str(&fake_of(run)->log, "emit");
    for (uint32_t i = 0; i < count; i++)
        note_value(&fake_of(run)->log, &values[i]);
    return note(run, "%s", "");
}

static int32_t fake_skip(sluice_run *run, sluice_str key, sluice_str why)
{
    return enter_late(run) ? note(run, "skip %.*s|%.*s", TEXT(key), TEXT(why)) : fake_of(run)->status;
}

static int32_t fake_reject(sluice_run *run, sluice_str key, sluice_str why, sluice_str source)
{
    if (!enter_late(run))
        return fake_of(run)->status;
    return note(run, "reject %.*s|%.*s|%.*s", TEXT(key), TEXT(why), TEXT(source));
}

static int32_t fake_checkpoint(sluice_run *run, sluice_str cursor)
{
    return enter(run) ? note(run, "checkpoint %.*s", TEXT(cursor)) : fake_of(run)->status;
}

static int32_t fake_total(sluice_run *run, int64_t announced)
{
    return enter(run) ? note(run, "total %lld", (long long)announced) : fake_of(run)->status;
}

static int32_t fake_window(sluice_run *run, sluice_str from, sluice_str to, int64_t length)
{
    if (!enter(run))
        return fake_of(run)->status;
    return note(run, "window %.*s|%.*s|%lld", TEXT(from), TEXT(to), (long long)length);
}

static int32_t fake_stat(sluice_run *run, const char *name, int64_t value)
{
    return enter(run) ? note(run, "stat %s %lld", name, (long long)value) : fake_of(run)->status;
}

static int32_t fake_warn(sluice_run *run, sluice_str text)
{
    return enter(run) ? note(run, "warn %.*s", TEXT(text)) : fake_of(run)->status;
}

static const sluice_host host_calls = {
    .struct_size = sizeof(sluice_host),
    .extension = fake_extension,
    .log = fake_log,
    .status = fake_status,
    .fail = fake_fail,
    .option = fake_option,
    .send = fake_send,
    .wait = fake_wait,
    .header = fake_header,
    .read = fake_read,
    .drop = fake_drop,
    .emit = fake_emit,
    .skip = fake_skip,
    .reject = fake_reject,
    .checkpoint = fake_checkpoint,
    .total = fake_total,
    .window = fake_window,
    .stat = fake_stat,
    .warn = fake_warn,
};

static void fake_open(struct fake *f, const sluice_stream *stream, const char *body)
{
    *f = (struct fake){.host = host_calls, .body = str_of(body)};
    f->run =
        (sluice_run){.struct_size = sizeof f->run, .host = &f->host, .stream = stream, .cursor = "", .partition = ""};
}

static void fake_close(struct fake *f)
{
    sluice_helper_free(&f->run);
    while (f->exchanges) {
        struct sluice_exchange *next = f->exchanges->next;
        free(f->exchanges->window);
        free(f->exchanges->body);
        free(f->exchanges);
        f->exchanges = next;
    }
    buf_free(&f->log);
}

#endif
