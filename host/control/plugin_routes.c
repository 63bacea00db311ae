/* plugin_routes.c - see plugin_routes.h. */
#include "plugin_routes.h"

#include "api_inner.h"
#include "route_answer.h"
#include "tenant_view.h"
#include "views.h"

#include <string.h>

/* ---- Finding ---- */

bool path_matches(const char *pattern, const char *path, sluice_str *part)
{
    for (; *pattern == '/' && *path == '/'; pattern++, path++) {
        size_t len = strcspn(pattern + 1, "/"), path_len = strcspn(path + 1, "/");
        if (pattern[1] == ':' && path_len)
            *part = (sluice_str){path + 1, path_len};
        else if (pattern[1] == ':' || len != path_len || memcmp(pattern + 1, path + 1, len) != 0)
            return false;
        pattern += len;
        path += path_len;
    }
    return *pattern == '\0' && *path == '\0';
}

static bool has_word(const char *list, const char *word, size_t len)
{
    for (; *(list += strspn(list, " ,")); list += strcspn(list, " ,")) {
        if (strcspn(list, " ,") == len && memcmp(list, word, len) == 0)
            return true;
    }
    return false;
}

void plugin_route_allow(struct buf *allow, const char *method)
{
    if (!has_word(buf_text(allow), method, strlen(method)))
        buf_printf(allow, "%s%s", allow->len ? ", " : "", method);
}

static const char *text_of(const json_t *route, const char *key)
{
    const char *text = json_string_value(json_object_get(route, key));

    return text ? text : "";
}

static bool runs(const json_t *route)
{
    return json_integer_value(json_object_get(route, "action")) == SLUICE_ROUTE_RUN;
}

static void allow_methods(const json_t *route, struct buf *allow)
{
    const char *methods = text_of(route, "methods");
    char method[16];

    for (size_t len; *(methods += strspn(methods, " ")); methods += len) {
        len = strcspn(methods, " ");
        if (len >= sizeof(method))
            continue;
        memcpy(method, methods, len);
        method[len] = '\0';
        plugin_route_allow(allow, method);
        if (strcmp(method, "GET") == 0 && !runs(route))
            plugin_route_allow(allow, "HEAD");
    }
}

static bool answers(const json_t *route, const char *method)
{
    const char *methods = text_of(route, "methods");

    if (has_word(methods, method, strlen(method)))
        return true;
    return strcmp(method, "HEAD") == 0 && !runs(route) && has_word(methods, "GET", 3);
}

/* A path that is written out, "/a/status", is nearer than one with ":id". */
static void find_in(const struct config_connector *connector, const char *method, const char *path,
                    struct plugin_route *out, struct buf *allow)
{
    const json_t *route;
    size_t i;

    json_array_foreach(connector->served, i, route) {
        sluice_str id = {0};
        if (!path_matches(text_of(route, "path"), path, &id))
            continue;
        allow_methods(route, allow);
        if (answers(route, method) && (!out->route || (out->id.ptr && !id.ptr)))
            *out = (struct plugin_route){connector, route, id};
    }
}

bool plugin_route_find(const struct config *config, const char *method, const char *path, struct plugin_route *out,
                       struct buf *allow)
{
    *out = (struct plugin_route){0};
    for (size_t i = 0; i < config->connector_count; i++)
        find_in(&config->connectors[i], method, path, out, allow);
    return out->route != NULL;
}

/* ---- A run ---- */

/* The job that a route is about: the first enabled one of its stream, else the first. */
static const struct config_job *find_job(const struct config_connector *connector, const char *stream)
{
    const struct config_job *found = NULL;

    for (size_t i = 0; i < connector->job_count; i++) {
        const struct config_job *job = &connector->jobs[i];
        if (strcmp(job->stream, stream) == 0 && (!found || (job->enabled && !found->enabled)))
            found = job;
    }
    return found;
}

/* What an answer that comes later needs, kept apart from the configuration, which a reload may take away. */
static json_t *keep(const struct route_source *s)
{
    return json_pack("{s:O, s:O, s:s, s:s?, s:O?}", "route", s->route, "options", s->options, "partition",
                     s->partition, "id", s->id, "visible", s->visible);
}

static struct route_source kept(const json_t *more)
{
    const json_t *visible = json_object_get(more, "visible");

    return (struct route_source){json_object_get(more, "route"), json_object_get(more, "options"),
                                 text_of(more, "partition"), json_string_value(json_object_get(more, "id")),
                                 json_is_object(visible) ? visible : NULL};
}

/* Do its partitions tell what became of the run? Each has its own result then, whatever the others came to. */
static bool tells_partitions(const struct route_source *s, const json_t *run)
{
    return *s->partition && *text_of(s->route, "under") &&
           (json_array_size(json_object_get(run, "partitions")) || *text_of(run, "partition"));
}

