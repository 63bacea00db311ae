/* Records into rows: every conversion, every reason for a reject, and the keys that rejects are found by. */
#include "mapping.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define COLUMNS(a) .columns = (a), .column_count = LEN(a), .column_stride = sizeof((a)[0])
#define MATCHES(a) .matches = (a), .match_count = LEN(a), .match_stride = sizeof((a)[0])

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

/* A mapping and the memory it uses. */
struct bench {
    struct region run, record;
    struct mapping m;
    struct buf text;
};

static void bench_open(struct bench *b, const sluice_stream *stream, const struct zone *zone)
{
    *b = (struct bench){0};
    if (!mapping_init(&b->m, stream, zone, &b->run, &b->record, &b->text))
        fail_msg("%s", buf_text(&b->text));
}

static void bench_close(struct bench *b)
{
    mapping_free(&b->m);
    region_free(&b->run);
    region_free(&b->record);
    buf_free(&b->text);
}

static void read_record(struct bench *b, const char *record)
{
    region_reset(&b->record);
    assert_true(mapping_read(&b->m, str_of(record)));
}

/* Column `i` as "absent", "null" or its text. */
static const char *value_text(struct bench *b, uint32_t i)
{
    const sluice_value *v = &b->m.values[i];
    const sluice_column *c = mapping_column(b->m.stream, i);
    buf_clear(&b->text);
    assert_true(v->type <= SLUICE_NULL || v->type == c->type);
    if (v->type == SLUICE_ABSENT)
        buf_add_str(&b->text, "absent");
    else if (v->type == SLUICE_NULL)
        buf_add_str(&b->text, "null");
    else
        text_value(&b->text, v, c->scale);
    return buf_text(&b->text);
}

static const char *key_text(struct bench *b)
{
    buf_clear(&b->text);
    mapping_key(&b->m, &b->text);
    return buf_text(&b->text);
}

/* ---- One column, one value ---- */

struct conversion {
    const char *record;
    const char *want; /* the value's text; "!" and the reason */
};

static void check_conversions(const sluice_column *column, const struct zone *zone, const struct conversion *cases,
                              size_t count)
{
    struct bench b;
    sluice_stream stream = {.columns = column, .column_count = 1, .column_stride = sizeof *column};
    bench_open(&b, &stream, zone);
    for (size_t i = 0; i < count; i++) {
        read_record(&b, cases[i].record);
        const char *got = value_text(&b, 0);
        const char *want = cases[i].want;
        if (*want == '!') {
            assert_string_equal(got, "absent");
            got = buf_text(&b.m.why);
            want++;
        } else if (b.m.why.len) {
            fail_msg("%s: %s", cases[i].record, buf_text(&b.m.why));
        }
        if (strcmp(got, want) != 0)
            fail_msg("%s: got \"%s\", not \"%s\"", cases[i].record, got, want);
    }
    bench_close(&b);
}

#define CHECK(column, zone, cases) check_conversions(&(column), zone, cases, LEN(cases))

static void integers_come_as_numbers_or_texts(void **state)
{
    (void)state;
    static const sluice_column column = {"trdr", SLUICE_INT, .path = "TRDR"};
    static const struct conversion cases[] = {
        {"{\"TRDR\":15835}", "15835"},
        {"{\"TRDR\":\"15835\"}", "15835"},
        {"{\"TRDR\":\"-7\"}", "-7"},
        {"{\"TRDR\":1e3}", "1000"},
        {"{\"TRDR\":1000.0}", "1000"},
        {"{\"TRDR\":\"007\"}", "7"},
        {"{\"TRDR\":9223372036854775807}", "9223372036854775807"},
        {"{\"TRDR\":-9223372036854775808}", "-9223372036854775808"},
        {"{\"TRDR\":\"\\u0031\\u0032\"}", "12"},
        {"{\"TR\\u0044R\":5}", "5"},
        {"{}", "absent"},
        {"{\"trdr\":1}", "absent"},
        {"{\"TRDR\":null}", "null"},
        {"{\"TRDR\":\"\"}", "null"},
        {"{\"TRDR\":1,\"TRDR\":2}", "2"},
        {"{\"TRDR\":\"x\",\"TRDR\":2}", "2"},
        {"{\"TRDR\":1,\"TRDR\":null}", "null"},
        {"{\"TRDR\":9223372036854775808}", "!trdr: TRDR \"9223372036854775808\" is out of range"},
        {"{\"TRDR\":\"20x17\"}", "!trdr: TRDR \"20x17\" is not an integer"},
        {"{\"TRDR\":1.5}", "!trdr: TRDR \"1.5\" is not an integer"},
        {"{\"TRDR\":\" 1\"}", "!trdr: TRDR \" 1\" is not an integer"},
        {"{\"TRDR\":true}", "!trdr: TRDR \"true\" is not an integer"},
        {"{\"TRDR\":[1]}", "!trdr: TRDR \"[1]\" is not a single value"},
        {"{\"TRDR\":{\"a\":1}}", "!trdr: TRDR \"{\"a\":1}\" is not a single value"},
    };
    CHECK(column, NULL, cases);
}

