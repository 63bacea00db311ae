/* bind.h - one connector held against its plugin's description. */
#ifndef SLUICE_CONFIG_BIND_H
#define SLUICE_CONFIG_BIND_H

#include "node.h"

struct binder {
    struct config *config;
    struct config_connector *connector;
    struct config_problems *problems;
    struct pool *pool;
};

/* The connector's settings as the plugin's `options` want them (an object, new reference); problems are added. */
json_t *bind_settings(struct binder *b, const json_t *options);

/* Check a job against the plugin's `streams` and fill in its table and what its partitions are. */
void bind_job(struct binder *b, struct config_job *job, const json_t *streams);

/* Where the job does not say what it runs after, it is what its stream needs. After bind_order(). */
void bind_needs(struct binder *b, struct config_job *job, const json_t *streams);

/* Do the jobs' `after` go in a circle? */
void bind_order(struct binder *b, const json_t *streams);

/* A text of a description; "" where it has null. */
const char *bind_text(const json_t *object, const char *key);

/* The stream with this name; NULL when the plugin has none. */
const json_t *bind_stream(const json_t *streams, const char *name);

/* "did you mean `x`?", else "there are a, b", from the names of the `list` of a description; in the pool. */
const char *bind_hint(struct binder *b, const json_t *list, const char *name);

#endif
