#include "body.h"

#include "charset.h"
#include "gunzip.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SLICE ((size_t)64 * 1024) /* converted at once; its UTF-8 is at most three times as long */

static bool is_gzip_name(const char *encoding)
{
    return strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0 ||
           strcasecmp(encoding, "deflate") == 0;
}

int body_open(struct body *b, const char *spool_dir, uint64_t max, const char *encoding, const char *charset,
              struct err *err)
{
    *b = (struct body){.open = true, .max = max, .declared_gzip = is_gzip_name(encoding)};
    spool_open(&b->spool, spool_dir);
    snprintf(b->charset_name, sizeof b->charset_name, "%s", charset);
    if (encoding[0] && !b->declared_gzip && strcasecmp(encoding, "identity") != 0)
        return err_set(err, SLUICE_E_REMOTE, "the answer's Content-Encoding is %.40s, which was not asked for",
                       encoding);
    return 0;
}

void body_close(struct body *b)
{
    gunzip_close(b->gunzip);
    charset_close(b->charset);
    if (b->open)
        spool_close(&b->spool);
    *b = (struct body){.open = false};
}

/* Take bytes from the piece until enough are collected; true when the question can be answered now. */
static bool collect(struct sniff *s, const char **bytes, size_t *len)
{
    while (s->len<sizeof s->bytes && * len> 0) {
        s->bytes[s->len++] = **bytes;
        ++*bytes;
        --*len;
    }
    return s->len == sizeof s->bytes;
}

static bool sniffed(const struct sniff *s, const char *what)
{
    return s->len == sizeof s->bytes && memcmp(s->bytes, what, sizeof s->bytes) == 0;
}

/* ---- Plain bytes: charset, spool ---- */

static int convert(struct body *b, const char *bytes, size_t len, struct err *err)
{
    while (len > 0) {
        size_t n = len < SLICE ? len : SLICE;
        if (!charset_feed(b->charset, (sluice_str){bytes, n}, &b->spool.tail))
            return err_set(err, E_SYSTEM, "out of memory");
        int rc = spool_settle(&b->spool, false, err);
        if (rc)
            return rc;
        bytes += n;
        len -= n;
    }
    return 0;
}

/* The first bytes are there, or all of a shorter body. */
static int begin_plain(struct body *b, struct err *err)
{
    bool mark = sniffed(&b->plain, "\xEF\xBB\xBF");
    b->plain.done = true;
    b->charset = charset_open(mark ? "utf-8" : b->charset_name);
    if (!b->charset)
        return err_set(err, SLUICE_E_CONFIG, "charset %s is not known", b->charset_name);
    return convert(b, b->plain.bytes, b->plain.len, err);
}

static int feed_plain(void *context, const char *bytes, size_t len, struct err *err)
{
    struct body *b = context;
    b->decoded += len;
    if (b->decoded > b->max)
        return err_set(err, SLUICE_E_REMOTE, "the answer is larger than http.max_body, %llu bytes",
                       (unsigned long long)b->max);
    if (!b->plain.done) {
        if (!collect(&b->plain, &bytes, &len))
            return 0;
        int rc = begin_plain(b, err);
        if (rc)
            return rc;
    }
    return convert(b, bytes, len, err);
}

/* ---- Bytes from the wire: compressed or not ---- */

static int feed_packed(struct body *b, const char *bytes, size_t len, struct err *err)
{
    if (b->gunzip)
        return gunzip_feed(b->gunzip, bytes, len, feed_plain, b, err);
    return feed_plain(b, bytes, len, err);
}

static int begin_packed(struct body *b, struct err *err)
{
    b->packed.done = true;
    if (b->packed.len == 0)
        return 0;
    if (b->declared_gzip || sniffed(&b->packed, "\x1F\x8B\x08")) {
        b->gunzip = gunzip_open();
        if (!b->gunzip)
            return err_set(err, E_SYSTEM, "out of memory");
    }
    return feed_packed(b, b->packed.bytes, b->packed.len, err);
}

int body_feed(struct body *b, const char *bytes, size_t len, struct err *err)
{
    if (!b->packed.done) {
        if (!collect(&b->packed, &bytes, &len))
            return 0;
        int rc = begin_packed(b, err);
        if (rc)
            return rc;
    }
    return len > 0 ? feed_packed(b, bytes, len, err) : 0;
}

int body_end(struct body *b, struct err *err)
{
    int rc = b->packed.done ? 0 : begin_packed(b, err);
    if (rc == 0 && b->gunzip)
        rc = gunzip_end(b->gunzip, err);
    if (rc == 0 && !b->plain.done)
        rc = begin_plain(b, err);
    if (rc)
        return rc;
    if (!charset_end(b->charset, &b->spool.tail))
        return err_set(err, E_SYSTEM, "out of memory");
    rc = spool_settle(&b->spool, true, err);
    if (rc)
        return rc;
    b->replaced = charset_replaced(b->charset);
    charset_close(b->charset); /* an answer may wait long to be read: keep only its text */
    gunzip_close(b->gunzip);
    b->charset = NULL;
    b->gunzip = NULL;
    return 0;
}
