/* snapshot.c - see snapshot.h: what keys say is saved by the table of keys, the rest here.
 *
 *   {"keys": all that keys_root leads to, "path", "files":["…"], "secrets":[{"hex"}], "lines":[of fixed keys]}
 *
 * A connector has besides its keys "options", "served" and "place", a job "partition", "tenant" and "place"; a place is
 * {"file","line"}.
 */
#include "snapshot.h"

#include "load.h"
#include "saved.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- What no key says ---- */

static json_t *place(const char *file, int line)
{
    return json_pack("{s:o, s:i}", "file", saved_text(file), "line", line);
}

static json_t *or_null(json_t *json)
{
    return json ? json_incref(json) : json_null();
}

/* `keys` holds the connector's keys; where they stand is only told when `places`. */
static bool add_to_connector(json_t *keys, const struct config_connector *c, bool places)
{
    return saved_put(keys, "options", or_null(c->options)) && saved_put(keys, "served", or_null(c->served)) &&
           (!places || saved_put(keys, "place", place(c->file, c->line)));
}

static bool add_to_job(json_t *keys, const struct config_job *job, bool places)
{
    return saved_put(keys, "partition", saved_text(job->partition)) &&
           saved_put(keys, "tenant", saved_text(job->tenant)) &&
           (!places || saved_put(keys, "place", place(job->file, job->line)));
}

static bool add_to_all(json_t *root, const struct config *c, bool places)
{
    json_t *connectors = json_object_get(root, "connectors");
    bool good = true;
    for (size_t i = 0; good && i < c->connector_count; i++) {
        const struct config_connector *k = &c->connectors[i];
        json_t *connector = json_array_get(connectors, i);
        json_t *jobs = json_object_get(connector, "jobs");
        good = add_to_connector(connector, k, places);
        for (size_t j = 0; good && j < k->job_count; j++)
            good = add_to_job(json_array_get(jobs, j), &k->jobs[j], places);
    }
    return good;
}

/* All that decides what is done; NULL without memory. */
static json_t *all_keys(const struct config *c, bool places)
{
    json_t *root = saved_group(&keys_root, c);
    if (root && add_to_all(root, c, places))
        return root;
    json_decref(root);
    return NULL;
}

/* ---- The snapshot ---- */

static json_t *files_json(const struct config_files *files)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < files->count; i++)
        good = json_array_append_new(list, saved_text(files->names[i])) == 0;
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *secrets_json(const struct config_files *files)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < files->secret_count; i++)
        good = json_array_append_new(list, saved_bytes(files->secrets[i].bytes, files->secrets[i].len)) == 0;
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *lines_json(const struct config_files *files)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < files->fixed_count; i++)
        good = json_array_append_new(list, json_integer(files->fixed_lines[i])) == 0;
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

json_t *config_snapshot(const struct config *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "keys", all_keys(c, true), "path", saved_text(c->path), "files",
                     files_json(c->files), "secrets", secrets_json(c->files), "lines", lines_json(c->files));
}

/* ---- The hash ---- */

/* FNV-1a. */
static int add_to_hash(const char *bytes, size_t len, void *hash)
{
    uint64_t h = *(uint64_t *)hash;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    *(uint64_t *)hash = h;
    return 0;
}

static json_t *job_keys(const struct config_job *job)
{
    json_t *json = saved_group(&keys_job, job);
    if (json && add_to_job(json, job, false))
        return json;
    json_decref(json);
    return NULL;
}

static json_t *job_json(const struct config_job *job)
{
    const struct config_connector *k = job->connector;
    json_t *connector = saved_group(&keys_connector, k);
    json_t *json =
        json_pack("{s:o, s:O, s:O, s:o}", "job", job_keys(job), "plugin", json_object_get(connector, "plugin"), "http",
                  json_object_get(connector, "http"), "options", or_null(k->options));
    json_decref(connector);
    return json;
}

static json_t *jobs_json(const struct config *c)
{
    json_t *json = json_object();
    for (size_t k = 0; k < c->connector_count; k++) {
        const struct config_connector *from = &c->connectors[k];
        for (size_t i = 0; i < from->job_count; i++)
            json_object_set_new(json, from->jobs[i].name, job_json(&from->jobs[i]));
    }
    return json;
}

/* Of what is taken. */
static void hash_of(json_t *json, char out[CONFIG_HASH_SIZE])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    json_dump_callback(json, add_to_hash, &hash, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(json);
    snprintf(out, CONFIG_HASH_SIZE, "%016" PRIx64, hash);
}

void config_hash(const struct config *c, const struct config_job *job, char out[CONFIG_HASH_SIZE])
{
    hash_of(job ? job_json(job) : all_keys(c, false), out);
}

void config_hash_jobs(const struct config *c, char out[CONFIG_HASH_SIZE])
{
    hash_of(jobs_json(c), out);
}
