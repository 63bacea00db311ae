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

/* Fill in every text of a tree, except the member of `node` that `skip` names (NULL: none). A text is filled in once;
 * one that cannot be is marked as broken. */
void interpolate_tree(const struct interpolator *in, struct config_node *node, const char *skip);

/* Fill in the member `enabled` of a connector or job. False when it is there and says no. */
bool interpolate_enabled(const struct interpolator *in, struct config_node *group);

#endif
