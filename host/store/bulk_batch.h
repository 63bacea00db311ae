/* bulk_batch.h - the records that wait for a flush: kept, and streamed into sluice_stage. Only for bulk.c. */
#ifndef SLUICE_STORE_BULK_BATCH_H
#define SLUICE_STORE_BULK_BATCH_H

#include "bulk_sql.h"
#include "hashes.h"
#include "kept.h"
#include "target.h"

#define BATCH_SHAPES 8 /* kinds of new rows that differ in what the database fills */

struct batch_row {
    bool staged; /* else nothing in the database can depend on it: it is a reject */
    bool apart;  /* for merge.c */
};

struct batch {
    struct db *db;
    struct target *target;
    struct bulk_sql sql;    /* also what is known of the records */
    size_t *keeps, *usable; /* which it points to */
    size_t *defaults;
    struct kept kept;
    struct batch_row *rows;
    size_t row_max;
    struct hashes keys; /* all keys, as texts, and as bulk_table.h has them */
    bool shared;        /* two records may have the same one of the latter */
    uint64_t shapes[BATCH_SHAPES];
    size_t shape_count;
    size_t few;            /* from how many on there is a stage */
    bool anonymous;        /* some have no identity that counts */
    bool staging, copying; /* sluice_stage is there; the connection is in the middle of a COPY */
    bool barred;           /* the server does not let us */
    bool whole;            /* something cannot be staged: none of the batch is */
    int64_t since;         /* when the first came */
    struct buf out;        /* rows on their way */
    struct buf key, part;
    sluice_value *values;
};

int batch_open(struct batch *b, struct db *db, struct target *target, const char *run_id,
               const struct bulk_table *facts, struct err *err);
void batch_free(struct batch *b);

int batch_add(struct batch *b, const sluice_value *values, uint32_t count, struct err *err);
bool batch_is_full(const struct batch *b);

/* Record `n` again. Valid until the next. */
const sluice_value *batch_read(struct batch *b, size_t n);

/* Has a record this key, as text? */
bool batch_has(const struct batch *b, sluice_str key);

/* End the COPY, if there is one. When the server did not take the rows, `staging` is false from then on. */
int batch_rest(struct batch *b, struct err *err);
void batch_clear(struct batch *b);

#endif
