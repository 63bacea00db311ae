#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD in UTF-8 */
#define BOM "\xEF\xBB\xBF"         /* U+FEFF in UTF-8 */
#define MARK_BYTES ((size_t)3)     /* both have three bytes */
#define PIECE_BYTES ((size_t)2048) /* input decoded at a time, so that the output of a step fits a fixed array */
#define PENDING_MAX ((size_t)16)   /* no charset has longer sequences */

/* What a byte of a single-byte charset becomes. Eight bytes, so that it is copied in one move. */
struct entry {
    char bytes[6];
    uint8_t len;
    uint8_t bad; /* 1: the byte has no character; bytes are U+FFFD */
};

enum kind { KIND_UTF8, KIND_TABLE, KIND_ICONV };

struct charset {
    enum kind kind;
    iconv_t cd;           /* KIND_ICONV */
    size_t unit;          /* KIND_ICONV: bytes to skip after a bad sequence, so that 16-bit text stays aligned */
    bool ascii;           /* KIND_TABLE: bytes below 128 are ASCII */
    bool begun;           /* a character was seen, so a BOM is no longer one */
    size_t pending_len;
    char pending[PENDING_MAX]; /* a sequence that is not whole yet */
    uint64_t replaced;
    struct entry table[256];
};

static bool add_replacement(struct charset *cs, struct buf *out)
{
    cs->begun = true;
    cs->replaced++;
    return buf_add(out, REPLACEMENT, MARK_BYTES);
}

/* Append text that is UTF-8; its first character is dropped if it is a BOM. */
static bool add_text(struct charset *cs, const char *text, size_t len, struct buf *out)
{
    if (len == 0)
        return !out->failed;
    if (!cs->begun && len >= MARK_BYTES && memcmp(text, BOM, MARK_BYTES) == 0) {
        text += MARK_BYTES;
        len -= MARK_BYTES;
    }
    cs->begun = true;
    return buf_add(out, text, len);
}

/* Are all eight bytes at `p` ASCII? */
static bool is_ascii_word(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* The number of ASCII bytes `p` begins with, looked at eight at a time. */
static size_t ascii_prefix(const char *p, const char *end)
{
    const char *start = p;
    while (end - p >= 8 && is_ascii_word(p))
        p += 8;
    while (p < end && (unsigned char)*p < 0x80)
        p++;
    return (size_t)(p - start);
}

/* ---- UTF-8 ---- */

#define UTF8_WHOLE 0
#define UTF8_CUT 1 /* good so far, but not all there */
#define UTF8_BAD 2

/* Look at the sequence at `p`. *len is its length, or that of its longest part that could have begun a good one (at
 * least 1): what the Unicode standard wants replaced by one U+FFFD. */
static int utf8_look(const unsigned char *p, size_t left, size_t *len)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t want;
    *len = 1;
    if (lead < 0x80)
        return UTF8_WHOLE;
    if (lead < 0xC2 || lead > 0xF4)
        return UTF8_BAD;
    if (lead < 0xE0) {
        want = 2;
    } else if (lead < 0xF0) {
        want = 3;
        if (lead == 0xE0)
            low = 0xA0; /* below: overlong */
        if (lead == 0xED)
            high = 0x9F; /* above: surrogates */
    } else {
        want = 4;
        if (lead == 0xF0)
            low = 0x90; /* below: overlong */
        if (lead == 0xF4)
            high = 0x8F; /* above: beyond U+10FFFF */
    }
    for (; *len < want; ++*len) {
        if (*len == left)
            return UTF8_CUT;
        if (p[*len] < low || p[*len] > high)
            return UTF8_BAD;
        low = 0x80;
        high = 0xBF;
    }
    return UTF8_WHOLE;
}

/* Complete the sequence that the last piece left behind. */
static bool utf8_feed_pending(struct charset *cs, sluice_str *bytes, struct buf *out)
{
    bool ok = true;
    while (cs->pending_len > 0 && bytes->len > 0) {
        cs->pending[cs->pending_len] = *bytes->ptr;
        size_t len;
        int state = utf8_look((const unsigned char *)cs->pending, cs->pending_len + 1, &len);
        if (state == UTF8_BAD) { /* the new byte is not part of it, and is looked at again */
            cs->pending_len = 0;
            ok = add_replacement(cs, out);
            break;
        }
        cs->pending_len++;
        bytes->ptr++;
        bytes->len--;
        if (state == UTF8_WHOLE) {
            cs->pending_len = 0;
            ok = add_text(cs, cs->pending, len, out);
        }
    }
    return ok;
}

