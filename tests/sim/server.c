/* Listener, a thread for each connection, and the way of one request: script, source, delay, fault or plain answer. */
#include "sim.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct source *const sources[] = {&softone_source, &ploomes_source, &sabito_source};

struct connection {
    struct sim *sim;
    int fd;
    pthread_t thread;
    atomic_bool done;
    struct connection *next;
};

/* ---- One request ---- */

static const struct source *find_source(const char *path)
{
    for (size_t i = 0; i < LEN(sources); i++)
        if (strncmp(path, sources[i]->prefix, strlen(sources[i]->prefix)) == 0)
            return sources[i];
    return NULL;
}

/* Put the script's wishes over what the source answered. */
static void apply_script(struct scripted *s, struct reply *r)
{
    if (s->status)
        r->status = s->status;
    reply_override(r, &s->headers);
    if (!s->has_body)
        return;
    buf_free(&r->body);
    r->body = s->body;
    s->body = (struct buf){0};
    r->produce = NULL;
    if (r->file >= 0)
        close(r->file);
    r->file = -1;
    r->file_size = 0;
}

static bool answer_source(struct connection *c, const struct request *q, const struct source *source, struct reply *r)
{
    struct sim *sim = c->sim;
    struct scripted s;
    r->charset = source && source->charset ? source->charset : sim->opt.charset;
    journal_add(sim->journal, q);
    scripts_take(sim, q, r->charset, &s);
    if (!s.found && sim->opt.fault)
        strncpy(s.fault, sim->opt.fault, sizeof s.fault - 1);
    if (strcmp(s.fault, "utf8") == 0 || strcmp(s.fault, "bom") == 0)
        r->charset = "utf-8";

    if (source)
        source->answer(sim, q, r);
    else
        r->status = 404;
    apply_script(&s, r);
    uint32_t delay = sim->opt.delay_ms + s.delay_ms;
    bool good = delay == 0 || wait_ms(sim, c->fd, delay);
    if (good)
        good = s.fault[0] ? fault_send(sim, c->fd, q, r, s.fault) : reply_send(sim, c->fd, r);
    scripted_free(&s);
    return good;
}

static bool answer(struct connection *c, const struct request *q)
{
    struct reply r = {.status = 200, .file = -1, .close = !q->keep_alive};
    bool good;
    if (strncmp(q->path, "/_sim/", 6) == 0) {
        control_answer(c->sim, q, &r);
        good = reply_send(c->sim, c->fd, &r);
    } else {
        good = answer_source(c, q, find_source(q->path), &r);
    }
    reply_free(&r);
    return good && q->keep_alive;
}

static void *serve_connection(void *context)
{
    struct connection *c = context;
    struct request q = {0};
    struct buf spare = {0};
    while (!atomic_load(&c->sim->stopping) && request_read(c->fd, &spare, &q))
        if (!answer(c, &q))
            break;
    request_free(&q);
    buf_free(&spare);
    /* The descriptor is closed by the listener, after the join; the client sees the end now, unless it is to be a
     * reset, which only that close can send. */
    struct linger linger = {0};
    socklen_t size = sizeof linger;
    getsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, &size);
    if (!linger.l_onoff)
        shutdown(c->fd, SHUT_WR);
    atomic_store(&c->done, true);
    return NULL;
}

/* ---- The listener ---- */

static int listen_on(const struct options *opt, uint16_t *port)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    if (getaddrinfo(opt->host, opt->port, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    bool good = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 128) == 0 &&
                getsockname(fd, (struct sockaddr *)&bound, &size) == 0;
    freeaddrinfo(found);
    if (!good) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    char text[16] = "";
    getnameinfo((struct sockaddr *)&bound, size, NULL, 0, text, sizeof text, NI_NUMERICSERV);
    *port = (uint16_t)strtoul(text, NULL, 10);
    return fd;
}

/* The file appears whole: written aside, then renamed. */
static bool write_port(const char *path, uint16_t port)
{
    char aside[4096];
    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "w");
    if (!file)
        return false;
    fprintf(file, "%u\n", port);
    return fclose(file) == 0 && rename(aside, path) == 0;
}

static void start_connection(struct sim *sim, int fd, struct connection **list)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = calloc(1, sizeof *c);
    if (c) {
        c->sim = sim;
        c->fd = fd;
        c->next = *list;
        if (pthread_create(&c->thread, NULL, serve_connection, c) == 0) {
            *list = c;
            return;
        }
    }
    free(c);
    close(fd);
}

/* Join the connections that are over, or all of them. */
static void reap(struct connection **list, bool all)
{
    for (struct connection **at = list; *at;) {
        struct connection *c = *at;
        if (!all && !atomic_load(&c->done)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (all)
            shutdown(c->fd, SHUT_RDWR);
        pthread_join(c->thread, NULL);
        close(c->fd);
        free(c);
    }
}

static int signals_open(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &wanted, SFD_CLOEXEC);
}

static void accept_loop(struct sim *sim, int listener, int signals)
{
    struct connection *list = NULL;
    struct pollfd fds[2] = {{.fd = listener, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    /* A connection that is over is closed within the time-out, or at the next one. */
    while (poll(fds, 2, list ? 20 : -1) >= 0 || errno == EINTR) {
        if (fds[1].revents)
            break;
        reap(&list, false);
        if (!fds[0].revents)
            continue;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            start_connection(sim, fd, &list);
    }
    atomic_store(&sim->stopping, true);
    reap(&list, true);
}

int server_run(struct sim *sim)
{
    int signals = signals_open();
    int listener = listen_on(&sim->opt, &sim->port);
    if (listener < 0 || signals < 0) {
        fprintf(stderr, "sluice-sim: cannot listen on %s:%s: %s\n", sim->opt.host, sim->opt.port, strerror(errno));
        return 1;
    }
    printf("listening on http://%s:%u\n", sim->opt.host, sim->port);
    fflush(stdout);
    if (sim->opt.port_file && !write_port(sim->opt.port_file, sim->port)) {
        fprintf(stderr, "sluice-sim: cannot write %s: %s\n", sim->opt.port_file, strerror(errno));
        return 1;
    }
    accept_loop(sim, listener, signals);
    close(listener);
    close(signals);
    return 0;
}
