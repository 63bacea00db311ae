#include "mapping.h"

#include "convert.h"
#include "text.h"

#include <string.h>

#define QUOTED 60 /* bytes of a value that a reason shows */

const sluice_column *mapping_column(const sluice_stream *stream, uint32_t i)
{
    const char *table = (const char *)stream->columns;
    return (const sluice_column *)(const void *)(table + (size_t)i * stream->column_stride);
}

int64_t mapping_column_named(const sluice_stream *stream, sluice_str name)
{
    for (uint32_t i = 0; i < stream->column_count; i++) {
        const char *column = mapping_column(stream, i)->name;
        if (strlen(column) == name.len && memcmp(column, name.ptr, name.len) == 0)
            return i;
    }
    return -1;
}

/* ---- Making ---- */

/* Only a list can take all of them. */
static bool fits(const sluice_column *c, const struct path *path)
{
    for (; path; path = path->next) {
        if (path->list && c->type != SLUICE_INTS)
            return false;
    }
    return true;
}

static bool add_column(struct mapping *m, uint32_t i, struct buf *why)
{
    const sluice_column *c = mapping_column(m->stream, i);
    if (!c->path || c->value)
        return true;
    m->from[i] = paths_add(&m->paths, c->path);
    if (m->from[i] && fits(c, m->from[i]))
        return true;
    if (!m->paths.memory->exhausted)
        buf_printf(why, "%s: the path \"%s\" is not one, or not for this type", c->name, c->path);
    return false;
}

bool mapping_init(struct mapping *m, const sluice_stream *stream, const struct zone *zone, struct region *run,
                  struct region *record, struct buf *why)
{
    *m = (struct mapping){.stream = stream, .zone = zone, .record = record, .numbers.max = record->max};
    paths_init(&m->paths, run);
    m->from = region_alloc(run, stream->column_count * sizeof *m->from);
    m->values = region_alloc(run, stream->column_count * sizeof *m->values);
    if (!m->from || !m->values)
        return false;
    for (uint32_t i = 0; i < stream->column_count; i++) {
        if (!add_column(m, i, why))
            return false;
    }
    return true;
}

void mapping_free(struct mapping *m)
{
    buf_free(&m->why);
    buf_free(&m->numbers);
}

/* ---- Reading ---- */

bool mapping_text(struct mapping *m, const struct json_value *value, sluice_str *text)
{
    *text = value->text;
    if (!value->escaped)
        return true;
    char *room = region_room(m->record, value->text.len);
    if (!room)
        return false;
    *text = (sluice_str){room, json_unescape_to(value, room)};
    return true;
}

/* Mark the record, unless it is marked. */
static void mark(struct mapping *m, const sluice_column *c, const struct path *path, const struct json_value *value,
                 const char *complaint)
{
    sluice_str text;
    if (m->why.len || !mapping_text(m, value, &text))
        return;
    buf_printf(&m->why, "%s: %.*s ", c->name, (int)path->text.len, path->text.ptr);
    text_quote(&m->why, text, QUOTED);
    buf_printf(&m->why, " %s", complaint);
}

/* A column's value from the first of its places that has one. */
static void read_column(struct mapping *m, uint32_t i)
{
    const sluice_column *c = mapping_column(m->stream, i);
    sluice_value *out = &m->values[i];
    for (const struct path *path = m->from[i]; path; path = path->next) {
        struct json_value value;
        int found = path_find(&m->paths, path, &value);
        if (found == PATH_ABSENT)
            continue;
        const char *complaint = "is not an object";
        if (found == PATH_FOUND)
            complaint = convert_value(m, c, path, &value, out);
        if (complaint) {
            mark(m, c, path, &value, complaint);
            *out = (sluice_value){0};
            return;
        }
        if (out->type != SLUICE_NULL)
            return;
    }
    if (out->type == SLUICE_ABSENT && (c->flags & SLUICE_CLEAR))
        out->type = SLUICE_NULL;
}

