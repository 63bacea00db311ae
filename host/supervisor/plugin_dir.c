/* plugin_dir.c - see plugin_dir.h. */
#include "plugin_dir.h"

#include "config.h"

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

static bool take_names(struct dirent *const *entries, size_t count, struct plugin_dir *out)
{
    out->names = calloc(count + 1, sizeof(*out->names));
    for (size_t i = 0; out->names && i < count; i++) {
        const char *name = entries[i]->d_name;
        out->names[i] = strndup(name, strlen(name) - 3);
        if (!out->names[i])
            return false;
        out->count++;
    }
    return out->names != NULL;
}

int plugin_dir_list(const char *dir, struct plugin_dir *out, struct err *err)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_plugin, by_bytes);

    *out = (struct plugin_dir){0};
    if (n < 0)
        return err_set(err, E_NOT_FOUND, "plugins directory %s: %s", dir, strerror(errno));
    bool good = take_names(entries, (size_t)n, out);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    if (good)
        return SLUICE_OK;
    plugin_dir_free(out);
    return err_set(err, E_SYSTEM, "out of memory");
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
