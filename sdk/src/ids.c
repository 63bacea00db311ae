/* ids.c - the sets of integers of sluice.h. They gather unsorted, and are settled when they are looked at or full, so
 * that many equal ones take no room. */
#include "helper.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

struct sluice_ids {
    sluice_run *run;
    int64_t *list;
    size_t count, room;
    size_t settled; /* so many at the front are in order, each there once */
    struct sluice_ids *next;
};

void helper_ids_free(struct helper *h)
{
    for (struct sluice_ids *ids = h->ids; ids; ids = ids->next)
        free(ids->list);
    h->ids = NULL;
}

sluice_ids *sluice_ids_new(sluice_run *run)
{
    struct helper *h = helper_of(run);
    struct sluice_ids *ids = h ? region_alloc(&h->run_memory, sizeof *ids) : NULL;
    if (!ids)
        return h ? helper_run_full(run) : NULL;
    ids->run = run;
    ids->next = h->ids;
    h->ids = ids;
    return ids;
}

void sluice_ids_clear(sluice_ids *ids)
{
    if (ids)
        ids->count = ids->settled = 0;
}

static int compare(const void *a, const void *b)
{
    int64_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

static void settle(struct sluice_ids *ids)
{
    size_t kept = 0;
    if (ids->settled == ids->count)
        return;
    qsort(ids->list, ids->count, sizeof *ids->list, compare);
    for (size_t i = 0; i < ids->count; i++) {
        if (kept == 0 || ids->list[kept - 1] != ids->list[i])
            ids->list[kept++] = ids->list[i];
    }
    ids->count = ids->settled = kept;
}

/* Room for one more. */
static bool make_room(struct sluice_ids *ids)
{
    if (ids->count == ids->room)
        settle(ids);
    if (ids->count < ids->room - ids->room / 4)
        return true; /* what settling has freed */
    size_t room = ids->room ? ids->room * 2 : FIRST_ROOM;
    int64_t *grown = room <= RECORD_MEMORY_MAX / sizeof *grown ? realloc(ids->list, room * sizeof *grown) : NULL;
    if (!grown) {
        helper_record_full(ids->run);
        return false;
    }
    ids->list = grown;
    ids->room = room;
    return true;
}

void sluice_ids_add(sluice_ids *ids, int64_t id)
{
    if (ids && (ids->count < ids->room || make_room(ids)))
        ids->list[ids->count++] = id;
}

size_t sluice_ids_count(sluice_ids *ids)
{
    if (!ids)
        return 0;
    settle(ids);
    return ids->count;
}

void sluice_set_ids(sluice_record *rec, const char *column, sluice_ids *ids)
{
    size_t count = sluice_ids_count(ids);
    sluice_set_ints(rec, column, ids ? ids->list : NULL, count);
}
