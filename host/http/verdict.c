/* What an ended attempt means: an answer, a redirect to follow, something to try again, or a failure to explain. */
#include "inner.h"
#include "retry.h"
#include "url.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 200

static enum verdict failed(struct err *err)
{
    return err->code == SLUICE_E_RETRY ? VERDICT_AGAIN : VERDICT_FAILED;
}

/* ---- Attempts that curl or we ended ---- */

static const char *host_of(const struct http_exchange *x, char *out, size_t size)
{
    char shown[512];
    url_show(x->location ? x->location : x->request.url, shown, sizeof shown);
    const char *host = strstr(shown, "://");
    host = host ? host + 3 : shown;
    snprintf(out, size, "%.*s", (int)strcspn(host, "/?#"), host);
    return out;
}

static bool uses_proxy(const struct http_exchange *x)
{
    const char *proxy = x->http->limits.proxy;
    return proxy && proxy[0] && !url_is_local(x->location ? x->location : x->request.url);
}

/* What the connection is made to: "erp.example:8443", or "the proxy http://proxy:3128". */
static const char *peer_of(const struct http_exchange *x, char *out, size_t size)
{
    if (!uses_proxy(x))
        return host_of(x, out, size);
    char shown[200];
    url_show(x->http->limits.proxy, shown, sizeof shown);
    snprintf(out, size, "the proxy %s", shown);
    return out;
}

static const char *strerror_of(const struct http_exchange *x)
{
    long number = 0;
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
    return number ? strerror((int)number) : x->attempt.error[0] ? x->attempt.error : "no connection";
}

static int explain_cut(const struct http_exchange *x, struct err *err)
{
    curl_off_t announced = -1;
    curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    unsigned long long got = x->attempt.received;
    if (!x->attempt.head_done)
        return err_set(err, SLUICE_E_RETRY, "the answer was cut inside its headers");
    if (announced >= 0)
        return err_set(err, SLUICE_E_RETRY, "the answer was cut after %llu of %lld bytes", got, (long long)announced);
    return err_set(err, SLUICE_E_RETRY, "the answer was cut after %llu bytes, before its last chunk", got);
}

static bool has_name(const struct http_exchange *x)
{
    curl_off_t us = 0;
    return curl_easy_getinfo(x->easy, CURLINFO_NAMELOOKUP_TIME_T, &us) == CURLE_OK && us > 0;
}

static bool has_connection(const struct http_exchange *x)
{
    long port = 0;
    return curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK && port > 0;
}

/* The request did not leave in time. */
static int explain_no_connection(const struct http_exchange *x, struct err *err)
{
    double s = (double)x->http->limits.connect_timeout_us / 1e6;
    char host[256], peer[256];
    host_of(x, host, sizeof host);
    peer_of(x, peer, sizeof peer);
    if (!has_name(x))
        return err_set(err, SLUICE_E_RETRY,
                       "the name of %s was not found within %.3g s (http.connect_timeout): no name server answers",
                       peer, s);
    if (!has_connection(x))
        return err_set(err, SLUICE_E_RETRY, "no connection to %s within %.3g s (http.connect_timeout)", peer, s);
    if (uses_proxy(x))
        return err_set(err, SLUICE_E_RETRY, "%s made no connection to %s within %.3g s (http.connect_timeout)", peer,
                       host, s);
    return err_set(err, SLUICE_E_RETRY, "%s takes connections but spoke no TLS within %.3g s (http.connect_timeout)",
                   host, s);
}

static int explain_timeout(const struct http_exchange *x, struct err *err)
{
    const struct http_limits *l = &x->http->limits;
    const struct attempt *a = &x->attempt;
    if (!a->left)
        return explain_no_connection(x, err);
    if (a->header_bytes == 0)
        return err_set(err, SLUICE_E_RETRY, "no answer within %.3g s (http.timeout)", (double)l->timeout_us / 1e6);
    return err_set(err, SLUICE_E_RETRY, "the answer was not whole within %.3g s (http.timeout), %llu bytes so far",
                   (double)l->timeout_us / 1e6, (unsigned long long)a->received);
}

