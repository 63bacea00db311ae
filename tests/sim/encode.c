/* UTF-8 text into the charset of the wire. */
#include "sim.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>

/* The code point at `s` and its length; a byte that starts nothing counts for itself. */
static uint32_t code_point(const unsigned char *s, size_t left, size_t *len)
{
    size_t want = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC0 ? 2 : 1;
    *len = want <= left ? want : 1;
    if (*len == 1)
        return s[0];
    uint32_t cp = s[0] & (0x7Fu >> want);
    for (size_t i = 1; i < want; i++)
        cp = cp << 6 | (s[i] & 0x3Fu);
    return cp;
}

static void add_replacement(uint32_t cp, bool escape, struct buf *out)
{
    if (!escape) {
        buf_add_char(out, '?');
    } else if (cp < 0x10000) {
        buf_printf(out, "\\u%04x", (unsigned)cp);
    } else {
        cp -= 0x10000;
        buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xD800 + (cp >> 10)), (unsigned)(0xDC00 + (cp & 0x3FF)));
    }
}

static void convert(iconv_t cd, bool escape, char *in, size_t left, struct buf *out)
{
    char piece[4096];
    while (left > 0) {
        char *to = piece;
        size_t room = sizeof piece;
        size_t rc = iconv(cd, &in, &left, &to, &room);
        int failure = rc == (size_t)-1 ? errno : 0;
        buf_add(out, piece, sizeof piece - room);
        if (failure != 0 && failure != E2BIG) {
            size_t len = 1;
            uint32_t cp = code_point((const unsigned char *)in, left, &len);
            add_replacement(cp, escape, out);
            in += len;
            left -= len;
        }
    }
}

bool encode(const char *charset, bool escape, sluice_str text, struct buf *out)
{
    if (strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0)
        return buf_add(out, text.ptr, text.len);

    iconv_t cd = iconv_open(charset, "UTF-8");
    if (cd == (iconv_t)-1)
        return false;
    struct buf copy = {0}; /* iconv wants its input writable */
    if (buf_add(&copy, text.ptr, text.len) && copy.ptr)
        convert(cd, escape, copy.ptr, copy.len, out);
    iconv_close(cd);
    buf_free(&copy);
    return !out->failed;
}
