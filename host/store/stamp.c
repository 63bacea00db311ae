/* stamp.c - see stamp.h. */
#include "stamp.h"

#include "buf.h"
#include "date.h"

#include <string.h>

void stamp_bind(struct db_stmt *st, int index, int64_t us)
{
    struct buf text = {0};

    if (us) {
        date_print_ms(&text, us);
        db_bind_text(st, index, buf_text(&text));
    } else {
        db_bind_null(st, index);
    }
    buf_free(&text);
}

int64_t stamp_read(struct db_stmt *st, int index)
{
    const char *text = db_column_text(st, index);
    int64_t us = 0;

    if (!date_parse((sluice_str){text, strlen(text)}, NULL, &us))
        return 0;
    return us;
}
