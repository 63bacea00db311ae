/* confine.c - see confine.h. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 256

/* The run is to end: a flag for the connector's calls, a pipe for what sleeps on descriptors. */
atomic_int confine_stop;
static int stop_pipe[2] = {-1, -1};

static void on_term(int signal)
{
    (void)signal;
    atomic_store(&confine_stop, 1);
    if (write(stop_pipe[1], "x", 1) < 0)
        return; /* full: it was told already */
}

/* AddressSanitizer and ThreadSanitizer reserve terabytes of address space, which no limit on data can tell from use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMIT_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMIT_MEMORY 0
#endif
#endif
#ifndef LIMIT_MEMORY
#define LIMIT_MEMORY 1
#endif

static int set_limits(int64_t memory)
{
    const struct rlimit core = {0, 0}, data = {(rlim_t)memory, (rlim_t)memory};
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files))
        return -1;
    if (files.rlim_max > DESCRIPTORS_MAX)
        files.rlim_max = DESCRIPTORS_MAX;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_CORE, &core) || setrlimit(RLIMIT_NOFILE, &files))
        return -1;
    return LIMIT_MEMORY && memory > 0 ? setrlimit(RLIMIT_DATA, &data) : 0;
}

bool confine_redirect(int said)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ok = null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(said, STDOUT_FILENO) >= 0 &&
              dup2(said, STDERR_FILENO) >= 0;

    if (null > STDERR_FILENO)
        close(null);
    close(said);
    return ok;
}

int confine(int64_t memory, pid_t parent, struct err *err)
{
    struct sigaction term = {.sa_handler = on_term};

    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) || sigaction(SIGTERM, &term, NULL))
        return err_set(err, E_SYSTEM, "cannot make a pipe");
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return err_set(err, E_SYSTEM, "the writer is gone");
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    if (set_limits(memory))
        return err_set(err, E_SYSTEM, "cannot set limits");
    return SLUICE_OK;
}

int confine_stop_fd(void)
{
    return stop_pipe[0];
}

void confine_tell_descriptors(struct err *why)
{
    int fd = dup(STDIN_FILENO);

    if (fd >= 0)
        close(fd);
    else if (errno == EMFILE)
        err_set(why, why->code, "%s; the plugin's process has no descriptor left (it may have %d)", why->msg,
                DESCRIPTORS_MAX);
}
