/* needs.h - what sluice needs of the server that keeps its store, in one list, each thing tried by itself. */
#ifndef SLUICE_STORE_NEEDS_H
#define SLUICE_STORE_NEEDS_H

#include "buf.h"
#include "db.h"

/* Try each, in a transaction that is rolled back. Appends "what: why; …" for those that fail. 0, or an error when the
 * store is away. */
int needs_check(struct db *db, struct buf *lacks, struct err *err);

#endif
