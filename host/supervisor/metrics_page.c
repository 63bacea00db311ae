/* metrics_page.c - what metrics.c counts, as Prometheus reads it. */
#include "metrics_inner.h"

#include <stdbool.h>
#include <string.h>

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
