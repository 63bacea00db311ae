/* db.c - what is the same for every database. */
#include "db.h"

#include "buf.h"

#include <stdlib.h>

void db_quote(struct buf *out, const char *name)
{
    buf_add_char(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_add_char(out, '"');
        buf_add_char(out, *name);
    }
    buf_add_char(out, '"');
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