static int explain_tls(const struct http_exchange *x, CURLcode result, struct err *err)
{
    const char *file = x->http->limits.ca_file;
    bool own = file && file[0];
    const char *detail = x->attempt.error[0] ? x->attempt.error : curl_easy_strerror(result);
    if (result == CURLE_SSL_CACERT_BADFILE)
        return err_set(err, SLUICE_E_CONFIG, "http.ca_file %s cannot be used: %s", own ? file : "(the system's)",
                       detail);
    return err_set(err, SLUICE_E_CONFIG, "the certificate is not trusted: %s: check the URL's host name and %s%s",
                   detail, own ? "http.ca_file " : "the system's certificates, or name the authority's in http.ca_file",
                   own ? file : "");
}

/* An answer of the proxy itself to the request for a tunnel. */
static bool explain_proxy(const struct http_exchange *x, struct err *err)
{
    long code = 0;
    curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &code);
    if (x->attempt.head_done || code < 400)
        return false;
    if (code == 407 || code == 401 || code == 403)
        err_set(err, SLUICE_E_AUTH, "the proxy refused with HTTP %ld: check http.proxy and its credentials", code);
    else
        err_set(err, SLUICE_E_RETRY, "the proxy answered HTTP %ld: check http.proxy", code);
    return true;
}

static int explain_transfer(const struct http_exchange *x, CURLcode result, struct err *err)
{
    char host[256], peer[256];
    const char *detail = x->attempt.error[0] ? x->attempt.error : curl_easy_strerror(result);
    host_of(x, host, sizeof host);
    peer_of(x, peer, sizeof peer);
    if (explain_proxy(x, err))
        return err->code;
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, SLUICE_E_RETRY, "host name %s was not found: check the URL and the name server", host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return err_set(err, SLUICE_E_RETRY, "the name of %s was not found: check http.proxy and the name server", peer);
    case CURLE_PROXY:
        return err_set(err, SLUICE_E_RETRY, "%s does not work: %s: check http.proxy", peer, detail);
    case CURLE_COULDNT_CONNECT:
        return err_set(err, SLUICE_E_RETRY, "no connection to %s: %s: check %s, and that it is up", peer,
                       strerror_of(x), uses_proxy(x) ? "http.proxy" : "host and port");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return explain_tls(x, result, err);
    case CURLE_SSL_CONNECT_ERROR:
        return err_set(err, SLUICE_E_RETRY, "no TLS with %s: %s: check that this port speaks TLS 1.2 or newer", peer,
                       detail);
    case CURLE_OPERATION_TIMEDOUT:
        return explain_timeout(x, err);
    case CURLE_PARTIAL_FILE:
        return explain_cut(x, err);
    case CURLE_GOT_NOTHING:
        return err_set(err, SLUICE_E_RETRY, "the connection was closed without an answer");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        if (!x->attempt.left)
            return err_set(err, SLUICE_E_RETRY, "%s broke the connection off at once: %s", peer, detail);
        return err_set(err, SLUICE_E_RETRY, "the connection broke after %llu bytes of the answer: %s",
                       (unsigned long long)x->attempt.received, detail);
    case CURLE_URL_MALFORMAT:
        return err_set(err, SLUICE_E_CONFIG, "not a URL");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return err_set(err, SLUICE_E_REMOTE, "what answers there does not speak HTTP: %s", detail);
    case CURLE_OUT_OF_MEMORY:
        return err_set(err, E_SYSTEM, "out of memory");
    default:
        return err_set(err, SLUICE_E_RETRY, "%s", detail);
    }
}

/* ---- Statuses ---- */

/* The start of the body for a message, on one line: , ": \"text\"", or "" when there is none. */
static void show_body(struct http_exchange *x, char *out, size_t size)
{
    out[0] = '\0';
    struct err ignored;
    sluice_str text = {0};
    if (x->body.open)
        body_end(&x->body, &ignored);
    if (!x->body.open || spool_read(&x->body.spool, 0, SHOWN_BYTES, &text, &ignored) != 0 || text.len == 0)
        return;
    size_t len = text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--;
    struct buf shown = {.max = size - 8};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n')
            buf_add(&shown, "\\n", 2);
        else if (c < 0x20 || c == 0x7F)
            buf_printf(&shown, "\\x%02x", c);
        else
            buf_add_char(&shown, text.ptr[i]);
    }
    snprintf(out, size, ": \"%s%s\"", buf_text(&shown), len < text.len ? "..." : "");
    buf_free(&shown);
}

static const char *advice(const struct http_exchange *x)
{
    if (x->attempt.status == 407)
        return "the credentials in http.proxy";
    if (x->request.hint)
        return x->request.hint;
    switch (x->attempt.status) {
    case 401:
    case 403:
        return "the credentials and their rights";
    case 404:
        return "the URL";
    default:
        return NULL;
    }
}

