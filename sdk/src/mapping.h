/* mapping.h - a record of the source into a row of values, by the stream's column table.
 *
 * A mapping is made once for a run and reads one record after the other. What does not convert marks the record with
 * the first such reason; the columns that do convert are there all the same, and so is the key, so that the reject can
 * be found again.
 *
 * Memory:  the tables lie in the run's region; texts point into the record or lie in the record's region. Values are
 *          valid until the next mapping_read() or the reset of that region, and as long as the record's text is.
 */
#ifndef SLUICE_SDK_MAPPING_H
#define SLUICE_SDK_MAPPING_H

#include "path.h"
#include "zone.h"

struct mapping {
    const sluice_stream *stream;
    const struct zone *zone; /* of times without one; NULL: UTC */
    struct region *record;   /* memory of one record */
    struct paths paths;
    const struct path **from; /* for each column; NULL: not from the record */
    sluice_value *values;     /* for each column */
    sluice_str source;        /* the record itself */
    struct buf why;           /* the first reason for a reject; empty: none */
    struct buf numbers;       /* a list while it grows, int64_t */
    bool broken;              /* the record is not an object, or not JSON */
    bool exhausted;           /* the record's memory ran out */
};

/* Prepare for `stream`. False when a column's path is not one, with the reason in `why`, or when memory ran out (then
 * `why` is empty). Pair with mapping_free(). */
bool mapping_init(struct mapping *m, const sluice_stream *stream, const struct zone *zone, struct region *run,
                  struct region *record, struct buf *why);
void mapping_free(struct mapping *m);

/* Begin a record whose text is `record`: every column is absent, and nothing is wrong with it. */
void mapping_start(struct mapping *m, sluice_str record);

/* Read one record into m->values; see m->why. False when memory ran out. */
bool mapping_read(struct mapping *m, sluice_str record);

/* Mark the record when a required column has got neither a value nor a preset. */
void mapping_check_required(struct mapping *m);

/* Append the key for a reject: the columns of the first match rule that all have a text, joined by "/". A value that
 * did not convert gives its text as sent. Nothing when no rule has all its columns. */
void mapping_key(const struct mapping *m, struct buf *out);

/* The text of a scalar, from the record's memory where escapes have to be resolved. False when memory ran out. */
bool mapping_text(struct mapping *m, const struct json_value *value, sluice_str *text);

/* The stream's column number `i`, and the number of the column of that name, -1 when there is none. */
const sluice_column *mapping_column(const sluice_stream *stream, uint32_t i);
int64_t mapping_column_named(const sluice_stream *stream, sluice_str name);

#endif
