/* What has landed, read back: exact, in order, as it was at one moment; and what a job has landed so far. */
#include "reader.h"

#include "landed.h"
#include "merge.h"
#include "store_test.h"

#define NOW      INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */
#define INTS_MAX 100

enum { ID, NAME, MONEY, SEEN, GOOD, PARTS, GONE, COLUMNS };

struct fixture {
    struct scratch scratch;
    struct db *db, *snapshot;
    struct table_column columns[COLUMNS];
    struct table_rule rule;
    struct table table;
    struct target *target;
    struct err err;
};

static struct table_column column(const char *name, uint32_t type)
{
    return (struct table_column){.name = text_of(name), .source = text_of(name), .type = type, .scale = 2};
}

static void no_matter(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static void set_up(struct fixture *f)
{
    *f = (struct fixture){0};
    scratch_make(&f->scratch);
    f->db = open_store(f->scratch.url);
    check_ok(schema_ensure(f->db, &f->err), &f->err);
    f->columns[ID] = column("id", SLUICE_INT);
    f->columns[ID].flags = SLUICE_KEY;
    f->columns[NAME] = column("name", SLUICE_TEXT);
    f->columns[MONEY] = column("money", SLUICE_DECIMAL);
    f->columns[SEEN] = column("seen", SLUICE_TIME);
    f->columns[GOOD] = column("good", SLUICE_BOOL);
    f->columns[PARTS] = column("parts", SLUICE_INTS);
    f->columns[GONE] = column("gone_at", SLUICE_TIME);
    f->rule = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {ID}, .column_count = 1};
    f->table = (struct table){.name = text_of("orders"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = &f->rule,
                              .rule_count = 1,
                              .scope = TABLE_NONE,
                              .gone = &f->columns[GONE]};
    check_ok(db_begin(f->db, &f->err), &f->err);
    check_ok(target_open(f->db, &f->table, "01RUN", no_matter, NULL, &f->target, &f->err), &f->err);
    check_ok(db_commit(f->db, &f->err), &f->err);
    check_ok(db_open(f->scratch.url, DB_SNAPSHOT, &f->snapshot, &f->err), &f->err);
}

static void tear_down(struct fixture *f)
{
    target_close(f->target);
    db_close(f->snapshot);
    db_close(f->db);
    scratch_remove(&f->scratch);
}

static void put(struct fixture *f, const sluice_value *values, uint32_t count)
{
    struct merge_outcome outcome = {0};

    check_ok(db_begin(f->db, &f->err), &f->err);
    check_ok(merge_record(f->target, &f->table, values, count, NOW, &outcome, &f->err), &f->err);
    assert_int_not_equal(outcome.what, MERGE_REJECTED);
    check_ok(db_commit(f->db, &f->err), &f->err);
    merge_outcome_free(&outcome);
}

static sluice_value number(uint32_t type, int64_t i)
{
    return (sluice_value){.type = type, .as.i = i};
}

static sluice_value text(const char *s)
{
    return (sluice_value){.type = SLUICE_TEXT, .as.s = str_of(s)};
}

static void put_order(struct fixture *f, int64_t id, const char *name, int64_t seen)
{
    const sluice_value values[] = {number(SLUICE_INT, id), text(name), {0}, number(SLUICE_TIME, seen)};

    put(f, values, 4);
}

/* The first column of all rows that are left, as "1 2 3". */
static const char *read_rest(struct reader *r)
{
    static char all[4096];
    sluice_value v[COLUMNS];
    struct err err = {0};
    int rc;

    all[0] = '\0';
    while ((rc = reader_next(r, v, NULL, 0, &err)) == 1) {
        size_t len = strlen(all);
        if (v[0].type == SLUICE_TEXT)
            snprintf(all + len, sizeof(all) - len, "%s%.*s", len ? " " : "", (int)v[0].as.s.len, v[0].as.s.ptr);
        else if (v[0].type == SLUICE_NULL)
            snprintf(all + len, sizeof(all) - len, "%s-", len ? " " : "");
        else
            snprintf(all + len, sizeof(all) - len, "%s%lld", len ? " " : "", (long long)v[0].as.i);
    }
    check_ok(rc, &err);
    return all;
}

static struct reader *open_reader(struct fixture *f, size_t column, const size_t *order, size_t order_count)
{
    struct reader *r = NULL;

    if (!db_in_transaction(f->snapshot))
        check_ok(db_begin(f->snapshot, &f->err), &f->err);
    check_ok(reader_open(f->snapshot, &f->table, &column, 1, order, order_count, &r, &f->err), &f->err);
    return r;
}

static const char *in_order(struct fixture *f, size_t column, size_t first, size_t second)
{
    const size_t order[] = {first, second};
    struct reader *r = open_reader(f, column, order, 2);
    const char *all = read_rest(r);

    reader_close(r);
    return all;
}

/* ---- Values ---- */

static void a_value_comes_back_as_it_was_sent(void **state)
{
    static const int64_t some[] = {31, -44, INT64_MAX};
    const sluice_value rows[][GONE] = {
        {number(SLUICE_INT, 1),
         text("Açaí \"x\"\n'"),
         number(SLUICE_DECIMAL, 123456789012345),
         number(SLUICE_TIME, NOW + 1),
         number(SLUICE_BOOL, 1),
         {.type = SLUICE_INTS, .as.n = {some, 3}}},
        {number(SLUICE_INT, -INT64_C(9007199254740993)),
         text(""),
         number(SLUICE_DECIMAL, -5),
         number(SLUICE_TIME, -INT64_C(62135596800000000)),
         number(SLUICE_BOOL, 0),
         {.type = SLUICE_INTS}},
        {number(SLUICE_INT, 3),
         {.type = SLUICE_NULL},
         {.type = SLUICE_NULL},
         {.type = SLUICE_NULL},
         {.type = SLUICE_NULL},
         {.type = SLUICE_NULL}},
    };
    const size_t columns[] = {ID, NAME, MONEY, SEEN, GOOD, PARTS}, order[] = {ID};
    static const int wanted[] = {1, 0, 2}; /* by id */
    sluice_value v[GONE];
    int64_t ints[INTS_MAX];
    struct reader *r;
    struct fixture f;
    (void)state;

    set_up(&f);
    for (size_t i = 0; i < LEN(rows); i++)
        put(&f, rows[i], GONE);
    check_ok(db_begin(f.snapshot, &f.err), &f.err);
    check_ok(reader_open(f.snapshot, &f.table, columns, LEN(columns), order, 1, &r, &f.err), &f.err);
    for (size_t i = 0; i < LEN(rows); i++) {
        const sluice_value *want = rows[wanted[i]];
        int rc = reader_next(r, v, ints, INTS_MAX, &f.err);
        check_ok(rc, &f.err);
        assert_int_equal(rc, 1);
        for (size_t c = 0; c < GONE; c++) {
            assert_int_equal(v[c].type, want[c].type);
            if (v[c].type == SLUICE_TEXT) {
                assert_int_equal(v[c].as.s.len, want[c].as.s.len);
                assert_memory_equal(v[c].as.s.ptr, want[c].as.s.ptr, want[c].as.s.len);
            } else if (v[c].type == SLUICE_INTS) {
                assert_int_equal(v[c].as.n.len, want[c].as.n.len);
                if (want[c].as.n.len)
                    assert_memory_equal(v[c].as.n.ptr, want[c].as.n.ptr, want[c].as.n.len * sizeof(int64_t));
            } else if (v[c].type != SLUICE_NULL) {
                assert_int_equal(v[c].as.i, want[c].as.i);
            }
        }
    }
    assert_int_equal(reader_next(r, v, ints, INTS_MAX, &f.err), 0);
    reader_close(r);
    tear_down(&f);
}

static void columns_of_other_types_hold_the_same_values(void **state)
{
    static const char server[] =
        "DROP TABLE orders; CREATE TABLE orders (id NUMERIC, name VARCHAR(20), money NUMERIC(20,4),"
        " seen TEXT, good INTEGER, parts JSONB, gone_at TIMESTAMP);"
        "INSERT INTO orders VALUES (7, 'x', 12.5, '2025-10-11T08:58:45Z', 1, '[1, 2]', NULL)";
    static const char file[] =
        "DROP TABLE orders; CREATE TABLE orders (id NUMERIC, name VARCHAR(20), money NUMERIC,"
        " seen TEXT, good INTEGER, parts TEXT, gone_at TEXT);"
        "INSERT INTO orders VALUES (7, 'x', 12.5, '2025-10-11T08:58:45Z', 1, ' [ 1 , 2 ] ', NULL)";
    const size_t columns[] = {ID, NAME, MONEY, SEEN, GOOD, PARTS};
    sluice_value v[GONE];
    int64_t ints[INTS_MAX];
    struct reader *r;
    struct fixture f;
    (void)state;

    set_up(&f);
    run_sql(f.db, on_server() ? server : file);
    check_ok(db_begin(f.snapshot, &f.err), &f.err);
    check_ok(reader_open(f.snapshot, &f.table, columns, LEN(columns), NULL, 0, &r, &f.err), &f.err);
    int rc = reader_next(r, v, ints, INTS_MAX, &f.err);
    check_ok(rc, &f.err);
    assert_int_equal(v[ID].as.i, 7);
    assert_int_equal(v[MONEY].as.i, 1250);
    assert_int_equal(v[SEEN].as.i, NOW);
    assert_int_equal(v[GOOD].as.i, 1);
    assert_int_equal(v[PARTS].as.n.len, 2);
    assert_int_equal(v[PARTS].as.n.ptr[1], 2);
    reader_close(r);
    tear_down(&f);
}

static void what_another_program_wrote_and_is_no_value_is_named(void **state)
{
    static const struct {
        size_t column;
        const char *literal, *why;
    } cases[] = {
        {SEEN, "'yesterday'",
         "table orders: column seen holds \"yesterday\", which is no time: another program wrote it"},
        {PARTS, "'1,x'",
         "table orders: column parts holds \"1,x\", which is no list of integers: another program wrote it"},
        {PARTS, "'[1.5]'",
         "table orders: column parts holds \"[1.5]\", which is no list of integers: another program wrote it"},
        {MONEY, "'a lot'", "table orders: column money holds \"a lot\", which is no decimal: another program wrote it"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        sluice_value v[1];
        int64_t ints[INTS_MAX];
        char sql[256];
        set_up(&f);
        run_sql(f.db,
                "DROP TABLE orders; CREATE TABLE orders (id BIGINT, seen TEXT, parts TEXT, money TEXT, gone_at TEXT)");
        snprintf(sql, sizeof(sql), "INSERT INTO orders (id, %s) VALUES (1, %s)", f.columns[cases[i].column].name,
                 cases[i].literal);
        run_sql(f.db, sql);
        struct reader *r = open_reader(&f, cases[i].column, NULL, 0);
        assert_int_equal(reader_next(r, v, ints, INTS_MAX, &f.err), SLUICE_E_CONFIG);
        assert_string_equal(f.err.msg, cases[i].why);
        reader_close(r);
        tear_down(&f);
    }
}

static void a_list_that_is_too_long_is_no_value(void **state)
{
    static const int64_t some[] = {1, 2, 3};
    const sluice_value values[] = {number(SLUICE_INT, 1), {0}, {0}, {0}, {0}, {.type = SLUICE_INTS, .as.n = {some, 3}}};
    sluice_value v[1];
    int64_t ints[3];
    struct fixture f;
    (void)state;

    set_up(&f);
    put(&f, values, 6);
    struct reader *r = open_reader(&f, PARTS, NULL, 0);
    assert_int_equal(reader_next(r, v, ints, 3, &f.err), 1);
    reader_close(r);
    r = open_reader(&f, PARTS, NULL, 0);
    assert_int_equal(reader_next(r, v, ints, 2, &f.err), SLUICE_E_CONFIG);
    reader_close(r);
    tear_down(&f);
}

/* ---- Order ---- */

static void rows_come_in_the_order_that_is_asked_for(void **state)
{
    static const struct {
        int64_t id;
        const char *name;
        int64_t seen;
    } rows[] = {{10, "b", NOW + 500000}, {9, "B", NOW}, {-1, "ä", NOW + 490000}, {100, "a", NOW - 1}};
    const sluice_value nothing[] = {number(SLUICE_INT, 5)};
    struct fixture f;
    (void)state;

    set_up(&f);
    for (size_t i = 0; i < LEN(rows); i++)
        put_order(&f, rows[i].id, rows[i].name, rows[i].seen);
    put(&f, nothing, 1);
    assert_string_equal(in_order(&f, ID, ID, NAME), "-1 5 9 10 100");
    assert_string_equal(in_order(&f, NAME, NAME, ID), "- B a b ä");
    assert_string_equal(in_order(&f, ID, SEEN, ID), "5 100 9 -1 10");
    assert_string_equal(in_order(&f, ID, GOOD, ID), "-1 5 9 10 100");
    tear_down(&f);
}

static void more_rows_than_are_fetched_at_once_come_all_and_once(void **state)
{
    static const char server[] = "INSERT INTO orders (id, created_at, updated_at, last_sync_at)"
                                 " SELECT g, now(), now(), now() FROM generate_series(1, 1024) AS g";
    static const char file[] =
        "WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < 1024)"
        " INSERT INTO orders (id, created_at, updated_at, last_sync_at) SELECT n, '', '', '' FROM g";
    const size_t order[] = {ID};
    sluice_value a[1], b[1];
    struct fixture f;
    (void)state;

    set_up(&f);
    run_sql(f.db, on_server() ? server : file);
    struct reader *one = open_reader(&f, ID, order, 1), *other = open_reader(&f, ID, order, 1);
    for (int i = 1; i <= 1024; i++) {
        assert_int_equal(reader_next(one, a, NULL, 0, &f.err), 1);
        assert_int_equal(a[0].as.i, i);
        if (i % 2)
            continue;
        assert_int_equal(reader_next(other, b, NULL, 0, &f.err), 1);
        assert_int_equal(b[0].as.i, i / 2);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(reader_next(one, a, NULL, 0, &f.err), 0);
    reader_close(one);
    reader_close(other);
    tear_down(&f);
}

/* ---- The moment ---- */

static void all_readers_of_a_transaction_see_the_same_moment(void **state)
{
    const size_t order[] = {ID};
    sluice_value v[1];
    struct fixture f;
    (void)state;

    set_up(&f);
    put_order(&f, 1, "a", NOW);
    put_order(&f, 2, "b", NOW);
    struct reader *one = open_reader(&f, ID, order, 1);
    assert_int_equal(reader_next(one, v, NULL, 0, &f.err), 1);
    put_order(&f, 3, "c", NOW);
    run_sql(f.db, "DELETE FROM orders WHERE id = 2");
    struct reader *other = open_reader(&f, ID, order, 1);
    assert_string_equal(read_rest(other), "1 2");
    assert_string_equal(read_rest(one), "2");
    reader_close(one);
    reader_close(other);
    db_rollback(f.snapshot);
    one = open_reader(&f, ID, order, 1);
    assert_string_equal(read_rest(one), "1 3");
    reader_close(one);
    tear_down(&f);
}

static void a_snapshot_writes_nothing(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f);
    check_ok(db_begin(f.snapshot, &f.err), &f.err);
    assert_true(db_exec(f.snapshot, "DELETE FROM orders", &f.err) < 0);
    tear_down(&f);
}

static void rows_that_are_gone_are_left_out(void **state)
{
    const size_t order[] = {ID};
    struct fixture f;
    (void)state;

    set_up(&f);
    put_order(&f, 1, "a", NOW);
    put_order(&f, 2, "b", NOW);
    run_sql(f.db, "UPDATE orders SET gone_at = '2025-10-11T08:58:45Z' WHERE id = 1");
    struct reader *r = open_reader(&f, ID, order, 1);
    assert_string_equal(read_rest(r), "2");
    reader_close(r);
    tear_down(&f);
}

static void what_is_not_there_is_named(void **state)
{
    const size_t columns[] = {NAME};
    struct reader *r = NULL;
    struct fixture f;
    (void)state;

    set_up(&f);
    run_sql(f.db, "ALTER TABLE orders RENAME COLUMN name TO nom");
    check_ok(db_begin(f.snapshot, &f.err), &f.err);
    assert_int_equal(reader_open(f.snapshot, &f.table, columns, 1, NULL, 0, &r, &f.err), SLUICE_E_CONFIG);
    assert_string_equal(f.err.msg, "table orders has no column \"name\": was it dropped, or renamed by hand?");
    db_rollback(f.snapshot);
    run_sql(f.db, "DROP TABLE orders");
    check_ok(db_begin(f.snapshot, &f.err), &f.err);
    assert_int_equal(reader_open(f.snapshot, &f.table, columns, 1, NULL, 0, &r, &f.err), SLUICE_E_CONFIG);
    assert_string_equal(f.err.msg, "table orders is not there: was it dropped, or renamed by hand?");
    tear_down(&f);
}

/* ---- What has landed ---- */

static void what_a_job_has_landed_is_told(void **state)
{
    struct db *db = open_memory();
    struct landed have;
    struct run run = {.id = "01RUN", .job = text_of("erp.orders"), .batch_no = 6};
    struct err err = {0};
    (void)state;

    check_ok(landed_get(db, "erp.orders", &have, &err), &err);
    assert_false(have.complete);
    assert_string_equal(have.mark, "");
    check_ok(landed_put(db, &run, false, &err), &err);
    check_ok(landed_get(db, "erp.orders", &have, &err), &err);
    assert_false(have.complete);
    assert_string_equal(have.mark, "01RUN.7");
    run.batch_no++;
    check_ok(landed_put(db, &run, true, &err), &err);
    check_ok(landed_get(db, "erp.orders", &have, &err), &err);
    assert_true(have.complete);
    assert_string_equal(have.mark, "01RUN.8");
    check_ok(landed_get(db, "erp.others", &have, &err), &err);
    assert_false(have.complete);
    assert_string_equal(have.mark, "");
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_back_as_it_was_sent),
        cmocka_unit_test(columns_of_other_types_hold_the_same_values),
        cmocka_unit_test(what_another_program_wrote_and_is_no_value_is_named),
        cmocka_unit_test(a_list_that_is_too_long_is_no_value),
        cmocka_unit_test(rows_come_in_the_order_that_is_asked_for),
        cmocka_unit_test(more_rows_than_are_fetched_at_once_come_all_and_once),
        cmocka_unit_test(all_readers_of_a_transaction_see_the_same_moment),
        cmocka_unit_test(a_snapshot_writes_nothing),
        cmocka_unit_test(rows_that_are_gone_are_left_out),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(what_a_job_has_landed_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
