/* A configuration by way of a process of its own, as the daemon gets it. That process is this program once more, which
 * then does what `sluice snapshot` does, or what goes wrong with it. */
#include "children.h"
#include "clock.h"
#include "config.h"
#include "prepare.h"
#include "redact.h"

#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a)     (sizeof(a) / sizeof((a)[0]))
#define PATIENCE_S 60 /* beyond which a test has failed */

/* ---- The process, when it goes wrong ---- */

static void answer(const char *text)
{
    if (write(PREPARE_FD, text, strlen(text)) < 0)
        _exit(99);
}

static _Noreturn void wait_for_file(const char *path)
{
    while (access(path, F_OK) != 0)
        clock_sleep_us(1000);
    _exit(0);
}

/* A path that begins with "fake:" names what to do. */
static int act(int argc, char **argv)
{
    static const char problem[] = "{\"code\":-1,\"problems\":[{\"file\":\"f\",\"line\":2,\"text\":\"t\"}],\"more\":0}";
    const char *what = argv[2] + strlen("fake:");

    if (strncmp(argv[2], "fake:", 5) != 0)
        return prepare_main(argc, argv);
    if (strcmp(what, "hangs") == 0)
        pause();
    if (strcmp(what, "dies") == 0)
        raise(SIGKILL);
    if (strcmp(what, "exits") == 0)
        return 7;
    if (strcmp(what, "half") == 0)
        answer("{\"config\":{\"keys\":");
    if (strcmp(what, "lies") == 0)
        answer("{\"config\":{\"keys\":{}}}");
    if (strcmp(what, "vague") == 0)
        answer("{\"code\":-1,\"problems\":[]}");
    if (strcmp(what, "lives on") == 0) { /* after its answer, until it is let go */
        answer(problem);
        close(PREPARE_FD);
        wait_for_file(argv[3]);
    }
    if (strcmp(what, "leaves the pipe") == 0) { /* to another process, in a session of its own */
        if (fork() == 0) {
            setsid();
            pause();
        }
        answer(problem);
    }
    return 0;
}

/* ---- The daemon's side ---- */

struct outcome {
    int calls;
    struct config *config;
    json_t *problems;
    struct err err;
    struct prepare *cancel; /* by `done` itself */
};

static struct event_base *base;
static struct children *children;
static char dir[64];

static void on_done(void *context, struct prepared *prepared)
{
    struct outcome *o = context;

    o->calls++;
    o->config = prepared->config;
    o->problems = json_incref(prepared->problems);
    o->err = prepared->err;
    prepare_cancel(o->cancel);
}

static void outcome_free(struct outcome *o)
{
    config_free(o->config);
    json_decref(o->problems);
    *o = (struct outcome){0};
}

/* Let the loop run until the condition holds. */
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        int64_t until = clock_mono_us() + PATIENCE_S * CLOCK_SECOND;                                                   \
        while (!(condition)) {                                                                                         \
            assert_true(clock_mono_us() < until);                                                                      \
            event_base_loop(base, EVLOOP_NONBLOCK);                                                                    \
            clock_sleep_us(500);                                                                                       \
        }                                                                                                              \
    } while (0)

static struct prepare *start(const char *path, const char *env_file, int seconds, struct outcome *o)
{
    struct prepare *p = NULL;
    struct err err = {0};
    int rc = prepare_start_within(base, children, path, env_file, seconds, on_done, o, &p, &err);

    if (rc)
        fail_msg("%s", err.msg);
    assert_int_equal(o->calls, 0);
    return p;
}

static void get(const char *path, const char *env_file, struct outcome *o)
{
    start(path, env_file, PATIENCE_S, o);
    AWAIT(o->calls > 0);
    assert_int_equal(o->calls, 1);
    assert_int_equal(children_count(children), 0);
    assert_true((o->config == NULL) == (o->err.code != 0));
    assert_true((o->problems != NULL) == (o->err.code != 0));
}

/* The first process that `parent` started; 0: none. */
static pid_t child_of(pid_t parent)
{
    char path[64];
    long pid = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    if (f)
        fclose(f);
    return (pid_t)pid;
}

