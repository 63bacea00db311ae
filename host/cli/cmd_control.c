/* cmd_control.c - sluice reload, pause, resume, cancel: what is asked of the daemon, over its socket. */
#include "cli.h"

#include "buf.h"
#include "client.h"
#include "clock.h"
#include "prepare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_US        (20 * CLOCK_SECOND)
#define WAIT_RELOAD_US (2 * (PREPARE_SECONDS + 10) * CLOCK_SECOND) /* one may be under way already */

/* ---- Asking ---- */

/* The socket's path (to be freed), from --socket or the configuration; NULL with the exit code. */
static char *find_socket(const struct cli *cli, const char *given, int *code)
{
    struct config *config = NULL;

    if (given)
        return cli_must(strdup(given));
    *code = cli_load(cli, &config);
    if (*code) {
        fprintf(stderr, "sluice: so the daemon's socket is not known and it was not asked; --socket PATH names it\n");
        return NULL;
    }
    char *path = *config->socket ? cli_must(strdup(config->socket)) : NULL;
    config_free(config);
    if (path)
        return path;
    fprintf(stderr, "sluice: %s: control.socket is \"\": its daemon cannot be asked\n", cli->config_path);
    *code = err_exit_code(SLUICE_E_CONFIG);
    return NULL;
}

/* The exit code that contract A2 gives to what the daemon answered. */
static int exit_of(int status)
{
    switch (status) {
    case 200:
    case 202:
        return 0;
    case 401:
    case 403:
        return err_exit_code(SLUICE_E_AUTH);
    case 404:
        return err_exit_code(E_NOT_FOUND);
    case 503:
        return err_exit_code(E_STORE);
    default:
        return 1;
    }
}

/* Ask, and print what was refused. The exit code; *answer is an object when it is 0. */
static int ask(const char *socket, const char *method, const char *path, int64_t wait_us, json_t **answer)
{
    struct err err = {0};
    int status = 0;

    *answer = NULL;
    if (client_call(socket, method, path, NULL, wait_us, &status, answer, &err))
        return cli_fail(&err);
    int code = exit_of(status);
    if (!code && json_is_object(*answer))
        return 0;
    const char *why = cli_text(*answer, "error");
    fprintf(stderr, "sluice: %s\n", *why ? why : "the daemon's answer is not understood: is it another version?");
    json_decref(*answer);
    *answer = NULL;
    return code ? code : 1;
}

