/* The helpers for derived streams, against a host whose landed rows are tables: what a derived stream reads, makes and
 * hands over, and that it stops at the first failure, wherever that comes. */
#include "helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- A host ---- */

#define INT(n)  {.type = SLUICE_INT, .as.i = (n)}
#define CENT(n) {.type = SLUICE_DECIMAL, .as.i = (n)}
#define TEXT(t) {.type = SLUICE_TEXT, .as.s = {(t), sizeof(t) - 1}}
#define INTS(l) {.type = SLUICE_INTS, .as.n = {(l), LEN(l)}}
#define NONE    {.type = SLUICE_NULL}

static const int64_t some[] = {44, 31, 44}, more[] = {52, 31};

struct sluice_rows {
    const char *stream;
    size_t width, count, at;
    const sluice_value *values;
};

/* Orders by customer, and customers by id. */
static const sluice_value orders[] = {
    NONE,   CENT(500), NONE,       /* of nobody */
    INT(7), CENT(176821), INTS(some), /* */
    INT(7), CENT(400000), NONE,       /* */
    INT(7), NONE,      INTS(more), /* */
    INT(8), CENT(-1),  NONE,       /* of one who is not there */
    INT(9), CENT(1),   NONE,       /* */
};
static const sluice_value customers[] = {INT(7), TEXT("Açaí"), INT(9), NONE, INT(10), TEXT("")};

struct fake {
    sluice_run run; /* first, so that a run leads back to its fake */
    sluice_host host;
    struct sluice_rows landed[2];
    struct buf log; /* what the connector did, a line each */
    int32_t status;
    int calls, fail_at; /* the call that ends the run; 0: none */
};

static struct fake *fake_of(sluice_run *run)
{
    return (struct fake *)run;
}

/* Count a call; false when the run is over. */
static bool enter(sluice_run *run)
{
    struct fake *f = fake_of(run);
    f->calls++;
    if (f->calls == f->fail_at && f->status == SLUICE_OK)
        f->status = SLUICE_E_RETRY;
    return f->status == SLUICE_OK;
}

static int32_t fake_status(sluice_run *run)
{
    return fake_of(run)->status;
}

static int32_t fake_fail(sluice_run *run, int32_t code, sluice_str why)
{
    struct fake *f = fake_of(run);
    if (enter(run)) {
        f->status = code;
        buf_printf(&f->log, "fail %d %.*s\n", code, (int)why.len, why.ptr);
    }
    return f->status;
}

static void note_value(struct buf *log, const sluice_value *v)
{
    if (v->type == SLUICE_ABSENT)
        buf_add_str(log, " -");
    else if (v->type == SLUICE_NULL)
        buf_add_str(log, " null");
    else if (v->type == SLUICE_TEXT)
        buf_printf(log, " '%.*s'", (int)v->as.s.len, v->as.s.ptr);
    else if (v->type == SLUICE_INTS)
        for (size_t i = 0; i < v->as.n.len; i++)
            buf_printf(log, "%s%lld", i ? "," : " ", (long long)v->as.n.ptr[i]);
    else
        buf_printf(log, " %lld", (long long)v->as.i);
}

static int32_t fake_emit(sluice_run *run, const sluice_value *values, uint32_t count)
{
    struct fake *f = fake_of(run);
    if (!enter(run))
        return f->status;
    buf_add_str(&f->log, "emit");
    for (uint32_t i = 0; i < count; i++)
        note_value(&f->log, &values[i]);
    buf_add_char(&f->log, '\n');
    return SLUICE_OK;
}

static int32_t fake_reject(sluice_run *run, sluice_str key, sluice_str why, sluice_str source)
{
    struct fake *f = fake_of(run);
    if (enter(run))
        buf_printf(&f->log, "reject %.*s|%.*s|%zu\n", (int)key.len, key.ptr, (int)why.len, why.ptr, source.len);
    return f->status;
}

static int32_t fake_skip(sluice_run *run, sluice_str key, sluice_str why)
{
    struct fake *f = fake_of(run);
    if (enter(run))
        buf_printf(&f->log, "skip %.*s|%.*s\n", (int)key.len, key.ptr, (int)why.len, why.ptr);
    return f->status;
}

