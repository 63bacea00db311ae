/* What only a server can do to the store: columns of types that sluice does not make, other writers, connections that
 * break. Needs SLUICE_TEST_STORE, see tests/postgres.
 */
#include "merge.h"

#include "store_test.h"

#include "clock.h"

#include <pthread.h>

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

enum { CODE, VALUE, COLUMNS };

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

/* Table "partners" as `sql` makes it, its column "value" of a type of its own. */
static void set_up(struct fixture *f, const char *sql, uint32_t type)
{
    *f = (struct fixture){.db = open_memory()};
    f->columns[CODE] = (struct table_column){.name = text_of("code"), .source = text_of("code"), .type = SLUICE_INT};
    f->columns[VALUE] =
        (struct table_column){.name = text_of("value"), .source = text_of("value"), .type = type, .scale = 2};
    f->rule = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {CODE}, .column_count = 1};
    f->table = (struct table){.name = text_of("partners"),
                              .columns = f->columns,
                              .column_count = COLUMNS,
                              .rules = &f->rule,
                              .rule_count = 1,
                              .scope = TABLE_NONE,
                              .check_only = true};
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

static int merge(struct fixture *f, int64_t code, sluice_value value)
{
    const sluice_value values[] = {{.type = SLUICE_INT, .as.i = code}, value};

    f->err = (struct err){0};
    int rc = merge_record(f->target, &f->table, values, COLUMNS, NOW, &f->outcome, &f->err);
    return rc ? rc : f->outcome.what;
}

static sluice_value text(const char *s)
{
    return (sluice_value){.type = SLUICE_TEXT, .as.s = str_of(s)};
}

/* ---- Types ---- */

