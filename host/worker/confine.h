/* confine.h - what keeps a plugin's mistakes in the connector child. Once a process. */
#ifndef SLUICE_WORKER_CONFINE_H
#define SLUICE_WORKER_CONFINE_H

#include "err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Not 0 once SIGTERM has come: the run is to end. confine_stop_fd() is readable from then on. */
extern atomic_int confine_stop;
int confine_stop_fd(void);

/* What a plugin prints must not end up in the command's output, nor may it read the terminal: it goes to `said`. */
bool confine_redirect(int said);

/* Isolation against mistakes: a session of its own, so that signals to "my group" stay here, no core, no new rights,
 * bounded descriptors and a heap of `memory` bytes (0: any); and the end with `parent`, whose child this is. */
int confine(int64_t memory, pid_t parent, struct err *err);

/* A connector that left no descriptor free fails with whatever it tries next: add that to the reason. */
void confine_tell_descriptors(struct err *why);

#endif
