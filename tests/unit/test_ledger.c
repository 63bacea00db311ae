/* The ledger: one running run of a job, the fence, the history; and the processes that runs belong to. */
#include "ledger.h"

#include "jobs.h"
#include "owner.h"
#include "store_test.h"

#include "steps_test.h"

#include <sys/wait.h>

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

static struct run make_run(const char *job, const char *partition)
{
    struct run r;
    struct err err = {0};
    char host[OWNER_SIZE];

    check_ok(run_init(&r, job, partition, "incremental", &err), &err);
    assert_true(owner_of(getpid(), host));
    run_set(&r.host, host);
    r.started_at = NOW;
    return r;
}

static struct run start_run(struct db *db, const char *job, const char *partition)
{
    struct run r = make_run(job, partition);
    struct err err = {0};

    check_ok(ledger_start(db, &r, &err), &err);
    return r;
}

/* ---- Owners ---- */

/* A child that waits until `end` is closed. */
static pid_t start_child(int *end)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c;
        close(fds[1]);
        _exit(read(fds[0], &c, 1) == 0 ? 0 : 1);
    }
    close(fds[0]);
    *end = fds[1];
    return pid;
}

static void a_process_is_alive_until_it_ends(void **state)
{
    char owner[OWNER_SIZE], again[OWNER_SIZE];
    siginfo_t info;
    int end;
    (void)state;

    assert_true(owner_of(getpid(), owner));
    assert_true(owner_alive(owner));
    pid_t pid = start_child(&end);
    assert_true(owner_of(pid, owner));
    assert_true(owner_alive(owner));
    close(end);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(owner_alive(owner)); /* a zombie */
    assert_false(owner_of(pid, again));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(owner_alive(owner));
    assert_false(owner_of(pid, again));
}

static void only_the_same_process_of_the_same_boot_is_alive(void **state)
{
    char owner[OWNER_SIZE], host[65], boot[9], other[2 * OWNER_SIZE];
    long pid;
    unsigned long long ticks;
    (void)state;

    assert_true(owner_of(getpid(), owner));
    assert_int_equal(sscanf(owner, "%64[^/]/%8[^/]/%ld.%llu", host, boot, &pid, &ticks), 4);
    assert_int_equal(pid, getpid());
    snprintf(other, sizeof(other), "%s/%s/%ld.%llu", host, boot, pid, ticks);
    assert_true(owner_alive(other));
    snprintf(other, sizeof(other), "%s/%s/%ld.%llu", host, boot, pid, ticks + 1);
    assert_false(owner_alive(other));
    snprintf(other, sizeof(other), "%s/00000000/%ld.%llu", host, pid, ticks);
    assert_false(owner_alive(other));
    snprintf(other, sizeof(other), "%s/%s/1.%llu", host, boot, ticks);
    assert_false(owner_alive(other));
}

static void text_that_is_no_owner_names_a_dead_one(void **state)
{
    static const char *const cases[] = {
        "",  "/", "//", "box", "box/", "box//1.2", "box/deadbeef/", "box/deadbeef/x.y", "box/deadbeef/1", "1.2",
        "box/deadbeefdeadbeef/1.2", "\xFF/\xFF/1.2", "box/noboot--/-1.0", "box/noboot--/99999999999999999999.1",
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        char who[OWNER_SIZE];
        if (owner_alive(cases[i]))
            fail_msg("\"%s\"", cases[i]);
        owner_tell(cases[i], who, sizeof(who));
    }
}

static void an_owner_is_told_as_process_and_host(void **state)
{
    static const struct {
        const char *owner, *want;
    } cases[] = {
        {"box/deadbeef/1234.5678", "process 1234 on box"},
        {"a.b.example/deadbeef/1.2", "process 1 on a.b.example"},
        {"somebody", "somebody"},
        {"", ""},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        char who[OWNER_SIZE];
        owner_tell(cases[i].owner, who, sizeof(who));
        assert_string_equal(who, cases[i].want);
    }
}

