/* sluice's own tables: made once, by whoever comes first, and never touched when a newer sluice made them. */
#include "schema.h"

#include "reject.h"
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
                            "sluice_claims; sluice_cursors; sluice_hosts; sluice_jobs; sluice_met; sluice_meta; "
                            "sluice_rejects; sluice_runs; ");
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
    assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "2; ");
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
        {"UPDATE sluice_meta SET value = '3'", SLUICE_E_CONFIG,
         "store: its tables are of schema version 3, made by a newer sluice; this one knows up to 2: upgrade this "
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

/* What version 2 has beyond version 1. */
static const char back_to_1[] =
    "DROP INDEX sluice_runs_partition;"
    "DROP INDEX sluice_rejects_open;"
    "ALTER TABLE sluice_rejects DROP COLUMN payload_hash;"
    "ALTER TABLE sluice_runs DROP COLUMN scope;"
    "ALTER TABLE sluice_rejects DROP COLUMN scope;"
    "ALTER TABLE sluice_cursors DROP COLUMN scope;"
    "ALTER TABLE sluice_jobs DROP COLUMN start_at;"
    "ALTER TABLE sluice_jobs DROP COLUMN start_host;"
    "CREATE INDEX sluice_rejects_open ON sluice_rejects (job, partition, record_key)"
    " WHERE resolved_at IS NULL AND superseded_at IS NULL;"
    "UPDATE sluice_meta SET value = '1' WHERE name = 'schema_version';";

/* All columns and indexes. The caller frees it. */
static char *shape_of(struct db *db)
{
    const char *sql = on_server()
                          ? "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default,"
                            " collation_name) FROM information_schema.columns WHERE table_schema = current_schema"
                            " UNION ALL SELECT replace(indexdef, current_schema || '.', '') FROM pg_indexes"
                            " WHERE schemaname = current_schema ORDER BY 1"
                          : "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' ||"
                            " coalesce(c.dflt_value, '') FROM sqlite_schema AS m, pragma_table_info(m.name) AS c"
                            " WHERE m.type = 'table' UNION ALL SELECT sql FROM sqlite_schema"
                            " WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";

    return strdup(rows_of(db, sql));
}

static void an_older_store_is_brought_up_to_date(void **state)
{
    struct db *db = open_memory();
    struct rejects *rejects = NULL;
    char *shape = shape_of(db);
    struct err err = {0};
    (void)state;

    assert_non_null(strstr(shape, "payload_hash"));
    run_sql(db, back_to_1);
    for (int i = 1; i <= 600; i++) {
        char sql[300];
        snprintf(sql, sizeof(sql), "INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload,"
                 " kind, rejected_at, last_seen_at) VALUES ('%04d', 'old', 'erp.orders', '', '', 'no-key', 'p%d', 'store',"
                 " '', '')", i, i);
        run_sql(db, sql);
    }
    assert_int_equal(schema_check(db, &err), E_STORE);
    assert_non_null(strstr(err.msg, "an older sluice: the next run, or the daemon when it starts, brings"));
    err = (struct err){0};
    check_ok(schema_ensure(db, &err), &err);
    assert_int_equal(schema_check(db, &err), 1);
    char *brought = shape_of(db);
    assert_string_equal(brought, shape);
    assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "2; ");

    check_ok(rejects_open(db, "erp.orders", "", "new", NULL, &rejects, &err), &err);
    check_ok(rejects_put(rejects, str_of(""), "no-key", REJECT_STORE, str_of("p599"), &err), &err);
    check_ok(rejects_put(rejects, str_of(""), "no-key", REJECT_STORE, str_of("p601"), &err), &err);
    rejects_close(rejects);
    assert_string_equal(rows_of(db, "SELECT payload FROM sluice_rejects WHERE seen_count = 2"), "p599; ");
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_rejects"), "601; ");
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_rejects WHERE payload_hash = 0"), "0; ");
    free(shape);
    free(brought);
    db_close(db);
}

static void a_step_up_that_fails_leaves_the_older_store(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    run_sql(db, back_to_1);
    run_sql(db, "DROP INDEX sluice_rejects_open");
    assert_int_equal(schema_ensure(db, &err), E_STORE);
    assert_false(db_in_transaction(db));
    assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "1; ");
    run_sql(db, "CREATE INDEX sluice_rejects_open ON sluice_rejects (job)");
    check_ok(schema_ensure(db, &err), &err);
    assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "2; ");
    db_close(db);
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
        assert_string_equal(rows_of(db, "SELECT value FROM sluice_meta"), "2; ");
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
        cmocka_unit_test(an_older_store_is_brought_up_to_date),
        cmocka_unit_test(a_step_up_that_fails_leaves_the_older_store),
        cmocka_unit_test(processes_that_start_together_make_one_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
