/* url.h - what a configuration must know of a URL: its scheme, and the secrets in it. */
#ifndef SLUICE_CONFIG_URL_H
#define SLUICE_CONFIG_URL_H

#include "load.h"

#include <stdbool.h>

/* Does the URL begin with one of the blank-separated schemes and "://", and go on after it? */
bool url_has_scheme(const char *url, const char *schemes);

/* Keep the password in the URL's user part, and that of a query's `password=`, as written and decoded, as secrets. */
void url_keep_secrets(struct config_files *files, const char *url);

#endif
