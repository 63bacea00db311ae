/* api_store.c - what only the store knows: history, rejects and cursors. */
#include "api_inner.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "store_thread.h"
#include "tenant_view.h"
#include "views.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

/* ---- Inquiries ---- */

static void inquiry_free(void *context)
{
    struct inquiry *q = context;

    supervisor_release(q->errand.api->supervisor, q->config);
    json_decref(q->out);
    json_decref(q->more);
    free(q->job);
    free(q->id);
    free(q->tenant);
    errand_end(&q->errand);
    free(q);
}

struct inquiry *inquiry_new(struct call *c, const char *job, const char *id)
{
    struct inquiry *q = calloc(1, sizeof(*q));
    char *job_copy = job ? strdup(job) : NULL, *id_copy = id ? strdup(id) : NULL, *tenant = strdup(c->tenant);

    if (!q || !tenant || (job && !job_copy) || (id && !id_copy)) {
        free(q);
        free(job_copy);
        free(id_copy);
        free(tenant);
        exchange_answer(c->x, 500, NULL);
        return NULL;
    }
    *q = (struct inquiry){
        .config = supervisor_retain(c->api->supervisor), .job = job_copy, .id = id_copy, .tenant = tenant};
    errand_begin(&q->errand, c, NULL);
    return q;
}

static int work(struct db *db, void *context, struct err *err)
{
    struct inquiry *q = context;

    return q->work(db, q, err);
}

static void done(void *context, int rc, const struct err *err)
{
    struct inquiry *q = context;

    if (q->errand.x)
        q->done(q, rc, err);
}

void inquiry_ask(struct inquiry *q)
{
    const struct store_ask ask = {
        .deadline_us = INQUIRY_US, .work = work, .done = done, .drop = inquiry_free, .context = q};
    struct err err = {0};

    if (store_thread_ask(supervisor_store(q->errand.api->supervisor), &ask))
        return;
    err_set(&err, E_STORE, "too much is being asked of it");
    exchange_on_gone(q->errand.x, NULL, NULL);
    q->done(q, E_STORE, &err);
    inquiry_free(q);
}

void inquiry_trouble(const struct api *api, const struct err *err, struct buf *out)
{
    int64_t since;
    const char *why;

    if (store_thread_reachable(supervisor_store(api->supervisor), &since, &why)) {
        buf_add_str(out, err->msg);
        return;
    }
    buf_add_str(out, "unreachable since ");
    date_print(out, since - since % CLOCK_SECOND);
    buf_printf(out, ": %s", why);
}

void inquiry_fail(struct inquiry *q, const struct err *err)
{
    struct buf why = {0};

    buf_add_str(&why, "store: ");
    inquiry_trouble(q->errand.api, err, &why);
    call_busy(q->errand.x, buf_text(&why));
    buf_free(&why);
}

/* ---- Lists ---- */

/* ?limit=, a whole number. False after 400 was answered. */
static bool take_limit(struct call *c, int64_t *limit)
{
    const char *text = exchange_argument(c->x, "limit");
    char *end = NULL;

    *limit = text ? strtoll(text, &end, 10) : LIMIT_DEFAULT;
    if (!text || (*text >= '0' && *text <= '9' && !*end && *limit >= 1 && *limit <= LIMIT_MAX))
        return true;
    exchange_fail(c->x, 400, "limit must be a whole number from 1 to %d, not \"%s\"", LIMIT_MAX, text);
    return false;
}

/* A job that is no longer configured may have left something; one that has neither is a mistake. */
static void tell_list(struct inquiry *q, int rc, const struct err *err)
{
    struct call c = {.api = q->errand.api,
                     .x = q->errand.x,
                     .config = supervisor_config(q->errand.api->supervisor),
                     .tenant = q->tenant};

    if (rc < 0) {
        inquiry_fail(q, err);
        return;
    }
    const json_t *list = json_object_iter_value(json_object_iter(q->out));
    if (q->job && json_array_size(list) == 0 && !call_find_job(&c, q->job))
        return;
    exchange_answer(q->errand.x, 200, json_incref(q->out));
}

