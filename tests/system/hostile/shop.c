/* shop.c - a source that is two files, and a stream that is derived from what of them has landed.
 *
 * Each line of a file is a record, a JSON object; "at" is when it changed. A full run delivers all of them, another one
 * what is after the cursor, which is an "at". Besides records there are lines "fail", which ends the run there, and
 * "total N". A record with a "skip" is left out, one with a "refuse" rejected, both for that reason.
 *
 * Not hostile, unless `probe` says so: then sales asks for what it must not, or waits.
 */
#include "sluice/sluice.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAY_US   INT64_C(86400000000)
#define LINE_MAX 4000

static const sluice_option options[] = {
    {"orders", SLUICE_TEXT, SLUICE_REQUIRED, .help = "the file of orders"},
    {"customers", SLUICE_TEXT, SLUICE_REQUIRED, .help = "the file of customers"},
    {"probe", SLUICE_TEXT, .help = "what sales does besides"},
    {"gate", SLUICE_TEXT, .help = "a file that sales waits for between its scans, where the probe says so"},
};

static const sluice_column order_columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .path = "id"},
    {"customer", SLUICE_INT, SLUICE_INDEX, .path = "customer"},
    {"total", SLUICE_DECIMAL, .path = "total", .scale = 2},
    {"day", SLUICE_TIME, .path = "day"},
    {"products", SLUICE_INTS, .path = "products"},
    {"gone_at", SLUICE_TIME, .help = "when it did not come any more"},
};

static const sluice_column customer_columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .path = "id"},
    {"name", SLUICE_TEXT, .path = "name"},
    {"gone_at", SLUICE_TIME, .help = "when it did not come any more"},
};

static const sluice_column sale_columns[] = {
    {"customer", SLUICE_INT, SLUICE_KEY | SLUICE_REQUIRED, .help = "the customer's id"},
    {"name", SLUICE_TEXT, .preset = "Unknown", .help = "the customer's name"},
    {"orders", SLUICE_INT, .help = "how many"},
    {"revenue", SLUICE_DECIMAL, .scale = 2, .help = "of all of them"},
    {"last_day", SLUICE_TIME, .help = "of the newest one"},
    {"products", SLUICE_INTS, .help = "all of them, each once"},
    {"checked", SLUICE_BOOL, .preset = "false", .help = "for others to set"},
};

/* ---- The files ---- */

static int32_t map_record(sluice_run *run, sluice_str json)
{
    sluice_record *rec = sluice_map(run, json);
    const char *skip = sluice_source(rec, "skip"), *refuse = sluice_source(rec, "refuse");

    if (skip)
        return sluice_skip(rec, skip);
    if (refuse)
        return sluice_reject(rec, "%s", refuse);
    return sluice_emit(rec);
}

static long long at_of(const char *line)
{
    const char *at = strstr(line, "\"at\":");

    return at ? strtoll(at + 5, NULL, 10) : 0;
}

static void read_lines(sluice_run *run, FILE *f)
{
    long long from = strtoll(*run->cursor ? run->cursor : "-1", NULL, 10), at = from;
    char line[LINE_MAX];

    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "fail") == 0) {
            sluice_fail(run, SLUICE_E_RETRY, "the shop broke off");
            return;
        }
        if (strncmp(line, "total ", 6) == 0)
            sluice_total(run, strtoll(line + 6, NULL, 10));
        else if (at_of(line) > from)
            map_record(run, (sluice_str){line, strlen(line)});
        if (at_of(line) > at)
            at = at_of(line);
    }
    sluice_checkpoint(run, sluice_text(run, "%lld", at));
}

static int32_t read_file(sluice_run *run)
{
    const char *path = sluice_opt_text(run, run->stream->name);
    FILE *f = fopen(path, "r");

    if (!f)
        return sluice_fail(run, SLUICE_E_RETRY, "%s: %s", path, strerror(errno));
    read_lines(run, f);
    fclose(f);
    return run->host->status(run);
}

/* ---- What is derived ---- */

static void wait_for_gate(sluice_run *run)
{
    const struct timespec while_waiting = {0, 10000000};
    struct stat st;
    FILE *f = fopen(sluice_text(run, "${gate}.reached"), "w");

    if (f)
        fclose(f);

    while (run->host->status(run) == SLUICE_OK && stat(sluice_opt_text(run, "gate"), &st) != 0)
        nanosleep(&while_waiting, NULL);
}

/* Ask for rows behind the helpers' back, on whatever may be the pipe, and take none. */
static void flood(sluice_run *run)
{
    struct {
        uint32_t length;
        uint8_t type;
        uint32_t scan;
    } __attribute__((packed)) fetch = {sizeof(uint32_t), 17, 0};
    struct stat st;

    for (int fd = 3; fd < 64; fd++) {
        if (fstat(fd, &st) || !S_ISFIFO(st.st_mode) || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY ||
            fcntl(fd, F_GETFL) & O_NONBLOCK)
            continue;
        for (int i = 0; i < 1000; i++) {
            if (write(fd, &fetch, sizeof(fetch)) < 0)
                break;
        }
    }
    while (run->host->status(run) == SLUICE_OK)
        pause();
}

