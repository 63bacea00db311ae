/* A run over partitions in the ledger: rows that begin and end in groups, each group with all of it or nothing. */
#include "ledger.h"

#include "id.h"
#include "owner.h"
#include "reject.h"
#include "store_test.h"

#define NOW INT64_C(1760173125000000) /* 2025-10-11T08:58:45Z */

#define JOB "erp.orders"

static struct run make_run(const char *partition, const char *parent)
{
    struct run r;
    struct err err = {0};
    char host[OWNER_SIZE];

    check_ok(run_init(&r, JOB, partition, "incremental", &err), &err);
    snprintf(r.parent, sizeof(r.parent), "%s", parent);
    assert_true(owner_of(getpid(), host));
    run_set(&r.host, host);
    r.started_at = NOW;
    return r;
}

static struct run start_run(struct db *db, const char *partition)
{
    struct run r = make_run(partition, "");
    struct err err = {0};

    check_ok(ledger_start(db, &r, &err), &err);
    return r;
}

/* Three partitions m1, m2, m3 of `whole`. */
#define PARTS 3
struct group {
    struct ledger_part parts[PARTS];
    struct ledger_end ends[PARTS];
    struct cursor cursor;
};

/* With ids behind `last`. */
static struct group *make_group(const struct run *whole, const char *last)
{
    struct group *g = calloc(1, sizeof(*g));

    assert_non_null(g);
    snprintf(g->cursor.text, sizeof(g->cursor.text), "next");
    for (size_t i = 0; i < PARTS; i++) {
        g->parts[i].run = make_run(i == 0 ? "m1" : i == 1 ? "m2" : "m3", whole->id);
        g->ends[i] = (struct ledger_end){.run = &g->parts[i].run, .cursor = &g->cursor};
        id_new_after(i ? g->parts[i - 1].run.id : last, g->parts[i].run.id);
    }
    return g;
}

static struct group *claim_group(struct db *db, struct run *whole)
{
    struct group *g = make_group(whole, whole->id);
    struct err err = {0};

    check_ok(ledger_claim_parts(db, whole, g->parts, PARTS, &err), &err);
    for (size_t i = 0; i < PARTS; i++)
        snprintf(g->parts[i].run.status, sizeof(g->parts[i].run.status), "success");
    return g;
}

static void free_group(struct group *g)
{
    for (size_t i = 0; i < PARTS; i++)
        run_free(&g->parts[i].run);
    free(g);
}

static const char statuses[] = "SELECT partition || ' ' || status || ' ' || batch_no FROM sluice_runs ORDER BY partition";
static const char cursors[] = "SELECT partition || ' ' || cursor FROM sluice_cursors ORDER BY partition";

/* ---- The beginning ---- */

static void a_group_begins_in_one_batch_with_its_cursors(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    (void)state;

    check_ok(cursor_put(db, JOB, "m2", &(struct cursor){.text = "here", .reply_at = 5}, &err), &err);
    run_sql(db, "INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload, payload_hash, kind,"
                " rejected_at, last_seen_at) VALUES ('R', 'X', '" JOB "', 'm3', 'k', 'why', '{}', 0, 'store', '', '')");
    struct group *g = claim_group(db, &whole);

    assert_false(db_in_transaction(db));
    assert_int_equal(whole.batch_no, 1);
    assert_string_equal(rows_of(db, statuses), " running 1; m1 running 0; m2 running 0; m3 running 0; ");
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_runs AS r WHERE parent ="
                                    " (SELECT id FROM sluice_runs WHERE parent IS NULL)"), "3; ");
    assert_string_equal(g->parts[0].cursor.text, "");
    assert_string_equal(g->parts[1].cursor.text, "here");
    assert_int_equal(g->parts[1].cursor.reply_at, 5);
    assert_false(g->parts[0].rejects || g->parts[1].rejects);
    assert_true(g->parts[2].rejects);
    free_group(g);
    run_free(&whole);
    db_close(db);
}

static void one_that_another_run_has_is_told_and_the_others_begin(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, ""), other = start_run(db, "m2");
    char want[RUN_ID_SIZE + 80];
    (void)state;
    struct group *g = claim_group(db, &whole);

    assert_int_equal(g->parts[0].busy.code, 0);
    assert_int_equal(g->parts[2].busy.code, 0);
    assert_int_equal(g->parts[1].busy.code, E_BUSY);
    snprintf(want, sizeof(want), "partition m2 of " JOB " is already running: run %s of process", other.id);
    assert_memory_equal(g->parts[1].busy.msg, want, strlen(want));
    assert_string_equal(rows_of(db, "SELECT partition FROM sluice_runs WHERE parent IS NOT NULL ORDER BY partition"),
                        "m1; m3; ");
    free_group(g);
    run_free(&other);
    run_free(&whole);
    db_close(db);
}

static void one_whose_holder_is_dead_is_taken_over(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    (void)state;

    run_sql(db, "INSERT INTO sluice_runs (id, parent, job, partition, mode, status, host, started_at) VALUES"
                " ('OLD', 'GONE', '" JOB "', 'm1', 'full', 'running', 'box/00000000/77.1', '2025-10-11T08:58:45.000Z')");
    struct group *g = claim_group(db, &whole);
    assert_int_equal(g->parts[0].busy.code, 0);
    assert_string_equal(rows_of(db, "SELECT status FROM sluice_runs WHERE id = 'OLD'"), "crashed; ");
    free_group(g);
    run_free(&whole);
    db_close(db);
}

/* ---- The end ---- */

