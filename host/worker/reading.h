/* reading.h - a run from its row in the ledger to the connector's last word. Private to host/worker. */
#ifndef SLUICE_WORKER_READING_H
#define SLUICE_WORKER_READING_H

#include "state.h"

/* Start the run, have the connector read, and take all it says. How it ended is in w->end; an error is the writer's or
 * the store's own. */
int reading_conduct(struct worker *w);

#endif
