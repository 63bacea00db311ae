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

static inline struct db *open_store(const char *url)
{
    struct db *db = NULL;
    struct err err = {0};

    check_ok(db_open(url, 0, &db, &err), &err);
    return db;
}

/* A store in memory, with sluice's own tables. */
static inline struct db *open_memory(void)
{
    struct db *db = open_store("sqlite::memory:");
    struct err err = {0};

    check_ok(schema_ensure(db, &err), &err);
    return db;
}

/* A directory for one test, with a store in it that several connections and processes can open. */
struct scratch {
    char dir[64];
    char url[96];
};

static inline void scratch_make(struct scratch *s)
{
    snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->url, sizeof(s->url), "sqlite:%s/store.db", s->dir);
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
