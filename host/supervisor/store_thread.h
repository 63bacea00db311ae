/* store_thread.h - the one thread that waits for the database, so that the loop never does.
 *
 * Work is handed over by a bounded queue and comes back to the loop. The thread holds one connection, opened when it is
 * first needed (made, with sluice's own tables, when it is not there), and opened again after it broke.
 *
 * Threads: all functions are the loop's; only `work` runs in the other thread, where every signal is blocked. It must
 *          not log.
 */
#ifndef SLUICE_SUPERVISOR_STORE_THREAD_H
#define SLUICE_SUPERVISOR_STORE_THREAD_H

#include "db.h"

struct event_base;
struct store_thread; /* opaque */

int store_thread_open(const char *url, struct event_base *base, struct store_thread **out, struct err *err);

#define STORE_THREAD_CLOSE_US INT64_C(3000000)

/* Ends after the work under way, at most STORE_THREAD_CLOSE_US later; what still waits is told E_STORE. A thread that
 * the database holds for longer is left to itself: its work is told E_STORE and its context is never dropped, as it may
 * be looked at until the process ends. Not from `done` or `drop`. NULL is fine. */
void store_thread_close(struct store_thread *t);

#define STORE_THREAD_QUEUE 256 /* asks that may wait */

struct store_ask {
    int64_t deadline_us; /* from now; past it `done` is told E_STORE, whatever becomes of the work. 0: 10 seconds */
    int (*work)(struct db *db, void *context, struct err *err); /* in the thread; outside a transaction */
    /* In the loop, exactly once: rc and err are work's, or why it was not done or not awaited. The results that work
     * left in the context are only there when rc >= 0. */
    void (*done)(void *context, int rc, const struct err *err);
    void (*drop)(void *context); /* in the loop, once neither of the two will look at the context again; may be NULL */
    void *context;
};

/* Asks are done one after the other, in their order. False when too many wait, memory is short or the thread is being
 * closed; nothing is called then. */
bool store_thread_ask(struct store_thread *t, const struct store_ask *ask);

/* Did the store answer the last time? E_STORE, a store that cannot be opened and a deadline that passed are no answers,
 * any other result is one. While it does not, *since (wall time, microseconds) tells since when, and *why
 * (lives until the loop runs again) the error. True before the first ask. */
bool store_thread_reachable(const struct store_thread *t, int64_t *since, const char **why);

#endif
