/* What the store remembers of a job: its last fire, which only one can take, and whether it is paused. */
#include "jobs.h"

#include "store_test.h"

#include <inttypes.h>

#define NOON   INT64_C(1760184000000000) /* 2025-10-11T12:00:00Z */
#define MINUTE INT64_C(60000000)

struct listing {
    char text[512];
    int left; /* stop after so many; 0: never */
};

static int note_job(const char *job, int64_t last_fire, bool paused, void *context)
{
    struct listing *l = context;
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof(l->text) - len, "%s %s%" PRId64 "; ", job, paused ? "paused " : "",
             last_fire ? (last_fire - NOON) / MINUTE : -1);
    return --l->left ? 0 : E_USAGE;
}

/* Each job with the minute of its last fire after noon, -1 for none. */
static void check_jobs(struct db *db, const char *want)
{
    struct listing l = {0};
    struct err err = {0};

    check_ok(jobs_list(db, note_job, &l, &err), &err);
    assert_string_equal(l.text, want);
}

static bool claim(struct db *db, const char *job, int64_t due)
{
    bool claimed = false;
    struct err err = {0};

    check_ok(jobs_claim(db, job, due, &claimed, &err), &err);
    return claimed;
}

static void a_job_is_met_once(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    check_jobs(db, "");
    check_ok(jobs_meet(db, "erp.orders", NOON, &err), &err);
    check_ok(jobs_meet(db, "erp.a", NOON + MINUTE, &err), &err);
    check_jobs(db, "erp.a 1; erp.orders 0; ");
    check_ok(jobs_meet(db, "erp.orders", NOON + 5 * MINUTE, &err), &err);
    check_jobs(db, "erp.a 1; erp.orders 0; ");
    assert_string_equal(rows_of(db, "SELECT last_fire FROM sluice_jobs WHERE job = 'erp.orders'"),
                        "2025-10-11T12:00:00.000Z; ");
    db_close(db);
}

static void a_fire_is_taken_once_and_never_after_a_later_one(void **state)
{
    static const struct {
        int due; /* minutes after noon */
        bool claimed;
    } cases[] = {{0, false}, {-1, false}, {1, true}, {1, false}, {5, true}, {3, false}, {5, false}, {6, true}};
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    check_ok(jobs_meet(db, "erp.orders", NOON, &err), &err);
    for (size_t i = 0; i < LEN(cases); i++) {
        if (claim(db, "erp.orders", NOON + cases[i].due * MINUTE) != cases[i].claimed)
            fail_msg("case %zu", i);
    }
    check_jobs(db, "erp.orders 6; ");
    db_close(db);
}

static bool claim_start(struct db *db, const char *host, int64_t due)
{
    bool claimed = false;
    struct err err = {0};

    check_ok(jobs_claim_start(db, "erp.orders", due, host, &claimed, &err), &err);
    return claimed;
}

static void hosts_that_start_within_a_minute_start_a_job_once(void **state)
{
    static const struct {
        int seconds; /* after noon */
        const char *host;
        bool claimed;
    } cases[] = {
        {1, "north", true}, {1, "south", false}, {2, "south", false}, {60, "south", false}, {59, "north", true},
        {60, "south", false}, {118, "south", false}, {119, "south", true}, {120, "south", true}, {121, "north", false},
        {90, "south", false}, /* behind the last fire */
    };
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    check_ok(jobs_meet(db, "erp.orders", NOON, &err), &err);
    for (size_t i = 0; i < LEN(cases); i++) {
        if (claim_start(db, cases[i].host, NOON + cases[i].seconds * (MINUTE / 60)) != cases[i].claimed)
            fail_msg("case %zu", i);
    }
    check_jobs(db, "erp.orders 2; ");
    assert_true(claim(db, "erp.orders", NOON + 3 * MINUTE)); /* a fire of the schedule is anybody's */
    assert_true(claim_start(db, "north", NOON + 4 * MINUTE));
    db_close(db);
}

/* The clock of the host that started last was ahead. */
static void a_start_in_the_future_keeps_nobody_from_starting(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    assert_true(claim_start(db, "north", NOON + 60 * MINUTE)); /* which nobody had met */
    check_ok(jobs_set_fire(db, "erp.orders", NOON, &err), &err);
    assert_true(claim_start(db, "south", NOON + MINUTE));
    db_close(db);
}