static void tell_result(struct exchange *x, const struct launch_result *result, json_t *more)
{
    const struct route_source s = kept(more);
    bool good = json_is_true(json_object_get(result->run, "success"));

    if (!good && !tells_partitions(&s, result->run)) {
        call_failed(x, result);
        return;
    }
    json_t *answer = route_answer_run(&s, result->run);
    const json_t *said = json_object_get(answer, "success"); /* a route's keys may leave it out */
    exchange_answer(x, json_is_false(said) ? 500 : 200, answer);
}

/* Other keys of the body than this one are the caller's own business, as they always were. */
static bool wants_full(struct call *c, const json_t *route, bool *full)
{
    const char *key = text_of(route, "full_key");

    if (!*key)
        return true;
    json_t *body = call_body(c, NULL);
    bool ok = body && call_take_flag(c, body, key, full);
    json_decref(body);
    return ok;
}

static void run_stream(struct call *c, const struct route_source *s, const struct config_job *job, bool full)
{
    json_t *own = *c->tenant && !s->id ? config_tenant_partitions(job, c->tenant) : NULL;
    struct supervisor_request request = {.job = job->name, .partition = s->id, .partitions = own, .full = full};
    json_t *more = NULL;

    if (own && json_array_size(own) == 0)
        exchange_answer(c->x, 200, route_answer_nothing(s));
    else if ((more = keep(s)) == NULL)
        exchange_answer(c->x, 500, NULL);
    else
        call_run_and_wait(c, &request, tell_result, more);
    json_decref(own);
}

/* ---- The last results ---- */

static int read_status(struct db *db, struct inquiry *q, struct err *err)
{
    json_t *last = view_last_of_each(db, q->job, err);
    const struct config_job *job = config_find_job(q->config, q->job);

    q->out = last && *q->tenant ? tenant_run(job, q->tenant, last) : json_incref(last);
    if (last && !q->out)
        q->out = json_object(); /* nothing is its */
    json_decref(last);
    return q->out ? SLUICE_OK : err->code;
}

static void tell_partitions(struct inquiry *q, int rc, const struct err *err)
{
    const struct route_source s = kept(q->more);

    if (rc < 0)
        inquiry_fail(q, err);
    else
        exchange_answer(q->errand.x, 200, route_answer_status(&s, q->out));
}

/* Those of partitions stand in the ledger, each from another run; the last run itself is known here. */
static void tell_status(struct call *c, const struct route_source *s, const struct config_job *job)
{
    struct supervisor_job now = {0};

    if (!*s->partition) {
        supervisor_find_job(c->api->supervisor, job->name, &now);
        exchange_answer(c->x, 200, route_answer_status(s, now.last_run));
        return;
    }
    struct inquiry *q = inquiry_new(c, job->name, NULL);
    if (!q)
        return;
    q->more = keep(s);
    q->work = read_status;
    q->done = tell_partitions;
    inquiry_ask(q);
}

/* ---- One route ---- */

/* {id: true} of the tenant's partitions; NULL: it sees all. */
static json_t *visible_to(const struct call *c, const struct config_job *job)
{
    json_t *ids = *c->tenant ? config_tenant_partitions(job, c->tenant) : NULL, *set = ids ? json_object() : NULL;

    for (size_t i = 0; i < json_array_size(ids); i++)
        json_object_set_new(set, json_string_value(json_array_get(ids, i)), json_true());
    json_decref(ids);
    return set;
}

static void answer(struct call *c, const struct plugin_route *r, const struct config_job *job,
                   const struct route_source *s)
{
    bool full = false;

    if (c->name && !config_is_tenants(job, c->name, c->tenant))
        exchange_fail(c->x, 404, "there is no \"%s\" in %s of connector %s", c->name, job->partition,
                      r->connector->name);
    else if (runs(r->route) && wants_full(c, r->route, &full))
        run_stream(c, s, job, full);
    else if (runs(r->route))
        return; /* 400 was answered */
    else if (json_integer_value(json_object_get(r->route, "action")) == SLUICE_ROUTE_STATUS)
        tell_status(c, s, job);
    else
        exchange_answer(c->x, 200, route_answer_partitions(s));
}

void plugin_route_answer(struct call *c, const struct plugin_route *r)
{
    const char *stream = text_of(r->route, "stream");
    const struct config_job *job = find_job(r->connector, stream);

    if (!job) {
        exchange_fail(c->x, 404, "no job of connector %s is of stream %s", r->connector->name, stream);
        return;
    }
    if (!*job->tenant && !call_is_for_all(c))
        return;
    json_t *visible = visible_to(c, job);
    const struct route_source s = {r->route, r->connector->options, job->partition, c->name, visible};
    answer(c, r, job, &s);
    json_decref(visible);
}
