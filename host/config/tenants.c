/* tenants.c - which partitions of a job are a tenant's. See config.h. */
#include "config.h"

#include <string.h>

static const json_t *settings_of(const struct config_job *job)
{
    return *job->partition ? json_object_get(job->connector->options, job->partition) : NULL;
}

/* What stands at `key` of a partition's settings as a text; NULL: nothing, or no text. */
static const char *text_of(const json_t *partition, const char *key)
{
    return json_string_value(json_object_get(partition, key));
}

static bool is_of(const struct config_job *job, const json_t *partition, const char *tenant)
{
    const char *its = *job->tenant ? text_of(partition, job->tenant) : NULL;

    return !*tenant || (its && strcmp(its, tenant) == 0);
}

bool config_is_tenants(const struct config_job *job, const char *id, const char *tenant)
{
    const json_t *list = settings_of(job);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *partition = json_array_get(list, i);
        const char *its = text_of(partition, "id");
        if (its && strcmp(its, id) == 0)
            return is_of(job, partition, tenant);
    }
    return false;
}

json_t *config_tenant_partitions(const struct config_job *job, const char *tenant)
{
    const json_t *list = settings_of(job);
    json_t *ids = json_array();

    for (size_t i = 0; ids && i < json_array_size(list); i++) {
        const json_t *partition = json_array_get(list, i), *id = json_object_get(partition, "id");
        if (id && is_of(job, partition, tenant))
            json_array_append(ids, (json_t *)(uintptr_t)id);
    }
    return ids;
}
