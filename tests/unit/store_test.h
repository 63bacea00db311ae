/* store_test.h - what the tests of the store share: a store of their own, and short checks. */
#ifndef SLUICE_TEST_STORE_TEST_H
#define SLUICE_TEST_STORE_TEST_H

#include "buf.h"
#include "db.h"
#include "schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

/* A constant where a struct wants text that it would own. */
static inline char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static inline void check_ok(int rc, const struct err *err)
{
    if (rc < 0)
        fail_msg("%s", err->msg);
}

static inline void run_sql(struct db *db, const char *sql)
{
    struct err err = {0};

    check_ok(db_exec(db, sql, &err), &err);
}

/* The first column of each row, with "; " behind it; null is "-". Valid until the next call. */
static inline const char *rows_of(struct db *db, const char *sql)
{
    static char text[8192];
    struct db_stmt *st;
    struct err err = {0};
    int rc;

    check_ok(db_prepare(db, sql, &st, &err), &err);
    text[0] = '\0';
    while ((rc = db_step(st, &err)) == 1) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s; ", db_column(st, 0).type == DB_NULL ? "-" : db_column_text(st, 0));
    }
    check_ok(rc, &err);
    db_finalize(st);
    return text;
}

/* The tests of the store run twice, the second time with a server's URL here: see tests/postgres. */
static inline const char *test_server(void)
{
    return getenv("SLUICE_TEST_STORE");
}

static inline bool on_server(void)
{
    return test_server() != NULL;
}

static inline struct db *open_store(const char *url)
{
    struct db *db = NULL;
    struct err err = {0};

    check_ok(db_open(url, 0, &db, &err), &err);
    return db;
}

/* The URL of a new schema on the server, which is a store of its own. */
static inline void new_schema(char *url, size_t size)
{
    static int count;
    char name[48], sql[80];

    snprintf(name, sizeof(name), "test_%ld_%d", (long)getpid(), ++count);
    snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", name);
    struct db *db = open_store(test_server());
    run_sql(db, sql);
    db_close(db);
    snprintf(url, size, "%s%coptions=-csearch_path%%3D%s", test_server(), strchr(test_server(), '?') ? '&' : '?', name);
}

/* A store in memory, or as good as that, without any tables. */
static inline struct db *open_empty(void)
{
    char url[512] = "sqlite::memory:";

    if (on_server())
        new_schema(url, sizeof(url));
    return open_store(url);
}

/* The same with sluice's own tables. */
static inline struct db *open_memory(void)
{
    struct db *db = open_empty();
    struct err err = {0};

    check_ok(schema_ensure(db, &err), &err);
    return db;
}

/* SQL for a moment in a system column. */
static inline const char *sql_moment(void)
{
    return on_server() ? "now()" : "''";
}

/* Let `table` refuse each new or changed row of which `condition` holds; the columns are new.name there. */
static inline void refuse_rows(struct db *db, const char *table, const char *condition, const char *why)
{
    static const char server[] =
        "CREATE OR REPLACE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF %s THEN RAISE EXCEPTION '%s'; END IF; RETURN new; END $$;"
        "CREATE TRIGGER refuse_row BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION refuse_row()";
    static const char file[] = "CREATE TRIGGER refuse_%s BEFORE %s ON %s WHEN %s BEGIN SELECT raise(ABORT, '%s'); END";
    static const char *const events[] = {"INSERT", "UPDATE"};
    char sql[600];

    if (on_server()) {
        snprintf(sql, sizeof(sql), server, condition, why, table);
        run_sql(db, sql);
        return;
    }
    for (size_t i = 0; i < LEN(events); i++) {
        snprintf(sql, sizeof(sql), file, events[i], events[i], table, condition, why);
        run_sql(db, sql);
    }
}

/* A directory for one test, with a store in it that several connections and processes can open. */
struct scratch {
    char dir[64];
    char url[512];
};

static inline void scratch_make(struct scratch *s)
{
    snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->url, sizeof(s->url), "sqlite:%s/store.db", s->dir);
    if (on_server())
        new_schema(s->url, sizeof(s->url));
}

static inline void scratch_remove(struct scratch *s)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char path[128];

    for (size_t i = 0; i < LEN(ends); i++) {
        snprintf(path, sizeof(path), "%s/store.db%s", s->dir, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(s->dir), 0);
}

#endif
