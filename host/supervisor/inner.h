/* inner.h - what the files of the supervisor share: its jobs, its turns, its state.
 *
 *   supervisor.c  opens and closes; tells what is there       reload.c   puts a configuration in force
 *   firing.c      decides what is due                         turn.c     has one job run, with what it needs
 *   queue.c       which turn goes when                        recall.c   what the store remembers of the jobs
 *   beat.c        tells other hosts that this one lives
 */
#ifndef SLUICE_SUPERVISOR_INNER_H
#define SLUICE_SUPERVISOR_INNER_H

#include "alert.h"
#include "children.h"
#include "metrics.h"
#include "prepare.h"
#include "process.h"
#include "run.h"
#include "snapshot.h"
#include "store_thread.h"
#include "supervisor.h"
#include "timetable.h"

/* A configuration that was put in force, kept as long as somebody uses it. */
struct generation {
    struct generation *next; /* older ones */
    struct config *config;
    int refs;
};

/* A job of the configuration in force. What it was doing stays over a reload. */
struct job {
    struct supervisor *s;
    const struct config_job *config; /* of the generation in force */
    char hash[CONFIG_HASH_SIZE];
    struct timetable table;
    int64_t next_us;         /* wall time at which it is due next; 0: never */
    int64_t first_seen_us;   /* wall time */
    int64_t held_us;         /* wall time up to which its schedule was not followed: nobody missed a run; 0: none */
    int64_t last_success_us; /* wall time of the end of its last good run; 0: none is known */
    json_t *last_run;        /* as `run --json` tells it; NULL: none is known */
    bool recalled;           /* the store has told what it remembers of it */
    bool paused;
    bool starts;             /* on_start: due as soon as the store has told what it remembers */
    struct turn *turn;       /* waits or runs, of all partitions; NULL: neither */
    struct turn *parts;      /* those that wait or run of some partitions */
    bool again, again_full;  /* overlap = "queue": once more when it has ended */
    int64_t again_us;        /* the fire of that */
    struct event *retry;     /* a failed run is run again; NULL until needed */
    int retries;             /* in a row */
    int64_t retry_fire_us;   /* a fire that was not claimed yet; 0: none */
    bool retry_full, retry_at_start;
    json_t *retry_partitions; /* ids: only these; NULL: all */
};

/* One who wants to hear of a turn's end. */
struct waiter {
    struct waiter *next;
    void (*done)(void *context, const struct launch_result *result);
    void *context;
};

/* What of a job a turn is about; both NULL: all of it. */
struct turn_part {
    const char *partition;    /* just this one, as a run of its own */
    const json_t *partitions; /* ids: just these, in one run */
};

/* A job's turn: what it needs first, then itself, one process after the other. */
struct turn {
    struct supervisor *s;
    struct turn *next;              /* in the queue, or among those that run */
    struct job *job;                /* NULL: a reload has taken it away; the turn ends on its own configuration */
    char *connector;                /* whose lane it is in */
    char run_id[RUN_ID_SIZE];       /* of the job's own run */
    char *partition;                /* see struct turn_part */
    json_t *partitions;
    struct turn *sibling;           /* the next one of its job's parts */
    bool full;
    bool scheduled;                 /* by a fire, its catch-up or its repetition: not by a caller */
    bool stopped;                   /* told to end because the daemon does */
    int64_t fire_us;                /* the fire that it claims; 0: none */
    bool at_start;                  /* which is one of on_start */
    struct waiter *waiters;
    /* while it runs */
    struct generation *generation;
    const struct config_job **steps;
    size_t step, step_count;
    bool step_full;                 /* the step is run again in full, because of a gap */
    struct process *process;
    struct event *events, *kill;
    bool ended;                     /* the process has */
    int wait_status;
    struct closing *closing;        /* the store is told so; NULL: it is not waited for */
    json_t *progress;               /* newest "progress" event of the step; NULL */
};

struct supervisor {
    struct event_base *base;
    char *config_path, *env_file;
    struct generation *generations; /* the first is in force */
    uint64_t number;                /* of the generation in force */
    struct job **jobs;
    size_t job_count;
    struct children *children;
    struct store_thread *store;
    struct metrics *metrics;
    struct alerts *alerts;
    bool begun, recalled, stopping;
    bool hurries; /* stopping: waits for the store no longer */
    struct event *hurry;
    void (*idle)(void *context); /* stopping: who wants to know when nothing runs; NULL once it was told */
    void *idle_context;
    int asks; /* notes on their way to the store */
    bool notes_fail; /* it was logged; until one arrives again */
    /* queue.c */
    struct turn *waiting, *running; /* in the order they came */
    size_t running_count;
    struct event *pump;
    /* firing.c */
    int timer_fd; /* wall time, told of clock changes */
    struct event *timer;
    /* recall.c */
    struct event *recall;    /* ask the store again; later: forget old history */
    int recall_tries;
    /* beat.c */
    struct beater *beater;   /* NULL: no other host has this store */
    /* reload.c */
    struct prepare *prepare;
    bool reload_again;
    struct reload_waiter *reload_now, *reload_next; /* of the reload that reads; of the one after it */
};

