/* reexec.h - this program once more, in a process of its own that gets just the descriptors it is meant to have.
 *
 * It leads a process group, has no standard input and output, shares standard error, blocks no signal, and has no other
 * descriptor of ours.
 */
#ifndef SLUICE_SUPERVISOR_REEXEC_H
#define SLUICE_SUPERVISOR_REEXEC_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define REEXEC_FD 3 /* the number of the first descriptor there */

/* Start `argv` (argv[0] is the name; NULL at the end). fds[0] becomes REEXEC_FD, fds[1] the one after it, …; ours stay
 * open. `variables`: it gets our environment, else only what libraries need to work here, and no secret. E_SYSTEM. */
int reexec_start(char *const argv[], const int *fds, size_t fd_count, bool variables, pid_t *pid, struct err *err);

/* A sealed copy of `text` as JSON that a process can read and nobody can change; -1 on failure. Takes no reference. */
int reexec_sealed(const json_t *json);

#endif
