/* The page that Prometheus reads: every figure where it belongs, and promtool finds nothing to complain of. */
#include "metrics.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND INT64_C(1000000)

static struct metrics *m;

static int set_up(void **state)
{
    (void)state;
    m = metrics_new();
    return m ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_free(m);
    return 0;
}

static void ran(const char *job, const char *status, int duration_ms, int created, int errors)
{
    json_t *run = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "job", job, "status", status, "duration_ms",
                            duration_ms, "created", created, "updated", 2, "skipped", 3, "errors", errors);
    assert_non_null(run);
    metrics_run(m, run);
    json_decref(run);
}

/* The page; lives until the next call. */
static const char *page(const struct metrics_now *now)
{
    static struct buf out;

    buf_free(&out);
    metrics_print(m, now, &out);
    assert_false(out.failed);
    return buf_text(&out);
}

static void check_lines(const char *text, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char line[300];
        snprintf(line, sizeof(line), "\n%s\n", lines[i]);
        if (!strstr(text, line))
            fail_msg("not there: %s\n%s", lines[i], text);
    }
}

static void runs_and_their_records_are_counted_by_job_and_outcome(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "# TYPE sluice_runs_total counter",
        "sluice_runs_total{job=\"a.b\",outcome=\"success\"} 2",
        "sluice_runs_total{job=\"a.b\",outcome=\"partial\"} 0",
        "sluice_runs_total{job=\"a.b\",outcome=\"failed\"} 1",
        "sluice_runs_total{job=\"c.d\",outcome=\"crashed\"} 1",
        "sluice_records_total{job=\"a.b\",outcome=\"created\"} 12",
        "sluice_records_total{job=\"a.b\",outcome=\"updated\"} 6",
        "sluice_records_total{job=\"a.b\",outcome=\"skipped\"} 9",
        "sluice_records_total{job=\"a.b\",outcome=\"rejected\"} 1",
        "sluice_run_duration_seconds_bucket{job=\"a.b\",le=\"0.1\"} 1",
        "sluice_run_duration_seconds_bucket{job=\"a.b\",le=\"0.5\"} 1",
        "sluice_run_duration_seconds_bucket{job=\"a.b\",le=\"1\"} 2",
        "sluice_run_duration_seconds_bucket{job=\"a.b\",le=\"3600\"} 2",
        "sluice_run_duration_seconds_bucket{job=\"a.b\",le=\"+Inf\"} 3",
        "sluice_run_duration_seconds_sum{job=\"a.b\"} 7200.601",
        "sluice_run_duration_seconds_count{job=\"a.b\"} 3",
    };

    ran("c.d", "crashed", 0, 0, 0);
    ran("a.b", "success", 100, 5, 1);
    ran("a.b", "success", 501, 7, 0);
    ran("a.b", "failed", 7200000, 0, 0);
    ran("a.b", "running", 1, 1000, 0); /* has not ended */
    check_lines(page(&(struct metrics_now){0}), lines, LEN(lines));
}

static void what_jobs_are_doing_is_told_as_it_is_now(void **state)
{
    (void)state;
    const struct metrics_job jobs[] = {
        {.job = "a.b", .last_success_us = 1760173125123456, .next_run_us = 1760173200 * SECOND, .running = true},
        {.job = "c.d", .paused = true},
    };
    static const char *const lines[] = {
        "sluice_last_success_timestamp_seconds{job=\"a.b\"} 1760173125.123456",
        "sluice_next_run_timestamp_seconds{job=\"a.b\"} 1760173200",
        "sluice_job_running{job=\"a.b\"} 1",
        "sluice_job_running{job=\"c.d\"} 0",
        "sluice_job_paused{job=\"c.d\"} 1",
        "sluice_config_generation 7",
        "sluice_store_reachable 1",
        "sluice_start_time_seconds 1760173000.5",
        "sluice_build_info{version=\"" SLUICE_VERSION "\"} 1",
    };
    const char *text = page(&(struct metrics_now){jobs, LEN(jobs), .generation = 7, .store_reachable = true,
                                                  .started_us = 17601730005 * SECOND / 10});

    check_lines(text, lines, LEN(lines));
    assert_null(strstr(text, "timestamp_seconds{job=\"c.d\"")); /* there is none */
}

