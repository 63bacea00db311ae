#include "number.h"

#include <stdint.h>
#include <string.h>

struct integer {
    bool negative, hex, wide; /* wide: ends in L or LL */
    const char *digits;
    size_t len;
};

static bool is_digit_of(char c, bool hex)
{
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/* Take an integer apart; false when the text is none. */
static bool integer_split(const char *text, size_t len, struct integer *n)
{
    *n = (struct integer){.negative = text[0] == '-'};
    size_t at = text[0] == '-' || text[0] == '+';
    if (at == 0 && len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        n->hex = true;
        at = 2;
    }
    n->digits = text + at;
    while (at + n->len < len && is_digit_of(n->digits[n->len], n->hex))
        n->len++;
    size_t rest = len - at - n->len;
    const char *suffix = n->digits + n->len;
    n->wide = (rest == 1 && suffix[0] == 'L') || (rest == 2 && memcmp(suffix, "LL", 2) == 0);
    return n->len > 0 && (rest == 0 || n->wide);
}

static bool is_fraction(const char *text, size_t len)
{
    size_t at = text[0] == '-' || text[0] == '+';
    size_t digits = 0;
    while (at < len && is_digit_of(text[at], false))
        at++, digits++;
    if (at < len && text[at] == '.')
        at++;
    while (at < len && is_digit_of(text[at], false))
        at++, digits++;
    if (digits > 0 && at < len && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < len && (text[at] == '-' || text[at] == '+');
        size_t before = at;
        while (at < len && is_digit_of(text[at], false))
            at++;
        digits = at > before ? digits : 0;
    }
    return digits > 0 && at == len;
}

static unsigned digit_value(char c)
{
    if (c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a' + 10);
}

/* The value without its sign; false when it needs more than 64 bits. */
static bool magnitude(const struct integer *n, uint64_t *value)
{
    uint64_t base = n->hex ? 16 : 10;
    *value = 0;
    for (size_t i = 0; i < n->len; i++) {
        unsigned digit = digit_value(n->digits[i]);
        if (*value > (UINT64_MAX - digit) / base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

static const char *range_problem(const struct integer *n)
{
    uint64_t value = 0;
    uint64_t wide_max = n->negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (!magnitude(n, &value) || value > wide_max)
        return "this number needs more than 64 bits";
    uint64_t max = n->negative ? (uint64_t)INT32_MAX + 1 : (uint64_t)INT32_MAX;
    if (!n->wide && value > max)
        return "this number needs more than 32 bits: put an L behind it, as in 5000000000L";
    return NULL;
}

const char *number_problem(const char *text, size_t len, bool *readable)
{
    struct integer n;
    *readable = true;
    if (integer_split(text, len, &n)) {
        if (!n.hex && n.len > 1 && n.digits[0] == '0')
            return "a number does not begin with 0: write it without, or in double quotes if it is a text";
        return range_problem(&n);
    }
    if (is_fraction(text, len))
        return NULL;
    *readable = false;
    if (len > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B'))
        return "binary numbers are not understood: write it in decimal or as 0x…";
    return "this is no number; a value with a unit is a text: \"30s\", \"64MiB\"";
}
