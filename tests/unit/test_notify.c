/* What a service manager hears, on a socket as it would have one. */
#include "notify.h"

#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

/* A socket bound to `name`; "@" stands for the abstract name space. */
static int listen_at(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, name, len);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

static const char *heard(int fd)
{
    static char text[512];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void the_first_word_needs_no_opening(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@sluice-test-first-%ld", (long)getpid());
    int fd = listen_at(name);

    setenv("NOTIFY_SOCKET", name, 1);
    assert_true(notify_send("READY=1"));
    assert_string_equal(heard(fd), "READY=1");
    assert_null(getenv("NOTIFY_SOCKET"));
    close(fd);
}

static void what_is_told_arrives_at_both_kinds_of_socket(void **state)
{
    (void)state;
    char path[64], name[64];
    snprintf(path, sizeof(path), "/tmp/sluice-test-notify-%ld", (long)getpid());
    snprintf(name, sizeof(name), "@sluice-test-notify-%ld", (long)getpid());
    const char *const names[] = {path, name};

    for (size_t i = 0; i < LEN(names); i++) {
        int fd = listen_at(names[i]);
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open();
        assert_null(getenv("NOTIFY_SOCKET"));
        assert_true(notify_send("READY=1\nSTATUS=2 jobs"));
        assert_string_equal(heard(fd), "READY=1\nSTATUS=2 jobs");
        assert_true(notify_send("STOPPING=1"));
        assert_string_equal(heard(fd), "STOPPING=1");
        close(fd);
        assert_false(notify_send("READY=1")); /* it has gone */
    }
    unlink(path);
}

static void a_reload_tells_when_it_began(void **state)
{
    (void)state;
    long long at = 0;
    char rest = 0, name[64];
    snprintf(name, sizeof(name), "@sluice-test-reload-%ld", (long)getpid());
    int fd = listen_at(name);

    setenv("NOTIFY_SOCKET", name, 1);
    notify_open();
    int64_t before = clock_mono_us();
    assert_true(notify_reloading());
    assert_int_equal(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%lld%c", &at, &rest), 1);
    assert_in_range(at, before, clock_mono_us());
    close(fd);
}

static void a_manager_that_does_not_listen_holds_nobody_up_for_long(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@sluice-test-full-%ld", (long)getpid());
    int fd = listen_at(name), sent = 0;

    setenv("NOTIFY_SOCKET", name, 1);
    notify_open();
    int64_t before = clock_mono_us();
    while (sent < 100000 && notify_send("WATCHDOG=1"))
        sent++;
    assert_in_range(sent, 1, 99999);
    assert_true(clock_mono_us() - before < 30 * CLOCK_SECOND);
    close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    static char long_name[200] = "/tmp/";
    memset(long_name + 5, 'x', sizeof(long_name) - 6);
    const char *const names[] = {
        NULL, "", "@", "relative", "vsock:2:1234", long_name, "/tmp/sluice-test-nobody/socket"};

    for (size_t i = 0; i < LEN(names); i++) {
        if (names[i])
            setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open();
        assert_false(notify_send("READY=1"));
        assert_false(notify_reloading());
    }
}

static void the_watchdog_is_for_the_process_that_it_names(void **state)
{
    (void)state;
    char own[24], other[24];
    snprintf(own, sizeof(own), "%ld", (long)getpid());
    snprintf(other, sizeof(other), "%ld", (long)getppid());
    const struct {
        const char *usec, *pid;
        int64_t want;
    } cases[] = {
        {"60000000", own, 60000000},
        {"60000000", NULL, 60000000},
        {"60000000", other, 0},
        {NULL, own, 0},
        {"", own, 0},
        {"6s", own, 0},
        {"-5", own, 0},
        {"60000000", "x", 0},
        {"99999999999999999999", own, 0},
    };

    for (size_t i = 0; i < LEN(cases); i++) {
        if (cases[i].usec)
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        if (cases[i].pid)
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        notify_open();
        assert_int_equal(notify_watchdog_us(), cases[i].want);
        assert_null(getenv("WATCHDOG_USEC"));
        assert_null(getenv("WATCHDOG_PID"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_word_needs_no_opening), /* so it is the first */
        cmocka_unit_test(what_is_told_arrives_at_both_kinds_of_socket),
        cmocka_unit_test(a_reload_tells_when_it_began),
        cmocka_unit_test(a_manager_that_does_not_listen_holds_nobody_up_for_long),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(the_watchdog_is_for_the_process_that_it_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
