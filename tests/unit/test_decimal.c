#include "decimal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

static const char *const not_numbers[] = {
    "",     "-",    "+",    ".",     ".5",    "5.",    "-.5",  "5.e1",  "e5",   "1e",   "1e+",  "1e-",  "--1",    "+-1",
    "1-",   "1.2.", "1..2", "1.2.3", "1,000", " 1",    "1 ",   "1\n",   "0x10", "1e1.", "1e1e1", "NaN",
    "Infinity", "inf", "1_000", "\xD9\xA1", "1'000", "$1", "1%", "true", "null",
};

static void a_decimal_is_read_exactly_and_rounded_away_from_zero(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t scale;
        int rc;
        int64_t want;
    } cases[] = {
        {"0", 2, NUMBER_OK, 0},
        {"-0", 2, NUMBER_OK, 0},
        {"-12.5", 2, NUMBER_OK, -1250},
        {"+7", 0, NUMBER_OK, 7},
        {"1e3", 2, NUMBER_OK, 100000},
        {"1E3", 0, NUMBER_OK, 1000},
        {"1e+3", 0, NUMBER_OK, 1000},
        {"12.50", 2, NUMBER_OK, 1250},
        {"007", 0, NUMBER_OK, 7},
        {"1234567890123456.78", 2, NUMBER_OK, 123456789012345678},
        {"0.005", 2, NUMBER_OK, 1},
        {"0.0049999999999999999999999999", 2, NUMBER_OK, 0},
        {"-0.005", 2, NUMBER_OK, -1},
        {"2.5", 0, NUMBER_OK, 3},
        {"-2.5", 0, NUMBER_OK, -3},
        {"0.5", 0, NUMBER_OK, 1},
        {"0.49", 0, NUMBER_OK, 0},
        {"5e-1", 0, NUMBER_OK, 1},
        {"5e-2", 0, NUMBER_OK, 0},
        {"9.995", 2, NUMBER_OK, 1000},
        {"99999e-5", 2, NUMBER_OK, 100},
        {"1e-99999999999999999999", 2, NUMBER_OK, 0},
        {"0e99999999999999999999", 2, NUMBER_OK, 0},
        {"0.000000000000000001", 18, NUMBER_OK, 1},
        {"9223372036854775807", 0, NUMBER_OK, INT64_MAX},
        {"-9223372036854775808", 0, NUMBER_OK, INT64_MIN},
        {"92233720368547758.07", 2, NUMBER_OK, INT64_MAX},
        {"92233720368547758.074", 2, NUMBER_OK, INT64_MAX},
        {"92233720368547758.075", 2, NUMBER_RANGE, 0},
        {"-92233720368547758.084", 2, NUMBER_OK, INT64_MIN},
        {"-92233720368547758.085", 2, NUMBER_RANGE, 0},
        {"9223372036854775808", 0, NUMBER_RANGE, 0},
        {"-9223372036854775809", 0, NUMBER_RANGE, 0},
        {"1e19", 0, NUMBER_RANGE, 0},
        {"1e18", 1, NUMBER_RANGE, 0},
        {"1e99999999999999999999", 0, NUMBER_RANGE, 0},
        {"10", 18, NUMBER_RANGE, 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        int64_t got = 4711;
        int rc = decimal_parse(str_of(cases[i].text), cases[i].scale, &got);
        int64_t want = cases[i].rc == NUMBER_OK ? cases[i].want : 4711;
        if (rc != cases[i].rc || got != want)
            fail_msg("%s at scale %u: rc %d, %lld", cases[i].text, cases[i].scale, rc, (long long)got);
    }
}

static void an_integer_has_no_fraction_but_zeros(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        int64_t want;
    } cases[] = {
        {"1000", NUMBER_OK, 1000},
        {"1e3", NUMBER_OK, 1000},
        {"1000.0", NUMBER_OK, 1000},
        {"1000.000", NUMBER_OK, 1000},
        {"-15835", NUMBER_OK, -15835},
        {"12.5e1", NUMBER_OK, 125},
        {"100e-2", NUMBER_OK, 1},
        {"0.0e-5", NUMBER_OK, 0},
        {"0e99", NUMBER_OK, 0},
        {"1000.5", NUMBER_FRACTION, 0},
        {"1e-1", NUMBER_FRACTION, 0},
        {"0.00000000000000000000000000001", NUMBER_FRACTION, 0},
        {"1e-99999999999999999999", NUMBER_FRACTION, 0},
        {"9223372036854775807.0", NUMBER_OK, INT64_MAX},
        {"9223372036854775807.1", NUMBER_FRACTION, 0},
        {"9223372036854775808", NUMBER_RANGE, 0},
        {"99999999999999999999999999999999", NUMBER_RANGE, 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        int64_t got = 4711;
        int rc = integer_parse(str_of(cases[i].text), &got);
        int64_t want = cases[i].rc == NUMBER_OK ? cases[i].want : 4711;
        if (rc != cases[i].rc || got != want)
            fail_msg("%s: rc %d, %lld", cases[i].text, rc, (long long)got);
    }
}

static void what_is_not_a_number_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(not_numbers); i++) {
        int64_t got;
        if (decimal_parse(str_of(not_numbers[i]), 2, &got) != NUMBER_SYNTAX ||
            integer_parse(str_of(not_numbers[i]), &got) != NUMBER_SYNTAX)
            fail_msg("\"%s\" was taken for a number", not_numbers[i]);
    }
    int64_t got;
    assert_int_equal(decimal_parse((sluice_str){"1\0" "2", 3}, 0, &got), NUMBER_SYNTAX);
    assert_int_equal(decimal_parse((sluice_str){NULL, 0}, 0, &got), NUMBER_SYNTAX);
    assert_int_equal(decimal_parse((sluice_str){"129", 2}, 0, &got), NUMBER_OK); /* not beyond its length */
    assert_int_equal(got, 12);
}

static void a_decimal_prints_with_exactly_its_scale(void **state)
{
    (void)state;
    static const struct {
        int64_t units;
        uint32_t scale;
        const char *want;
    } cases[] = {
        {0, 0, "0"},
        {0, 2, "0.00"},
        {5, 2, "0.05"},
        {-5, 2, "-0.05"},
        {1250, 2, "12.50"},
        {-1250, 2, "-12.50"},
        {100, 0, "100"},
        {1, 18, "0.000000000000000001"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MAX, 18, "9.223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 2, "-92233720368547758.08"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf out = {0};
        assert_true(decimal_print(&out, cases[i].units, cases[i].scale));
        assert_string_equal(buf_text(&out), cases[i].want);
        buf_free(&out);
    }
}

static void what_was_printed_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t seed = 20251011;
    struct buf out = {0};
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t units = (int64_t)seed >> (i % 63), back = 0;
        uint32_t scale = (uint32_t)(i % 19);
        buf_clear(&out);
        assert_true(decimal_print(&out, units, scale));
        assert_int_equal(decimal_parse(buf_str(&out), scale, &back), NUMBER_OK);
        assert_true(back == units);
    }
    buf_free(&out);
}

static void a_full_buffer_is_noticed(void **state)
{
    (void)state;
    struct buf out = {.max = 3};
    assert_false(decimal_print(&out, 1250, 2));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_read_exactly_and_rounded_away_from_zero),
        cmocka_unit_test(an_integer_has_no_fraction_but_zeros),
        cmocka_unit_test(what_is_not_a_number_is_refused),
        cmocka_unit_test(a_decimal_prints_with_exactly_its_scale),
        cmocka_unit_test(what_was_printed_reads_back_the_same),
        cmocka_unit_test(a_full_buffer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
