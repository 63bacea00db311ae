/* prepare_start.c - see prepare.h: the daemon's side of `sluice snapshot`.
 *
 * It is over once the process has ended and what it wrote has been read, in whichever order the loop hears of the two.
 */
#include "prepare.h"

#include "buf.h"
#include "children.h"
#include "reexec.h"
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES   ((size_t)64 << 10)
#define SNAPSHOT_MAX ((size_t)256 << 20)

struct prepare {
    struct children *children;
    char *path; /* of the configuration, for problems */
    pid_t pid;  /* 0: not started */
    int in;     /* our end of the pipe; -1: all is read */
    struct event *readable, *deadline;
    int seconds;
    struct buf text; /* what it wrote so far */
    bool ended;      /* and was waited for: `status` */
    bool late;       /* killed because it took too long */
    bool too_long;   /* it wrote more than SNAPSHOT_MAX */
    bool told;       /* `done` was called: what is left is to free it */
    int status;
    void (*done)(void *context, struct prepared *prepared);
    void *context;
};

static void prepare_free(struct prepare *p)
{
    if (p->readable)
        event_free(p->readable);
    if (p->deadline)
        event_free(p->deadline);
    if (p->in >= 0)
        close(p->in);
    if (p->text.ptr)
        explicit_bzero(p->text.ptr, p->text.len);
    buf_free(&p->text);
    free(p->path);
    free(p);
}

/* ---- What became of it ---- */

