/* sluice's own tables: made once, by whoever comes first, and never touched when a newer sluice made them. */
#include "schema.h"

#include "store_test.h"

#include <sys/wait.h>

#define PROCESSES 3
#define ROUNDS 6

static void a_new_store_gets_all_tables(void **state)
{
    struct db *db = open_empty();
    struct err err = {0};
    (void)state;

    assert_int_equal(schema_check(db, &err), 0);
    check_ok(schema_ensure(db, &err), &err);
    assert_int_equal(schema_check(db, &err), 1);
    assert_false(db_in_transaction(db));
    if (on_server())
        assert_string_equal(rows_of(db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema ORDER BY 1"),
                            "sluice_claims; sluice_cursors; sluice_hosts; sluice_jobs; sluice_meta; sluice_rejects; "
                            "sluice_runs; ");
    else
        assert_string_equal(rows_of(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"),
                            "sluice_cursors; sluice_hosts; sluice_jobs; sluice_meta; sluice_rejects; sluice_runs; ");
    db_close(db);
}

static void making_them_twice_changes_nothing(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    run_sql(db, "INSERT INTO sluice_jobs (job, updated_at) VALUES ('erp.orders', '')");
    check_ok(schema_ensure(db, &err), &err);
    check_ok(schema_ensure(db, &err), &err);
    assert_string_equal(rows_of(db, "SELECT job FROM sluice_jobs"), "erp.orders; ");
    assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "1; ");
    db_close(db);
}

static void an_open_transaction_decides_whether_they_stay(void **state)
{
    struct db *db = open_empty();
    struct err err = {0};
    (void)state;

    check_ok(db_begin(db, &err), &err);
    check_ok(schema_ensure(db, &err), &err);
    assert_true(db_in_transaction(db));
    db_rollback(db);
    assert_int_equal(schema_check(db, &err), 0);
    db_close(db);
}

static void a_version_that_is_not_known_is_refused(void **state)
{
    static const struct {
        const char *sql;
        int rc;
        const char *message;
    } cases[] = {
        {"UPDATE sluice_meta SET value = '2'", SLUICE_E_CONFIG,
         "store: its tables are of schema version 2, made by a newer sluice; this one knows up to 1: upgrade this "
         "sluice"},
        {"UPDATE sluice_meta SET value = 'x'", E_STORE, "store: sluice_meta is there but tells no schema version"},
        {"UPDATE sluice_meta SET value = '0'", E_STORE, "store: sluice_meta is there but tells no schema version"},
        {"DELETE FROM sluice_meta", E_STORE, "store: sluice_meta is there but tells no schema version"},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_memory();
        struct err err = {0};
        run_sql(db, cases[i].sql);
        assert_int_equal(schema_check(db, &err), cases[i].rc);
        assert_string_equal(err.msg, cases[i].message);
        assert_int_equal(schema_ensure(db, &err), cases[i].rc);
        assert_false(db_in_transaction(db));
        db_close(db);
    }
}

/* What one of several processes does when the starting line falls; its exit code says how it went. */
static int open_and_ensure(const char *url, int start)
{
    struct db *db = NULL;
    struct err err = {0};
    char c;

    if (read(start, &c, 1) != 0)
        return 9;
    int rc = db_open(url, 0, &db, &err);
    if (!rc)
        rc = schema_ensure(db, &err);
    if (rc)
        fprintf(stderr, "%s\n", err.msg);
    db_close(db);
    return rc ? 1 : 0;
}

static void processes_that_start_together_make_one_store(void **state)
{
    (void)state;

    for (int round = 0; round < ROUNDS; round++) {
        struct scratch s;
        int start[2];
        pid_t pids[PROCESSES];
        scratch_make(&s);
        assert_int_equal(pipe(start), 0);
        for (int i = 0; i < PROCESSES; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                close(start[1]);
                _exit(open_and_ensure(s.url, start[0]));
            }
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < PROCESSES; i++) {
            int status = -1;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        struct db *db = open_store(s.url);
        assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "1; ");
        db_close(db);
        scratch_remove(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_gets_all_tables),
        cmocka_unit_test(making_them_twice_changes_nothing),
        cmocka_unit_test(an_open_transaction_decides_whether_they_stay),
        cmocka_unit_test(a_version_that_is_not_known_is_refused),
        cmocka_unit_test(processes_that_start_together_make_one_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
