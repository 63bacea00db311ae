/* Where the next run resumes. */
#include "cursor.h"

#include "store_test.h"

static void put(struct db *db, const char *job, const char *partition, const char *text)
{
    struct cursor c = {.reply_at = 11, .window_us = 22};
    struct err err = {0};

    snprintf(c.text, sizeof(c.text), "%s", text);
    check_ok(cursor_put(db, job, partition, &c, &err), &err);
}

static const char *get(struct db *db, const char *job, const char *partition)
{
    static struct cursor c;
    struct err err = {0};

    check_ok(cursor_get(db, job, partition, &c, &err), &err);
    return c.text;
}

static void a_cursor_that_was_never_put_is_empty(void **state)
{
    struct db *db = open_memory();
    struct cursor c = {.text = "left over", .reply_at = 1, .window_us = 1};
    struct err err = {0};
    (void)state;

    assert_int_equal(cursor_get(db, "erp.orders", "", &c, &err), 0);
    assert_string_equal(c.text, "");
    assert_int_equal(c.reply_at, 0);
    assert_int_equal(c.window_us, 0);
    db_close(db);
}

static void what_was_put_comes_back_and_the_last_one_stays(void **state)
{
    struct db *db = open_memory();
    struct cursor c = {.text = "2025-10-11 08:58:45", .reply_at = INT64_MAX, .window_us = 600000000}, back;
    struct err err = {0};
    (void)state;

    put(db, "erp.orders", "", "older");
    check_ok(cursor_put(db, "erp.orders", "", &c, &err), &err);
    check_ok(cursor_get(db, "erp.orders", "", &back, &err), &err);
    assert_string_equal(back.text, c.text);
    assert_int_equal(back.reply_at, INT64_MAX);
    assert_int_equal(back.window_us, 600000000);
    assert_string_equal(back.scope, "");
    cursor_set_scope(&c, "t-1");
    check_ok(cursor_put(db, "erp.orders", "", &c, &err), &err);
    check_ok(cursor_get(db, "erp.orders", "", &back, &err), &err);
    assert_string_equal(back.scope, "t-1");
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_cursors"), "1; ");
    db_close(db);
}

static void a_cursor_is_elsewhere_when_both_scopes_are_known_and_differ(void **state)
{
    struct cursor c = {0};
    char long_scope[CURSOR_SCOPE_MAX + 2];
    (void)state;

    assert_false(cursor_is_elsewhere(&c, "a"));
    cursor_set_scope(&c, "a");
    assert_false(cursor_is_elsewhere(&c, "a"));
    assert_false(cursor_is_elsewhere(&c, ""));
    assert_true(cursor_is_elsewhere(&c, "b"));
    memset(long_scope, 'x', sizeof(long_scope) - 1);
    long_scope[CURSOR_SCOPE_MAX + 1] = '\0';
    cursor_set_scope(&c, long_scope);
    assert_string_equal(c.scope, "");
}

static void a_cursor_of_the_largest_size_is_kept_whole(void **state)
{
    struct db *db = open_memory();
    struct cursor c = {0}, back;
    struct err err = {0};
    (void)state;

    memset(c.text, 'x', CURSOR_MAX);
    check_ok(cursor_put(db, "erp.orders", "", &c, &err), &err);
    check_ok(cursor_get(db, "erp.orders", "", &back, &err), &err);
    assert_int_equal(strlen(back.text), CURSOR_MAX);
    assert_string_equal(back.text, c.text);
    db_close(db);
}

static void jobs_and_partitions_have_cursors_of_their_own(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    put(db, "erp.orders", "", "a");
    put(db, "erp.orders", "m1", "b");
    put(db, "erp.partners", "m1", "c");
    check_ok(cursor_reset(db, "erp.orders", "m1", &err), &err);
    check_ok(cursor_reset(db, "nobody.knows", "", &err), &err);
    assert_string_equal(get(db, "erp.orders", ""), "a");
    assert_string_equal(get(db, "erp.orders", "m1"), "");
    assert_string_equal(get(db, "erp.partners", "m1"), "c");
    assert_string_equal(get(db, "erp.partners", ""), "");
    db_close(db);
}

static void a_cursor_goes_with_its_transaction(void **state)
{
    struct db *db = open_memory();
    struct err err = {0};
    (void)state;

    put(db, "erp.orders", "", "before");
    check_ok(db_begin(db, &err), &err);
    put(db, "erp.orders", "", "after");
    db_rollback(db);
    assert_string_equal(get(db, "erp.orders", ""), "before");
    db_close(db);
}

struct listed {
    char text[256];
    int left; /* stop after so many */
};

static int list_one(const char *job, const char *partition, const char *cursor, const char *updated_at, void *context)
{
    struct listed *l = context;
    size_t len = strlen(l->text);

    assert_int_equal(strlen(updated_at), strlen("2025-10-11T08:58:45.123Z"));
    snprintf(l->text + len, sizeof(l->text) - len, "%s/%s=%s; ", job, partition, cursor);
    return --l->left ? 0 : E_USAGE;
}

static void a_list_is_in_order_of_job_and_partition(void **state)
{
    static const struct {
        const char *job;
        int stop_after, rc;
        const char *want;
    } cases[] = {
        {NULL, 0, 0, "a.x/=1; a.x/m1=2; a.x/m2=3; b.y/=4; "},
        {"a.x", 0, 0, "a.x/=1; a.x/m1=2; a.x/m2=3; "},
        {"b.y", 0, 0, "b.y/=4; "},
        {"c.z", 0, 0, ""},
        {NULL, 2, E_USAGE, "a.x/=1; a.x/m1=2; "},
    };
    struct db *db = open_memory();
    (void)state;

    put(db, "b.y", "", "4");
    put(db, "a.x", "m2", "3");
    put(db, "a.x", "", "1");
    put(db, "a.x", "m1", "2");
    for (size_t i = 0; i < LEN(cases); i++) {
        struct listed l = {.left = cases[i].stop_after};
        struct err err = {0};
        assert_int_equal(cursor_list(db, cases[i].job, list_one, &l, &err), cases[i].rc);
        assert_string_equal(l.text, cases[i].want);
    }
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_that_was_never_put_is_empty),
        cmocka_unit_test(what_was_put_comes_back_and_the_last_one_stays),
        cmocka_unit_test(a_cursor_is_elsewhere_when_both_scopes_are_known_and_differ),
        cmocka_unit_test(a_cursor_of_the_largest_size_is_kept_whole),
        cmocka_unit_test(jobs_and_partitions_have_cursors_of_their_own),
        cmocka_unit_test(a_cursor_goes_with_its_transaction),
        cmocka_unit_test(a_list_is_in_order_of_job_and_partition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
