/* store_thread.c - see store_thread.h.
 *
 * An ask is in one of three places, all behind the lock: it waits, it is what the thread does now, or it has ended and
 * waits for the loop, which an eventfd wakes. Whoever takes it out of its place owns it. Its deadline is a timer of the
 * loop, so that nothing wakes up while nothing is asked.
 */
#include "store_thread.h"

#include "clock.h"
#include "schema.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_US (10 * CLOCK_SECOND)

struct ask {
    struct ask *next;
    struct store_thread *thread;
    struct store_ask wanted;
    struct event *deadline; /* the loop's */
    bool told;              /* the loop's: `done` was called */
    bool opened;            /* there was a store to work on */
    int rc;
    struct err err;
};

struct list {
    struct ask *first, **end;
    size_t count;
};

struct store_thread {
    /* the loop's */
    struct event_base *base;
    struct event *woken;
    pthread_t thread;
    bool away;
    int64_t away_since;
    char away_why[sizeof(((struct err *)NULL)->msg)];

    pthread_mutex_t lock;
    pthread_cond_t asked, left; /* for the thread; for the loop when it closes */
    struct list waiting, ended;
    struct ask *now;
    int wake;  /* an eventfd: there are ended ones */
    bool stop; /* the loop's wish */
    bool gone; /* the thread has left */

    /* the thread's */
    char *url;
    struct db *db;
};

/* ---- Lists ---- */

static void list_init(struct list *l)
{
    *l = (struct list){.end = &l->first};
}

static void list_add(struct list *l, struct ask *a)
{
    a->next = NULL;
    *l->end = a;
    l->end = &a->next;
    l->count++;
}

static bool list_remove(struct list *l, const struct ask *a)
{
    for (struct ask **at = &l->first; *at; at = &(*at)->next) {
        if (*at != a)
            continue;
        *at = a->next;
        if (!a->next)
            l->end = at;
        l->count--;
        return true;
    }
    return false;
}

static struct ask *list_take_first(struct list *l)
{
    struct ask *a = l->first;

    if (a)
        list_remove(l, a);
    return a;
}

/* ---- The thread ---- */

static void disconnect(struct store_thread *t)
{
    db_close(t->db);
    t->db = NULL;
}

static int connect_store(struct store_thread *t, struct err *err)
{
    if (t->db && db_has_moved(t->db))
        disconnect(t);
    if (t->db)
        return SLUICE_OK;
    int rc = db_open(t->url, 0, &t->db, err);
    if (!rc)
        rc = schema_ensure(t->db, err);
    if (rc)
        disconnect(t);
    return rc;
}

static void do_ask(struct store_thread *t, struct ask *a)
{
    a->rc = connect_store(t, &a->err);
    a->opened = a->rc == SLUICE_OK;
    if (!a->opened)
        return;
    a->rc = a->wanted.work(t->db, a->wanted.context, &a->err);
    db_rollback(t->db);
    if (a->rc == E_STORE)
        disconnect(t);
}

/* The next ask, once there is one; NULL when it is time to leave. */
static struct ask *take_next(struct store_thread *t)
{
    pthread_mutex_lock(&t->lock);
    while (!t->waiting.first && !t->stop)
        pthread_cond_wait(&t->asked, &t->lock);
    struct ask *a = t->stop ? NULL : list_take_first(&t->waiting);
    t->now = a;
    pthread_mutex_unlock(&t->lock);
    return a;
}

