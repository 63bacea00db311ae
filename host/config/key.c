/* key.c - groups of keys: which are there, which are missing, which nobody knows. */
#include "key.h"

#include "buf.h"
#include "units.h"
#include "value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void key_problem(struct reader *r, const struct config_node *node, const char *fmt, ...)
{
    struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    if (!buf_vprintf(&text, fmt, args))
        pool_exhausted();
    va_end(args);
    config_problem(r->problems, node->file, node->line, "%s", buf_text(&text));
    buf_free(&text);
}

static const char *wanted_range(struct pool *pool, const struct key *key)
{
    char min[32], max[32];
    switch (key->type) {
    case KEY_DURATION:
        units_show_duration(key->min, min);
        units_show_duration(key->max, max);
        return pool_printf(pool, "a duration such as \"30s\" or \"10m\", from %s to %s", key->min ? min : "0s", max);
    case KEY_SIZE:
        units_show_size(key->min, min);
        units_show_size(key->max, max);
        return pool_printf(pool, "a size such as \"64MiB\", from %s to %s", min, max);
    default:
        return pool_printf(pool, "a whole number from %" PRId64 " to %" PRId64, key->min, key->max);
    }
}

const char *key_wanted(struct pool *pool, const struct key *key)
{
    switch (key->type) {
    case KEY_TEXT:
        return "a text in double quotes";
    case KEY_NAME:
        return "a name of letters, digits, _ and -";
    case KEY_COLUMN:
        return "a name of at most 63 bytes";
    case KEY_PATH:
        return "a path in double quotes";
    case KEY_WORDS:
        return "names in one text, split by blanks, or a list of names";
    case KEY_CRON:
        return "a cron line such as \"*/10 * * * *\"";
    case KEY_ZONE:
        return "a time zone of this system such as \"Europe/Athens\"";
    case KEY_LEVEL:
    case KEY_CHOICE:
        return pool_printf(pool, "one of %s", value_list_words(pool, key->choices));
    case KEY_TRUTH:
        return "true or false";
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE:
        return wanted_range(pool, key);
    case KEY_RATE:
        return "a rate such as \"80/min\", \"2/s\" or \"none\"";
    case KEY_TEXTS:
        return "a list of texts: [ \"one\", \"two\" ]";
    case KEY_RENAMES:
        return "a group of texts: { name = \"other_name\"; }";
    case KEY_GROUPS:
        return "a list of groups: ( { … }, { … } )";
    case KEY_GROUP:
    case KEY_NODE:
        return "a group: { … }";
    }
    return "something else";
}

static const struct key *find_key(const struct key_group *group, const char *name)
{
    for (size_t i = 0; i < group->key_count; i++)
        if (strcmp(group->keys[i].name, name) == 0)
            return &group->keys[i];
    return NULL;
}

static void report_unknown(struct reader *r, const struct config_node *node, const struct key_group *group)
{
    const char *names[64];
    char *all = pool_text(r->pool, "");
    for (size_t i = 0; i < group->key_count; i++) {
        names[i] = group->keys[i].name;
        all = pool_printf(r->pool, "%s%s%s", all, i > 0 ? ", " : "", names[i]);
    }
    const char *near = config_nearest(node->name, names, group->key_count);
    if (near)
        key_problem(r, node, "unknown key `%s`: did you mean `%s`?", node->name, near);
    else
        key_problem(r, node, "unknown key `%s`: %s has %s", node->name, group->what, all);
}

/* The preset of a list is its words. */
static void fill_list(struct pool *pool, struct config_node *list, const char *words)
{
    size_t len = 0;
    for (const char *word; (word = value_word(&words, &len)) != NULL;) {
        struct config_node *entry = pool_alloc(pool, sizeof *entry);
        *entry = *list;
        entry->kind = NODE_TEXT;
        entry->text = pool_copy(pool, word, len);
        entry->kids = NULL;
        entry->count = 0;
        node_append(pool, list, entry);
    }
}

/* A key that is not there, or is `broken`: of that enough was said. */
static void read_preset(struct reader *r, const struct config_node *node, const struct key *key, bool broken,
                        void *object)
{
    if (key->flags & KEY_REQUIRED && !broken)
        key_problem(r, node, "`%s` is missing: it must be %s", key->name, key_wanted(r->pool, key));
    struct config_node *preset = pool_alloc(r->pool, sizeof *preset);
    *preset = (struct config_node){.kind = NODE_TEXT, .name = key->name, .file = node->file, .line = node->line};
    if (key->type == KEY_GROUP) {
        preset->kind = NODE_GROUP;
    } else if (key->type == KEY_TEXTS && key->preset) {
        preset->kind = NODE_LIST;
        fill_list(r->pool, preset, key->preset);
    } else if (key->preset || key->type <= KEY_LEVEL) {
        preset->text = pool_text(r->pool, key->preset ? key->preset : "");
    } else {
        return;
    }
    struct key unset = *key;
    unset.set_at = 0;
    unset.flags &= ~KEY_REQUIRED;
    key_read(r, preset, &unset, object);
}

bool key_read_group(struct reader *r, const struct config_node *node, const struct key_group *group, void *object)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct key *key = find_key(group, node->kids[i]->name);
        if (!key)
            report_unknown(r, node->kids[i], group);
        else if (!(key->flags & KEY_EARLY) && !node->kids[i]->broken)
            key_read(r, node->kids[i], key, object);
    }
    for (size_t i = 0; i < group->key_count; i++) {
        const struct key *key = &group->keys[i];
        const struct config_node *kid = node_find(node, key->name);
        if (!(key->flags & KEY_EARLY) && (!kid || kid->broken))
            read_preset(r, node, key, kid != NULL, object);
    }
    return group->check ? group->check(r, object, node) : true;
}
