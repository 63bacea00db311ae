/* cmd_rejects.c - sluice rejects: records that could not be stored; store them again, or forget them. */
#include "cli.h"

#include "launch.h"
#include "reject.h"
#include "run.h"
#include "views.h"

#include <stdio.h>
#include <stdlib.h>
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

/* Printed as they are read, since there may be any number. */
struct listing {
    bool json, payload;
    struct cli_table *table; /* NULL: none was read yet; not with json */
    int64_t count;
};

#define FLUSH_EVERY 200 /* rows that are lined up with each other */

static void print_reject(struct listing *l, const json_t *r)
{
    static const char *const heads[] = {"JOB", "KEY", "COUNT", "FIRST SEEN", "LAST SEEN", "REASON"};

    if (!l->table)
        l->table = cli_table_new(6, heads);
    reject_row(l->table, r, l->payload);
    if (l->count % FLUSH_EVERY == 0)
        cli_table_flush(l->table);
}

static int see_reject(const struct reject_row *row, void *context)
{
    struct listing *l = context;
    json_t *r = cli_must(view_reject(row));

    l->count++;
    if (l->json) {
        char *text = cli_must(json_dumps(r, JSON_COMPACT));
        printf("%s%s", l->count == 1 ? "{\"rejects\":[" : ",", text);
        free(text);
    } else {
        print_reject(l, r);
    }
    json_decref(r);
    return 0;
}

static void end_list(const struct listing *l)
{
    if (l->json)
        puts(l->count ? "]}" : "{\"rejects\":[]}");
    else if (!l->count)
        puts("No rejects");
    fflush(stdout);
}

static int list_rejects(const struct cli *cli, const struct config *config, const char *job)
{
    struct listing l = {.json = cli->json, .payload = cli->verbose};
    struct db *db = NULL;
    struct err err = {0};
    int rc = cli_open_store(config, &db, &err);

    if (!rc && db)
        rc = reject_list(db, job, NULL, see_reject, &l, &err);
    db_close(db);
    if (l.table)
        cli_table_print(l.table);
    if (rc)
        return cli_fail(&err);
    if (job && !l.count && !cli_find_job(config, job))
        return err_exit_code(E_NOT_FOUND);
    end_list(&l);
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

static int note_one(const struct reject_row *row, void *context)
{
    (void)row;
    *(bool *)context = true;
    return E_USAGE; /* one is enough */
}

/* 1: the job has rejects; 0: none; or an error. */
static int has_rejects(const struct config *config, const char *job, struct err *err)
{
    struct db *db = NULL;
    bool any = false;
    int rc = cli_open_store(config, &db, err);

    if (!rc && db)
        rc = reject_list(db, job, NULL, note_one, &any, err);
    db_close(db);
    return any ? 1 : rc;
}

/* Every configured job that has rejects. */
static int retry_all(const struct cli *cli, const struct config *config)
{
    int worst = 0, rc = 0;
    bool any = false;
    struct err err = {0};

    for (size_t c = 0; rc >= 0 && c < config->connector_count; c++) {
        for (size_t j = 0; rc >= 0 && j < config->connectors[c].job_count && !*cli_stop(); j++) {
            const struct config_job *job = &config->connectors[c].jobs[j];
            rc = has_rejects(config, job->name, &err);
            any = any || rc == 1;
            if (rc == 1)
                worst = err_worse_exit(worst, retry_job(cli, config, job));
        }
    }
    if (rc < 0)
        return cli_fail(&err);
    if (!any && !cli->json)
        puts("No rejects");
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