static void a_value_is_stored_as_its_column_has_it_and_is_the_same_then(void **state)
{
    static const int64_t three[] = {1, -2, INT32_MAX};
    static const struct {
        const char *type;
        sluice_value value;
        const char *stored;
    } cases[] = {
        {"text", {.type = SLUICE_TEXT, .as.s = {"\xCE\x86 'x' \\ \"y\"", 12}}, "\xCE\x86 'x' \\ \"y\""},
        {"varchar(4)",
         {.type = SLUICE_TEXT, .as.s = {"\xCE\x86\xCE\x86\xCE\x86\xCE\x86  ", 10}},
         "\xCE\x86\xCE\x86\xCE\x86\xCE\x86"},
        {"varchar(4)", {.type = SLUICE_TEXT, .as.s = {"a ", 2}}, "a "},
        {"char(4)", {.type = SLUICE_TEXT, .as.s = {"a ", 2}}, "a"},
        {"public.mood", {.type = SLUICE_TEXT, .as.s = {"it's", 4}}, "it's"},
        {"uuid",
         {.type = SLUICE_TEXT, .as.s = {"{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", 38}},
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {"json", {.type = SLUICE_TEXT, .as.s = {"{\"b\": 1,  \"a\":2}", 16}}, "{\"b\": 1,  \"a\":2}"},
        {"jsonb", {.type = SLUICE_TEXT, .as.s = {"{\"b\": 1,  \"a\":2}", 16}}, "{\"a\": 2, \"b\": 1}"},
        {"xml", {.type = SLUICE_TEXT, .as.s = {"<a>1</a>", 8}}, "<a>1</a>"},
        {"public.citext", {.type = SLUICE_TEXT, .as.s = {"aB", 2}}, "aB"},
        {"public.short", {.type = SLUICE_TEXT, .as.s = {"ab", 2}}, "ab"},
        {"bigint", {.type = SLUICE_INT, .as.i = INT64_MIN}, "-9223372036854775808"},
        {"integer", {.type = SLUICE_INT, .as.i = INT32_MAX}, "2147483647"},
        {"smallint", {.type = SLUICE_INT, .as.i = -32768}, "-32768"},
        {"numeric(5)", {.type = SLUICE_INT, .as.i = 12345}, "12345"},
        {"boolean", {.type = SLUICE_BOOL, .as.i = 1}, "true"},
        {"smallint", {.type = SLUICE_BOOL, .as.i = 1}, "1"},
        {"numeric(15,2)", {.type = SLUICE_DECIMAL, .as.i = -1234567890123}, "-12345678901.23"},
        {"numeric(15,1)", {.type = SLUICE_DECIMAL, .as.i = 125}, "1.3"},
        {"numeric", {.type = SLUICE_DECIMAL, .as.i = 120}, "1.20"},
        {"text", {.type = SLUICE_DECIMAL, .as.i = 120}, "1.20"},
        {"timestamptz", {.type = SLUICE_TIME, .as.i = NOW + 123456}, "2025-10-11 08:58:45.123456+00"},
        {"timestamptz(0)", {.type = SLUICE_TIME, .as.i = NOW + 523456}, "2025-10-11 08:58:46+00"},
        {"timestamp", {.type = SLUICE_TIME, .as.i = NOW}, "2025-10-11 08:58:45"},
        {"timestamp(1)", {.type = SLUICE_TIME, .as.i = NOW + 160000}, "2025-10-11 08:58:45.2"},
        {"date", {.type = SLUICE_TIME, .as.i = NOW}, "2025-10-11"},
        {"text", {.type = SLUICE_TIME, .as.i = NOW}, "2025-10-11T08:58:45Z"},
        {"text", {.type = SLUICE_TIME, .as.i = NOW + 120000}, "2025-10-11T08:58:45.12Z"},
        {"integer[]", {.type = SLUICE_INTS, .as.n = {three, 3}}, "{1,-2,2147483647}"},
        {"bigint[]", {.type = SLUICE_INTS, .as.n = {three, 0}}, "{}"},
        {"text", {.type = SLUICE_INTS, .as.n = {three, 3}}, "[1,-2,2147483647]"},
        {"jsonb", {.type = SLUICE_INTS, .as.n = {three, 2}}, "[1, -2]"},
    };
    char sql[160];
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        snprintf(sql, sizeof(sql), "CREATE TABLE partners (id serial PRIMARY KEY, code bigint UNIQUE, value %s)",
                 cases[i].type);
        set_up(&f, sql, cases[i].value.type);
        if (merge(&f, 1, cases[i].value) != MERGE_CREATED)
            fail_msg("%s: %s%s", cases[i].type, f.err.msg, buf_text(&f.outcome.reason));
        snprintf(sql, sizeof(sql), "%s; ", cases[i].stored);
        assert_string_equal(rows_of(f.db, "SELECT value::text FROM partners"), sql);
        if (merge(&f, 1, cases[i].value) != MERGE_UNCHANGED)
            fail_msg("%s: the same record again is not unchanged: %s%s", cases[i].type, f.err.msg,
                     buf_text(&f.outcome.reason));
        assert_int_equal(merge(&f, 1, (sluice_value){.type = SLUICE_NULL}), MERGE_UPDATED);
        assert_int_equal(merge(&f, 1, (sluice_value){.type = SLUICE_NULL}), MERGE_UNCHANGED);
        assert_int_equal(merge(&f, 1, cases[i].value), MERGE_UPDATED);
        assert_string_equal(rows_of(f.db, "SELECT value::text FROM partners"), sql);
        tear_down(&f);
    }
}

