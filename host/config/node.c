#include "node.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* As much of a wrong text as is quoted. */
#define QUOTE_BYTES 60

struct config_node *node_find(const struct config_node *group, const char *name)
{
    if (!group || group->kind != NODE_GROUP)
        return NULL;
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->kids[i]->name, name) == 0)
            return group->kids[i];
    return NULL;
}

void node_append(struct pool *pool, struct config_node *parent, struct config_node *kid)
{
    parent->kids = pool_append(pool, parent->kids, parent->count, sizeof(struct config_node *));
    parent->kids[parent->count++] = kid;
}

const char *node_shown(const struct config_node *node, const char *value)
{
    return node->origin ? node->origin : value;
}

static void describe_text(const struct config_node *node, bool secret, char *out, size_t size)
{
    size_t len = strlen(node->text);
    if (node->origin)
        snprintf(out, size, "the value of %s", node->origin);
    else if (len == 0)
        snprintf(out, size, "an empty text");
    else if (secret)
        snprintf(out, size, "the text that is there");
    else if (len <= QUOTE_BYTES)
        snprintf(out, size, "the text \"%s\"", node->text);
    else
        snprintf(out, size, "a text of %zu bytes", len);
}

void node_describe(const struct config_node *node, bool secret, char *out, size_t size)
{
    switch (node->kind) {
    case NODE_TEXT:
        describe_text(node, secret, out, size);
        return;
    case NODE_INTEGER:
        if (secret)
            snprintf(out, size, "a number");
        else
            snprintf(out, size, "the number %" PRId64, node->number);
        return;
    case NODE_FRACTION:
        snprintf(out, size, "a number with a fraction");
        return;
    case NODE_TRUTH:
        snprintf(out, size, "%s", node->number ? "true" : "false");
        return;
    case NODE_LIST:
        snprintf(out, size, "a list");
        return;
    case NODE_GROUP:
        snprintf(out, size, "a group");
        return;
    }
}
