/* hostile.c - a connector that misbehaves in the middle of a run, in the way that its setting "deed" names.
 *
 * It emits `rows` good records, commits the deed, emits ten more and returns as if nothing had happened. What it starts
 * is bounded, and carries the deed's name as its process name.
 */
#include "sluice/sluice.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FORKS 200

static const sluice_option options[] = {
    {"deed", SLUICE_TEXT, SLUICE_REQUIRED, .help = "what to do"},
    {"rows", SLUICE_INT, 0, "10", .help = "records before it"},
    {"gate", SLUICE_TEXT, .help = "file to wait for, by the deed of that name"},
};

static const sluice_column columns[] = {
    {"id", SLUICE_INT, SLUICE_KEY, .help = "a number"},
    {"name", SLUICE_TEXT, .help = "a text"},
    {"list", SLUICE_INTS, .help = "numbers"},
};

static int64_t next_id;

static void emit_rows(sluice_run *run, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const sluice_value row[] = {
            {.type = SLUICE_INT, .as.i = ++next_id},
            {.type = SLUICE_TEXT, .as.s = {"a name of some length, as names are", 35}},
        };
        run->host->emit(run, row, 2);
    }
}

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

static void sleep_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* ---- Dying ---- */

static void null_pointer(sluice_run *run)
{
    volatile int *volatile p = NULL; /* or an optimiser leaves the write out */

    (void)run;
    *p = 1;
}

static void call_abort(sluice_run *run)
{
    (void)run;
    abort();
}

static void double_free(sluice_run *run)
{
    char *volatile p = malloc(100);
    void (*volatile give_back)(void *) = free; /* so that no compiler knows */

    (void)run;
    give_back(p);
    give_back(p);
}

/* Deeper than any stack, but with an end that a compiler must believe in. */
static int descend(volatile char *above, int64_t depth)
{
    volatile char here[4096];

    here[0] = (char)(*above + 1);
    return depth > 0 ? descend(here, depth - 1) + here[0] : 0;
}

static void stack_overflow(sluice_run *run)
{
    volatile char start = 0;

    (void)run;
    descend(&start, INT64_C(1) << 40);
}

static void exit_0(sluice_run *run)
{
    (void)run;
    exit(0);
}

static void exit_7(sluice_run *run)
{
    (void)run;
    _exit(7);
}

static void thread_exit(sluice_run *run)
{
    (void)run;
    pthread_exit(NULL);
}

static void exec_true(sluice_run *run)
{
    (void)run;
    execl("/bin/true", "true", (char *)NULL);
}

static void exec_sleep(sluice_run *run)
{
    (void)run;
    execl("/bin/sleep", "sleep", "600", (char *)NULL);
}

static void kill_parent(sluice_run *run)
{
    (void)run;
    kill(getppid(), SIGKILL);
}

static void kill_group(sluice_run *run)
{
    (void)run;
    kill(0, SIGKILL);
}

/* ---- Not coming back ---- */

static void endless(sluice_run *run)
{
    (void)run;
    for (volatile unsigned turns = 0;; turns++)
        continue;
}

/* As little as endless: but its records keep coming. */
static void endless_rows(sluice_run *run)
{
    for (;;)
        emit_rows(run, 100);
}

static void deaf(sluice_run *run)
{
    sigset_t all;

    (void)run;
    sigfillset(&all);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_IGN);
    sigprocmask(SIG_BLOCK, &all, NULL);
    wait_for_ever();
}

static void stop_self(sluice_run *run)
{
    (void)run;
    raise(SIGSTOP);
}

static void stop_group(sluice_run *run)
{
    (void)run;
    kill(0, SIGSTOP);
}

static void stop_parent(sluice_run *run)
{
    (void)run;
    kill(getppid(), SIGSTOP);
}

/* ---- Wanting all of it ---- */

