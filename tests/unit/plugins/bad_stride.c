/* bad_stride.c - a table without a stride. */
#include "sluice/sluice.h"

static const sluice_option options[] = {{"url", SLUICE_TEXT, .help = "never read"}};

SLUICE_CONNECTOR(.name = "bad_stride", .version = "1", .options = options, .option_count = 1);
