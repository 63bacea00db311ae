/* keeper.c - see keeper.h. */
#include "keeper.h"

#include "child.h"
#include "clock.h"
#include "orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_US  (3 * CLOCK_SECOND) /* what a child that was told to end may take */
#define PIPE_SIZE (1 << 20)

int keeper_fork(struct worker *w)
{
    int down[2], up[2], said;
    pid_t parent = getpid();

    if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC) || chatter_open(&w->chatter, &said))
        return err_set(&w->err, E_SYSTEM, "cannot make a pipe: %s", strerror(errno));
    fcntl(up[1], F_SETPIPE_SZ, PIPE_SIZE); /* best effort: a small pipe is only slower */
    w->child = fork();
    if (w->child < 0)
        return err_set(&w->err, E_SYSTEM, "cannot start a process: %s", strerror(errno));
    if (w->child == 0) {
        close(down[1]);
        close(up[0]);
        close(w->chatter.fd);
        close(SPEC_FD_STORE);
        close(SPEC_FD_EVENTS);
        child_main(down[0], up[1], said, SPEC_FD_CONNECTOR, parent);
    }
    close(down[0]);
    close(up[1]);
    close(said);
    close(SPEC_FD_CONNECTOR);
    w->out.fd = down[1];
    w->in.fd = up[0];
    return SLUICE_OK;
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
