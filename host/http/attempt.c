/* One attempt: curl's handle set up, and its callbacks. */
#include "inner.h"

#include "charset.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_PROXY_FOR "localhost,127.0.0.0/8,::1"

/* ---- Headers ---- */

const char *attempt_header(const struct attempt *a, const char *name)
{
    const char *at = a->headers.ptr;
    const char *end = at + a->headers.len;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

/* The charset that a Content-Type claims, if it is one we know; else UTF-8. */
static void claimed_charset(const struct attempt *a, char *out, size_t size)
{
    const char *type = attempt_header(a, "Content-Type");
    const char *at = type ? strcasestr(type, "charset=") : NULL;
    snprintf(out, size, "utf-8");
    if (!at)
        return;
    char name[64];
    at += strlen("charset=");
    at += *at == '"' || *at == '\'';
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\"'; \t"), at);
    if (charset_known(name))
        snprintf(out, size, "%s", name);
}

/* Is what comes an answer for the connector, or a refusal that is only shown? */
static bool is_answer(const struct http_exchange *x)
{
    int status = x->attempt.status;
    return (status >= 200 && status < 300) || verdict_takes(x, status);
}

/* Is the announced length beyond what is allowed? Its real one is counted while it comes. */
static bool is_announced_too_large(const struct attempt *a, uint64_t max)
{
    const char *length = attempt_header(a, "Content-Length");
    return length && strtoull(length, NULL, 10) > max;
}

/* The head is complete: get ready for the body, or end it here. */
static int begin_body(struct http_exchange *x)
{
    struct attempt *a = &x->attempt;
    const struct http_limits *l = &x->http->limits;
    char claimed[64];
    claimed_charset(a, claimed, sizeof claimed);
    const char *encoding = attempt_header(a, "Content-Encoding");
    uint64_t max = is_answer(x) ? l->max_body : REFUSAL_MAX;
    body_close(&x->body);
    int rc = body_open(&x->body, l->spool_dir, max, encoding ? encoding : "",
                       x->request.charset ? x->request.charset : claimed, &a->failure);
    if (rc == 0 && is_answer(x) && is_announced_too_large(a, max))
        rc = err_set(&a->failure, SLUICE_E_REMOTE, "the answer is larger than http.max_body, %llu bytes",
                     (unsigned long long)max);
    if (rc && !is_answer(x)) {
        a->failure = (struct err){0};
        a->enough = true; /* the status says what is needed */
    }
    return rc;
}

static void note_head(struct http_exchange *x, const char *line, size_t len)
{
    struct attempt *a = &x->attempt;
    buf_clear(&a->headers);
    a->head_done = false;
    const char *space = memchr(line, ' ', len);
    a->status = 0;
    for (const char *p = space ? space + 1 : line + len; p < line + len && *p >= '0' && *p <= '9'; p++)
        if (a->status < 1000)
            a->status = a->status * 10 + (*p - '0');
}

static void note_header(struct attempt *a, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return;
    const char *value = colon + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    buf_add(&a->headers, line, (size_t)(colon - line));
    buf_add_char(&a->headers, '\0');
    for (const char *p = value; p < end; p++)
        buf_add_char(&a->headers, *p ? *p : ' ');
    buf_add_char(&a->headers, '\0');
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct http_exchange *x = context;
    struct attempt *a = &x->attempt;
    size_t len = size * count;
    x->http->stats.bytes += len;
    a->header_bytes += len;
    if (a->header_bytes > HEADERS_MAX) {
        err_set(&a->failure, SLUICE_E_REMOTE, "the answer's headers are larger than %zu bytes", HEADERS_MAX);
        return 0;
    }
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        note_head(x, line, len);
    } else if (line[0] == '\r' || line[0] == '\n') {
        if (a->status < 200 || a->head_done) /* an interim answer, or a trailer */
            return len;
        a->head_done = true;
        a->head_mono_us = clock_mono_us();
        if (begin_body(x) != 0)
            return 0;
    } else if (!a->head_done) {
        note_header(a, line, len);
    }
    if (a->headers.failed) {
        err_set(&a->failure, E_SYSTEM, "out of memory");
        return 0;
    }
    return len;
}

