/* Alerts: told when the state of a job changes and only then, over restarts and reloads; and how they arrive. This
 * program is also the process that delivers them (`sluice alert`). */
#include "alert.h"

#include "alert_state.h"
#include "alert_text.h"
#include "buf.h"
#include "children.h"
#include "clock.h"
#include "log.h"
#include "redact.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a)    (sizeof(a) / sizeof((a)[0]))
#define TOLERANCE (30 * CLOCK_SECOND)
#define RULES_MAX 4

/* ---- Runs ---- */

static json_t *run_of(const char *status, const char *mode, int errors)
{
    json_t *run = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:{}, s:[]}", "job", "a.b", "run", "01J", "status", status,
                            "mode", mode, "errors", errors, "processed", 5, "stats", "warnings");

    assert_non_null(run);
    return run;
}

static json_t *gap_of(int seconds)
{
    json_t *run = run_of("success", "incremental", 0);

    json_object_set_new(json_object_get(run, "stats"), "gap_seconds", json_integer(seconds));
    return run;
}

/* A run of one letter, as the tables below write them. */
static json_t *run_of_letter(char letter)
{
    json_t *run;

    switch (letter) {
    case 's':
        return run_of("success", "incremental", 0);
    case 'p':
        return run_of("partial", "incremental", 2);
    case 'q': /* of some partitions */
        run = run_of("partial", "incremental", 0);
        json_object_set_new(run, "error", json_string("1 of 3 partitions failed: m1: away"));
        return run;
    case 'f':
        return run_of("failed", "incremental", 0);
    case 'x':
        return run_of("crashed", "incremental", 0);
    case 't':
        return run_of("timeout", "full", 0);
    case 'c':
        return run_of("cancelled", "incremental", 0);
    case 'r': /* only retries rejects */
        return run_of("success", "retry", 0);
    case 'l': /* nothing was rejected, and the cursor moved past rejects of before */
        run = run_of("success", "incremental", 0);
        json_object_set_new(json_object_get(run, "stats"), "left_behind", json_integer(3));
        return run;
    case 'b': /* was never begun: there is no run */
        run = run_of("failed", "incremental", 0);
        json_object_set_new(run, "run", json_null());
        return run;
    case 'g':
        return gap_of(31);
    case 'h': /* within the tolerance */
        return gap_of(30);
    default:
        fail_msg("no such letter: %c", letter);
        return NULL;
    }
}

static unsigned events_of(const char *words)
{
    unsigned on = 0;
    char copy[100];

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        assert_true(alert_of_name(word) != 0);
        on |= alert_of_name(word);
    }
    return on;
}

/* What is told, as text: "failing:3 " is told by the third run. */
struct heard {
    struct buf text;
    size_t at;
};

static void hear(void *context, size_t rule, const struct alert_event *event)
{
    struct heard *h = context;

    if (rule > 0)
        buf_printf(&h->text, "%zu/", rule);
    buf_printf(&h->text, "%s:%zu ", alert_name(event->what), h->at);
}

/* Tell the runs from number `from` on. */
static void tell_runs(struct alert_state *s, const struct alert_rule *rules, size_t count, const char *runs,
                      size_t from, struct heard *h)
{
    for (size_t i = from; runs[i]; i++) {
        json_t *run = run_of_letter(runs[i]);
        h->at = i + 1;
        alert_state_run(s, rules, count, TOLERANCE, run, hear, h);
        json_decref(run);
    }
}

