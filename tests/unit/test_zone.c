#include "buf.h"
#include "date.h"
#include "zone.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define HOUR INT64_C(3600)
#define DAY INT64_C(86400)

static int64_t at(int year, int month, int day, int hour, int minute)
{
    return date_days(year, month, day) * DAY + hour * HOUR + minute * 60;
}

static struct zone *open_zone(const char *name)
{
    struct zone *z = zone_open(name);
    if (!z)
        fail_msg("%s does not open", name);
    return z;
}

/* ---- Known times ---- */

static void local_times_resolve_as_people_expect(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int y, mo, d, h, mi; /* local */
        int kind;
        int uy, umo, ud, uh, umi;
    } cases[] = {
        {"UTC", 2025, 6, 1, 12, 0, ZONE_ONCE, 2025, 6, 1, 12, 0},
        {"Europe/Athens", 2025, 1, 15, 12, 0, ZONE_ONCE, 2025, 1, 15, 10, 0},
        {"Europe/Athens", 2025, 7, 15, 12, 0, ZONE_ONCE, 2025, 7, 15, 9, 0},
        {"Europe/Athens", 2025, 3, 30, 2, 59, ZONE_ONCE, 2025, 3, 30, 0, 59},
        {"Europe/Athens", 2025, 3, 30, 3, 0, ZONE_SKIPPED, 2025, 3, 30, 1, 0},
        {"Europe/Athens", 2025, 3, 30, 3, 59, ZONE_SKIPPED, 2025, 3, 30, 1, 59},
        {"Europe/Athens", 2025, 3, 30, 4, 0, ZONE_ONCE, 2025, 3, 30, 1, 0},
        {"Europe/Athens", 2025, 10, 26, 2, 59, ZONE_ONCE, 2025, 10, 25, 23, 59},
        {"Europe/Athens", 2025, 10, 26, 3, 0, ZONE_TWICE, 2025, 10, 26, 0, 0},
        {"Europe/Athens", 2025, 10, 26, 3, 59, ZONE_TWICE, 2025, 10, 26, 0, 59},
        {"Europe/Athens", 2025, 10, 26, 4, 0, ZONE_ONCE, 2025, 10, 26, 2, 0},
        {"Europe/Athens", 2225, 7, 1, 12, 0, ZONE_ONCE, 2225, 7, 1, 9, 0},
        {"Europe/Athens", 2225, 1, 1, 12, 0, ZONE_ONCE, 2225, 1, 1, 10, 0},
        {"Australia/Lord_Howe", 2025, 4, 6, 1, 29, ZONE_ONCE, 2025, 4, 5, 14, 29},
        {"Australia/Lord_Howe", 2025, 4, 6, 1, 45, ZONE_TWICE, 2025, 4, 5, 14, 45},
        {"Australia/Lord_Howe", 2025, 4, 6, 2, 0, ZONE_ONCE, 2025, 4, 5, 15, 30},
        {"Australia/Lord_Howe", 2025, 10, 5, 2, 15, ZONE_SKIPPED, 2025, 10, 4, 15, 45},
        {"Australia/Lord_Howe", 2025, 10, 5, 2, 30, ZONE_ONCE, 2025, 10, 4, 15, 30},
        {"Pacific/Apia", 2011, 12, 29, 23, 59, ZONE_ONCE, 2011, 12, 30, 9, 59},
        {"Pacific/Apia", 2011, 12, 30, 0, 0, ZONE_SKIPPED, 2011, 12, 30, 10, 0},
        {"Pacific/Apia", 2011, 12, 30, 12, 0, ZONE_SKIPPED, 2011, 12, 30, 22, 0},
        {"Pacific/Apia", 2011, 12, 31, 0, 0, ZONE_ONCE, 2011, 12, 30, 10, 0},
        {"America/Juneau", 1867, 10, 19, 12, 0, ZONE_TWICE, 1867, 10, 18, 20, 57}, /* a day twice; +15:02:19 */
        {"America/Sao_Paulo", 2018, 11, 4, 0, 30, ZONE_SKIPPED, 2018, 11, 4, 3, 30},
        {"Asia/Kathmandu", 2025, 5, 5, 5, 45, ZONE_ONCE, 2025, 5, 5, 0, 0},
        {"Africa/Casablanca", 2025, 2, 23, 2, 30, ZONE_TWICE, 2025, 2, 23, 1, 30},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct zone *z = open_zone(cases[i].zone);
        int64_t local = at(cases[i].y, cases[i].mo, cases[i].d, cases[i].h, cases[i].mi), utc = -1;
        int64_t want = at(cases[i].uy, cases[i].umo, cases[i].ud, cases[i].uh, cases[i].umi);
        int kind = zone_resolve(z, local, &utc);
        if (kind != cases[i].kind || utc < want || utc >= want + 60)
            fail_msg("case %zu, %s: kind %d, off by %lld s", i, cases[i].zone, kind, (long long)(utc - want));
        zone_close(z);
    }
}