static void narrow_integers_have_32_bits(void **state)
{
    (void)state;
    static const sluice_column column = {"n", SLUICE_INT, SLUICE_NARROW, .path = "n"};
    static const struct conversion cases[] = {
        {"{\"n\":2147483647}", "2147483647"},
        {"{\"n\":\"-2147483648\"}", "-2147483648"},
        {"{\"n\":2147483648}", "!n: n \"2147483648\" is out of range"},
        {"{\"n\":-2147483649}", "!n: n \"-2147483649\" is out of range"},
    };
    CHECK(column, NULL, cases);
}

static void texts_come_as_anything_single(void **state)
{
    (void)state;
    static const sluice_column column = {"name", SLUICE_TEXT, .path = "NAME"};
    static const struct conversion cases[] = {
        {"{\"NAME\":\"Άνεμος & Υιοί\"}", "Άνεμος & Υιοί"},
        {"{\"NAME\":\"B\\u00fcro \\\"M\\u00f6bel\\\" \\uD83D\\uDE00\"}", "Büro \"Möbel\" 😀"},
        {"{\"NAME\":12.50}", "12.50"},
        {"{\"NAME\":1E5}", "1E5"},
        {"{\"NAME\":true}", "true"},
        {"{\"NAME\":false}", "false"},
        {"{\"NAME\":0}", "0"},
        {"{\"NAME\":\"0\"}", "0"},
        {"{\"NAME\":\"  a \"}", "  a "},
        {"{\"NAME\":\" \"}", " "},
        {"{\"NAME\":\"\"}", "null"},
        {"{\"NAME\":null}", "null"},
        {"{}", "absent"},
        {"{\"NAME\":{}}", "!name: NAME \"{}\" is not a single value"},
        {"{\"NAME\":[\"a\"]}", "!name: NAME \"[\"a\"]\" is not a single value"},
    };
    CHECK(column, NULL, cases);
}

static void flags_trim_lower_keep_blanks_and_clear(void **state)
{
    (void)state;
    static const sluice_column email = {"email", SLUICE_TEXT, SLUICE_TRIM | SLUICE_LOWER, .path = "email"};
    static const struct conversion emails[] = {
        {"{\"email\":\" \\t Anna@Example.COM\\n\"}", "anna@example.com"},
        {"{\"email\":\"ΆΝΝΑ@X\"}", "ΆΝΝΑ@x"},
        {"{\"email\":\"@[`{AZaz\"}", "@[`{azaz"},
        {"{\"email\":\" \\r\\n \"}", "null"},
    };
    CHECK(email, NULL, emails);

    static const sluice_column blank = {"b", SLUICE_TEXT, SLUICE_TRIM | SLUICE_BLANK, .path = "b"};
    static const struct conversion blanks[] = {
        {"{\"b\":\"\"}", ""}, {"{\"b\":\"  \"}", ""}, {"{\"b\":null}", "null"}, {"{}", "absent"}};
    CHECK(blank, NULL, blanks);

    static const sluice_column clear = {"c", SLUICE_INT, SLUICE_CLEAR | SLUICE_TRIM, .path = "c"};
    static const struct conversion clears[] = {{"{}", "null"},
                                               {"{\"c\":null}", "null"},
                                               {"{\"c\":\" 5 \"}", "5"},
                                               {"{\"c\":\"x\"}", "!c: c \"x\" is not an integer"}};
    CHECK(clear, NULL, clears);
}

