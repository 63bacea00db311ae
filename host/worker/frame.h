/* frame.h - what goes over the pipes between a connector child and its writer.
 *
 * A frame is a length, a type and a payload, in the machine's own byte order: both ends are one program. The reader
 * trusts nothing, since a broken plugin can write to the descriptor too: every length, type and count is checked.
 *
 * Child to writer:   HELLO first; CONSTANTS for each PARTITION. For each GO: ROW, SKIP, REJECT, CHECKPOINT, TOTAL,
 *                    WINDOW, STAT, WARN and LOG in the order of the calls, at the end HTTP and FAIL or DONE. SCAN opens
 *                    a scan, FETCH asks for rows of one.
 * Writer to child:   PARTITION where the stream has some, then GO, which starts its run; with "retry" it is followed by
 *                    RECORD for each raw record to be mapped again, then END. After the last one the child ends. One
 *                    ROWS for each FETCH; the child does nothing but read until it has come, so neither waits for the
 *                    other.
 */
#ifndef SLUICE_WORKER_FRAME_H
#define SLUICE_WORKER_FRAME_H

#include "buf.h"
#include "err.h"

#include <sys/types.h>

#define FRAME_HELLO 1      /* text: JSON of describe_stream(), settings filled in, but for those of a partition */
#define FRAME_ROW 2        /* u32 count, then values */
#define FRAME_SKIP 3       /* str key, str why */
#define FRAME_REJECT 4     /* str key, str why, str source */
#define FRAME_CHECKPOINT 5 /* str cursor */
#define FRAME_TOTAL 6      /* i64 */
#define FRAME_WINDOW 7     /* str from, str to, i64 length, i64 reply_at */
#define FRAME_STAT 8       /* str name, i64 */
#define FRAME_WARN 9       /* str */
#define FRAME_LOG 10       /* i64 level, str */
#define FRAME_FAIL 11      /* i64 code, str why */
#define FRAME_DONE 12      /* nothing */
#define FRAME_MAPPED 13    /* nothing: the verdict on a RECORD is complete */
#define FRAME_HTTP 14      /* i64 requests, i64 retries, i64 throttled_us, i64 bytes */
#define FRAME_CONSTANTS 15 /* u32 count, then u32 column, u32 1 for its preset or 0 for its value, str text */
#define FRAME_SCAN 16      /* u32 scan, counted from 0 after each GO; str stream, str columns, str order */
#define FRAME_FETCH 17     /* u32 scan */
#define FRAME_GO 32        /* text: JSON: full, cursor, landed, started_at, retry; last: none comes after it */
#define FRAME_RECORD 33    /* str */
#define FRAME_END 34       /* nothing */
#define FRAME_PARTITION 35 /* str id */
#define FRAME_ROWS 36      /* u32 scan, then the values of one row after the other; none: there are no more */

#define FRAME_SCANS_MAX 64 /* that a run may open */

#define FRAME_MAX (64u << 20) /* bytes of a payload; a longer one is broken */
#define FRAME_VALUES_MAX 1024 /* values of a row */

/* ---- Writing ---- */
struct frame_out {
    int fd;
    struct buf buf;  /* what is not written yet */
    size_t frame;    /* where the frame under way starts */
    size_t sent;     /* of what has gathered, before the other end took no more */
    bool broken;     /* the other end is gone, or memory */
    bool held;       /* frames gather until frame_flush() */
    pid_t owner;     /* a copy of the process that this one forked sends nothing; 0: anybody sends */
};

/* Begin a frame, put its parts, end it. It is sent when enough has gathered, or at the next frame_flush(). */
void frame_begin(struct frame_out *o, uint8_t type);
void frame_put_u32(struct frame_out *o, uint32_t v);
void frame_put_i64(struct frame_out *o, int64_t v);
void frame_put_str(struct frame_out *o, sluice_str s);
void frame_put_raw(struct frame_out *o, const void *bytes, size_t len);
void frame_put_value(struct frame_out *o, const sluice_value *v);
void frame_end(struct frame_out *o);

/* Throw the frame under way away, also when there was no memory for it. */
void frame_drop(struct frame_out *o);

/* Send what has gathered. False when the other end is gone. */
bool frame_flush(struct frame_out *o);

/* The same, but no further than the other end takes it at once, where the descriptor does not block. 1: all is sent; 0:
 * not all of it; -1: the other end is gone. */
int frame_flush_some(struct frame_out *o);

/* ---- Reading ---- */
struct frame {
    uint8_t type;
    sluice_str payload; /* valid until the next frame_next() or frame_fill() */
};
struct frame_in {
    int fd;
    char *buf;
    size_t start, end, cap;
};

/* Read once from the descriptor. 1: some bytes; 0: end; negative: E_SYSTEM. */
int frame_fill(struct frame_in *in, struct err *err);

/* The next whole frame. 1: *out is filled; 0: more bytes are needed; SLUICE_E_BUG: what came is not a frame. */
int frame_next(struct frame_in *in, struct frame *out, struct err *err);
void frame_in_free(struct frame_in *in);

/* Walk over a payload. After a part that is not there all further ones are zero and `bad` is set. */
struct frame_walk {
    const char *p, *end;
    bool bad;
};
struct frame_walk frame_walk(const struct frame *f);
uint32_t frame_u32(struct frame_walk *w);
int64_t frame_i64(struct frame_walk *w);
sluice_str frame_str(struct frame_walk *w);

/* A value; a list's numbers are copied to *ints, which is moved on and must have room (FRAME_INTS_MAX in a row). */
#define FRAME_INTS_MAX 65536
void frame_value(struct frame_walk *w, sluice_value *out, int64_t **ints, const int64_t *ints_end);

/* Was all of it read, and nothing missing? */
bool frame_walked(const struct frame_walk *w);

#endif