static void the_next_change_is_found_in_the_file_and_by_the_rule(void **state)
{
    (void)state;
    struct zone *z = open_zone("Europe/Athens");
    int64_t change = 0;
    assert_true(zone_next_change(z, at(2025, 1, 1, 0, 0), &change));
    assert_true(change == at(2025, 3, 30, 1, 0));
    assert_true(zone_next_change(z, change, &change));
    assert_true(change == at(2025, 10, 26, 1, 0));
    assert_true(zone_next_change(z, at(2099, 12, 31, 0, 0), &change));
    assert_true(change == at(2100, 3, 28, 1, 0));
    assert_true(zone_next_change(z, at(9999, 1, 1, 0, 0), &change));
    assert_true(change == at(9999, 3, 28, 1, 0));
    zone_close(z);

    static const char *const still[] = {"UTC", "Etc/UTC", "Asia/Tokyo", "America/Sao_Paulo"};
    for (size_t i = 0; i < LEN(still); i++) {
        z = open_zone(still[i]);
        assert_false(zone_next_change(z, at(2025, 1, 1, 0, 0), &change));
        zone_close(z);
    }
}

/* ---- glibc as the oracle ---- */

static const char *const world[] = {
    "Europe/Athens",      "Europe/London",       "Europe/Dublin",       "Europe/Berlin",      "Europe/Moscow",
    "Europe/Lisbon",      "America/New_York",    "America/Los_Angeles", "America/St_Johns",   "America/Sao_Paulo",
    "America/Caracas",    "America/Nuuk",     "America/Scoresbysund", "America/Santiago",  "America/Asuncion",
    "America/Havana",     "America/Juneau",      "America/Argentina/San_Luis", "Africa/Casablanca", "Africa/Cairo",
    "Africa/El_Aaiun",    "Africa/Monrovia",     "Asia/Tokyo",          "Asia/Kathmandu",     "Asia/Tehran",
    "Asia/Gaza",          "Asia/Jerusalem",      "Asia/Beirut",         "Asia/Kolkata",       "Asia/Pyongyang",
    "Asia/Manila",        "Australia/Lord_Howe", "Australia/Sydney",    "Australia/Eucla",    "Pacific/Apia",
    "Pacific/Auckland",   "Pacific/Chatham",     "Pacific/Kiritimati",  "Pacific/Kwajalein",  "Pacific/Norfolk",
    "Antarctica/Troll",   "Antarctica/Casey",    "Atlantic/Azores",     "America/Detroit",           "Etc/GMT-14",
};

static void set_tz(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static int32_t system_offset(int64_t utc)
{
    time_t t = (time_t)utc;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return (int32_t)tm.tm_gmtoff;
}

static void check_offset(const char *name, const struct zone *z, int64_t utc)
{
    int32_t ours = zone_offset(z, utc), theirs = system_offset(utc);
    if (ours != theirs)
        fail_msg("%s at %lld: %d, the system says %d", name, (long long)utc, ours, theirs);
}

/* A local time resolves to an instant that shows it, if any instant near does. */
static void check_resolve(const char *name, const struct zone *z, int64_t local)
{
    int64_t utc;
    int kind = zone_resolve(z, local, &utc);
    bool shown = utc + zone_offset(z, utc) == local;
    if (shown != (kind != ZONE_SKIPPED))
        fail_msg("%s: local %lld: kind %d, instant %lld", name, (long long)local, kind, (long long)utc);
}

static void offsets_agree_with_the_system_everywhere(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t i = 0; i < LEN(world); i++) {
        struct zone *z = open_zone(world[i]);
        set_tz(world[i]);
        int64_t low = at(1850, 1, 1, 0, 0), span = at(2500, 1, 1, 0, 0) - low;
        for (int n = 0; n < 600; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            int64_t utc = low + (int64_t)(seed >> 1) % span;
            check_offset(world[i], z, utc);
            check_resolve(world[i], z, utc);
        }
        int64_t change = low;
        for (int n = 0; n < 500 && zone_next_change(z, change, &change) && change < at(2400, 1, 1, 0, 0); n++) {
            check_offset(world[i], z, change - 1);
            check_offset(world[i], z, change);
            assert_true(zone_offset(z, change) != zone_offset(z, change - 1));
            for (int64_t s = -2 * HOUR; s <= 2 * HOUR; s += HOUR / 2)
                check_resolve(world[i], z, change + zone_offset(z, change) + s);
        }
        zone_close(z);
    }
    set_tz("UTC");
}