static bool has_open(pid_t pid, int fd)
{
    char path[64], target[64];

    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    return readlink(path, target, sizeof target) >= 0;
}

static const char *in_dir(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static const char *write_file(const char *name, const char *text)
{
    const char *path = in_dir(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0640);
    return path;
}

#define HEAD "plugins = \"" TEST_PLUGINS "\"; store = { url = \"sqlite:x.db\"; };\n"
#define GOOD "{ name = \"a\"; plugin = \"good\"; settings = { url = \"u\"; key = \"${SLUICE_TEST_KEY}\"; };\n"

static int open_loop(void **state)
{
    (void)state;
    struct err err = {0};
    base = event_base_new();
    return base ? children_open(base, &children, &err) : -1;
}

static int close_loop(void **state)
{
    (void)state;
    children_close(children);
    event_base_free(base);
    redact_forget();
    return 0;
}

/* ---- A configuration ---- */

static void a_configuration_comes_back_bound(void **state)
{
    (void)state;
    struct outcome o = {0};
    setenv("SLUICE_TEST_KEY", "hunter2", 1);
    get(write_file("s.cfg",
                   HEAD "connectors = ( " GOOD "jobs = ( { stream = \"things\"; schedule = \"*/5 * * * *\"; } ); } );"),
        NULL, &o);
    assert_non_null(o.config);
    const struct config_job *job = config_find_job(o.config, "a.things");
    assert_string_equal(job->table, "good_things");
    assert_int_equal(job->line, 3);
    const json_t *options = o.config->connectors[0].options;
    assert_string_equal(json_string_value(json_object_get(options, "key")), "hunter2");
    assert_int_equal(json_integer_value(json_object_get(options, "page_size")), 100);
    assert_int_equal(json_array_size(o.config->connectors[0].served), 1);
    outcome_free(&o);
}

static void its_secrets_are_masked_here(void **state)
{
    (void)state;
    struct outcome o = {0};
    char text[] = "it is hunter2";
    setenv("SLUICE_TEST_KEY", "hunter2", 1);
    get(write_file("s.cfg", HEAD "connectors = ( " GOOD " } );"), NULL, &o);
    assert_int_equal(redact(text, strlen(text)), strlen("it is ***"));
    outcome_free(&o);
}

static void an_env_file_wins_over_the_environment(void **state)
{
    (void)state;
    struct outcome o = {0};
    char env[128];
    setenv("SLUICE_TEST_KEY", "hunter2", 1);
    snprintf(env, sizeof env, "%s", write_file("env", "SLUICE_TEST_KEY=swordfish\n"));
    get(write_file("s.cfg", HEAD "connectors = ( " GOOD " } );"), env, &o);
    assert_non_null(o.config);
    assert_string_equal(json_string_value(json_object_get(o.config->connectors[0].options, "key")), "swordfish");
    outcome_free(&o);
}

static void a_large_configuration_comes_back_whole(void **state)
{
    (void)state;
    struct outcome o = {0};
    size_t count = 2000;
    FILE *f = fopen(write_file("s.cfg", ""), "w");
    fputs(HEAD "connectors = ( " GOOD "jobs = (", f);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s\n{ stream = \"things\"; name = \"job%zu\"; schedule = \"0 3 * * *\"; }", i > 0 ? "," : "", i);
    fputs("); } );", f);
    fclose(f);
    get(in_dir("s.cfg"), NULL, &o);
    assert_non_null(o.config);
    assert_int_equal(o.config->connectors[0].job_count, count);
    assert_non_null(config_find_job(o.config, "a.job1999"));
    outcome_free(&o);
}

/* ---- Problems ---- */

static char *problem_lines(const json_t *problems)
{
    char *all = strdup("");
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *p = json_array_get(problems, i);
        const char *file = json_string_value(json_object_get(p, "file"));
        const char *slash = strrchr(file, '/');
        char *more = NULL;
        assert_true(asprintf(&more, "%s%s:%d: %s\n", all, slash ? slash + 1 : file,
                             (int)json_integer_value(json_object_get(p, "line")),
                             json_string_value(json_object_get(p, "text"))) > 0);
        free(all);
        all = more;
    }
    return all;
}

