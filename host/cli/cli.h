/* cli.h - what the verbs share: where the config is, how to print, how a verb is written.
 *
 * A verb is one function that parses its arguments, calls a room, prints, and returns the exit code of contract A2.
 */
#ifndef SLUICE_CLI_CLI_H
#define SLUICE_CLI_CLI_H

#include "config.h"
#include "db.h"
#include "err.h"

#include <signal.h>
#include <stdbool.h>

#define CLI_CONFIG "/etc/sluice/sluice.cfg"

struct cli {
    const char *config_path; /* -c, else $SLUICE_CONFIG, else /etc/sluice/sluice.cfg */
    const char *env_file;    /* --env-file; NULL: as the config says */
    bool json;               /* --json */
    bool verbose;            /* -v */
};

struct cli_verb {
    const char *name;
    const char *usage;                                  /* "JOB… [--full]" */
    const char *help;                                   /* one line */
    const char *text;                                   /* the rest of --help */
    int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the verb */
};

/* One option that a verb takes besides the common ones (-c, --env-file, --json, -v, --help). */
struct cli_option {
    const char *name;   /* "--limit" or "-n" */
    const char **value; /* takes a value; NULL for a switch */
    bool *flag;         /* is a switch; NULL for a value */
};

/* Parse a verb's arguments: options may stand anywhere, also as --name=value; "--" ends them. What is left are the
 * positional ones, moved to the front of argv (after argv[0]); returns their number, or -1 after an error was printed
 * (then exit 64), or -2 after --help was printed (then exit 0). */
int cli_parse(struct cli *cli, const struct cli_verb *verb, int argc, char **argv, const struct cli_option *options,
              size_t count);

/* The value of option `name` as a whole number from 1 to `max`. False after an error was printed (then exit 64). */
bool cli_number(const char *name, const char *text, int64_t max, int64_t *out);

/* Print an error about the command line; returns exit code 64. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `verb --help`, on stdout. */
void cli_help(const struct cli_verb *verb);

/* Load the config and print every problem; 0 or the exit code. */
int cli_load(const struct cli *cli, struct config **out);

/* Load and bind every connector that is enabled (describes the plugins). */
int cli_load_bound(const struct cli *cli, struct config **out);

/* Print problems to stderr, "file:line: text". */
void cli_print_problems(const struct config_problems *problems);

/* Print err to stderr as "sluice: message"; returns its exit code. */
int cli_fail(const struct err *err);

/* The job of that name, or NULL after an error that names the nearest was printed (then exit 66). */
const struct config_job *cli_find_job(const struct config *config, const char *name);

/* Open the store for reading. 0 with *db NULL when there is no database yet. */
int cli_open_store(const struct config *config, struct db **db, struct err *err);

/* Open the store for writing, with sluice's own tables; both are created when they are not there. */
int cli_open_store_rw(const struct config *config, struct db **db, struct err *err);

/* From now on SIGINT and SIGTERM only count: the number of them so far, as launch.stop wants it. */
volatile sig_atomic_t *cli_stop(void);

/* Hold a signal back, or let it come. */
void cli_block(int sig, bool block);

/* Print JSON on one line to stdout and drop the reference. */
int cli_print_json(json_t *json);

/* Members of an object: "" and 0 when they are missing or null. */
const char *cli_text(const json_t *object, const char *key);
int64_t cli_int(const json_t *object, const char *key);

/* `p`, unless memory ran out: then the process ends with a message. */
void *cli_must(void *p);

/* Print text on stdout, with blanks for control characters: what comes from a source may hold anything. */
void cli_print_text(const char *text);

/* A table on stdout: columns as wide as their widest cell. A NULL cell shows as "-". */
struct cli_table;
struct cli_table *cli_table_new(size_t columns, const char *const *heads);
void cli_table_row(struct cli_table *t, const char *const *cells);
void cli_table_flush(struct cli_table *t); /* prints the rows so far; those that follow are as wide at least */
void cli_table_print(struct cli_table *t); /* and frees it */

extern const struct cli_verb cli_verb_run, cli_verb_preview, cli_verb_check, cli_verb_plugins, cli_verb_jobs,
    cli_verb_status, cli_verb_runs, cli_verb_rejects, cli_verb_cursor, cli_verb_next, cli_verb_version,
    cli_verb_serve, cli_verb_reload, cli_verb_pause, cli_verb_resume, cli_verb_cancel;

#endif
