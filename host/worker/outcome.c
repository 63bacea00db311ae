/* outcome.c - how a run ended: in words, in the ledger, and as the result that its starter gets. */
#include "events.h"
#include "redact.h"
#include "sink_gone.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

static void set_status(struct worker *w, const char *status)
{
    snprintf(w->run.status, sizeof(w->run.status), "%s", status);
}

/* A complete read: all rows are in, and the connector's mark holds. */
static void end_complete(struct worker *w)
{
    struct run *r = &w->run;
    const struct run_counts *c = &r->counts;
    bool unresolved = w->what == SPEC_RETRY && w->sink.tally.resolved < w->sink.tally.retried;

    set_status(w, c->errors || unresolved ? "partial" : "success");
    if (r->total >= 0 && r->total != c->processed && w->end == END_DONE) {
        struct buf text = {0};
        buf_printf(&text, "the source announced %lld records and sent %lld", (long long)r->total,
                   (long long)c->processed);
        run_warn(r, buf_text(&text));
        buf_free(&text);
    }
    if (w->what == SPEC_RUN && c->created + c->updated + c->errors + w->sink.tally.gone == 0)
        run_set(&r->message, "Nothing changed");
    if (w->end == END_CUT)
        run_set(&r->message, "Stopped at the limit; the cursor stays where it was");
}

const char *outcome_of_end(const struct worker *w, int end, struct err *err)
{
    if (end == END_CANCELLED)
        err_set(err, SLUICE_E_CANCELLED, "cancelled");
    if (end == END_TIMEOUT)
        err_set(err, SLUICE_E_RETRY, "not done within its deadline of %lld s",
                (long long)(spec_int(w->spec, "deadline_us") / 1000000));
    err->msg[redact(err->msg, strlen(err->msg))] = '\0';
    switch (end) {
    case END_CANCELLED:
        return "cancelled";
    case END_TIMEOUT:
        return "timeout";
    case END_CRASHED:
        return "crashed";
    default:
        return "failed";
    }
}

static void describe_end(struct worker *w)
{
    if (w->end == END_DONE || w->end == END_CUT) {
        end_complete(w);
        return;
    }
    set_status(w, outcome_of_end(w, w->end, &w->err));
    run_set(&w->run.reason, w->err.msg);
    run_set(&w->run.error, w->err.msg);
}

/* A mark holds for all rows before it, whatever came later; but a full run counts only as a whole, and a cut one moves
 * nothing. A windowed source whose answer has no window gave everything. */
static const struct cursor *cursor_to_store(struct worker *w)
{
    bool complete = w->end == END_DONE;

    if (!w->marked || w->end == END_CUT || w->limit || w->what != SPEC_RUN)
        return NULL;
    if (w->mark.window_us == 0)
        w->mark.window_us = w->last.window_us;
    return complete || !w->full ? &w->mark : NULL;
}

static int close_in_ledger(struct worker *w)
{
    const struct cursor *cursor = cursor_to_store(w);
    struct err err = {0};

    if (w->plan.windowed && !w->last.text[0] && !w->window_seen && w->end == END_DONE && w->what == SPEC_RUN)
        snprintf(w->run.mode, sizeof(w->run.mode), "full");
    w->sink.complete = w->end == END_DONE && w->what == SPEC_RUN && !w->limit;
    int rc = sink_finish(&w->sink, cursor, &err);
    if (!rc)
        return SLUICE_OK;
    sink_rollback(&w->sink);
    w->sink.complete = false;
    if (rc == E_FENCED || w->end == END_DONE || w->end == END_CUT) { /* the row is another's, whatever ended us */
        w->end = END_FAIL;
        w->err = err;
        describe_end(w);
    }
    struct err again = {0};
    if (rc != E_FENCED && sink_finish(&w->sink, NULL, &again))
        sink_rollback(&w->sink); /* the store is away: the row is closed by the next run */
    return rc;
}

void outcome_send(struct worker *w, int code, const char *message, json_t *run)
{
    json_t *http = json_pack("{s:I, s:I, s:I, s:I}", "requests", (json_int_t)w->http.requests, "retries",
                             (json_int_t)w->http.retries, "throttled_us", (json_int_t)w->http.throttled_us, "bytes",
                             (json_int_t)w->http.bytes);

    event_send(w->events, json_pack("{s:s, s:i, s:s, s:o, s:o}", "event", "result", "code", code, "message", message,
                                    "run", run, "http", http));
}

/* Is the open batch worth keeping? Rows that came before the connector said that it failed, or before it died, are; not
 * those of one that broke the contract, nor a batch in which the store or the writer stumbled. */
static bool keeps_open_batch(const struct worker *w)
{
    return !w->stumbled && (w->end != END_FAIL || w->err.code != SLUICE_E_BUG);
}

/* What waits to be merged decides what the run came to. */
static void merge_rest(struct worker *w)
{
    struct err err = {0};

    if (!sink_flush(&w->sink, &err))
        return;
    sink_rollback(&w->sink);
    w->marked = false;
    if (w->end == END_DONE || w->end == END_CUT) {
        w->end = END_FAIL;
        w->err = err;
    }
}

/* A full read that was complete, and not only a window that its source chose, tells who is gone. Too many are a failure
 * of which everything else is kept; whatever else fails here takes the open batch with it. */
static void note_gone(struct worker *w)
{
    struct err err = {0};

    if (w->end != END_DONE || !w->sink.gone || (w->plan.windowed && w->window_seen))
        return;
    int rc = sink_note_gone(&w->sink, spec_bool(w->spec, "allow_gone"), &err);
    if (!rc)
        return;
    if (rc != SLUICE_E_LIMIT)
        sink_rollback(&w->sink);
    w->marked = false;
    w->end = END_FAIL;
    w->err = err;
}

static void drop_open_batch(struct worker *w)
{
    if (!w->started || keeps_open_batch(w))
        return;
    sink_rollback(&w->sink);
    w->marked = false; /* rows before the mark may be among those that were rolled back */
}

void outcome_of_part(struct worker *w, bool *quiet, const struct cursor **cursor)
{
    drop_open_batch(w);
    if (w->started)
        merge_rest(w);
    if (w->started)
        note_gone(w);
    describe_end(w);
    *quiet = w->started && sink_is_untouched(&w->sink);
    *cursor = *quiet ? cursor_to_store(w) : NULL;
    if (*quiet)
        sink_end_untouched(&w->sink);
    if (w->started && !*quiet)
        close_in_ledger(w);
    w->err.msg[redact(w->err.msg, strlen(w->err.msg))] = '\0';
}

void outcome_finish(struct worker *w)
{
    drop_open_batch(w);
    if (w->started)
        merge_rest(w);
    if (w->started)
        note_gone(w);
    if (w->started || w->end == END_CANCELLED || w->end == END_TIMEOUT)
        describe_end(w);
    if (w->started)
        close_in_ledger(w);
    w->err.msg[redact(w->err.msg, strlen(w->err.msg))] = '\0';
    bool ok = w->end == END_DONE || w->end == END_CUT;
    outcome_send(w, ok ? 0 : w->err.code, ok ? "" : w->err.msg, w->started ? run_json(&w->run) : json_null());
}
