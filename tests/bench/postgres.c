/* postgres.c - what the store costs with PostgreSQL: customers merged into a table, beside plain COPY of the same rows
 * into a table of the same shape with the same indexes.
 *
 *     sluice-bench-postgres URL COUNT WHAT
 *
 * `URL` names an empty schema. Prints lines of a name and a figure: seconds, or bytes of WAL. WHAT is
 *   load     new, COPY, unchanged, 10 % changed, and new into a table that was analyzed while it was empty
 *   bad      COUNT records that are good, with one that is refused, all of them refused, and none with a key
 *   delta    COUNT records into a table of 100,000, in bulk and one by one
 *   grow     1,000 records, a tenth of them changed, into a table of 100,000 rows and into one of COUNT
 */
#include "postgres.h"
#include "clock.h"
#include "kept.h"
#include "owner.h"
#include "sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TRDR,
    CODE,
    AFM,
    NAME,
    SOTITLE,
    ADDRESS,
    CITY,
    ZIP,
    DISTRICT,
    COUNTRY,
    ISACTIVE,
    PHONE,
    IRSDATA,
    CURRENCY,
    UPDATE,
    COLUMNS
};

static struct err err;

static void check(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "sluice-bench-postgres: %s\n", err.msg);
    exit(1);
}

/* ---- The table ---- */

static char *name_of(const char *name)
{
    return (char *)(uintptr_t)name;
}

static struct table *customers(void)
{
    static const char *const names[COLUMNS] = {"trdr",     "code",    "afm",     "name",       "sotitle",
                                               "address",  "city",    "zip",     "district",   "country",
                                               "isactive", "phone01", "irsdata", "socurrency", "update"};
    static struct table_column columns[COLUMNS];
    static struct table_rule rules[2];
    static struct table t;

    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (struct table_column){.name = name_of(names[i]), .source = name_of(names[i]), .type = SLUICE_TEXT};
    columns[TRDR].type = columns[CURRENCY].type = SLUICE_INT;
    columns[UPDATE].type = SLUICE_TIME;
    rules[0] = (struct table_rule){.rule = SLUICE_IDENTITY, .columns = {TRDR}, .column_count = 1};
    rules[1] = (struct table_rule){.rule = SLUICE_ADOPT, .columns = {AFM}, .column_count = 1};
    t = (struct table){.name = name_of("customers"),
                       .columns = columns,
                       .column_count = COLUMNS,
                       .rules = rules,
                       .rule_count = 2,
                       .scope = TABLE_NONE};
    return &t;
}

/* ---- The records ---- */

static char texts[COLUMNS][80];

static void text(sluice_value *v, int column, const char *format, int n)
{
    char *out = texts[column];
    size_t len = 0;

    for (const char *p = format; *p; p++) {
        if (*p == '#')
            len += (size_t)snprintf(out + len, sizeof(texts[0]) - len, "%d", n);
        else
            out[len++] = *p;
    }
    v[column] = (sluice_value){.type = SLUICE_TEXT, .as.s = {out, len}};
}

/* Customer `n`; `turn` changes its phone and its date. 3 % have no tax id, as in the wild. */
static void customer(sluice_value *v, int n, int turn, bool bad)
{
    text(v, CODE, "30-00-#", n);
    text(v, AFM, "09#", n + 1000000);
    text(v, NAME, "\xCE\xA0\xCE\xB1\xCF\x80\xCE\xB1\xCE\xB4\xCF\x8C\xCF\x80\xCE\xBF\xCF\x85\xCE\xBB\xCE\xBF\xCF\x82 #",
         n);
    text(v, SOTITLE,
         "\xCE\x91\xCF\x86\xCE\xBF\xCE\xAF "
         "\xCE\xA0\xCE\xB1\xCF\x80\xCE\xB1\xCE\xB4\xCF\x8C\xCF\x80\xCE\xBF\xCF\x85\xCE\xBB\xCE\xBF\xCE\xB9 #",
         n);
    text(v, ADDRESS,
         "\xCE\x9B\xCE\xB5\xCF\x89\xCF\x86. \xCE\x9A\xCE\xB7\xCF\x86\xCE\xB9\xCF\x83\xCE\xAF\xCE\xB1\xCF\x82 #",
         n % 300);
    text(v, CITY, "\xCE\x91\xCE\xB8\xCE\xAE\xCE\xBD\xCE\xB1", 0);
    text(v, ZIP, "#", 10000 + n % 9000);
    text(v, DISTRICT, "\xCE\x91\xCF\x84\xCF\x84\xCE\xB9\xCE\xBA\xCE\xAE", 0);
    text(v, COUNTRY, bad ? "nowhere" : "1000", 0);
    text(v, ISACTIVE, "ACTIVE", 0);
    text(v, PHONE, "210#", 1000000 + n + turn);
    text(v, IRSDATA, "\xCE\x91' \xCE\x91\xCE\x98\xCE\x97\xCE\x9D\xCE\xA9\xCE\x9D", 0);
    v[TRDR] = (sluice_value){.type = SLUICE_INT, .as.i = n + 1};
    v[CURRENCY] = (sluice_value){.type = SLUICE_INT, .as.i = 100};
    v[UPDATE] = (sluice_value){.type = SLUICE_TIME, .as.i = INT64_C(1760173125000000) + turn * CLOCK_SECOND};
    if (n % 33 == 0)
        v[AFM] = (sluice_value){.type = SLUICE_NULL};
}

