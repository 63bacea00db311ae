#include "bind.h"

#include "load.h"
#include "problem.h"
#include "sluice/abi.h"

#include <string.h>

const char *bind_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const json_t *bind_stream(const json_t *streams, const char *name)
{
    size_t i = 0;
    const json_t *stream = NULL;
    json_array_foreach(streams, i, stream) if (strcmp(bind_text(stream, "name"), name) == 0) return stream;
    return NULL;
}

const char *bind_hint(struct binder *b, const json_t *list, const char *name)
{
    size_t count = json_array_size(list);
    const char **names = pool_alloc(b->pool, (count + 1) * sizeof *names);
    char *all = pool_text(b->pool, "");
    for (size_t i = 0; i < count; i++) {
        names[i] = bind_text(json_array_get(list, i), "name");
        all = pool_printf(b->pool, "%s%s%s", all, i > 0 ? ", " : "", names[i]);
    }
    const char *near = config_nearest(name, names, count);
    if (near)
        return pool_printf(b->pool, "did you mean `%s`?", near);
    return count > 0 ? pool_printf(b->pool, "there are %s", all) : "there are none";
}

int config_bind(struct config *c, size_t index, const json_t *description, struct config_problems *problems)
{
    size_t before = problems_total(problems), sorted = problems->count;
    struct config_connector *connector = &c->connectors[index];
    struct binder b = {c, connector, problems, &c->files->pool};
    const json_t *streams = json_object_get(description, "streams");

    json_decref(connector->options);
    connector->options = bind_settings(&b, json_object_get(description, "options"));
    json_t *routes = json_object_get(description, "routes");
    json_decref(connector->served);
    connector->served = connector->enabled && connector->routes && json_is_array(routes) ? json_incref(routes) : NULL;
    for (size_t i = 0; i < connector->job_count; i++)
        bind_job(&b, &connector->jobs[i], streams);
    bind_order(&b, streams);
    for (size_t i = 0; i < connector->job_count; i++)
        bind_needs(&b, &connector->jobs[i], streams);

    problems_sort(problems, sorted, c->files->names, c->files->count);
    return problems_total(problems) > before ? SLUICE_E_CONFIG : SLUICE_OK;
}
