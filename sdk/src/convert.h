/* convert.h - one JSON value into the value of a column, tolerant of sources that send everything as text. */
#ifndef SLUICE_SDK_CONVERT_H
#define SLUICE_SDK_CONVERT_H

#include "mapping.h"

/* Convert *value, found at `path`, for `column`: *out gets SLUICE_NULL when it means nothing ("" or one of the column's
 * empty texts), else a value of the column's type. NULL, or what is wrong with it ("is not an integer"); then *value is
 * what is wrong, which may be an element of a list. Memory that ran out sets m->exhausted. */
const char *convert_value(struct mapping *m, const sluice_column *column, const struct path *path,
                          struct json_value *value, sluice_value *out);

#endif
