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
    const json_t *visible; /* {id: true} of the partitions that the caller sees; NULL: all */
};

/* After a run. Each of its partitions has its result, in one shape whether it succeeded or not: why one failed is the
 * first of its errorDetails. When all of them failed, "success" is false and there is an "error". */
json_t *route_answer_run(const struct route_source *s, const json_t *run);

/* Where there was nothing to run, since the caller sees no partition. */
json_t *route_answer_nothing(const struct route_source *s);

/* The last results; `last_run` may be NULL. What comes from a run that was not there is null. */
json_t *route_answer_status(const struct route_source *s, const json_t *last_run);

/* The partitions, as configured. */
json_t *route_answer_partitions(const struct route_source *s);

#endif
