/* plugin_dir.h - what is in a directory of plugins. */
#ifndef SLUICE_SUPERVISOR_PLUGIN_DIR_H
#define SLUICE_SUPERVISOR_PLUGIN_DIR_H

#include "err.h"

#include <stddef.h>

struct plugin_dir {
    char **names; /* "sales" for sales.so, in byte order */
    size_t count;
};

/* List the directory. E_NOT_FOUND when it cannot be read, E_SYSTEM without memory. */
int plugin_dir_list(const char *dir, struct plugin_dir *out, struct err *err);
void plugin_dir_free(struct plugin_dir *d);

/* The plugin whose name is nearest to `name`; NULL when none is near. The caller frees it. */
char *plugin_dir_nearest(const char *dir, const char *name);

#endif
