/* fixed.h - the keys that only a restart can change. */
#ifndef SLUICE_CONFIG_FIXED_H
#define SLUICE_CONFIG_FIXED_H

#include "load.h"

/* Note on which lines of the main file, whose root is given, they stand. */
void fixed_note(struct config_files *files, const struct config_node *root);

#endif
