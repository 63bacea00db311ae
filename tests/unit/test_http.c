/* The HTTP client against sluice-sim, which answers, breaks off and hangs as it is told. */
#include "http.h"

#include "buf.h"
#include "clock.h"
#include "rate.h"
#include "retry.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MS         INT64_C(1000)
#define SMALL      "/s1services/JS/webservice.customers/getRecentSuppliers"
#define LARGE      "/s1services/JS/webservice.customers/getAllCustomers"
#define LOGIN      "{\"username\":\"demo\",\"password\":\"demo\",\"company\":1000}"

extern char **environ;

/* ---- The simulator ---- */

static pid_t sim_pid;
static unsigned sim_port;

static unsigned read_port(const char *path)
{
    unsigned port = 0;
    for (int i = 0; i < 500 && port == 0; i++) {
        FILE *file = fopen(path, "r");
        if (file) {
            if (fscanf(file, "%u", &port) != 1)
                port = 0;
            fclose(file);
        }
        clock_sleep_us(10 * MS);
    }
    return port;
}

static int start_sim(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-test-http-XXXXXX";
    char file[64];
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof file, "%s/port", dir);
    const char *argv[] = {SLUICE_SIM, "--die-with-parent", "--port-file", file,      "--customers",
                          "320000",   "--suppliers",       "40",          "--clock", "2026-02-10 09:20:03",
                          NULL};
    int rc = posix_spawn(&sim_pid, SLUICE_SIM, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    sim_port = rc == 0 ? read_port(file) : 0;
    unlink(file);
    rmdir(dir);
    return sim_port ? 0 : -1;
}

static int stop_sim(void **state)
{
    (void)state;
    int status = -1;
    kill(sim_pid, SIGTERM);
    waitpid(sim_pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int connect_sim(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)sim_port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Ask a control path without the client that is tested; `answer` gets the body. */
static void control(const char *method, const char *path, const char *body, struct buf *answer)
{
    struct buf text = {0};
    int fd = connect_sim();
    buf_printf(&text, "%s %s HTTP/1.1\r\nHost: sim\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, path,
               strlen(body), body);
    assert_int_equal(write(fd, text.ptr, text.len), (ssize_t)text.len);
    buf_clear(&text);
    for (ssize_t n; (n = read(fd, buf_reserve(&text, 4096), 4096)) > 0;)
        text.len += (size_t)n;
    close(fd);
    buf_add_char(&text, '\0');
    const char *start = strstr(text.ptr, "\r\n\r\n");
    assert_non_null(start);
    assert_memory_equal(text.ptr, "HTTP/1.1 200", 12);
    if (answer)
        buf_add_str(answer, start + 4);
    buf_free(&text);
}

static void script(const char *json)
{
    control("POST", "/_sim/reply", json, NULL);
}

static json_t *seen(void)
{
    struct buf text = {0};
    control("GET", "/_sim/requests", "", &text);
    json_t *list = json_loads(buf_text(&text), 0, NULL);
    assert_non_null(list);
    buf_free(&text);
    return list;
}

static size_t seen_count(void)
{
    json_t *list = seen();
    size_t count = json_array_size(list);
    json_decref(list);
    return count;
}

static int reset_sim(void **state)
{
    (void)state;
    control("POST", "/_sim/reset", "", NULL);
    return 0;
}

/* ---- One request ---- */

/* How much later than its moment something may come on a busy machine. */
#define LATE (2000 * MS)

static struct http_limits quick(uint32_t attempts)
{
    return (struct http_limits){.timeout_us = 20 * CLOCK_SECOND,
                                .connect_timeout_us = 2000 * MS,
                                .retry_after_max_us = 1500 * MS,
                                .backoff_us = 20 * MS,
                                .max_body = 1 << 20,
                                .attempts = attempts,
                                .parallel = 4,
                                .stop_fd = -1};
}

/* What hangs is given up soon. */
static struct http_limits hasty(uint32_t attempts)
{
    struct http_limits l = quick(attempts);

    l.timeout_us = CLOCK_SECOND;
    return l;
}

static const char *sim_url(const char *path)
{
    static char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", sim_port, path);
    return url;
}

static sluice_request post(const char *url)
{
    static const sluice_pair json = {"Content-Type", "application/json"};
    return (sluice_request){.struct_size = sizeof(sluice_request),
                            .header_count = 1,
                            .headers = &json,
                            .method = "POST",
                            .url = url,
                            .body = {LOGIN, sizeof LOGIN - 1},
                            .charset = "windows-1253"};
}

/* An answer, or why there is none. */
struct outcome {
    int rc;
    struct err err;
    sluice_reply reply;
    struct buf body;
    uint64_t replaced;
    struct http_stats stats;
    int64_t took_us;
};

static void read_all(struct http_exchange *x, uint64_t size, struct buf *out)
{
    struct err err = {0};
    for (uint64_t at = 0; at < size;) {
        sluice_str piece = {0};
        assert_int_equal(http_read(x, at, 1, &piece, &err), 0);
        assert_true(piece.len > 0);
        buf_add(out, piece.ptr, piece.len);
        at += piece.len;
    }
}

static struct outcome ask(struct http_limits limits, sluice_request request)
{
    struct outcome o = {0};
    struct http *h = NULL;
    struct http_exchange *x = NULL;
    int64_t start = clock_mono_us();
    o.rc = http_open(&limits, &h, &o.err);
    if (o.rc == 0)
        o.rc = http_send(h, &request, &x, &o.err);
    if (o.rc == 0)
        o.rc = http_wait(h, x, &o.reply, &o.err);
    o.took_us = clock_mono_us() - start;
    if (o.rc == 0) {
        read_all(x, o.reply.size, &o.body);
        o.replaced = http_replaced(x);
    }
    if (h)
        http_stats(h, &o.stats);
    http_close(h);
    return o;
}

static void check_text(const char *name, const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s: \"%s\" is not in \"%s\"", name, part, text);
}

static void check_code(const char *name, const struct outcome *o, int want)
{
    if (o->rc != want)
        fail_msg("%s: code %d, not %d: %s", name, o->rc, want, o->err.msg);
}

static void check_records(const char *name, const struct outcome *o)
{
    json_error_t error;
    json_t *json = json_loadb(buf_text(&o->body), o->body.len, 0, &error);
    if (!json)
        fail_msg("%s: not JSON: %s", name, error.text);
    if (json_array_size(json_object_get(json, "result")) != 40)
        fail_msg("%s: not 40 records", name);
    json_decref(json);
}

/* ---- Answers ---- */

static void an_answer_is_whole_and_utf_8(void **state)
{
    (void)state;
    struct outcome o = ask(quick(1), post(sim_url(SMALL)));
    check_code("plain", &o, 0);
    check_records("plain", &o);
    assert_int_equal(o.reply.status, 200);
    assert_int_equal(o.reply.size, o.body.len);
    assert_int_equal(o.replaced, 0);
    check_text("greek", buf_text(&o.body), "ΔΟΥ");
    buf_free(&o.body);

    json_t *list = seen();
    json_t *headers = json_object_get(json_array_get(list, 0), "headers");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "body")), LOGIN);
    assert_string_equal(json_string_value(json_object_get(headers, "Content-Type")), "application/json");
    assert_null(json_object_get(headers, "Expect"));
    assert_memory_equal(json_string_value(json_object_get(headers, "User-Agent")), "sluice/", 7);
    json_decref(list);
}

