/* owner.h - which process a running run belongs to, and whether it still lives.
 *
 * An owner is text, "<host>/<boot>/<pid>.<start time>": pids recur, but not with the same start time since the same
 * boot.
 */
#ifndef SLUICE_STORE_OWNER_H
#define SLUICE_STORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define OWNER_SIZE 160

/* The owner text of process `pid`. False when there is no such process. */
bool owner_of(pid_t pid, char out[OWNER_SIZE]);

/* Does the process that `owner` names still run? A zombie does not. Text of another boot, or that is not an owner,
 * names a dead one. Only for owners of this host; hosts_owner_alive() knows of others. */
bool owner_alive(const char *owner);

/* "<host>/<boot>" of an owner: all of its processes that see each other. False for text that is no owner. */
bool owner_host(const char *owner, char out[OWNER_SIZE]);

/* Is it one of this host, so that owner_alive() can tell? */
bool owner_is_here(const char *owner);

/* "process 1234 on box" for messages. */
void owner_tell(const char *owner, char *out, size_t size);

#endif
