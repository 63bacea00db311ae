/* The loop: three lists of exchanges, and what moves them from one to the next. */
#include "inner.h"
#include "retry.h"
#include "url.h"

#include "clock.h"
#include "log.h"

#include <poll.h>
#include <stdlib.h>

#define STEP_MAX_US (CLOCK_SECOND / 2) /* the longest sleep between two looks around */

/* ---- The lists ---- */

static struct exchange_list *list_of(struct http *h, enum exchange_state state)
{
    return state == WAITING ? &h->waiting : state == ACTIVE ? &h->active : &h->done;
}

void exchange_unlist(struct http_exchange *x)
{
    struct http *h = x->http;
    TAILQ_REMOVE(list_of(h, x->state), x, link);
    if (x->state == ACTIVE)
        h->active_count--;
}

static void move_to(struct http_exchange *x, enum exchange_state state)
{
    struct http *h = x->http;
    exchange_unlist(x);
    x->state = state;
    if (state == ACTIVE)
        h->active_count++;
    if (state == WAITING) /* a repeat goes before what was never tried */
        TAILQ_INSERT_HEAD(&h->waiting, x, link);
    else
        TAILQ_INSERT_TAIL(list_of(h, state), x, link);
}

/* ---- From ACTIVE to DONE, or back to WAITING ---- */

/* Put "POST http://host/path" in front. */
static void name_request(const struct http_exchange *x, struct err *why)
{
    char shown[400];
    url_show(x->request.url, shown, sizeof shown);
    err_wrap(why, "%s %s", x->request.method, shown);
}

static void fail(struct http_exchange *x, const struct err *why)
{
    if (x->failed > 1)
        err_set(&x->err, why->code, "%s (%u attempts)", why->msg, x->failed);
    else
        x->err = *why;
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

/* Whoever waits should know for what. */
static void tell_again(const struct http_exchange *x, int64_t wait_us, const struct err *why)
{
    const struct http_limits *l = &x->http->limits;
    struct err text = {0};
    err_set(&text, why->code, "%s (attempt %u of %u, the next one in %.2f s)", why->msg, x->failed, l->attempts,
            (double)wait_us / 1e6);
    if (l->note)
        l->note(l->note_context, text.msg);
    else
        log_line(LOG_INFO, NULL, "%s", text.msg);
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
    tell_again(x, wait, why);
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
    attempt_stop(x, result == CURLE_OK);
    if (why.code)
        name_request(x, &why);
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
    if (attempt_start(x, &why) != 0) {
        name_request(x, &why);
        fail(x, &why);
    }
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

int drive_until_done(struct http *h, const struct http_exchange *x, struct err *err)
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
