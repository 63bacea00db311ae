/* sluice/abi.h - what a connector and the host say to each other. Version 0.
 *
 * A connector is a shared object that exports one function, sluice_connector_v0(), which returns constant tables:
 * its settings, its streams with their columns and match rules, its routes. For each run the host calls the stream's
 * run() once. run() asks the host for bytes (send, wait, read), hands rows back (emit, skip, reject), says "all before
 * this is complete" (checkpoint) and returns.
 *
 * Three rules carry the rest:
 *   - The first failure of a run is final. After it every call but drop() does nothing and returns that same code, so
 *     a connector needs no check after each call: its loops end by themselves and nothing half-read is stored.
 *   - No memory crosses to be freed by the other side. What is passed is borrowed for the call; what is returned lives
 *     until the time its comment names.
 *   - A body is whole, decompressed and UTF-8 before its first byte can be read.
 *
 * Threads: a run belongs to the thread that called run(), but for the three calls marked "any thread".
 * Growth:  version 0 promises nothing. Structs marked FROZEN stay as they are in version 1; GROWABLE ones are appended
 *          to: they begin with struct_size, or stand in tables that carry their stride, and zero means "as before".
 */
#ifndef SLUICE_ABI_H
#define SLUICE_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The minor version of this header; the major one is part of the entry symbol's name. */
#define SLUICE_ABI_MINOR 0
/* The entry symbol: const sluice_connector *sluice_connector_v0(void). */
#define SLUICE_ENTRY "sluice_connector_v0"

/* ---- Results: the name says what the host does next. --------------------------------------------------------- */
#define SLUICE_OK 0             /* go on */
#define SLUICE_E_CONFIG (-1)    /* stop: a person must change a setting */
#define SLUICE_E_AUTH (-2)      /* stop: a person must change a credential */
#define SLUICE_E_RETRY (-3)     /* the source is away or busy: run again soon, with back-off */
#define SLUICE_E_REMOTE (-4)    /* the source answered nonsense: fail, run again when due */
#define SLUICE_E_LIMIT (-5)     /* a cap was hit: keep the rows, keep the old cursor, fail */
#define SLUICE_E_CANCELLED (-6) /* the host wants the run to end (stop, deadline, --limit): just return */
#define SLUICE_E_BUG (-7)       /* the contract was broken: fail and name the plugin */

/* ---- Values ---------------------------------------------------------------------------------------------------- */
/* FROZEN. UTF-8 text or raw bytes, not terminated; ptr may be NULL when len is 0. */
typedef struct sluice_str {
    const char *ptr;
    size_t len; /* bytes */
} sluice_str;

/* FROZEN. A name and its value, both terminated; a header or a query argument. */
typedef struct sluice_pair {
    const char *name;
    const char *value;
} sluice_pair;

/* Types of values and columns. */
#define SLUICE_ABSENT 0u  /* not sent: a stored value stays, a new row gets the preset. A zeroed value is this */
#define SLUICE_NULL 1u    /* sent as empty: back to the preset, or NULL */
#define SLUICE_INT 2u     /* as.i */
#define SLUICE_TEXT 3u    /* as.s */
#define SLUICE_BOOL 4u    /* as.i, 0 or 1 */
#define SLUICE_DECIMAL 5u /* as.i in units of the column's scale: 12.50 at scale 2 is 1250. There is no double */
#define SLUICE_TIME 6u    /* as.i, microseconds since 1970 UTC */
#define SLUICE_INTS 7u    /* as.n */
/* Types of options only. */
#define SLUICE_DURATION 32u /* as.i, microseconds */
#define SLUICE_ZONE 33u     /* as.s, an IANA time zone that the system has */
#define SLUICE_CHARSET 34u  /* as.s, a charset that iconv knows */
#define SLUICE_GROUP 35u    /* a group of options; its fields follow as "group.field" */

/* FROZEN. One value. */
typedef struct sluice_value {
    uint32_t type;     /* SLUICE_ABSENT to SLUICE_INTS */
    uint32_t reserved; /* zero */
    union {
        int64_t i;
        sluice_str s;
        struct {
            const int64_t *ptr;
            size_t len; /* elements */
        } n;
    } as;
} sluice_value;

typedef struct sluice_run sluice_run;

