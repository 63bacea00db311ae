/* Old runs and rejects go a few at a time; the last run and the last good one of each job stay, however old. */
#include "history.h"

#include "ledger.h"
#include "store_test.h"

#include "steps_test.h"

#define NOON   INT64_C(1760184000000000) /* 2025-10-11T12:00:00Z */
#define SECOND INT64_C(1000000)
#define ALL    1000000

/* A run with its parent, or none; it started `second` seconds after noon. */
static void put_run(struct db *db, const char *id, const char *parent, const char *job, const char *status,
                    const char *mode, int second)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at)"
             " VALUES ('%s', nullif('%s', ''), '%s', '%s', '%s', '%s', '', '2025-10-11T12:00:%02d.000Z')",
             id, parent, job, *parent ? id : "", mode, status, second);
    run_sql(db, sql);
}

static int64_t forget_runs(struct db *db, int before, int64_t limit)
{
    struct err err = {0};
    int64_t count = -1;

    check_ok(history_forget_runs(db, NOON + before * SECOND, limit, &count, &err), &err);
    assert_false(db_in_transaction(db));
    return count;
}

static const char *runs_left(struct db *db)
{
    return rows_of(db, "SELECT id FROM sluice_runs ORDER BY id");
}

static void runs_from_before_go_and_later_ones_stay(void **state)
{
    struct db *db = open_memory();
    (void)state;

    for (int i = 0; i < 5; i++)
        put_run(db, (char[]){(char)('A' + i), '\0'}, "", "erp.orders", "success", "full", i);
    assert_int_equal(forget_runs(db, 0, ALL), 0);
    assert_int_equal(forget_runs(db, 2, ALL), 2);
    assert_string_equal(runs_left(db), "C; D; E; ");
    assert_int_equal(forget_runs(db, 2, ALL), 0);
    db_close(db);
}

static void the_last_and_the_last_good_run_of_each_job_stay(void **state)
{
    static const struct {
        const char *name;
        struct {
            const char *job, *status, *mode;
        } runs[4]; /* in the order of their starts: A, B, C, D */
        const char *left;
    } cases[] = {
        {"all good", {{"a", "success", ""}, {"a", "success", ""}, {"a", "success", ""}}, "C; "},
        {"good, then bad", {{"a", "success", ""}, {"a", "failed", ""}, {"a", "crashed", ""}}, "A; C; "},
        {"partial is good", {{"a", "success", ""}, {"a", "partial", ""}, {"a", "timeout", ""}}, "B; C; "},
        {"never good", {{"a", "failed", ""}, {"a", "failed", ""}}, "B; "},
        {"a retry is no good run", {{"a", "success", ""}, {"a", "success", "retry"}, {"a", "failed", ""}}, "A; C; "},
        {"a retry can be the last", {{"a", "success", ""}, {"a", "failed", ""}, {"a", "success", "retry"}}, "A; C; "},
        {"of each job",
         {{"a", "success", ""}, {"b", "failed", ""}, {"a", "failed", ""}, {"b", "failed", ""}},
         "A; C; D; "},
        {"running is not ended", {{"a", "success", ""}, {"a", "failed", ""}, {"a", "running", ""}}, "A; B; C; "},
        {"only running", {{"a", "running", ""}}, "A; "},
        {"no runs", {{0}}, ""},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_memory();
        for (int r = 0; r < 4 && cases[i].runs[r].job; r++)
            put_run(db, (char[]){(char)('A' + r), '\0'}, "", cases[i].runs[r].job, cases[i].runs[r].status,
                    cases[i].runs[r].mode, r);
        forget_runs(db, 59, ALL);
        if (strcmp(runs_left(db), cases[i].left) != 0)
            fail_msg("%s: left %s", cases[i].name, runs_left(db));
        assert_int_equal(forget_runs(db, 59, ALL), 0);
        db_close(db);
    }
}