static void listed_texts_mean_nothing(void **state)
{
    (void)state;
    static const sluice_column column = {"u", SLUICE_TIME, .path = "u", .empty = "1899-12-30 00:00:00|0|-"};
    static const struct conversion cases[] = {
        {"{\"u\":\"1899-12-30 00:00:00\"}", "null"},
        {"{\"u\":0}", "null"},
        {"{\"u\":\"-\"}", "null"},
        {"{\"u\":\"\"}", "null"},
        {"{\"u\":\"1899-12-30\"}", "1899-12-30T00:00:00Z"},
        {"{\"u\":\"--\"}", "!u: u \"--\" is not a time"},
    };
    CHECK(column, NULL, cases);
}

static void booleans_come_in_four_spellings(void **state)
{
    (void)state;
    static const sluice_column column = {"b", SLUICE_BOOL, .path = "b"};
    static const struct conversion cases[] = {
        {"{\"b\":true}", "true"},
        {"{\"b\":false}", "false"},
        {"{\"b\":1}", "true"},
        {"{\"b\":0}", "false"},
        {"{\"b\":\"true\"}", "true"},
        {"{\"b\":\"false\"}", "false"},
        {"{\"b\":\"1\"}", "true"},
        {"{\"b\":\"0\"}", "false"},
        {"{\"b\":\"\"}", "null"},
        {"{\"b\":null}", "null"},
        {"{\"b\":\"01\"}", "!b: b \"01\" is not true or false"},
        {"{\"b\":2}", "!b: b \"2\" is not true or false"},
        {"{\"b\":\"yes\"}", "!b: b \"yes\" is not true or false"},
        {"{\"b\":\"True\"}", "!b: b \"True\" is not true or false"},
    };
    CHECK(column, NULL, cases);
}

static void decimals_are_exact_and_have_15_digits(void **state)
{
    (void)state;
    static const sluice_column column = {"amount", SLUICE_DECIMAL, .path = "Amount", .scale = 2};
    static const struct conversion cases[] = {
        {"{\"Amount\":2884.11}", "2884.11"},
        {"{\"Amount\":12.5}", "12.50"},
        {"{\"Amount\":\"12.5\"}", "12.50"},
        {"{\"Amount\":-3}", "-3.00"},
        {"{\"Amount\":1e2}", "100.00"},
        {"{\"Amount\":0.005}", "0.01"},
        {"{\"Amount\":-0.005}", "-0.01"},
        {"{\"Amount\":0.1}", "0.10"},
        {"{\"Amount\":9999999999999.99}", "9999999999999.99"},
        {"{\"Amount\":-9999999999999.99}", "-9999999999999.99"},
        {"{\"Amount\":null}", "null"},
        {"{\"Amount\":\"\"}", "null"},
        {"{\"Amount\":10000000000000}", "!amount: Amount \"10000000000000\" is out of range"},
        {"{\"Amount\":-10000000000000.00}", "!amount: Amount \"-10000000000000.00\" is out of range"},
        {"{\"Amount\":1e40}", "!amount: Amount \"1e40\" is out of range"},
        {"{\"Amount\":\"12,5\"}", "!amount: Amount \"12,5\" is not a decimal number"},
        {"{\"Amount\":true}", "!amount: Amount \"true\" is not a decimal number"},
    };
    CHECK(column, NULL, cases);
}

static void times_without_a_zone_are_local_to_the_streams(void **state)
{
    (void)state;
    static const sluice_column column = {"update", SLUICE_TIME, .path = "UPDDATE"};
    static const struct conversion in_utc[] = {
        {"{\"UPDDATE\":\"2026-02-10 09:12:44\"}", "2026-02-10T09:12:44Z"},
        {"{\"UPDDATE\":\"2026-02-10T09:12:44.5+02:00\"}", "2026-02-10T07:12:44.5Z"},
        {"{\"UPDDATE\":\"2026-02-10\"}", "2026-02-10T00:00:00Z"},
        {"{\"UPDDATE\":\"10/02/2026\"}", "!update: UPDDATE \"10/02/2026\" is not a time"},
        {"{\"UPDDATE\":\"2026-02-30\"}", "!update: UPDDATE \"2026-02-30\" is not a time"},
        {"{\"UPDDATE\":20260210}", "!update: UPDDATE \"20260210\" is not a time"},
    };
    static const struct conversion in_athens[] = {
        {"{\"UPDDATE\":\"2026-02-10 09:12:44\"}", "2026-02-10T07:12:44Z"},
        {"{\"UPDDATE\":\"2026-07-10 09:12:44\"}", "2026-07-10T06:12:44Z"},
        {"{\"UPDDATE\":\"2026-07-10T09:12:44Z\"}", "2026-07-10T09:12:44Z"},
    };
    struct zone *athens = zone_open("Europe/Athens");
    assert_non_null(athens);
    CHECK(column, NULL, in_utc);
    CHECK(column, athens, in_athens);
    zone_close(athens);
}

