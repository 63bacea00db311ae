/* client.h - one request to the daemon over its unix socket: what the command line talks to it with. */
#ifndef SLUICE_CONTROL_CLIENT_H
#define SLUICE_CONTROL_CLIENT_H

#include "err.h"

#include <jansson.h>

/* Send it and wait, at most `timeout_us`. *status and *answer (new reference, NULL when it is no JSON) on success.
 * E_STORE, which is exit code 69, when nobody listens there; the message says what to do. */
int client_call(const char *socket, const char *method, const char *path, const json_t *body, int64_t timeout_us,
                int *status, json_t **answer, struct err *err);

#endif
