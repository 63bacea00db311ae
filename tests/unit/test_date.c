#include "date.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define SECOND INT64_C(1000000)

static void days_and_civil_dates_agree_with_the_system(void **state)
{
    (void)state;
    int64_t first = date_days(1, 1, 1), last = date_days(9999, 12, 31);
    assert_int_equal(date_days(1970, 1, 1), 0);
    for (int64_t days = first; days <= last; days += 13) {
        time_t t = (time_t)(days * 86400);
        struct tm tm;
        gmtime_r(&t, &tm);
        int year, month, day;
        date_civil(days, &year, &month, &day);
        if (year != tm.tm_year + 1900 || month != tm.tm_mon + 1 || day != tm.tm_mday ||
            date_days(year, month, day) != days)
            fail_msg("day %lld: %d-%d-%d", (long long)days, year, month, day);
    }
}

static const char *parse_and_print(const char *text, const struct zone *zone, struct buf *out)
{
    int64_t us;
    buf_clear(out);
    if (!date_parse((sluice_str){text, strlen(text)}, zone, &us))
        return "refused";
    date_print(out, us);
    return buf_text(out);
}

static void a_date_is_read_in_every_form_that_is_promised(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"2025-10-11", "2025-10-11T00:00:00Z"},
        {"2025-10-11T08:58", "2025-10-11T08:58:00Z"},
        {"2025-10-11 08:58:45", "2025-10-11T08:58:45Z"},
        {"2025-10-11T08:58:45Z", "2025-10-11T08:58:45Z"},
        {"2025-10-11T08:58Z", "2025-10-11T08:58:00Z"},
        {"2025-10-11T08:58:45.1", "2025-10-11T08:58:45.1Z"},
        {"2025-10-11T08:58:45.123456Z", "2025-10-11T08:58:45.123456Z"},
        {"2025-10-11T08:58:45.1234567Z", "2025-10-11T08:58:45.123456Z"},
        {"2025-10-11T08:58:45.999999999Z", "2025-10-11T08:58:45.999999Z"},
        {"2025-10-11T08:58:45.000Z", "2025-10-11T08:58:45Z"},
        {"2025-10-11T08:58:45.100200Z", "2025-10-11T08:58:45.1002Z"},
        {"2025-10-11T08:58:45+03:00", "2025-10-11T05:58:45Z"},
        {"2025-10-11T08:58:45-03:00", "2025-10-11T11:58:45Z"},
        {"2025-10-11T08:58:45.5-0330", "2025-10-11T12:28:45.5Z"},
        {"2025-10-11 08:58:45+03", "2025-10-11T05:58:45Z"},
        {"2025-10-11T00:30+05:45", "2025-10-10T18:45:00Z"},
        {"2025-10-11T08:58:45-00:00", "2025-10-11T08:58:45Z"},
        {"2024-02-29", "2024-02-29T00:00:00Z"},
        {"2000-02-29", "2000-02-29T00:00:00Z"},
        {"1899-12-30 00:00:00", "1899-12-30T00:00:00Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"0001-01-01", "0001-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < LEN(cases); i++)
        assert_string_equal(parse_and_print(cases[i].text, NULL, &out), cases[i].want);
    buf_free(&out);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "2025", "2025-10", "2025-1-1", "25-10-11", "02025-10-11", "2025/10/11", "20251011", "11.10.2025",
        "0000-01-01", "2025-00-11", "2025-13-11", "2025-10-00", "2025-10-32", "2025-02-30", "2025-02-29", "1900-02-29",
        "2100-02-29", "2025-04-31", "-2025-10-11", "+2025-10-11", "2025-10-11T", "2025-10-11 ", "2025-10-11T8:58",
        "2025-10-11T08", "2025-10-11T08:", "2025-10-11T08:5", "2025-10-11T24:00", "2025-10-11T08:60",
        "2025-10-11T08:58:60", "2025-10-11T08:58:4", "2025-10-11T08:58:", "2025-10-11T08:58:45.",
        "2025-10-11T08:58:45.Z", "2025-10-11T08:58:45.1234567890", "2025-10-11T08:58:45,5", "2025-10-11T08:58.5",
        "2025-10-11t08:58:45", "2025-10-11T08:58:45z", "2025-10-11  08:58:45", "2025-10-11T08:58:45 Z",
        "2025-10-11T08:58:45ZZ", "2025-10-11T08:58:45+3", "2025-10-11T08:58:45+03:", "2025-10-11T08:58:45+03:0",
        "2025-10-11T08:58:45+03:60", "2025-10-11T08:58:45+24", "2025-10-11T08:58:45+030", "2025-10-11T08:58:45+03000",
        "2025-10-11T08:58:45+", "2025-10-11T08:58:45 +03:00", "2025-10-11Z", "2025-10-11+03:00", " 2025-10-11",
        "2025-10-11\n", "now", "null", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
        "2025-10-11T08:58:45 PM", "\xD9\xA2\xD9\xA0-10-11",
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        int64_t us = 4711;
        if (date_parse((sluice_str){cases[i], strlen(cases[i])}, NULL, &us))
            fail_msg("\"%s\" was taken for a date", cases[i]);
        assert_true(us == 4711);
    }
    int64_t us;
    assert_false(date_parse((sluice_str){NULL, 0}, NULL, &us));
    assert_true(date_parse((sluice_str){"2025-10-11garbage", 10}, NULL, &us)); /* not beyond its length */
}

