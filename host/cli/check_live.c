/* check_live.c - see check_live.h. */
#include "check_live.h"

#include "buf.h"
#include "launch.h"
#include "needs.h"
#include "schema.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct live {
    const struct cli *cli;
    const struct config *config;
    json_t *results;
    int code; /* the worst so far */
};

/* Lines stay lines: SQL is copied from them. */
static void print_lines(const char *text)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
        char *line = cli_must(strndup(text, (size_t)(end - text)));
        cli_print_text(line);
        putchar('\n');
        free(line);
    }
    cli_print_text(text);
    putchar('\n');
}

static void tell(struct live *l, const char *what, int code, const char *text)
{
    json_array_append_new(l->results, json_pack("{s:s, s:b, s:s}", "what", what, "ok", code == 0, "text", text));
    l->code = err_worse_exit(l->code, code);
    if (l->cli->json)
        return;
    printf("%s: %s: ", what, code ? "failed" : "ok");
    print_lines(text);
    fflush(stdout);
}

/* ---- The store ---- */

/* A server may lack something that sluice needs. */
static int try_needs(struct db *db, struct err *err)
{
    struct buf lacks = {.max = 900};
    int rc = needs_check(db, &lacks, err);

    if (!rc && lacks.len)
        rc = err_set(err, E_STORE, "store: it lacks what sluice needs: %s", buf_text(&lacks));
    buf_free(&lacks);
    return rc;
}

/* Take the write lock and give it back: nothing is changed. */
static int try_existing(const char *url, struct err *err)
{
    struct db *db = NULL;
    int rc = db_open(url, 0, &db, err);

    if (rc)
        return rc;
    rc = db_begin(db, err);
    if (!rc)
        rc = schema_check(db, err);
    db_rollback(db);
    if (rc >= 0)
        rc = try_needs(db, err);
    db_close(db);
    return rc;
}

/* A database that the first run will create is not created here: it would belong to whoever checks. */
static int try_new(const char *url, struct err *err)
{
    const char *colon = strchr(url, ':');
    char *path = cli_must(strdup(colon ? colon + 1 : url));
    const char *dir = dirname(path);
    int rc = SLUICE_OK;

    if (access(dir, W_OK | X_OK) != 0)
        rc = err_set(err, E_STORE, "store: cannot create %s: %s: %s", url, dir, strerror(errno));
    free(path);
    return rc;
}

static void check_store(struct live *l)
{
    const char *url = l->config->store_url;
    struct err err = {0};
    bool there = db_exists(url);
    int rc = there || strncmp(url, "sqlite:", 7) != 0 ? try_existing(url, &err) : try_new(url, &err);

    tell(l, "store", err_exit_code(rc), rc ? err.msg : there ? "can be written" : "can be created; the first run will");
}

/* ---- The sources ---- */

struct preview {
    struct live *live;
    const char *job;
    int rows;
    char rejected[512]; /* why the first record would be */
};

static void on_event(void *context, const json_t *event)
{
    struct preview *p = context;
    const json_t *rejected = json_object_get(event, "rejected");

    if (strcmp(cli_text(event, "event"), "table") == 0)
        tell(p->live, p->job, json_is_true(json_object_get(event, "fits")) ? 0 : err_exit_code(SLUICE_E_CONFIG),
             cli_text(event, "text"));
    if (strcmp(cli_text(event, "event"), "row") != 0)
        return;
    if (rejected && !p->rows)
        snprintf(p->rejected, sizeof(p->rejected), "answers, but its first record would be rejected: %s",
                 cli_text(rejected, "reason"));
    p->rows++;
}

static void check_job(struct live *l, const struct config_job *job)
{
    struct launch launch = {.config = l->config, .job = job, .what = LAUNCH_PREVIEW, .check_table = true, .limit = 1,
                            .stop = cli_stop()};
    struct preview p = {.live = l, .job = job->name};
    struct launch_result result;

    launch_run(&launch, on_event, &p, &result);
    if (result.code)
        tell(l, job->name, err_exit_code(result.code), result.message);
    else if (*p.rejected)
        tell(l, job->name, 0, p.rejected);
    else
        tell(l, job->name, 0, p.rows ? "answers" : "answers, and has nothing to show right now");
    launch_result_free(&result);
}

json_t *check_live(const struct cli *cli, const struct config *config, int *code)
{
    struct live l = {cli, config, cli_must(json_array()), *code};

    check_store(&l);
    for (size_t c = 0; c < config->connector_count; c++) {
        for (size_t j = 0; j < config->connectors[c].job_count && !*cli_stop(); j++) {
            if (config->connectors[c].jobs[j].enabled)
                check_job(&l, &config->connectors[c].jobs[j]);
        }
    }
    *code = *cli_stop() ? err_exit_code(SLUICE_E_CANCELLED) : l.code;
    return l.results;
}
