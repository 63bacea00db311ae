/* The client: three lists of exchanges, and the loop that moves them from one to the next. */
#include "inner.h"
#include "retry.h"
#include "url.h"

#include "clock.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_MAX_US (CLOCK_SECOND / 2) /* the longest sleep between two looks around */

#define DEFAULT_TIMEOUT     (30 * CLOCK_SECOND)
#define DEFAULT_CONNECT     (10 * CLOCK_SECOND)
#define DEFAULT_RETRY_AFTER (300 * CLOCK_SECOND)
#define DEFAULT_BACKOFF     (CLOCK_SECOND / 2)
#define DEFAULT_MAX_BODY    ((uint64_t)1 << 30)
#define DEFAULT_RECORD_MAX  ((size_t)16 << 20)

/* ---- Open and close ---- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool own_text(const char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text;
}

static bool own_limits(struct http_limits *l)
{
    bool proxy = own_text(&l->proxy);
    bool ca_file = own_text(&l->ca_file);
    bool spool_dir = own_text(&l->spool_dir);
    return proxy && ca_file && spool_dir;
}

static void fill_defaults(struct http_limits *l)
{
    l->timeout_us = l->timeout_us ? l->timeout_us : DEFAULT_TIMEOUT;
    l->connect_timeout_us = l->connect_timeout_us ? l->connect_timeout_us : DEFAULT_CONNECT;
    l->retry_after_max_us = l->retry_after_max_us ? l->retry_after_max_us : DEFAULT_RETRY_AFTER;
    l->backoff_us = l->backoff_us ? l->backoff_us : DEFAULT_BACKOFF;
    l->max_body = l->max_body ? l->max_body : DEFAULT_MAX_BODY;
    l->record_max = l->record_max ? l->record_max : DEFAULT_RECORD_MAX;
    l->attempts = l->attempts ? l->attempts : 1;
    l->parallel = l->parallel ? l->parallel : 1;
}

static int check_limits(const struct http_limits *l, struct err *err)
{
    if (l->ca_file && l->ca_file[0] && access(l->ca_file, R_OK) != 0)
        return err_set(err, SLUICE_E_CONFIG, "http.ca_file %s: %s", l->ca_file, strerror(errno));
    if (!l->proxy || !l->proxy[0])
        return 0;
    CURLU *parsed = curl_url();
    CURLUcode rc = parsed ? curl_url_set(parsed, CURLUPART_URL, l->proxy, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME)
                          : CURLUE_OUT_OF_MEMORY;
    curl_url_cleanup(parsed);
    char shown[256];
    url_show(l->proxy, shown, sizeof shown);
    return rc ? err_set(err, SLUICE_E_CONFIG, "http.proxy %s: not a URL", shown) : 0;
}

int http_open(const struct http_limits *limits, struct http **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct http_limits checked = *limits;
    fill_defaults(&checked);
    int rc = check_limits(&checked, err);
    if (rc)
        return rc;

    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(err, E_SYSTEM, "out of memory");
    h->limits = checked;
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->active);
    TAILQ_INIT(&h->done);
    h->left_at_us = clock_mono_us();
    bool owned = own_limits(&h->limits);
    h->multi = curl_multi_init();
    h->spare = calloc(h->limits.parallel, sizeof(CURL *));
    if (!owned || !h->multi || !h->spare || !rate_init(&h->rate, h->limits.rate_per_min)) {
        http_close(h);
        return err_set(err, E_SYSTEM, "out of memory");
    }
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->limits.parallel);
    *out = h;
    return 0;
}

static void drop_all(struct http *h, struct exchange_list *list)
{
    while (!TAILQ_EMPTY(list))
        http_drop(h, TAILQ_FIRST(list));
}

void http_close(struct http *h)
{
    if (!h)
        return;
    drop_all(h, &h->waiting);
    drop_all(h, &h->active);
    drop_all(h, &h->done);
    for (uint32_t i = 0; i < h->spare_count; i++)
        curl_easy_cleanup(h->spare[i]);
    free(h->spare);
    curl_multi_cleanup(h->multi);
    rate_free(&h->rate);
    free((void *)(uintptr_t)h->limits.proxy);
    free((void *)(uintptr_t)h->limits.ca_file);
    free((void *)(uintptr_t)h->limits.spool_dir);
    free(h);
}

/* ---- Exchanges ---- */

static struct exchange_list *list_of(struct http *h, enum exchange_state state)
{
    return state == WAITING ? &h->waiting : state == ACTIVE ? &h->active : &h->done;
}

static void leave_list(struct http_exchange *x)
{
    struct http *h = x->http;
    TAILQ_REMOVE(list_of(h, x->state), x, link);
    if (x->state == ACTIVE)
        h->active_count--;
}

static void move_to(struct http_exchange *x, enum exchange_state state)
{
    struct http *h = x->http;
    leave_list(x);
    x->state = state;
    if (state == ACTIVE)
        h->active_count++;
    if (state == WAITING) /* a repeat goes before what was never tried */
        TAILQ_INSERT_HEAD(&h->waiting, x, link);
    else
        TAILQ_INSERT_TAIL(list_of(h, state), x, link);
}

