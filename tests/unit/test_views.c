/* What is told of jobs and runs: the states that a person must be able to rely on. */
#include "views.h"

#include "cursor.h"
#include "ledger.h"
#include "owner.h"
#include "schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "steps_test.h"

#define NOON INT64_C(1760184000000000) /* 2025-10-11T12:00:00Z */

static struct config_connector shop = {.name = (char[]){"shop"}};

static struct config_job make_job(void)
{
    static char name[] = "shop.things", stream[] = "things", schedule[] = "30 9 * * *", full[] = "0 4 * * 0",
                zone[] = "Europe/Athens";
    return (struct config_job){.connector = &shop,
                               .name = name,
                               .stream = stream,
                               .enabled = true,
                               .schedule = schedule,
                               .full_schedule = full,
                               .timezone = zone};
}

static struct db *open_store(void)
{
    struct db *db = NULL;
    struct err err = {0};

    assert_int_equal(db_open("sqlite::memory:", 0, &db, &err), 0);
    assert_int_equal(schema_ensure(db, &err), 0);
    return db;
}

/* A run of the job that is under way in process `owner`. Ids are made to begin alike. */
static void start_run(struct db *db, struct run *r, const char *id, const char *owner, int64_t at)
{
    struct err err = {0};

    assert_int_equal(run_init(r, "shop.things", "", "incremental", &err), 0);
    snprintf(r->id, sizeof r->id, "%s", id);
    r->started_at = at;
    run_set(&r->host, owner);
    assert_int_equal(ledger_start(db, r, &err), 0);
}

static void finish_run(struct db *db, struct run *r, const char *status)
{
    struct err err = {0};

    snprintf(r->status, sizeof r->status, "%s", status);
    assert_int_equal(ledger_finish(db, r, &err), 0);
    run_free(r);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_job_without_a_store_has_never_run(void **state)
{
    (void)state;
    struct config_job job = make_job();
    struct err err = {0};
    json_t *view = view_job(&job, NULL, NOON, &err);

    assert_non_null(view);
    assert_string_equal(text_of(view, "name"), "shop.things");
    assert_string_equal(text_of(view, "connector"), "shop");
    assert_string_equal(text_of(view, "next_run"), "2025-10-12T01:00:00Z"); /* 4:00 on Sunday: the full run */
    assert_true(json_is_null(json_object_get(view, "last_run")));
    assert_true(json_is_false(json_object_get(view, "running")));
    assert_true(json_is_false(json_object_get(view, "paused")));
    json_decref(view);
}

static void fires_of_both_schedules_come_in_order(void **state)
{
    (void)state;
    struct config_job job = make_job();
    struct err err = {0};
    json_t *fires = view_fires(&job, NOON, 3, &err);

    assert_int_equal(json_array_size(fires), 3);
    assert_string_equal(json_string_value(json_array_get(fires, 0)), "2025-10-12T01:00:00Z");
    assert_string_equal(json_string_value(json_array_get(fires, 1)), "2025-10-12T06:30:00Z");
    assert_string_equal(json_string_value(json_array_get(fires, 2)), "2025-10-13T06:30:00Z");
    json_decref(fires);
}

static void a_disabled_job_has_no_next_run(void **state)
{
    (void)state;
    struct config_job job = make_job();
    struct err err = {0};

    job.enabled = false;
    json_t *view = view_job(&job, NULL, NOON, &err);
    assert_true(json_is_null(json_object_get(view, "next_run")));
    json_decref(view);
}

static void the_last_run_is_the_newest_that_has_ended(void **state)
{
    (void)state;
    struct config_job job = make_job();
    struct db *db = open_store();
    struct err err = {0};
    struct run first, second;
    char owner[OWNER_SIZE];

    assert_true(owner_of(getpid(), owner));
    start_run(db, &first, "AAA1", owner, NOON);
    finish_run(db, &first, "success");
    start_run(db, &second, "AAA2", owner, NOON + 1000000);
    json_t *view = view_job(&job, db, NOON, &err);
    assert_true(json_is_true(json_object_get(view, "running")));
    assert_string_equal(text_of(json_object_get(view, "last_run"), "run"), "AAA1");
    json_decref(view);

    finish_run(db, &second, "partial");
    view = view_job(&job, db, NOON, &err);
    assert_true(json_is_false(json_object_get(view, "running")));
    assert_string_equal(text_of(json_object_get(view, "last_run"), "status"), "partial");
    json_decref(view);
    db_close(db);
}

static void a_run_whose_process_is_gone_has_crashed(void **state)
{
    (void)state;
    struct config_job job = make_job();
    struct db *db = open_store();
    struct err err = {0};
    struct run r;

    start_run(db, &r, "AAA1", "box/00000000/77.1", NOON);
    run_free(&r);
    json_t *view = view_job(&job, db, NOON, &err);
    const json_t *last = json_object_get(view, "last_run");
    assert_true(json_is_false(json_object_get(view, "running")));
    assert_string_equal(text_of(last, "status"), "crashed");
    assert_string_equal(text_of(last, "error"), "process 77 on box is gone");
    json_decref(view);
    db_close(db);
}

static void a_run_is_found_by_the_beginning_of_its_id(void **state)
{
    (void)state;
    struct db *db = open_store();
    struct err err = {0};
    struct run r;

    start_run(db, &r, "AAA1", "box/0/1.1", NOON);
    finish_run(db, &r, "success");
    start_run(db, &r, "AAB1", "box/0/1.1", NOON + 1000000);
    finish_run(db, &r, "failed");
    json_t *run = view_run(db, "aab", &err);
    assert_string_equal(text_of(run, "run"), "AAB1");
    json_decref(run);
    assert_null(view_run(db, "AA", &err));
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_non_null(strstr(err.msg, "more than one"));
    assert_null(view_run(db, "B", &err));
    assert_int_equal(err.code, E_NOT_FOUND);

    json_t *runs = view_runs(db, NULL, 1, &err);
    assert_int_equal(json_array_size(json_object_get(runs, "runs")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(runs, "runs"), 0), "run"), "AAB1");
    json_decref(runs);
    db_close(db);
}