static int32_t misbehave(sluice_run *run, const char *probe)
{
    static const struct {
        const char *probe, *stream, *columns, *order;
    } wrong[] = {
        {"no-stream", "offers", "id", ""},
        {"no-column", "orders", "id amount", ""}, {"no-columns", "orders", " ", ""},
        {"bad-order", "orders", "id", "when"},    {"by-decimal", "orders", "id", "total"},
        {"by-list", "orders", "id", "products"},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (strcmp(wrong[i].probe, probe) == 0)
            sluice_scan_next(sluice_scan_open(run, wrong[i].stream, wrong[i].columns, wrong[i].order));
    }
    for (int i = 0; strcmp(probe, "many") == 0 && i < 100; i++)
        sluice_scan_open(run, "orders", "id", "");
    if (strcmp(probe, "flood") == 0) {
        sluice_scan_next(sluice_scan_open(run, "orders", "id", "id"));
        flood(run);
    }
    return run->host->status(run);
}

struct sale {
    int64_t customer, orders, revenue, last_day;
};

static void emit_sale(sluice_run *run, const struct sale *s, const char *name, sluice_ids *products)
{
    sluice_record *rec = sluice_new(run);

    sluice_set_int(rec, "customer", s->customer);
    if (*name)
        sluice_set_text(rec, "name", name);
    sluice_set_int(rec, "orders", s->orders);
    sluice_set_decimal(rec, "revenue", s->revenue);
    sluice_set_time(rec, "last_day", s->last_day);
    sluice_set_ids(rec, "products", products);
    sluice_emit(rec);
}

/* Tell how many rows the stream itself had before this run. */
static void count_own(sluice_run *run)
{
    sluice_scan *sale = sluice_scan_open(run, "sales", "customer", "customer");
    int64_t count = 0;

    while (sluice_scan_next(sale))
        count++;
    sluice_stat(run, "own", count);
}

static int32_t derive_sales(sluice_run *run)
{
    const char *mark = sluice_text(run, "%s/%" PRId64, run->landed, run->started_at / DAY_US);
    const char *probe = sluice_opt_text(run, "probe");

    if (strcmp(mark, run->cursor) == 0)
        return sluice_stat(run, "idle", 1);
    if (strcmp(probe, "own") == 0)
        count_own(run);
    else if (*probe && strcmp(probe, "gate") != 0)
        return misbehave(run, probe);
    sluice_scan *order = sluice_scan_open(run, "orders", "customer total day products", "customer id");
    sluice_ids *products = sluice_ids_new(run);
    int more = sluice_scan_next(order);
    int64_t orders = 0;
    if (strcmp(probe, "gate") == 0)
        wait_for_gate(run);
    sluice_scan *who = sluice_scan_open(run, "customers", "name id", "id");
    int known = sluice_scan_next(who);

    while (more) {
        struct sale s = {.customer = sluice_cell(order, "customer")};
        sluice_ids_clear(products);
        for (; more && sluice_cell(order, "customer") == s.customer; more = sluice_scan_next(order), s.orders++) {
            s.revenue += sluice_cell(order, "total");
            if (sluice_cell(order, "day") > s.last_day)
                s.last_day = sluice_cell(order, "day");
            sluice_ids_add_cell(products, order, "products");
        }
        while (known && sluice_cell(who, "id") < s.customer)
            known = sluice_scan_next(who);
        emit_sale(run, &s, known && sluice_cell(who, "id") == s.customer ? sluice_cell_text(who, "name") : "",
                  products);
        orders += s.orders;
    }
    sluice_stat(run, "ordersProcessed", orders);
    sluice_stat(run, "executionTime", sluice_elapsed_ms(run));
    return sluice_checkpoint(run, mark);
}

static const sluice_stream streams[] = {
    {"orders", "orders", "the file of orders", SLUICE_COLUMNS(order_columns),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"}), .gone = "gone_at", .run = read_file, .map = map_record,
     .flags = SLUICE_INCREMENTAL},
    {"customers", "customers", "the file of customers", SLUICE_COLUMNS(customer_columns),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"}), .gone = "gone_at", .run = read_file, .map = map_record,
     .flags = SLUICE_INCREMENTAL},
    {"sales", "sales", "what each customer ordered", SLUICE_COLUMNS(sale_columns),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "customer"}), .needs = "orders customers", .run = derive_sales,
     .flags = SLUICE_INCREMENTAL},
};

SLUICE_CONNECTOR(.name = "shop", .version = "1", .help = "reads two files and derives a stream", .needs_minor = 0,
                 SLUICE_OPTIONS(options), SLUICE_STREAMS(streams));
