/* partitions.c - the partitions of a job, as its connector's settings list them. See config.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#define NAMED_MAX 20 /* ids that a message lists */

static const json_t *list_of(const struct config_job *job)
{
    return job->partition && *job->partition ? json_object_get(job->connector->options, job->partition) : NULL;
}

size_t config_partition_count(const struct config_job *job)
{
    return json_array_size(list_of(job));
}

const char *config_partition(const struct config_job *job, size_t index)
{
    const char *id = json_string_value(json_object_get(json_array_get(list_of(job), index), "id"));

    return id ? id : "";
}

bool config_has_partition(const struct config_job *job, const char *id)
{
    for (size_t i = 0; i < config_partition_count(job); i++) {
        if (strcmp(config_partition(job, i), id) == 0)
            return true;
    }
    return false;
}

/* "a, b, c", cut to what a person reads. */
static void list_ids(const struct config_job *job, char *out, size_t size)
{
    size_t count = config_partition_count(job), len = 0;

    *out = '\0';
    for (size_t i = 0; i < count && i < NAMED_MAX && len + 1 < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.40s", i ? ", " : "", config_partition(job, i));
    if (count > NAMED_MAX && len + 1 < size)
        snprintf(out + len, size - len, " and %zu more", count - NAMED_MAX);
}

int config_check_partition(const struct config_job *job, const char *id, struct err *err)
{
    char ids[320];

    if (!job->partition || !*job->partition)
        return err_set(err, E_USAGE, "--partition %s: %s has no partitions; leave the option out", id, job->name);
    if (config_has_partition(job, id))
        return SLUICE_OK;
    list_ids(job, ids, sizeof(ids));
    return err_set(err, E_NOT_FOUND, "%s has no partition \"%s\"; `%s` of connector %s lists %s", job->name, id,
                   job->partition, job->connector->name, *ids ? ids : "none");
}