static const struct {
    const char *on;
    uint32_t after;
    const char *runs, *want;
} cases[] = {
    {"failing recovered", 1, "sss", ""},
    {"failing recovered", 1, "sfs", "failing:2 recovered:3 "},
    {"failing recovered", 1, "sqqps", "failing:2 recovered:4 "},
    {"failing recovered", 3, "qfqs", "failing:3 recovered:4 "},
    {"failing recovered", 1, "fxtss", "failing:1 recovered:4 "},
    {"failing recovered", 3, "ffsffffsf", "failing:6 recovered:8 "},
    {"failing recovered", 3, "fcfbrf", "failing:6 "}, /* what changes nothing does not count */
    {"failing recovered", 1, "fcbrf", "failing:1 "},  /* nor does it end anything */
    {"failing recovered", 1, "fp", "failing:1 recovered:2 "},
    {"failing", 1, "fsf", "failing:1 failing:3 "},
    {"recovered", 2, "fsffs", "recovered:5 "},
    {"gap", 1, "hgghgsfg", "gap:2 gap:5 gap:8 "},
    {"gap", 1, "gfg", "gap:1 gap:3 "}, /* a gap for each time that it was away */
    {"gap", 1, "gcbrg", "gap:1 "},
    {"rejects", 1, "sppsp", "rejects:2 rejects:5 "},
    {"rejects", 1, "pfpxp", "rejects:1 "}, /* a failure does not tell that all is well */
    {"rejects", 1, "pplps", "rejects:1 rejects:3 rejects:4 "}, /* leaving some behind is news, also among others */
    {"failing recovered", 1, "pl", ""},
    {"failing recovered gap stale rejects", 2, "pffgs", "rejects:1 failing:3 recovered:4 gap:4 "},
    {"stale", 1, "fffgpfs", ""},
};

static void a_change_is_told_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        const struct alert_rule rule = {events_of(cases[i].on), cases[i].after};
        struct alert_state s;
        struct heard h = {0};
        assert_true(alert_state_init(&s, 1));
        tell_runs(&s, &rule, 1, cases[i].runs, 0, &h);
        if (strcmp(buf_text(&h.text), cases[i].want) != 0)
            fail_msg("%s after %u of %s: \"%s\", not \"%s\"", cases[i].on, cases[i].after, cases[i].runs,
                     buf_text(&h.text), cases[i].want);
        buf_free(&h.text);
        alert_state_free(&s);
    }
}

/* The first `count` runs as history lists them, newest first. */
static json_t *history(const char *runs, size_t count)
{
    json_t *list = json_array();

    while (count-- > 0)
        json_array_append_new(list, run_of_letter(runs[count]));
    return list;
}

static void a_restart_at_any_point_neither_repeats_nor_loses_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(cases); i++) {
        for (size_t cut = 0; cut <= strlen(cases[i].runs); cut++) {
            const struct alert_rule rule = {events_of(cases[i].on), cases[i].after};
            json_t *before = history(cases[i].runs, cut);
            struct alert_state s;
            struct heard through = {0}, again = {0};

            assert_true(alert_state_init(&s, 1));
            tell_runs(&s, &rule, 1, cases[i].runs, 0, &through);
            alert_state_remember(&s, &rule, 1, TOLERANCE, before); /* whatever it was */
            size_t told_before = 0;
            for (const char *p = buf_text(&through.text); (p = strchr(p, ':')) && (size_t)atol(p + 1) <= cut; p++)
                told_before = (size_t)(strchr(p, ' ') + 1 - buf_text(&through.text));
            tell_runs(&s, &rule, 1, cases[i].runs, cut, &again);
            assert_string_equal(buf_text(&again.text), buf_text(&through.text) + told_before);
            buf_free(&through.text);
            buf_free(&again.text);
            json_decref(before);
            alert_state_free(&s);
        }
    }
}

static void each_receiver_has_its_own_after_and_events(void **state)
{
    (void)state;
    const struct alert_rule rules[] = {{ALERT_FAILING | ALERT_RECOVERED, 1}, {ALERT_FAILING, 3}, {ALERT_RECOVERED, 2}};
    struct alert_state s;
    struct heard h = {0};

    assert_true(alert_state_init(&s, LEN(rules)));
    tell_runs(&s, rules, LEN(rules), "fsfffs", 0, &h);
    assert_string_equal(buf_text(&h.text), "failing:1 recovered:2 failing:3 1/failing:5 recovered:6 2/recovered:6 ");
    buf_free(&h.text);
    alert_state_free(&s);
}

