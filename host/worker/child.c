/* child.c - see child.h. */
#include "child.h"

#include "calls.h"
#include "cursor.h"
#include "describe.h"
#include "plugin.h"
#include "redact.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 256

/* The run is to end: a flag for the connector's calls, a pipe for what sleeps on descriptors. */
static atomic_int stop;
static int stop_pipe[2] = {-1, -1};

static void on_term(int signal)
{
    (void)signal;
    atomic_store(&stop, 1);
    if (write(stop_pipe[1], "x", 1) < 0)
        return; /* full: it was told already */
}

struct child {
    struct calls calls;
    struct frame_out out;
    struct frame_in in;
    json_t *spec;
    const sluice_connector *connector;
    sluice_stream stream;    /* with the job's extra fields, and settings filled in */
    sluice_column *columns;
    struct constant *own; /* texts that each partition fills in anew */
    size_t own_count;
    json_t *go;
};

/* A column's value or preset that names a setting of the partition. */
struct constant {
    uint32_t column;
    bool preset;
    const char *text; /* as the plugin has it */
    char *filled;     /* for the partition under way */
};

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

/* What a plugin prints must not end up in the command's output, nor may it read the terminal. */
static bool redirect(int said)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool ok = null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(said, STDOUT_FILENO) >= 0 &&
              dup2(said, STDERR_FILENO) >= 0;

    if (null > STDERR_FILENO)
        close(null);
    close(said);
    return ok;
}

/* Isolation against mistakes: a session of its own, so that signals to "my group" stay here, no core, no new rights, a
 * bounded heap and bounded descriptors. */
static int confine(const struct child *ch, pid_t parent, struct err *err)
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
    if (set_limits(spec_int(ch->spec, "memory")))
        return err_set(err, E_SYSTEM, "cannot set limits");
    return SLUICE_OK;
}

static const sluice_stream *find_stream(const sluice_connector *c, const char *name)
{
    for (uint32_t i = 0; i < c->stream_count; i++) {
        if (strcmp(c->streams[i].name, name) == 0)
            return &c->streams[i];
    }
    return NULL;
}

/* Is it filled in with what each partition has of its own? */
static bool is_own(const struct child *ch, const char *text)
{
    const char *group = ch->calls.options.partition;
    size_t len = group ? strlen(group) : 0;

    while (group && (text = strstr(text, "${")) != NULL) {
        text += 2;
        if (strncmp(text, group, len) == 0 && text[len] == '.')
            return true;
    }
    return false;
}

static char *filled(struct child *ch, const char *text, struct err *err)
{
    struct buf out = {0};
    int rc = options_fill(&ch->calls.options, text, &out, err);
    char *copy = rc ? NULL : strdup(buf_text(&out));

    buf_free(&out);
    if (!rc && !copy)
        err_set(err, E_SYSTEM, "out of memory");
    return copy;
}

/* Settings in a column's texts are filled in once, so that nobody after this needs the settings; those of a partition
 * when it is its turn. */
static int fill_text(struct child *ch, uint32_t column, bool preset, struct err *err)
{
    const char **text = preset ? &ch->columns[column].preset : &ch->columns[column].value;

    if (!*text || !strstr(*text, "${"))
        return SLUICE_OK;
    if (is_own(ch, *text)) {
        ch->own[ch->own_count++] = (struct constant){column, preset, *text, NULL};
        return SLUICE_OK;
    }
    *text = filled(ch, *text, err);
    return *text ? SLUICE_OK : err->code;
}

static void add_field(sluice_column *column, const json_t *field)
{
    *column = (sluice_column){.name = spec_text(field, "column"),
                              .type = (uint32_t)spec_int(field, "type"),
                              .scale = (uint32_t)spec_int(field, "scale"),
                              .path = spec_text(field, "from"),
                              .help = "added by the job"};
}

