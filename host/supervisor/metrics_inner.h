/* metrics_inner.h - what is counted, for the file that counts and the one that prints. */
#ifndef SLUICE_SUPERVISOR_METRICS_INNER_H
#define SLUICE_SUPERVISOR_METRICS_INNER_H

#include "clock.h"
#include "metrics.h"

#define LEN(a)       (sizeof(a) / sizeof((a)[0]))
#define MS           INT64_C(1000)
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

#endif
