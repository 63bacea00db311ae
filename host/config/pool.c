#include "pool.h"

#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool_piece {
    struct pool_piece *next;
    size_t size;
    max_align_t bytes[];
};

_Noreturn void pool_exhausted(void)
{
    fputs("sluice: out of memory while reading the configuration\n", stderr);
    exit(EXIT_FAILURE);
}

void *pool_alloc(struct pool *p, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct pool_piece))
        pool_exhausted();
    struct pool_piece *piece = calloc(1, sizeof *piece + size);
    if (!piece)
        pool_exhausted();
    piece->size = size;
    piece->next = p->head;
    p->head = piece;
    return piece->bytes;
}

char *pool_copy(struct pool *p, const char *text, size_t len)
{
    char *copy = pool_alloc(p, len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *pool_text(struct pool *p, const char *text)
{
    return pool_copy(p, text, strlen(text));
}

char *pool_printf(struct pool *p, const char *fmt, ...)
{
    struct buf b = {0};
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(&b, fmt, args);
    va_end(args);
    if (!ok)
        pool_exhausted();
    char *copy = pool_copy(p, buf_text(&b), b.len);
    buf_free(&b);
    return copy;
}

void *pool_append(struct pool *p, void *list, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0; /* 0, 1, 2, 4, 8…: as many as fit so far */
    if (!full)
        return list;
    char *larger = pool_alloc(p, (count == 0 ? 1 : 2 * count) * size);
    if (count > 0)
        memcpy(larger, list, count * size);
    return larger;
}

void pool_free(struct pool *p)
{
    while (p->head) {
        struct pool_piece *piece = p->head;
        p->head = piece->next;
        explicit_bzero(piece->bytes, piece->size);
        free(piece);
    }
}