/* The problems as lines, and what sums them up behind the file's directory. */
static void check_refused(const char *path, int code, const char *want, const char *sum)
{
    struct outcome o = {0};
    get(path, NULL, &o);
    assert_null(o.config);
    assert_int_equal(o.err.code, code);
    char *said = problem_lines(o.problems);
    assert_string_equal(said, want);
    if (!strstr(o.err.msg, sum))
        fail_msg("%s\nis not in\n%s", sum, o.err.msg);
    free(said);
    outcome_free(&o);
}

static void every_problem_comes_with_its_place(void **state)
{
    (void)state;
    check_refused(in_dir("none.cfg"), E_NOT_FOUND,
                  "none.cfg:0: there is no such file; name the configuration with -c FILE or the variable "
                  "SLUICE_CONFIG\n",
                  "/none.cfg: there is no such file");
    check_refused(write_file("s.cfg", HEAD "limit = 1;\nlimits = { max_runs = 0; };\n"), SLUICE_E_CONFIG,
                  "s.cfg:2: unknown key `limit`: did you mean `limits`?\n"
                  "s.cfg:3: `max_runs` must be a whole number from 1 to 1000, not the number 0\n",
                  "2 problems, the first: ");
    setenv("SLUICE_TEST_KEY", "hunter2", 1);
    check_refused(write_file("s.cfg",
                             HEAD "connectors = (\n{ name = \"x\"; plugin = \"god\"; },\n" GOOD "colour = 1; jobs"
                                  " = ( { stream = \"thing\"; } ); } );"),
                  SLUICE_E_CONFIG,
                  "s.cfg:5: unknown key `colour`: a connector has name, plugin, enabled, settings, http, jobs, routes, "
                  "log\n",
                  "/s.cfg:5: unknown key `colour`");
    check_refused(write_file("s.cfg", HEAD "connectors = (\n" GOOD "jobs = ( { stream = \"thing\"; } ); } );"),
                  SLUICE_E_CONFIG, "s.cfg:4: a has no stream `thing`: did you mean `things`?\n",
                  "/s.cfg:4: a has no stream `thing`");
}

