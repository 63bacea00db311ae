/* merge_cases.h - random cases for the merge: a table, rows that others wrote, and a sequence of records with all that
 * makes trouble. The same seed and number give the same case.
 */
#ifndef SLUICE_TEST_MERGE_CASES_H
#define SLUICE_TEST_MERGE_CASES_H

#include "merge_oracle.h"
#include "table.h"

/* What a connector says, one after the other. */
#define EVENT_RECORD 0
#define EVENT_REJECT 1 /* by the mapping; `key` is its key */
#define EVENT_SKIP   2
#define EVENT_RUN    3 /* the next run begins */

#define CASE_SERIES 20 /* cases in a row that have the same table */

struct event {
    int what;
    struct record record;
    sluice_value values[COLUMNS];
    const char *key;
};

struct merge_case {
    struct setting s;
    bool native;      /* columns of PostgreSQL's own types: for comparing its two ways, not for the oracle */
    const char *more;  /* SQL: what else the table has; NULL: nothing */
    unsigned batch;   /* records a transaction */
    struct row *rows; /* to be there before, where the indexes allow */
    int row_count;
    struct event *events;
    int event_count;
    struct table table;
    struct table_column columns[COLUMNS];
    struct table_rule rules[2];
    void *memory; /* of all texts */
};

#define CASE_NATIVE 1 /* for PostgreSQL's own types */
#define CASE_LARGE  2 /* twice as many records, on average */

/* Make case `number` of a kind (CASE_*). Cases with the same number / CASE_SERIES have the same setting. */
void case_make(struct merge_case *c, unsigned seed, unsigned number, int kind);
void case_free(struct merge_case *c);

/* Turn fields into values, as a connector sends them. In a native case the note "\\N" has a NUL inside. */
void case_values(const struct merge_case *c, const struct record *r, sluice_value values[COLUMNS]);

#endif
