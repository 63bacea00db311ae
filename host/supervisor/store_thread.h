/* store_thread.h - the one thread that waits for the database, so that the loop never does.
 *
 * Work is handed over by a bounded queue and comes back to the loop. The thread holds one connection, opened when it is
 * first needed (made, with sluice's own tables, when it is not there), and opened again after it broke.
 *
 * Threads: all functions are the loop's; only `work` runs in the other thread. It must not log nor redact.
 */
#ifndef SLUICE_SUPERVISOR_STORE_THREAD_H
#define SLUICE_SUPERVISOR_STORE_THREAD_H

#include "db.h"

struct event_base;
struct store_thread; /* opaque */

int store_thread_open(const char *url, struct event_base *base, struct store_thread **out, struct err *err);

/* Ends after the work under way, at most STORE_THREAD_CLOSE_US later; what still waits is told E_STORE. NULL is fine. */
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

/* False when too many wait, or memory is short; nothing is called then. */
bool store_thread_ask(struct store_thread *t, const struct store_ask *ask);

/* Did the store answer the last time? While it does not, *since (wall time, microseconds) tells since when, and *why
 * (lives until the loop runs again) the error. True before the first ask. */
bool store_thread_reachable(const struct store_thread *t, int64_t *since, const char **why);

#endif
