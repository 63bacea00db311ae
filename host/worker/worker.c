/* worker.c - see worker.h. */
#include "worker.h"

#include "check_table.h"
#include "child.h"
#include "clock.h"
#include "events.h"
#include "orphans.h"
#include "owner.h"
#include "redact.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 200                          /* between two looks at stop, deadline and progress */
#define GRACE_US (3 * CLOCK_SECOND)          /* what a child that was told to end may take */
#define PIPE_SIZE (1 << 20)

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
    (void)signal;
    stop = 1;
}

/* ---- The child ---- */

static int fork_child(struct worker *w)
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

/* The pipe has ended before the run had. */
static void tell_death(struct worker *w)
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

/* Ask the child to end and forget what it still sends. */
static void stop_child(struct worker *w)
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

/* ---- Listening ---- */

static void send_progress(struct worker *w)
{
    static int64_t next;
    const struct run_counts *c = &w->run.counts;

    if (w->what != SPEC_RUN || clock_mono_us() < next)
        return;
    next = clock_mono_us() + TICK_MS * 1000;
    event_offer(w->events, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "progress", "processed",
                                     (json_int_t)c->processed, "created", (json_int_t)c->created, "updated",
                                     (json_int_t)c->updated, "skipped", (json_int_t)c->skipped, "errors",
                                     (json_int_t)c->errors, "total", (json_int_t)w->run.total));
}

static bool is_over(struct worker *w)
{
    if (stop)
        w->end = END_CANCELLED;
    else if (w->deadline && clock_mono_us() > w->deadline)
        w->end = END_TIMEOUT;
    return w->end != END_NONE;
}

/* The source is slow: nobody else should wait for our open transaction. */
static int commit_idle(struct worker *w)
{
    if (w->what != SPEC_RUN || !w->db || w->sink.dry_run || !sink_is_open(&w->sink))
        return SLUICE_OK;
    return sink_commit(&w->sink, NULL, &w->err);
}

/* A child can die without an end of the pipe: one that it forked holds it too. What it sent before is read first, so
 * the pipe must be found empty after the death was seen. True when it is over. */
static bool mind_child(struct worker *w)
{
    if (w->child_dead)
        return true;
    w->child_dead = orphans_await(w->child, 0);
    return false;
}

/* Wait for bytes from the child. 1: some came; 0: the run is over, or a tick has passed; negative: an error. */
static int wait_for_bytes(struct worker *w)
{
    struct pollfd p[2] = {{.fd = w->in.fd, .events = POLLIN}, {.fd = w->chatter.fd, .events = POLLIN}};
    int ready = poll(p, 2, TICK_MS);

    if (is_over(w))
        return 0;
    send_progress(w);
    if (ready > 0 && p[1].revents)
        chatter_take(&w->chatter, w->events);
    if (ready > 0 && p[0].revents) {
        int rc = frame_fill(&w->in, &w->err);
        if (rc == 0)
            tell_death(w);
        return rc;
    }
    if (ready == 0 && mind_child(w))
        tell_death(w);
    return 0;
}