/* ---- Tables of a connector: constant, GROWABLE, passed with their stride. Lists in text are split at blanks. ---- */
#define SLUICE_REQUIRED 1u /* option: must be set. Column: NOT NULL; a record without value and preset is a reject */
#define SLUICE_SECRET 2u   /* option: masked wherever its value would show */
#define SLUICE_LIST 4u     /* option: repeated; a GROUP with LIST is a list of groups */
#define SLUICE_UNIQUE 8u   /* option in a list: no two entries share it */
#define SLUICE_KEY 16u     /* column: natural primary key; without one the host adds "id" */
#define SLUICE_TRIM 32u    /* column: ASCII white space at both ends is removed */
#define SLUICE_LOWER 64u   /* column: ASCII letters are lowered */
#define SLUICE_BLANK 128u  /* column: "" stays ""; without it "" is null */
#define SLUICE_CLEAR 256u  /* column: absent counts as null */
#define SLUICE_NARROW 512u /* column: integers of 32 bits, as the table has always had them */
#define SLUICE_INDEX 1024u /* column: has an index of its own in a table that the host creates */
#define SLUICE_QUIET 2048u /* column: a difference in it alone is stored, and counts as none (a figure that ages) */
#define SLUICE_SET 4096u   /* column: a list in ascending order, each number once */

/* One setting of the connector. A group "g" is followed by its fields "g.a", "g.b". */
typedef struct sluice_option {
    const char *name;
    uint32_t type;       /* SLUICE_INT, TEXT, BOOL or one of the option types */
    uint32_t flags;      /* REQUIRED, SECRET, LIST, UNIQUE */
    const char *preset;  /* value when it is not set, as text; NULL: none */
    const char *choices; /* the texts that are allowed; NULL: any */
    const char *help;    /* one line for a person */
} sluice_option;

/* One column of a stream. At most one of path and value; with neither, map() sets it and help says how. */
typedef struct sluice_column {
    const char *name;
    uint32_t type;      /* SLUICE_INT to SLUICE_INTS */
    uint32_t flags;     /* REQUIRED, KEY, TRIM, LOWER, BLANK, CLEAR, NARROW, INDEX, QUIET, SET */
    const char *path;   /* in the source's record: "a.b", "a[].b" (all of them), "a|b" (the first not empty) */
    const char *value;  /* the same for each row; the host fills in "${setting}" */
    const char *preset; /* what a new row gets when the record has nothing; filled in; "now" for times */
    const char *empty;  /* texts that mean nothing, besides "": values are split at "|" */
    uint32_t scale;     /* SLUICE_DECIMAL: digits after the point */
    uint32_t reserved;  /* zero */
    const char *help;
} sluice_column;

/* How a record finds its row. Rules are tried in order. */
#define SLUICE_IDENTITY 1u /* the row with this key */
#define SLUICE_ADOPT 2u    /* else the row with this key that has no identity yet */
#define SLUICE_REBIND 3u   /* else the row with this key, whoever has it */
typedef struct sluice_match {
    uint32_t rule;
    uint32_t flags;      /* zero */
    const char *columns; /* list of column names */
    const char *never;   /* values of a single column that match nothing (dummies); NULL: none */
} sluice_match;

#define SLUICE_INCREMENTAL 1u /* stream: has a cursor */
#define SLUICE_WINDOWED 2u    /* stream: the source chooses the window, so a cursor held back would re-read nothing */
/* One kind of record. */
typedef struct sluice_stream {
    const char *name;
    const char *table; /* where it lands when the job does not say */
    const char *help;
    const sluice_column *columns;
    const sluice_match *matches;
    uint32_t column_count, column_stride;
    uint32_t match_count, match_stride;
    const char *scope;     /* column: rows match only where it is equal (a tenant); NULL: none */
    const char *partition; /* option, a list of groups: lock, run, cursor and result for each; NULL: none */
    const char *needs;     /* streams that must have landed, complete, before this one; scan() reads them. NULL: none */
    const char *zone;      /* option: the zone of times that come without one; NULL: UTC */
    const char *gone;      /* time column that only the host writes: a complete full run notes there since when a row
                            * did not come any more; empty again once it comes. scan() hides such rows. NULL: none */
    uint32_t flags, reserved;
    int32_t (*run)(sluice_run *);                    /* read all of it, or of one partition; SLUICE_OK says so */
    int32_t (*map)(sluice_run *, sluice_str record); /* one raw record: emit, skip or reject it, exactly once */
} sluice_stream;

