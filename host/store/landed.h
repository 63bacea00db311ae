/* landed.h - whether what a job has stored is all of its source, and whether it has changed since somebody looked.
 *
 * It is written in the transactions that it tells of, by each job, for the streams that are derived from it.
 */
#ifndef SLUICE_STORE_LANDED_H
#define SLUICE_STORE_LANDED_H

#include "db.h"
#include "run.h"

struct landed {
    bool complete;               /* all that a full read has to tell is there; false too when nothing ever came */
    char mark[RUN_ID_SIZE + 24]; /* another one after each transaction that wrote something; "": there was none */
};

/* Of `job`, all false and empty when it has stored nothing. */
int landed_get(struct db *db, const char *job, struct landed *out, struct err *err);

/* The open transaction of `run` has written something, or has made it complete. */
int landed_put(struct db *db, const struct run *run, bool complete, struct err *err);

#endif
