/* shrunk.c - built with an earlier header: the structs end before members that this host has. What lies behind the rows
 * must not be read as part of them. */
#include "sluice/sluice.h"

struct early_option {
    const char *name;
    uint32_t type, flags;
};
struct early_column {
    const char *name;
    uint32_t type, flags;
    const char *path;
};
struct early_match {
    uint32_t rule, flags;
    const char *columns;
};

static int32_t read_things(sluice_run *run)
{
    return run->host->status(run);
}

static int32_t map_thing(sluice_run *run, sluice_str record)
{
    return run->host->skip(run, (sluice_str){0}, record);
}

static const struct early_option options[] = {{"url", SLUICE_TEXT, 0}, {"limit", SLUICE_INT, 0}};
static const struct early_column columns[] = {{"code", SLUICE_TEXT, SLUICE_KEY, "id"}, {"name", SLUICE_TEXT, 0, "n"}};
static const struct early_match matches[] = {{SLUICE_IDENTITY, 0, "code"}, {SLUICE_ADOPT, 0, "name"}};
static sluice_stream stream = {"things",           "shrunk_things",
                               .column_count = 2,  .column_stride = sizeof(columns[0]),
                               .match_count = 2,   .match_stride = sizeof(matches[0]),
                               .run = read_things, .map = map_thing};
static sluice_connector connector = {.struct_size = offsetof(sluice_connector, rate_per_min),
                                     .name = "shrunk",
                                     .version = "0.1",
                                     .option_count = 2,
                                     .option_stride = sizeof(options[0]),
                                     .streams = &stream,
                                     .stream_count = 1,
                                     .stream_stride = sizeof(stream),
                                     .rate_per_min = 77, /* behind struct_size: not there */
                                     .parallel = 77};

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    stream.columns = (const void *)columns;
    stream.matches = (const void *)matches;
    connector.options = (const void *)options;
    return &connector;
}
