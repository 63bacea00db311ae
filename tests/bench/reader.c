/* reader.c - the reader alone: an answer's bytes through charset, JSON and mapping, with a host that keeps nothing.
 *
 *     sluice-bench-reader PLUGIN.so STREAM CHARSET BODY RUNS [NAME=VALUE…]
 *
 * Loads the connector and lets it read BODY as the answer to whatever it asks; NAME=VALUE are its settings. One thread;
 * prints a line for each run: records, seconds of CPU for decoding, and for reading and mapping. */
#include "charset.h"
#include "helper.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE ((size_t)64 << 10) /* bytes decoded at a time, as they come from the network */

static struct {
    char **settings; /* NAME=VALUE, up to a NULL */
    struct buf text; /* the answer as UTF-8 */
    int64_t records;
    int32_t failed;
} world;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "sluice-bench-reader: %s\n", what);
    exit(1);
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- The host ---- */

static int32_t host_status(sluice_run *run)
{
    (void)run;
    return world.failed;
}

static int32_t host_fail(sluice_run *run, int32_t code, sluice_str why)
{
    (void)run;
    fprintf(stderr, "sluice-bench-reader: the run failed: %.*s\n", (int)why.len, why.ptr);
    world.failed = world.failed ? world.failed : code;
    return world.failed;
}

static int32_t host_option(sluice_run *run, const char *name, sluice_value *value)
{
    size_t len = strlen(name);

    (void)run;
    for (char **s = world.settings; *s; s++) {
        if (strncmp(*s, name, len) == 0 && (*s)[len] == '=')
            *value = (sluice_value){.type = SLUICE_TEXT, .as.s = {*s + len + 1, strlen(*s + len + 1)}};
    }
    return world.failed;
}

static int32_t host_send(sluice_run *run, const sluice_request *request, sluice_exchange **exchange)
{
    (void)run;
    (void)request;
    *exchange = (sluice_exchange *)(void *)&world;
    return world.failed;
}

static int32_t host_wait(sluice_run *run, sluice_exchange *exchange, sluice_reply *reply)
{
    (void)run;
    (void)exchange;
    reply->status = 200;
    reply->size = world.text.len;
    return world.failed;
}

/* The windows are those of a spooled answer. */
static int32_t host_read(sluice_run *run, sluice_exchange *exchange, uint64_t offset, size_t want, sluice_str *bytes)
{
    size_t left = world.text.len - (size_t)offset;

    (void)run;
    (void)exchange;
    *bytes = (sluice_str){world.text.ptr + offset, want < left ? want : left};
    return world.failed;
}

static void host_drop(sluice_run *run, sluice_exchange *exchange)
{
    (void)run;
    (void)exchange;
}

static int32_t host_emit(sluice_run *run, const sluice_value *values, uint32_t count)
{
    (void)run;
    (void)values;
    (void)count;
    world.records++;
    return world.failed;
}

static int32_t take_text(sluice_run *run, sluice_str text)
{
    (void)run;
    (void)text;
    return world.failed;
}

static int32_t host_skip(sluice_run *run, sluice_str key, sluice_str why)
{
    (void)key;
    return take_text(run, why);
}

static int32_t host_reject(sluice_run *run, sluice_str key, sluice_str why, sluice_str source)
{
    (void)key;
    (void)source;
    return host_fail(run, SLUICE_E_REMOTE, why);
}

static int32_t host_total(sluice_run *run, int64_t announced)
{
    (void)run;
    (void)announced;
    return world.failed;
}

static int32_t host_window(sluice_run *run, sluice_str from, sluice_str to, int64_t length)
{
    (void)run;
    (void)from;
    (void)to;
    (void)length;
    return world.failed;
}

static const sluice_host host = {
    .struct_size = sizeof(sluice_host),
    .abi_minor = SLUICE_ABI_MINOR,
    .status = host_status,
    .fail = host_fail,
    .option = host_option,
    .send = host_send,
    .wait = host_wait,
    .read = host_read,
    .drop = host_drop,
    .emit = host_emit,
    .skip = host_skip,
    .reject = host_reject,
    .checkpoint = take_text,
    .total = host_total,
    .window = host_window,
    .warn = take_text,
};

/* ---- What is measured ---- */

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    if (!file)
        fail("cannot open the body");
    do {
        char *room = buf_reserve(out, PIECE);
        if (!room)
            fail("out of memory");
        n = fread(room, 1, PIECE, file);
        out->len += n;
    } while (n > 0);
    fclose(file);
}

static const sluice_stream *load_stream(const char *plugin, const char *name)
{
    void *library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    const sluice_connector *(*entry)(void) = NULL;

    if (library)
        *(void **)&entry = dlsym(library, SLUICE_ENTRY);
    if (!entry)
        fail("this is no plugin");
    const sluice_connector *c = entry();
    for (uint32_t i = 0; i < c->stream_count; i++) {
        if (strcmp(c->streams[i].name, name) == 0)
            return &c->streams[i];
    }
    fail("no such stream");
}

static double decode(const char *charset, const struct buf *body)
{
    double start = cpu();
    struct charset *cs = charset_open(charset);

    if (!cs)
        fail("no such charset");
    buf_clear(&world.text);
    for (size_t at = 0; at < body->len; at += PIECE) {
        size_t left = body->len - at;
        charset_feed(cs, (sluice_str){body->ptr + at, left < PIECE ? left : PIECE}, &world.text);
    }
    charset_end(cs, &world.text);
    charset_close(cs);
    if (world.text.failed)
        fail("out of memory");
    return cpu() - start;
}

static double read_and_map(const sluice_stream *stream)
{
    double start = cpu();
    sluice_run run = {.struct_size = sizeof(run), .host = &host, .stream = stream, .cursor = "x", .partition = ""};

    world.records = 0;
    int32_t rc = stream->run(&run); /* its helper's state is the plugin's own, and stays until this program ends */
    if (rc || world.failed)
        fail("the connector failed");
    return cpu() - start;
}

int main(int argc, char **argv)
{
    struct buf body = {0};

    if (argc < 6) {
        fprintf(stderr, "usage: sluice-bench-reader PLUGIN.so STREAM CHARSET BODY RUNS [NAME=VALUE…]\n");
        return 64;
    }
    world.settings = argv + 6;
    const sluice_stream *stream = load_stream(argv[1], argv[2]);
    read_file(argv[4], &body);
    decode(argv[3], &body); /* the text's memory is there before anything is timed */
    for (int i = 0; i < atoi(argv[5]); i++) {
        double decoding = decode(argv[3], &body);
        double mapping = read_and_map(stream);
        printf("%lld %.6f %.6f\n", (long long)world.records, decoding, mapping);
    }
    buf_free(&body);
    buf_free(&world.text);
    return 0;
}