/* ---- supervisor.c ---- */
struct job *supervisor_job_of(const struct supervisor *s, const char *name);
/* `jobs` are those that were made before; jobs of one time zone share it. NULL without memory or a zone. */
struct job *job_new(struct supervisor *s, const struct config *root, const struct config_job *config,
                    struct job *const *jobs, size_t count);
void job_free(struct job *job);
void supervisor_mind_idle(struct supervisor *s); /* tells who waits for the end */

/* ---- reload.c ---- */
struct generation *generation_retain(struct generation *g);
void generation_release(struct supervisor *s, struct generation *g);
/* Put `config`, which is taken, in force. */
int reload_apply(struct supervisor *s, struct config *config, struct err *err);
void reload_cancel(struct supervisor *s);

/* ---- firing.c ---- */
int firing_open(struct supervisor *s, struct err *err);
void firing_close(struct supervisor *s);
/* The schedules or the clock have changed: look at all of them, and set the timer. */
void firing_look(struct supervisor *s);
/* What was due up to `now` is not missed: its schedule was not in force, or the clock was wrong. */
void firing_forget_missed(struct job *job, int64_t now);
/* A turn of the job has ended like this: repeat it, or whatever waits. */
void firing_ended(struct job *job, const struct turn *turn, const struct launch_result *result);
/* Is there a repetition under way? It ends with the next fire, a pause or a good run. */
void firing_forget_retry(struct job *job);
/* The job goes on as `to`, with what is left to wait. */
void firing_carry_retry(struct job *from, struct job *to);

/* ---- queue.c ---- */
/* Put a new turn of the job at the end of the queue; `part` NULL: of all partitions. NULL without memory. */
struct turn *queue_add(struct job *job, bool full, const struct turn_part *part, bool scheduled, int64_t fire_us);
/* The turn of the job that has one of these partitions already; NULL: none. One of all lets those of some go first. */
struct turn *queue_in_way(const struct job *job, const struct turn_part *part);
/* The job knows of the turn no longer. */
void queue_leave_job(struct turn *turn);
bool turn_is_part(const struct turn *turn); /* of some partitions only */
/* Start what may start, from the loop. */
void queue_pump(struct supervisor *s);
void queue_remove(struct turn *turn);     /* one that waits */
void queue_finished(struct turn *turn);   /* one that ran */
struct turn *queue_find(const struct supervisor *s, const char *run_id, bool *waits);

/* ---- turn.c ---- */
void turn_start(struct turn *turn);
/* Tell it to end: gently, or at once. */
void turn_stop(struct turn *turn, bool at_once);
/* Wait no longer for the store to close its row. */
void turn_leave_row(struct turn *turn);
/* It has ended, or will never begin: tells who waits, and frees it. */
void turn_finish(struct turn *turn, const struct launch_result *result);
/* The same of one that waits, with a reason. */
void turn_give_up(struct turn *turn, int code, const char *why);

/* ---- recall.c ---- */
/* Ask the store what it remembers of the jobs that it was not asked about yet; they fire when it has told. */
void recall_begin(struct supervisor *s);
void recall_close(struct supervisor *s);
/* A fire is over without a run: it is not to be caught up with. */
void recall_note_fire(struct supervisor *s, const char *job, int64_t fire_us);
/* A fire's run was ended by ours: it is to be caught up with. */
void recall_unfire(struct supervisor *s, const char *job, int64_t fire_us);
/* The last fire was in the future: set it to now. */
void recall_set_fire(struct supervisor *s, const char *job, int64_t fire_us);
/* The process of run `id` died: close its row as `status`, then call `done` with the run (NULL: none), from the loop.
 */
void recall_close_run(struct supervisor *s, const char *id, const char *status, const char *why,
                      void (*done)(void *context, json_t *run), void *context, struct closing **closing);
/* Its `done` is not called any more. *closing of the above is that until `done` is called. */
void recall_forget_closing(struct closing *closing);

/* ---- beat.c ---- */
/* Where hosts share the store, tell them from now on that this one lives; until after the last run has ended. */
void beat_begin(struct supervisor *s);
void beat_close(struct supervisor *s); /* after the store thread */

#endif
