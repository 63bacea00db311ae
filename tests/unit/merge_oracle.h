/* merge_oracle.h - what contract A6.2 to A6.5 say of a sequence of records: an array of rows that every rule walks from
 * its start. Slow, and written without a look at host/store.
 *
 * Fields are texts as the dump of a store shows them.
 */
#ifndef SLUICE_TEST_MERGE_ORACLE_H
#define SLUICE_TEST_MERGE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REF, MAIL, NAME, CITY, NOTE, TENANT, CODE, AMOUNT, SEEN, ACTIVE, SIZE, LIST, REGION, COLUMNS };

#define ABSENT 0
#define EMPTY  1 /* null */
#define VALUE  2

struct field {
    int state;
    const char *text;
};

struct record {
    struct field fields[COLUMNS];
    bool unstorable; /* a value is none that its column takes: known before anything is looked up */
};

struct row {
    struct field fields[COLUMNS]; /* never absent */
    bool claimed;                 /* matched or written in this run */
    int last;                     /* the record that was stored in it last; -1: none */
};

/* What one case is about. */
struct setting {
    bool text_id;         /* the identity is a text that is trimmed and lowered, else an integer */
    bool scoped;          /* rows match only within their tenant */
    bool theirs;          /* the table was there before, without indexes and with more than one row for a key */
    int unique;           /* 1: CODE, 2: TENANT and CODE together; 0: neither */
    bool quiet;           /* a difference in CITY and LIST alone is no change */
    bool points;          /* REGION is a foreign key of 1, 2 and 3 */
    uint32_t second_rule; /* a SLUICE_* rule for MAIL; 0: identity only */
};

#define VERDICT_CREATED   0
#define VERDICT_UPDATED   1
#define VERDICT_UNCHANGED 2
#define VERDICT_REJECTED  3

struct verdict {
    int what;
    bool rebound;
    const char *class; /* of a reject; "refused": by the store */
    const char *key;
};

struct rejected {
    const char *key;
    const struct record *record; /* NULL: the mapping's, which are all alike */
    int run, seen;
    bool open;
};

struct oracle {
    struct setting s;
    struct row *rows;
    int count, max;
    struct rejected *rejects;
    int reject_count, reject_max;
    int run;
};

struct verdict oracle_merge(struct oracle *o, const struct record *r, int number);

/* A reject is kept: the same one again is counted. A record with this key was stored. Records must outlive the oracle.
 */
void oracle_reject(struct oracle *o, const char *key, const struct record *r);
void oracle_supersede(struct oracle *o, const char *key);

/* A run begins. */
void oracle_begin(struct oracle *o);

/* A row that others wrote; false when a unique index would not take it. */
bool oracle_insert(struct oracle *o, const struct row *row);

void oracle_free(struct oracle *o);

#endif
