/* settings.c - a connector's settings block as its plugin's options want it. */
#include "bind.h"

#include "charset.h"
#include "secret.h"
#include "value.h"
#include "zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One option of the description. */
struct option {
    const char *name; /* without its group */
    const char *type, *preset, *choices, *help;
    bool has_preset, required, secret, list, unique;
};

static json_t *must(json_t *value)
{
    if (!value)
        pool_exhausted();
    return value;
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (value && json_object_set_new(object, name, value) != 0)
        pool_exhausted();
}

/* Does the option stand in the group whose `prefix` is "group." or, at the top, ""? */
static bool option_in(const json_t *json, const char *prefix, struct option *o)
{
    const char *name = bind_text(json, "name");
    size_t len = strlen(prefix);
    if (strncmp(name, prefix, len) != 0 || strchr(name + len, '.'))
        return false;
    *o = (struct option){
        .name = name + len,
        .type = bind_text(json, "type"),
        .preset = bind_text(json, "preset"),
        .choices = bind_text(json, "choices"),
        .help = bind_text(json, "help"),
        .has_preset = json_is_string(json_object_get(json, "preset")),
        .required = json_is_true(json_object_get(json, "required")),
        .secret = json_is_true(json_object_get(json, "secret")),
        .list = json_is_true(json_object_get(json, "list")),
        .unique = json_is_true(json_object_get(json, "unique")),
    };
    return true;
}

/* ---- One value ---- */

static const char *wanted(struct binder *b, const struct option *o)
{
    static const char *const wants[][2] = {
        {"integer", "a whole number"},
        {"boolean", "true or false"},
        {"duration", "a duration with a unit, such as \"30s\""},
        {"zone", "a time zone of this system such as \"Europe/Athens\""},
        {"charset", "a charset that iconv knows, such as \"windows-1253\""},
        {"group", "a group: { … }"},
    };
    if (o->choices[0])
        return pool_printf(b->pool, "one of %s", value_list_words(b->pool, o->choices));
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++)
        if (strcmp(o->type, wants[i][0]) == 0)
            return wants[i][1];
    return "a text in double quotes";
}

static json_t *refuse(struct binder *b, const struct option *o, const struct config_node *node, const char *label,
                      const char *want)
{
    char there[128];
    node_describe(node, o->secret, there, sizeof there);
    config_problem(b->problems, node->file, node->line, "%s: setting `%s` must be %s, not %s", b->connector->name,
                   label, want, there);
    return NULL;
}

static bool is_zone(const char *text)
{
    struct zone *z = zone_open(text);
    zone_close(z);
    return z != NULL;
}

/* The value as text: numbers may be written without quotes. NULL when it is none. */
static const char *as_text(struct binder *b, const struct config_node *node)
{
    if (node->kind == NODE_INTEGER)
        return pool_printf(b->pool, "%" PRId64, node->number);
    return node->kind == NODE_TEXT ? node->text : NULL;
}

static json_t *convert_text(struct binder *b, const struct option *o, const struct config_node *node)
{
    const char *text = as_text(b, node);
    if (!text || (o->choices[0] && value_choice(node, o->choices) < 0))
        return NULL;
    if (strcmp(o->type, "zone") == 0 && !is_zone(text))
        return NULL;
    if (strcmp(o->type, "charset") == 0 && !charset_known(text))
        return NULL;
    return must(json_string(text));
}

/* NULL when the node is not of the option's type. */
static json_t *convert(struct binder *b, const struct option *o, const struct config_node *node)
{
    int64_t number = 0;
    bool truth = false;
    if (strcmp(o->type, "integer") == 0)
        return value_integer(node, &number) == UNITS_OK ? must(json_integer(number)) : NULL;
    if (strcmp(o->type, "duration") == 0)
        return value_duration(node, &number) == UNITS_OK ? must(json_integer(number)) : NULL;
    if (strcmp(o->type, "boolean") == 0)
        return value_truth(node, &truth) == UNITS_OK ? json_boolean(truth) : NULL;
    return convert_text(b, o, node);
}

