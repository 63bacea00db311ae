/* job_spec.h - a job of the config as the two JSON texts that a worker is handed (host/worker/spec.h). */
#ifndef SLUICE_SUPERVISOR_JOB_SPEC_H
#define SLUICE_SUPERVISOR_JOB_SPEC_H

#include "launch.h"

/* The connector's half: plugin, settings, HTTP. New reference; NULL without memory. */
json_t *job_spec_connector(const struct launch *l);

/* The store's half: where and how the records land. New reference; NULL without memory. */
json_t *job_spec_store(const struct launch *l);

#endif