static void stale_is_told_once_and_ends_with_a_run_that_completes(void **state)
{
    (void)state;
    const struct alert_rule rules[] = {{ALERT_STALE | ALERT_RECOVERED, 1}, {ALERT_FAILING | ALERT_RECOVERED, 9}};
    struct alert_state s;
    struct heard h = {0};

    assert_true(alert_state_init(&s, LEN(rules)));
    alert_state_stale(&s, rules, LEN(rules), false, 5, hear, &h);
    assert_string_equal(buf_text(&h.text), "");
    alert_state_stale(&s, rules, LEN(rules), true, 5, hear, &h);
    alert_state_stale(&s, rules, LEN(rules), false, 5, hear, &h); /* its schedule was changed, say */
    alert_state_stale(&s, rules, LEN(rules), true, 5, hear, &h);
    assert_string_equal(buf_text(&h.text), "stale:0 ");
    tell_runs(&s, rules, LEN(rules), "fs", 0, &h); /* the second was told of nothing that could be over */
    assert_string_equal(buf_text(&h.text), "stale:0 recovered:2 ");
    alert_state_stale(&s, rules, LEN(rules), true, 5, hear, &h);
    assert_string_equal(buf_text(&h.text), "stale:0 recovered:2 stale:2 ");
    buf_free(&h.text);
    alert_state_free(&s);
}

static void what_is_stale_when_the_daemon_starts_was_told(void **state)
{
    (void)state;
    static const struct {
        const char *history;
        bool stale_at_first;
        const char *want; /* of: stale or not at first, stale, a good run, stale */
    } at_start[] = {
        {"", false, "stale:0 recovered:1 stale:1 "}, /* nothing is known of it */
        {"s", false, "stale:0 recovered:1 stale:1 "},
        {"s", true, "stale:1 "},                /* the daemon was away: nobody was told that it is stale */
        {"sff", true, "recovered:1 stale:1 "},  /* it was stale before */
        {"fff", false, "recovered:1 stale:1 "}, /* was never good: stale since long */
    };

    for (size_t i = 0; i < LEN(at_start); i++) {
        const struct alert_rule rule = {ALERT_STALE | ALERT_RECOVERED, 1};
        json_t *runs = history(at_start[i].history, strlen(at_start[i].history));
        struct alert_state s;
        struct heard h = {0};
        assert_true(alert_state_init(&s, 1));
        alert_state_remember(&s, &rule, 1, TOLERANCE, runs);
        alert_state_stale(&s, &rule, 1, at_start[i].stale_at_first, 5, hear, &h);
        alert_state_stale(&s, &rule, 1, true, 5, hear, &h);
        tell_runs(&s, &rule, 1, "s", 0, &h);
        alert_state_stale(&s, &rule, 1, true, 5, hear, &h);
        if (strcmp(buf_text(&h.text), at_start[i].want) != 0)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, buf_text(&h.text), at_start[i].want);
        buf_free(&h.text);
        json_decref(runs);
        alert_state_free(&s);
    }
}

/* ---- What is said ---- */

static json_t *said(const struct alert_event *event)
{
    json_t *alert = alert_json(event, "erp.customers", INT64_C(1760173125123456));

    assert_non_null(alert);
    assert_string_equal(json_string_value(json_object_get(alert, "alert")), alert_name(event->what));
    assert_string_equal(json_string_value(json_object_get(alert, "job")), "erp.customers");
    assert_string_equal(json_string_value(json_object_get(alert, "at")), "2025-10-11T08:58:45.123Z");
    assert_int_equal(strlen(json_string_value(json_object_get(alert, "id"))), 26);
    assert_true(json_is_string(json_object_get(alert, "host")));
    return alert;
}

static void check_text(const json_t *alert, const char *want)
{
    assert_string_equal(json_string_value(json_object_get(alert, "text")), want);
}

static void hosts_that_differ_are_of_no_job(void **state)
{
    (void)state;
    const struct alert_event event = {.what = ALERT_CONFIG, .others = "south, west"};
    json_t *alert = alert_json(&event, NULL, INT64_C(1760173125123456));
    char host[256] = "", want[600];

    gethostname(host, sizeof(host) - 1);
    snprintf(want, sizeof(want),
             "the jobs of host %s are not those of south, west, which has the same store: give all hosts the same "
             "configuration, and reload",
             host);
    assert_string_equal(json_string_value(json_object_get(alert, "alert")), "config");
    assert_true(json_is_null(json_object_get(alert, "job")));
    check_text(alert, want);
    json_decref(alert);
}

