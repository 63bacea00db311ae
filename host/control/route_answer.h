/* route_answer.h - what a plugin's route answers, made from nothing but the route's table, settings and runs.
 *
 * A route's `keys` are "name" or "name=where": the name in the answer, with dots for objects in objects, and where the
 * value comes from: the result of a run (contract A2; "id" is its partition), or a setting. NULL: all of the result.
 * `under` is the key of the list with one result for each partition, or of the one result of a route with ":id".
 *
 * All results are new references, NULL without memory.
 */
#ifndef SLUICE_CONTROL_ROUTE_ANSWER_H
#define SLUICE_CONTROL_ROUTE_ANSWER_H

#include <jansson.h>

struct route_source {
    const json_t *route;   /* of host/worker/describe.h */
    const json_t *options; /* the connector's settings (config.h) */
    const char *partition; /* the option that lists the stream's partitions; "" none */
    const char *id;        /* of the one partition that was asked for; NULL: all */
};

/* Is there a partition `id`? */
int route_has_partition(const struct route_source *s, const char *id);

/* After a run. */
json_t *route_answer_run(const struct route_source *s, const json_t *run);

/* The last results; `last_run` may be NULL. What comes from a run that was not there is null. */
json_t *route_answer_status(const struct route_source *s, const json_t *last_run);

/* The partitions, as configured. */
json_t *route_answer_partitions(const struct route_source *s);

#endif
