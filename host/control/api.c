/* api.c - see api.h: finds the route of a request, and refuses who may not ask. */
#include "api_inner.h"

#include "clock.h"
#include "metrics.h"
#include "plugin_routes.h"
#include "tenant_view.h"

#include <stdlib.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct route {
    const char *method, *path; /* ":" stands for any one segment */
    void (*answer)(struct call *c);
    bool open; /* needs no token */
} routes[] = {
    {"GET", "/", api_get_overview, false},
    {"GET", "/livez", api_get_livez, true},
    {"GET", "/readyz", api_get_readyz, true},
    {"GET", "/metrics", api_get_metrics, false},
    {"GET", "/api/jobs/init", api_get_init, false},
    {"GET", "/api/v1/jobs", api_get_jobs, false},
    {"GET", "/api/v1/jobs/:", api_get_job, false},
    {"POST", "/api/v1/jobs/:/runs", api_post_run, false},
    {"POST", "/api/v1/jobs/:/pause", api_post_pause, false},
    {"POST", "/api/v1/jobs/:/resume", api_post_resume, false},
    {"GET", "/api/v1/runs", api_get_runs, false},
    {"GET", "/api/v1/runs/:", api_get_run, false},
    {"DELETE", "/api/v1/runs/:", api_delete_run, false},
    {"GET", "/api/v1/rejects", api_get_rejects, false},
    {"GET", "/api/v1/cursors", api_get_cursors, false},
    {"POST", "/api/v1/reload", api_post_reload, false},
};

/* ---- Errands ---- */

static void release(struct api *a)
{
    if (--a->refs == 0)
        free(a);
}

static void forget_client(void *context, struct exchange *x)
{
    struct errand *e = context;

    (void)x;
    e->x = NULL;
}

void errand_begin(struct errand *e, struct call *c, void (*gone)(void *context, struct exchange *x))
{
    e->api = c->api;
    e->x = c->x;
    e->api->refs++;
    exchange_on_gone(c->x, gone ? gone : forget_client, e);
}

void errand_end(struct errand *e)
{
    release(e->api);
}

/* ---- Who sees what ---- */

bool call_sees(const struct call *c, const struct config_job *job)
{
    return tenant_has_part(job, c->tenant);
}

bool call_is_for_all(struct call *c)
{
    if (!*c->tenant)
        return true;
    exchange_fail(c->x, 403, "a token with a tenant may not do this");
    return false;
}

/* ---- What routes have in common ---- */

static const char *nearest_job(const struct supervisor *s, const char *name)
{
    size_t count = supervisor_job_count(s);
    const char **names = calloc(count + 1, sizeof(*names));
    struct supervisor_job job;

    for (size_t i = 0; names && i < count; i++) {
        supervisor_job(s, i, &job);
        names[i] = job.job->name;
    }
    const char *near = names ? config_nearest(name, names, count) : NULL;
    free(names);
    return near;
}

const struct config_job *call_find_job(struct call *c, const char *name)
{
    const struct config_job *job = config_find_job(c->config, name);

    if (job && call_sees(c, job))
        return job;
    if (!call_is_for_all(c))
        return NULL;
    const char *near = nearest_job(c->api->supervisor, name);
    exchange_fail(c->x, 404, "there is no job \"%s\"%s%s%s", name, near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    return NULL;
}

static const char *unknown_key(const json_t *body, const char *const *keys, size_t count)
{
    void *it = json_object_iter((json_t *)(uintptr_t)body);

    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)body, it)) {
        size_t i = 0;
        while (i < count && strcmp(keys[i], json_object_iter_key(it)) != 0)
            i++;
        if (i == count)
            return json_object_iter_key(it);
    }
    return NULL;
}

static bool keys_known(struct call *c, const json_t *body, const char *const *keys)
{
    size_t count = 0;

    while (keys[count])
        count++;
    const char *unknown = unknown_key(body, keys, count);
    if (!unknown)
        return true;
    const char *near = config_nearest(unknown, keys, count);
    exchange_fail(c->x, 400, "there is no key \"%s\"%s%s%s", unknown, near ? "; did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    return false;
}

json_t *call_body(struct call *c, const char *const *keys)
{
    sluice_str text = exchange_body(c->x);
    json_error_t error;
    json_t *body = text.len ? json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error) : json_object();

    if (!body && text.len)
        exchange_fail(c->x, 400, "the body is no JSON: line %d: %s", error.line, error.text);
    else if (!body)
        exchange_answer(c->x, 500, NULL);
    else if (!json_is_object(body))
        exchange_fail(c->x, 400, "the body must be a JSON object");
    else if (!keys || keys_known(c, body, keys))
        return body;
    json_decref(body);
    return NULL;
}

bool call_take_flag(struct call *c, const json_t *body, const char *key, bool *out)
{
    const json_t *value = json_object_get(body, key);

    if (value && !json_is_boolean(value)) {
        exchange_fail(c->x, 400, "\"%s\" must be true or false", key);
        return false;
    }
    if (value)
        *out = json_is_true(value);
    return true;
}

