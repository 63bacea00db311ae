/* crm.h - the deals and contacts of the simulated CRM: generated ones, a pure function of seed and number, and those
 * that a test has put or changed, which are kept as JSON. Rows are in order of Id.
 */
#ifndef SIM_CRM_H
#define SIM_CRM_H

#include "odata.h"

#include <jansson.h>

#define CRM_DEALS    0u
#define CRM_CONTACTS 1u
#define CRM_LISTS    2u

extern const struct odata_entity crm_entities[CRM_LISTS];

/* A row: generated, unless it has an object of its own. */
struct crm_row {
    int64_t id;
    int64_t touched; /* when a generated row was edited, in microseconds since 1970 UTC; 0: never */
    json_t *object;
};

struct crm {
    uint64_t seed;
    uint32_t generated[CRM_LISTS]; /* how many rows there are at first */
    struct {
        struct crm_row *rows;
        size_t count, cap;
    } list[CRM_LISTS];
};

/* Back to the generated rows, or (with `empty`) to none. */
void crm_reset(struct crm *c, bool empty);
void crm_free(struct crm *c);

/* Change the row that `patch` has the Id of, or add it; a patch without LastUpdateDate is of the time `now_us`. */
bool crm_put(struct crm *c, uint32_t list, const json_t *patch, int64_t now_us);
bool crm_delete(struct crm *c, uint32_t list, int64_t id);
/* Edit `count` of the generated rows, evenly spread. */
void crm_touch(struct crm *c, uint32_t list, size_t count, int64_t now_us);

/* Append what `q` asks for as a JSON list; how many rows the filter lets through. */
uint64_t crm_answer(const struct crm *c, uint32_t list, const struct odata_query *q, struct buf *out);

#endif
