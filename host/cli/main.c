/* main.c - sluice: finds the verb and runs it. */
#include "alert.h"
#include "args.h"
#include "child.h"
#include "log.h"
#include "prepare.h"
#include "worker.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct cli_verb *const verbs[] = {
    &cli_verb_serve, &cli_verb_run,    &cli_verb_preview, &cli_verb_check,  &cli_verb_plugins, &cli_verb_jobs,
    &cli_verb_next,  &cli_verb_status, &cli_verb_runs,    &cli_verb_rejects, &cli_verb_cursor, &cli_verb_reload,
    &cli_verb_pause, &cli_verb_resume, &cli_verb_cancel,  &cli_verb_version,
};

static void print_help(void)
{
    fputs(
        "Usage: sluice VERB [ARGUMENTS]\n"
        "\n"
        "Pulls records from business systems into a database, writes only what changed, and tells exactly what it\n"
        "did. A connector (a plugin and its settings) has streams; a stream that is scheduled into a table is a job,\n"
        "named CONNECTOR.STREAM.\n",
        stdout);
    putchar('\n');
    for (size_t i = 0; i < LEN(verbs); i++)
        printf("  %-9s %s\n", verbs[i]->name, verbs[i]->help);
    fputs("\n"
          "From a new source to its first rows:\n"
          "  sluice plugins                       which sources there are\n"
          "  sluice plugins show erp              its settings, and a block for " CLI_CONFIG "\n"
          "  sluice check --live                  is the configuration right, does the source answer?\n"
          "  sluice preview erp.customers         what would come?\n"
          "  sluice run erp.customers --dry-run   what would be written?\n"
          "  sluice run erp.customers\n"
          "  sluice status\n"
          "  sluice serve                         from now on, by schedule\n"
          "\n",
          stdout);
    fputs(args_common_help, stdout);
    fputs("\n`sluice help VERB` or `sluice VERB --help` tells more about one of them.\n", stdout);
}

static const struct cli_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < LEN(verbs); i++) {
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    }
    return NULL;
}

static int unknown_verb(const char *name)
{
    const char *names[LEN(verbs)];

    for (size_t i = 0; i < LEN(verbs); i++)
        names[i] = verbs[i]->name;
    const char *near = config_nearest(name, names, LEN(verbs));
    if (near)
        return cli_usage("there is no verb \"%s\"; did you mean %s?", name, near);
    return cli_usage("there is no verb \"%s\"; `sluice --help` lists them", name);
}

static int help(const char *name)
{
    const struct cli_verb *verb = name ? find_verb(name) : NULL;

    if (name && !verb)
        return unknown_verb(name);
    if (verb)
        cli_help(verb);
    else
        print_help();
    return 0;
}

/* Options before the verb. Returns the verb's place in argv, argc when there is none, -1 after an error. */
static int skip_options(struct cli *cli, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--version") == 0)
            break; /* verbs, as it were */
        int taken = args_common(cli, argc, argv, &i);
        if (!taken)
            cli_usage("there is no option %s; `sluice --help` lists them", argv[i]);
        if (taken != 1)
            return -1;
    }
    return i;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    int at = skip_options(cli, argc, argv);

    if (at < 0)
        return err_exit_code(E_USAGE);
    if (at == argc)
        return cli_usage("which verb? `sluice --help` lists them");
    const char *name = argv[at];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return help(at + 1 < argc && argv[at + 1][0] != '-' ? argv[at + 1] : NULL);
    const struct cli_verb *verb = find_verb(strcmp(name, "--version") == 0 ? "version" : name);
    return verb ? verb->run(cli, argc - at, argv + at) : unknown_verb(name);
}

/* Has whoever read our output gone? */
static bool reader_left(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

/* Was everything written? A reader that left early, as `head` does, is no error worth a word. */
static int finish_output(int code)
{
    bool written = fflush(stdout) == 0 && !ferror(stdout);

    if (written || reader_left())
        return code;
    fprintf(stderr, "sluice: standard output could not be written\n");
    return err_worse_exit(code, 1);
}

/* Without standard descriptors the next file that is opened would get their numbers, and our output with them. */
static void open_standard(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Our memory will hold secrets: no core of it, and only root looks inside. What we start inherits the first. */
static void close_memory(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv)
{
    const char *config = getenv("SLUICE_CONFIG"), *log = getenv(LOG_VARIABLE);
    struct cli cli = {.config_path = config && *config ? config : CLI_CONFIG};

    umask(027);
    close_memory();
    open_standard();
    log_set_json(log && strcmp(log, "json") == 0);
    if (argc == 2 && strcmp(argv[1], "worker") == 0) /* what `run` starts; not for people */
        return worker_main();
    if (argc == 3 && strcmp(argv[1], "connector") == 0) /* the same, of a worker whose connector died */
        child_exec(argv[2]);
    if (argc > 1 && strcmp(argv[1], "snapshot") == 0) /* what the daemon starts; not for people */
        return prepare_main(argc, argv);
    if (argc == 2 && strcmp(argv[1], "alert") == 0) /* the same */
        return alert_main();
    signal(SIGPIPE, SIG_IGN);
    int code = finish_output(dispatch(&cli, argc, argv));
    log_flush();
    return code;
}
