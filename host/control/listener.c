/* listener.c - see listener.h. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define KIND    (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* ---- TCP ---- */

/* "127.0.0.1:80" and "[::1]:80" into host and port. */
static bool split(const char *text, char host[64], const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';

    if (brackets) {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= 64 || (!brackets && memchr(text, ':', len)))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
    *port = colon + 1;
    return **port != '\0';
}

static bool is_loopback(const struct sockaddr *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->sa_family == AF_INET) {
        memcpy(&v4, a, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    memcpy(&v6, a, sizeof(v6));
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

/* The address that it got, for a port of 0. */
static bool name_tcp(struct listener *l)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof(a);
    char host[64], port[8];

    if (getsockname(l->fd, (void *)&a, &len) ||
        getnameinfo((void *)&a, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
        return false;
    snprintf(l->address, sizeof(l->address), a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

/* What is sent goes out at once: an answer is written in two pieces, and the second would wait for the client's
 * delayed acknowledgement. Connections inherit that from their listener. */
static bool listen_tcp(struct listener *l, const struct addrinfo *a)
{
    const int on = 1;

    l->loopback = is_loopback(a->ai_addr);
    l->fd = socket(a->ai_family, KIND, 0);
    return l->fd >= 0 && !setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
           !setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) && !bind(l->fd, a->ai_addr, a->ai_addrlen) &&
           !listen(l->fd, BACKLOG) && name_tcp(l);
}

int listener_tcp(const char *address, struct listener *out, struct err *err)
{
    const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct listener l = {.fd = -1};
    struct addrinfo *a = NULL;
    char host[64];
    const char *port;
    int rc = SLUICE_OK;

    if (!split(address, host, &port) || getaddrinfo(host, port, &wanted, &a))
        return err_set(err, SLUICE_E_CONFIG,
                       "control.listen: \"%s\" is no address and port, as \"127.0.0.1:8480\" or \"[::1]:8480\"",
                       address);
    if (listen_tcp(&l, a)) {
        *out = l;
    } else {
        rc = err_set(err, SLUICE_E_CONFIG, "control.listen: cannot listen on %s: %s%s", address, strerror(errno),
                     errno == EADDRINUSE ? " (is another `sluice serve` running?)" : "");
        if (l.fd >= 0)
            close(l.fd);
    }
    freeaddrinfo(a);
    return rc;
}

/* ---- Unix ---- */

/* Is nobody there who would take a connection? *why is told otherwise. */
static bool is_stale(const struct sockaddr_un *a, const char **why)
{
    int fd = socket(AF_UNIX, KIND, 0);
    int failed = fd < 0 || connect(fd, (const void *)a, sizeof(*a)) ? errno : 0;

    if (fd >= 0)
        close(fd);
    if (failed == 0 || failed == EAGAIN)
        *why = "another `sluice serve` listens there";
    else
        *why = strerror(failed);
    return failed == ECONNREFUSED;
}

/* Make room for the socket: true when nothing is at its path. */
static int clear_path(const struct sockaddr_un *a, struct err *err)
{
    const char *path = a->sun_path, *why;
    struct stat st;

    if (lstat(path, &st))
        return errno == ENOENT ? SLUICE_OK
                               : err_set(err, SLUICE_E_CONFIG, "control.socket: %s: %s", path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, SLUICE_E_CONFIG,
                       "control.socket: %s is there and is no socket; remove it or choose another path", path);
    if (!is_stale(a, &why))
        return err_set(err, SLUICE_E_CONFIG, "control.socket: %s: %s", path, why);
    if (unlink(path) && errno != ENOENT)
        return err_set(err, SLUICE_E_CONFIG, "control.socket: %s: %s", path, strerror(errno));
    return SLUICE_OK;
}

/* The mode is set by the umask: between a bind() and a chmod() anybody could connect. */
static bool bind_private(int fd, const struct sockaddr_un *a)
{
    mode_t before = umask(0117);
    int rc = bind(fd, (const void *)a, sizeof(*a));

    umask(before);
    return rc == 0;
}

static int bind_failed(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');

    if (errno == ENOENT && slash)
        return err_set(err, SLUICE_E_CONFIG,
                       "control.socket: there is no directory %.*s: create it (RuntimeDirectory= "
                       "of a systemd unit does) or choose another path",
                       slash > path ? (int)(slash - path) : 1, path);
    return err_set(err, SLUICE_E_CONFIG, "control.socket: cannot listen on %s: %s", path, strerror(errno));
}

int listener_unix(const char *path, struct listener *out, struct err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct listener l = {.fd = -1, .local = true, .loopback = true};
    struct stat st;

    if (strlen(path) >= sizeof(a.sun_path))
        return err_set(err, SLUICE_E_CONFIG, "control.socket: %s is too long for a socket: at most %zu bytes", path,
                       sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, path, strlen(path));
    int rc = clear_path(&a, err);
    if (rc)
        return rc;
    l.fd = socket(AF_UNIX, KIND, 0);
    if (l.fd < 0 || !bind_private(l.fd, &a)) {
        rc = bind_failed(path, err);
    } else if (lstat(path, &st) || listen(l.fd, BACKLOG)) {
        rc = bind_failed(path, err);
        unlink(path);
    }
    if (rc) {
        if (l.fd >= 0)
            close(l.fd);
        return rc;
    }
    snprintf(l.address, sizeof(l.address), "%s", path);
    l.dev = st.st_dev;
    l.ino = st.st_ino;
    *out = l;
    return SLUICE_OK;
}

void listener_remove(struct listener *l)
{
    struct stat st;

    if (l->local && l->ino && lstat(l->address, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->address);
    l->ino = 0;
}