static void the_daemon_counts_what_it_does_itself(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "sluice_schedule_delay_seconds_bucket{le=\"0.001\"} 1",
        "sluice_schedule_delay_seconds_bucket{le=\"0.02\"} 2",
        "sluice_schedule_delay_seconds_bucket{le=\"300\"} 2",
        "sluice_schedule_delay_seconds_bucket{le=\"+Inf\"} 3",
        "sluice_schedule_delay_seconds_sum 400.02",
        "sluice_schedule_delay_seconds_count 3",
        "sluice_http_requests_total{code=\"200\"} 2",
        "sluice_http_requests_total{code=\"599\"} 1",
        "sluice_throttled_seconds_total{connector=\"erp\"} 1.75",
        "sluice_worker_exits_total{reason=\"signal 9\"} 1",
        "sluice_worker_exits_total{reason=\"result\"} 2",
        "sluice_reloads_total{result=\"applied\"} 2",
        "sluice_reloads_total{result=\"refused\"} 1",
    };

    metrics_delay(m, -5); /* a clock that was set back */
    metrics_delay(m, 20000);
    metrics_delay(m, 400 * SECOND);
    metrics_http(m, 200);
    metrics_http(m, 200);
    metrics_http(m, 599);
    metrics_http(m, 99);
    metrics_http(m, 600);
    metrics_throttled(m, "erp", SECOND);
    metrics_throttled(m, "erp", SECOND * 3 / 4);
    metrics_throttled(m, "crm", 0);
    metrics_worker_exit(m, "signal 9");
    metrics_worker_exit(m, "result");
    metrics_worker_exit(m, "result");
    metrics_reload(m, true);
    metrics_reload(m, false);
    metrics_reload(m, true);
    const char *text = page(&(struct metrics_now){0});
    check_lines(text, lines, LEN(lines));
    assert_null(strstr(text, "crm"));
    assert_null(strstr(text, "code=\"99\""));
    assert_null(strstr(text, "code=\"600\""));
}

static void a_reload_forgets_what_is_no_longer_there(void **state)
{
    (void)state;
    static const char *const jobs[] = {"z.z", "b.b", "not.yet", "b.b"}, *const connectors[] = {"b"};

    ran("a.a", "success", 1, 1, 0);
    ran("b.b", "success", 1, 1, 0);
    ran("c.c", "success", 1, 1, 0);
    metrics_throttled(m, "a", SECOND);
    metrics_throttled(m, "b", SECOND);
    metrics_keep(m, jobs, LEN(jobs), connectors, LEN(connectors));
    ran("d.d", "success", 1, 1, 0);
    const char *text = page(&(struct metrics_now){0});
    assert_null(strstr(text, "a.a"));
    assert_non_null(strstr(text, "{job=\"b.b\",outcome=\"success\"} 1"));
    assert_null(strstr(text, "c.c"));
    assert_non_null(strstr(text, "{job=\"d.d\",outcome=\"success\"} 1"));
    assert_null(strstr(text, "connector=\"a\""));
    assert_non_null(strstr(text, "connector=\"b\""));
}

static void the_ways_to_end_that_are_told_apart_have_a_limit(void **state)
{
    (void)state;
    char reason[32];
    size_t series = 0;

    for (int i = 0; i < 500; i++) {
        snprintf(reason, sizeof(reason), "exit %d", i % 250);
        metrics_worker_exit(m, reason);
    }
    for (const char *p = page(&(struct metrics_now){0}); (p = strstr(p, "{reason=")) != NULL; p++)
        series++;
    assert_int_equal(series, 65);
    assert_non_null(strstr(page(&(struct metrics_now){0}), "{reason=\"other\"} 372"));
    assert_non_null(strstr(page(&(struct metrics_now){0}), "{reason=\"exit 0\"} 2"));
}

/* What promtool says of a page; its exit status. */
static int ask_promtool(const char *text)
{
    static char name[] = "promtool", check[] = "check", what[] = "metrics";
    char *argv[] = {name, check, what, NULL};
    posix_spawn_file_actions_t files;
    int status = -1, fd = memfd_create("page", MFD_CLOEXEC);
    pid_t pid;

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    lseek(fd, 0, SEEK_SET);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
    int rc = posix_spawnp(&pid, "promtool", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(fd);
    if (rc)
        fail_msg("promtool cannot be started (Debian's package prometheus has it): %s", strerror(rc));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void promtool_finds_nothing_to_complain_of(void **state)
{
    (void)state;
    const struct metrics_job jobs[] = {{.job = "odd \"name\"\\ of\na job", .last_success_us = 1, .next_run_us = 2}};
    const struct metrics_now now = {jobs, LEN(jobs), .generation = 1, .started_us = 1760173000 * SECOND};

    assert_int_equal(ask_promtool("# HELP x y\n# TYPE x gauge\nx{a=\"b} 1\n"), 1); /* it does look */
    assert_int_equal(ask_promtool(page(&(struct metrics_now){0})), 0);
    ran("a.b", "success", 100, 5, 1);
    ran(jobs[0].job, "failed", 100, 5, 1);
    metrics_delay(m, 20000);
    metrics_http(m, 200);
    metrics_throttled(m, "erp", SECOND);
    metrics_worker_exit(m, "signal 9");
    metrics_reload(m, true);
    assert_int_equal(ask_promtool(page(&now)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_and_their_records_are_counted_by_job_and_outcome, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_jobs_are_doing_is_told_as_it_is_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_daemon_counts_what_it_does_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reload_forgets_what_is_no_longer_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ways_to_end_that_are_told_apart_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(promtool_finds_nothing_to_complain_of, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
