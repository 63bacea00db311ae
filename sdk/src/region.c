#include "region.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384 /* bytes of an ordinary block */

struct region_block {
    struct region_block *older;
    size_t size, used;
    alignas(max_align_t) char bytes[];
};

/* A block that holds at least `size` bytes becomes the newest one. */
static struct region_block *add_block(struct region *r, size_t size)
{
    if (size < BLOCK)
        size = BLOCK;
    struct region_block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    *b = (struct region_block){.older = r->newest, .size = size};
    r->newest = b;
    return b;
}

/* `size` bytes whose place is a multiple of `align`. */
static char *take(struct region *r, size_t size, size_t align)
{
    size_t max = r->max ? r->max : SIZE_MAX / 2;
    struct region_block *b = r->newest;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (size <= max && r->used <= max - size) {
        if (!b || at > b->size || size > b->size - at) {
            b = add_block(r, size);
            at = 0;
        }
        if (b) {
            b->used = at + size;
            r->used += size;
            return b->bytes + at;
        }
    }
    r->exhausted = true;
    return NULL;
}

void *region_alloc(struct region *r, size_t size)
{
    char *bytes = take(r, size, alignof(max_align_t));
    return bytes ? memset(bytes, 0, size) : NULL;
}

char *region_room(struct region *r, size_t size)
{
    return take(r, size, 1);
}

char *region_text(struct region *r, sluice_str text)
{
    char *copy = text.len < SIZE_MAX ? take(r, text.len + 1, 1) : NULL;
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

/* Free every block but the oldest, or that one too. */
static void drop_blocks(struct region *r, bool keep_oldest)
{
    while (r->newest && (r->newest->older || !keep_oldest)) {
        struct region_block *older = r->newest->older;
        free(r->newest);
        r->newest = older;
    }
}

void region_reset(struct region *r)
{
    /* The first block may have been made for one huge text; it is not worth keeping then. */
    drop_blocks(r, true);
    if (r->newest && r->newest->size > BLOCK)
        drop_blocks(r, false);
    if (r->newest)
        r->newest->used = 0;
    r->used = 0;
    r->exhausted = false;
}

void region_free(struct region *r)
{
    drop_blocks(r, false);
    *r = (struct region){.max = r->max};
}
