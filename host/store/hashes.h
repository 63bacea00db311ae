/* hashes.h - a set of texts, known by their hashes: 64 bits, so that two texts of one batch are taken for one less
 * often than a disk errs.
 */
#ifndef SLUICE_STORE_HASHES_H
#define SLUICE_STORE_HASHES_H

#include "sluice/abi.h"

#include <stdbool.h>

struct hashes {
    uint64_t *slots; /* 0: free */
    size_t size, count;
    bool failed; /* memory ran out: anything may be in it */
};

/* Add `text`; `kind` tells texts apart that are not to meet. True when it is there already. */
bool hashes_add(struct hashes *h, uint32_t kind, sluice_str text);
bool hashes_has(const struct hashes *h, uint32_t kind, sluice_str text);

/* Forget all, keep the memory. */
void hashes_clear(struct hashes *h);
void hashes_free(struct hashes *h);

#endif
