/* parse.h - the text of one file into nodes. The only file that knows libconfig. */
#ifndef SLUICE_CONFIG_PARSE_H
#define SLUICE_CONFIG_PARSE_H

#include "node.h"

/* Scan and read the `len` bytes at `text`, followed by a NUL. `file` is kept by the nodes. Gives the file's root, a
 * group, or NULL when it cannot be read; problems may be added in both cases. */
struct config_node *parse_text(struct pool *pool, const char *file, const char *text, size_t len,
                               struct config_problems *problems);

#endif