/* ---- Files of our own ---- */

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_zone.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/Test", dir);
    unlink(path);
    unsetenv("TZDIR");
    return rmdir(dir);
}

/* Open a zone whose file has these bytes. */
static struct zone *open_bytes(const char *bytes, size_t len)
{
    char path[96];
    snprintf(path, sizeof path, "%s/Test", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    setenv("TZDIR", dir, 1);
    struct zone *z = zone_open("Test");
    unsetenv("TZDIR");
    return z;
}

static void add_be(struct buf *b, int64_t value, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        buf_add_char(b, (char)(uint8_t)((uint64_t)value >> shift));
}

static void add_header(struct buf *b, char version, int leap, int time, int type, int chars)
{
    buf_add(b, "TZif", 4);
    buf_add_char(b, version);
    buf_add(b, (char[15]){0}, 15);
    add_be(b, 0, 4);
    add_be(b, 0, 4);
    add_be(b, leap, 4);
    add_be(b, time, 4);
    add_be(b, type, 4);
    add_be(b, chars, 4);
}

static void add_type(struct buf *b, int32_t offset)
{
    add_be(b, offset, 4);
    buf_add(b, "\0\0", 2);
}

/* A file without transitions, but with a rule. */
static struct zone *open_rule(const char *rule)
{
    struct buf b = {0};
    for (int i = 0; i < 2; i++) {
        add_header(&b, '3', 0, 0, 1, 4);
        add_type(&b, 0);
        buf_add(&b, "AAA", 4);
    }
    buf_printf(&b, "\n%s\n", rule);
    struct zone *z = open_bytes(b.ptr, b.len);
    buf_free(&b);
    return z;
}

static void every_form_of_rule_agrees_with_the_system(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "UTC0",
        "EET-2EEST,M3.5.0/3,M10.5.0/4",
        "<+03>-3",
        "<-0330>3:30<-0230>,M3.2.0,M11.1.0",
        "AAA3BBB,J60/2,J300/2",
        "AAA3BBB,59,299",
        "AAA3BBB2:30,J59/1:30:15,J61",
        "AAA-10:30BBB-11,M10.1.0,M4.1.0",
        "AAA5BBB,M4.1.3/-1:30,M10.2.6/26",
        "AAA-3BBB,M3.4.4/50,M10.4.4/50",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "AAA+5BBB+4,M2.5.1/0,M8.5.6/0",
    };
    for (size_t i = 0; i < LEN(rules); i++) {
        struct zone *z = open_rule(rules[i]);
        if (!z)
            fail_msg("%s does not parse", rules[i]);
        set_tz(rules[i]);
        for (int64_t t = at(1996, 1, 10, 0, 0); t < at(2405, 1, 10, 0, 0); t += 5 * DAY + 12345)
            check_offset(rules[i], z, t);
        int64_t change = at(2019, 1, 10, 0, 0);
        while (zone_next_change(z, change, &change) && change < at(2030, 1, 1, 0, 0)) {
            check_offset(rules[i], z, change - 1);
            check_offset(rules[i], z, change);
        }
        zone_close(z);
    }
    set_tz("UTC");
}

