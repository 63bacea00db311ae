/* secret.c - see secret.h and snapshot.h. */
#include "secret.h"

#include "redact.h"
#include "snapshot.h"
#include "url.h"

#include <string.h>

static bool is_known(const struct config_files *files, const char *secret, size_t len)
{
    for (size_t i = 0; i < files->secret_count; i++)
        if (files->secrets[i].len == len && memcmp(files->secrets[i].bytes, secret, len) == 0)
            return true;
    return false;
}

void secret_note(struct config_files *files, const char *secret, size_t len)
{
    if (len == 0 || is_known(files, secret, len))
        return;
    files->secrets = pool_append(&files->pool, files->secrets, files->secret_count, sizeof *files->secrets);
    files->secrets[files->secret_count++] = (struct config_secret){pool_copy(&files->pool, secret, len), len};
}

void secret_keep(struct config_files *files, const char *secret, size_t len)
{
    secret_note(files, secret, len);
    if (!redact_add(secret, len))
        pool_exhausted();
}

void config_store_secrets(const struct config *c, void (*each)(void *context, const char *secret, size_t len),
                          void *context)
{
    url_each_secret(c->store_url, each, context);
}

bool config_hide_secrets(const struct config *c)
{
    for (size_t i = 0; i < c->files->secret_count; i++)
        if (!redact_add(c->files->secrets[i].bytes, c->files->secrets[i].len))
            return false;
    return true;
}
