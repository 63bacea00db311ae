/* route_answer.c - see route_answer.h. */
#include "route_answer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE     256
#define UNDER_DEFAULT "data" /* for lists, where the route names no key */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- Partitions ---- */

/* The settings of partition `id`; NULL when there is no such. */
static const json_t *partition_settings(const struct route_source *s, const char *id)
{
    const json_t *list = json_object_get(s->options, s->partition), *group;
    size_t i;

    json_array_foreach(list, i, group) {
        const char *its = text_of(group, "id");
        if (its && strcmp(its, id) == 0)
            return group;
    }
    return NULL;
}

/* The result of partition `id` in that of the whole run. */
static const json_t *partition_result(const json_t *run, const char *id)
{
    const json_t *list = json_object_get(run, "partitions"), *one;
    const char *its = text_of(run, "partition");
    size_t i;

    json_array_foreach(list, i, one) {
        const char *name = text_of(one, "id");
        if (name && strcmp(name, id) == 0)
            return one;
    }
    return its && strcmp(its, id) == 0 ? run : NULL;
}

/* ---- Keys ---- */

/* One element of the answer: where its values come from. */
struct element {
    const struct route_source *source;
    const char *id;      /* of its partition; NULL: none */
    const json_t *group; /* that partition's settings; NULL */
    const json_t *run;   /* NULL: it never ran */
};

/* The errors of its records; those of one that failed begin with why. New reference. */
static json_t *error_details(const json_t *run)
{
    const json_t *error = json_object_get(run, "error");
    json_t *list = json_copy(json_object_get(run, "errorDetails"));

    if (json_is_string(error) && list)
        json_array_insert_new(list, 0, json_pack("{s:n, s:O}", "key", "reason", error));
    return list;
}

/* Is it a setting of the partition? */
static bool is_group_setting(const struct element *e, const char *where)
{
    size_t len = strlen(e->source->partition);

    return len && strncmp(where, e->source->partition, len) == 0 && where[len] == '.';
}

/* The setting `where`; NULL when it has no value or is none. */
static const json_t *setting(const struct element *e, const char *where)
{
    if (is_group_setting(e, where))
        return json_object_get(e->group, where + strlen(e->source->partition) + 1);
    const char *dot = strchr(where, '.');
    const json_t *value = json_object_get(e->source->options, where);
    if (value || !dot)
        return value;
    char group[NAME_SIZE];
    snprintf(group, sizeof(group), "%.*s", (int)(dot - where), where);
    return json_object_get(json_object_get(e->source->options, group), dot + 1);
}

/* A value of the run, or a setting. New reference; NULL: there is none. */
static json_t *look_up(const struct element *e, const char *where)
{
    const json_t *value = NULL;

    if (strcmp(where, "id") == 0)
        return e->id ? json_string(e->id) : NULL;
    if (strcmp(where, "errorDetails") == 0 && e->id)
        return error_details(e->run);
    if (strncmp(where, "stats.", 6) == 0)
        value = json_object_get(json_object_get(e->run, "stats"), where + 6);
    if (!value)
        value = json_object_get(e->run, where);
    if (!value)
        value = setting(e, where);
    return value ? json_deep_copy(value) : NULL;
}

/* Put a value where a name with dots says. Steals it. */
static bool put(json_t *object, const char *name, json_t *value)
{
    const char *dot = strchr(name, '.');
    char part[NAME_SIZE];

    if (!dot)
        return json_object_set_new(object, name, value) == 0;
    snprintf(part, sizeof(part), "%.*s", (int)(dot - name), name);
    json_t *inner = json_object_get(object, part);
    if (!json_is_object(inner)) {
        inner = json_object();
        if (json_object_set_new(object, part, inner)) {
            json_decref(value);
            return false;
        }
    }
    return put(inner, dot + 1, value);
}

/* A key without a value: null for a setting, and when nothing ever ran, the object that it would be in all the same;
 * else left out. */
static bool put_nothing(const struct element *e, json_t *object, const char *name, const char *where)
{
    char first[NAME_SIZE];

    if (e->run && !is_group_setting(e, where))
        return true;
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(name, "."), name);
    if (json_object_get(object, first))
        return true;
    return json_object_set_new(object, first, json_null()) == 0;
}

static bool put_key(const struct element *e, json_t *object, const char *key, size_t len)
{
    char name[NAME_SIZE];

    if (len >= sizeof(name))
        return true;
    memcpy(name, key, len);
    name[len] = '\0';
    char *equals = strchr(name, '=');
    if (equals)
        *equals = '\0';
    const char *where = equals ? equals + 1 : name;
    json_t *value = look_up(e, where);
    return value ? put(object, name, value) : put_nothing(e, object, name, where);
}

