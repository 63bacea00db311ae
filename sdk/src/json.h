/* json.h - the record reader's walk over JSON text: a small pull parser that builds no tree.
 *
 * The text must be valid UTF-8 (the charset step sees to that). Everything else is checked as strictly as RFC 8259:
 * a text is accepted exactly when jansson accepts it (with JSON_DECODE_ANY and its default depth), and gives the same
 * values, but for numbers, which stay text and so exact. \u0000 and unpaired surrogates are errors.
 *
 * Two tools:
 *   - json_scan: finds where values end, over a text that comes in windows; checks only brackets and quotes, so it is
 *     fast enough to walk a large body twice. Resumable at any byte.
 *   - json_next_member / json_next_element / json_string...: strict, over one record that lies in one piece.
 */
#ifndef SLUICE_SDK_JSON_H
#define SLUICE_SDK_JSON_H

#include "buf.h"

#define JSON_DEPTH_MAX 512 /* nested deeper is an error */

/* ---- Strict reading of one text in memory ---- */

/* Kinds of value. */
#define JSON_ERROR 0
#define JSON_NULL 1
#define JSON_FALSE 2
#define JSON_TRUE 3
#define JSON_NUMBER 4 /* text: the number as sent */
#define JSON_STRING 5 /* text: between the quotes, escapes as sent; `escaped` says whether there are any */
#define JSON_OBJECT 6 /* text: with its brackets */
#define JSON_ARRAY 7  /* text: with its brackets */

struct json_value {
    int kind;
    bool escaped;     /* strings: holds a backslash */
    sluice_str text;  /* points into the text that was read */
};

/* A walk over one object or array, or over one whole text. */
struct json {
    const char *start; /* of the text, for error positions */
    const char *p;     /* next byte */
    const char *end;
    const char *error; /* what is wrong, a constant text; NULL: nothing so far */
    bool first;        /* no member was read yet */
};

/* Read `text` as exactly one value, checked to the last byte with all that is inside it. False: see j->error; the byte
 * it happened at is json_offset(). */
bool json_read(struct json *j, sluice_str text, struct json_value *value);

/* Enter an object or array. Its inside is checked strictly as the walk goes on; json_read has not to be called first. */
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

/* Is this string value, escapes resolved, equal to `text`? */
bool json_string_is(const struct json_value *string, sluice_str text);

/* ---- Structural scan over windows ---- */

/* Where a scan stands; zeroed, it stands before a value. */
struct json_scan {
    uint32_t depth;    /* open brackets */
    bool in_string;
    bool escape;       /* the last byte of the window was a backslash inside a string */
    bool scalar;       /* inside a number or a literal */
    bool started;
    bool too_deep;
};

/* Go on through `window`. Returns the number of bytes up to and including the last byte of the value, or 0 when the
 * value goes on beyond the window (then call again with the next one, and the same scan). For a number or literal at
 * depth 0 the end is the byte before the delimiter, so the delimiter must be in a window, or the text be at its end. */
size_t json_scan_value(struct json_scan *s, sluice_str window, bool *done);

#endif