static void a_group_ends_in_one_batch_with_its_cursors(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    (void)state;
    struct group *g = claim_group(db, &whole);

    g->ends[1].cursor = NULL;
    snprintf(g->parts[1].run.status, sizeof(g->parts[1].run.status), "failed");
    g->parts[0].run.finished_at = NOW + 1000000;
    check_ok(ledger_finish_parts(db, &whole, g->ends, PARTS, &err), &err);
    assert_int_equal(whole.batch_no, 2);
    assert_string_equal(rows_of(db, statuses), " running 2; m1 success 1; m2 failed 1; m3 success 1; ");
    assert_string_equal(rows_of(db, cursors), "m1 next; m3 next; ");
    assert_string_equal(rows_of(db, "SELECT finished_at FROM sluice_runs WHERE partition = 'm1'"),
                        "2025-10-11T08:58:46.000Z; ");
    free_group(g);
    run_free(&whole);
    db_close(db);
}

static void one_that_was_taken_over_keeps_its_cursor_and_the_others_end(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    (void)state;
    struct group *g = claim_group(db, &whole);

    check_ok(ledger_close(db, g->parts[1].run.id, "crashed", "it was thought dead", NULL, &err), &err);
    check_ok(ledger_finish_parts(db, &whole, g->ends, PARTS, &err), &err);
    assert_int_equal(g->ends[0].fenced.code, 0);
    assert_int_equal(g->ends[1].fenced.code, E_FENCED);
    assert_int_equal(g->ends[2].fenced.code, 0);
    assert_string_equal(rows_of(db, statuses), " running 2; m1 success 1; m2 crashed 0; m3 success 1; ");
    assert_string_equal(rows_of(db, cursors), "m1 next; m3 next; ");
    free_group(g);
    run_free(&whole);
    db_close(db);
}

static void with_the_whole_nothing_of_it_goes_on(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    int64_t count = 0;
    (void)state;
    struct group *g = claim_group(db, &whole), *next = make_group(&whole, g->parts[PARTS - 1].run.id);

    check_ok(ledger_close(db, whole.id, "crashed", "it was thought dead", &count, &err), &err);
    assert_int_equal(count, 1 + PARTS);
    assert_int_equal(ledger_finish_parts(db, &whole, g->ends, PARTS, &err), E_FENCED);
    assert_int_equal(whole.batch_no, 1);
    assert_false(db_in_transaction(db));
    err = (struct err){0};
    assert_int_equal(ledger_claim_parts(db, &whole, next->parts, PARTS, &err), E_FENCED);
    assert_string_equal(rows_of(db, statuses), " crashed 1; m1 crashed 0; m2 crashed 0; m3 crashed 0; ");
    assert_string_equal(rows_of(db, cursors), "");
    free_group(next);
    free_group(g);
    run_free(&whole);
    db_close(db);
}

static void a_group_goes_with_the_transaction_around_it(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    (void)state;

    check_ok(db_begin(db, &err), &err);
    struct group *g = claim_group(db, &whole);
    check_ok(ledger_finish_parts(db, &whole, g->ends, PARTS, &err), &err);
    assert_true(db_in_transaction(db));
    db_rollback(db);
    assert_string_equal(rows_of(db, statuses), " running 0; ");
    assert_string_equal(rows_of(db, cursors), "");
    free_group(g);
    run_free(&whole);
    db_close(db);
}

static void rows_whose_turn_never_came_are_forgotten(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    (void)state;
    struct group *g = claim_group(db, &whole);

    check_ok(ledger_finish_parts(db, &whole, g->ends, 1, &err), &err);
    check_ok(db_begin(db, &err), &err);
    check_ok(ledger_drop_parts(db, &whole, &err), &err);
    check_ok(db_commit(db, &err), &err);
    assert_string_equal(rows_of(db, statuses), " running 2; m1 success 1; ");
    free_group(g);
    run_free(&whole);
    db_close(db);
}

/* ---- The result ---- */

static void a_run_is_told_with_its_partitions(void **state)
{
    struct db *db = open_memory();
    struct run whole = start_run(db, "");
    struct err err = {0};
    json_t *told;
    (void)state;
    struct group *g = claim_group(db, &whole);

    check_ok(ledger_finish_parts(db, &whole, g->ends, PARTS, &err), &err);
    check_ok(ledger_run_json(db, whole.id, &told, &err), &err);
    const json_t *parts = json_object_get(told, "partitions");
    assert_int_equal(json_array_size(parts), PARTS);
    for (size_t i = 0; i < PARTS; i++) {
        const char *id = json_string_value(json_object_get(json_array_get(parts, i), "id"));
        assert_string_equal(id, g->parts[i].run.partition);
    }
    json_decref(told);
    check_ok(ledger_run_json(db, "NOSUCHRUN", &told, &err), &err);
    assert_null(told);
    free_group(g);
    run_free(&whole);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_begins_in_one_batch_with_its_cursors),
        cmocka_unit_test(one_that_another_run_has_is_told_and_the_others_begin),
        cmocka_unit_test(one_whose_holder_is_dead_is_taken_over),
        cmocka_unit_test(a_group_ends_in_one_batch_with_its_cursors),
        cmocka_unit_test(one_that_was_taken_over_keeps_its_cursor_and_the_others_end),
        cmocka_unit_test(with_the_whole_nothing_of_it_goes_on),
        cmocka_unit_test(a_group_goes_with_the_transaction_around_it),
        cmocka_unit_test(rows_whose_turn_never_came_are_forgotten),
        cmocka_unit_test(a_run_is_told_with_its_partitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
