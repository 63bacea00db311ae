/* launch.c - see launch.h. */
#include "launch.h"

#include "buf.h"
#include "clock.h"
#include "job_spec.h"
#include "ledger.h"
#include "orphans.h"
#include "redact.h"
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
#define GRACE_US (10 * CLOCK_SECOND) /* beyond its deadline or a stop; then it is killed */
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
    int64_t kill_at; /* monotonic; 0: not yet, or done */
    bool killed;     /* by us */
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
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0); /* ours is for results */
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

/* This process knows every secret, the writer only the store's. */
static void take_line(struct watch *w, char *line, size_t len)
{
    len = redact(line, len);
    json_t *event = json_loadb(line, len, 0, NULL);
    const char *what = spec_text(event, "event");

    if (strcmp(what, "starting") == 0)
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

static void kill_worker(struct watch *w)
{
    kill(-w->pid, SIGKILL);
    w->killed = true;
    w->kill_at = 0;
}

/* Pass the user's wish to stop on; what does not end in time is killed. */
static void mind_stop(struct watch *w)
{
    int asked = w->l->stop ? *w->l->stop : 0;

    if (asked > w->told) {
        bool first = w->told == 0;
        w->told = asked;
        if (asked > 1) {
            kill_worker(w);
        } else if (first) {
            kill(w->pid, SIGTERM);
            w->kill_at = clock_mono_us() + GRACE_US;
        }
    }
    if (w->kill_at && clock_mono_us() > w->kill_at)
        kill_worker(w);
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

/* The worker's end, and that of everything it left behind. */
static int reap(struct watch *w)
{
    int status = 0;

    while (!orphans_await(w->pid, TICK_MS * 1000))
        mind_stop(w);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    orphans_end(); /* the connector child of a worker that was killed, and what that had started */
    return status;
}

/* ---- A worker that died ---- */

static int keep_run(const struct run *r, void *context)
{
    struct launch_result *out = context;

    out->run = run_json(r);
    return 0;
}

static void close_row(struct watch *w, const char *status, const char *reason)
{
    struct db *db = NULL;
    struct err err = {0};
    int rc = db_open(w->l->config->store_url, 0, &db, &err);

    if (!rc)
        rc = ledger_close(db, w->run_id, status, reason, NULL, &err);
    if (!rc)
        ledger_list(db, NULL, w->run_id, 1, keep_run, w->out, &err);
    db_close(db);
}

static void put_death(struct watch *w, int status)
{
    struct launch_result *out = w->out;

    if (w->told)
        snprintf(out->message, sizeof(out->message), "cancelled%s", w->told > 1 ? " at once" : "");
    else if (w->killed)
        snprintf(out->message, sizeof(out->message), "not done within its deadline of %lld s; the worker did not end "
                 "and was killed", (long long)(w->l->job->deadline_us / CLOCK_SECOND));
    else if (WIFSIGNALED(status))
        snprintf(out->message, sizeof(out->message), "the worker died of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out->message, sizeof(out->message), "the worker ended with exit code %d without a result",
                 WEXITSTATUS(status));
}

static void tell_death(struct watch *w, int status)
{
    put_death(w, status);
    w->out->code = w->told ? SLUICE_E_CANCELLED : w->killed ? SLUICE_E_RETRY : E_SYSTEM;
    if (*w->run_id && !w->l->dry_run)
        close_row(w, w->told ? "cancelled" : w->killed ? "timeout" : "crashed", w->out->message);
}

void launch_run(const struct launch *l, void (*event)(void *context, const json_t *event), void *context,
                struct launch_result *out)
{
    struct watch w = {.l = l, .out = out, .event = event, .context = context, .line = {.max = LINE_MAX_BYTES}};
    struct err err = {0};

    *out = (struct launch_result){0};
    orphans_adopt();
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
