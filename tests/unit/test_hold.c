/* What holds a cursor back, since when and for how long: contract A6.7. */
#include "clock.h"
#include "cursor.h"
#include "date.h"
#include "hold.h"
#include "reject.h"
#include "run.h"
#include "store_test.h"

#define JOB  "erp.orders"
#define HOUR (3600 * CLOCK_SECOND)
#define DAY  (24 * HOUR)
#define NOW  (INT64_C(1760173125) * CLOCK_SECOND)

static const char *moment(int64_t hours)
{
    static char text[8][32];
    static int next;
    struct buf b = {0};

    next = (next + 1) % 8;
    date_print_ms(&b, NOW + hours * HOUR);
    snprintf(text[next], sizeof(text[next]), "%s", buf_text(&b));
    buf_free(&b);
    return text[next];
}

/* Hours from now; OPEN: not yet. */
#define OPEN 1
struct kept {
    const char *reason, *kind;
    int64_t rejected, closed;
};

static void add_kept(struct db *db, int id, const char *partition, const struct kept *k)
{
    char sql[600], closed[64] = "NULL";

    if (k->closed != OPEN)
        snprintf(closed, sizeof(closed), "'%s'", moment(k->closed));
    snprintf(sql, sizeof(sql),
             "INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload, kind, rejected_at,"
             " last_seen_at, %s) VALUES ('%d', 'run1', '" JOB "', '%s', '%d', '%s', '{}', '%s', '%s', '%s', %s)",
             id % 2 ? "resolved_at" : "superseded_at", id, partition, id, k->reason, k->kind, moment(k->rejected),
             moment(0), closed);
    run_sql(db, sql);
}

static void move_cursor(struct db *db, const char *partition, int64_t hours)
{
    const struct cursor cursor = {.text = "40"};
    struct err err = {0};
    char sql[200];

    check_ok(cursor_put(db, JOB, partition, &cursor, &err), &err);
    snprintf(sql, sizeof(sql), "UPDATE sluice_cursors SET updated_at = '%s' WHERE partition = '%s'", moment(hours),
             partition);
    run_sql(db, sql);
}

#define NEVER 1 /* there is no cursor */
#define FK    "foreign-key: x", REJECT_STORE

static const struct {
    const char *name;
    int64_t cursor;
    struct kept kept[4];
    int64_t count, since;
    bool over;
} cases[] = {
    {"nothing", -2, {{0}}, 0, 0, false},
    {"one", -2, {{FK, -1, OPEN}}, 1, -1, false},
    {"several, of which the first counts", -9, {{FK, -1, OPEN}, {FK, -5, OPEN}, {FK, -3, OPEN}}, 3, -5, false},
    {"one without a cursor", NEVER, {{FK, -1, OPEN}}, 1, -1, false},
    {"just as long as it may", -30, {{FK, -24, OPEN}}, 1, -24, false},
    {"for too long", -30, {{FK, -25, OPEN}}, 1, -25, true},
    {"for too long by one of two", -30, {{FK, -25, OPEN}, {FK, -1, OPEN}}, 2, -25, true},
    {"left behind", -2, {{FK, -3, OPEN}}, 0, 0, false},
    {"one left behind, one not", -2, {{FK, -30, OPEN}, {FK, -1, OPEN}}, 1, -1, false},
    {"in the instant in which the cursor moved", -2, {{FK, -2, OPEN}}, 1, -2, false},
    {"stored", -2, {{FK, -1, 0}}, 0, 0, false},
    {"in turns", -30, {{FK, -25, -20}, {FK, -21, OPEN}}, 1, -25, true},
    {"in turns, the other way to be closed", -30, {{FK, -2, OPEN}, {FK, -4, -1}}, 1, -4, false},
    {"closed long before", NEVER, {{FK, -80, -70}, {FK, -1, OPEN}}, 1, -1, false},
    {"of another kind", -2, {{"constraint: x", REJECT_STORE, -1, OPEN}}, 0, 0, false},
    {"a connector's word for it", -2, {{"lock: x", REJECT_MAPPING, -1, OPEN}}, 0, 0, false},
    {"of another kind before", -30, {{"trigger: x", REJECT_STORE, -25, OPEN}, {FK, -1, OPEN}}, 1, -1, false},
};

static void it_is_held_by_what_may_pass_and_came_after_it_moved(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_memory();
        struct hold h = {.count = -1};
        struct err err = {0};
        if (cases[i].cursor != NEVER)
            move_cursor(db, "", cases[i].cursor);
        for (int k = 0; k < 4 && cases[i].kept[k].reason; k++)
            add_kept(db, k, "", &cases[i].kept[k]);
        check_ok(hold_ask(db, JOB, "", DAY, NOW, &h, &err), &err);
        int64_t since = cases[i].count ? NOW + cases[i].since * HOUR : 0;
        if (h.count != cases[i].count || h.since != since || h.over != cases[i].over)
            fail_msg("%s: %lld since %lld s%s", cases[i].name, (long long)h.count,
                     (long long)((h.since - NOW) / CLOCK_SECOND), h.over ? ", over" : "");
        db_close(db);
    }
}

static void other_jobs_and_partitions_hold_nothing(void **state)
{
    struct db *db = open_memory();
    const struct kept fresh = {FK, -1, OPEN};
    struct hold h;
    struct err err = {0};
    (void)state;

    move_cursor(db, "m1", -9);
    move_cursor(db, "m2", 0);
    add_kept(db, 1, "m1", &fresh);
    check_ok(hold_ask(db, JOB, "m1", DAY, NOW, &h, &err), &err);
    assert_int_equal(h.count, 1);
    check_ok(hold_ask(db, JOB, "m2", DAY, NOW, &h, &err), &err);
    assert_int_equal(h.count, 0);
    check_ok(hold_ask(db, "erp.partners", "m1", DAY, NOW, &h, &err), &err);
    assert_int_equal(h.count, 0);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_held_by_what_may_pass_and_came_after_it_moved),
        cmocka_unit_test(other_jobs_and_partitions_hold_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
