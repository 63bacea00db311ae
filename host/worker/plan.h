/* plan.h - from a stream's description and the job's changes to the target table. */
#ifndef SLUICE_WORKER_PLAN_H
#define SLUICE_WORKER_PLAN_H

#include "err.h"
#include "table.h"

#include <jansson.h>

struct plan {
    struct table table;
    bool windowed; /* SLUICE_WINDOWED */
};

/* `stream` is what HELLO said, `job` the store's half of the job: table, columns [{from,to}], match [{rule,columns,
 * never}], manage_check. The plugin's JSON is checked, since a broken plugin may have written it. */
int plan_make(const json_t *stream, const json_t *job, struct plan *out, struct err *err);

/* The same for a table that is only to be read: its columns, without rules and scope. table_free(). */
int plan_make_source(const json_t *stream, const json_t *job, struct table *out, struct err *err);

void plan_free(struct plan *p);

#endif
