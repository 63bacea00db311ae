/* Records that could not be stored: contract A6.5. */
#include "reject.h"

#include "run.h"
#include "store_test.h"

#define JOB "erp.orders"

static struct rejects *open_rejects(struct db *db, const char *partition, const char *run)
{
    struct rejects *r = NULL;
    struct err err = {0};

    check_ok(rejects_open(db, JOB, partition, run, NULL, &r, &err), &err);
    return r;
}

static void put(struct rejects *r, const char *key, const char *reason, const char *payload)
{
    struct err err = {0};

    check_ok(rejects_put(r, str_of(key), reason, REJECT_STORE, str_of(payload), &err), &err);
}

static const char *all_rows(struct db *db)
{
    return rows_of(db, "SELECT record_key || ' ' || payload || ' ' || reason || ' ' || run_id || ' ' || seen_count ||"
                       " CASE WHEN superseded_at IS NULL THEN '' ELSE ' superseded' END ||"
                       " CASE WHEN resolved_at IS NULL THEN '' ELSE ' resolved' END"
                       " FROM sluice_rejects ORDER BY record_key, payload, id");
}

/* ---- Keeping them ---- */

static void the_same_record_rejected_again_is_one_row_with_a_count(void **state)
{
    static const struct {
        const char *name, *first_key, *first_payload, *second_key, *second_payload;
        bool same_run;
        const char *want;
    } cases[] = {
        {"the same in one run", "7", "{}", "7", "{}", true, "7 {} b: 2 run1 2; "},
        {"the same in the next run", "7", "{}", "7", "{}", false, "7 {} b: 2 run2 2; "},
        {"another payload in one run", "7", "{1}", "7", "{2}", true, "7 {1} a: 1 run1 1; 7 {2} b: 2 run1 1; "},
        {"another payload in the next run", "7", "{1}", "7", "{2}", false, "7 {2} b: 2 run2 2; "},
        {"another key", "7", "{}", "8", "{}", true, "7 {} a: 1 run1 1; 8 {} b: 2 run1 1; "},
        {"another key in the next run", "7", "{}", "8", "{}", false, "7 {} a: 1 run1 1; 8 {} b: 2 run2 1; "},
        {"no key, the same payload", "", "{}", "", "{}", true, " {} b: 2 run1 2; "},
        {"no key, the same payload in the next run", "", "{}", "", "{}", false, " {} b: 2 run2 2; "},
        {"no key, another payload", "", "{1}", "", "{2}", true, " {1} a: 1 run1 1;  {2} b: 2 run1 1; "},
        {"no key, another payload in the next run", "", "{1}", "", "{2}", false,
         " {1} a: 1 run1 1;  {2} b: 2 run2 1; "},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct db *db = open_memory();
        struct rejects *r = open_rejects(db, "", "run1");
        put(r, cases[i].first_key, "a: 1", cases[i].first_payload);
        if (!cases[i].same_run) {
            rejects_close(r);
            r = open_rejects(db, "", "run2");
        }
        put(r, cases[i].second_key, "b: 2", cases[i].second_payload);
        if (strcmp(all_rows(db), cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, all_rows(db));
        rejects_close(r);
        db_close(db);
    }
}

static void of_two_payloads_of_a_key_each_finds_its_own_row(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    (void)state;

    put(r, "7", "a: 1", "{1}");
    put(r, "7", "a: 1", "{2}");
    rejects_close(r);
    r = open_rejects(db, "", "run2");
    put(r, "7", "a: 1", "{2}");
    put(r, "7", "a: 1", "{1}");
    assert_string_equal(all_rows(db), "7 {1} a: 1 run2 2; 7 {2} a: 1 run2 2; ");
    rejects_close(r);
    db_close(db);
}

static void payloads_and_keys_are_bytes(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    (void)state;

    check_ok(rejects_put(r, (sluice_str){"7\0x", 1}, "mapping: why", REJECT_MAPPING, (sluice_str){"{\"a\":1}junk", 7},
                         &err), &err);
    assert_int_equal(rejects_next(r, false, "", &kept, &err), 1);
    assert_string_equal(kept.key, "7");
    assert_string_equal(kept.kind, REJECT_MAPPING);
    assert_int_equal(kept.payload.len, 7);
    assert_memory_equal(kept.payload.ptr, "{\"a\":1}", 7);
    rejects_close(r);
    db_close(db);
}

static void other_jobs_and_partitions_are_not_touched(void **state)
{
    struct db *db = open_memory();
    struct rejects *a = open_rejects(db, "m1", "run1"), *b = open_rejects(db, "m2", "run1");
    struct err err = {0};
    struct reject kept;
    (void)state;

    put(a, "7", "a: 1", "{}");
    put(b, "7", "a: 1", "{}");
    assert_string_equal(rows_of(db, "SELECT partition FROM sluice_rejects ORDER BY partition"), "m1; m2; ");
    check_ok(rejects_supersede(a, str_of("7"), &err), &err);
    assert_string_equal(rows_of(db, "SELECT partition FROM sluice_rejects WHERE superseded_at IS NULL"), "m2; ");
    assert_int_equal(rejects_next(a, false, "", &kept, &err), 0);
    assert_int_equal(rejects_next(b, false, "", &kept, &err), 1);
    rejects_close(a);
    rejects_close(b);
    db_close(db);
}

static void a_retried_one_that_is_rejected_again_keeps_its_row_whatever_is_said_of_it(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    char id[RUN_ID_SIZE];
    (void)state;

    check_ok(rejects_put(r, str_of("x7"), "name: refused", REJECT_MAPPING, str_of("7,a"), &err), &err);
    rejects_close(r);
    r = open_rejects(db, "", "run2");
    assert_int_equal(rejects_next(r, false, "", &kept, &err), 1);
    snprintf(id, sizeof(id), "%s", kept.id);
    check_ok(rejects_again(r, id, str_of("7"), "lock: x", REJECT_STORE, str_of("{7}"), &err), &err);
    assert_string_equal(all_rows(db), "7 {7} lock: x run1 2; ");
    assert_int_equal(rejects_next(r, true, "", &kept, &err), 1);
    assert_string_equal(kept.id, id);
    assert_string_equal(kept.kind, REJECT_STORE);
    put(r, "7", "lock: y", "{8}"); /* the source sends it again, changed: still that record */
    assert_string_equal(all_rows(db), "7 {8} lock: y run2 3; ");
    rejects_close(r);
    db_close(db);
}

/* ---- Being done with them ---- */

static void storing_a_kept_version_supersedes_older_ones_of_its_key(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    char id[RUN_ID_SIZE];
    (void)state;

    put(r, "7", "lock: x", "{1}");
    put(r, "7", "lock: x", "{2}");
    put(r, "7", "lock: x", "{3}");
    put(r, "8", "lock: x", "{1}");
    assert_int_equal(rejects_next(r, true, "", &kept, &err), 1);
    snprintf(id, sizeof(id), "%s", kept.id);
    assert_int_equal(rejects_next(r, true, id, &kept, &err), 1);
    snprintf(id, sizeof(id), "%s", kept.id);
    check_ok(rejects_resolve(r, id, str_of("7"), &err), &err);
    assert_string_equal(all_rows(db), "7 {1} lock: x run1 1 superseded; 7 {2} lock: x run1 1 resolved; "
                                      "7 {3} lock: x run1 1; 8 {1} lock: x run1 1; ");
    rejects_close(r);
    db_close(db);
}

static void storing_a_key_supersedes_all_its_open_rejects(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    (void)state;

    check_ok(rejects_supersede(r, str_of("7"), &err), &err); /* there is none */
    put(r, "7", "a: 1", "{1}");
    put(r, "7", "a: 1", "{2}");
    put(r, "8", "a: 1", "{3}");
    put(r, "", "no-key: 1", "{4}");
    check_ok(rejects_supersede(r, str_of(""), &err), &err); /* no key is nobody's key */
    check_ok(rejects_supersede(r, str_of("7"), &err), &err);
    assert_string_equal(all_rows(db), " {4} no-key: 1 run1 1; 7 {1} a: 1 run1 1 superseded; "
                                      "7 {2} a: 1 run1 1 superseded; 8 {3} a: 1 run1 1; ");
    put(r, "7", "a: 1", "{1}"); /* a superseded one is history: this is a new reject */
    assert_string_equal(rows_of(db, "SELECT count(*) FROM sluice_rejects WHERE record_key = '7'"), "3; ");
    char seen[64] = "";
    for (char after[RUN_ID_SIZE] = ""; rejects_next(r, false, after, &kept, &err) == 1;) {
        snprintf(after, sizeof(after), "%s", kept.id);
        strncat(seen, kept.key, sizeof(seen) - strlen(seen) - 1);
        strncat(seen, ";", sizeof(seen) - strlen(seen) - 1);
    }
    assert_int_equal(strlen(seen), strlen("8;;7;"));
    rejects_close(r);
    db_close(db);
}

static void a_new_run_sees_what_older_ones_left_open(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    (void)state;

    put(r, "7", "a: 1", "{1}");
    rejects_close(r);
    r = open_rejects(db, "", "run2");
    check_ok(rejects_supersede(r, str_of("7"), &err), &err);
    assert_string_equal(all_rows(db), "7 {1} a: 1 run1 1 superseded; ");
    rejects_close(r);
    db_close(db);
}

static void only_what_may_pass_by_itself_is_retryable(void **state)
{
    static const struct {
        const char *reason;
        bool retryable;
    } cases[] = {
        {"foreign-key: FOREIGN KEY constraint failed", true},
        {"lock: x", true},
        {"serialization: x", true},
        {"disk: x", true},
        {"permission: x", true},
        {"constraint: UNIQUE constraint failed", false},
        {"trigger: x", false},
        {"type: x", false},
        {"no-key: x", false},
        {"ambiguous: x", false},
        {"conflict: x", false},
        {"value: x", false},
        {"name: \"x\" is not an integer", false},
        {"lock", false},
        {"locks: x", false},
        {" lock: x", false},
        {"", false},
    };
    (void)state;

    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    int count = 0;

    for (size_t i = 0; i < LEN(cases); i++) {
        if (reject_retryable(cases[i].reason) != cases[i].retryable)
            fail_msg("%s", cases[i].reason);
        count += cases[i].retryable;
        put(r, "", cases[i].reason, cases[i].reason);
    }
    check_ok(rejects_put(r, str_of(""), "lock: a connector's word", REJECT_MAPPING, str_of("{}"), &err), &err);
    for (char after[RUN_ID_SIZE] = ""; rejects_next(r, true, after, &kept, &err) == 1; count--) {
        assert_true(reject_retryable(kept.reason));
        assert_string_equal(kept.kind, REJECT_STORE);
        snprintf(after, sizeof(after), "%s", kept.id);
    }
    assert_int_equal(count, 0); /* the database finds the same ones */
    rejects_close(r);
    db_close(db);
}

/* The keys that rejects_next() gives, one after the other. */
static const char *walk(struct rejects *r, bool retryable_only)
{
    static char text[128];
    char after[RUN_ID_SIZE] = "";
    struct reject kept;
    struct err err = {0};
    int rc;

    text[0] = '\0';
    while ((rc = rejects_next(r, retryable_only, after, &kept, &err)) == 1) {
        size_t len = strlen(text);
        assert_true(strcmp(kept.id, after) > 0);
        snprintf(after, sizeof(after), "%s", kept.id);
        snprintf(text + len, sizeof(text) - len, "%s=%.*s; ", kept.key, (int)kept.payload.len, kept.payload.ptr);
    }
    check_ok(rc, &err);
    return text;
}

static void a_walk_gives_the_open_ones_until_they_are_resolved(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    (void)state;

    assert_string_equal(walk(r, false), "");
    put(r, "1", "constraint: x", "{1}");
    put(r, "2", "lock: x", "{2}");
    put(r, "3", "foreign-key: x", "{3}");
    assert_string_equal(walk(r, false), "1={1}; 2={2}; 3={3}; ");
    assert_string_equal(walk(r, true), "2={2}; 3={3}; ");
    assert_int_equal(rejects_next(r, true, "", &kept, &err), 1);
    char id[RUN_ID_SIZE];
    snprintf(id, sizeof(id), "%s", kept.id);
    check_ok(rejects_resolve(r, id, str_of("2"), &err), &err);
    assert_string_equal(walk(r, true), "3={3}; ");
    assert_string_equal(walk(r, false), "1={1}; 3={3}; ");
    rejects_close(r);
    db_close(db);
}

static void resolving_while_walking_loses_none(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    struct reject kept;
    char after[RUN_ID_SIZE] = "", payload[16];
    int count = 0;
    (void)state;

    for (int i = 0; i < 600; i++) { /* more than are read ahead */
        snprintf(payload, sizeof(payload), "{%d}", i);
        put(r, "7", "lock: x", payload);
    }
    while (rejects_next(r, true, after, &kept, &err) == 1) {
        snprintf(after, sizeof(after), "%s", kept.id);
        snprintf(payload, sizeof(payload), "{%d}", count);
        assert_int_equal(kept.payload.len, strlen(payload));
        assert_memory_equal(kept.payload.ptr, payload, kept.payload.len);
        check_ok(rejects_resolve(r, after, str_of("7"), &err), &err);
        count++;
    }
    assert_int_equal(count, 600);
    assert_string_equal(walk(r, false), "");
    rejects_close(r);
    db_close(db);
}

/* ---- For people ---- */

static int note_row(const struct reject_row *row, void *context)
{
    char *text = context;
    size_t len = strlen(text);

    assert_int_equal(strlen(row->id), RUN_ID_SIZE - 1);
    assert_int_equal(strlen(row->rejected_at), strlen("2025-10-11T08:58:45.123Z"));
    assert_true(strcmp(row->last_seen_at, row->rejected_at) >= 0);
    snprintf(text + len, 256 - len, "%s/%s %s %s %s %s %s %lld; ", row->job, row->partition, row->record_key, row->reason,
             row->payload, row->kind, row->run_id, (long long)row->seen_count);
    return 0;
}

static const char *listed(struct db *db, const char *job)
{
    static char text[256];
    struct err err = {0};

    text[0] = '\0';
    check_ok(reject_list(db, job, NULL, note_row, text, &err), &err);
    return text;
}

static void lists_and_purges_are_of_one_job_or_of_all(void **state)
{
    struct db *db = open_memory();
    struct rejects *a = open_rejects(db, "m1", "run1"), *b = NULL;
    struct err err = {0};
    int64_t count = -1;
    (void)state;

    check_ok(rejects_open(db, "erp.partners", "", "run2", NULL, &b, &err), &err);
    put(a, "7", "a: 1", "{1}");
    put(a, "7", "a: 1", "{1}");
    put(a, "8", "a: 1", "{2}");
    check_ok(rejects_supersede(a, str_of("8"), &err), &err);
    usleep(2000);
    put(b, "9", "b: 1", "{3}");
    assert_string_equal(listed(db, NULL),
                        "erp.orders/m1 7 a: 1 {1} store run1 2; erp.partners/ 9 b: 1 {3} store run2 1; ");
    assert_string_equal(listed(db, "erp.partners"), "erp.partners/ 9 b: 1 {3} store run2 1; ");
    assert_string_equal(listed(db, "nobody.knows"), "");

    check_ok(reject_purge(db, JOB, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(listed(db, NULL), "erp.partners/ 9 b: 1 {3} store run2 1; ");
    assert_string_equal(rows_of(db, "SELECT record_key FROM sluice_rejects ORDER BY 1"), "8; 9; "); /* history stays */
    check_ok(reject_purge(db, NULL, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(listed(db, NULL), "");
    rejects_close(a);
    rejects_close(b);
    db_close(db);
}

struct listing {
    char last[32];
    int count, enough;
};

static int count_row(const struct reject_row *row, void *context)
{
    struct listing *l = context;

    assert_true(strcmp(row->id, l->last) > 0);
    snprintf(l->last, sizeof(l->last), "%s", row->id);
    return ++l->count == l->enough ? E_USAGE : 0;
}

static void a_long_list_comes_in_order_and_goes_on_behind_any_of_it(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "m1", "run1");
    struct listing l = {.enough = 150};
    struct err err = {0};
    char payload[16];
    (void)state;

    for (int i = 0; i < 192; i++) { /* three pages exactly */
        snprintf(payload, sizeof(payload), "{%d}", i);
        put(r, "", "no-key", payload);
    }
    rejects_close(r);
    assert_int_equal(reject_list(db, JOB, NULL, count_row, &l, &err), E_USAGE);
    assert_int_equal(l.count, 150);
    l.enough = 0;
    char middle[32];
    memcpy(middle, l.last, sizeof(middle));
    check_ok(reject_list(db, NULL, middle, count_row, &l, &err), &err);
    assert_int_equal(l.count, 192);
    db_close(db);
}

static void a_reject_goes_with_its_transaction(void **state)
{
    struct db *db = open_memory();
    struct rejects *r = open_rejects(db, "", "run1");
    struct err err = {0};
    (void)state;

    check_ok(db_begin(db, &err), &err);
    put(r, "7", "a: 1", "{1}");
    db_rollback(db);
    assert_string_equal(walk(r, false), "");
    put(r, "7", "a: 1", "{1}");
    assert_string_equal(walk(r, false), "7={1}; ");
    rejects_close(r);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_record_rejected_again_is_one_row_with_a_count),
        cmocka_unit_test(of_two_payloads_of_a_key_each_finds_its_own_row),
        cmocka_unit_test(payloads_and_keys_are_bytes),
        cmocka_unit_test(other_jobs_and_partitions_are_not_touched),
        cmocka_unit_test(a_retried_one_that_is_rejected_again_keeps_its_row_whatever_is_said_of_it),
        cmocka_unit_test(storing_a_kept_version_supersedes_older_ones_of_its_key),
        cmocka_unit_test(storing_a_key_supersedes_all_its_open_rejects),
        cmocka_unit_test(a_new_run_sees_what_older_ones_left_open),
        cmocka_unit_test(only_what_may_pass_by_itself_is_retryable),
        cmocka_unit_test(a_walk_gives_the_open_ones_until_they_are_resolved),
        cmocka_unit_test(resolving_while_walking_loses_none),
        cmocka_unit_test(lists_and_purges_are_of_one_job_or_of_all),
        cmocka_unit_test(a_long_list_comes_in_order_and_goes_on_behind_any_of_it),
        cmocka_unit_test(a_reject_goes_with_its_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
