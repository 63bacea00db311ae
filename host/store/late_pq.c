/* late_pq.c - see late_pq.h. */
#include "late_pq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libpq.so.5"

static struct late_pq functions;
static char problem[256]; /* why it could not be loaded */

static void find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        snprintf(problem, sizeof(problem), "%s has no %s: it is older than version 14", LIBRARY, name);
    memcpy(function, &symbol, sizeof(symbol));
}

#define NAME_AND_PLACE(name) {#name, &functions.name##_},

static void load(void)
{
    const struct {
        const char *name;
        void *function;
    } list[] = {LATE_PQ_FUNCTIONS(NAME_AND_PLACE)};
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        snprintf(problem, sizeof(problem), "%s; on Debian: apt-get install libpq5", dlerror());
    for (size_t i = 0; library && i < sizeof(list) / sizeof(list[0]); i++)
        find(library, list[i].name, list[i].function);
}

int late_pq_load(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    return *problem ? err_set(err, E_SYSTEM, "libpq: %s", problem) : SLUICE_OK;
}

const struct late_pq *late_pq(void)
{
    return &functions;
}
