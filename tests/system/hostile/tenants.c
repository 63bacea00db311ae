/* tenants.c - a source with partitions: a file for each tenant, for what a run over partitions makes of them.
 *
 * A file <dir>/<tenant's id> has a line for each record, "AT NUMBER NAME", of which those after the cursor, an AT, are
 * delivered, and the AT of the last line is marked. Other lines are acts: "fail CODE WHY", "crash", "exit", "hang",
 * "garbage", "skip", "reject NUMBER", "total N", "warn WHY", "hold FILE" (wait until that file is there). No file: nothing
 * new, and the cursor of before is marked. With `url` each run begins with a request.
 */
#include "sluice/sluice.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX 1000

static const sluice_option options[] = {
    {"dir", SLUICE_TEXT, SLUICE_REQUIRED, .help = "where the files are"},
    {"url", SLUICE_TEXT, .help = "asked at the beginning of each run"},
    {"tenants", SLUICE_GROUP, SLUICE_REQUIRED | SLUICE_LIST, .help = "whose records there are"},
    {"tenants.id", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_UNIQUE, .help = "names the partition"},
    {"tenants.town", SLUICE_TEXT, .preset = "Nowhere", .help = "where its people live unless they say"},
    {"tenants.shelf", SLUICE_TEXT, .preset = "0", .help = "a number"},
};

static const sluice_column columns[] = {
    {"number", SLUICE_INT, SLUICE_REQUIRED, .help = "its identity"},
    {"name", SLUICE_TEXT, .help = "a text"},
    {"tenant", SLUICE_TEXT, SLUICE_REQUIRED, .value = "${tenants.id}"},
    {"town", SLUICE_TEXT, .preset = "${tenants.town}", .help = "a text"},
    {"shelf", SLUICE_INT, .value = "${tenants.shelf}"},
};

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

static int32_t map_line(sluice_run *run, sluice_str record)
{
    char line[LINE_MAX], id[32] = "", name[200] = "";

    snprintf(line, sizeof(line), "%.*s", (int)record.len, record.ptr);
    if (strncmp(line, "reject ", 7) == 0)
        return run->host->reject(run, str_of(line + 7), str_of("name: it is refused"), record);
    if (sscanf(line, "%*s %31s %199s", id, name) != 2)
        return sluice_fail(run, SLUICE_E_REMOTE, "this is no record: %s", line);
    const sluice_value row[] = {
        {.type = SLUICE_INT, .as.i = strtoll(id, NULL, 10)},
        {.type = SLUICE_TEXT, .as.s = str_of(name)},
    };
    return run->host->emit(run, row, 2);
}

static void wait_for_file(sluice_run *run, const char *file)
{
    const struct timespec tick = {.tv_nsec = 5000000};

    while (access(file, F_OK) != 0 && run->host->status(run) == SLUICE_OK)
        nanosleep(&tick, NULL);
}

/* True when the line was one. */
static bool act(sluice_run *run, const char *line)
{
    const char *rest = strchr(line, ' ');

    rest = rest ? rest + 1 : "";
    if (strncmp(line, "fail ", 5) == 0) {
        char *why;
        int32_t code = (int32_t)strtol(rest, &why, 10);
        sluice_fail(run, code, "%s", *why ? why + 1 : "");
    } else if (strcmp(line, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would catch it */
        raise(SIGSEGV);
    } else if (strcmp(line, "exit") == 0) {
        exit(7);
    } else if (strcmp(line, "hang") == 0) {
        wait_for_file(run, "/nowhere/at/all");
    } else if (strcmp(line, "garbage") == 0) {
        run->host->emit(run, NULL, 1000);
    } else if (strcmp(line, "skip") == 0) {
        run->host->skip(run, str_of("9"), str_of("by rule"));
    } else if (strncmp(line, "total ", 6) == 0) {
        sluice_total(run, strtoll(rest, NULL, 10));
    } else if (strncmp(line, "warn ", 5) == 0) {
        sluice_warn(run, "%s", rest);
    } else if (strncmp(line, "hold ", 5) == 0) {
        wait_for_file(run, rest);
    } else {
        return false;
    }
    return true;
}

static void read_lines(sluice_run *run, FILE *f)
{
    long long from = strtoll(*run->cursor ? run->cursor : "0", NULL, 10), at = from;
    char line[LINE_MAX], mark[32];

    while (f && run->host->status(run) == SLUICE_OK && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (act(run, line))
            continue;
        if (strncmp(line, "reject ", 7) != 0) {
            if (strtoll(line, NULL, 10) <= from)
                continue;
            at = strtoll(line, NULL, 10);
        }
        map_line(run, str_of(line));
    }
    snprintf(mark, sizeof(mark), "%lld", at);
    if (at)
        sluice_checkpoint(run, mark);
}

static int32_t read_people(sluice_run *run)
{
    const char *file = sluice_text(run, "${dir}/%s", sluice_opt_text(run, "tenants.id"));

    run->host->stat(run, "process", getpid());
    if (*sluice_opt_text(run, "url")) {
        sluice_call call = {.url = sluice_text(run, "${url}/${tenants.id}?since=%s", run->cursor)};
        sluice_ask(run, &call);
    }
    FILE *f = fopen(file, "r");
    read_lines(run, f);
    if (f)
        fclose(f);
    if (!f)
        sluice_checkpoint(run, *run->cursor ? run->cursor : "0");
    return run->host->status(run);
}

static const sluice_stream streams[] = {
    {"people", "people", "whom each tenant knows", SLUICE_COLUMNS(columns),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "number"}, {SLUICE_REBIND, .columns = "name"}), .scope = "tenant",
     .partition = "tenants", .run = read_people, .map = map_line, .flags = SLUICE_INCREMENTAL},
};

static const sluice_route routes[] = {
    {"POST", "/api/tenants/sync", SLUICE_ROUTE_RUN, .stream = "people", .under = "data"},
    {"POST", "/api/tenants/sync/:id", SLUICE_ROUTE_RUN, .stream = "people", .under = "data"},
};

SLUICE_CONNECTOR(.name = "tenants", .version = "1", .help = "reads a file for each tenant", .needs_minor = 0,
                 SLUICE_OPTIONS(options), SLUICE_STREAMS(streams), SLUICE_ROUTES(routes));
