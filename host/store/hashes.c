/* hashes.c - see hashes.h. Open addressing, never more than half full. */
#include "hashes.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

/* FNV-1a; never 0. */
static uint64_t hash_of(uint32_t kind, sluice_str text)
{
    uint64_t hash = (14695981039346656037u ^ kind) * 1099511628211u;

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 1099511628211u;
    return hash ? hash : 1;
}

static size_t slot_of(const struct hashes *h, uint64_t hash)
{
    size_t slot = (size_t)(hash ^ hash >> 32) & (h->size - 1);

    while (h->slots[slot] && h->slots[slot] != hash)
        slot = (slot + 1) & (h->size - 1);
    return slot;
}

static bool grow(struct hashes *h)
{
    struct hashes grown = {.size = h->size ? h->size * 2 : FIRST_SIZE};

    grown.slots = calloc(grown.size, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < h->size; i++) {
        if (h->slots[i])
            grown.slots[slot_of(&grown, h->slots[i])] = h->slots[i];
    }
    free(h->slots);
    h->slots = grown.slots;
    h->size = grown.size;
    return true;
}

bool hashes_add(struct hashes *h, uint32_t kind, sluice_str text)
{
    if (h->failed || (2 * h->count >= h->size && !grow(h))) {
        h->failed = true;
        return true;
    }
    uint64_t hash = hash_of(kind, text);
    size_t slot = slot_of(h, hash);
    bool there = h->slots[slot] != 0;
    h->slots[slot] = hash;
    h->count += !there;
    return there;
}

bool hashes_has(const struct hashes *h, uint32_t kind, sluice_str text)
{
    return h->failed || (h->size && h->slots[slot_of(h, hash_of(kind, text))]);
}

void hashes_clear(struct hashes *h)
{
    if (h->count)
        memset(h->slots, 0, h->size * sizeof(*h->slots));
    h->count = 0;
    h->failed = false;
}

void hashes_free(struct hashes *h)
{
    free(h->slots);
    *h = (struct hashes){0};
}
