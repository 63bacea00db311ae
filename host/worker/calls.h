/* calls.h - the host's side of the ABI: what a connector's calls do, in the connector child.
 *
 * Requests and settings are answered here; records, marks and notes become frames on the pipe to the writer. The first
 * failure is kept and stays: every later call but drop() returns it and does nothing.
 */
#ifndef SLUICE_WORKER_CALLS_H
#define SLUICE_WORKER_CALLS_H

#include "frame.h"
#include "http.h"
#include "options.h"

#include <stdatomic.h>

struct calls {
    sluice_run run; /* first: the ABI's pointer is this struct's */
    struct options options;
    struct http *http;
    struct frame_out *out;
    const sluice_column **columns; /* of the run's stream, by index */
    uint32_t column_count;
    atomic_int *stop;    /* not 0: the run is to end; asked for with every record, so no call into the kernel */
    atomic_int failed;   /* 0, or the code of the first failure */
    struct err why;      /* its reason */
    int verdicts;        /* on records so far, for map() of one record */
    struct buf scratch;
};

/* The table of functions that every run gets. */
extern const sluice_host calls_host;

/* Note a failure unless there is one; returns the first. */
int32_t calls_fail(struct calls *c, int code, const char *why);

#endif
