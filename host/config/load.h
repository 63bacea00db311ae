/* load.h - what a config keeps to itself. */
#ifndef SLUICE_CONFIG_LOAD_H
#define SLUICE_CONFIG_LOAD_H

#include "node.h"

struct config_files {
    struct pool pool;   /* all that the config points to, but for options */
    const char **names; /* files that were read, in that order */
    size_t count;
};

#endif