static void a_value_that_its_column_does_not_take_is_named(void **state)
{
    static const struct {
        const char *type;
        sluice_value good, bad;
        const char *reason;
    } cases[] = {
        {"varchar(4)",
         {.type = SLUICE_TEXT, .as.s = {"abcd", 4}},
         {.type = SLUICE_TEXT, .as.s = {"abcdef", 6}},
         "type: value: \"abcdef\": longer than the 4 characters of its column"},
        {"char(4)",
         {.type = SLUICE_TEXT, .as.s = {"abcd", 4}},
         {.type = SLUICE_TEXT, .as.s = {"abcde", 5}},
         "type: value: \"abcde\": longer than the 4 characters of its column"},
        {"public.mood",
         {.type = SLUICE_TEXT, .as.s = {"good", 4}},
         {.type = SLUICE_TEXT, .as.s = {"bad", 3}},
         "type: value: \"bad\": invalid input value for enum"},
        {"uuid",
         {.type = SLUICE_TEXT, .as.s = {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", 36}},
         {.type = SLUICE_TEXT, .as.s = {"x", 1}},
         "type: value: \"x\": invalid input syntax for type uuid"},
        {"jsonb",
         {.type = SLUICE_TEXT, .as.s = {"1", 1}},
         {.type = SLUICE_TEXT, .as.s = {"{", 1}},
         "type: value: \"{\": invalid input syntax for type json"},
        {"json",
         {.type = SLUICE_TEXT, .as.s = {"1", 1}},
         {.type = SLUICE_TEXT, .as.s = {"{", 1}},
         "type: value: \"{\": invalid input syntax for type json"},
        {"smallint",
         {.type = SLUICE_INT, .as.i = 1},
         {.type = SLUICE_INT, .as.i = 32768},
         "type: value: \"32768\": smallint out of range"},
        {"integer",
         {.type = SLUICE_INT, .as.i = 1},
         {.type = SLUICE_INT, .as.i = INT64_MAX},
         "type: value: \"9223372036854775807\": integer out of range"},
        {"numeric(4,2)",
         {.type = SLUICE_DECIMAL, .as.i = 9999},
         {.type = SLUICE_DECIMAL, .as.i = 10000},
         "type: value: \"100.00\": numeric field overflow"},
        {"public.short",
         {.type = SLUICE_TEXT, .as.s = {"ab", 2}},
         {.type = SLUICE_TEXT, .as.s = {"no", 2}},
         "constraint: value: \"no\": value for domain public.short violates"},
        {"public.short",
         {.type = SLUICE_TEXT, .as.s = {"ab", 2}},
         {.type = SLUICE_TEXT, .as.s = {"abcdefg", 7}},
         "type: value: \"abcdefg\": longer than the 5 characters of its column"},
        {"text",
         {.type = SLUICE_TEXT, .as.s = {"ab", 2}},
         {.type = SLUICE_TEXT, .as.s = {"a\0b", 3}},
         "value: value: has a NUL inside, which the database cannot store"},
    };
    char sql[160];
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        snprintf(sql, sizeof(sql), "CREATE TABLE partners (id serial PRIMARY KEY, code bigint UNIQUE, value %s)",
                 cases[i].type);
        set_up(&f, sql, cases[i].good.type);
        assert_int_equal(merge(&f, 1, cases[i].good), MERGE_CREATED);
        for (int64_t code = 1; code <= 2; code++) { /* an update, then an insert */
            assert_int_equal(merge(&f, code, cases[i].bad), MERGE_REJECTED);
            if (!strstr(buf_text(&f.outcome.reason), cases[i].reason) &&
                strncmp(buf_text(&f.outcome.reason), cases[i].reason, 20) != 0)
                fail_msg("%s: %s", cases[i].type, buf_text(&f.outcome.reason));
        }
        assert_int_equal(merge(&f, 1, cases[i].good), MERGE_UNCHANGED);
        check_ok(db_commit(f.db, &f.err), &f.err);
        assert_string_equal(rows_of(f.db, "SELECT code FROM partners"), "1; ");
        tear_down(&f);
    }
}

static void a_column_of_another_kind_does_not_fit(void **state)
{
    static const struct {
        const char *type;
        uint32_t value;
    } cases[] = {{"text", SLUICE_INT},
                 {"double precision", SLUICE_INT},
                 {"integer", SLUICE_TEXT},
                 {"bytea", SLUICE_TEXT},
                 {"double precision", SLUICE_DECIMAL},
                 {"bigint", SLUICE_DECIMAL},
                 {"integer", SLUICE_TIME},
                 {"boolean", SLUICE_INT},
                 {"text", SLUICE_BOOL},
                 {"text[]", SLUICE_INTS},
                 {"time", SLUICE_TIME}};
    char sql[160];
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f, "CREATE TABLE partners (code bigint UNIQUE, value text)", SLUICE_TEXT);
        target_close(f.target);
        f.target = NULL;
        snprintf(sql, sizeof(sql), "DROP TABLE partners; CREATE TABLE partners (code bigint UNIQUE, value %s)",
                 cases[i].type);
        run_sql(f.db, sql);
        f.columns[VALUE].type = cases[i].value;
        assert_int_equal(target_open(f.db, &f.table, "01RUN", no_matter, NULL, &f.target, &f.err), SLUICE_E_CONFIG);
        snprintf(sql, sizeof(sql), "column \"value\" is of type %s", cases[i].type);
        if (!strstr(f.err.msg, sql))
            fail_msg("%s: %s", cases[i].type, f.err.msg);
        tear_down(&f);
    }
}

