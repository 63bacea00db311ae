#include "parse.h"

#include "scan.h"

#include <libconfig.h>
#include <string.h>

struct parser {
    struct pool *pool;
    const char *file;
    const struct scan *scan;
    size_t values; /* copied so far: the scan counted them in the same order */
};

static bool is_harmed(const struct scan *scan, int line)
{
    for (size_t i = 0; i < scan->harmed_count; i++)
        if (scan->harmed_lines[i] == line)
            return true;
    return false;
}

/* libconfig knows the line of a named setting; for the entries of a list it gives the line of the word that follows. */
static int line_of(struct parser *ps, const config_setting_t *setting)
{
    size_t index = ps->values++;
    if (config_setting_name(setting) || index >= ps->scan->value_count)
        return (int)config_setting_source_line(setting);
    return ps->scan->value_lines[index];
}

static void copy_value(struct parser *ps, const config_setting_t *setting, struct config_node *node)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        node->kind = NODE_INTEGER;
        node->number = config_setting_get_int64(setting);
        break;
    case CONFIG_TYPE_BOOL:
        node->kind = NODE_TRUTH;
        node->number = config_setting_get_bool(setting) != 0;
        break;
    case CONFIG_TYPE_FLOAT:
        node->kind = NODE_FRACTION;
        break;
    default: {
        const char *text = config_setting_get_string(setting);
        node->kind = NODE_TEXT;
        node->text = pool_text(ps->pool, text ? text : "");
        break;
    }
    }
}

static struct config_node *copy_tree(struct parser *ps, const config_setting_t *setting)
{
    struct config_node *node = pool_alloc(ps->pool, sizeof *node);
    const char *name = config_setting_name(setting);
    node->name = name ? pool_text(ps->pool, name) : "";
    node->file = ps->file;
    if (!config_setting_is_root(setting))
        node->line = line_of(ps, setting);

    if (!config_setting_is_aggregate(setting)) {
        copy_value(ps, setting, node);
        node->broken = is_harmed(ps->scan, node->line);
        return node;
    }
    node->kind = config_setting_is_group(setting) ? NODE_GROUP : NODE_LIST;
    int length = config_setting_length(setting);
    for (int i = 0; i < length; i++)
        node_append(ps->pool, node, copy_tree(ps, config_setting_get_elem(setting, (unsigned)i)));
    return node;
}

/* What the scan lets pass and libconfig refuses. */
static void report(const config_t *cfg, const char *file, struct config_problems *problems)
{
    const char *text = config_error_text(cfg);
    if (text && strcmp(text, "mismatched element type in array") == 0)
        config_problem(problems, file, config_error_line(cfg), "[ ] holds values of one kind; mixed ones stand in ( )");
    else
        config_problem(problems, file, config_error_line(cfg), "%s here or just before: a line is name = value;",
                       text ? text : "syntax error");
}

struct config_node *parse_text(struct pool *pool, const char *file, const char *text, size_t len,
                               struct config_problems *problems)
{
    struct scan scan = {0};
    scan_text(file, text, len, &scan, problems);

    struct config_node *root = NULL;
    config_t cfg;
    config_init(&cfg);
    if (scan.readable && config_read_string(&cfg, text)) {
        struct parser ps = {.pool = pool, .file = file, .scan = &scan};
        root = copy_tree(&ps, config_root_setting(&cfg));
    } else if (scan.readable) {
        report(&cfg, file, problems);
    }
    config_destroy(&cfg);
    scan_free(&scan);
    return root;
}
