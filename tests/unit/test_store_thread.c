/* The thread that waits for the store: in order, each ask told and dropped exactly once, whatever the database does. */
#include "store_thread.h"

#include "clock.h"
#include "redact.h"
#include "store_test.h"

#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>

#define ENOUGH_US (30 * CLOCK_SECOND) /* more than anything here takes */

/* A loop, and the thread beside it. */
struct bench {
    struct scratch scratch;
    struct event_base *base;
    struct store_thread *thread;
};

static void bench_open(struct bench *b)
{
    struct err err = {0};

    scratch_make(&b->scratch);
    b->base = event_base_new();
    assert_non_null(b->base);
    check_ok(store_thread_open(b->scratch.url, b->base, &b->thread, &err), &err);
}

static void bench_close(struct bench *b)
{
    store_thread_close(b->thread);
    event_base_free(b->base);
    scratch_remove(&b->scratch);
}

/* One ask and what becomes of it. What `work` writes, the loop reads when it is told or when it is dropped. */
struct job {
    /* what its work does */
    const char *sql;       /* statements, or one SELECT when it begins so */
    sem_t *reached, *hold; /* tell when it is reached; wait until it may go on. NULL: neither */
    int rc;                /* its result, when all else went well */

    /* what became of it */
    bool worked;
    pthread_t where;
    sigset_t blocked;
    char row[64];

    /* the loop's */
    int done, dropped, told;
    int order; /* the how many'th of all that were told */
    char message[1024];
};

static int told_so_far;

static int select_row(struct db *db, struct job *j, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, j->sql, &st, err);

    if (rc)
        return rc;
    rc = db_step(st, err);
    if (rc == 1)
        snprintf(j->row, sizeof(j->row), "%s", db_column_text(st, 0));
    db_finalize(st);
    return rc < 0 ? rc : 0;
}

static int work(struct db *db, void *context, struct err *err)
{
    struct job *j = context;
    int rc = 0;

    j->worked = true;
    j->where = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &j->blocked);
    if (j->reached)
        sem_post(j->reached);
    if (j->hold)
        sem_wait(j->hold);
    if (j->sql && strncmp(j->sql, "SELECT", 6) == 0)
        rc = select_row(db, j, err);
    else if (j->sql)
        rc = db_exec(db, j->sql, err);
    return rc || j->rc >= 0 ? (rc ? rc : j->rc) : err_set(err, j->rc, "as the test wants it");
}

static void done(void *context, int rc, const struct err *err)
{
    struct job *j = context;

    j->done++;
    j->told = rc;
    j->order = ++told_so_far;
    snprintf(j->message, sizeof(j->message), "%s", err->msg);
    assert_int_equal(j->dropped, 0);
}

static void drop(void *context)
{
    struct job *j = context;

    j->dropped++;
    assert_int_equal(j->done, 1);
}

static bool ask(struct bench *b, struct job *j, int64_t deadline_us)
{
    return store_thread_ask(
        b->thread,
        &(struct store_ask){.deadline_us = deadline_us, .work = work, .done = done, .drop = drop, .context = j});
}

static void give_up(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    *(bool *)context = true;
}

/* Run the loop until `*what` is at least `least`. */
static void run_until(struct bench *b, const int *what, int least)
{
    const struct timeval after = {ENOUGH_US / CLOCK_SECOND, 0};
    bool late = false;
    struct event *limit = evtimer_new(b->base, give_up, &late);

    evtimer_add(limit, &after);
    while (*what < least && !late)
        event_base_loop(b->base, EVLOOP_ONCE);
    event_free(limit);
    assert_false(late);
}

static void ask_and_wait(struct bench *b, struct job *j)
{
    assert_true(ask(b, j, 0));
    run_until(b, &j->dropped, 1);
    assert_int_equal(j->done, 1);
}

static bool reachable(const struct bench *b, int64_t *since, const char **why)
{
    return store_thread_reachable(b->thread, since, why);
}