/* The record cannot be read at all. */
static void mark_broken(struct mapping *m, sluice_str record)
{
    struct json j;
    struct json_value value;
    m->broken = true;
    if (!json_read(&j, record, &value)) {
        buf_printf(&m->why, "not JSON: %s at byte %zu", j.error, json_offset(&j));
        return;
    }
    buf_add_str(&m->why, "not an object: ");
    text_quote(&m->why, record, QUOTED);
}

void mapping_start(struct mapping *m, sluice_str record)
{
    m->source = record;
    m->broken = false;
    m->exhausted = false;
    buf_clear(&m->why);
    memset(m->values, 0, m->stream->column_count * sizeof *m->values);
}

bool mapping_read(struct mapping *m, sluice_str record)
{
    mapping_start(m, record);
    if (!paths_read(&m->paths, record)) {
        mark_broken(m, record);
        return true;
    }
    for (uint32_t i = 0; i < m->stream->column_count && !m->exhausted; i++) {
        if (m->from[i])
            read_column(m, i);
    }
    return !m->exhausted;
}

void mapping_check_required(struct mapping *m)
{
    for (uint32_t i = 0; i < m->stream->column_count && !m->why.len; i++) {
        const sluice_column *c = mapping_column(m->stream, i);
        bool given = m->values[i].type > SLUICE_NULL || c->value || c->preset;
        if ((c->flags & SLUICE_REQUIRED) && !given)
            buf_printf(&m->why, "%s: missing", c->name);
    }
}

/* ---- The key of a reject ---- */

/* Append the text as sent of a column that did not convert. */
static void add_sent(const struct mapping *m, const struct path *path, struct buf *out)
{
    struct buf text = {0};
    for (; path && m->source.ptr && !text.len; path = path->next) {
        struct json_value value;
        if (path_find(&m->paths, path, &value) != PATH_FOUND)
            continue;
        if (value.kind == JSON_KIND_STRING || value.kind == JSON_KIND_NUMBER)
            json_unescape(&value, &text);
    }
    sluice_str trimmed = text_trim(buf_str(&text));
    buf_add(out, trimmed.ptr, trimmed.len);
    buf_free(&text);
}

/* Append what column `i` identifies the record by; false when it has nothing. */
static bool add_key(const struct mapping *m, uint32_t i, struct buf *out)
{
    size_t before = out->len;
    if (m->values[i].type == SLUICE_ABSENT)
        add_sent(m, m->from[i], out);
    else
        text_value(out, &m->values[i], mapping_column(m->stream, i)->scale);
    return out->len > before;
}

static bool is_never(const char *never, sluice_str text)
{
    sluice_str list = {never, never ? strlen(never) : 0};
    sluice_str word;
    while (never && text_word(&list, &word)) {
        if (word.len == text.len && memcmp(word.ptr, text.ptr, text.len) == 0)
            return true;
    }
    return false;
}

/* Append the key by one rule; false, and nothing appended, when a column has nothing. */
static bool add_rule_key(const struct mapping *m, const sluice_match *rule, struct buf *out)
{
    size_t before = out->len;
    sluice_str list = {rule->columns, strlen(rule->columns)};
    sluice_str name;
    bool whole = true;
    while (whole && text_word(&list, &name)) {
        int64_t i = mapping_column_named(m->stream, name);
        if (out->len > before)
            buf_add_char(out, '/');
        whole = i >= 0 && add_key(m, (uint32_t)i, out);
    }
    if (whole && !is_never(rule->never, (sluice_str){buf_text(out) + before, out->len - before}))
        return true;
    out->len = before;
    return false;
}

void mapping_key(const struct mapping *m, struct buf *out)
{
    const char *rule = (const char *)m->stream->matches;
    for (uint32_t i = 0; i < m->stream->match_count && !m->broken; i++, rule += m->stream->match_stride) {
        if (add_rule_key(m, (const sluice_match *)(const void *)rule, out))
            return;
    }
}