static void lists_keep_order_and_leave_nulls_out(void **state)
{
    (void)state;
    static const sluice_column plain = {"ids", SLUICE_INTS, .path = "ids"};
    static const struct conversion plain_cases[] = {
        {"{\"ids\":[3,\"1\",2,3]}", "[3,1,2,3]"},
        {"{\"ids\":[]}", "[]"},
        {"{\"ids\":[null,1,\"\",null]}", "[1]"},
        {"{\"ids\":null}", "null"},
        {"{\"ids\":\"\"}", "null"},
        {"{}", "absent"},
        {"{\"ids\":[9223372036854775807]}", "[9223372036854775807]"},
        {"{\"ids\":5}", "!ids: ids \"5\" is not a list"},
        {"{\"ids\":{}}", "!ids: ids \"{}\" is not a list"},
        {"{\"ids\":[1,\"x\"]}", "!ids: ids \"x\" is not an integer"},
        {"{\"ids\":[1,true]}", "!ids: ids \"true\" is not an integer"},
        {"{\"ids\":[1,[2]]}", "!ids: ids \"[2]\" is not an integer"},
        {"{\"ids\":[1.5]}", "!ids: ids \"1.5\" is not an integer"},
    };
    CHECK(plain, NULL, plain_cases);

    static const sluice_column deep = {"p", SLUICE_INTS, SLUICE_NARROW, .path = "P[].Q.Id"};
    static const struct conversion deep_cases[] = {
        {"{\"P\":[{\"Q\":{\"Id\":31}},{\"Q\":{\"Id\":\"44\"}}]}", "[31,44]"},
        {"{\"P\":[{\"Q\":{\"Id\":null}},{\"Q\":null},null,{},{\"Q\":{}},{\"x\":1}]}", "[]"},
        {"{\"P\":[{\"Q\":{\"Id\":1},\"Q\":{\"Id\":2}}]}", "[2]"},
        {"{\"P\":null}", "null"},
        {"{\"P\":[{\"Q\":7}]}", "!p: P[].Q.Id \"7\" is not an object"},
        {"{\"P\":[7]}", "!p: P[].Q.Id \"7\" is not an object"},
        {"{\"P\":{\"Q\":{\"Id\":1}}}", "!p: P[].Q.Id \"{\"Q\":{\"Id\":1}}\" is not a list"},
        {"{\"P\":[{\"Q\":{\"Id\":2147483648}}]}", "!p: P[].Q.Id \"2147483648\" is out of range"},
    };
    CHECK(deep, NULL, deep_cases);

    static const sluice_column twice = {"t", SLUICE_INTS, .path = "a.b[].c[].d"};
    static const struct conversion twice_cases[] = {
        {"{\"a\":{\"b\":[{\"c\":[{\"d\":1},{\"d\":2}]},{\"c\":[]},{\"c\":null},{\"c\":[{\"d\":3}]}]}}", "[1,2,3]"},
        {"{\"a\":{}}", "absent"},
        {"{\"a\":{\"b\":[{\"c\":1}]}}", "!t: a.b[].c[].d \"1\" is not a list"},
    };
    CHECK(twice, NULL, twice_cases);

    static const sluice_column set = {"s", SLUICE_INTS, SLUICE_SET, .path = "P[].Id", .empty = "0"};
    static const struct conversion set_cases[] = {
        {"{\"P\":[{\"Id\":44},{\"Id\":31},{\"Id\":0},{\"Id\":44},{\"Id\":-7},{\"Id\":31}]}", "[-7,31,44]"},
        {"{\"P\":[{\"Id\":9223372036854775807},{\"Id\":-9223372036854775807}]}",
         "[-9223372036854775807,9223372036854775807]"},
        {"{\"P\":[{\"Id\":0}]}", "[]"},
        {"{\"P\":[]}", "[]"},
        {"{\"P\":null}", "null"},
        {"{}", "absent"},
    };
    CHECK(set, NULL, set_cases);
}