/* ---- Body ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_exchange *x = context;
    struct attempt *a = &x->attempt;
    size_t len = size * count;
    a->received += len;
    x->http->stats.bytes += len;
    if (is_answer(x))
        return body_feed(&x->body, bytes, len, &a->failure) == 0 ? len : 0;
    struct err ignored;
    if (body_feed(&x->body, bytes, len, &ignored) != 0 || a->received > REFUSAL_MAX) {
        a->enough = true;
        return 0;
    }
    return len;
}

/* The connection stands, the request is about to leave. */
static int on_leaving(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    struct http_exchange *x = context;
    x->attempt.left = true;
    x->attempt.left_mono_us = clock_mono_us();
    x->attempt.left_wall_us = clock_wall_us();
    x->deadline_us = drive_clock_us(x->http) + x->http->limits.timeout_us;
    return CURL_PREREQFUNC_OK;
}

/* ---- The handle ---- */

#define SET(option, value) (good = good && curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_connection(CURL *easy, const struct http_limits *l)
{
    bool good = true;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a name look-up that hangs does not hold up the end */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, l->proxy ? l->proxy : ""); /* never the environment's */
    SET(CURLOPT_NOPROXY, NO_PROXY_FOR);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(l->connect_timeout_us / 1000 + 1));
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, 30L);
    SET(CURLOPT_TCP_KEEPINTVL, 15L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (l->ca_file && l->ca_file[0]) {
        SET(CURLOPT_CAINFO, l->ca_file);
        SET(CURLOPT_PROXY_CAINFO, l->ca_file);
    }
    return good;
}

static bool set_request(CURL *easy, const struct http_exchange *x)
{
    const struct request *r = &x->request;
    bool good = true;
    SET(CURLOPT_URL, x->location ? x->location : r->url);
    SET(CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    SET(CURLOPT_HTTPHEADER, r->headers);
    if (r->body.len > 0 || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        SET(CURLOPT_POSTFIELDS, buf_text(&r->body));
    }
    if (strcmp(r->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_CUSTOMREQUEST, r->method);
    if (r->flags & SLUICE_ONCE)
        SET(CURLOPT_FRESH_CONNECT, 1L); /* curl repeats by itself what fails on a connection used before */
    return good;
}

static bool set_callbacks(CURL *easy, struct http_exchange *x)
{
    bool good = true;
    SET(CURLOPT_PRIVATE, x);
    SET(CURLOPT_ERRORBUFFER, x->attempt.error);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_PREREQFUNCTION, on_leaving);
    SET(CURLOPT_PREREQDATA, x);
    SET(CURLOPT_BUFFERSIZE, 128L * 1024);
    return good;
}

static CURL *take_handle(struct http *h)
{
    if (h->spare_count == 0)
        return curl_easy_init();
    CURL *easy = h->spare[--h->spare_count];
    curl_easy_reset(easy);
    return easy;
}

/* A handle whose attempt failed may carry a rest of it: only clean ones are used again. */
static void give_handle(struct http *h, CURL *easy, bool clean)
{
    if (clean && h->spare_count < h->limits.parallel)
        h->spare[h->spare_count++] = easy;
    else
        curl_easy_cleanup(easy);
}

void attempt_forget(struct http_exchange *x)
{
    buf_free(&x->attempt.headers);
    memset(&x->attempt, 0, sizeof x->attempt);
    body_close(&x->body);
}

int attempt_start(struct http_exchange *x, struct err *err)
{
    struct http *h = x->http;
    attempt_forget(x);
    CURL *easy = take_handle(h);
    if (!easy)
        return err_set(err, E_SYSTEM, "out of memory");
    if (!set_connection(easy, &h->limits) || !set_request(easy, x) || !set_callbacks(easy, x) ||
        curl_multi_add_handle(h->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return err_set(err, E_SYSTEM, "curl refuses a setting or is out of memory");
    }
    x->easy = easy;
    /* while connecting; on_leaving() sets the next one */
    x->deadline_us = drive_clock_us(h) + h->limits.connect_timeout_us + CLOCK_SECOND;
    return 0;
}

void attempt_stop(struct http_exchange *x, bool clean)
{
    if (!x->easy)
        return;
    curl_multi_remove_handle(x->http->multi, x->easy);
    give_handle(x->http, x->easy, clean);
    x->easy = NULL;
}
