/* stamp.h - moments as sluice's own tables keep them: text in UTC to the millisecond, "2025-10-11T08:58:45.123Z", which
 * sorts as it reads. In C they are microseconds since 1970 UTC, 0 for none, which is NULL.
 */
#ifndef SLUICE_STORE_STAMP_H
#define SLUICE_STORE_STAMP_H

#include "db.h"

/* Set parameter `index` to the moment `us`. */
void stamp_bind(struct db_stmt *st, int index, int64_t us);

/* The moment in column `index`; 0 also for text that is none. */
int64_t stamp_read(struct db_stmt *st, int index);

#endif
