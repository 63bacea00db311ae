/* server.h - HTTP for the control API: connections, limits, requests in, answers out; knows no route.
 *
 * Runs on libmicrohttpd in the daemon's event loop: its epoll descriptor is watched, its time-out re-armed after every
 * run and every resume. An exchange may be answered later; meanwhile its connection is suspended.
 *
 * Limits:  SERVER_CONNECTIONS at once: when one more comes, that one is closed which has been receiving, sending or
 *          idle for the longest time. SERVER_BODY_MAX bytes of body (413), about SERVER_HEAD_MAX of head (414, 431). A
 *          client is closed after SERVER_IDLE_SECONDS without a byte, and when it needs more than
 *          SERVER_REQUEST_SECONDS to send a request or to take its answer. One that closes its sending side has gone.
 * Answers: never cached, no secret in them (redact.h). What is no HTTP gets libmicrohttpd's own page, or none.
 * Threads: the loop's only.
 */
#ifndef SLUICE_CONTROL_SERVER_H
#define SLUICE_CONTROL_SERVER_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>

struct event_base;
struct server;   /* opaque: one listener */
struct exchange; /* opaque: a request that is not answered yet */

#define SERVER_CONNECTIONS     256
#define SERVER_BODY_MAX        65536
#define SERVER_HEAD_MAX        16384
#define SERVER_IDLE_SECONDS    30
#define SERVER_REQUEST_SECONDS 60

struct server_options {
    struct event_base *base;
    const char *listen; /* "127.0.0.1:8480", "[::1]:0"; NULL: socket */
    const char *socket; /* path of a unix socket, made with mode 0660 beside nobody else's file; NULL: listen */
    /* A request has come, whole. The handler answers it once, now or later. */
    void (*handle)(void *context, struct exchange *x);
    void (*answered)(void *context, int status); /* for counting; may be NULL */
    void *context;
    unsigned connections, idle_seconds, request_seconds; /* 0: SERVER_*; tests have less */
};

/* Listen. SLUICE_E_CONFIG when the address cannot be had, and why. A socket file whose owner is gone is replaced, one
 * that somebody listens on is an error. */
int server_open(const struct server_options *options, struct server **out, struct err *err);

/* The address it listens on, "127.0.0.1:8480"; for a unix socket its path. */
const char *server_address(const struct server *s);

/* Take no more connections; those that are there are answered. */
void server_quiesce(struct server *s);

/* Close all connections, after what is answered has gone out; exchanges without an answer end. Removes the socket's
 * file. NULL is fine. */
void server_close(struct server *s);

/* ---- What a request says; valid until it is answered ---- */
const char *exchange_method(const struct exchange *x);
const char *exchange_path(const struct exchange *x);                       /* decoded, without the query */
const char *exchange_header(const struct exchange *x, const char *name);   /* NULL when it was not sent */
const char *exchange_argument(const struct exchange *x, const char *name); /* of the query, decoded; NULL */
sluice_str exchange_body(const struct exchange *x);
bool exchange_is_local(const struct exchange *x); /* it came over the unix socket */
bool exchange_is_loopback(const struct exchange *x); /* over the unix socket, or the listener is on loopback */

/* Have `gone` called, from the loop, once, when the client goes away or the server is closed before it is answered; the
 * exchange is over then. */
void exchange_on_gone(struct exchange *x, void (*gone)(void *context, struct exchange *x), void *context);

/* ---- Answers: each ends the exchange ---- */

/* A header of the answer; before it. */
void exchange_set_header(struct exchange *x, const char *name, const char *value);

/* JSON; takes the reference. Without memory (NULL): 500. */
void exchange_answer(struct exchange *x, int status, json_t *body);

/* Any text. */
void exchange_answer_text(struct exchange *x, int status, const char *type, sluice_str text);

/* {"success":false,"error": message, "timestamp"}. */
void exchange_fail(struct exchange *x, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