int http_send(struct http *h, const sluice_request *request, struct http_exchange **out, struct err *err)
{
    struct http_exchange *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(err, E_SYSTEM, "out of memory");
    x->http = h;
    int rc = request_copy(&x->request, request, err);
    if (rc == 0)
        rc = url_check(x->request.url, h->limits.insecure, err);
    if (rc) {
        request_free(&x->request);
        free(x);
        return rc;
    }
    x->state = WAITING;
    TAILQ_INSERT_TAIL(&h->waiting, x, link);
    *out = x;
    return 0;
}

void http_drop(struct http *h, struct http_exchange *x)
{
    if (!h || !x)
        return;
    attempt_stop(x);
    leave_list(x);
    attempt_forget(x);
    request_free(&x->request);
    free(x->location);
    free(x);
}

/* ---- From ACTIVE to DONE, or back to WAITING ---- */

/* "POST http://host/path: why", for good. */
static void fail(struct http_exchange *x, const struct err *why)
{
    char shown[400];
    url_show(x->request.url, shown, sizeof shown);
    if (x->failed > 1)
        err_set(&x->err, why->code, "%s %s: %s (%u attempts)", x->request.method, shown, why->msg, x->failed);
    else
        err_set(&x->err, why->code, "%s %s: %s", x->request.method, shown, why->msg);
    move_to(x, DONE);
    attempt_forget(x);
}

static void succeed(struct http_exchange *x)
{
    const struct attempt *a = &x->attempt;
    const char *date = attempt_header(a, "Date");
    time_t at = date ? curl_getdate(date, NULL) : -1;
    x->source_time_us = a->left_wall_us;
    if (at >= 0)
        x->source_time_us = (int64_t)at * CLOCK_SECOND - (a->head_mono_us - a->left_mono_us);
    move_to(x, DONE);
}

static void again(struct http_exchange *x, int64_t retry_after_us, const struct err *why)
{
    struct http *h = x->http;
    int64_t now = clock_mono_us();
    int64_t wait = retry_backoff_us(h->limits.backoff_us, x->failed);
    if (retry_after_us > h->limits.retry_after_max_us)
        retry_after_us = h->limits.retry_after_max_us;
    if (retry_after_us >= 0 && now + retry_after_us > h->hold_until_us)
        h->hold_until_us = now + retry_after_us;
    if (wait < retry_after_us)
        wait = retry_after_us;
    log_line(LOG_INFO, NULL, "%s: attempt %u of %u failed, again in %.2f s", why->msg, x->failed, h->limits.attempts,
             (double)wait / 1e6);
    x->not_before_us = now + wait;
    free(x->location);
    x->location = NULL;
    x->redirects = 0;
    move_to(x, WAITING);
    attempt_forget(x);
}

static void finish(struct http_exchange *x, CURLcode result)
{
    struct err why = {0};
    int64_t wait_us = -1;
    enum verdict verdict = verdict_of(x, result, &wait_us, &why);
    attempt_stop(x);
    switch (verdict) {
    case VERDICT_ANSWER:
        succeed(x);
        return;
    case VERDICT_REDIRECT:
        x->redirects++;
        move_to(x, WAITING);
        attempt_forget(x);
        return;
    case VERDICT_AGAIN:
        x->failed++;
        if (x->failed < x->http->limits.attempts && !(x->request.flags & SLUICE_ONCE))
            again(x, wait_us, &why);
        else
            fail(x, &why);
        return;
    case VERDICT_FAILED:
        fail(x, &why);
        return;
    }
}

static void finish_ended(struct http *h)
{
    int left = 0;
    for (CURLMsg *msg; (msg = curl_multi_info_read(h->multi, &left)) != NULL;) {
        struct http_exchange *x = NULL;
        CURLcode result = msg->data.result;
        if (msg->msg == CURLMSG_DONE && curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x) == CURLE_OK && x)
            finish(x, result);
    }
}

static void finish_overdue(struct http *h)
{
    int64_t now = drive_clock_us(h);
    struct http_exchange *next = NULL;
    for (struct http_exchange *x = TAILQ_FIRST(&h->active); x; x = next) {
        next = TAILQ_NEXT(x, link);
        if (x->deadline_us > now)
            continue;
        x->attempt.overdue = true;
        finish(x, CURLE_OPERATION_TIMEDOUT);
    }
}

/* ---- From WAITING to ACTIVE ---- */

/* May anything start now? If not, `*until` moves to when to look again. */
static bool may_start(struct http *h, int64_t now, int64_t *until)
{
    if (h->active_count >= h->limits.parallel)
        return false;
    if (h->hold_until_us > now) {
        *until = h->hold_until_us < *until ? h->hold_until_us : *until;
        return false;
    }
    int64_t wait = rate_wait_us(&h->rate, now);
    if (wait > 0) {
        h->throttled_since_us = h->throttled_since_us ? h->throttled_since_us : now;
        *until = now + wait < *until ? now + wait : *until;
        return false;
    }
    if (h->throttled_since_us)
        h->stats.throttled_us += now - h->throttled_since_us;
    h->throttled_since_us = 0;
    return true;
}

