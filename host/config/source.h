/* source.h - the files a configuration is read from: whole, small, and nobody else's to change. */
#ifndef SLUICE_CONFIG_SOURCE_H
#define SLUICE_CONFIG_SOURCE_H

#include "buf.h"
#include "config.h"
#include "pool.h"

/* Bytes of one configuration file, env_file or secret file. */
#define SOURCE_CONFIG_MAX ((size_t)4 << 20)
#define SOURCE_ENV_MAX    ((size_t)1 << 20)
#define SOURCE_SECRET_MAX ((size_t)64 << 10)

/* Who may do what with a file or directory. */
enum source_guard {
    GUARD_CHANGE,  /* only root and the current user may own it, nobody else may write it */
    GUARD_REPLACE, /* the same of a directory, or it is sticky as /tmp is: nobody else may replace what stands in it */
    GUARD_READ,    /* as GUARD_CHANGE, and a warning when others may read it */
    GUARD_OTHERS,  /* others may not write it: a secret that a container platform puts in place */
};

/* Where problems go, and the place that they are about: the file itself, or the line that names it. */
struct source_place {
    struct config_problems *problems;
    const char *file;
    int line;
};

/* Check owner and mode of the file or directory `path`; false when a problem was added. `what` names it: "env_file". */
bool source_guard(const char *path, const char *what, enum source_guard guard, const struct source_place *place);

/* Why file_read() failed, without the path in front. */
const char *source_reason(const struct err *err, const char *path);

/* `path` as seen from the directory that `file` stands in. */
char *source_beside(struct pool *pool, const char *file, const char *path);

/* The same, from the root. */
char *source_absolute(struct pool *pool, const char *file, const char *path);

/* The *.cfg in a directory, in byte order and without hidden ones; false when the directory cannot be read (errno says
 * why). The paths live in the pool. */
bool source_list(struct pool *pool, const char *dir, char ***paths, size_t *count);

#endif