static void any_packing_of_an_answer_gives_the_same(void **state)
{
    (void)state;
    static const char *const faults[] = {"chunked", "gzip", "gzip-undeclared", "bom", "redirect-same"};
    for (size_t i = 0; i < LEN(faults); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"fault\":\"%s\"}", faults[i]);
        script(json);
        struct outcome o = ask(quick(1), post(sim_url(SMALL)));
        check_code(faults[i], &o, 0);
        check_records(faults[i], &o);
        buf_free(&o.body);
    }
}

static void what_http_cannot_know_is_an_answer(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        const char *start;
    } cases[] = {{"empty", ""}, {"html-200", "<!DOCTYPE html>"}, {"wrong-content-length", "{\"success\":true"}};
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"fault\":\"%s\"}", cases[i].fault);
        script(json);
        struct outcome o = ask(quick(1), post(sim_url(SMALL)));
        check_code(cases[i].fault, &o, 0);
        check_text(cases[i].fault, buf_text(&o.body), cases[i].start);
        buf_free(&o.body);
    }
}

static void the_charset_is_the_requests_then_the_claimed_one_then_utf_8(void **state)
{
    (void)state;
    static const struct {
        const char *name, *charset, *type, *base64, *want;
        uint64_t replaced;
    } cases[] = {
        {"asked for", "windows-1253", "text/plain; charset=utf-8", "wfk=", "Αω", 0},
        {"claimed", NULL, "text/plain; charset=\"windows-1253\"", "wfk=", "Αω", 0},
        {"neither", NULL, "text/plain", "zpHPiQ==", "Αω", 0},
        {"claimed nonsense", NULL, "text/plain; charset=x-none", "zpHPiQ==", "Αω", 0},
        {"byte without a letter", "windows-1253", "text/plain", "wapB",
         "Α\xEF\xBF\xBD"
         "A",
         1},
        {"mark wins", "windows-1253", "text/plain", "77u/zpE=", "Α", 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf json = {0};
        buf_add_str(&json, "{\"headers\":{\"Content-Type\":\"");
        buf_add_json(&json, (sluice_str){cases[i].type, strlen(cases[i].type)});
        buf_printf(&json, "\"},\"body_base64\":\"%s\"}", cases[i].base64);
        script(buf_text(&json));
        buf_free(&json);
        sluice_request q = post(sim_url("/s1services/JS/none"));
        q.charset = cases[i].charset;
        q.flags = SLUICE_ANY_STATUS;
        struct outcome o = ask(quick(1), q);
        check_code(cases[i].name, &o, 0);
        if (strcmp(buf_text(&o.body), cases[i].want) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, buf_text(&o.body));
        if (o.replaced != cases[i].replaced)
            fail_msg("%s: %llu replaced", cases[i].name, (unsigned long long)o.replaced);
        buf_free(&o.body);
    }
}

static void the_sources_clock_is_known(void **state)
{
    (void)state;
    const int64_t sim = INT64_C(1770708003) * CLOCK_SECOND; /* 2026-02-10 07:20:03 UTC */
    script("{\"delay_ms\":200}");
    struct outcome o = ask(quick(1), post(sim_url(SMALL)));
    check_code("Date", &o, 0);
    assert_in_range(sim - o.reply.source_time, 200 * MS, 200 * MS + LATE);
    buf_free(&o.body);

    script("{\"headers\":{\"Date\":null}}");
    o = ask(quick(1), post(sim_url(SMALL)));
    check_code("no Date", &o, 0);
    assert_in_range(clock_wall_us() - o.reply.source_time, 0, LATE);
    buf_free(&o.body);
}

/* ---- Failures ---- */

static void a_broken_answer_is_named_and_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *says;
    } cases[] = {
        {"close-before-headers", "closed without an answer"},
        {"close-in-headers", "cut inside its headers"},
        {"cut-body", "the answer was cut after "},
        {"reset", "the connection broke"},
        {"reset-in-body", "the connection broke"},
        {"chunked-cut", "before its last chunk"},
        {"gzip-cut", "gzip data was cut after"},
        {"gzip-corrupt", "gzip data is broken"},
        {"hang-before-headers", "no answer within 1 s (http.timeout)"},
        {"hang-in-body", "the answer was not whole within 1 s"},
        {"drip", "the answer was not whole within 1 s"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"fault\":\"%s\",\"times\":2}", cases[i].fault);
        script(json);
        struct outcome o = ask(hasty(1), post(sim_url(SMALL)));
        check_code(cases[i].fault, &o, SLUICE_E_RETRY);
        check_text(cases[i].fault, o.err.msg, cases[i].says);
        assert_int_equal(o.stats.requests, 1);

        o = ask(hasty(2), post(sim_url(SMALL)));
        check_code(cases[i].fault, &o, 0);
        check_records(cases[i].fault, &o);
        assert_int_equal(o.stats.requests, 2);
        assert_int_equal(o.stats.retries, 1);
        buf_free(&o.body);
    }
}

