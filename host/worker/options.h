/* options.h - a connector's settings as its plugin asks for them: "url", "hosts[0]", "hosts[]" (how many),
 * "mappings.id" (of the run's own partition), "mappings[2].id". */
#ifndef SLUICE_WORKER_OPTIONS_H
#define SLUICE_WORKER_OPTIONS_H

#include "buf.h"
#include "err.h"

#include <jansson.h>

struct options {
    const json_t *values;    /* by name, converted (config.h) */
    const char *partition;   /* the option whose list makes the partitions; NULL: none */
    size_t partition_index;  /* this run's entry */
    const sluice_option *table;
    uint32_t count;
};

/* The value of setting `name`; SLUICE_ABSENT when it is not set. Text lives as long as the settings. SLUICE_E_BUG when
 * the plugin has no such setting. */
int options_get(const struct options *o, const char *name, sluice_value *out, struct err *err);

/* Append `text` with "${name}" replaced by that setting's text. */
int options_fill(const struct options *o, const char *text, struct buf *out, struct err *err);

/* Register every value of a setting with SLUICE_SECRET for masking. False when memory ran out. */
bool options_redact(const struct options *o);

#endif
