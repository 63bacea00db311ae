/* server.c - see server.h: connections, and libmicrohttpd in the event loop. */
#include "server_inner.h"

#include "clock.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE 32 /* connections above the limit that libmicrohttpd may have while others are being closed */

/* ---- The loop ---- */

/* Have libmicrohttpd run again when it wants to; with nothing to wait for there is no timer. On an external descriptor
 * it tells nothing of a connection that was resumed since its last run, so that is ours to know. */
static void rearm(struct server *s)
{
    unsigned long long ms = 0;

    if (!s->again)
        return; /* closing */
    if (!s->resumed && MHD_get_timeout(s->daemon, &ms) != MHD_YES) {
        evtimer_del(s->again);
        return;
    }
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    evtimer_add(s->again, &wait);
}

static void run(evutil_socket_t fd, short what, void *context)
{
    struct server *s = context;

    (void)fd;
    (void)what;
    s->resumed = false;
    MHD_run(s->daemon);
    rearm(s);
}

/* ---- Connections and their deadlines ---- */

static int64_t request_us(const struct server *s)
{
    return s->options.request_seconds * CLOCK_SECOND;
}

static void arm_deadline(struct server *s)
{
    const struct client *first = TAILQ_FIRST(&s->clients);

    if (!first)
        evtimer_del(s->deadline);
    if (!first || evtimer_pending(s->deadline, NULL))
        return; /* one that is too early looks again */
    int64_t left = first->since_us + request_us(s) - clock_mono_us();
    if (left < 0)
        left = 0;
    const struct timeval wait = {(time_t)(left / CLOCK_SECOND), (suseconds_t)(left % CLOCK_SECOND)};
    evtimer_add(s->deadline, &wait);
}

static void unlist(struct client *c)
{
    if (c->listed)
        TAILQ_REMOVE(&c->server->clients, c, link);
    c->listed = false;
}

/* From now on it has request_us() for what comes next: a whole request, or taking the answer. */
static void enlist(struct client *c)
{
    unlist(c);
    c->since_us = clock_mono_us();
    TAILQ_INSERT_TAIL(&c->server->clients, c, link);
    c->listed = true;
    arm_deadline(c->server);
}

/* libmicrohttpd finds the connection closed and does the rest. */
static void hang_up(struct client *c)
{
    unlist(c);
    shutdown(c->fd, SHUT_RDWR);
}

static void end_late(evutil_socket_t fd, short what, void *context)
{
    struct server *s = context;
    int64_t before = clock_mono_us() - request_us(s);
    struct client *c;

    (void)fd;
    (void)what;
    while ((c = TAILQ_FIRST(&s->clients)) && c->since_us <= before)
        hang_up(c);
    arm_deadline(s);
}

static void connected(struct server *s, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *c = calloc(1, sizeof(*c));

    if (!c || !info) {
        free(c);
        return; /* its requests are not answered: see take_target() */
    }
    *c = (struct client){.server = s, .fd = info->connect_fd};
    *context = c;
    if (++s->client_count > s->options.connections && TAILQ_FIRST(&s->clients))
        hang_up(TAILQ_FIRST(&s->clients));
    enlist(c);
}

static void disconnected(struct server *s, void **context)
{
    struct client *c = *context;

    if (!c)
        return;
    s->client_count--;
    unlist(c);
    arm_deadline(s);
    free(c);
    *context = NULL;
}

static void see_connection(void *context, struct MHD_Connection *connection, void **client,
                           enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connected(context, connection, client);
    else
        disconnected(context, client);
}

/* ---- Requests ---- */

/* The first line of a request has come; what is returned is what `serve` gets. */
static void *take_target(void *context, const char *target, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = info && info->socket_context ? calloc(1, sizeof(*x)) : NULL;

    if (!x)
        return NULL;
    *x = (struct exchange){.server = context, .client = info->socket_context, .body.max = SERVER_BODY_MAX};
    if (!exchange_target_legal(target)) {
        x->refusal = 400;
        x->reason = "the path is malformed";
    }
    return x;
}

/* Did the client close the connection, or at least its own side of it? Then it does not wait for an answer. */
static bool has_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) == 1;
}

static void stop_watching(struct exchange *x)
{
    if (x->watch)
        event_free(x->watch);
    x->watch = NULL;
}

static void tell_gone(struct exchange *x)
{
    x->gone = true;
    if (x->on_gone)
        x->on_gone(x->gone_context, x);
}

void server_resume(struct exchange *x)
{
    struct server *s = x->server;

    stop_watching(x);
    TAILQ_REMOVE(&s->suspended, x, link);
    x->suspended = false;
    MHD_resume_connection(x->connection);
    s->resumed = true;
    rearm(s);
}

static void watched(evutil_socket_t fd, short what, void *context)
{
    struct exchange *x = context;

    (void)what;
    if (!has_gone(fd))
        return; /* its next request has come already */
    tell_gone(x);
    server_resume(x);
}

/* libmicrohttpd does not look at suspended connections, so this does. Edge-triggered: what else the client sends must
 * not wake the loop again and again. EV_READ: only with it an error of the socket is told. */
static void suspend(struct exchange *x)
{
    struct server *s = x->server;

    MHD_suspend_connection(x->connection);
    x->suspended = true;
    TAILQ_INSERT_TAIL(&s->suspended, x, link);
    unlist(x->client);
    arm_deadline(s);
    x->watch = event_new(s->options.base, x->client->fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, watched, x);
    if (x->watch)
        event_add(x->watch, NULL);
}

