/* children.c - see children.h. */
#include "children.h"

#include "clock.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTLE_US      (2 * CLOCK_SECOND)
#define SETTLE_LOOK_US 1000

struct child {
    struct child *next;
    pid_t pid;
    bool killed; /* by us */
    void (*ended)(void *context, pid_t pid, int status); /* NULL: nobody wants to hear of it */
    void *context;
};

struct children {
    struct event *sigchld;
    struct child *list;
    size_t count;
    size_t ending; /* children_settle() counts */
};

/* The child of that pid, taken out of the list; NULL for a stranger. */
static struct child *take(struct children *c, pid_t pid)
{
    for (struct child **at = &c->list; *at; at = &(*at)->next) {
        struct child *found = *at;
        if (found->pid != pid)
            continue;
        *at = found->next;
        c->count--;
        return found;
    }
    return NULL;
}

/* The next that has died and is still to be waited for, so that its number is nobody else's; 0: none. */
static pid_t next_dead(void)
{
    siginfo_t info;
    int rc;

    do {
        info.si_pid = 0;
        rc = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
    } while (rc < 0 && errno == EINTR);
    return rc == 0 ? info.si_pid : 0;
}

static void reap(struct children *c)
{
    bool strangers = false;
    int status;
    pid_t pid;

    while ((pid = next_dead()) > 0) {
        struct child *child = take(c, pid);
        if (child && child->ended)
            kill(-pid, SIGKILL); /* what is left of the group that it led */
        while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
            continue;
        strangers = strangers || !child;
        if (child && child->ended)
            child->ended(child->context, pid, status);
        free(child);
    }
    if (strangers) /* what that one had started is ours now */
        children_end_strangers(c);
}

static void on_sigchld(evutil_socket_t sig, short what, void *context)
{
    (void)sig;
    (void)what;
    reap(context);
}

/* Call `each` for every process that we are the parent of. */
static void each_process(struct children *c, void (*each)(struct children *c, pid_t pid))
{
    FILE *f = fopen("/proc/thread-self/children", "re");
    long pid;

    while (f && fscanf(f, "%ld", &pid) == 1)
        each(c, (pid_t)pid);
    if (f)
        fclose(f);
}

/* A process that was there before us, as a container's start script may leave one behind, is no stranger. */
static void keep(struct children *c, pid_t pid)
{
    children_add(c, pid, NULL, NULL);
}

int children_open(struct event_base *base, struct children **out, struct err *err)
{
    struct children *c = calloc(1, sizeof(*c));

    if (c)
        c->sigchld = evsignal_new(base, SIGCHLD, on_sigchld, c);
    if (!c || !c->sigchld || evsignal_add(c->sigchld, NULL) != 0) {
        children_close(c);
        return err_set(err, E_SYSTEM, "cannot hear of processes that end");
    }
    each_process(c, keep);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    *out = c;
    return SLUICE_OK;
}

void children_close(struct children *c)
{
    if (!c)
        return;
    if (c->sigchld)
        event_free(c->sigchld);
    while (c->list)
        free(take(c, c->list->pid));
    free(c);
}

bool children_add(struct children *c, pid_t pid, void (*ended)(void *context, pid_t pid, int status), void *context)
{
    struct child *child = malloc(sizeof(*child));

    if (!child)
        return false;
    *child = (struct child){.next = c->list, .pid = pid, .ended = ended, .context = context};
    c->list = child;
    c->count++;
    return true;
}

static struct child *find(const struct children *c, pid_t pid)
{
    struct child *child = c->list;

    while (child && child->pid != pid)
        child = child->next;
    return child;
}

void children_forget(struct children *c, pid_t pid)
{
    struct child *child = find(c, pid);

    if (child)
        child->ended = NULL;
}

void children_kill(struct children *c, pid_t pid)
{
    struct child *child = find(c, pid);

    kill(-pid, SIGKILL);
    if (!child)
        return;
    child->ended = NULL;
    child->killed = true;
}

size_t children_count(const struct children *c)
{
    return c->count;
}

static void end_stranger(struct children *c, pid_t pid)
{
    pid_t group = getpgid(pid);

    if (find(c, pid))
        return;
    if (group > 1 && group != getpgrp() && !find(c, group))
        kill(-group, SIGKILL);
    kill(pid, SIGKILL);
}

void children_end_strangers(struct children *c)
{
    each_process(c, end_stranger);
}

static void count_ending(struct children *c, pid_t pid)
{
    const struct child *child = find(c, pid);

    c->ending += !child || child->killed;
}

void children_settle(struct children *c)
{
    int64_t until = clock_mono_us() + SETTLE_US;

    do {
        children_end_strangers(c);
        reap(c);
        c->ending = 0;
        each_process(c, count_ending);
        if (c->ending)
            clock_sleep_us(SETTLE_LOOK_US);
    } while (c->ending && clock_mono_us() < until);
}