/* ---- The lock ---- */

static void a_job_has_one_running_run_for_each_partition(void **state)
{
    static const struct {
        const char *job, *partition;
        int rc;
    } cases[] = {
        {"erp.orders", "", E_BUSY},    {"erp.orders", "m1", 0}, {"erp.orders", "m1", E_BUSY},
        {"erp.orders", "m2", 0},       {"erp.partners", "", 0}, {"erp.partners", "m1", 0},
        {"erp.partners", "", E_BUSY},
    };
    struct db *db = open_memory();
    struct run first = start_run(db, "erp.orders", "");
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct run r = make_run(cases[i].job, cases[i].partition);
        struct err err = {0};
        assert_int_equal(ledger_start(db, &r, &err), cases[i].rc);
        assert_false(db_in_transaction(db));
        run_free(&r);
    }
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_runs WHERE status = 'running'"), "5; ");
    run_free(&first);
    db_close(db);
}

static void the_refusal_names_run_process_and_since_when(void **state)
{
    struct db *db = open_memory();
    struct run first = start_run(db, "erp.orders", ""), second = make_run("erp.orders", "");
    struct err err = {0};
    char who[OWNER_SIZE], want[512];
    (void)state;

    assert_int_equal(ledger_start(db, &second, &err), E_BUSY);
    owner_tell(first.host, who, sizeof(who));
    snprintf(want, sizeof(want), "erp.orders is already running: run %s of %s, since 2025-10-11T08:58:45.000Z", first.id,
             who);
    assert_string_equal(err.msg, want);
    run_free(&first);
    run_free(&second);
    db_close(db);
}

static void a_dead_holder_is_closed_as_crashed_and_the_new_run_starts(void **state)
{
    struct scratch s;
    char want[512], sql[256];
    struct err err = {0};
    (void)state;

    scratch_make(&s);
    struct db *db = open_store(s.url);
    check_ok(schema_ensure(db, &err), &err);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct db *own = open_store(s.url);
        start_run(own, "erp.orders", "");
        _exit(0); /* without a word, as after a crash */
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct run r = start_run(db, "erp.orders", "");
    snprintf(sql, sizeof(sql), "SELECT status || ' ' || CAST(id = '%s' AS INTEGER) || ' ' || CAST(finished_at IS NULL AS INTEGER)"
                               " FROM sluice_runs"
                               " ORDER BY status", r.id);
    assert_string_equal(rows_of(db, sql), "crashed 0 0; running 1 1; ");
    snprintf(want, sizeof(want), "its process %ld on %.*s is gone; found by run %s; ", (long)pid,
             (int)strcspn(r.host, "/"), r.host, r.id);
    assert_string_equal(rows_of(db, "SELECT reason FROM sluice_runs WHERE status = 'crashed'"), want);
    assert_string_equal(rows_of(db, "SELECT error FROM sluice_runs WHERE status = 'crashed'"), want);
    run_free(&r);
    db_close(db);
    scratch_remove(&s);
}

static void a_start_inside_a_transaction_goes_with_it(void **state)
{
    struct db *db = open_memory();
    struct run r = make_run("erp.orders", "");
    struct err err = {0};
    (void)state;

    check_ok(db_begin(db, &err), &err);
    check_ok(ledger_start(db, &r, &err), &err);
    assert_true(db_in_transaction(db));
    db_rollback(db);
    assert_string_equal(rows_of(db, "SELECT id FROM sluice_runs"), "");
    run_free(&r);
    db_close(db);
}

/* ---- The fire ---- */

#define FIRE (NOW - 45 * INT64_C(1000000)) /* 2025-10-11T08:58:00Z */

static void finish(struct db *db, struct run *r, const char *status)
{
    struct err err = {0};

    snprintf(r->status, sizeof(r->status), "%s", status);
    check_ok(ledger_finish(db, r, &err), &err);
    run_free(r);
}

