/* sluice/sluice.h - the connector author's helper library, over abi.h.
 *
 * A connector is tables and one straight-line function per stream:
 *
 *     static int32_t read_customers(sluice_run *run)
 *     {
 *         sluice_call call = {.url = sluice_text(run, "${url}/customers"), .headers = {{"X-Key", "${api_key}"}}};
 *         sluice_body *body = sluice_ask(run, &call);
 *
 *         sluice_each(run, body, "data");
 *         return sluice_checkpoint(run, sluice_value_of(body, "as_of"));
 *     }
 *
 * No call needs its result checked: the first failure ends the run and every later call does nothing. Every helper
 * accepts what a failed one returned.
 *
 * Memory:  text that helpers return lives until the run ends (so sluice_text() is not for map(), where it would gather
 *          for every record), and so do the top keys of an answer; the list in it can be walked while the answer is one
 *          of the eight newest. What belongs to a record (sluice_record, its texts) lives until that record's emit,
 *          skip or reject. Nothing is freed by the connector.
 * Threads: call all of it from the thread that called run().
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include "sluice/abi.h"

#if defined(__GNUC__)
#define SLUICE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SLUICE_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_PRINTF(fmt, args)
#define SLUICE_EXPORT
#endif

/* ---- Text and settings ----------------------------------------------------------------------------------------- */

