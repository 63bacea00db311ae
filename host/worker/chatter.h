/* chatter.h - what a plugin prints: its standard output and error end in a pipe to the writer.
 *
 * Whole lines become log events, so that a library's last words before it aborts are there to be read; past a limit
 * they are only counted. Nothing of it reaches the command's own output or the store.
 */
#ifndef SLUICE_WORKER_CHATTER_H
#define SLUICE_WORKER_CHATTER_H

#include <stddef.h>
#include <stdint.h>

#define CHATTER_LINE 1024          /* bytes; longer lines are broken */
#define CHATTER_TOLD (64u << 10)   /* bytes that are told in a run */

struct chatter {
    int fd;        /* our end; -1: none */
    uint64_t seen; /* bytes that came */
    size_t len;    /* of the line that is not whole yet */
    char line[CHATTER_LINE];
};

/* Make the pipe; *theirs is the plugin's end. 0, or -1 with errno. */
int chatter_open(struct chatter *c, int *theirs);

/* Take what is there, without waiting, and tell it on `events`. */
void chatter_take(struct chatter *c, int events);

/* Take the last of it and close. */
void chatter_close(struct chatter *c, int events);

#endif
