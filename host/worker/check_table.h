/* check_table.h - does the job's table fit, as far as can be told without a run? For `sluice check --live`. */
#ifndef SLUICE_WORKER_CHECK_TABLE_H
#define SLUICE_WORKER_CHECK_TABLE_H

#include "state.h"

/* Look at the table of w->plan and send what there is to say about it as an event; nothing when all is well. A store
 * that does not answer is no error: who checks it says so. */
void check_table(struct worker *w);

#endif
