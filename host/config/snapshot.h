/* snapshot.h - a configuration that was read, checked and bound in one process, as JSON for another one.
 *
 * It holds secrets: it belongs on a pipe or a sealed memfd, never in a file. Its options and routes are those of the
 * configuration itself, not copies: neither may be changed.
 */
#ifndef SLUICE_CONFIG_SNAPSHOT_H
#define SLUICE_CONFIG_SNAPSHOT_H

#include "config.h"

/* All of a bound configuration. New reference; NULL without memory. */
json_t *config_snapshot(const struct config *c);

/* The configuration that a snapshot is of: the same in every member but `settings` and `node`, which are NULL. Its
 * secrets are registered with redact(). SLUICE_E_BUG when it is none, E_SYSTEM without memory; where that runs out for
 * one of the many small pieces, the process ends (pool.h). */
int config_restore(const json_t *snapshot, struct config **out, struct err *err);

/* Register the secrets of `c` with redact() (again, after redact_forget()). False without memory. */
bool config_hide_secrets(const struct config *c);

/* What of `c` only a restart can change and differs from `now`: a problem for each. */
void config_check_fixed(const struct config *now, const struct config *c, struct config_problems *problems);

/* A hash of all that decides what runs of the job do, 16 hexadecimal digits and a NUL; of the whole configuration when
 * `job` is NULL. In which files and lines it is written makes no difference. Without memory it is that of nothing. */
#define CONFIG_HASH_SIZE 17
void config_hash(const struct config *c, const struct config_job *job, char out[CONFIG_HASH_SIZE]);

/* The same of all jobs together, in whatever order: what hosts that share a store must agree on. Where a host listens,
 * whom it alerts and what it has for plugins is its own. */
void config_hash_jobs(const struct config *c, char out[CONFIG_HASH_SIZE]);

#endif