static void too_much_is_refused_once(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *says;
    } cases[] = {
        {"huge-headers", "headers are larger than 65536 bytes"},
        {"endless", "larger than http.max_body, 1048576 bytes"},
        {"gzip-bomb", "larger than http.max_body, 1048576 bytes"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"fault\":\"%s\",\"times\":1}", cases[i].fault);
        script(json);
        struct outcome o = ask(quick(3), post(sim_url(SMALL)));
        check_code(cases[i].fault, &o, SLUICE_E_REMOTE);
        check_text(cases[i].fault, o.err.msg, cases[i].says);
        assert_int_equal(o.stats.requests, 1);
    }
    script("{\"headers\":{\"Content-Encoding\":\"br\"}}");
    struct outcome o = ask(quick(3), post(sim_url(SMALL)));
    check_code("encoding", &o, SLUICE_E_REMOTE);
    check_text("encoding", o.err.msg, "Content-Encoding is br");
}

static void a_status_says_what_to_do_next(void **state)
{
    (void)state;
    static const struct {
        int status, code;
        uint64_t requests;
        const char *says;
    } cases[] = {
        {401, SLUICE_E_AUTH, 1, "HTTP 401: check softone.password: \"scripted status 401\\n\""},
        {403, SLUICE_E_AUTH, 1, "HTTP 403: check softone.password"},
        {404, SLUICE_E_CONFIG, 1, "HTTP 404: check softone.password"},
        {418, SLUICE_E_REMOTE, 1, "HTTP 418"},
        {304, SLUICE_E_REMOTE, 1, "HTTP 304"},
        {408, SLUICE_E_RETRY, 3, "HTTP 408: \"scripted status 408\\n\" (3 attempts)"},
        {429, SLUICE_E_RETRY, 3, "HTTP 429"},
        {500, SLUICE_E_RETRY, 3, "HTTP 500"},
        {503, SLUICE_E_RETRY, 3, "HTTP 503"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"status\":%d,\"times\":%d}", cases[i].status, (int)cases[i].requests);
        script(json);
        sluice_request q = post(sim_url(SMALL "?key=hidden"));
        q.hint = "softone.password";
        struct outcome o = ask(quick(3), q);
        check_code(json, &o, cases[i].code);
        check_text(json, o.err.msg, cases[i].says);
        check_text(json, o.err.msg, "getRecentSuppliers?key=...: HTTP");
        assert_memory_equal(o.err.msg, "POST http://127.0.0.1:", 22);
        assert_int_equal(o.stats.requests, cases[i].requests);
    }
}

