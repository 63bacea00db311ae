/* hold.h - is a job's cursor held back by its rejects? (contract A6.7)
 *
 * A record that was rejected for a reason that may pass (reject_retryable()) is read again when it changes or when the
 * cursor has not moved past it. So the cursor stays while such a reject of a record behind it is open, whether the
 * record came in this run or in one before: the data of the run is stored, the cursor is not, and the next run reads
 * the same records once more. When the reject is stored, superseded, purged, or turns out to be of a kind that does not
 * pass, the next run moves the cursor.
 *
 * It stays for at most the job's `hold`, counted from when the first such record since the cursor's last move was
 * rejected, also when that one is stored by now: rejects that come and go in turns do not hold it for ever. Then the
 * cursor moves and leaves the open ones behind: they hold nothing any more, and are still retried at the start of each
 * run from what was kept of them. Whoever sets the cursor by hand leaves behind what was rejected until then.
 */
#ifndef SLUICE_STORE_HOLD_H
#define SLUICE_STORE_HOLD_H

#include "db.h"

struct hold {
    int64_t count; /* open retryable rejects of records behind the cursor; 0: nothing holds it */
    int64_t since; /* since when it has been held, microseconds since 1970 UTC; 0 with a count of 0 */
    bool over;     /* for longer than it may be */
};

/* Ask at `now`, inside the transaction that would move the cursor; `hold_us`: how long it may be held, above 0. */
int hold_ask(struct db *db, const char *job, const char *partition, int64_t hold_us, int64_t now, struct hold *out,
             struct err *err);

#endif
