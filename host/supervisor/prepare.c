/* prepare.c - see prepare.h: what commands and `sluice snapshot` do; prepare_start.c is the daemon's side. */
#include "prepare.h"

#include "clock.h"
#include "cron.h"
#include "describe.h"
#include "log.h"
#include "plugin.h"
#include "plugin_dir.h"
#include "pool.h"
#include "reexec.h"
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(PREPARE_FD == REEXEC_FD, "the process finds its descriptor where reexec_start() puts it");

/* ---- Plugins ---- */

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

static void bind_plugins(struct config *config, struct config_problems *problems)
{
    json_t **descriptions = calloc(config->connector_count + 1, sizeof(*descriptions));

    if (!descriptions)
        pool_exhausted();
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

/* ---- Schedules ---- */

/* The zone that was needed last: most jobs have the same. */
struct last_zone {
    const char *name;
    struct zone *zone;
};

static const struct zone *open_zone(struct last_zone *last, const char *name)
{
    if (last->zone && strcmp(last->name, name) == 0)
        return last->zone;
    zone_close(last->zone);
    *last = (struct last_zone){name, zone_open(name)};
    return last->zone;
}

static void check_line(const struct config_job *job, const char *key, const char *line, const struct zone *zone,
                       struct config_problems *problems)
{
    struct cron cron;
    struct err err = {0};
    int64_t at;

    if (!line[0])
        return;
    if (cron_parse(line, &cron, &err) != 0)
        config_problem(problems, job->file, job->line, "job %s: `%s`: %s", job->name, key, err.msg);
    else if (!zone || !cron_next(&cron, zone, clock_wall_us() / CLOCK_SECOND, &at))
        config_problem(problems, job->file, job->line, "job %s: `%s` does not fire any more in the time zone %s",
                       job->name, key, job->timezone);
}

/* Do they fire again? What they are was looked at when they were read. */
static void check_schedules(const struct config_connector *c, struct last_zone *last, struct config_problems *problems)
{
    for (size_t i = 0; i < c->job_count; i++) {
        const struct config_job *job = &c->jobs[i];
        if (!job->enabled || (!job->schedule[0] && !job->full_schedule[0]))
            continue;
        const struct zone *zone = open_zone(last, job->timezone);
        check_line(job, "schedule", job->schedule, zone, problems);
        check_line(job, "full_schedule", job->full_schedule, zone, problems);
    }
}

void prepare_bind(struct config *config, struct config_problems *problems)
{
    struct last_zone last = {0};

    bind_plugins(config, problems);
    for (size_t c = 0; c < config->connector_count; c++)
        check_schedules(&config->connectors[c], &last, problems);
    zone_close(last.zone);
}

/* ---- What plugins say while they are loaded ---- */

#define SAID_BYTES 4096 /* that are told */

/* Standard error is the daemon's log, which has whole lines of its own only. So it is a pipe meanwhile. */
struct said {
    int own, in; /* standard error as it was; our end of the pipe; -1: it stays as it is */
};

/* What does not fit into the pipe is lost: nobody reads while a plugin writes. */
static void hear(struct said *s)
{
    int ends[2];

    *s = (struct said){-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    s->own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, PREPARE_FD + 1);
    if (s->own >= 0 && dup2(ends[1], STDERR_FILENO) >= 0)
        s->in = ends[0];
    else
        close(ends[0]);
    close(ends[1]);
}

static void tell(struct said *s)
{
    char text[SAID_BYTES + 1], *rest = text, *line;
    ssize_t n = 0;

    if (s->in >= 0) {
        dup2(s->own, STDERR_FILENO);
        n = read(s->in, text, SAID_BYTES);
        close(s->in);
    }
    if (s->own >= 0)
        close(s->own);
    text[n > 0 ? n : 0] = '\0';
    while ((line = strsep(&rest, "\n"))) {
        if (*line)
            log_line(LOG_WARN, NULL, "while plugins were loaded one of them, or the loader, said: %s", line);
    }
}

/* ---- The process ---- */

static void bind_heard(struct config *config, struct config_problems *problems)
{
    struct said said;

    hear(&said);
    prepare_bind(config, problems);
    tell(&said);
}

static json_t *prepare(const char *path, const char *env_file)
{
    struct config *config = NULL;
    struct config_problems problems = {0};
    json_t *answer;
    int rc = config_load(path, env_file, &config, &problems);

    if (!rc)
        bind_heard(config, &problems);
    if (!rc && problems.count)
        rc = SLUICE_E_CONFIG;
    if (rc)
        answer = json_pack("{s:i, s:o, s:I}", "code", rc, "problems", config_problems_json(&problems), "more",
                           (json_int_t)problems.more);
    else
        answer = json_pack("{s:o}", "config", config_snapshot(config));
    config_problems_free(&problems);
    config_free(config);
    return answer;
}

static bool write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(PREPARE_FD, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Die with whoever reads the answer. One that died before we could ask for it has left the pipe. */
static bool settle(void)
{
    struct pollfd p = {.fd = PREPARE_FD};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return poll(&p, 1, 0) == 0;
}

int prepare_main(int argc, char **argv)
{
    struct stat st;

    if (argc < 3 || argc > 4 || fstat(PREPARE_FD, &st) != 0 || !S_ISFIFO(st.st_mode)) {
        fputs("sluice: `snapshot` is what the daemon starts; `sluice check` tells what is wrong with a configuration\n",
              stderr);
        return err_exit_code(E_USAGE);
    }
    if (!settle())
        return err_exit_code(E_SYSTEM);
    json_t *answer = prepare(argv[2], argv[3]);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (!text)
        pool_exhausted();
    bool told = write_all(text, strlen(text));
    explicit_bzero(text, strlen(text));
    free(text);
    return told ? 0 : err_exit_code(E_SYSTEM);
}
