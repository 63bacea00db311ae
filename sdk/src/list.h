/* list.h - the list of records in an answer. */
#ifndef SLUICE_SDK_LIST_H
#define SLUICE_SDK_LIST_H

#include "body.h"

/* One element, in one piece; false ends the walk. */
typedef bool list_element(void *context, sluice_str element);

/* Hand each element of the list at `key` (of an answer that is a list: its own) to `take`. Returns how many there were
 * up to then. A list that is absent or broken ends the run. */
int64_t list_read(struct sluice_body *b, const char *key, list_element *take, void *context);

/* Hand one record to the stream's map(), which must end in one verdict. False when the run is over. */
bool list_map(sluice_run *run, sluice_str record);

#endif
