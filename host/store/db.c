/* db.c - what is the same for every database. */
#include "db.h"

#include "buf.h"

#include <stdlib.h>

static void quote(struct buf *out, const char *text, char with)
{
    buf_add_char(out, with);
    for (; *text; text++) {
        if (*text == with)
            buf_add_char(out, with);
        buf_add_char(out, *text);
    }
    buf_add_char(out, with);
}

void db_quote(struct buf *out, const char *name)
{
    quote(out, name, '"');
}

void db_quote_text(struct buf *out, const char *text)
{
    quote(out, text, '\'');
}

void db_table_free(struct db_table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        free(t->columns[i].name);
        free(t->columns[i].type);
    }
    free(t->columns);
    free(t->locator);
    *t = (struct db_table){0};
}
