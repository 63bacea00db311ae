#include "json.h"

#include "json_inner.h"

/* What a byte outside of strings means to the scan. */
enum { OTHER, SPACE, QUOTE, OPEN, CLOSE, DELIMITER };

static const unsigned char classes[256] = {
    [' '] = SPACE, ['\t'] = SPACE, ['\n'] = SPACE, ['\r'] = SPACE,    ['"'] = QUOTE,     ['{'] = OPEN,
    ['['] = OPEN,  ['}'] = CLOSE,  [']'] = CLOSE,  [','] = DELIMITER, [':'] = DELIMITER,
};

/* Go on inside a string; returns the byte behind its closing quote, or `end` with s->in_string still set. */
static inline const char *scan_string(struct json_scan *s, const char *p, const char *end)
{
    if (s->escape) {
        s->escape = false;
        p++;
    }
    while (p < end) {
        if (end - p >= 8) {
            uint64_t bytes = load_eight(p);
            uint64_t stops = bytes_equal(bytes, '"') | bytes_equal(bytes, '\\');
            if (!stops) {
                p += 8;
                continue;
            }
            p += first_byte(stops);
        }
        char c = *p++;
        if (c == '"') {
            s->in_string = false;
            return p;
        }
        if (c != '\\')
            continue;
        if (p == end)
            s->escape = true;
        else
            p++;
    }
    return end;
}

/* A bracket outside of strings. */
static inline int take_bracket(struct json_nest *n, char c)
{
    bool brace = c == '{' || c == '}';
    if (classes[(unsigned char)c] == OPEN) {
        if (nest_full(n))
            return JSON_SCAN_BROKEN;
        nest_push(n, brace);
        return JSON_SCAN_MORE;
    }
    if (nest_in_brace(n) != brace)
        return JSON_SCAN_BROKEN;
    return --n->depth ? JSON_SCAN_MORE : JSON_SCAN_END;
}

/* ---- 64 bytes at a time ---- */

#define BLOCK 64

#ifdef __SSE2__
#include <emmintrin.h>

/* Which bytes of a block are of a kind, the first one in the lowest bit. */
struct masks {
    uint64_t quotes, backslashes, brackets;
};

static inline uint64_t mask_of(__m128i matches, int shift)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(matches) << shift;
}

static inline struct masks look(const char *p)
{
    struct masks m = {0};
    for (int i = 0; i < BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i braces = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ becomes {, and ] becomes }; nothing else does */
        __m128i open = _mm_cmpeq_epi8(braces, _mm_set1_epi8('{'));
        __m128i close = _mm_cmpeq_epi8(braces, _mm_set1_epi8('}'));
        m.quotes |= mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), i);
        m.backslashes |= mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')), i);
        m.brackets |= mask_of(_mm_or_si128(open, close), i);
    }
    return m;
}

/* Each bit becomes whether the number of bits that are set up to it is odd. */
static inline uint64_t odd_so_far(uint64_t bits)
{
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* Go on inside brackets by whole blocks, as far as they hold no backslash; outside of an escape. */
static int scan_blocks(struct json_scan *s, const char **next, const char *end)
{
    const char *p = *next;
    uint64_t carried = s->in_string ? UINT64_MAX : 0;
    for (; end - p >= BLOCK; p += BLOCK) {
        struct masks m = look(p);
        if (m.backslashes)
            break;
        uint64_t quoted = odd_so_far(m.quotes) ^ carried; /* from an opening quote up to the byte before the closing one */
        for (uint64_t left = m.brackets & ~quoted; left; left &= left - 1) {
            const char *bracket = p + __builtin_ctzll(left);
            int found = take_bracket(&s->nest, *bracket);
            if (found != JSON_SCAN_MORE) {
                s->in_string = false;
                *next = bracket + 1;
                return found;
            }
        }
        carried = quoted >> 63 ? UINT64_MAX : 0;
    }
    s->in_string = carried;
    *next = p;
    return JSON_SCAN_MORE;
}
#else
/* Byte for byte, then. */
static int scan_blocks(struct json_scan *s, const char **next, const char *end)
{
    (void)s;
    (void)next;
    (void)end;
    return JSON_SCAN_MORE;
}
#endif

/* ---- Byte for byte ---- */

/* Go on inside brackets, outside of strings: to the byte behind the one that closes the last of them, or to the end. */
static int scan_inside(struct json_scan *s, const char **next, const char *end)
{
    const char *p = *next;
    int found = JSON_SCAN_MORE;
    while (p < end && found == JSON_SCAN_MORE) {
        char c = *p++;
        switch (classes[(unsigned char)c]) {
        case QUOTE:
            s->in_string = true;
            p = scan_string(s, p, end);
            break;
        case OPEN:
        case CLOSE:
            found = take_bracket(&s->nest, c);
            break;
        default:
            break;
        }
    }
    *next = p;
    return found;
}

/* Go on where no bracket is open: over white space and a number or literal, up to where something else begins. Returns
 * JSON_SCAN_MORE also when that is a bracket or string, which is entered. */
static int scan_bare(struct json_scan *s, const char **next, const char *end)
{
    const char *p = *next;
    for (; p < end; p++) {
        unsigned char class = classes[(unsigned char)*p];
        if (class == OTHER) {
            s->scalar = true;
            continue;
        }
        if (s->scalar || class == CLOSE || class == DELIMITER) {
            *next = p;
            return JSON_SCAN_END;
        }
        if (class == SPACE)
            continue;
        s->in_string = class == QUOTE;
        if (class == OPEN)
            nest_push(&s->nest, *p == '{');
        p++;
        break;
    }
    *next = p;
    return JSON_SCAN_MORE;
}

int json_scan_value(struct json_scan *s, sluice_str window, size_t *used)
{
    const char *p = window.ptr;
    const char *end = p + window.len;
    int found = JSON_SCAN_MORE;
    while (p < end && found == JSON_SCAN_MORE) {
        const char *stop = end;
        if (s->nest.depth && !s->escape) {
            found = scan_blocks(s, &p, end);
            if (found != JSON_SCAN_MORE || p == end)
                break;
            stop = end - p > BLOCK ? p + BLOCK : end; /* byte for byte over the block that stopped it */
        }
        if (s->in_string) {
            p = scan_string(s, p, stop);
            if (!s->in_string && s->nest.depth == 0)
                found = JSON_SCAN_END;
        } else if (s->nest.depth) {
            found = scan_inside(s, &p, stop);
        } else {
            found = scan_bare(s, &p, end);
        }
    }
    *used = (size_t)(p - window.ptr);
    return found;
}
