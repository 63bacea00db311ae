/* Texts with units, the control API's address, and the secrets in URLs. */
#include "listen.h"
#include "units.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

struct unit_case {
    const char *text;
    int rc;
    int64_t want;
};

static void check_units(int (*read)(const char *, int64_t *), const struct unit_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -1;
        int rc = read(cases[i].text, &value);
        if (rc != cases[i].rc || (rc == UNITS_OK && value != cases[i].want))
            fail_msg("\"%s\": %d, %lld", cases[i].text, rc, (long long)value);
    }
}

static void durations_need_a_unit(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"500ms", UNITS_OK, 500000},
        {"30s", UNITS_OK, 30000000},
        {"10m", UNITS_OK, 600000000},
        {"6h", UNITS_OK, INT64_C(21600000000)},
        {"2d", UNITS_OK, INT64_C(172800000000)},
        {"1w", UNITS_OK, INT64_C(604800000000)},
        {"1y", UNITS_OK, INT64_C(31536000000000)},
        {"0s", UNITS_OK, 0},
        {"30", UNITS_BARE, 0},
        {"", UNITS_WRONG, 0},
        {"s", UNITS_WRONG, 0},
        {"-5s", UNITS_WRONG, 0},
        {"1.5h", UNITS_WRONG, 0},
        {"30 s", UNITS_WRONG, 0},
        {"30sec", UNITS_WRONG, 0},
        {"1h30m", UNITS_WRONG, 0},
        {"9223372036854775808ms", UNITS_RANGE, 0},
        {"292471209y", UNITS_RANGE, 0},
        {"9223372036854775ms", UNITS_OK, INT64_C(9223372036854775000)},
    };
    check_units(units_duration, cases, LEN(cases));
}

static void sizes_count_in_twos_or_tens(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"64MiB", UNITS_OK, 64 << 20},
        {"1KiB", UNITS_OK, 1024},
        {"2GiB", UNITS_OK, INT64_C(2) << 30},
        {"1KB", UNITS_OK, 1000},
        {"5MB", UNITS_OK, 5000000},
        {"1GB", UNITS_OK, 1000000000},
        {"1tib", UNITS_OK, INT64_C(1) << 40},
        {"4096", UNITS_OK, 4096},
        {"7B", UNITS_OK, 7},
        {"64M", UNITS_WRONG, 0},
        {"9000000000000TiB", UNITS_RANGE, 0},
        {"", UNITS_WRONG, 0},
    };
    check_units(units_size, cases, LEN(cases));
}

static void rates_are_a_minute(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"80/min", UNITS_OK, 80},
        {"2/s", UNITS_OK, 120},
        {"5000/h", UNITS_OK, 83},
        {"none", UNITS_OK, 0},
        {"80", UNITS_BARE, 0},
        {"0/min", UNITS_RANGE, 0},
        {"59/h", UNITS_RANGE, 0},
        {"80/m", UNITS_WRONG, 0},
        {"/min", UNITS_WRONG, 0},
        {"", UNITS_WRONG, 0},
        {"9223372036854775807/s", UNITS_RANGE, 0},
    };
    check_units(units_rate, cases, LEN(cases));
}

static void integers_and_truth_are_read_whole(void **state)
{
    (void)state;
    static const struct unit_case cases[] = {
        {"1000", UNITS_OK, 1000}, {"-5", UNITS_OK, -5},   {"+5", UNITS_OK, 5},
        {"", UNITS_WRONG, 0},     {"5x", UNITS_WRONG, 0}, {"9223372036854775808", UNITS_RANGE, 0},
    };
    check_units(units_integer, cases, LEN(cases));

    static const char *const yes[] = {"true", "yes", "on", "1", "TRUE", "Yes"};
    static const char *const no[] = {"false", "no", "off", "0", "False"};
    bool value = false;
    for (size_t i = 0; i < LEN(yes); i++)
        assert_true(units_truth(yes[i], &value) == UNITS_OK && value);
    for (size_t i = 0; i < LEN(no); i++)
        assert_true(units_truth(no[i], &value) == UNITS_OK && !value);
    assert_int_equal(units_truth("", &value), UNITS_WRONG);
    assert_int_equal(units_truth("y", &value), UNITS_WRONG);
}

static void numbers_are_shown_in_their_largest_unit(void **state)
{
    (void)state;
    char text[32];
    units_show_duration(INT64_C(5400000000), text);
    assert_string_equal(text, "90m");
    units_show_duration(0, text);
    assert_string_equal(text, "0ms");
    units_show_size(INT64_C(1) << 30, text);
    assert_string_equal(text, "1GiB");
    units_show_size(1000, text);
    assert_string_equal(text, "1KB");
}

static void listening_addresses_know_who_reaches_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good, loopback;
    } cases[] = {
        {"127.0.0.1:8480", true, true},
        {"127.9.9.9:1", true, true},
        {"localhost:80", true, true},
        {"[::1]:8480", true, true},
        {"[::ffff:127.0.0.1]:1", true, true},
        {"0.0.0.0:8480", true, false},
        {"[::]:8480", true, false},
        {"10.0.0.1:65535", true, false},
        {"127.0.0.1", false, false},
        {":8480", false, false},
        {"127.0.0.1:0", false, false},
        {"127.0.0.1:65536", false, false},
        {"::1:8480", false, false},
        {"[127.0.0.1]:80", false, false},
        {"example.com:80", false, false},
        {"127.0.0.1:+80", false, false},
        {"[]:1", false, false},
        {"[:1", false, false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        bool loopback = false;
        bool good = listen_parse(cases[i].text, &loopback);
        if (good != cases[i].good || (good && loopback != cases[i].loopback))
            fail_msg("%s", cases[i].text);
    }
}

static void schemes_are_told_apart(void **state)
{
    (void)state;
    assert_true(url_has_scheme("postgres://h/db", "postgresql postgres"));
    assert_true(url_has_scheme("HTTPS://h", "http https"));
    assert_false(url_has_scheme("http://", "http https"));
    assert_false(url_has_scheme("httpx://h", "http https"));
    assert_false(url_has_scheme("http:/h", "http"));
    assert_false(url_has_scheme("", "http"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(sizes_count_in_twos_or_tens),
        cmocka_unit_test(rates_are_a_minute),
        cmocka_unit_test(integers_and_truth_are_read_whole),
        cmocka_unit_test(numbers_are_shown_in_their_largest_unit),
        cmocka_unit_test(listening_addresses_know_who_reaches_them),
        cmocka_unit_test(schemes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
