/* body.h - one answer's body on its way in: decompressed, counted, turned into UTF-8, kept in a spool.
 *
 * gzip is recognised by its first bytes also when no header declared it. A UTF-8 byte order mark says UTF-8 whatever
 * charset was expected, and is dropped.
 */
#ifndef SLUICE_HTTP_BODY_H
#define SLUICE_HTTP_BODY_H

#include "spool.h"

struct gunzip;
struct charset;

/* The first bytes of something, collected until there are enough to tell what it is. */
struct sniff {
    char bytes[3];
    unsigned len;
    bool done;
};

struct body {
    bool open; /* body_open() was called: there is something to close */
    struct spool spool;
    uint64_t max;     /* bytes after decompression */
    uint64_t decoded; /* bytes after decompression so far */
    bool declared_gzip;
    char charset_name[64]; /* expected */
    struct sniff packed;   /* is it gzip? */
    struct sniff plain;    /* has it a byte order mark? */
    struct gunzip *gunzip; /* NULL: not compressed */
    struct charset *charset;
    uint64_t replaced; /* of a body that ended */
};

/* Get ready for a body of up to `max` bytes. `encoding` is its Content-Encoding, "" for none; `charset` what it is
 * expected in. Both are copied, `spool_dir` is borrowed. Pair with body_close(), also after a failure. */
int body_open(struct body *b, const char *spool_dir, uint64_t max, const char *encoding, const char *charset,
              struct err *err);

/* A piece as it came. SLUICE_E_RETRY: broken; SLUICE_E_REMOTE: too large. */
int body_feed(struct body *b, const char *bytes, size_t len, struct err *err);

/* No more pieces. */
int body_end(struct body *b, struct err *err);

/* Give everything back; safe on a zeroed or closed one. */
void body_close(struct body *b);

#endif
