#include "json.h"

#include "json_inner.h"

static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The character of the escape at *p, which was checked; *p moves behind it. */
static uint32_t escaped_char(const char **p, const char *end)
{
    char letter = (*p)[1];
    *p += 2;
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return (unsigned char)letter;
    }
    int unit = hex_unit(*p, end);
    *p += 4;
    if (!is_high(unit))
        return (uint32_t)unit;
    int low = hex_unit(*p + 2, end);
    *p += 6;
    return 0x10000 + ((uint32_t)(unit & 0x3FF) << 10 | (uint32_t)(low & 0x3FF));
}

size_t json_unescape_to(const struct json_value *string, char *out)
{
    const char *p = string->text.ptr;
    const char *end = p + string->text.len;
    size_t used = 0;
    while (p < end) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((stop ? stop : end) - p);
        memcpy(out + used, p, plain);
        used += plain;
        p += plain;
        if (stop)
            used += put_utf8(out + used, escaped_char(&p, end));
    }
    return used;
}

bool json_unescape(const struct json_value *string, struct buf *out)
{
    if (!string->escaped)
        return buf_add(out, string->text.ptr, string->text.len);
    char *room = buf_reserve(out, string->text.len);
    if (!room)
        return false;
    out->len += json_unescape_to(string, room);
    return true;
}

bool json_string_is(const struct json_value *string, sluice_str text)
{
    if (!string->escaped)
        return string->text.len == text.len && memcmp(string->text.ptr, text.ptr, text.len) == 0;
    const char *p = string->text.ptr;
    const char *end = p + string->text.len;
    const char *want = text.ptr;
    const char *want_end = want + text.len;
    while (p < end) {
        char utf8[4];
        size_t len = 1;
        if (*p == '\\')
            len = put_utf8(utf8, escaped_char(&p, end));
        else
            utf8[0] = *p++;
        if ((size_t)(want_end - want) < len || memcmp(want, utf8, len) != 0)
            return false;
        want += len;
    }
    return want == want_end;
}
