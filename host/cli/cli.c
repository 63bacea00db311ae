/* cli.c - what verbs share: the configuration, the store, errors. */
#include "cli.h"

#include "describe.h"
#include "plugin.h"
#include "plugin_dir.h"
#include "schema.h"

#include <limits.h>
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

/* The description that an earlier connector got of the same plugin: a plugin is loaded once, however many use it. */
static json_t *described(const struct config *config, size_t index, json_t *const *descriptions)
{
    for (size_t i = 0; i < index; i++)
        if (descriptions[i] && strcmp(config->connectors[i].plugin, config->connectors[index].plugin) == 0)
            return json_incref(descriptions[i]);
    return NULL;
}

/* The description of connector `c`'s plugin; NULL after a problem was added. */
static json_t *describe(const struct config *config, const struct config_connector *c, struct config_problems *problems)
{
    char file[PATH_MAX];
    struct err err = {0};

    plugin_path(config->plugins, c->plugin, file, sizeof(file));
    json_t *description = describe_file(file, &err);
    if (description)
        return description;
    char *near = err.code == E_NOT_FOUND ? plugin_dir_nearest(config->plugins, c->plugin) : NULL;
    config_problem(problems, c->file, c->line, "connector %s: %s%s%s%s", c->name, err.msg,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(near);
    return NULL;
}

void cli_bind(struct config *config, struct config_problems *problems)
{
    json_t **descriptions = cli_must(calloc(config->connector_count + 1, sizeof(*descriptions)));

    for (size_t i = 0; i < config->connector_count; i++) {
        if (!config->connectors[i].enabled)
            continue;
        descriptions[i] = described(config, i, descriptions);
        if (!descriptions[i])
            descriptions[i] = describe(config, &config->connectors[i], problems);
        if (descriptions[i])
            config_bind(config, i, descriptions[i], problems);
    }
    config_check_routes(config, (const json_t *const *)descriptions, problems);
    for (size_t i = 0; i < config->connector_count; i++)
        json_decref(descriptions[i]);
    free(descriptions);
}

int cli_load_bound(const struct cli *cli, struct config **out)
{
    struct config_problems problems = {0};
    int code = cli_load(cli, out);

    if (code)
        return code;
    cli_bind(*out, &problems);
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
