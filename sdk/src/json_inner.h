/* json_inner.h - what the files of the reader share: eight bytes at a time, the bracket stack, the digits of \u. */
#ifndef SLUICE_SDK_JSON_INNER_H
#define SLUICE_SDK_JSON_INNER_H

#include "hex.h"
#include "json.h"

#include <endian.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS (EACH_BYTE * 0x80)

/* Eight bytes with the first one lowest. */
static inline uint64_t load_eight(const char *p)
{
    uint64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return le64toh(bytes);
}

/* The high bit of each byte that is zero. Bits above the lowest one that is set may be wrong. */
static inline uint64_t zero_bytes(uint64_t bytes)
{
    return (bytes - EACH_BYTE) & ~bytes & HIGH_BITS;
}

/* The same for the bytes that are `c`. */
static inline uint64_t bytes_equal(uint64_t bytes, unsigned char c)
{
    return zero_bytes(bytes ^ EACH_BYTE * c);
}

/* The same for the bytes below `c`, which is at most 0x80. */
static inline uint64_t bytes_below(uint64_t bytes, unsigned char c)
{
    return (bytes - EACH_BYTE * c) & ~bytes & HIGH_BITS;
}

/* Which of the eight bytes has the lowest bit that is set. */
static inline size_t first_byte(uint64_t bits)
{
    return (size_t)__builtin_ctzll(bits) / 8;
}

static inline bool nest_full(const struct json_nest *n)
{
    return n->depth >= JSON_DEPTH_MAX;
}

/* A bracket opens; the nest is not full. */
static inline void nest_push(struct json_nest *n, bool brace)
{
    uint64_t bit = UINT64_C(1) << (n->depth % 64);
    uint64_t *word = &n->braces[n->depth / 64];
    *word = brace ? *word | bit : *word & ~bit;
    n->depth++;
}

/* Is the innermost bracket a brace? There is one. */
static inline bool nest_in_brace(const struct json_nest *n)
{
    return n->braces[(n->depth - 1) / 64] >> ((n->depth - 1) % 64) & 1;
}

/* The four digits behind \u, -1 when they are not. */
static inline int hex_unit(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* The first and the second half of a character beyond 16 bits. */
static inline bool is_high(int unit)
{
    return (unit & 0xFC00) == 0xD800;
}

static inline bool is_low(int unit)
{
    return (unit & 0xFC00) == 0xDC00;
}

#endif
