/* cmd_plugins.c - sluice plugins: which sources can be loaded, and what each of them needs and gives. */
#include "cli.h"

#include "describe.h"
#include "plugin.h"
#include "plugin_dir.h"
#include "plugin_page.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where plugins are: as the configuration says; while there is none that can be read, where they usually are. */
static char *find_directory(const struct cli *cli)
{
    struct config *config = NULL;
    struct config_problems problems = {0};
    const char *dir = getenv("SLUICE_PLUGINS");
    int rc = config_load(cli->config_path, cli->env_file, &config, &problems);

    if (!dir || !*dir)
        dir = SLUICE_PLUGIN_DIR;
    if (rc && rc != E_NOT_FOUND)
        fprintf(stderr, "sluice: %s has mistakes (`sluice check` names them); looking into %s\n", cli->config_path,
                dir);
    char *copy = cli_must(strdup(rc ? dir : config->plugins));
    config_problems_free(&problems);
    config_free(config);
    return copy;
}

/* ---- The list ---- */

static json_t *stream_names(const json_t *description)
{
    json_t *names = cli_must(json_array());
    size_t i;
    const json_t *s;

    json_array_foreach(json_object_get(description, "streams"), i, s)
        json_array_append(names, json_object_get(s, "name"));
    return names;
}

/* One plugin of the directory: {"name","file","version","abi","streams","help"} or {"name","file","error"}. */
static json_t *summary(const char *dir, const char *name)
{
    char file[PATH_MAX];
    struct err err = {0};

    plugin_path(dir, name, file, sizeof(file));
    json_t *d = describe_file(file, &err);
    if (!d)
        return cli_must(json_pack("{s:s, s:s, s:s}", "name", name, "file", file, "error", err.msg));
    json_t *s = cli_must(json_pack("{s:s, s:s, s:O, s:O, s:o, s:O}", "name", name, "file", file, "version",
                                   json_object_get(d, "version"), "abi", json_object_get(d, "abi"), "streams",
                                   stream_names(d), "help", json_object_get(d, "help")));
    json_decref(d);
    return s;
}

static void join(const json_t *names, char *out, size_t size)
{
    size_t i, len = 0;
    const json_t *name;

    *out = '\0';
    json_array_foreach(names, i, name)
    {
        int n = snprintf(out + len, size - len, "%s%s", i ? " " : "", json_string_value(name));
        if (n < 0 || (size_t)n >= size - len)
            return;
        len += (size_t)n;
    }
}

static void print_list(const json_t *list)
{
    static const char *const heads[] = {"PLUGIN", "VERSION", "ABI", "STREAMS", "HELP"};
    struct cli_table *t = cli_table_new(5, heads);
    size_t i;
    const json_t *p;

    json_array_foreach(list, i, p)
    {
        char streams[512];
        const char *error = cli_text(p, "error");
        join(json_object_get(p, "streams"), streams, sizeof(streams));
        const char *good[] = {cli_text(p, "name"), cli_text(p, "version"), cli_text(p, "abi"), streams,
                              cli_text(p, "help")};
        const char *bad[] = {cli_text(p, "name"), NULL, NULL, NULL, error};
        cli_table_row(t, *error ? bad : good);
    }
    cli_table_print(t);
}

static int list_plugins(const struct cli *cli, const char *dir)
{
    struct plugin_dir d;
    struct err err = {0};

    if (plugin_dir_list(dir, &d, &err))
        return cli_fail(&err);
    json_t *list = cli_must(json_array());
    for (size_t i = 0; i < d.count; i++)
        json_array_append_new(list, summary(dir, d.names[i]));
    if (cli->json)
        cli_print_json(cli_must(json_pack("{s:s, s:O}", "directory", dir, "plugins", list)));
    else if (d.count)
        print_list(list);
    else
        printf("There are no plugins in %s\n", dir);
    json_decref(list);
    plugin_dir_free(&d);
    return 0;
}

/* ---- One plugin ---- */

static int not_found(const struct err *err, const char *dir, const char *name)
{
    char *near = err->code == E_NOT_FOUND && !strchr(name, '/') ? plugin_dir_nearest(dir, name) : NULL;
    int code = cli_fail(err);

    if (near)
        fprintf(stderr, "sluice: did you mean %s?\n", near);
    free(near);
    return code;
}

/* `name` is a plugin of the directory, or a file: a path, or "name.so" right here. */
static int show_plugin(const struct cli *cli, const char *dir, const char *name)
{
    char file[PATH_MAX];
    struct err err = {0};
    size_t len = strlen(name);

    if (len > 3 && strcmp(name + len - 3, ".so") == 0 && !strchr(name, '/'))
        snprintf(file, sizeof(file), "./%s", name);
    else
        plugin_path(dir, name, file, sizeof(file));
    json_t *description = describe_file(file, &err);
    if (!description)
        return not_found(&err, dir, name);
    if (cli->json)
        return cli_print_json(description);
    plugin_page_print(description, strncmp(file, "./", 2) == 0 ? file : name, file);
    json_decref(description);
    return 0;
}

/* ---- The verb ---- */

static int plugins_verb(struct cli *cli, int argc, char **argv)
{
    int count = cli_parse(cli, &cli_verb_plugins, argc, argv, NULL, 0);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count != 0 && (count != 2 || strcmp(argv[1], "show") != 0))
        return cli_usage("write `plugins`, or `plugins show` and the name or file of a plugin");
    char *dir = find_directory(cli);
    int code = count ? show_plugin(cli, dir, argv[2]) : list_plugins(cli, dir);
    free(dir);
    return code;
}

const struct cli_verb cli_verb_plugins = {
    .name = "plugins",
    .usage = "[show NAME|FILE]",
    .help = "which sources there are, and what each needs and gives",
    .text = "Lists the plugins of the configuration's `plugins` directory; without a configuration that of\n"
            "$SLUICE_PLUGINS, else " SLUICE_PLUGIN_DIR ".\n"
            "\n"
            "`show` prints one as a help page: its settings, its streams with their columns, and a block to begin a\n"
            "configuration with. A FILE has a \"/\" or ends with .so. Each plugin is loaded by a process of its own.\n"
            "\n"
            "Example: sluice plugins show erp\n"
            "         sluice plugins show ./build/erp.so --json\n",
    .run = plugins_verb,
};
