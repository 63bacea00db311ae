/* buf.h - a growing run of bytes with a limit.
 *
 * One owner. A buffer that could not grow (limit or memory) keeps what it had, sets `failed` and ignores later appends,
 * so a chain of appends is checked once, at its end.
 */
#ifndef SLUICE_SDK_BUF_H
#define SLUICE_SDK_BUF_H

#include "sluice/abi.h"

#include <stdarg.h>
#include <stdbool.h>

struct buf {
    char *ptr;    /* NULL while empty; always followed by a NUL that is not counted, once anything was appended */
    size_t len;   /* bytes used */
    size_t cap;   /* bytes allocated */
    size_t max;   /* bytes it may ever hold; 0: no limit */
    bool failed;  /* an append was refused */
};

/* Append; false when it (or an earlier append) was refused. */
bool buf_add(struct buf *b, const void *bytes, size_t len);
bool buf_add_str(struct buf *b, const char *text);
bool buf_add_char(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_vprintf(struct buf *b, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

/* Room for `len` more bytes at ptr + len, to be filled by the caller, who then adds to `len`; NULL when refused. */
char *buf_reserve(struct buf *b, size_t len);

/* Append `text` as the inside of a JSON string, without the quotes: \" \\ and control characters are escaped. */
bool buf_add_json(struct buf *b, sluice_str text);

/* Forget the content and a refusal, keep the memory. */
void buf_clear(struct buf *b);

/* Give the memory back; a zeroed or freed buffer is empty and usable. */
void buf_free(struct buf *b);

/* The content as text: "" while empty. Valid until the next append. */
const char *buf_text(const struct buf *b);
sluice_str buf_str(const struct buf *b);

#endif
