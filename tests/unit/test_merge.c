/* Matching and merging, one record at a time: contract A6.2 to A6.5. */
#include "merge.h"

#include "store_test.h"

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

/* A partner: id is the identity, tax the alternate key. */
enum { ID, TAX, NAME, MONEY, SEEN, COLUMNS };

static char never0[] = "000";
static char *never[] = {never0};

struct fixture {
    struct db *db;
    struct table_column columns[COLUMNS];
    struct table_rule rules[2];
    struct table table;
    struct target *target;
    struct merge_outcome outcome;
};

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static struct table_column column(const char *name, uint32_t type, uint32_t flags, const char *preset)
{
    return (struct table_column){
        .name = text(name), .source = text(name), .type = type, .flags = flags, .scale = 2, .preset = text(preset)};
}

static void no_warning(void *context, const char *line)
{
    (void)context;
    fail_msg("unexpected warning: %s", line);
}

static void no_matter(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void set_up(struct fixture *f, uint32_t second_rule)
{
    struct err err = {0};

    *f = (struct fixture){0};
    f->columns[ID] = column("id_at_source", SLUICE_INT, 0, NULL);
    f->columns[TAX] = column("tax", SLUICE_TEXT, SLUICE_TRIM, NULL);
    f->columns[NAME] = column("name", SLUICE_TEXT, SLUICE_REQUIRED, "Unknown");
    f->columns[MONEY] = column("money", SLUICE_DECIMAL, 0, NULL);
    f->columns[SEEN] = column("seen", SLUICE_TIME, SLUICE_CLEAR, NULL);
    f->rules[0] = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {ID}, .column_count = 1};
    f->rules[1] = (struct table_rule){
        .rule = second_rule, .columns = {TAX}, .column_count = 1, .never = never, .never_count = 1};
    f->table = (struct table){.name = text("partners"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = f->rules,
                              .rule_count = 2,
                              .scope = TABLE_NONE};
    f->db = open_memory();
    assert_int_equal(db_begin(f->db, &err), 0);
    int rc = target_open(f->db, &f->table, "01RUN", no_warning, NULL, &f->target, &err);
    if (rc)
        fail_msg("%s", err.msg);
}

static void tear_down(struct fixture *f)
{
    target_close(f->target);
    merge_outcome_free(&f->outcome);
    db_close(f->db);
}

static sluice_value integer(int64_t i)
{
    return (sluice_value){.type = SLUICE_INT, .as.i = i};
}

static sluice_value string(const char *s)
{
    return (sluice_value){.type = SLUICE_TEXT, .as.s = {s, strlen(s)}};
}

static const sluice_value absent = {.type = SLUICE_ABSENT};
static const sluice_value null = {.type = SLUICE_NULL};

static int merge(struct fixture *f, sluice_value id, sluice_value tax, sluice_value name)
{
    const sluice_value values[] = {id, tax, name};
    struct err err = {0};

    if (merge_record(f->target, &f->table, values, 3, NOW, &f->outcome, &err))
        fail_msg("%s", err.msg);
    return f->outcome.what;
}

/* Rows that were there before, or that somebody else adds: "(tax, name), …", or with an id_at_source first. */
static void put_rows(struct fixture *f, const char *columns, const char *rows)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "INSERT INTO partners (%s, created_at, updated_at, last_sync_at)"
             " SELECT v.*, %s, %s, %s FROM (%s) AS v",
             columns, sql_moment(), sql_moment(), sql_moment(), rows);
    run_sql(f->db, sql);
}

static void check_rows(struct fixture *f, const char *want)
{
    struct db_stmt *st;
    struct err err = {0};
    char have[2048] = "";

    assert_int_equal(db_prepare(f->db,
                                "SELECT coalesce(CAST(id_at_source AS TEXT), '-') || ' ' || coalesce(tax, '-')"
                                " || ' ' || name FROM partners ORDER BY id",
                                &st, &err),
                     0);
    while (db_step(st, &err) == 1) {
        strncat(have, db_column_text(st, 0), sizeof(have) - strlen(have) - 1);
        strncat(have, "; ", sizeof(have) - strlen(have) - 1);
    }
    db_finalize(st);
    assert_string_equal(have, want);
}

