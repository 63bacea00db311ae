/* load.c - all files of a configuration into one object. */
#include "load.h"

#include "env.h"
#include "file.h"
#include "fixed.h"
#include "interpolate.h"
#include "key.h"
#include "parse.h"
#include "problem.h"
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loader {
    struct config_files *files;
    struct config_problems *problems;
    struct env env;
    struct interpolator in;
};

static void note_file(struct config_files *files, const char *name)
{
    files->names = pool_append(&files->pool, files->names, files->count, sizeof *files->names);
    files->names[files->count++] = name;
}

/* The text of a file; false when a problem was added. */
static bool read_source(const char *path, size_t max, struct buf *text, struct config_problems *problems)
{
    struct err err = {0};
    if (file_read(path, max, text, &err) == 0)
        return true;
    config_problem(problems, path, 0, "%s", source_reason(&err, path));
    return false;
}

static void forget(struct buf *text)
{
    if (text->ptr)
        explicit_bzero(text->ptr, text->len);
    buf_free(text);
}

/* ---- Files ---- */

/* One configuration file as nodes; NULL when it cannot be read. */
/* libconfig takes a comment for one only when its line ends; the last line of a file need not. */
static bool end_comment(struct buf *text)
{
    const char *last = strrchr(buf_text(text), '\n');

    last = last ? last + 1 : buf_text(text);
    return !(strchr(last, '#') || strstr(last, "//")) || buf_add_char(text, '\n');
}

static struct config_node *load_file(struct loader *ld, const char *path)
{
    note_file(ld->files, path);
    struct source_place place = {ld->problems, path, 0};
    source_guard(path, "this file", GUARD_CHANGE, &place);

    struct config_node *root = NULL;
    struct buf text = {0};
    if (read_source(path, SOURCE_CONFIG_MAX, &text, ld->problems) && end_comment(&text))
        root = parse_text(&ld->files->pool, path, buf_text(&text), text.len, ld->problems);
    forget(&text);
    return root;
}

/* A path among the file's own keys, filled in; NULL when it is not there, empty or wrong. */
static const char *early_path(struct loader *ld, const struct config_node *root, const char *name)
{
    struct config_node *node = node_find(root, name);
    if (!node)
        return NULL;
    interpolate_tree(&ld->in, node, NULL);
    if (node->broken)
        return NULL;
    if (node->kind != NODE_TEXT) {
        char there[128];
        node_describe(node, false, there, sizeof there);
        config_problem(ld->problems, node->file, node->line, "`%s` must be a path in double quotes, not %s", name,
                       there);
        return NULL;
    }
    return node->text[0] ? source_beside(&ld->files->pool, node->file, node->text) : NULL;
}

/* `node` names the file; NULL: the command line did. */
static void load_env_file(struct loader *ld, const char *path, const struct config_node *node)
{
    note_file(ld->files, path);
    struct source_place own = {ld->problems, path, 0};
    source_guard(path, "this file", GUARD_READ, &own);
    struct buf text = {0};
    if (node && access(path, F_OK) != 0 && errno == ENOENT)
        config_problem(ld->problems, node->file, node->line,
                       "env_file %s does not exist: create it, or take the line out", node_shown(node, path));
    else if (read_source(path, SOURCE_ENV_MAX, &text, ld->problems) && text.ptr)
        env_parse(&ld->files->pool, &ld->env, path, text.ptr, text.len, ld->problems);
    forget(&text);
}

static void load_env(struct loader *ld, const struct config_node *root, const char *override)
{
    const char *own = early_path(ld, root, "env_file");
    if (override)
        load_env_file(ld, override, NULL);
    else if (own)
        load_env_file(ld, own, node_find(root, "env_file"));
}

/* ---- Included files ---- */

/* The list of connectors of the main file, made when it has none. NULL when it is no list. */
static struct config_node *connectors_of(struct loader *ld, struct config_node *root)
{
    struct config_node *list = node_find(root, "connectors");
    if (list)
        return list->kind == NODE_LIST ? list : NULL;
    list = pool_alloc(&ld->files->pool, sizeof *list);
    *list = (struct config_node){.kind = NODE_LIST, .name = "connectors", .file = root->file};
    node_append(&ld->files->pool, root, list);
    return list;
}