static void tables_of_other_schemas_and_partitions_are_written_to(void **state)
{
    static const char *const cases[] = {
        "CREATE SCHEMA IF NOT EXISTS app; DROP TABLE IF EXISTS app.\"Partners\";"
        "CREATE TABLE app.\"Partners\" (code bigint UNIQUE, value text)",
        "CREATE SCHEMA IF NOT EXISTS app; DROP TABLE IF EXISTS app.\"Partners\";"
        "CREATE TABLE app.\"Partners\" (code bigint, value text) PARTITION BY HASH (code);"
        "CREATE TABLE p0 PARTITION OF app.\"Partners\" FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE p1 PARTITION OF app.\"Partners\" FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f, "CREATE TABLE partners (code bigint UNIQUE, value text)", SLUICE_TEXT);
        run_sql(f.db, cases[i]);
        target_close(f.target);
        f.table.name = text_of("app.Partners");
        check_ok(target_open(f.db, &f.table, "01RUN", no_matter, NULL, &f.target, &f.err), &f.err);
        for (int64_t code = 1; code <= 20; code++)
            assert_int_equal(merge(&f, code, text("a")), MERGE_CREATED);
        for (int64_t code = 1; code <= 20; code++)
            assert_int_equal(merge(&f, code, text(code % 2 ? "a" : "b")), code % 2 ? MERGE_UNCHANGED : MERGE_UPDATED);
        assert_string_equal(rows_of(f.db, "SELECT sum(code) FROM app.\"Partners\" GROUP BY value ORDER BY value"),
                            "100; 110; ");
        tear_down(&f);
    }
}

/* ---- Refusals ---- */

static void every_refusal_has_its_class_and_the_transaction_goes_on(void **state)
{
    static const struct {
        const char *sql, *reason;
    } cases[] = {
        {"CREATE TABLE partners (code bigint, value text CHECK (value <> 'B'))",
         "constraint: new row for relation \"partners\" violates check constraint \"partners_value_check\""},
        {"CREATE TABLE partners (code bigint, value text UNIQUE); INSERT INTO partners VALUES (1, 'B')",
         "constraint: duplicate key value violates unique constraint \"partners_value_key\"; Key (value)=(B) already "
         "exists."},
        {"CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('A');"
         "CREATE TABLE partners (code bigint, value text REFERENCES names (name) DEFERRABLE INITIALLY DEFERRED)",
         "foreign-key: insert or update on table \"partners\" violates foreign key constraint \"partners_value_fkey\"; "
         "Key (value)=(B) is not present in table \"names\"."},
        {"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.value = 'B' THEN"
         " RAISE EXCEPTION 'no B'; END IF; RETURN new; END $$; CREATE TABLE partners (code bigint, value text);"
         "CREATE TRIGGER no BEFORE INSERT ON partners FOR EACH ROW EXECUTE FUNCTION no()",
         "trigger: no B"},
        {"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.value = 'B' THEN"
         " RETURN NULL; END IF; RETURN new; END $$; CREATE TABLE partners (code bigint, value text);"
         "CREATE TRIGGER no BEFORE INSERT ON partners FOR EACH ROW EXECUTE FUNCTION no()",
         "ignored: a trigger or constraint of the table dropped it without an error"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct fixture f;
        set_up(&f, cases[i].sql, SLUICE_TEXT);
        for (int times = 0; times < 3; times++) { /* prepared by name from the second on */
            assert_int_equal(merge(&f, 7, text("B")), MERGE_REJECTED);
            assert_string_equal(buf_text(&f.outcome.reason), cases[i].reason);
        }
        assert_int_equal(merge(&f, 8, text("A")), MERGE_CREATED);
        check_ok(db_commit(f.db, &f.err), &f.err);
        assert_string_equal(rows_of(f.db, "SELECT code FROM partners WHERE code > 1"), "8; ");
        tear_down(&f);
    }
}

/* ---- Others ---- */

/* A second connection to the same schema. */
static struct db *another(struct fixture *f)
{
    char sql[120];
    struct db *db = open_store(test_server());

    snprintf(sql, sizeof(sql), "SET search_path TO %.60s", rows_of(f->db, "SELECT current_schema"));
    sql[strcspn(sql, ";")] = '\0';
    run_sql(db, sql);
    return db;
}

static void a_row_that_another_program_holds_is_a_lock_reject_and_no_row_waits_long_again(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f,
           "CREATE TABLE partners (code bigint UNIQUE, value text);"
           "INSERT INTO partners SELECT i, 'a' FROM generate_series(1, 30) AS i",
           SLUICE_TEXT);
    check_ok(db_commit(f.db, &f.err), &f.err);
    struct db *other = another(&f);
    check_ok(db_begin(other, &f.err), &f.err);
    run_sql(other, "UPDATE partners SET value = 'theirs'");
    check_ok(db_begin(f.db, &f.err), &f.err);
    run_sql(f.db, "SET LOCAL lock_timeout TO 1000");
    int64_t since = clock_mono_us();
    for (int64_t code = 1; code <= 20; code++) {
        assert_int_equal(merge(&f, code, text("b")), MERGE_REJECTED);
        assert_non_null(strstr(buf_text(&f.outcome.reason), "lock:"));
    }
    assert_true(clock_mono_us() - since < 15 * CLOCK_SECOND);
    assert_int_equal(merge(&f, 99, text("b")), MERGE_CREATED);
    check_ok(db_commit(f.db, &f.err), &f.err);
    db_close(other);
    tear_down(&f);
}

