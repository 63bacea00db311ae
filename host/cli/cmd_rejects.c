/* cmd_rejects.c - sluice rejects: records that could not be stored; store them again, or forget them. */
#include "cli.h"

#include "launch.h"
#include "reject.h"
#include "run.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

/* ---- The list ---- */

static void reject_row(struct cli_table *t, const json_t *r, bool payload)
{
    char count[24];
    const char *key = cli_text(r, "key");
    const char *partition = cli_text(r, "partition");
    char job[256];

    snprintf(count, sizeof(count), "%lld", (long long)cli_int(r, "count"));
    snprintf(job, sizeof(job), "%s%s%s", cli_text(r, "job"), *partition ? " " : "", partition);
    const char *cells[] = {
        job, *key ? key : NULL, count, cli_text(r, "first_seen"), cli_text(r, "last_seen"), cli_text(r, "reason"),
    };
    cli_table_row(t, cells);
    if (payload) {
        const char *below[] = {"", "", "", "", "", cli_text(r, "payload")};
        cli_table_row(t, below);
    }
}

static void print_rejects(const json_t *list, bool payload)
{
    static const char *const heads[] = {"JOB", "KEY", "COUNT", "FIRST SEEN", "LAST SEEN", "REASON"};
    struct cli_table *t = cli_table_new(6, heads);
    size_t i;
    const json_t *r;

    json_array_foreach(list, i, r)
    {
        reject_row(t, r, payload);
    }
    cli_table_print(t);
}

/* The open rejects of `job` (NULL: all); NULL after an error was printed, with its exit code. */
static json_t *load_rejects(const struct config *config, const char *job, int *code)
{
    struct db *db;
    struct err err = {0};
    int rc = cli_open_store(config, &db, &err);
    json_t *view = rc ? NULL : view_rejects(db, job, &err);

    db_close(db);
    if (!view)
        *code = cli_fail(&err);
    return view;
}

static int list_rejects(const struct cli *cli, const struct config *config, const char *job)
{
    int code = 0;
    json_t *view = load_rejects(config, job, &code);

    if (!view)
        return code;
    const json_t *list = json_object_get(view, "rejects");
    if (job && !json_array_size(list) && !cli_find_job(config, job)) {
        json_decref(view);
        return err_exit_code(E_NOT_FOUND);
    }
    if (cli->json)
        return cli_print_json(view);
    if (json_array_size(list))
        print_rejects(list, cli->verbose);
    else
        puts("No rejects");
    json_decref(view);
    return 0;
}

/* ---- purge ---- */

static int purge(const struct cli *cli, const struct config *config, const char *job)
{
    struct db *db = NULL;
    struct err err = {0};
    int64_t count = 0;
    int rc = db_exists(config->store_url) ? cli_open_store_rw(config, &db, &err) : 0;

    if (!rc && db)
        rc = reject_purge(db, job, &count, &err);
    db_close(db);
    if (rc)
        return cli_fail(&err);
    if (cli->json)
        return cli_print_json(json_pack("{s:I}", "purged", (json_int_t)count));
    printf("%lld forgotten\n", (long long)count);
    return 0;
}

/* ---- retry ---- */

static int report_retry(const struct cli *cli, const struct config_job *job, const struct launch_result *r)
{
    const json_t *stats = json_object_get(r->run, "stats");
    const char *status = json_string_value(json_object_get(r->run, "status"));
    long long retried = (long long)cli_int(stats, "retried");
    long long resolved = (long long)cli_int(stats, "resolved");

    if (cli->json && r->run)
        cli_print_json(json_incref(r->run));
    else if (!r->code)
        printf("%s: %lld retried, %lld stored, %lld still rejected\n", job->name, retried, resolved,
               retried - resolved);
    if (r->code)
        fprintf(stderr, "sluice: %s: %s\n", job->name, r->message);
    return status ? run_exit_code(status, r->code) : err_exit_code(r->code);
}

static int retry_job(const struct cli *cli, const struct config *config, const struct config_job *job)
{
    struct launch l = {.config = config, .job = job, .what = LAUNCH_RETRY, .stop = cli_stop()};
    struct launch_result result;
    struct err err = {0};

    if (!job->enabled) {
        err_set(&err, SLUICE_E_CONFIG, "%s:%d: job %s is not enabled", job->file, job->line, job->name);
        return cli_fail(&err);
    }
    launch_run(&l, NULL, NULL, &result);
    int code = report_retry(cli, job, &result);
    launch_result_free(&result);
    return code;
}

static bool has_rejects(const json_t *list, const char *job)
{
    size_t i;
    const json_t *r;

    json_array_foreach(list, i, r)
    {
        if (strcmp(cli_text(r, "job"), job) == 0)
            return true;
    }
    return false;
}

/* Every configured job that has rejects. */
static int retry_all(const struct cli *cli, const struct config *config)
{
    int worst = 0;
    json_t *view = load_rejects(config, NULL, &worst);
    const json_t *list = json_object_get(view, "rejects");

    if (view && !json_array_size(list) && !cli->json)
        puts("No rejects");
    for (size_t c = 0; view && c < config->connector_count; c++) {
        for (size_t j = 0; j < config->connectors[c].job_count && !*cli_stop(); j++) {
            const struct config_job *job = &config->connectors[c].jobs[j];
            if (has_rejects(list, job->name))
                worst = err_worse_exit(worst, retry_job(cli, config, job));
        }
    }
    json_decref(view);
    return *cli_stop() ? err_exit_code(SLUICE_E_CANCELLED) : worst;
}

static int retry(const struct cli *cli, const struct config *config, const char *name)
{
    const struct config_job *job = name ? cli_find_job(config, name) : NULL;

    if (name && !job)
        return err_exit_code(E_NOT_FOUND);
    return job ? retry_job(cli, config, job) : retry_all(cli, config);
}

/* ---- The verb ---- */

static int rejects_verb(struct cli *cli, int argc, char **argv)
{
    struct config *config = NULL;
    int count = cli_parse(cli, &cli_verb_rejects, argc, argv, NULL, 0);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    bool again = count > 0 && strcmp(argv[1], "retry") == 0;
    bool forget = count > 0 && strcmp(argv[1], "purge") == 0;
    int at = again || forget ? 2 : 1;
    if (count > at)
        return cli_usage("rejects takes one job or none, also behind `retry` and `purge`");
    const char *job = count == at ? argv[at] : NULL;
    int code = again ? cli_load_bound(cli, &config) : cli_load(cli, &config);
    if (code)
        return code;
    if (again)
        code = retry(cli, config, job);
    else
        code = forget ? purge(cli, config, job) : list_rejects(cli, config, job);
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_rejects = {
    .name = "rejects",
    .usage = "[JOB] | retry [JOB] | purge [JOB]",
    .help = "records that could not be stored: see, store again, forget",
    .text =
        "Lists records that could not be stored, with the reason; the same record is one row with a count. A record\n"
        "that is stored later is no longer listed.\n"
        "\n"
        "`retry` stores them again, after the reason was put right; what is refused again stays. `purge` forgets\n"
        "them for good. With -v, and in JSON, the record itself is shown.\n"
        "\n"
        "Example: sluice rejects erp.customers -v\n"
        "         sluice rejects retry erp.customers\n",
    .run = rejects_verb,
};