static void rules_at_the_edge_of_a_year_hold(void **state)
{
    (void)state;
    struct zone *always = open_rule("XXX3EDT4,0/0,J365/23"); /* daylight saving that never ends */
    assert_non_null(always);
    int64_t change;
    for (int64_t t = at(2020, 12, 30, 0, 0); t < at(2022, 1, 3, 0, 0); t += HOUR / 2)
        assert_int_equal(zone_offset(always, t), -4 * HOUR);
    assert_false(zone_next_change(always, at(2020, 1, 1, 0, 0), &change));
    zone_close(always);

    struct zone *early = open_rule("AAA0BBB-1,J1/-100,J1/100"); /* begins in the year before */
    assert_non_null(early);
    assert_int_equal(zone_offset(early, at(2024, 12, 27, 19, 59)), 0);
    assert_int_equal(zone_offset(early, at(2024, 12, 27, 20, 0)), HOUR);
    assert_int_equal(zone_offset(early, at(2025, 1, 5, 2, 59)), HOUR);
    assert_int_equal(zone_offset(early, at(2025, 1, 5, 3, 0)), 0);
    assert_true(zone_next_change(early, at(2025, 1, 5, 3, 0), &change));
    assert_true(change == at(2025, 12, 27, 20, 0));
    zone_close(early);
}

static void bad_rules_are_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "A3",          "AAA",          "AAA25",         "AAA3BBB",        "AAA3BBB,",       "AAA3BBB,M3.2.0",
        "<+03-3",      "AAA3BB,1,2",   "AAA3BBB,366,1", "AAA3BBB,J0,J2",  "AAA3BBB,J366,1", "AAA3BBB,M0.1.0,M2.1.0",
        "3",           "AAA3:60",      "AAA3 ",         "AAA3BBB,M13.1.0,M2.1.0",           "AAA3BBB,M1.6.0,M2.1.0",
        "AAA3BBB,M1.0.0,M2.1.0",       "AAA3BBB,M1.1.7,M2.1.0",           "AAA3BBB,1/168,2", "AAA3BBB,1,2,3",
        "AAA3BBB,1,2/", "AAA-",        "AAA3BBB25,1,2", "AAA3BBB,99999999999,2",
    };
    for (size_t i = 0; i < LEN(rules); i++)
        if (open_rule(rules[i]))
            fail_msg("%s was taken for a rule", rules[i]);
}

static void a_file_of_version_1_is_enough(void **state)
{
    (void)state;
    struct buf b = {0};
    add_header(&b, '\0', 0, 2, 2, 4);
    add_be(&b, 1000, 4);
    add_be(&b, 5000, 4);
    buf_add(&b, "\1\0", 2);
    add_type(&b, 3600);
    add_type(&b, 7200);
    buf_add(&b, "AAA", 4);
    struct zone *z = open_bytes(b.ptr, b.len);
    assert_non_null(z);
    assert_int_equal(zone_offset(z, 999), 3600);
    assert_int_equal(zone_offset(z, 1000), 7200);
    assert_int_equal(zone_offset(z, 5000), 3600);
    assert_int_equal(zone_offset(z, at(3000, 1, 1, 0, 0)), 3600);
    zone_close(z);
    buf_free(&b);
}

static void after_the_last_transition_the_rule_holds(void **state)
{
    (void)state;
    struct buf b = {0};
    add_header(&b, '2', 0, 0, 1, 4);
    add_type(&b, 0);
    buf_add(&b, "AAA", 4);
    add_header(&b, '2', 0, 2, 2, 4);
    add_be(&b, 1000, 8);
    add_be(&b, 5000, 8);
    buf_add(&b, "\1\1", 2);
    add_type(&b, 3600);
    add_type(&b, 7200);
    buf_add(&b, "AAA", 4);
    buf_add(&b, "\nAAA-3\n", 8);
    struct zone *z = open_bytes(b.ptr, b.len);
    assert_non_null(z);
    int64_t change;
    assert_int_equal(zone_offset(z, 4999), 7200);
    assert_int_equal(zone_offset(z, 5000), 3 * 3600);
    assert_int_equal(zone_offset(z, at(2200, 1, 1, 0, 0)), 3 * 3600);
    assert_true(zone_next_change(z, 1000, &change) && change == 5000);
    assert_false(zone_next_change(z, 5000, &change));
    zone_close(z);
    buf_free(&b);
}