static int32_t fake_stat(sluice_run *run, const char *name, int64_t value)
{
    struct fake *f = fake_of(run);
    if (enter(run))
        buf_printf(&f->log, "stat %s %lld\n", name, (long long)value);
    return f->status;
}

static int32_t fake_scan(sluice_run *run, const sluice_query *query, sluice_rows **rows)
{
    struct fake *f = fake_of(run);
    assert_int_equal(query->struct_size, sizeof *query);
    assert_int_equal(query->reserved, 0);
    if (!enter(run))
        return f->status;
    buf_printf(&f->log, "scan %s: %s by %s\n", query->stream, query->columns, query->order);
    *rows = &f->landed[strcmp(query->stream, "customers") == 0];
    return SLUICE_OK;
}

static int32_t fake_next(sluice_run *run, sluice_rows *rows, const sluice_value **values)
{
    if (!enter(run))
        return fake_of(run)->status;
    *values = rows->at < rows->count ? &rows->values[rows->at++ * rows->width] : NULL;
    return SLUICE_OK;
}

static const sluice_host host_calls = {
    .struct_size = sizeof(sluice_host),
    .status = fake_status,
    .fail = fake_fail,
    .emit = fake_emit,
    .skip = fake_skip,
    .reject = fake_reject,
    .stat = fake_stat,
    .scan = fake_scan,
    .next = fake_next,
};

static const sluice_column columns[] = {
    {"customer", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .help = "the customer's"},
    {"name", SLUICE_TEXT, .preset = "Unknown", .help = "the customer's"},
    {"revenue", SLUICE_DECIMAL, .scale = 2, .help = "all of it"},
    {"products", SLUICE_INTS, .help = "all that were bought"},
    {"at", SLUICE_TIME, .help = "a time"},
    {"good", SLUICE_BOOL, .help = "a mark"},
    {"note", SLUICE_TEXT, SLUICE_BLANK, .help = "a text that may be empty"},
};
static const sluice_match rules[] = {{SLUICE_IDENTITY, .columns = "customer"}};
static const sluice_stream sales = {
    .name = "sales",
    .columns = columns,
    .column_count = LEN(columns),
    .column_stride = sizeof columns[0],
    .matches = rules,
    .match_count = LEN(rules),
    .match_stride = sizeof rules[0],
};

static void fake_open(struct fake *f)
{
    *f = (struct fake){.host = host_calls,
                       .landed = {{"orders", 3, LEN(orders) / 3, 0, orders},
                                  {"customers", 2, LEN(customers) / 2, 0, customers}}};
    f->run = (sluice_run){
        .struct_size = sizeof f->run, .host = &f->host, .stream = &sales, .cursor = "", .partition = "", .landed = ""};
}

static void fake_close(struct fake *f)
{
    sluice_helper_free(&f->run);
    buf_free(&f->log);
}

/* ---- A derived stream ---- */

static int32_t derive(sluice_run *run)
{
    sluice_scan *who = sluice_scan_open(run, "customers", "id name", "id");
    sluice_scan *order = sluice_scan_open(run, "orders", "customer total products", "customer");
    sluice_ids *products = sluice_ids_new(run);
    int more_orders = sluice_scan_next(order);

    while (sluice_scan_next(who)) {
        int64_t revenue = 0, count = 0;
        sluice_ids_clear(products);
        for (; more_orders && sluice_cell(order, "customer") <= sluice_cell(who, "id");
             more_orders = sluice_scan_next(order)) {
            if (sluice_cell(order, "customer") < sluice_cell(who, "id"))
                continue;
            revenue += sluice_cell(order, "total");
            sluice_ids_add_cell(products, order, "products");
            count++;
        }
        if (!count)
            continue;
        sluice_record *rec = sluice_new(run);
        sluice_set_int(rec, "customer", sluice_cell(who, "id"));
        sluice_set_text(rec, "name", sluice_cell_text(who, "name"));
        sluice_set_decimal(rec, "revenue", revenue);
        sluice_set_ids(rec, "products", products);
        sluice_emit(rec);
    }
    return sluice_stat(run, "customers", 3);
}

