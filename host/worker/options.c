/* options.c - see options.h. */
#include "options.h"

#include "redact.h"

#include <stdlib.h>
#include <string.h>

static int unknown(const char *name, struct err *err)
{
    return err_set(err, SLUICE_E_BUG, "the plugin asks for a setting \"%s\" that it does not declare", name);
}

static void to_value(const json_t *j, sluice_value *out)
{
    *out = (sluice_value){0};
    if (json_is_string(j)) {
        out->type = SLUICE_TEXT;
        out->as.s = (sluice_str){json_string_value(j), json_string_length(j)};
    } else if (json_is_boolean(j)) {
        out->type = SLUICE_BOOL;
        out->as.i = json_is_true(j);
    } else if (json_is_integer(j)) {
        out->type = SLUICE_INT;
        out->as.i = json_integer_value(j);
    }
}

static bool declared(const struct options *o, const char *name, size_t len)
{
    for (uint32_t i = 0; i < o->count; i++) {
        if (strlen(o->table[i].name) == len && strncmp(o->table[i].name, name, len) == 0)
            return true;
    }
    return false;
}

/* "g.f": the table calls it just that. "g[2].f" is declared as "g.f", "h[0]" and "h[]" as "h". */
static bool declared_without_index(const struct options *o, const char *name)
{
    struct buf plain = {0};
    bool formed = true;

    for (const char *p = name; *p && formed; p++) {
        if (*p != '[') {
            buf_add_char(&plain, *p);
            continue;
        }
        p += 1 + strspn(p + 1, "0123456789");
        formed = *p == ']';
    }
    bool found = formed && declared(o, buf_text(&plain), plain.len);
    buf_free(&plain);
    return found;
}

/* One step of a name: its member, and the index behind it, if there is one. */
static const json_t *step(const struct options *o, const json_t *at, const char **name, bool *count)
{
    size_t len = strcspn(*name, ".[");
    const json_t *next = json_object_getn(at, *name, len);
    bool own = o->partition && strlen(o->partition) == len && strncmp(o->partition, *name, len) == 0;

    *name += len;
    if (**name == '[') {
        char *end;
        unsigned long index = strtoul(*name + 1, &end, 10);
        *count = end == *name + 1 && *end == ']';
        *name = *end == ']' ? end + 1 : end;
        next = *count ? next : json_array_get(next, index);
    } else if (**name == '.' && own) {
        next = json_array_get(next, o->partition_index);
    }
    if (**name == '.')
        (*name)++;
    return next;
}

int options_get(const struct options *o, const char *name, sluice_value *out, struct err *err)
{
    const json_t *at = o->values;
    const char *rest = name;
    bool count = false;

    if (!declared_without_index(o, name))
        return unknown(name, err);
    while (*rest && at && !count)
        at = step(o, at, &rest, &count);
    if (count)
        *out = (sluice_value){.type = SLUICE_INT, .as.i = (int64_t)json_array_size(at)};
    else
        to_value(at, out);
    return SLUICE_OK;
}

static void add_value(struct buf *out, const sluice_value *v)
{
    if (v->type == SLUICE_TEXT)
        buf_add(out, v->as.s.ptr, v->as.s.len);
    else if (v->type == SLUICE_INT)
        buf_printf(out, "%lld", (long long)v->as.i);
    else if (v->type == SLUICE_BOOL)
        buf_add_str(out, v->as.i ? "true" : "false");
}

int options_fill(const struct options *o, const char *text, struct buf *out, struct err *err)
{
    while (*text) {
        const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
        if (!end) {
            buf_add_char(out, *text++);
            continue;
        }
        char name[256];
        sluice_value v;
        snprintf(name, sizeof(name), "%.*s", (int)(end - text - 2), text + 2);
        int rc = options_get(o, name, &v, err);
        if (rc)
            return rc;
        add_value(out, &v);
        text = end + 1;
    }
    return out->failed ? err_set(err, E_SYSTEM, "out of memory") : SLUICE_OK;
}

/* A secret may be a text, a list of texts, or a member of each group of a list. */
static bool redact_json(const json_t *j)
{
    size_t i;
    json_t *item;
    bool ok = true;

    if (json_is_string(j))
        return redact_add(json_string_value(j), json_string_length(j));
    json_array_foreach((json_t *)(uintptr_t)j, i, item)
        ok = redact_json(item) && ok;
    return ok;
}

bool options_redact(const struct options *o)
{
    bool ok = true;

    for (uint32_t i = 0; i < o->count; i++) {
        if (!(o->table[i].flags & SLUICE_SECRET))
            continue;
        const char *dot = strchr(o->table[i].name, '.');
        if (!dot) {
            ok = redact_json(json_object_get(o->values, o->table[i].name)) && ok;
            continue;
        }
        const json_t *groups = json_object_getn(o->values, o->table[i].name, (size_t)(dot - o->table[i].name));
        if (json_is_object(groups))
            ok = redact_json(json_object_get(groups, dot + 1)) && ok;
        for (size_t k = 0; k < json_array_size(groups); k++)
            ok = redact_json(json_object_get(json_array_get(groups, k), dot + 1)) && ok;
    }
    return ok;
}
