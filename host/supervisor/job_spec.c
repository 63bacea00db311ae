/* job_spec.c - see job_spec.h. */
#include "job_spec.h"

#include "plugin.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *http_json(const struct config_http *h)
{
    return json_pack("{s:I, s:I, s:I, s:i, s:i, s:i, s:b, s:b, s:s, s:s}", "timeout_us", (json_int_t)h->timeout_us,
                     "connect_timeout_us", (json_int_t)h->connect_timeout_us, "max_body", (json_int_t)h->max_body,
                     "attempts", (int)h->attempts, "parallel", (int)h->parallel, "rate_per_min", (int)h->rate_per_min,
                     "rate_set", (int)h->rate_set, "insecure", (int)h->insecure, "proxy", h->proxy ? h->proxy : "",
                     "ca_file", h->ca_file ? h->ca_file : "");
}

static json_t *fields_json(const struct config_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->field_count; i++) {
        const struct config_field *f = &job->fields[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "from", f->from, "column", f->column, "type",
                                              (int)f->type, "scale", (int)f->scale));
    }
    return list;
}

/* The one partition that this is about; "": all, or the stream has none, as what a partitioned job runs after. */
static const char *single(const struct launch *l)
{
    return l->partition && *l->job->partition ? l->partition : "";
}

json_t *job_spec_connector(const struct launch *l)
{
    const struct config_connector *c = l->job->connector;
    char file[PATH_MAX];

    plugin_path(l->config->plugins, c->plugin, file, sizeof(file));
    return json_pack("{s:s, s:s, s:O, s:o, s:o, s:I}", "plugin", file, "stream", l->job->stream, "options",
                     c->options, "http", http_json(&c->http), "fields", fields_json(l->job), "memory",
                      (json_int_t)l->config->memory);
}

static json_t *columns_json(const struct config_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->column_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "from", job->columns[i].from, "to", job->columns[i].to));
    return list;
}

static json_t *match_json(const struct config_job *job)
{
    json_t *list = json_array();

    for (size_t i = 0; i < job->match_count; i++)
        json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "rule", (int)job->match[i].rule, "columns",
                                              job->match[i].columns, "never", job->match[i].never));
    return list;
}

static void add_secret(void *context, const char *secret, size_t len)
{
    if (!memchr(secret, '\0', len)) /* nor is one that is no text to be found in any */
        json_array_append_new(context, json_stringn(secret, len));
}

/* The passwords in the store's URL, for masking. */
static json_t *store_secrets(const struct config *config)
{
    json_t *list = json_array();

    config_store_secrets(config, add_secret, list);
    return list;
}

static bool lists(const json_t *ids, const char *id)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        if (strcmp(json_string_value(json_array_get(ids, i)), id) == 0)
            return true;
    }
    return false;
}

/* The partitions of one run over several, in the order of the settings; null where it is about one or none. */
static json_t *partitions_json(const struct launch *l)
{
    const struct config_job *job = l->job;
    json_t *list = *job->partition && !*single(l) ? json_array() : json_null();

    for (size_t i = 0; json_is_array(list) && i < config_partition_count(job); i++) {
        const char *id = config_partition(job, i);
        if (!l->partitions || lists(l->partitions, id))
            json_array_append_new(list, json_string(id));
    }
    return list;
}

/* The job by which a stream lands: the first that is enabled, else the first. */
static bool lands(const struct config_job *job)
{
    const struct config_connector *c = job->connector;
    const struct config_job *first = NULL;

    for (size_t i = 0; i < c->job_count; i++) {
        const struct config_job *other = &c->jobs[i];
        if (strcmp(other->stream, job->stream) == 0 && (!first || (other->enabled && !first->enabled)))
            first = other;
    }
    return job == first;
}

/* Where the connector's other streams have landed, for one that is derived from them. */
static json_t *landed_json(const struct config_job *job)
{
    const struct config_connector *c = job->connector;
    json_t *list = json_array();

    for (size_t i = 0; i < c->job_count; i++) {
        const struct config_job *other = &c->jobs[i];
        if (other->table && strcmp(other->stream, job->stream) != 0 && lands(other))
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "stream", other->stream, "job", other->name,
                                                  "table", other->table, "columns", columns_json(other)));
    }
    return list;
}

json_t *job_spec_store(const struct launch *l)
{
    const struct config_job *job = l->job;

    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:b, s:i, s:I, s:I, s:b, s:b, s:b, s:I, s:I,"
                     " s:s, s:I, s:b, s:I, s:b, s:o, s:o}",
                     "parent", (int)getpid(), "what", l->what, "job", job->name, "plugin_name",
                     job->connector->plugin, "partition", single(l), "store_url",
                     l->config->store_url, "store_secrets", store_secrets(l->config), "table", job->table,
                     "columns", columns_json(job), "match", match_json(job), "manage_check",
                     job->manage == CONFIG_MANAGE_CHECK, "batch", (int)job->batch, "gap_tolerance_us",
                     (json_int_t)job->gap_tolerance_us, "deadline_us", (json_int_t)job->deadline_us, "dry_run",
                     (int)l->dry_run, "full", (int)l->full, "allow_gone", (int)l->allow_gone, "limit",
                     (json_int_t)l->limit, "memory", (json_int_t)l->config->memory, "run_id",
                     l->run_id ? l->run_id : "", "fire_us", (json_int_t)l->fire_us, "at_start",
                     (int)l->at_start, "hold_us", (json_int_t)job->hold_us, "check_table",
                     (int)l->check_table, "partitions", partitions_json(l), "landed", landed_json(job));
}
