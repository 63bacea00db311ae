/* manual.c - the table of all keys, for those who print it. */
#include "key.h"

struct manual {
    struct pool pool;
    void (*show)(void *context, const struct config_key *key);
    void *context;
};

static void show_group(struct manual *m, const struct key_group *group, const char *prefix)
{
    for (size_t i = 0; i < group->key_count; i++) {
        const struct key *k = &group->keys[i];
        const char *path = pool_printf(&m->pool, "%s%s", prefix, k->name);
        if (k->group) {
            show_group(m, k->group, pool_printf(&m->pool, "%s%s.", path, k->type == KEY_GROUPS ? "[]" : ""));
            continue;
        }
        struct config_key key = {
            .path = path,
            .wanted = key_wanted(&m->pool, k),
            .preset = k->preset              ? k->preset
                      : k->type == KEY_TRUTH ? "false"
                                             : "",
            .help = k->help,
            .required = (k->flags & KEY_REQUIRED) != 0,
            .reloads = (k->flags & KEY_FIXED) == 0,
        };
        m->show(m->context, &key);
    }
}

void config_each_key(void (*show)(void *context, const struct config_key *key), void *context)
{
    struct manual m = {.show = show, .context = context};
    show_group(&m, &keys_root, "");
    pool_free(&m.pool);
}