static void memory(sluice_run *run)
{
    (void)run;
    for (;;) {
        char *p = malloc(1 << 20);
        memset(p, 1, 1 << 20);
    }
}

/* The same, but careful: it stops when there is no more. */
static void memory_to_the_last(sluice_run *run)
{
    (void)run;
    for (size_t size = 1 << 20; size >= 16; size /= 2) {
        char *p;
        while ((p = malloc(size)))
            memset(p, 1, size);
    }
    sluice_body *body = sluice_ask(run, &(sluice_call){.url = "http://127.0.0.1:9/"});
    (void)body;
}

static void descriptors(sluice_run *run)
{
    while (open("/dev/null", O_RDONLY) >= 0)
        continue;
    sluice_ask(run, &(sluice_call){.url = "http://127.0.0.1:9/"});
}

static void huge_text(sluice_run *run)
{
    size_t size = (size_t)70 << 20;
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* no limit counts it */

    if (text == MAP_FAILED)
        abort();
    memset(text, 'x', size);
    const sluice_value row[] = {{.type = SLUICE_INT, .as.i = ++next_id}, {.type = SLUICE_TEXT, .as.s = {text, size}}};
    run->host->emit(run, row, 2);
}

static void flood(sluice_run *run)
{
    size_t size = (size_t)1 << 20;
    char *text = calloc(1, size);

    if (!text)
        abort();
    memset(text, 'x', size);
    for (int i = 0; i < 1200; i++)
        run->host->warn(run, (sluice_str){text, i < 100 ? size : 10000});
    for (int i = 0; i < 100; i++) {
        run->host->log(run, SLUICE_LOG_INFO, (sluice_str){text, size});
        run->host->reject(run, (sluice_str){text, size}, (sluice_str){text, size}, (sluice_str){text, 1000});
    }
    run->host->window(run, (sluice_str){text, size}, (sluice_str){text, size}, 0);
    free(text);
}

static void many_figures(sluice_run *run)
{
    char name[32];

    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "figure %d", i);
        run->host->stat(run, name, i);
    }
}

static void chatter(sluice_run *run)
{
    static const char line[] = "all work and no play makes a connector a dull program, says its author, again\n";

    (void)run;
    for (int i = 0; i < 60000; i++) {
        fputs(line, stdout);
        fputs(line, stderr);
    }
    fflush(stdout);
}

/* ---- Processes ---- */

static void fork_bomb(sluice_run *run)
{
    (void)run;
    for (int i = 0; i < FORKS; i++) {
        if (fork() == 0)
            wait_for_ever();
    }
}

/* Each in a session of its own, deaf, and without a parent. */
static void fork_bomb_hidden(sluice_run *run)
{
    (void)run;
    for (int i = 0; i < FORKS; i++) {
        if (fork())
            continue;
        setsid();
        for (int sig = 1; sig < NSIG; sig++)
            signal(sig, SIG_IGN);
        if (fork())
            _exit(0);
        wait_for_ever();
    }
}

/* They hold the pipe to the host when this process dies. */
static void orphans_and_crash(sluice_run *run)
{
    fork_bomb_hidden(run);
    raise(SIGSEGV);
}

static void hidden_stopped(sluice_run *run)
{
    (void)run;
    if (fork() == 0) {
        setsid();
        raise(SIGSTOP);
        wait_for_ever();
    }
}

/* Two processes come back from run(). */
static void fork_twice_back(sluice_run *run)
{
    (void)run;
    if (fork() < 0)
        abort();
}

/* ---- The pipe ---- */

static void write_everywhere(const char *bytes, size_t len)
{
    for (int fd = 3; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 && write(fd, bytes, len) < 0)
            continue;
    }
}

static void garbage(sluice_run *run)
{
    char bytes[4096];
    uint32_t x = 12345;

    (void)run;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    write_everywhere(bytes, sizeof(bytes));
}

static void garbage_type(sluice_run *run)
{
    (void)run;
    write_everywhere("\0\0\0\0\xee", 5);
}

