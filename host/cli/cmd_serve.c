/* cmd_serve.c - sluice serve: the daemon. Signals, readiness and the loop; what it does is in supervisor/ and control/.
 */
#include "cli.h"

#include "api.h"
#include "clock.h"
#include "log.h"
#include "notify.h"
#include "supervisor.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct daemon {
    struct event_base *base;
    struct supervisor *supervisor;
    struct api *api;
    struct event *term, *interrupt, *hup, *watchdog;
    bool ready, stopping;
};

/* ---- What the service manager is told ---- */

static void tell_ready(const struct daemon *d)
{
    const struct config *config = supervisor_config(d->supervisor);
    char state[256];

    snprintf(state, sizeof(state), "READY=1\nSTATUS=generation %llu, %zu jobs from %zu connectors",
             (unsigned long long)supervisor_generation(d->supervisor), supervisor_job_count(d->supervisor),
             config->connector_count);
    notify_send(state);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    notify_send("WATCHDOG=1");
}

static void start_watchdog(struct daemon *d)
{
    int64_t half = notify_watchdog_us() / 2;
    struct timeval tv = {half / CLOCK_SECOND, half % CLOCK_SECOND};

    if (!half)
        return;
    d->watchdog = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);
    if (d->watchdog)
        event_add(d->watchdog, &tv);
}

/* ---- Signals ---- */

static void on_idle(void *context)
{
    struct daemon *d = context;

    event_base_loopexit(d->base, NULL);
}

static void on_stop(evutil_socket_t sig, short what, void *context)
{
    struct daemon *d = context;

    (void)what;
    if (!d->ready) {
        d->stopping = true;
        event_base_loopbreak(d->base);
        return;
    }
    log_line(LOG_INFO, NULL, "%s: %s", sig == SIGINT ? "SIGINT" : "SIGTERM",
             d->stopping ? "ending all runs at once" : "stopping; a second one ends all runs at once");
    if (!d->stopping)
        notify_send("STOPPING=1\nSTATUS=stopping");
    d->stopping = true;
    api_quiesce(d->api);
    supervisor_stop(d->supervisor, on_idle, d);
}

static void on_reloaded(void *context, const json_t *answer)
{
    const struct daemon *d = context;

    (void)answer;
    if (!d->stopping)
        tell_ready(d);
}

static void on_hup(evutil_socket_t sig, short what, void *context)
{
    struct daemon *d = context;

    (void)sig;
    (void)what;
    if (d->stopping)
        return;
    notify_reloading();
    supervisor_reload(d->supervisor, on_reloaded, d);
}

static struct event *on_signal(struct daemon *d, int sig, event_callback_fn called)
{
    struct event *e = cli_must(evsignal_new(d->base, sig, called, d));

    event_add(e, NULL);
    cli_block(sig, false); /* one that came before we were ready comes now */
    return e;
}

/* ---- The daemon ---- */

/* For people as commands tell it; whoever wants JSON gets nothing else. */
static void print_problem(const char *file, long long line, const char *text)
{
    char number[24] = "";

    if (line)
        snprintf(number, sizeof(number), ":%lld", line);
    if (log_is_json())
        log_line(LOG_ERROR, NULL, "%s%s: %s", file, number, text);
    else
        fprintf(stderr, "%s%s: %s\n", file, number, text);
}

static int fail(const struct err *err, const json_t *problems)
{
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *p = json_array_get(problems, i);
        print_problem(cli_text(p, "file"), (long long)cli_int(p, "line"), cli_text(p, "text"));
    }
    if (json_array_size(problems) == 0)
        print_problem("sluice", 0, err->msg);
    return err_exit_code(err->code);
}