static void start(struct http_exchange *x, int64_t now)
{
    struct http *h = x->http;
    struct err why = {0};
    rate_note(&h->rate, now);
    h->stats.requests++;
    h->stats.retries += x->failed > 0 && x->redirects == 0;
    move_to(x, ACTIVE);
    if (attempt_start(x, &why) != 0)
        fail(x, &why);
}

/* Start what may start; gives the time of the next look, at most `until`. */
static int64_t start_waiting(struct http *h, int64_t now, int64_t until)
{
    struct http_exchange *next = NULL;
    for (struct http_exchange *x = TAILQ_FIRST(&h->waiting); x; x = next) {
        next = TAILQ_NEXT(x, link);
        if (x->not_before_us > now) {
            until = x->not_before_us < until ? x->not_before_us : until;
            continue;
        }
        if (!may_start(h, now, &until))
            break;
        start(x, now);
    }
    return until;
}

/* ---- The loop ---- */

int64_t drive_clock_us(const struct http *h)
{
    return clock_mono_us() - h->idle_us;
}

static bool is_stopped(struct http *h)
{
    if (!h->cancelled && h->limits.stop_fd >= 0) {
        struct pollfd stop = {.fd = h->limits.stop_fd, .events = POLLIN};
        h->cancelled = poll(&stop, 1, 0) > 0;
    }
    return h->cancelled;
}

static int64_t first_deadline(const struct http *h, int64_t now, int64_t until)
{
    const struct http_exchange *x = NULL;
    TAILQ_FOREACH(x, &h->active, link)
    {
        int64_t at = x->deadline_us - drive_clock_us(h) + now;
        until = at < until ? at : until;
    }
    return until;
}

/* Sleep until something arrives, the stop descriptor speaks, or `until`. */
static void sleep_until(struct http *h, int64_t until)
{
    struct curl_waitfd stop = {.fd = h->limits.stop_fd, .events = CURL_WAIT_POLLIN};
    int64_t us = until - clock_mono_us();
    int ms = us <= 0 ? 0 : (int)((us + 999) / 1000);
    curl_multi_poll(h->multi, &stop, h->limits.stop_fd >= 0 ? 1 : 0, ms, NULL);
}

static int drive(struct http *h, const struct http_exchange *x, struct err *err)
{
    int running = 0;
    while (x->state != DONE) {
        if (is_stopped(h))
            return err_set(err, SLUICE_E_CANCELLED, "cancelled");
        int64_t now = clock_mono_us();
        int64_t until = start_waiting(h, now, now + STEP_MAX_US);
        if (curl_multi_perform(h->multi, &running) != CURLM_OK)
            return err_set(err, E_SYSTEM, "curl cannot go on: out of memory or descriptors");
        uint32_t before = h->active_count;
        finish_ended(h);
        finish_overdue(h);
        if (h->active_count != before) /* there is room for another one */
            continue;
        sleep_until(h, first_deadline(h, now, until));
    }
    return 0;
}

int http_wait(struct http *h, struct http_exchange *x, sluice_reply *reply, struct err *err)
{
    h->idle_us += clock_mono_us() - h->left_at_us;
    int rc = drive(h, x, err);
    h->left_at_us = clock_mono_us();
    if (rc)
        return rc;
    if (x->err.code) {
        *err = x->err;
        return err->code;
    }
    *reply = (sluice_reply){.struct_size = sizeof *reply,
                            .status = x->attempt.status,
                            .size = spool_size(&x->body.spool),
                            .source_time = x->source_time_us};
    return 0;
}

/* ---- What an answered exchange has ---- */

sluice_str http_header(const struct http_exchange *x, const char *name)
{
    const char *value = x->state == DONE ? attempt_header(&x->attempt, name) : NULL;
    return value ? (sluice_str){value, strlen(value)} : (sluice_str){"", 0};
}

int http_read(struct http_exchange *x, uint64_t offset, size_t want, sluice_str *bytes, struct err *err)
{
    if (x->state != DONE || x->err.code)
        return err_set(err, SLUICE_E_BUG, "a body is read before it was waited for");
    uint64_t size = spool_size(&x->body.spool);
    uint64_t left = offset < size ? size - offset : 0;
    if (want > x->http->limits.record_max && left > x->http->limits.record_max)
        return err_set(err, SLUICE_E_REMOTE, "a record of the answer is larger than %zu bytes",
                       x->http->limits.record_max);
    return spool_read(&x->body.spool, offset, want, bytes, err);
}

uint64_t http_replaced(const struct http_exchange *x)
{
    return x->body.replaced;
}

void http_stats(const struct http *h, struct http_stats *stats)
{
    *stats = h->stats;
    if (h->throttled_since_us)
        stats->throttled_us += clock_mono_us() - h->throttled_since_us;
}
