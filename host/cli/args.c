/* args.c - command lines: cli_parse() and its friends. */
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

const char args_common_help[] =
    "Options of every verb:\n"
    "  -c, --config FILE  the configuration (default: $SLUICE_CONFIG, else " CLI_CONFIG ")\n"
    "  --env-file FILE    variables for it, instead of the configuration's own env_file\n"
    "  --json             print JSON, for programs\n"
    "  -v, --verbose      say more\n"
    "  -h, --help         this page\n";

int cli_usage(const char *fmt, ...)
{
    va_list args;

    fputs("sluice: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    return err_exit_code(E_USAGE);
}

void cli_help(const struct cli_verb *verb)
{
    bool question = verb->help[strlen(verb->help) - 1] == '?';

    printf("Usage: sluice %s%s%s\n\n%c%s%s\n\n%s\n%s", verb->name, *verb->usage ? " " : "", verb->usage,
           toupper((unsigned char)verb->help[0]), verb->help + 1, question ? "" : ".", verb->text, args_common_help);
}

/* Does `arg` name this option? *attached is the value that is written in one word with it, NULL when there is none.
 */
static bool is_option(const char *arg, const char *name, const char **attached)
{
    size_t len = strlen(name);

    *attached = NULL;
    if (strncmp(arg, name, len) != 0)
        return false;
    if (arg[len] == '=')
        *attached = arg + len + 1;
    else if (arg[len] && len == 2)
        *attached = arg + len; /* -n5 */
    return !arg[len] || *attached;
}

/* The value of the option at argv[*index]: attached to it, or the next word. */
static bool take_value(const char *name, const char *attached, int argc, char **argv, int *index, const char **value)
{
    if (!attached && *index + 1 >= argc) {
        cli_usage("%s needs a value", name);
        return false;
    }
    *value = attached ? attached : argv[++*index];
    return true;
}

static bool take_flag(const char *name, const char *attached, bool *flag)
{
    if (attached) {
        cli_usage("%s takes no value", name);
        return false;
    }
    *flag = true;
    return true;
}

/* Take argv[*index] if it is one of `options`: 1, 0 or -1 as args_common(). */
static int take(const struct cli_option *options, size_t count, int argc, char **argv, int *index)
{
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *o = &options[i];
        const char *attached;
        if (!is_option(argv[*index], o->name, &attached))
            continue;
        bool good = o->flag ? take_flag(o->name, attached, o->flag)
                            : o->value && take_value(o->name, attached, argc, argv, index, o->value);
        return good ? 1 : -1;
    }
    return 0;
}

int args_common(struct cli *cli, int argc, char **argv, int *index)
{
    const struct cli_option options[] = {
        {"-c", &cli->config_path, NULL}, {"--config", &cli->config_path, NULL}, {"--env-file", &cli->env_file, NULL},
        {"--json", NULL, &cli->json},    {"-v", NULL, &cli->verbose},           {"--verbose", NULL, &cli->verbose},
    };

    return take(options, sizeof(options) / sizeof(options[0]), argc, argv, index);
}

static int unknown_option(const struct cli_verb *verb, const char *arg, const struct cli_option *options, size_t count)
{
    const char *names[NAMES_MAX] = {"--config", "--env-file", "--json", "--verbose", "--help"};
    size_t n = 5;

    for (size_t i = 0; i < count && n < NAMES_MAX; i++)
        names[n++] = options[i].name;
    const char *near = config_nearest(arg, names, n);
    if (near)
        return cli_usage("%s: there is no option %s; did you mean %s?", verb->name, arg, near);
    return cli_usage("%s: there is no option %s; sluice %s --help lists them", verb->name, arg, verb->name);
}

int cli_parse(struct cli *cli, const struct cli_verb *verb, int argc, char **argv, const struct cli_option *options,
              size_t count)
{
    int positional = 0;
    bool ended = false;

    for (int i = 1; i < argc; i++) {
        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            argv[++positional] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            cli_help(verb);
            return -2;
        }
        int taken = take(options, count, argc, argv, &i);
        if (!taken)
            taken = args_common(cli, argc, argv, &i);
        if (!taken)
            unknown_option(verb, argv[i], options, count);
        if (taken != 1)
            return -1;
    }
    return positional;
}

bool cli_number(const char *name, const char *text, int64_t max, int64_t *out)
{
    char *end;

    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (!*text || *end || errno || v < 1 || v > max) {
        cli_usage("%s takes a whole number from 1 to %lld, not \"%s\"", name, (long long)max, text);
        return false;
    }
    *out = v;
    return true;
}
