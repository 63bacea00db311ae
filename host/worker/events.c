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

/* Names of texts that we make ourselves, out of a few words and numbers. */
static bool is_ours(const char *name)
{
    static const char *const names[] = {"event", "run",    "job",        "partition", "id",
                                        "mode",  "status", "started_at", "timestamp"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* The text without secrets. */
static json_t *masked(const json_t *text)
{
    size_t len = json_string_length(text);
    char *copy = malloc(len + 1);

    if (!copy)
        return json_string("");
    memcpy(copy, json_string_value(text), len + 1);
    len = redact(copy, len);
    json_t *out = json_stringn(copy, len);
    free(copy);
    return out ? out : json_string("");
}

static void mask(json_t *json);

/* A reference to it, or to what stands for it. */
static json_t *mask_value(json_t *value)
{
    if (!json_is_string(value)) {
        mask(value);
        return json_incref(value);
    }
    return masked(value);
}

/* Every text below. Nothing here is deeper than a result's details. */
static void mask(json_t *json)
{
    const char *name;
    json_t *value;

    json_object_foreach(json, name, value)
    {
        if (!json_is_string(value) || !is_ours(name))
            json_object_set_new_nocheck(json, name, mask_value(value));
    }
    for (size_t i = 0; i < json_array_size(json); i++)
        json_array_set_new(json, i, mask_value(json_array_get(json, i)));
}

static void send_event(int fd, json_t *event, bool must)
{
    mask(event);
    char *text = json_dumps(event, JSON_COMPACT);

    json_decref(event);
    if (!text)
        return;
    size_t len = strlen(text);
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
