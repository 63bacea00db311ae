/* keys.c - the README's table of configuration keys, from the table that the configuration is read by. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(void *context, const struct config_key *key)
{
    const char *standing = key->required ? "required" : key->preset;
    /* The directory of plugins depends on where this build installs to. */
    if (strcmp(key->path, "plugins") == 0)
        standing = "where sluice was installed to";

    (void)context;
    printf("| `%s` | %s | %s | %s | %s |\n", key->path, key->wanted, standing, key->reloads ? "yes" : "no", key->help);
}

int main(void)
{
    puts("| key | value | default | reload | meaning |\n|---|---|---|---|---|");
    config_each_key(show, NULL);
    return EXIT_SUCCESS;
}
