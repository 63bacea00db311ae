/* cmd_run.c - sluice run: jobs now, in the foreground, without a daemon. */
#include "cli.h"

#include "clock.h"
#include "launch.h"
#include "run.h"
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTITIONS_SHOWN 10 /* failed ones that a person sees */
#define DETAILS_SHOWN 10 /* rejected records that a person sees; all of them are in `sluice rejects` */

struct session {
    struct cli *cli;
    struct config *config;
    struct launch launch; /* the options, the same for every job */
    bool progress;        /* standard error is a terminal */
    const struct config_job **order;
    int *codes; /* by place in order: the exit code, -1 before it ran */
    size_t count;
};

/* ---- Which jobs, in which order ---- */

static size_t job_total(const struct config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->connector_count; i++)
        n += config->connectors[i].job_count;
    return n;
}

static int pick_jobs(struct session *s, int count, char **names)
{
    size_t total = job_total(s->config);
    struct err err = {0};

    s->order = calloc(total + 1, sizeof(struct config_job *));
    s->codes = calloc(total + 1, sizeof(int));
    if (!s->order || !s->codes) {
        err_set(&err, E_SYSTEM, "out of memory");
        return cli_fail(&err);
    }
    for (int i = 0; i < count; i++) {
        const struct config_job *job = cli_find_job(s->config, names[i]);
        if (!job)
            return err_exit_code(E_NOT_FOUND);
        if (!job->enabled) {
            err_set(&err, SLUICE_E_CONFIG, "%s:%d: job %s is not enabled", job->file, job->line, job->name);
            return cli_fail(&err);
        }
        if (s->launch.partition && config_check_partition(job, s->launch.partition, &err))
            return cli_fail(&err);
        s->count = steps_add(s->order, s->count, job);
    }
    return 0;
}

/* ---- Progress ---- */

static void show_progress(const struct session *s, const char *job, const json_t *event)
{
    json_int_t processed = json_integer_value(json_object_get(event, "processed"));
    json_int_t total = json_integer_value(json_object_get(event, "total"));

    if (!s->progress)
        return;
    fprintf(stderr, "\r\033[K%s: %lld", job, (long long)processed);
    if (total > 0)
        fprintf(stderr, " of %lld", (long long)total);
    fprintf(stderr, " records");
    if (json_object_get(event, "partitions_total"))
        fprintf(stderr, ", partition %lld of %lld", (long long)cli_int(event, "partitions_ended") + 1,
                (long long)cli_int(event, "partitions_total"));
    fflush(stderr);
}

static void on_event(void *context, const json_t *event)
{
    const struct session *s = context;
    const char *what = cli_text(event, "event");

    if (strcmp(what, "progress") == 0)
        show_progress(s, s->launch.job->name, event);
    if (strcmp(what, "log") == 0 && (s->cli->verbose || cli_int(event, "level") <= launch_log_level(s->launch.job)))
        fprintf(stderr, "%s: %s\n", s->launch.job->name, cli_text(event, "text"));
}

/* ---- Results ---- */

static void print_details(const json_t *run)
{
    const json_t *list = json_object_get(run, "errorDetails");
    const json_t *warnings = json_object_get(run, "warnings");

    for (size_t i = 0; i < json_array_size(list) && i < DETAILS_SHOWN; i++) {
        const json_t *d = json_array_get(list, i);
        const char *key = cli_text(d, "key");
        fprintf(stderr, "  rejected %s: %s\n", *key ? key : "(no key)", cli_text(d, "reason"));
    }
    if (json_array_size(list) > DETAILS_SHOWN)
        fprintf(stderr, "  and more: sluice rejects %s\n", cli_text(run, "job"));
    for (size_t i = 0; i < json_array_size(warnings); i++)
        fprintf(stderr, "  warning: %s\n", json_string_value(json_array_get(warnings, i)));
}

/* Of partitions those that failed are named; with -v all of them. */
static void print_partitions(const json_t *run, bool all)
{
    const json_t *list = json_object_get(run, "partitions");
    size_t shown = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        const char *error = cli_text(p, "error");
        if (!all && (!*error || shown++ >= PARTITIONS_SHOWN))
            continue;
        fprintf(stderr, "  %s: %s: %lld processed%s%s\n", cli_text(p, "id"), cli_text(p, "status"),
                (long long)cli_int(p, "processed"), *error ? ": " : "", error);
    }
    if (shown > PARTITIONS_SHOWN)
        fprintf(stderr, "  and more: sluice runs show %s\n", cli_text(run, "run"));
}

static void print_result(const json_t *run, bool verbose)
{
    const char *message = cli_text(run, "message"), *error = cli_text(run, "error");
    const char *partition = cli_text(run, "partition");

    printf("%s%s%s: %s: %lld processed: %lld created, %lld updated, %lld skipped, %lld errors (%.3f s)%s%s\n",
           cli_text(run, "job"), *partition ? " " : "", partition, cli_text(run, "status"),
           (long long)cli_int(run, "processed"), (long long)cli_int(run, "created"), (long long)cli_int(run, "updated"),
           (long long)cli_int(run, "skipped"), (long long)cli_int(run, "errors"),
           (double)cli_int(run, "duration_ms") / 1000, *message ? ": " : "", message);
    fflush(stdout);
    if (*error)
        fprintf(stderr, "  error: %s\n", error);
    print_partitions(run, verbose);
    print_details(run);
}

