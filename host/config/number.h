/* number.h - integers as libconfig would read them, and why it would read them wrong. */
#ifndef SLUICE_CONFIG_NUMBER_H
#define SLUICE_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* What is wrong with the number of `len` bytes at `text`; NULL when nothing is. *readable: libconfig could read on,
 * with another value. The text never quotes the number, which may be a secret. */
const char *number_problem(const char *text, size_t len, bool *readable);

#endif
