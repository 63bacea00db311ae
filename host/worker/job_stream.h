/* job_stream.h - a plugin's stream as one job runs it: with the job's further columns, and settings filled in.
 *
 * Texts that name a setting of the partition ("${mappings.tenant}") are filled in anew for each.
 * Lifetime: as long as the process; the plugin's tables and the settings must live as long.
 */
#ifndef SLUICE_WORKER_JOB_STREAM_H
#define SLUICE_WORKER_JOB_STREAM_H

#include "options.h"

/* A column's value, or its preset, that names a setting of the partition. */
struct job_text {
    uint32_t column;
    bool preset;
    const char *text; /* as the plugin has it */
    char *filled;     /* for the partition that is read; NULL: none yet */
};

struct job_stream {
    sluice_stream stream;
    sluice_column *columns;      /* its, with a stride of their own size */
    const sluice_column **index; /* each of them */
    struct job_text *own;
    size_t own_count;
};

/* Make a zeroed `s` of the stream as declared and the job's `fields` [{from,column,type,scale}]. */
int job_stream_make(struct job_stream *s, const sluice_stream *declared, const json_t *fields, const struct options *o,
                    struct err *err);

/* Fill in what is the partition's own, that of o->partition_index. */
int job_stream_fill(struct job_stream *s, const struct options *o, struct err *err);

#endif