/* printf, after "${name}" in `fmt` has been replaced by that setting's text. Never NULL. */
const char *sluice_text(sluice_run *run, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* A setting as text, "" when it is not set; a setting that does not exist ends the run with SLUICE_E_BUG. */
const char *sluice_opt_text(sluice_run *run, const char *name);

/* A setting as a number (durations in microseconds), 0 when it is not set. */
int64_t sluice_opt_int(sluice_run *run, const char *name);

/* ---- Asking the source ----------------------------------------------------------------------------------------- */

#define SLUICE_CALL_HEADERS 8
#define SLUICE_CALL_QUERY 8
/* One request and what a person should know about it; for sluice_read_pages() also how its answers make a list. Zero
 * means: not used. */
typedef struct sluice_call {
    const char *method;                         /* default: POST when there is a body, else GET */
    const char *url;                            /* "${setting}" is filled in; a doubled "/" in the path becomes one */
    sluice_pair headers[SLUICE_CALL_HEADERS];   /* up to the first without a name; values are filled in */
    sluice_pair query[SLUICE_CALL_QUERY]; /* behind the URL, up to the first without a name; values are filled in, then
                                           * percent-encoded; a pair without a value is left out */
    const char *json;    /* body. A ' stands for a "; "${setting}" becomes that setting's JSON: a quoted text, a bare
                          * number or boolean. Sends Content-Type: application/json */
    const char *charset; /* of the answer, filled in; default: what it claims, else UTF-8 */
    const char *hint;    /* what a person should check when this is refused */

    /* The rest is for sluice_read_pages(). */
    const char *list;   /* key of the list in each answer; an answer that is the list itself will do as well */
    const char *limit;  /* query argument: records wanted in a page; NULL: the source chooses */
    const char *offset; /* query argument: records to leave out before the page; required */
    const char *total;  /* key in each answer: how many records the whole list has */
    const char *id;     /* key of each record that names it; NULL: its whole text does */
    int64_t page_size;  /* the value of `limit` */
    int64_t max_pages;  /* more pages than this end the run with SLUICE_E_LIMIT; 0: no cap */
    int32_t overlap;    /* records by which a page reaches back into the one before it, so that their seam is checked */
    int32_t may_refuse; /* 1: HTTP 400 to the first page is no failure, see SLUICE_REFUSED */
    int32_t ascending;  /* 1: the source was asked to sort by `id`, which is an integer, upwards */
} sluice_call;

typedef struct sluice_body sluice_body; /* opaque: an answer that is one JSON object */

/* Ask and wait. NULL when the run has failed, also when the answer is not one whole JSON object: that failure quotes
 * its first bytes and the call's hint. */
sluice_body *sluice_ask(sluice_run *run, const sluice_call *call);

/* Keys at the top of the answer, wherever they stand in it; of a repeated key the last one counts. */
int sluice_has(sluice_body *body, const char *key);             /* sent, and not null */
int sluice_true_of(sluice_body *body, const char *key);         /* is it `true`? */
int64_t sluice_int_of(sluice_body *body, const char *key);      /* number or text of a number; else -1 */
const char *sluice_value_of(sluice_body *body, const char *key); /* text, number or boolean as text; else "" */

/* Map each element of the list at `key`, in order, with the stream's map(). Returns how many there were. A list that
 * is absent or not a list ends the run with SLUICE_E_REMOTE. */
int64_t sluice_each(sluice_run *run, sluice_body *body, const char *key);

/* Map each record of a list that comes in pages by limit and offset, in order. The offset moves by the records that
 * came, so a source that caps `limit` loses nothing; once a page came back full, up to run->parallel are sent ahead.
 * The list ends at `total`, else at a page that brings nothing new. A record that a later page repeats unchanged is
 * dropped, one that it repeats changed is mapped again.
 *
 * A seam joins when the page begins with the last record of the one before it (ascending: at or before that record).
 * Where rows were deleted or moved meanwhile it does not; then up to three pages further back are read again for it.
 *
 * Returns the source's clock when the first request left, in microseconds: what was changed before that has been read.
 * Returns 0 when that cannot be said: the run has failed, or a seam did not join, records repeated, or the number of
 * records disagrees; a warning then says which, and sluice_iso() makes "" of it, so that the old cursor stays.
 *
 * Ends the run with SLUICE_E_REMOTE at a full page that repeats an earlier one and at an absent list, with SLUICE_E_RETRY
 * where the list ends before the total of the same answer, with SLUICE_E_LIMIT at more than max_pages.
 *
 * Returns SLUICE_REFUSED, and nothing has happened, when the source answered HTTP 400 to the first page and the call says
 * that it may: it does not understand what it was asked, and the connector can ask in another way. */
#define SLUICE_REFUSED (-1)
int64_t sluice_read_pages(sluice_run *run, const sluice_call *call);

/* ---- One record ------------------------------------------------------------------------------------------------ */

typedef struct sluice_record sluice_record; /* opaque: a record that is being mapped */

/* Read `json` into the stream's columns by their paths. A value that does not convert marks the record; its emit is
 * then a reject that names column and value. NULL when the run has failed. */
sluice_record *sluice_map(sluice_run *run, sluice_str json);

/* The text of a column as mapped so far, "" when it has none. */
const char *sluice_get(sluice_record *rec, const char *column);

/* The text of a key at the top of the source's record, "" for null, NULL when it was not sent. */
const char *sluice_source(sluice_record *rec, const char *key);

/* A record that nothing is read into, for streams that make theirs: every column is absent until it is set. It takes
 * the place of the record before it. NULL when the run has failed. */
sluice_record *sluice_new(sluice_run *run);

/* Set a column of that type; texts and lists are copied. A text that is "" or NULL is a null (unless BLANK). */
void sluice_set_text(sluice_record *rec, const char *column, const char *text);
void sluice_set_int(sluice_record *rec, const char *column, int64_t value);
void sluice_set_bool(sluice_record *rec, const char *column, int value);
void sluice_set_decimal(sluice_record *rec, const char *column, int64_t units); /* 12.50 at scale 2 is 1250 */
void sluice_set_time(sluice_record *rec, const char *column, int64_t us);       /* since 1970 UTC */
void sluice_set_ints(sluice_record *rec, const char *column, const int64_t *numbers, size_t count);
void sluice_set_null(sluice_record *rec, const char *column);

/* The three verdicts on a record; each returns the run's status. */
int32_t sluice_emit(sluice_record *rec);
int32_t sluice_skip(sluice_record *rec, const char *why);
int32_t sluice_reject(sluice_record *rec, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* A map() for streams whose table says everything. */
int32_t sluice_map_table(sluice_run *run, sluice_str record);

/* ---- Streams that have landed ----------------------------------------------------------------------------------
 *
 * A derived stream names what it needs and reads it as it lies in the store, each stream in an order of its choice, so
 * that a merge of several needs one row of each in memory:
 *
 *     sluice_scan *order = sluice_scan_open(run, "orders", "customer total", "customer");
 *
 *     while (sluice_scan_next(order))
 *         sum += sluice_cell(order, "total");
 */

typedef struct sluice_scan sluice_scan; /* opaque: rows of a stream, one at a time; lives as long as the run */

/* Read `columns` of a stream that this one needs, ordered by the columns in `order` (sluice_query in abi.h says more).
 * NULL when the run has failed. */
sluice_scan *sluice_scan_open(sluice_run *run, const char *stream, const char *columns, const char *order);

/* Go to the next row, the first one at the beginning. 0 after the last one, and when the run has failed. */
int sluice_scan_next(sluice_scan *scan);

/* A column of the row: an integer, a boolean, a decimal in units of its scale or a time in microseconds, 0 for null; a
 * text, "" for null, which lives until the next row; is it null? The same before the first row and after the last. */
int64_t sluice_cell(sluice_scan *scan, const char *column);
const char *sluice_cell_text(sluice_scan *scan, const char *column);
int sluice_cell_null(sluice_scan *scan, const char *column);

typedef struct sluice_ids sluice_ids; /* opaque: a set of integers */

/* An empty set, which lives as long as the run. Make one for all records and clear it for each. */
sluice_ids *sluice_ids_new(sluice_run *run);
void sluice_ids_clear(sluice_ids *ids);

/* Add one, or all of a column that is a list of integers. */
void sluice_ids_add(sluice_ids *ids, int64_t id);
void sluice_ids_add_cell(sluice_ids *ids, sluice_scan *scan, const char *column);

/* How many different ones there are; set a column to them, in ascending order. */
size_t sluice_ids_count(sluice_ids *ids);
void sluice_set_ids(sluice_record *rec, const char *column, sluice_ids *ids);

/* ---- The run --------------------------------------------------------------------------------------------------- */

/* All rows so far are complete; the next run starts at `cursor` ("" keeps the old one). Returns the run's status. */
int32_t sluice_checkpoint(sluice_run *run, const char *cursor);

/* How many records the source announced; a negative number announces nothing. */
int32_t sluice_total(sluice_run *run, int64_t announced);

/* The window that the answer covers: two times of the same clock, as sent. */
int32_t sluice_window(sluice_run *run, const char *from, const char *to);

/* A figure of the connector's own in the result's "stats"; the last value of a name wins. */
int32_t sluice_stat(sluice_run *run, const char *name, int64_t value);

/* Milliseconds since the run began. */
int64_t sluice_elapsed_ms(const sluice_run *run);

/* A time as ISO 8601 in UTC with milliseconds; "" for 0 and everything before it. Lives as long as the run. */
const char *sluice_iso(sluice_run *run, int64_t us);

/* A warning in the run's result. */
int32_t sluice_warn(sluice_run *run, const char *fmt, ...) SLUICE_PRINTF(2, 3);

/* End the run with `code`, a SLUICE_E_*. */
int32_t sluice_fail(sluice_run *run, int32_t code, const char *fmt, ...) SLUICE_PRINTF(3, 4);

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

#define SLUICE_COUNT(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))
#define SLUICE_COLUMNS(a) .columns = (a), .column_count = SLUICE_COUNT(a), .column_stride = sizeof((a)[0])
#define SLUICE_MATCHES(...)                                                                                          \
    .matches = (const sluice_match[]){__VA_ARGS__},                                                                  \
    .match_count = SLUICE_COUNT(((const sluice_match[]){__VA_ARGS__})), .match_stride = sizeof(sluice_match)
#define SLUICE_OPTIONS(a) .options = (a), .option_count = SLUICE_COUNT(a), .option_stride = sizeof((a)[0])
#define SLUICE_STREAMS(a) .streams = (a), .stream_count = SLUICE_COUNT(a), .stream_stride = sizeof((a)[0])
#define SLUICE_ROUTES(a) .routes = (a), .route_count = SLUICE_COUNT(a), .route_stride = sizeof((a)[0])

/* The connector itself and its entry function; the last line of a connector's file. */
#define SLUICE_CONNECTOR(...)                                                                                        \
    static const sluice_connector sluice_connector_table = {                                                         \
        .struct_size = sizeof(sluice_connector), .abi_minor = SLUICE_ABI_MINOR, __VA_ARGS__};                        \
    SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);                                                 \
    const sluice_connector *sluice_connector_v0(void)                                                                \
    {                                                                                                                \
        return &sluice_connector_table;                                                                              \
    }                                                                                                                \
    _Static_assert(sizeof(sluice_connector_table) > 0, "takes the semicolon")

#endif
