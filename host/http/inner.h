/* inner.h - the client and its exchanges, as the files of this directory share them. */
#ifndef SLUICE_HTTP_INNER_H
#define SLUICE_HTTP_INNER_H

#include "body.h"
#include "http.h"
#include "late_curl.h"
#include "rate.h"

#include <sys/queue.h>

#define HEADERS_MAX   ((size_t)64 * 1024)   /* of an answer */
#define REFUSAL_MAX   ((uint64_t)64 * 1024) /* of a body that is only shown in a message */
#define REDIRECTS_MAX 5u

/* Where an exchange is; it stands in the client's list of that name. */
enum exchange_state { WAITING, ACTIVE, DONE };

/* What one request consists of, copied from the connector's. */
struct request {
    char *method, *url;
    struct curl_slist *headers;
    struct buf body;
    char *charset; /* NULL: what the answer claims */
    char *hint;    /* NULL: none */
    uint32_t flags;
};

/* What one attempt has learnt. Forgotten when the next one starts. */
struct attempt {
    int status;
    bool left;            /* the connection stands and the request goes out */
    bool head_done;       /* the answer's headers are complete */
    bool enough;          /* ended by us: more of this refusal is of no use */
    bool overdue;         /* ended by us: it took too long */
    struct err failure;   /* ended by us: why */
    int64_t left_mono_us; /* when the request left */
    int64_t left_wall_us;
    int64_t head_mono_us; /* when its headers were complete */
    uint64_t received;    /* body bytes from the wire */
    struct buf headers;   /* "name\0value\0" of the last head */
    size_t header_bytes;
    char error[CURL_ERROR_SIZE];
};

struct http_exchange {
    TAILQ_ENTRY(http_exchange) link;
    struct http *http;
    enum exchange_state state;
    struct request request;
    char *location; /* where redirects led; NULL: request.url */
    uint32_t redirects;
    uint32_t failed;       /* attempts that failed */
    int64_t not_before_us; /* WAITING: monotonic */
    int64_t deadline_us;   /* ACTIVE: on the client's clock, see drive_clock_us() */
    CURL *easy;            /* ACTIVE */
    struct attempt attempt;
    struct body body;
    struct err err;         /* DONE: the failure, or code 0 */
    int64_t source_time_us; /* DONE */
};

TAILQ_HEAD(exchange_list, http_exchange);

struct http {
    struct http_limits limits; /* strings are owned */
    CURLM *multi;
    struct exchange_list waiting, active, done;
    uint32_t active_count;
    CURL **spare; /* handles to use again, up to limits.parallel */
    uint32_t spare_count;
    struct rate rate;
    int64_t hold_until_us;      /* a Retry-After; monotonic */
    int64_t throttled_since_us; /* 0: the rate holds nobody back */
    int64_t idle_us;            /* time spent outside of http_wait() */
    int64_t left_at_us;         /* when http_wait() was last left */
    bool cancelled;
    struct http_stats stats;
};

/* ---- drive.c ---- */
/* The clock that stands still while the caller does other things. */
int64_t drive_clock_us(const struct http *h);
/* Drive everything until `x` is DONE. An error here is the client's, not the exchange's. */
int drive_until_done(struct http *h, const struct http_exchange *x, struct err *err);
/* Take an exchange out of its list. */
void exchange_unlist(struct http_exchange *x);

/* ---- request.c ---- */
int request_copy(struct request *to, const sluice_request *from, struct err *err);
void request_free(struct request *r);

/* ---- attempt.c ---- */
/* Begin an attempt: the exchange becomes ACTIVE in curl's eyes. E_SYSTEM when curl refuses. */
int attempt_start(struct http_exchange *x, struct err *err);
/* Take the handle back from curl; what was received stays in x->attempt and x->body. `clean`: it ended well. */
void attempt_stop(struct http_exchange *x, bool clean);
/* Forget what an attempt has learnt. */
void attempt_forget(struct http_exchange *x);
const char *attempt_header(const struct attempt *a, const char *name); /* NULL: not there */

/* ---- verdict.c ---- */
/* Does the connector take this 4xx as an answer? */
bool verdict_takes(const struct http_exchange *x, int status);
enum verdict { VERDICT_ANSWER, VERDICT_REDIRECT, VERDICT_AGAIN, VERDICT_FAILED };
/* What an ended attempt means. AGAIN and FAILED: `err` says why; REDIRECT: x->location was set. AGAIN: `wait_us` is
 * what its Retry-After asks for, -1 when there is none. */
enum verdict verdict_of(struct http_exchange *x, CURLcode result, int64_t *wait_us, struct err *err);

#endif
