/* check_live.h - do the store and the sources answer? Private to host/cli. */
#ifndef SLUICE_CLI_CHECK_LIVE_H
#define SLUICE_CLI_CHECK_LIVE_H

#include "cli.h"

/* Try the store, then one record of each enabled job, and print a line for each as it comes (not with --json). *code
 * becomes the worst exit code. A new reference: [{"what","ok","text"}]. */
json_t *check_live(const struct cli *cli, const struct config *config, int *code);

#endif