static void the_start_of_a_refusal_is_shown_on_one_line(void **state)
{
    (void)state;
    struct buf json = {0};
    buf_add_str(&json, "{\"status\":403,\"body\":\"\\u0001\\r\\n");
    for (int i = 0; i < 40000; i++)
        buf_add_str(&json, "Άρνηση ");
    buf_add_str(&json, "\"}");
    script(buf_text(&json));
    buf_free(&json);
    struct outcome o = ask(quick(1), post(sim_url(SMALL)));
    check_code("403", &o, SLUICE_E_AUTH);
    check_text("403", o.err.msg, ": \"\\x01\\x0d\\nΆρνηση Άρνηση ");
    check_text("403", o.err.msg, "...\"");
    assert_true(strlen(o.err.msg) < 600);
}

static void any_status_makes_a_4xx_an_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        uint64_t requests;
    } cases[] = {{400, 1}, {403, 1}, {404, 1}, {429, 2}};
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"status\":%d,\"times\":%d}", cases[i].status, (int)cases[i].requests);
        script(json);
        sluice_request q = post(sim_url(SMALL));
        q.flags = SLUICE_ANY_STATUS;
        struct outcome o = ask(quick(2), q);
        check_code(json, &o, 0);
        assert_int_equal(o.reply.status, cases[i].status);
        assert_int_equal(o.stats.requests, cases[i].requests);
        check_text(json, buf_text(&o.body), "scripted status");
        buf_free(&o.body);
    }
}

static void a_request_that_may_be_refused_takes_a_400_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        int status, code;
    } cases[] = {{400, 0}, {401, SLUICE_E_AUTH}, {403, SLUICE_E_AUTH}, {404, SLUICE_E_CONFIG},
                 {422, SLUICE_E_REMOTE}, {429, SLUICE_E_RETRY}, {500, SLUICE_E_RETRY}};
    for (size_t i = 0; i < LEN(cases); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"status\":%d}", cases[i].status);
        script(json);
        sluice_request q = post(sim_url(SMALL));
        q.flags = SLUICE_MAY_REFUSE;
        struct outcome o = ask(quick(1), q);
        check_code(json, &o, cases[i].code);
        if (!cases[i].code)
            check_text(json, buf_text(&o.body), "scripted status");
        buf_free(&o.body);
    }
}

static void once_is_once(void **state)
{
    (void)state;
    script("{\"fault\":\"close-before-headers\"}");
    sluice_request q = post(sim_url(SMALL));
    q.flags = SLUICE_ONCE;
    struct outcome o = ask(quick(5), q);
    check_code("once", &o, SLUICE_E_RETRY);
    assert_int_equal(seen_count(), 1);
}

static void retry_after_is_honoured_up_to_its_limit(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t least;
    } cases[] = {
        {"{\"status\":503,\"headers\":{\"Retry-After\":\"1\"}}", 1000},
        {"{\"status\":429,\"retry_after_date\":1}", 1000},
        {"{\"status\":429,\"headers\":{\"Retry-After\":\"86400\"}}", 1500},
        {"{\"status\":503,\"headers\":{\"Retry-After\":\"soon\"}}", 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        script(cases[i].json);
        struct outcome o = ask(quick(2), post(sim_url(SMALL)));
        check_code(cases[i].json, &o, 0);
        if (o.took_us < cases[i].least * MS || o.took_us > cases[i].least * MS + LATE)
            fail_msg("%s: %lld ms", cases[i].json, (long long)(o.took_us / MS));
        buf_free(&o.body);
    }
}