static void register_secret(struct binder *b, const struct config_node *node)
{
    const char *text = node->broken ? NULL : as_text(b, node);
    if (text)
        secret_keep(b->config->files, text, strlen(text));
    for (size_t i = 0; i < node->count; i++)
        register_secret(b, node->kids[i]);
}

static void report_empty(struct binder *b, const struct option *o, const struct config_node *node, const char *label)
{
    char there[128];
    node_describe(node, o->secret, there, sizeof there);
    config_problem(b->problems, node->file, node->line, "%s: setting `%s` is required, and %s is empty",
                   b->connector->name, label, node->origin ? there : "it");
}

static json_t *read_scalar(struct binder *b, const struct option *o, const struct config_node *node, const char *label)
{
    if (node->broken)
        return NULL;
    if (o->required && node->kind == NODE_TEXT && node->text[0] == '\0') {
        report_empty(b, o, node, label);
        return NULL;
    }
    json_t *value = convert(b, o, node);
    return value ? value : refuse(b, o, node, label, wanted(b, o));
}

/* ---- Groups and lists ---- */

static json_t *read_group(struct binder *b, const json_t *options, const char *prefix, const char *label,
                          const struct config_node *node);

static json_t *read_entry(struct binder *b, const json_t *options, const char *group, const struct option *o,
                          const struct config_node *node, const char *label)
{
    if (strcmp(o->type, "group") != 0)
        return read_scalar(b, o, node, label);
    if (node->kind != NODE_GROUP)
        return refuse(b, o, node, label, wanted(b, o));
    return read_group(b, options, pool_printf(b->pool, "%s%s.", group, o->name), pool_printf(b->pool, "%s.", label),
                      node);
}

static void report_same(struct binder *b, const struct config_node *node, const char *label, const char *field,
                        size_t first)
{
    config_problem(b->problems, node->file, node->line, "%s: setting `%s%s` is the same as that of entry %zu",
                   b->connector->name, label, field, first + 1);
}

/* Entries of a list must differ, or those of a list of groups in one field. */
static void check_unique(struct binder *b, const json_t *list, const char *field, const struct config_node *node,
                         const char *label)
{
    for (size_t i = 1; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_t *value = field[0] ? json_object_get(entry, field) : entry;
        for (size_t j = 0; j < i && value && !json_is_null(value); j++) {
            const json_t *other = json_array_get(list, j);
            if (!json_equal(value, field[0] ? json_object_get(other, field) : other))
                continue;
            const struct config_node *at = node_find(node->kids[i], field);
            const char *name = pool_printf(b->pool, "%s[%zu]%s", label, i, field[0] ? "." : "");
            report_same(b, at ? at : node->kids[i], name, field, j);
            break;
        }
    }
}

static void check_unique_fields(struct binder *b, const json_t *options, const char *prefix, const json_t *list,
                                const struct config_node *node, const char *label)
{
    size_t i = 0;
    const json_t *json = NULL;
    json_array_foreach(options, i, json)
    {
        struct option field;
        if (option_in(json, prefix, &field) && field.unique)
            check_unique(b, list, field.name, node, label);
    }
}

static json_t *read_list(struct binder *b, const json_t *options, const char *group, const struct option *o,
                         const struct config_node *node, const char *label)
{
    bool groups = strcmp(o->type, "group") == 0;
    if (node->broken)
        return NULL;
    if (node->kind != NODE_LIST)
        return refuse(b, o, node, label, groups ? "a list of groups: ( { … }, { … } )" : "a list: [ …, … ]");
    if (o->required && node->count == 0) {
        report_empty(b, o, node, label);
        return NULL;
    }
    json_t *list = must(json_array());
    for (size_t i = 0; i < node->count; i++) {
        const char *entry_label = pool_printf(b->pool, "%s[%zu]", label, i);
        json_t *entry = read_entry(b, options, group, o, node->kids[i], entry_label);
        if (json_array_append_new(list, entry ? entry : json_null()) != 0)
            pool_exhausted();
    }
    if (groups)
        check_unique_fields(b, options, pool_printf(b->pool, "%s%s.", group, o->name), list, node, label);
    else if (o->unique)
        check_unique(b, list, "", node, label);
    return list;
}