/* A job that did not come to run has an object too, so that scripts find one for each job. */
static json_t *no_run(const struct config_job *job, int code, const char *message)
{
    struct run r;
    struct err err = {0};

    if (run_init(&r, job->name, "", "incremental", &err))
        return NULL;
    snprintf(r.status, sizeof(r.status), "%s",
             code == E_BUSY ? "running" : code == SLUICE_E_CANCELLED ? "cancelled" : "failed");
    r.id[0] = '\0';
    r.started_at = r.finished_at = clock_wall_us();
    run_set(&r.error, message);
    json_t *json = run_json(&r);
    json_object_set_new(json, "run", json_null());
    run_free(&r);
    return json;
}

static int report(const struct session *s, const struct config_job *job, struct launch_result *result)
{
    const char *status = cli_text(result->run, "status");
    int code = *status ? run_exit_code(status, result->code) : err_exit_code(result->code);

    if (s->progress)
        fprintf(stderr, "\r\033[K");
    if (s->cli->json)
        cli_print_json(result->run ? json_incref(result->run) : no_run(job, result->code, result->message));
    else if (result->run)
        print_result(result->run, s->cli->verbose);
    else
        fprintf(stderr, "sluice: %s: %s\n", job->name, result->message);
    return code;
}

/* ---- Running ---- */

/* The first of what `job` runs after that did not complete; NULL when all did. */
static const char *failed_before(const struct session *s, const struct config_job *job)
{
    for (size_t i = 0; i < s->count; i++) {
        if (steps_needs(job, s->order[i]) && s->codes[i] != 0 && s->codes[i] != 2)
            return s->order[i]->name;
    }
    return NULL;
}

static int launch_once(struct session *s, const struct config_job *job, bool full, bool *again)
{
    struct launch_result result;
    struct launch l = s->launch;

    l.job = job;
    l.full = full;
    s->launch.job = job;
    launch_run(&l, on_event, s, &result);
    int code = report(s, job, &result);
    *again = !full && !l.dry_run && !*l.stop && launch_wants_full(job, result.run);
    launch_result_free(&result);
    return code;
}

static int run_job(struct session *s, const struct config_job *job)
{
    const char *failed = failed_before(s, job);
    bool again = false;

    if (failed) {
        struct launch_result result = {.code = SLUICE_E_LIMIT};
        snprintf(result.message, sizeof(result.message), "not run: %s, which runs before it, did not complete", failed);
        return report(s, job, &result);
    }
    int code = launch_once(s, job, s->launch.full, &again);
    if (again)
        code = err_worse_exit(code, launch_once(s, job, true, &again));
    return code;
}

static int run_all(struct session *s)
{
    int worst = 0;

    for (size_t i = 0; i < s->count; i++)
        s->codes[i] = -1;
    for (size_t i = 0; i < s->count && s->order[i] && !*s->launch.stop; i++) {
        s->codes[i] = run_job(s, s->order[i]);
        worst = err_worse_exit(worst, s->codes[i]);
    }
    return *s->launch.stop ? err_exit_code(SLUICE_E_CANCELLED) : worst;
}

static int run_verb(struct cli *cli, int argc, char **argv)
{
    struct session s = {.cli = cli};
    const char *limit = NULL;
    const struct cli_option options[] = {
        {"--full", NULL, &s.launch.full},       {"--partition", &s.launch.partition, NULL},
        {"--limit", &limit, NULL},              {"--dry-run", NULL, &s.launch.dry_run},
        {"--allow-gone", NULL, &s.launch.allow_gone},
    };
    int count = cli_parse(cli, &cli_verb_run, argc, argv, options, sizeof(options) / sizeof(options[0]));

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count == 0)
        return cli_usage("run: which job? `sluice jobs` lists them");
    if (limit && !cli_number("--limit", limit, INT64_MAX, &s.launch.limit))
        return err_exit_code(E_USAGE);
    int code = cli_load_bound(cli, &s.config);
    if (!code)
        code = pick_jobs(&s, count, argv + 1);
    if (!code) {
        s.launch.config = s.config;
        s.launch.stop = cli_stop();
        s.progress = isatty(STDERR_FILENO) && !cli->json;
        code = run_all(&s);
    }
    free(s.order);
    free(s.codes);
    config_free(s.config);
    return code;
}

const struct cli_verb cli_verb_run = {
    .name = "run",
    .usage = "JOB… [--full] [--partition ID] [--limit N] [--dry-run] [--allow-gone]",
    .help = "run jobs now, without a daemon",
    .text = "Runs each JOB in the foreground and prints a result line for it; what a job needs first runs first.\n"
            "\n"
            "  --full           read everything, not only what changed\n"
            "  --partition ID   only this partition; without it all of them, each with a result of its own\n"
            "  --limit N        stop after N records; the cursor stays where it was\n"
            "  --dry-run        do everything in one transaction and undo it: exact counts, nothing remains\n"
            "  --allow-gone     let a full run note more than a fifth of all rows as gone\n"
            "\n"
            "Ctrl-C ends the run cleanly, a second one at once. Exit codes: 0 done, 1 failed, 2 done but some records\n"
            "were rejected, 3 already running, 64 usage, 66 no such job or file, 69 store or source unavailable,\n"
            "77 credential refused, 78 configuration error, 130 interrupted.\n"
            "\n"
            "Example: sluice run erp.customers --dry-run\n",
    .run = run_verb,
};
