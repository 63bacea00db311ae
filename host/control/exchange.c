/* exchange.c - see server.h: what a request says, and its answer. */
#include "server_inner.h"

#include "clock.h"
#include "date.h"
#include "plain.h"
#include "redact.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A body that is too long is still read when it is not longer than this: a client that is busy sending may never see
 * an answer that comes before it is done. */
#define READ_MAX (16 * SERVER_BODY_MAX)

/* ---- What a client may send ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at `p`, decoded; *p moves behind it. -1 for "%" without two digits, and for what must not be in a target. */
static int next_byte(const char **p)
{
    const char *at = *p;
    unsigned char c = (unsigned char)*at;

    if (c == '%') {
        int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
        *p += 3;
        return low < 0 ? -1 : high * 16 + low;
    }
    *p += 1;
    return c <= ' ' || c >= 0x7f ? -1 : c;
}

bool exchange_target_legal(const char *target)
{
    struct buf decoded = {0};
    bool legal = target && *target == '/';

    while (legal && *target) {
        int byte = next_byte(&target);
        legal = byte >= ' ' && byte != 0x7f && buf_add_char(&decoded, (char)byte);
    }
    legal = legal && plain_is_utf8(buf_str(&decoded));
    buf_free(&decoded);
    return legal;
}

static void refuse(struct exchange *x, int status, const char *reason)
{
    if (x->refusal)
        return;
    x->refusal = status;
    x->reason = reason;
}

/* How often a header was sent that may come once. */
struct heads {
    unsigned host, length, encoding, authorization;
};

static enum MHD_Result count_head(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct heads *h = context;
    const struct {
        const char *name;
        unsigned *count;
    } counted[] = {
        {"Host", &h->host},
        {"Content-Length", &h->length},
        {"Transfer-Encoding", &h->encoding},
        {"Authorization", &h->authorization},
    };

    (void)kind;
    (void)value;
    for (size_t i = 0; i < LEN(counted); i++)
        *counted[i].count += strcasecmp(name, counted[i].name) == 0;
    return MHD_YES;
}

/* What can be read in two ways is not read. */
static void check_head(struct exchange *x, const char *version)
{
    struct heads h = {0};
    const char *encoding = exchange_header(x, "Transfer-Encoding"), *length = exchange_header(x, "Content-Length");

    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count_head, &h);
    if (h.host > 1 || h.length > 1 || h.encoding > 1 || h.authorization > 1)
        refuse(x, 400, "a header is there twice that may be there once");
    if (h.host == 0 && strcmp(version, "HTTP/1.0") != 0)
        refuse(x, 400, "there is no Host header");
    if (encoding && strcasecmp(encoding, "chunked") != 0)
        refuse(x, 501, "of all transfer codings only \"chunked\" is served");
    if (encoding && length)
        refuse(x, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (length && strtoull(length, NULL, 10) > SERVER_BODY_MAX)
        refuse(x, 413, "the body is too long");
}

void exchange_begin(struct exchange *x, struct MHD_Connection *connection, const char *method, const char *path,
                    const char *version)
{
    x->begun = true;
    x->connection = connection;
    x->method = method;
    x->path = path;
    check_head(x, version);
}

bool exchange_refused_early(const struct exchange *x)
{
    const char *length = exchange_header(x, "Content-Length");

    if (x->refusal == 501)
        return true; /* nobody knows where its body ends */
    if (x->refusal == 413)
        return strtoull(length ? length : "", NULL, 10) > READ_MAX || exchange_header(x, "Expect");
    return false;
}

bool exchange_take(struct exchange *x, const char *bytes, size_t len)
{
    x->body_bytes += len;
    if (x->body_bytes > SERVER_BODY_MAX)
        refuse(x, 413, "the body is too long");
    if (!x->refusal && !buf_add(&x->body, bytes, len))
        return false;
    return x->body_bytes <= READ_MAX;
}

/* ---- What it says ---- */

const char *exchange_method(const struct exchange *x)
{
    return x->method;
}

const char *exchange_path(const struct exchange *x)
{
    return x->path;
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

struct argument {
    const char *name, *value;
};

static enum MHD_Result match_argument(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct argument *a = context;

    (void)kind;
    if (a->value || strcmp(name, a->name) != 0)
        return MHD_YES;
    a->value = value ? value : "";
    return MHD_NO;
}

const char *exchange_argument(const struct exchange *x, const char *name)
{
    struct argument a = {name, NULL};

    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, match_argument, &a);
    return a.value;
}

sluice_str exchange_body(const struct exchange *x)
{
    return buf_str(&x->body);
}

