/* table.h - a target table as a job wants it: columns and match rules of the stream, with the job's changes. */
#ifndef SLUICE_STORE_TABLE_H
#define SLUICE_STORE_TABLE_H

#include "sluice/abi.h"

#include <stdbool.h>

#define TABLE_KEY_MAX 8 /* columns of one match rule */
#define TABLE_NONE SIZE_MAX

struct table_column {
    char *name;      /* in the table; "" when the job leaves it out */
    char *source;    /* in the stream: names it in messages and in kept payloads */
    uint32_t type;   /* SLUICE_INT to SLUICE_INTS */
    uint32_t flags;  /* SLUICE_REQUIRED, KEY, TRIM, LOWER, BLANK, CLEAR, NARROW, INDEX, QUIET, SET */
    uint32_t scale;  /* SLUICE_DECIMAL */
    char *preset;    /* for a new row that has nothing, and for a null; settings filled in; NULL: none */
    char *value;     /* the same for each row; settings filled in; NULL: none */
};

struct table_rule {
    uint32_t rule; /* SLUICE_IDENTITY, ADOPT, REBIND */
    size_t columns[TABLE_KEY_MAX];
    size_t column_count;
    char **never; /* values that match nothing */
    size_t never_count;
};

struct table {
    char *name; /* "table" or "schema.table" */
    struct table_column *columns;
    size_t column_count;
    struct table_rule *rules;
    size_t rule_count;
    size_t scope;    /* column, or TABLE_NONE */
    const struct table_column *gone; /* the column that notes since when a row is gone; NULL: none */
    bool check_only; /* manage = "check": create nothing */
};

/* Does the stream have a primary key of its own? Without one the table gets "id". */
bool table_has_key(const struct table *t);

void table_free(struct table *t);

#endif
