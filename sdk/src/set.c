/* set.c - the setters of sluice.h: what a connector itself puts into a column of its record. */
#include "helper.h"

#include <string.h>

/* The place of a column of that type in the record's row; NULL when nothing can be set. */
static sluice_value *place(sluice_record *rec, const char *column, uint32_t type, const char *what)
{
    int64_t i = helper_record_open(rec) ? helper_record_column(rec, column) : -1;
    if (i < 0)
        return NULL;
    if (mapping_column(rec->mapping.stream, (uint32_t)i)->type == type)
        return &rec->mapping.values[i];
    sluice_fail(rec->run, SLUICE_E_BUG, "the column \"%s\" is not %s", column, what);
    return NULL;
}

static void set_number(sluice_record *rec, const char *column, uint32_t type, const char *what, int64_t number)
{
    sluice_value *value = place(rec, column, type, what);
    if (value)
        *value = (sluice_value){.type = type, .as.i = number};
}

void sluice_set_int(sluice_record *rec, const char *column, int64_t value)
{
    set_number(rec, column, SLUICE_INT, "an integer", value);
}

void sluice_set_bool(sluice_record *rec, const char *column, int value)
{
    set_number(rec, column, SLUICE_BOOL, "a boolean", value != 0);
}

void sluice_set_decimal(sluice_record *rec, const char *column, int64_t units)
{
    set_number(rec, column, SLUICE_DECIMAL, "a decimal", units);
}

void sluice_set_time(sluice_record *rec, const char *column, int64_t us)
{
    set_number(rec, column, SLUICE_TIME, "a time", us);
}

void sluice_set_null(sluice_record *rec, const char *column)
{
    int64_t i = helper_record_open(rec) ? helper_record_column(rec, column) : -1;
    if (i >= 0)
        rec->mapping.values[i] = (sluice_value){.type = SLUICE_NULL};
}

void sluice_set_text(sluice_record *rec, const char *column, const char *text)
{
    sluice_value *place_of_it = place(rec, column, SLUICE_TEXT, "a text");
    if (!place_of_it)
        return;
    size_t len = text ? strlen(text) : 0;
    int64_t i = mapping_column_named(rec->mapping.stream, (sluice_str){column, strlen(column)});
    bool blank = text && (mapping_column(rec->mapping.stream, (uint32_t)i)->flags & SLUICE_BLANK);
    sluice_value value = {.type = SLUICE_NULL};
    if (len || blank) {
        value.type = SLUICE_TEXT;
        value.as.s = (sluice_str){helper_record_text(rec, (sluice_str){text, len}), len};
    }
    if (!rec->helper->record_memory.exhausted)
        *place_of_it = value;
}

void sluice_set_ints(sluice_record *rec, const char *column, const int64_t *numbers, size_t count)
{
    sluice_value *value = place(rec, column, SLUICE_INTS, "a list of integers");
    int64_t *copy = value ? region_alloc(&rec->helper->record_memory, count * sizeof *copy + 1) : NULL;
    if (value && !copy)
        helper_record_full(rec->run);
    if (!copy)
        return;
    if (count)
        memcpy(copy, numbers, count * sizeof *copy);
    *value = (sluice_value){.type = SLUICE_INTS, .as.n = {copy, count}};
}
