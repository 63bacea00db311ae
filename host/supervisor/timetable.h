/* timetable.h - what a job's schedule says now: a pure function of what it fired last and what time it is.
 *
 * A job is due when a fire of it, plus its jitter, has come. Fires that were missed while nobody was there are one: the
 * last of them, and a full run if one of them was; `catchup = "skip"` forgets those that are more than a minute late.
 *
 * Jitter: always the same for a job, so that the distance of its runs is that of its fires. It moves all of them, so
 *         one that is longer than the distance of two fires loses and doubles nothing: several fires are then on their
 *         way at a time, each due when its own moment has come.
 * Clock:  set forward, what was jumped over is missed. Set back so that the last fire is at most three hours ahead,
 *         nothing fires again until it is passed (as with a repeated hour); set back further, it never was.
 * Reload: the caller carries last_fire over. What the new lines would have fired before they were there is not missed:
 *         see timetable_forget().
 * Times are microseconds since 1970 UTC.
 */
#ifndef SLUICE_SUPERVISOR_TIMETABLE_H
#define SLUICE_SUPERVISOR_TIMETABLE_H

#include "config.h"
#include "fires.h"

struct timetable {
    struct fires fires;
    int64_t jitter_us; /* this job's own, below its config's; follows from the job's name */
    int64_t last_fire; /* the due time that was handled last, or when the job was first seen: any time, not always one
                        * of these lines' fires */
    bool catchup;      /* missed fires run once */
};

/* From the config; last_fire is still 0. `like` (NULL: none) is another of a job in the same time zone, which they then
 * share: a zone takes ten kilobytes. SLUICE_E_CONFIG. */
int timetable_open(struct timetable *t, const struct config_job *job, const struct timetable *like, struct err *err);
void timetable_close(struct timetable *t);

struct timetable_due {
    int64_t at;     /* when it was due, by the schedule alone: what is claimed in the store */
    int64_t missed; /* how many fires were missed and are not run; TIMETABLE_MISSED_MAX: at least that many */
    bool run;       /* false: nothing is to be run (catchup is off): only last_fire moves on to `at` */
    bool full;      /* a full run, also when only a fire that was missed meant one and catchup is on */
};
#define TIMETABLE_MISSED_MAX 100

/* Is something due? True with *due: the caller then sets last_fire to due->at. How late it is: `now` less due->at and
 * the jitter. */
bool timetable_due(const struct timetable *t, int64_t now, struct timetable_due *due);

/* When it will be due next, jitter included; `now` when it is due already; 0: never. */
int64_t timetable_next(const struct timetable *t, int64_t now);

/* Has the clock been set back so far that last_fire must be forgotten? True: the caller calls timetable_forget(). To be
 * asked when the clock was set, and when last_fire was read from the store. */
bool timetable_is_ahead(const struct timetable *t, int64_t now);

/* Nothing was missed up to `now`: the next that is due is the first fire whose moment, jitter included, is still to
 * come. Sets last_fire, which the caller keeps in the store; one that is not ahead never goes back, so what was handled
 * is not due again. For a job that is seen for the first time, is back in force after a reload, whose lines or time
 * zone a reload changed (another jitter or catchup alone is no reason), whose pause ended, or that is ahead. */
void timetable_forget(struct timetable *t, int64_t now);

/* When the job will have been without success for three fires since `since` (its last success or first sight), jitter
 * included: the moment of the third; 0: never. */
int64_t timetable_stale_at(const struct timetable *t, int64_t since);

#endif
