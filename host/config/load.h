/* load.h - what a config keeps to itself. */
#ifndef SLUICE_CONFIG_LOAD_H
#define SLUICE_CONFIG_LOAD_H

#include "node.h"

/* A text that nobody may see. */
struct config_secret {
    char *bytes;
    size_t len;
};

struct config_files {
    struct pool pool;   /* all that the config points to, but for options and routes */
    const char **names; /* files that were read, in that order */
    size_t count;
    struct config_secret *secrets; /* what secret_keep() was told */
    size_t secret_count;
    int *fixed_lines; /* of the main file, with the keys that a reload cannot change, in their order; 0: not there */
    size_t fixed_count;
    const char *zone; /* the time zone that was looked up last, and is there: most jobs have the same */
};

/* A config without anything in it; NULL without memory. */
struct config *config_new(void);

#endif
