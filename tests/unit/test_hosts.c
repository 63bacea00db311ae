/* Which hosts live, and so which runs do: by the beats of hosts that share a server, by the process on any other store.
 */
#include "hosts.h"

#include "ledger.h"
#include "owner.h"
#include "store_test.h"

#include <sys/wait.h>

#define ELSEWHERE "elsewhere/deadbeef"

/* The row of `host`, which beat so many seconds ago; on any store, though only a server has such rows by itself. */
static void put_host(struct db *db, const char *host, int seconds_ago)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             on_server()
                 ? "INSERT INTO sluice_hosts (host, beat_at) VALUES ('%s', to_char((clock_timestamp() - interval"
                   " '%d s') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))"
                   " ON CONFLICT (host) DO UPDATE SET beat_at = excluded.beat_at"
                 : "INSERT OR REPLACE INTO sluice_hosts (host, beat_at) VALUES ('%s',"
                   " strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now', '%d seconds'))",
             host, on_server() ? seconds_ago : -seconds_ago);
    run_sql(db, sql);
}

static bool lives(struct db *db, const char *owner)
{
    struct err err = {0};
    int alive = hosts_owner_alive(db, owner, &err);

    check_ok(alive, &err);
    return alive == 1;
}

static void this_process(char owner[OWNER_SIZE], char host[OWNER_SIZE])
{
    assert_true(owner_of(getpid(), owner));
    assert_true(owner_host(owner, host));
}

static void beat(struct db *db, uint64_t generation, const char *hash)
{
    struct err err = {0};

    check_ok(hosts_beat(db, generation, hash, hash ? "1.2.3" : NULL, &err), &err);
}

/* ---- Who lives ---- */

static void a_process_of_another_host_lives_as_long_as_its_host_beats(void **state)
{
    static const struct {
        int seconds_ago;
        bool alive;
    } cases[] = {{0, true}, {5, true}, {10, true}, {16, false}, {86400, false}, {-5, true}, {-3600, false}};
    struct db *db = open_memory();
    (void)state;

    assert_false(lives(db, ELSEWHERE "/77.1")); /* never heard of */
    for (size_t i = 0; i < LEN(cases); i++) {
        put_host(db, ELSEWHERE, cases[i].seconds_ago);
        assert_int_equal(lives(db, ELSEWHERE "/77.1"), cases[i].alive && on_server());
        assert_false(lives(db, "elsewhere/deadbee0/77.1")); /* before its last boot */
        assert_false(lives(db, "elsewher/deadbeef/77.1"));
    }
    db_close(db);
}

static void a_process_of_this_host_is_looked_at_whether_or_not_the_host_beats(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE], gone[OWNER_SIZE + 8];
    (void)state;

    this_process(owner, host);
    snprintf(gone, sizeof(gone), "%s1", owner); /* another start time */
    assert_true(lives(db, owner));
    assert_false(lives(db, gone));
    put_host(db, host, 3600);
    assert_true(lives(db, owner));
    put_host(db, host, 0);
    assert_false(lives(db, gone));
    db_close(db);
}

/* Containers of one machine: same boot, and a process of that number may well be here. */
static void a_host_of_another_name_is_another_host_also_with_the_same_boot(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE], other[OWNER_SIZE + 8];
    (void)state;

    this_process(owner, host);
    snprintf(other, sizeof(other), "x%s", owner);
    assert_false(owner_is_here(other));
    assert_int_equal(lives(db, other), !on_server());
    snprintf(other, sizeof(other), "x%s", host);
    put_host(db, other, 1);
    snprintf(other, sizeof(other), "x%s1", owner);
    assert_int_equal(lives(db, other), on_server());
    db_close(db);
}

static void text_that_is_no_owner_names_a_dead_one(void **state)
{
    static const char *const cases[] = {"", "/", "box", "box/deadbeef", "box/deadbeef/", "box/deadbeef/x", "'"};
    struct db *db = open_memory();
    char host[OWNER_SIZE];
    (void)state;

    put_host(db, "box/deadbeef", 0);
    for (size_t i = 0; i < LEN(cases); i++) {
        assert_false(lives(db, cases[i]));
        assert_false(owner_host(cases[i], host));
        assert_false(owner_is_here(cases[i]));
    }
    db_close(db);
}

/* ---- Beats ---- */

#define ROW                                                                                                            \
    "SELECT host || ' ' || CAST(generation AS TEXT) || ' ' || coalesce(config_hash, '-') || ' ' ||"                    \
    " coalesce(version, '-') FROM sluice_hosts"

static void a_beat_is_written_on_a_server_and_nowhere_else(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE], want[OWNER_SIZE + 64];
    (void)state;

    this_process(owner, host);
    beat(db, 7, "0123456789abcdef");
    snprintf(want, sizeof(want), "%s 7 0123456789abcdef 1.2.3; ", host);
    assert_string_equal(rows_of(db, ROW), on_server() ? want : "");
    beat(db, 8, "fedcba9876543210");
    beat(db, 0, NULL); /* leaves alone what a daemon told */
    snprintf(want, sizeof(want), "%s 8 fedcba9876543210 1.2.3; ", host);
    assert_string_equal(rows_of(db, ROW), on_server() ? want : "");
    db_close(db);
}

