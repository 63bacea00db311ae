/* plain.c - see plain.h. */
#include "plain.h"

#include "buf.h"
#include "text.h"

#define REPLACEMENT "\xEF\xBF\xBD"
#define MORE "\xE2\x80\xA6"

/* The length of the UTF-8 character at `p`; 0 when there is none. No overlong form, no surrogate, nothing past the
 * last plane. */
static size_t character(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t len;

    if (p[0] && p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        len = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        len = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

char *plain_text(sluice_str s, size_t max)
{
    struct buf out = {0};
    bool cut = s.len > max;
    size_t end = cut ? text_cut(s, max).len : s.len;

    for (size_t i = 0; i < end;) {
        size_t len = character((const unsigned char *)s.ptr + i, end - i);
        if (len)
            buf_add(&out, s.ptr + i, len);
        else
            buf_add_str(&out, REPLACEMENT);
        i += len ? len : 1;
    }
    buf_add_str(&out, cut ? MORE : "");
    if (!out.failed)
        return out.ptr;
    buf_free(&out);
    return NULL;
}