/* Returns whether there is more to do at once. */
static bool hand_back(struct store_thread *t, struct ask *a)
{
    uint64_t one = 1;

    pthread_mutex_lock(&t->lock);
    t->now = NULL;
    list_add(&t->ended, a);
    while (write(t->wake, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
    bool more = t->waiting.first != NULL;
    pthread_mutex_unlock(&t->lock);
    return more;
}

static void *thread_main(void *context)
{
    struct store_thread *t = context;
    struct ask *a;

    while ((a = take_next(t))) {
        do_ask(t, a);
        if (!hand_back(t, a) && t->db)
            db_rest(t->db);
    }
    disconnect(t);
    pthread_mutex_lock(&t->lock);
    t->gone = true;
    pthread_cond_signal(&t->left);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* ---- The loop ---- */

static void note_answer(struct store_thread *t, bool answered, const struct err *err)
{
    if (!answered) {
        if (!t->away)
            t->away_since = clock_wall_us();
        snprintf(t->away_why, sizeof(t->away_why), "%s", err->msg);
    }
    t->away = !answered;
}

static void tell(struct ask *a, int rc, const struct err *err)
{
    event_del(a->deadline);
    a->told = true;
    a->wanted.done(a->wanted.context, rc, err);
}

/* Nobody looks at its context any more. */
static void drop(struct ask *a)
{
    if (a->wanted.drop)
        a->wanted.drop(a->wanted.context);
    event_free(a->deadline);
    free(a);
}

/* Tell of those that have ended, in their order. */
static void deliver(struct store_thread *t)
{
    pthread_mutex_lock(&t->lock);
    struct ask *a = t->ended.first;
    list_init(&t->ended);
    pthread_mutex_unlock(&t->lock);
    while (a) {
        struct ask *next = a->next;
        note_answer(t, a->opened && a->rc != E_STORE, &a->err);
        if (!a->told)
            tell(a, a->rc, &a->err);
        drop(a);
        a = next;
    }
}

static void on_woken(evutil_socket_t fd, short what, void *context)
{
    uint64_t count;
    (void)what;

    if (read(fd, &count, sizeof(count)) < 0)
        return; /* it was for those that are told already */
    deliver(context);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct ask *a = context;
    struct store_thread *t = a->thread;
    struct err err = {0};
    (void)fd;
    (void)what;

    pthread_mutex_lock(&t->lock);
    bool waited = list_remove(&t->waiting, a);
    pthread_mutex_unlock(&t->lock);
    err_set(&err, E_STORE, "store: no answer within %g s", (double)a->wanted.deadline_us / CLOCK_SECOND);
    note_answer(t, false, &err);
    tell(a, E_STORE, &err);
    if (waited)
        drop(a);
}

bool store_thread_ask(struct store_thread *t, const struct store_ask *wanted)
{
    struct ask *a = calloc(1, sizeof(*a));

    if (!a)
        return false;
    *a = (struct ask){.thread = t, .wanted = *wanted};
    if (a->wanted.deadline_us <= 0)
        a->wanted.deadline_us = DEADLINE_US;
    const struct timeval after = {a->wanted.deadline_us / CLOCK_SECOND, a->wanted.deadline_us % CLOCK_SECOND};
    a->deadline = evtimer_new(t->base, on_deadline, a);
    bool taken = a->deadline && evtimer_add(a->deadline, &after) == 0;
    if (taken) {
        pthread_mutex_lock(&t->lock);
        taken = !t->stop && t->waiting.count < STORE_THREAD_QUEUE;
        if (taken)
            list_add(&t->waiting, a);
        pthread_cond_signal(&t->asked);
        pthread_mutex_unlock(&t->lock);
    }
    if (!taken) {
        if (a->deadline)
            event_free(a->deadline);
        free(a);
    }
    return taken;
}

bool store_thread_reachable(const struct store_thread *t, int64_t *since, const char **why)
{
    if (t->away) {
        *since = t->away_since;
        *why = t->away_why;
    }
    return !t->away;
}

/* ---- Open and close ---- */

static void init(struct store_thread *t, struct event_base *base)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->asked, NULL);
    pthread_cond_init(&t->left, &monotonic);
    pthread_condattr_destroy(&monotonic);
    list_init(&t->waiting);
    list_init(&t->ended);
    t->base = base;
    t->wake = -1;
}

/* Signals are the loop's. */
static int start_thread(struct store_thread *t)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&t->thread, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* 0 or an errno. */
static int start(struct store_thread *t, const char *url)
{
    t->url = strdup(url);
    t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!t->url || t->wake < 0)
        return errno;
    t->woken = event_new(t->base, t->wake, EV_READ | EV_PERSIST, on_woken, t);
    if (!t->woken || event_add(t->woken, NULL))
        return ENOMEM;
    return start_thread(t);
}

static void free_all(struct store_thread *t)
{
    if (t->woken)
        event_free(t->woken);
    if (t->wake >= 0)
        close(t->wake);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->asked);
    pthread_cond_destroy(&t->left);
    free(t->url);
    free(t);
}

int store_thread_open(const char *url, struct event_base *base, struct store_thread **out, struct err *err)
{
    struct store_thread *t = calloc(1, sizeof(*t));

    if (!t)
        return err_set(err, E_SYSTEM, "out of memory");
    init(t, base);
    int error = start(t, url);
    if (error) {
        free_all(t);
        return err_set(err, E_SYSTEM, "cannot start the thread for the store: %s", strerror(error));
    }
    *out = t;
    return SLUICE_OK;
}

/* No more work is begun. */
static void refuse_waiting(struct store_thread *t)
{
    struct err err = {0};
    struct ask *a;

    err_set(&err, E_STORE, "store: not asked any more, sluice is ending");
    do {
        pthread_mutex_lock(&t->lock);
        t->stop = true;
        a = list_take_first(&t->waiting);
        pthread_cond_signal(&t->asked);
        pthread_mutex_unlock(&t->lock);
        if (a) {
            tell(a, E_STORE, &err);
            drop(a);
        }
    } while (a);
}

static bool wait_until_gone(struct store_thread *t)
{
    int64_t until_us = clock_mono_us() + STORE_THREAD_CLOSE_US;
    const struct timespec until = {until_us / CLOCK_SECOND, until_us % CLOCK_SECOND * 1000};

    pthread_mutex_lock(&t->lock);
    while (!t->gone && pthread_cond_timedwait(&t->left, &t->lock, &until) != ETIMEDOUT)
        continue;
    bool gone = t->gone;
    pthread_mutex_unlock(&t->lock);
    return gone;
}

/* The database holds the thread, and nobody can take it out of there. It goes on until it comes back or the process
 * ends, so what it may look at stays. */
static void abandon(struct store_thread *t)
{
    struct err err = {0};

    deliver(t);
    pthread_mutex_lock(&t->lock);
    struct ask *now = t->now;
    pthread_mutex_unlock(&t->lock);
    if (!now)
        deliver(t); /* it ended at last */
    err_set(&err, E_STORE, "store: no answer within the %g s that sluice waits when it ends",
            (double)STORE_THREAD_CLOSE_US / CLOCK_SECOND);
    if (now && !now->told)
        tell(now, E_STORE, &err);
    if (now)
        event_free(now->deadline);
    event_free(t->woken);
    pthread_detach(t->thread);
}

void store_thread_close(struct store_thread *t)
{
    if (!t)
        return;
    refuse_waiting(t);
    if (!wait_until_gone(t)) {
        abandon(t);
        return;
    }
    pthread_join(t->thread, NULL);
    deliver(t);
    free_all(t);
}
