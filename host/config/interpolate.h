/* interpolate.h - variables and secret files into the texts of a configuration.
 *
 *   ${NAME}              the variable; a problem when it is not set
 *   ${NAME:-default}     the default when it is not set or empty; it may hold references itself
 *   ${file:/path}        what the file holds, less one line end; $NAME and ${NAME} work in the path
 *   $${                  a plain ${
 */
#ifndef SLUICE_CONFIG_INTERPOLATE_H
#define SLUICE_CONFIG_INTERPOLATE_H

#include "env.h"
#include "node.h"

struct interpolator {
    struct pool *pool;
    const struct env *env;
    struct config_problems *problems;
    bool lenient; /* what is not set is no problem: the text is only marked as broken */
};

/* Fill in every text of a tree, except in members of a group that `skip` names (NULL: none). A text that cannot be
 * filled in is marked as broken. */
void interpolate_tree(const struct interpolator *in, struct config_node *node, const char *skip);

/* The same for a group with an `enabled` of its own: once that is false, the rest is taken leniently. */
void interpolate_switched(const struct interpolator *in, struct config_node *group, const char *skip);

#endif
