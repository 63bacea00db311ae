/* calls_inner.h - what the files behind calls.h share. */
#ifndef SLUICE_WORKER_CALLS_INNER_H
#define SLUICE_WORKER_CALLS_INNER_H

#include "calls.h"

/* Each call but the "any thread" ones begins here: not 0 when it must do nothing. */
int32_t calls_enter(struct calls *c, const char *call);

/* Begin a frame, end and send it: the two ends of what holds the lock. The first is false when the run is over. A frame
 * that does not fit is not sent, and fails the run; so does a writer that has gone away. Returns the run's status. */
bool calls_frame(struct calls *c, uint8_t type);
int32_t calls_send(struct calls *c);

/* ---- calls_scan.c: the ABI's scan() and next() ---- */
int32_t calls_scan(sluice_run *run, const sluice_query *query, sluice_rows **rows);
int32_t calls_next(sluice_run *run, sluice_rows *rows, const sluice_value **values);

#endif