static void paths_lead_into_objects(void **state)
{
    (void)state;
    static const sluice_column column = {"n", SLUICE_TEXT, .path = "Contact.Name"};
    static const struct conversion cases[] = {
        {"{\"Contact\":{\"Id\":1,\"Name\":\"Zé\"}}", "Zé"},
        {"{\"Contact\":{\"Id\":1}}", "absent"},
        {"{\"Contact\":null}", "null"},
        {"{\"Contact\":{\"Name\":\"a\"},\"Contact\":{}}", "absent"},
        {"{\"Contact\":{\"Name\":\"a\"},\"Contact\":null}", "null"},
        {"{\"Contact\":{\"Name\":\"a\"},\"Contact\":{\"Name\":\"b\",\"Name\":\"c\"}}", "c"},
        {"{\"Contact.Name\":\"a\"}", "absent"},
        {"{\"Name\":\"a\"}", "absent"},
        {"{\"Contact\":\"Zé\"}", "!n: Contact.Name \"Zé\" is not an object"},
        {"{\"Contact\":[]}", "!n: Contact.Name \"[]\" is not an object"},
    };
    CHECK(column, NULL, cases);
}

static void the_first_place_that_is_not_empty_counts(void **state)
{
    (void)state;
    static const sluice_column column = {"irsdata", SLUICE_INT, SLUICE_TRIM, .path = "A|B.c|D"};
    static const struct conversion cases[] = {
        {"{\"A\":\"1\",\"D\":\"3\"}", "1"},
        {"{\"D\":3,\"A\":1}", "1"},
        {"{\"A\":\"\",\"B\":{\"c\":2}}", "2"},
        {"{\"A\":\" \",\"D\":3}", "3"},
        {"{\"A\":null,\"B\":null,\"D\":3}", "3"},
        {"{\"D\":3}", "3"},
        {"{\"A\":\"\"}", "null"},
        {"{\"D\":null}", "null"},
        {"{\"A\":\"\",\"B\":{},\"D\":\"\"}", "null"},
        {"{\"B\":{}}", "absent"},
        {"{}", "absent"},
        {"{\"A\":\"\",\"D\":\"x\"}", "!irsdata: D \"x\" is not an integer"},
        {"{\"A\":\"x\",\"D\":1}", "!irsdata: A \"x\" is not an integer"},
        {"{\"B\":{\"c\":\"y\"}}", "!irsdata: B.c \"y\" is not an integer"},
    };
    CHECK(column, NULL, cases);
}

static void reasons_cut_and_escape_what_they_quote(void **state)
{
    (void)state;
    static const sluice_column column = {"n", SLUICE_INT, .path = "n"};
    static const struct conversion cases[] = {
        {"{\"n\":\"a\\nb\\tc\\r\\u0001\\u007f\"}", "!n: n \"a\\nb\\tc\\r\\x01\\x7f\" is not an integer"},
        {"{\"n\":\"a\\\"b\\\\\"}", "!n: n \"a\"b\\\" is not an integer"},
        {"{\"n\":\"123456789 123456789 123456789 123456789 123456789 123456789 \"}",
         "!n: n \"123456789 123456789 123456789 123456789 123456789 123456789 \" is not an integer"},
        {"{\"n\":\"123456789 123456789 123456789 123456789 123456789 123456789 x\"}",
         "!n: n \"123456789 123456789 123456789 123456789 123456789 123456789 …\" is not an integer"},
        {"{\"n\":\"123456789 123456789 123456789 123456789 123456789 123456789ΩΩ\"}",
         "!n: n \"123456789 123456789 123456789 123456789 123456789 123456789…\" is not an integer"},
    };
    CHECK(column, NULL, cases);
}

/* ---- Whole records ---- */