static void a_plugin_that_fails_is_a_problem_of_its_connector(void **state)
{
    (void)state;
    static const struct {
        const char *plugin, *want;
    } cases[] = {
        {"crashes", "connector x: plugin crashes.so: "},
        {"exits", "connector x: plugin exits.so: ended its process while it was loaded"},
        {"garbage", "connector x: plugin garbage.so: "},
        {"no_entry", "connector x: plugin no_entry.so: "},
        {"god", "did you mean \"good\"?"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct outcome o = {0};
        char text[512];
        snprintf(text, sizeof text, HEAD "connectors = (\n{ name = \"x\"; plugin = \"%s\"; } );", cases[i].plugin);
        get(write_file("s.cfg", text), NULL, &o);
        char *said = problem_lines(o.problems);
        assert_int_equal(o.err.code, SLUICE_E_CONFIG);
        assert_int_equal(strncmp(said, "s.cfg:3: ", 9), 0);
        if (!strstr(said, cases[i].want))
            fail_msg("%s", said);
        free(said);
        outcome_free(&o);
    }
}

static void what_others_can_change_is_refused(void **state)
{
    (void)state;
    char text[512], open_dir[128];
    snprintf(open_dir, sizeof open_dir, "%s", in_dir("open"));
    assert_int_equal(mkdir(open_dir, 0700), 0);
    chmod(open_dir, 0777);

    snprintf(text, sizeof text, "plugins = \"%s\";\nconnectors = ( );", open_dir);
    struct outcome o = {0};
    get(write_file("s.cfg", text), NULL, &o);
    assert_non_null(strstr(o.err.msg, "s.cfg:1: the plugin directory can be changed by others: chmod go-w "));
    outcome_free(&o);

    snprintf(text, sizeof text, "connectors = (\n{ name = \"x\"; plugin = \"%s/x.so\"; } );", open_dir);
    get(write_file("s.cfg", text), NULL, &o);
    assert_non_null(strstr(o.err.msg, "s.cfg:2: the plugin's directory can be changed by others: chmod go-w "));
    outcome_free(&o);

    snprintf(text, sizeof text, "plugins = \"%s\"; connectors = (\n{ name = \"x\"; plugin = \"x\"; } );", dir);
    chmod(write_file("x.so", ""), 0666);
    get(write_file("s.cfg", text), NULL, &o);
    assert_non_null(strstr(o.err.msg, "s.cfg:2: the plugin can be changed by others: chmod go-w "));
    outcome_free(&o);
    assert_int_equal(unlink(in_dir("x.so")), 0);
    assert_int_equal(rmdir(open_dir), 0);
}

/* ---- A process that fails ---- */

static void a_process_that_fails_is_a_problem_with_a_name(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int code;
        const char *want;
    } cases[] = {
        {"fake:dies", E_SYSTEM, "the process that reads the configuration died of signal 9 (Killed)"},
        {"fake:exits", E_SYSTEM, "the process that reads the configuration ended with exit code 7"},
        {"fake:says nothing", SLUICE_E_BUG, "the process that reads the configuration did not tell what it found"},
        {"fake:half", SLUICE_E_BUG, "the process that reads the configuration did not tell what it found"},
        {"fake:vague", SLUICE_E_BUG, "the process that reads the configuration did not tell what it found"},
        {"fake:lies", SLUICE_E_BUG, "the snapshot of a configuration: `url` is missing or wrong"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char line[256];
        snprintf(line, sizeof line, "%s:0: %s\n", cases[i].path, cases[i].want);
        check_refused(cases[i].path, cases[i].code, line, cases[i].want);
    }
}

static void one_that_is_killed_from_outside_is_a_problem(void **state)
{
    (void)state;
    struct outcome o = {0};
    start("fake:hangs", NULL, PATIENCE_S, &o);
    pid_t pid = child_of(getpid());
    assert_true(pid > 0);
    kill(pid, SIGKILL);
    AWAIT(o.calls > 0);
    assert_non_null(strstr(o.err.msg, "died of signal 9"));
    outcome_free(&o);
}

static void one_that_hangs_is_killed_in_time(void **state)
{
    (void)state;
    struct outcome o = {0};
    start("fake:hangs", NULL, 1, &o);
    AWAIT(o.calls > 0);
    assert_int_equal(o.err.code, E_SYSTEM);
    assert_string_equal(o.err.msg, "reading the configuration took longer than 1 s and was given up");
    assert_int_equal(child_of(getpid()), 0);
    outcome_free(&o);
}

static void a_plugin_that_hangs_is_killed_with_it_and_all_that_it_started(void **state)
{
    (void)state;
    struct outcome o = {0};
    start(write_file("s.cfg", HEAD "connectors = ( { name = \"x\"; plugin = \"hangs\"; } );"), NULL, 1, &o);
    AWAIT(o.calls > 0);
    assert_string_equal(o.err.msg, "reading the configuration took longer than 1 s and was given up");
    AWAIT(child_of(getpid()) == 0);
    outcome_free(&o);
}

/* ---- In any order ---- */

static void it_is_done_when_pipe_and_process_have_ended(void **state)
{
    (void)state;
    struct outcome o = {0};
    char go[128];
    snprintf(go, sizeof go, "%s", in_dir("go"));
    start("fake:lives on", go, PATIENCE_S, &o);
    pid_t pid = child_of(getpid());
    AWAIT(!has_open(pid, PREPARE_FD));
    for (int i = 0; i < 10; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(o.calls, 0); /* the pipe has ended, the process has not */
    write_file("go", "");
    AWAIT(o.calls > 0);
    assert_string_equal(o.err.msg, "f:2: t");
    assert_int_equal(unlink(go), 0);
    outcome_free(&o);
}

static void a_pipe_that_another_process_holds_open_ends_with_its_writer(void **state)
{
    (void)state;
    struct outcome o = {0};
    get("fake:leaves the pipe", NULL, &o);
    assert_string_equal(o.err.msg, "f:2: t");
    outcome_free(&o);
    children_end_strangers(children);
    AWAIT(child_of(getpid()) == 0);
}

/* ---- Cancelled ---- */

static void one_that_is_cancelled_is_killed_and_not_heard_of(void **state)
{
    (void)state;
    struct outcome o = {0};
    struct prepare *p = start("fake:hangs", NULL, PATIENCE_S, &o);
    prepare_cancel(p);
    prepare_cancel(NULL);
    AWAIT(children_count(children) == 0);
    assert_int_equal(o.calls, 0);
    assert_int_equal(child_of(getpid()), 0);
}

static void in_done_itself_nothing_is_left_to_cancel(void **state)
{
    (void)state;
    struct outcome o = {0};
    o.cancel = start("fake:exits", NULL, PATIENCE_S, &o);
    AWAIT(o.calls > 0);
    assert_int_equal(o.calls, 1);
    outcome_free(&o);
}

/* ---- The daemon's own ends ---- */

/* A daemon that waits for a plugin that hangs. */
static _Noreturn void be_a_daemon(const char *path)
{
    struct event_base *own = event_base_new();
    struct children *mine = NULL;
    struct outcome o = {0};
    struct prepare *p = NULL;
    struct err err = {0};

    if (own && children_open(own, &mine, &err) == 0 && prepare_start(own, mine, path, NULL, on_done, &o, &p, &err) == 0)
        event_base_dispatch(own);
    _exit(1);
}

static void the_process_dies_with_the_daemon(void **state)
{
    const char *path = write_file("s.cfg", HEAD "connectors = ( { name = \"x\"; plugin = \"hangs\"; } );");
    pid_t daemon = fork(); /* before there is a loop that two would share */
    if (daemon == 0)
        be_a_daemon(path);
    assert_int_equal(open_loop(state), 0);
    AWAIT(child_of(daemon) > 0 && child_of(child_of(daemon)) > 0); /* it describes the plugin */
    pid_t helper = child_of(daemon);
    kill(daemon, SIGKILL);
    AWAIT(kill(helper, 0) != 0);
    AWAIT(child_of(getpid()) == 0);
}

static void nothing_is_left_of_it_in_memory(void **state)
{
    (void)state;
    const char *path = write_file("s.cfg", HEAD "connectors = ( " GOOD " } );");
    size_t used = 0;
    for (int i = 0; i < 20; i++) {
        struct outcome o = {0};
        get(path, NULL, &o);
        assert_non_null(o.config);
        outcome_free(&o);
        redact_forget();
        if (i == 9)
            used = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= used + 1024);
}

/* ---- */

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sluice-prepare-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(in_dir("s.cfg"));
    unlink(in_dir("env"));
    return rmdir(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_loop, close_loop)

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_configuration_comes_back_bound),
        TEST(its_secrets_are_masked_here),
        TEST(an_env_file_wins_over_the_environment),
        TEST(a_large_configuration_comes_back_whole),
        TEST(every_problem_comes_with_its_place),
        TEST(a_plugin_that_fails_is_a_problem_of_its_connector),
        TEST(what_others_can_change_is_refused),
        TEST(a_process_that_fails_is_a_problem_with_a_name),
        TEST(one_that_is_killed_from_outside_is_a_problem),
        TEST(one_that_hangs_is_killed_in_time),
        TEST(a_plugin_that_hangs_is_killed_with_it_and_all_that_it_started),
        TEST(it_is_done_when_pipe_and_process_have_ended),
        TEST(a_pipe_that_another_process_holds_open_ends_with_its_writer),
        TEST(one_that_is_cancelled_is_killed_and_not_heard_of),
        TEST(in_done_itself_nothing_is_left_to_cancel),
        cmocka_unit_test_teardown(the_process_dies_with_the_daemon, close_loop),
        TEST(nothing_is_left_of_it_in_memory),
    };
    if (argc > 2 && strcmp(argv[1], "snapshot") == 0)
        return act(argc, argv);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