/* An HTTP path that the connector wants served, as data. */
#define SLUICE_ROUTE_RUN 1u        /* run the stream and wait; ":id" in the path is one partition */
#define SLUICE_ROUTE_STATUS 2u     /* the last result of each partition */
#define SLUICE_ROUTE_PARTITIONS 3u /* the partitions as configured */
typedef struct sluice_route {
    const char *methods; /* list, "GET POST" */
    const char *path;
    uint32_t action;
    uint32_t flags;       /* zero */
    const char *stream;   /* which stream it is about */
    const char *full_key; /* key in the request that asks for a full run; NULL: none */
    const char *under;    /* key in the answer that holds the results; NULL: the result at the top */
    const char *message;  /* "message" of the answer; NULL: the run's own */
    const char *keys;     /* list "name" or "name=where" of keys in a result; NULL: all of them */
} sluice_route;

/* What the entry function returns. */
typedef struct sluice_connector {
    uint32_t struct_size;
    uint16_t abi_minor;   /* the header it was built with */
    uint16_t needs_minor; /* the oldest host minor it works with */
    const char *name, *version, *help;
    const sluice_option *options;
    const sluice_stream *streams;
    const sluice_route *routes;
    uint32_t option_count, option_stride;
    uint32_t stream_count, stream_stride;
    uint32_t route_count, route_stride;
    uint32_t rate_per_min;                    /* polite requests a minute when the http block says nothing; 0: no limit */
    uint32_t parallel;                        /* polite requests under way; 0: the host's default */
    const void *(*extension)(const char *id); /* optional features by id, "name/revision"; NULL: none */
} sluice_connector;

/* ---- One run --------------------------------------------------------------------------------------------------- */
#define SLUICE_ONCE 1u       /* request: never repeat it */
#define SLUICE_ANY_STATUS 2u /* request: a 4xx is an answer, not a failure */
#define SLUICE_MAY_REFUSE 4u /* request: HTTP 400, "I do not understand this", is an answer */
/* GROWABLE, made by the connector. All of it is copied by send(). */
typedef struct sluice_request {
    uint32_t struct_size, flags;
    uint32_t header_count, reserved;
    const char *method, *url;
    const sluice_pair *headers;
    sluice_str body;
    const char *charset; /* of the answer, whatever it claims; NULL: what it claims, else UTF-8 */
    const char *hint;    /* what a person should check when this is refused; NULL: nothing special */
} sluice_request;

/* GROWABLE, filled by the host; the connector sets struct_size. */
typedef struct sluice_reply {
    uint32_t struct_size;
    int32_t status;      /* HTTP status */
    uint64_t size;       /* bytes of the body as UTF-8 */
    int64_t source_time; /* the source's clock when the request left, in microseconds since 1970 UTC: its Date header
                          * less the time the answer took; without a Date header the host's own clock */
} sluice_reply;

typedef struct sluice_exchange sluice_exchange; /* opaque: a request and its answer */

/* GROWABLE, made by the connector: what scan() reads. Both lists name the stream's columns, whatever the job calls them
 * in its table. */
typedef struct sluice_query {
    uint32_t struct_size, reserved;
    const char *stream;  /* one that this stream needs, or itself: the rows that it had before this run, if any */
    const char *columns; /* list: the columns of a row, in this order */
    const char *order;   /* list: ascending, nulls first, texts byte by byte. Not by decimals, nor by lists */
} sluice_query;

typedef struct sluice_rows sluice_rows; /* opaque: the rows of a scan */

/* Levels for log(). */
#define SLUICE_LOG_ERROR 0
#define SLUICE_LOG_WARN 1
#define SLUICE_LOG_INFO 2
#define SLUICE_LOG_DEBUG 3

