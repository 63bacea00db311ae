/* A mapped record as JSON and back: what a store reject keeps must be the record, or say that it is not. */
#include "record.h"

#include "store_test.h"

enum { ID, NAME, ACTIVE, MONEY, SEEN, PRODUCTS, COLUMNS };

static struct table_column columns[COLUMNS] = {
    [ID] = {.type = SLUICE_INT},       [NAME] = {.type = SLUICE_TEXT},
    [ACTIVE] = {.type = SLUICE_BOOL},  [MONEY] = {.type = SLUICE_DECIMAL, .scale = 2},
    [SEEN] = {.type = SLUICE_TIME},    [PRODUCTS] = {.type = SLUICE_INTS},
};
static const struct table table = {.columns = columns, .column_count = COLUMNS};

static int name_columns(void **state)
{
    static const char *const names[COLUMNS] = {"id", "the \"name\"", "active", "money", "seen", "products"};
    (void)state;

    for (size_t i = 0; i < COLUMNS; i++)
        columns[i].source = columns[i].name = text_of(names[i]);
    return 0;
}

static sluice_value number(uint32_t type, int64_t i)
{
    return (sluice_value){.type = type, .as.i = i};
}

static bool same(const sluice_value *a, const sluice_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == SLUICE_TEXT)
        return a->as.s.len == b->as.s.len && (a->as.s.len == 0 || memcmp(a->as.s.ptr, b->as.s.ptr, a->as.s.len) == 0);
    if (a->type == SLUICE_INTS)
        return a->as.n.len == b->as.n.len &&
               (a->as.n.len == 0 || memcmp(a->as.n.ptr, b->as.n.ptr, a->as.n.len * sizeof(int64_t)) == 0);
    return a->type <= SLUICE_NULL || a->as.i == b->as.i;
}

/* Print and read back; the same, or the test fails. */
static void round_trip(const char *name, const sluice_value *values, uint32_t count)
{
    sluice_value back[COLUMNS];
    struct record_keep *keep = NULL;
    struct buf json = {0};
    struct err err = {0};
    static const sluice_value absent = {0};

    assert_true(record_print(&json, &table, values, count));
    if (record_read(buf_str(&json), &table, back, &keep, &err))
        fail_msg("%s: %s: %s", name, err.msg, buf_text(&json));
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!same(&back[i], i < count ? &values[i] : &absent))
            fail_msg("%s: column %zu: %s", name, i, buf_text(&json));
    }
    record_keep_free(keep);
    buf_free(&json);
}

static void every_value_comes_back_as_it_was(void **state)
{
    static const int64_t numbers[] = {0, -1, INT64_MAX, INT64_MIN};
    const struct {
        const char *name;
        size_t column;
        sluice_value value;
    } cases[] = {
        {"absent", ID, {0}},
        {"null", ID, {.type = SLUICE_NULL}},
        {"zero", ID, number(SLUICE_INT, 0)},
        {"the largest", ID, number(SLUICE_INT, INT64_MAX)},
        {"the smallest", ID, number(SLUICE_INT, INT64_MIN)},
        {"no text", NAME, {.type = SLUICE_TEXT, .as.s = {NULL, 0}}},
        {"a null text", NAME, {.type = SLUICE_NULL}},
        {"quotes", NAME, {.type = SLUICE_TEXT, .as.s = {"\"\\/\b\f\n\r\t", 8}}},
        {"controls", NAME, {.type = SLUICE_TEXT, .as.s = {"\0\x01\x1f\x7f", 4}}},
        {"greek and a face", NAME, {.type = SLUICE_TEXT, .as.s = {"\xCE\xB1\xF0\x9F\x98\x80", 6}}},
        {"text that looks like JSON", NAME, {.type = SLUICE_TEXT, .as.s = {"{\"a\":null}", 10}}},
        {"true", ACTIVE, number(SLUICE_BOOL, 1)},
        {"false", ACTIVE, number(SLUICE_BOOL, 0)},
        {"a decimal", MONEY, number(SLUICE_DECIMAL, -5)},
        {"the largest decimal", MONEY, number(SLUICE_DECIMAL, INT64_MAX)},
        {"the smallest decimal", MONEY, number(SLUICE_DECIMAL, INT64_MIN)},
        {"1970", SEEN, number(SLUICE_TIME, 0)},
        {"a microsecond before", SEEN, number(SLUICE_TIME, -1)},
        {"the year 1", SEEN, number(SLUICE_TIME, INT64_C(-62135596800000000))},
        {"the year 9999", SEEN, number(SLUICE_TIME, INT64_C(253402300799999999))},
        {"an empty list", PRODUCTS, {.type = SLUICE_INTS, .as.n = {NULL, 0}}},
        {"a list", PRODUCTS, {.type = SLUICE_INTS, .as.n = {numbers, 4}}},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        sluice_value values[COLUMNS] = {0};
        values[cases[i].column] = cases[i].value;
        round_trip(cases[i].name, values, COLUMNS);
        round_trip(cases[i].name, values, (uint32_t)cases[i].column + 1);
    }
}

