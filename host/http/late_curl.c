/* late_curl.c - see late_curl.h. */
#include "late_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static struct late_curl functions;
static char problem[256]; /* why it could not be loaded */

static void find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        snprintf(problem, sizeof(problem), "%s has no %s", LIBRARY, name);
    memcpy(function, &symbol, sizeof(symbol));
}

#define NAME_AND_PLACE(name) {#name, &functions.name##_},

static void load(void)
{
    const struct {
        const char *name;
        void *function;
    } list[] = {LATE_CURL_FUNCTIONS(NAME_AND_PLACE)};
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        snprintf(problem, sizeof(problem), "%s", dlerror());
    for (size_t i = 0; library && i < sizeof(list) / sizeof(list[0]); i++)
        find(library, list[i].name, list[i].function);
}

int late_curl_load(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    return *problem ? err_set(err, E_SYSTEM, "libcurl: %s", problem) : 0;
}

const struct late_curl *late_curl(void)
{
    struct err err = {0};

    if (late_curl_load(&err)) {
        fprintf(stderr, "sluice: %s\n", err.msg);
        exit(EXIT_FAILURE);
    }
    return &functions;
}
