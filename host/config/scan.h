/* scan.h - a look at the text before libconfig reads it.
 *
 * libconfig 1.5 accepts an unterminated comment, wraps integers over 32 bits, turns "C:\temp" into a tab, chokes on a
 * byte order mark and says "syntax error" to the rest. This scan refuses these, and names what is wrong with the line
 * and the name it is about; what it lets pass, libconfig reads as it stands.
 *
 * Refused: a byte order mark, NUL bytes, text that is not UTF-8, lone carriage returns; comments and texts without end;
 *          backslashes but \\ and \"; integers that need an L, do not fit 64 bits or begin with 0; binary numbers;
 *          names that are set twice in a group; @include; brackets that do not match; more than SCAN_DEPTH of them;
 *          more than SCAN_NAMES names in a group.
 */
#ifndef SLUICE_CONFIG_SCAN_H
#define SLUICE_CONFIG_SCAN_H

#include "config.h"

/* Brackets within brackets. */
#define SCAN_DEPTH 32

/* Names in one group: each is compared with those before it, here and in libconfig. */
#define SCAN_NAMES 1000

struct scan {
    bool readable;    /* libconfig may read the text */
    int *value_lines; /* of each value (a group or list where it opens) in the order of the text */
    size_t value_count;
    int *harmed_lines; /* libconfig would read something else on these; a problem was reported */
    size_t harmed_count;
};

/* Scan the `len` bytes at `text`, which `file` holds; problems are added to `problems`. */
void scan_text(const char *file, const char *text, size_t len, struct scan *out, struct config_problems *problems);

void scan_free(struct scan *s);

#endif
