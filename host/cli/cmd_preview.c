/* cmd_preview.c - sluice preview: fetch and map a few records and show them; nothing is written. */
#include "cli.h"

#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        printf("  %-24s ", name);
        cli_print_text(json_is_string(value) ? json_string_value(value) : json_is_null(value) ? "-" : cli_must(text));
        putchar('\n');
        free(text);
    }
}

static void print_record(struct preview *p, const json_t *event)
{
    const json_t *rejected = json_object_get(event, "rejected");
    const char *skipped = cli_text(event, "skipped"), *partition = cli_text(event, "partition");

    printf(*partition ? "record %d, of partition %s\n" : "record %d\n", ++p->shown, partition);
    if (rejected)
        printf("  rejected: %s\n", cli_text(rejected, "reason"));
    else if (*skipped)
        printf("  skipped: %s\n", skipped);
    else
        print_values(json_object_get(event, "values"));
}

static void on_event(void *context, const json_t *event)
{
    struct preview *p = context;
    const char *what = cli_text(event, "event");

    if (strcmp(what, "row") != 0)
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
                       .stop = cli_stop()};
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
    struct config *config = NULL;
    struct err err = {0};
    int64_t limit;
    int count = cli_parse(cli, &cli_verb_preview, argc, argv, options, 2);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count != 1)
        return cli_usage("preview takes one job; `sluice jobs` lists them");
    if (!cli_number("-n", n, 1000000, &limit))
        return err_exit_code(E_USAGE);
    int code = cli_load_bound(cli, &config);
    if (code)
        return code;
    const struct config_job *job = cli_find_job(config, argv[1]);
    if (!job) {
        code = err_exit_code(E_NOT_FOUND);
    } else if (!job->enabled) {
        err_set(&err, SLUICE_E_CONFIG, "%s:%d: job %s is not enabled", job->file, job->line, job->name);
        code = cli_fail(&err);
    } else if (partition && config_check_partition(job, partition, &err)) {
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
            "  --partition ID   of this partition; without it of all, in their order\n"
            "\n"
            "With --json one object a line: {\"values\":{…}}, {\"rejected\":{\"key\",\"reason\"}} or {\"skipped\":why}.\n"
            "\n"
            "Example: sluice preview erp.customers -n 2\n",
    .run = preview_verb,
};
