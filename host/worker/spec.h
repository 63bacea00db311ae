/* spec.h - a job as it is handed to a worker: two JSON texts on two descriptors.
 *
 * The connector's half goes to the connector child, the store's half to the writer; neither reads the other's, so the
 * child never sees the store's credentials and the writer never sees the source's.
 */
#ifndef SLUICE_WORKER_SPEC_H
#define SLUICE_WORKER_SPEC_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Descriptors that a worker is started with. */
#define SPEC_FD_CONNECTOR 3
#define SPEC_FD_STORE 4
#define SPEC_FD_EVENTS 5

#define SPEC_RUN 0
#define SPEC_PREVIEW 1
#define SPEC_RETRY 2

/* Read the JSON object on `fd`, from its start, and close it. New reference; NULL with err. */
json_t *spec_read(int fd, struct err *err);

/* Members; a missing one is "", 0, false. */
const char *spec_text(const json_t *spec, const char *key);
int64_t spec_int(const json_t *spec, const char *key);
bool spec_bool(const json_t *spec, const char *key);

#endif