static const char derived[] = "scan customers: id name by id\n"
                              "scan orders: customer total products by customer\n"
                              "emit 7 'Açaí' 576821 31,44,52 - - -\n"
                              "emit 9 null 1 - - -\n"
                              "stat customers 3\n";

static void two_scans_are_merged_with_one_row_of_each_in_memory(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    assert_int_equal(derive(&f.run), SLUICE_OK);
    assert_string_equal(buf_text(&f.log), derived);
    fake_close(&f);
}

static void a_derivation_that_fails_anywhere_ends_and_hands_nothing_over(void **state)
{
    (void)state;
    int total = 0;
    for (int fail_at = 0; fail_at <= total; fail_at++) {
        struct fake f;
        fake_open(&f);
        f.fail_at = fail_at;
        int32_t rc = derive(&f.run);
        if (!fail_at)
            total = f.calls;
        assert_int_equal(rc, fail_at ? SLUICE_E_RETRY : SLUICE_OK);
        assert_true(f.calls <= total + 20);
        assert_int_equal(strncmp(buf_text(&f.log), derived, f.log.len), 0);
        fake_close(&f);
    }
}

/* ---- Cells ---- */

static void cells_are_what_the_row_says_and_nothing_without_one(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    sluice_scan *who = sluice_scan_open(&f.run, "customers", "id name", "id");
    assert_int_equal(sluice_cell(who, "id"), 0);
    assert_true(sluice_cell_null(who, "id"));
    assert_true(sluice_scan_next(who));
    const char *name = sluice_cell_text(who, "name");
    assert_string_equal(sluice_cell_text(who, "name"), "Açaí");
    assert_string_equal(name, "Açaí");
    assert_int_equal(sluice_cell(who, "id"), 7);
    assert_false(sluice_cell_null(who, "id"));
    assert_true(sluice_scan_next(who));
    assert_string_equal(sluice_cell_text(who, "name"), "");
    assert_true(sluice_cell_null(who, "name"));
    assert_true(sluice_scan_next(who));
    assert_false(sluice_cell_null(who, "name"));
    assert_false(sluice_scan_next(who));
    assert_false(sluice_scan_next(who));
    assert_int_equal(sluice_cell(who, "id"), 0);
    assert_int_equal(f.status, SLUICE_OK);
    fake_close(&f);
}

static void a_cell_that_was_not_asked_for_or_is_of_another_type_ends_the_run(void **state)
{
    (void)state;
    static const struct {
        const char *column, *want;
        int how;
    } cases[] = {
        {"nmae", "fail -7 the scan of customers has no column \"nmae\"\n", 0},
        {"name", "fail -7 the column \"name\" of customers is not a number\n", 0},
        {"id", "fail -7 the column \"id\" of customers is not a text\n", 1},
        {"id", "fail -7 the column \"id\" of customers is not a list of integers\n", 2},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct fake f;
        fake_open(&f);
        sluice_scan *who = sluice_scan_open(&f.run, "customers", "id name", "id");
        sluice_scan_next(who);
        buf_clear(&f.log);
        if (cases[i].how == 0)
            assert_int_equal(sluice_cell(who, cases[i].column), 0);
        else if (cases[i].how == 1)
            assert_string_equal(sluice_cell_text(who, cases[i].column), "");
        else
            sluice_ids_add_cell(sluice_ids_new(&f.run), who, cases[i].column);
        assert_string_equal(buf_text(&f.log), cases[i].want);
        fake_close(&f);
    }
}

/* ---- Sets ---- */

static void a_set_holds_each_number_once_in_order_however_many_come(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    sluice_ids *ids = sluice_ids_new(&f.run);
    assert_int_equal(sluice_ids_count(ids), 0);
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 100; i++)
            sluice_ids_add(ids, (i * 37 % 100 - 50) * INT64_C(1000000000000));
    }
    assert_int_equal(sluice_ids_count(ids), 100);
    sluice_record *rec = sluice_new(&f.run);
    sluice_set_ids(rec, "products", ids);
    const int64_t *list = rec->mapping.values[3].as.n.ptr;
    assert_int_equal(rec->mapping.values[3].as.n.len, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(list[i], (i - 50) * INT64_C(1000000000000));
    sluice_ids_clear(ids);
    assert_int_equal(sluice_ids_count(ids), 0);
    assert_int_equal(list[0], -50 * INT64_C(1000000000000));
    sluice_set_ids(rec, "products", ids);
    assert_int_equal(rec->mapping.values[3].type, SLUICE_INTS);
    assert_int_equal(rec->mapping.values[3].as.n.len, 0);
    fake_close(&f);
}

