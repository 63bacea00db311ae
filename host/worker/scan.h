/* scan.h - what a derived stream reads: the writer's half of the ABI's scan() and next().
 *
 * The tables are those of the jobs of the streams that it needs, as these jobs name and rename them. All scans of a run
 * read at one moment: on a second connection, in one transaction, a few rows at a time.
 */
#ifndef SLUICE_WORKER_SCAN_H
#define SLUICE_WORKER_SCAN_H

#include "state.h"

/* What the stream of `hello` may read; leaves w->scans NULL when it needs no other. Fails, with a reason for people,
 * when one of those streams has not been read completely: what is derived from a part is wrong. */
int scans_open(struct worker *w, const json_t *hello);
void scans_close(struct scans *s); /* NULL is fine */

/* A text that changes with each write to what the stream reads: see sluice_run.landed. "" for NULL. */
const char *scans_landed(const struct scans *s);

/* End all scans; what comes reads at the same moment. NULL is fine. */
void scans_forget(struct scans *s);

/* The child's FRAME_SCAN and FRAME_FETCH. */
int scans_begin(struct worker *w, struct frame_walk *walk);
int scans_fetch(struct worker *w, struct frame_walk *walk);

#endif
