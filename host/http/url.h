/* url.h - what the client has to know about URLs: may this one be asked, is that one the same place, how to show it. */
#ifndef SLUICE_HTTP_URL_H
#define SLUICE_HTTP_URL_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/* Is `url` absolute, http or https, and http only to this machine unless `insecure`? */
int url_check(const char *url, bool insecure, struct err *err);

/* Does it lead to this machine? Such requests never go through a proxy. */
bool url_is_local(const char *url);

/* Do both have the same scheme, host and port? */
bool url_same_origin(const char *a, const char *b);

/* `url` for messages: without credentials and without the values of its query. What `size` has no room for is told by
 * "..." at the end. */
void url_show(const char *url, char *out, size_t size);

#endif
