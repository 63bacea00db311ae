/* kept.c - see kept.h. A record is its count of values; a value its type, and what that type needs. Lists are aligned.
 */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

static void add_text(struct buf *b, sluice_str s)
{
    buf_add(b, &s.len, sizeof(s.len));
    buf_add(b, s.ptr, s.len);
}

static void pad(struct buf *b)
{
    static const char zeros[8] = {0};

    buf_add(b, zeros, (8 - b->len % 8) % 8);
}

static void add_value(struct buf *b, const sluice_value *v)
{
    buf_add_char(b, (char)v->type);
    switch (v->type) {
    case SLUICE_ABSENT:
    case SLUICE_NULL:
        break;
    case SLUICE_TEXT:
        add_text(b, v->as.s);
        break;
    case SLUICE_INTS:
        buf_add(b, &v->as.n.len, sizeof(v->as.n.len));
        pad(b);
        buf_add(b, v->as.n.ptr, v->as.n.len * sizeof(int64_t));
        break;
    default:
        buf_add(b, &v->as.i, sizeof(v->as.i));
    }
}

static bool grow(struct kept *k)
{
    size_t max = k->max ? k->max * 2 : 64;
    size_t *at = realloc(k->at, max * sizeof(*at));

    if (!at)
        return false;
    k->at = at;
    k->max = max;
    return true;
}

bool kept_add(struct kept *k, const sluice_value *values, uint32_t count)
{
    if (k->count == k->max && !grow(k))
        return false;
    k->at[k->count] = k->bytes.len;
    buf_add(&k->bytes, &count, sizeof(count));
    for (uint32_t i = 0; i < count; i++)
        add_value(&k->bytes, &values[i]);
    k->count += !k->bytes.failed;
    return !k->bytes.failed;
}

static const char *read_value(const struct kept *k, const char *p, sluice_value *v)
{
    *v = (sluice_value){.type = (unsigned char)*p++};
    switch (v->type) {
    case SLUICE_ABSENT:
    case SLUICE_NULL:
        return p;
    case SLUICE_TEXT:
        memcpy(&v->as.s.len, p, sizeof(v->as.s.len));
        v->as.s.ptr = p + sizeof(v->as.s.len);
        return v->as.s.ptr + v->as.s.len;
    case SLUICE_INTS:
        memcpy(&v->as.n.len, p, sizeof(v->as.n.len));
        p += sizeof(v->as.n.len);
        p += (8 - (size_t)(p - k->bytes.ptr) % 8) % 8;
        v->as.n.ptr = (const int64_t *)(const void *)p;
        return p + v->as.n.len * sizeof(int64_t);
    default:
        memcpy(&v->as.i, p, sizeof(v->as.i));
        return p + sizeof(v->as.i);
    }
}

void kept_read(const struct kept *k, size_t n, sluice_value *values, size_t max)
{
    const char *p = k->bytes.ptr + k->at[n];
    uint32_t count;

    memcpy(&count, p, sizeof(count));
    p += sizeof(count);
    for (size_t i = 0; i < max; i++) {
        if (i < count)
            p = read_value(k, p, &values[i]);
        else
            values[i] = (sluice_value){0};
    }
}

void kept_clear(struct kept *k)
{
    buf_clear(&k->bytes);
    k->count = 0;
}

void kept_free(struct kept *k)
{
    buf_free(&k->bytes);
    free(k->at);
    *k = (struct kept){0};
}
