/* Rows that a complete read did not meet: contract A6.10. */
#include "gone.h"

#include "store_test.h"

#define NOW INT64_C(1760173125400000) /* 2025-10-11T08:58:45.4Z */

enum { ID, NAME, TENANT, SHOP, GONE, COLUMNS };

static char never0[] = "0";
static char *never[] = {never0};

struct fixture {
    struct db *db;
    struct table_column columns[COLUMNS];
    struct table_rule rules[2];
    struct table table;
    struct gone *gone;
    struct err err;
};

static struct table_column column(const char *name, uint32_t type)
{
    return (struct table_column){.name = text_of(name), .source = text_of(name), .type = type};
}

/* A table of ten rows with an identity of this type, 1 to 10, half of each tenant, and one row without identity. */
static void set_up(struct fixture *f, uint32_t type)
{
    static const char rows[] =
        "INSERT INTO orders (id, name, tenant, shop, updated_at) VALUES"
        " (1, 'a', 'x', 's', '2020-01-01T00:00:00Z'), (2, 'b', 'x', 's', '2020-01-01T00:00:00Z'),"
        " (3, 'c', 'x', 's', '2020-01-01T00:00:00Z'), (4, 'd', 'x', 't', '2020-01-01T00:00:00Z'),"
        " (5, 'e', 'x', 't', '2020-01-01T00:00:00Z'), (6, 'f', 'y', 's', '2020-01-01T00:00:00Z'),"
        " (7, 'g', 'y', 's', '2020-01-01T00:00:00Z'), (8, 'h', 'y', 's', '2020-01-01T00:00:00Z'),"
        " (9, 'i', 'y', 's', '2020-01-01T00:00:00Z'), (10, 'j', 'y', 's', '2020-01-01T00:00:00Z'),"
        " (NULL, 'k', 'x', 's', '2020-01-01T00:00:00Z'), (0, 'l', 'x', 's', '2020-01-01T00:00:00Z')";
    *f = (struct fixture){.db = open_memory()};
    f->columns[ID] = column("id", type);
    f->columns[NAME] = column("name", SLUICE_TEXT);
    f->columns[TENANT] = column("tenant", SLUICE_TEXT);
    f->columns[SHOP] = column("shop", SLUICE_TEXT);
    f->columns[GONE] = column("gone_at", SLUICE_TIME);
    f->rules[0] = (struct table_rule){
        .rule = SLUICE_IDENTITY, .columns = {ID}, .column_count = 1, .never = never, .never_count = 1};
    f->rules[1] = (struct table_rule){.rule = SLUICE_ADOPT, .columns = {NAME}, .column_count = 1};
    f->table = (struct table){.name = text_of("orders"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = f->rules,
                              .rule_count = 1,
                              .scope = TABLE_NONE,
                              .gone = &f->columns[GONE]};
    if (type == SLUICE_INT)
        run_sql(f->db,
                "CREATE TABLE orders (id BIGINT, name TEXT, tenant TEXT, shop TEXT, gone_at TEXT, updated_at TEXT)");
    else
        run_sql(f->db,
                "CREATE TABLE orders (id TEXT, name TEXT, tenant TEXT, shop TEXT, gone_at TEXT, updated_at TEXT)");
    run_sql(f->db, rows);
    run_sql(f->db, "INSERT INTO sluice_runs (id, job, mode, status, host, started_at)"
                   " VALUES ('01RUN', 'a.b', 'full', 'running', 'h', 't')");
    check_ok(db_begin(f->db, &f->err), &f->err);
}

static void open_gone(struct fixture *f, bool partitioned)
{
    check_ok(gone_open(f->db, &f->table, "01RUN", partitioned, &f->gone, &f->err), &f->err);
}

static void tear_down(struct fixture *f)
{
    gone_close(f->gone);
    db_close(f->db);
}

static void meet(struct fixture *f, int64_t from, int64_t to)
{
    for (int64_t id = from; id <= to; id++) {
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)id);
        const sluice_value number = {.type = SLUICE_INT, .as.i = id},
                           string = {.type = SLUICE_TEXT, .as.s = str_of(text)};
        const sluice_value *v = f->columns[ID].type == SLUICE_INT ? &number : &string;
        gone_meet(f->gone, v, 1);
    }
}

