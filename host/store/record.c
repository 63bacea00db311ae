/* record.c - see record.h. */
#include "record.h"

#include "date.h"
#include "decimal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct record_keep {
    json_t *json;
    int64_t *ints; /* the lists, one after the other */
};

static void print_value(struct buf *out, const struct table_column *c, const sluice_value *v)
{
    switch (v->type) {
    case SLUICE_INT:
        buf_printf(out, "%lld", (long long)v->as.i);
        break;
    case SLUICE_BOOL:
        buf_add_str(out, v->as.i ? "true" : "false");
        break;
    case SLUICE_TEXT:
        buf_add_char(out, '"');
        buf_add_json(out, v->as.s);
        buf_add_char(out, '"');
        break;
    case SLUICE_DECIMAL:
        buf_add_char(out, '"');
        decimal_print(out, v->as.i, c->scale);
        buf_add_char(out, '"');
        break;
    case SLUICE_TIME:
        buf_add_char(out, '"');
        date_print(out, v->as.i);
        buf_add_char(out, '"');
        break;
    case SLUICE_INTS:
        for (size_t i = 0; i < v->as.n.len; i++)
            buf_printf(out, "%s%lld", i ? "," : "[", (long long)v->as.n.ptr[i]);
        buf_add_str(out, v->as.n.len ? "]" : "[]");
        break;
    default:
        buf_add_str(out, "null");
    }
}

bool record_print(struct buf *out, const struct table *table, const sluice_value *values, uint32_t count)
{
    const char *separator = "";

    buf_add_char(out, '{');
    for (size_t i = 0; i < table->column_count && i < count; i++) {
        const struct table_column *c = &table->columns[i];
        if (values[i].type == SLUICE_ABSENT)
            continue;
        buf_printf(out, "%s\"", separator);
        buf_add_json(out, (sluice_str){c->source, strlen(c->source)});
        buf_add_str(out, "\":");
        print_value(out, c, &values[i]);
        separator = ",";
    }
    return buf_add_char(out, '}');
}

static bool read_ints(const json_t *list, sluice_value *out, int64_t **next)
{
    out->as.n.ptr = *next;
    out->as.n.len = json_array_size(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!json_is_integer(json_array_get(list, i)))
            return false;
        *(*next)++ = json_integer_value(json_array_get(list, i));
    }
    return json_is_array(list);
}

static bool read_value(const json_t *j, const struct table_column *c, sluice_value *out, int64_t **ints)
{
    sluice_str text = {json_string_value(j), json_string_length(j)};

    *out = (sluice_value){.type = c->type};
    if (json_is_null(j)) {
        out->type = SLUICE_NULL;
        return true;
    }
    switch (c->type) {
    case SLUICE_INT:
        out->as.i = json_integer_value(j);
        return json_is_integer(j);
    case SLUICE_BOOL:
        out->as.i = json_is_true(j);
        return json_is_boolean(j);
    case SLUICE_TEXT:
        out->as.s = text;
        return json_is_string(j);
    case SLUICE_DECIMAL:
        return json_is_string(j) && decimal_parse(text, c->scale, &out->as.i) == NUMBER_OK;
    case SLUICE_TIME:
        return json_is_string(j) && date_parse(text, NULL, &out->as.i);
    default:
        return read_ints(j, out, ints);
    }
}

static size_t count_ints(const json_t *record)
{
    const char *name;
    json_t *value;
    size_t n = 0;

    json_object_foreach((json_t *)(uintptr_t)record, name, value)
        n += json_array_size(value);
    return n;
}

int record_read(sluice_str json, const struct table *table, sluice_value *values, struct record_keep **keep,
                struct err *err)
{
    struct record_keep *k = calloc(1, sizeof(*k));

    if (!k)
        return err_set(err, E_SYSTEM, "out of memory");
    k->json = json_loadb(json.ptr, json.len, JSON_ALLOW_NUL, NULL);
    k->ints = calloc(count_ints(k->json) + 1, sizeof(int64_t));
    int64_t *next = k->ints;
    bool ok = json_is_object(k->json) && k->ints;
    for (size_t i = 0; ok && i < table->column_count; i++) {
        const json_t *j = json_object_get(k->json, table->columns[i].source);
        values[i] = (sluice_value){0};
        ok = !j || read_value(j, &table->columns[i], &values[i], &next);
    }
    if (!ok) {
        record_keep_free(k);
        return err_set(err, SLUICE_E_BUG, "the kept record does not fit the stream's columns any more");
    }
    *keep = k;
    return SLUICE_OK;
}

void record_keep_free(struct record_keep *keep)
{
    if (!keep)
        return;
    json_decref(keep->json);
    free(keep->ints);
    free(keep);
}