static enum MHD_Result send_answer(struct exchange *x)
{
    enum MHD_Result rc = MHD_queue_response(x->connection, x->status, x->response);

    if (!x->client->listed)
        enlist(x->client);
    return rc;
}

/* The request is there: let it be answered, now or later. */
static enum MHD_Result answer(struct exchange *x)
{
    x->whole = true;
    if (x->refusal)
        exchange_refuse(x);
    else
        x->server->options.handle(x->server->options.context, x);
    if (x->response)
        return send_answer(x);
    if (x->gone)
        return MHD_NO; /* there was no memory for an answer */
    suspend(x);
    return MHD_YES;
}

/* Called by libmicrohttpd: once for the head, once for each piece of the body, once at the end, and once more after a
 * suspended connection was resumed. */
static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                             const char *version, const char *bytes, size_t *len, void **exchange)
{
    struct exchange *x = *exchange;

    (void)context;
    if (!x || x->gone)
        return MHD_NO;
    if (!x->begun) {
        exchange_begin(x, connection, method, path, version);
        return exchange_refused_early(x) ? answer(x) : MHD_YES;
    }
    if (*len) {
        bool taken = exchange_take(x, bytes, *len);
        *len = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    if (x->whole)
        return x->response ? send_answer(x) : MHD_NO;
    return answer(x);
}

/* The answer is out, or the connection is over before that. */
static void completed(void *context, struct MHD_Connection *connection, void **exchange,
                      enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *exchange;

    (void)context;
    (void)connection;
    (void)code;
    *exchange = NULL;
    if (!x)
        return;
    if (x->whole && !x->response && !x->gone)
        tell_gone(x);
    enlist(x->client);
    exchange_free(x);
}

/* ---- Opening and closing ---- */

static bool open_loop(struct server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    if (!info)
        return false;
    s->ready = event_new(s->options.base, info->epoll_fd, EV_READ | EV_PERSIST, run, s);
    s->again = evtimer_new(s->options.base, run, s);
    s->deadline = evtimer_new(s->options.base, end_late, s);
    return s->ready && s->again && s->deadline && event_add(s->ready, NULL) == 0;
}

static bool open_daemon(struct server *s)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, s->listener.fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, s->options.connections + SPARE, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * SERVER_HEAD_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, s->options.idle_seconds, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    s->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, serve, s, MHD_OPTION_ARRAY,
                                 options, MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_NOTIFY_CONNECTION,
                                 see_connection, s, MHD_OPTION_URI_LOG_CALLBACK, take_target, s, MHD_OPTION_END);
    return s->daemon != NULL;
}

static void set_defaults(struct server_options *o)
{
    if (!o->connections)
        o->connections = SERVER_CONNECTIONS;
    if (!o->idle_seconds)
        o->idle_seconds = SERVER_IDLE_SECONDS;
    if (!o->request_seconds)
        o->request_seconds = SERVER_REQUEST_SECONDS;
}

int server_open(const struct server_options *options, struct server **out, struct err *err)
{
    struct server *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, E_SYSTEM, "out of memory");
    s->options = *options;
    set_defaults(&s->options);
    s->listener.fd = -1;
    TAILQ_INIT(&s->clients);
    TAILQ_INIT(&s->suspended);
    int rc = late_mhd_load(err);
    if (!rc)
        rc = options->socket ? listener_unix(options->socket, &s->listener, err)
                             : listener_tcp(options->listen, &s->listener, err);
    if (rc)
        goto out;
    if (!open_daemon(s) || !open_loop(s)) {
        rc = err_set(err, E_SYSTEM, "control: cannot serve on %s: out of memory or descriptors", s->listener.address);
        goto out;
    }
    MHD_run(s->daemon); /* from now on it looks at its listening socket */
    rearm(s);
    *out = s;
    return SLUICE_OK;
out:
    server_close(s);
    return rc;
}

const char *server_address(const struct server *s)
{
    return s->listener.address;
}

/* After this the listening descriptor is nobody's but ours. */
void server_quiesce(struct server *s)
{
    if (s->quiet)
        return;
    s->quiet = true;
    listener_remove(&s->listener);
    MHD_quiesce_daemon(s->daemon);
    close(s->listener.fd);
    s->listener.fd = -1;
    rearm(s);
}

/* Answers that were given go out, as far as their clients take them now. */
static void flush(struct server *s)
{
    unsigned long long ms = 0;

    for (int i = 0; i < 16 && (s->resumed || (MHD_get_timeout(s->daemon, &ms) == MHD_YES && ms == 0)); i++) {
        s->resumed = false;
        MHD_run(s->daemon);
    }
}

static void free_event(struct event **e)
{
    if (*e)
        event_free(*e);
    *e = NULL;
}

void server_close(struct server *s)
{
    struct exchange *x;

    if (!s)
        return;
    free_event(&s->ready); /* before its descriptor is closed */
    free_event(&s->again);
    if (s->daemon) {
        server_quiesce(s);
        flush(s);
        while ((x = TAILQ_FIRST(&s->suspended)))
            server_resume(x); /* libmicrohttpd wants none when it stops; completed() tells them */
        MHD_stop_daemon(s->daemon);
    }
    free_event(&s->deadline);
    listener_remove(&s->listener);
    if (s->listener.fd >= 0)
        close(s->listener.fd);
    free(s);
}