/* A row of a thousand values, of which none is there. */
static void garbage_row(sluice_run *run)
{
    (void)run;
    write_everywhere("\4\0\0\0\2\2\0\0\0", 9);
}

/* The first half of a frame that never goes on. */
static void garbage_half(sluice_run *run)
{
    (void)run;
    write_everywhere("\0\0\0\1\2", 5);
}

static void close_all(sluice_run *run)
{
    (void)run;
    for (int fd = 0; fd < 1024; fd++)
        close(fd);
}

static void close_all_and_stay(sluice_run *run)
{
    close_all(run);
    wait_for_ever();
}

/* ---- Wrong calls ---- */

static void wrong_type(sluice_run *run)
{
    const sluice_value row[] = {{.type = SLUICE_TEXT, .as.s = {"one", 3}}};

    run->host->emit(run, row, 1);
}

static void unknown_type(sluice_run *run)
{
    const sluice_value row[] = {{.type = 99}};

    run->host->emit(run, row, 1);
}

static void reserved_member(sluice_run *run)
{
    const sluice_value row[] = {{.type = SLUICE_INT, .reserved = 1, .as.i = 1}};

    run->host->emit(run, row, 1);
}

static void wrong_count(sluice_run *run)
{
    const sluice_value row[2000] = {{.type = SLUICE_INT, .as.i = 1}};

    run->host->emit(run, row, 2000);
}

static void no_values(sluice_run *run)
{
    run->host->emit(run, NULL, 2);
}

static void long_list(sluice_run *run)
{
    static int64_t numbers[100000];
    const sluice_value row[] = {{.type = SLUICE_INT, .as.i = ++next_id},
                                {.type = SLUICE_NULL},
                                {.type = SLUICE_INTS, .as.n = {numbers, 100000}}};

    run->host->emit(run, row, 3);
}

static void unknown_option(sluice_run *run)
{
    sluice_value v;

    run->host->option(run, "no such thing", &v);
}

static void not_utf8(sluice_run *run)
{
    sluice_str bad = str_of("bad \xC3( \xED\xA0\x80 \xFF end");
    const sluice_value row[] = {{.type = SLUICE_INT, .as.i = ++next_id}, {.type = SLUICE_TEXT, .as.s = bad}};

    run->host->log(run, SLUICE_LOG_INFO, bad);
    run->host->warn(run, bad);
    run->host->stat(run, bad.ptr, 1);
    run->host->window(run, bad, bad, 0);
    run->host->skip(run, bad, bad);
    run->host->reject(run, bad, bad, bad);
    run->host->emit(run, row, 2);
}

static void fail_not_utf8(sluice_run *run)
{
    run->host->fail(run, SLUICE_E_REMOTE, str_of("the source said \xFF\xFE"));
}

static void cursor_too_long(sluice_run *run)
{
    static char text[100000];

    memset(text, 'x', sizeof(text));
    run->host->checkpoint(run, (sluice_str){text, sizeof(text)});
}

/* What was passed is changed afterwards: the host must have copied it. */
static void changed_after_emit(sluice_run *run)
{
    char *text = strdup("as it was");
    sluice_value row[] = {{.type = SLUICE_INT, .as.i = ++next_id}, {.type = SLUICE_TEXT, .as.s = str_of(text)}};

    run->host->emit(run, row, 2);
    memset(text, '!', strlen(text));
    row[0].as.i = -1;
    free(text);
}

/* A setting's text lives as long as the run; what the host gave for a call does not, but reading it harms only us. */
static void kept_pointers(sluice_run *run)
{
    static sluice_value kept;
    char *stale = malloc(64);

    run->host->option(run, "deed", &kept);
    run->host->warn(run, kept.as.s);
    if (!stale)
        abort();
    memset(stale, 'x', 64);
    sluice_str text = {stale, 64};
    free(stale);
    run->host->warn(run, text);
}

