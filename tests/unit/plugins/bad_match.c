/* bad_match.c - a match rule with a typo. */
#include "sluice/sluice.h"

static const sluice_column thing[] = {{"afm", SLUICE_TEXT, .help = "tax id"}};

static int32_t read_things(sluice_run *run)
{
    return run->host->status(run);
}

static const sluice_stream streams[] = {
    {"things", "things", SLUICE_COLUMNS(thing), SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "amf"}),
     .run = read_things},
};

SLUICE_CONNECTOR(.name = "bad_match", .version = "1", SLUICE_STREAMS(streams));
