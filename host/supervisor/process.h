/* process.h - one worker process: started, heard, told to end. Nothing here waits; launch.h does.
 *
 * The job is handed over on two sealed memfds, so that neither half of the worker sees the other's secrets, and comes
 * back as events, JSON texts of one line each. The worker leads a process group of its own.
 */
#ifndef SLUICE_SUPERVISOR_PROCESS_H
#define SLUICE_SUPERVISOR_PROCESS_H

#include "launch.h"

struct process; /* opaque */

/* Start the worker of `l`, whose config must outlive the process. Pair with process_free(). */
int process_start(const struct launch *l, struct process **out, struct err *err);

pid_t process_pid(const struct process *p);

/* Its events; readable: process_read(). */
int process_fd(const struct process *p);

/* Read what is there; `event` is called for each whole event but the result. False at the end of the events. */
bool process_read(struct process *p, void (*event)(void *context, const json_t *event), void *context);

/* The id of its run; "" before there is one. */
const char *process_run_id(const struct process *p);

/* Ask it to end as cancelled; it has PROCESS_GRACE_US for that. */
#define PROCESS_GRACE_US (10 * CLOCK_SECOND)
void process_stop(struct process *p);

/* Kill it and its group. `late`: because it did not keep its deadline. */
void process_kill(struct process *p, bool late);

/* Monotonic time at which it is to be killed; 0: never. */
int64_t process_kill_at(const struct process *p);

/* It has ended with `wait_status`, as waitpid() tells it: fill in *out. For one that died without a result that is a
 * message and a code; *closes (may be NULL) is then the status that its run's row is to be closed with, else NULL. */
void process_result(struct process *p, int wait_status, struct launch_result *out, const char **closes);

void process_free(struct process *p); /* NULL is fine */

#endif
