/* parts.h - a run over partitions: each in its turn, whatever the others come to. Private to host/worker.
 *
 * The whole has a row in the ledger, and so has each partition. Rows are claimed in groups. Most partitions have nothing
 * to tell most of the time: such a quiet one waits with its end until there is a group of them, or a second has passed,
 * and is told as ended only then. One that another run has is not waited for.
 *
 * What ends the whole is: the store's failure, another's take-over, a wish to stop, the deadline, --limit. Partitions
 * whose turn has not come by then are told in words, and their rows are forgotten.
 */
#ifndef SLUICE_WORKER_PARTS_H
#define SLUICE_WORKER_PARTS_H

#include "state.h"

#define PARTS_GROUP 64

/* A partition whose end waits. */
struct part_quiet {
    size_t index; /* in ids */
    int code;     /* its result's */
    struct run run;
    struct cursor cursor;
    bool moves; /* the cursor is to be stored */
};

/* What the partitions came to so far. */
struct parts_sum {
    json_t *results;      /* by place in ids: an object as run_part_json() makes them, or null */
    size_t ended, failed, incomplete; /* with a result; without success; with rejects */
    size_t full;          /* read in full */
    int exit, code;       /* the worst exit code, and the error behind it */
    struct buf failures;  /* "id: why; id: why" */
    size_t warnings_lost, details_lost; /* that the whole's result has no room for */
};

struct parts {
    json_t *ids;                             /* of the run, in order */
    size_t at, claimed;                      /* the one that is read; before `claimed` all have been asked for */
    struct ledger_part group[PARTS_GROUP];   /* the last ones of those, the first of them being ids[group_from] */
    size_t group_from;
    struct part_quiet quiet[PARTS_GROUP];
    size_t quiet_count;
    int64_t quiet_since;   /* monotonic, of the first one */
    char last_id[RUN_ID_SIZE];
    struct run whole;
    bool started;          /* the whole is in the ledger */
    int end;               /* END_*: what ended the whole before its partitions did */
    struct err err;
    int64_t total;         /* what was announced, and the records of those where nothing was */
    bool announced;        /* something was */
    bool told;             /* the whole's end has its warnings */
    struct parts_sum sum;
    struct http_stats http; /* of children that have ended */
};

/* Prepare for the partitions `ids`. */
int parts_new(const json_t *ids, struct parts **out, struct err *err);
void parts_free(struct parts *p); /* NULL is fine */

/* Run all of them and send the result. */
void parts_conduct(struct worker *w);

/* How many there are, and their ids. */
size_t parts_count(const struct parts *p);
const char *parts_id(const struct parts *p, size_t index);

/* Does no other partition come after the one that is read? */
bool parts_is_last(const struct parts *p);

/* Add to a "progress" event how far it is: "partition", "partitions_ended", "partitions_total". */
void parts_tell_place(const struct parts *p, json_t *event);

/* ---- parts_rows.c: what the ledger knows of them. Outside a transaction, but for a dry run ---- */

/* The whole ends here, for the first reason that it is given. */
void parts_end(struct parts *p, int end, const struct err *err);

/* The row of the partition p->at, and what is known of it; in a preview there is nothing to know. */
int parts_next(struct worker *w, struct ledger_part **out);

/* The partition that was read has ended with code `code` and nothing open; its end waits. Takes w->run. */
void parts_keep_quiet(struct worker *w, const struct cursor *cursor, int code);

/* Store the ends that wait: all of them, or when there are many or one has waited for long. */
int parts_flush(struct worker *w);
int parts_mind(struct worker *w);

/* The same, also when there are none: is the whole still ours? */
int parts_check(struct worker *w);

/* The last transaction: rows that never had their turn go, the whole's row ends. */
int parts_close(struct worker *w, struct err *err);

/* ---- parts_sum.c ---- */

/* Partition ids[index] has ended as `run` tells; steals nothing. `known`: it has a row. */
void parts_add(struct parts *p, size_t index, const struct run *run, bool known, int code);

/* The results there are, in order. New reference. */
json_t *parts_results(const struct parts *p);

/* Put the end of the whole into words: status, texts, figures. */
void parts_describe(struct worker *w);

#endif
