/* cell.c - see cell.h. Decimals and times are stored as text: exact, and readable in any tool. */
#include "cell.h"

#include "date.h"
#include "decimal.h"
#include "plain.h"

#include <string.h>

static void set_int(struct cell *cell, int64_t i)
{
    cell->state = CELL_VALUE;
    cell->value = (struct db_value){.type = DB_INT, .i = i};
}

static void set_text(struct cell *cell, sluice_str s)
{
    cell->state = CELL_VALUE;
    cell->value = (struct db_value){.type = DB_TEXT, .s = s};
}

static void print_ints(struct buf *out, const sluice_value *v)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < v->as.n.len; i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)v->as.n.ptr[i]);
    buf_add_char(out, ']');
}

static bool narrow_fits(const sluice_value *v)
{
    if (v->type == SLUICE_INT)
        return v->as.i >= INT32_MIN && v->as.i <= INT32_MAX;
    for (size_t i = 0; v->type == SLUICE_INTS && i < v->as.n.len; i++) {
        if (v->as.n.ptr[i] < INT32_MIN || v->as.n.ptr[i] > INT32_MAX)
            return false;
    }
    return true;
}

bool cell_set(struct cell *cell, const struct table_column *c, const sluice_value *value, const char **why)
{
    cell->state = CELL_ABSENT;
    if (value->type == SLUICE_ABSENT)
        cell->state = c->flags & SLUICE_CLEAR ? CELL_NULL : CELL_ABSENT;
    if (value->type == SLUICE_NULL)
        cell->state = CELL_NULL;
    if (value->type == SLUICE_ABSENT || value->type == SLUICE_NULL)
        return true;
    if ((c->flags & SLUICE_NARROW) && !narrow_fits(value)) {
        *why = "does not fit into 32 bits";
        return false;
    }
    buf_clear(&cell->text);
    switch (value->type) {
    case SLUICE_INT:
    case SLUICE_BOOL:
        set_int(cell, value->as.i);
        return true;
    case SLUICE_TEXT:
        set_text(cell, value->as.s);
        *why = "is not valid UTF-8";
        return plain_is_utf8(value->as.s);
    case SLUICE_DECIMAL:
        decimal_print(&cell->text, value->as.i, c->scale);
        break;
    case SLUICE_TIME:
        date_print(&cell->text, value->as.i);
        break;
    default:
        print_ints(&cell->text, value);
    }
    set_text(cell, buf_str(&cell->text));
    *why = "is too large";
    return !cell->text.failed;
}

bool cell_set_text(struct cell *cell, const struct table_column *c, const char *text, int64_t now)
{
    sluice_str s = {text, strlen(text)};
    sluice_value v = {.type = c->type};
    const char *why;
    bool ok = true;

    switch (c->type) {
    case SLUICE_INT:
        ok = integer_parse(s, &v.as.i) == NUMBER_OK;
        break;
    case SLUICE_BOOL:
        v.as.i = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
        break;
    case SLUICE_DECIMAL:
        ok = decimal_parse(s, c->scale, &v.as.i) == NUMBER_OK;
        break;
    case SLUICE_TIME:
        v.as.i = now;
        ok = strcmp(text, "now") == 0 || date_parse(s, NULL, &v.as.i);
        break;
    case SLUICE_TEXT:
        v.as.s = s;
        break;
    default:
        ok = *text == '\0'; /* a list's preset is the empty one */
    }
    return ok && cell_set(cell, c, &v, &why);
}

/* A number that an existing table keeps in a type of its own: the same number is the same value. */
static bool same_number(const struct cell *cell, const struct table_column *c, const struct db_value *stored)
{
    struct buf text = {0};
    int64_t have, want;
    uint32_t scale = c->type == SLUICE_DECIMAL ? c->scale : 0;

    if (stored->type == DB_INT)
        buf_printf(&text, "%lld", (long long)stored->i);
    else
        buf_add(&text, stored->s.ptr, stored->s.len);
    bool ok = decimal_parse(buf_str(&text), scale, &have) == NUMBER_OK;
    buf_clear(&text);
    cell_print(cell, &text);
    ok = ok && decimal_parse(buf_str(&text), scale, &want) == NUMBER_OK && have == want;
    buf_free(&text);
    return ok;
}

bool cell_equals(const struct cell *cell, const struct table_column *c, const struct db_value *stored)
{
    if (cell->state != CELL_VALUE)
        return stored->type == DB_NULL;
    if (stored->type == DB_NULL)
        return false;
    if (cell->value.type == DB_INT && stored->type == DB_INT)
        return cell->value.i == stored->i;
    if (cell->value.type == DB_TEXT && stored->type == DB_TEXT)
        return cell->value.s.len == stored->s.len &&
               (stored->s.len == 0 || memcmp(cell->value.s.ptr, stored->s.ptr, stored->s.len) == 0);
    return (c->type == SLUICE_INT || c->type == SLUICE_DECIMAL || c->type == SLUICE_BOOL) &&
           same_number(cell, c, stored);
}

void cell_print(const struct cell *cell, struct buf *out)
{
    if (cell->state != CELL_VALUE)
        return;
    if (cell->value.type == DB_INT)
        decimal_print(out, cell->value.i, 0); /* printf costs ten times as much, and every record's key comes here */
    else
        buf_add(out, cell->value.s.ptr, cell->value.s.len);
}