static int start(struct daemon *d, const struct cli *cli)
{
    const struct supervisor_options options = {
        .base = d->base, .config_path = cli->config_path, .env_file = cli->env_file};
    struct err err = {0};
    json_t *problems = NULL;
    int rc = supervisor_open(&options, &d->supervisor, &problems, &err);

    if (!rc && !d->stopping)
        rc = api_open(d->supervisor, d->base, &d->api, &err);
    if (!rc && !d->stopping)
        rc = supervisor_begin(d->supervisor, &err);
    int code = rc && !d->stopping ? fail(&err, problems) : 0;
    json_decref(problems);
    if (d->stopping)
        log_line(LOG_INFO, NULL, "stopped before it was ready");
    if (rc || d->stopping)
        return code;
    d->ready = true;
    d->hup = on_signal(d, SIGHUP, on_hup);
    start_watchdog(d);
    log_line(LOG_INFO, NULL, "ready: generation %llu, %zu job%s", (unsigned long long)supervisor_generation(d->supervisor),
             supervisor_job_count(d->supervisor), supervisor_job_count(d->supervisor) == 1 ? "" : "s");
    tell_ready(d);
    return 0;
}

static void free_event(struct event *e)
{
    if (e)
        event_free(e);
}

static void block_signals(void)
{
    cli_block(SIGTERM, true);
    cli_block(SIGINT, true);
    cli_block(SIGHUP, true);
}

/* The signals that are ours are blocked where nobody hears of them, so that none ends us half-way. */
static int serve(const struct cli *cli)
{
    struct daemon d = {.base = cli_must(event_base_new())};

    d.term = on_signal(&d, SIGTERM, on_stop);
    d.interrupt = on_signal(&d, SIGINT, on_stop);
    int code = start(&d, cli);
    if (!code && !d.stopping)
        event_base_dispatch(d.base);
    api_close(d.api);
    supervisor_free(d.supervisor);
    block_signals();
    free_event(d.term);
    free_event(d.interrupt);
    free_event(d.hup);
    free_event(d.watchdog);
    event_base_free(d.base);
    return code;
}

static int set_log(const char *format, bool verbose)
{
    if (strcmp(format, "json") == 0 && setenv(LOG_VARIABLE, format, 1) == 0)
        log_set_json(true);
    else if (strcmp(format, "logfmt") != 0)
        return cli_usage("--log is logfmt or json, not \"%s\"", format);
    log_set_level(verbose ? LOG_DEBUG : LOG_INFO);
    return 0;
}

static int serve_verb(struct cli *cli, int argc, char **argv)
{
    const char *format = "logfmt";
    const struct cli_option options[] = {{"--log", &format, NULL}};
    int count = cli_parse(cli, &cli_verb_serve, argc, argv, options, 1);

    if (count < 0)
        return count == -2 ? 0 : err_exit_code(E_USAGE);
    if (count > 0)
        return cli_usage("serve takes no arguments; -c names the configuration");
    int code = set_log(format, cli->verbose);
    if (code)
        return code;
    notify_open();
    block_signals();
    mallopt(M_ARENA_MAX, 1); /* two threads that hardly ever allocate at once */
    json_object_seed(0);     /* before there is a second thread */
    return serve(cli);
}

const struct cli_verb cli_verb_serve = {
    .name = "serve",
    .usage = "[--log=json]",
    .help = "the daemon: run jobs by their schedules",
    .text = "Runs every enabled job by its schedule, and answers the control API, until it is told to stop.\n"
            "\n"
            "  --log=json   log lines as JSON on standard error; without it as logfmt (key=value)\n"
            "  -v           log also what is only good for debugging\n"
            "\n"
            "SIGHUP (or `sluice reload`) reads the configuration again: all of it is put in force, or none. SIGTERM and\n"
            "Ctrl-C end the runs under way cleanly and then the daemon; a second one ends them at once. It stays in the\n"
            "foreground; under systemd it tells when it is ready (Type=notify).\n"
            "\n"
            "Exit codes: 0 stopped, 66 no such configuration, 69 store unavailable, 78 configuration error, 1 anything else.\n"
            "\n"
            "Example: sluice -c ./sluice.cfg serve\n",
    .run = serve_verb,
};
