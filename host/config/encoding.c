#include "encoding.h"

#include <string.h>

/* Bytes of the UTF-8 character at `s`, 0 when there is none: no overlong forms, no surrogates, up to U+10FFFF. */
static size_t character_len(const unsigned char *s, size_t len)
{
    if (s[0] < 0x80)
        return 1;
    size_t want = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || len < want)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    return overlong || beyond ? 0 : want;
}

bool encoding_is_utf8(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = character_len((const unsigned char *)text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

static bool begins_with(const char *text, size_t len, const char *mark, size_t mark_len)
{
    return len >= mark_len && memcmp(text, mark, mark_len) == 0;
}

/* What is wrong with the byte at `at`; NULL when nothing is. */
static const char *byte_problem(const char *text, size_t len, size_t at)
{
    if (text[at] == '\0')
        return "there is a NUL byte on this line: this is no text file";
    if (text[at] == '\r' && (at + 1 == len || text[at + 1] != '\n'))
        return "there is a carriage return without a line feed on this line: save the file with Unix line ends";
    if (character_len((const unsigned char *)text + at, len - at) == 0)
        return "this line is not UTF-8: save the file as UTF-8";
    return NULL;
}

const char *encoding_problem(const char *text, size_t len, int *line)
{
    *line = 1;
    if (begins_with(text, len, "\xEF\xBB\xBF", 3))
        return "the file begins with a byte order mark: save it as UTF-8 without one";
    if (begins_with(text, len, "\xFF\xFE", 2) || begins_with(text, len, "\xFE\xFF", 2))
        return "the file is UTF-16: save it as UTF-8";

    for (size_t at = 0; at < len;) {
        const char *problem = byte_problem(text, len, at);
        if (problem)
            return problem;
        *line += text[at] == '\n';
        at += character_len((const unsigned char *)text + at, len - at);
    }
    return NULL;
}
