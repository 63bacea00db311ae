/* Lines for people and for machines: one an event, of bounded length, without secrets, repeated ones counted. */
#include "log.h"

#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static char shown[16384]; /* what the last capture saw */
static int ends[2], saved_stderr;

static void capture(void)
{
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t got = read(ends[0], shown, sizeof(shown) - 1);
    close(ends[0]);
    shown[got > 0 ? got : 0] = '\0';
}

/* How many lines there are, each with its time taken out, in one text. */
static size_t without_times(char *out, size_t size)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    size_t lines = 0, used = 0;

    out[0] = '\0';
    for (char *line = strtok(shown, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        size_t head = line[0] == '{' ? strlen("{\"time\":\"") : strlen("time=");
        for (size_t i = 0; i < sizeof(shape) - 1; i++)
            assert_true(shape[i] == 'd' ? line[head + i] >= '0' && line[head + i] <= '9' : line[head + i] == shape[i]);
        used += (size_t)snprintf(out + used, size - used, "%s\n", line + head + sizeof(shape) - 1);
        assert_true(used < size);
    }
    return lines;
}

static int start_afresh(void **state)
{
    (void)state;
    log_set_json(false); /* also forgets the last line */
    log_set_level(LOG_WARN);
    redact_forget();
    return redact_add("hunter2!", 8) ? 0 : -1;
}

static void one_event_is_one_line(void **state)
{
    (void)state;
    static const struct {
        int level;
        const char *subject, *message, *want; /* behind the time */
    } cases[] = {
        {LOG_WARN, "erp.customers", "gap of 5 s", " level=warn job=erp.customers msg=\"gap of 5 s\"\n"},
        {LOG_ERROR, NULL, "x", " level=error msg=\"x\"\n"},
        {LOG_ERROR, "", "", " level=error msg=\"\"\n"},
        {LOG_ERROR, "a b", "c=\"d\\e\"", " level=error job=\"a b\" msg=\"c=\\\"d\\\\e\\\"\"\n"},
        {LOG_ERROR, "x", "two\nlines\r\nand\ta \x1B[31mcolour\x7F",
         " level=error job=x msg=\"two\\nlines\\r\\nand\\ta \\u001b[31mcolour\\u007f\"\n"},
        {LOG_ERROR, "Αθήνα",
         "\xC2\x9B"
         "31m",
         " level=error job=\"Αθήνα\" msg=\"\\u009b31m\"\n"},
        {LOG_ERROR, "x", "bad \xFF byte", " level=error job=x msg=\"bad \xEF\xBF\xBD byte\"\n"},
        {LOG_ERROR, "x", "key hunter2!", " level=error job=x msg=\"key ***\"\n"},
        {LOG_ERROR, "hunter2!", "m", " level=error job=*** msg=\"m\"\n"},
    };
    char got[8192];

    for (size_t i = 0; i < LEN(cases); i++) {
        capture();
        errno = ENOTTY;
        log_line(cases[i].level, cases[i].subject, "%s", cases[i].message);
        assert_int_equal(errno, ENOTTY);
        release();
        assert_int_equal(without_times(got, sizeof(got)), 1);
        assert_string_equal(got, cases[i].want);
    }
}

static void fields_come_behind_the_message(void **state)
{
    (void)state;
    const struct log_field fields[] = {LOG_TEXT("run", "01J"), LOG_NUMBER("errors", INT64_MIN),
                                       LOG_TEXT("why", "hunter2! it is"), LOG_TEXT("none", NULL)};
    char got[8192];

    capture();
    log_event(LOG_WARN, "a.b", "done", fields, LEN(fields));
    log_set_json(true);
    log_event(LOG_WARN, "a.b", "done", fields, LEN(fields));
    release();
    assert_int_equal(without_times(got, sizeof(got)), 2);
    assert_string_equal(got, " level=warn job=a.b msg=\"done\" run=01J errors=-9223372036854775808 why=\"*** it is\"\n"
                             "\",\"level\":\"warn\",\"job\":\"a.b\",\"msg\":\"done\",\"run\":\"01J\","
                             "\"errors\":-9223372036854775808,\"why\":\"*** it is\"}\n");
}

static void lines_beyond_the_level_are_dropped(void **state)
{
    (void)state;
    char got[8192];

    capture();
    log_line(LOG_INFO, "x", "quiet");
    log_set_level(LOG_DEBUG);
    log_line(LOG_DEBUG, "x", "loud");
    release();
    assert_int_equal(without_times(got, sizeof(got)), 1);
    assert_string_equal(got, " level=debug job=x msg=\"loud\"\n");
}

