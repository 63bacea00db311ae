/* seen.h - which records of a list have come already: their names and contents, as 64-bit hashes.
 *
 * Memory:  at least the newest SEEN_KEPT records are remembered, in at most 8 MiB; it is small while few have come.
 * Rows that shift while a list is read come again soon, so older ones may be forgotten.
 */
#ifndef SLUICE_SDK_SEEN_H
#define SLUICE_SDK_SEEN_H

#include "sluice/abi.h"

#include <stdbool.h>

#define SEEN_KEPT ((size_t)196608)

/* One record. */
struct seen_row {
    uint64_t name; /* 0: an empty place */
    uint64_t content;
};

struct seen {
    struct seen_row *now;    /* filled at present */
    struct seen_row *before; /* filled before that one was begun; full size; NULL: none */
    size_t size;             /* places in `now`, a power of two */
    size_t used;             /* of them */
};

/* What is known of a record. */
#define SEEN_NEW     0
#define SEEN_SAME    1
#define SEEN_CHANGED 2 /* its name is known, with another content */

int seen_find(const struct seen *s, struct seen_row row);

/* Remember it, in the place of one with its name; *found is what was known of it. False when memory ran out. */
bool seen_put(struct seen *s, struct seen_row row, int *found);

/* Give the memory back; a zeroed or freed one is empty and usable. */
void seen_free(struct seen *s);

/* The hash of a text, never 0; `seed` keeps texts of different meaning apart. */
uint64_t seen_hash(sluice_str text, uint64_t seed);

#endif
