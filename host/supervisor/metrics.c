/* metrics.c - counts; see metrics.h. metrics_page.c prints. */
#include "metrics_inner.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REASONS_MAX 64 /* ways a worker can end: what is told of more is told as "other" */

/* ---- Series ---- */

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

static void free_job(struct job_counts *j)
{
    free(j->job);
    free(j);
}

static void free_list(struct labelled_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->list[i].label);
    free(l->list);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->job_count; i++)
        free_job(m->jobs[i]);
    free(m->jobs);
    free_list(&m->exits);
    free_list(&m->throttled);
    free(m);
}

/* Where the job is, or would be. */
static size_t place_of(const struct metrics *m, const char *job, bool *there)
{
    size_t low = 0, high = m->job_count;

    *there = false;
    while (low < high && !*there) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(m->jobs[middle]->job, job);
        *there = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

static struct job_counts *job_of(struct metrics *m, const char *job)
{
    bool there;
    size_t at = place_of(m, job, &there);

    if (there)
        return m->jobs[at];
    struct job_counts **longer = realloc(m->jobs, (m->job_count + 1) * sizeof(struct job_counts *));
    if (!longer)
        return NULL;
    m->jobs = longer;
    struct job_counts *j = calloc(1, sizeof(*j));
    if (j)
        j->job = strdup(job);
    if (!j || !j->job) {
        free(j);
        return NULL;
    }
    memmove(m->jobs + at + 1, m->jobs + at, (m->job_count - at) * sizeof(struct job_counts *));
    m->jobs[at] = j;
    m->job_count++;
    return j;
}

static void add_labelled(struct labelled_list *l, const char *label, int64_t value)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->list[i].label, label) == 0) {
            l->list[i].value += value;
            return;
        }
    }
    struct labelled *longer = realloc(l->list, (l->count + 1) * sizeof(*longer));
    char *copy = longer ? strdup(label) : NULL;
    if (longer)
        l->list = longer;
    if (copy)
        l->list[l->count++] = (struct labelled){copy, value};
}

static void observe(struct histogram *h, const int64_t *bounds, size_t count, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < count && us > bounds[i])
        i++;
    h->buckets[i]++;
    h->count++;
    h->sum_us += us;
}

/* ---- Counting ---- */

static int64_t int_of(const json_t *object, const char *key)
{
    int64_t n = json_integer_value(json_object_get(object, key));

    return n > 0 ? n : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void metrics_run(struct metrics *m, const json_t *run)
{
    const char *status = text_of(run, "status");
    size_t outcome = 0;

    while (outcome < LEN(outcomes) && strcmp(outcomes[outcome], status) != 0)
        outcome++;
    struct job_counts *j = outcome < LEN(outcomes) ? job_of(m, text_of(run, "job")) : NULL;
    if (!j)
        return;
    j->runs[outcome]++;
    for (size_t i = 0; i < LEN(records); i++)
        j->records[i] += (uint64_t)int_of(run, records[i].counter);
    observe(&j->duration, duration_us, LEN(duration_us), int_of(run, "duration_ms") * MS);
}

void metrics_worker_exit(struct metrics *m, const char *reason)
{
    bool full = m->exits.count >= REASONS_MAX;

    for (size_t i = 0; i < m->exits.count && full; i++)
        full = strcmp(m->exits.list[i].label, reason) != 0;
    add_labelled(&m->exits, full ? "other" : reason, 1);
}

void metrics_delay(struct metrics *m, int64_t us)
{
    observe(&m->delay, delay_us, LEN(delay_us), us);
}

void metrics_throttled(struct metrics *m, const char *connector, int64_t us)
{
    if (us > 0)
        add_labelled(&m->throttled, connector, us);
}

void metrics_http(struct metrics *m, int status)
{
    if (status >= STATUS_FIRST && status <= STATUS_LAST)
        m->http[status - STATUS_FIRST]++;
}

void metrics_reload(struct metrics *m, bool applied)
{
    if (applied)
        m->reloads_applied++;
    else
        m->reloads_refused++;
}

/* ---- After a reload ---- */

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

void metrics_keep(struct metrics *m, const char *const *jobs, size_t job_count, const char *const *connectors,
                  size_t connector_count)
{
    bool *kept = calloc(m->job_count + 1, sizeof(*kept)), there;
    size_t left = 0;

    if (!kept)
        return;
    for (size_t i = 0; i < job_count; i++) {
        size_t at = place_of(m, jobs[i], &there);
        kept[at] = there || kept[at];
    }
    for (size_t i = 0; i < m->job_count; i++) {
        if (kept[i])
            m->jobs[left++] = m->jobs[i];
        else
            free_job(m->jobs[i]);
    }
    m->job_count = left;
    free(kept);
    left = 0;
    for (size_t i = 0; i < m->throttled.count; i++) {
        if (is_one_of(m->throttled.list[i].label, connectors, connector_count))
            m->throttled.list[left++] = m->throttled.list[i];
        else
            free(m->throttled.list[i].label);
    }
    m->throttled.count = left;
}