/* ---- What it does ---- */

static void work_is_done_beside_the_loop_and_its_result_comes_back(void **state)
{
    struct bench b;
    struct job j = {.sql = "SELECT count(*) FROM sluice_runs", .rc = 7};
    (void)state;

    bench_open(&b);
    assert_true(ask(&b, &j, 0));
    assert_int_equal(j.done, 0); /* never from within the ask */
    run_until(&b, &j.dropped, 1);
    assert_int_equal(j.done, 1);
    assert_int_equal(j.told, 7);
    assert_string_equal(j.row, "0"); /* the store was made, with its tables */
    assert_false(pthread_equal(j.where, pthread_self()));
    bench_close(&b);
}

static void no_signal_reaches_the_thread(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    struct bench b;
    struct job j = {0};
    sigset_t mine;
    (void)state;

    bench_open(&b);
    ask_and_wait(&b, &j);
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    for (size_t i = 0; i < LEN(signals); i++) {
        assert_true(sigismember(&j.blocked, signals[i]));
        assert_false(sigismember(&mine, signals[i]));
    }
    bench_close(&b);
}

static void work_is_done_in_the_order_of_the_asks(void **state)
{
    struct bench b;
    struct job jobs[50] = {0};
    int before = told_so_far;
    (void)state;

    bench_open(&b);
    for (size_t i = 0; i < LEN(jobs); i++)
        assert_true(ask(&b, &jobs[i], 0));
    run_until(&b, &jobs[LEN(jobs) - 1].dropped, 1);
    for (size_t i = 0; i < LEN(jobs); i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].dropped, 1);
        assert_int_equal(jobs[i].order, before + 1 + (int)i);
    }
    bench_close(&b);
}

static void a_transaction_that_work_left_open_is_rolled_back(void **state)
{
    struct bench b;
    struct job first = {.sql = "BEGIN; INSERT INTO sluice_jobs (job, updated_at) VALUES ('erp.orders', '')"},
               second = {.sql = "SELECT count(*) FROM sluice_jobs"};
    (void)state;

    bench_open(&b);
    ask_and_wait(&b, &first);
    ask_and_wait(&b, &second);
    assert_string_equal(second.row, "0");
    bench_close(&b);
}

/* Nothing is left in the loop that could wake it: no timer, just the descriptor that the thread writes to. */
static void while_nothing_is_asked_nothing_is_due(void **state)
{
    struct bench b;
    struct job j = {0};
    (void)state;

    bench_open(&b);
    assert_int_equal(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 1);
    assert_true(ask(&b, &j, 0));
    assert_int_equal(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 2);
    run_until(&b, &j.dropped, 1);
    assert_int_equal(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 1);
    bench_close(&b);
}

struct chain {
    struct bench *bench;
    int left, dropped;
};

static int chain_work(struct db *db, void *context, struct err *err)
{
    (void)db;
    (void)context;
    (void)err;
    return 0;
}

static void chain_done(void *context, int rc, const struct err *err)
{
    struct chain *c = context;
    (void)err;

    assert_int_equal(rc, 0);
    if (--c->left > 0)
        assert_true(store_thread_ask(c->bench->thread,
                                     &(struct store_ask){.work = chain_work, .done = chain_done, .context = c}));
    else
        c->dropped = 1;
}

static void who_is_told_may_ask_again(void **state)
{
    struct bench b;
    struct chain c = {.bench = &b, .left = 10};
    (void)state;

    bench_open(&b);
    assert_true(store_thread_ask(b.thread, &(struct store_ask){.work = chain_work, .done = chain_done, .context = &c}));
    run_until(&b, &c.dropped, 1);
    bench_close(&b);
}

/* ---- Stores that go away ---- */