struct rival {
    struct db *db;
    const char *sql;
};

/* Commits what it holds a moment after we have begun to wait for it. */
static void *rival_commits(void *context)
{
    struct rival *r = context;
    struct err err = {0};

    clock_sleep_us(CLOCK_SECOND / 4);
    check_ok(db_commit(r->db, &err), &err);
    return NULL;
}

static int merge_against(struct fixture *f, const char *sql, int64_t code, const char *value)
{
    struct rival r = {another(f), sql};
    pthread_t thread;

    check_ok(db_begin(r.db, &f->err), &f->err);
    run_sql(r.db, sql);
    pthread_create(&thread, NULL, rival_commits, &r);
    int what = merge(f, code, text(value));
    pthread_join(thread, NULL);
    db_close(r.db);
    return what;
}

static void a_row_that_changes_under_us_is_looked_at_again(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f,
           "CREATE TABLE partners (code bigint UNIQUE, value text, more text);"
           "INSERT INTO partners VALUES (1, 'a', 'x'), (2, 'a', 'x'), (4, 'a', 'x')",
           SLUICE_TEXT);
    check_ok(db_commit(f.db, &f.err), &f.err);
    check_ok(db_begin(f.db, &f.err), &f.err);
    assert_int_equal(merge_against(&f, "UPDATE partners SET more = 'y' WHERE code = 1", 1, "b"), MERGE_UPDATED);
    assert_int_equal(merge_against(&f, "UPDATE partners SET value = 'b' WHERE code = 2", 2, "b"), MERGE_UNCHANGED);
    assert_int_equal(merge_against(&f, "INSERT INTO partners VALUES (3, 'theirs', 'y')", 3, "b"), MERGE_UPDATED);
    assert_int_equal(merge_against(&f, "DELETE FROM partners WHERE code = 4", 4, "c"), MERGE_CREATED);
    check_ok(db_commit(f.db, &f.err), &f.err);
    assert_string_equal(rows_of(f.db, "SELECT code || value || coalesce(more, '-') FROM partners ORDER BY code"),
                        "1by; 2bx; 3by; 4c-; ");
    tear_down(&f);
}

/* ---- Connections ---- */

static void end_session(struct fixture *f)
{
    char sql[100];
    struct db *other = open_store(test_server());

    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)", atoi(rows_of(f->db, "SELECT pg_backend_pid()")));
    rows_of(other, sql);
    db_close(other);
}

static void a_connection_that_breaks_takes_its_transaction_and_is_made_anew(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, "CREATE TABLE partners (code bigint UNIQUE, value text)", SLUICE_TEXT);
    assert_int_equal(merge(&f, 1, text("a")), MERGE_CREATED);
    end_session(&f);
    assert_int_equal(merge(&f, 2, text("a")), E_STORE);
    assert_int_equal(merge(&f, 3, text("a")), E_STORE); /* not on a new connection, without the rest */
    assert_int_equal(db_commit(f.db, &f.err), E_STORE);
    db_rollback(f.db);
    check_ok(db_begin(f.db, &f.err), &f.err);
    assert_string_equal(rows_of(f.db, "SELECT count(*) FROM sluice_meta"), "1; ");
    check_ok(db_commit(f.db, &f.err), &f.err);
    end_session(&f);
    for (int i = 0; i < 100 && !db_has_moved(f.db); i++)
        clock_sleep_us(CLOCK_SECOND / 20);
    assert_true(db_has_moved(f.db));
    assert_string_equal(rows_of(f.db, "SELECT count(*) FROM sluice_meta"), "1; ");
    tear_down(&f);
}

static volatile sig_atomic_t stop;