/* ---- Runs ---- */

/* What a run is asked for. */
struct want {
    int count, ways;
    int changed_each; /* each of so many is changed by `turn`; 0: none */
    int turn;
    int bad_from, bad_to; /* which are refused */
    bool keyless;         /* none has a key */
    int step;             /* between one customer and the next; 0: 1 */
};

static double seconds_since(int64_t since)
{
    return (double)(clock_mono_us() - since) / (double)CLOCK_SECOND;
}

static void begin_run(struct db *db, struct run *run, struct sink *sink, int ways)
{
    char host[OWNER_SIZE];

    check(run_init(run, "bench.customers", "", "incremental", &err));
    owner_of(getpid(), host);
    run_set(&run->host, host);
    run->started_at = 1;
    *sink = (struct sink){.db = db, .table = customers(), .run = run, .ways = ways};
    check(sink_open(sink, &err));
    check(sink_prepare(sink, &err));
}

static double end_run(struct run *run, struct sink *sink, int64_t since)
{
    snprintf(run->status, sizeof(run->status), "success");
    check(sink_finish(sink, NULL, &err));
    double seconds = seconds_since(since);
    fprintf(stderr, "created %lld, updated %lld, skipped %lld, errors %lld\n", (long long)run->counts.created,
            (long long)run->counts.updated, (long long)run->counts.skipped, (long long)run->counts.errors);
    sink_close(sink);
    run_free(run);
    return seconds;
}

static void make_records(struct want w, struct kept *out)
{
    sluice_value values[COLUMNS] = {{0}};

    for (int i = 0; i < w.count; i++) {
        bool changed = w.changed_each && i % w.changed_each == 0;
        customer(values, i * (w.step ? w.step : 1), changed ? w.turn : 0, i >= w.bad_from && i < w.bad_to);
        if (w.keyless)
            values[TRDR] = values[AFM] = (sluice_value){.type = SLUICE_NULL};
        if (!kept_add(out, values, COLUMNS))
            check(err_set(&err, E_SYSTEM, "out of memory"));
    }
}

/* Seconds from the first record to the end of the run. The records are made before. */
static double merge(struct db *db, struct want w)
{
    sluice_value values[COLUMNS] = {{0}};
    struct kept records = {0};
    struct run run;
    struct sink sink;

    make_records(w, &records);
    begin_run(db, &run, &sink, w.ways);
    int64_t since = clock_mono_us();
    for (size_t i = 0; i < records.count; i++) {
        kept_read(&records, i, values, COLUMNS);
        check(sink_row(&sink, values, COLUMNS, &err));
    }
    double seconds = end_run(&run, &sink, since);
    kept_free(&records);
    return seconds;
}

/* ---- Beside it ---- */

static void exec(struct db *db, const char *sql)
{
    check(db_exec(db, sql, &err));
}

static int64_t number(struct db *db, const char *sql)
{
    struct db_stmt *st;

    check(db_prepare(db, sql, &st, &err));
    check(db_step(st, &err));
    int64_t n = db_column_int(st, 0);
    db_finalize(st);
    return n;
}

