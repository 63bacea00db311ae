/* feed.c - a source that is a file, for what a job with a cursor of its own does with records that are rejected.
 *
 * Each line is a record, "AT ID PARENT NAME"; a PARENT of "-" is none. A run delivers what is after the cursor, which
 * is an AT, and marks the AT of the last line, and of every `mark_every`th before it. A line "fail" ends the run there.
 * Not hostile: it refuses only the NAME that its setting names.
 */
#include "sluice/sluice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX 1000

static const sluice_option options[] = {
    {"file", SLUICE_TEXT, SLUICE_REQUIRED, .help = "the records"},
    {"refuse", SLUICE_TEXT, .help = "a name that no record may have"},
    {"mark_every", SLUICE_INT, 0, "0", .help = "records between two marks; 0: only the last one is marked"},
};

static const sluice_column columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY, .help = "a number"},
    {"parent", SLUICE_INT, .help = "another one"},
    {"name", SLUICE_TEXT, .help = "a text"},
};

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

static int32_t map_line(sluice_run *run, sluice_str record)
{
    char line[LINE_MAX], id[32] = "", parent[32] = "", name[200] = "";

    snprintf(line, sizeof(line), "%.*s", (int)record.len, record.ptr);
    if (sscanf(line, "%*s %31s %31s %199s", id, parent, name) != 3)
        return sluice_fail(run, SLUICE_E_REMOTE, "this is no record: %s", line);
    if (strcmp(name, sluice_opt_text(run, "refuse")) == 0)
        return run->host->reject(run, str_of(id), str_of("name: it is refused"), record);
    const sluice_value row[] = {
        {.type = SLUICE_INT, .as.i = strtoll(id, NULL, 10)},
        {.type = *parent == '-' ? SLUICE_NULL : SLUICE_INT, .as.i = strtoll(parent, NULL, 10)},
        {.type = SLUICE_TEXT, .as.s = str_of(name)},
    };
    return run->host->emit(run, row, 3);
}

static void mark(sluice_run *run, long long at)
{
    char cursor[32];

    snprintf(cursor, sizeof(cursor), "%lld", at);
    sluice_checkpoint(run, cursor);
}

static void read_lines(sluice_run *run, FILE *f)
{
    long long from = strtoll(*run->cursor ? run->cursor : "0", NULL, 10), at = from;
    int64_t count = 0, every = sluice_opt_int(run, "mark_every");
    char line[LINE_MAX];

    run->host->stat(run, "from", from);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "fail") == 0) {
            sluice_fail(run, SLUICE_E_RETRY, "the feed broke off");
            return;
        }
        if (strtoll(line, NULL, 10) <= from)
            continue;
        at = strtoll(line, NULL, 10);
        map_line(run, str_of(line));
        if (every && ++count % every == 0)
            mark(run, at);
    }
    mark(run, at);
}

static int32_t read_feed(sluice_run *run)
{
    FILE *f = fopen(sluice_opt_text(run, "file"), "r");

    if (!f)
        return sluice_fail(run, SLUICE_E_RETRY, "%s: %s", sluice_opt_text(run, "file"), strerror(errno));
    read_lines(run, f);
    fclose(f);
    return run->host->status(run);
}

static int32_t read_window(sluice_run *run)
{
    run->host->window(run, str_of("08:00"), str_of("08:10"), INT64_C(600000000));
    return read_feed(run);
}

#define ROWS SLUICE_COLUMNS(columns), SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"}), .map = map_line

static const sluice_stream streams[] = {
    {"orders", "orders", "what is after the cursor", ROWS, .run = read_feed, .flags = SLUICE_INCREMENTAL},
    {"window", "orders", "the same, as if the source had chosen it", ROWS, .run = read_window,
     .flags = SLUICE_INCREMENTAL | SLUICE_WINDOWED},
};

SLUICE_CONNECTOR(.name = "feed", .version = "1", .help = "reads a file", .needs_minor = 0, SLUICE_OPTIONS(options),
                 SLUICE_STREAMS(streams));