static void the_parts_of_a_run_go_and_stay_with_it(void **state)
{
    struct db *db = open_memory();
    (void)state;

    put_run(db, "A", "", "erp.orders", "partial", "full", 0);
    put_run(db, "Aa", "A", "erp.orders", "success", "full", 0);
    put_run(db, "Ab", "A", "erp.orders", "failed", "full", 0);
    put_run(db, "B", "", "erp.orders", "failed", "full", 1);
    put_run(db, "Ba", "B", "erp.orders", "failed", "full", 1);
    put_run(db, "C", "", "erp.orders", "failed", "full", 2);
    put_run(db, "Ca", "C", "erp.orders", "failed", "full", 2);
    assert_int_equal(forget_runs(db, 59, ALL), 2);
    assert_string_equal(runs_left(db), "A; Aa; Ab; C; Ca; ");
    db_close(db);
}

static void a_run_with_a_running_part_stays(void **state)
{
    struct db *db = open_memory();
    (void)state;

    put_run(db, "A", "", "erp.orders", "crashed", "full", 0);
    put_run(db, "Aa", "A", "erp.orders", "running", "full", 0);
    put_run(db, "B", "", "erp.orders", "success", "full", 1);
    assert_int_equal(forget_runs(db, 59, ALL), 0);
    run_sql(db, "UPDATE sluice_runs SET status = 'crashed' WHERE id = 'Aa'");
    assert_int_equal(forget_runs(db, 59, ALL), 2);
    assert_string_equal(runs_left(db), "B; ");
    db_close(db);
}

/* No part may ever be without its parent, whatever the limit cuts. */
static void a_limit_holds_also_inside_a_run(void **state)
{
    static const char *const left[] = {"A; Aa; B; C; ", "A; B; C; ", "B; C; ", "C; ", "C; "};
    struct db *db = open_memory();
    (void)state;

    put_run(db, "A", "", "erp.orders", "success", "full", 0);
    put_run(db, "Aa", "A", "erp.orders", "success", "full", 0);
    put_run(db, "Ab", "A", "erp.orders", "success", "full", 0);
    put_run(db, "B", "", "erp.orders", "success", "full", 1);
    put_run(db, "C", "", "erp.orders", "success", "full", 2);
    assert_int_equal(forget_runs(db, 59, 0), 0);
    for (size_t i = 0; i < LEN(left); i++) {
        assert_int_equal(forget_runs(db, 59, 1), i < LEN(left) - 1 ? 1 : 0);
        assert_string_equal(rows_of(db, "SELECT id FROM sluice_runs AS r WHERE parent IS NOT NULL AND NOT EXISTS"
                                        " (SELECT 1 FROM sluice_runs WHERE id = r.parent)"),
                            "");
        assert_int_equal(strlen(runs_left(db)), strlen(left[i]));
    }
    db_close(db);
}

static void all_but_runs_is_left_alone(void **state)
{
    struct db *db = open_memory();
    (void)state;

    put_run(db, "A", "", "erp.orders", "success", "full", 0);
    put_run(db, "B", "", "erp.orders", "success", "full", 1);
    run_sql(db, "INSERT INTO sluice_cursors (job, cursor, updated_at) VALUES ('erp.orders', 'c', '2001')");
    run_sql(db, "INSERT INTO sluice_jobs (job, last_fire, updated_at) VALUES ('erp.orders', '2001', '2001')");
    run_sql(db, "INSERT INTO sluice_rejects (id, run_id, job, record_key, reason, payload, kind, rejected_at,"
                " last_seen_at) VALUES ('R', 'A', 'erp.orders', 'k', 'r', 'p', 'store', '2001', '2001')");
    assert_int_equal(forget_runs(db, 59, ALL), 1);
    assert_string_equal(rows_of(db, "SELECT job FROM sluice_cursors UNION ALL SELECT job FROM sluice_jobs UNION ALL"
                                    " SELECT id FROM sluice_rejects"),
                        "erp.orders; erp.orders; R; ");
    db_close(db);
}

/* ---- Rejects ---- */