static void each_kind_says_what_happened(void **state)
{
    (void)state;
    json_t *failed = run_of("failed", "incremental", 0), *crashed = run_of("crashed", "incremental", 0);
    json_t *partial = run_of("partial", "incremental", 2), *good = run_of("success", "incremental", 0);
    json_t *left = run_of_letter('l');
    const struct {
        struct alert_event event;
        const char *want;
    } kinds[] = {
        {{.what = ALERT_FAILING, .failures = 1, .run = failed}, "erp.customers failed: no answer"},
        {{.what = ALERT_FAILING, .failures = 3, .run = failed}, "erp.customers has failed 3 times in a row: no answer"},
        {{.what = ALERT_FAILING, .failures = 1, .run = crashed}, "erp.customers failed: crashed"},
        {{.what = ALERT_RECOVERED, .failures = 1, .run = good}, "erp.customers works again after 1 failed run"},
        {{.what = ALERT_RECOVERED, .failures = 2, .run = good}, "erp.customers works again after 2 failed runs"},
        {{.what = ALERT_RECOVERED, .run = good}, "erp.customers works again"},
        {{.what = ALERT_REJECTS, .run = partial},
         "erp.customers rejected 2 of 5 records; `sluice rejects erp.customers` lists them"},
        {{.what = ALERT_REJECTS, .run = left},
         "erp.customers: its cursor was held back as long as `hold` allows and has left 3 rejected records behind; "
         "`sluice rejects erp.customers` lists what is open"},
        {{.what = ALERT_STALE, .since = INT64_C(1760173125123456)},
         "erp.customers has had no good run since 2025-10-11T08:58:45Z"},
        {{.what = ALERT_STALE}, "erp.customers has had no good run yet"},
    };

    json_object_set_new(failed, "error", json_string("no answer"));
    for (size_t i = 0; i < LEN(kinds); i++) {
        json_t *alert = said(&kinds[i].event);
        check_text(alert, kinds[i].want);
        json_decref(alert);
    }
    json_decref(failed);
    json_decref(crashed);
    json_decref(partial);
    json_decref(good);
    json_decref(left);
}

static void a_gap_names_its_interval(void **state)
{
    (void)state;
    static const char warning[] =
        "window gap: nothing was delivered for 0h 00m 30s, between 2026-02-10 09:20:03 and "
        "2026-02-10 09:20:33 of the source's clock; what changed then will not come by itself";
    const struct alert_rule rule = {ALERT_GAP, 1};
    json_t *first = run_of("success", "incremental", 0), *run = gap_of(30), *alert;
    struct alert_state s;
    struct heard h = {0};

    json_object_set_new(first, "at", json_string("2026-02-10 09:20:03"));
    json_object_set_new(run, "window_start", json_string("2026-02-10 09:20:33"));
    json_array_append_new(json_object_get(run, "warnings"), json_string("something else"));
    json_array_append_new(json_object_get(run, "warnings"), json_string(warning));
    assert_true(alert_state_init(&s, 1));
    alert_state_run(&s, &rule, 1, TOLERANCE, first, hear, &h);
    alert_state_run(&s, &rule, 1, TOLERANCE, run, hear, &h); /* 30.4 seconds, say: above, as the warning tells */
    assert_string_equal(buf_text(&h.text), "gap:0 ");
    alert = said(&(struct alert_event){.what = ALERT_GAP, .from = s.covered_to, .run = run});
    const char *text = json_string_value(json_object_get(alert, "text"));
    assert_memory_equal(text, "erp.customers: ", 15);
    assert_string_equal(text + 15, warning);
    assert_int_equal(json_integer_value(json_object_get(alert, "gap_seconds")), 30);
    json_t *interval = json_pack("{s:s, s:s}", "from", "2026-02-10 09:20:03", "to", "2026-02-10 09:20:33");
    assert_true(json_equal(json_object_get(alert, "interval"), interval));
    json_decref(interval);
    json_decref(alert);
    json_decref(first);
    json_decref(run);
    buf_free(&h.text);
    alert_state_free(&s);
}

