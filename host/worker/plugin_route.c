/* plugin_route.c - see plugin_check.h: the HTTP paths that a connector wants served. */
#include "plugin_check.h"

#include "text.h"

#include <stdio.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* What an answer can take from a run's result. */
static const char *const result_keys[] = {"id",        "job",     "run",        "partition",    "mode",
                                          "status",    "success", "total",      "processed",    "created",
                                          "updated",   "skipped", "errors",     "errorDetails", "window_start",
                                          "at",        "message", "warnings",   "stats",        "started_at",
                                          "timestamp", "error",   "partitions", "reason",       "duration_ms"};

static bool is_result_key(sluice_str name)
{
    for (size_t i = 0; i < LEN(result_keys); i++) {
        if (strlen(result_keys[i]) == name.len && memcmp(result_keys[i], name.ptr, name.len) == 0)
            return true;
    }
    return name.len > 6 && memcmp(name.ptr, "stats.", 6) == 0;
}

/* ---- Methods and path ---- */

static bool has_word(const char *text, sluice_str wanted)
{
    sluice_str list = plugin_str(text), word;

    while (text_word(&list, &word)) {
        if (word.len == wanted.len && memcmp(word.ptr, wanted.ptr, word.len) == 0)
            return true;
    }
    return false;
}

static int check_methods(const sluice_route *r, struct err *err)
{
    sluice_str list = plugin_str(r->methods), word;
    size_t count = 0;

    for (; text_word(&list, &word); count++) {
        if (!has_word("GET POST PUT PATCH DELETE", word))
            return err_set(err, SLUICE_E_BUG, "\"%.*s\" is no method; GET, POST, PUT, PATCH and DELETE are",
                           (int)word.len, word.ptr);
    }
    return count ? SLUICE_OK : err_set(err, SLUICE_E_BUG, "has no methods");
}

/* Paths that are the host's own. */
static bool is_host_path(const char *path)
{
    static const char *const own[] = {"/", "/livez", "/readyz", "/metrics", "/api/v1", "/api/jobs/init"};

    for (size_t i = 0; i < LEN(own); i++) {
        if (strcmp(path, own[i]) == 0)
            return true;
    }
    return strncmp(path, "/api/v1/", 8) == 0;
}

static bool segment_legal(sluice_str segment)
{
    static const char more[] = "-_.~";

    if (segment.len == 3 && memcmp(segment.ptr, ":id", 3) == 0)
        return true;
    if (segment.len == 0 || segment.ptr[0] == '.')
        return false;
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && !strchr(more, c))
            return false;
    }
    return true;
}

static int check_path(const sluice_route *r, const sluice_stream *s, struct err *err)
{
    size_t ids = 0;

    if (is_host_path(r->path))
        return err_set(err, SLUICE_E_BUG, "is a path of the host's own");
    for (const char *p = r->path; *p;) {
        size_t len = *p == '/' ? strcspn(p + 1, "/") : 0;
        if (len == 0 || !segment_legal((sluice_str){p + 1, len}))
            return err_set(err, SLUICE_E_BUG, "a path is \"/name/name\", with \":id\" for a partition");
        ids += p[1] == ':';
        p += 1 + len;
    }
    if (ids > 1)
        return err_set(err, SLUICE_E_BUG, "has more than one \":id\"");
    if (ids && !s->partition)
        return err_set(err, SLUICE_E_BUG, "has \":id\", but stream %s has no partitions", s->name);
    return SLUICE_OK;
}

static int check_not_twice(const sluice_connector *c, const sluice_route *r, struct err *err)
{
    for (const sluice_route *other = c->routes; other < r; other++) {
        sluice_str list = plugin_str(r->methods), word;
        while (strcmp(other->path, r->path) == 0 && text_word(&list, &word)) {
            if (has_word(other->methods, word))
                return err_set(err, SLUICE_E_BUG, "%.*s of this path is there twice", (int)word.len, word.ptr);
        }
    }
    return SLUICE_OK;
}

/* ---- Keys of the answer ---- */

/* "name" or "name=where": the name may have parts, the value comes from the run's result or from a setting. */
static int check_key(const sluice_connector *c, const sluice_route *r, const sluice_stream *s, sluice_str key,
                     struct err *err)
{
    const char *equals = memchr(key.ptr, '=', key.len);
    sluice_str name = {key.ptr, equals ? (size_t)(equals - key.ptr) : key.len};
    sluice_str where = equals ? (sluice_str){equals + 1, key.len - name.len - 1} : name;

    if (!plugin_name_legal(name, ".-"))
        return err_set(err, SLUICE_E_BUG, "\"%.*s\" is no name", (int)name.len, name.ptr);
    if (r->action != SLUICE_ROUTE_PARTITIONS && is_result_key(where))
        return SLUICE_OK;
    if (!plugin_find_option(c, where))
        return err_set(err, SLUICE_E_BUG, "\"%.*s\" is neither in a run's result nor a setting", (int)where.len,
                       where.ptr);
    return plugin_check_setting(c, s, where, err);
}

static int check_keys(const sluice_connector *c, const sluice_route *r, const sluice_stream *s, struct err *err)
{
    sluice_str list = plugin_str(r->keys), key;

    while (text_word(&list, &key)) {
        if (check_key(c, r, s, key, err))
            return err_wrap(err, "keys");
    }
    return SLUICE_OK;
}

/* ---- The whole ---- */

static int check_texts(const sluice_route *r, struct err *err)
{
    int rc = plugin_check_text("full_key", r->full_key, false, err);

    if (!rc)
        rc = plugin_check_text("under", r->under, false, err);
    if (!rc)
        rc = plugin_check_text("message", r->message, false, err);
    if (!rc)
        rc = plugin_check_text("keys", r->keys, false, err);
    return rc;
}

static int check_route(const sluice_connector *c, const sluice_route *r, struct err *err)
{
    const sluice_stream *s = plugin_find_stream(c, plugin_str(r->stream));
    int rc = check_texts(r, err);

    if (rc)
        return rc;
    if (r->action < SLUICE_ROUTE_RUN || r->action > SLUICE_ROUTE_PARTITIONS)
        return err_set(err, SLUICE_E_BUG, "%u is no action", r->action);
    if (r->flags)
        return err_set(err, SLUICE_E_BUG, "its flags are not zero");
    if (!s)
        return err_set(err, SLUICE_E_BUG, "there is no stream \"%s\"", r->stream ? r->stream : "");
    if (r->action == SLUICE_ROUTE_PARTITIONS && !s->partition)
        return err_set(err, SLUICE_E_BUG, "stream %s has no partitions to tell", s->name);
    if (r->full_key && r->action != SLUICE_ROUTE_RUN)
        return err_set(err, SLUICE_E_BUG, "only a route that runs a stream has a full_key");
    rc = check_methods(r, err);
    if (!rc)
        rc = check_path(r, s, err);
    if (!rc)
        rc = check_not_twice(c, r, err);
    return rc ? rc : check_keys(c, r, s, err);
}

int plugin_check_routes(const sluice_connector *c, struct err *err)
{
    for (uint32_t i = 0; i < c->route_count; i++) {
        const sluice_route *r = &c->routes[i];
        if (!r->path || r->path[0] != '/')
            return err_set(err, SLUICE_E_BUG, "route %u has no path that begins with \"/\"", i + 1);
        if (check_route(c, r, err))
            return err_wrap(err, "route %s", r->path);
    }
    return SLUICE_OK;
}
