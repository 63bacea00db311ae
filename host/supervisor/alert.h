/* alert.h - tells people when the state of a job, or of the group of hosts, changes, and only then.
 *
 *   failing    the `after`th run in a row did not complete
 *   recovered  the first that completes after that was told
 *   gap        a run found time that no window covered (gap_seconds above gap_tolerance), the one before did not
 *   stale      no good run for three of the job's intervals
 *   rejects    a run rejected records, the one before did not
 *   config     other hosts that have the same store have other jobs; of no job of its own
 *
 * An alert is {"alert","job","at","text",…} (alert_text.h): no payload of a record, no secret. It goes to the webhook
 * as a POST (repeated with back-off; its "id" tells repeats from new ones) and to the command, which a shell runs with
 * a small environment, on its standard input; each by a process of its own (`sluice alert`), so that a slow receiver
 * holds up nobody. At most ALERT_PROCESSES at once; ALERT_QUEUE wait, and beyond that the oldest is lost, and logged.
 *
 * Threads: the loop's only.
 */
#ifndef SLUICE_SUPERVISOR_ALERT_H
#define SLUICE_SUPERVISOR_ALERT_H

#include "config.h"

#define ALERT_PROCESSES 8
#define ALERT_QUEUE     200

struct alerts; /* opaque */
struct children;

struct alerts *alerts_new(struct children *children); /* NULL without memory */
void alerts_free(struct alerts *a);                   /* deliveries under way go on by themselves; NULL is fine */

/* The configuration in force. The states of jobs that remain stay, for receivers that remain: those with the same
 * webhook and command. */
void alerts_configure(struct alerts *a, const struct config *config);

/* What the history says of a job, when the daemon starts: told already, whatever it is. `runs` is the list of its last
 * runs, newest first, as `run --json` tells them. Being stale when alerts_stale() is first called after this was told
 * already, too. */
void alerts_remember(struct alerts *a, const struct config_job *job, const json_t *runs);

/* A run of the job ended. Runs that are "cancelled" or were never begun change nothing. */
void alerts_run(struct alerts *a, const struct config_job *job, const json_t *run);

/* Is the job stale? `since` (microseconds since 1970 UTC) is its last good run, 0: none is known. It is told once,
 * until a run completes. */
void alerts_stale(struct alerts *a, const struct config_job *job, bool stale, int64_t since);

/* The jobs of the hosts `others` ("a, b") are others. To be told once. */
void alerts_config(struct alerts *a, const char *others);

/* The main of `sluice alert`: delivers what descriptor 3, a sealed memfd, holds, and ends. */
int alert_main(void);

#endif
