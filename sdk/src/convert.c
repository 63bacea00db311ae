#include "convert.h"

#include "date.h"
#include "decimal.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define DECIMAL_LIMIT INT64_C(1000000000000000) /* units of a decimal are below this: 15 digits */

static const char not_an_integer[] = "is not an integer";
static const char out_of_range[] = "is out of range";

static bool is(sluice_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

/* ---- Does a text mean nothing? ---- */

static bool is_among(sluice_str text, const char *list)
{
    for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        if (strcspn(p, "|") == text.len && memcmp(p, text.ptr, text.len) == 0)
            return true;
    }
    return false;
}

static bool means_nothing(const sluice_column *c, sluice_str text)
{
    if (!text.len)
        return c->type != SLUICE_TEXT || !(c->flags & SLUICE_BLANK);
    return c->empty && is_among(text, c->empty);
}

/* ---- A text into each type ---- */

static const char *to_integer(const sluice_column *c, sluice_str text, int64_t *number)
{
    int rc = integer_parse(text, number);
    if (rc == NUMBER_RANGE)
        return out_of_range;
    if (rc != NUMBER_OK)
        return not_an_integer;
    if ((c->flags & SLUICE_NARROW) && (*number < INT32_MIN || *number > INT32_MAX))
        return out_of_range;
    return NULL;
}

static const char *to_decimal(const sluice_column *c, sluice_str text, int64_t *units)
{
    int rc = decimal_parse(text, c->scale, units);
    if (rc == NUMBER_OK && *units<DECIMAL_LIMIT && * units> - DECIMAL_LIMIT)
        return NULL;
    return rc == NUMBER_OK || rc == NUMBER_RANGE ? out_of_range : "is not a decimal number";
}

static const char *to_bool(sluice_str text, int64_t *truth)
{
    *truth = is(text, "true") || is(text, "1");
    return *truth || is(text, "false") || is(text, "0") ? NULL : "is not true or false";
}

static const char *to_lower(struct mapping *m, sluice_str text, sluice_str *lowered)
{
    char *copy = region_room(m->record, text.len);
    m->exhausted = m->exhausted || !copy;
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A') : text.ptr[i]);
    *lowered = copy ? (sluice_str){copy, text.len} : (sluice_str){0};
    return NULL;
}

/* `text` has a meaning; *out has the column's type. */
static const char *to_type(struct mapping *m, const sluice_column *c, sluice_str text, sluice_value *out)
{
    switch (c->type) {
    case SLUICE_INT:
        return to_integer(c, text, &out->as.i);
    case SLUICE_DECIMAL:
        return to_decimal(c, text, &out->as.i);
    case SLUICE_BOOL:
        return to_bool(text, &out->as.i);
    case SLUICE_TIME:
        return date_parse(text, m->zone, &out->as.i) ? NULL : "is not a time";
    case SLUICE_TEXT:
        out->as.s = text;
        return c->flags & SLUICE_LOWER ? to_lower(m, text, &out->as.s) : NULL;
    default:
        return "is not a list";
    }
}

/* ---- A list ---- */

static const char *add_number(struct mapping *m, const sluice_column *c, const struct json_value *element)
{
    sluice_str text;
    int64_t number;
    if (element->kind != JSON_KIND_NUMBER && element->kind != JSON_KIND_STRING)
        return not_an_integer;
    m->exhausted = m->exhausted || !mapping_text(m, element, &text);
    if (m->exhausted)
        return NULL;
    text = text_trim(text);
    if (means_nothing(c, text))
        return NULL;
    const char *complaint = to_integer(c, text, &number);
    if (!complaint)
        m->exhausted = !buf_add(&m->numbers, &number, sizeof number);
    return complaint;
}

/* The last member of that name; false when there is none. */
static bool find_member(sluice_str object, sluice_str name, struct json_value *found)
{
    struct json j;
    struct json_value key, value;
    bool any = false;
    json_enter(&j, object);
    while (json_next_member(&j, &key, &value)) {
        if (!json_string_is(&key, name))
            continue;
        *found = value;
        any = true;
    }
    return any;
}

static const char *add_list(struct mapping *m, const sluice_column *c, struct json_value *list, sluice_str tail);

/* Add what `tail` leads to from one element. Goes no deeper than the path does; *value is left at what is wrong. */
static const char *add_element(struct mapping *m, const sluice_column *c, struct json_value *value, sluice_str tail)
{
    sluice_str key;
    bool list;
    while (value->kind != JSON_KIND_NULL && path_step(&tail, &key, &list)) {
        struct json_value member;
        if (value->kind != JSON_KIND_OBJECT)
            return "is not an object";
        if (!find_member(value->text, key, &member))
            return NULL;
        *value = member;
        if (list)
            return add_list(m, c, value, tail);
    }
    return value->kind == JSON_KIND_NULL ? NULL : add_number(m, c, value);
}

static const char *add_list(struct mapping *m, const sluice_column *c, struct json_value *list, sluice_str tail)
{
    struct json j;
    struct json_value element;
    if (list->kind == JSON_KIND_NULL)
        return NULL;
    if (list->kind != JSON_KIND_ARRAY)
        return "is not a list";
    json_enter(&j, list->text);
    while (json_next_element(&j, &element)) {
        const char *complaint = add_element(m, c, &element, tail);
        if (complaint) {
            *list = element;
            return complaint;
        }
    }
    return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* Sort `numbers` and leave each of them once; how many that are. */
static size_t make_set(int64_t *numbers, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || numbers[i] != numbers[kept - 1])
            numbers[kept++] = numbers[i];
    }
    return kept;
}

static const char *to_list(struct mapping *m, const sluice_column *c, const struct path *path, struct json_value *value,
                           sluice_value *out)
{
    buf_clear(&m->numbers);
    const char *complaint = add_list(m, c, value, path->tail);
    if (complaint || m->exhausted)
        return complaint;
    int64_t *numbers = region_alloc(m->record, m->numbers.len);
    m->exhausted = !numbers;
    if (numbers && m->numbers.len)
        memcpy(numbers, m->numbers.ptr, m->numbers.len);
    out->as.n.ptr = numbers;
    out->as.n.len = numbers ? m->numbers.len / sizeof *numbers : 0;
    if (c->flags & SLUICE_SET)
        out->as.n.len = make_set(numbers, out->as.n.len);
    return NULL;
}

/* ---- */

const char *convert_value(struct mapping *m, const sluice_column *column, const struct path *path,
                          struct json_value *value, sluice_value *out)
{
    sluice_str text;
    *out = (sluice_value){.type = SLUICE_NULL};
    if (value->kind == JSON_KIND_NULL)
        return NULL;
    if (column->type == SLUICE_INTS && value->kind == JSON_KIND_ARRAY) {
        out->type = SLUICE_INTS;
        return to_list(m, column, path, value, out);
    }
    if (value->kind == JSON_KIND_OBJECT || value->kind == JSON_KIND_ARRAY)
        return column->type == SLUICE_INTS ? "is not a list" : "is not a single value";
    if (!mapping_text(m, value, &text)) {
        m->exhausted = true;
        return NULL;
    }
    if (column->flags & SLUICE_TRIM)
        text = text_trim(text);
    if (means_nothing(column, text))
        return NULL;
    out->type = column->type;
    return to_type(m, column, text, out);
}
