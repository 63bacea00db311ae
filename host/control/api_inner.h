/* api_inner.h - what the files of the control API share.
 *
 *   api.c        opens and closes, finds the route of a request, refuses who may not ask
 *   api_jobs.c   jobs: told, run, paused; reload       api_health.c  /livez, /readyz, /metrics, /
 *   api_store.c  history and rejects, from the store   api_wait.c    callers that wait for a run's end
 */
#ifndef SLUICE_CONTROL_API_INNER_H
#define SLUICE_CONTROL_API_INNER_H

#include "api.h"
#include "auth.h"
#include "db.h"

struct api {
    struct supervisor *supervisor;
    struct server *tcp, *local;
    unsigned waiting;   /* callers that wait for a run's end */
    int64_t started_us; /* wall time */
    int refs;           /* it stays until nothing is pending */
};

/* A request while its route answers it; what is answered later keeps an errand. */
struct call {
    struct api *api;
    struct exchange *x;
    const struct config *config;
    const char *tenant; /* the only one that it sees; "" all */
    const char *name;   /* what stands at the ":" of the route's path, decoded; NULL */
};

/* Something that is answered later; the first member of what it needs for that. */
struct errand {
    struct api *api;
    struct exchange *x; /* NULL once the client has gone */
};

/* ---- api.c ---- */

/* Prepare `e`, which lives until errand_end(). `gone` (may be NULL) is called when its client goes away. */
void errand_begin(struct errand *e, struct call *c, void (*gone)(void *context, struct exchange *x));
void errand_end(struct errand *e);

/* May this caller see and run the job, or some partitions of it? */
bool call_sees(const struct call *c, const struct config_job *job);

/* The job of that name, or NULL after 404 (with the nearest name) or 403 was answered. */
const struct config_job *call_find_job(struct call *c, const char *name);

/* 403 unless the caller's token is good for all tenants. */
bool call_is_for_all(struct call *c);

/* The body as an object (new reference), an empty one for no body; NULL after 400 was answered. `keys` are all that it
 * may have, NULL-terminated; NULL: any. */
json_t *call_body(struct call *c, const char *const *keys);

/* Member `key` as a boolean or a text; *out stays as it is when it is missing. False after 400 was answered. */
bool call_take_flag(struct call *c, const json_t *body, const char *key, bool *out);
bool call_take_text(struct call *c, const json_t *body, const char *key, const char **out);

/* 503, with when to try again. */
void call_busy(struct exchange *x, const char *why);

/* Answer what supervisor_run() refused: 404, 409 or 503. */
void call_refused(struct exchange *x, const struct err *err);

/* ---- api_wait.c ---- */

/* Have the job run and `answer` called with its result, while the caller waits; `more` (new reference, may be NULL) is
 * handed to it and dropped after it. Answers at once when that is not possible. */
void call_run_and_wait(struct call *c, const struct supervisor_request *request,
                       void (*answer)(struct exchange *x, const struct launch_result *result, json_t *more),
                       json_t *more);

/* Answer for a run that did not succeed: 409 when another process runs the job, 503 when it was not to be, else 500. */
void call_failed(struct exchange *x, const struct launch_result *result);

/* ---- routes ---- */
void api_get_overview(struct call *c);
void api_get_livez(struct call *c);
void api_get_readyz(struct call *c);
void api_get_metrics(struct call *c);
void api_get_init(struct call *c);
void api_get_jobs(struct call *c);
void api_get_job(struct call *c);
void api_post_run(struct call *c);
void api_post_pause(struct call *c);
void api_post_resume(struct call *c);
void api_post_reload(struct call *c);
void api_get_runs(struct call *c);
void api_get_run(struct call *c);
void api_delete_run(struct call *c);
void api_get_rejects(struct call *c);
void api_get_cursors(struct call *c);

/* ---- api_store.c ---- */

/* Something that the store is asked. */
struct inquiry {
    struct errand errand;
    const struct config *config; /* kept while it is asked */
    char *job, *id;              /* NULL: none; of a list, what it is to come behind */
    char *tenant;                /* whose it is; "" everybody's */
    int64_t limit;
    json_t *more;                /* what the answer needs besides; NULL */
    json_t *out;                                                    /* work's result */
    int (*work)(struct db *db, struct inquiry *q, struct err *err); /* in the store thread */
    void (*done)(struct inquiry *q, int rc, const struct err *err); /* answers q->errand.x, which is there */
};

#define INQUIRY_US (2 * CLOCK_SECOND) /* then the answer is given without the store */

/* A new one about `job`, or run or place `id` (copied; NULL: none); NULL after an error was answered. */
struct inquiry *inquiry_new(struct call *c, const char *job, const char *id);

/* Ask; `q` is freed when it is answered. */
void inquiry_ask(struct inquiry *q);

/* "unreachable since 2025-10-11T08:58:45Z", or why else the store was of no help. */
struct buf;
void inquiry_trouble(const struct api *api, const struct err *err, struct buf *out);

/* 503 with that. */
void inquiry_fail(struct inquiry *q, const struct err *err);

/* ---- api_jobs.c ---- */

/* The state of run `id` while the store has no row of it: waiting, or about to begin. NULL: it is not this daemon's, or
 * the tenant ("": everybody) has no part in it. */
json_t *api_active_run(const struct api *api, const char *id, const char *tenant);

#endif
