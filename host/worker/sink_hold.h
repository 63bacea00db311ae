/* sink_hold.h - the cursor of a run whose rejects may hold it back: store/hold.h says when. Private to the sink. */
#ifndef SLUICE_WORKER_SINK_HOLD_H
#define SLUICE_WORKER_SINK_HOLD_H

#include "sink.h"

/* May the cursor move with the open transaction? Not while s->tally.held is above 0 afterwards. */
int sink_hold(struct sink *s, struct err *err);

/* Tell in the run's warnings and figures ("held", "left_behind") what became of the cursor. */
void sink_hold_tell(struct sink *s);

#endif