/* The stream as this job runs it. */
static int make_stream(struct child *ch, struct err *err)
{
    const char *name = spec_text(ch->spec, "stream");
    const json_t *fields = json_object_get(ch->spec, "fields");
    const sluice_stream *s = find_stream(ch->connector, name);

    if (!s)
        return err_set(err, SLUICE_E_CONFIG, "plugin %s has no stream %s", ch->connector->name, name);
    uint32_t extra = (uint32_t)json_array_size(fields);
    ch->stream = *s;
    ch->columns = calloc(s->column_count + extra + 1, sizeof(sluice_column));
    ch->calls.columns = calloc(s->column_count + extra + 1, sizeof(sluice_column *));
    ch->own = calloc(2 * (s->column_count + extra) + 1, sizeof(*ch->own));
    if (!ch->columns || !ch->calls.columns || !ch->own)
        return err_set(err, E_SYSTEM, "out of memory");
    memcpy(ch->columns, s->columns, s->column_count * sizeof(sluice_column));
    for (uint32_t i = 0; i < extra; i++)
        add_field(&ch->columns[s->column_count + i], json_array_get(fields, i));
    ch->stream.columns = ch->columns;
    ch->stream.column_stride = sizeof(sluice_column);
    ch->stream.column_count = s->column_count + extra;
    ch->calls.column_count = ch->stream.column_count;
    int rc = SLUICE_OK;
    for (uint32_t i = 0; !rc && i < ch->stream.column_count; i++) {
        ch->calls.columns[i] = &ch->columns[i];
        rc = fill_text(ch, i, false, err);
        if (!rc)
            rc = fill_text(ch, i, true, err);
    }
    return rc;
}

static int load(struct child *ch, struct err *err)
{
    int rc = plugin_load(spec_text(ch->spec, "plugin"), &ch->connector, err);

    if (rc)
        return rc;
    const sluice_stream *s = find_stream(ch->connector, spec_text(ch->spec, "stream"));
    ch->calls.options = (struct options){.values = json_object_get(ch->spec, "options"),
                                         .partition = s ? s->partition : NULL,
                                         .table = ch->connector->options,
                                         .count = ch->connector->option_count};
    if (!options_redact(&ch->calls.options))
        return err_set(err, E_SYSTEM, "out of memory");
    return make_stream(ch, err);
}

/* A request is repeated, perhaps minutes from now: said at once. */
static void note_http(void *context, const char *text)
{
    struct calls *c = context;

    c->run.host->log(&c->run, SLUICE_LOG_INFO, (sluice_str){text, strlen(text)});
    calls_flush(c);
}

static int open_http(struct child *ch, struct err *err)
{
    const json_t *h = json_object_get(ch->spec, "http");
    int64_t rate = spec_bool(h, "rate_set") ? spec_int(h, "rate_per_min") : (int64_t)ch->connector->rate_per_min;
    int64_t parallel = spec_int(h, "parallel");

    if (parallel == 0)
        parallel = ch->connector->parallel ? (int64_t)ch->connector->parallel : 4;
    struct http_limits limits = {
        .timeout_us = spec_int(h, "timeout_us"),
        .connect_timeout_us = spec_int(h, "connect_timeout_us"),
        .max_body = (uint64_t)spec_int(h, "max_body"),
        .attempts = (uint32_t)spec_int(h, "attempts"),
        .parallel = (uint32_t)parallel,
        .rate_per_min = (uint32_t)rate,
        .insecure = spec_bool(h, "insecure"),
        .proxy = spec_text(h, "proxy"),
        .ca_file = spec_text(h, "ca_file"),
        .stop_fd = stop_pipe[0],
        .note = note_http,
        .note_context = &ch->calls,
    };
    ch->calls.run.parallel = (uint32_t)parallel;
    return http_open(&limits, &ch->calls.http, err);
}

static void say_hello(struct child *ch)
{
    json_t *hello = describe_stream(&ch->stream);
    char *text = json_dumps(hello, JSON_COMPACT);

    frame_begin(&ch->out, FRAME_HELLO);
    if (text)
        frame_put_raw(&ch->out, text, strlen(text));
    frame_end(&ch->out);
    frame_flush(&ch->out);
    free(text);
    json_decref(hello);
}

/* A connector that left no descriptor free fails with whatever it tries next. */
static void tell_descriptors(struct err *why)
{
    int fd = dup(STDIN_FILENO);

    if (fd >= 0)
        close(fd);
    else if (errno == EMFILE)
        err_set(why, why->code, "%s; the plugin's process has no descriptor left (it may have %d)", why->msg,
                DESCRIPTORS_MAX);
}