static void a_beat_is_by_the_servers_clock(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE];
    (void)state;

    this_process(owner, host);
    for (int i = 0; on_server() && i < 3; i++) {
        put_host(db, host, 3600);
        beat(db, 1, i == 0 ? NULL : "0123456789abcdef");
        run_sql(db, i == 2 ? "SET timezone TO 'Asia/Kolkata'" : "SET timezone TO 'UTC'");
        assert_string_equal(rows_of(db, "SELECT abs(EXTRACT(EPOCH FROM clock_timestamp() - CAST(beat_at AS"
                                        " TIMESTAMPTZ))) < 10 AND beat_at LIKE '____-__-__T__:__:__.___Z'"
                                        " FROM sluice_hosts"),
                            "t; ");
    }
    beat(db, 0, NULL);
    assert_true(lives(db, owner));
    db_close(db);
}

static void a_process_that_is_no_daemon_leaves_a_young_beat_alone(void **state)
{
    static const char row[] = "SELECT beat_at FROM sluice_hosts";
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE], before[64];
    bool kept = false;
    (void)state;

    this_process(owner, host);
    for (int i = 0; !kept && i < 20; i++) { /* on a machine that is very slow it is not young any more */
        put_host(db, host, 0);
        snprintf(before, sizeof(before), "%s", rows_of(db, row));
        beat(db, 0, NULL);
        kept = strcmp(rows_of(db, row), before) == 0;
    }
    assert_true(kept);
    db_close(db);
}

static void hosts_that_are_long_gone_are_forgotten(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    put_host(db, "a/1", 3600);
    put_host(db, "b/1", 8 * 86400);
    check_ok(hosts_forget(db, &err), &err);
    assert_string_equal(rows_of(db, "SELECT host FROM sluice_hosts ORDER BY host"),
                        on_server() ? "a/1; " : "a/1; b/1; ");
    db_close(db);
}

static void living_hosts_with_other_jobs_are_named(void **state)
{
    static const struct {
        const char *host, *hash;
        int seconds_ago;
    } rows[] = {
        {"west/1", "b", 1},  {"alike/1", "a", 1}, {"dead/1", "b", 20},
        {"east/1", "c", 10}, {"no-daemon/1", NULL, 1},
    };
    struct db *db = open_memory();
    struct buf others = {0};
    struct err err = {0};
    char sql[120];
    (void)state;

    beat(db, 1, "a");
    for (size_t i = 0; i < LEN(rows); i++) {
        put_host(db, rows[i].host, rows[i].seconds_ago);
        if (!rows[i].hash)
            continue;
        snprintf(sql, sizeof(sql), "UPDATE sluice_hosts SET config_hash = '%s' WHERE host = '%s'", rows[i].hash,
                 rows[i].host);
        run_sql(db, sql);
    }
    check_ok(hosts_differing(db, "a", &others, &err), &err);
    assert_string_equal(buf_text(&others), on_server() ? "east, west" : "");
    buf_clear(&others);
    run_sql(db, "UPDATE sluice_hosts SET config_hash = 'a'");
    check_ok(hosts_differing(db, "a", &others, &err), &err);
    assert_string_equal(buf_text(&others), "");
    buf_free(&others);
    db_close(db);
}

/* ---- Runs ---- */

static struct run make_run(const char *job, const char *owner)
{
    struct run r;
    struct err err = {0};

    check_ok(run_init(&r, job, "", "incremental", &err), &err);
    run_set(&r.host, owner);
    r.started_at = INT64_C(1760173125000000);
    return r;
}

static void put_run(struct db *db, const char *id, const char *job, const char *owner)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "INSERT INTO sluice_runs (id, job, mode, status, host, started_at) VALUES"
             " ('%s', '%s', 'full', 'running', '%s', '2025-10-11T08:58:45.000Z')",
             id, job, owner);
    run_sql(db, sql);
}

static void a_run_that_begins_has_its_host_beat_before_it_is_seen(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE], want[OWNER_SIZE + 8];
    struct err err = {0};
    (void)state;

    this_process(owner, host);
    snprintf(want, sizeof(want), "%s; ", host);
    struct run r = make_run("erp.a", owner);
    check_ok(db_begin(db, &err), &err);
    check_ok(ledger_start(db, &r, &err), &err);
    assert_string_equal(rows_of(db, "SELECT host FROM sluice_hosts"), ""); /* nobody sees it before the commit */
    db_rollback(db);
    check_ok(ledger_start(db, &r, &err), &err);
    assert_string_equal(rows_of(db, "SELECT host FROM sluice_hosts"), on_server() ? want : "");
    run_free(&r);
    db_close(db);
}