static const sluice_column partner[] = {
    {"trdr", SLUICE_INT, .path = "TRDR"},
    {"code", SLUICE_TEXT, SLUICE_TRIM, .path = "CODE"},
    {"afm", SLUICE_TEXT, SLUICE_TRIM, .path = "AFM"},
    {"name", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_BLANK, .path = "NAME", .preset = ""},
    {"sotitle", SLUICE_TEXT, .path = "NAME"},
    {"isactive", SLUICE_TEXT, .help = "set by the connector"},
    {"irsdata", SLUICE_TEXT, .path = "IRSDATA|IRSDATA_1"},
    {"update", SLUICE_TIME, SLUICE_CLEAR, .path = "UPDDATE", .empty = "1899-12-30 00:00:00"},
    {"tenant", SLUICE_TEXT, SLUICE_REQUIRED, .path = "TENANT", .value = "t1"},
};
static const sluice_match partner_rules[] = {
    {SLUICE_IDENTITY, .columns = "trdr"},
    {SLUICE_ADOPT, .columns = "afm", .never = "000000000 999999999"},
    {SLUICE_REBIND, .columns = "code  name"},
};
static const sluice_stream partners = {.name = "partners", COLUMNS(partner), MATCHES(partner_rules)};

static void a_record_fills_its_columns(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        const char *want[LEN(partner)];
    } cases[] = {
        {"{\"TRDR\": \"20411\", \"CODE\": \"30-17\", \"AFM\": \"012345678\", \"NAME\": \"Άνεμος\", \"IRSDATA\": "
         "\"ΔΟΥ\","
         " \"UPDDATE\": \"2026-02-10 09:12:44\"}",
         {"20411", "30-17", "012345678", "Άνεμος", "Άνεμος", "absent", "ΔΟΥ", "2026-02-10T09:12:44Z", "absent"}},
        {"{\"TRDR\": 20412, \"NAME\": \"\", \"IRSDATA\": \"\", \"IRSDATA_1\": \"1190\", \"UPDDATE\": \"\", \"X\": "
         "{\"NAME\": 1}}",
         {"20412", "absent", "absent", "", "null", "absent", "1190", "null", "absent"}},
        {"{\"AFM\": \" 9 \", \"TRDR\": \"\", \"UPDDATE\": \"1899-12-30 00:00:00\", \"TENANT\": \"other\"}",
         {"null", "absent", "9", "absent", "absent", "absent", "absent", "null", "absent"}},
        {"{}", {"absent", "absent", "absent", "absent", "absent", "absent", "absent", "null", "absent"}},
        {" { } ", {"absent", "absent", "absent", "absent", "absent", "absent", "absent", "null", "absent"}},
    };
    struct bench b;
    bench_open(&b, &partners, NULL);
    for (size_t i = 0; i < LEN(cases) * 3; i++) {
        read_record(&b, cases[i % LEN(cases)].record);
        for (uint32_t c = 0; c < LEN(partner); c++)
            assert_string_equal(value_text(&b, c), cases[i % LEN(cases)].want[c]);
        mapping_check_required(&b.m);
        assert_int_equal(b.m.why.len, 0);
    }
    bench_close(&b);
}

static void keys_may_come_in_any_order(void **state)
{
    (void)state;
    static const char *const members[] = {"\"TRDR\":1", "\"CODE\":\"c\"", "\"AFM\":\"a\"", "\"IRSDATA\":\"i\"",
                                          "\"x\":0"};
    struct bench b;
    bench_open(&b, &partners, NULL);
    for (unsigned order = 0; order < 3125; order++) {
        struct buf record = {0};
        bool used[LEN(members)] = {false};
        buf_add_char(&record, '{');
        for (unsigned i = 0, rest = order; i < LEN(members); i++, rest /= 5) {
            if (!used[rest % 5])
                buf_printf(&record, "%s%s", record.len > 1 ? "," : "", members[rest % 5]);
            used[rest % 5] = true;
        }
        buf_add_char(&record, '}');
        read_record(&b, buf_text(&record));
        assert_string_equal(value_text(&b, 0), used[0] ? "1" : "absent");
        assert_string_equal(value_text(&b, 1), used[1] ? "c" : "absent");
        assert_string_equal(value_text(&b, 2), used[2] ? "a" : "absent");
        assert_string_equal(value_text(&b, 6), used[3] ? "i" : "absent");
        buf_free(&record);
    }
    bench_close(&b);
}

