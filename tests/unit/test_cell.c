/* One value into a column and back: equal means equal as the column stores it (contract A6.4). */
#include "cell.h"

#include "store_test.h"

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

static sluice_value number(uint32_t type, int64_t i)
{
    return (sluice_value){.type = type, .as.i = i};
}

static sluice_value string(const char *s)
{
    return (sluice_value){.type = SLUICE_TEXT, .as.s = str_of(s)};
}

static sluice_value list(const int64_t *numbers, size_t len)
{
    return (sluice_value){.type = SLUICE_INTS, .as.n = {numbers, len}};
}

static const char *printed(const struct cell *cell)
{
    static char text[128];
    struct buf out = {0};

    cell_print(cell, &out);
    snprintf(text, sizeof(text), "%s", buf_text(&out));
    buf_free(&out);
    return text;
}

/* Store the cell in the only row of table t, by itself. */
static void store(struct db *db, const struct cell *cell)
{
    struct db_stmt *st;
    struct err err = {0};

    run_sql(db, "DELETE FROM t");
    check_ok(db_prepare(db, "INSERT INTO t (c) VALUES ($1)", &st, &err), &err);
    if (cell->state == CELL_VALUE)
        db_bind(st, 1, cell->value);
    check_ok(db_run(st, NULL, &err), &err);
    db_finalize(st);
}

/* Does the row of table t store `cell` already? */
static bool stored(struct db *db, const struct cell *cell, const struct table_column *c)
{
    struct db_stmt *st;
    struct err err = {0};

    check_ok(db_prepare(db, "SELECT c FROM t", &st, &err), &err);
    assert_int_equal(db_step(st, &err), 1);
    struct db_value value = db_column(st, 0);
    bool same = cell_equals(cell, c, &value);
    db_finalize(st);
    return same;
}

static struct db *open_column(const char *declared)
{
    struct db *db = open_store("sqlite::memory:");
    char sql[128];

    snprintf(sql, sizeof(sql), "CREATE TABLE t (c %s)", declared);
    run_sql(db, sql);
    return db;
}

static void what_was_stored_is_equal_and_its_neighbour_is_not(void **state)
{
    static const int64_t one[] = {1, -2, INT64_MAX}, other[] = {1, -2};
    const struct {
        const char *declared;
        uint32_t scale;
        sluice_value value, neighbour;
    } cases[] = {
        {"BIGINT", 0, number(SLUICE_INT, INT64_MAX), number(SLUICE_INT, INT64_MAX - 1)},
        {"BIGINT", 0, number(SLUICE_INT, INT64_MIN), number(SLUICE_INT, INT64_MIN + 1)},
        {"BIGINT", 0, number(SLUICE_INT, 0), number(SLUICE_INT, 1)},
        {"NUMERIC", 0, number(SLUICE_INT, INT64_MAX), number(SLUICE_INT, INT64_MAX - 1)},
        {"", 0, number(SLUICE_INT, 7), number(SLUICE_INT, 8)},
        {"REAL", 0, number(SLUICE_INT, 123456789), number(SLUICE_INT, 123456788)},
        {"BOOLEAN", 0, number(SLUICE_BOOL, 1), number(SLUICE_BOOL, 0)},
        {"REAL", 0, number(SLUICE_BOOL, 1), number(SLUICE_BOOL, 0)},
        {"TEXT", 2, number(SLUICE_DECIMAL, 1250), number(SLUICE_DECIMAL, 1251)},
        {"TEXT", 2, number(SLUICE_DECIMAL, -5), number(SLUICE_DECIMAL, 5)},
        {"TEXT", 2, number(SLUICE_DECIMAL, 999999999999999), number(SLUICE_DECIMAL, 999999999999998)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, 1250), number(SLUICE_DECIMAL, 1251)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, 1200), number(SLUICE_DECIMAL, 1201)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, -1), number(SLUICE_DECIMAL, 0)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, 0), number(SLUICE_DECIMAL, 1)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, 999999999999999), number(SLUICE_DECIMAL, 999999999999998)},
        {"NUMERIC(15,2)", 2, number(SLUICE_DECIMAL, -999999999999999), number(SLUICE_DECIMAL, -999999999999998)},
        {"DOUBLE PRECISION", 2, number(SLUICE_DECIMAL, 1210), number(SLUICE_DECIMAL, 1211)},
        {"DOUBLE PRECISION", 2, number(SLUICE_DECIMAL, 999999999999999), number(SLUICE_DECIMAL, 999999999999998)},
        {"FLOAT", 6, number(SLUICE_DECIMAL, 1), number(SLUICE_DECIMAL, 2)},
        {"NUMERIC", 18, number(SLUICE_DECIMAL, 1), number(SLUICE_DECIMAL, 2)},
        {"TEXT", 0, number(SLUICE_TIME, NOW), number(SLUICE_TIME, NOW + 1)},
        {"TIMESTAMPTZ", 0, number(SLUICE_TIME, NOW), number(SLUICE_TIME, NOW + 1000000)},
        {"TEXT", 0, string("007"), string("7")},
        {"TEXT", 0, string("a"), string("a ")},
        {"TEXT", 0, string("a"), string("A")},
        {"TEXT", 0, string(""), string(" ")},
        {"VARCHAR(3)", 0, string("longer"), string("lon")},
        {"TEXT COLLATE NOCASE", 0, string("a"), string("A")},
        {"BLOB", 0, string("007"), string("7")},
        {"TEXT", 0, {.type = SLUICE_TEXT, .as.s = {"a\0b", 3}}, string("a")},
        {"TEXT", 0, list(one, 3), list(other, 2)},
        {"TEXT", 0, list(NULL, 0), list(one, 1)},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_column(cases[i].declared);
        struct table_column c = {.type = cases[i].value.type, .scale = cases[i].scale};
        struct cell cell = {0}, neighbour = {0}, none = {.state = CELL_NULL};
        const char *why = "";
        assert_true(cell_set(&cell, &c, &cases[i].value, &why));
        assert_true(cell_set(&neighbour, &c, &cases[i].neighbour, &why));
        store(db, &cell);
        if (!stored(db, &cell, &c) || stored(db, &neighbour, &c) || stored(db, &none, &c))
            fail_msg("case %zu, %s: %s", i, cases[i].declared, printed(&cell));
        store(db, &none);
        if (stored(db, &cell, &c) || !stored(db, &none, &c))
            fail_msg("case %zu, %s: null", i, cases[i].declared);
        buf_free(&cell.text);
        buf_free(&neighbour.text);
        db_close(db);
    }
}

