/* run.h - one execution of a job, as the ledger keeps it and as JSON tells it. */
#ifndef SLUICE_STORE_RUN_H
#define SLUICE_STORE_RUN_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define RUN_ID_SIZE 27
#define RUN_DETAILS_MAX 100 /* errorDetails that a result carries; the rest is a count */

/* processed = created + updated + skipped + errors, always. */
struct run_counts {
    int64_t processed, created, updated, skipped, errors;
};

struct run {
    char id[RUN_ID_SIZE];
    char parent[RUN_ID_SIZE]; /* "" for a run that is nobody's part */
    char *job, *partition;    /* partition "" where there are none */
    char *scope;              /* what its records' scope column holds (a tenant); NULL: nothing, or not known yet */
    char mode[16];            /* incremental, full, retry */
    char status[16];          /* running, success, partial, failed, crashed, timeout, cancelled */
    char *reason;             /* why it ended other than by itself; NULL */
    char *host;               /* owner.h */
    int64_t fire_us; /* the fire that it takes when it starts (jobs.h); 0: none. Its row does not tell */
    bool at_start;   /* that fire is there because this host's daemon has just started */
    int64_t batch_no;
    int64_t started_at, finished_at; /* microseconds since 1970 UTC; 0: not yet */
    int64_t total;                   /* announced; -1: nothing was */
    struct run_counts counts;
    char *window_start, *window_end; /* as the source sent them; NULL */
    char *message, *error;           /* NULL */
    json_t *warnings;                /* array of texts */
    json_t *stats;                   /* object of numbers */
    json_t *details;                 /* array of {"key","reason"} */
};

/* Prepare an empty run of `job`; 0 or E_SYSTEM. Pair with run_free(). */
int run_init(struct run *r, const char *job, const char *partition, const char *mode, struct err *err);
void run_free(struct run *r);

/* Replace a text member; NULL clears it. Best effort: without memory it is left NULL. */
void run_set(char **member, const char *text);

/* Add a warning, a figure, a rejected record. */
void run_warn(struct run *r, const char *text);
void run_stat(struct run *r, const char *name, int64_t value);
void run_detail(struct run *r, const char *key, const char *reason);

/* The object of contract A2, `run --json`. New reference; NULL without memory. */
json_t *run_json(const struct run *r);

/* The object of a partition's part in the result of a whole run: the same with its "id". */
json_t *run_part_json(const struct run *r);

/* The exit code that A2 gives to a run of this status. `code` is the error code of a failed one, or of the worst of the
 * partitions that failed. */
int run_exit_code(const char *status, int code);

#endif
