/* api.h - the control API (contract A4): the host's own routes, and those that plugins declare.
 *
 * Jobs and what runs are answered from memory, history and rejects by the store thread with a deadline. Routes that
 * wait for a run's end take at most API_WAITERS callers at once; a caller that goes away does not cancel the run.
 */
#ifndef SLUICE_CONTROL_API_H
#define SLUICE_CONTROL_API_H

#include "server.h"
#include "supervisor.h"

#define API_WAITERS 32

struct api; /* opaque */

/* Open both listeners of the configuration in force. */
int api_open(struct supervisor *s, struct event_base *base, struct api **out, struct err *err);

/* Take no more requests but answer those that are there. */
void api_quiesce(struct api *a);
void api_close(struct api *a); /* NULL is fine */

#endif
