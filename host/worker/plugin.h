/* plugin.h - a connector's shared object: loaded, checked, and its tables copied into structs of this host's size.
 *
 * Only a process that may die of it loads a plugin: the connector child and the describing child. Nothing is ever
 * unloaded.
 */
#ifndef SLUICE_WORKER_PLUGIN_H
#define SLUICE_WORKER_PLUGIN_H

#include "err.h"
#include "sluice/abi.h"

/* Load `file` and check all that its tables say: names in lists, types, flags. SLUICE_E_CONFIG or SLUICE_E_BUG with the
 * exact reason; E_NOT_FOUND when there is no such file. The connector lives as long as the process. */
int plugin_load(const char *file, const sluice_connector **out, struct err *err);

/* The file of plugin `name`: `name` itself when it holds a "/", else "<dir>/<name>.so". */
void plugin_path(const char *dir, const char *name, char *out, size_t size);

#endif
