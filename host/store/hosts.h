/* hosts.h - which hosts live, of those that share a store; and so which runs do.
 *
 * A host is "<host name>/<boot>", the first two parts of an owner (owner.h). While a process of it runs jobs it says
 * every few seconds that it lives: it beats, in its row of sluice_hosts. Both the beat's moment and its age are by the
 * clock of the server; those of two hosts are never compared. A store that one host uses has no such rows: there the
 * process is looked at.
 */
#ifndef SLUICE_STORE_HOSTS_H
#define SLUICE_STORE_HOSTS_H

#include "buf.h"
#include "db.h"

#define HOSTS_BEAT_SECONDS  5  /* from one beat to the next */
#define HOSTS_ALIVE_SECONDS 15 /* without a beat for that long, a host is dead */

/* This host lives. A daemon tells which jobs it has in force; other processes pass a NULL `config_hash`, leave that as it is,
 * and write nothing when the host has beaten a moment ago. Nothing at all on a store that is not shared. */
int hosts_beat(struct db *db, uint64_t generation, const char *config_hash, const char *version, struct err *err);

/* Append the names of the other hosts that live and have told another `config_hash`, as "a, b". */
int hosts_differing(struct db *db, const char *config_hash, struct buf *out, struct err *err);

/* Does the process that `owner` names still run? 1, 0 or an error. One of this host is looked at, one of another host
 * lives as long as its host beats. */
int hosts_owner_alive(struct db *db, const char *owner, struct err *err);

/* Forget hosts that have not beaten for a week: each boot is another one. */
int hosts_forget(struct db *db, struct err *err);

#endif