static int64_t note(struct fixture *f, bool allow)
{
    int64_t noted = -1;

    check_ok(gone_note(f->gone, NOW, allow, &noted, &f->err), &f->err);
    return noted;
}

#define NOTED "SELECT name || ' ' || gone_at || ' ' || updated_at FROM orders WHERE gone_at IS NOT NULL ORDER BY name"
#define NAMES "SELECT name FROM orders WHERE gone_at IS NOT NULL ORDER BY name"

static void rows_that_did_not_come_are_noted(void **state)
{
    static const uint32_t types[] = {SLUICE_INT, SLUICE_TEXT};
    (void)state;

    for (size_t i = 0; i < LEN(types); i++) {
        struct fixture f;
        set_up(&f, types[i]);
        open_gone(&f, false);
        meet(&f, 2, 9);
        meet(&f, 2, 9);
        assert_int_equal(note(&f, false), 2);
        assert_string_equal(rows_of(f.db, NOTED), "a 2025-10-11T08:58:45Z 2025-10-11T08:58:45Z; "
                                                  "j 2025-10-11T08:58:45Z 2025-10-11T08:58:45Z; ");
        tear_down(&f);
    }
}

static void a_row_that_has_its_note_keeps_it(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    run_sql(f.db, "UPDATE orders SET gone_at = '2024-01-01T00:00:00Z' WHERE name IN ('a', 'b')");
    open_gone(&f, false);
    meet(&f, 2, 9); /* b is cleared by the merge, not here */
    assert_int_equal(note(&f, false), 1);
    assert_string_equal(rows_of(f.db, NOTED), "a 2024-01-01T00:00:00Z 2020-01-01T00:00:00Z; "
                                              "b 2024-01-01T00:00:00Z 2020-01-01T00:00:00Z; "
                                              "j 2025-10-11T08:58:45Z 2025-10-11T08:58:45Z; ");
    tear_down(&f);
}

static void nobody_missing_writes_nothing(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    open_gone(&f, false);
    meet(&f, 1, 10);
    meet(&f, 5000, 30000);
    assert_int_equal(note(&f, false), 0);
    assert_string_equal(rows_of(f.db, NAMES), "");
    tear_down(&f);
}

static void more_than_a_fifth_is_too_many_unless_it_is_allowed(void **state)
{
    struct fixture f;
    int64_t noted = -1;
    (void)state;

    set_up(&f, SLUICE_INT);
    open_gone(&f, false);
    meet(&f, 4, 10);
    assert_int_equal(gone_note(f.gone, NOW, false, &noted, &f.err), SLUICE_E_LIMIT);
    assert_string_equal(f.err.msg,
                        "3 of 10 rows of table orders did not come any more, more than 20 %: too many to believe,"
                        " so none was noted as gone; when that is right, run it with --full --allow-gone");
    assert_string_equal(rows_of(f.db, NAMES), "");
    assert_int_equal(note(&f, true), 3);
    assert_string_equal(rows_of(f.db, NAMES), "a; b; c; ");
    tear_down(&f);
}

static void a_key_that_is_told_as_text_is_met_too(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    open_gone(&f, false);
    meet(&f, 3, 10);
    gone_meet_key(f.gone, str_of("1"));
    gone_meet_key(f.gone, str_of("2.0"));
    gone_meet_key(f.gone, str_of("4x"));
    assert_int_equal(gone_unknown(f.gone), 0);
    assert_int_equal(note(&f, false), 0);
    tear_down(&f);
}

static void a_text_may_hold_anything(void **state)
{
    static const char odd[] = "a\"b\\c'd\n{é}";
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_TEXT);
    struct db_stmt *st;
    check_ok(db_prepare(f.db, "UPDATE orders SET id = $1 WHERE name = 'a'", &st, &f.err), &f.err);
    db_bind_text(st, 1, odd);
    check_ok(db_run(st, NULL, &f.err), &f.err);
    db_finalize(st);
    open_gone(&f, false);
    meet(&f, 2, 10);
    const sluice_value value = {.type = SLUICE_TEXT, .as.s = str_of(odd)};
    const sluice_value nul = {.type = SLUICE_TEXT, .as.s = {"a\0b", 3}};
    gone_meet(f.gone, &value, 1);
    gone_meet(f.gone, &nul, 1);
    assert_int_equal(gone_unknown(f.gone), 0);
    assert_int_equal(note(&f, false), 0);
    tear_down(&f);
}

