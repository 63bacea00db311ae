/* good.c - the least that a connector can be. */
#include "sluice/sluice.h"

static const sluice_option options[] = {
    {"url", SLUICE_TEXT, SLUICE_REQUIRED, .help = "where the source is"},
    {"key", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_SECRET, .help = "sent as X-Key"},
    {"page_size", SLUICE_INT, 0, "100", .help = "records a page"},
};

static const sluice_column thing[] = {
    {"code", SLUICE_TEXT, SLUICE_REQUIRED | SLUICE_KEY, .path = "id"},
    {"price", SLUICE_DECIMAL, .path = "price", .scale = 2},
};

static int32_t read_things(sluice_run *run)
{
    return run->host->status(run);
}

static int32_t map_thing(sluice_run *run, sluice_str record)
{
    return run->host->skip(run, (sluice_str){0}, record);
}

static const sluice_stream streams[] = {
    {"things", "good_things", "what there is", SLUICE_COLUMNS(thing),
     SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "code", .never = "0 -"}), .flags = SLUICE_INCREMENTAL,
     .run = read_things, .map = map_thing},
};

static const sluice_route routes[] = {
    {"GET POST", "/api/cron/sync-things", SLUICE_ROUTE_RUN, .stream = "things", .keys = "success count=processed"},
};

SLUICE_CONNECTOR(.name = "good", .version = "1.2.3", .help = "a connector for tests", .rate_per_min = 80,
                 SLUICE_OPTIONS(options), SLUICE_STREAMS(streams), SLUICE_ROUTES(routes));
