/* The client as its users see it: opened, asked, read, closed. */
#include "inner.h"
#include "url.h"

#include "clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_MAX_US         (CLOCK_SECOND / 2) /* the longest sleep between two looks around */

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
    CURLUcode rc = parsed
                       ? curl_url_set(parsed, CURLUPART_URL, l->proxy, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME)
                       : CURLUE_OUT_OF_MEMORY;
    curl_url_cleanup(parsed);
    char shown[256];
    url_show(l->proxy, shown, sizeof shown);
    return rc ? err_set(err, SLUICE_E_CONFIG, "http.proxy %s: not a URL", shown) : 0;
}

int http_open(const struct http_limits *limits, struct http **out, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int rc = late_curl_load(err);
    if (rc)
        return rc;
    pthread_once(&once, init_curl);
    struct http_limits checked = *limits;
    fill_defaults(&checked);
    rc = check_limits(&checked, err);
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
        http_drop(h, TAILQ_FIRST(list)); /* takes it out of the list. NOLINT(clang-analyzer-unix.Malloc) */
}

void http_drop_all(struct http *h)
{
    drop_all(h, &h->waiting);
    drop_all(h, &h->active);
    drop_all(h, &h->done);
}

void http_close(struct http *h)
{
    if (!h)
        return;
    http_drop_all(h);
    for (uint32_t i = 0; h->spare && i < h->spare_count; i++)
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
    attempt_stop(x, false);
    exchange_unlist(x);
    attempt_forget(x);
    request_free(&x->request);
    free(x->location);
    free(x);
}

int http_wait(struct http *h, struct http_exchange *x, sluice_reply *reply, struct err *err)
{
    h->idle_us += clock_mono_us() - h->left_at_us;
    int rc = drive_until_done(h, x, err);
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