static void rows_of_others_are_compared_as_their_column_stores_them(void **state)
{
    const struct {
        const char *name, *declared, *sql;
        uint32_t scale;
        sluice_value value;
        bool same;
    } cases[] = {
        {"a decimal as a double", "NUMERIC", "12.5", 2, number(SLUICE_DECIMAL, 1250), true},
        {"a decimal as an integer", "NUMERIC", "12", 2, number(SLUICE_DECIMAL, 1200), true},
        {"another decimal", "NUMERIC", "12.51", 2, number(SLUICE_DECIMAL, 1250), false},
        {"a text that is no number", "NUMERIC", "'twelve'", 2, number(SLUICE_DECIMAL, 1250), false},
        {"a decimal in another form", "TEXT", "'12.5'", 2, number(SLUICE_DECIMAL, 1250), false},
        {"an integer as a text", "BLOB", "'7'", 0, number(SLUICE_INT, 7), true},
        {"an integer as a double", "REAL", "7", 0, number(SLUICE_INT, 7), true},
        {"true as a double", "REAL", "1", 0, number(SLUICE_BOOL, 1), true},
        {"a boolean in words", "BLOB", "'true'", 0, number(SLUICE_BOOL, 1), false},
        {"a text as an integer", "BLOB", "7", 0, string("7"), false},
        {"a text as bytes", "BLOB", "x'41'", 0, string("A"), true},
        {"a time with a blank", "TEXT", "'2025-10-11 08:58:45'", 0, number(SLUICE_TIME, NOW), false},
        {"a time as a number", "BLOB", "1760173125", 0, number(SLUICE_TIME, NOW), false},
        {"an empty text is no null", "TEXT", "''", 0, {.type = SLUICE_NULL}, false},
        {"a null is no empty text", "TEXT", "NULL", 0, string(""), false},
        {"a null is a null", "TEXT", "NULL", 0, {.type = SLUICE_NULL}, true},
        {"zero is no null", "BIGINT", "0", 0, {.type = SLUICE_NULL}, false},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_column(cases[i].declared);
        uint32_t type = cases[i].value.type > SLUICE_NULL ? cases[i].value.type : SLUICE_TEXT;
        struct table_column c = {.type = type, .scale = cases[i].scale};
        struct cell cell = {0};
        const char *why = "";
        char sql[128];
        snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%s)", cases[i].sql);
        run_sql(db, sql);
        assert_true(cell_set(&cell, &c, &cases[i].value, &why));
        if (stored(db, &cell, &c) != cases[i].same)
            fail_msg("%s", cases[i].name);
        buf_free(&cell.text);
        db_close(db);
    }
}