static void a_reject_says_why_and_has_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *record, *why, *key;
    } cases[] = {
        {"{\"TRDR\":\"20x17\",\"AFM\":\"987654321\",\"UPDDATE\":\"10/02/2026\"}",
         "trdr: TRDR \"20x17\" is not an integer", "20x17"},
        {"{\"UPDDATE\":\"10/02/2026\",\"TRDR\":\"007\"}", "update: UPDDATE \"10/02/2026\" is not a time", "7"},
        {"{\"UPDDATE\":\"x\",\"TRDR\":\"\",\"AFM\":\" 98 \"}", "update: UPDDATE \"x\" is not a time", "98"},
        {"{\"UPDDATE\":\"x\",\"AFM\":\"000000000\"}", "update: UPDDATE \"x\" is not a time", ""},
        {"{\"UPDDATE\":\"x\",\"AFM\":\"000000000\",\"CODE\":\"30\",\"NAME\":\"N\"}",
         "update: UPDDATE \"x\" is not a time", "30/N"},
        {"{\"UPDDATE\":\"x\",\"CODE\":\"30\"}", "update: UPDDATE \"x\" is not a time", ""},
        {"{\"TRDR\":{\"a\":1},\"AFM\":\"9\"}", "trdr: TRDR \"{\"a\":1}\" is not a single value", "9"},
        {"{\"TRDR\":\" x\\u00e9 \"}", "trdr: TRDR \" xé \" is not an integer", "xé"},
        {"", "not JSON: no value where one must be at byte 0", ""},
        {"{\"TRDR\":1", "not JSON: no comma between two values at byte 9", ""},
        {"{\"TRDR\":1,}", "not JSON: no name where one must be at byte 10", ""},
        {"{\"TRDR\":1} x", "not JSON: something behind the value at byte 11", ""},
        {"{\"TRDR\":\"\\u0000\"}", "not JSON: \\u0000 in a text at byte 11", ""},
        {"{\"x\":{\"TRDR\":tru}}", "not JSON: no value where one must be at byte 13", ""},
        {"[1]", "not an object: \"[1]\"", ""},
        {"null", "not an object: \"null\"", ""},
        {"\"{}\"", "not an object: \"\"{}\"\"", ""},
    };
    struct bench b;
    bench_open(&b, &partners, NULL);
    for (size_t i = 0; i < LEN(cases); i++) {
        read_record(&b, cases[i].record);
        assert_string_equal(buf_text(&b.m.why), cases[i].why);
        assert_string_equal(key_text(&b), cases[i].key);
        read_record(&b, "{\"TRDR\":1}");
        assert_int_equal(b.m.why.len, 0);
        assert_string_equal(key_text(&b), "1");
    }
    bench_close(&b);
}

static void a_required_column_needs_a_value_or_a_preset(void **state)
{
    (void)state;
    static const sluice_column columns[] = {
        {"id", SLUICE_INT, SLUICE_REQUIRED, .path = "id"},
        {"made", SLUICE_TEXT, SLUICE_REQUIRED, .help = "set by the connector"},
        {"kind", SLUICE_TEXT, SLUICE_REQUIRED, .path = "kind", .preset = "plain"},
        {"tenant", SLUICE_TEXT, SLUICE_REQUIRED, .value = "t"},
    };
    static const sluice_stream stream = {COLUMNS(columns)};
    struct bench b;
    bench_open(&b, &stream, NULL);
    read_record(&b, "{\"id\":null}");
    mapping_check_required(&b.m);
    assert_string_equal(buf_text(&b.m.why), "id: missing");
    read_record(&b, "{\"id\":1}");
    mapping_check_required(&b.m);
    assert_string_equal(buf_text(&b.m.why), "made: missing");
    read_record(&b, "{\"id\":1}");
    b.m.values[1] = (sluice_value){.type = SLUICE_TEXT, .as.s = str_of("x")};
    mapping_check_required(&b.m);
    assert_int_equal(b.m.why.len, 0);
    read_record(&b, "{\"id\":\"x\"}");
    mapping_check_required(&b.m);
    assert_string_equal(buf_text(&b.m.why), "id: id \"x\" is not an integer");
    bench_close(&b);
}

