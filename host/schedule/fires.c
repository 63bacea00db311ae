/* fires.c - see fires.h. */
#include "fires.h"

#define STEP_S 60 /* how far back fires_last() looks first */

static int add_line(struct fires *f, const char *key, const char *text, bool full, struct err *err)
{
    if (!*text)
        return SLUICE_OK;
    if (cron_parse(text, &f->lines[f->count], err))
        return err_wrap(err, "%s", key);
    f->full[f->count++] = full;
    return SLUICE_OK;
}

int fires_open_in(struct fires *f, const char *schedule, const char *full_schedule, struct zone *zone, struct err *err)
{
    *f = (struct fires){.zone = zone};
    int rc = add_line(f, "schedule", schedule, false, err);
    if (!rc)
        rc = add_line(f, "full_schedule", full_schedule, true, err);
    if (rc)
        fires_close(f);
    return rc;
}

int fires_open(struct fires *f, const char *schedule, const char *full_schedule, const char *timezone, struct err *err)
{
    struct zone *zone = zone_open(timezone);

    *f = (struct fires){0};
    if (!zone)
        return err_set(err, SLUICE_E_CONFIG, "timezone: there is no time zone \"%s\" on this system; tzdata has them",
                       timezone);
    return fires_open_in(f, schedule, full_schedule, zone, err);
}

void fires_close(struct fires *f)
{
    zone_close(f->zone);
    *f = (struct fires){0};
}

bool fires_next(const struct fires *f, int64_t after, int64_t *at, bool *full)
{
    int64_t first = 0, fire;
    bool any = false, is_full = false;

    for (int i = 0; i < f->count; i++) {
        if (!cron_next(&f->lines[i], f->zone, after, &fire) || (any && fire > first))
            continue;
        is_full = f->full[i] || (any && fire == first && is_full);
        first = fire;
        any = true;
    }
    if (!any)
        return false;
    *at = first;
    if (full)
        *full = is_full;
    return true;
}

/* ---- The last fire ---- */

/* The first fire of a line after `after`, if that is not after `now`. */
static bool fires_within(const struct cron *c, const struct zone *z, int64_t after, int64_t now, int64_t *at)
{
    int64_t fire;

    if (!cron_next(c, z, after, &fire) || fire > now)
        return false;
    *at = fire;
    return true;
}

/* Calendars can only be asked for what comes next. So look back from `now`, twice as far each time, until something
 * comes; then halve the stretch that its successors can be in. */
static bool last_of_line(const struct cron *c, const struct zone *z, int64_t after, int64_t now, int64_t *at)
{
    int64_t fire;              /* one that is known */
    int64_t quiet_since = now; /* nothing fires after this, until `now` */

    if (!fires_within(c, z, after, now, &fire))
        return false;
    for (int64_t step = STEP_S; now - step > fire; step *= 2) {
        if (fires_within(c, z, now - step, now, &fire))
            break;
        quiet_since = now - step;
    }
    while (fire < quiet_since) {
        int64_t middle = fire + (quiet_since - fire) / 2;
        if (!fires_within(c, z, middle, now, &fire))
            quiet_since = middle;
    }
    *at = fire;
    return true;
}

bool fires_last(const struct fires *f, int64_t after, int64_t now, int64_t *at, bool *full)
{
    int64_t last = 0, fire;
    bool any = false, any_full = false;

    for (int i = 0; i < f->count; i++) {
        if (!last_of_line(&f->lines[i], f->zone, after, now, &fire))
            continue;
        last = any && last > fire ? last : fire;
        any = true;
        any_full = any_full || f->full[i];
    }
    if (!any)
        return false;
    *at = last;
    if (full)
        *full = any_full;
    return true;
}
