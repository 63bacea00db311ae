/* launch.c - see launch.h. */
#include "launch.h"

#include "buf.h"
#include "clock.h"
#include "job_spec.h"
#include "ledger.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 100
#define GRACE_US (10 * CLOCK_SECOND) /* beyond its deadline or a stop; then the whole group is killed */
#define LINE_MAX_BYTES (64u << 20)

struct watch {
    const struct launch *l;
    struct launch_result *out;
    void (*event)(void *context, const json_t *event);
    void *context;
    pid_t pid;
    int events;      /* our end of the event pipe */
    struct buf line; /* an event that is not whole yet */
    char run_id[RUN_ID_SIZE];
    bool has_result;
    int told;        /* how often the worker was told to stop */
    int64_t kill_at; /* monotonic; 0: not yet */
};

/* A sealed copy of `spec` that the worker can read and nobody can change. -1 on failure. */
static int sealed_fd(json_t *spec)
{
    int fd = memfd_create("sluice-job", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || json_dumpfd(spec, fd, JSON_COMPACT) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* The worker's environment: what libraries need to work here, and no secret. */
static void clean_environment(char **out, size_t max)
{
    static const char *const kept[] = {"PATH", "TZDIR", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR",
                                       "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    size_t n = 0;

    for (char **e = environ; *e && n + 1 < max; e++) {
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
            size_t len = strlen(kept[i]);
            if (strncmp(*e, kept[i], len) == 0 && (*e)[len] == '=')
                out[n++] = *e;
        }
    }
    out[n] = NULL;
}

static int spawn(struct watch *w, int connector, int store, int events)
{
    static char name[] = "sluice", verb[] = "worker";
    char *argv[] = {name, verb, NULL};
    char *envp[32];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;

    clean_environment(envp, sizeof(envp) / sizeof(envp[0]));
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, connector, SPEC_FD_CONNECTOR);
    posix_spawn_file_actions_adddup2(&files, store, SPEC_FD_STORE);
    posix_spawn_file_actions_adddup2(&files, events, SPEC_FD_EVENTS);
    posix_spawn_file_actions_addclosefrom_np(&files, SPEC_FD_EVENTS + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    int rc = posix_spawn(&w->pid, "/proc/self/exe", &files, &attr, argv, envp);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Out of the way of the numbers that the worker expects. */
static int move_up(int fd)
{
    int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SPEC_FD_EVENTS + 1);

    if (fd >= 0)
        close(fd);
    return moved;
}

static int start(struct watch *w, struct err *err)
{
    int ends[2] = {-1, -1};
    json_t *c = job_spec_connector(w->l);
    json_t *s = job_spec_store(w->l);
    int connector = c ? move_up(sealed_fd(c)) : -1;
    int store = s ? move_up(sealed_fd(s)) : -1;
    int rc = ENOMEM;

    json_decref(c);
    json_decref(s);
    if (connector >= 0 && store >= 0 && pipe2(ends, O_CLOEXEC) == 0) {
        ends[1] = move_up(ends[1]);
        rc = spawn(w, connector, store, ends[1]);
        close(ends[1]);
        w->events = ends[0];
    }
    if (connector >= 0)
        close(connector);
    if (store >= 0)
        close(store);
    if (rc == 0)
        return SLUICE_OK;
    if (ends[0] >= 0)
        close(ends[0]);
    return err_set(err, E_SYSTEM, "cannot start a worker: %s", strerror(rc));
}

/* ---- Events ---- */

static void take_result(struct watch *w, const json_t *event)
{
    w->has_result = true;
    w->out->code = (int)spec_int(event, "code");
    snprintf(w->out->message, sizeof(w->out->message), "%s", spec_text(event, "message"));
    if (json_is_object(json_object_get(event, "run")))
        w->out->run = json_incref(json_object_get(event, "run"));
}

static void take_line(struct watch *w, const char *line, size_t len)
{
    json_t *event = json_loadb(line, len, 0, NULL);
    const char *what = spec_text(event, "event");

    if (strcmp(what, "started") == 0)
        snprintf(w->run_id, sizeof(w->run_id), "%s", spec_text(event, "run"));
    if (strcmp(what, "result") == 0)
        take_result(w, event);
    else if (event && w->event)
        w->event(w->context, event);
    json_decref(event);
}

/* Read what is there and take every whole line. False at the end. */
static bool read_events(struct watch *w)
{
    char *room = buf_reserve(&w->line, 65536);
    ssize_t n = room ? read(w->events, room, 65536) : -1;

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    w->line.len += (size_t)n;
    size_t start = 0;
    for (size_t i = w->line.len - (size_t)n; i < w->line.len; i++) {
        if (w->line.ptr[i] != '\n')
            continue;
        take_line(w, w->line.ptr + start, i - start);
        start = i + 1;
    }
    memmove(w->line.ptr, w->line.ptr + start, w->line.len - start);
    w->line.len -= start;
    return true;
}

/* Pass the user's wish to stop on; what does not end in time is killed with all it started. */
static void mind_stop(struct watch *w)
{
    int asked = w->l->stop ? *w->l->stop : 0;
    int64_t now = clock_mono_us();

    if (asked > w->told) {
        w->told = asked;
        kill(asked > 1 ? -w->pid : w->pid, asked > 1 ? SIGKILL : SIGTERM);
        w->kill_at = now + GRACE_US;
    }
    if (w->kill_at && now > w->kill_at) {
        kill(-w->pid, SIGKILL);
        w->kill_at = 0;
    }
}

static void listen_to_end(struct watch *w)
{
    bool open = true;

    if (w->l->job->deadline_us)
        w->kill_at = clock_mono_us() + w->l->job->deadline_us + GRACE_US;
    while (open) {
        struct pollfd p = {.fd = w->events, .events = POLLIN};
        int ready = poll(&p, 1, TICK_MS);
        mind_stop(w);
        if (ready > 0)
            open = read_events(w);
    }
}

/* The worker's end, and that of everything it left behind in its group. */
static int reap(struct watch *w)
{
    siginfo_t info;
    int status = 0;

    while (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        mind_stop(w);
    kill(-w->pid, SIGKILL);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* ---- A worker that died ---- */

static int keep_run(const struct run *r, void *context)
{
    struct launch_result *out = context;

    out->run = run_json(r);
    return 0;
}

static void close_row(struct watch *w, const char *reason)
{
    struct db *db = NULL;
    struct err err = {0};
    int rc = db_open(w->l->config->store_url, 0, &db, &err);

    if (!rc)
        rc = ledger_close(db, w->run_id, "crashed", reason, NULL, &err);
    if (!rc)
        ledger_list(db, NULL, w->run_id, 1, keep_run, w->out, &err);
    db_close(db);
}

static void tell_death(struct watch *w, int status)
{
    if (WIFSIGNALED(status))
        snprintf(w->out->message, sizeof(w->out->message), "the worker died of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(w->out->message, sizeof(w->out->message), "the worker ended with exit code %d without a result",
                 WEXITSTATUS(status));
    w->out->code = E_SYSTEM;
    if (w->told)
        w->out->code = SLUICE_E_CANCELLED;
    if (*w->run_id && !w->l->dry_run)
        close_row(w, w->out->message);
}

void launch_run(const struct launch *l, void (*event)(void *context, const json_t *event), void *context,
                struct launch_result *out)
{
    struct watch w = {.l = l, .out = out, .event = event, .context = context, .line = {.max = LINE_MAX_BYTES}};
    struct err err = {0};

    *out = (struct launch_result){0};
    if (start(&w, &err)) {
        out->code = err.code;
        snprintf(out->message, sizeof(out->message), "%s", err.msg);
        return;
    }
    listen_to_end(&w);
    close(w.events);
    int status = reap(&w);
    buf_free(&w.line);
    if (!w.has_result)
        tell_death(&w, status);
}

void launch_result_free(struct launch_result *r)
{
    json_decref(r->run);
    *r = (struct launch_result){0};
}
