/* gunzip.h - gzip (or zlib) data that arrives in pieces. Several members in a row are one stream, as gzip(1) has it. */
#ifndef SLUICE_HTTP_GUNZIP_H
#define SLUICE_HTTP_GUNZIP_H

#include "err.h"

#include <stddef.h>

struct gunzip; /* opaque */

/* Takes a piece of plain data; not 0 ends the reading and is given back. */
typedef int (*gunzip_sink)(void *context, const char *bytes, size_t len, struct err *err);

/* NULL when memory ran out. Pair with gunzip_close(). */
struct gunzip *gunzip_open(void);
void gunzip_close(struct gunzip *g); /* NULL is fine */

/* Broken data is SLUICE_E_RETRY. */
int gunzip_feed(struct gunzip *g, const char *bytes, size_t len, gunzip_sink sink, void *context, struct err *err);

/* No more pieces: data that is not complete is SLUICE_E_RETRY. Nothing at all is complete. */
int gunzip_end(const struct gunzip *g, struct err *err);

#endif
