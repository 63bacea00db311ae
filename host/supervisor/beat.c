/* beat.c - where hosts share the store, it is told every few seconds that this one lives (hosts.h).
 *
 * A run has it told before anybody can see the run (ledger_start()), and from then on it is told from here.
 *
 * Hosts of a group have the same jobs: one that differs from others for a while raises an alert, once. A reload of all
 * hosts, one after the other, is not that.
 *
 * The runs of this host belong to it as long as it does so; those whose process is gone it closes itself, since nobody
 * else would. On a store of one host there is no timer, so that nothing wakes up.
 */
#include "inner.h"

#include "buf.h"
#include "hosts.h"
#include "ledger.h"
#include "log.h"

#include <stdlib.h>

#define DIFFERS_BEATS 2

/* One beat at a time: while it is under way, what the second half has is the store thread's. */
struct beater {
    struct supervisor *s;
    struct event *timer;
    bool under_way, failed;

    uint64_t generation;
    char hash[CONFIG_HASH_SIZE];
    struct ledger_left left;
    struct buf others; /* hosts whose jobs are others */

    int differs; /* for how many beats there were some */
};

/* In the store thread. */
static int work_beat(struct db *db, void *context, struct err *err)
{
    struct beater *b = context;
    int rc = hosts_beat(db, b->generation, b->hash, SLUICE_VERSION, err);

    buf_clear(&b->others);
    if (!rc)
        rc = hosts_differing(db, b->hash, &b->others, err);
    return rc ? rc : ledger_close_left(db, &b->left, err);
}

static void mind_others(struct beater *b)
{
    const char *others = buf_text(&b->others);

    if (*others && ++b->differs == DIFFERS_BEATS) {
        log_line(LOG_WARN, NULL,
                 "the jobs of this host are not those of %s, which has the same store: give all hosts the same "
                 "configuration, and reload",
                 others);
        alerts_config(b->s->alerts, others);
    } else if (!*others && b->differs >= DIFFERS_BEATS) {
        log_line(LOG_INFO, NULL, "all hosts that have this store have the same jobs again");
    }
    if (!*others)
        b->differs = 0;
}

static void done_beat(void *context, int rc, const struct err *err)
{
    struct beater *b = context;

    if (rc < 0 && !b->failed)
        log_line(LOG_WARN, NULL, "other hosts are not told that this one lives, and take its runs over after %d s: %s",
                 HOSTS_ALIVE_SECONDS, err->msg);
    b->failed = rc < 0;
    if (rc >= 0)
        mind_others(b);
}

static void drop_beat(void *context)
{
    struct beater *b = context;

    b->under_way = false;
}

static void beat(struct beater *b)
{
    const struct store_ask ask = {.work = work_beat, .done = done_beat, .drop = drop_beat, .context = b};

    if (b->under_way)
        return;
    if (!*b->hash || b->generation != supervisor_generation(b->s))
        config_hash_jobs(supervisor_config(b->s), b->hash);
    b->generation = supervisor_generation(b->s);
    b->under_way = store_thread_ask(b->s->store, &ask);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    beat(context);
}

void beat_begin(struct supervisor *s)
{
    const struct timeval every = {HOSTS_BEAT_SECONDS, 0};

    if (s->beater || !db_url_is_shared(supervisor_config(s)->store_url))
        return;
    struct beater *b = calloc(1, sizeof(*b));
    struct event *timer = b ? event_new(s->base, -1, EV_PERSIST, on_time, b) : NULL;
    if (!timer || event_add(timer, &every) != 0) {
        log_line(LOG_ERROR, NULL, "out of memory: other hosts are not told that this one lives");
        if (timer)
            event_free(timer);
        free(b);
        return;
    }
    *b = (struct beater){.s = s, .timer = timer};
    s->beater = b;
    beat(b);
}

void beat_close(struct supervisor *s)
{
    struct beater *b = s->beater;

    s->beater = NULL;
    if (!b)
        return;
    event_free(b->timer);
    if (b->under_way) /* the database holds the thread, which may still look at it */
        return;
    ledger_left_free(&b->left);
    buf_free(&b->others);
    free(b);
}