static void a_new_key_creates_and_the_same_record_again_is_unchanged(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_UNCHANGED);
    assert_int_equal(merge(&f, integer(1), string("11"), string("B")), MERGE_UPDATED);
    check_rows(&f, "1 11 B; ");
    tear_down(&f);
}

static void an_absent_field_stays_and_a_null_goes_back_to_the_preset(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    assert_int_equal(merge(&f, integer(1), string("11"), absent), MERGE_CREATED);
    check_rows(&f, "1 11 Unknown; ");
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_UPDATED);
    assert_int_equal(merge(&f, integer(1), absent, absent), MERGE_UNCHANGED);
    check_rows(&f, "1 11 A; ");
    assert_int_equal(merge(&f, integer(1), null, null), MERGE_UPDATED);
    check_rows(&f, "1 - Unknown; ");
    tear_down(&f);
}

#define THEN "'2020-02-02T00:00:00Z'"

static void a_difference_in_quiet_columns_alone_is_written_but_no_change(void **state)
{
    static const char stamps[] =
        "SELECT tax || ' ' || name || CASE WHEN updated_at = " THEN " THEN ' old' ELSE ' new' END"
        " || CASE WHEN last_sync_at = " THEN " THEN ' old' ELSE ' new' END FROM partners";
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    f.columns[TAX].flags |= SLUICE_QUIET;
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    run_sql(f.db, "UPDATE partners SET updated_at = " THEN ", last_sync_at = " THEN);
    assert_int_equal(merge(&f, integer(1), string("22"), string("A")), MERGE_UNCHANGED);
    assert_string_equal(rows_of(f.db, stamps), "22 A old new; ");
    run_sql(f.db, "UPDATE partners SET last_sync_at = " THEN);
    assert_int_equal(merge(&f, integer(1), string("22"), string("A")), MERGE_UNCHANGED);
    assert_string_equal(rows_of(f.db, stamps), "22 A old old; ");
    assert_int_equal(merge(&f, integer(1), string("33"), string("B")), MERGE_UPDATED);
    assert_string_equal(rows_of(f.db, stamps), "33 B new new; ");
    tear_down(&f);
}

static void adopting_takes_only_rows_without_an_identity(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    put_rows(&f, "tax, name", "SELECT '11', 'by hand'");
    assert_int_equal(merge(&f, integer(1), string("11"), string("head office")), MERGE_UPDATED);
    assert_int_equal(merge(&f, integer(2), string("11"), string("branch")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(1), string("11"), string("head office")), MERGE_UNCHANGED);
    assert_int_equal(merge(&f, integer(2), string("11"), string("branch")), MERGE_UNCHANGED);
    check_rows(&f, "1 11 head office; 2 11 branch; ");
    tear_down(&f);
}

static void a_row_that_another_program_adds_between_two_batches_is_adopted(void **state)
{
    struct fixture f;
    struct err err = {0};
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    assert_int_equal(db_commit(f.db, &err), 0);
    put_rows(&f, "tax, name", "SELECT '22', 'by hand'");
    assert_int_equal(db_begin(f.db, &err), 0);
    assert_int_equal(merge(&f, integer(2), string("22"), string("B")), MERGE_UPDATED);
    assert_int_equal(db_commit(f.db, &err), 0);
    check_rows(&f, "1 11 A; 2 22 B; ");
    tear_down(&f);
}

static void a_record_without_identity_finds_its_own_row_again(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    assert_int_equal(merge(&f, null, string("DE9"), string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, null, string("DE9"), string("A")), MERGE_UNCHANGED);
    assert_int_equal(merge(&f, integer(7), string("DE9"), string("A")), MERGE_UPDATED);
    check_rows(&f, "7 DE9 A; ");
    tear_down(&f);
}

