/* chatter.c - see chatter.h. */
#include "chatter.h"

#include "events.h"
#include "plain.h"
#include "sluice/abi.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MAX 64 /* reads at a time: a plugin that never stops must not keep us from its records */

int chatter_open(struct chatter *c, int *theirs)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return -1;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *c = (struct chatter){.fd = ends[0]};
    *theirs = ends[1];
    return 0;
}

static void tell_line(struct chatter *c, int events)
{
    char *text = plain_text((sluice_str){c->line, c->len}, CHATTER_LINE);

    c->len = 0;
    if (!text)
        return;
    event_offer(events, json_pack("{s:s, s:i, s:s}", "event", "log", "level", SLUICE_LOG_INFO, "text", text));
    free(text);
}

static void take_bytes(struct chatter *c, const char *bytes, size_t n, int events)
{
    for (size_t i = 0; i < n && c->seen < CHATTER_TOLD; i++) {
        c->seen++;
        if (bytes[i] != '\n')
            c->line[c->len++] = bytes[i];
        if (c->len == CHATTER_LINE || (bytes[i] == '\n' && c->len))
            tell_line(c, events);
    }
}

void chatter_take(struct chatter *c, int events)
{
    char bytes[4096];
    ssize_t n = 1;

    for (int i = 0; c->fd >= 0 && n > 0 && i < READ_MAX; i++) {
        n = read(c->fd, bytes, sizeof(bytes));
        if (n <= 0)
            break;
        uint64_t before = c->seen;
        take_bytes(c, bytes, (size_t)n, events);
        c->seen = before + (uint64_t)n;
    }
    if (n == 0) {
        close(c->fd); /* nobody holds the other end */
        c->fd = -1;
    }
}

void chatter_close(struct chatter *c, int events)
{
    chatter_take(c, events);
    if (c->len)
        tell_line(c, events);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}
