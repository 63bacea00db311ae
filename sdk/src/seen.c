#include "seen.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MIN ((size_t)256)
#define SIZE_END ((size_t)262144) /* SEEN_KEPT are three quarters of it */

/* The place of `name` in a table that is never full, or the empty one where it belongs. */
static struct seen_row *place_of(struct seen_row *rows, size_t size, uint64_t name)
{
    size_t i = (size_t)name & (size - 1);
    while (rows[i].name && rows[i].name != name)
        i = (i + 1) & (size - 1);
    return &rows[i];
}

static int compare(const struct seen_row *found, struct seen_row row)
{
    if (!found->name)
        return SEEN_NEW;
    return found->content == row.content ? SEEN_SAME : SEEN_CHANGED;
}

int seen_find(const struct seen *s, struct seen_row row)
{
    int found = s->now ? compare(place_of(s->now, s->size, row.name), row) : SEEN_NEW;
    if (found == SEEN_NEW && s->before)
        found = compare(place_of(s->before, SIZE_END, row.name), row);
    return found;
}

/* Twice as many places for what `now` holds. */
static bool grow(struct seen *s)
{
    size_t size = s->now ? s->size * 2 : SIZE_MIN;
    struct seen_row *rows = calloc(size, sizeof *rows);
    if (!rows)
        return false;
    for (size_t i = 0; s->now && i < s->size; i++) {
        if (s->now[i].name)
            *place_of(rows, size, s->now[i].name) = s->now[i];
    }
    free(s->now);
    s->now = rows;
    s->size = size;
    return true;
}

/* Begin an empty table; forget what came before the full one. */
static bool turn(struct seen *s)
{
    struct seen_row *rows = calloc(SIZE_END, sizeof *rows);
    if (!rows)
        return false;
    free(s->before);
    s->before = s->now;
    s->now = rows;
    s->used = 0;
    return true;
}

bool seen_put(struct seen *s, struct seen_row row, int *found)
{
    *found = seen_find(s, row);
    if (s->used >= s->size / 4 * 3 && !(s->size < SIZE_END ? grow(s) : turn(s)))
        return false;
    struct seen_row *place = place_of(s->now, s->size, row.name);
    s->used += place->name == 0;
    *place = row;
    return true;
}

void seen_free(struct seen *s)
{
    free(s->now);
    free(s->before);
    *s = (struct seen){0};
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    return h;
}

uint64_t seen_hash(sluice_str text, uint64_t seed)
{
    uint64_t h = mix(seed + UINT64_C(0x9E3779B97F4A7C15) * (text.len + 1));
    for (size_t i = 0; i < text.len; i += 8) {
        uint64_t eight = 0;
        memcpy(&eight, text.ptr + i, text.len - i < 8 ? text.len - i : 8);
        h = mix(h ^ eight) + UINT64_C(0x9E3779B97F4A7C15);
    }
    h = mix(h);
    return h ? h : 1;
}
