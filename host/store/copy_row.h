/* copy_row.h - values as PostgreSQL's binary COPY wants them.
 *
 * A value travels as BIGINT, BOOLEAN, TEXT, NUMERIC, TIMESTAMPTZ or BIGINT[], by the type of its column (db.h).
 */
#ifndef SLUICE_STORE_COPY_ROW_H
#define SLUICE_STORE_COPY_ROW_H

#include "cell.h"

/* What every COPY begins and ends with. */
void copy_begin(struct buf *out);
void copy_end(struct buf *out);

/* A row of `fields` fields follows. */
void copy_row(struct buf *out, size_t fields);

/* The next field. */
void copy_null(struct buf *out);
void copy_int16(struct buf *out, int16_t value);
void copy_int32(struct buf *out, int32_t value);
void copy_int64(struct buf *out, int64_t value);
void copy_text(struct buf *out, sluice_str text);

/* The same for a value of a column of this SLUICE_* type, NULL when there is none. False when PostgreSQL might not take
 * it: a time that is none. */
bool copy_cell(struct buf *out, uint32_t type, const struct cell *cell);

#endif