static void a_fire_makes_one_run(void **state)
{
    static const struct {
        int64_t fire;
        int rc;
    } cases[] = {{FIRE, 0}, {FIRE, E_BUSY}, {FIRE - 1000000, E_BUSY}, {0, 0}, {FIRE + 1000000, 0}};
    struct db *db = open_memory();
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct run r = make_run("erp.orders", "");
        struct err err = {0};
        r.fire_us = cases[i].fire;
        assert_int_equal(ledger_start(db, &r, &err), cases[i].rc);
        assert_false(db_in_transaction(db));
        if (cases[i].rc)
            assert_non_null(strstr(err.msg, "was taken by another run"));
        else
            finish(db, &r, "success");
        run_free(&r);
    }
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_runs"), "3; ");
    assert_string_equal(rows_of(db, "SELECT last_fire FROM sluice_jobs"), "2025-10-11T08:58:01.000Z; ");
    db_close(db);
}

static void the_refusal_names_the_fire(void **state)
{
    struct db *db = open_memory();
    struct run r = make_run("erp.orders", "");
    struct err err = {0};
    (void)state;

    check_ok(jobs_meet(db, "erp.orders", FIRE, &err), &err);
    r.fire_us = FIRE;
    assert_int_equal(ledger_start(db, &r, &err), E_BUSY);
    assert_string_equal(err.msg, "erp.orders: the fire of 2025-10-11T08:58:00Z was taken by another run");
    assert_string_equal(rows_of(db, "SELECT id FROM sluice_runs"), "");
    run_free(&r);
    db_close(db);
}

static void a_job_that_runs_keeps_its_fire_for_later(void **state)
{
    struct db *db = open_memory();
    struct run first = start_run(db, "erp.orders", ""), second = make_run("erp.orders", "");
    struct err err = {0};
    (void)state;

    second.fire_us = FIRE;
    assert_int_equal(ledger_start(db, &second, &err), E_BUSY);
    assert_non_null(strstr(err.msg, "is already running"));
    assert_string_equal(rows_of(db, "SELECT job FROM sluice_jobs"), "");
    finish(db, &first, "success");
    check_ok(ledger_start(db, &second, &err), &err);
    run_free(&second);
    db_close(db);
}

static void a_start_that_is_rolled_back_takes_no_fire(void **state)
{
    struct db *db = open_memory();
    struct run r = make_run("erp.orders", "");
    struct err err = {0};
    (void)state;

    r.fire_us = FIRE;
    check_ok(db_begin(db, &err), &err);
    check_ok(ledger_start(db, &r, &err), &err);
    db_rollback(db);
    assert_string_equal(rows_of(db, "SELECT job FROM sluice_jobs"), "");
    check_ok(ledger_start(db, &r, &err), &err);
    run_free(&r);
    db_close(db);
}

/* In a process of its own, when the starting line falls: 0 when it got the fire, 1 when another had it. */
static int race_for_fire(const char *url, int start, const char *partition)
{
    struct db *db = open_store(url);
    struct run r = make_run("erp.orders", partition);
    struct err err = {0};
    char c;

    r.fire_us = FIRE;
    if (read(start, &c, 1) != 0)
        return 9;
    int rc = ledger_start(db, &r, &err);
    db_close(db);
    if (rc && rc != E_BUSY)
        fprintf(stderr, "%s\n", err.msg);
    return rc == 0 ? 0 : rc == E_BUSY ? 1 : 9;
}

/* Of different partitions, so that nothing but the fire decides; and of the same one. */
static void of_processes_that_claim_a_fire_together_one_gets_it(void **state)
{
    static const char *const partitions[][2] = {{"m1", "m2"}, {"", ""}};
    (void)state;

    for (int round = 0; round < 20; round++) {
        struct scratch s;
        struct err err = {0};
        int start[2], won = 0;
        pid_t pids[2];
        scratch_make(&s);
        struct db *db = open_store(s.url);
        check_ok(schema_ensure(db, &err), &err);
        db_close(db); /* none may cross a fork */
        assert_int_equal(pipe(start), 0);
        for (int i = 0; i < 2; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                close(start[1]);
                _exit(race_for_fire(s.url, start[0], partitions[round % 2][i]));
            }
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < 2; i++) {
            int status = -1;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
            won += WEXITSTATUS(status) == 0;
        }
        assert_int_equal(won, 1);
        db = open_store(s.url);
        assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_runs"), "1; ");
        db_close(db);
        scratch_remove(&s);
    }
}

