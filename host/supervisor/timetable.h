/* timetable.h - what a job's schedule says now: a pure function of what it fired last and what time it is.
 *
 * A job is due when a fire of it, plus its jitter, has come. Fires that were missed while nobody was there are one: the
 * last of them; `catchup = "skip"` forgets those that are more than a minute late. The jitter of a job is always the
 * same, so that the distance of its runs is that of its fires.
 *
 * Clock: set forward, what was jumped over is missed. Set back by at most three hours, nothing fires again until the
 *        last fire is passed (as with a repeated hour); set back further, that last fire never was.
 * Times are microseconds since 1970 UTC.
 */
#ifndef SLUICE_SUPERVISOR_TIMETABLE_H
#define SLUICE_SUPERVISOR_TIMETABLE_H

#include "config.h"
#include "fires.h"

struct timetable {
    struct fires fires;
    int64_t jitter_us; /* this job's own, below its config's */
    int64_t last_fire; /* the due time that was handled last, or when the job was first seen */
    bool catchup;      /* missed fires run once */
};

/* From the config; last_fire is still 0. SLUICE_E_CONFIG. */
int timetable_open(struct timetable *t, const struct config_job *job, struct err *err);
void timetable_close(struct timetable *t);

struct timetable_due {
    int64_t at;    /* when it was due, by the schedule alone: what is claimed in the store */
    int64_t missed; /* how many fires were missed and are not run: 0, or at least that many */
    bool run;      /* false: nothing is to be run (catchup is off): only last_fire moves on to `at` */
    bool full;
};

/* Is something due? True with *due: the caller then sets last_fire to due->at. */
bool timetable_due(const struct timetable *t, int64_t now, struct timetable_due *due);

/* When it will be due next, jitter included; 0: never. */
int64_t timetable_next(const struct timetable *t, int64_t now);

/* Has the clock been set back so far that last_fire must be forgotten? True: the caller sets it to `now`. */
bool timetable_is_ahead(const struct timetable *t, int64_t now);

/* When the job will have been without success for three fires since `since` (its last success or first sight), jitter
 * included; 0: never. */
int64_t timetable_stale_at(const struct timetable *t, int64_t since);

#endif
