/* metrics.c - see metrics.h. */
#include "metrics.h"

#include "clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEN(a)       (sizeof(a) / sizeof((a)[0]))
#define MS           INT64_C(1000)
#define REASONS_MAX  64 /* ways a worker can end: what is told of more is told as "other" */
#define BUCKETS_MAX  12
#define STATUS_FIRST 100 /* of HTTP */
#define STATUS_LAST  599

static const char *const outcomes[] = {"success", "partial", "failed", "crashed", "timeout", "cancelled"};

/* A record's outcome, and the counter of a run that it is counted in. */
static const struct {
    const char *label, *counter;
} records[] = {{"created", "created"}, {"updated", "updated"}, {"skipped", "skipped"}, {"rejected", "errors"}};

/* Upper bounds of buckets, ascending. */
static const int64_t duration_us[] = {
    100 * MS,          500 * MS,           CLOCK_SECOND,       5 * CLOCK_SECOND,    15 * CLOCK_SECOND,
    60 * CLOCK_SECOND, 300 * CLOCK_SECOND, 900 * CLOCK_SECOND, 1800 * CLOCK_SECOND, 3600 * CLOCK_SECOND};
static const int64_t delay_us[] = {
    MS,       5 * MS,       10 * MS,          20 * MS,           50 * MS,           100 * MS,
    500 * MS, CLOCK_SECOND, 5 * CLOCK_SECOND, 30 * CLOCK_SECOND, 60 * CLOCK_SECOND, 300 * CLOCK_SECOND};
_Static_assert(LEN(duration_us) <= BUCKETS_MAX && LEN(delay_us) <= BUCKETS_MAX, "there is room for each bucket");

struct histogram {
    uint64_t buckets[BUCKETS_MAX + 1]; /* not cumulative; behind the last bound: what is above all of them */
    uint64_t count;
    int64_t sum_us;
};

/* What is counted of a job's runs. */
struct job_counts {
    char *job;
    uint64_t runs[LEN(outcomes)];
    uint64_t records[LEN(records)];
    struct histogram duration;
};

/* A number for each value of one label. */
struct labelled {
    char *label;
    int64_t value;
};
struct labelled_list {
    struct labelled *list;
    size_t count;
};

struct metrics {
    struct job_counts **jobs; /* by name */
    size_t job_count;
    struct labelled_list exits, throttled;
    struct histogram delay;
    uint64_t http[STATUS_LAST - STATUS_FIRST + 1];
    uint64_t reloads_applied, reloads_refused;
};

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

/* ---- The page ---- */

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name, type);
}

static void put_label(struct buf *out, char before, const char *name, const char *value)
{
    buf_printf(out, "%c%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '\n')
            buf_add_str(out, "\\n");
        else if (*value == '"' || *value == '\\')
            buf_printf(out, "\\%c", *value);
        else
            buf_add_char(out, *value);
    }
    buf_add_char(out, '"');
}

/* "sluice_NAME{job="…"": what follows closes the brace. */
static void put_name(struct buf *out, const char *name, const char *label, const char *value)
{
    buf_printf(out, "sluice_%s", name);
    put_label(out, '{', label, value);
}

/* Whole and fraction apart: no locale has a word in it. Not negative. */
static void put_seconds(struct buf *out, int64_t us)
{
    long long fraction = us % CLOCK_SECOND;
    int digits = 6;

    for (; digits > 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    buf_printf(out, "%lld", (long long)(us / CLOCK_SECOND));
    if (digits > 0)
        buf_printf(out, ".%0*lld", digits, fraction);
}

static void put_histogram(struct buf *out, const char *name, const char *job, const struct histogram *h,
                          const int64_t *bounds, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i <= count; i++) {
        sum += h->buckets[i];
        buf_printf(out, "sluice_%s_bucket", name);
        if (job)
            put_label(out, '{', "job", job);
        buf_printf(out, "%cle=\"", job ? ',' : '{');
        if (i < count)
            put_seconds(out, bounds[i]);
        else
            buf_add_str(out, "+Inf");
        buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
    }
    for (int part = 0; part < 2; part++) {
        buf_printf(out, "sluice_%s_%s", name, part == 0 ? "sum" : "count");
        if (job) {
            put_label(out, '{', "job", job);
            buf_add_char(out, '}');
        }
        buf_add_char(out, ' ');
        if (part == 0)
            put_seconds(out, h->sum_us);
        else
            buf_printf(out, "%llu", (unsigned long long)h->count);
        buf_add_char(out, '\n');
    }
}

