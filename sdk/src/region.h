/* region.h - memory that lives exactly as long as a run, or as long as one record.
 *
 * The library hands out texts and tables without an owner to free them: they lie in a region and go with it, all at
 * once. Nothing in a region is freed alone.
 *
 * Limits:  a region that would pass `max` gives NULL and says so in `exhausted`; whoever owns it ends the run.
 * Threads: a region belongs to one thread.
 */
#ifndef SLUICE_SDK_REGION_H
#define SLUICE_SDK_REGION_H

#include "buf.h"

struct region_block; /* opaque */
struct region {
    struct region_block *newest; /* NULL while empty */
    size_t used;                 /* bytes handed out since the last reset */
    size_t max;                  /* bytes it may hand out; 0: no limit */
    bool exhausted;              /* something was refused since the last reset */
};

/* `size` zeroed bytes, aligned for any type; NULL when refused. */
void *region_alloc(struct region *r, size_t size);

/* The same without the zeroes and the alignment: room for text. */
char *region_room(struct region *r, size_t size);

/* A terminated copy of `text`; NULL when refused. */
char *region_text(struct region *r, sluice_str text);

/* Drop everything; keep one block for what comes next. */
void region_reset(struct region *r);

/* Give all memory back; a zeroed or freed region is empty and usable. */
void region_free(struct region *r);

#endif
