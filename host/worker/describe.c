/* describe.c - see describe.h: tables into JSON. describe_file.c does it in a process of its own. */
#include "describe.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static json_t *text(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *flag(uint32_t flags, uint32_t bit)
{
    return json_boolean((flags & bit) != 0);
}

static const char *option_type(uint32_t type)
{
    switch (type) {
    case SLUICE_INT:
        return "integer";
    case SLUICE_BOOL:
        return "boolean";
    case SLUICE_DURATION:
        return "duration";
    case SLUICE_ZONE:
        return "zone";
    case SLUICE_CHARSET:
        return "charset";
    case SLUICE_GROUP:
        return "group";
    default:
        return "text";
    }
}

/* Steals both; false when either is missing. */
static bool append(json_t *list, json_t *item)
{
    return list && json_array_append_new(list, item) == 0;
}

static json_t *describe_option(const sluice_option *o)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", o->name, "type", option_type(o->type),
                     "required", flag(o->flags, SLUICE_REQUIRED), "secret", flag(o->flags, SLUICE_SECRET), "list",
                     flag(o->flags, SLUICE_LIST), "unique", flag(o->flags, SLUICE_UNIQUE), "preset", text(o->preset),
                     "choices", text(o->choices), "help", text(o->help));
}

static json_t *describe_column(const sluice_column *c)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "name", c->name, "type", (json_int_t)c->type,
                     "flags", (json_int_t)c->flags, "scale", (json_int_t)c->scale, "path", text(c->path), "value",
                     text(c->value), "preset", text(c->preset), "empty", text(c->empty), "help", text(c->help));
}

static json_t *describe_match(const sluice_match *m)
{
    return json_pack("{s:I, s:o, s:o}", "rule", (json_int_t)m->rule, "columns", text(m->columns), "never",
                     text(m->never));
}

static json_t *describe_route(const sluice_route *r)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "methods", text(r->methods), "path", text(r->path),
                     "action", (json_int_t)r->action, "stream", text(r->stream), "full_key", text(r->full_key), "under",
                     text(r->under), "message", text(r->message), "keys", text(r->keys));
}

/* A list that lacks one item is no description at all. */
static json_t *whole(json_t *list, bool good)
{
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *describe_columns(const sluice_stream *s)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (uint32_t i = 0; good && i < s->column_count; i++)
        good = append(list, describe_column(&s->columns[i]));
    return whole(list, good);
}

static json_t *describe_matches(const sluice_stream *s)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (uint32_t i = 0; good && i < s->match_count; i++)
        good = append(list, describe_match(&s->matches[i]));
    return whole(list, good);
}

json_t *describe_stream(const sluice_stream *s)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", s->name, "table",
                     text(s->table), "help", text(s->help), "scope", text(s->scope), "partition", text(s->partition),
                     "needs", text(s->needs), "zone", text(s->zone), "gone", text(s->gone), "incremental",
                     flag(s->flags, SLUICE_INCREMENTAL), "windowed", flag(s->flags, SLUICE_WINDOWED), "columns",
                     describe_columns(s), "matches", describe_matches(s));
}

static json_t *describe_options(const sluice_connector *c)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (uint32_t i = 0; good && i < c->option_count; i++)
        good = append(list, describe_option(&c->options[i]));
    return whole(list, good);
}

static json_t *describe_streams(const sluice_connector *c)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (uint32_t i = 0; good && i < c->stream_count; i++)
        good = append(list, describe_stream(&c->streams[i]));
    return whole(list, good);
}

static json_t *describe_routes(const sluice_connector *c)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (uint32_t i = 0; good && i < c->route_count; i++)
        good = append(list, describe_route(&c->routes[i]));
    return whole(list, good);
}

/* "0.3": the major version is the end of the entry symbol's name. */
static json_t *describe_abi(const sluice_connector *c)
{
    char abi[32];

    snprintf(abi, sizeof(abi), "%s.%u", strrchr(SLUICE_ENTRY, 'v') + 1, c->abi_minor);
    return json_string(abi);
}

json_t *describe_connector(const sluice_connector *c)
{
    return json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o}", "abi", describe_abi(c), "name", c->name,
                     "version", c->version, "help", text(c->help), "rate_per_min", (json_int_t)c->rate_per_min,
                     "parallel", (json_int_t)c->parallel, "options", describe_options(c), "streams",
                     describe_streams(c), "routes", describe_routes(c));
}
