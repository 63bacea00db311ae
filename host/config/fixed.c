/* fixed.c - see fixed.h and snapshot.h. */
#include "fixed.h"

#include "saved.h"
#include "snapshot.h"

#include <stdio.h>

/* ---- Where they stand ---- */

static void note_line(struct config_files *files, int line)
{
    files->fixed_lines = pool_append(&files->pool, files->fixed_lines, files->fixed_count, sizeof *files->fixed_lines);
    files->fixed_lines[files->fixed_count++] = line;
}

/* `node` is the group as written; NULL: it is not there. */
static void note_group(struct config_files *files, const struct key_group *group, const struct config_node *node)
{
    for (size_t i = 0; i < group->key_count; i++) {
        const struct key *key = &group->keys[i];
        const struct config_node *kid = node_find(node, key->name);
        if (key->type == KEY_GROUP)
            note_group(files, key->group, kid);
        else if (key->flags & KEY_FIXED)
            note_line(files, kid ? kid->line : node ? node->line : 0);
    }
}

void fixed_note(struct config_files *files, const struct config_node *root)
{
    note_group(files, &keys_root, root);
}

/* ---- Whether they changed ---- */

struct comparison {
    const struct config *c;
    struct config_problems *problems;
    size_t index; /* of the key among all that are fixed */
};

static void compare_key(struct comparison *cmp, const char *prefix, const struct key *key, const void *now,
                        const void *then)
{
    const struct config_files *files = cmp->c->files;
    int line = cmp->index < files->fixed_count ? files->fixed_lines[cmp->index] : 0;
    json_t *a = saved_value(key, now), *b = saved_value(key, then);
    if (!a || !b || !json_equal(a, b))
        config_problem(cmp->problems, cmp->c->path, line, "`%s%s` cannot be changed by a reload: restart sluice",
                       prefix, key->name);
    json_decref(a);
    json_decref(b);
    cmp->index++;
}

static void compare_group(struct comparison *cmp, const char *prefix, const struct key_group *group, const void *now,
                          const void *then)
{
    char inner[128];
    for (size_t i = 0; i < group->key_count; i++) {
        const struct key *key = &group->keys[i];
        if (key->type == KEY_GROUP) {
            snprintf(inner, sizeof inner, "%s%s.", prefix, key->name);
            compare_group(cmp, inner, key->group, (const char *)now + key->at, (const char *)then + key->at);
        } else if (key->flags & KEY_FIXED) {
            compare_key(cmp, prefix, key, now, then);
        }
    }
}

void config_check_fixed(const struct config *now, const struct config *c, struct config_problems *problems)
{
    struct comparison cmp = {.c = c, .problems = problems};
    compare_group(&cmp, "", &keys_root, now, c);
}
