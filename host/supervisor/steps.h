/* steps.h - the order of a job: what it runs after, by its `after` or its stream's needs, and then itself. */
#ifndef SLUICE_SUPERVISOR_STEPS_H
#define SLUICE_SUPERVISOR_STEPS_H

#include "config.h"

/* Add `job` and, before it, what it runs after, to the `count` jobs in `order`, unless they are there; returns the new
 * count. `order` has room for every job of the configuration. Circles, which the config check names, end. */
size_t steps_add(const struct config_job **order, size_t count, const struct config_job *job);

/* Does `job` run after `first`, directly? */
bool steps_needs(const struct config_job *job, const struct config_job *first);

#endif
