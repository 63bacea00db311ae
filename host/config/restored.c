/* restored.c - see saved.h: JSON back into structs. What is read here came from a pipe: every type is looked at. */
#include "saved.h"

#include "hex.h"
#include "value.h"

#include <stdio.h>
#include <string.h>

static void *member(void *object, size_t at)
{
    return (char *)object + at;
}

/* ---- Texts ---- */

char *restored_bytes(struct pool *pool, const json_t *json, size_t *len)
{
    const char *hex = json_string_value(json_object_get(json, "hex"));
    size_t digits = json_string_length(json_object_get(json, "hex"));
    if (!hex || digits % 2 != 0)
        return NULL;
    char *bytes = pool_alloc(pool, digits / 2 + 1);
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        bytes[i] = (char)(high << 4 | low);
    }
    *len = digits / 2;
    return bytes;
}

char *restored_text(struct pool *pool, const json_t *json)
{
    size_t len = json_string_length(json);
    char *text =
        json_is_string(json) ? pool_copy(pool, json_string_value(json), len) : restored_bytes(pool, json, &len);
    return text && strlen(text) == len ? text : NULL;
}

/* ---- Numbers ---- */

static size_t count_words(const char *words)
{
    size_t n = 0, len = 0;
    while (value_word(&words, &len))
        n++;
    return n;
}

static bool read_number(const json_t *json, int64_t min, int64_t max, int64_t *out)
{
    *out = json_integer_value(json);
    return json_is_integer(json) && *out >= min && *out <= max;
}

static bool read_u32(const json_t *json, int64_t min, int64_t max, void *out)
{
    int64_t number = 0;
    if (!read_number(json, min, max, &number))
        return false;
    uint32_t value = (uint32_t)number;
    memcpy(out, &value, sizeof value); /* an int with a choice has the same bytes */
    return true;
}

static bool read_size(const json_t *json, uint64_t *out)
{
    int64_t number = 0;
    if (!read_number(json, 0, INT64_MAX, &number))
        return false;
    *out = (uint64_t)number;
    return true;
}

static bool read_truth(const json_t *json, bool *out)
{
    *out = json_is_true(json);
    return json_is_boolean(json);
}

/* ---- Lists ---- */

static bool read_texts(struct pool *pool, const json_t *json, const struct key *key, void *object)
{
    size_t count = json_array_size(json);
    char **list = count > 0 ? pool_alloc(pool, count * sizeof *list) : NULL;
    for (size_t i = 0; i < count; i++) {
        list[i] = restored_text(pool, json_array_get(json, i));
        if (!list[i])
            return false;
    }
    memcpy(member(object, key->at), &list, sizeof list);
    *(size_t *)member(object, key->count_at) = count;
    return json_is_array(json);
}

static bool read_renames(struct pool *pool, const json_t *json, const struct key *key, void *object)
{
    size_t count = json_array_size(json);
    struct config_rename *list = count > 0 ? pool_alloc(pool, count * sizeof *list) : NULL;
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(json, i);
        list[i].from = restored_text(pool, json_array_get(pair, 0));
        list[i].to = restored_text(pool, json_array_get(pair, 1));
        if (!list[i].from || !list[i].to)
            return false;
    }
    memcpy(member(object, key->at), &list, sizeof list);
    *(size_t *)member(object, key->count_at) = count;
    return json_is_array(json);
}

/* False with err filled in when it is one of the groups' members that is wrong. */
static bool read_groups(struct pool *pool, const json_t *json, const struct key *key, void *object, struct err *err)
{
    size_t count = json_array_size(json);
    char *list = pool_alloc(pool, (count + 1) * key->group->size);
    for (size_t i = 0; i < count; i++)
        if (restored_group(pool, json_array_get(json, i), key->group, list + i * key->group->size, err) != 0)
            return false;
    memcpy(member(object, key->at), &list, sizeof list);
    *(size_t *)member(object, key->count_at) = count;
    return json_is_array(json);
}

/* ---- Keys ---- */

static bool read_text(struct pool *pool, const json_t *json, void *out)
{
    char *text = restored_text(pool, json);
    memcpy(out, &text, sizeof text);
    return text != NULL;
}

static bool read_value(struct pool *pool, const json_t *json, const struct key *key, void *object, struct err *err)
{
    void *out = member(object, key->at);
    switch (key->type) {
    case KEY_CHOICE:
        return read_u32(json, key->min, key->min + (int64_t)count_words(key->choices) - 1, out);
    case KEY_COUNT:
    case KEY_RATE:
        return read_u32(json, 0, UINT32_MAX, out);
    case KEY_DURATION:
        return read_number(json, 0, INT64_MAX, out);
    case KEY_SIZE:
        return read_size(json, out);
    case KEY_TRUTH:
        return read_truth(json, out);
    case KEY_TEXTS:
        return read_texts(pool, json, key, object);
    case KEY_RENAMES:
        return read_renames(pool, json, key, object);
    case KEY_GROUP:
        return restored_group(pool, json, key->group, out, err) == 0;
    case KEY_GROUPS:
        return read_groups(pool, json, key, object, err);
    default:
        return read_text(pool, json, out);
    }
}

static bool read_key(struct pool *pool, const json_t *json, const struct key *key, void *object, struct err *err)
{
    char name[64];
    if (key->flags & KEY_EARLY || key->type == KEY_NODE)
        return true;
    if (!read_value(pool, json_object_get(json, key->name), key, object, err))
        return false;
    if (!key->set_at)
        return true;
    snprintf(name, sizeof name, "%s?", key->name);
    return read_truth(json_object_get(json, name), member(object, key->set_at));
}

int restored_group(struct pool *pool, const json_t *json, const struct key_group *group, void *object, struct err *err)
{
    for (size_t i = 0; i < group->key_count; i++)
        if (!read_key(pool, json, &group->keys[i], object, err))
            return err->code ? err->code : err_set(err, SLUICE_E_BUG, "`%s` is missing or wrong", group->keys[i].name);
    return SLUICE_OK;
}
