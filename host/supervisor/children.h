/* children.h - the processes that the daemon started, each with whom to tell when it ends. Each leads a process group
 * of its own, and what is left of that is killed when it has ended.
 *
 * The daemon is also the parent of what its children leave behind (and as process 1 of everything): such a stranger is
 * killed with its group and waited for. Nobody else in the process may wait for children.
 *
 * Threads: the loop's only.
 */
#ifndef SLUICE_SUPERVISOR_CHILDREN_H
#define SLUICE_SUPERVISOR_CHILDREN_H

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

struct children; /* opaque */
struct event_base;

/* Hear of SIGCHLD in the loop of `base`. Close with children_close(). */
int children_open(struct event_base *base, struct children **out, struct err *err);
void children_close(struct children *c); /* forgets all; kills nobody; NULL is fine */

/* Have `ended` called, from the loop, once `pid` has ended and was waited for; `status` is that of waitpid(). False
 * without memory: then kill it. */
bool children_add(struct children *c, pid_t pid, void (*ended)(void *context, pid_t pid, int status), void *context);

/* Nobody wants to hear of it any more; it is still waited for. */
void children_forget(struct children *c, pid_t pid);

/* Kill it and its group; nobody wants to hear of it. */
void children_kill(struct children *c, pid_t pid);

/* How many have not ended. */
size_t children_count(const struct children *c);

/* Kill strangers: processes that became ours when their parent died. Called after a child did not end by itself. */
void children_end_strangers(struct children *c);

/* When the daemon ends: wait, two seconds at most, until those that were killed and all strangers are gone. The end of
 * others is told as ever. */
void children_settle(struct children *c);

#endif