static void redirects_stay_at_home(void **state)
{
    (void)state;
    static const struct {
        const char *method, *json;
        int code;
        const char *says;
    } cases[] = {
        {"POST", "{\"fault\":\"redirect-same\",\"status\":308}", 0, NULL},
        {"GET", "{\"fault\":\"redirect-same\",\"status\":302}", SLUICE_E_REMOTE, "HTTP 405"},
        {"POST", "{\"fault\":\"redirect-same\",\"status\":302}", SLUICE_E_CONFIG, "not to send the POST there"},
        {"POST", "{\"fault\":\"redirect-other\"}", SLUICE_E_CONFIG, "another server"},
        {"POST", "{\"fault\":\"redirect-loop\",\"times\":6}", SLUICE_E_REMOTE, "more than 5 redirects"},
        {"POST", "{\"status\":307}", SLUICE_E_REMOTE, "without a usable Location"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        reset_sim(NULL);
        script(cases[i].json);
        sluice_request q = post(sim_url(SMALL));
        q.method = cases[i].method;
        struct outcome o = ask(quick(1), q);
        check_code(cases[i].json, &o, cases[i].code);
        if (cases[i].says)
            check_text(cases[i].json, o.err.msg, cases[i].says);
        buf_free(&o.body);
    }
}

static void what_is_not_there_is_named(void **state)
{
    (void)state;
    struct outcome o = ask(quick(2), post("http://127.0.0.1:1/x"));
    check_code("refused", &o, SLUICE_E_RETRY);
    check_text("refused", o.err.msg, "no connection to 127.0.0.1:1: Connection refused");

    struct http_limits open = quick(3);
    open.insecure = true;
    o = ask(open, post("http://none.invalid/x"));
    check_code("unknown host", &o, SLUICE_E_RETRY);
    check_text("unknown host", o.err.msg, "host name none.invalid was not found");
    check_text("unknown host", o.err.msg, "(3 attempts)");

    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", sim_port);
    o = ask(quick(1), post(url));
    assert_int_not_equal(o.rc, 0);

    struct http_limits l = quick(1);
    l.ca_file = "/nowhere/ca.pem";
    o = ask(l, post(url));
    check_code("ca_file", &o, SLUICE_E_CONFIG);
    check_text("ca_file", o.err.msg, "http.ca_file /nowhere/ca.pem");
}

static void a_request_that_cannot_be_right_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int code;
        const char *says;
    } cases[] = {
        {"http://erp.example/x?pass=secret", SLUICE_E_CONFIG, "unencrypted"},
        {"http://127.0.0.1.evil.example/", SLUICE_E_CONFIG, "unencrypted"},
        {"http://user:secret@192.0.2.1/", SLUICE_E_CONFIG, "http://192.0.2.1/"},
        {"ftp://127.0.0.1/", SLUICE_E_CONFIG, "only https:// and http://"},
        {"file:///etc/passwd", SLUICE_E_CONFIG, ""},
        {"erp.example/x", SLUICE_E_CONFIG, "not a URL"},
        {"", SLUICE_E_CONFIG, "not a URL"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct outcome o = ask(quick(1), post(cases[i].url));
        check_code(cases[i].url, &o, cases[i].code);
        check_text(cases[i].url, o.err.msg, cases[i].says);
        assert_null(strstr(o.err.msg, "secret"));
    }
    const sluice_pair key = {"X-API-Key", "abc\n"};
    sluice_request q = post(sim_url(SMALL));
    q.headers = &key;
    struct outcome o = ask(quick(1), q);
    check_code("header", &o, SLUICE_E_CONFIG);
    check_text("header", o.err.msg, "header X-API-Key");
    q = post(sim_url(SMALL));
    q.charset = "windows-9999";
    o = ask(quick(1), q);
    check_code("charset", &o, SLUICE_E_CONFIG);
}

static void urls_are_compared_and_shown_without_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"https://u:p@h.example:8443/a/b?x=1&y=2#f", "https://h.example:8443/a/b?x=...&y=..."},
        {"https://h/a?secret", "https://h/a?..."},
        {"https://h", "https://h"},
        {"https://h/a\x01\xC3\xA9 b", "https://h/a%01%C3%A9%20b"},
        {"https://u:p/q@h:1/a", "https://h:1/a"},
        {"https://u:p?q#r/@h/", "https://h/"},
        {"https://h/a@b", "https://h/a@b"},
        {"https://[::1]:80/a@b", "https://[::1]:80/a@b"},
        {"https://h:80/a@b", "https://h:80/a@b"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char out[128];
        url_show(cases[i].url, out, sizeof out);
        assert_string_equal(out, cases[i].shown);
    }
    char small[16];
    url_show("https://host/path", small, sizeof small);
    assert_string_equal(small, "https://host...");
    url_show("https://host/ab", small, sizeof small);
    assert_string_equal(small, "https://host/ab");
    assert_true(url_same_origin("https://h/a", "https://H:443/b"));
    assert_false(url_same_origin("https://h/a", "http://h/a"));
    assert_false(url_same_origin("https://h/a", "https://h:444/a"));
    assert_false(url_same_origin("https://h/a", "https://h.example/a"));
}