/* GROWABLE, made by the host: what a connector can ask of it. int32_t results are SLUICE_OK or the run's failure. */
typedef struct sluice_host {
    uint32_t struct_size, abi_minor;
    /* Any thread. An optional feature of the host by id; NULL when it has none of that name. */
    const void *(*extension)(sluice_run *, const char *id);
    /* Any thread. A line for the host's log; secrets are masked. */
    void (*log)(sluice_run *, int32_t level, sluice_str text);
    /* Any thread. SLUICE_OK, or why the run is over. */
    int32_t (*status)(sluice_run *);
    /* End the run with `code` and a reason for people. Returns the FIRST failure of the run, which stays. */
    int32_t (*fail)(sluice_run *, int32_t code, sluice_str why);
    /* A setting: "url", "hosts[0]", "mappings.id" (this partition's), "mappings[2].id"; "hosts[]" is the count. Gives
     * SLUICE_ABSENT for one that is not set. Text lives as long as the run. */
    int32_t (*option)(sluice_run *, const char *name, sluice_value *value);
    /* Send a request; returns at once, also beyond the limits (it queues). The exchange lives until drop() or the end
     * of the run. */
    int32_t (*send)(sluice_run *, const sluice_request *request, sluice_exchange **exchange);
    /* Wait until the answer is whole, after all retries. */
    int32_t (*wait)(sluice_run *, sluice_exchange *, sluice_reply *reply);
    /* A header of the answer, "" when it has none of that name; lives as long as the exchange. */
    int32_t (*header)(sluice_run *, sluice_exchange *, const char *name, sluice_str *value);
    /* At least `want` bytes of the body from `offset`, fewer only at its end; they live until the next read() of this
     * exchange. Any order of offsets. More than the host's record limit at once is SLUICE_E_REMOTE. */
    int32_t (*read)(sluice_run *, sluice_exchange *, uint64_t offset, size_t want, sluice_str *bytes);
    /* Forget an exchange, answered or not; NULL is fine. */
    void (*drop)(sluice_run *, sluice_exchange *);
    /* Each record ends in exactly one of the next three. All copy. `key` is by what the record is known: its
     * identity, else another key that it is matched by, "" when it has none. */
    int32_t (*emit)(sluice_run *, const sluice_value *values, uint32_t count); /* in column order; the rest is absent */
    int32_t (*skip)(sluice_run *, sluice_str key, sluice_str why);             /* left out by rule; counted */
    int32_t (*reject)(sluice_run *, sluice_str key, sluice_str why, sluice_str source); /* kept with its source text */
    /* All rows before this are complete. The cursor is stored in the transaction that stores them. "" stores none. */
    int32_t (*checkpoint)(sluice_run *, sluice_str cursor);
    /* How many records the source announced. */
    int32_t (*total)(sluice_run *, int64_t announced);
    /* The window that a WINDOWED source answered: both ends as sent, and its length in microseconds (0: unknown). */
    int32_t (*window)(sluice_run *, sluice_str from, sluice_str to, int64_t length);
    /* A figure of the connector's own in the result's "stats"; the last value of a name wins. */
    int32_t (*stat)(sluice_run *, const char *name, int64_t value);
    /* A warning in the result. */
    int32_t (*warn)(sluice_run *, sluice_str text);
    /* Read what has landed of a stream that this one needs. All scans of a run see the same moment, however many are
     * open at once; rows that are gone are left out. A scan ends with the run. */
    int32_t (*scan)(sluice_run *, const sluice_query *query, sluice_rows **rows);
    /* The next row: its values in the query's order, null or of their column's type; they live until the next row of
     * these rows. NULL after the last one. */
    int32_t (*next)(sluice_run *, sluice_rows *rows, const sluice_value **values);
} sluice_host;

#define SLUICE_FULL 1u /* run: read everything, not only what changed */
/* GROWABLE, made by the host. */
struct sluice_run {
    uint32_t struct_size, flags;
    const sluice_host *host;
    const sluice_stream *stream; /* its entry, with the job's extra fields as further columns; use the stride */
    const char *cursor;          /* where the last complete run ended; "" on a full or first run */
    const char *partition;       /* "" without partitions */
    int64_t started_at;          /* microseconds since 1970 UTC, fixed before the first request */
    uint32_t parallel, reserved; /* how many exchanges are worth sending ahead */
    void *helper;                /* NULL at first; the connector's side may keep a pointer here, also from one partition
                                  * to the next, which may come to the same process: `partition` is another pointer then */
    const char *landed;          /* a text that is another one whenever a run has written to a stream that this one
                                  * needs: in the cursor it tells the next run whether there is anything to do. "" where
                                  * nothing is needed */
};

#ifdef __cplusplus
}
#endif

#if !defined(__cplusplus) && UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(sluice_str) == 16, "frozen");
_Static_assert(sizeof(sluice_pair) == 16, "frozen");
_Static_assert(sizeof(sluice_value) == 24, "frozen");
_Static_assert(sizeof(sluice_option) == 40, "grows by appending");
_Static_assert(sizeof(sluice_column) == 64, "grows by appending");
_Static_assert(sizeof(sluice_match) == 24, "grows by appending");
_Static_assert(sizeof(sluice_stream) == 120, "grows by appending");
_Static_assert(sizeof(sluice_route) == 64, "grows by appending");
_Static_assert(sizeof(sluice_connector) == 96, "grows by appending");
_Static_assert(sizeof(sluice_request) == 72, "grows by appending");
_Static_assert(sizeof(sluice_reply) == 24, "grows by appending");
_Static_assert(sizeof(sluice_query) == 32, "grows by appending");
_Static_assert(sizeof(struct sluice_run) == 72, "grows by appending");
#endif
#endif