static void a_normalised_identity_is_met_as_it_is_looked_up(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_TEXT);
    f.columns[ID].flags = SLUICE_TRIM | SLUICE_LOWER;
    run_sql(f.db, "UPDATE orders SET id = ' ABC ' WHERE name = 'a'");
    open_gone(&f, false);
    meet(&f, 2, 10);
    gone_meet_key(f.gone, str_of("abc"));
    assert_int_equal(note(&f, false), 0);
    tear_down(&f);
}

static void who_has_no_identity_or_one_that_cannot_be_told_is_unknown(void **state)
{
    const sluice_value rows[] = {{0}, {.type = SLUICE_NULL}, {.type = SLUICE_INT, .as.i = 0}};
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    open_gone(&f, false);
    for (size_t i = 0; i < LEN(rows); i++)
        gone_meet(f.gone, &rows[i], 1);
    gone_meet(f.gone, NULL, 0);
    gone_meet_key(f.gone, str_of(""));
    gone_meet_key(f.gone, str_of("0"));
    assert_int_equal(gone_unknown(f.gone), 6);
    f.table.rule_count = 2; /* this key may be the name */
    gone_meet_key(f.gone, str_of("1"));
    assert_int_equal(gone_unknown(f.gone), 7);
    tear_down(&f);
}

static void a_tenants_run_judges_its_rows_only(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    f.table.scope = TENANT;
    f.columns[TENANT].value = text_of("x");
    f.columns[SHOP].value = text_of("t"); /* a constant like another: without partitions it tells nothing */
    open_gone(&f, false);
    meet(&f, 1, 4);
    assert_int_equal(note(&f, false), 1);
    assert_string_equal(rows_of(f.db, NAMES), "e; ");
    tear_down(&f);
}

static void a_partitions_run_judges_the_rows_that_have_its_constants(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    f.table.scope = TENANT;
    f.columns[TENANT].value = text_of("x");
    f.columns[SHOP].value = text_of("t");
    open_gone(&f, true);
    assert_int_equal(note(&f, true), 2);
    assert_string_equal(rows_of(f.db, NAMES), "d; e; ");
    tear_down(&f);
}

static void a_list_begins_empty(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    open_gone(&f, false);
    meet(&f, 1, 10);
    assert_int_equal(note(&f, true), 0);
    gone_close(f.gone);
    run_sql(f.db, "UPDATE sluice_runs SET status = 'failed'");
    open_gone(&f, false);
    assert_int_equal(note(&f, true), 10);
    tear_down(&f);
}

static void an_identity_of_two_columns_is_refused(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_INT);
    f.rules[0].columns[1] = NAME;
    f.rules[0].column_count = 2;
    assert_int_equal(gone_open(f.db, &f.table, "01RUN", false, &f.gone, &f.err), SLUICE_E_CONFIG);
    assert_string_equal(f.err.msg, "match: a stream that notes which rows are gone needs an identity of one column");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_did_not_come_are_noted),
        cmocka_unit_test(a_row_that_has_its_note_keeps_it),
        cmocka_unit_test(nobody_missing_writes_nothing),
        cmocka_unit_test(more_than_a_fifth_is_too_many_unless_it_is_allowed),
        cmocka_unit_test(a_key_that_is_told_as_text_is_met_too),
        cmocka_unit_test(a_text_may_hold_anything),
        cmocka_unit_test(a_normalised_identity_is_met_as_it_is_looked_up),
        cmocka_unit_test(who_has_no_identity_or_one_that_cannot_be_told_is_unknown),
        cmocka_unit_test(a_tenants_run_judges_its_rows_only),
        cmocka_unit_test(a_partitions_run_judges_the_rows_that_have_its_constants),
        cmocka_unit_test(a_list_begins_empty),
        cmocka_unit_test(an_identity_of_two_columns_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
