/* cmd_runs.c - sluice runs: the history, and one run with all it said. */
#include "cli.h"

#include "views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list ---- */

static void run_row(struct cli_table *t, const json_t *run)
{
    static const char *const keys[] = {"processed", "created", "updated", "skipped", "errors"};
    char counts[5][24], seconds[32], job[256];
    const char *partition = cli_text(run, "partition");

    for (size_t i = 0; i < 5; i++)
        snprintf(counts[i], sizeof(counts[i]), "%lld", (long long)cli_int(run, keys[i]));
    snprintf(seconds, sizeof(seconds), "%.1f s", (double)cli_int(run, "duration_ms") / 1000);
    snprintf(job, sizeof(job), "%s%s%s", cli_text(run, "job"), *partition ? " " : "", partition);
    const char *cells[] = {cli_text(run, "run"),
                           job,
                           cli_text(run, "mode"),
                           cli_text(run, "status"),
                           cli_text(run, "started_at"),
                           seconds,
                           counts[0],
                           counts[1],
                           counts[2],
                           counts[3],
                           counts[4]};
    cli_table_row(t, cells);
}

static void print_runs(const json_t *runs)
{
    static const char *const heads[] = {"RUN",       "JOB",     "MODE",    "STATUS",  "STARTED", "TOOK",
                                        "PROCESSED", "CREATED", "UPDATED", "SKIPPED", "ERRORS"};
    struct cli_table *t = cli_table_new(11, heads);
    size_t i;
    const json_t *run;

    json_array_foreach(runs, i, run)
    {
        run_row(t, run);
    }
    cli_table_print(t);
}

/* A job that is no longer configured may still have a history; one that has neither is a mistake. */
static int list_runs(const struct cli *cli, const struct config *config, struct db *db, const char *job, int64_t limit)
{
    struct err err = {0};
    json_t *view = view_runs(db, job, limit, &err);

    if (!view)
        return cli_fail(&err);
    const json_t *runs = json_object_get(view, "runs");
    if (job && !json_array_size(runs) && !cli_find_job(config, job)) {
        json_decref(view);
        return err_exit_code(E_NOT_FOUND);
    }
    if (cli->json)
        return cli_print_json(view);
    if (json_array_size(runs))
        print_runs(runs);
    else
        puts("No run yet");
    json_decref(view);
    return 0;
}

/* ---- One run ---- */

static void print_value(const char *name, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    printf("%-13s ", name);
    if (!json_is_null(value))
        cli_print_text(text ? text : json_string_value(value));
    putchar('\n');
    free(text);
}

static void print_lists(const json_t *run)
{
    const json_t *warnings = json_object_get(run, "warnings");
    const json_t *details = json_object_get(run, "errorDetails");

    for (size_t i = 0; i < json_array_size(warnings); i++) {
        fputs("warning       ", stdout);
        cli_print_text(json_string_value(json_array_get(warnings, i)));
        putchar('\n');
    }
    for (size_t i = 0; i < json_array_size(details); i++) {
        fputs("rejected      ", stdout);
        const char *key = cli_text(json_array_get(details, i), "key");
        cli_print_text(*key ? key : "(no key)");
        fputs(": ", stdout);
        cli_print_text(cli_text(json_array_get(details, i), "reason"));
        putchar('\n');
    }
}

static void print_partitions(const json_t *list)
{
    static const char *const heads[] = {"PARTITION", "RUN",     "STATUS",  "PROCESSED", "CREATED",
                                        "UPDATED",   "SKIPPED", "ERRORS", "MESSAGE"};
    static const char *const keys[] = {"processed", "created", "updated", "skipped", "errors"};
    struct cli_table *t = cli_table_new(9, heads);
    size_t i;
    const json_t *p;

    json_array_foreach(list, i, p)
    {
        const char *error = cli_text(p, "error");
        char counts[5][24];
        for (size_t k = 0; k < 5; k++)
            snprintf(counts[k], sizeof(counts[k]), "%lld", (long long)cli_int(p, keys[k]));
        const char *cells[] = {cli_text(p, "id"), cli_text(p, "run"), cli_text(p, "status"),
                               counts[0],         counts[1],          counts[2],
                               counts[3],         counts[4],          *error ? error : cli_text(p, "message")};
        cli_table_row(t, cells);
    }
    cli_table_print(t);
}

static void print_run(json_t *run)
{
    const char *name;
    json_t *value;

    json_object_foreach(run, name, value)
    {
        if (strcmp(name, "warnings") != 0 && strcmp(name, "errorDetails") != 0 && strcmp(name, "partitions") != 0)
            print_value(name, value);
    }
    print_lists(run);
    if (json_array_size(json_object_get(run, "partitions")) > 0)
        print_partitions(json_object_get(run, "partitions"));
}

static int show_run(const struct cli *cli, struct db *db, const char *id)
{
    struct err err = {0};
    json_t *run = view_run(db, id, &err);

    if (!run)
        return cli_fail(&err);
    if (cli->json)
        return cli_print_json(run);
    print_run(run);
    json_decref(run);
    return 0;
}

/* ---- The verb ---- */

static int runs_verb(struct cli *cli, int argc, char **argv)
{
    const char *n = "20";
    const struct cli_option options[] = {{"-n", &n, NULL}};
    struct config *config = NULL;
    struct db *db = NULL;
    struct err err = {0};
    int64_t limit;
    int count = cli_parse(cli, &cli_verb_runs, argc, argv, options, 1);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    bool one = count > 0 && strcmp(argv[1], "show") == 0;
    if (one ? count != 2 || !*argv[2] : count > 1)
        return cli_usage("runs takes one job or none, or `show` and the beginning of a run's id");
    if (!cli_number("-n", n, INT32_MAX, &limit))
        return err_exit_code(E_USAGE);
    int code = cli_load(cli, &config);
    if (code)
        return code;
    if (cli_open_store(config, &db, &err))
        code = cli_fail(&err);
    else if (one)
        code = show_run(cli, db, argv[2]);
    else
        code = list_runs(cli, config, db, count ? argv[1] : NULL, limit);
    db_close(db);
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_runs = {
    .name = "runs",
    .usage = "[JOB] [-n 20] | show RUN",
    .help = "the history of runs, or one run with its errors",
    .text =
        "Lists runs, the newest first. `runs show RUN` prints all of one: its counters, its window, its warnings, the\n"
        "records that it rejected, and what came of each partition. The beginning of an id is enough where no other run begins so.\n"
        "\n"
        "  -n N               how many (default 20)\n"
        "\n"
        "Example: sluice runs erp.customers -n 5\n"
        "         sluice runs show 01K7ABCD\n",
    .run = runs_verb,
};