static void a_store_that_is_away_is_found_when_it_comes(void **state)
{
    struct bench b;
    struct job first = {0}, second = {0}, third = {0};
    char url[192], path[128];
    int64_t since = 0, again = 0, before = clock_wall_us();
    const char *why = "";
    struct err err = {0};
    (void)state;

    scratch_make(&b.scratch);
    snprintf(path, sizeof(path), "%s/later", b.scratch.dir);
    snprintf(url, sizeof(url), "sqlite:%s/store.db", path);
    b.base = event_base_new();
    check_ok(store_thread_open(url, b.base, &b.thread, &err), &err);
    assert_true(reachable(&b, &since, &why)); /* nobody asked yet */

    ask_and_wait(&b, &first);
    assert_false(first.worked);
    assert_int_equal(first.told, E_STORE);
    assert_non_null(strstr(first.message, "unable to open"));
    assert_false(reachable(&b, &since, &why));
    assert_in_range(since, before, clock_wall_us());
    assert_string_equal(why, first.message);
    ask_and_wait(&b, &second);
    assert_false(reachable(&b, &again, &why));
    assert_int_equal(again, since); /* since when, not when last */

    assert_int_equal(mkdir(path, 0700), 0);
    ask_and_wait(&b, &third);
    assert_true(third.worked);
    assert_int_equal(third.told, 0);
    assert_true(reachable(&b, &since, &why));

    store_thread_close(b.thread);
    event_base_free(b.base);
    snprintf(path, sizeof(path), "%s/later/store.db", b.scratch.dir);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/later", b.scratch.dir);
    assert_int_equal(rmdir(path), 0);
    scratch_remove(&b.scratch);
}

/* Temporary tables live as long as a connection. */
static void after_a_store_error_the_connection_is_a_new_one(void **state)
{
    static const struct {
        int rc;
        bool reachable;
        const char *left;
    } cases[] = {{0, true, "1"}, {E_BUSY, true, "1"}, {E_REFUSED, true, "1"}, {E_STORE, false, "0"}};
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct bench b;
        struct job make = {.sql = "CREATE TEMP TABLE mark (n)"}, end = {.rc = cases[i].rc},
                   look = {.sql = "SELECT count(*) FROM temp.sqlite_schema"};
        int64_t since;
        const char *why;
        bench_open(&b);
        ask_and_wait(&b, &make);
        ask_and_wait(&b, &end);
        assert_int_equal(end.told, cases[i].rc);
        assert_int_equal(reachable(&b, &since, &why), cases[i].reachable);
        ask_and_wait(&b, &look);
        assert_string_equal(look.row, cases[i].left);
        assert_true(reachable(&b, &since, &why));
        bench_close(&b);
    }
}

static void take_away(const struct scratch *s, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    unlink(path);
}

static void move(const struct scratch *s, const char *from, const char *to)
{
    char a[128], b[128];

    snprintf(a, sizeof(a), "%s/%s", s->dir, from);
    snprintf(b, sizeof(b), "%s/%s", s->dir, to);
    assert_int_equal(rename(a, b), 0);
}

static void a_store_that_was_deleted_is_made_again(void **state)
{
    struct bench b;
    struct job mark = {.sql = "INSERT INTO sluice_jobs (job, updated_at) VALUES ('old', '')"},
               look = {.sql = "SELECT count(*) FROM sluice_jobs"};
    (void)state;

    bench_open(&b);
    ask_and_wait(&b, &mark);
    take_away(&b.scratch, "store.db");
    ask_and_wait(&b, &look);
    assert_int_equal(look.told, 0);
    assert_string_equal(look.row, "0");
    bench_close(&b);
}

