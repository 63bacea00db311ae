/* timetable.c - see timetable.h.
 *
 * A fire's moment is the fire plus the job's jitter. So every question about moments is one about fires, asked with
 * `now` less the jitter: that holds for a jitter of any length, also one that spans several fires.
 */
#include "timetable.h"

#include "clock.h"

#define SET_BACK_MAX_US (3 * 3600 * CLOCK_SECOND)
#define LATE_MAX_US     (60 * CLOCK_SECOND) /* what catchup = "skip" still runs */
#define STALE_FIRES     3

/* FNV-1a, then stirred (the end of MurmurHash3), since names differ by little. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
    hash = (hash ^ hash >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
    hash = (hash ^ hash >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
    return hash ^ hash >> 33;
}

int timetable_open(struct timetable *t, const struct config_job *job, const struct timetable *like, struct err *err)
{
    int rc;

    *t = (struct timetable){.catchup = job->catchup == CONFIG_CATCHUP_ONCE};
    if (like)
        rc = fires_open_in(&t->fires, job->schedule, job->full_schedule, zone_share(like->fires.zone), err);
    else
        rc = fires_open(&t->fires, job->schedule, job->full_schedule, job->timezone, err);
    if (rc)
        return err_wrap(err, "%s", job->name);
    if (job->jitter_us > 0)
        t->jitter_us = (int64_t)(hash_text(job->name) % (uint64_t)job->jitter_us);
    return SLUICE_OK;
}

void timetable_close(struct timetable *t)
{
    fires_close(&t->fires);
    *t = (struct timetable){0};
}

/* Fires are whole seconds: one is after `us` when it is after the second that `us` is in, and not after it when it is
 * not after that second. */
static int64_t second_of(int64_t us)
{
    return us / CLOCK_SECOND - (us % CLOCK_SECOND < 0);
}

/* How many fires there are after `after` and before `end`, or the most that are counted. */
static int64_t count_fires(const struct fires *f, int64_t after, int64_t end)
{
    int64_t count = 0;

    while (count < TIMETABLE_MISSED_MAX && fires_next(f, after, &after, NULL) && after < end)
        count++;
    return count;
}

bool timetable_due(const struct timetable *t, int64_t now, struct timetable_due *due)
{
    int64_t after = second_of(t->last_fire), until = second_of(now - t->jitter_us);
    int64_t at;
    bool full, run = true;

    if (!fires_last(&t->fires, after, until, &at, &full))
        return false;
    if (!t->catchup) {
        int64_t forgotten = second_of(now - t->jitter_us - LATE_MAX_US - 1); /* the last second that is too late */
        run = fires_last(&t->fires, forgotten > after ? forgotten : after, until, &at, &full);
    }
    *due = (struct timetable_due){
        .at = at * CLOCK_SECOND,
        .missed = count_fires(&t->fires, after, run ? at : at + 1),
        .run = run,
        .full = run && full,
    };
    return true;
}

int64_t timetable_next(const struct timetable *t, int64_t now)
{
    int64_t at;

    if (!fires_next(&t->fires, second_of(t->last_fire), &at, NULL))
        return 0;
    int64_t moment = at * CLOCK_SECOND + t->jitter_us;
    return moment > now ? moment : now;
}

bool timetable_is_ahead(const struct timetable *t, int64_t now)
{
    return t->last_fire > now + SET_BACK_MAX_US;
}

void timetable_forget(struct timetable *t, int64_t now)
{
    int64_t passed = now - t->jitter_us;

    if (t->last_fire < passed || timetable_is_ahead(t, now))
        t->last_fire = passed;
}

int64_t timetable_stale_at(const struct timetable *t, int64_t since)
{
    int64_t at = second_of(since - t->jitter_us);

    for (int i = 0; i < STALE_FIRES; i++) {
        if (!fires_next(&t->fires, at, &at, NULL))
            return 0;
    }
    return at * CLOCK_SECOND + t->jitter_us;
}
