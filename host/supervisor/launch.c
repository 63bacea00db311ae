/* launch.c - see launch.h. */
#include "launch.h"

#include "clock.h"
#include "hosts.h"
#include "ledger.h"
#include "log.h"
#include "orphans.h"
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#define TICK_MS 100

/* ---- While it runs ---- */

/* On a store that hosts share, other hosts are told that this one lives. */
struct launch_beater {
    const struct launch *launch; /* NULL: not here */
    struct db *db;
    struct ledger_left left;
    int64_t next_us; /* monotonic; 0: the run has not begun */
    bool told;       /* that it failed */
};

static int beat(struct launch_beater *b, struct err *err)
{
    int rc = b->db ? SLUICE_OK : db_open(b->launch->config->store_url, 0, &b->db, err);

    if (!rc)
        rc = hosts_beat(b->db, 0, NULL, NULL, err);
    return rc ? rc : ledger_close_left(b->db, &b->left, err);
}

/* The worker has beaten before its run could be seen; this goes on from there. */
static void mind_beat(struct launch_beater *b, const struct process *p)
{
    struct err err = {0};

    if (!b->launch || !*process_run_id(p) || (b->next_us && clock_mono_us() < b->next_us))
        return;
    if (b->next_us && beat(b, &err)) {
        db_close(b->db);
        b->db = NULL;
        if (!b->told)
            log_line(LOG_WARN, b->launch->job->name, "other hosts are not told that this one lives: %s", err.msg);
        b->told = true;
    }
    b->next_us = clock_mono_us() + HOSTS_BEAT_SECONDS * CLOCK_SECOND;
}

static void beater_free(struct launch_beater *b)
{
    db_close(b->db);
    ledger_left_free(&b->left);
}

/* Pass the user's wish to stop on; what does not end in time is killed. */
static void mind_stop(struct process *p, const struct launch *l)
{
    int asked = l->stop ? *l->stop : 0;
    int64_t kill_at = process_kill_at(p);

    if (asked)
        process_stop(p);
    if (asked > 1)
        process_kill(p, false);
    else if (kill_at && clock_mono_us() > kill_at)
        process_kill(p, true);
}

static void listen_to_end(struct process *p, const struct launch *l, struct launch_beater *b,
                          void (*event)(void *context, const json_t *event), void *context)
{
    bool open = true;

    while (open) {
        struct pollfd fd = {.fd = process_fd(p), .events = POLLIN};
        int ready = poll(&fd, 1, TICK_MS);
        mind_stop(p, l);
        mind_beat(b, p);
        if (ready > 0)
            open = process_read(p, event, context);
    }
}

/* The worker's end, and that of everything it left behind. */
static int reap(struct process *p, const struct launch *l, struct launch_beater *b)
{
    int status = 0;

    while (!orphans_await(process_pid(p), TICK_MS * 1000)) {
        mind_stop(p, l);
        mind_beat(b, p);
    }
    while (waitpid(process_pid(p), &status, 0) < 0 && errno == EINTR)
        continue;
    orphans_end(); /* the connector child of a worker that was killed, and what that had started */
    return status;
}

/* ---- A worker that died ---- */

static void close_row(const char *url, const char *run_id, const char *status, struct launch_result *out)
{
    struct db *db = NULL;
    struct err err = {0};
    int rc = db_open(url, 0, &db, &err);

    if (!rc)
        rc = ledger_close(db, run_id, status, out->message, NULL, &err);
    if (!rc)
        ledger_run_json(db, run_id, &out->run, &err);
    db_close(db);
}

void launch_run(const struct launch *l, void (*event)(void *context, const json_t *event), void *context,
                struct launch_result *out)
{
    struct process *p = NULL;
    struct err err = {0};
    const char *closes;
    bool seen = !l->dry_run && l->what != LAUNCH_PREVIEW && db_url_is_shared(l->config->store_url);
    struct launch_beater b = {.launch = seen ? l : NULL};

    *out = (struct launch_result){0};
    orphans_adopt();
    if (process_start(l, &p, &err)) {
        out->code = err.code;
        snprintf(out->message, sizeof(out->message), "%s", err.msg);
        return;
    }
    listen_to_end(p, l, &b, event, context);
    int status = reap(p, l, &b);
    beater_free(&b);
    process_result(p, status, out, &closes);
    if (closes && *process_run_id(p) && !l->dry_run)
        close_row(l->config->store_url, process_run_id(p), closes, out);
    process_free(p);
}

void launch_result_free(struct launch_result *r)
{
    json_decref(r->run);
    *r = (struct launch_result){0};
}

bool launch_wants_full(const struct config_job *job, const json_t *run)
{
    json_int_t gap = json_integer_value(json_object_get(json_object_get(run, "stats"), "gap_seconds"));

    return job->on_gap == CONFIG_ON_GAP_FULL && gap * CLOCK_SECOND > job->gap_tolerance_us;
}

int launch_log_level(const struct config_job *job)
{
    static const char *const names[] = {"error", "warn", "info", "debug"}; /* by LOG_* */

    for (int level = 0; level < 4; level++) {
        if (strcmp(job->connector->log, names[level]) == 0)
            return level;
    }
    return -1;
}