/* One line, whatever it is made of: whole, not too long, and JSON where it says so. */
static void check_line(bool json)
{
    size_t len = strlen(shown);

    assert_in_range(len, 1, 4096);
    assert_ptr_equal(strchr(shown, '\n'), shown + len - 1);
    if (!json)
        return;
    json_t *line = json_loads(shown, 0, NULL);
    assert_non_null(line);
    assert_true(json_is_string(json_object_get(line, "time")));
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    assert_true(json_is_string(json_object_get(line, "msg")));
    json_decref(line);
}

static void a_line_of_any_texts_is_whole_and_not_too_long(void **state)
{
    (void)state;
    static const char *const parts[] = {"x", "\n", "\"", "α", "\xFF", "\xF0\x9F\x98\x80", "\x1B", "\xC2\x80", "\xC2"};
    static char text[6001];

    for (size_t i = 0; i < LEN(parts) * 2 * 3; i++) {
        const char *part = parts[i / 6];
        bool json = i & 1;
        size_t len = 0, n = strlen(part);
        for (len = 0; len + n < sizeof(text); len += n)
            memcpy(text + len, part, n);
        text[len] = '\0';
        const struct log_field fields[] = {LOG_TEXT("first", "here"), LOG_TEXT("f", i % 3 == 1 ? text : "short"),
                                           LOG_NUMBER("last", 7)};
        log_set_json(json);
        capture();
        log_event(LOG_WARN, i % 3 == 2 ? text : "job", text, fields, LEN(fields));
        release();
        check_line(json);
        assert_non_null(strstr(shown, "…")); /* that it was cut */
        assert_non_null(strstr(shown, "here"));
        assert_non_null(strstr(shown, json ? ",\"last\":7}" : " last=7\n"));
    }
}

static void equal_lines_in_a_row_are_counted(void **state)
{
    (void)state;
    char got[8192];

    capture();
    for (int i = 0; i < 18; i++)
        log_line(LOG_WARN, "a.b", "slow");
    log_line(LOG_ERROR, "a.b", "slow"); /* another level is another event */
    log_line(LOG_ERROR, "a.c", "slow");
    log_line(LOG_WARN, "a.b", "slow");
    log_line(LOG_INFO, "a.b", "not told, so not between"); /* below the level */
    log_line(LOG_WARN, "a.b", "slow");
    log_flush();
    log_flush();
    release();
    assert_int_equal(without_times(got, sizeof(got)), 6);
    assert_string_equal(got, " level=warn job=a.b msg=\"slow\"\n"
                             " level=warn job=a.b msg=\"slow\" repeated=17\n"
                             " level=error job=a.b msg=\"slow\"\n"
                             " level=error job=a.c msg=\"slow\"\n"
                             " level=warn job=a.b msg=\"slow\"\n"
                             " level=warn job=a.b msg=\"slow\" repeated=1\n");
}

static void events_with_other_fields_are_not_repeated_ones(void **state)
{
    (void)state;
    char got[8192];

    log_set_json(true);
    capture();
    for (int i = 0; i < 4; i++) {
        const struct log_field fields[] = {LOG_NUMBER("created", i / 2)};
        log_event(LOG_WARN, "a.b", "success", fields, LEN(fields));
    }
    log_set_json(false); /* tells what it held back in the format it came in */
    release();
    assert_int_equal(without_times(got, sizeof(got)), 4);
    assert_string_equal(got,
                        "\",\"level\":\"warn\",\"job\":\"a.b\",\"msg\":\"success\",\"created\":0}\n"
                        "\",\"level\":\"warn\",\"job\":\"a.b\",\"msg\":\"success\",\"created\":0,\"repeated\":1}\n"
                        "\",\"level\":\"warn\",\"job\":\"a.b\",\"msg\":\"success\",\"created\":1}\n"
                        "\",\"level\":\"warn\",\"job\":\"a.b\",\"msg\":\"success\",\"created\":1,\"repeated\":1}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_event_is_one_line, start_afresh),
        cmocka_unit_test_setup(fields_come_behind_the_message, start_afresh),
        cmocka_unit_test_setup(lines_beyond_the_level_are_dropped, start_afresh),
        cmocka_unit_test_setup(a_line_of_any_texts_is_whole_and_not_too_long, start_afresh),
        cmocka_unit_test_setup(equal_lines_in_a_row_are_counted, start_afresh),
        cmocka_unit_test_setup(events_with_other_fields_are_not_repeated_ones, start_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
