/* alert_deliver.c - sluice alert: takes one alert to one webhook or command, and ends.
 *
 * What it is handed is {"webhook" or "command","alert":{…},"log_json"}. A webhook's URL is a secret as a whole, and so
 * is its path: that is where those of chat services have their key.
 */
#include "alert.h"

#include "clock.h"
#include "http.h"
#include "log.h"
#include "orphans.h"
#include "redact.h"
#include "reexec.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ATTEMPTS        4
#define TIMEOUT_US      (10 * CLOCK_SECOND)
#define RETRY_AFTER_US  (20 * CLOCK_SECOND) /* a longer one is cut to this */
#define COMMAND_US      (30 * CLOCK_SECOND)
#define PROCESS_SECONDS 180 /* more than all of that together */
#define ANSWER_MAX      (64u << 10)

/* ---- Webhook ---- */

/* Mask the URL and the parts of it that an error may show. */
static bool hide_url(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    const char *path = host + strcspn(host, "/?#");
    const char *query = path + strcspn(path, "?#");
    const char *at = memrchr(host, '@', (size_t)(path - host));

    return redact_add(url, strlen(url)) && redact_add(url, (size_t)(query - url)) &&
           redact_add(path, (size_t)(query - path)) && redact_add(query, strlen(query)) &&
           redact_add(host, at ? (size_t)(at - host) : 0);
}

/* Why an attempt is repeated names the URL, and the last one's reason is told anyway. */
static void ignore_note(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static int post(const char *url, const char *body, struct err *err)
{
    const struct http_limits limits = {.timeout_us = TIMEOUT_US,
                                       .connect_timeout_us = TIMEOUT_US,
                                       .retry_after_max_us = RETRY_AFTER_US,
                                       .max_body = ANSWER_MAX,
                                       .attempts = ATTEMPTS,
                                       .stop_fd = -1,
                                       .note = ignore_note};
    const sluice_pair headers[] = {{.name = "Content-Type", .value = "application/json"}};
    const sluice_request request = {.struct_size = sizeof(request),
                                    .method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .header_count = 1,
                                    .body = {body, strlen(body)},
                                    .hint = "the webhook's URL (alerts)"};
    sluice_reply reply = {.struct_size = sizeof(reply)};
    struct http_exchange *x = NULL;
    struct http *http = NULL;

    if (!hide_url(url))
        return err_set(err, E_SYSTEM, "out of memory");
    int rc = http_open(&limits, &http, err);
    if (!rc)
        rc = http_send(http, &request, &x, err);
    if (!rc)
        rc = http_wait(http, x, &reply, err);
    http_close(http);
    return rc;
}

/* ---- Command ---- */

/* A descriptor from which `body` can be read, with a line feed behind it. */
static int input_of(const char *body)
{
    int fd = memfd_create("sluice-alert", MFD_CLOEXEC);

    if (fd >= 0 && dprintf(fd, "%s\n", body) > 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Start it as the leader of a group of its own, so that all of it can be ended. What it prints goes nowhere. */
static int start_command(const char *command, int input, pid_t *pid)
{
    char name[] = "sh", option[] = "-c", *text = strdup(command);
    char *argv[] = {name, option, text, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t defaults;

    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    int rc = text ? posix_spawn(pid, "/bin/sh", &files, &attr, argv, environ) : ENOMEM;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    free(text);
    return rc;
}

static int await_command(pid_t pid, struct err *err)
{
    bool late = !orphans_await(pid, COMMAND_US);
    int status = 0;

    if (late)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (late)
        return err_set(err, SLUICE_E_RETRY, "it did not end within %d s and was killed",
                       (int)(COMMAND_US / CLOCK_SECOND));
    if (WIFSIGNALED(status))
        return err_set(err, SLUICE_E_REMOTE, "it died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return err_set(err, SLUICE_E_REMOTE, "it ended with exit code %d%s", WEXITSTATUS(status),
                       WEXITSTATUS(status) == 127 ? ": the shell found no such program" : "");
    return SLUICE_OK;
}

static int run_command(const char *command, const char *body, struct err *err)
{
    int input = input_of(body);
    pid_t pid;

    if (input < 0)
        return err_set(err, E_SYSTEM, "cannot hand it over: %s", strerror(errno));
    int rc = start_command(command, input, &pid);
    close(input);
    return rc ? err_set(err, E_SYSTEM, "cannot start /bin/sh: %s", strerror(rc)) : await_command(pid, err);
}

/* ---- The process ---- */

static int deliver(const json_t *order)
{
    const json_t *alert = json_object_get(order, "alert");
    const char *webhook = spec_text(order, "webhook"), *command = spec_text(order, "command");
    char *body = json_dumps(alert, JSON_COMPACT);
    struct err err = {0};
    int rc;

    if (!body)
        rc = err_set(&err, E_SYSTEM, "out of memory");
    else
        rc = *webhook ? post(webhook, body, &err) : run_command(command, body, &err);
    free(body);
    if (rc)
        log_line(LOG_ERROR, spec_text(alert, "job"), "alert \"%s\" was not delivered to its %s: %s",
                 spec_text(alert, "alert"), *webhook ? "webhook" : "command", err.msg);
    return rc ? 1 : 0;
}

int alert_main(void)
{
    struct err err = {0};

    if (fcntl(REEXEC_FD, F_GETFD) < 0) {
        fputs("sluice: alert is started by sluice itself; `alerts` in the configuration says who is told\n", stderr);
        return err_exit_code(E_USAGE);
    }
    signal(SIGPIPE, SIG_IGN);
    alarm(PROCESS_SECONDS);
    json_t *order = spec_read(REEXEC_FD, &err);
    if (!order) {
        log_line(LOG_ERROR, NULL, "alert: %s", err.msg);
        return err_exit_code(err.code);
    }
    log_set_json(spec_bool(order, "log_json"));
    int code = deliver(order);
    json_decref(order);
    return code;
}
