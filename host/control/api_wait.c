/* api_wait.c - callers that wait for a run's end. */
#include "api_inner.h"

#include <stdlib.h>

struct waiter {
    struct errand errand;
    void (*answer)(struct exchange *x, const struct launch_result *result, json_t *more);
    json_t *more;
};

static void end(struct waiter *w)
{
    w->errand.api->waiting--;
    json_decref(w->more);
    errand_end(&w->errand);
    free(w);
}

/* The run goes on without it. */
static void forget(void *context, struct exchange *x)
{
    struct waiter *w = context;

    (void)x;
    supervisor_unask(w->errand.api->supervisor, w);
    end(w);
}

static void tell(void *context, const struct launch_result *result)
{
    struct waiter *w = context;

    w->answer(w->errand.x, result, w->more);
    end(w);
}

void call_run_and_wait(struct call *c, const struct supervisor_request *request,
                       void (*answer)(struct exchange *x, const struct launch_result *result, json_t *more),
                       json_t *more)
{
    struct supervisor_request asked = *request;
    char run_id[RUN_ID_SIZE];
    struct err err = {0};

    if (c->api->waiting >= API_WAITERS) {
        json_decref(more);
        call_busy(c->x, "too many callers wait for runs; ask again later, or do not wait");
        return;
    }
    struct waiter *w = calloc(1, sizeof(*w));
    if (!w) {
        json_decref(more);
        exchange_answer(c->x, 500, NULL);
        return;
    }
    *w = (struct waiter){.answer = answer, .more = more};
    c->api->waiting++;
    errand_begin(&w->errand, c, forget);
    asked.done = tell;
    asked.context = w;
    if (supervisor_run(c->api->supervisor, &asked, run_id, &err)) {
        exchange_on_gone(c->x, NULL, NULL);
        call_refused(c->x, &err);
        end(w);
    }
}

void call_failed(struct exchange *x, const struct launch_result *result)
{
    const char *why = json_string_value(json_object_get(result->run, "error"));

    if (!why)
        why = *result->message ? result->message : "the run failed";
    if (!result->run && result->code == E_BUSY)
        exchange_fail(x, 409, "%s", why);
    else if (!result->run && result->code == SLUICE_E_CANCELLED)
        call_busy(x, why);
    else
        exchange_fail(x, 500, "%s", why);
}