static void report_unknown(struct binder *b, const json_t *options, const char *prefix, const char *label,
                           const struct config_node *node)
{
    const char **names = pool_alloc(b->pool, (json_array_size(options) + 1) * sizeof *names);
    size_t count = 0, i = 0;
    const json_t *json = NULL;
    char *all = pool_text(b->pool, "");
    json_array_foreach(options, i, json)
    {
        struct option o;
        if (!option_in(json, prefix, &o))
            continue;
        all = pool_printf(b->pool, "%s%s%s", all, count > 0 ? ", " : "", o.name);
        names[count++] = o.name;
    }
    const char *near = config_nearest(node->name, names, count);
    const char *hint = near ? pool_printf(b->pool, "did you mean `%s`?", near)
                            : pool_printf(b->pool, "there are %s", count > 0 ? all : "none");
    config_problem(b->problems, node->file, node->line, "%s: unknown setting `%s%s`: %s", b->connector->name, label,
                   node->name, hint);
}

static void check_names(struct binder *b, const json_t *options, const char *prefix, const char *label,
                        const struct config_node *node)
{
    for (size_t k = 0; k < node->count; k++) {
        bool known = false;
        size_t i = 0;
        const json_t *json = NULL;
        json_array_foreach(options, i, json)
        {
            struct option o;
            known = known || (option_in(json, prefix, &o) && strcmp(o.name, node->kids[k]->name) == 0);
        }
        if (!known)
            report_unknown(b, options, prefix, label, node->kids[k]);
    }
}

/* An option that is not there: its preset, or nothing. */
static json_t *read_preset(struct binder *b, const struct option *o, const struct config_node *group, const char *label)
{
    if (o->has_preset && !o->list) {
        struct config_node preset = {.kind = NODE_TEXT, .file = group->file, .line = group->line};
        preset.text = pool_text(b->pool, o->preset);
        return read_scalar(b, o, &preset, label);
    }
    if (o->required && b->connector->enabled)
        config_problem(b->problems, group->file, group->line, "%s: setting `%s` is required%s%s", b->connector->name,
                       label, o->help[0] ? ": " : "", o->help);
    return NULL;
}

static json_t *read_option(struct binder *b, const json_t *options, const char *prefix, const struct option *o,
                           const struct config_node *group, const char *label)
{
    const struct config_node *node = node_find(group, o->name);
    if (!node)
        return read_preset(b, o, group, label);
    if (o->secret)
        register_secret(b, node);
    if (o->list)
        return read_list(b, options, prefix, o, node, label);
    return read_entry(b, options, prefix, o, node, label);
}

static json_t *read_group(struct binder *b, const json_t *options, const char *prefix, const char *label,
                          const struct config_node *node)
{
    check_names(b, options, prefix, label, node);
    json_t *object = must(json_object());
    size_t i = 0;
    const json_t *json = NULL;
    json_array_foreach(options, i, json)
    {
        struct option o;
        if (!option_in(json, prefix, &o))
            continue;
        const char *full = pool_printf(b->pool, "%s%s", label, o.name);
        put(object, o.name, read_option(b, options, prefix, &o, node, full));
    }
    return object;
}

json_t *bind_settings(struct binder *b, const json_t *options)
{
    const struct config_connector *c = b->connector;
    const struct config_node none = {.kind = NODE_GROUP, .name = "settings", .file = c->file, .line = c->line};
    return read_group(b, options, "", "", c->settings ? c->settings : &none);
}
