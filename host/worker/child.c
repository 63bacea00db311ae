/* child.c - see child.h. */
#include "child.h"

#include "calls.h"
#include "confine.h"
#include "describe.h"
#include "job_stream.h"
#include "plugin.h"
#include "redact.h"
#include "spec.h"
#include "text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct child {
    struct calls calls;
    struct frame_out out;
    struct frame_in in;
    json_t *spec;
    const sluice_connector *connector;
    struct job_stream job;
    json_t *go;          /* of the run under way */
    struct err unchosen; /* why its partition cannot be read */
};

static const sluice_stream *find_stream(const sluice_connector *c, const char *name)
{
    for (uint32_t i = 0; i < c->stream_count; i++) {
        if (strcmp(c->streams[i].name, name) == 0)
            return &c->streams[i];
    }
    return NULL;
}

static int load(struct child *ch, struct err *err)
{
    int rc = plugin_load(spec_text(ch->spec, "plugin"), &ch->connector, err);

    if (rc)
        return rc;
    ch->calls.connector = ch->connector;
    const char *name = spec_text(ch->spec, "stream");
    const sluice_stream *s = find_stream(ch->connector, name);
    if (!s)
        return err_set(err, SLUICE_E_CONFIG, "plugin %s has no stream %s", ch->connector->name, name);
    ch->calls.options = (struct options){.values = json_object_get(ch->spec, "options"),
                                         .partition = s->partition,
                                         .table = ch->connector->options,
                                         .count = ch->connector->option_count};
    if (!options_redact(&ch->calls.options))
        return err_set(err, E_SYSTEM, "out of memory");
    rc = job_stream_make(&ch->job, s, json_object_get(ch->spec, "fields"), &ch->calls.options, err);
    ch->calls.columns = ch->job.index;
    ch->calls.column_count = ch->job.stream.column_count;
    return rc;
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
        .stop_fd = confine_stop_fd(),
        .note = note_http,
        .note_context = &ch->calls,
    };
    ch->calls.run.parallel = (uint32_t)parallel;
    return http_open(&limits, &ch->calls.http, err);
}

/* The streams that this one may read. */
static json_t *describe_needs(const struct child *ch)
{
    json_t *list = json_array();
    sluice_str needs = {ch->job.stream.needs, ch->job.stream.needs ? strlen(ch->job.stream.needs) : 0}, word;
    char name[100];

    while (text_word(&needs, &word)) {
        snprintf(name, sizeof(name), "%.*s", (int)word.len, word.ptr);
        const sluice_stream *s = find_stream(ch->connector, name);
        if (s)
            json_array_append_new(list, describe_stream(s));
    }
    return list;
}

static void say_hello(struct child *ch)
{
    json_t *hello = describe_stream(&ch->job.stream);
    json_object_set_new(hello, "reads", describe_needs(ch));
    char *text = json_dumps(hello, JSON_COMPACT);

    frame_begin(&ch->out, FRAME_HELLO);
    if (text)
        frame_put_raw(&ch->out, text, strlen(text));
    frame_end(&ch->out);
    frame_flush(&ch->out);
    free(text);
    json_decref(hello);
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
    frame_put_u32(&ch->out, ch->unchosen.code ? 0 : (uint32_t)ch->job.own_count);
    for (size_t i = 0; !ch->unchosen.code && i < ch->job.own_count; i++) {
        frame_put_u32(&ch->out, ch->job.own[i].column);
        frame_put_u32(&ch->out, ch->job.own[i].preset);
        frame_put_str(&ch->out, (sluice_str){ch->job.own[i].filled, strlen(ch->job.own[i].filled)});
    }
    frame_end(&ch->out);
    frame_flush(&ch->out);
}

