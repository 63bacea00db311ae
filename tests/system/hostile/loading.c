/* loading.c - a connector that misbehaves while it is loaded; CASE says how. Cases with ONLY_WORKER behave as long as
 * they are only described, so that the deed meets a run that has begun. */
#include "sluice/sluice.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CRASHES 1
#define EXITS 2
#define HANGS 3
#define LEAVES 4       /* a process, hidden */
#define SPEAKS 5       /* on standard output */
#define OTHER_MAJOR 6  /* exports the entry of another major version */
#define NO_ENTRY 7
#define NEWER 8        /* needs a newer host */
#define CRASHES_LATER 9 /* in the entry function */
#define WARNS 10        /* on standard error */

#ifndef ONLY_WORKER
#define ONLY_WORKER 0
#endif

/* "sluice\0worker\0" is what a run's processes are called with. */
static int is_worker(void)
{
    char line[64] = "";
    FILE *f = fopen("/proc/self/cmdline", "r");
    size_t n = f ? fread(line, 1, sizeof(line) - 1, f) : 0;

    if (f)
        fclose(f);
    return n > 7 && strcmp(line + strlen(line) + 1, "worker") == 0;
}

static void misbehave(void)
{
#if CASE == CRASHES || CASE == CRASHES_LATER
    raise(SIGSEGV);
#elif CASE == EXITS
    exit(3);
#elif CASE == HANGS
    signal(SIGTERM, SIG_IGN);
    for (;;)
        pause();
#elif CASE == LEAVES
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        prctl(PR_SET_NAME, "left-by-loading");
        for (;;)
            pause();
    }
#elif CASE == SPEAKS
    puts("{\"hello\": \"from the plugin\"}");
    fflush(stdout);
#elif CASE == WARNS
    fputs("a warning\nof \"two\" lines\n", stderr);
#endif
}

#if CASE != CRASHES_LATER
__attribute__((constructor))
#endif
static void constructor(void)
{
    if (!ONLY_WORKER || is_worker())
        misbehave();
}

static const sluice_column columns[] = {{"id", SLUICE_INT, SLUICE_KEY, .help = "a number"}};

static int32_t read_rows(sluice_run *run)
{
    const sluice_value row[] = {{.type = SLUICE_INT, .as.i = 1}};

    return run->host->emit(run, row, 1);
}

static int32_t map_row(sluice_run *run, sluice_str record)
{
    return run->host->skip(run, (sluice_str){0}, record);
}

static const sluice_stream streams[] = {
    {"rows", "hostile_rows", "one row", SLUICE_COLUMNS(columns), SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"}),
     .run = read_rows, .map = map_row},
};

static const sluice_connector table = {
    .struct_size = sizeof(sluice_connector),
    .name = "loading",
    .version = "1",
    .help = "misbehaves while it is loaded",
#if CASE == NEWER
    .abi_minor = 60000,
    .needs_minor = 60000,
#endif
    SLUICE_STREAMS(streams),
};

#if CASE == OTHER_MAJOR
#define ENTRY sluice_connector_v99
#elif CASE == NO_ENTRY
#define ENTRY some_function
#else
#define ENTRY sluice_connector_v0
#endif

SLUICE_EXPORT const sluice_connector *ENTRY(void);
const sluice_connector *ENTRY(void)
{
#if CASE == CRASHES_LATER
    constructor();
#endif
    return &table;
}
