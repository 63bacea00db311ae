/* server_inner.h - what server.c (connections) and exchange.c (requests and answers) share. */
#ifndef SLUICE_CONTROL_SERVER_INNER_H
#define SLUICE_CONTROL_SERVER_INNER_H

#include "server.h"

#include "buf.h"
#include "late_mhd.h"
#include "listener.h"

#include <event2/event.h>
#include <sys/queue.h>

#define EXCHANGE_HEADERS 8 /* that an answer may have beside those that all have */

/* One connection. Those that receive or send are in the server's list, the one that changed longest ago first: it is
 * closed when its deadline has come, or when a new client finds no place. */
struct client {
    struct server *server;
    int fd;
    int64_t since_us;
    bool listed;
    TAILQ_ENTRY(client) link;
};
TAILQ_HEAD(clients, client);

struct exchange {
    struct server *server;
    struct client *client;
    struct MHD_Connection *connection;
    const char *method, *path;
    struct buf body;
    size_t body_bytes; /* that came, kept or not */
    int refusal;       /* status of the answer that the server gives itself; 0: none */
    const char *reason;
    bool begun, whole, suspended, gone;
    struct MHD_Response *response; /* NULL: not answered */
    unsigned status;
    const char *names[EXCHANGE_HEADERS];
    char *values[EXCHANGE_HEADERS];
    size_t header_count;
    struct event *watch; /* while suspended: does the client go away? */
    void (*on_gone)(void *context, struct exchange *x);
    void *gone_context;
    TAILQ_ENTRY(exchange) link; /* of those that are suspended */
};
TAILQ_HEAD(exchanges, exchange);

struct server {
    struct server_options options;
    struct listener listener;
    struct MHD_Daemon *daemon;
    struct event *ready;    /* libmicrohttpd's epoll descriptor */
    struct event *again;    /* its time-out */
    struct event *deadline; /* of the first in the list */
    struct clients clients;
    size_t client_count; /* in the list or not */
    struct exchanges suspended;
    bool resumed; /* a connection, since libmicrohttpd ran last */
    bool quiet;   /* takes no more connections */
};

/* exchange.c: take in a request's head; refuse it by x->refusal where it is malformed. */
void exchange_begin(struct exchange *x, struct MHD_Connection *connection, const char *method, const char *path,
                    const char *version);

/* Is what is there of the raw target, before it is decoded, what a client may send? NULL: it sent none. */
bool exchange_target_legal(const char *target);

/* Take in a part of the body. False: it is so long that the connection is to be closed. */
bool exchange_take(struct exchange *x, const char *bytes, size_t len);

/* Is the refusal to be answered now, though more of the request may come? */
bool exchange_refused_early(const struct exchange *x);

/* Answer with x->refusal. */
void exchange_refuse(struct exchange *x);

void exchange_free(struct exchange *x);

/* server.c: x, which was suspended, has got its answer. */
void server_resume(struct exchange *x);

#endif