static void a_value_takes_the_form_of_its_column(void **state)
{
    static const int64_t numbers[] = {1, -2, 3}, wide[] = {1, INT64_C(1) << 31};
    const struct {
        const char *name;
        uint32_t type, flags, scale;
        sluice_value value;
        int state;         /* -1: refused */
        const char *text;  /* printed; the reason of a refusal */
    } cases[] = {
        {"absent stays absent", SLUICE_TEXT, 0, 0, {0}, CELL_ABSENT, ""},
        {"absent clears", SLUICE_TEXT, SLUICE_CLEAR, 0, {0}, CELL_NULL, ""},
        {"null clears", SLUICE_TEXT, 0, 0, {.type = SLUICE_NULL}, CELL_NULL, ""},
        {"integer", SLUICE_INT, 0, 0, number(SLUICE_INT, -7), CELL_VALUE, "-7"},
        {"32 bits", SLUICE_INT, SLUICE_NARROW, 0, number(SLUICE_INT, INT32_MAX), CELL_VALUE, "2147483647"},
        {"32 bits, negative", SLUICE_INT, SLUICE_NARROW, 0, number(SLUICE_INT, INT32_MIN), CELL_VALUE, "-2147483648"},
        {"33 bits", SLUICE_INT, SLUICE_NARROW, 0, number(SLUICE_INT, INT64_C(1) << 31), -1, "does not fit into 32 bits"},
        {"33 bits, negative", SLUICE_INT, SLUICE_NARROW, 0, number(SLUICE_INT, INT64_C(-2147483649)), -1,
         "does not fit into 32 bits"},
        {"33 bits in a list", SLUICE_INTS, SLUICE_NARROW, 0, list(wide, 2), -1, "does not fit into 32 bits"},
        {"33 bits in a wide list", SLUICE_INTS, 0, 0, list(wide, 2), CELL_VALUE, "[1,2147483648]"},
        {"true", SLUICE_BOOL, 0, 0, number(SLUICE_BOOL, 1), CELL_VALUE, "1"},
        {"text", SLUICE_TEXT, 0, 0, string("\xCE\xB1"), CELL_VALUE, "\xCE\xB1"},
        {"decimal", SLUICE_DECIMAL, 0, 2, number(SLUICE_DECIMAL, -5), CELL_VALUE, "-0.05"},
        {"decimal without scale", SLUICE_DECIMAL, 0, 0, number(SLUICE_DECIMAL, 5), CELL_VALUE, "5"},
        {"time", SLUICE_TIME, 0, 0, number(SLUICE_TIME, NOW + 500000), CELL_VALUE, "2025-10-11T08:58:45.5Z"},
        {"list", SLUICE_INTS, 0, 0, list(numbers, 3), CELL_VALUE, "[1,-2,3]"},
        {"empty list", SLUICE_INTS, 0, 0, list(NULL, 0), CELL_VALUE, "[]"},
    };
    struct cell cell = {0};
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct table_column c = {.type = cases[i].type, .flags = cases[i].flags, .scale = cases[i].scale};
        const char *why = "";
        bool ok = cell_set(&cell, &c, &cases[i].value, &why);
        if (ok != (cases[i].state >= 0) || (ok && cell.state != cases[i].state) ||
            strcmp(ok ? printed(&cell) : why, cases[i].text) != 0)
            fail_msg("%s: %s", cases[i].name, ok ? printed(&cell) : why);
    }
    buf_free(&cell.text);
}

static void a_preset_is_read_as_its_column_s_type(void **state)
{
    static const struct {
        uint32_t type, scale;
        const char *text, *want; /* NULL: refused */
    } cases[] = {
        {SLUICE_INT, 0, "7", "7"},
        {SLUICE_INT, 0, "1e3", "1000"},
        {SLUICE_INT, 0, "x", NULL},
        {SLUICE_INT, 0, "", NULL},
        {SLUICE_INT, 0, "1.5", NULL},
        {SLUICE_BOOL, 0, "true", "1"},
        {SLUICE_BOOL, 0, "1", "1"},
        {SLUICE_BOOL, 0, "false", "0"},
        {SLUICE_DECIMAL, 2, "12.5", "12.50"},
        {SLUICE_DECIMAL, 2, "x", NULL},
        {SLUICE_TIME, 0, "now", "2025-10-11T08:58:45Z"},
        {SLUICE_TIME, 0, "2025-01-01", "2025-01-01T00:00:00Z"},
        {SLUICE_TIME, 0, "soon", NULL},
        {SLUICE_TEXT, 0, "ACTIVE", "ACTIVE"},
        {SLUICE_TEXT, 0, "", ""},
        {SLUICE_INTS, 0, "", "[]"},
        {SLUICE_INTS, 0, "[1]", NULL},
    };
    struct cell cell = {0};
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct table_column c = {.type = cases[i].type, .scale = cases[i].scale};
        bool ok = cell_set_text(&cell, &c, cases[i].text, NOW);
        if (ok != (cases[i].want != NULL) || (ok && strcmp(printed(&cell), cases[i].want) != 0))
            fail_msg("type %u, \"%s\": %s", cases[i].type, cases[i].text, ok ? printed(&cell) : "refused");
    }
    buf_free(&cell.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_stored_is_equal_and_its_neighbour_is_not),
        cmocka_unit_test(rows_of_others_are_compared_as_their_column_stores_them),
        cmocka_unit_test(a_value_takes_the_form_of_its_column),
        cmocka_unit_test(a_preset_is_read_as_its_column_s_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