/* As after a restore: the file with what belonged to the old one out of the way. */
static void another_store_in_its_place_is_noticed(void **state)
{
    struct bench b;
    struct job mark = {.sql = "INSERT INTO sluice_jobs (job, updated_at) VALUES ('old', '')"},
               look = {.sql = "SELECT job FROM sluice_jobs"};
    char url[128];
    struct err err = {0};
    (void)state;

    bench_open(&b);
    ask_and_wait(&b, &mark);
    snprintf(url, sizeof(url), "sqlite:%s/new.db", b.scratch.dir);
    struct db *other = open_store(url);
    check_ok(schema_ensure(other, &err), &err);
    run_sql(other, "INSERT INTO sluice_jobs (job, updated_at) VALUES ('new', '')");
    db_close(other);
    take_away(&b.scratch, "store.db-wal");
    take_away(&b.scratch, "store.db-shm");
    move(&b.scratch, "new.db", "store.db");
    ask_and_wait(&b, &look);
    assert_string_equal(look.row, "new");
    bench_close(&b);
}

/* ---- Deadlines ---- */

static void past_its_deadline_an_ask_is_told_and_dropped_when_its_work_has_ended(void **state)
{
    struct bench b;
    sem_t reached, hold;
    struct job stuck = {.reached = &reached, .hold = &hold, .rc = 3}, next = {.rc = 4};
    int64_t since;
    const char *why;
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    bench_open(&b);
    assert_true(ask(&b, &stuck, 50000));
    sem_wait(&reached);
    run_until(&b, &stuck.done, 1);
    assert_int_equal(stuck.told, E_STORE);
    assert_string_equal(stuck.message, "store: no answer within 0.05 s");
    assert_int_equal(stuck.dropped, 0); /* its work looks at it still */
    assert_false(reachable(&b, &since, &why));
    assert_string_equal(why, stuck.message);

    assert_true(ask(&b, &next, 0));
    sem_post(&hold);
    run_until(&b, &next.dropped, 1);
    assert_int_equal(next.told, 4);
    assert_int_equal(stuck.done, 1); /* the late result is nobody's */
    assert_int_equal(stuck.dropped, 1);
    assert_true(reachable(&b, &since, &why));
    bench_close(&b);
    sem_destroy(&reached);
    sem_destroy(&hold);
}

static void work_that_waited_past_its_deadline_is_never_begun(void **state)
{
    struct bench b;
    sem_t reached, hold;
    struct job stuck = {.reached = &reached, .hold = &hold}, late = {0}, patient = {0};
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    bench_open(&b);
    assert_true(ask(&b, &stuck, 0));
    sem_wait(&reached);
    assert_true(ask(&b, &late, 2 * CLOCK_SECOND / 100));
    assert_true(ask(&b, &patient, 0));
    run_until(&b, &late.dropped, 1);
    assert_int_equal(late.done, 1);
    assert_int_equal(late.told, E_STORE);
    assert_int_equal(stuck.done + patient.done, 0);
    sem_post(&hold);
    run_until(&b, &patient.dropped, 1);
    assert_int_equal(stuck.told, 0);
    assert_int_equal(patient.told, 0);
    assert_false(late.worked);
    bench_close(&b);
    sem_destroy(&reached);
    sem_destroy(&hold);
}

static void a_full_queue_takes_no_more_until_there_is_room(void **state)
{
    struct bench b;
    sem_t reached, hold;
    struct job stuck = {.reached = &reached, .hold = &hold}, refused = {0}, again = {0};
    struct job *jobs = calloc(STORE_THREAD_QUEUE, sizeof(*jobs));
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    bench_open(&b);
    assert_true(ask(&b, &stuck, 0));
    sem_wait(&reached);
    for (size_t i = 0; i < STORE_THREAD_QUEUE; i++)
        assert_true(ask(&b, &jobs[i], ENOUGH_US));
    assert_false(ask(&b, &refused, 0));
    sem_post(&hold);
    run_until(&b, &jobs[STORE_THREAD_QUEUE - 1].dropped, 1);
    ask_and_wait(&b, &again);
    for (size_t i = 0; i < STORE_THREAD_QUEUE; i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].dropped, 1);
        assert_int_equal(jobs[i].told, 0);
    }
    assert_false(refused.worked);
    assert_int_equal(refused.done + refused.dropped, 0);
    bench_close(&b);
    free(jobs);
    sem_destroy(&reached);
    sem_destroy(&hold);
}