/* ---- The dead ---- */

static void all_runs_of_dead_processes_are_closed_at_once(void **state)
{
    struct db *db = open_memory();
    struct run living = start_run(db, "erp.orders", "");
    struct err err = {0};
    int64_t count = -1;
    (void)state;

    check_ok(ledger_close_dead(db, &count, &err), &err);
    assert_int_equal(count, 0);
    run_sql(db, "INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at) VALUES"
                " ('A', NULL, 'erp.a', '', 'full', 'running', 'box/00000000/77.1', '2025-10-11T08:58:45.000Z'),"
                " ('B', 'A', 'erp.a', 'm1', 'full', 'running', 'box/00000000/77.1', '2025-10-11T08:58:45.000Z'),"
                " ('C', NULL, 'erp.c', '', 'full', 'running', 'nonsense', '2025-10-11T08:58:45.000Z'),"
                " ('D', NULL, 'erp.d', '', 'full', 'success', 'box/00000000/77.1', '2025-10-11T08:58:45.000Z')");
    check_ok(ledger_close_dead(db, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_false(db_in_transaction(db));
    assert_string_equal(rows_of(db, "SELECT id || ' ' || status || ' ' || coalesce(reason, '-') || ' ' ||"
                                    " CAST(finished_at IS NULL AS INTEGER) FROM sluice_runs WHERE length(id) = 1 ORDER BY id"),
                        "A crashed its process 77 on box is gone 0; B crashed its process 77 on box is gone 0; "
                        "C crashed its nonsense is gone 0; D success - 1; ");
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_runs WHERE status = 'running'"), "1; ");
    check_ok(ledger_close_dead(db, NULL, &err), &err);
    run_free(&living);
    db_close(db);
}

/* ---- The fence ---- */

static void every_fence_counts_a_batch_and_writes_the_counters(void **state)
{
    struct db *db = open_memory();
    struct run r = start_run(db, "erp.orders", "");
    struct err err = {0};
    (void)state;

    for (int i = 1; i <= 3; i++) {
        check_ok(db_begin(db, &err), &err);
        r.counts.processed += 10;
        r.counts.created += 10;
        check_ok(ledger_fence(db, &r, &err), &err);
        check_ok(db_commit(db, &err), &err);
        assert_int_equal(r.batch_no, i);
    }
    assert_string_equal(rows_of(db, "SELECT batch_no || ' ' || status || ' ' || processed || ' ' || created ||"
                                    " ' ' || CAST(total IS NULL AS INTEGER) || ' ' || CAST(finished_at IS NULL AS INTEGER)"
                                    " FROM sluice_runs"),
                        "3 running 30 30 1 1; ");
    run_free(&r);
    db_close(db);
}

static void a_run_that_was_taken_over_writes_nothing_more(void **state)
{
    struct scratch s;
    struct err err = {0};
    int64_t closed = -1;
    char want[128];
    (void)state;

    scratch_make(&s);
    struct db *mine = open_store(s.url), *other = open_store(s.url);
    check_ok(schema_ensure(mine, &err), &err);
    run_sql(mine, "CREATE TABLE data (n INTEGER)");
    struct run r = start_run(mine, "erp.orders", "");
    check_ok(ledger_close(other, r.id, "crashed", "it was thought dead", &closed, &err), &err);
    assert_int_equal(closed, 1);

    check_ok(db_begin(mine, &err), &err);
    run_sql(mine, "INSERT INTO data VALUES (1)");
    assert_int_equal(ledger_fence(mine, &r, &err), E_FENCED);
    snprintf(want, sizeof(want), "run %s was taken over by another process; nothing more is written", r.id);
    assert_string_equal(err.msg, want);
    assert_int_equal(r.batch_no, 0);
    db_rollback(mine);
    assert_int_equal(ledger_finish(mine, &r, &err), E_FENCED);

    assert_string_equal(rows_of(mine, "SELECT n FROM data"), "");
    assert_string_equal(rows_of(mine, "SELECT status || ' ' || reason || ' ' || batch_no FROM sluice_runs"),
                        "crashed it was thought dead 0; ");
    run_free(&r);
    db_close(mine);
    db_close(other);
    scratch_remove(&s);
}

static void a_batch_that_was_counted_elsewhere_is_fenced(void **state)
{
    struct db *db = open_memory();
    struct run r = start_run(db, "erp.orders", "");
    struct err err = {0};
    (void)state;

    run_sql(db, "UPDATE sluice_runs SET batch_no = 1");
    assert_int_equal(ledger_fence(db, &r, &err), E_FENCED);
    run_free(&r);
    db_close(db);
}

/* ---- The end and the history ---- */

static void finishing_writes_all_and_frees_the_job(void **state)
{
    struct db *db = open_memory();
    struct run r = start_run(db, "erp.orders", "m1");
    struct err err = {0};
    int64_t closed = -1;
    (void)state;

    snprintf(r.status, sizeof(r.status), "partial");
    snprintf(r.mode, sizeof(r.mode), "full");
    r.total = 9;
    r.counts = (struct run_counts){.processed = 9, .created = 1, .updated = 2, .skipped = 2, .errors = 4};
    run_set(&r.window_start, "a");
    run_set(&r.window_end, "b");
    run_set(&r.message, "c");
    run_warn(&r, "d");
    run_stat(&r, "gap_seconds", 7);
    run_detail(&r, "4711", "no-key: why");
    check_ok(ledger_finish(db, &r, &err), &err);
    assert_true(r.finished_at > NOW);
    assert_string_equal(
        rows_of(db, "SELECT job || ' ' || partition || ' ' || mode || ' ' || status || ' ' || total || ' ' || processed"
                    " || ' ' || created || ' ' || updated || ' ' || skipped || ' ' || errors || ' ' || window_start ||"
                    " window_end || message || warnings || stats || error_details ||"
                    " CAST(parent IS NULL AS INTEGER) || CAST(error IS NULL AS INTEGER)"
                    " FROM sluice_runs"),
        "erp.orders m1 full partial 9 9 1 2 2 4 abc[\"d\"]{\"gap_seconds\":7}"
        "[{\"key\":\"4711\",\"reason\":\"no-key: why\"}]11; ");
    check_ok(ledger_close(db, r.id, "crashed", "too late", &closed, &err), &err);
    assert_int_equal(closed, 0);
    struct run next = start_run(db, "erp.orders", "m1");
    run_free(&next);
    run_free(&r);
    db_close(db);
}

struct history {
    char text[512];
    int left; /* stop after so many; 0: never */
};

static int note_run(const struct run *r, void *context)
{
    struct history *h = context;
    size_t len = strlen(h->text);

    snprintf(h->text + len, sizeof(h->text) - len, "%s %s; ", r->job, r->mode);
    return --h->left ? 0 : E_USAGE;
}

/* Three ended runs of two jobs; their modes are "1", "2", "3" in the order of their starts. */
static void make_history(struct db *db, char ids[3][RUN_ID_SIZE])
{
    static const char *const jobs[] = {"erp.orders", "erp.partners", "erp.orders"};
    static const int64_t starts[] = {NOW + 1000000, NOW, NOW + 2000000};
    static const char *const modes[] = {"2", "1", "3"};

    for (size_t i = 0; i < 3; i++) {
        struct run r = make_run(jobs[i], "");
        struct err err = {0};
        r.started_at = starts[i];
        snprintf(r.mode, sizeof(r.mode), "%s", modes[i]);
        check_ok(ledger_start(db, &r, &err), &err);
        snprintf(r.status, sizeof(r.status), "success");
        check_ok(ledger_finish(db, &r, &err), &err);
        memcpy(ids[i], r.id, RUN_ID_SIZE);
        run_free(&r);
    }
}

static void a_list_is_newest_first(void **state)
{
    char ids[3][RUN_ID_SIZE];
    struct db *db = open_memory();
    make_history(db, ids);
    const struct {
        const char *job, *id;
        int64_t limit;
        int stop_after, rc;
        const char *want;
    } cases[] = {
        {NULL, NULL, 10, 0, 0, "erp.orders 3; erp.orders 2; erp.partners 1; "},
        {NULL, NULL, 2, 0, 0, "erp.orders 3; erp.orders 2; "},
        {"erp.partners", NULL, 10, 0, 0, "erp.partners 1; "},
        {"erp.orders", NULL, 1, 0, 0, "erp.orders 3; "},
        {NULL, ids[1], 10, 0, 0, "erp.partners 1; "},
        {"erp.orders", ids[1], 10, 0, 0, "erp.partners 1; "}, /* an id says it all */
        {"nobody.knows", NULL, 10, 0, 0, ""},
        {NULL, NULL, 10, 2, E_USAGE, "erp.orders 3; erp.orders 2; "},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct history h = {.left = cases[i].stop_after};
        struct err err = {0};
        assert_int_equal(ledger_list(db, cases[i].job, cases[i].id, cases[i].limit, note_run, &h, &err), cases[i].rc);
        assert_string_equal(h.text, cases[i].want);
    }
    db_close(db);
}

/* The ids of runs, in the order in which they came. */
static int note_id(const struct run *r, void *context)
{
    struct history *h = context;
    size_t len = strlen(h->text);

    snprintf(h->text + len, sizeof(h->text) - len, "%s ", r->id);
    return --h->left ? 0 : E_USAGE;
}

/* What of erp.a and erp.b is known: parts (lower case) and runs under way among it. */
static struct db *open_mixed(void)
{
    struct db *db = open_memory();

    run_sql(db, "INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at, finished_at)"
                " SELECT id, parent, job, partition, mode, status, '', '2025-10-11T08:0' || minute || ':00.000Z',"
                " CASE WHEN status <> 'running' THEN '2025-10-11T08:0' || minute || ':30.000Z' END FROM (SELECT"
                " 'A1' AS id, CAST(NULL AS TEXT) AS parent, 'erp.a' AS job, '' AS partition, 'full' AS mode,"
                " 'partial' AS status, 1 AS minute"
                " UNION ALL SELECT 'A2', NULL, 'erp.a', '', 'full', 'failed', 2"
                " UNION ALL SELECT 'A2m', 'A2', 'erp.a', 'm', 'full', 'success', 2"
                " UNION ALL SELECT 'A3', NULL, 'erp.a', '', 'retry', 'success', 3"
                " UNION ALL SELECT 'A4', NULL, 'erp.a', '', 'full', 'running', 4"
                " UNION ALL SELECT 'A4m', 'A4', 'erp.a', 'm', 'full', 'running', 4"
                " UNION ALL SELECT 'B1', NULL, 'erp.b', '', 'full', 'running', 5) AS r");
    return db;
}

static void a_list_leaves_parts_out_unless_they_are_named(void **state)
{
    static const struct {
        const char *job, *id, *want;
    } cases[] = {
        {NULL, NULL, "B1 A4 A3 A2 A1 "}, {"erp.a", NULL, "A4 A3 A2 A1 "}, {NULL, "A2m", "A2m "}, {NULL, "A", ""},
    };
    struct db *db = open_mixed();
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct history h = {0};
        struct err err = {0};
        check_ok(ledger_list(db, cases[i].job, cases[i].id, 10, note_id, &h, &err), &err);
        assert_string_equal(h.text, cases[i].want);
    }
    db_close(db);
}

static void runs_are_found_by_what_their_id_begins_with(void **state)
{
    static const struct {
        const char *prefix;
        int64_t limit;
        const char *want;
    } cases[] = {
        {"A2", 10, "A2 A2M "},   {"a2", 10, "A2 A2M "}, {"A2m", 10, "A2M "}, {"B", 10, "B1 "},
        {"A", 3, "A1 A2 A2M "},  {"C", 10, ""},         {"A1Z", 10, ""},     {"", 2, "A1 A2 "},
        {"A100000000000000000000000000000", 10, ""},
    };
    struct db *db = open_mixed();
    (void)state;

    run_sql(db, "UPDATE sluice_runs SET id = upper(id)");
    for (size_t i = 0; i < LEN(cases); i++) {
        struct history h = {0};
        struct err err = {0};
        check_ok(ledger_find(db, cases[i].prefix, cases[i].limit, note_id, &h, &err), &err);
        assert_string_equal(h.text, cases[i].want);
    }
    db_close(db);
}

static void running_and_ended_runs_are_told_apart(void **state)
{
    struct db *db = open_mixed();
    struct history all = {0}, of_a = {0}, of_c = {0}, ended = {0}, two = {0}, none = {0};
    struct err err = {0};
    (void)state;

    check_ok(ledger_running(db, NULL, note_id, &all, &err), &err);
    assert_int_equal(strlen(all.text), strlen("A4 A4m B1 "));
    check_ok(ledger_running(db, "erp.a", note_id, &of_a, &err), &err);
    assert_string_equal(of_a.text, "A4 A4m ");
    check_ok(ledger_running(db, "erp.c", note_id, &of_c, &err), &err);
    assert_string_equal(of_c.text, "");
    check_ok(ledger_recent(db, "erp.a", 10, note_id, &ended, &err), &err);
    assert_string_equal(ended.text, "A3 A2 A1 ");
    check_ok(ledger_recent(db, "erp.a", 2, note_id, &two, &err), &err);
    assert_string_equal(two.text, "A3 A2 ");
    check_ok(ledger_recent(db, "erp.b", 10, note_id, &none, &err), &err);
    assert_string_equal(none.text, "");
    db_close(db);
}

/* A part that went well is no good run of its job, nor is a retry of rejects. */
static void the_last_good_run_is_a_whole_one(void **state)
{
    struct db *db = open_mixed();
    struct err err = {0};
    int64_t at = -1;
    (void)state;

    check_ok(ledger_last_good(db, "erp.a", &at, &err), &err);
    assert_int_equal(at, NOW - (57 * 60 + 15) * INT64_C(1000000)); /* 8:01:30 */
    check_ok(ledger_last_good(db, "erp.b", &at, &err), &err);
    assert_int_equal(at, 0);
    db_close(db);
}

/* ---- The cost ---- */

static int ignore(const struct run *r, void *context)
{
    (void)r;
    (void)context;
    return 0;
}

/* The steps of each question in a history of `count` runs. */
static void ask_everything(int count, long steps[8])
{
    struct db *db = open_memory();
    struct err err = {0};
    int64_t at, closed;
    int n = 0;

    steps_fill(db, NOW, count);
    run_sql(db, "INSERT INTO sluice_runs (id, job, mode, status, host, started_at)"
                " VALUES ('Z', 'erp.a', 'full', 'running', '', '2001')");
    steps_taken();
    check_ok(ledger_list(db, NULL, NULL, 20, ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_list(db, "erp.old", NULL, 20, ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_find(db, "01K7000000000000000000001", 2, ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_recent(db, "erp.old", 20, ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_last_good(db, "erp.a", &at, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_running(db, NULL, ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_running(db, "erp.a", ignore, NULL, &err), &err);
    steps[n++] = steps_taken();
    check_ok(ledger_close_dead(db, &closed, &err), &err);
    steps[n++] = steps_taken();
    assert_int_equal(closed, 1);
    db_close(db);
}

static void no_question_costs_more_in_a_longer_history(void **state)
{
    long few[8], many[8];
    (void)state;

    ask_everything(300, few);
    ask_everything(30000, many);
    for (size_t i = 0; i < LEN(few); i++) {
        if (few[i] == 0 || many[i] > few[i] + 10)
            fail_msg("question %zu: %ld steps, then %ld", i, few[i], many[i]);
    }
}

static int compare_json(const struct run *r, void *context)
{
    json_t *have = run_json(r), *want = run_json(context);

    assert_true(json_equal(have, want));
    json_decref(have);
    json_decref(want);
    return 0;
}

static void what_the_ledger_keeps_reads_back_the_same(void **state)
{
    struct db *db = open_memory();
    struct run r = start_run(db, "erp.orders", "m1");
    struct err err = {0};
    (void)state;

    snprintf(r.status, sizeof(r.status), "failed");
    r.counts = (struct run_counts){.processed = 10, .created = 1, .updated = 2, .skipped = 3, .errors = 4};
    run_set(&r.window_start, "2025-10-11 08:48:45");
    run_set(&r.message, "with \"quotes\" and \xCE\xB1");
    run_set(&r.reason, "r");
    run_set(&r.error, "e");
    run_warn(&r, "w");
    run_stat(&r, "pages", INT64_MAX);
    run_detail(&r, "k", "v");
    check_ok(ledger_finish(db, &r, &err), &err);
    r.finished_at -= r.finished_at % 1000; /* milliseconds are kept */
    check_ok(ledger_list(db, NULL, r.id, 1, compare_json, &r, &err), &err);
    run_free(&r);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_alive_until_it_ends),
        cmocka_unit_test(only_the_same_process_of_the_same_boot_is_alive),
        cmocka_unit_test(text_that_is_no_owner_names_a_dead_one),
        cmocka_unit_test(an_owner_is_told_as_process_and_host),
        cmocka_unit_test(a_job_has_one_running_run_for_each_partition),
        cmocka_unit_test(the_refusal_names_run_process_and_since_when),
        cmocka_unit_test(a_dead_holder_is_closed_as_crashed_and_the_new_run_starts),
        cmocka_unit_test(a_start_inside_a_transaction_goes_with_it),
        cmocka_unit_test(a_fire_makes_one_run),
        cmocka_unit_test(the_refusal_names_the_fire),
        cmocka_unit_test(a_job_that_runs_keeps_its_fire_for_later),
        cmocka_unit_test(a_start_that_is_rolled_back_takes_no_fire),
        cmocka_unit_test(of_processes_that_claim_a_fire_together_one_gets_it),
        cmocka_unit_test(all_runs_of_dead_processes_are_closed_at_once),
        cmocka_unit_test(every_fence_counts_a_batch_and_writes_the_counters),
        cmocka_unit_test(a_run_that_was_taken_over_writes_nothing_more),
        cmocka_unit_test(a_batch_that_was_counted_elsewhere_is_fenced),
        cmocka_unit_test(finishing_writes_all_and_frees_the_job),
        cmocka_unit_test(a_list_is_newest_first),
        cmocka_unit_test(a_list_leaves_parts_out_unless_they_are_named),
        cmocka_unit_test(runs_are_found_by_what_their_id_begins_with),
        cmocka_unit_test(running_and_ended_runs_are_told_apart),
        cmocka_unit_test(the_last_good_run_is_a_whole_one),
        cmocka_unit_test(what_the_ledger_keeps_reads_back_the_same),
    };
    const struct CMUnitTest costs[] = {cmocka_unit_test(no_question_costs_more_in_a_longer_history)}; /* in steps of SQLite */

    steps_count();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return on_server() ? failed : failed + cmocka_run_group_tests(costs, NULL, NULL);
}