static json_t *element_json(const struct element *e)
{
    const char *keys = text_of(e->source->route, "keys");
    json_t *object = keys || !e->run ? json_object() : json_deep_copy(e->run);

    if (!keys && e->id && object)
        json_object_set_new(object, "id", json_string(e->id));
    for (size_t len; object && keys && *(keys += strspn(keys, " ")); keys += len) {
        len = strcspn(keys, " ");
        if (put_key(e, object, keys, len))
            continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

/* ---- Elements ---- */

static json_t *one(const struct route_source *s, const char *id, const json_t *run)
{
    const struct element e = {s, id, id ? partition_settings(s, id) : NULL, run};

    return element_json(&e);
}

/* {id: the result of that partition} of a run. New reference. */
static json_t *results_by_id(const json_t *run)
{
    const json_t *list = json_object_get(run, "partitions"), *one;
    json_t *results = json_object();
    const char *single = text_of(run, "partition");
    size_t i;

    json_array_foreach(list, i, one) {
        const char *id = text_of(one, "id");
        if (id)
            json_object_set(results, id, (json_t *)(uintptr_t)one);
    }
    if (single && *single)
        json_object_set(results, single, (json_t *)(uintptr_t)run);
    return results;
}

/* Each configured partition, with its part of the run; those without one are left out when `ran_only`. */
static json_t *all(const struct route_source *s, const json_t *run, bool ran_only)
{
    const json_t *groups = json_object_get(s->options, s->partition), *group;
    json_t *list = json_array(), *results = results_by_id(run);
    size_t i;

    if (!*s->partition) {
        json_array_append_new(list, one(s, NULL, run));
        json_decref(results);
        return list;
    }
    json_array_foreach(groups, i, group) {
        const char *id = text_of(group, "id");
        const json_t *part = id ? json_object_get(results, id) : NULL;
        if (id && (!s->visible || json_object_get(s->visible, id)) && (part || !ran_only))
            json_array_append_new(list, one(s, id, part));
    }
    json_decref(results);
    return list;
}

/* Was any of it a success? Of partitions one is enough, and none is no failure. */
static bool succeeded(const struct route_source *s, const json_t *run)
{
    const json_t *list = json_object_get(run, "partitions"), *one;
    size_t i;

    if (!*s->partition || s->id || json_array_size(list) == 0)
        return json_is_true(json_object_get(run, "success"));
    json_array_foreach(list, i, one) {
        if (json_is_true(json_object_get(one, "success")))
            return true;
    }
    return false;
}

/* {"success", "message", under: value}. Steals the value. */
static json_t *wrapped(const struct route_source *s, bool success, const char *message, json_t *value)
{
    const char *under = text_of(s->route, "under");
    json_t *body = json_object();

    json_object_set_new(body, "success", json_boolean(success));
    if (message)
        json_object_set_new(body, "message", json_string(message));
    if (json_object_set_new(body, under ? under : UNDER_DEFAULT, value) == 0)
        return body;
    json_decref(body);
    return NULL;
}

/* ---- The answers ---- */

static json_t *told_under(const struct route_source *s, const json_t *run, const json_t *part, const char *message)
{
    bool good = succeeded(s, part);
    const char *error = text_of(part, "error"), *when = text_of(part, "timestamp");
    json_t *body = wrapped(s, good, good ? message : NULL, s->id ? one(s, s->id, part) : all(s, run, true));

    if (body && !good) {
        json_object_set_new(body, "error", json_string(error ? error : "the run failed"));
        json_object_set_new(body, "timestamp", when ? json_string(when) : json_null());
    }
    return body;
}

json_t *route_answer_run(const struct route_source *s, const json_t *run)
{
    const char *message = text_of(s->route, "message");
    const json_t *part = s->id ? partition_result(run, s->id) : run;

    if (!part)
        part = run;
    if (text_of(s->route, "under"))
        return told_under(s, run, part, message ? message : text_of(run, "message"));
    json_t *body = one(s, s->id, part);
    if (body && message)
        json_object_set_new(body, "message", json_string(message));
    return body;
}

json_t *route_answer_nothing(const struct route_source *s)
{
    return wrapped(s, true, text_of(s->route, "message"), json_array());
}

json_t *route_answer_status(const struct route_source *s, const json_t *last_run)
{
    const char *message = text_of(s->route, "message");
    bool single = s->id || !*s->partition;
    const json_t *part = s->id ? partition_result(last_run, s->id) : last_run;

    if (!single)
        return wrapped(s, true, message, all(s, last_run, false));
    if (text_of(s->route, "under"))
        return wrapped(s, true, message, one(s, s->id, part));
    return one(s, s->id, part);
}

json_t *route_answer_partitions(const struct route_source *s)
{
    const char *message = text_of(s->route, "message");

    return wrapped(s, true, message, s->id ? one(s, s->id, NULL) : all(s, NULL, false));
}
