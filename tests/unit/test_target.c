/* A table whose own rules get between a record and its row: whatever they do, no record is lost without a word. */
#include "merge.h"

#include "store_test.h"

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

enum { CODE, NAME, COLUMNS };

struct fixture {
    struct db *db;
    struct table_column columns[COLUMNS];
    struct table_rule rule;
    struct table table;
    struct target *target;
    struct merge_outcome outcome;
    struct err err;
};

static void no_matter(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void set_up(struct fixture *f, const char *sql)
{
    *f = (struct fixture){.db = open_memory()};
    f->columns[CODE] = (struct table_column){.name = text_of("code"), .source = text_of("code"), .type = SLUICE_INT};
    f->columns[NAME] = (struct table_column){.name = text_of("name"), .source = text_of("name"), .type = SLUICE_TEXT};
    f->rule = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {CODE}, .column_count = 1};
    f->table = (struct table){.name = text_of("partners"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = &f->rule,
                              .rule_count = 1,
                              .scope = TABLE_NONE};
    run_sql(f->db, sql);
    check_ok(db_begin(f->db, &f->err), &f->err);
    check_ok(target_open(f->db, &f->table, "01RUN", no_matter, NULL, &f->target, &f->err), &f->err);
}

static void tear_down(struct fixture *f)
{
    target_close(f->target);
    merge_outcome_free(&f->outcome);
    db_close(f->db);
}

static int merge(struct fixture *f, int64_t code, const char *name)
{
    const sluice_value values[] = {{.type = SLUICE_INT, .as.i = code}, {.type = SLUICE_TEXT, .as.s = str_of(name)}};

    return merge_record(f->target, &f->table, values, COLUMNS, NOW, &f->outcome, &f->err);
}

struct refusal {
    const char *sql, *reason;
};

static void check_refusals(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture f;
        set_up(&f, cases[i].sql);
        assert_int_equal(merge(&f, 7, "B"), 0);
        assert_int_equal(f.outcome.what, MERGE_REJECTED);
        assert_string_equal(buf_text(&f.outcome.reason), cases[i].reason);
        assert_string_equal(buf_text(&f.outcome.key), "7");
        assert_int_equal(merge(&f, 8, "A"), 0);
        assert_int_equal(f.outcome.what, MERGE_CREATED);
        assert_string_equal(rows_of(f.db, "SELECT code FROM partners WHERE code > 1"), "8; ");
        tear_down(&f);
    }
}

#define FUNCTION(body)                                                                                                 \
    "CREATE FUNCTION no_b() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.name = 'B' THEN " body                 \
    " END IF; RETURN new; END $$;"                                                                                     \
    "CREATE TRIGGER no_b BEFORE INSERT OR UPDATE ON partners FOR EACH ROW EXECUTE FUNCTION no_b()"

static void a_refusal_has_its_class_on_a_server(void **state)
{
    static const struct refusal cases[] = {
        {"CREATE TABLE partners (code INT, name TEXT CHECK (name <> 'B'))",
         "constraint: new row for relation \"partners\" violates check constraint \"partners_name_check\""},
        {"CREATE TABLE partners (code INT, name TEXT UNIQUE); INSERT INTO partners VALUES (1, 'B')",
         "constraint: duplicate key value violates unique constraint \"partners_name_key\"; Key (name)=(B) already"
         " exists."},
        {"CREATE TABLE names (name TEXT PRIMARY KEY); INSERT INTO names VALUES ('A');"
         "CREATE TABLE partners (code INT, name TEXT REFERENCES names (name))",
         "foreign-key: insert or update on table \"partners\" violates foreign key constraint \"partners_name_fkey\";"
         " Key (name)=(B) is not present in table \"names\"."},
        {"CREATE TABLE partners (code INT, name TEXT);" FUNCTION("RAISE EXCEPTION 'no';"), "trigger: no"},
        {"CREATE TABLE partners (code INT, name TEXT);" FUNCTION("RAISE EXCEPTION 'no' USING ERRCODE = 'Z0001';"),
         "trigger: no"},
        {"CREATE TABLE partners (code INT, name TEXT);" FUNCTION("RAISE serialization_failure USING MESSAGE = 'no';"),
         "serialization: no"},
        {"CREATE TABLE partners (code INT, name TEXT);" FUNCTION("RAISE disk_full USING MESSAGE = 'no';"), "disk: no"},
        {"CREATE TABLE partners (code INT, name TEXT);" FUNCTION("PERFORM 1 / 0;"), "type: division by zero"},
    };
    (void)state;

    check_refusals(cases, LEN(cases));
}

