/* pool.h - the memory of one configuration: many small pieces that are freed together.
 *
 * A configuration is small, read before anything runs, and useless by halves; so running out of memory while it is
 * read ends the process with a message, and no caller has to check.
 *
 * Lifetime: a piece lives until pool_free(), which overwrites it first: it may have held a secret.
 */
#ifndef SLUICE_CONFIG_POOL_H
#define SLUICE_CONFIG_POOL_H

#include <stddef.h>

struct pool_piece; /* opaque */
struct pool {
    struct pool_piece *head; /* newest piece; NULL while empty */
};

/* `size` zeroed bytes, aligned for any type. Never NULL. */
void *pool_alloc(struct pool *p, size_t size);

/* A terminated copy of the `len` bytes at `text`. Never NULL. */
char *pool_copy(struct pool *p, const char *text, size_t len);

/* The same of a terminated text. */
char *pool_text(struct pool *p, const char *text);

/* A formatted text. Never NULL. */
char *pool_printf(struct pool *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The array `list` of `count` elements of `size` bytes with room for one more, zeroed; it may have moved. Only for
 * arrays that grew by this function alone, one by one, from NULL. */
void *pool_append(struct pool *p, void *list, size_t count, size_t size);

/* Free every piece; a zeroed or freed pool is empty and usable. */
void pool_free(struct pool *p);

/* Say that memory ran out while the configuration was read, and end the process. */
_Noreturn void pool_exhausted(void);

#endif
