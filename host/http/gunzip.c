#include "gunzip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define OUT_BYTES    ((size_t)64 * 1024)
#define GZIP_OR_ZLIB (15 + 32) /* window bits of inflateInit2() */
#define GZIP_FIRST   0x1F

struct gunzip {
    z_stream z;
    bool inside;  /* a member has begun and has not ended */
    uint64_t fed; /* bytes taken so far */
    char out[OUT_BYTES];
};

struct gunzip *gunzip_open(void)
{
    struct gunzip *g = calloc(1, sizeof *g);
    if (g && inflateInit2(&g->z, GZIP_OR_ZLIB) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

void gunzip_close(struct gunzip *g)
{
    if (!g)
        return;
    inflateEnd(&g->z);
    free(g);
}

static int broken(const struct gunzip *g, struct err *err)
{
    return err_set(err, SLUICE_E_RETRY, "the answer's gzip data is broken, after %llu bytes of it: %s",
                   (unsigned long long)(g->fed - g->z.avail_in), g->z.msg ? g->z.msg : "it goes on after its end");
}

/* Between members: drop padding, begin the next one. */
static int begin_member(struct gunzip *g, struct err *err)
{
    while (g->fed > 0 && g->z.avail_in > 0 && *g->z.next_in == 0) {
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (g->z.avail_in == 0)
        return 0;
    if (g->z.total_in > 0) {
        if (*g->z.next_in != GZIP_FIRST || inflateReset(&g->z) != Z_OK)
            return broken(g, err);
    }
    g->inside = true;
    return 0;
}

/* Inflate until the output is full or the input is used up. */
static int step(struct gunzip *g, gunzip_sink sink, void *context, struct err *err)
{
    g->z.next_out = (Bytef *)g->out;
    g->z.avail_out = (uInt)OUT_BYTES;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    if (rc == Z_MEM_ERROR)
        return err_set(err, E_SYSTEM, "out of memory");
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return broken(g, err);
    if (rc == Z_STREAM_END)
        g->inside = false;
    size_t got = OUT_BYTES - g->z.avail_out;
    return got > 0 ? sink(context, g->out, got, err) : 0;
}

int gunzip_feed(struct gunzip *g, const char *bytes, size_t len, gunzip_sink sink, void *context, struct err *err)
{
    g->z.next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    g->z.avail_in = (uInt)len;
    g->fed += len;
    int rc = 0;
    do {
        if (!g->inside)
            rc = begin_member(g, err);
        if (rc == 0 && g->inside)
            rc = step(g, sink, context, err);
    } while (rc == 0 && (g->z.avail_in > 0 || (g->inside && g->z.avail_out == 0)));
    return rc;
}

int gunzip_end(const struct gunzip *g, struct err *err)
{
    if (!g->inside)
        return 0;
    return err_set(err, SLUICE_E_RETRY, "the answer's gzip data was cut after %llu bytes", (unsigned long long)g->fed);
}