/* How the process failed; 0 when it did what it is for. */
static int tell_end(const struct prepare *p, struct err *err)
{
    if (p->late)
        return err_set(err, E_SYSTEM, "reading the configuration took longer than %d s and was given up", p->seconds);
    if (p->too_long)
        return err_set(err, E_SYSTEM, "the configuration takes more than %zu MiB", SNAPSHOT_MAX >> 20);
    if (WIFSIGNALED(p->status))
        return err_set(err, E_SYSTEM, "the process that reads the configuration died of signal %d (%s)",
                       WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
    if (WEXITSTATUS(p->status) != 0)
        return err_set(err, E_SYSTEM, "the process that reads the configuration ended with exit code %d",
                       WEXITSTATUS(p->status));
    return SLUICE_OK;
}

/* One line for all problems: the first, and how many there are. */
static int sum_up(const json_t *answer, struct err *err)
{
    const json_t *problems = json_object_get(answer, "problems");
    const char *file = "", *text = "";
    int line = 0, code = (int)json_integer_value(json_object_get(answer, "code"));
    json_int_t count = (json_int_t)json_array_size(problems) + json_integer_value(json_object_get(answer, "more"));

    if (code >= 0 ||
        json_unpack(json_array_get(problems, 0), "{s:s, s:i, s:s}", "file", &file, "line", &line, "text", &text) != 0)
        return err_set(err, SLUICE_E_BUG, "the process that reads the configuration did not tell what it found");
    if (line)
        err_set(err, code, "%s:%d: %s", file, line, text);
    else
        err_set(err, code, "%s: %s", file, text);
    if (count > 1)
        err_wrap(err, "%lld problems, the first", (long long)count);
    return code;
}

/* The answer, read once; NULL when it is none. The text is not needed any more: it holds secrets. */
static json_t *take_answer(struct prepare *p)
{
    json_t *answer = json_loadb(buf_text(&p->text), p->text.len, 0, NULL);

    if (p->text.ptr)
        explicit_bzero(p->text.ptr, p->text.len);
    buf_free(&p->text);
    return answer;
}

static void conclude(struct prepare *p, const json_t *answer, struct prepared *out)
{
    const json_t *snapshot = json_object_get(answer, "config");

    if (tell_end(p, &out->err) == 0 && snapshot)
        config_restore(snapshot, &out->config, &out->err);
    else if (!out->err.code && sum_up(answer, &out->err) != SLUICE_E_BUG)
        out->problems = json_incref(json_object_get(answer, "problems"));
    if (out->err.code && !out->problems) {
        struct config_problem one = {p->path, 0, out->err.msg};
        out->problems = config_problems_json(&(struct config_problems){.list = &one, .count = 1});
    }
}

static void finish(struct prepare *p)
{
    struct prepared result = {0};
    json_t *answer = take_answer(p);

    event_del(p->deadline);
    conclude(p, answer, &result);
    json_decref(answer);
    json_t *problems = result.problems;
    p->told = true;
    p->done(p->context, &result);
    json_decref(problems);
    prepare_free(p);
}

/* ---- What the loop hears ---- */

static void close_pipe(struct prepare *p)
{
    if (p->in < 0)
        return;
    event_del(p->readable);
    close(p->in);
    p->in = -1;
}

/* Read a piece; false when there is none now or any more: at the end the pipe is closed. */
static bool read_piece(struct prepare *p)
{
    char *room = buf_reserve(&p->text, READ_BYTES);
    ssize_t n = room ? read(p->in, room, READ_BYTES) : 0;

    p->too_long = !room;
    if (n > 0) {
        p->text.len += (size_t)n;
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_pipe(p); /* one that writes too much is told so by SIGPIPE */
    return n < 0 && errno == EINTR;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct prepare *p = context;

    (void)fd;
    (void)what;
    read_piece(p);
    if (p->in < 0 && p->ended)
        finish(p);
}

/* Whatever else may hold the pipe open: what the process wrote is there by now. */
static void on_end(void *context, pid_t pid, int status)
{
    struct prepare *p = context;

    (void)pid;
    p->ended = true;
    p->status = status;
    while (p->in >= 0 && read_piece(p))
        continue;
    close_pipe(p);
    if (WIFSIGNALED(status)) /* the plugin that it had described, and what that started, are ours now */
        children_end_strangers(p->children);
    finish(p);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct prepare *p = context;

    (void)fd;
    (void)what;
    p->late = true;
    kill(-p->pid, SIGKILL);
}

/* ---- Its start and end ---- */

static int spawn(struct prepare *p, struct event_base *base, const char *path, const char *env_file, struct err *err)
{
    char name[] = "sluice", verb[] = "snapshot";
    char *own_path = strdup(path), *own_env = env_file ? strdup(env_file) : NULL;
    char *argv[] = {name, verb, own_path, own_env, NULL};
    int ends[2] = {-1, -1};
    int rc;

    if (!own_path || (env_file && !own_env) || pipe2(ends, O_CLOEXEC) != 0) {
        rc = err_set(err, E_SYSTEM, "cannot start a process: %s", strerror(errno));
    } else {
        p->in = ends[0];
        p->readable = event_new(base, p->in, EV_READ | EV_PERSIST, on_readable, p);
        rc = fcntl(p->in, F_SETFL, O_NONBLOCK) != 0 || !p->readable || event_add(p->readable, NULL) != 0
                 ? err_set(err, E_SYSTEM, "cannot watch a process")
                 : reexec_start(argv, &ends[1], 1, true, &p->pid, err);
        close(ends[1]);
    }
    free(own_env);
    p->path = own_path;
    return rc;
}

static int begin(struct prepare *p, struct event_base *base, const char *path, const char *env_file, struct err *err)
{
    const struct timeval limit = {.tv_sec = p->seconds};

    p->deadline = evtimer_new(base, on_deadline, p);
    if (!p->deadline || evtimer_add(p->deadline, &limit) != 0)
        return err_set(err, E_SYSTEM, "cannot watch a process");
    int rc = spawn(p, base, path, env_file, err);
    if (rc)
        return rc;
    return children_add(p->children, p->pid, on_end, p) ? SLUICE_OK : err_set(err, E_SYSTEM, "out of memory");
}

int prepare_start_within(struct event_base *base, struct children *children, const char *path, const char *env_file,
                         int seconds, void (*done)(void *context, struct prepared *prepared), void *context,
                         struct prepare **out, struct err *err)
{
    struct prepare *p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(err, E_SYSTEM, "out of memory");
    *p = (struct prepare){.children = children, .in = -1, .seconds = seconds, .done = done, .context = context};
    p->text.max = SNAPSHOT_MAX;
    int rc = begin(p, base, path, env_file, err);
    if (rc) {
        prepare_cancel(p);
        return rc;
    }
    *out = p;
    return SLUICE_OK;
}

int prepare_start(struct event_base *base, struct children *children, const char *path, const char *env_file,
                  void (*done)(void *context, struct prepared *prepared), void *context, struct prepare **out,
                  struct err *err)
{
    return prepare_start_within(base, children, path, env_file, PREPARE_SECONDS, done, context, out, err);
}

void prepare_cancel(struct prepare *p)
{
    if (!p || p->told)
        return;
    if (p->pid && !p->ended)
        children_kill(p->children, p->pid);
    prepare_free(p);
}
