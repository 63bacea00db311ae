/* alert_state.c - see alert_state.h. */
#include "alert_state.h"

#include "alert_text.h"
#include "clock.h"
#include "run.h"
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#define STALE_FAILURES 3 /* in a row without a good run before them: it was told stale */

static const struct {
    unsigned what;
    const char *name;
} names[] = {{ALERT_FAILING, "failing"},
             {ALERT_RECOVERED, "recovered"},
             {ALERT_GAP, "gap"},
             {ALERT_STALE, "stale"},
             {ALERT_REJECTS, "rejects"},
             {ALERT_CONFIG, "config"}};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *alert_name(unsigned what)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (names[i].what == what)
            return names[i].name;
    }
    return "";
}

unsigned alert_of_name(const char *name)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strcmp(names[i].name, name) == 0)
            return names[i].what;
    }
    return 0;
}

bool alert_state_init(struct alert_state *s, size_t rule_count)
{
    *s = (struct alert_state){.told = calloc(rule_count + 1, sizeof(*s->told))};
    return s->told != NULL;
}

void alert_state_free(struct alert_state *s)
{
    free(s->covered_to);
    free(s->told);
    *s = (struct alert_state){0};
}

/* ---- What a run says ---- */

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

/* Records may have been rejected, but no partition failed: then there is an error. */
static bool is_complete(const json_t *run)
{
    static const char *const good[] = {"success", "partial"};

    return is_one_of(spec_text(run, "status"), good, sizeof(good) / sizeof(good[0])) && !*spec_text(run, "error");
}

static bool is_failure(const json_t *run)
{
    static const char *const bad[] = {"failed", "crashed", "timeout"};
    const char *status = spec_text(run, "status");

    return is_one_of(status, bad, sizeof(bad) / sizeof(bad[0])) ||
           (strcmp(status, "partial") == 0 && *spec_text(run, "error"));
}

static bool counts(const json_t *run)
{
    return *spec_text(run, "run") && strcmp(spec_text(run, "mode"), "retry") != 0 &&
           (is_complete(run) || is_failure(run));
}

/* Time that no window covered. The figure is in whole seconds, the warning was decided on all of it. */
static bool has_gap(const json_t *run, int64_t tolerance_us)
{
    int64_t seconds = spec_int(json_object_get(run, "stats"), "gap_seconds");

    return seconds > 0 && (seconds * CLOCK_SECOND > tolerance_us || alert_gap_warning(run) != NULL);
}

/* ---- What becomes of it ---- */

struct telling {
    const struct alert_rule *rules;
    size_t rule_count;
    alert_tell *tell; /* NULL: it was told before */
    void *context;
};

static void tell_one(const struct telling *t, size_t rule, const struct alert_event *event)
{
    if (t->tell && t->rules[rule].on & event->what)
        t->tell(t->context, rule, event);
}

static void tell_all(const struct telling *t, const struct alert_event *event)
{
    for (size_t i = 0; i < t->rule_count; i++)
        tell_one(t, i, event);
}

/* Is the end of `what` news to who hears of this rule? A rule that is told of no beginning tells of every end. */
static bool owes_end_of(const struct alert_rule *rule, unsigned what)
{
    return rule->on & what || !(rule->on & (ALERT_FAILING | ALERT_STALE));
}

static void take_failure(struct alert_state *s, const struct telling *t, struct alert_event *event)
{
    if (s->failures < UINT32_MAX)
        s->failures++;
    event->what = ALERT_FAILING;
    event->failures = s->failures;
    for (size_t i = 0; i < t->rule_count; i++) {
        struct alert_told *told = &s->told[i];
        if (told->failing || s->failures < t->rules[i].after)
            continue;
        told->failing = true;
        told->owes = told->owes || owes_end_of(&t->rules[i], ALERT_FAILING);
        tell_one(t, i, event);
    }
}

