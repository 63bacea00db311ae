/* keeper.h - the connector child as its writer sees it: started, mourned, ended. Private to host/worker. */
#ifndef SLUICE_WORKER_KEEPER_H
#define SLUICE_WORKER_KEEPER_H

#include "state.h"

/* Fork the child, before anything is open that it must not share. */
int keeper_fork(struct worker *w);

/* Start another one in place of the one that has ended, from the program's file: by now there is much that it must not
 * share. It says HELLO again. */
int keeper_start_again(struct worker *w);

/* The pipe has ended before the run had: wait for the child's end and put into w->err what it died of. */
void keeper_tell_death(struct worker *w);

/* Ask the child to end, and forget what it still sends. */
void keeper_stop(struct worker *w);

#endif
