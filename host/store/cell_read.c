/* cell_read.c - from what a column stores back to a value: the other way round than cell.c, and as exact. See cell.h.
 *
 * Most columns were made by sluice and hold what cell.c printed; one of an existing table may hold the same value in a
 * type of its own.
 */
#include "cell.h"

#include "date.h"
#include "decimal.h"

#include <stdio.h>
#include <string.h>

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool read_bool(sluice_str text, int64_t *out)
{
    char first = text.len ? text.ptr[0] : '\0';

    *out = is_one_of(first, "tT1");
    return is_one_of(first, "tTfF01");
}

/* Skip what stands around the numbers of a list: "[1, 2]", "{1,2}". */
static void skip_between(sluice_str *rest)
{
    while (rest->len && is_one_of(*rest->ptr, "[{, ]}")) {
        rest->ptr++;
        rest->len--;
    }
}

static bool read_ints(sluice_str text, sluice_value *out, int64_t **next, const int64_t *end)
{
    int64_t *first = *next;

    if (text.len < 2)
        return false;
    for (skip_between(&text); text.len; skip_between(&text)) {
        size_t len = 0;
        while (len < text.len && !is_one_of(text.ptr[len], ", ]}"))
            len++;
        if (*next == end || integer_parse((sluice_str){text.ptr, len}, *next) != NUMBER_OK)
            return false;
        ++*next;
        text.ptr += len;
        text.len -= len;
    }
    out->as.n.ptr = first;
    out->as.n.len = (size_t)(*next - first);
    return true;
}

/* A value's text; of a number it lies in `room`. */
static sluice_str text_of(const struct db_value *stored, char room[24])
{
    if (stored->type != DB_INT)
        return stored->s;
    return (sluice_str){room, (size_t)snprintf(room, 24, "%lld", (long long)stored->i)};
}

bool cell_read(const struct table_column *c, const struct db_value *stored, sluice_value *out, int64_t **ints,
               const int64_t *ints_end)
{
    char room[24];
    sluice_str text = text_of(stored, room);

    *out = (sluice_value){.type = stored->type == DB_NULL ? SLUICE_NULL : c->type};
    if (stored->type == DB_NULL)
        return true;
    switch (c->type) {
    case SLUICE_INT:
        out->as.i = stored->i;
        return stored->type == DB_INT || integer_parse(text, &out->as.i) == NUMBER_OK;
    case SLUICE_BOOL:
        return read_bool(text, &out->as.i);
    case SLUICE_DECIMAL:
        return decimal_parse(text, c->scale, &out->as.i) == NUMBER_OK;
    case SLUICE_TIME:
        return date_parse(text, NULL, &out->as.i);
    case SLUICE_INTS:
        return read_ints(text, out, ints, ints_end);
    default:
        out->as.s = stored->s;
        return stored->type != DB_INT;
    }
}