static void put_runs(const struct metrics *m, struct buf *out)
{
    put_head(out, "runs_total", "counter", "Runs that ended, by outcome.");
    for (size_t i = 0; i < m->job_count; i++) {
        for (size_t k = 0; k < LEN(outcomes); k++) {
            put_name(out, "runs_total", "job", m->jobs[i]->job);
            put_label(out, ',', "outcome", outcomes[k]);
            buf_printf(out, "} %llu\n", (unsigned long long)m->jobs[i]->runs[k]);
        }
    }
    put_head(out, "records_total", "counter", "Records that runs processed, by outcome.");
    for (size_t i = 0; i < m->job_count; i++) {
        for (size_t k = 0; k < LEN(records); k++) {
            put_name(out, "records_total", "job", m->jobs[i]->job);
            put_label(out, ',', "outcome", records[k].label);
            buf_printf(out, "} %llu\n", (unsigned long long)m->jobs[i]->records[k]);
        }
    }
    put_head(out, "run_duration_seconds", "histogram", "How long runs took.");
    for (size_t i = 0; i < m->job_count; i++)
        put_histogram(out, "run_duration_seconds", m->jobs[i]->job, &m->jobs[i]->duration, duration_us,
                      LEN(duration_us));
}

/* A time of each job that has one. */
static void put_times(const struct metrics_now *now, const char *name, const char *help, bool next, struct buf *out)
{
    put_head(out, name, "gauge", help);
    for (size_t i = 0; i < now->job_count; i++) {
        const struct metrics_job *j = &now->jobs[i];
        int64_t us = next ? j->next_run_us : j->last_success_us;
        if (us == 0)
            continue;
        put_name(out, name, "job", j->job);
        buf_add_str(out, "} ");
        put_seconds(out, us);
        buf_add_char(out, '\n');
    }
}

static void put_states(const struct metrics_now *now, const char *name, const char *help, bool paused, struct buf *out)
{
    put_head(out, name, "gauge", help);
    for (size_t i = 0; i < now->job_count; i++) {
        const struct metrics_job *j = &now->jobs[i];
        put_name(out, name, "job", j->job);
        buf_printf(out, "} %d\n", (paused ? j->paused : j->running) ? 1 : 0);
    }
}

static void put_jobs(const struct metrics_now *now, struct buf *out)
{
    put_times(now, "last_success_timestamp_seconds", "When the last good run ended, unix time.", false, out);
    put_times(now, "next_run_timestamp_seconds", "When the next run is due, unix time.", true, out);
    put_states(now, "job_running", "Does a run of the job go on?", false, out);
    put_states(now, "job_paused", "Is the schedule of the job stopped?", true, out);
}

static void put_traffic(const struct metrics *m, struct buf *out)
{
    put_head(out, "http_requests_total", "counter", "Requests that the control API answered, by status.");
    for (int i = STATUS_FIRST; i <= STATUS_LAST; i++) {
        if (m->http[i - STATUS_FIRST])
            buf_printf(out, "sluice_http_requests_total{code=\"%d\"} %llu\n", i,
                       (unsigned long long)m->http[i - STATUS_FIRST]);
    }
    put_head(out, "throttled_seconds_total", "counter", "How long requests to a source waited for its rate.");
    for (size_t i = 0; i < m->throttled.count; i++) {
        put_name(out, "throttled_seconds_total", "connector", m->throttled.list[i].label);
        buf_add_str(out, "} ");
        put_seconds(out, m->throttled.list[i].value);
        buf_add_char(out, '\n');
    }
    put_head(out, "worker_exits_total", "counter", "Worker processes that ended, by how.");
    for (size_t i = 0; i < m->exits.count; i++) {
        put_name(out, "worker_exits_total", "reason", m->exits.list[i].label);
        buf_printf(out, "} %lld\n", (long long)m->exits.list[i].value);
    }
}

static void put_daemon(const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
    put_head(out, "reloads_total", "counter", "Reloads of the configuration, by result.");
    buf_printf(out, "sluice_reloads_total{result=\"applied\"} %llu\n", (unsigned long long)m->reloads_applied);
    buf_printf(out, "sluice_reloads_total{result=\"refused\"} %llu\n", (unsigned long long)m->reloads_refused);
    put_head(out, "config_generation", "gauge", "Number of the configuration in force.");
    buf_printf(out, "sluice_config_generation %llu\n", (unsigned long long)now->generation);
    put_head(out, "store_reachable", "gauge", "Did the store answer the last time?");
    buf_printf(out, "sluice_store_reachable %d\n", now->store_reachable ? 1 : 0);
    put_head(out, "start_time_seconds", "gauge", "When the daemon was started, unix time.");
    buf_add_str(out, "sluice_start_time_seconds ");
    put_seconds(out, now->started_us);
    buf_add_char(out, '\n');
    put_head(out, "build_info", "gauge", "The version, in its label.");
    put_name(out, "build_info", "version", SLUICE_VERSION);
    buf_add_str(out, "} 1\n");
}

void metrics_print(const struct metrics *m, const struct metrics_now *now, struct buf *out)
{
    put_runs(m, out);
    put_jobs(now, out);
    put_head(out, "schedule_delay_seconds", "histogram", "How long after a job was due that was seen and decided on.");
    put_histogram(out, "schedule_delay_seconds", NULL, &m->delay, delay_us, LEN(delay_us));
    put_traffic(m, out);
    put_daemon(m, now, out);
}