/* ---- The end ---- */

static void *post_soon(void *hold)
{
    clock_sleep_us(100000);
    sem_post(hold);
    return NULL;
}

static void an_end_waits_for_the_work_under_way(void **state)
{
    struct bench b;
    sem_t reached, hold;
    struct job busy = {.reached = &reached, .hold = &hold, .sql = "SELECT 'done'"}, waits[3] = {0};
    pthread_t helper;
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    bench_open(&b);
    assert_true(ask(&b, &busy, 0));
    sem_wait(&reached);
    for (size_t i = 0; i < LEN(waits); i++)
        assert_true(ask(&b, &waits[i], 0));
    assert_int_equal(pthread_create(&helper, NULL, post_soon, &hold), 0);
    bench_close(&b);
    pthread_join(helper, NULL);
    assert_int_equal(busy.told, 0);
    assert_string_equal(busy.row, "done");
    assert_int_equal(busy.done, 1);
    assert_int_equal(busy.dropped, 1);
    for (size_t i = 0; i < LEN(waits); i++) {
        assert_false(waits[i].worked);
        assert_int_equal(waits[i].told, E_STORE);
        assert_int_equal(waits[i].done, 1);
        assert_int_equal(waits[i].dropped, 1);
    }
    sem_destroy(&reached);
    sem_destroy(&hold);
}

static void asks_that_nobody_waits_for_any_more_are_dropped_at_the_end(void **state)
{
    struct bench b;
    sem_t reached, hold;
    struct job late = {.reached = &reached, .hold = &hold}, ended = {0};
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    bench_open(&b);
    assert_true(ask(&b, &late, 1000));
    sem_wait(&reached);
    run_until(&b, &late.done, 1);
    sem_post(&hold);
    assert_true(ask(&b, &ended, 0)); /* done or not, as it comes; told in any case */
    bench_close(&b);
    assert_int_equal(late.done, 1);
    assert_int_equal(late.dropped, 1);
    assert_int_equal(ended.done, 1);
    assert_int_equal(ended.dropped, 1);
    sem_destroy(&reached);
    sem_destroy(&hold);
}

static struct store_thread *left_behind; /* what an abandoned thread still uses is nobody's leak */

/* How many threads this process has. */
static int count_threads(void)
{
    char line[256];
    int count = 0;
    FILE *f = fopen("/proc/self/status", "re");

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        sscanf(line, "Threads: %d", &count);
    fclose(f);
    return count;
}

/* It must not be ended inside the database, nor may its context go while it can be looked at. */
static void a_thread_that_does_not_come_back_is_left_to_itself(void **state)
{
    static struct job stuck; /* as the thread may outlive this function */
    static sem_t reached, hold;
    struct bench b;
    struct job waits = {0};
    int threads = count_threads();
    (void)state;

    sem_init(&reached, 0, 0);
    sem_init(&hold, 0, 0);
    stuck = (struct job){.reached = &reached, .hold = &hold, .sql = "SELECT 'at last'"};
    bench_open(&b);
    left_behind = b.thread;
    assert_true(ask(&b, &stuck, 0));
    sem_wait(&reached);
    assert_true(ask(&b, &waits, 0));
    int64_t before = clock_mono_us();
    store_thread_close(b.thread);
    assert_in_range(clock_mono_us() - before, STORE_THREAD_CLOSE_US, STORE_THREAD_CLOSE_US + ENOUGH_US);
    event_base_free(b.base);
    assert_int_equal(stuck.told, E_STORE);
    assert_string_equal(stuck.message, "store: no answer within the 3 s that sluice waits when it ends");
    assert_int_equal(stuck.done, 1);
    assert_int_equal(waits.done, 1);
    assert_int_equal(waits.dropped, 1);

    sem_post(&hold);
    for (int64_t until = clock_mono_us() + ENOUGH_US; count_threads() > threads && clock_mono_us() < until;)
        clock_sleep_us(1000);
    assert_int_equal(count_threads(), threads);
    assert_string_equal(stuck.row, "at last");
    assert_int_equal(stuck.done, 1);
    assert_int_equal(stuck.dropped, 0);
    scratch_remove(&b.scratch);
}

