/* check_config.c - the configuration as a whole. */
#include "check.h"

#include "listen.h"
#include "source.h"
#include "url.h"

#include <string.h>
#include <sys/stat.h>

static const struct config_node *place(const struct config_node *root, const char *group, const char *name)
{
    const struct config_node *outer = node_find(root, group);
    const struct config_node *inner = name ? node_find(outer, name) : NULL;
    return inner ? inner : outer ? outer : root;
}

/* ---- Store ---- */

static void check_sqlite(struct reader *r, struct config *c, const struct config_node *node)
{
    const char *path = c->store_url + strlen("sqlite:");
    bool has_slashes = strncmp(path, "//", 2) == 0;
    bool is_plain = path[0] != '\0' && strcmp(path, ":memory:") != 0;
    if (!is_plain || (has_slashes && path[2] != '/')) {
        key_problem(r, node, "`url` must name a file: sqlite:/path, or sqlite:path beside this one");
        return;
    }
    path += has_slashes ? 2 : 0; /* sqlite:///path */
    c->store_url = pool_printf(r->pool, "sqlite:%s", source_absolute(r->pool, node->file, path));
}

static void check_store(struct reader *r, struct config *c, const struct config_node *root)
{
    const struct config_node *node = place(root, "store", "url");
    if (node->broken)
        return;
    if (strncmp(c->store_url, "sqlite:", 7) == 0) {
        check_sqlite(r, c, node);
        return;
    }
    if (!url_has_scheme(c->store_url, "postgresql postgres")) {
        char there[128] = "this";
        if (node->kind == NODE_TEXT)
            node_describe(node, true, there, sizeof there);
        key_problem(r, node, "`url` must be sqlite:PATH or a postgresql:// URL, not %s", there);
    }
    url_keep_secrets(r->files, c->store_url);
}

/* ---- Control ---- */

static void check_control(struct reader *r, const struct config *c, const struct config_node *root)
{
    const struct config_node *node = place(root, "control", "listen");
    bool loopback = true;
    if (!c->listen[0] || node->broken)
        return;
    if (!listen_parse(c->listen, &loopback)) {
        char there[128] = "this";
        node_describe(node, false, there, sizeof there);
        key_problem(r, node,
                    "`listen` must be an address and a port, as in \"127.0.0.1:8480\" or \"[::1]:8480\", not %s",
                    there);
        return;
    }
    if (!loopback && c->token_count == 0)
        key_problem(r, node,
                    "`listen` is open to other hosts: that needs a token in `tokens` whose secret is not empty");
}

/* ---- Plugins ---- */

static void check_plugins(struct reader *r, const struct config *c, const struct config_node *root)
{
    const struct config_node *node = node_find(root, "plugins");
    struct stat st;
    if (node && (node->broken || node->kind != NODE_TEXT))
        return;
    if (!c->plugins[0]) {
        key_problem(r, node ? node : root, "`plugins` is empty: name a directory, or take the line out");
        return;
    }
    if (stat(c->plugins, &st) != 0 || !S_ISDIR(st.st_mode)) {
        if (node) /* of the preset whoever looks for a plugin says so */
            key_problem(r, node, "`plugins` must be a directory, and %s is none", node_shown(node, c->plugins));
        return;
    }
    struct source_place at = {r->problems, (node ? node : root)->file, node ? node->line : 0};
    source_guard(c->plugins, "the plugin directory", GUARD_CHANGE, &at);
}

static const char *directory_of(struct pool *pool, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == path ? "/" : pool_copy(pool, path, (size_t)(slash - path));
}

/* The plugins that will be loaded: what is in them runs as whoever runs sluice. */
static void check_plugin_files(struct reader *r, const struct config *c)
{
    for (size_t i = 0; i < c->connector_count; i++) {
        const struct config_connector *k = &c->connectors[i];
        struct source_place at = {r->problems, k->file, k->line};
        const char *path = strchr(k->plugin, '/') ? k->plugin : pool_printf(r->pool, "%s/%s.so", c->plugins, k->plugin);
        if (k->enabled && source_guard(path, "the plugin", GUARD_CHANGE, &at) && path == k->plugin)
            source_guard(directory_of(r->pool, path), "the plugin's directory", GUARD_REPLACE, &at);
    }
}

/* ---- Connectors and jobs ---- */

/* "line 12", or "connectors.d/a.cfg:12" where that is another file. */
static const char *place_text(struct pool *pool, const char *file, int line, const char *seen_from)
{
    if (strcmp(file, seen_from) == 0)
        return pool_printf(pool, "line %d", line);
    return pool_printf(pool, "%s:%d", file, line);
}

static void check_names(struct reader *r, const struct config *c)
{
    for (size_t i = 0; i < c->connector_count; i++) {
        const struct config_connector *k = &c->connectors[i];
        for (size_t j = 0; j < i && k->name[0]; j++) {
            const struct config_connector *other = &c->connectors[j];
            if (strcmp(k->name, other->name) == 0) {
                config_problem(r->problems, k->file, k->line, "the connector `%s` is there twice: %s has it already",
                               k->name, place_text(r->pool, other->file, other->line, k->file));
                break;
            }
        }
    }
}

/* Jobs of one connector; two connectors of a name were reported already. */
static void check_job_names(struct reader *r, const struct config_connector *k)
{
    for (size_t i = 0; i < k->job_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(k->jobs[i].name, k->jobs[j].name) == 0) {
                config_problem(r->problems, k->jobs[i].file, k->jobs[i].line,
                               "the job `%s` is there twice: line %d has it already; give this one a `name`",
                               k->jobs[i].name, k->jobs[j].line);
                break;
            }
        }
    }
}

static void finish_jobs(const struct config *c, struct config_connector *k)
{
    for (size_t i = 0; i < k->job_count; i++) {
        k->jobs[i].connector = k;
        if (k->jobs[i].deadline_us == 0)
            k->jobs[i].deadline_us = c->deadline_us;
    }
}

bool check_config(struct reader *r, void *object, const struct config_node *root)
{
    struct config *c = object;
    check_store(r, c, root);
    check_control(r, c, root);
    check_plugins(r, c, root);
    check_plugin_files(r, c);
    check_names(r, c);
    for (size_t i = 0; i < c->connector_count; i++) {
        check_job_names(r, &c->connectors[i]);
        finish_jobs(c, &c->connectors[i]);
    }
    return true;
}
