/* charset.h - bytes of any charset into UTF-8, in pieces.
 *
 * Single-byte code pages go through a 256-entry table built once from iconv; everything else through iconv itself,
 * which carries a sequence that a piece cut in two. Bytes that have no character become U+FFFD and are counted: one bad
 * byte never loses the rest. UTF-8 input is checked the same way, so the output is always valid UTF-8.
 *
 * Threads: a charset belongs to one thread.
 */
#ifndef SLUICE_SDK_CHARSET_H
#define SLUICE_SDK_CHARSET_H

#include "buf.h"

struct charset; /* opaque */

/* Is this a charset that charset_open() takes? Any that iconv knows but UTF-7, which it decodes unsafely. */
bool charset_known(const char *name);

/* A decoder for `name` ("windows-1253", "utf-8", any name iconv has; case and "-" as iconv takes them). NULL when it is
 * not known or memory ran out. Close with charset_close(). A leading byte order mark is dropped from Unicode input. */
struct charset *charset_open(const char *name);

/* Append the UTF-8 of `bytes` to `out`. A sequence cut at the end waits for the next piece. False when `out`
 * refused. */
bool charset_feed(struct charset *cs, sluice_str bytes, struct buf *out);

/* No more pieces: a sequence still waiting becomes U+FFFD. Then another text may begin. False when `out` refused. */
bool charset_end(struct charset *cs, struct buf *out);

/* How many bytes or sequences had no character so far. */
uint64_t charset_replaced(const struct charset *cs);

void charset_close(struct charset *cs); /* NULL is fine */

#endif
