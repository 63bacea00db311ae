/* worker.h - one run in a process of its own: the writer, with the connector child beside it.
 *
 * The writer owns the store's connection, the merge and the ledger; the child (child.h) owns the plugin and HTTP. The
 * process is started by host/supervisor with the job on descriptors (spec.h) and tells how it goes by events
 * (events.h). SIGTERM ends the run cleanly, as cancelled; its deadline ends it as timeout.
 */
#ifndef SLUICE_WORKER_WORKER_H
#define SLUICE_WORKER_WORKER_H

/* The whole life of a worker process; returns its exit code. */
int worker_main(void);

#endif
