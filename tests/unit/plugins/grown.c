/* grown.c - built with a later header of the same ABI version: every struct has members that this host does not know.
 */
#include "sluice/sluice.h"

struct later_option {
    sluice_option now;
    const char *later;
};
struct later_column {
    sluice_column now;
    uint64_t later[2];
};
struct later_match {
    sluice_match now;
    const char *later;
};
struct later_stream {
    sluice_stream now;
    const char *later;
};
struct later_route {
    sluice_route now;
    const char *later;
};
struct later_connector {
    sluice_connector now;
    uint64_t later[4];
};

static int32_t read_things(sluice_run *run)
{
    return run->host->status(run);
}

static const struct later_option options[] = {
    {{"url", SLUICE_TEXT, SLUICE_REQUIRED, .help = "first"}, "later"},
    {{"limit", SLUICE_INT, 0, "7", .help = "second"}, "later"},
};
static const struct later_column columns[] = {
    {{"code", SLUICE_TEXT, SLUICE_KEY, .help = "first"}, {1, 2}},
    {{"name", SLUICE_TEXT, .help = "second"}, {3, 4}},
};
static const struct later_match matches[] = {
    {{SLUICE_IDENTITY, .columns = "code"}, "later"},
    {{SLUICE_REBIND, .columns = "name"}, "later"},
};
static const struct later_stream streams[] = {
    {{"first", "grown_first", .columns = &columns[0].now, .column_count = 2, .column_stride = sizeof(columns[0]),
      .matches = &matches[0].now, .match_count = 2, .match_stride = sizeof(matches[0]), .run = read_things},
     "later"},
    {{"second", "grown_second", .columns = &columns[0].now, .column_count = 2, .column_stride = sizeof(columns[0]),
      .matches = &matches[0].now, .match_count = 1, .match_stride = sizeof(matches[0]), .run = read_things},
     "later"},
};
static const struct later_route routes[] = {
    {{"GET", "/first", SLUICE_ROUTE_RUN, .stream = "first"}, "later"},
    {{"GET", "/second", SLUICE_ROUTE_RUN, .stream = "second"}, "later"},
};
static const struct later_connector connector = {
    {.struct_size = sizeof(connector),
     .abi_minor = 9,
     .name = "grown",
     .version = "9",
     .options = &options[0].now,
     .option_count = 2,
     .option_stride = sizeof(options[0]),
     .streams = &streams[0].now,
     .stream_count = 2,
     .stream_stride = sizeof(streams[0]),
     .routes = &routes[0].now,
     .route_count = 2,
     .route_stride = sizeof(routes[0])},
    {5, 6, 7, 8},
};

SLUICE_EXPORT const sluice_connector *sluice_connector_v0(void);
const sluice_connector *sluice_connector_v0(void)
{
    return &connector.now;
}
