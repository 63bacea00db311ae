/* auth.h - who may ask: bearer tokens, tenants, and what is refused without a token.
 *
 * Over the unix socket everybody may (its file's mode says who that is). With tokens configured, a request must carry
 * one; without, only a loopback listener answers, and there a foreign Host or a cross-site request is refused, since a
 * browser on the same machine could be made to send it.
 */
#ifndef SLUICE_CONTROL_AUTH_H
#define SLUICE_CONTROL_AUTH_H

#include "config.h"
#include "server.h"

struct auth {
    bool allowed;
    int status;         /* else: 401 or 403 */
    const char *error;  /* else: "Unauthorized", or why it is refused */
    const char *tenant; /* the only tenant it sees; "" all. Lives as long as the config */
    const char *name;   /* of the token, for the log; "" none */
};

/* Look at Authorization, X-Tenant-ID, Host and Sec-Fetch-Site. Secrets are compared in constant time. */
struct auth auth_check(const struct config *config, const struct exchange *x);

/* May a listener on `listen` be without a token? SLUICE_E_CONFIG with what to do when not. */
int auth_check_listener(const struct config *config, struct err *err);

#endif
