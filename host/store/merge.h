/* merge.h - one record into its table: the definition of matching and merging (contract A6.3 and A6.4).
 *
 *   matched by a rule and equal      unchanged: the row is not written, but for what differs in quiet columns
 *   matched by a rule and different  updated: what differs is written
 *   matched by none                  created
 *   no key, several rows, a conflict, or refused by the store: rejected, and the store is as before
 */
#ifndef SLUICE_STORE_MERGE_H
#define SLUICE_STORE_MERGE_H

#include "target.h"

#define MERGE_CREATED 1
#define MERGE_UPDATED 2
#define MERGE_UNCHANGED 3
#define MERGE_REJECTED 4

struct merge_outcome {
    int what;          /* MERGE_* */
    bool rebound;      /* the row belonged to another identity */
    struct buf key;    /* the record's key as text; "" when it has none */
    struct buf reason; /* MERGE_REJECTED: "class: why" */
    struct buf note;   /* rebound: which identities, for a warning */
};
void merge_outcome_free(struct merge_outcome *o);

/* Merge one record into `t`, in the open transaction. `o` is zeroed before its first use and may be used again. 0, or
 * an error that is not the record's fault. */
int merge_record(struct target *t, const struct table *table, const sluice_value *values, uint32_t count, int64_t now,
                 struct merge_outcome *o, struct err *err);

#endif
