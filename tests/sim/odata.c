#include "odata.h"

#include "date.h"
#include "decimal.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " "

static int bad(struct buf *why, const char *what, const char *text)
{
    buf_printf(why, "%s: %s", what, text);
    return 400;
}

static size_t field_count(const struct odata_entity *e)
{
    size_t count = 0;
    while (count < ODATA_FIELDS && e->fields[count].name)
        count++;
    return count;
}

/* The number of the field; ODATA_FIELDS when there is none. */
static size_t find_field(const struct odata_entity *e, const char *name)
{
    size_t count = field_count(e);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(e->fields[i].name, name) == 0)
            return i;
    }
    return ODATA_FIELDS;
}

static bool is_ordered(const struct odata_entity *e, size_t field)
{
    return field < ODATA_FIELDS && e->fields[field].type >= ODATA_INT;
}

/* ---- The parts ---- */

static int parse_select(const struct odata_entity *e, char *text, struct odata_query *out)
{
    memset(out->select, 0, sizeof out->select);
    for (char *rest = NULL, *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        size_t field = find_field(e, name);
        if (field == ODATA_FIELDS)
            return 403; /* as it is: not 400 */
        out->select[field] = true;
    }
    return 200;
}

static bool parse_literal(const struct odata_field *field, const char *text, struct odata_term *term)
{
    sluice_str str = {text, strlen(text)};
    term->null = strcmp(text, "null") == 0;
    if (term->null)
        return true;
    return field->type == ODATA_TIME ? str.len > 10 && date_parse(str, NULL, &term->value)
                                     : integer_parse(str, &term->value) == NUMBER_OK;
}

static int parse_term(const struct odata_entity *e, char **words, struct odata_query *out, struct buf *why)
{
    static const char *const ops[] = {"eq", "ne", "gt", "ge", "lt", "le"};
    struct odata_term *term = &out->terms[out->term_count];
    if (out->term_count == ODATA_TERMS)
        return bad(why, "too many terms", words[0]);
    *term = (struct odata_term){.field = find_field(e, words[0])};
    if (!is_ordered(e, term->field))
        return bad(why, "no field to compare", words[0]);
    while (term->op < sizeof ops / sizeof ops[0] && strcmp(ops[term->op], words[1]) != 0)
        term->op++;
    if (term->op == sizeof ops / sizeof ops[0])
        return bad(why, "no operator", words[1]);
    if (!parse_literal(&e->fields[term->field], words[2], term))
        return bad(why, "no literal of that field's type", words[2]);
    out->term_count++;
    return 200;
}

static int parse_filter(const struct odata_entity *e, char *text, struct odata_query *out, struct buf *why)
{
    char *words[4] = {NULL};
    size_t count = 0;
    for (char *rest = NULL, *word = strtok_r(text, BLANKS, &rest);; word = strtok_r(NULL, BLANKS, &rest)) {
        if (word && strcmp(word, "and") != 0) {
            if (count == 3)
                return bad(why, "\"and\" expected", word);
            words[count++] = word;
            continue;
        }
        if (count != 3)
            return bad(why, "not \"field op value\"", count ? words[0] : "");
        int status = parse_term(e, words, out, why);
        if (status != 200 || !word)
            return status;
        count = 0;
    }
}

static int parse_order(const struct odata_entity *e, char *text, struct odata_query *out, struct buf *why)
{
    char *rest = NULL;
    const char *name = strtok_r(text, BLANKS, &rest);
    const char *way = strtok_r(NULL, BLANKS, &rest);
    out->order = name ? find_field(e, name) : ODATA_FIELDS;
    out->down = way && strcmp(way, "desc") == 0;
    if (!is_ordered(e, out->order) || (way && !out->down && strcmp(way, "asc") != 0))
        return bad(why, "$orderby", text);
    return 200;
}

static int parse_number(const char *text, uint64_t *out, struct buf *why)
{
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return *text < '0' || *text > '9' || *end ? bad(why, "not a number", text) : 200;
}

static int parse_part(const struct odata_entity *e, const char *name, char *value, struct odata_query *out,
                      struct buf *why)
{
    if (strcmp(name, "$select") == 0)
        return parse_select(e, value, out);
    if (strcmp(name, "$filter") == 0)
        return parse_filter(e, value, out, why);
    if (strcmp(name, "$orderby") == 0)
        return parse_order(e, value, out, why);
    if (strcmp(name, "$top") == 0)
        return parse_number(value, &out->top, why);
    if (strcmp(name, "$skip") == 0)
        return parse_number(value, &out->skip, why);
    if (strcmp(name, "$count") == 0) {
        out->count = strcmp(value, "true") == 0;
        return out->count || strcmp(value, "false") == 0 ? 200 : bad(why, "$count", value);
    }
    if (strcmp(name, "$expand") == 0) {
        out->expand = e->expand && strcmp(value, e->expand) == 0;
        return out->expand ? 200 : bad(why, "$expand", value);
    }
    return bad(why, "no such option", name);
}

/* ---- The whole ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undo percent-encoding in place; "+" is a blank. */
static void decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else {
            *to++ = *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
}

int odata_parse(const struct odata_entity *entity, const char *query, struct odata_query *out, struct buf *why)
{
    *out = (struct odata_query){.order = ODATA_FIELDS, .top = ODATA_TOP};
    memset(out->select, true, field_count(entity));
    char *copy = strdup(query);
    int status = copy ? 200 : 500;
    char *rest = NULL;
    for (char *name = copy ? strtok_r(copy, "&", &rest) : NULL; name && status == 200;
         name = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(name, '=');
        char none[1] = "";
        if (value)
            *value++ = '\0';
        else
            value = none;
        decode(name);
        decode(value);
        status = parse_part(entity, name, value, out, why);
    }
    free(copy);
    if (out->top > ODATA_TOP)
        out->top = ODATA_TOP;
    return status;
}

bool odata_holds(const struct odata_term *term, bool present, int64_t value)
{
    if (term->null || !present) {
        bool equal = term->null && !present;
        return term->op == ODATA_NE ? !equal : term->op == ODATA_EQ && equal;
    }
    switch (term->op) {
    case ODATA_EQ:
        return value == term->value;
    case ODATA_NE:
        return value != term->value;
    case ODATA_GT:
        return value > term->value;
    case ODATA_GE:
        return value >= term->value;
    case ODATA_LT:
        return value < term->value;
    default:
        return value <= term->value;
    }
}