static void a_refusal_has_its_class(void **state)
{
    static const struct refusal cases[] = {
        {"CREATE TABLE partners (code INTEGER, name TEXT CHECK (name <> 'B'))",
         "constraint: CHECK constraint failed: name <> 'B'"},
        {"CREATE TABLE partners (code INTEGER, name TEXT UNIQUE); INSERT INTO partners VALUES (1, 'B')",
         "constraint: UNIQUE constraint failed: partners.name"},
        {"CREATE TABLE names (name TEXT PRIMARY KEY); INSERT INTO names VALUES ('A');"
         "CREATE TABLE partners (code INTEGER, name TEXT REFERENCES names (name))",
         "foreign-key: FOREIGN KEY constraint failed"},
        {"CREATE TABLE partners (code INTEGER, name TEXT);"
         "CREATE TRIGGER no_b BEFORE INSERT ON partners WHEN new.name = 'B' BEGIN SELECT raise(ABORT, 'no'); END",
         "trigger: no"},
        {"CREATE TABLE partners (code INTEGER, name TEXT);"
         "CREATE TRIGGER no_b BEFORE INSERT ON partners WHEN new.name = 'B' BEGIN SELECT raise(FAIL, 'no'); END",
         "trigger: no"},
    };
    (void)state;

    check_refusals(cases, LEN(cases));
}

static void a_row_that_is_dropped_without_an_error_is_a_reject(void **state)
{
    static const char *const on_file[] = {
        "CREATE TABLE partners (code INTEGER, name TEXT); INSERT INTO partners VALUES (1, 'A');"
        "CREATE TRIGGER no_new BEFORE INSERT ON partners WHEN new.name = 'B' BEGIN SELECT raise(IGNORE); END;"
        "CREATE TRIGGER no_old BEFORE UPDATE ON partners WHEN new.name = 'B' BEGIN SELECT raise(IGNORE); END",
        "CREATE TABLE partners (code INTEGER, name TEXT UNIQUE ON CONFLICT IGNORE);"
        "INSERT INTO partners VALUES (1, 'A'), (2, 'B')",
    };
    static const char *const there[] = {
        "CREATE TABLE partners (code INT, name TEXT); INSERT INTO partners VALUES (1, 'A');" FUNCTION("RETURN NULL;"),
        "CREATE TABLE partners (code INT, name TEXT); INSERT INTO partners VALUES (1, 'A');"
        "CREATE RULE no_new AS ON INSERT TO partners WHERE new.name = 'B' DO INSTEAD NOTHING;"
        "CREATE RULE no_old AS ON UPDATE TO partners WHERE new.name = 'B' DO INSTEAD NOTHING",
    };
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        set_up(&f, on_server() ? there[i] : on_file[i]);
        for (int64_t code = 1; code <= 3; code += 2) { /* an update, then an insert */
            assert_int_equal(merge(&f, code, "B"), 0);
            assert_int_equal(f.outcome.what, MERGE_REJECTED);
            assert_string_equal(buf_text(&f.outcome.reason),
                                "ignored: a trigger or constraint of the table dropped it without an error");
        }
        assert_int_equal(merge(&f, 4, "C"), 0);
        assert_int_equal(f.outcome.what, MERGE_CREATED);
        assert_string_equal(rows_of(f.db, "SELECT code || name FROM partners WHERE code <> 2 ORDER BY code"), "1A; 4C; ");
        tear_down(&f);
    }
}

static void a_rule_that_ends_the_whole_transaction_ends_the_run(void **state)
{
    static const char *const cases[] = {
        "CREATE TABLE partners (code INTEGER, name TEXT);"
        "CREATE TRIGGER no_b BEFORE INSERT ON partners WHEN new.name = 'B' BEGIN SELECT raise(ROLLBACK, 'no'); END",
        "CREATE TABLE partners (code INTEGER, name TEXT UNIQUE ON CONFLICT ROLLBACK);"
        "INSERT INTO partners VALUES (1, 'B')",
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f, cases[i]);
        check_ok(db_commit(f.db, &f.err), &f.err);
        check_ok(db_begin(f.db, &f.err), &f.err);
        assert_int_equal(merge(&f, 7, "A"), 0); /* would be lost, and counted as created */
        assert_int_equal(merge(&f, 8, "B"), E_STORE);
        assert_false(db_in_transaction(f.db));
        assert_non_null(strstr(f.err.msg, "rolled the whole transaction back"));
        assert_string_equal(rows_of(f.db, "SELECT code FROM partners WHERE code > 1"), "");
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_has_its_class),
        cmocka_unit_test(a_row_that_is_dropped_without_an_error_is_a_reject),
        cmocka_unit_test(a_rule_that_ends_the_whole_transaction_ends_the_run),
    };

    const struct CMUnitTest server_tests[] = {
        cmocka_unit_test(a_refusal_has_its_class_on_a_server),
        cmocka_unit_test(a_row_that_is_dropped_without_an_error_is_a_reject),
    };

    return on_server() ? cmocka_run_group_tests(server_tests, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