static void files_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int leap, types;
        int64_t first, second;
        int type_index;
        int32_t offset;
    } cases[] = {
        {"leap seconds", 1, 1, 1000, 2000, 0, 0},
        {"no type", 0, 0, 1000, 2000, 0, 0},
        {"transitions out of order", 0, 1, 2000, 1000, 0, 0},
        {"one transition twice", 0, 1, 1000, 1000, 0, 0},
        {"a type that is not there", 0, 1, 1000, 2000, 1, 0},
        {"an offset of more than a day", 0, 1, 1000, 2000, 0, 26 * 3600},
        {"the smallest offset", 0, 1, 1000, 2000, 0, INT32_MIN},
        {"a time beyond all times", 0, 1, 1000, INT64_MAX, 0, 0},
        {"a time before all times", 0, 1, INT64_MIN, 1000, 0, 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf b = {0};
        add_header(&b, '2', 0, 0, 1, 4);
        add_type(&b, 0);
        buf_add(&b, "AAA", 4);
        add_header(&b, '2', cases[i].leap, 2, cases[i].types, 4);
        add_be(&b, cases[i].first, 8);
        add_be(&b, cases[i].second, 8);
        buf_add_char(&b, 0);
        buf_add_char(&b, (char)cases[i].type_index);
        for (int t = 0; t < cases[i].types; t++)
            add_type(&b, cases[i].offset);
        buf_add(&b, "AAA", 4);
        for (int l = 0; l < cases[i].leap; l++)
            buf_add(&b, (char[12]){0}, 12);
        buf_add(&b, "\nAAA0\n", 6);
        if (open_bytes(b.ptr, b.len))
            fail_msg("accepted: %s", cases[i].what);
        buf_free(&b);
    }
}

static void read_system_file(const char *name, struct buf *out)
{
    char path[128], piece[4096];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t got; (got = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(out, piece, got);
    fclose(f);
}

static void a_file_that_ends_too_early_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Athens", "Pacific/Apia", "Etc/UTC"};
    for (size_t i = 0; i < LEN(names); i++) {
        struct buf b = {0};
        read_system_file(names[i], &b);
        for (size_t len = 0; len < b.len; len++)
            if (open_bytes(b.ptr, len))
                fail_msg("%s cut to %zu of %zu bytes was accepted", names[i], len, b.len);
        struct zone *z = open_bytes(b.ptr, b.len);
        assert_non_null(z);
        zone_close(z);
        buf_free(&b);
    }
}

static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    struct buf b = {0};
    read_system_file("Australia/Lord_Howe", &b);
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t place = (size_t)(seed >> 33) % b.len;
        char saved = b.ptr[place];
        b.ptr[place] = (char)(seed >> 24);
        struct zone *z = open_bytes(b.ptr, b.len);
        b.ptr[place] = saved;
        if (!z)
            continue;
        int64_t t = at(1900, 1, 1, 0, 0) + (int64_t)(seed >> 30), next, utc;
        for (int n = 0; n < 20; n++) {
            zone_resolve(z, t, &utc);
            if (!zone_next_change(z, t, &next))
                break;
            assert_true(next > t);
            t = next;
        }
        zone_close(z);
    }
    buf_free(&b);
}

static void names_stay_inside_the_directory(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "/etc/passwd", "../zoneinfo/UTC", "Europe/../UTC", "Europe", "Europe/", "Europe/Atlantis", ".", "..",
        "Europe//Athens", "./UTC", "zone.tab", "tzdata.zi", "/usr/share/zoneinfo/Europe/Athens",
    };
    for (size_t i = 0; i < LEN(names); i++)
        if (zone_open(names[i]))
            fail_msg("\"%s\" was opened", names[i]);
    setenv("TZDIR", "/nonexistent", 1);
    struct zone *utc = zone_open("UTC");
    unsetenv("TZDIR");
    assert_non_null(utc);
    assert_int_equal(zone_offset(utc, 0), 0);
    zone_close(utc);
    zone_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_times_resolve_as_people_expect),
        cmocka_unit_test(the_next_change_is_found_in_the_file_and_by_the_rule),
        cmocka_unit_test(offsets_agree_with_the_system_everywhere),
        cmocka_unit_test(every_form_of_rule_agrees_with_the_system),
        cmocka_unit_test(rules_at_the_edge_of_a_year_hold),
        cmocka_unit_test(bad_rules_are_refused),
        cmocka_unit_test(a_file_of_version_1_is_enough),
        cmocka_unit_test(after_the_last_transition_the_rule_holds),
        cmocka_unit_test(files_that_make_no_sense_are_refused),
        cmocka_unit_test(a_file_that_ends_too_early_is_refused_wherever_it_ends),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(names_stay_inside_the_directory),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
