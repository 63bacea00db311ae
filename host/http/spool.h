/* spool.h - text of any length: in memory up to 1 MiB, beyond that in a file that has no name. */
#ifndef SLUICE_HTTP_SPOOL_H
#define SLUICE_HTTP_SPOOL_H

#include "buf.h"
#include "err.h"

struct spool {
    const char *dir;    /* where the file goes; NULL: $TMPDIR, else /var/tmp */
    struct buf tail;    /* all of it, or what is not in the file yet; append here, then spool_settle() */
    int fd;             /* -1: no file yet */
    uint64_t in_file;   /* bytes written there */
    struct buf window;  /* the part of the file that was read last */
    uint64_t window_at; /* its offset */
};

/* `dir` is borrowed. Pair with spool_close(). */
void spool_open(struct spool *s, const char *dir);
void spool_close(struct spool *s);

/* After appending to `tail`: move it to the file when it is long enough, or when `last`. */
int spool_settle(struct spool *s, bool last, struct err *err);

/* Bytes in all. */
uint64_t spool_size(const struct spool *s);

/* At least `want` bytes from `offset`, fewer at the end; valid until the next read. */
int spool_read(struct spool *s, uint64_t offset, size_t want, sluice_str *bytes, struct err *err);

#endif
