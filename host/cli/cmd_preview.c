/* cmd_preview.c - sluice preview: fetch and map a few records and show them; nothing is written. */
#include "cli.h"

#include "launch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_stop(int signal)
{
    (void)signal;
    stop++;
}

struct preview {
    bool json;
    int shown;
};

static void print_values(const json_t *values)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)values, name, value)
    {
        if (json_is_null(value))
            printf("  %-24s -\n", name);
        else if (json_is_string(value))
            printf("  %-24s %s\n", name, json_string_value(value));
        else {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            printf("  %-24s %s\n", name, text ? text : "?");
            free(text);
        }
    }
}

static void print_record(struct preview *p, const json_t *event)
{
    const json_t *rejected = json_object_get(event, "rejected");
    const char *skipped = json_string_value(json_object_get(event, "skipped"));

    printf("record %d\n", ++p->shown);
    if (rejected)
        printf("  rejected: %s\n", json_string_value(json_object_get(rejected, "reason")));
    else if (skipped)
        printf("  skipped: %s\n", skipped);
    else
        print_values(json_object_get(event, "values"));
}

static void on_event(void *context, const json_t *event)
{
    struct preview *p = context;
    const char *what = json_string_value(json_object_get(event, "event"));

    if (!what || strcmp(what, "row") != 0)
        return;
    if (!p->json) {
        print_record(p, event);
        return;
    }
    json_t *copy = json_copy((json_t *)(uintptr_t)event);
    json_object_del(copy, "event");
    cli_print_json(copy);
    p->shown++;
}

static int preview_job(struct cli *cli, const struct config *config, const struct config_job *job, int64_t limit,
                       const char *partition)
{
    struct launch l = {.config = config,
                       .job = job,
                       .what = LAUNCH_PREVIEW,
                       .limit = limit,
                       .partition = partition,
                       .stop = &stop};
    struct preview p = {.json = cli->json};
    struct launch_result result;
    struct err err = {0};

    launch_run(&l, on_event, &p, &result);
    int code = result.code;
    if (code)
        err_set(&err, code, "%s: %s", job->name, result.message);
    launch_result_free(&result);
    if (code)
        return cli_fail(&err);
    if (!p.shown && !cli->json)
        printf("%s: the source has nothing to show right now\n", job->name);
    return 0;
}

static int preview_verb(struct cli *cli, int argc, char **argv)
{
    const char *n = "5", *partition = NULL;
    const struct cli_option options[] = {{"-n", &n, NULL}, {"--partition", &partition, NULL}};
    struct sigaction action = {.sa_handler = on_stop};
    struct config *config = NULL;
    struct err err = {0};
    char *end;
    int count = cli_parse(cli, &cli_verb_preview, argc, argv, options, 2);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    long limit = strtol(n, &end, 10);
    if (count != 1 || *end || limit < 1 || limit > 1000000) {
        err_set(&err, E_USAGE, "preview takes one job, and -n a number from 1 to 1000000");
        return cli_fail(&err);
    }
    int code = cli_load_bound(cli, &config);
    if (code)
        return code;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    const struct config_job *job = cli_find_job(config, argv[1]);
    if (!job) {
        code = err_exit_code(E_NOT_FOUND);
    } else if (!job->enabled) {
        err_set(&err, SLUICE_E_CONFIG, "%s:%d: job %s is not enabled", job->file, job->line, job->name);
        code = cli_fail(&err);
    } else {
        code = preview_job(cli, config, job, limit, partition);
    }
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_preview = {
    .name = "preview",
    .usage = "JOB [-n 5] [--partition ID]",
    .help = "fetch and map a few records, print them, write nothing",
    .text = "  -n N             how many records (default 5)\n"
            "  --partition ID   of this partition\n"
            "\n"
            "With --json one object a line: {\"values\":{…}}, {\"rejected\":{\"key\",\"reason\"}} or {\"skipped\":why}.\n"
            "\n"
            "Example: sluice preview erp.customers -n 2\n",
    .run = preview_verb,
};
