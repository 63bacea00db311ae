/* args.h - the options that every verb takes, and those that stand before the verb. Private to host/cli. */
#ifndef SLUICE_CLI_ARGS_H
#define SLUICE_CLI_ARGS_H

#include "cli.h"

/* Take argv[*index] if it is one of -c, --env-file, --json, -v; *index then stands on its last word. 1: taken; 0: it is
 * something else; -1: after an error was printed. */
int args_common(struct cli *cli, int argc, char **argv, int *index);

/* The help of these options, for help pages. */
extern const char args_common_help[];

#endif
