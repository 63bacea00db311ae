#include "notify.h"

#include "clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    bool open;
    struct sockaddr_un to;
    socklen_t to_len; /* 0: nobody */
    int64_t watchdog_us;
} manager;

/* A path, or with "@" in front a name in the abstract name space. */
static void take_socket(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    if (len < 2 || len >= sizeof(manager.to.sun_path) || (name[0] != '/' && name[0] != '@'))
        return;
    manager.to.sun_family = AF_UNIX;
    memcpy(manager.to.sun_path, name, len);
    if (name[0] == '@')
        manager.to.sun_path[0] = '\0';
    manager.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int64_t number_of(const char *text)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return *end || errno ? 0 : number;
}

void notify_open(void)
{
    const char *pid = getenv("WATCHDOG_PID");

    memset(&manager, 0, sizeof(manager));
    manager.open = true;
    take_socket(getenv("NOTIFY_SOCKET"));
    if (!pid || number_of(pid) == getpid())
        manager.watchdog_us = number_of(getenv("WATCHDOG_USEC"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void open_once(void)
{
    if (!manager.open)
        notify_open();
}

bool notify_send(const char *lines)
{
    const struct timeval limit = {.tv_sec = 1};
    size_t len = strlen(lines);
    ssize_t sent;

    open_once();
    if (!manager.to_len)
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    do {
        sent = sendto(fd, lines, len, MSG_NOSIGNAL, (const struct sockaddr *)&manager.to, manager.to_len);
    } while (sent < 0 && errno == EINTR);
    close(fd);
    return sent == (ssize_t)len;
}

bool notify_reloading(void)
{
    char lines[64];

    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    return notify_send(lines);
}

int64_t notify_watchdog_us(void)
{
    open_once();
    return manager.watchdog_us;
}
