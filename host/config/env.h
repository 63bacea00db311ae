/* env.h - the variables that ${NAME} stands for: those of the env_file, and behind them the process's own.
 *
 * env_file: lines NAME=value, blank ones, and comments that begin with #. "export " before a name is skipped. Blanks
 * around the value are dropped; in 'single quotes' it is taken as it stands, in "double quotes" \" \\ and \$ lose their
 * backslash. Nothing is filled in, a # within a value belongs to it, and of two lines with a name the last one counts.
 */
#ifndef SLUICE_CONFIG_ENV_H
#define SLUICE_CONFIG_ENV_H

#include "source.h"

struct env_variable {
    const char *name, *value;
};

struct env {
    struct env_variable *list; /* of the env_file */
    size_t count;
    const char *file; /* NULL without one */
};

/* Read the lines of an env_file, `len` bytes followed by a NUL, as problems name it. Problems never show a value. */
void env_parse(struct pool *pool, struct env *env, const char *file, char *text, size_t len,
               struct config_problems *problems);

/* The value of a variable, NULL when it is not set. */
const char *env_get(const struct env *env, const char *name);

/* The name of a variable that is set and nearly called `name`; NULL when there is none. */
const char *env_nearest(struct pool *pool, const struct env *env, const char *name);

#endif