static void empty_and_dummy_keys_match_nothing(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    assert_int_equal(merge(&f, integer(1), null, string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(2), null, string("B")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(3), string("000"), string("C")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(4), string("000"), string("D")), MERGE_CREATED);
    check_rows(&f, "1 - A; 2 - B; 3 000 C; 4 000 D; ");
    tear_down(&f);
}

static void a_record_without_a_usable_key_is_rejected(void **state)
{
    static const struct {
        const char *name, *tax;
    } cases[] = {{"both null", NULL}, {"an empty tax id", ""}, {"a dummy tax id", "000"}};
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    for (size_t i = 0; i < LEN(cases); i++) {
        assert_int_equal(merge(&f, null, cases[i].tax ? string(cases[i].tax) : null, string("A")), MERGE_REJECTED);
        assert_string_equal(buf_text(&f.outcome.reason), "no-key: the record has no usable id_at_source or tax");
        assert_string_equal(buf_text(&f.outcome.key), "");
    }
    check_rows(&f, "");
    tear_down(&f);
}

static void two_candidates_are_ambiguous_and_nothing_is_written(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    put_rows(&f, "tax, name", "SELECT '11', 'x' UNION ALL SELECT '11', 'y'");
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_REJECTED);
    assert_string_equal(buf_text(&f.outcome.reason), "ambiguous: more than one row has its tax");
    assert_string_equal(buf_text(&f.outcome.key), "1");
    check_rows(&f, "- 11 x; - 11 y; ");
    tear_down(&f);
}

static void trimmed_keys_match_rows_that_were_stored_untrimmed(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    put_rows(&f, "tax, name", on_server() ? "SELECT ' 11' || chr(9), 'x'" : "SELECT ' 11' || char(9), 'x'");
    assert_int_equal(merge(&f, integer(1), string("11"), string("x")), MERGE_UPDATED);
    check_rows(&f, "1 11 x; ");
    tear_down(&f);
}

static void rebinding_takes_a_row_over_but_not_one_used_in_this_run(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_REBIND);
    put_rows(&f, "id_at_source, tax, name", "SELECT 5, '11', 'x'");
    assert_int_equal(merge(&f, integer(6), string("11"), string("x")), MERGE_UPDATED);
    assert_true(f.outcome.rebound);
    assert_string_equal(buf_text(&f.outcome.note), "row of 5 is now 6");
    assert_int_equal(merge(&f, integer(7), string("11"), string("x")), MERGE_REJECTED);
    assert_false(f.outcome.rebound);
    assert_string_equal(buf_text(&f.outcome.reason), "conflict: its row was already used in this run by 6");
    check_rows(&f, "6 11 x; ");
    tear_down(&f);
}

static void a_refused_record_leaves_the_others_of_its_transaction(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    refuse_rows(f.db, "partners", "new.name = 'B'", "no B here");
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(2), string("12"), string("B")), MERGE_REJECTED);
    assert_string_equal(buf_text(&f.outcome.reason), "trigger: no B here");
    assert_int_equal(merge(&f, integer(3), string("13"), string("C")), MERGE_CREATED);
    check_rows(&f, "1 11 A; 3 13 C; ");
    tear_down(&f);
}

static void a_record_without_identity_does_not_take_a_rows_identity_away(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, SLUICE_REBIND);
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, null, string("11"), string("A")), MERGE_UNCHANGED);
    check_rows(&f, "1 11 A; ");
    tear_down(&f);
}

