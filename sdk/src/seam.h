/* seam.h - does a page of records join the ones before it?
 *
 * A page that was asked for with an overlap begins with the last record of the page before. A list that is sorted by an
 * integer joins when the page begins at or before that record, whatever was inserted or deleted. Otherwise the last
 * record must be there, everything before it in the page must be known, and nothing behind it may be known unchanged:
 * then no row was moved across the seam.
 */
#ifndef SLUICE_SDK_SEAM_H
#define SLUICE_SDK_SEAM_H

#include "buf.h"
#include "seen.h"

/* One record of the page that is looked at. */
struct seam_row {
    struct seen_row row;
    int64_t number; /* its name as an integer */
    bool numbered;  /* it is one */
    int known;      /* SEEN_*, from the pages before */
};

/* Read a record's name, the first value of its key `id` (NULL: the whole record), and its content. */
struct seam_row seam_read(sluice_str record, const char *id);

/* What joining found. */
#define SEAM_JOINS 0
#define SEAM_APART 1 /* the last record is not there: rows may lie between */
#define SEAM_MOVED 2 /* the order is not the one of before: nothing can be said */

/* Judge a page against the `last` record before it. */
int seam_judge(const struct seam_row *rows, size_t count, const struct seam_row *last, bool ascending);

#endif
