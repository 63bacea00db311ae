/* plain.c - see plain.h. */
#include "plain.h"

#include "buf.h"
#include "text.h"

#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"
#define MORE "\xE2\x80\xA6"
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes at the start of `s` that are ASCII. */
static size_t ascii(const char *p, size_t len)
{
    size_t n = 0;
    uint64_t word;

    while (n + sizeof(word) <= len) {
        memcpy(&word, p + n, sizeof(word));
        if (word & HIGH_BITS)
            break;
        n += sizeof(word);
    }
    while (n < len && (unsigned char)p[n] < 0x80)
        n++;
    return n;
}

/* Bytes at the start of `p` that are characters of two bytes: all of Greek, whose texts are the longest here. */
static size_t pairs(const unsigned char *p, size_t len)
{
    size_t n = 0;

    while (len - n >= 2 && p[n] >= 0xC2 && p[n] <= 0xDF && (p[n + 1] & 0xC0) == 0x80)
        n += 2;
    return n;
}

/* The length of the character of more than one byte at `p`; 0 when there is none: no overlong form, no surrogate,
 * nothing beyond U+10FFFF. */
static size_t wide(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    if (lead < 0xC2 || lead > 0xF4 || left < len)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    if (lead == 0xED)
        high = 0x9F;
    if (lead == 0xF0)
        low = 0x90;
    if (lead == 0xF4)
        high = 0x8F;
    for (size_t i = 1; i < len; i++) {
        if (p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return len;
}

bool plain_is_utf8(sluice_str s)
{
    size_t i = 0;

    while (i < s.len) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        size_t len = ascii(s.ptr + i, s.len - i);
        if (len == 0)
            len = pairs(p, s.len - i);
        if (len == 0)
            len = wide(p, s.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* The length of what can be copied at `p` as it is. */
static size_t good(const char *p, size_t left)
{
    if ((unsigned char)*p < 0x80)
        return *p != '\0';
    return wide((const unsigned char *)p, left);
}

char *plain_text(sluice_str s, size_t max)
{
    struct buf out = {0};
    sluice_str shown = text_cut(s, max);

    for (size_t i = 0; i < shown.len;) {
        size_t len = good(shown.ptr + i, shown.len - i);
        if (len)
            buf_add(&out, shown.ptr + i, len);
        else
            buf_add_str(&out, REPLACEMENT);
        i += len ? len : 1;
    }
    buf_add_str(&out, shown.len < s.len ? MORE : "");
    if (!out.failed)
        return out.ptr;
    buf_free(&out);
    return NULL;
}