int worker_hear(struct worker *w, struct frame *f)
{
    int64_t idle_from = 0;
    int rc;

    while ((rc = frame_next(&w->in, f, &w->err)) == 0) {
        if (idle_from == 0)
            idle_from = clock_mono_us();
        rc = wait_for_bytes(w);
        if (rc < 0 || w->end != END_NONE)
            return rc < 0 ? rc : 0;
        if (clock_mono_us() - idle_from >= TICK_MS * 1000)
            rc = commit_idle(w);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? err_wrap(&w->err, "plugin %s", spec_text(w->spec, "plugin_name")) : rc;
}

/* ---- The run ---- */

/* A partitioned stream must not run as if it had no partitions: it would read one tenant and call it all. */
static int check_partition(struct worker *w, const json_t *hello)
{
    const char *option = spec_text(hello, "partition"), *wanted = spec_text(w->spec, "partition");

    if (*option)
        return err_set(&w->err, SLUICE_E_CONFIG, "stream %s is partitioned by %s; this sluice runs streams without "
                       "partitions only", spec_text(hello, "name"), option);
    if (*wanted)
        return err_set(&w->err, E_USAGE, "--partition %s: stream %s has no partitions", wanted, spec_text(hello, "name"));
    return SLUICE_OK;
}

static int hear_hello(struct worker *w)
{
    struct frame f;
    int rc = worker_hear(w, &f);

    if (rc == 0) /* it died, or nobody wants the run any more */
        return w->err.code ? w->err.code : SLUICE_E_CANCELLED;
    if (rc < 0)
        return rc;
    if (f.type == FRAME_FAIL) {
        rc = intake_frame(w, &f);
        return rc ? rc : w->err.code;
    }
    json_t *hello = f.type == FRAME_HELLO ? json_loadb(f.payload.ptr, f.payload.len, 0, NULL) : NULL;
    rc = json_is_object(hello) ? check_partition(w, hello) : err_set(&w->err, SLUICE_E_BUG, "the plugin's HELLO is not one");
    if (!rc)
        rc = plan_make(hello, w->spec, &w->plan, &w->err);
    json_decref(hello);
    return rc;
}

static int start_run(struct worker *w)
{
    char owner[OWNER_SIZE];
    bool dry = spec_bool(w->spec, "dry_run");
    int rc = db_open(spec_text(w->spec, "store_url"), dry ? DB_DRY_RUN : 0, &w->db, &w->err);

    if (rc)
        return rc;
    if (!owner_of(getpid(), owner))
        return err_set(&w->err, E_SYSTEM, "cannot read /proc/self/stat");
    const char *mode = w->what == SPEC_RETRY ? "retry" : spec_bool(w->spec, "full") ? "full" : "incremental";
    rc = run_init(&w->run, spec_text(w->spec, "job"), spec_text(w->spec, "partition"), mode, &w->err);
    if (rc)
        return rc;
    if (*spec_text(w->spec, "run_id"))
        snprintf(w->run.id, sizeof(w->run.id), "%s", spec_text(w->spec, "run_id"));
    run_set(&w->run.host, owner);
    w->run.started_at = clock_wall_us();
    w->run.fire_us = dry ? 0 : spec_int(w->spec, "fire_us");
    w->sink = (struct sink){.db = w->db,
                            .table = &w->plan.table,
                            .run = &w->run,
                            .dry_run = dry,
                            .batch_max = (uint32_t)spec_int(w->spec, "batch")};
    if (w->sink.batch_max == 0)
        w->sink.batch_max = 5000;
    event_send(w->events, json_pack("{s:s, s:s}", "event", "starting", "run", w->run.id));
    rc = sink_open(&w->sink, &w->err);
    if (rc)
        return rc;
    w->started = true;
    event_send(w->events, json_pack("{s:s, s:s}", "event", "started", "run", w->run.id));
    return SLUICE_OK;
}

static int prepare_run(struct worker *w)
{
    int rc = cursor_get(w->db, w->run.job, w->run.partition, &w->last, &w->err);

    if (!rc)
        rc = sink_prepare(&w->sink, &w->err);
    if (rc)
        return rc;
    w->sink.hold_us = w->plan.windowed ? 0 : spec_int(w->spec, "hold_us"); /* a window's source re-reads nothing */
    w->full = spec_bool(w->spec, "full") || (!w->plan.windowed && !w->last.text[0]);
    if (w->full && w->what == SPEC_RUN)
        snprintf(w->run.mode, sizeof(w->run.mode), "full");
    return sink_retry_kept(&w->sink, w->what == SPEC_RUN, &w->err);
}

static int send_go(struct worker *w)
{
    json_t *go = json_pack("{s:b, s:s, s:I, s:b}", "full", w->full, "cursor", w->full ? "" : w->last.text, "started_at",
                           (json_int_t)(w->run.started_at ? w->run.started_at : clock_wall_us()), "retry",
                           w->what == SPEC_RETRY);
    char *text = json_dumps(go, JSON_COMPACT);

    json_decref(go);
    if (!text)
        return err_set(&w->err, E_SYSTEM, "out of memory");
    frame_begin(&w->out, FRAME_GO);
    frame_put_raw(&w->out, text, strlen(text));
    frame_end(&w->out);
    free(text);
    frame_flush(&w->out); /* a child that is gone is noticed when it is listened to */
    return SLUICE_OK;
}

/* Frames until the run has ended. */
static int listen_to_end(struct worker *w)
{
    struct frame f;
    int rc = SLUICE_OK;

    while (!rc && w->end == END_NONE && (rc = worker_hear(w, &f)) == 1)
        rc = intake_frame(w, &f);
    return rc;
}

/* Have one kept text mapped and merged again. */
static int retry_text(struct worker *w, const struct reject *r)
{
    char id[RUN_ID_SIZE];
    struct frame f;
    int rc = SLUICE_OK;

    snprintf(id, sizeof(id), "%s", r->id);
    frame_begin(&w->out, FRAME_RECORD);
    frame_put_str(&w->out, r->payload);
    frame_end(&w->out);
    frame_flush(&w->out);
    w->retry_id = id;
    w->sink.tally.retried++;
    while (!rc && w->retry_id && w->end == END_NONE && (rc = worker_hear(w, &f)) == 1)
        rc = intake_frame(w, &f);
    w->retry_id = NULL;
    return rc;
}

static int retry_texts(struct worker *w)
{
    char after[RUN_ID_SIZE] = "";
    struct reject r;
    int rc = SLUICE_OK;

    while (w->end == END_NONE && rc >= 0) {
        rc = rejects_next(w->sink.rejects, false, after, &r, &w->err);
        if (rc != 1)
            break;
        snprintf(after, sizeof(after), "%s", r.id);
        if (strcmp(r.kind, REJECT_MAPPING) == 0)
            rc = retry_text(w, &r);
    }
    if (rc < 0 || w->end != END_NONE)
        return rc < 0 ? rc : SLUICE_OK;
    frame_begin(&w->out, FRAME_END);
    frame_end(&w->out);
    frame_flush(&w->out);
    return listen_to_end(w);
}

static int conduct(struct worker *w)
{
    int rc = w->what == SPEC_PREVIEW ? SLUICE_OK : start_run(w); /* the lock first: what follows is told in its row */

    if (!rc)
        rc = hear_hello(w);
    if (!rc && w->what != SPEC_PREVIEW)
        rc = prepare_run(w);
    if (!rc && spec_bool(w->spec, "check_table"))
        check_table(w);
    if (!rc)
        rc = send_go(w);
    if (!rc)
        rc = w->what == SPEC_RETRY ? retry_texts(w) : listen_to_end(w);
    return rc;
}

static bool hide_secrets(const json_t *list)
{
    bool hidden = true;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *secret = json_array_get(list, i);
        hidden = hidden && redact_add(json_string_value(secret), json_string_length(secret));
    }
    return hidden;
}

