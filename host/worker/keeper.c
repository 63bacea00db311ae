/* keeper.c - see keeper.h. */
#include "keeper.h"

#include "child.h"
#include "clock.h"
#include "orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_US  (3 * CLOCK_SECOND) /* what a child that was told to end may take */
#define PIPE_SIZE (1 << 20)

/* The three pipes between the two: our ends and the child's. */
struct pipes {
    int down[2], up[2], said;
};

static int open_pipes(struct worker *w, struct pipes *p)
{
    uint64_t heard = w->chatter.seen;

    *p = (struct pipes){{-1, -1}, {-1, -1}, -1};
    if (pipe2(p->down, O_CLOEXEC) || pipe2(p->up, O_CLOEXEC) || chatter_open(&w->chatter, &p->said))
        return err_set(&w->err, E_SYSTEM, "cannot make a pipe: %s", strerror(errno));
    w->chatter.seen = heard; /* what is told has one limit for all of the run's children */
    fcntl(p->up[1], F_SETPIPE_SZ, PIPE_SIZE); /* best effort: a small pipe is only slower */
    return SLUICE_OK;
}

static void close_one(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Keep our ends; `started` is the child, or negative. */
static int keep_ends(struct worker *w, const struct pipes *p, pid_t started, int error)
{
    close_one(p->down[0]);
    close_one(p->up[1]);
    close_one(p->said);
    if (p->down[1] >= 0)
        fcntl(p->down[1], F_SETFL, O_NONBLOCK); /* a child that reads nothing is waited for as long as the run lasts */
    w->out.fd = p->down[1];
    w->out.held = true;
    w->in.fd = p->up[0];
    w->child = started > 0 ? started : 0;
    if (started > 0)
        return SLUICE_OK;
    return w->err.code ? w->err.code : err_set(&w->err, E_SYSTEM, "cannot start a process: %s", strerror(error));
}

int keeper_fork(struct worker *w)
{
    struct pipes p;
    pid_t parent = getpid();
    pid_t pid = open_pipes(w, &p) ? -1 : fork();
    int error = errno;

    if (pid == 0) {
        close(p.down[1]);
        close(p.up[0]);
        close(w->chatter.fd);
        close(SPEC_FD_STORE);
        close(SPEC_FD_EVENTS);
        child_main(p.down[0], p.up[1], p.said, SPEC_FD_CONNECTOR, parent);
    }
    return keep_ends(w, &p, pid, error);
}

/* Start the program anew: it shares no memory with us, and of our descriptors only those in `fds`, which it finds at
 * CHILD_FD_*. Returns 0 or an errno. */
static int spawn(const int fds[4], pid_t *pid)
{
    static char name[] = "sluice", verb[] = "connector";
    char parent[24];
    char *argv[] = {name, verb, parent, NULL};
    posix_spawn_file_actions_t files;
    int moved[4] = {-1, -1, -1, -1}, rc = 0;

    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    posix_spawn_file_actions_init(&files);
    for (int i = 0; !rc && i < 4; i++) { /* first above the numbers that they are to have */
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CHILD_FD_SAID + 1);
        rc = moved[i] < 0 ? errno : posix_spawn_file_actions_adddup2(&files, moved[i], CHILD_FD_SPEC + i);
    }
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(&files, CHILD_FD_SAID + 1);
    if (!rc)
        rc = posix_spawn(pid, "/proc/self/exe", &files, NULL, argv, environ);
    for (int i = 0; i < 4; i++)
        close_one(moved[i]);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

int keeper_start_again(struct worker *w)
{
    struct pipes p;
    pid_t pid = -1;
    int error = 0;

    w->child_dead = false;
    w->in.start = w->in.end = 0;
    w->out.broken = false;
    w->out.sent = 0;
    buf_clear(&w->out.buf);
    if (open_pipes(w, &p) == SLUICE_OK)
        error = spawn((const int[4]){SPEC_FD_CONNECTOR, p.down[0], p.up[1], p.said}, &pid);
    return keep_ends(w, &p, error ? -1 : pid, error);
}

/* Wait for the child's death and end all it has started; past the grace it is killed. Returns whether it had to be. */
static bool reap_child(struct worker *w, int *status, struct rusage *usage)
{
    bool killed = false;

    while (w->child > 0 && !orphans_await(w->child, GRACE_US)) {
        killed = true;
        kill(-w->child, SIGKILL);
        kill(w->child, SIGKILL); /* before it leads a group of its own */
    }
    while (w->child > 0 && wait4(w->child, status, 0, usage) < 0 && errno == EINTR)
        continue;
    w->child = 0;
    chatter_close(&w->chatter, w->events);
    orphans_end(); /* what the kernel holds cannot be helped from here; our own end is not held up */
    return killed;
}

/* A plugin that is given no more memory dies of it, or fails with whatever comes next: say so. */
static void tell_memory(struct worker *w, const struct rusage *usage)
{
    int64_t limit = spec_int(w->spec, "memory"), used = (int64_t)usage->ru_maxrss * 1024;

    if (limit > 0 && used > limit / 4 * 3)
        err_set(&w->err, w->err.code, "%s; it held %lld MiB, limits.memory is %lld MiB", w->err.msg,
                (long long)(used >> 20), (long long)(limit >> 20));
}

/* It ended as if all were well, with half a frame in the pipe. */
static bool is_cut(const struct worker *w, int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && w->in.end > w->in.start;
}

void keeper_tell_death(struct worker *w)
{
    const char *plugin = spec_text(w->spec, "plugin_name");
    struct rusage usage = {0};
    int status = 0;
    bool killed = reap_child(w, &status, &usage);

    w->end = !killed && is_cut(w, status) ? END_FAIL : END_CRASHED;
    if (w->end == END_FAIL)
        err_set(&w->err, SLUICE_E_BUG, "plugin %s broke the pipe: it ends in the middle of a frame", plugin);
    else if (killed)
        err_set(&w->err, SLUICE_E_BUG, "plugin %s: it closed the pipe to its host in the middle of the run, went on, "
                "and was killed", plugin);
    else if (WIFSIGNALED(status))
        err_set(&w->err, SLUICE_E_BUG, "plugin %s: its process died of signal %d (%s)", plugin, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    else
        err_set(&w->err, SLUICE_E_BUG, "plugin %s: its process ended itself with exit code %d in the middle of the run",
                plugin, WEXITSTATUS(status));
    tell_memory(w, &usage);
}

void keeper_stop(struct worker *w)
{
    struct rusage usage = {0};
    int status;

    if (w->child > 0)
        kill(w->child, SIGTERM);
    if (w->in.fd >= 0)
        close(w->in.fd); /* whatever it writes next fails, which ends it too */
    if (w->out.fd >= 0)
        close(w->out.fd); /* what it waits for will not come */
    w->in.fd = w->out.fd = -1;
    reap_child(w, &status, &usage);
    if (w->end == END_FAIL && w->err.code >= SLUICE_E_BUG)
        tell_memory(w, &usage);
}
