/* plugin_routes.h - the routes that plugins declare as data: found, and answered by running or telling their streams.
 */
#ifndef SLUICE_CONTROL_PLUGIN_ROUTES_H
#define SLUICE_CONTROL_PLUGIN_ROUTES_H

#include "buf.h"
#include "config.h"

struct call;

struct plugin_route {
    const struct config_connector *connector;
    const json_t *route; /* of host/worker/describe.h */
    sluice_str id;       /* what stands at the ":id" of its path; ptr NULL: nothing */
};

/* Does `path` have the form of `pattern`, whose segment with a ":" in front stands for any one that is not empty?
 * *part is what stands there. */
bool path_matches(const char *pattern, const char *path, sluice_str *part);

/* Put a method into the value of an Allow header, once. */
void plugin_route_allow(struct buf *allow, const char *method);

/* The route of a request among those that the enabled connectors serve. False when there is none; `allow` gets the
 * methods that the path has. HEAD is a GET, except for routes that run something. */
bool plugin_route_find(const struct config *config, const char *method, const char *path, struct plugin_route *out,
                       struct buf *allow);

/* Answer it, now or later; c->name is the id. */
void plugin_route_answer(struct call *c, const struct plugin_route *r);

#endif
