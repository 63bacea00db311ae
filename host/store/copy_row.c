/* copy_row.c - see copy_row.h. All numbers are in network order. */
#include "copy_row.h"

#include "date.h"

#include <stdlib.h>
#include <string.h>

#define INT8_TYPE 20                             /* in pg_type; it never changes */
#define EPOCH_US  (INT64_C(946684800) * 1000000) /* 2000-01-01 */

static void put(struct buf *out, uint64_t value, int bytes)
{
    char text[8];

    for (int i = 0; i < bytes; i++)
        text[i] = (char)(value >> (8 * (bytes - 1 - i)) & 0xff);
    buf_add(out, text, (size_t)bytes);
}

void copy_begin(struct buf *out)
{
    buf_add(out, "PGCOPY\n\377\r\n\0", 11);
    put(out, 0, 8); /* no flags, nothing more in the header */
}

void copy_end(struct buf *out)
{
    put(out, 0xffff, 2);
}

void copy_row(struct buf *out, size_t fields)
{
    put(out, fields, 2);
}

void copy_null(struct buf *out)
{
    put(out, 0xffffffff, 4);
}

void copy_int16(struct buf *out, int16_t value)
{
    put(out, 2, 4);
    put(out, (uint16_t)value, 2);
}

void copy_int32(struct buf *out, int32_t value)
{
    put(out, 4, 4);
    put(out, (uint32_t)value, 4);
}

void copy_int64(struct buf *out, int64_t value)
{
    put(out, 8, 4);
    put(out, (uint64_t)value, 8);
}

void copy_text(struct buf *out, sluice_str text)
{
    put(out, text.len, 4);
    buf_add(out, text.ptr, text.len);
}

static void copy_bool(struct buf *out, bool value)
{
    put(out, 1, 4);
    put(out, value, 1);
}

/* ---- Numbers with decimals: digits to the base 10,000, around the point ---- */

#define GROUPS_MAX 12 /* an int64 and its scale have fewer */

struct groups {
    uint64_t digits[GROUPS_MAX];
    int count, before; /* all; those before the point */
};

/* `len` decimal digits, padded on the left (`lead`) or on the right to whole groups. */
static void add_groups(struct groups *g, const char *digits, size_t len, bool lead)
{
    size_t padding = (4 - len % 4) % 4, at = lead ? padding : 0;
    uint64_t group = 0;

    for (size_t i = 0; i < len + padding; i++) {
        bool inside = i >= at && i - at < len;
        group = group * 10 + (inside ? (uint64_t)(digits[i - at] - '0') : 0);
        if (i % 4 == 3) {
            if (g->count < GROUPS_MAX)
                g->digits[g->count++] = group;
            group = 0;
        }
    }
}

/* `text` is decimal_print()'s: "-?digits.dd". */
static void copy_decimal(struct buf *out, const char *text)
{
    struct groups g = {0};
    bool negative = *text == '-';
    const char *digits = text + negative, *point = strchr(digits, '.');
    size_t whole = point ? (size_t)(point - digits) : strlen(digits), decimals = point ? strlen(point + 1) : 0;
    int first = 0;

    add_groups(&g, digits, whole, true);
    g.before = g.count;
    add_groups(&g, point ? point + 1 : "", decimals, false);
    while (first < g.count && g.digits[first] == 0)
        first++;
    while (g.count > first && g.digits[g.count - 1] == 0)
        g.count--;
    int left = g.count - first;
    put(out, 8 + 2 * (uint64_t)left, 4);
    put(out, (uint64_t)left, 2);
    put(out, (uint64_t)(uint16_t)(left ? g.before - first - 1 : 0), 2); /* the first group's weight */
    put(out, negative && left ? 0x4000 : 0, 2);
    put(out, decimals, 2);
    for (int i = first; i < g.count; i++)
        put(out, g.digits[i], 2);
}

/* ---- Times and lists ---- */

static bool copy_time(struct buf *out, sluice_str text)
{
    int64_t us;

    if (!date_parse(text, NULL, &us))
        return false;
    copy_int64(out, us - EPOCH_US);
    return true;
}

/* `text` is cell.c's: "[1,2]". */
static void copy_ints(struct buf *out, const char *text)
{
    size_t count = text[1] != ']';

    for (const char *p = text; *p; p++)
        count += *p == ',';
    put(out, count ? 20 + 12 * count : 12, 4);
    put(out, count ? 1 : 0, 4); /* dimensions */
    put(out, 0, 4);
    put(out, INT8_TYPE, 4);
    if (!count)
        return;
    put(out, count, 4);
    put(out, 1, 4); /* the index of the first */
    for (const char *p = text; count > 0; count--) {
        char *end;
        copy_int64(out, strtoll(p + 1, &end, 10));
        p = end;
    }
}

bool copy_cell(struct buf *out, uint32_t type, const struct cell *cell)
{
    if (cell->state != CELL_VALUE) {
        copy_null(out);
        return true;
    }
    switch (type) {
    case SLUICE_INT:
        copy_int64(out, cell->value.i);
        return true;
    case SLUICE_BOOL:
        copy_bool(out, cell->value.i != 0);
        return true;
    case SLUICE_DECIMAL:
        copy_decimal(out, buf_text(&cell->text));
        return true;
    case SLUICE_TIME:
        return copy_time(out, cell->value.s);
    case SLUICE_INTS:
        copy_ints(out, buf_text(&cell->text));
        return true;
    default:
        copy_text(out, cell->value.s);
        return true;
    }
}
