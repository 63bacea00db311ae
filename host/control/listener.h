/* listener.h - the sockets that the control API listens on. */
#ifndef SLUICE_CONTROL_LISTENER_H
#define SLUICE_CONTROL_LISTENER_H

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

struct listener {
    int fd;            /* non-blocking, close-on-exec; -1: none */
    char address[128]; /* "127.0.0.1:8480" with the port that was given, or the path of the unix socket */
    bool local;        /* a unix socket */
    bool loopback;     /* only this host reaches it; so it is for a unix socket */
    dev_t dev;         /* of the socket's file, to know it again */
    ino_t ino;
};

/* Listen on HOST:PORT, an IPv6 address in brackets, port 0 for any. SLUICE_E_CONFIG. */
int listener_tcp(const char *address, struct listener *out, struct err *err);

/* Listen on a unix socket at `path`, which only its owner and group can use (0660) from its first moment. The file of
 * one that nobody listens on is replaced; anything else that is there is an error. SLUICE_E_CONFIG. */
int listener_unix(const char *path, struct listener *out, struct err *err);

/* Remove the socket's file, if it is still this one. The descriptor is the caller's. */
void listener_remove(struct listener *l);

#endif
