/* steps.c - see steps.h. */
#include "steps.h"

#include <string.h>

#define DEPTH_MAX 32

static const struct config_job *job_of_stream(const struct config_connector *c, const char *stream)
{
    for (size_t i = 0; i < c->job_count; i++) {
        if (strcmp(c->jobs[i].stream, stream) == 0 && c->jobs[i].enabled)
            return &c->jobs[i];
    }
    return NULL;
}

static bool is_listed(const struct config_job *const *order, size_t count, const struct config_job *job)
{
    for (size_t i = 0; i < count; i++) {
        if (order[i] == job)
            return true;
    }
    return false;
}

static size_t add(const struct config_job **order, size_t count, const struct config_job *job, int depth)
{
    if (is_listed(order, count, job) || depth > DEPTH_MAX)
        return count;
    for (size_t i = 0; i < job->after_count; i++) {
        const struct config_job *first = job_of_stream(job->connector, job->after[i]);
        if (first && first != job)
            count = add(order, count, first, depth + 1);
    }
    if (!is_listed(order, count, job))
        order[count++] = job;
    return count;
}

size_t steps_add(const struct config_job **order, size_t count, const struct config_job *job)
{
    return add(order, count, job, 0);
}

bool steps_needs(const struct config_job *job, const struct config_job *first)
{
    for (size_t i = 0; i < job->after_count && first != job; i++) {
        if (job_of_stream(job->connector, job->after[i]) == first)
            return true;
    }
    return false;
}