static void drop_twice(sluice_run *run)
{
    const sluice_request request = {.struct_size = sizeof(request), .method = "GET", .url = "http://127.0.0.1:9/"};
    sluice_exchange *x = NULL;
    sluice_reply reply = {.struct_size = sizeof(reply)};

    run->host->send(run, &request, &x);
    run->host->drop(run, x);
    run->host->drop(run, x);
    run->host->wait(run, x, &reply);
}

/* ---- Threads ---- */

static atomic_bool go, may_return;

static void start(void *(*body)(void *), sluice_run *run)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, run))
        abort();
    pthread_detach(thread);
}

static void *idle(void *run)
{
    while (run)
        pause();
    return NULL;
}

static void thread_left(sluice_run *run)
{
    for (int i = 0; i < 4; i++)
        start(idle, run);
}

static void *emit_from_here(void *context)
{
    emit_rows(context, 1);
    atomic_store(&may_return, true);
    return NULL;
}

static void thread_emits(sluice_run *run)
{
    start(emit_from_here, run);
    while (!atomic_load(&may_return))
        sleep_ms(1);
}

/* From before the end of run() until the process is gone. */
static void *emit_for_ever(void *context)
{
    while (!atomic_load(&go))
        continue;
    while (atomic_load(&go))
        emit_rows(context, 1);
    return NULL;
}

static void *log_for_ever(void *context)
{
    sluice_run *run = context;

    while (run->host->status(run) == SLUICE_OK || !atomic_load(&go))
        run->host->log(run, SLUICE_LOG_DEBUG, str_of("still here"));
    return NULL;
}

static void thread_emits_late(sluice_run *run)
{
    start(emit_for_ever, run);
}

static void thread_logs(sluice_run *run)
{
    for (int i = 0; i < 4; i++)
        start(log_for_ever, run);
    emit_rows(run, 5000);
}

/* ---- Signals ---- */

static void handlers(sluice_run *run)
{
    (void)run;
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, sig % 2 ? SIG_IGN : SIG_DFL);
}

/* ---- What is no misdeed ---- */

static void nothing(sluice_run *run)
{
    (void)run;
}

/* More than half of a batch, then nothing until the file is there. */
static void gate(sluice_run *run)
{
    const char *file = sluice_opt_text(run, "gate");

    sluice_warn(run, "waiting for the gate");
    while (access(file, F_OK) != 0)
        sleep_ms(5);
    emit_rows(run, 3000);
}

static const struct {
    const char *name;
    void (*commit)(sluice_run *run);
} deeds[] = {
    {"null-pointer", null_pointer},
    {"abort", call_abort},
    {"double-free", double_free},
    {"stack-overflow", stack_overflow},
    {"exit-0", exit_0},
    {"exit-7", exit_7},
    {"thread-exit", thread_exit},
    {"exec-true", exec_true},
    {"exec-sleep", exec_sleep},
    {"kill-parent", kill_parent},
    {"kill-group", kill_group},
    {"endless", endless},
    {"endless-rows", endless_rows},
    {"deaf", deaf},
    {"stop-self", stop_self},
    {"stop-group", stop_group},
    {"stop-parent", stop_parent},
    {"memory", memory},
    {"memory-to-the-last", memory_to_the_last},
    {"descriptors", descriptors},
    {"huge-text", huge_text},
    {"flood", flood},
    {"many-figures", many_figures},
    {"chatter", chatter},
    {"fork-bomb", fork_bomb},
    {"fork-bomb-hidden", fork_bomb_hidden},
    {"orphans-and-crash", orphans_and_crash},
    {"hidden-stopped", hidden_stopped},
    {"fork-twice-back", fork_twice_back},
    {"garbage", garbage},
    {"garbage-type", garbage_type},
    {"garbage-row", garbage_row},
    {"garbage-half", garbage_half},
    {"close-all", close_all},
    {"close-all-and-stay", close_all_and_stay},
    {"wrong-type", wrong_type},
    {"unknown-type", unknown_type},
    {"reserved-member", reserved_member},
    {"wrong-count", wrong_count},
    {"no-values", no_values},
    {"long-list", long_list},
    {"unknown-option", unknown_option},
    {"not-utf8", not_utf8},
    {"fail-not-utf8", fail_not_utf8},
    {"cursor-too-long", cursor_too_long},
    {"changed-after-emit", changed_after_emit},
    {"kept-pointers", kept_pointers},
    {"drop-twice", drop_twice},
    {"thread-left", thread_left},
    {"thread-emits", thread_emits},
    {"thread-emits-late", thread_emits_late},
    {"thread-logs", thread_logs},
    {"handlers", handlers},
    {"nothing", nothing},
    {"gate", gate},
};

