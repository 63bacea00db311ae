/* kept.h - the records of a batch as they came, packed one behind the other, to be read again when the batch is taken
 * apart.
 */
#ifndef SLUICE_STORE_KEPT_H
#define SLUICE_STORE_KEPT_H

#include "buf.h"

struct kept {
    struct buf bytes;
    size_t *at; /* where each record begins */
    size_t count, max;
};

/* Append a copy of a record. False when memory ran out. */
bool kept_add(struct kept *k, const sluice_value *values, uint32_t count);

/* Record `n` again, into `values` (`max` of them; those it does not have are absent). Texts and lists stay where they
 * are until the next kept_add(). */
void kept_read(const struct kept *k, size_t n, sluice_value *values, size_t max);

/* Forget all records, keep the memory. */
void kept_clear(struct kept *k);
void kept_free(struct kept *k);

#endif