static void no_record_and_no_secret_is_in_an_alert(void **state)
{
    (void)state;
    static const struct {
        const char *error, *want;
    } errors[] = {
        {"the key hunter2! was refused", "erp.customers failed: the key *** was refused"},
        {"POST https://erp.example/x: HTTP 500: \"[{\"NAME\":\"Maria\"}]\" (4 attempts)",
         "erp.customers failed: POST https://erp.example/x: HTTP 500…"},
        {"the answer is not JSON (\"Maria\")", "erp.customers failed: the answer is not JSON…"},
        {"\"Maria\"", "erp.customers failed: …"},
    };
    char longest[700];

    assert_true(redact_add("hunter2!", 8));
    for (size_t i = 0; i < LEN(errors); i++) {
        json_t *run = run_of("failed", "incremental", 0);
        json_object_set_new(run, "error", json_string(errors[i].error));
        json_t *details = json_pack("[{s:s, s:s}]", "key", "Maria", "reason", "Maria has no number");
        json_object_set_new(run, "errorDetails", details);
        json_t *alert = said(&(struct alert_event){.what = ALERT_FAILING, .failures = 1, .run = run});
        char *text = json_dumps(alert, 0);
        check_text(alert, errors[i].want);
        assert_null(strstr(text, "Maria"));
        assert_null(strstr(text, "hunter2"));
        free(text);
        json_decref(alert);
        json_decref(run);
    }
    json_t *run = run_of("failed", "incremental", 0);
    memset(longest, 'x', sizeof(longest));
    memcpy(longest + 296, "hunter2!", 8); /* where it is cut */
    json_object_set_new(run, "error", json_stringn(longest, sizeof(longest)));
    json_t *alert = said(&(struct alert_event){.what = ALERT_FAILING, .failures = 1, .run = run});
    const char *text = json_string_value(json_object_get(alert, "text"));
    assert_int_equal(strlen(text), strlen("erp.customers failed: ") + 300 + strlen("…"));
    assert_null(strstr(text, "hunt"));
    json_decref(alert);
    json_decref(run);
    redact_forget();
}

/* ---- A receiver ---- */

/* A server that keeps what it is sent and answers with one status after the other, the last one for ever. */
static struct {
    int fd;
    unsigned port;
    pthread_t thread;
    const int *statuses;
    size_t status_count;
    atomic_int requests, under_way, most_at_once;
    bool slow;
    pthread_mutex_t lock;
    json_t *bodies;
    char head[2000]; /* of the last request */
} receiver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void take_request(int fd)
{
    struct buf text = {0};
    const char *body = NULL;
    size_t length = 0;
    ssize_t n = 0;

    do {
        text.len += (size_t)n;
        buf_add_char(&text, '\0');
        text.len--;
        body = text.ptr ? strstr(text.ptr, "\r\n\r\n") : NULL;
        const char *said_length = body ? strcasestr(text.ptr, "\r\nContent-Length:") : NULL;
        length = said_length ? (size_t)atol(said_length + 17) : 0;
    } while ((!body || strlen(body + 4) < length) && (n = read(fd, buf_reserve(&text, 4096), 4096)) > 0);
    pthread_mutex_lock(&receiver.lock);
    if (body) {
        snprintf(receiver.head, sizeof(receiver.head), "%.*s", (int)(body - text.ptr), text.ptr);
        json_array_append_new(receiver.bodies, json_loads(body + 4, 0, NULL));
    }
    pthread_mutex_unlock(&receiver.lock);
    buf_free(&text);
}

static void *answer(void *context)
{
    int fd = (int)(intptr_t)context;
    int now = atomic_fetch_add(&receiver.under_way, 1) + 1;
    char text[200];

    if (now > atomic_load(&receiver.most_at_once))
        atomic_store(&receiver.most_at_once, now);
    take_request(fd);
    if (receiver.slow)
        clock_sleep_us(50000);
    size_t i = (size_t)atomic_fetch_add(&receiver.requests, 1);
    int status = receiver.statuses[i < receiver.status_count ? i : receiver.status_count - 1];
    int len = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", status);
    atomic_fetch_sub(&receiver.under_way, 1);
    if (write(fd, text, (size_t)len) != len)
        fprintf(stderr, "the receiver cannot answer\n");
    close(fd);
    return NULL;
}

