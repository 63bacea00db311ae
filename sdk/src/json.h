/* json.h - the record reader's walk over JSON text: a small pull parser that builds no tree.
 *
 * The text must be valid UTF-8 (the charset step sees to that). Everything else is checked as strictly as RFC 8259:
 * a text is accepted exactly when jansson accepts it (with JSON_DECODE_ANY and its default depth), and gives the same
 * values, but for numbers, which stay text: they are exact, and none is too large; and but for a NUL byte, which
 * jansson overlooks in some places and which is an error here. \u0000 and unpaired surrogates are errors.
 *
 * Two tools:
 *   - json_scan: finds where values end, over a text that comes in windows; checks only brackets and quotes, so it is
 *     fast enough to walk a large body twice. Resumable at any byte.
 *   - json_next_member / json_next_element / json_unescape...: strict, over one record that lies in one piece.
 *
 * Nothing here allocates, and no recursion follows the text.
 */
#ifndef SLUICE_SDK_JSON_H
#define SLUICE_SDK_JSON_H

#include "buf.h"

#define JSON_DEPTH_MAX 2048 /* values nested deeper are an error; a scalar counts as a level, as in jansson */

/* ---- Strict reading of one text in memory ---- */

/* Kinds of value; not the names of jansson's, which the tests include beside this. */
#define JSON_KIND_NONE   0 /* not a value */
#define JSON_KIND_NULL   1
#define JSON_KIND_FALSE  2
#define JSON_KIND_TRUE   3
#define JSON_KIND_NUMBER 4 /* text: the number as sent */
#define JSON_KIND_STRING 5 /* text: between the quotes, escapes as sent; `escaped` says whether there are any */
#define JSON_KIND_OBJECT 6 /* text: with its brackets */
#define JSON_KIND_ARRAY  7 /* text: with its brackets */

struct json_value {
    int kind;
    bool escaped;    /* strings: holds a backslash */
    sluice_str text; /* points into the text that was read */
};

/* A walk over one object or array, or over one whole text. */
struct json {
    const char *start; /* of the text, for error positions */
    const char *p;     /* next byte */
    const char *end;
    const char *error; /* what is wrong, a constant text; NULL: nothing so far */
    char close;        /* the bracket that ends the walk */
    bool first;        /* no member was read yet */
    bool closed;       /* the walk met its closing bracket */
};

/* Read `text` as exactly one value, checked to the last byte with all that is inside it. False: see j->error; the byte
 * it happened at is json_offset(). */
bool json_read(struct json *j, sluice_str text, struct json_value *value);

/* Enter an object or array; anything else is an error. Its inside is checked strictly as the walk goes on; json_read
 * has not to be called first. */
void json_enter(struct json *j, sluice_str object_or_array);

/* The next member of an object. False at its end or on an error (j->error says which). The value is checked to its
 * last byte, with all that is inside it. */
bool json_next_member(struct json *j, struct json_value *key, struct json_value *value);
bool json_next_element(struct json *j, struct json_value *value);

/* After the walk: was the text a whole object or array with nothing behind it? Sets j->error when not. */
bool json_done(struct json *j);

size_t json_offset(const struct json *j); /* of the error, in bytes from the start */

/* Append the characters of a string value to `out`, escapes resolved. False when `out` refused. (The value was checked
 * when it was read.) */
bool json_unescape(const struct json_value *string, struct buf *out);

/* The same into memory of at least string->text.len bytes; returns the bytes used. */
size_t json_unescape_to(const struct json_value *string, char *out);

/* Is this string value, escapes resolved, equal to `text`? */
bool json_string_is(const struct json_value *string, sluice_str text);

/* ---- Structural scan over windows ---- */

/* Open brackets and which of them are braces. Only the bits below `depth` mean anything. */
struct json_nest {
    uint32_t depth;
    uint64_t braces[JSON_DEPTH_MAX / 64];
};

/* Where a scan stands; zeroed, it stands before a value. */
struct json_scan {
    bool in_string;
    bool escape; /* the last byte was a backslash inside a string */
    bool scalar; /* inside a number or a literal that no bracket holds */
    struct json_nest nest;
};

/* What a scan found out. */
#define JSON_SCAN_MORE   0 /* the value goes on behind the window */
#define JSON_SCAN_END    1 /* the value ends in this window */
#define JSON_SCAN_BROKEN 2 /* a bracket that does not match its opener, or too many of them */

/* Go on through `window`, which follows the last one. *used is the number of its bytes that belong to the value, white
 * space before it included; all of them for JSON_SCAN_MORE.
 * A number or literal that no bracket holds ends before the byte that cannot belong to it, which may be the first one
 * of a window; at the end of the text the caller takes s->scalar for its end. Where no value begins at all (at a comma,
 * a colon or a closing bracket) the value is empty. */
int json_scan_value(struct json_scan *s, sluice_str window, size_t *used);

#endif