static void a_run_of_another_host_is_left_alone_until_that_is_dead(void **state)
{
    struct db *db = open_memory();
    char owner[OWNER_SIZE], host[OWNER_SIZE];
    struct err err = {0};
    (void)state;

    this_process(owner, host);
    put_run(db, "A", "erp.a", ELSEWHERE "/77.1");
    put_host(db, ELSEWHERE, 5);
    struct run r = make_run("erp.a", owner);
    if (on_server()) {
        assert_int_equal(ledger_start(db, &r, &err), E_BUSY);
        assert_non_null(strstr(err.msg, "process 77 on elsewhere"));
        int64_t closed = -1;
        check_ok(ledger_close_dead(db, &closed, &err), &err);
        assert_int_equal(closed, 0);
        put_host(db, ELSEWHERE, 16);
    }
    err = (struct err){0};
    check_ok(ledger_start(db, &r, &err), &err);
    assert_string_equal(rows_of(db, "SELECT status FROM sluice_runs ORDER BY started_at, length(id)"),
                        "crashed; running; ");
    run_free(&r);
    db_close(db);
}

static void a_run_that_this_host_left_is_closed_when_it_is_seen_again(void **state)
{
    static const char rows[] = "SELECT id || ' ' || status FROM sluice_runs ORDER BY id";
    struct db *db = open_memory();
    struct ledger_left left = {0};
    char owner[OWNER_SIZE], host[OWNER_SIZE], gone[OWNER_SIZE + 8];
    struct err err = {0};
    (void)state;

    this_process(owner, host);
    snprintf(gone, sizeof(gone), "%s1", owner);
    put_run(db, "A", "erp.a", gone);
    put_run(db, "B", "erp.b", owner);
    put_run(db, "C", "erp.c", ELSEWHERE "/77.1"); /* dead, but not ours to close */
    check_ok(ledger_close_left(db, &left, &err), &err);
    assert_string_equal(rows_of(db, rows), "A running; B running; C running; ");
    put_run(db, "D", "erp.d", gone);
    check_ok(ledger_close_left(db, &left, &err), &err);
    assert_string_equal(rows_of(db, rows), "A crashed; B running; C running; D running; ");
    check_ok(ledger_close_left(db, &left, &err), &err);
    assert_string_equal(rows_of(db, rows), "A crashed; B running; C running; D crashed; ");
    check_ok(ledger_close_left(db, &left, &err), &err);
    assert_string_equal(rows_of(db, rows), "A crashed; B running; C running; D crashed; ");
    ledger_left_free(&left);
    db_close(db);
}

static void without_an_answer_nobody_is_called_dead(void **state)
{
    struct db *db = open_memory();
    struct ledger_left left = {0};
    char owner[OWNER_SIZE], host[OWNER_SIZE];
    struct err err = {0};
    (void)state;

    this_process(owner, host);
    put_run(db, "A", "erp.a", ELSEWHERE "/77.1");
    run_sql(db, "DROP TABLE sluice_hosts");
    if (on_server()) {
        struct run r = make_run("erp.b", owner);
        assert_true(hosts_owner_alive(db, ELSEWHERE "/77.1", &err) < 0);
        assert_true(ledger_close_dead(db, NULL, &err) < 0);
        assert_true(ledger_start(db, &r, &err) < 0);
        assert_true(hosts_beat(db, 1, "0123456789abcdef", "1.2.3", &err) < 0);
        assert_string_equal(rows_of(db, "SELECT status FROM sluice_runs"), "running; ");
        run_free(&r);
    } else {
        check_ok(ledger_close_dead(db, NULL, &err), &err);
        assert_string_equal(rows_of(db, "SELECT status FROM sluice_runs"), "crashed; ");
    }
    check_ok(ledger_close_left(db, &left, &err), &err);
    ledger_left_free(&left);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_of_another_host_lives_as_long_as_its_host_beats),
        cmocka_unit_test(a_process_of_this_host_is_looked_at_whether_or_not_the_host_beats),
        cmocka_unit_test(a_host_of_another_name_is_another_host_also_with_the_same_boot),
        cmocka_unit_test(text_that_is_no_owner_names_a_dead_one),
        cmocka_unit_test(a_beat_is_written_on_a_server_and_nowhere_else),
        cmocka_unit_test(a_beat_is_by_the_servers_clock),
        cmocka_unit_test(a_process_that_is_no_daemon_leaves_a_young_beat_alone),
        cmocka_unit_test(living_hosts_with_other_jobs_are_named),
        cmocka_unit_test(hosts_that_are_long_gone_are_forgotten),
        cmocka_unit_test(a_run_that_begins_has_its_host_beat_before_it_is_seen),
        cmocka_unit_test(a_run_of_another_host_is_left_alone_until_that_is_dead),
        cmocka_unit_test(a_run_that_this_host_left_is_closed_when_it_is_seen_again),
        cmocka_unit_test(without_an_answer_nobody_is_called_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
