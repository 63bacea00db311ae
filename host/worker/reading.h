/* reading.h - a run from its row in the ledger to the connector's last word: of a stream without partitions, or of one
 * partition; and the pieces of which a run over several is made. Private to host/worker.
 */
#ifndef SLUICE_WORKER_READING_H
#define SLUICE_WORKER_READING_H

#include "state.h"

/* Start the run, have the connector read, and take all it says. How it ended is in w->end; an error is the writer's or
 * the store's own. */
int reading_conduct(struct worker *w);

/* The pieces. Open the store and begin `run` there: w->run, or the whole of which that is a part. */
int reading_open(struct worker *w, struct run *run);

/* The mode that a run is asked to have. */
const char *reading_mode(const struct worker *w);

/* Hear what the stream is; a child that was started again must say the same as the first one. */
int reading_hello(struct worker *w);

/* Have it read: from w->last, into the run whose row is there; in a preview, into nothing. */
int reading_read(struct worker *w);

/* The partition that is read; "" where there are none. */
const char *reading_partition(const struct worker *w);

#endif
