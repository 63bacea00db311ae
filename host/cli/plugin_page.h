/* plugin_page.h - a plugin's description (host/worker/describe.h) as a help page. Private to host/cli. */
#ifndef SLUICE_CLI_PLUGIN_PAGE_H
#define SLUICE_CLI_PLUGIN_PAGE_H

#include <jansson.h>

/* Print it. `name` is what a configuration writes as `plugin`, `file` where it was found. */
void plugin_page_print(const json_t *description, const char *name, const char *file);

/* Print a connectors block with all its required settings, ready to be pasted into a configuration. */
void plugin_page_example(const json_t *description, const char *name);

#endif
