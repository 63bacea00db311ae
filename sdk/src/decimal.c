#include "decimal.h"

#define EXPONENT_MAX ((int64_t)1 << 40) /* more than any text has digits; larger ones count as this */

/* A number's text, taken apart: its digits are those before and those after the point, in a row. */
struct number {
    bool negative;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
    int64_t exponent;
};

static size_t count_digits(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

static bool take_sign(const char **p, const char *end)
{
    if (*p == end || (**p != '-' && **p != '+'))
        return false;
    return *(*p)++ == '-';
}

/* What stands after "e". False when that is no exponent. */
static bool split_exponent(const char *p, const char *end, int64_t *exponent)
{
    bool negative = take_sign(&p, end);
    size_t len = count_digits(p, end);
    if (len == 0 || p + len != end)
        return false;
    int64_t value = 0;
    for (; p < end; p++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (*p - '0');
    if (value > EXPONENT_MAX)
        value = EXPONENT_MAX;
    *exponent = negative ? -value : value;
    return true;
}

static bool split(sluice_str text, struct number *n)
{
    if (text.len == 0)
        return false;
    const char *p = text.ptr, *end = p + text.len;
    *n = (struct number){.negative = take_sign(&p, end)};

    n->whole = p;
    n->whole_len = count_digits(p, end);
    p += n->whole_len;
    if (n->whole_len == 0)
        return false;
    if (p < end && *p == '.') {
        n->fraction = ++p;
        n->fraction_len = count_digits(p, end);
        p += n->fraction_len;
        if (n->fraction_len == 0)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E'))
        return split_exponent(p + 1, end, &n->exponent);
    return p == end;
}

static unsigned digit_at(const struct number *n, size_t i)
{
    char c = i < n->whole_len ? n->whole[i] : n->fraction[i - n->whole_len];
    return (unsigned)(c - '0');
}

/* value * 10 + digit, unless that is beyond `limit`. */
static bool push_digit(uint64_t *value, unsigned digit, uint64_t limit)
{
    if (*value > (limit - digit) / 10)
        return false;
    *value = *value * 10 + digit;
    return true;
}

static bool all_zero_from(const struct number *n, size_t from)
{
    for (size_t i = from; i < n->whole_len + n->fraction_len; i++)
        if (digit_at(n, i) != 0)
            return false;
    return true;
}

/* The number in units of 10^-scale. What is smaller than a unit is rounded, or refused when `exact`. */
static int to_units(const struct number *n, uint32_t scale, bool exact, int64_t *units)
{
    uint64_t limit = n->negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    size_t digits = n->whole_len + n->fraction_len;
    int64_t kept = (int64_t)n->whole_len + n->exponent + scale; /* how many digits make whole units */
    uint64_t value = 0;

    size_t taken = kept < 0 ? 0 : (uint64_t)kept < digits ? (size_t)kept : digits;
    for (size_t i = 0; i < taken; i++)
        if (!push_digit(&value, digit_at(n, i), limit))
            return NUMBER_RANGE;
    for (int64_t i = (int64_t)taken; i < kept && value != 0; i++)
        if (!push_digit(&value, 0, limit))
            return NUMBER_RANGE;

    if (exact && !all_zero_from(n, taken))
        return NUMBER_FRACTION;
    if (!exact && kept >= 0 && taken < digits && digit_at(n, taken) >= 5 && ++value > limit)
        return NUMBER_RANGE;
    *units = n->negative ? (int64_t)(0 - value) : (int64_t)value;
    return NUMBER_OK;
}

int decimal_parse(sluice_str text, uint32_t scale, int64_t *units)
{
    struct number n;
    return split(text, &n) ? to_units(&n, scale, false, units) : NUMBER_SYNTAX;
}

int integer_parse(sluice_str text, int64_t *value)
{
    struct number n;
    return split(text, &n) ? to_units(&n, 0, true, value) : NUMBER_SYNTAX;
}

bool decimal_print(struct buf *out, int64_t units, uint32_t scale)
{
    char text[32]; /* a sign, 19 digits and a point at most; filled from its end */
    char *p = text + sizeof text;
    uint64_t rest = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;

    for (uint32_t digits = 0; rest != 0 || digits <= scale; digits++) {
        if (digits == scale && scale != 0)
            *--p = '.';
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (units < 0)
        *--p = '-';
    return buf_add(out, p, (size_t)(text + sizeof text - p));
}