static void a_fire_of_a_job_that_nobody_met_can_be_taken(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    assert_true(claim(db, "erp.orders", NOON));
    assert_false(claim(db, "erp.orders", NOON));
    check_ok(jobs_set_paused(db, "erp.a", true, &err), &err);
    assert_true(claim(db, "erp.a", NOON));
    assert_false(claim(db, "erp.a", NOON));
    check_jobs(db, "erp.a paused 0; erp.orders 0; ");
    db_close(db);
}

static void a_fire_goes_back_with_the_transaction_that_took_it(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    check_ok(jobs_meet(db, "erp.orders", NOON, &err), &err);
    check_ok(db_begin(db, &err), &err);
    assert_true(claim(db, "erp.orders", NOON + MINUTE));
    db_rollback(db);
    check_jobs(db, "erp.orders 0; ");
    assert_true(claim(db, "erp.orders", NOON + MINUTE));
    db_close(db);
}

static void the_last_fire_can_be_set_back(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    assert_true(claim(db, "erp.orders", NOON + 90 * MINUTE));
    check_ok(jobs_set_fire(db, "erp.orders", NOON, &err), &err);
    check_ok(jobs_set_fire(db, "erp.a", NOON + MINUTE, &err), &err); /* of a job that has no row */
    check_jobs(db, "erp.a 1; erp.orders 0; ");
    assert_true(claim(db, "erp.orders", NOON + MINUTE));
    db_close(db);
}

static void a_pause_survives_all_but_its_end(void **state)
{
    struct scratch s;
    struct err err = {0};
    (void)state;

    scratch_make(&s);
    struct db *db = open_store(s.url);
    check_ok(schema_ensure(db, &err), &err);
    check_ok(jobs_set_paused(db, "erp.orders", true, &err), &err); /* before anybody met it */
    check_jobs(db, "erp.orders paused -1; ");
    db_close(db);

    db = open_store(s.url);
    check_ok(jobs_meet(db, "erp.orders", NOON, &err), &err); /* its first sight is now */
    check_jobs(db, "erp.orders paused 0; ");
    assert_true(claim(db, "erp.orders", NOON + MINUTE));
    check_ok(jobs_set_fire(db, "erp.orders", NOON, &err), &err);
    check_ok(jobs_set_paused(db, "erp.orders", true, &err), &err);
    check_jobs(db, "erp.orders paused 0; ");
    check_ok(jobs_set_paused(db, "erp.orders", false, &err), &err);
    check_jobs(db, "erp.orders 0; ");
    db_close(db);
    scratch_remove(&s);
}

static void a_walk_ends_where_its_caller_says(void **state)
{
    struct db *db = open_memory();
    struct listing l = {.left = 1};
    struct err err = {0};
    (void)state;

    check_ok(jobs_meet(db, "erp.a", NOON, &err), &err);
    check_ok(jobs_meet(db, "erp.b", NOON, &err), &err);
    assert_int_equal(jobs_list(db, note_job, &l, &err), E_USAGE);
    assert_string_equal(l.text, "erp.a 0; ");
    db_close(db);
}

static void without_its_table_everything_is_a_store_error(void **state)
{
    struct db *db = open_store("sqlite::memory:");
    struct listing l = {0};
    struct err err = {0};
    bool claimed = true;
    (void)state;

    assert_int_equal(jobs_list(db, note_job, &l, &err), E_STORE);
    assert_int_equal(jobs_meet(db, "erp.a", NOON, &err), E_STORE);
    assert_int_equal(jobs_claim(db, "erp.a", NOON, &claimed, &err), E_STORE);
    assert_true(claimed); /* results are written only on success */
    assert_int_equal(jobs_set_paused(db, "erp.a", true, &err), E_STORE);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_met_once),
        cmocka_unit_test(a_fire_is_taken_once_and_never_after_a_later_one),
        cmocka_unit_test(hosts_that_start_within_a_minute_start_a_job_once),
        cmocka_unit_test(a_start_in_the_future_keeps_nobody_from_starting),
        cmocka_unit_test(a_fire_of_a_job_that_nobody_met_can_be_taken),
        cmocka_unit_test(a_fire_goes_back_with_the_transaction_that_took_it),
        cmocka_unit_test(the_last_fire_can_be_set_back),
        cmocka_unit_test(a_pause_survives_all_but_its_end),
        cmocka_unit_test(a_walk_ends_where_its_caller_says),
        cmocka_unit_test(without_its_table_everything_is_a_store_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
