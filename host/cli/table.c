/* table.c - what is printed on stdout: tables, foreign text, JSON. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* blanks between columns */

struct cli_table {
    size_t columns;
    size_t *widths; /* of those that were printed */
    char **cells;   /* row by row, the heads first */
    size_t count;
};

/* Copy a cell with blanks for control characters, so that no text moves the cursor or breaks the row. */
static char *tame(const char *text)
{
    char *copy = cli_must(strdup(text ? text : "-"));

    for (char *c = copy; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    return copy;
}

/* Characters, not bytes: continuation bytes of UTF-8 do not count. */
static size_t width(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void cli_table_row(struct cli_table *t, const char *const *cells)
{
    t->cells = cli_must(realloc(t->cells, (t->count + t->columns) * sizeof(*t->cells)));
    for (size_t i = 0; i < t->columns; i++)
        t->cells[t->count++] = tame(cells[i]);
}

struct cli_table *cli_table_new(size_t columns, const char *const *heads)
{
    struct cli_table *t = cli_must(calloc(1, sizeof(*t)));

    t->columns = columns;
    t->widths = cli_must(calloc(columns, sizeof(*t->widths)));
    cli_table_row(t, heads);
    return t;
}

static size_t column_width(const struct cli_table *t, size_t column)
{
    size_t widest = t->widths[column];

    for (size_t i = column; i < t->count; i += t->columns) {
        size_t w = width(t->cells[i]);
        widest = w > widest ? w : widest;
    }
    return widest;
}

/* Empty cells at the end of a row leave no blanks behind. */
static void print_row(char **cells, const size_t *widths, size_t columns)
{
    while (columns > 0 && !*cells[columns - 1])
        columns--;
    for (size_t i = 0; i < columns; i++)
        printf("%s%*s", cells[i], i + 1 < columns ? (int)(widths[i] - width(cells[i]) + GAP) : 0, "");
    putchar('\n');
}

void cli_table_flush(struct cli_table *t)
{
    for (size_t i = 0; i < t->columns; i++)
        t->widths[i] = column_width(t, i);
    for (size_t i = 0; i < t->count; i += t->columns)
        print_row(t->cells + i, t->widths, t->columns);
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    t->count = 0;
}

void cli_table_print(struct cli_table *t)
{
    cli_table_flush(t);
    free(t->widths);
    free(t->cells);
    free(t);
}

void cli_print_text(const char *text)
{
    char *copy = tame(text);

    fputs(copy, stdout);
    free(copy);
}

int cli_print_json(json_t *json)
{
    char *text = cli_must(json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY));

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(json);
    return 0;
}
