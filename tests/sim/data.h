/* data.h - generated trading partners: Greek names and addresses, a pure function of (seed, stream, index, version). */
#ifndef SIM_DATA_H
#define SIM_DATA_H

#include "sim.h"

#define STREAM_CUSTOMERS 0u
#define STREAM_SUPPLIERS 1u
#define STREAM_COUNT     2u

/* Words in the bytes of one charset. */
struct vocabulary;

/* Build it; NULL when the charset is not known. */
struct vocabulary *vocabulary_open(const char *charset, bool escape);
void vocabulary_close(struct vocabulary *);

/* One record to render. */
struct record {
    uint64_t seed;
    uint32_t stream;
    uint32_t index;
    uint32_t version; /* 0 as generated; a change gives it another phone number */
    time_t updated;   /* UPDDATE */
};

/* Append it as a JSON object. */
void record_render(const struct vocabulary *, const struct record *, struct buf *out);

/* Well-mixed 64 bits of a number. */
uint64_t mix64(uint64_t x);

#endif
