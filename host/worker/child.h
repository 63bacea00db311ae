/* child.h - the connector child: loads the plugin and runs one stream, away from the store.
 *
 * Forked by the writer before either has opened anything, or, when one has died before all partitions were read,
 * started anew from the program. Reads the connector's half of the job, says HELLO with the stream's tables, and runs
 * once for each GO; connections and the rate of requests live on from one run to the next. It holds no descriptor but
 * its pipes, leads a session of its own and dies with the writer.
 */
#ifndef SLUICE_WORKER_CHILD_H
#define SLUICE_WORKER_CHILD_H

#include <sys/types.h>

/* Run as the child; never returns. `in` carries GO and RECORD frames, `out` all others; what the plugin prints goes to
 * `said`; `spec` is the connector's half of the job; `parent` the writer. */
_Noreturn void child_main(int in, int out, int said, int spec, pid_t parent);

/* The same in a program of its own that keeper.c starts, with these descriptors; `parent` as text. */
#define CHILD_FD_SPEC 3
#define CHILD_FD_IN   4
#define CHILD_FD_OUT  5
#define CHILD_FD_SAID 6
_Noreturn void child_exec(const char *parent);

#endif
