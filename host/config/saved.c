/* saved.c - see saved.h: structs into JSON. restored.c is the way back. */
#include "saved.h"

#include "encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const void *member(const void *object, size_t at)
{
    return (const char *)object + at;
}

bool saved_put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* A list or group that lacks something is none. */
static json_t *whole(json_t *json, bool good)
{
    if (good)
        return json;
    json_decref(json);
    return NULL;
}

/* ---- Texts ---- */

json_t *saved_bytes(const char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * len + 1);
    if (!hex)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[(unsigned char)bytes[i] >> 4];
        hex[2 * i + 1] = digits[(unsigned char)bytes[i] & 15];
    }
    hex[2 * len] = '\0';
    json_t *json = json_pack("{s:s}", "hex", hex);
    explicit_bzero(hex, 2 * len);
    free(hex);
    return json;
}

json_t *saved_text(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return encoding_is_utf8(text, len) ? json_stringn(text ? text : "", len) : saved_bytes(text, len);
}

/* ---- Lists ---- */

static size_t count_of(const struct key *key, const void *object)
{
    return *(const size_t *)member(object, key->count_at);
}

static json_t *saved_texts(const struct key *key, const void *object)
{
    char *const *list = *(char *const *const *)member(object, key->at);
    json_t *json = json_array();
    bool good = json != NULL;
    for (size_t i = 0; good && i < count_of(key, object); i++)
        good = json_array_append_new(json, saved_text(list[i])) == 0;
    return whole(json, good);
}

/* In order: a list of pairs. */
static json_t *saved_renames(const struct key *key, const void *object)
{
    const struct config_rename *list = *(const struct config_rename *const *)member(object, key->at);
    json_t *json = json_array();
    bool good = json != NULL;
    for (size_t i = 0; good && i < count_of(key, object); i++)
        good = json_array_append_new(json, json_pack("[o, o]", saved_text(list[i].from), saved_text(list[i].to))) == 0;
    return whole(json, good);
}

static json_t *saved_groups(const struct key *key, const void *object)
{
    const char *list = *(const char *const *)member(object, key->at);
    json_t *json = json_array();
    bool good = json != NULL;
    for (size_t i = 0; good && i < count_of(key, object); i++)
        good = json_array_append_new(json, saved_group(key->group, list + i * key->group->size)) == 0;
    return whole(json, good);
}

/* ---- Keys ---- */

json_t *saved_value(const struct key *key, const void *object)
{
    const void *at = member(object, key->at);
    switch (key->type) {
    case KEY_CHOICE:
    case KEY_COUNT:
    case KEY_RATE:
        return json_integer(*(const uint32_t *)at);
    case KEY_DURATION:
        return json_integer(*(const int64_t *)at);
    case KEY_SIZE:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case KEY_TRUTH:
        return json_boolean(*(const bool *)at);
    case KEY_TEXTS:
        return saved_texts(key, object);
    case KEY_RENAMES:
        return saved_renames(key, object);
    case KEY_GROUP:
        return saved_group(key->group, at);
    case KEY_GROUPS:
        return saved_groups(key, object);
    case KEY_NODE:
        return json_null();
    default:
        return saved_text(*(const char *const *)at);
    }
}

static bool put_key(json_t *json, const struct key *key, const void *object)
{
    char name[64];
    if (key->flags & KEY_EARLY || key->type == KEY_NODE)
        return true;
    if (!saved_put(json, key->name, saved_value(key, object)))
        return false;
    if (!key->set_at)
        return true;
    snprintf(name, sizeof name, "%s?", key->name);
    return saved_put(json, name, json_boolean(*(const bool *)member(object, key->set_at)));
}

json_t *saved_group(const struct key_group *group, const void *object)
{
    json_t *json = json_object();
    bool good = json != NULL;
    for (size_t i = 0; good && i < group->key_count; i++)
        good = put_key(json, &group->keys[i], object);
    return whole(json, good);
}