static void put_reject(struct db *db, const char *id, int rejected, int seen, const char *resolved,
                       const char *superseded)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
             "INSERT INTO sluice_rejects (id, run_id, job, record_key, reason, payload, kind, rejected_at,"
             " last_seen_at, resolved_at, superseded_at) VALUES ('%s', '', 'erp.orders', 'k', 'r', 'p', 'store',"
             " '2025-10-11T12:00:%02d.000Z', '2025-10-11T12:00:%02d.000Z', nullif('%s', ''), nullif('%s', ''))",
             id, rejected, seen, resolved, superseded);
    run_sql(db, sql);
}

static void rejects_go_by_when_they_were_seen_last(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    int64_t count = -1;
    (void)state;

    check_ok(history_forget_rejects(db, NOON, 10, &count, &err), &err);
    assert_int_equal(count, 0);
    put_reject(db, "A", 1, 1, "", "");
    put_reject(db, "B", 1, 1, "2025-10-11T12:00:01.500Z", "");
    put_reject(db, "C", 1, 1, "", "2025-10-11T12:00:01.500Z");
    put_reject(db, "D", 1, 9, "", ""); /* old, and still coming */
    put_reject(db, "E", 5, 5, "", "");
    check_ok(history_forget_rejects(db, NOON + 5 * SECOND, 2, &count, &err), &err);
    assert_int_equal(count, 2);
    check_ok(history_forget_rejects(db, NOON + 5 * SECOND, 2, &count, &err), &err);
    assert_int_equal(count, 1);
    check_ok(history_forget_rejects(db, NOON + 5 * SECOND, 2, &count, &err), &err);
    assert_int_equal(count, 0);
    check_ok(history_forget_rejects(db, NOON + 5 * SECOND, 2, NULL, &err), &err);
    assert_string_equal(rows_of(db, "SELECT id FROM sluice_rejects ORDER BY id"), "D; E; ");
    db_close(db);
}

/* ---- The cost ---- */

/* Another program may hold the write lock for long: who has nothing to delete does not ask for it. */
static void with_nothing_to_delete_nobody_is_waited_for(void **state)
{
    struct scratch s;
    struct err err = {0};
    (void)state;

    scratch_make(&s);
    struct db *mine = open_store(s.url), *other = open_store(s.url);
    check_ok(schema_ensure(mine, &err), &err);
    put_run(mine, "A", "", "erp.orders", "success", "full", 0);
    put_reject(mine, "R", 9, 9, "", "");
    check_ok(db_begin(other, &err), &err);
    assert_int_equal(forget_runs(mine, 59, ALL), 0);
    check_ok(history_forget_rejects(mine, NOON, ALL, NULL, &err), &err);
    db_rollback(other);
    db_close(mine);
    db_close(other);
    scratch_remove(&s);
}

static long steps_to_forget(int runs, int before)
{
    struct db *db = open_memory();

    steps_fill(db, NOON, runs);
    forget_runs(db, before * 60, 100);
    long steps = steps_taken();
    db_close(db);
    return steps;
}

static void the_cost_is_that_of_what_goes_not_of_what_is_there(void **state)
{
    (void)state;

    assert_in_range(steps_to_forget(30000, 0), 1, 100);
    assert_in_range(steps_to_forget(30000, 50), 1, 2 * steps_to_forget(3000, 50));
    assert_in_range(steps_to_forget(30000, 30000), 1, 2 * steps_to_forget(3000, 3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_from_before_go_and_later_ones_stay),
        cmocka_unit_test(the_last_and_the_last_good_run_of_each_job_stay),
        cmocka_unit_test(the_parts_of_a_run_go_and_stay_with_it),
        cmocka_unit_test(a_run_with_a_running_part_stays),
        cmocka_unit_test(a_limit_holds_also_inside_a_run),
        cmocka_unit_test(all_but_runs_is_left_alone),
        cmocka_unit_test(rejects_go_by_when_they_were_seen_last),
        cmocka_unit_test(with_nothing_to_delete_nobody_is_waited_for),
    };
    const struct CMUnitTest costs[] = {cmocka_unit_test(the_cost_is_that_of_what_goes_not_of_what_is_there)}; /* in steps of SQLite */

    steps_count();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return on_server() ? failed : failed + cmocka_run_group_tests(costs, NULL, NULL);
}