bool call_take_text(struct call *c, const json_t *body, const char *key, const char **out)
{
    const json_t *value = json_object_get(body, key);

    if (value && !json_is_string(value)) {
        exchange_fail(c->x, 400, "\"%s\" must be a text", key);
        return false;
    }
    if (value)
        *out = json_string_value(value);
    return true;
}

void call_busy(struct exchange *x, const char *why)
{
    exchange_set_header(x, "Retry-After", "5");
    exchange_fail(x, 503, "%s", why);
}

void call_refused(struct exchange *x, const struct err *err)
{
    if (err->code == E_NOT_FOUND)
        exchange_fail(x, 404, "%s", err->msg);
    else if (err->code == E_BUSY || err->code == SLUICE_E_CONFIG)
        exchange_fail(x, 409, "%s", err->msg);
    else
        call_busy(x, err->msg);
}

/* ---- Finding the route ---- */

/* Does the route answer the method? HEAD is a GET whose body is not sent. */
static bool answers(const char *route, const char *method)
{
    return strcmp(route, method) == 0 || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* The route of a request; NULL when there is none. *open: its path needs no token. `allow` gets the methods that the
 * path has. */
static const struct route *find_route(const char *method, const char *path, sluice_str *name, bool *open,
                                      struct buf *allow)
{
    const struct route *found = NULL;

    for (size_t i = 0; i < LEN(routes); i++) {
        sluice_str part = {0};
        if (!path_matches(routes[i].path, path, &part))
            continue;
        *open = *open || routes[i].open;
        plugin_route_allow(allow, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            plugin_route_allow(allow, "HEAD");
        if (!found && answers(routes[i].method, method)) {
            found = &routes[i];
            *name = part;
        }
    }
    return found;
}

static bool check_who(struct call *c)
{
    struct auth auth = auth_check(c->config, c->x);

    c->tenant = auth.tenant ? auth.tenant : "";
    if (auth.allowed)
        return true;
    if (auth.status == 401)
        exchange_set_header(c->x, "WWW-Authenticate", "Bearer");
    exchange_answer(c->x, auth.status, json_pack("{s:b, s:s}", "success", 0, "error", auth.error));
    return false;
}

static void refuse_path(struct call *c, const struct buf *allow)
{
    if (allow->len == 0) {
        exchange_fail(c->x, 404, "there is nothing at %s", exchange_path(c->x));
        return;
    }
    exchange_set_header(c->x, "Allow", buf_text(allow));
    exchange_fail(c->x, 405, "%s does not answer %s", exchange_path(c->x), exchange_method(c->x));
}

static void dispatch(struct call *c, struct buf *allow)
{
    const char *method = exchange_method(c->x), *path = exchange_path(c->x);
    struct plugin_route plugin;
    sluice_str name = {0};
    bool open = false;
    const struct route *route = find_route(method, path, &name, &open, allow);
    bool found = route || plugin_route_find(c->config, method, path, &plugin, allow);

    if (!open && !check_who(c))
        return;
    if (!found) {
        refuse_path(c, allow);
        return;
    }
    if (!route)
        name = plugin.id;
    char *copy = name.ptr ? strndup(name.ptr, name.len) : NULL;
    c->name = copy;
    if (name.ptr && !copy)
        exchange_answer(c->x, 500, NULL);
    else if (route)
        route->answer(c);
    else
        plugin_route_answer(c, &plugin);
    free(copy);
}

static void handle(void *context, struct exchange *x)
{
    struct api *a = context;
    struct call c = {.api = a, .x = x, .config = supervisor_config(a->supervisor), .tenant = ""};
    struct buf allow = {0};

    dispatch(&c, &allow);
    buf_free(&allow);
}

static void count(void *context, int status)
{
    const struct api *a = context;

    metrics_http(supervisor_metrics(a->supervisor), status);
}

/* ---- Opening and closing ---- */

static int open_listeners(struct api *a, struct event_base *base, struct err *err)
{
    const struct config *config = supervisor_config(a->supervisor);
    struct server_options options = {.base = base, .handle = handle, .answered = count, .context = a};
    int rc = auth_check_listener(config, err);

    if (!rc && *config->socket) {
        options.socket = config->socket;
        rc = server_open(&options, &a->local, err);
        options.socket = NULL;
    }
    if (!rc && *config->listen) {
        options.listen = config->listen;
        rc = server_open(&options, &a->tcp, err);
    }
    return rc;
}

int api_open(struct supervisor *s, struct event_base *base, struct api **out, struct err *err)
{
    struct api *a = calloc(1, sizeof(*a));

    if (!a)
        return err_set(err, E_SYSTEM, "out of memory");
    *a = (struct api){.supervisor = s, .started_us = clock_wall_us(), .refs = 1};
    int rc = open_listeners(a, base, err);
    if (rc)
        api_close(a);
    else
        *out = a;
    return rc;
}

void api_quiesce(struct api *a)
{
    if (a->tcp)
        server_quiesce(a->tcp);
    if (a->local)
        server_quiesce(a->local);
}

void api_close(struct api *a)
{
    if (!a)
        return;
    server_close(a->tcp);
    server_close(a->local);
    a->tcp = a->local = NULL;
    release(a);
}
