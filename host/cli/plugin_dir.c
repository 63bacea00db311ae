/* plugin_dir.c - see plugin_dir.h. */
#include "plugin_dir.h"

#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_plugin(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int plugin_dir_list(const char *dir, struct plugin_dir *out, struct err *err)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_plugin, by_bytes);

    *out = (struct plugin_dir){0};
    if (n < 0)
        return err_set(err, E_NOT_FOUND, "plugins directory %s: %s", dir, strerror(errno));
    out->names = cli_must(calloc((size_t)n + 1, sizeof(*out->names)));
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        out->names[out->count++] = cli_must(strndup(name, strlen(name) - 3));
        free(entries[i]);
    }
    free(entries);
    return SLUICE_OK;
}

void plugin_dir_free(struct plugin_dir *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->names[i]);
    free(d->names);
    *d = (struct plugin_dir){0};
}

char *plugin_dir_nearest(const char *dir, const char *name)
{
    struct plugin_dir d;
    struct err err = {0};

    if (plugin_dir_list(dir, &d, &err))
        return NULL;
    const char *near = config_nearest(name, (const char *const *)d.names, d.count);
    char *copy = near ? strdup(near) : NULL;
    plugin_dir_free(&d);
    return copy;
}
