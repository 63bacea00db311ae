/* orphans.h - processes that a plugin started, whatever parent, group or session they moved to.
 *
 * A process that has called orphans_adopt() becomes the parent of each descendant that loses its own, so that none gets
 * out of reach; orphans_end() then kills all there is. Nothing bounds how many a plugin starts: that is for the
 * service's own limit (TasksMax), since the kernel counts processes by user, and one user may run several sluices.
 *
 * Limits:  a process with other children than a plugin's must not call orphans_end().
 * Threads: descendants of the calling thread only.
 */
#ifndef SLUICE_WORKER_ORPHANS_H
#define SLUICE_WORKER_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on be the parent of descendants that lose theirs. Not inherited by children. */
void orphans_adopt(void);

/* Wait until `pid`, a child that leads a process group, has died, and take what is left of its group along; it stays
 * to be waited for. False when it still lives after `us`. */
bool orphans_await(pid_t pid, int64_t us);

/* Kill every child and descendant and wait for them. False when one is left after two seconds: the kernel holds it. */
bool orphans_end(void);

#endif