static void commit(sluice_run *run, const char *deed)
{
    prctl(PR_SET_NAME, deed);
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (strcmp(deeds[i].name, deed) == 0) {
            deeds[i].commit(run);
            return;
        }
    }
    sluice_fail(run, SLUICE_E_CONFIG, "there is no deed \"%s\"", deed);
}

/* Deeds "return N" end run() with that number. */
static int32_t read_rows(sluice_run *run)
{
    const char *deed = sluice_opt_text(run, "deed");

    emit_rows(run, sluice_opt_int(run, "rows"));
    if (strncmp(deed, "return ", 7) == 0)
        return (int32_t)strtol(deed + 7, NULL, 10);
    commit(run, deed);
    emit_rows(run, 10);
    atomic_store(&go, true);
    return SLUICE_OK;
}

/* ---- A second stream, whose map() is the deed ---- */

static int32_t keep_one(sluice_run *run)
{
    return run->host->reject(run, str_of("7"), str_of("not today"), str_of("{\"id\":7}"));
}

static int32_t map_badly(sluice_run *run, sluice_str record)
{
    const char *deed = sluice_opt_text(run, "deed");

    (void)record;
    if (strcmp(deed, "two-verdicts") == 0)
        emit_rows(run, 2);
    else if (strcmp(deed, "verdict-and-crash") == 0)
        emit_rows(run, 1), abort();
    else if (strcmp(deed, "one-verdict") == 0)
        emit_rows(run, 1);
    return SLUICE_OK; /* "no-verdict" */
}

static int32_t map_never(sluice_run *run, sluice_str record)
{
    (void)record;
    return sluice_fail(run, SLUICE_E_BUG, "nothing is kept of this stream");
}

/* ---- A third stream, which marks its place before the deed ---- */

static int32_t read_marks(sluice_run *run)
{
    char cursor[32];

    next_id = strtoll(*run->cursor ? run->cursor : "0", NULL, 10);
    emit_rows(run, 10);
    snprintf(cursor, sizeof(cursor), "%lld", (long long)next_id);
    sluice_checkpoint(run, cursor);
    commit(run, sluice_opt_text(run, "deed"));
    return SLUICE_OK;
}

#define ROWS SLUICE_COLUMNS(columns), SLUICE_MATCHES({SLUICE_IDENTITY, .columns = "id"})

static const sluice_stream streams[] = {
    {"rows", "hostile_rows", "rows, and a deed", ROWS, .run = read_rows, .map = map_never},
    {"maps", "hostile_maps", "a record that is kept, and a deed when it is mapped again", ROWS, .run = keep_one,
     .map = map_badly},
    {"marks", "hostile_marks", "ten rows behind the last ones, their mark, and a deed", ROWS, .run = read_marks,
     .map = map_never, .flags = SLUICE_INCREMENTAL},
};

SLUICE_CONNECTOR(.name = "hostile", .version = "1", .help = "misbehaves", .needs_minor = 0, SLUICE_OPTIONS(options),
                 SLUICE_STREAMS(streams));
