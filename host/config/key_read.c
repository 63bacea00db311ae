/* key_read.c - one node as the value of one key. */
#include "key.h"

#include "cron.h"
#include "load.h"
#include "source.h"
#include "value.h"
#include "zone.h"

#include <string.h>

/* PostgreSQL cuts longer identifiers off. */
#define IDENTIFIER_MAX 63

/* Members are told by their offset in the table; each type of key writes one type of member. */
static void *member(void *object, size_t at)
{
    return (char *)object + at;
}

static void wrong(struct reader *r, const struct config_node *node, const struct key *key)
{
    char there[128];
    node_describe(node, key->flags & KEY_SECRET, there, sizeof there);
    const char *name = node->name[0] ? node->name : key->name;
    key_problem(r, node, "`%s` must be %s, not %s", name, key_wanted(r->pool, key), there);
}

/* A number without its unit deserves another hint. */
static void wrong_unit(struct reader *r, const struct config_node *node, const struct key *key, int rc,
                       const char *example)
{
    if (rc == UNITS_BARE && node->origin)
        key_problem(r, node, "`%s` needs a unit, as in \"%s\": the value of %s has none", key->name, example,
                    node->origin);
    else if (rc == UNITS_BARE)
        key_problem(r, node, "`%s` needs a unit, as in \"%s\"", key->name, example);
    else
        wrong(r, node, key);
}

/* ---- Texts ---- */

static bool is_name(const char *text)
{
    for (const char *c = text; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!letter && (*c < '0' || *c > '9') && *c != '_' && *c != '-')
            return false;
    }
    return strlen(text) <= IDENTIFIER_MAX;
}

static bool is_zone(struct config_files *files, const char *text)
{
    if (files->zone && strcmp(files->zone, text) == 0)
        return true;
    struct zone *z = zone_open(text);
    zone_close(z);
    if (z)
        files->zone = text;
    return z != NULL;
}

static void read_cron(struct reader *r, const struct config_node *node, const struct key *key)
{
    struct cron cron = {0};
    struct err err = {0};
    int rc = cron_parse(node->text, &cron, &err);
    if (rc && node->origin)
        wrong(r, node, key); /* the message would quote the variable's value */
    else if (rc)
        key_problem(r, node, "`%s`: %s", key->name, err.msg);
    else if (cron_never(&cron))
        key_problem(r, node, "`%s` never fires: no month has such a day", key->name);
}

/* Does the text, which is not empty, fit the key? */
static bool text_fits(const struct reader *r, const struct config_node *node, const struct key *key)
{
    switch (key->type) {
    case KEY_NAME:
        return is_name(node->text);
    case KEY_COLUMN:
        return strlen(node->text) <= IDENTIFIER_MAX;
    case KEY_ZONE:
        return is_zone(r->files, node->text);
    case KEY_LEVEL:
        return value_choice(node, key->choices) >= 0;
    default:
        return true;
    }
}

static void read_text(struct reader *r, const struct config_node *node, const struct key *key, char **out)
{
    *out = pool_text(r->pool, "");
    if (node->kind != NODE_TEXT) {
        wrong(r, node, key);
    } else if (node->text[0] == '\0') {
        if (key->flags & KEY_REQUIRED || key->type == KEY_ZONE)
            wrong(r, node, key);
    } else if (!text_fits(r, node, key)) {
        wrong(r, node, key);
    } else if (key->type == KEY_PATH) {
        *out = source_absolute(r->pool, node->file, node->text);
    } else {
        if (key->type == KEY_CRON)
            read_cron(r, node, key);
        *out = node->text;
    }
}

/* ---- Lists of texts ---- */

static bool is_word(const char *text)
{
    return text[0] != '\0' && !strpbrk(text, " \t");
}

/* A text split at its blanks, or a list of words, as one text. */
static void read_words(struct reader *r, const struct config_node *node, const struct key *key, char **out)
{
    if (node->kind != NODE_LIST) {
        read_text(r, node, key, out);
        return;
    }
    *out = pool_text(r->pool, "");
    for (size_t i = 0; i < node->count; i++) {
        const struct config_node *entry = node->kids[i];
        if (entry->broken)
            continue;
        if (entry->kind != NODE_TEXT || !is_word(entry->text))
            wrong(r, entry, key);
        else
            *out = pool_printf(r->pool, "%s%s%s", *out, (*out)[0] ? " " : "", entry->text);
    }
    if (node->count == 0 && key->flags & KEY_REQUIRED)
        wrong(r, node, key);
}

static void add_text(struct reader *r, char *text, const struct key *key, void *object)
{
    char ***list = member(object, key->at);
    size_t *count = member(object, key->count_at);
    *list = pool_append(r->pool, *list, *count, sizeof **list);
    (*list)[(*count)++] = text;
}

static void read_texts(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct config_node *entry = node->kids[i];
        if (entry->broken)
            continue;
        if (entry->kind != NODE_TEXT || entry->text[0] == '\0') {
            wrong(r, entry, key);
        } else if (key->choices && value_choice(entry, key->choices) < 0) {
            char there[128];
            node_describe(entry, false, there, sizeof there);
            key_problem(r, entry, "`%s` lists some of %s, not %s", key->name, value_list_words(r->pool, key->choices),
                        there);
        } else {
            add_text(r, entry->text, key, object);
        }
    }
}