static void the_environments_proxy_is_ignored(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct outcome o = ask(quick(1), post(sim_url(SMALL)));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    check_code("proxy", &o, 0);
    buf_free(&o.body);

    struct http_limits l = quick(1);
    l.proxy = "http://127.0.0.1:1";
    l.insecure = true;
    o = ask(l, post("http://erp.invalid/"));
    check_code("own proxy", &o, SLUICE_E_RETRY);
    check_text("own proxy", o.err.msg, "Connection refused");
}

/* ---- Size ---- */

static long memory_kib(const char *field)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtol(line + strlen(field), NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static void a_large_answer_needs_little_memory(void **state)
{
    (void)state;
    struct http_limits l = quick(1);
    l.max_body = 1 << 30;
    l.timeout_us = 20 * CLOCK_SECOND;
    l.record_max = 1 << 20;
    sluice_request q = post(sim_url(LARGE));
    struct http *h = NULL;
    struct http_exchange *x = NULL;
    sluice_reply reply = {.struct_size = sizeof reply};
    struct err err = {0};
    assert_int_equal(http_open(&l, &h, &err), 0);
    long before = memory_kib("VmRSS:");
    assert_int_equal(http_send(h, &q, &x, &err), 0);
    assert_int_equal(http_wait(h, x, &reply, &err), 0);
    assert_true(reply.size > 100000000);

    uint64_t records = 0;
    sluice_str piece = {0};
    for (uint64_t at = 0; at < reply.size; at += piece.len) {
        assert_int_equal(http_read(x, at, 1000, &piece, &err), 0);
        for (const char *p = piece.ptr; (p = memchr(p, '{', piece.len - (size_t)(p - piece.ptr))) != NULL; p++)
            records++;
    }
    assert_int_equal(records, 320001);
    assert_int_equal(http_read(x, 50000001, 20, &piece, &err), 0); /* any order */
    assert_true(piece.len >= 20);
    assert_int_equal(http_read(x, 0, 1 << 20, &piece, &err), 0);
    assert_true(piece.len >= 1 << 20);
    assert_int_equal(http_read(x, 0, (1 << 20) + 1, &piece, &err), SLUICE_E_REMOTE);
    assert_int_equal(http_read(x, reply.size - 3, 1 << 21, &piece, &err), 0);
    assert_int_equal(piece.len, 3);
    assert_int_equal(http_read(x, reply.size + 5, 1, &piece, &err), 0);
    assert_int_equal(piece.len, 0);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(memory_kib("VmHWM:") - before < 8 * 1024);
#else
    (void)before;
#endif
    http_close(h);
}

static void no_room_for_a_large_answer_is_said(void **state)
{
    (void)state;
    struct http_limits l = quick(1);
    l.max_body = 1 << 30;
    l.timeout_us = 20 * CLOCK_SECOND;
    l.spool_dir = "/nowhere";
    struct outcome o = ask(l, post(sim_url(LARGE)));
    check_code("spool", &o, E_SYSTEM);
    check_text("spool", o.err.msg, "no file for a large answer in /nowhere");
}

/* ---- Several at once ---- */

static void several_are_under_way_and_keep_their_answers(void **state)
{
    (void)state;
    enum { PAGES = 8 };
    struct http_limits l = quick(2);
    struct http *h = NULL;
    struct http_exchange *x[PAGES] = {NULL};
    struct err err = {0};
    assert_int_equal(http_open(&l, &h, &err), 0);
    for (int i = 0; i < PAGES; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"path\":\"page-%d.\",\"status\":200,\"body\":\"this is %d\",\"delay_ms\":%d%s}",
                 i, i, i == 2 ? 0 : 700, i == 2 ? ",\"fault\":\"cut-body\"" : "");
        script(text);
        if (i == 2) {
            script("{\"path\":\"page-2.\",\"status\":200,\"body\":\"this is 2\"}");
        }
        snprintf(text, sizeof text, "/s1services/JS/page-%d.", i);
        sluice_request q = post(sim_url(text));
        assert_int_equal(http_send(h, &q, &x[i], &err), 0);
    }
    int64_t start = clock_mono_us();
    for (int i = 0; i < PAGES; i++) {
        int at = i ^ 1; /* not quite in order */
        char want[16];
        sluice_reply reply = {.struct_size = sizeof reply};
        sluice_str body = {0};
        snprintf(want, sizeof want, "this is %d", at);
        assert_int_equal(http_wait(h, x[at], &reply, &err), 0);
        assert_int_equal(http_wait(h, x[at], &reply, &err), 0);
        assert_int_equal(http_read(x[at], 0, 1, &body, &err), 0);
        assert_int_equal(body.len, strlen(want));
        assert_memory_equal(body.ptr, want, body.len);
        assert_string_equal(http_header(x[at], "content-LENGTH").ptr, "9");
        assert_int_equal(http_header(x[at], "X-None").len, 0);
    }
    assert_true(clock_mono_us() - start < 1400 * MS + LATE); /* one after the other: 4900 */
    struct http_stats stats;
    http_stats(h, &stats);
    assert_int_equal(stats.requests, PAGES + 1);
    assert_int_equal(stats.retries, 1);
    http_drop(h, x[3]);
    http_drop(h, NULL);
    http_close(h);
}