static void a_time_without_an_offset_is_local(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"2025-10-11 08:58:45", "2025-10-11T05:58:45Z"},
        {"2025-01-11", "2025-01-10T22:00:00Z"},
        {"2025-10-11T08:58:45Z", "2025-10-11T08:58:45Z"},
        {"2025-10-11T08:58:45+00:00", "2025-10-11T08:58:45Z"},
        {"2025-10-26 02:59:59", "2025-10-25T23:59:59Z"},
        {"2025-10-26 03:30:00", "2025-10-26T00:30:00Z"}, /* occurs twice: the first */
        {"2025-10-26 04:00:00", "2025-10-26T02:00:00Z"},
        {"2025-03-30 02:59:59", "2025-03-30T00:59:59Z"},
        {"2025-03-30 03:30:00", "2025-03-30T01:30:00Z"}, /* never occurs: as if the clock had gone on */
        {"2025-03-30 04:00:00", "2025-03-30T01:00:00Z"},
    };
    struct zone *athens = zone_open("Europe/Athens");
    assert_non_null(athens);
    struct buf out = {0};
    for (size_t i = 0; i < LEN(cases); i++)
        assert_string_equal(parse_and_print(cases[i].text, athens, &out), cases[i].want);
    buf_free(&out);
    zone_close(athens);
}

static void milliseconds_are_always_three(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1760173125 * SECOND + 123999, "2025-10-11T08:58:45.123Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-SECOND, "1969-12-31T23:59:59.000Z"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < LEN(cases); i++) {
        buf_clear(&out);
        assert_true(date_print_ms(&out, cases[i].us));
        assert_string_equal(buf_text(&out), cases[i].want);
    }
    buf_clear(&out);
    assert_true(date_print(&out, INT64_MAX) && date_print(&out, INT64_MIN)); /* no date, but no harm */
    buf_free(&out);
    struct buf small = {.max = 10};
    assert_false(date_print(&small, 0));
    buf_free(&small);
}

static void what_was_printed_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct buf out = {0};
    int64_t low = date_days(1, 1, 1) * 86400 * SECOND, span = (date_days(10000, 1, 1) - date_days(1, 1, 1)) * 86400;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t us = low + (int64_t)(seed >> 1) % span * SECOND + (i % 3 ? (int64_t)(seed >> 20) % SECOND : 0);
        int64_t back = 0;
        buf_clear(&out);
        date_print(&out, us);
        assert_true(date_parse(buf_str(&out), NULL, &back));
        assert_true(back == us);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_civil_dates_agree_with_the_system),
        cmocka_unit_test(a_date_is_read_in_every_form_that_is_promised),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_time_without_an_offset_is_local),
        cmocka_unit_test(milliseconds_are_always_three),
        cmocka_unit_test(what_was_printed_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
