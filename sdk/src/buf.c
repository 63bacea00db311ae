#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 64 /* bytes of the first allocation */

/* Room for `len` more bytes and the NUL behind them. */
static bool make_room(struct buf *b, size_t len)
{
    if (b->failed)
        return false;
    if (len < b->cap && b->len < b->cap - len)
        return true;
    size_t most = b->max ? b->max : SIZE_MAX / 2;
    if (b->len > most || len > most - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap < SMALLEST / 2 ? SMALLEST : b->cap * 2;
    if (cap > most + 1)
        cap = most + 1;
    if (cap < b->len + len + 1)
        cap = b->len + len + 1;
    char *grown = realloc(b->ptr, cap);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->ptr = grown;
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (!make_room(b, len))
        return false;
    if (len)
        memcpy(b->ptr + b->len, bytes, len);
    b->len += len;
    b->ptr[b->len] = '\0';
    return true;
}

bool buf_add_str(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

bool buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

bool buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    bool ok = false;
    if (len < 0)
        b->failed = true;
    else if (make_room(b, (size_t)len)) {
        vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
        ok = true;
    }
    va_end(again);
    return ok;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(b, fmt, args);
    va_end(args);
    return ok;
}

char *buf_reserve(struct buf *b, size_t len)
{
    return make_room(b, len) ? b->ptr + b->len : NULL;
}

/* The letter of a two-character escape, 0 for a byte that has none. */
static char short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool add_escape(struct buf *b, unsigned char c)
{
    char letter = short_escape(c);
    if (letter)
        return buf_add(b, (char[]){'\\', letter}, 2);
    return buf_printf(b, "\\u%04x", c);
}

bool buf_add_json(struct buf *b, sluice_str text)
{
    size_t plain = 0; /* start of the stretch that needs no escape */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, text.ptr + plain, i - plain);
        add_escape(b, c);
        plain = i + 1;
    }
    return buf_add(b, text.len ? text.ptr + plain : NULL, text.len - plain);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->ptr)
        b->ptr[0] = '\0';
}

void buf_free(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.max = b->max};
}

const char *buf_text(const struct buf *b)
{
    if (!b->len)
        return "";
    b->ptr[b->len] = '\0'; /* who filled a reserve did not */
    return b->ptr;
}

sluice_str buf_str(const struct buf *b)
{
    return (sluice_str){.ptr = buf_text(b), .len = b->len};
}
