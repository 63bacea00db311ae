#include "value.h"

#include <string.h>

int value_integer(const struct config_node *node, int64_t *value)
{
    if (node->kind == NODE_TEXT)
        return units_integer(node->text, value);
    if (node->kind != NODE_INTEGER)
        return UNITS_WRONG;
    *value = node->number;
    return UNITS_OK;
}

int value_truth(const struct config_node *node, bool *value)
{
    if (node->kind == NODE_TEXT)
        return units_truth(node->text, value);
    bool is_number = node->kind == NODE_INTEGER && (node->number == 0 || node->number == 1);
    if (node->kind != NODE_TRUTH && !is_number)
        return UNITS_WRONG;
    *value = node->number != 0;
    return UNITS_OK;
}

int value_duration(const struct config_node *node, int64_t *us)
{
    if (node->kind == NODE_TEXT)
        return units_duration(node->text, us);
    return node->kind == NODE_INTEGER ? UNITS_BARE : UNITS_WRONG;
}

int value_size(const struct config_node *node, int64_t *bytes)
{
    return node->kind == NODE_TEXT ? units_size(node->text, bytes) : value_integer(node, bytes);
}

int value_rate(const struct config_node *node, int64_t *per_min)
{
    if (node->kind == NODE_TEXT)
        return units_rate(node->text, per_min);
    return node->kind == NODE_INTEGER ? UNITS_BARE : UNITS_WRONG;
}

const char *value_word(const char **list, size_t *len)
{
    const char *at = *list + strspn(*list, " \t");
    *len = strcspn(at, " \t");
    *list = at + *len;
    return *len > 0 ? at : NULL;
}

int value_choice(const struct config_node *node, const char *choices)
{
    if (node->kind != NODE_TEXT)
        return -1;
    size_t wanted = strlen(node->text), len = 0;
    const char *word = NULL;
    for (int i = 0; (word = value_word(&choices, &len)) != NULL; i++)
        if (len == wanted && memcmp(word, node->text, len) == 0)
            return i;
    return -1;
}

char *value_list_words(struct pool *pool, const char *words)
{
    char *text = pool_text(pool, "");
    size_t len = 0;
    for (const char *word; (word = value_word(&words, &len)) != NULL;)
        text = pool_printf(pool, "%s%s%.*s", text, text[0] ? ", " : "", (int)len, word);
    return text;
}
