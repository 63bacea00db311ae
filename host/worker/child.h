/* child.h - the connector child: loads the plugin and runs one stream, away from the store.
 *
 * Forked by the writer before either has opened anything. Reads the connector's half of the job, says HELLO with the
 * stream's tables, waits for GO, runs, and ends. It holds no descriptor but its pipes, leads a session of its own and
 * dies with the writer.
 */
#ifndef SLUICE_WORKER_CHILD_H
#define SLUICE_WORKER_CHILD_H

#include <sys/types.h>

/* Run as the child; never returns. `in` carries GO and RECORD frames, `out` all others; what the plugin prints goes to
 * `said`; `spec` is the connector's half of the job; `parent` the writer. */
_Noreturn void child_main(int in, int out, int said, int spec, pid_t parent);

#endif
