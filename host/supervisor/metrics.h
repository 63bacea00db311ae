/* metrics.h - what the daemon counts, as Prometheus reads it (text exposition format 0.0.4).
 *
 * Threads: the loop's only. Counting never fails: without memory a new series is left out.
 */
#ifndef SLUICE_SUPERVISOR_METRICS_H
#define SLUICE_SUPERVISOR_METRICS_H

#include "buf.h"

#include <jansson.h>
#include <stdint.h>

struct metrics; /* opaque */

struct metrics *metrics_new(void); /* NULL without memory */
void metrics_free(struct metrics *m);

/* A run has ended, as `run --json` tells it: by outcome, its records by outcome, its duration. */
void metrics_run(struct metrics *m, const json_t *run);

/* How a worker process ended: "result", "signal 9", "exit 1", "deadline", "cancelled". */
void metrics_worker_exit(struct metrics *m, const char *reason);

/* How long after a job was due that was seen, and decided what becomes of it. */
void metrics_delay(struct metrics *m, int64_t us);

/* Time that a connector's requests waited for its rate. */
void metrics_throttled(struct metrics *m, const char *connector, int64_t us);

/* An HTTP request was answered. */
void metrics_http(struct metrics *m, int status);

void metrics_reload(struct metrics *m, bool applied);

/* After a reload: what was counted of jobs and connectors that are no longer there is forgotten, so that no number of
 * reloads makes the page grow. */
void metrics_keep(struct metrics *m, const char *const *jobs, size_t job_count, const char *const *connectors,
                  size_t connector_count);

/* A job as it is when the page is printed. Times in microseconds since 1970 UTC, 0: none. */
struct metrics_job {
    const char *job;
    int64_t last_success_us, next_run_us;
    bool running, paused;
};
struct metrics_now {
    const struct metrics_job *jobs;
    size_t job_count;
    uint64_t generation;
    bool store_reachable;
    int64_t started_us; /* of the daemon */
};

/* Append the page. The caller checks the buffer. */
void metrics_print(const struct metrics *m, const struct metrics_now *now, struct buf *out);

#endif