/* ---- Records that are made ---- */

static void a_made_record_has_what_was_set_and_nothing_else(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    sluice_record *rec = sluice_new(&f.run);
    sluice_set_int(rec, "customer", 5);
    sluice_set_time(rec, "at", 1770707564000000);
    sluice_set_bool(rec, "good", 12);
    sluice_set_text(rec, "note", "");
    sluice_set_text(rec, "name", "x");
    sluice_set_text(rec, "name", "");
    assert_string_equal(sluice_get(rec, "at"), "2026-02-10T07:12:44Z");
    assert_null(sluice_source(rec, "customer"));
    assert_int_equal(sluice_emit(rec), SLUICE_OK);
    rec = sluice_new(&f.run);
    sluice_set_decimal(rec, "revenue", -50);
    sluice_emit(rec);
    rec = sluice_new(&f.run);
    sluice_set_int(rec, "customer", 6);
    sluice_set_null(rec, "at");
    sluice_skip(rec, "by rule");
    rec = sluice_new(&f.run);
    sluice_set_int(rec, "customer", 6);
    sluice_set_null(rec, "at");
    sluice_emit(rec);
    assert_string_equal(buf_text(&f.log), "emit 5 null - - 1770707564000000 1 ''\n"
                                          "reject |customer: missing|0\n"
                                          "skip 6|by rule\n"
                                          "emit 6 - - - null - -\n");
    fake_close(&f);
}

static void a_column_of_another_type_ends_the_run(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    sluice_record *rec = sluice_new(&f.run);
    sluice_set_int(rec, "revenue", 5);
    assert_string_equal(buf_text(&f.log), "fail -7 the column \"revenue\" is not an integer\n");
    fake_close(&f);
    fake_open(&f);
    sluice_set_null(sluice_new(&f.run), "nothing");
    assert_string_equal(buf_text(&f.log), "fail -7 there is no column \"nothing\"\n");
    fake_close(&f);
}

static void helpers_accept_what_a_failed_run_gave(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f);
    sluice_fail(&f.run, SLUICE_E_AUTH, "no");
    assert_null(sluice_scan_open(&f.run, "orders", "total", "total"));
    assert_null(sluice_new(&f.run));
    assert_false(sluice_scan_next(NULL));
    assert_int_equal(sluice_cell(NULL, "x"), 0);
    assert_string_equal(sluice_cell_text(NULL, "x"), "");
    assert_true(sluice_cell_null(NULL, "x"));
    sluice_ids_add(NULL, 1);
    sluice_ids_clear(NULL);
    sluice_ids_add_cell(NULL, NULL, "x");
    assert_int_equal(sluice_ids_count(NULL), 0);
    sluice_set_ids(NULL, "x", NULL);
    sluice_set_int(NULL, "x", 1);
    sluice_set_null(NULL, "x");
    assert_string_equal(buf_text(&f.log), "fail -2 no\n");
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_scans_are_merged_with_one_row_of_each_in_memory),
        cmocka_unit_test(a_derivation_that_fails_anywhere_ends_and_hands_nothing_over),
        cmocka_unit_test(cells_are_what_the_row_says_and_nothing_without_one),
        cmocka_unit_test(a_cell_that_was_not_asked_for_or_is_of_another_type_ends_the_run),
        cmocka_unit_test(a_set_holds_each_number_once_in_order_however_many_come),
        cmocka_unit_test(a_made_record_has_what_was_set_and_nothing_else),
        cmocka_unit_test(a_column_of_another_type_ends_the_run),
        cmocka_unit_test(helpers_accept_what_a_failed_run_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
