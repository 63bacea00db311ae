/* encoding.h - is it text, and is it UTF-8? */
#ifndef SLUICE_CONFIG_ENCODING_H
#define SLUICE_CONFIG_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* Are the `len` bytes at `text` whole UTF-8? */
bool encoding_is_utf8(const char *text, size_t len);

/* What keeps the `len` bytes at `text` from being a text file that people and libconfig read alike, and on which line;
 * NULL when nothing does. */
const char *encoding_problem(const char *text, size_t len, int *line);

#endif
