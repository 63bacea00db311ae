/* url.h - what a configuration must know of a URL: its scheme, and the secrets in it. */
#ifndef SLUICE_CONFIG_URL_H
#define SLUICE_CONFIG_URL_H

#include "load.h"

#include <stdbool.h>

/* Does the URL begin with one of the blank-separated schemes and "://", and go on after it? */
bool url_has_scheme(const char *url, const char *schemes);

/* Call `each` for every password in the URL, that of its user part and those of a query's `password=` and the like, as
 * written and decoded. */
void url_each_secret(const char *url, void (*each)(void *context, const char *secret, size_t len), void *context);

/* Keep them as secrets. */
void url_keep_secrets(struct config_files *files, const char *url);

#endif