static void read_renames(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    struct config_rename **list = member(object, key->at);
    size_t *count = member(object, key->count_at);
    for (size_t i = 0; i < node->count; i++) {
        const struct config_node *kid = node->kids[i];
        if (kid->broken)
            continue;
        if (kid->kind != NODE_TEXT || strlen(kid->text) > IDENTIFIER_MAX) {
            char there[128];
            node_describe(kid, false, there, sizeof there);
            key_problem(r, kid, "`%s` must be a column's name of at most 63 bytes, or \"\" to leave it out, not %s",
                        kid->name, there);
            continue;
        }
        *list = pool_append(r->pool, *list, *count, sizeof **list);
        (*list)[(*count)++] = (struct config_rename){pool_text(r->pool, kid->name), kid->text};
    }
}

/* ---- Groups ---- */

static void read_groups(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    size_t size = key->group->size;
    char *list = pool_alloc(r->pool, (node->count + 1) * size);
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct config_node *kid = node->kids[i];
        if (kid->kind != NODE_GROUP) {
            wrong(r, kid, key);
            continue;
        }
        void *entry = list + count * size;
        if (key_read_group(r, kid, key->group, entry))
            count++;
        else
            memset(entry, 0, size);
    }
    memcpy(member(object, key->at), &list, sizeof list);
    *(size_t *)member(object, key->count_at) = count;
}

/* ---- Numbers ---- */

static bool in_range(const struct key *key, int64_t value)
{
    return value >= key->min && value <= key->max;
}

static void read_count(struct reader *r, const struct config_node *node, const struct key *key, uint32_t *out)
{
    int64_t value = 0;
    if (value_integer(node, &value) != UNITS_OK || !in_range(key, value))
        wrong(r, node, key);
    else
        *out = (uint32_t)value;
}

static void read_duration(struct reader *r, const struct config_node *node, const struct key *key, int64_t *out)
{
    int64_t value = 0;
    int rc = value_duration(node, &value);
    if (rc != UNITS_OK || !in_range(key, value))
        wrong_unit(r, node, key, rc, "30s");
    else
        *out = value;
}

static void read_size(struct reader *r, const struct config_node *node, const struct key *key, uint64_t *out)
{
    int64_t value = 0;
    if (value_size(node, &value) != UNITS_OK || !in_range(key, value))
        wrong(r, node, key);
    else
        *out = (uint64_t)value;
}

static void read_rate(struct reader *r, const struct config_node *node, const struct key *key, uint32_t *out)
{
    int64_t value = 0;
    int rc = value_rate(node, &value);
    if (rc == UNITS_RANGE)
        key_problem(r, node, "`%s` must be at least one a minute: \"1/min\"", key->name);
    else if (rc != UNITS_OK || !in_range(key, value))
        wrong_unit(r, node, key, rc, "80/min");
    else
        *out = (uint32_t)value;
}

static void read_choice(struct reader *r, const struct config_node *node, const struct key *key, void *out)
{
    int index = value_choice(node, key->choices);
    uint32_t value = (uint32_t)(index + key->min);
    if (index < 0)
        wrong(r, node, key);
    else
        memcpy(out, &value, sizeof value); /* int or uint32_t: the same bytes */
}

static void read_truth(struct reader *r, const struct config_node *node, const struct key *key, bool *out)
{
    if (value_truth(node, out) != UNITS_OK)
        wrong(r, node, key);
}

/* ---- One key ---- */

static bool kind_fits(const struct config_node *node, const struct key *key)
{
    switch (key->type) {
    case KEY_TEXTS:
        return node->kind == NODE_LIST;
    case KEY_GROUPS:
        return node->kind == NODE_LIST;
    case KEY_RENAMES:
    case KEY_GROUP:
    case KEY_NODE:
        return node->kind == NODE_GROUP;
    default:
        return true;
    }
}

static void read_aggregate(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    switch (key->type) {
    case KEY_TEXTS:
        read_texts(r, node, key, object);
        break;
    case KEY_RENAMES:
        read_renames(r, node, key, object);
        break;
    case KEY_GROUP:
        key_read_group(r, node, key->group, member(object, key->at));
        break;
    case KEY_GROUPS:
        read_groups(r, node, key, object);
        break;
    default:
        memcpy(member(object, key->at), &node, sizeof node);
        break;
    }
}

static void read_scalar(struct reader *r, const struct config_node *node, const struct key *key, void *out)
{
    switch (key->type) {
    case KEY_WORDS:
        read_words(r, node, key, out);
        break;
    case KEY_CHOICE:
        read_choice(r, node, key, out);
        break;
    case KEY_TRUTH:
        read_truth(r, node, key, out);
        break;
    case KEY_COUNT:
        read_count(r, node, key, out);
        break;
    case KEY_DURATION:
        read_duration(r, node, key, out);
        break;
    case KEY_SIZE:
        read_size(r, node, key, out);
        break;
    case KEY_RATE:
        read_rate(r, node, key, out);
        break;
    default:
        read_text(r, node, key, out);
        break;
    }
}

/* What is no group is reported, and all of its keys are as if not set. */
static void read_no_group(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    wrong(r, node, key);
    struct config_node empty = {.kind = NODE_GROUP, .name = key->name, .file = node->file, .line = node->line};
    if (key->type == KEY_GROUP)
        key_read_group(r, &empty, key->group, member(object, key->at));
}

void key_read(struct reader *r, const struct config_node *node, const struct key *key, void *object)
{
    if (!kind_fits(node, key))
        read_no_group(r, node, key, object);
    else if (key->type >= KEY_TEXTS)
        read_aggregate(r, node, key, object);
    else
        read_scalar(r, node, key, member(object, key->at));
    if (key->set_at)
        *(bool *)member(object, key->set_at) = true;
}
