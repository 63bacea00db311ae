/* sink_gone.h - what the sink does beside merging for those who come later: it says what has landed, for the streams
 * that are derived from it (landed.h), and which rows did not come any more (gone.h).
 */
#ifndef SLUICE_WORKER_SINK_GONE_H
#define SLUICE_WORKER_SINK_GONE_H

#include "sink.h"

/* From now on the run tells whom it meets, where its table notes who is gone. After sink_prepare(), before any record.
 */
int sink_mind_gone(struct sink *s, struct err *err);

/* The read was complete: note who did not come, in the open transaction. SLUICE_E_LIMIT, and nothing is noted, when
 * that were too many; other errors are the store's. */
int sink_note_gone(struct sink *s, bool allow, struct err *err);

/* Put into the open transaction what it changes of what has landed. */
int sink_land(struct sink *s, struct err *err);

#endif
