/* describe_file.c - see describe.h: a plugin is loaded by a child process that may die of it.
 *
 * The child writes one JSON text to a pipe: {"connector": the description}, or {"code", "error"} of a plugin that
 * plugin_load() refused. A child that ends in any other way is told by how it ended.
 */
#include "describe.h"

#include "buf.h"
#include "clock.h"
#include "orphans.h"
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTION_MAX ((size_t)4 << 20)
#define READ_BYTES      ((size_t)64 << 10)
#define ANSWER_FD       3  /* the child's end of the pipe */
#define LOOK_MS         20 /* between two looks whether it still lives */

/* ---- The child ---- */

/* Nothing of the parent's stays open but standard error, for what the loader and the plugin have to say. */
static bool keep_only(int out)
{
    if (out != ANSWER_FD && dup2(out, ANSWER_FD) < 0)
        return false;
    int null = open("/dev/null", O_RDWR);
    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
           close_range(ANSWER_FD + 1, ~0U, 0) == 0;
}

static void default_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A process of its own: dies with the parent, leaves no core, and can be killed with all that it starts. */
static void settle(pid_t parent)
{
    struct rlimit none = {0, 0};

    default_signals();
    setsid();
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1); /* it died before we could ask to die with it */
}

static json_t *describe_here(const char *file)
{
    struct err err = {0};
    const sluice_connector *connector;
    int rc = plugin_load(file, &connector, &err);

    if (rc)
        return json_pack("{s:i, s:s}", "code", rc, "error", err.msg);
    return json_pack("{s:o}", "connector", describe_connector(connector));
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static _Noreturn void child(const char *file, int out, pid_t parent)
{
    settle(parent);
    if (!keep_only(out))
        _exit(1);
    json_t *answer = describe_here(file);
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    bool told = text && write_all(ANSWER_FD, text, strlen(text));
    _exit(told ? 0 : 1);
}

/* ---- The parent ---- */

static int too_late(int timeout_ms, struct err *err)
{
    return err_set(err, SLUICE_E_BUG, "did not describe itself within %g s", (double)timeout_ms / 1000);
}

/* Is there nothing more to come? A process that the plugin started may hold the pipe open: it is over when the child
 * had died before the pipe was found empty. */
static bool is_over(pid_t pid, bool *dead)
{
    if (*dead)
        return true;
    *dead = orphans_await(pid, 0);
    return false;
}

/* Read until the end of what the child writes; 0, or why no more is read. */
static int read_answer(pid_t pid, int in, int timeout_ms, int64_t deadline, struct buf *answer, struct err *err)
{
    bool dead = false;

    for (;;) {
        struct pollfd p = {.fd = in, .events = POLLIN};
        int ready = poll(&p, 1, LOOK_MS);
        if (clock_mono_us() > deadline)
            return too_late(timeout_ms, err);
        if (ready == 0 && is_over(pid, &dead))
            return SLUICE_OK;
        if (ready <= 0)
            continue;
        char *room = buf_reserve(answer, READ_BYTES);
        if (!room)
            return err_set(err, SLUICE_E_BUG, "its description is larger than %zu MiB", DESCRIPTION_MAX >> 20);
        ssize_t n = read(in, room, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return SLUICE_OK;
        answer->len += (size_t)n;
    }
}

/* Wait for its end, which may come later than that of the pipe, and end whatever it started; after `rc`, at once. */
static int end_child(pid_t pid, int rc, int timeout_ms, int64_t deadline, int *status, struct err *err)
{
    int64_t left = deadline - clock_mono_us();

    if (!orphans_await(pid, rc || left < 0 ? 0 : left)) {
        if (!rc)
            rc = too_late(timeout_ms, err);
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        continue;
    orphans_end();
    return rc;
}

/* How a child ended that did not tell. */
static int tell_end(int status, struct err *err)
{
    if (WIFSIGNALED(status))
        return err_set(err, SLUICE_E_BUG, "crashed while it was loaded: signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    return err_set(err, SLUICE_E_BUG, "ended its process while it was loaded, with exit code %d", WEXITSTATUS(status));
}

static json_t *take_answer(const struct buf *answer, int status, struct err *err)
{
    json_t *json = json_loadb(buf_text(answer), answer->len, 0, NULL);
    json_t *connector = json_object_get(json, "connector");
    const char *error = json_string_value(json_object_get(json, "error"));

    if (connector)
        json_incref(connector);
    else if (error)
        err_set(err, (int)json_integer_value(json_object_get(json, "code")), "%s", error);
    else
        tell_end(status, err);
    json_decref(json);
    return connector;
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash && slash[1] ? slash + 1 : file;
}

static json_t *hear_out(pid_t pid, int in, int timeout_ms, struct err *err)
{
    int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
    struct buf answer = {.max = DESCRIPTION_MAX};
    json_t *connector = NULL;
    int status = 0;

    int rc = read_answer(pid, in, timeout_ms, deadline, &answer, err);
    if (!end_child(pid, rc, timeout_ms, deadline, &status, err))
        connector = take_answer(&answer, status, err);
    buf_free(&answer);
    return connector;
}

json_t *describe_file_within(const char *file, int timeout_ms, struct err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        err_set(err, E_SYSTEM, "pipe: %s", strerror(errno));
        return NULL;
    }
    orphans_adopt();
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child(file, ends[1], parent);
    close(ends[1]);
    json_t *connector = NULL;
    if (pid < 0)
        err_set(err, E_SYSTEM, "fork: %s", strerror(errno));
    else
        connector = hear_out(pid, ends[0], timeout_ms, err);
    close(ends[0]);
    if (!connector && strncmp(err->msg, "plugin ", 7) != 0) /* as plugin_load() says it */
        err_wrap(err, "plugin %s", base_name(file));
    return connector;
}

json_t *describe_file(const char *file, struct err *err)
{
    return describe_file_within(file, DESCRIBE_TIMEOUT_MS, err);
}