/* Ask for a list of ?job= behind ?after=. */
static void ask_list(struct call *c, int (*list)(struct db *db, struct inquiry *q, struct err *err))
{
    int64_t limit;

    if (!take_limit(c, &limit))
        return;
    const char *job = exchange_argument(c->x, "job");
    if (*c->tenant && job && !call_find_job(c, job))
        return;
    struct inquiry *q = inquiry_new(c, job, exchange_argument(c->x, "after"));
    if (!q)
        return;
    q->limit = limit;
    q->work = list;
    q->done = tell_list;
    inquiry_ask(q);
}

static int list_runs(struct db *db, struct inquiry *q, struct err *err)
{
    q->out = *q->tenant ? view_tenant_runs(q->config, db, q->job, q->tenant, q->limit, err)
                        : view_runs(db, q->job, q->limit, err);
    return q->out ? SLUICE_OK : err->code;
}

void api_get_runs(struct call *c)
{
    ask_list(c, list_runs);
}

static int list_rejects(struct db *db, struct inquiry *q, struct err *err)
{
    q->out = *q->tenant ? view_tenant_rejects(q->config, db, q->job, q->tenant, q->id, q->limit, err)
                        : view_rejects(db, q->job, q->id, q->limit, err);
    return q->out ? SLUICE_OK : err->code;
}

void api_get_rejects(struct call *c)
{
    ask_list(c, list_rejects);
}

static int list_cursors(struct db *db, struct inquiry *q, struct err *err)
{
    json_t *list = view_cursors(db, q->job, NULL, q->limit, err);

    q->out = list ? json_pack("{s:o}", "cursors", list) : NULL;
    return q->out ? SLUICE_OK : err->code ? err->code : err_set(err, E_SYSTEM, "out of memory");
}

void api_get_cursors(struct call *c)
{
    if (*c->tenant)
        exchange_answer(c->x, 200, json_pack("{s:[]}", "cursors"));
    else
        ask_list(c, list_cursors);
}

/* ---- One run ---- */

/* What a tenant sees of it. */
static int read_run(struct db *db, struct inquiry *q, struct err *err)
{
    json_t *run = view_run(db, q->id, err);
    const char *job = json_string_value(json_object_get(run, "job"));

    if (!run)
        return err->code;
    q->out = tenant_run(job ? config_find_job(q->config, job) : NULL, q->tenant, run);
    json_decref(run);
    return q->out ? SLUICE_OK : err_set(err, E_NOT_FOUND, "there is no run \"%s\"", q->id);
}

static void ask_run(struct call *c, void (*tell)(struct inquiry *q, int rc, const struct err *err))
{
    struct inquiry *q = inquiry_new(c, NULL, c->name);

    if (!q)
        return;
    q->work = read_run;
    q->done = tell;
    inquiry_ask(q);
}

static void tell_run(struct inquiry *q, int rc, const struct err *err)
{
    json_t *active = rc < 0 ? api_active_run(q->errand.api, q->id, q->tenant) : NULL;

    if (rc >= 0)
        exchange_answer(q->errand.x, 200, json_incref(q->out));
    else if (active)
        exchange_answer(q->errand.x, 200, active);
    else if (rc == E_NOT_FOUND)
        exchange_fail(q->errand.x, 404, "%s", err->msg);
    else
        inquiry_fail(q, err);
}

void api_get_run(struct call *c)
{
    ask_run(c, tell_run);
}

/* It is not a run of this daemon; say what it is. */
static void tell_not_cancelled(struct inquiry *q, int rc, const struct err *err)
{
    const char *status = json_string_value(json_object_get(q->out, "status"));

    if (rc == E_NOT_FOUND)
        exchange_fail(q->errand.x, 404, "%s", err->msg);
    else if (rc < 0)
        inquiry_fail(q, err);
    else if (status && strcmp(status, "running") == 0)
        exchange_fail(q->errand.x, 409, "run %s is not the daemon's: end the process that it runs in", q->id);
    else
        exchange_fail(q->errand.x, 409, "run %s has ended: %s", q->id, status ? status : "");
}

void api_delete_run(struct call *c)
{
    struct err err = {0};

    if (!call_is_for_all(c))
        return;
    if (supervisor_cancel(c->api->supervisor, c->name, &err) == SLUICE_OK)
        exchange_answer(c->x, 202, json_pack("{s:s}", "cancelled", c->name));
    else
        ask_run(c, tell_not_cancelled);
}
