/* fuzz.h - what the fuzz targets share.
 *
 * A target is one function. libFuzzer calls it with inputs that it makes up; replay.c calls it with the files of its
 * corpus, which so are regression tests. What a target finds wrong ends the process.
 */
#ifndef SLUICE_TEST_FUZZ_H
#define SLUICE_TEST_FUZZ_H

#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold, whatever the input. */
#define MUST(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);                                     \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Chance that depends on nothing but the input, so that a finding can be repeated. */
struct chance {
    uint64_t state;
};

static inline struct chance chance_of(const uint8_t *data, size_t size)
{
    struct chance c = {UINT64_C(14695981039346656037)};

    for (size_t i = 0; i < size; i++)
        c.state = (c.state ^ data[i]) * UINT64_C(1099511628211);
    return c;
}

/* A number below `n`, which is not 0. */
static inline size_t chance_below(struct chance *c, size_t n)
{
    c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(c->state >> 33) % n;
}

/* A copy with nothing behind it, so that reading too far is seen. Free it with free(). */
static inline char *copy_of(const void *bytes, size_t size)
{
    char *copy = calloc(1, size ? size : 1);

    MUST(copy != NULL);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

static inline bool same_bytes(sluice_str a, sluice_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Is `text` valid UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF? */
static inline bool is_utf8(sluice_str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr, *end = p + text.len;

    while (p < end) {
        unsigned char lead = *p++;
        int more = lead < 0x80 ? 0 : lead >= 0xC2 && lead < 0xE0 ? 1 : lead >= 0xE0 && lead < 0xF0 ? 2 : 3;
        uint32_t c = lead & (0x7Fu >> more);
        if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || end - p < more)
            return false;
        for (int i = 0; i < more; i++, p++) {
            if ((*p & 0xC0) != 0x80)
                return false;
            c = c << 6 | (*p & 0x3Fu);
        }
        if ((more == 2 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) || (more == 3 && (c < 0x10000 || c > 0x10FFFF)))
            return false;
    }
    return true;
}

#endif
