/* plugin_check.c - see plugin_check.h: the connector as a whole, its settings, and what all checks share. */
#include "plugin_check.h"

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_FLAGS (SLUICE_REQUIRED | SLUICE_SECRET | SLUICE_LIST | SLUICE_UNIQUE)

/* ---- Names and texts ---- */

sluice_str plugin_str(const char *text)
{
    return (sluice_str){text ? text : "", text ? strlen(text) : 0};
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool plugin_name_legal(sluice_str name, const char *more)
{
    if (name.len == 0 || name.len > PLUGIN_NAME_MAX || !is_word(name.ptr[0]) || isdigit((unsigned char)name.ptr[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        if (!is_word(name.ptr[i]) && !strchr(more, name.ptr[i]))
            return false;
    }
    return true;
}

int plugin_check_text(const char *what, const char *text, bool needed, struct err *err)
{
    if (needed && (!text || !*text))
        return err_set(err, SLUICE_E_BUG, "%s is missing", what);
    json_t *json = json_string(text ? text : "");
    if (!json)
        return err_set(err, SLUICE_E_BUG, "%s is not UTF-8", what);
    json_decref(json);
    return SLUICE_OK;
}

static bool same(sluice_str name, const char *other)
{
    return other && name.len > 0 && strncmp(name.ptr, other, name.len) == 0 && other[name.len] == '\0';
}

const sluice_option *plugin_find_option(const sluice_connector *c, sluice_str name)
{
    for (uint32_t i = 0; i < c->option_count; i++) {
        if (same(name, c->options[i].name))
            return &c->options[i];
    }
    return NULL;
}

const sluice_stream *plugin_find_stream(const sluice_connector *c, sluice_str name)
{
    for (uint32_t i = 0; i < c->stream_count; i++) {
        if (same(name, c->streams[i].name))
            return &c->streams[i];
    }
    return NULL;
}

const sluice_column *plugin_find_column(const sluice_stream *s, sluice_str name)
{
    for (uint32_t i = 0; i < s->column_count; i++) {
        if (same(name, s->columns[i].name))
            return &s->columns[i];
    }
    return NULL;
}

/* ---- Settings ---- */

/* What stands before the last "." of a name; "" for a name without one. */
static sluice_str group_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return (sluice_str){name, dot ? (size_t)(dot - name) : 0};
}

static bool is_field_of(const char *name, sluice_str group)
{
    return strncmp(name, group.ptr, group.len) == 0 && name[group.len] == '.';
}

/* A field stands behind its group, with nothing but the group's other fields between them. */
static int check_place(const sluice_connector *c, uint32_t index, struct err *err)
{
    sluice_str group = group_of(c->options[index].name);

    if (group.len == 0)
        return SLUICE_OK;
    uint32_t i = index;
    while (i > 0 && is_field_of(c->options[i].name, group))
        i--;
    if (!same(group, c->options[i].name) || c->options[i].type != SLUICE_GROUP)
        return err_set(err, SLUICE_E_BUG, "does not follow a group \"%.*s\"", (int)group.len, group.ptr);
    return SLUICE_OK;
}

static int check_group(const sluice_connector *c, uint32_t index, struct err *err)
{
    const sluice_option *o = &c->options[index];

    if (o->flags & ~(SLUICE_REQUIRED | SLUICE_LIST))
        return err_set(err, SLUICE_E_BUG, "a group can be required and a list, not secret and not unique");
    if (o->preset || o->choices)
        return err_set(err, SLUICE_E_BUG, "a group has no preset and no choices");
    if (index + 1 == c->option_count || !c->options[index + 1].name ||
        !is_field_of(c->options[index + 1].name, plugin_str(o->name)))
        return err_set(err, SLUICE_E_BUG, "is not followed by a field \"%s.…\"", o->name);
    return SLUICE_OK;
}

/* Is there more than one value of it: itself a list, or a field of one, however deep? */
static bool in_list(const sluice_connector *c, const sluice_option *o)
{
    while (o && !(o->flags & SLUICE_LIST))
        o = plugin_find_option(c, group_of(o->name));
    return o != NULL;
}

static bool is_choice(const char *choices, const char *text)
{
    sluice_str list = plugin_str(choices), word;

    while (text_word(&list, &word)) {
        if (same(word, text))
            return true;
    }
    return false;
}

static bool is_integer(const char *text)
{
    char *end;

    errno = 0;
    strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static int check_preset(const sluice_option *o, struct err *err)
{
    if (!o->preset)
        return SLUICE_OK;
    if (o->flags & SLUICE_REQUIRED)
        return err_set(err, SLUICE_E_BUG, "is required, so its preset \"%s\" is never used", o->preset);
    if (o->choices && !is_choice(o->choices, o->preset))
        return err_set(err, SLUICE_E_BUG, "preset \"%s\" is not one of its choices \"%s\"", o->preset, o->choices);
    if (o->type == SLUICE_INT && !is_integer(o->preset))
        return err_set(err, SLUICE_E_BUG, "preset \"%s\" is not an integer", o->preset);
    if (o->type == SLUICE_BOOL && strcmp(o->preset, "true") != 0 && strcmp(o->preset, "false") != 0)
        return err_set(err, SLUICE_E_BUG, "preset \"%s\" is neither true nor false", o->preset);
    return SLUICE_OK;
}

static int check_option_texts(const sluice_option *o, struct err *err)
{
    int rc = plugin_check_text("preset", o->preset, false, err);

    if (!rc)
        rc = plugin_check_text("choices", o->choices, false, err);
    if (!rc)
        rc = plugin_check_text("help", o->help, false, err);
    return rc;
}

static bool option_type_known(uint32_t type)
{
    return type == SLUICE_INT || type == SLUICE_TEXT || type == SLUICE_BOOL ||
           (type >= SLUICE_DURATION && type <= SLUICE_GROUP);
}

static int check_option(const sluice_connector *c, uint32_t index, struct err *err)
{
    const sluice_option *o = &c->options[index];
    int rc = check_option_texts(o, err);

    if (rc)
        return rc;
    if (plugin_find_option(c, plugin_str(o->name)) != o)
        return err_set(err, SLUICE_E_BUG, "is there twice");
    if (!option_type_known(o->type))
        return err_set(err, SLUICE_E_BUG, "%u is no type of a setting", o->type);
    if (o->flags & ~OPTION_FLAGS)
        return err_set(err, SLUICE_E_BUG, "flags 0x%x are not those of a setting", o->flags & ~OPTION_FLAGS);
    rc = check_place(c, index, err);
    if (rc)
        return rc;
    if (o->type == SLUICE_GROUP)
        return check_group(c, index, err);
    if ((o->flags & SLUICE_UNIQUE) && !in_list(c, o))
        return err_set(err, SLUICE_E_BUG, "is unique but in no list");
    return check_preset(o, err);
}

static bool option_name_legal(const char *name)
{
    sluice_str all = plugin_str(name);

    return plugin_name_legal(all, "-.") && !strstr(name, "..") && name[all.len - 1] != '.';
}

int plugin_check_options(const sluice_connector *c, struct err *err)
{
    /* All names first: the checks look at the rows around. */
    for (uint32_t i = 0; i < c->option_count; i++) {
        const char *name = c->options[i].name;
        if (!name || !*name)
            return err_set(err, SLUICE_E_BUG, "option %u has no name", i + 1);
        if (!option_name_legal(name))
            return err_set(err, SLUICE_E_BUG, "option \"%s\": a name is letters, digits, \"_\", and \".\" for groups",
                           name);
    }
    for (uint32_t i = 0; i < c->option_count; i++) {
        if (check_option(c, i, err))
            return err_wrap(err, "option %s", c->options[i].name);
    }
    return SLUICE_OK;
}

int plugin_check_setting(const sluice_connector *c, const sluice_stream *s, sluice_str name, struct err *err)
{
    const sluice_option *o = plugin_find_option(c, name);

    if (!o)
        return err_set(err, SLUICE_E_BUG, "there is no setting \"%.*s\"", (int)name.len, name.ptr);
    if (o->type == SLUICE_GROUP || (o->flags & SLUICE_LIST))
        return err_set(err, SLUICE_E_BUG, "setting \"%s\" is a group or a list, not one value", o->name);
    if (o->flags & SLUICE_SECRET)
        return err_set(err, SLUICE_E_BUG, "setting \"%s\" is a secret", o->name);
    if (in_list(c, o) && !same(group_of(o->name), s->partition))
        return err_set(err, SLUICE_E_BUG, "setting \"%s\" is one of a list; only the stream's partition has one value",
                       o->name);
    return SLUICE_OK;
}

/* ---- The connector ---- */

static int check_identity(const sluice_connector *c, struct err *err)
{
    if (!c->name || !*c->name)
        return err_set(err, SLUICE_E_BUG, "the connector has no name");
    if (!plugin_name_legal(plugin_str(c->name), "-"))
        return err_set(err, SLUICE_E_BUG, "\"%s\" is no name of a connector: letters, digits, \"_\" and \"-\"",
                       c->name);
    int rc = plugin_check_text("version", c->version, true, err);
    return rc ? rc : plugin_check_text("help", c->help, false, err);
}

static int check_streams(const sluice_connector *c, struct err *err)
{
    if (c->stream_count == 0)
        return err_set(err, SLUICE_E_BUG, "the connector has no streams");
    for (uint32_t i = 0; i < c->stream_count; i++) {
        const sluice_stream *s = &c->streams[i];
        if (!s->name || !*s->name)
            return err_set(err, SLUICE_E_BUG, "stream %u has no name", i + 1);
        if (!plugin_name_legal(plugin_str(s->name), "-"))
            return err_set(err, SLUICE_E_BUG, "stream \"%s\": a name is letters, digits, \"_\" and \"-\"", s->name);
        if (plugin_find_stream(c, plugin_str(s->name)) != s)
            return err_set(err, SLUICE_E_BUG, "stream %s is there twice", s->name);
        if (plugin_check_stream(c, s, err))
            return err_wrap(err, "stream %s", s->name);
    }
    return SLUICE_OK;
}

/* Have all that stream `s` needs been marked as done? */
static bool needs_done(const sluice_connector *c, const sluice_stream *s, const bool *done)
{
    sluice_str list = plugin_str(s->needs), word;

    while (text_word(&list, &word)) {
        if (!done[plugin_find_stream(c, word) - c->streams])
            return false;
    }
    return true;
}

/* There is an order in which each stream comes after what it needs. */
static int check_order(const sluice_connector *c, struct err *err)
{
    bool *done = calloc(c->stream_count, sizeof(*done));
    uint32_t count = 0, before;

    if (!done)
        return err_set(err, E_SYSTEM, "out of memory");
    do {
        before = count;
        for (uint32_t i = 0; i < c->stream_count; i++) {
            if (!done[i] && needs_done(c, &c->streams[i], done)) {
                done[i] = true;
                count++;
            }
        }
    } while (count > before);
    uint32_t first = 0;
    while (first < c->stream_count && done[first])
        first++;
    free(done);
    if (first == c->stream_count)
        return SLUICE_OK;
    return err_set(err, SLUICE_E_BUG, "stream %s: what it needs (\"%s\") needs it in turn", c->streams[first].name,
                   c->streams[first].needs);
}

int plugin_check(const sluice_connector *c, struct err *err)
{
    int rc = check_identity(c, err);

    if (!rc)
        rc = plugin_check_options(c, err);
    if (!rc)
        rc = check_streams(c, err);
    if (!rc)
        rc = check_order(c, err);
    if (!rc)
        rc = plugin_check_routes(c, err);
    return rc;
}
