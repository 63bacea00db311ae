/* restore.c - see snapshot.h: a configuration from its snapshot. */
#include "snapshot.h"

#include "load.h"
#include "redact.h"
#include "saved.h"
#include "secret.h"

#include <limits.h>
#include <string.h>

/* ---- Lists of the files ---- */

static bool read_files(struct config_files *files, const json_t *list)
{
    size_t count = json_array_size(list);
    files->names = pool_alloc(&files->pool, (count + 1) * sizeof *files->names);
    for (; files->count < count; files->count++) {
        files->names[files->count] = restored_text(&files->pool, json_array_get(list, files->count));
        if (!files->names[files->count])
            return false;
    }
    return json_is_array(list);
}

static bool read_secrets(struct config_files *files, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t len = 0;
        const char *secret = restored_bytes(&files->pool, json_array_get(list, i), &len);
        if (!secret)
            return false;
        secret_note(files, secret, len);
    }
    return json_is_array(list);
}

static bool read_line(const json_t *json, int *out)
{
    json_int_t line = json_integer_value(json);
    *out = line >= 0 && line <= INT_MAX ? (int)line : -1;
    return json_is_integer(json) && *out >= 0;
}

static bool read_lines(struct config_files *files, const json_t *list)
{
    size_t count = json_array_size(list);
    files->fixed_lines = pool_alloc(&files->pool, (count + 1) * sizeof *files->fixed_lines);
    for (; files->fixed_count < count; files->fixed_count++)
        if (!read_line(json_array_get(list, files->fixed_count), &files->fixed_lines[files->fixed_count]))
            return false;
    return json_is_array(list);
}

/* ---- What no key says ---- */

/* The name of a file is there once, however many jobs stand in it. */
static bool read_place(struct config_files *files, const json_t *json, const char **file, int *line)
{
    *file = restored_text(&files->pool, json_object_get(json, "file"));
    for (size_t i = 0; *file && i < files->count; i++)
        if (strcmp(*file, files->names[i]) == 0)
            *file = files->names[i];
    return *file && read_line(json_object_get(json, "line"), line);
}

static bool read_job(struct config_files *files, const json_t *json, struct config_job *job)
{
    job->partition = restored_text(&files->pool, json_object_get(json, "partition"));
    job->tenant = restored_text(&files->pool, json_object_get(json, "tenant"));
    return job->partition && job->tenant && read_place(files, json_object_get(json, "place"), &job->file, &job->line);
}

static bool read_connector(struct config_files *files, const json_t *json, struct config_connector *c)
{
    json_t *options = json_object_get(json, "options"), *served = json_object_get(json, "served");
    const json_t *jobs = json_object_get(json, "jobs");
    if (json_is_object(options))
        c->options = json_incref(options);
    if (json_is_array(served))
        c->served = json_incref(served);
    bool good = (c->options || json_is_null(options)) && (c->served || json_is_null(served)) &&
                read_place(files, json_object_get(json, "place"), &c->file, &c->line);
    for (size_t i = 0; good && i < c->job_count; i++) {
        c->jobs[i].connector = c;
        good = read_job(files, json_array_get(jobs, i), &c->jobs[i]);
    }
    return good;
}

static bool read_connectors(struct config *c, const json_t *list)
{
    for (size_t i = 0; i < c->connector_count; i++)
        if (!read_connector(c->files, json_array_get(list, i), &c->connectors[i]))
            return false;
    return true;
}

/* ---- All of it ---- */

static int read_all(struct config *c, const json_t *snapshot, struct err *err)
{
    const json_t *keys = json_object_get(snapshot, "keys");
    struct err inner = {0};
    if (restored_group(&c->files->pool, keys, &keys_root, c, &inner) != 0)
        return err_set(err, inner.code, "%s", inner.msg);
    c->path = restored_text(&c->files->pool, json_object_get(snapshot, "path"));
    if (!c->path || !read_files(c->files, json_object_get(snapshot, "files")) ||
        !read_secrets(c->files, json_object_get(snapshot, "secrets")) ||
        !read_lines(c->files, json_object_get(snapshot, "lines")))
        return err_set(err, SLUICE_E_BUG, "its files, secrets or lines are missing or wrong");
    if (!read_connectors(c, json_object_get(keys, "connectors")))
        return err_set(err, SLUICE_E_BUG, "what a plugin said is missing or wrong");
    if (!config_hide_secrets(c))
        return err_set(err, E_SYSTEM, "out of memory");
    return SLUICE_OK;
}

int config_restore(const json_t *snapshot, struct config **out, struct err *err)
{
    struct config *c = config_new();
    if (!c)
        return err_set(err, E_SYSTEM, "out of memory");
    if (read_all(c, snapshot, err) != 0) {
        config_free(c);
        return err_wrap(err, "the snapshot of a configuration");
    }
    *out = c;
    return SLUICE_OK;
}