static void a_wait_ends_within_a_second_of_a_signal_to_stop(void **state)
{
    struct fixture f;
    (void)state;

    set_up(&f, "CREATE TABLE partners (code bigint UNIQUE, value text)", SLUICE_TEXT);
    stop = 1;
    db_mind_stop(&stop);
    int64_t since = clock_mono_us();
    assert_int_equal(db_exec(f.db, "SELECT pg_sleep(60)", &f.err), E_STORE);
    assert_true(clock_mono_us() - since < 5 * CLOCK_SECOND);
    db_mind_stop(NULL);
    tear_down(&f);
}

static void a_url_that_leads_nowhere_says_why(void **state)
{
    static const struct {
        const char *url;
        int rc;
        const char *why;
    } cases[] = {
        {"postgresql://127.0.0.1:1/x", E_STORE, "Connection refused"},
        {"postgresql://127.0.0.1:1,127.0.0.1:2/x?connect_timeout=2", E_STORE, "port 1"},
        {"postgresql://192.0.2.1/x?connect_timeout=1", E_STORE, "store: "},
        {"postgresql://u:secret@part@h/x", SLUICE_E_CONFIG, "%40"},
        {"postgresql://u:sec/ret@h/x", SLUICE_E_CONFIG, "%2F"},
        {"postgresql://u:p%zzsecret@h/x", SLUICE_E_CONFIG, "percent-encoded"},
        {"postgresql://h/x?nonsense=secret", SLUICE_E_CONFIG, "query parameter"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = NULL;
        struct err err = {0};
        int64_t since = clock_mono_us();
        assert_int_equal(db_open(cases[i].url, 0, &db, &err), cases[i].rc);
        assert_true(clock_mono_us() - since < 10 * CLOCK_SECOND);
        if (!strstr(err.msg, cases[i].why) || strstr(err.msg, "secret") || strstr(err.msg, "part@"))
            fail_msg("%s: %s", cases[i].url, err.msg);
    }
}

static void of_several_hosts_the_first_that_can_be_written_to_is_taken(void **state)
{
    char url[600];
    struct db *db = NULL;
    struct err err = {0};
    const char *host = strstr(test_server(), "host=") + 5;
    (void)state;

    snprintf(url, sizeof(url),
             "postgresql://sluice@/postgres?host=/nonexistent,%s,/tmp&target_session_attrs=read-write", host);
    check_ok(db_open(url, 0, &db, &err), &err);
    db_close(db);
}

static void a_server_that_does_not_write_is_told_of(void **state)
{
    char url[600];
    struct db *db = NULL;
    struct err err = {0};
    (void)state;

    snprintf(url, sizeof(url), "%s&options=-cdefault_transaction_read_only%%3Don", test_server());
    assert_int_equal(db_open(url, 0, &db, &err), E_STORE);
    assert_non_null(strstr(err.msg, "read-only"));
    err = (struct err){0};
    check_ok(db_open(url, DB_READ_ONLY, &db, &err), &err);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_stored_as_its_column_has_it_and_is_the_same_then),
        cmocka_unit_test(a_value_that_its_column_does_not_take_is_named),
        cmocka_unit_test(a_column_of_another_kind_does_not_fit),
        cmocka_unit_test(tables_of_other_schemas_and_partitions_are_written_to),
        cmocka_unit_test(every_refusal_has_its_class_and_the_transaction_goes_on),
        cmocka_unit_test(a_row_that_another_program_holds_is_a_lock_reject_and_no_row_waits_long_again),
        cmocka_unit_test(a_row_that_changes_under_us_is_looked_at_again),
        cmocka_unit_test(a_connection_that_breaks_takes_its_transaction_and_is_made_anew),
        cmocka_unit_test(a_wait_ends_within_a_second_of_a_signal_to_stop),
        cmocka_unit_test(a_url_that_leads_nowhere_says_why),
        cmocka_unit_test(of_several_hosts_the_first_that_can_be_written_to_is_taken),
        cmocka_unit_test(a_server_that_does_not_write_is_told_of),
    };
    if (!on_server()) {
        fputs("SLUICE_TEST_STORE is not set: run this with tests/postgres\n", stderr);
        return 1;
    }
    struct db *db = open_store(test_server());
    run_sql(db,
            "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE TYPE public.mood AS ENUM ('good', 'it''s');"
            "CREATE DOMAIN public.short AS varchar(5) CHECK (value <> 'no')");
    db_close(db);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
