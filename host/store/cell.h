/* cell.h - one value on its way into a column: what the record says, and what the column would store. */
#ifndef SLUICE_STORE_CELL_H
#define SLUICE_STORE_CELL_H

#include "buf.h"
#include "db.h"
#include "table.h"

#define CELL_ABSENT 0 /* the record says nothing: a stored value stays */
#define CELL_NULL 1   /* the record clears it */
#define CELL_VALUE 2

struct cell {
    int state;
    struct db_value value; /* CELL_VALUE: as the column stores it; `text` owns what it points to, or the record does */
    struct buf text;
};

/* Turn a record's value into what column `c` stores. False when it does not fit the column: *why is a constant text. */
bool cell_set(struct cell *cell, const struct table_column *c, const sluice_value *value, const char **why);

/* The same from text: a preset or a constant. "now" for a time is `now`. */
bool cell_set_text(struct cell *cell, const struct table_column *c, const char *text, int64_t now);

/* Does the column already store this? `stored` may be of another type in a table that sluice did not create. */
bool cell_equals(const struct cell *cell, const struct table_column *c, const struct db_value *stored);

/* What column `c` stores, as a value of the column's type: read by what db_add_read() words. Texts stay where they are,
 * a list's numbers go to *ints, which is moved on. False when it is none, or there is no room. */
bool cell_read(const struct table_column *c, const struct db_value *stored, sluice_value *out, int64_t **ints,
               const int64_t *ints_end);

/* Append the value as text for keys and messages; nothing for an absent or null one. */
void cell_print(const struct cell *cell, struct buf *out);

#endif