/* What its requests cost. */
static void say_http(struct child *ch)
{
    struct http_stats stats;

    if (!ch->calls.http)
        return;
    http_stats(ch->calls.http, &stats);
    frame_begin(&ch->out, FRAME_HTTP);
    frame_put_i64(&ch->out, (int64_t)stats.requests);
    frame_put_i64(&ch->out, (int64_t)stats.retries);
    frame_put_i64(&ch->out, stats.throttled_us);
    frame_put_i64(&ch->out, (int64_t)stats.bytes);
    frame_end(&ch->out);
}

/* What the run's partition makes of the columns' texts. */
static void say_constants(struct child *ch)
{
    frame_begin(&ch->out, FRAME_CONSTANTS);
    frame_put_u32(&ch->out, (uint32_t)ch->own_count);
    for (size_t i = 0; i < ch->own_count; i++) {
        frame_put_u32(&ch->out, ch->own[i].column);
        frame_put_u32(&ch->out, ch->own[i].preset);
        frame_put_str(&ch->out, (sluice_str){ch->own[i].filled, strlen(ch->own[i].filled)});
    }
    frame_end(&ch->out);
    frame_flush(&ch->out);
}

static void say_end(struct child *ch)
{
    struct err why = {0};
    int code = calls_close(&ch->calls, &why);

    if (code)
        tell_descriptors(&why);
    say_http(ch);
    frame_begin(&ch->out, code ? FRAME_FAIL : FRAME_DONE);
    if (code) {
        frame_put_i64(&ch->out, code);
        frame_put_str(&ch->out, (sluice_str){why.msg, redact(why.msg, strlen(why.msg))});
    }
    frame_end(&ch->out);
    frame_flush(&ch->out);
}

/* The next frame from the writer; false when it is gone. */
static bool hear(struct child *ch, struct frame *f)
{
    struct err err;
    int rc;

    while ((rc = frame_next(&ch->in, f, &err)) == 0) {
        if (frame_fill(&ch->in, &err) != 1)
            return false;
    }
    return rc == 1;
}

/* The partition's group of settings becomes that of "mappings.id" and the like; its id lives as long as they do, and no
 * other has its place in memory. */
static int choose_partition(struct child *ch, const char *id, struct err *err)
{
    struct options *o = &ch->calls.options;
    const json_t *list = json_object_get(o->values, o->partition);

    for (o->partition_index = 0; o->partition_index < json_array_size(list); o->partition_index++) {
        ch->calls.run.partition = spec_text(json_array_get(list, o->partition_index), "id");
        if (strcmp(ch->calls.run.partition, id) == 0)
            return SLUICE_OK;
    }
    return err_set(err, SLUICE_E_CONFIG, "there is no partition \"%s\" in %s", id, o->partition);
}

static int fill_constants(struct child *ch, struct err *err)
{
    for (size_t i = 0; i < ch->own_count; i++) {
        struct constant *c = &ch->own[i];
        free(c->filled);
        c->filled = filled(ch, c->text, err);
        if (!c->filled)
            return err->code;
        if (c->preset)
            ch->columns[c->column].preset = c->filled;
        else
            ch->columns[c->column].value = c->filled;
    }
    return SLUICE_OK;
}

/* What the rows of this partition have in the stream's scope column; "" where that is not the same for all of them. */
static const char *scope_of(const struct child *ch)
{
    for (size_t i = 0; ch->stream.scope && i < ch->stream.column_count; i++) {
        if (ch->columns[i].value && strcmp(ch->columns[i].name, ch->stream.scope) == 0)
            return ch->columns[i].value;
    }
    return "";
}

/* A partition that was moved to another scope is read in full: nothing of it has landed there. The writer finds the same
 * out from the constants. */
static void mind_scope(struct child *ch)
{
    struct cursor last = {0};

    cursor_set_scope(&last, spec_text(ch->go, "scope"));
    if (!cursor_is_elsewhere(&last, scope_of(ch)))
        return;
    ch->calls.run.flags |= SLUICE_FULL;
    ch->calls.run.cursor = "";
}

