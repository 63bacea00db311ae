/* calls.h - the host's side of the ABI: what a connector's calls do, in the connector child.
 *
 * Requests and settings are answered here; records, marks and notes become frames on the pipe to the writer. The first
 * failure is kept and stays: every later call but drop() returns it and does nothing.
 *
 * Threads: a plugin may have threads, and threads may outlive run(). Those that the ABI allows to call are kept apart
 * by a lock; any other call from another thread than run()'s fails the run, and none has an effect after its end.
 */
#ifndef SLUICE_WORKER_CALLS_H
#define SLUICE_WORKER_CALLS_H

#include "frame.h"
#include "http.h"
#include "options.h"

#include <pthread.h>
#include <stdatomic.h>

struct calls {
    sluice_run run; /* first: the ABI's pointer is this struct's */
    struct options options;
    struct http *http;
    struct frame_out *out;
    struct frame_in *in; /* answers to scans */
    const sluice_connector *connector; /* of the streams that can be scanned */
    uint32_t scans;      /* opened so far */
    const sluice_column **columns; /* of the run's stream, by index */
    uint32_t column_count;
    atomic_int *stop;    /* not 0: the run is to end; asked for with every record, so no call into the kernel */
    atomic_int failed;   /* 0, or the code of the first failure */
    pthread_t thread;    /* run()'s */
    pthread_mutex_t lock; /* of out, why, closed */
    struct err why;      /* the reason of the first failure */
    bool closed;         /* the run is over: whoever still calls is not heard */
    int verdicts;        /* on records so far, for map() of one record */
    struct buf scratch;
};

/* The table of functions that every run gets. */
extern const sluice_host calls_host;

/* Before the first call; the calling thread will be run()'s. */
void calls_open(struct calls *c);

/* The next run begins: nothing has failed yet, and calls are heard again. */
void calls_begin(struct calls *c);

/* Note a failure unless there is one; returns the first. */
int32_t calls_fail(struct calls *c, int code, const char *why);

/* Send what has gathered to the writer. */
void calls_flush(struct calls *c);

/* Send the frame that says: the verdict on a record is complete. */
void calls_mapped(struct calls *c);

/* The run is over: 0, or the code of its failure with *why. From now on only the caller writes to `out`. */
int calls_close(struct calls *c, struct err *why);

#endif