bool exchange_is_local(const struct exchange *x)
{
    return x->server->listener.local;
}

bool exchange_is_loopback(const struct exchange *x)
{
    return x->server->listener.loopback;
}

void exchange_on_gone(struct exchange *x, void (*gone)(void *context, struct exchange *x), void *context)
{
    x->on_gone = gone;
    x->gone_context = context;
}

/* ---- Answers ---- */

void exchange_set_header(struct exchange *x, const char *name, const char *value)
{
    char *copy = x->header_count < EXCHANGE_HEADERS ? strdup(value) : NULL;

    if (!copy)
        return;
    x->names[x->header_count] = name;
    x->values[x->header_count++] = copy;
}

static void add_headers(struct exchange *x, const char *type)
{
    MHD_add_response_header(x->response, "Content-Type", type);
    MHD_add_response_header(x->response, "Cache-Control", "no-store");
    MHD_add_response_header(x->response, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < x->header_count; i++)
        MHD_add_response_header(x->response, x->names[i], x->values[i]);
    if (x->server->quiet || x->refusal)
        MHD_add_response_header(x->response, "Connection", "close");
}

/* Answer with text that this takes; NULL, for want of memory, ends the connection. */
static void answer(struct exchange *x, int status, const char *type, char *text, size_t len)
{
    const struct server_options *o = &x->server->options;

    if (text)
        x->response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (x->response) {
        x->status = (unsigned)status;
        add_headers(x, type);
    } else {
        free(text);
        x->gone = true;
    }
    if (o->answered)
        o->answered(o->context, status);
    if (x->suspended)
        server_resume(x);
}

/* A text without secrets; what masking left of it may be no text any more. */
static json_t *redacted_text(const json_t *text)
{
    size_t len = json_string_length(text);
    char *copy = malloc(len + 1);

    if (!copy)
        return NULL;
    memcpy(copy, json_string_value(text), len + 1);
    len = redact(copy, len);
    json_t *json = json_stringn(copy, len);
    free(copy);
    return json ? json : json_string("***");
}

/* A copy whose texts are without secrets; keys, which are ours, stay. NULL without memory. */
static json_t *redacted(const json_t *json)
{
    json_t *copy, *item;
    const char *key;
    size_t i;
    bool ok = true;

    switch (json_typeof(json)) {
    case JSON_STRING:
        return redacted_text(json);
    case JSON_ARRAY:
        copy = json_array();
        json_array_foreach(json, i, item)
            ok = ok && json_array_append_new(copy, redacted(item)) == 0;
        break;
    case JSON_OBJECT:
        copy = json_object();
        json_object_foreach((json_t *)(uintptr_t)json, key, item)
            ok = ok && json_object_set_new(copy, key, redacted(item)) == 0;
        break;
    default:
        return json_copy((json_t *)(uintptr_t)json);
    }
    if (copy && ok)
        return copy;
    json_decref(copy);
    return NULL;
}

void exchange_answer(struct exchange *x, int status, json_t *body)
{
    static const char none[] = "{\"success\":false,\"error\":\"out of memory\"}";
    json_t *shown = body ? redacted(body) : NULL;
    char *text = shown ? json_dumps(shown, JSON_COMPACT) : NULL;

    json_decref(shown);
    json_decref(body);
    if (!text) {
        status = 500;
        text = strdup(none);
    }
    answer(x, status, "application/json; charset=utf-8", text, text ? strlen(text) : 0);
}

void exchange_answer_text(struct exchange *x, int status, const char *type, sluice_str text)
{
    char *copy = malloc(text.len + 1);

    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    if (copy)
        copy[text.len] = '\0';
    answer(x, status, type, copy, copy ? redact(copy, text.len) : 0);
}

void exchange_fail(struct exchange *x, int status, const char *fmt, ...)
{
    struct buf message = {0}, now = {0};
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    date_print_ms(&now, clock_wall_us());
    exchange_answer(
        x, status,
        json_pack("{s:b, s:s, s:s}", "success", 0, "error", buf_text(&message), "timestamp", buf_text(&now)));
    buf_free(&message);
    buf_free(&now);
}

void exchange_refuse(struct exchange *x)
{
    exchange_fail(x, x->refusal, "%s", x->reason);
}

void exchange_free(struct exchange *x)
{
    if (x->watch)
        event_free(x->watch);
    if (x->response)
        MHD_destroy_response(x->response);
    for (size_t i = 0; i < x->header_count; i++)
        free(x->values[i]);
    buf_free(&x->body);
    free(x);
}
