/* cmd_check.c - sluice check: everything that is wrong with a configuration, before it does harm. */
#include "cli.h"

#include "check_live.h"
#include "clock.h"
#include "prepare.h"
#include "views.h"

#include <stdio.h>
#include <string.h>

/* ---- What is in force ---- */

/* The first fire of all jobs. */
struct soonest {
    const char *job;
    char at[40];
};

static void look_at_job(const struct config_job *job, struct soonest *s)
{
    struct err err = {0};
    json_t *fires = view_fires(job, clock_wall_us(), 1, &err);
    const char *at = json_string_value(json_array_get(fires, 0));

    if (at && (!s->job || strcmp(at, s->at) < 0)) {
        s->job = job->name;
        snprintf(s->at, sizeof(s->at), "%s", at);
    }
    json_decref(fires);
}

static void print_summary(const struct config *config, const struct soonest *s)
{
    size_t connectors = 0, jobs = 0;

    for (size_t c = 0; c < config->connector_count; c++) {
        const struct config_connector *connector = &config->connectors[c];
        connectors += connector->enabled;
        for (size_t j = 0; j < connector->job_count; j++)
            jobs += connector->jobs[j].enabled;
    }
    printf("ok: %zu connector%s, %zu job%s, ", connectors, connectors == 1 ? "" : "s", jobs, jobs == 1 ? "" : "s");
    if (s->job)
        printf("next run %s at %s\n", s->job, s->at);
    else
        puts("nothing is scheduled");
}

static void look_at_jobs(const struct config *config, struct soonest *s)
{
    for (size_t c = 0; c < config->connector_count; c++) {
        for (size_t j = 0; j < config->connectors[c].job_count; j++) {
            if (config->connectors[c].jobs[j].enabled)
                look_at_job(&config->connectors[c].jobs[j], s);
        }
    }
}

/* ---- The verb ---- */

static int report(const struct cli *cli, const struct config *config, const struct config_problems *problems,
                  const struct soonest *s, bool live, int code)
{
    json_t *results = NULL;

    if (!cli->json) {
        cli_print_problems(problems);
        if (!code)
            print_summary(config, s);
    }
    if (live && !code)
        results = check_live(cli, config, &code);
    if (cli->json) {
        json_t *json = json_pack("{s:b, s:o}", "ok", code == 0, "problems", cli_must(config_problems_json(problems)));
        if (problems->more)
            json_object_set_new(json, "more", json_integer((json_int_t)problems->more));
        if (live)
            json_object_set_new(json, "live", results ? results : json_array());
        cli_print_json(json);
        return code;
    }
    json_decref(results);
    return code;
}

static int check_verb(struct cli *cli, int argc, char **argv)
{
    bool live = false;
    const struct cli_option options[] = {{"--live", NULL, &live}};
    struct config *config = NULL;
    struct config_problems problems = {0};
    struct soonest soonest = {0};
    int count = cli_parse(cli, &cli_verb_check, argc, argv, options, 1);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count > 0)
        return cli_usage("check takes no arguments; -c names the configuration");
    int rc = config_load(cli->config_path, cli->env_file, &config, &problems);
    if (!rc) {
        prepare_bind(config, &problems);
        look_at_jobs(config, &soonest);
    }
    if (!rc && problems.count)
        rc = SLUICE_E_CONFIG;
    int code = report(cli, config, &problems, &soonest, live, err_exit_code(rc));
    config_problems_free(&problems);
    config_free(config);
    return code;
}

const struct cli_verb cli_verb_check = {
    .name = "check",
    .usage = "[--live]",
    .help = "is the configuration right? With --live: do store and sources answer?",
    .text = "Reads the configuration, loads the plugins of all enabled connectors, and prints every problem that it\n"
            "finds, each as file:line: what is wrong. Nothing is changed.\n"
            "\n"
            "  --live             also write to the store (and undo it); for each enabled job, see whether its table\n"
            "                     fits, with the SQL that would cure it, and fetch one record\n"
            "\n"
            "Exit codes: 0 all is well, 69 store or source unavailable, 77 credential refused, 78 configuration.\n"
            "With --json: {\"ok\",\"problems\":[{\"file\",\"line\",\"text\"}],\"live\":[{\"what\",\"ok\",\"text\"}]}.\n"
            "\n"
            "Example: sluice -c ./sluice.cfg check --live\n",
    .run = check_verb,
};
