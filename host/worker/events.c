/* events.c - see events.h. */
#include "events.h"

#include "redact.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is there room for `len` bytes? A pipe that can be written to takes PIPE_BUF of them. */
static bool fits(int fd, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return len <= PIPE_BUF && poll(&p, 1, 0) == 1;
}

static void send_event(int fd, json_t *event, bool must)
{
    char *text = json_dumps(event, JSON_COMPACT);

    json_decref(event);
    if (!text)
        return;
    size_t len = redact(text, strlen(text));
    text[len++] = '\n'; /* over the NUL */
    if (!must && !fits(fd, len)) {
        free(text);
        return;
    }
    for (size_t sent = 0; sent < len;) {
        ssize_t n = write(fd, text + sent, len - sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    free(text);
}

void event_send(int fd, json_t *event)
{
    send_event(fd, event, true);
}

void event_offer(int fd, json_t *event)
{
    send_event(fd, event, false);
}
