/* text.h - texts for requests and for people: settings filled in, values printed, foreign text quoted. */
#ifndef SLUICE_SDK_TEXT_H
#define SLUICE_SDK_TEXT_H

#include "buf.h"

/* ASCII white space off both ends. */
sluice_str text_trim(sluice_str text);

/* The next of a list's words, split at blanks; false after the last one. */
bool text_word(sluice_str *list, sluice_str *word);

/* The longest beginning of `text` that is at most `max` bytes and ends with a whole character. */
sluice_str text_cut(sluice_str text, size_t max);

/* Append `text` in quotes for a message: cut to `max` bytes, with "…" where it was cut, control characters escaped. */
bool text_quote(struct buf *out, sluice_str text, size_t max);

/* Append a value as text: decimals with `scale` digits, times as ISO 8601, lists as [1,2], nothing for absent and null.
 */
bool text_value(struct buf *out, const sluice_value *value, uint32_t scale);

/* Append a value as JSON: texts and times quoted, the rest bare, null for absent. */
bool text_value_json(struct buf *out, const sluice_value *value, uint32_t scale);

/* How a template takes a setting in. */
#define TEXT_PLAIN  0 /* as it is */
#define TEXT_FORMAT 1 /* "%" doubled, for a printf that comes after */
#define TEXT_JSON   2 /* as JSON; a ' of the template stands for a " */

/* The value of setting `name` (terminated); false ends the filling in. */
typedef bool text_setting(void *context, const char *name, sluice_value *value);

/* Append `template` with each "${name}" replaced by that setting. What a setting holds is never a template itself. An
 * opening "${" without its end stays as it is. False when a setting was refused or `out` was full. */
bool text_fill(struct buf *out, const char *template, int how, text_setting *setting, void *context);

/* Append `url` with every run of "/" in its path (behind the host, before "?" or "#") made one. */
bool text_url(struct buf *out, const char *url);

/* Append `text` percent-encoded for a URL's query. Letters, digits and -_.!~*'():$, stay as they are. */
bool text_argument(struct buf *out, sluice_str text);

#endif