static void a_thread_that_nobody_asked_ends_at_once(void **state)
{
    struct bench b;
    (void)state;

    bench_open(&b);
    bench_close(&b);
    store_thread_close(NULL);
}

/* ---- All at once ---- */

static int nap(struct db *db, void *context, struct err *err)
{
    struct job *j = context;
    (void)db;

    j->worked = true;
    clock_sleep_us(j->rc < 0 ? 0 : j->rc);
    return j->rc < 0 ? err_set(err, j->rc, "with a secret-%d in it", j->rc) : 0;
}

/* Deadlines about as long as the work takes, errors, and secrets that come and go meanwhile. */
static void every_ask_is_told_once_and_then_dropped_once(void **state)
{
    enum { COUNT = 2000 };
    struct bench b;
    struct job *jobs = calloc(COUNT, sizeof(*jobs));
    size_t asked = 0, refused = 0;
    unsigned seed = 4711;
    (void)state;

    bench_open(&b);
    for (size_t i = 0; i < COUNT; i++) {
        seed = seed * 1103515245 + 12345;
        int kind = (int)(seed >> 16 & 7), sleep_us = (int)(seed >> 20 & 511);
        jobs[i].rc = kind == 0 ? E_STORE : kind == 1 ? E_REFUSED : sleep_us;
        struct store_ask a = {.deadline_us = kind < 4 ? 0 : 1 + sleep_us * 40,
                              .work = nap,
                              .done = done,
                              .drop = drop,
                              .context = &jobs[i]};
        bool taken = store_thread_ask(b.thread, &a);
        asked += taken;
        refused += !taken;
        if (!taken)
            jobs[i].done = jobs[i].dropped = 1;
        if (i % 16 == 0) {
            char secret[32];
            snprintf(secret, sizeof(secret), "secret-%zu", i);
            assert_true(redact_add(secret, strlen(secret)));
        }
        if (i % 256 == 0)
            redact_forget();
        event_base_loop(b.base, i % 32 == 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK);
    }
    bench_close(&b); /* with some of them on their way */
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].dropped, 1);
    }
    assert_int_equal(asked + refused, COUNT);
    assert_true(asked > COUNT / 10);
    redact_forget();
    free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_done_beside_the_loop_and_its_result_comes_back),
        cmocka_unit_test(no_signal_reaches_the_thread),
        cmocka_unit_test(work_is_done_in_the_order_of_the_asks),
        cmocka_unit_test(a_transaction_that_work_left_open_is_rolled_back),
        cmocka_unit_test(while_nothing_is_asked_nothing_is_due),
        cmocka_unit_test(who_is_told_may_ask_again),
        cmocka_unit_test(a_store_that_is_away_is_found_when_it_comes),
        cmocka_unit_test(after_a_store_error_the_connection_is_a_new_one),
        cmocka_unit_test(a_store_that_was_deleted_is_made_again),
        cmocka_unit_test(another_store_in_its_place_is_noticed),
        cmocka_unit_test(past_its_deadline_an_ask_is_told_and_dropped_when_its_work_has_ended),
        cmocka_unit_test(work_that_waited_past_its_deadline_is_never_begun),
        cmocka_unit_test(a_full_queue_takes_no_more_until_there_is_room),
        cmocka_unit_test(an_end_waits_for_the_work_under_way),
        cmocka_unit_test(asks_that_nobody_waits_for_any_more_are_dropped_at_the_end),
        cmocka_unit_test(a_thread_that_does_not_come_back_is_left_to_itself),
        cmocka_unit_test(a_thread_that_nobody_asked_ends_at_once),
        cmocka_unit_test(every_ask_is_told_once_and_then_dropped_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