static int code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return SLUICE_E_AUTH;
    case 404:
        return SLUICE_E_CONFIG;
    case 408:
    case 429:
        return SLUICE_E_RETRY;
    default:
        return status >= 500 && status < 600 ? SLUICE_E_RETRY : SLUICE_E_REMOTE;
    }
}

static int64_t sender_clock_us(const struct attempt *a)
{
    const char *date = attempt_header(a, "Date");
    time_t at = date ? curl_getdate(date, NULL) : -1;
    return at >= 0 ? (int64_t)at * CLOCK_SECOND : clock_wall_us();
}

static enum verdict refused(struct http_exchange *x, int64_t *wait_us, struct err *err)
{
    const struct attempt *a = &x->attempt;
    char body[4 * SHOWN_BYTES + 16];
    show_body(x, body, sizeof body);
    int code = code_of(a->status);
    const char *hint = code == SLUICE_E_RETRY ? NULL : advice(x);
    err_set(err, code, "HTTP %d%s%s%s", a->status, hint ? ": check " : "", hint ? hint : "", body);
    const char *after = attempt_header(a, "Retry-After");
    if (!after || !retry_after_us(after, sender_clock_us(a), wait_us))
        *wait_us = -1;
    return failed(err);
}

static bool repeats_method(const struct http_exchange *x)
{
    const char *method = x->request.method;
    return x->attempt.status >= 307 || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static enum verdict redirected(struct http_exchange *x, struct err *err)
{
    int status = x->attempt.status;
    char *target = NULL;
    char shown[256];
    curl_easy_getinfo(x->easy, CURLINFO_REDIRECT_URL, &target);
    if (!target) {
        err_set(err, SLUICE_E_REMOTE, "HTTP %d without a usable Location", status);
        return VERDICT_FAILED;
    }
    url_show(target, shown, sizeof shown);
    if (!url_same_origin(x->request.url, target))
        err_set(err, SLUICE_E_CONFIG,
                "HTTP %d leads to %s, another server, where credentials are not sent: check the URL", status, shown);
    else if (!repeats_method(x))
        err_set(err, SLUICE_E_CONFIG, "HTTP %d leads to %s, but says not to send the %s there: check the URL", status,
                shown, x->request.method);
    else if (x->redirects >= REDIRECTS_MAX)
        err_set(err, SLUICE_E_REMOTE, "more than %u redirects, the last one to %s", REDIRECTS_MAX, shown);
    else
        err->code = 0;
    if (err->code)
        return VERDICT_FAILED;
    char *copy = strdup(target);
    if (!copy) {
        err_set(err, E_SYSTEM, "out of memory");
        return VERDICT_FAILED;
    }
    free(x->location);
    x->location = copy;
    return VERDICT_REDIRECT;
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static enum verdict whole(struct http_exchange *x, struct err *err)
{
    return body_end(&x->body, err) == 0 ? VERDICT_ANSWER : failed(err);
}

bool verdict_takes(const struct http_exchange *x, int status)
{
    if (status == 400 && x->request.flags & SLUICE_MAY_REFUSE)
        return true;
    return status >= 400 && status < 500 && x->request.flags & SLUICE_ANY_STATUS;
}

enum verdict verdict_of(struct http_exchange *x, CURLcode result, int64_t *wait_us, struct err *err)
{
    const struct attempt *a = &x->attempt;
    int status = a->head_done ? a->status : 0;
    bool ended = result == CURLE_OK && a->head_done;
    *wait_us = -1;
    *err = (struct err){0};
    if (a->failure.code) {
        *err = a->failure;
        return failed(err);
    }
    if (is_redirect(status))
        return redirected(x, err);
    if (status >= 400 && code_of(status) == SLUICE_E_RETRY) {
        bool last = x->failed + 1 >= x->http->limits.attempts || x->request.flags & SLUICE_ONCE;
        if (ended && last && verdict_takes(x, status))
            return whole(x, err);
        return refused(x, wait_us, err);
    }
    if (status >= 300 && !verdict_takes(x, status))
        return refused(x, wait_us, err);
    if (a->overdue)
        explain_timeout(x, err);
    else if (result != CURLE_OK)
        explain_transfer(x, result, err);
    else if (!a->head_done)
        explain_cut(x, err);
    else
        return whole(x, err);
    return failed(err);
}
