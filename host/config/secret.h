/* secret.h - the texts of a configuration that nobody may see, kept so that another process can mask them too. */
#ifndef SLUICE_CONFIG_SECRET_H
#define SLUICE_CONFIG_SECRET_H

#include "load.h"

/* Keep the `len` bytes at `secret` (copied) and register them with redact(). */
void secret_keep(struct config_files *files, const char *secret, size_t len);

/* Keep them without that. */
void secret_note(struct config_files *files, const char *secret, size_t len);

#endif
