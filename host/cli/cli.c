/* cli.c - what verbs share: the configuration, the store, errors. */
#include "cli.h"

#include "prepare.h"
#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *cli_must(void *p)
{
    if (p)
        return p;
    fputs("sluice: out of memory\n", stderr);
    exit(err_exit_code(E_SYSTEM));
}

int cli_fail(const struct err *err)
{
    fprintf(stderr, "sluice: %s\n", err->msg);
    return err_exit_code(err->code);
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

int64_t cli_int(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- The configuration ---- */

void cli_print_problems(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *p = &problems->list[i];
        if (p->line)
            fprintf(stderr, "%s:%d: %s\n", p->file, p->line, p->text);
        else
            fprintf(stderr, "%s: %s\n", p->file, p->text);
    }
    if (problems->more)
        fprintf(stderr, "and %zu more problems\n", problems->more);
}

int cli_load(const struct cli *cli, struct config **out)
{
    struct config_problems problems = {0};
    int rc = config_load(cli->config_path, cli->env_file, out, &problems);

    cli_print_problems(&problems);
    config_problems_free(&problems);
    return err_exit_code(rc);
}

int cli_load_bound(const struct cli *cli, struct config **out)
{
    struct config_problems problems = {0};
    int code = cli_load(cli, out);

    if (code)
        return code;
    prepare_bind(*out, &problems);
    if (problems.count) {
        cli_print_problems(&problems);
        config_free(*out);
        *out = NULL;
        code = err_exit_code(SLUICE_E_CONFIG);
    }
    config_problems_free(&problems);
    return code;
}

static size_t job_names(const struct config *config, const char **names)
{
    size_t n = 0;

    for (size_t c = 0; c < config->connector_count; c++) {
        for (size_t j = 0; j < config->connectors[c].job_count; j++, n++) {
            if (names)
                names[n] = config->connectors[c].jobs[j].name;
        }
    }
    return n;
}

const struct config_job *cli_find_job(const struct config *config, const char *name)
{
    const struct config_job *job = config_find_job(config, name);

    if (job)
        return job;
    size_t count = job_names(config, NULL);
    const char **names = cli_must(calloc(count + 1, sizeof(*names)));
    job_names(config, names);
    const char *near = config_nearest(name, names, count);
    if (near)
        fprintf(stderr, "sluice: there is no job \"%s\"; did you mean %s?\n", name, near);
    else
        fprintf(stderr, "sluice: there is no job \"%s\"; `sluice jobs` lists them\n", name);
    free(names);
    return NULL;
}

/* ---- The store ---- */

int cli_open_store(const struct config *config, struct db **db, struct err *err)
{
    *db = NULL;
    if (!db_exists(config->store_url))
        return SLUICE_OK;
    int rc = db_open(config->store_url, DB_READ_ONLY, db, err);
    if (rc)
        return rc;
    rc = schema_check(*db, err);
    if (rc == 1)
        return SLUICE_OK;
    db_close(*db); /* no run has written here yet, or it is not for this sluice */
    *db = NULL;
    return rc;
}

int cli_open_store_rw(const struct config *config, struct db **db, struct err *err)
{
    int rc = db_open(config->store_url, 0, db, err);

    if (rc)
        return rc;
    rc = schema_ensure(*db, err);
    if (rc) {
        db_close(*db);
        *db = NULL;
    }
    return rc;
}

/* ---- Signals ---- */

static volatile sig_atomic_t stop_count;

static void count_stop(int sig)
{
    (void)sig;
    stop_count++;
}

volatile sig_atomic_t *cli_stop(void)
{
    struct sigaction action = {.sa_handler = count_stop};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_count;
}

void cli_block(int sig, bool block)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}