static void say_end(struct child *ch)
{
    struct err why = {0};
    int code = calls_close(&ch->calls, &why);

    if (code)
        confine_tell_descriptors(&why);
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
static int choose_partition(struct child *ch, sluice_str id, struct err *err)
{
    struct options *o = &ch->calls.options;
    const json_t *list = json_object_get(o->values, o->partition);

    for (o->partition_index = 0; o->partition_index < json_array_size(list); o->partition_index++) {
        const char *its = spec_text(json_array_get(list, o->partition_index), "id");
        ch->calls.run.partition = its;
        if (strlen(its) == id.len && memcmp(its, id.ptr, id.len) == 0)
            return SLUICE_OK;
    }
    return err_set(err, SLUICE_E_CONFIG, "there is no partition \"%.*s\" in %s", (int)id.len, id.ptr, o->partition);
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
    run->stream = &ch->job.stream;
    run->cursor = spec_text(ch->go, "cursor");
    run->started_at = spec_int(ch->go, "started_at");
    run->landed = spec_text(ch->go, "landed");
    *err = ch->unchosen;
    return err->code;
}

/* Each raw record that comes is mapped again and gets exactly one verdict. */
static void map_again(struct child *ch)
{
    struct frame f;
    struct buf record = {0};

    while (!atomic_load(&ch->calls.failed) && hear(ch, &f) && f.type == FRAME_RECORD) {
        if (!ch->job.stream.map) {
            calls_fail(&ch->calls, SLUICE_E_CONFIG, "what this stream rejected is not mapped again: run it instead, it "
                                                    "makes its records anew");
            break;
        }
        struct frame_walk w = frame_walk(&f);
        sluice_str text = frame_str(&w);
        buf_clear(&record);
        buf_add(&record, text.ptr, text.len);
        ch->calls.verdicts = 0;
        ch->job.stream.map(&ch->calls.run, buf_str(&record));
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
    int32_t rc = ch->job.stream.run(&ch->calls.run);
    char why[160];

    if (rc == SLUICE_OK)
        return;
    snprintf(why, sizeof(why), "its run() ended with %d without a reason%s", (int)rc,
             rc > SLUICE_OK || rc < SLUICE_E_BUG ? ", which is no result that there is" : "");
    bool known = rc <= SLUICE_E_CONFIG && rc >= (atomic_load(&confine_stop) ? SLUICE_E_CANCELLED : SLUICE_E_LIMIT);
    calls_fail(&ch->calls, known ? rc : SLUICE_E_BUG, why); /* changes nothing when the run has failed already */
}

/* Whose run the next one is. */
static void take_partition(struct child *ch, const struct frame *f)
{
    struct frame_walk walk = frame_walk(f);
    sluice_str id = frame_str(&walk);

    ch->unchosen = (struct err){0};
    if (choose_partition(ch, id, &ch->unchosen) == SLUICE_OK)
        job_stream_fill(&ch->job, &ch->calls.options, &ch->unchosen);
    say_constants(ch);
}

/* One run: from GO to DONE or FAIL. */
static void run_once(struct child *ch, const struct frame *go)
{
    struct err err = {0};

    calls_begin(&ch->calls);
    int rc = take_go(ch, go, &err);
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
    int rc = ch->spec ? confine(spec_int(ch->spec, "memory"), parent, err) : err->code;

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
    ch.calls.in = &ch.in;
    calls_open(&ch.calls);
    ch.calls.stop = &confine_stop;
    int rc = confine_redirect(said) ? prepare(&ch, spec, parent, &err)
                                    : err_set(&err, E_SYSTEM, "cannot redirect its output");
    if (rc) {
        calls_fail(&ch.calls, rc, err.msg);
        say_end(&ch);
        _exit(0);
    }
    say_hello(&ch);
    struct frame f;
    ch.calls.run.partition = "";
    while (!spec_bool(ch.go, "last") && hear(&ch, &f)) {
        if (f.type == FRAME_PARTITION && ch.job.stream.partition)
            take_partition(&ch, &f);
        else if (f.type == FRAME_GO)
            run_once(&ch, &f);
        else
            break;
    }
    _exit(0);
}

void child_exec(const char *parent)
{
    for (int fd = CHILD_FD_SPEC; fd <= CHILD_FD_SAID; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    child_main(CHILD_FD_IN, CHILD_FD_OUT, CHILD_FD_SAID, CHILD_FD_SPEC, (pid_t)strtol(parent, NULL, 10));
}
