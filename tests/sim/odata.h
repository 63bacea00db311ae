/* odata.h - what a request asks of a list, in the part of OData that the simulated CRM speaks:
 *
 *   $select=Id,Name  $expand=Products  $filter=LastUpdateDate ge 2026-02-10T06:20:03Z and Id gt 7
 *   $orderby=Id desc  $top=300  $skip=600  $count=true
 */
#ifndef SIM_ODATA_H
#define SIM_ODATA_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ODATA_FIELDS 16
#define ODATA_TERMS  4
#define ODATA_TOP    300 /* rows that one answer holds at most, whatever is asked */

enum odata_type { ODATA_TEXT, ODATA_NUMBER, ODATA_INT, ODATA_TIME }; /* the last two can be compared and ordered by */

struct odata_field {
    const char *name;
    enum odata_type type;
};

struct odata_entity {
    const char *name;
    struct odata_field fields[ODATA_FIELDS]; /* up to the first without a name */
    const char *expand;                      /* the list that can be expanded; NULL: none */
};

enum odata_op { ODATA_EQ, ODATA_NE, ODATA_GT, ODATA_GE, ODATA_LT, ODATA_LE };

/* `field op value`; times are microseconds since 1970 UTC. */
struct odata_term {
    size_t field;
    enum odata_op op;
    bool null; /* compared with null */
    int64_t value;
};

struct odata_query {
    bool select[ODATA_FIELDS];
    bool expand;
    struct odata_term terms[ODATA_TERMS]; /* all must hold */
    size_t term_count;
    size_t order; /* field; ODATA_FIELDS: none */
    bool down;
    uint64_t top, skip;
    bool count;
};

/* Read the query part of a URL. The HTTP status: 200; 403 for a name in $select that is no field; 400 with the reason
 * in `why` for whatever else is wrong. */
int odata_parse(const struct odata_entity *entity, const char *query, struct odata_query *out, struct buf *why);

/* Does the term hold for a field that has this value, or none? */
bool odata_holds(const struct odata_term *term, bool present, int64_t value);

#endif
