/* api_health.c - is it alive, is it ready, what has it done. */
#include "api_inner.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "metrics.h"
#include "store_thread.h"

#include <stdlib.h>

/* What there is, for people who look; the status page is not built yet. */
void api_get_overview(struct call *c)
{
    const struct supervisor *s = c->api->supervisor;

    exchange_answer(c->x, 200,
                    json_pack("{s:s, s:I, s:[s, s, s, s, s, s]}", "sluice", SLUICE_VERSION, "generation",
                              (json_int_t)supervisor_generation(s), "see", "/api/v1/jobs", "/api/v1/runs",
                              "/api/v1/rejects", "/livez", "/readyz", "/metrics"));
}

void api_get_livez(struct call *c)
{
    exchange_answer(c->x, 200, json_pack("{s:s}", "status", "alive"));
}

/* ---- /readyz ---- */

static int reach(struct db *db, struct inquiry *q, struct err *err)
{
    (void)q;
    return db_exec(db, "SELECT 1", err);
}

/* Anybody may ask this, so it does not tell what is wrong with the store. */
static void tell_ready(struct inquiry *q, int rc, const struct err *err)
{
    const struct api *a = q->errand.api;
    struct buf store = {0}, since = {0};
    int64_t away;
    const char *why;

    (void)err;
    if (rc >= 0) {
        buf_add_str(&store, "reachable");
    } else if (!store_thread_reachable(supervisor_store(a->supervisor), &away, &why)) {
        date_print(&since, away - away % CLOCK_SECOND);
        buf_printf(&store, "unreachable since %s", buf_text(&since));
    } else {
        buf_add_str(&store, "slow to answer");
    }
    exchange_answer(q->errand.x, rc >= 0 ? 200 : 503,
                    json_pack("{s:s, s:I, s:s}", "status", rc >= 0 ? "ready" : "not ready", "generation",
                              (json_int_t)supervisor_generation(a->supervisor), "store", buf_text(&store)));
    buf_free(&store);
    buf_free(&since);
}

void api_get_readyz(struct call *c)
{
    struct inquiry *q = inquiry_new(c, NULL, NULL);

    if (!q)
        return;
    q->work = reach;
    q->done = tell_ready;
    inquiry_ask(q);
}

/* ---- /metrics ---- */

static void print_metrics(const struct api *a, const struct metrics_job *jobs, size_t count, struct buf *page)
{
    int64_t since;
    const char *why;
    const struct metrics_now now = {
        .jobs = jobs,
        .job_count = count,
        .generation = supervisor_generation(a->supervisor),
        .store_reachable = store_thread_reachable(supervisor_store(a->supervisor), &since, &why),
        .started_us = a->started_us,
    };

    metrics_print(supervisor_metrics(a->supervisor), &now, page);
}

void api_get_metrics(struct call *c)
{
    const struct supervisor *s = c->api->supervisor;
    size_t count = supervisor_job_count(s);
    struct metrics_job *jobs = calloc(count + 1, sizeof(*jobs));
    struct buf page = {0};

    if (!call_is_for_all(c)) {
        free(jobs);
        return;
    }
    for (size_t i = 0; jobs && i < count; i++) {
        struct supervisor_job job;
        supervisor_job(s, i, &job);
        jobs[i] = (struct metrics_job){.job = job.job->name,
                                       .last_success_us = job.last_success_us,
                                       .next_run_us = job.next_run_us,
                                       .running = job.running,
                                       .paused = job.paused};
    }
    if (jobs)
        print_metrics(c->api, jobs, count, &page);
    if (!jobs || page.failed)
        exchange_answer(c->x, 500, NULL);
    else
        exchange_answer_text(c->x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&page));
    buf_free(&page);
    free(jobs);
}
