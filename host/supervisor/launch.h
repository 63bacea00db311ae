/* launch.h - one job, run to its end by a worker process while the caller waits: what the commands do.
 *
 * Processes that a plugin started are ended with the run, wherever they moved to (orphans.h), so the caller has no
 * children of its own.
 */
#ifndef SLUICE_SUPERVISOR_LAUNCH_H
#define SLUICE_SUPERVISOR_LAUNCH_H

#include "config.h"
#include "err.h"

#include <signal.h>

/* What to do with the job. */
#define LAUNCH_RUN 0
#define LAUNCH_PREVIEW 1 /* fetch and map a few records, write nothing */
#define LAUNCH_RETRY 2   /* store its rejects again */

struct launch {
    const struct config *config;
    const struct config_job *job;
    int what;              /* LAUNCH_* */
    bool full, dry_run, allow_gone;
    bool check_table;      /* with LAUNCH_PREVIEW: does the table fit? An event "table" says what does not */
    int64_t limit;         /* records; 0: no limit */
    const char *partition;    /* just this one, as a run of its own; NULL: all. Only of a job that has partitions */
    const json_t *partitions; /* ids: of all just these, in one run, whose row is the job's; NULL: all */
    volatile sig_atomic_t *stop; /* how often the user asked to stop: 1 gently, 2 at once; NULL: nobody asks */
    const char *run_id;          /* the id its run is to have; NULL: a new one */
    int64_t fire_us;             /* the fire that it claims, wall time; 0: none */
    bool at_start;               /* that fire is one of on_start */
};

struct launch_result {
    int code;      /* 0, or the error code of a run that failed; of partitions the worst one's, also when others did not */
    json_t *run;   /* the object of `run --json`; NULL when there was no run at all */
    char message[1024]; /* with a code: what to tell people */
    int64_t throttled_us; /* how long its requests waited for the connector's rate */
};

/* Run the worker to its end. `event` is called for each event but the result (worker/events.h). A worker that dies is
 * told as a crashed run, one that had to be killed as a run that was cancelled or did not end in time; its row is
 * closed. */
void launch_run(const struct launch *l, void (*event)(void *context, const json_t *event), void *context,
                struct launch_result *out);
void launch_result_free(struct launch_result *r);

/* The LOG_* up to which the job's connector wants to be heard (`log`); -1: as everybody. */
int launch_log_level(const struct config_job *job);

/* Did this run, which was not a full one, find a gap after which the job wants one (on_gap)? */
bool launch_wants_full(const struct config_job *job, const json_t *run);

#endif
