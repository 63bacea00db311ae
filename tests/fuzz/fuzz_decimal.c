/* Exact decimals: what is read prints, and what was printed reads back the same. The first byte of the input picks the
 * scale: 'a' is 0, and so on to 18. */
#include "decimal.h"
#include "fuzz.h"

/* "-?digits.dd" with exactly `scale` digits behind the point, and no zero too many. */
static void must_be_canonical(sluice_str text, uint32_t scale)
{
    size_t at = text.len > 0 && text.ptr[0] == '-';
    size_t whole = text.len - at - (scale ? scale + 1 : 0);

    MUST(text.len > at && whole >= 1 && whole <= 19);
    for (size_t i = 0; at + i < text.len; i++) {
        char c = text.ptr[at + i];
        MUST(scale && i == whole ? c == '.' : c >= '0' && c <= '9');
    }
    MUST(whole == 1 || text.ptr[at] != '0');
}

static void round_trip(int64_t units, uint32_t scale)
{
    struct buf text = {0};
    int64_t back = 0;

    MUST(decimal_print(&text, units, scale));
    must_be_canonical(buf_str(&text), scale);
    MUST(decimal_parse(buf_str(&text), scale, &back) == NUMBER_OK && back == units);
    buf_free(&text);
}

/* The same with a minus in front is the same below zero. */
static void check_negative(sluice_str text, uint32_t scale, int rc, int64_t units)
{
    struct buf negative = {0};
    int64_t below = 0;

    if (text.len == 0 || *text.ptr == '-' || *text.ptr == '+')
        return;
    buf_add_char(&negative, '-');
    buf_add(&negative, text.ptr, text.len);
    int rc_below = decimal_parse(buf_str(&negative), scale, &below);
    if (rc == NUMBER_OK)
        MUST(rc_below == NUMBER_OK && below == -units);
    else
        MUST(rc_below == rc || (rc == NUMBER_RANGE && below == INT64_MIN)); /* there is one more below zero */
    buf_free(&negative);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint32_t scale = (uint8_t)(data[0] - 'a') % 19u;
    char *copy = copy_of(data + 1, size - 1);
    sluice_str text = {copy, size - 1};
    int64_t units = 0, rounded = 0, whole = 0;

    int rc = decimal_parse(text, scale, &units);
    MUST(rc == NUMBER_OK || rc == NUMBER_SYNTAX || rc == NUMBER_RANGE);
    if (rc == NUMBER_OK)
        round_trip(units, scale);
    check_negative(text, scale, rc, units);

    int rc_rounded = decimal_parse(text, 0, &rounded), rc_whole = integer_parse(text, &whole);
    if (rc_whole == NUMBER_OK)
        MUST(rc_rounded == NUMBER_OK && rounded == whole);
    MUST((rc_whole == NUMBER_SYNTAX) == (rc == NUMBER_SYNTAX));
    free(copy);
    return 0;
}
