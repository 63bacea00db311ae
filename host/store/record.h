/* record.h - a mapped record as JSON, an object by the stream's column names: how a store reject keeps it.
 *
 * Integers and booleans are themselves, decimals and times texts, lists arrays; null is null, absent is left out.
 */
#ifndef SLUICE_STORE_RECORD_H
#define SLUICE_STORE_RECORD_H

#include "buf.h"
#include "err.h"
#include "table.h"

/* Append the JSON of a record. False when memory ran out. */
bool record_print(struct buf *out, const struct table *table, const sluice_value *values, uint32_t count);

/* Read it back into `values` (table->column_count of them). Texts and lists live in `*keep`, which the caller gives to
 * record_keep_free(). SLUICE_E_BUG when it is not such a record any more. */
struct record_keep;
int record_read(sluice_str json, const struct table *table, sluice_value *values, struct record_keep **keep,
                struct err *err);
void record_keep_free(struct record_keep *keep);

#endif