static void a_busy_caller_does_not_let_requests_time_out(void **state)
{
    (void)state;
    struct http_limits l = hasty(1);
    struct http *h = NULL;
    struct http_exchange *x[2] = {NULL};
    struct err err = {0};
    sluice_reply reply = {.struct_size = sizeof reply};
    sluice_request q = post(sim_url(SMALL));
    script("{\"delay_ms\":20}");
    script("{\"delay_ms\":200}");
    assert_int_equal(http_open(&l, &h, &err), 0);
    assert_int_equal(http_send(h, &q, &x[0], &err), 0);
    assert_int_equal(http_wait(h, x[0], &reply, &err), 0);
    assert_int_equal(http_send(h, &q, &x[0], &err), 0);
    assert_int_equal(http_send(h, &q, &x[1], &err), 0);
    assert_int_equal(http_wait(h, x[1], &reply, &err), 0);
    clock_sleep_us(1200 * MS); /* longer than the time-out of 1000 */
    assert_int_equal(http_wait(h, x[0], &reply, &err), 0);
    http_close(h);
}

/* ---- Rate ---- */

static void a_minute_has_only_so_many_starts(void **state)
{
    (void)state;
    struct rate r;
    assert_true(rate_init(&r, 2));
    assert_int_equal(rate_wait_us(&r, 0), 0);
    rate_note(&r, 0);
    assert_int_equal(rate_wait_us(&r, 10 * CLOCK_SECOND), 0);
    rate_note(&r, 10 * CLOCK_SECOND);
    assert_int_equal(rate_wait_us(&r, 20 * CLOCK_SECOND), 40 * CLOCK_SECOND);
    assert_int_equal(rate_wait_us(&r, 60 * CLOCK_SECOND), 0);
    rate_note(&r, 60 * CLOCK_SECOND);
    assert_int_equal(rate_wait_us(&r, 60 * CLOCK_SECOND), 10 * CLOCK_SECOND);
    rate_free(&r);
    assert_true(rate_init(&r, 0));
    assert_int_equal(rate_wait_us(&r, 0), 0);
    rate_free(&r);
}

static void waits_between_attempts_are_bounded(void **state)
{
    (void)state;
    for (uint32_t failed = 1; failed < 100; failed++) {
        int64_t wait = retry_backoff_us(100 * MS, failed);
        assert_in_range(wait, 0, failed < 10 ? (100 * MS) << (failed - 1) : 60 * CLOCK_SECOND);
    }
    static const struct {
        const char *value;
        bool good;
        int64_t wait;
    } cases[] = {
        {"0", true, 0},
        {"120", true, 120 * CLOCK_SECOND},
        {"99999999999999999999999", true, INT64_C(100000000) * CLOCK_SECOND},
        {"Tue, 10 Feb 2026 07:20:13 GMT", true, 10 * CLOCK_SECOND},
        {"Tue, 10 Feb 2026 07:19:13 GMT", true, 0},
        {"", false, 0},
        {"-5", false, 0},
        {"soon", false, 0},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        int64_t wait = 0;
        bool good = retry_after_us(cases[i].value, INT64_C(1770708003) * CLOCK_SECOND, &wait);
        if (good != cases[i].good || wait != cases[i].wait)
            fail_msg("\"%s\": %d, %lld", cases[i].value, good, (long long)wait);
    }
}

/* ---- Cancel ---- */

