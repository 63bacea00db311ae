/* orphans.c - see orphans.h. */
#include "orphans.h"

#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_US 1000 /* between two looks */
#define END_US (2 * CLOCK_SECOND)

void orphans_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

bool orphans_await(pid_t pid, int64_t us)
{
    int64_t until = clock_mono_us() + us;
    siginfo_t info;

    for (;;) {
        info.si_pid = 0;
        int rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if ((rc == 0 && info.si_pid == pid) || (rc < 0 && errno != EINTR))
            break;
        if (clock_mono_us() > until)
            return false;
        clock_sleep_us(LOOK_US);
    }
    kill(-pid, SIGKILL); /* as long as it is not waited for, the number is nobody else's */
    return true;
}

/* Wait for all that have died; true when there is no child any more. */
static bool reap_all(void)
{
    pid_t got;

    do {
        got = waitpid(-1, NULL, WNOHANG | __WALL);
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got < 0;
}

/* One signal to a group reaches all of it, however fast it multiplies. */
static void kill_children(void)
{
    FILE *f = fopen("/proc/thread-self/children", "re");
    long pid;

    if (!f)
        return;
    while (fscanf(f, "%ld", &pid) == 1) {
        pid_t group = getpgid((pid_t)pid);
        if (group > 1 && group != getpgrp())
            kill(-group, SIGKILL);
        kill((pid_t)pid, SIGKILL);
    }
    fclose(f);
}

bool orphans_end(void)
{
    int64_t until = clock_mono_us() + END_US;

    while (!reap_all()) {
        if (clock_mono_us() > until)
            return false;
        kill_children();
        clock_sleep_us(LOOK_US);
    }
    return true;
}