static int set_up(struct worker *w)
{
    struct sigaction term = {.sa_handler = on_term};

    sigaction(SIGTERM, &term, NULL);
    db_mind_stop(&stop);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the process that started us */
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* without the process that asked for it, a run ends as cancelled */
    for (int fd = SPEC_FD_CONNECTOR; fd <= SPEC_FD_EVENTS; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    w->events = SPEC_FD_EVENTS;
    w->in.fd = w->out.fd = w->chatter.fd = -1;
    orphans_adopt();
    int rc = fork_child(w); /* before anything is open */
    if (rc)
        return rc;
    w->spec = spec_read(SPEC_FD_STORE, &w->err);
    if (!w->spec)
        return w->err.code;
    if (getppid() != (pid_t)spec_int(w->spec, "parent"))
        return err_set(&w->err, SLUICE_E_CANCELLED, "the process that asked for the run is gone");
    w->what = (int)spec_int(w->spec, "what");
    w->limit = spec_int(w->spec, "limit");
    int64_t deadline = spec_int(w->spec, "deadline_us");
    w->deadline = deadline ? clock_mono_us() + deadline : 0;
    w->ints = malloc(FRAME_INTS_MAX * sizeof(*w->ints));
    if (!w->ints || !hide_secrets(json_object_get(w->spec, "store_secrets")))
        return err_set(&w->err, E_SYSTEM, "out of memory");
    return SLUICE_OK;
}

int worker_main(void)
{
    static struct worker w; /* large, and lives as long as the process */

    if (fcntl(SPEC_FD_EVENTS, F_GETFD) < 0) {
        fputs("sluice: worker is started by sluice itself; `sluice run JOB` runs a job\n", stderr);
        return err_exit_code(E_USAGE);
    }
    int rc = set_up(&w);

    if (!rc)
        rc = conduct(&w);
    w.stumbled = rc < 0;
    if (rc < 0 && w.end == END_NONE)
        w.end = stop ? END_CANCELLED : END_FAIL;
    stop_child(&w);
    outcome_finish(&w);
    sink_close(&w.sink);
    db_close(w.db);
    run_free(&w.run);
    plan_free(&w.plan);
    frame_in_free(&w.in);
    buf_free(&w.out.buf);
    json_decref(w.spec);
    free(w.ints);
    return 0; /* how the run ended is in its result */
}
