/* table.c - see table.h. */
#include "table.h"

#include <stdlib.h>

bool table_has_key(const struct table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].flags & SLUICE_KEY)
            return true;
    }
    return false;
}

void table_free(struct table *t)
{
    for (size_t i = 0; i < t->column_count; i++) {
        free(t->columns[i].name);
        free(t->columns[i].source);
        free(t->columns[i].preset);
        free(t->columns[i].value);
    }
    for (size_t i = 0; i < t->rule_count; i++) {
        for (size_t k = 0; k < t->rules[i].never_count; k++)
            free(t->rules[i].never[k]);
        free(t->rules[i].never);
    }
    free(t->columns);
    free(t->rules);
    free(t->name);
    *t = (struct table){0};
}
