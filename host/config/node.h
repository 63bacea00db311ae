/* node.h - a configuration as it was written: groups, lists and values, each with its place.
 *
 * libconfig's tree is copied into this one, so that settings live as long as their config and only parse.c knows
 * libconfig. Nodes belong to the config's pool.
 */
#ifndef SLUICE_CONFIG_NODE_H
#define SLUICE_CONFIG_NODE_H

#include "config.h"
#include "pool.h"

enum node_kind {
    NODE_TEXT,
    NODE_INTEGER,
    NODE_FRACTION,
    NODE_TRUTH,
    NODE_LIST, /* ( ) or [ ] */
    NODE_GROUP,
};

struct config_node {
    enum node_kind kind;
    bool broken;      /* what is wrong with it has been reported: take it as not set and say no more */
    bool filled;      /* its variables are filled in */
    const char *name; /* "" for an entry of a list */
    const char *file;
    int line;
    char *text;         /* NODE_TEXT; after interpolate_tree() with its variables filled in */
    const char *origin; /* NODE_TEXT: the first reference in it, "${NAME}"; NULL when the operator wrote all of it */
    int64_t number;     /* NODE_INTEGER; NODE_TRUTH: 0 or 1 */
    struct config_node **kids;
    size_t count;
};

/* The member of `group` with this name; NULL when it has none, or is no group. */
struct config_node *node_find(const struct config_node *group, const char *name);

/* Put `kid` at the end of a group or list. */
void node_append(struct pool *pool, struct config_node *parent, struct config_node *kid);

/* `value`, which the node holds, for a problem that quotes it: the reference itself when it came from one. */
const char *node_shown(const struct config_node *node, const char *value);

/* Put what there is instead of what was wanted into `out`: "the text "abc"", "the number 5", "a group". The value is
 * left out when it came from a variable or file, which is named instead, and when `secret`. */
void node_describe(const struct config_node *node, bool secret, char *out, size_t size);

#endif