/* Append text to a path, encoded. */
static void add_segment(struct buf *path, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
            buf_add_char(path, *text);
        else
            buf_printf(path, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

/* Parse the arguments of a verb that takes `wanted` of them. The socket's path (to be freed), or NULL with the exit
 * code.
 */
static char *begin(struct cli *cli, const struct cli_verb *verb, int argc, char **argv, int wanted, int *code)
{
    const char *given = NULL;
    const struct cli_option options[] = {{"--socket", &given, NULL}};
    int count = cli_parse(cli, verb, argc, argv, options, 1);

    *code = count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count < 0)
        return NULL;
    if (count == wanted && (!wanted || *argv[1]))
        return find_socket(cli, given, code);
    cli_usage("%s takes %s; `sluice %s --help` tells more", verb->name, wanted ? verb->usage : "no arguments",
              verb->name);
    return NULL;
}

/* ---- Reload ---- */

static void print_reload(const json_t *answer)
{
    const json_t *errors = json_object_get(answer, "errors");
    long long generation = (long long)cli_int(answer, "generation");

    if (json_is_true(json_object_get(answer, "applied"))) {
        printf("generation %lld is in force\n", generation);
        return;
    }
    for (size_t i = 0; i < json_array_size(errors); i++)
        fprintf(stderr, "%s\n", json_string_value(json_array_get(errors, i)));
    fprintf(stderr, "sluice: refused; generation %lld stays in force\n", generation);
}

static int reload_verb(struct cli *cli, int argc, char **argv)
{
    json_t *answer;
    int code;
    char *socket = begin(cli, &cli_verb_reload, argc, argv, 0, &code);

    if (!socket)
        return code;
    code = ask(socket, "POST", "/api/v1/reload", WAIT_RELOAD_US, &answer);
    free(socket);
    if (code)
        return code;
    bool applied = json_is_true(json_object_get(answer, "applied"));
    if (cli->json) {
        cli_print_json(answer);
    } else {
        print_reload(answer);
        json_decref(answer);
    }
    return applied ? 0 : err_exit_code(SLUICE_E_CONFIG);
}

const struct cli_verb cli_verb_reload = {
    .name = "reload",
    .usage = "[--socket PATH]",
    .help = "have the daemon read its configuration again",
    .text =
        "Asks the daemon to read its configuration, env_file and plugins again, waits, and reports the truth: either\n"
        "all of the new configuration is in force, or nothing has changed and every problem is printed (exit 78).\n"
        "Runs under way end with the configuration they began with. SIGHUP does the same without an answer.\n"
        "\n"
        "  --socket PATH      the daemon's socket (default: control.socket of the configuration)\n"
        "\n"
        "Example: sluice check && sluice reload\n",
    .run = reload_verb,
};

/* ---- Pause and resume ---- */

static int pause_verb(struct cli *cli, const struct cli_verb *verb, int argc, char **argv)
{
    struct buf path = {0};
    json_t *answer;
    int code;
    char *socket = begin(cli, verb, argc, argv, 1, &code);

    if (!socket)
        return code;
    buf_add_str(&path, "/api/v1/jobs/");
    add_segment(&path, argv[1]);
    buf_printf(&path, "/%s", verb->name);
    code = ask(socket, "POST", buf_text(&path), WAIT_US, &answer);
    buf_free(&path);
    free(socket);
    if (code)
        return code;
    if (cli->json)
        return cli_print_json(answer);
    if (json_is_true(json_object_get(answer, "paused")))
        printf("%s is paused until `sluice resume %s`\n", argv[1], argv[1]);
    else
        printf("%s follows its schedule\n", argv[1]);
    json_decref(answer);
    return 0;
}

static int run_pause(struct cli *cli, int argc, char **argv)
{
    return pause_verb(cli, &cli_verb_pause, argc, argv);
}

static int run_resume(struct cli *cli, int argc, char **argv)
{
    return pause_verb(cli, &cli_verb_resume, argc, argv);
}

const struct cli_verb cli_verb_pause = {
    .name = "pause",
    .usage = "JOB [--socket PATH]",
    .help = "stop a job's schedule",
    .text =
        "The daemon no longer runs the job by its schedule, not even after a restart. A run under way goes on; one\n"
        "that is asked for, by `sluice run` or the HTTP API, is run all the same.\n"
        "\n"
        "  --socket PATH      the daemon's socket (default: control.socket of the configuration)\n"
        "\n"
        "Example: sluice pause erp.customers\n",
    .run = run_pause,
};

const struct cli_verb cli_verb_resume = {
    .name = "resume",
    .usage = "JOB [--socket PATH]",
    .help = "let a paused job follow its schedule again",
    .text = "The job runs at the next fire of its schedule. What it missed while it was paused is not caught up with;\n"
            "`sluice run JOB` does that now.\n"
            "\n"
            "  --socket PATH      the daemon's socket (default: control.socket of the configuration)\n"
            "\n"
            "Example: sluice resume erp.customers\n",
    .run = run_resume,
};

/* ---- Cancel ---- */

/* The whole id of the run that `begins` begins; as it is when nobody can tell. To be freed. NULL after an error was
 * printed, with *code. */
static char *whole_id(const char *socket, const char *begins, int *code)
{
    struct buf path = {0};
    struct err err = {0};
    json_t *answer = NULL;
    int status = 0;

    buf_add_str(&path, "/api/v1/runs/");
    add_segment(&path, begins);
    int rc = client_call(socket, "GET", buf_text(&path), NULL, WAIT_US, &status, &answer, &err);
    buf_free(&path);
    const char *id = status == 200 ? cli_text(answer, "run") : "";
    char *out = rc || status == 404 ? NULL : cli_must(strdup(*id ? id : begins));
    if (rc)
        *code = cli_fail(&err);
    else if (!out)
        *code = exit_of(status);
    if (!rc && !out)
        fprintf(stderr, "sluice: %s\n", cli_text(answer, "error"));
    json_decref(answer);
    return out;
}

static int cancel(const struct cli *cli, const char *socket, const char *id)
{
    struct buf path = {0};
    json_t *answer;

    buf_add_str(&path, "/api/v1/runs/");
    add_segment(&path, id);
    int code = ask(socket, "DELETE", buf_text(&path), WAIT_US, &answer);
    buf_free(&path);
    if (code)
        return code;
    if (cli->json)
        return cli_print_json(answer);
    printf("run %s is being ended; `sluice runs show %s` tells how it went\n", id, id);
    json_decref(answer);
    return 0;
}

static int cancel_verb(struct cli *cli, int argc, char **argv)
{
    int code;
    char *socket = begin(cli, &cli_verb_cancel, argc, argv, 1, &code);

    if (!socket)
        return code;
    char *id = whole_id(socket, argv[1], &code);
    if (id)
        code = cancel(cli, socket, id);
    free(id);
    free(socket);
    return code;
}

const struct cli_verb cli_verb_cancel = {
    .name = "cancel",
    .usage = "RUN [--socket PATH]",
    .help = "end a run of the daemon",
    .text =
        "The run is told to end: what it has committed stays, and the next run goes on from there. The beginning of\n"
        "an id is enough where no other run begins so. A run in a terminal (`sluice run`) is ended there, by Ctrl-C.\n"
        "\n"
        "  --socket PATH      the daemon's socket (default: control.socket of the configuration)\n"
        "\n"
        "Example: sluice runs\n"
        "         sluice cancel 01K7ABCD\n",
    .run = cancel_verb,
};