static void take_completion(struct alert_state *s, const struct telling *t, struct alert_event *event)
{
    event->what = ALERT_RECOVERED;
    event->failures = s->failures;
    for (size_t i = 0; i < t->rule_count; i++) {
        if (s->told[i].owes)
            tell_one(t, i, event);
        s->told[i] = (struct alert_told){0};
    }
    s->failures = 0;
    s->stale = s->settling = false;
}

static void take_gap(struct alert_state *s, const struct telling *t, struct alert_event *event, int64_t tolerance_us)
{
    bool gap = has_gap(event->run, tolerance_us);

    event->what = ALERT_GAP;
    event->failures = s->failures;
    event->from = s->covered_to;
    if (gap && !s->gap)
        tell_all(t, event);
    s->gap = gap;
}

/* A run that did not complete does not tell that there are no rejects any more. That the cursor could not be held back any
 * longer and has left rejects behind is news each time. */
static void take_rejects(struct alert_state *s, const struct telling *t, struct alert_event *event)
{
    bool rejects = spec_int(event->run, "errors") > 0, left_behind = alert_left_behind(event->run) > 0;

    event->what = ALERT_REJECTS;
    event->failures = s->failures;
    if (left_behind || (rejects && !s->rejects))
        tell_all(t, event);
    s->rejects = rejects || (s->rejects && !is_complete(event->run));
}

static void keep_window(struct alert_state *s, const json_t *run)
{
    const char *to = spec_text(run, "at");

    if (*to && is_complete(run))
        run_set(&s->covered_to, to);
}

static void take_run(struct alert_state *s, const struct telling *t, int64_t tolerance_us, const json_t *run)
{
    struct alert_event event = {.run = run};

    if (!counts(run))
        return;
    if (is_complete(run))
        take_completion(s, t, &event);
    else
        take_failure(s, t, &event);
    take_gap(s, t, &event, tolerance_us);
    take_rejects(s, t, &event);
    keep_window(s, run);
}

void alert_state_run(struct alert_state *s, const struct alert_rule *rules, size_t rule_count, int64_t tolerance_us,
                     const json_t *run, alert_tell *tell, void *context)
{
    const struct telling t = {rules, rule_count, tell, context};

    take_run(s, &t, tolerance_us, run);
}

/* ---- Stale ---- */

static void take_stale(struct alert_state *s, const struct telling *t, int64_t since, bool owes)
{
    const struct alert_event event = {.what = ALERT_STALE, .failures = s->failures, .since = since};

    s->stale = true;
    for (size_t i = 0; i < t->rule_count && owes; i++)
        s->told[i].owes = s->told[i].owes || owes_end_of(&t->rules[i], ALERT_STALE);
    tell_all(t, &event);
}

void alert_state_stale(struct alert_state *s, const struct alert_rule *rules, size_t rule_count, bool stale,
                       int64_t since, alert_tell *tell, void *context)
{
    bool known = s->settling;
    const struct telling t = {rules, rule_count, known ? NULL : tell, context};

    s->settling = false;
    if (stale && !s->stale) /* nothing ran while the daemon was down: nobody was told, and the next run will be good */
        take_stale(s, &t, since, !known || s->failures > 0);
}

void alert_state_remember(struct alert_state *s, const struct alert_rule *rules, size_t rule_count,
                          int64_t tolerance_us, const json_t *runs)
{
    const struct telling t = {rules, rule_count, NULL, NULL};
    bool good = false;

    run_set(&s->covered_to, NULL);
    memset(s->told, 0, rule_count * sizeof(*s->told));
    *s = (struct alert_state){.told = s->told};
    for (size_t i = json_array_size(runs); i-- > 0;) {
        const json_t *run = json_array_get(runs, i);
        take_run(s, &t, tolerance_us, run);
        good = good || (counts(run) && is_complete(run));
    }
    s->settling = json_array_size(runs) > 0;
    if (!good && s->failures >= STALE_FAILURES)
        take_stale(s, &t, 0, true);
}