static void what_is_no_path_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint32_t type;
        bool good;
    } cases[] = {
        {"a", SLUICE_TEXT, true},      {"a.b", SLUICE_TEXT, true},   {"a|b.c", SLUICE_TEXT, true},
        {"a[]", SLUICE_INTS, true},    {"a[].b", SLUICE_INTS, true}, {"a b", SLUICE_TEXT, true},
        {"@x.$y", SLUICE_TEXT, true},  {"", SLUICE_TEXT, false},     {".", SLUICE_TEXT, false},
        {"a.", SLUICE_TEXT, false},    {".a", SLUICE_TEXT, false},   {"a..b", SLUICE_TEXT, false},
        {"a|", SLUICE_TEXT, false},    {"|a", SLUICE_TEXT, false},   {"a||b", SLUICE_TEXT, false},
        {"a[].b", SLUICE_TEXT, false}, {"a|b[]", SLUICE_INT, false}, {"a[0]", SLUICE_INTS, false},
        {"[]", SLUICE_INTS, false},    {"a[]b", SLUICE_INTS, false}, {"a[].", SLUICE_INTS, false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        sluice_column column = {"c", cases[i].type, .path = cases[i].path};
        sluice_stream stream = {.columns = &column, .column_count = 1, .column_stride = sizeof column};
        struct bench b = {0};
        bool good = mapping_init(&b.m, &stream, NULL, &b.run, &b.record, &b.text);
        if (good != cases[i].good || good != (b.text.len == 0))
            fail_msg("\"%s\": %s", cases[i].path, buf_text(&b.text));
        bench_close(&b);
    }
}

static void columns_are_found_with_any_stride(void **state)
{
    (void)state;
    struct {
        sluice_column column;
        char grown[40];
    } columns[2] = {{.column = {"a", SLUICE_INT, .path = "x"}}, {.column = {"b", SLUICE_TEXT, .path = "y"}}};
    sluice_stream stream = {.columns = &columns[0].column, .column_count = 2, .column_stride = sizeof columns[0]};
    struct bench b;
    bench_open(&b, &stream, NULL);
    read_record(&b, "{\"y\":\"z\",\"x\":4}");
    assert_string_equal(value_text(&b, 0), "4");
    assert_string_equal(value_text(&b, 1), "z");
    assert_int_equal(mapping_column_named(&stream, str_of("b")), 1);
    assert_int_equal(mapping_column_named(&stream, str_of("c")), -1);
    bench_close(&b);
}

static void memory_of_a_record_has_an_end(void **state)
{
    (void)state;
    static const sluice_column columns[] = {{"e", SLUICE_TEXT, SLUICE_LOWER, .path = "e"},
                                            {"n", SLUICE_INTS, .path = "n"}};
    static const sluice_stream stream = {COLUMNS(columns)};
    static const char *const records[] = {
        "{\"e\":\"a text that is longer than forty bytes, all in all\"}",
        "{\"e\":\"\\na text that is longer than forty bytes, all in all\"}",
        "{\"n\":[1,2,3,4,5,6]}",
    };
    struct bench b;
    bench_open(&b, &stream, NULL);
    b.record.max = 40;
    for (size_t i = 0; i < LEN(records); i++) {
        region_reset(&b.record);
        assert_false(mapping_read(&b.m, str_of(records[i])));
        region_reset(&b.record);
        assert_true(mapping_read(&b.m, str_of("{\"e\":\"Short\",\"n\":[1]}")));
        assert_string_equal(value_text(&b, 0), "short");
        assert_string_equal(value_text(&b, 1), "[1]");
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_come_as_numbers_or_texts),
        cmocka_unit_test(narrow_integers_have_32_bits),
        cmocka_unit_test(texts_come_as_anything_single),
        cmocka_unit_test(flags_trim_lower_keep_blanks_and_clear),
        cmocka_unit_test(listed_texts_mean_nothing),
        cmocka_unit_test(booleans_come_in_four_spellings),
        cmocka_unit_test(decimals_are_exact_and_have_15_digits),
        cmocka_unit_test(times_without_a_zone_are_local_to_the_streams),
        cmocka_unit_test(lists_keep_order_and_leave_nulls_out),
        cmocka_unit_test(paths_lead_into_objects),
        cmocka_unit_test(the_first_place_that_is_not_empty_counts),
        cmocka_unit_test(reasons_cut_and_escape_what_they_quote),
        cmocka_unit_test(a_record_fills_its_columns),
        cmocka_unit_test(keys_may_come_in_any_order),
        cmocka_unit_test(a_reject_says_why_and_has_a_key),
        cmocka_unit_test(a_required_column_needs_a_value_or_a_preset),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(columns_are_found_with_any_stride),
        cmocka_unit_test(memory_of_a_record_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