static void a_whole_record_has_this_form(void **state)
{
    static const int64_t numbers[] = {1, 2};
    const sluice_value values[COLUMNS] = {
        number(SLUICE_INT, 7),
        {.type = SLUICE_TEXT, .as.s = {"A \"B\"", 5}},
        number(SLUICE_BOOL, 1),
        number(SLUICE_DECIMAL, 1250),
        number(SLUICE_TIME, INT64_C(1760173125000000)),
        {.type = SLUICE_INTS, .as.n = {numbers, 2}},
    };
    struct buf json = {0};
    (void)state;

    round_trip("whole", values, COLUMNS);
    assert_true(record_print(&json, &table, values, COLUMNS));
    assert_string_equal(buf_text(&json), "{\"id\":7,\"the \\\"name\\\"\":\"A \\\"B\\\"\",\"active\":true,"
                                         "\"money\":\"12.50\",\"seen\":\"2025-10-11T08:58:45Z\",\"products\":[1,2]}");
    buf_clear(&json);
    assert_true(record_print(&json, &table, values, 0));
    assert_string_equal(buf_text(&json), "{}");
    buf_free(&json);
    struct buf small = {.max = 10};
    assert_false(record_print(&small, &table, values, COLUMNS));
    buf_free(&small);
}

static void what_fits_the_columns_no_more_is_refused(void **state)
{
    static const struct {
        const char *json;
        bool fits;
    } cases[] = {
        {"{}", true},
        {"{\"id\":1}", true},
        {"{\"another\":1}", true},
        {"{\"id\":null}", true},
        {"", false},
        {"null", false},
        {"[]", false},
        {"{\"id\":1", false},
        {"{\"id\":\"1\"}", false},
        {"{\"id\":1.0}", false},
        {"{\"id\":true}", false},
        {"{\"id\":9223372036854775808}", false},
        {"{\"the \\\"name\\\"\":1}", false},
        {"{\"the \\\"name\\\"\":[]}", false},
        {"{\"active\":1}", false},
        {"{\"active\":\"true\"}", false},
        {"{\"money\":12.5}", false},
        {"{\"money\":\"x\"}", false},
        {"{\"money\":\"99999999999999999999\"}", false},
        {"{\"seen\":0}", false},
        {"{\"seen\":\"yesterday\"}", false},
        {"{\"products\":1}", false},
        {"{\"products\":\"[1]\"}", false},
        {"{\"products\":{}}", false},
        {"{\"products\":[1,\"2\"]}", false},
        {"{\"products\":[[1]]}", false},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        sluice_value values[COLUMNS];
        struct record_keep *keep = NULL;
        struct err err = {0};
        int rc = record_read(str_of(cases[i].json), &table, values, &keep, &err);
        if (rc != (cases[i].fits ? 0 : SLUICE_E_BUG))
            fail_msg("%s: %d", cases[i].json, rc);
        if (rc)
            assert_string_equal(err.msg, "the kept record does not fit the stream's columns any more");
        record_keep_free(keep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back_as_it_was),
        cmocka_unit_test(a_whole_record_has_this_form),
        cmocka_unit_test(what_fits_the_columns_no_more_is_refused),
    };

    return cmocka_run_group_tests(tests, name_columns, NULL);
}