/* A name look-up that takes long: this program's getaddrinfo() stands before the C library's. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **found)
{
    if (node && strcmp(node, "slow.invalid") == 0)
        clock_sleep_us(5 * CLOCK_SECOND);
    if (node && strstr(node, ".invalid"))
        return EAI_NONAME;
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &symbol, sizeof real);
    return real(node, service, hints, found);
}

static void *write_later(void *context)
{
    const int *fd = context;
    clock_sleep_us(150 * MS);
    if (write(*fd, "x", 1) != 1)
        abort();
    return NULL;
}

/* A port that takes connections and says nothing. */
static int silent_listener(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void check_cancelled(const char *name, struct http_limits l, const char *url)
{
    int fds[2];
    pthread_t thread;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    l.stop_fd = fds[0];
    l.timeout_us = l.connect_timeout_us = 10 * CLOCK_SECOND;
    l.retry_after_max_us = 60 * CLOCK_SECOND;
    l.attempts = 3;
    assert_int_equal(pthread_create(&thread, NULL, write_later, &fds[1]), 0);
    struct outcome o = ask(l, post(url));
    int64_t start = clock_mono_us();
    pthread_join(thread, NULL);
    check_code(name, &o, SLUICE_E_CANCELLED);
    if (o.took_us < 100 * MS || o.took_us > 150 * MS + LATE || clock_mono_us() - start > LATE)
        fail_msg("%s: cancelled after %lld ms", name, (long long)(o.took_us / MS));
    close(fds[0]);
    close(fds[1]);
}

static void a_cancel_ends_every_wait(void **state)
{
    (void)state;
    struct http_limits l = quick(3);
    l.insecure = true;
    check_cancelled("name look-up", l, "http://slow.invalid/");

    unsigned port = 0;
    int listener = silent_listener(&port);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
    check_cancelled("TLS", l, url);
    close(listener);

    script("{\"fault\":\"hang-before-headers\"}");
    check_cancelled("before headers", l, sim_url(SMALL));
    script("{\"fault\":\"hang-in-body\"}");
    check_cancelled("in the body", l, sim_url(SMALL));
    script("{\"fault\":\"drip\"}");
    check_cancelled("drip", l, sim_url(SMALL));
    script("{\"fault\":\"endless\"}");
    l.max_body = UINT64_C(1) << 40;
    check_cancelled("endless", l, sim_url(SMALL));
    script("{\"status\":503,\"headers\":{\"Retry-After\":\"30\"}}");
    check_cancelled("Retry-After", l, sim_url(SMALL));
}

static void a_cancel_ends_the_wait_for_the_rate(void **state)
{
    (void)state;
    struct http_limits l = quick(1);
    int fds[2];
    pthread_t thread;
    struct http *h = NULL;
    struct http_exchange *x[4] = {NULL};
    struct err err = {0};
    sluice_reply reply = {.struct_size = sizeof reply};
    sluice_request q = post(sim_url(SMALL));
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    l.stop_fd = fds[0];
    l.rate_per_min = 3;
    assert_int_equal(http_open(&l, &h, &err), 0);
    for (size_t i = 0; i < LEN(x); i++)
        assert_int_equal(http_send(h, &q, &x[i], &err), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(http_wait(h, x[i], &reply, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_later, &fds[1]), 0);
    assert_int_equal(http_wait(h, x[3], &reply, &err), SLUICE_E_CANCELLED);
    assert_int_equal(http_wait(h, x[3], &reply, &err), SLUICE_E_CANCELLED);
    pthread_join(thread, NULL);
    struct http_stats stats;
    http_stats(h, &stats);
    assert_in_range(stats.throttled_us, 100 * MS, 150 * MS + LATE);
    assert_int_equal(seen_count(), 3);
    http_close(h);
    close(fds[0]);
    close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup(name, reset_sim)

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_whole_and_utf_8),
        TEST(any_packing_of_an_answer_gives_the_same),
        TEST(what_http_cannot_know_is_an_answer),
        TEST(the_charset_is_the_requests_then_the_claimed_one_then_utf_8),
        TEST(the_sources_clock_is_known),
        TEST(a_broken_answer_is_named_and_repeated),
        TEST(too_much_is_refused_once),
        TEST(a_status_says_what_to_do_next),
        TEST(the_start_of_a_refusal_is_shown_on_one_line),
        TEST(any_status_makes_a_4xx_an_answer),
        TEST(a_request_that_may_be_refused_takes_a_400_and_nothing_else),
        TEST(once_is_once),
        TEST(retry_after_is_honoured_up_to_its_limit),
        TEST(redirects_stay_at_home),
        TEST(what_is_not_there_is_named),
        TEST(a_request_that_cannot_be_right_is_refused),
        TEST(urls_are_compared_and_shown_without_secrets),
        TEST(the_environments_proxy_is_ignored),
        TEST(a_large_answer_needs_little_memory),
        TEST(no_room_for_a_large_answer_is_said),
        TEST(several_are_under_way_and_keep_their_answers),
        TEST(a_busy_caller_does_not_let_requests_time_out),
        TEST(a_minute_has_only_so_many_starts),
        TEST(waits_between_attempts_are_bounded),
        TEST(a_cancel_ends_every_wait),
        TEST(a_cancel_ends_the_wait_for_the_rate),
    };
    return cmocka_run_group_tests_name("http", tests, start_sim, stop_sim);
}
