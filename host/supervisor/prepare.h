/* prepare.h - from the path of a configuration to one that is bound to its plugins: read, every enabled connector's
 * plugin described in a process of its own, settings, streams, routes and schedules checked.
 *
 * For commands, and for `sluice snapshot`, the process in which the daemon has this done: the daemon itself never reads
 * a file of the operator's, and never waits for a plugin.
 */
#ifndef SLUICE_SUPERVISOR_PREPARE_H
#define SLUICE_SUPERVISOR_PREPARE_H

#include "config.h"

#include <event2/event.h>

/* Describe the plugin of every enabled connector, bind it, check the routes and whether its schedules fire; problems
 * are added. The caller has no children of its own (describe.h). When memory runs out the process ends (pool.h). */
void prepare_bind(struct config *config, struct config_problems *problems);

/* The main of `sluice snapshot PATH [ENV_FILE]`: writes {"config": snapshot} or {"code", "problems":[{"file","line",
 * "text"}]} to descriptor PREPARE_FD, a pipe, and ends; with whoever started it, at once. */
#define PREPARE_FD 3
int prepare_main(int argc, char **argv);

struct children;
struct prepare; /* opaque: a process that prepares */

struct prepared {
    struct config *config; /* the caller's, NULL when there are problems */
    json_t *problems;      /* [{"file","line","text"}]; borrowed; NULL: none. A process that failed is one, too */
    struct err err;        /* code of the failure, 0 with a config; its message sums the problems up */
};

/* Start the process. `done` is called from the loop, once; with children_open()'s children. At most PREPARE_SECONDS.
 * Afterwards *out is gone: forget it in `done`, or before that end it with prepare_cancel(). */
#define PREPARE_SECONDS 120
int prepare_start(struct event_base *base, struct children *children, const char *path, const char *env_file,
                  void (*done)(void *context, struct prepared *prepared), void *context, struct prepare **out,
                  struct err *err);

/* The same with another limit. */
int prepare_start_within(struct event_base *base, struct children *children, const char *path, const char *env_file,
                         int seconds, void (*done)(void *context, struct prepared *prepared), void *context,
                         struct prepare **out, struct err *err);

/* Kill it; `done` is not called any more. NULL is fine; in `done` itself it does nothing. */
void prepare_cancel(struct prepare *p);

#endif