static void a_deferred_foreign_key_rejects_its_record_alone(void **state)
{
    struct fixture f;
    char sql[400];
    struct err err = {0};
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    target_close(f.target);
    snprintf(sql, sizeof(sql),
             "DROP TABLE partners; CREATE TABLE names (name TEXT PRIMARY KEY);"
             "INSERT INTO names VALUES ('A'), ('C');"
             "CREATE TABLE partners (id %s PRIMARY KEY, id_at_source BIGINT, tax TEXT, money TEXT,"
             " seen TEXT, name TEXT REFERENCES names (name) DEFERRABLE INITIALLY DEFERRED)",
             on_server() ? "SERIAL" : "INTEGER");
    run_sql(f.db, sql);
    assert_int_equal(target_open(f.db, &f.table, "01RUN", no_matter, NULL, &f.target, &err), 0);
    assert_int_equal(merge(&f, integer(1), string("11"), string("A")), MERGE_CREATED);
    assert_int_equal(merge(&f, integer(2), string("12"), string("B")), MERGE_REJECTED);
    assert_string_equal(buf_text(&f.outcome.reason),
                        on_server()
                            ? "foreign-key: insert or update on table \"partners\" violates foreign key constraint"
                              " \"partners_name_fkey\"; Key (name)=(B) is not present in table \"names\"."
                            : "foreign-key: the row it points to is not there");
    assert_int_equal(merge(&f, integer(3), string("13"), string("C")), MERGE_CREATED);
    assert_int_equal(db_commit(f.db, &err), 0);
    check_rows(&f, "1 11 A; 3 13 C; ");
    tear_down(&f);
}

static void decimals_and_times_are_stored_exactly_and_compared_as_stored(void **state)
{
    static const char *const moments[] = {"SELECT seen FROM partners", "SELECT created_at FROM partners"};
    struct fixture f;
    struct err err = {0};
    sluice_value values[COLUMNS] = {integer(1), string("11"), string("A")};
    (void)state;

    set_up(&f, SLUICE_ADOPT);
    values[MONEY] = (sluice_value){.type = SLUICE_DECIMAL, .as.i = on_server() ? 123456789012350 : 123456789012345650};
    values[SEEN] = (sluice_value){.type = SLUICE_TIME, .as.i = NOW};
    assert_int_equal(merge_record(f.target, &f.table, values, COLUMNS, NOW, &f.outcome, &err), 0);
    assert_int_equal(merge_record(f.target, &f.table, values, COLUMNS, NOW, &f.outcome, &err), 0);
    assert_int_equal(f.outcome.what, MERGE_UNCHANGED);
    assert_string_equal(rows_of(f.db, "SELECT money FROM partners"),
                        on_server() ? "1234567890123.50; " : "1234567890123456.50; "); /* a server's has 15 digits */
    for (size_t i = 0; i < LEN(moments); i++)
        assert_string_equal(rows_of(f.db, moments[i]),
                            on_server() ? "2025-10-11 08:58:45+00; " : "2025-10-11T08:58:45Z; ");
    values[SEEN] = absent; /* CLEAR: not sent counts as null */
    assert_int_equal(merge_record(f.target, &f.table, values, COLUMNS, NOW, &f.outcome, &err), 0);
    assert_int_equal(f.outcome.what, MERGE_UPDATED);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_creates_and_the_same_record_again_is_unchanged),
        cmocka_unit_test(an_absent_field_stays_and_a_null_goes_back_to_the_preset),
        cmocka_unit_test(a_difference_in_quiet_columns_alone_is_written_but_no_change),
        cmocka_unit_test(adopting_takes_only_rows_without_an_identity),
        cmocka_unit_test(a_row_that_another_program_adds_between_two_batches_is_adopted),
        cmocka_unit_test(a_record_without_identity_finds_its_own_row_again),
        cmocka_unit_test(empty_and_dummy_keys_match_nothing),
        cmocka_unit_test(a_record_without_a_usable_key_is_rejected),
        cmocka_unit_test(two_candidates_are_ambiguous_and_nothing_is_written),
        cmocka_unit_test(trimmed_keys_match_rows_that_were_stored_untrimmed),
        cmocka_unit_test(rebinding_takes_a_row_over_but_not_one_used_in_this_run),
        cmocka_unit_test(a_refused_record_leaves_the_others_of_its_transaction),
        cmocka_unit_test(a_record_without_identity_does_not_take_a_rows_identity_away),
        cmocka_unit_test(a_deferred_foreign_key_rejects_its_record_alone),
        cmocka_unit_test(decimals_and_times_are_stored_exactly_and_compared_as_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