static void take_included(struct loader *ld, const struct config_node *from, struct config_node *connectors)
{
    for (size_t i = 0; i < from->count; i++) {
        struct config_node *kid = from->kids[i];
        if (strcmp(kid->name, "connectors") != 0) {
            config_problem(ld->problems, kid->file, kid->line,
                           "`%s`: an included file holds `connectors` only; the rest stands in %s", kid->name,
                           connectors->file);
        } else if (kid->kind != NODE_LIST) {
            config_problem(ld->problems, kid->file, kid->line,
                           "`connectors` must be a list of groups: ( { … }, { … } )");
        } else {
            for (size_t j = 0; j < kid->count; j++)
                node_append(&ld->files->pool, connectors, kid->kids[j]);
        }
    }
}

static void load_included(struct loader *ld, struct config_node *root)
{
    const char *dir = early_path(ld, root, "include");
    if (!dir)
        return;
    const struct config_node *node = node_find(root, "include");
    struct source_place place = {ld->problems, node->file, node->line};
    char **paths = NULL;
    size_t count = 0;
    if (!source_list(&ld->files->pool, dir, &paths, &count)) {
        config_problem(ld->problems, node->file, node->line, "include: cannot read the directory %s: %s",
                       node_shown(node, dir), strerror(errno));
        return;
    }
    source_guard(dir, "the include directory", GUARD_CHANGE, &place);
    struct config_node *connectors = connectors_of(ld, root);
    for (size_t i = 0; i < count; i++) {
        struct config_node *included = load_file(ld, paths[i]);
        if (included && connectors)
            take_included(ld, included, connectors);
    }
}

/* ---- Variables ---- */

/* Variables of what is disabled may be unset. */
static void fill_connector(const struct interpolator *in, struct config_node *connector)
{
    struct interpolator own = *in;
    own.lenient = !interpolate_enabled(in, connector);
    interpolate_tree(&own, connector, "jobs");

    struct config_node *jobs = node_find(connector, "jobs");
    for (size_t i = 0; jobs && i < jobs->count; i++) {
        struct interpolator job = own;
        job.lenient = !interpolate_enabled(&own, jobs->kids[i]) || own.lenient;
        interpolate_tree(&job, jobs->kids[i], NULL);
    }
}

static void fill_variables(struct loader *ld, struct config_node *root)
{
    interpolate_tree(&ld->in, root, "connectors");
    struct config_node *connectors = node_find(root, "connectors");
    for (size_t i = 0; connectors && i < connectors->count; i++)
        fill_connector(&ld->in, connectors->kids[i]);
}

/* ---- All of it ---- */

static void load_all(struct loader *ld, struct config *c, const char *env_file)
{
    struct config_node *root = load_file(ld, c->path);
    if (!root)
        return;
    load_env(ld, root, env_file);
    load_included(ld, root);
    fill_variables(ld, root);
    struct reader r = {&ld->files->pool, ld->problems, ld->files};
    key_read_group(&r, root, &keys_root, c);
    fixed_note(ld->files, root);
}

static bool is_missing(const char *path, struct config_problems *problems)
{
    if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return false;
    config_problem(problems, path, 0,
                   "there is no such file; name the configuration with -c FILE or the variable SLUICE_CONFIG");
    return true;
}

struct config *config_new(void)
{
    struct config *c = calloc(1, sizeof *c);
    struct config_files *files = calloc(1, sizeof *files);
    if (!c || !files) {
        free(c);
        free(files);
        return NULL;
    }
    c->files = files;
    return c;
}

int config_load(const char *path, const char *env_file, struct config **out, struct config_problems *problems)
{
    if (is_missing(path, problems))
        return E_NOT_FOUND;

    size_t before = problems_total(problems), sorted = problems->count;
    struct config *c = config_new();
    if (!c)
        pool_exhausted();
    struct config_files *files = c->files;
    c->path = pool_text(&files->pool, path);

    struct loader ld = {.files = files, .problems = problems};
    ld.in = (struct interpolator){&files->pool, &ld.env, problems, false};
    load_all(&ld, c, env_file);
    if (problems_total(problems) > before) {
        problems_sort(problems, sorted, files->names, files->count);
        config_free(c);
        return SLUICE_E_CONFIG;
    }
    *out = c;
    return SLUICE_OK;
}

const struct config_job *config_find_job(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->connector_count; i++)
        for (size_t j = 0; j < c->connectors[i].job_count; j++)
            if (strcmp(c->connectors[i].jobs[j].name, name) == 0)
                return &c->connectors[i].jobs[j];
    return NULL;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->connector_count; i++) {
        json_decref(c->connectors[i].options);
        json_decref(c->connectors[i].served);
    }
    pool_free(&c->files->pool);
    free(c->files);
    free(c);
}
