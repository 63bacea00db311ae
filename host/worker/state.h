/* state.h - what the parts of a writer share during its one run. Private to host/worker. */
#ifndef SLUICE_WORKER_STATE_H
#define SLUICE_WORKER_STATE_H

#include "chatter.h"
#include "frame.h"
#include "cell.h"
#include "http.h"
#include "plan.h"
#include "sink.h"
#include "spec.h"

#include <signal.h>
#include <sys/types.h>

/* How the run ended. */
#define END_NONE 0      /* still going */
#define END_DONE 1      /* the connector said so */
#define END_FAIL 2      /* the connector, the store or the writer failed: err */
#define END_CRASHED 3   /* the child died: err */
#define END_CUT 4       /* --limit was reached */
#define END_CANCELLED 5 /* asked to stop */
#define END_TIMEOUT 6   /* past its deadline */

struct parts; /* parts.c */
struct scans; /* scan.h */

struct worker {
    json_t *spec;
    int what; /* SPEC_RUN, SPEC_PREVIEW, SPEC_RETRY */
    int events;
    const volatile sig_atomic_t *stop; /* not 0: the run is to end */
    pid_t child;          /* 0: none any more */
    bool child_dead;      /* but what it sent may still be in the pipe */
    struct chatter chatter;
    struct frame_in in;
    struct frame_out out;
    struct buf hello;     /* what the first child said that the stream is */
    bool parted;          /* the stream has partitions */
    struct plan plan;
    struct db *db;
    struct parts *parts;  /* the run is over partitions, and what follows is that of one of them; NULL: it is not */
    struct scans *scans; /* what a derived stream reads; NULL: nothing */
    struct run run;
    struct sink sink;
    bool started;         /* the run is in the ledger */
    bool has_rejects;     /* some are open, or may be: they are tried again first */
    bool full;            /* asked for, or the first run of a stream with a cursor of its own */
    int64_t limit, seen;  /* records; limit 0: none */
    int64_t deadline;     /* monotonic; 0: none */
    struct cursor last;   /* as the last complete run left it */
    struct cursor mark;   /* as this run's last checkpoint says */
    bool marked;          /* there was one */
    bool window_seen;
    struct http_stats http; /* what the connector's requests cost, by the child's last word; zero before that */
    sluice_value values[FRAME_VALUES_MAX];
    int64_t *ints;        /* room for a row's lists */
    const char *retry_id; /* SPEC_RETRY: the reject whose verdict is awaited */
    int end;              /* END_* */
    bool stumbled;        /* the writer or the store: err */
    struct err err;       /* the reason of an end that was not good; refused records leave theirs here, too */
};

/* Take one frame of the run. Returns 0, or an error that ends the run. */
int intake_frame(struct worker *w, const struct frame *f);

/* Take what a partition makes of the columns' texts (FRAME_CONSTANTS) into the plan. */
int intake_constants(struct worker *w, const struct frame *f);

/* Put the run's end into words and into the ledger, and send the result. */
void outcome_finish(struct worker *w);

/* Put the end of the partition under way into words, and into the ledger unless that can wait: then *quiet, and *cursor
 * (NULL: none) is what is to be stored with it. */
void outcome_of_part(struct worker *w, bool *quiet, const struct cursor **cursor);

/* The status of an end that was not good; puts what the host itself has to say of it into *err, and masks that. */
const char *outcome_of_end(const struct worker *w, int end, struct err *err);

/* The run's last event; takes the references. */
void outcome_send(struct worker *w, int code, const char *message, json_t *run);

/* Has the run to end, as it was asked to or since its deadline has passed? Sets w->end then. */
bool worker_is_over(struct worker *w);

/* The next frame from the child: 1, 0 at its end, or an error. Waits; notices stop and deadline (then 0, with w->end
 * set); commits what is open while nothing comes. */
int worker_hear(struct worker *w, struct frame *f);

#endif