static int64_t wal_at(struct db *db)
{
    return number(db, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint");
}

static void read_copy(struct pg *db, struct buf *out)
{
    char *bytes;
    int len;
    PGresult *res;

    if (!PQsendQuery(db->conn, "COPY customers TO STDOUT (FORMAT binary)"))
        check(pg_lost(db, &err));
    check(pg_result(db, &res, &err));
    PQclear(res);
    while ((len = PQgetCopyData(db->conn, &bytes, 0)) > 0) {
        buf_add(out, bytes, (size_t)len);
        PQfreemem(bytes);
    }
    while (!pg_result(db, &res, &err) && res)
        PQclear(res);
}

/* Seconds of a plain COPY of the rows that `customers` has. */
static double copy(struct db *db)
{
    struct buf rows = {0};

    exec(db, "BEGIN");
    read_copy((struct pg *)db, &rows);
    exec(db, "COMMIT; DROP TABLE IF EXISTS plain; CREATE TABLE plain (LIKE customers INCLUDING ALL); CHECKPOINT");
    int64_t since = clock_mono_us();
    exec(db, "BEGIN");
    check(pg_copy_begin((struct pg *)db, "COPY plain FROM STDIN (FORMAT binary)", &err));
    check(pg_copy_put((struct pg *)db, rows.ptr, rows.len, &err));
    check(pg_copy_end((struct pg *)db, &err));
    exec(db, "COMMIT");
    double seconds = seconds_since(since);
    buf_free(&rows);
    exec(db, "DROP TABLE plain");
    return seconds;
}

static void settle(struct db *db)
{
    exec(db, "VACUUM ANALYZE customers");
    exec(db, "CHECKPOINT");
}

static void make_empty(struct db *db, bool analyzed)
{
    struct run run;
    struct sink sink;

    exec(db, "DROP TABLE IF EXISTS customers");
    begin_run(db, &run, &sink, SINK_FASTEST);
    end_run(&run, &sink, 0);
    if (analyzed)
        exec(db, "VACUUM ANALYZE customers");
    exec(db, "CHECKPOINT");
}

/* ---- What is measured ---- */

static void print(const char *what, double value)
{
    printf("%s %.6f\n", what, value);
}

static void load(struct db *db, int count)
{
    make_empty(db, false);
    print("new", merge(db, (struct want){.count = count, .ways = SINK_IN_BULK}));
    print("copy", copy(db));
    settle(db);
    int64_t wal = wal_at(db);
    print("unchanged", merge(db, (struct want){.count = count, .ways = SINK_IN_BULK}));
    print("unchanged-wal", (double)(wal_at(db) - wal) / count);
    settle(db);
    print("changed", merge(db, (struct want){.count = count, .ways = SINK_IN_BULK, .changed_each = 10, .turn = 7}));
    make_empty(db, true);
    print("new-analyzed", merge(db, (struct want){.count = count, .ways = SINK_IN_BULK}));
}

static void bad(struct db *db, int count)
{
    static const char *const names[] = {"clean", "one-bad", "all-bad", "all-keyless"};

    for (int way = 0; way < 4; way++) {
        make_empty(db, false);
        exec(db, "ALTER TABLE customers ADD CHECK (country <> 'nowhere')");
        const struct want wants[] = {
            {.count = count, .ways = SINK_IN_BULK},
            {.count = count, .ways = SINK_IN_BULK, .bad_from = count * 2 / 3, .bad_to = count * 2 / 3 + 1},
            {.count = count, .ways = SINK_IN_BULK, .bad_to = count},
            {.count = count, .ways = SINK_IN_BULK, .keyless = true}};
        print(names[way], merge(db, wants[way]));
    }
}

static void delta(struct db *db, int count)
{
    make_empty(db, false);
    merge(db, (struct want){.count = 100000});
    settle(db);
    print("bulk-unchanged", merge(db, (struct want){.count = count, .step = 7, .ways = SINK_IN_BULK}));
    print("single-unchanged", merge(db, (struct want){.count = count, .step = 7, .ways = SINK_ONE_BY_ONE}));
    print("bulk-changed",
          merge(db, (struct want){.count = count, .step = 7, .ways = SINK_IN_BULK, .changed_each = 2, .turn = 1}));
    print("single-changed",
          merge(db, (struct want){.count = count, .step = 7, .ways = SINK_ONE_BY_ONE, .changed_each = 2, .turn = 2}));
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* A thousand records from all over the table; the median of some times, when what they need of it is in memory. */
static double thousand(struct db *db, int rows)
{
    struct want w = {.count = 1000, .step = rows / 1000, .changed_each = 10};
    double times[9];

    merge(db, w);
    settle(db);
    for (w.turn = 1; w.turn <= 9; w.turn++)
        times[w.turn - 1] = merge(db, w);
    qsort(times, 9, sizeof(*times), compare);
    return times[4];
}

static void grow(struct db *db, int count)
{
    char sql[600];

    make_empty(db, false);
    merge(db, (struct want){.count = 100000});
    print("thousand-into-100000", thousand(db, 100000));
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO customers (trdr, code, afm, name, sotitle, address, city, zip, district, country, isactive,"
        " phone01, irsdata, socurrency, update, created_at, updated_at, last_sync_at) SELECT trdr + 100000 * n, code,"
        " 'x' || (trdr + 100000 * n), name, sotitle, address, city, zip, district, country, isactive, phone01,"
        " irsdata, socurrency, update, created_at, updated_at, last_sync_at FROM customers,"
        " generate_series(1, %d) AS n",
        count / 100000 - 1);
    exec(db, "SET statement_timeout TO 0");
    exec(db, sql);
    print("thousand-into-all", thousand(db, count));
}

int main(int argc, char **argv)
{
    struct db *db;

    if (argc != 4) {
        fprintf(stderr, "usage: sluice-bench-postgres URL COUNT load|bad|delta|grow\n");
        return 64;
    }
    int count = atoi(argv[2]);
    check(db_open(argv[1], 0, &db, &err));
    check(schema_ensure(db, &err));
    if (strcmp(argv[3], "bad") == 0)
        bad(db, count);
    else if (strcmp(argv[3], "delta") == 0)
        delta(db, count);
    else if (strcmp(argv[3], "grow") == 0)
        grow(db, count);
    else
        load(db, count);
    db_close(db);
    return 0;
}
