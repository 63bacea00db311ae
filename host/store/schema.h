/* schema.h - sluice's own tables in the store: sluice_runs, _cursors, _rejects, _jobs, _hosts and _meta. */
#ifndef SLUICE_STORE_SCHEMA_H
#define SLUICE_STORE_SCHEMA_H

#include "db.h"

#define SCHEMA_VERSION 2

/* Are they there, and of the version this sluice reads? 1: yes; 0: not there; E_STORE: they are older, and
 * schema_ensure() cures it; SLUICE_E_CONFIG: a newer sluice made them. */
int schema_check(struct db *db, struct err *err);

/* Create them, or bring older ones up to date, in a transaction of its own unless one is open. */
int schema_ensure(struct db *db, struct err *err);

#endif