static int take_go(struct child *ch, const struct frame *f, struct err *err)
{
    json_decref(ch->go);
    ch->go = json_loadb(f->payload.ptr, f->payload.len, 0, NULL);
    if (!ch->go)
        return err_set(err, SLUICE_E_BUG, "GO is not JSON");
    sluice_run *run = &ch->calls.run;
    run->struct_size = sizeof(*run);
    run->flags = spec_bool(ch->go, "full") ? SLUICE_FULL : 0;
    run->host = &calls_host;
    run->stream = &ch->stream;
    run->cursor = spec_text(ch->go, "cursor");
    run->partition = "";
    run->started_at = spec_int(ch->go, "started_at");
    if (!ch->stream.partition)
        return SLUICE_OK;
    int rc = choose_partition(ch, spec_text(ch->go, "partition"), err);
    if (!rc)
        rc = fill_constants(ch, err);
    if (!rc)
        mind_scope(ch);
    return rc;
}

/* Each raw record that comes is mapped again and gets exactly one verdict. */
static void map_again(struct child *ch)
{
    struct frame f;
    struct buf record = {0};

    while (!atomic_load(&ch->calls.failed) && hear(ch, &f) && f.type == FRAME_RECORD) {
        struct frame_walk w = frame_walk(&f);
        sluice_str text = frame_str(&w);
        buf_clear(&record);
        buf_add(&record, text.ptr, text.len);
        ch->calls.verdicts = 0;
        ch->stream.map(&ch->calls.run, buf_str(&record));
        if (ch->calls.verdicts != 1)
            calls_fail(&ch->calls, SLUICE_E_BUG, ch->calls.verdicts ? "its map() gave more than one verdict on a record"
                                                                    : "its map() gave no verdict on a record");
        calls_mapped(&ch->calls);
    }
    buf_free(&record);
}

/* "Cancelled" is for the host to say: a connector that just stops would leave a run that nobody cancelled. */
static void run_stream(struct child *ch)
{
    int32_t rc = ch->stream.run(&ch->calls.run);
    char why[160];

    if (rc == SLUICE_OK)
        return;
    snprintf(why, sizeof(why), "its run() ended with %d without a reason%s", (int)rc,
             rc > SLUICE_OK || rc < SLUICE_E_BUG ? ", which is no result that there is" : "");
    bool known = rc <= SLUICE_E_CONFIG && rc >= (atomic_load(&stop) ? SLUICE_E_CANCELLED : SLUICE_E_LIMIT);
    calls_fail(&ch->calls, known ? rc : SLUICE_E_BUG, why); /* changes nothing when the run has failed already */
}

/* One run: from GO to DONE or FAIL. */
static void run_once(struct child *ch, const struct frame *go)
{
    struct err err = {0};

    calls_begin(&ch->calls);
    int rc = take_go(ch, go, &err);
    if (!rc && ch->stream.partition)
        say_constants(ch);
    if (rc)
        calls_fail(&ch->calls, rc, err.msg);
    else if (spec_bool(ch->go, "retry"))
        map_again(ch);
    else
        run_stream(ch);
    say_end(ch);
    http_drop_all(ch->calls.http);
}

static int prepare(struct child *ch, int spec_fd, pid_t parent, struct err *err)
{
    ch->spec = spec_read(spec_fd, err);
    int rc = ch->spec ? confine(ch, parent, err) : err->code;

    if (!rc)
        rc = load(ch, err);
    if (!rc)
        rc = open_http(ch, err);
    return rc;
}

void child_main(int in, int out, int said, int spec, pid_t parent)
{
    static struct child ch; /* lives as long as the process */
    struct err err = {0};

    ch.out.fd = out;
    ch.out.owner = getpid();
    ch.in.fd = in;
    ch.calls.out = &ch.out;
    calls_open(&ch.calls);
    ch.calls.stop = &stop;
    int rc = redirect(said) ? prepare(&ch, spec, parent, &err) : err_set(&err, E_SYSTEM, "cannot redirect its output");
    if (rc) {
        calls_fail(&ch.calls, rc, err.msg);
        say_end(&ch);
        _exit(0);
    }
    say_hello(&ch);
    struct frame f;
    while (!spec_bool(ch.go, "last") && hear(&ch, &f) && f.type == FRAME_GO)
        run_once(&ch, &f);
    _exit(0);
}

void child_exec(const char *parent)
{
    for (int fd = CHILD_FD_SPEC; fd <= CHILD_FD_SAID; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    child_main(CHILD_FD_IN, CHILD_FD_OUT, CHILD_FD_SAID, CHILD_FD_SPEC, (pid_t)strtol(parent, NULL, 10));
}