static bool utf8_feed(struct charset *cs, sluice_str bytes, struct buf *out)
{
    bool ok = utf8_feed_pending(cs, &bytes, out);
    if (bytes.len == 0)
        return ok;

    const char *p = bytes.ptr, *end = p + bytes.len, *good = p; /* from `good` to `p` all is good */
    for (;;) {
        p += ascii_prefix(p, end);
        if (p == end)
            break;
        size_t len;
        int state = utf8_look((const unsigned char *)p, (size_t)(end - p), &len);
        if (state == UTF8_CUT)
            break;
        if (state == UTF8_BAD) {
            add_text(cs, good, (size_t)(p - good), out);
            add_replacement(cs, out);
            good = p + len;
        }
        p += len;
    }
    ok = add_text(cs, good, (size_t)(p - good), out);
    cs->pending_len = (size_t)(end - p);
    memcpy(cs->pending, p, cs->pending_len);
    return ok;
}

/* ---- Single-byte charsets ---- */

/* Decode one byte alone. False when this charset needs more than a byte to say what it means. */
static bool table_probe(iconv_t cd, int byte, struct entry *e)
{
    char in = (char)byte, result[32];
    char *in_at = &in, *out_at = result;
    size_t in_left = 1, out_left = sizeof result;

    iconv(cd, NULL, NULL, NULL, NULL);
    *e = (struct entry){.bytes = REPLACEMENT, .len = MARK_BYTES, .bad = 1};
    if (iconv(cd, &in_at, &in_left, &out_at, &out_left) == (size_t)-1)
        return errno == EILSEQ;

    size_t len = sizeof result - out_left;
    if (len == 0 || len > sizeof e->bytes)
        return false; /* a shift, or half a character that waits for its accent */
    iconv(cd, NULL, NULL, &out_at, &out_left);
    if (sizeof result - out_left != len)
        return false;
    *e = (struct entry){.len = (uint8_t)len};
    memcpy(e->bytes, result, len);
    return true;
}

static bool table_build(struct charset *cs)
{
    cs->ascii = true;
    for (int byte = 0; byte < 256; byte++) {
        struct entry *e = &cs->table[byte];
        if (!table_probe(cs->cd, byte, e))
            return false;
        if (byte < 128 && (e->len != 1 || e->bytes[0] != (char)byte))
            cs->ascii = false;
    }
    return true;
}

/* Decode `len` bytes to `out`, which has room for the longest result and one entry more; returns the end of it. */
static char *table_decode(struct charset *cs, const unsigned char *in, size_t len, char *out)
{
    const unsigned char *end = in + len;
    uint64_t bad = 0;
    while (in < end) {
        size_t step = (size_t)(end - in) < 8 ? (size_t)(end - in) : 8;
        if (cs->ascii && step == 8 && is_ascii_word((const char *)in)) {
            memcpy(out, in, 8);
            in += 8;
            out += 8;
            continue;
        }
        for (; step > 0; step--) {
            const struct entry *e = &cs->table[*in++];
            memcpy(out, e, sizeof *e);
            out += e->len;
            bad += e->bad;
        }
    }
    cs->replaced += bad;
    return out;
}

static bool table_feed(struct charset *cs, sluice_str bytes, struct buf *out)
{
    char piece[(PIECE_BYTES + 1) * sizeof(struct entry)];
    while (bytes.len > 0) {
        size_t len = bytes.len < PIECE_BYTES ? bytes.len : PIECE_BYTES;
        const char *end = table_decode(cs, (const unsigned char *)bytes.ptr, len, piece);
        if (!buf_add(out, piece, (size_t)(end - piece)))
            return false;
        bytes.ptr += len;
        bytes.len -= len;
    }
    return !out->failed;
}

/* ---- Everything else ---- */

/* Decode as much of `bytes` as is whole and move it on; what stays is the start of a cut sequence. */
static bool iconv_step(struct charset *cs, sluice_str *bytes, struct buf *out)
{
    char piece[PIECE_BYTES];
    while (bytes->len > 0) {
        char *in = (char *)(uintptr_t)bytes->ptr, *at = piece; /* iconv() only reads it, but does not say so */
        size_t left = sizeof piece;
        bool stopped = iconv(cs->cd, &in, &bytes->len, &at, &left) == (size_t)-1;
        int why = stopped ? errno : 0;
        bytes->ptr = in;
        if (!add_text(cs, piece, (size_t)(at - piece), out))
            return false;
        if (why == EINVAL)
            break;
        if (why != 0 && why != E2BIG) {
            size_t skip = bytes->len < cs->unit ? bytes->len : cs->unit;
            bytes->ptr += skip;
            bytes->len -= skip;
            if (!add_replacement(cs, out))
                return false;
        }
    }
    return !out->failed;
}

