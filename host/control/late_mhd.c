/* late_mhd.c - see late_mhd.h. */
#include "late_mhd.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libmicrohttpd.so.12"

static struct late_mhd functions;

static int find(void *library, const char *name, void *function, struct err *err)
{
    void *symbol = dlsym(library, name);

    memcpy(function, &symbol, sizeof(symbol));
    return symbol ? SLUICE_OK : err_set(err, E_SYSTEM, "libmicrohttpd: %s has no %s", LIBRARY, name);
}

#define NAME_AND_PLACE(name) {#name, &functions.name##_},

int late_mhd_load(struct err *err)
{
    static void *library;
    const struct {
        const char *name;
        void *function;
    } list[] = {LATE_MHD_FUNCTIONS(NAME_AND_PLACE)};
    int rc = SLUICE_OK;

    if (!library)
        library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return err_set(err, E_SYSTEM, "libmicrohttpd: %s; on Debian: apt-get install libmicrohttpd12", dlerror());
    for (size_t i = 0; !rc && i < sizeof(list) / sizeof(list[0]); i++)
        rc = find(library, list[i].name, list[i].function, err);
    return rc;
}

const struct late_mhd *late_mhd(void)
{
    return &functions;
}
