/* tenant_view.h - what a tenant may see: its own partitions, and nothing that others have a part in.
 *
 * Results are new references; NULL: there is nothing in it for the tenant, or no memory.
 */
#ifndef SLUICE_CONTROL_TENANT_VIEW_H
#define SLUICE_CONTROL_TENANT_VIEW_H

#include "config.h"

#include <jansson.h>

/* Is a partition of the job this tenant's? "" is every tenant, and sees jobs without partitions, too. */
bool tenant_has_part(const struct config_job *job, const char *tenant);

/* Is what came of partition `id` in a run of `scope` (run.h; "": not known) this tenant's? It is not where the partition
 * was another's then. */
bool tenant_sees(const struct config_job *job, const char *tenant, const char *id, const char *scope);

/* The tenant's part of a run as `run --json` tells it, with its partitions: the run of one of them is whole, one of
 * several is cut to those that are the tenant's, with what these came to. `job` may be NULL: it is not configured. */
json_t *tenant_run(const struct config_job *job, const char *tenant, const json_t *run);

#endif