static void *receive(void *context)
{
    int fd;

    (void)context;
    while ((fd = accept4(receiver.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static void receiver_open(const int *statuses, size_t count)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    receiver.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(receiver.fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(receiver.fd, 64), 0);
    assert_int_equal(getsockname(receiver.fd, (struct sockaddr *)&at, &len), 0);
    receiver.port = ntohs(at.sin_port);
    receiver.statuses = statuses;
    receiver.status_count = count;
    receiver.bodies = json_array();
    receiver.slow = false;
    atomic_store(&receiver.requests, 0);
    atomic_store(&receiver.most_at_once, 0);
    assert_int_equal(pthread_create(&receiver.thread, NULL, receive, NULL), 0);
}

static void receiver_close(void)
{
    shutdown(receiver.fd, SHUT_RDWR);
    pthread_join(receiver.thread, NULL);
    close(receiver.fd);
    while (atomic_load(&receiver.under_way) > 0)
        clock_sleep_us(1000);
    json_decref(receiver.bodies);
}

/* ---- A daemon's loop around the alerts ---- */

static char dir[64], file[100], log_file[100];
static struct event_base *base;
static struct children *children;
static struct alerts *alerts;
static int saved_stderr;

static char *all_events[] = {(char[]){"failing"}, (char[]){"recovered"}, (char[]){"gap"}, (char[]){"stale"},
                             (char[]){"rejects"}};
static struct config_connector connector;
static struct config_job job = {.connector = &connector, .gap_tolerance_us = TOLERANCE};
static char job_name[] = "erp.customers", none[] = "";

static int open_loop(void **state)
{
    struct err err = {0};

    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/sluice-test-alert-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/told", dir);
    snprintf(log_file, sizeof(log_file), "%s/log", dir);
    int fd = open(log_file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(fd, STDERR_FILENO);
    close(fd);
    base = event_base_new();
    job.name = job_name;
    connector.jobs = &job;
    connector.job_count = 1;
    if (!base || children_open(base, &children, &err))
        return -1;
    alerts = alerts_new(children);
    return alerts ? 0 : -1;
}

static int close_loop(void **state)
{
    (void)state;
    alerts_free(alerts);
    children_close(children);
    event_base_free(base);
    log_flush();
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    unlink(file);
    unlink(log_file);
    return rmdir(dir);
}

static void configure(struct config_alert *list, size_t count)
{
    const struct config config = {.alerts = list, .alert_count = count, .connectors = &connector, .connector_count = 1};

    alerts_configure(alerts, &config);
}

static void run_ended(const char *letters)
{
    for (; *letters; letters++) {
        json_t *run = run_of_letter(*letters);
        alerts_run(alerts, &job, run);
        json_decref(run);
    }
}

/* Let the loop go on until all deliveries have ended. */
static void deliver_all(void)
{
    int64_t until = clock_mono_us() + 60 * CLOCK_SECOND;

    while (children_count(children) > 0) {
        assert_true(clock_mono_us() < until);
        event_base_loop(base, EVLOOP_ONCE);
    }
}

static const char *content(const char *path)
{
    static char text[100000];
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

/* The alerts that were told to the command, one letter each. */
static const char *told(void)
{
    static char letters[1000];
    size_t n = 0;
    const char *text = content(file);

    while (*text) {
        json_error_t e;
        json_t *alert = json_loads(text, JSON_DISABLE_EOF_CHECK, &e);
        assert_non_null(alert);
        letters[n++] = json_string_value(json_object_get(alert, "alert"))[0];
        text += e.position;
        assert_int_equal(*text++, '\n');
        json_decref(alert);
    }
    letters[n] = '\0';
    return letters;
}

static void a_webhook_gets_a_post_that_is_repeated_until_it_is_taken(void **state)
{
    (void)state;
    static const int statuses[] = {503, 200};
    char url[100];
    struct config_alert to = {all_events, LEN(all_events), 1, url, none};

    receiver_open(statuses, LEN(statuses));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/hooks/T0KEN?x=y", receiver.port);
    configure(&to, 1);
    run_ended("f");
    deliver_all();
    assert_int_equal(atomic_load(&receiver.requests), 2);
    const json_t *first = json_array_get(receiver.bodies, 0), *second = json_array_get(receiver.bodies, 1);
    assert_true(json_equal(first, second)); /* with the same id */
    assert_string_equal(json_string_value(json_object_get(second, "alert")), "failing");
    assert_string_equal(json_string_value(json_object_get(second, "job")), "erp.customers");
    assert_memory_equal(receiver.head, "POST /hooks/T0KEN?x=y HTTP/1.1\r\n", 32);
    assert_non_null(strcasestr(receiver.head, "\r\nContent-Type: application/json"));
    assert_string_equal(content(log_file), "");
    receiver_close();
}

static void a_webhook_that_refuses_is_logged_without_its_url(void **state)
{
    (void)state;
    static const int statuses[] = {404};
    char url[100];
    struct config_alert to = {all_events, LEN(all_events), 1, url, none};

    receiver_open(statuses, LEN(statuses));
    snprintf(url, sizeof(url), "http://user:pass@127.0.0.1:%u/hooks/T0KEN?x=y", receiver.port);
    configure(&to, 1);
    run_ended("f");
    deliver_all();
    const char *text = content(log_file);
    assert_non_null(strstr(text, "level=error job=erp.customers msg=\"alert \\\"failing\\\" was not delivered to its "
                                 "webhook: "));
    assert_non_null(strstr(text, "HTTP 404"));
    assert_null(strstr(text, "T0KEN"));
    assert_null(strstr(text, "pass"));
    assert_int_equal(atomic_load(&receiver.requests), 1); /* not what repeating would help */
    receiver_close();
}

static void plain_http_is_for_this_machine_only(void **state)
{
    (void)state;
    char url[] = "http://alerts.example/hooks/T0KEN";
    struct config_alert to = {all_events, LEN(all_events), 1, url, none};

    configure(&to, 1);
    run_ended("f");
    deliver_all();
    assert_non_null(strstr(content(log_file), "was not delivered to its webhook"));
    assert_non_null(strstr(content(log_file), "https"));
    assert_null(strstr(content(log_file), "T0KEN"));
}

static void a_command_gets_the_alert_on_its_input_and_no_secret_variable(void **state)
{
    (void)state;
    char command[300];
    struct config_alert to = {all_events, LEN(all_events), 1, none, command};

    snprintf(command, sizeof(command), "cat >> %s; test -z \"$SLUICE_TEST_SECRET\" && echo noise && echo noise >&2",
             file);
    setenv("SLUICE_TEST_SECRET", "x", 1);
    configure(&to, 1);
    run_ended("f");
    deliver_all();
    assert_string_equal(told(), "f");
    run_ended("ffs");
    deliver_all();
    assert_string_equal(told(), "fr");
    alerts_stale(alerts, &job, true, 5);
    deliver_all();
    assert_string_equal(told(), "frs");
    assert_string_equal(content(log_file), "");
    unsetenv("SLUICE_TEST_SECRET");
}

static void a_command_that_fails_is_logged(void **state)
{
    (void)state;
    static const struct {
        const char *command, *want;
    } failing[] = {
        {"exit 3", "alert \\\"failing\\\" was not delivered to its command: it ended with exit code 3"},
        {"/no/such/program", "exit code 127: the shell found no such program"},
        {"kill -9 $$", "it died of signal 9"},
    };

    for (size_t i = 0; i < LEN(failing); i++) {
        char command[100];
        struct config_alert to = {all_events, LEN(all_events), 1, none, command};
        snprintf(command, sizeof(command), "%s", failing[i].command);
        configure(&to, 1);
        run_ended("sf");
        deliver_all();
        if (!strstr(content(log_file), failing[i].want))
            fail_msg("not there: %s\n%s", failing[i].want, content(log_file));
    }
}

static void a_reload_keeps_what_was_told_to_receivers_that_remain(void **state)
{
    (void)state;
    char first[200], second[200];
    struct config_alert one = {all_events, LEN(all_events), 2, none, first};
    struct config_alert other = {all_events, LEN(all_events), 1, none, second};
    struct config_alert both[2];

    snprintf(first, sizeof(first), "cat >> %s", file);
    snprintf(second, sizeof(second), "sed 's/\"failing\"/\"FAILING\"/; s/\"recovered\"/\"RECOVERED\"/' >> %s", file);
    configure(&one, 1);
    run_ended("f");
    both[0] = other; /* new, and before the one that remains */
    both[1] = one;
    configure(both, 2);
    configure(both, 2);
    deliver_all();
    assert_string_equal(told(), "");
    run_ended("f"); /* the second failure for the one; for the other the first that it hears of */
    deliver_all();
    assert_int_equal(strlen(told()), 2);
    assert_non_null(strchr(told(), 'f'));
    assert_non_null(strchr(told(), 'F'));
    configure(&one, 1);
    run_ended("ff");
    deliver_all();
    assert_int_equal(strlen(told()), 2);
    run_ended("s");
    deliver_all();
    assert_int_equal(strlen(told()), 3);
    assert_int_equal(told()[2], 'r');
}

static void a_job_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    char command[200];
    struct config_alert to = {all_events, LEN(all_events), 1, none, command};

    snprintf(command, sizeof(command), "cat >> %s", file);
    configure(&to, 1);
    run_ended("f");
    connector.job_count = 0;
    configure(&to, 1);
    connector.job_count = 1;
    configure(&to, 1);
    run_ended("sf"); /* nothing is owed to anybody */
    deliver_all();
    assert_string_equal(told(), "ff");
}

static void many_alerts_go_a_few_at_a_time_and_the_oldest_beyond_the_queue_are_lost(void **state)
{
    (void)state;
    static const int statuses[] = {200};
    char url[100];
    struct config_alert to = {all_events, LEN(all_events), 1, url, none};

    receiver_open(statuses, LEN(statuses));
    receiver.slow = true;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", receiver.port);
    configure(&to, 1);
    for (int i = 0; i < (ALERT_PROCESSES + ALERT_QUEUE) / 2 + 3; i++)
        run_ended("fs"); /* two alerts */
    deliver_all();
    assert_int_equal(atomic_load(&receiver.requests), ALERT_PROCESSES + ALERT_QUEUE);
    assert_in_range(atomic_load(&receiver.most_at_once), 2, ALERT_PROCESSES);
    log_flush();
    assert_non_null(strstr(content(log_file), "too many alerts wait"));
    receiver_close();
}

static void alerts_that_are_freed_let_deliveries_go_on(void **state)
{
    (void)state;
    char command[200];
    struct config_alert to = {all_events, LEN(all_events), 1, none, command};

    snprintf(command, sizeof(command), "cat >> %s", file);
    configure(&to, 1);
    run_ended("f");
    alerts_free(alerts);
    alerts = NULL;
    deliver_all();
    assert_string_equal(told(), "f");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "alert") == 0)
        return alert_main();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_once),
        cmocka_unit_test(a_restart_at_any_point_neither_repeats_nor_loses_one),
        cmocka_unit_test(each_receiver_has_its_own_after_and_events),
        cmocka_unit_test(stale_is_told_once_and_ends_with_a_run_that_completes),
        cmocka_unit_test(what_is_stale_when_the_daemon_starts_was_told),
        cmocka_unit_test(hosts_that_differ_are_of_no_job),
        cmocka_unit_test(each_kind_says_what_happened),
        cmocka_unit_test(a_gap_names_its_interval),
        cmocka_unit_test(no_record_and_no_secret_is_in_an_alert),
        cmocka_unit_test_setup_teardown(a_webhook_gets_a_post_that_is_repeated_until_it_is_taken, open_loop,
                                        close_loop),
        cmocka_unit_test_setup_teardown(a_webhook_that_refuses_is_logged_without_its_url, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(plain_http_is_for_this_machine_only, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(a_command_gets_the_alert_on_its_input_and_no_secret_variable, open_loop,
                                        close_loop),
        cmocka_unit_test_setup_teardown(a_command_that_fails_is_logged, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(a_reload_keeps_what_was_told_to_receivers_that_remain, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(a_job_that_is_gone_is_forgotten, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(many_alerts_go_a_few_at_a_time_and_the_oldest_beyond_the_queue_are_lost,
                                        open_loop, close_loop),
        cmocka_unit_test_setup_teardown(alerts_that_are_freed_let_deliveries_go_on, open_loop, close_loop),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
