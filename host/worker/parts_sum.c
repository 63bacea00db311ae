/* parts_sum.c - what the partitions of a run came to, as one result. See parts.h. */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX    3  /* partitions that a text names */
#define WARNINGS_MAX 20 /* of partitions, in the result of the whole: each has its own */

/* ---- One more ---- */

static void add_warnings(struct parts *p, const struct run *run)
{
    struct buf text = {0};

    for (size_t i = 0; i < json_array_size(run->warnings); i++) {
        if (json_array_size(p->whole.warnings) >= WARNINGS_MAX) {
            p->sum.warnings_lost++;
            continue;
        }
        buf_clear(&text);
        buf_printf(&text, "%s: %s", run->partition, json_string_value(json_array_get(run->warnings, i)));
        run_warn(&p->whole, buf_text(&text));
    }
    buf_free(&text);
}

static void add_details(struct parts *p, const struct run *run)
{
    size_t kept = 0;

    for (size_t i = 0; i < json_array_size(run->details); i++) {
        json_t *detail = json_copy(json_array_get(run->details, i));
        if (json_array_size(p->whole.details) >= RUN_DETAILS_MAX) {
            json_decref(detail);
            continue;
        }
        json_object_set_new(detail, "partition", json_string(run->partition));
        json_array_append_new(p->whole.details, detail);
        kept++;
    }
    p->sum.details_lost += (size_t)run->counts.errors - kept;
}

/* Figures are added up; of gaps the widest counts. */
static void add_stats(struct parts *p, const struct run *run)
{
    const char *name;
    json_t *value;

    json_object_foreach(run->stats, name, value)
    {
        json_int_t have = json_integer_value(json_object_get(p->whole.stats, name)), more = json_integer_value(value);
        bool widest = strcmp(name, "gap_seconds") == 0;
        run_stat(&p->whole, name, !widest ? have + more : have > more ? have : more);
    }
}

static void add_failure(struct parts *p, const struct run *run)
{
    if (p->sum.failed++ < NAMED_MAX)
        buf_printf(&p->sum.failures, "%s%s: %s", p->sum.failures.len ? "; " : "", run->partition,
                   run->error ? run->error : run->status);
}

/* The worst exit code, and the error that it comes from. */
static void add_exit(struct parts *p, const char *status, int code)
{
    int exit = run_exit_code(status, code);

    if (p->sum.exit == exit || err_worse_exit(p->sum.exit, exit) != exit)
        return;
    p->sum.exit = exit;
    p->sum.code = code;
}

void parts_add(struct parts *p, size_t index, const struct run *run, bool known, int code)
{
    bool good = strcmp(run->status, "success") == 0, partial = strcmp(run->status, "partial") == 0;
    const struct run_counts *c = &run->counts;
    json_t *result = run_part_json(run);

    if (!known)
        json_object_set_new(result, "run", json_null());
    json_array_set_new(p->sum.results, index, result);
    p->sum.ended++;
    p->sum.incomplete += partial;
    p->sum.full += strcmp(run->mode, "full") == 0;
    p->total += run->total >= 0 ? run->total : c->processed;
    p->announced = p->announced || run->total >= 0;
    add_warnings(p, run);
    add_details(p, run);
    add_stats(p, run);
    if (!good && !partial)
        add_failure(p, run);
    add_exit(p, run->status, code);
}

json_t *parts_results(const struct parts *p)
{
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(p->sum.results); i++) {
        if (!json_is_null(json_array_get(p->sum.results, i)))
            json_array_append(list, json_array_get(p->sum.results, i));
    }
    return list;
}

/* ---- All of them ---- */

/* The first ones of those whose turn never came. */
static void name_unreached(const struct parts *p, struct buf *out)
{
    size_t named = 0, left = json_array_size(p->ids) - p->sum.ended;

    for (size_t i = 0; i < json_array_size(p->ids) && named < NAMED_MAX; i++) {
        if (json_is_null(json_array_get(p->sum.results, i)))
            buf_printf(out, "%s%s", named++ ? ", " : "", json_string_value(json_array_get(p->ids, i)));
    }
    if (left > named)
        buf_printf(out, " and %zu more", left - named);
}

static void tell_unreached(struct parts *p)
{
    struct buf text = {0};
    size_t all = json_array_size(p->ids), left = all - p->sum.ended;

    if (left == 0)
        return;
    buf_printf(&text, "%zu of %zu partitions %s not reached: ", left, all, left == 1 ? "was" : "were");
    name_unreached(p, &text);
    run_warn(&p->whole, buf_text(&text));
    buf_free(&text);
}

static void tell_lost(struct parts *p)
{
    struct buf text = {0};

    if (p->sum.warnings_lost) {
        buf_printf(&text, "%zu more warnings are with their partitions", p->sum.warnings_lost);
        run_warn(&p->whole, buf_text(&text));
    }
    buf_clear(&text);
    if (p->sum.details_lost) {
        buf_printf(&text, "%zu more errors are in sluice_rejects", p->sum.details_lost);
        run_warn(&p->whole, buf_text(&text));
    }
    buf_free(&text);
    p->sum.warnings_lost = p->sum.details_lost = 0; /* it is said */
}

/* "2 of 3 partitions failed: a: why; b: why". */
static void put_failures(struct parts *p)
{
    struct buf text = {0};
    size_t all = json_array_size(p->ids);

    buf_printf(&text, "%zu of %zu partition%s failed: %s", p->sum.failed, all, all == 1 ? "" : "s",
               buf_text(&p->sum.failures));
    if (p->sum.failed > NAMED_MAX)
        buf_printf(&text, "; and %zu more", p->sum.failed - NAMED_MAX);
    run_set(&p->whole.error, buf_text(&text));
    buf_free(&text);
}

/* The partitions decide. */
static const char *sum_status(const struct parts *p)
{
    if (p->sum.failed && p->sum.failed == p->sum.ended)
        return "failed";
    return p->sum.failed || p->sum.incomplete ? "partial" : "success";
}

/* The whole was ended before they could. */
static const char *end_status(struct worker *w)
{
    struct parts *p = w->parts;
    const char *status = outcome_of_end(w, p->end, &p->err);

    p->sum.code = p->err.code;
    run_set(&p->whole.error, p->err.msg);
    run_set(&p->whole.reason, p->err.msg);
    return status;
}

void parts_describe(struct worker *w)
{
    struct parts *p = w->parts;
    struct run *r = &p->whole;
    const struct run_counts *c = &r->counts;
    bool cut = p->end == END_CUT;

    if (p->sum.failed)
        put_failures(p);
    const char *status = p->end == END_NONE || cut ? sum_status(p) : end_status(w);
    snprintf(r->status, sizeof(r->status), "%s", status);
    if (p->announced)
        r->total = p->total;
    if (w->what == SPEC_RUN && p->sum.ended && p->sum.full == p->sum.ended)
        snprintf(r->mode, sizeof(r->mode), "full");
    if (cut)
        run_set(&r->message, "Stopped at the limit; the cursors stay where they were");
    else if (w->what == SPEC_RUN && p->sum.ended && !p->sum.failed && c->created + c->updated + c->errors == 0)
        run_set(&r->message, "Nothing changed");
    if (!p->told) {
        tell_lost(p);
        tell_unreached(p);
        p->told = true;
    }
}