static void the_parts_of_a_run_are_shown_only_by_their_id(void **state)
{
    (void)state;
    struct db *db = open_store();
    struct err err = {0};
    struct run whole, part;

    start_run(db, &whole, "AAA1", "box/0/1.1", NOON);
    assert_int_equal(run_init(&part, "shop.things", "m1", "full", &err), 0);
    snprintf(part.id, sizeof part.id, "AAA2");
    snprintf(part.parent, sizeof part.parent, "AAA1");
    part.started_at = NOON + 1000000;
    run_set(&part.host, "box/0/1.1");
    assert_int_equal(ledger_start(db, &part, &err), 0);
    finish_run(db, &part, "success");
    finish_run(db, &whole, "partial");

    json_t *runs = view_runs(db, "shop.things", 1, &err), *one = view_run(db, "aaa2", &err);
    assert_int_equal(json_array_size(json_object_get(runs, "runs")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(runs, "runs"), 0), "run"), "AAA1");
    assert_string_equal(text_of(one, "partition"), "m1");
    json_decref(runs);
    json_decref(one);
    db_close(db);
}

/* The steps of each view of a history of `count` runs. */
static void view_everything(int count, long steps[4])
{
    struct config_job job = make_job();
    char name[] = "erp.old";
    struct db *db = open_store();
    struct err err = {0};
    json_t *views[4];

    job.name = name;
    steps_fill(db, NOON, count);
    views[0] = view_job(&job, db, NOON, &err);
    steps[0] = steps_taken();
    views[1] = view_runs(db, NULL, 20, &err);
    steps[1] = steps_taken();
    views[2] = view_runs(db, "erp.old", 20, &err);
    steps[2] = steps_taken();
    views[3] = view_run(db, "01k7000000000000000000001", &err); /* there are ten */
    steps[3] = steps_taken();
    assert_non_null(json_object_get(views[0], "last_run"));
    assert_int_equal(json_array_size(json_object_get(views[1], "runs")), 20);
    assert_int_equal(json_array_size(json_object_get(views[2], "runs")), 2);
    assert_null(views[3]);
    for (size_t i = 0; i < 4; i++)
        json_decref(views[i]);
    db_close(db);
}

static void no_view_costs_more_in_a_longer_history(void **state)
{
    long few[4], many[4];
    (void)state;

    view_everything(300, few);
    view_everything(30000, many);
    for (size_t i = 0; i < 4; i++) {
        if (few[i] == 0 || many[i] > few[i] + 10)
            fail_msg("view %zu: %ld steps, then %ld", i, few[i], many[i]);
    }
}

static void cursors_are_listed_by_job_and_partition(void **state)
{
    (void)state;
    struct db *db = open_store();
    struct err err = {0};
    struct cursor c = {.text = "here"};

    assert_int_equal(cursor_put(db, "shop.things", "a", &c, &err), 0);
    assert_int_equal(cursor_put(db, "shop.things", "b", &c, &err), 0);
    assert_int_equal(cursor_put(db, "shop.other", "", &c, &err), 0);
    json_t *all = view_cursors(db, NULL, NULL, 9, &err), *job = view_cursors(db, "shop.things", NULL, 9, &err),
           *one = view_cursors(db, "shop.things", "b", 1, &err);
    assert_int_equal(json_array_size(all), 3);
    assert_int_equal(json_array_size(job), 2);
    assert_int_equal(json_array_size(one), 1);
    assert_string_equal(text_of(json_array_get(one, 0), "cursor"), "here");
    json_decref(all);
    json_decref(job);
    json_decref(one);
    db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_without_a_store_has_never_run),
        cmocka_unit_test(fires_of_both_schedules_come_in_order),
        cmocka_unit_test(a_disabled_job_has_no_next_run),
        cmocka_unit_test(the_last_run_is_the_newest_that_has_ended),
        cmocka_unit_test(a_run_whose_process_is_gone_has_crashed),
        cmocka_unit_test(a_run_is_found_by_the_beginning_of_its_id),
        cmocka_unit_test(the_parts_of_a_run_are_shown_only_by_their_id),
        cmocka_unit_test(no_view_costs_more_in_a_longer_history),
        cmocka_unit_test(cursors_are_listed_by_job_and_partition),
    };
    steps_count();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
