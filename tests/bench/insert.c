/* insert.c - what SQLite itself can do: the rows of a finished table, inserted into an empty one of the same shape.
 *
 *     sluice-bench-insert FINISHED.db TABLE NEW.db
 *
 * The rows are loaded first; then only the inserting is timed, with one prepared INSERT, under the same settings as
 * sluice's store and with as many rows a transaction. Prints the seconds. */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_A_TRANSACTION 5000
#define SETTINGS                                                                                                       \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4096;"                                 \
    "PRAGMA wal_autocheckpoint = 2000"

struct cell {
    int type; /* SQLITE_INTEGER, SQLITE_TEXT, SQLITE_NULL */
    int len;
    union {
        sqlite3_int64 i;
        size_t at; /* in rows.text */
    } as;
};

struct rows {
    size_t count, columns;
    struct cell *cells;
    size_t cells_max;
    char *text;
    size_t text_len, text_max;
};

static _Noreturn void fail(const char *what, sqlite3 *db)
{
    fprintf(stderr, "sluice-bench-insert: %s: %s\n", what, db ? sqlite3_errmsg(db) : "out of memory");
    exit(1);
}

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        fail(path, db);
    return db;
}

static void exec(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql, db);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        fail(sql, db);
    return st;
}

/* At least `wanted` elements of `size` bytes; doubled when it has to grow. */
static void *grow(void *old, size_t *max, size_t wanted, size_t size)
{
    if (wanted <= *max)
        return old;
    *max = wanted > *max * 2 ? wanted : *max * 2;
    void *grown = realloc(old, *max * size);
    if (!grown)
        fail("rows", NULL);
    return grown;
}

/* ---- The rows ---- */

/* All columns but the row's number, which every table here gives itself: `columns` gets their names in quotes. */
static void list_columns(sqlite3 *db, const char *table, char *columns, size_t size)
{
    char *sql = sqlite3_mprintf("SELECT group_concat('\"' || name || '\"') FROM pragma_table_info(%Q)"
                                " WHERE NOT (pk AND type = 'INTEGER')",
                                table);
    sqlite3_stmt *st = prepare(db, sql);
    if (sqlite3_step(st) != SQLITE_ROW || !sqlite3_column_text(st, 0))
        fail("no such table", db);
    snprintf(columns, size, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_free(sql);
}

static void load_cell(struct rows *r, sqlite3_stmt *st, int column)
{
    struct cell *cell = &r->cells[r->count * r->columns + (size_t)column];

    *cell = (struct cell){.type = sqlite3_column_type(st, column)};
    if (cell->type == SQLITE_INTEGER)
        cell->as.i = sqlite3_column_int64(st, column);
    if (cell->type != SQLITE_TEXT)
        return;
    const unsigned char *text = sqlite3_column_text(st, column);
    cell->len = sqlite3_column_bytes(st, column);
    r->text = grow(r->text, &r->text_max, r->text_len + (size_t)cell->len, 1);
    memcpy(r->text + r->text_len, text, (size_t)cell->len);
    cell->as.at = r->text_len;
    r->text_len += (size_t)cell->len;
}

static void load(sqlite3 *db, const char *table, const char *columns, struct rows *r)
{
    char *sql = sqlite3_mprintf("SELECT %s FROM \"%w\" ORDER BY rowid", columns, table);
    sqlite3_stmt *st = prepare(db, sql);

    r->columns = (size_t)sqlite3_column_count(st);
    while (sqlite3_step(st) == SQLITE_ROW) {
        r->cells = grow(r->cells, &r->cells_max, (r->count + 1) * r->columns, sizeof(*r->cells));
        for (size_t i = 0; i < r->columns; i++)
            load_cell(r, st, (int)i);
        r->count++;
    }
    sqlite3_finalize(st);
    sqlite3_free(sql);
}

/* ---- The other table ---- */

/* The same table with the same indexes. */
static void copy_shape(sqlite3 *from, sqlite3 *to, const char *table)
{
    sqlite3_stmt *st = prepare(from, "SELECT sql FROM sqlite_master WHERE tbl_name = $1 AND sql IS NOT NULL"
                                     " ORDER BY type DESC");
    sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
    while (sqlite3_step(st) == SQLITE_ROW)
        exec(to, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
}

static sqlite3_stmt *prepare_insert(sqlite3 *db, const char *table, const char *columns, size_t count)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (%s) VALUES (?", table, columns);
    for (size_t i = 1; i < count; i++)
        sqlite3_str_appendall(sql, ", ?");
    sqlite3_str_appendall(sql, ")");
    char *text = sqlite3_str_finish(sql);
    sqlite3_stmt *st = prepare(db, text);
    sqlite3_free(text);
    return st;
}

static void insert_row(sqlite3 *db, sqlite3_stmt *st, const struct rows *r, size_t row)
{
    for (size_t i = 0; i < r->columns; i++) {
        const struct cell *cell = &r->cells[row * r->columns + i];
        if (cell->type == SQLITE_INTEGER)
            sqlite3_bind_int64(st, (int)i + 1, cell->as.i);
        else if (cell->type == SQLITE_TEXT)
            sqlite3_bind_text(st, (int)i + 1, r->text + cell->as.at, cell->len, SQLITE_STATIC);
        else
            sqlite3_bind_null(st, (int)i + 1);
    }
    if (sqlite3_step(st) != SQLITE_DONE)
        fail("insert", db);
    sqlite3_reset(st);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double insert_all(sqlite3 *db, sqlite3_stmt *st, const struct rows *r)
{
    double start = now();
    for (size_t row = 0; row < r->count; row++) {
        if (row % ROWS_A_TRANSACTION == 0)
            exec(db, row ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE");
        insert_row(db, st, r, row);
    }
    exec(db, "COMMIT");
    return now() - start;
}

int main(int argc, char **argv)
{
    struct rows rows = {0};
    char columns[8192];

    if (argc != 4) {
        fprintf(stderr, "usage: sluice-bench-insert FINISHED.db TABLE NEW.db\n");
        return 64;
    }
    sqlite3 *from = open_db(argv[1]), *to = open_db(argv[3]);
    list_columns(from, argv[2], columns, sizeof(columns));
    load(from, argv[2], columns, &rows);
    if (rows.count == 0)
        fail("the table has no rows", from);
    exec(to, SETTINGS);
    copy_shape(from, to, argv[2]);
    sqlite3_stmt *insert = prepare_insert(to, argv[2], columns, rows.columns);
    printf("%.6f\n", insert_all(to, insert, &rows));
    sqlite3_finalize(insert);
    sqlite3_close(to);
    sqlite3_close(from);
    free(rows.cells);
    free(rows.text);
    return 0;
}
