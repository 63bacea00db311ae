/* cmd_jobs.c - sluice jobs, sluice status: what is scheduled, and how each job ended the last time. */
#include "cli.h"

#include "clock.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

/* {"jobs":[…]} of one job (NULL: all); NULL with err. */
static json_t *make_view(const struct config *config, const struct config_job *job, struct err *err)
{
    struct db *db;
    json_t *view = NULL;

    if (cli_open_store(config, &db, err))
        return NULL;
    if (job) {
        json_t *one = view_job(job, db, clock_wall_us(), err);
        view = one ? cli_must(json_pack("{s:[o]}", "jobs", one)) : NULL;
    } else {
        view = view_jobs(config, db, clock_wall_us(), err);
    }
    db_close(db);
    return view;
}

/* The same of the job that is named; NULL after an error was printed, with its exit code. */
static json_t *load_view(const struct cli *cli, const char *name, int *code)
{
    struct config *config = NULL;
    const struct config_job *job = NULL;
    struct err err = {0};
    json_t *view = NULL;

    *code = cli_load(cli, &config);
    if (*code)
        return NULL;
    if (name)
        job = cli_find_job(config, name);
    if (name && !job)
        *code = err_exit_code(E_NOT_FOUND);
    else
        view = make_view(config, job, &err);
    if (!view && !*code)
        *code = cli_fail(&err);
    config_free(config);
    return view;
}

/* ---- jobs ---- */

static const char *state_of(const json_t *job)
{
    if (json_is_true(json_object_get(job, "running")))
        return "running";
    if (!json_is_true(json_object_get(job, "enabled")))
        return "disabled";
    return json_is_true(json_object_get(job, "paused")) ? "paused" : "enabled";
}

static void print_jobs(const json_t *jobs)
{
    static const char *const heads[] = {"JOB", "STATE", "SCHEDULE", "TIMEZONE", "NEXT RUN", "LAST"};
    struct cli_table *t = cli_table_new(6, heads);
    size_t i;
    const json_t *job;

    json_array_foreach(jobs, i, job)
    {
        const json_t *last = json_object_get(job, "last_run");
        const char *cells[] = {cli_text(job, "name"),
                               state_of(job),
                               json_string_value(json_object_get(job, "schedule")),
                               cli_text(job, "timezone"),
                               json_string_value(json_object_get(job, "next_run")),
                               json_is_object(last) ? cli_text(last, "status") : "never run"};
        cli_table_row(t, cells);
    }
    cli_table_print(t);
}

/* ---- status ---- */

static const char *reason_of(const json_t *run)
{
    const char *error = cli_text(run, "error");

    return *error ? error : cli_text(run, "message");
}

static void status_row(struct cli_table *t, const json_t *job)
{
    const json_t *run = json_object_get(job, "last_run");
    const char *now = json_is_true(json_object_get(job, "running")) ? "running" : "";
    static const char *const keys[] = {"processed", "created", "updated", "skipped", "errors"};
    const char *partition = cli_text(run, "partition");
    char counts[5][24], status[256];

    if (!json_is_object(run)) {
        const char *cells[] = {cli_text(job, "name"), *now ? now : "never run", NULL, NULL, NULL, NULL, NULL, NULL, ""};
        cli_table_row(t, cells);
        return;
    }
    for (size_t i = 0; i < 5; i++)
        snprintf(counts[i], sizeof(counts[i]), "%lld", (long long)cli_int(run, keys[i]));
    snprintf(status, sizeof(status), "%s%s%s%s%s", cli_text(run, "status"), *partition ? " of " : "", partition,
             *now ? ", now " : "", now);
    const char *cells[] = {cli_text(job, "name"),
                           status,
                           cli_text(run, "timestamp"),
                           counts[0],
                           counts[1],
                           counts[2],
                           counts[3],
                           counts[4],
                           reason_of(run)};
    cli_table_row(t, cells);
}

static void print_status(const json_t *jobs)
{
    static const char *const heads[] = {"JOB",     "STATUS",  "WHEN",   "PROCESSED", "CREATED",
                                        "UPDATED", "SKIPPED", "ERRORS", "MESSAGE"};
    struct cli_table *t = cli_table_new(9, heads);
    size_t i;
    const json_t *job;

    json_array_foreach(jobs, i, job)
    {
        status_row(t, job);
    }
    cli_table_print(t);
}

/* ---- The verbs ---- */

static int show_jobs(struct cli *cli, const struct cli_verb *verb, int argc, char **argv,
                     void (*print)(const json_t *jobs))
{
    int count = cli_parse(cli, verb, argc, argv, NULL, 0);
    int code;

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count > 1)
        return cli_usage("%s takes one job, or none for all", verb->name);
    json_t *view = load_view(cli, count ? argv[1] : NULL, &code);
    if (!view)
        return code;
    if (cli->json)
        return cli_print_json(view);
    const json_t *jobs = json_object_get(view, "jobs");
    if (json_array_size(jobs) > 0)
        print(jobs);
    else
        puts("There are no jobs: write a connector into the configuration; `sluice plugins` lists the sources");
    json_decref(view);
    return 0;
}

static int jobs_verb(struct cli *cli, int argc, char **argv)
{
    return show_jobs(cli, &cli_verb_jobs, argc, argv, print_jobs);
}

static int status_verb(struct cli *cli, int argc, char **argv)
{
    return show_jobs(cli, &cli_verb_status, argc, argv, print_status);
}

const struct cli_verb cli_verb_jobs = {
    .name = "jobs",
    .usage = "[JOB]",
    .help = "what is scheduled and when",
    .text =
        "Lists the jobs of the configuration: whether they are enabled, paused or running, their schedule, and when\n"
        "they run next (UTC).\n"
        "\n"
        "Example: sluice jobs --json\n",
    .run = jobs_verb,
};

const struct cli_verb cli_verb_status = {
    .name = "status",
    .usage = "[JOB]",
    .help = "how each job ended the last time",
    .text =
        "For each job: how its last run ended and when, how many records it processed, created, updated, skipped and\n"
        "rejected, and what it said. `sluice runs` shows the runs before it.\n"
        "\n"
        "Example: sluice status\n",
    .run = status_verb,
};
