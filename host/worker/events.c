/* events.c - see events.h. */
#include "events.h"

#include "redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void event_send(int fd, json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);

    json_decref(event);
    if (!text)
        return;
    size_t len = redact(text, strlen(text));
    text[len++] = '\n'; /* over the NUL */
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