/* Keep the rest of a piece for the next one. */
static void keep_pending(struct charset *cs, sluice_str rest)
{
    cs->pending_len = rest.len < PENDING_MAX ? rest.len : PENDING_MAX;
    memmove(cs->pending, rest.ptr, cs->pending_len);
}

static bool iconv_feed(struct charset *cs, sluice_str bytes, struct buf *out)
{
    while (cs->pending_len > 0 && bytes.len > 0) {
        cs->pending[cs->pending_len++] = *bytes.ptr++;
        bytes.len--;
        sluice_str rest = {cs->pending, cs->pending_len};
        if (!iconv_step(cs, &rest, out))
            return false;
        if (rest.len == PENDING_MAX) { /* nothing that is this long will become whole */
            if (!add_replacement(cs, out))
                return false;
            rest.ptr += cs->unit;
            rest.len -= cs->unit;
        }
        keep_pending(cs, rest);
    }
    if (bytes.len == 0)
        return !out->failed;
    bool ok = iconv_step(cs, &bytes, out);
    if (ok)
        keep_pending(cs, bytes);
    return ok;
}

/* What iconv itself holds back: a letter that could have been given an accent. */
static bool iconv_flush(struct charset *cs, struct buf *out)
{
    char piece[64], *at = piece;
    size_t left = sizeof piece;
    iconv(cs->cd, NULL, NULL, &at, &left);
    return add_text(cs, piece, (size_t)(at - piece), out);
}

/* How many bytes a letter takes in the charset: 2 and 4 for UTF-16 and UTF-32, 1 for all that ASCII bytes can be part
 * of. Found out with two letters and with one, so that a byte order mark does not count. */
static size_t unit_size(const char *name)
{
    iconv_t cd = iconv_open(name, "UTF-8");
    if (cd == (iconv_t)-1)
        return 1;
    char letters[] = "aaa", result[32], *in = letters, *at = result;
    size_t one = 1, two = 2, left = sizeof result;
    size_t before = 0, after = 0;
    if (iconv(cd, &in, &one, &at, &left) != (size_t)-1) {
        before = left;
        if (iconv(cd, &in, &two, &at, &left) != (size_t)-1)
            after = left;
    }
    iconv_close(cd);
    size_t unit = (before - after) / 2;
    return unit == 2 || unit == 4 ? unit : 1;
}

/* ---- The door ---- */

/* An empty name would mean the locale's charset, and a "/" begins a suffix that changes what iconv() does. UTF-7 is
 * refused: after a bad sequence the C library's decoder gives other text for other cuts of the same bytes, and nothing
 * but old mail is written in it. */
static bool is_usable_name(const char *name)
{
    return *name != '\0' && !strchr(name, '/') && strncasecmp(name, "UTF-7", 5) != 0 && strcasecmp(name, "UTF7") != 0;
}

bool charset_known(const char *name)
{
    iconv_t cd = is_usable_name(name) ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (cd == (iconv_t)-1)
        return false;
    iconv_close(cd);
    return true;
}

struct charset *charset_open(const char *name)
{
    iconv_t cd = is_usable_name(name) ? iconv_open("UTF-8", name) : (iconv_t)-1;
    if (cd == (iconv_t)-1)
        return NULL;
    struct charset *cs = calloc(1, sizeof *cs);
    if (!cs) {
        iconv_close(cd);
        return NULL;
    }
    cs->cd = cd;
    if (strcasecmp(name, "UTF-8") == 0 || strcasecmp(name, "UTF8") == 0) {
        cs->kind = KIND_UTF8;
    } else if (table_build(cs)) {
        cs->kind = KIND_TABLE;
    } else {
        cs->kind = KIND_ICONV;
        cs->unit = unit_size(name);
        iconv(cd, NULL, NULL, NULL, NULL);
    }
    return cs;
}

bool charset_feed(struct charset *cs, sluice_str bytes, struct buf *out)
{
    if (bytes.len == 0)
        return !out->failed;
    switch (cs->kind) {
    case KIND_UTF8:
        return utf8_feed(cs, bytes, out);
    case KIND_TABLE:
        return table_feed(cs, bytes, out);
    default:
        return iconv_feed(cs, bytes, out);
    }
}

bool charset_end(struct charset *cs, struct buf *out)
{
    bool ok = cs->kind != KIND_ICONV || iconv_flush(cs, out);
    if (ok && cs->pending_len > 0)
        ok = add_replacement(cs, out);
    cs->pending_len = 0;
    cs->begun = false;
    return ok && !out->failed;
}

uint64_t charset_replaced(const struct charset *cs)
{
    return cs->replaced;
}

void charset_close(struct charset *cs)
{
    if (!cs)
        return;
    iconv_close(cs->cd);
    free(cs);
}
