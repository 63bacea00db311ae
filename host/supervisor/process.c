/* process.c - see process.h. */
#include "process.h"

#include "buf.h"
#include "clock.h"
#include "job_spec.h"
#include "redact.h"
#include "reexec.h"
#include "run.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 20)
#define READ_BYTES     ((size_t)64 << 10)

_Static_assert(SPEC_FD_CONNECTOR == REEXEC_FD && SPEC_FD_STORE == REEXEC_FD + 1 && SPEC_FD_EVENTS == REEXEC_FD + 2,
               "a worker finds its descriptors where reexec_start() puts them");

struct process {
    pid_t pid;
    int events;          /* our end of the pipe */
    struct buf line;     /* an event that is not whole yet */
    json_t *result;      /* the "result" event; NULL: it has not come */
    char run_id[RUN_ID_SIZE];
    int64_t deadline_us; /* for messages; 0: none */
    int64_t kill_at;     /* monotonic; 0: never */
    bool stopped;        /* it was told to end */
    bool killed, late;   /* by us; because it did not end in time */
};

/* ---- Its start ---- */

static int start(struct process *p, const struct launch *l, struct err *err)
{
    static char name[] = "sluice", verb[] = "worker";
    char *argv[] = {name, verb, NULL};
    int ends[2] = {-1, -1};
    json_t *connector = job_spec_connector(l), *store = job_spec_store(l);
    int fds[3] = {reexec_sealed(connector), reexec_sealed(store), -1};
    int rc;

    json_decref(connector);
    json_decref(store);
    if (fds[0] < 0 || fds[1] < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        rc = err_set(err, E_SYSTEM, "cannot start a worker: %s", strerror(errno));
    } else {
        fds[2] = ends[1];
        rc = reexec_start(argv, fds, 3, false, &p->pid, err);
        p->events = ends[0];
    }
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return rc;
}

int process_start(const struct launch *l, struct process **out, struct err *err)
{
    struct process *p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(err, E_SYSTEM, "out of memory");
    p->events = -1;
    p->line.max = LINE_MAX_BYTES;
    p->deadline_us = l->job->deadline_us;
    if (p->deadline_us)
        p->kill_at = clock_mono_us() + p->deadline_us + PROCESS_GRACE_US;
    int rc = start(p, l, err);
    if (rc) {
        process_free(p);
        return rc;
    }
    *out = p;
    return SLUICE_OK;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

int process_fd(const struct process *p)
{
    return p->events;
}

const char *process_run_id(const struct process *p)
{
    return p->run_id;
}

/* ---- Its events ---- */

/* This process knows every secret, the writer only the store's. */
static void take_line(struct process *p, char *line, size_t len, void (*event)(void *context, const json_t *event),
                      void *context)
{
    len = redact(line, len);
    json_t *json = json_loadb(line, len, 0, NULL);
    const char *what = spec_text(json, "event");

    if (strcmp(what, "starting") == 0)
        snprintf(p->run_id, sizeof(p->run_id), "%s", spec_text(json, "run"));
    if (strcmp(what, "result") == 0) {
        json_decref(p->result);
        p->result = json_incref(json);
    } else if (json && event) {
        event(context, json);
    }
    json_decref(json);
}

bool process_read(struct process *p, void (*event)(void *context, const json_t *event), void *context)
{
    char *room = buf_reserve(&p->line, READ_BYTES);
    ssize_t n = room ? read(p->events, room, READ_BYTES) : -1;

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return false;
    p->line.len += (size_t)n;
    size_t from = 0;
    for (size_t i = p->line.len - (size_t)n; i < p->line.len; i++) {
        if (p->line.ptr[i] != '\n')
            continue;
        take_line(p, p->line.ptr + from, i - from, event, context);
        from = i + 1;
    }
    memmove(p->line.ptr, p->line.ptr + from, p->line.len - from);
    p->line.len -= from;
    return true;
}

/* ---- Its end ---- */

void process_stop(struct process *p)
{
    if (p->stopped)
        return;
    p->stopped = true;
    kill(p->pid, SIGTERM);
    p->kill_at = clock_mono_us() + PROCESS_GRACE_US;
}

void process_kill(struct process *p, bool late)
{
    kill(-p->pid, SIGKILL);
    p->killed = true;
    p->late = late && !p->stopped;
    p->kill_at = 0;
}

int64_t process_kill_at(const struct process *p)
{
    return p->kill_at;
}

static void put_death(const struct process *p, int status, struct launch_result *out)
{
    if (p->stopped)
        snprintf(out->message, sizeof(out->message), "cancelled%s", p->killed ? " at once" : "");
    else if (p->late)
        snprintf(out->message, sizeof(out->message), "not done within its deadline of %lld s; the worker did not end "
                 "and was killed", (long long)(p->deadline_us / CLOCK_SECOND));
    else if (WIFSIGNALED(status))
        snprintf(out->message, sizeof(out->message), "the worker died of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out->message, sizeof(out->message), "the worker ended with exit code %d without a result",
                 WEXITSTATUS(status));
}

void process_result(struct process *p, int wait_status, struct launch_result *out, const char **closes)
{
    *out = (struct launch_result){0};
    if (closes)
        *closes = NULL;
    if (p->result) {
        json_t *run = json_object_get(p->result, "run");
        out->code = (int)spec_int(p->result, "code");
        snprintf(out->message, sizeof(out->message), "%s", spec_text(p->result, "message"));
        out->run = json_is_object(run) ? json_incref(run) : NULL;
        out->throttled_us = spec_int(json_object_get(p->result, "http"), "throttled_us");
        return;
    }
    put_death(p, wait_status, out);
    out->code = p->stopped ? SLUICE_E_CANCELLED : p->late ? SLUICE_E_RETRY : E_SYSTEM;
    if (closes)
        *closes = p->stopped ? "cancelled" : p->late ? "timeout" : "crashed";
}

void process_free(struct process *p)
{
    if (!p)
        return;
    if (p->events >= 0)
        close(p->events);
    buf_free(&p->line);
    json_decref(p->result);
    free(p);
}
