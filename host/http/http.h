/* http.h - the HTTP client that connectors use: several requests under way, retries, a rate, limits, whole bodies.
 *
 * A request is sent with http_send(), which only queues it, and answered by http_wait(), which drives all requests
 * until that one is whole: decompressed, turned into UTF-8, in memory up to 1 MiB and beyond that in an unlinked file.
 * A connection error, time-out, 408, 429 or 5xx is repeated with exponential backoff and full jitter, after
 * Retry-After where the answer has one (both forms, capped); what was received before is forgotten, so a repeated
 * answer never counts twice.
 *
 * An answer is what it is decompressed to, also when gzip was not declared, and a UTF-8 byte order mark in front of it
 * says UTF-8 whatever was expected.
 *
 * Limits:  see struct http_limits. At most 5 redirects are followed, only to the same scheme, host and port, and for a
 *          method other than GET and HEAD only 307 and 308, which repeat it. http:// is refused for hosts that are not
 *          loopback, unless `insecure`. Headers of an answer may have 64 KiB.
 * Time:    passes only while http_wait() runs: a caller that is busy elsewhere does not let its requests time out.
 * Threads: one client belongs to one thread.
 */
#ifndef SLUICE_HTTP_HTTP_H
#define SLUICE_HTTP_HTTP_H

#include "err.h"
#include "sluice/abi.h"

#include <stdbool.h>

struct http;          /* opaque: a client with its connections */
struct http_exchange; /* opaque: one request and its answer */

struct http_limits {
    int64_t timeout_us;         /* one attempt, first byte sent to last byte received; 0: 30 seconds */
    int64_t connect_timeout_us; /* name look-up, connection and TLS; 0: 10 seconds */
    int64_t retry_after_max_us; /* a longer Retry-After is cut to this; 0: 5 minutes */
    int64_t backoff_us;         /* the first back-off is at most this, each further one twice that; 0: 500 ms */
    uint64_t max_body;          /* bytes of a body after decompression; 0: 1 GiB */
    uint32_t attempts;          /* tries of one request; 0: 1 */
    uint32_t parallel;          /* requests under way; 0: 1 */
    uint32_t rate_per_min;      /* requests that may start in any minute; 0: no limit */
    bool insecure;              /* http:// also to hosts that are not loopback */
    const char *proxy;          /* URL; NULL or "": none, whatever the environment says */
    const char *ca_file;        /* PEM; NULL or "": the system's */
    const char *spool_dir;      /* where large bodies go; NULL: $TMPDIR, else /var/tmp */
    size_t record_max;          /* most bytes http_read() gives at once; 0: 16 MiB */
    int stop_fd;                /* when it is readable, every wait ends with SLUICE_E_CANCELLED; -1: none */
    void (*note)(void *context, const char *text); /* hears of each attempt that is repeated; NULL: the log does */
    void *note_context;
};

/* The strings of `limits` are copied.
 * Codes: SLUICE_E_CONFIG the URL, proxy or CA file is wrong, a path that is not there (404), a redirect elsewhere;
 * SLUICE_E_AUTH 401, 403, 407; SLUICE_E_RETRY still failing after the last attempt; SLUICE_E_REMOTE any other 4xx, a
 * broken or too large answer; SLUICE_E_CANCELLED; E_SYSTEM. Messages name method and URL (without its query's values
 * and without credentials), the status, the start of the body, and the hint. */
int http_open(const struct http_limits *limits, struct http **out, struct err *err);
void http_close(struct http *h); /* ends what is under way; NULL is fine */

/* Copies all of `request`. SLUICE_ONCE: tried once, on a connection of its own, because a connection that was used
 * before may be closed by the other side just then. SLUICE_ANY_STATUS: a 4xx is an answer; 408 and 429 only when they
 * are still there after the last attempt. A Retry-After holds back all requests of the client. The exchange lives until
 * http_drop() or http_close(). */
int http_send(struct http *h, const sluice_request *request, struct http_exchange **out, struct err *err);

/* `reply` as in abi.h. Calling it again for an answered exchange gives the same. */
int http_wait(struct http *h, struct http_exchange *x, sluice_reply *reply, struct err *err);

/* A header of an answered exchange, by name in any case; "" when it has none. Lives as long as the exchange. */
sluice_str http_header(const struct http_exchange *x, const char *name);

/* At least `want` bytes of the body from `offset`, fewer only at its end; valid until the next read of this exchange.
 * What is given may be more than `want`. */
int http_read(struct http_exchange *x, uint64_t offset, size_t want, sluice_str *bytes, struct err *err);

/* Bytes of this answer that had no character in its charset and became U+FFFD. */
uint64_t http_replaced(const struct http_exchange *x);

/* Forget an exchange, answered or not; NULL is fine. */
void http_drop(struct http *h, struct http_exchange *x);

/* Forget every exchange; connections stay open. */
void http_drop_all(struct http *h);

/* What the client did so far. */
struct http_stats {
    uint64_t requests;    /* attempts that were started */
    uint64_t retries;     /* of these, repeats */
    int64_t throttled_us; /* time spent waiting for the rate */
    uint64_t bytes;       /* received, as on the wire */
};
void http_stats(const struct http *h, struct http_stats *stats);

#endif
