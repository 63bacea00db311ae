/* alert.c - see alert.h; alert_state.c decides, alert_text.c says it, alert_deliver.c is the process that delivers. */
#include "alert.h"

#include "alert_state.h"
#include "alert_text.h"
#include "children.h"
#include "clock.h"
#include "log.h"
#include "reexec.h"
#include "spec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the alerts of a rule go. */
struct receiver {
    char *webhook, *command; /* "": none */
};

struct job {
    struct job *next;
    char *name;
    struct alert_state state;
};

/* One alert on its way to one webhook or command. */
struct delivery {
    struct delivery *next;
    struct alerts *alerts;
    json_t *order; /* what the process is handed */
    pid_t pid;
};

struct alerts {
    struct children *children;
    struct alert_rule *rules;
    struct receiver *receivers; /* by rule */
    size_t rule_count;
    struct job *jobs;
    struct delivery *waiting, **waiting_end, *running;
    size_t waiting_count, running_count;
};

struct alerts *alerts_new(struct children *children)
{
    struct alerts *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->children = children;
    a->waiting_end = &a->waiting;
    return a;
}

/* ---- Delivery ---- */

static void log_lost(const struct delivery *d, const char *why)
{
    const json_t *alert = json_object_get(d->order, "alert");

    log_line(LOG_ERROR, spec_text(alert, "job"), "alert \"%s\" was not delivered to its %s: %s",
             spec_text(alert, "alert"), json_object_get(d->order, "webhook") ? "webhook" : "command", why);
}

static void free_delivery(struct delivery *d)
{
    json_decref(d->order);
    free(d);
}

static struct delivery *take_waiting(struct alerts *a)
{
    struct delivery *d = a->waiting;

    a->waiting = d->next;
    if (!a->waiting)
        a->waiting_end = &a->waiting;
    a->waiting_count--;
    return d;
}

static int start(struct delivery *d, struct err *err)
{
    char name[] = "sluice", verb[] = "alert";
    char *argv[] = {name, verb, NULL};
    int fd = reexec_sealed(d->order);

    if (fd < 0)
        return err_set(err, E_SYSTEM, "cannot hand it over: %s", strerror(errno));
    int rc = reexec_start(argv, &fd, 1, false, &d->pid, err);
    close(fd);
    return rc;
}

static void deliver_waiting(struct alerts *a);

/* The process has logged why it did not succeed, unless it was killed. */
static void on_ended(void *context, pid_t pid, int status)
{
    struct delivery *d = context;
    struct alerts *a = d->alerts;
    struct delivery **at = &a->running;

    (void)pid;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    a->running_count--;
    if (WIFSIGNALED(status))
        log_lost(d, WTERMSIG(status) == SIGALRM ? "it took too long" : "its process was killed");
    free_delivery(d);
    deliver_waiting(a);
}

static void deliver(struct alerts *a, struct delivery *d)
{
    struct err err = {0};

    if (start(d, &err)) {
        log_lost(d, err.msg);
        free_delivery(d);
        return;
    }
    if (!children_add(a->children, d->pid, on_ended, d)) {
        kill(-d->pid, SIGKILL);
        log_lost(d, "out of memory");
        free_delivery(d);
        return;
    }
    d->next = a->running;
    a->running = d;
    a->running_count++;
}

static void deliver_waiting(struct alerts *a)
{
    while (a->waiting && a->running_count < ALERT_PROCESSES)
        deliver(a, take_waiting(a));
}

static void send_to(struct alerts *a, const char *way, const char *where, json_t *alert)
{
    struct delivery *d = *where ? calloc(1, sizeof(*d)) : NULL;

    if (!d)
        return;
    d->alerts = a;
    d->order = json_pack("{s:s, s:O, s:b}", way, where, "alert", alert, "log_json", log_is_json());
    if (!d->order) {
        log_line(LOG_ERROR, NULL, "an alert cannot be written down for its %s", way);
        free_delivery(d);
        return;
    }
    if (a->waiting_count >= ALERT_QUEUE) {
        struct delivery *oldest = take_waiting(a);
        log_lost(oldest, "too many alerts wait");
        free_delivery(oldest);
    }
    *a->waiting_end = d;
    a->waiting_end = &d->next;
    a->waiting_count++;
}

/* An event of a job, for the receivers that want it. */
struct telling {
    struct alerts *alerts;
    const char *job; /* NULL: of none */
};

static void tell(void *context, size_t rule, const struct alert_event *event)
{
    const struct telling *t = context;
    const struct receiver *to = &t->alerts->receivers[rule];
    json_t *alert = alert_json(event, t->job, clock_wall_us());

    if (!alert)
        return;
    const struct log_field fields[] = {LOG_TEXT("alert", spec_text(alert, "alert")),
                                       LOG_TEXT("id", spec_text(alert, "id"))};
    log_event(LOG_INFO, t->job, spec_text(alert, "text"), fields, sizeof(fields) / sizeof(fields[0]));
    send_to(t->alerts, "webhook", to->webhook, alert);
    send_to(t->alerts, "command", to->command, alert);
    json_decref(alert);
}

/* ---- Jobs ---- */

static void free_job(struct job *job)
{
    alert_state_free(&job->state);
    free(job->name);
    free(job);
}

/* The state of a job, made when it is first asked for; NULL without memory. */
static struct alert_state *state_of(struct alerts *a, const char *name)
{
    struct job *job = a->jobs;

    while (job && strcmp(job->name, name) != 0)
        job = job->next;
    if (job)
        return &job->state;
    job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    job->name = strdup(name);
    if (!job->name || !alert_state_init(&job->state, a->rule_count)) {
        free_job(job);
        return NULL;
    }
    job->next = a->jobs;
    a->jobs = job;
    return &job->state;
}

void alerts_remember(struct alerts *a, const struct config_job *job, const json_t *runs)
{
    struct alert_state *state = state_of(a, job->name);

    if (state)
        alert_state_remember(state, a->rules, a->rule_count, job->gap_tolerance_us, runs);
}

void alerts_run(struct alerts *a, const struct config_job *job, const json_t *run)
{
    struct alert_state *state = state_of(a, job->name);
    struct telling t = {a, job->name};

    if (state)
        alert_state_run(state, a->rules, a->rule_count, job->gap_tolerance_us, run, tell, &t);
    deliver_waiting(a);
}

void alerts_stale(struct alerts *a, const struct config_job *job, bool stale, int64_t since)
{
    struct alert_state *state = state_of(a, job->name);
    struct telling t = {a, job->name};

    if (state)
        alert_state_stale(state, a->rules, a->rule_count, stale, since, tell, &t);
    deliver_waiting(a);
}

void alerts_config(struct alerts *a, const char *others)
{
    const struct alert_event event = {.what = ALERT_CONFIG, .others = others};
    struct telling t = {a, NULL};

    for (size_t i = 0; i < a->rule_count; i++) {
        if (a->rules[i].on & ALERT_CONFIG)
            tell(&t, i, &event);
    }
    deliver_waiting(a);
}

/* ---- Configuration ---- */

static void free_rules(struct alert_rule *rules, struct receiver *receivers, size_t count)
{
    for (size_t i = 0; i < count && receivers; i++) {
        free(receivers[i].webhook);
        free(receivers[i].command);
    }
    free(receivers);
    free(rules);
}

/* Copies, since the configuration may go before the next one comes. */
static bool copy_rules(const struct config *config, struct alert_rule **rules, struct receiver **receivers)
{
    size_t count = config->alert_count;

    *rules = calloc(count + 1, sizeof(**rules));
    *receivers = calloc(count + 1, sizeof(**receivers));
    for (size_t i = 0; i < count && *rules && *receivers; i++) {
        const struct config_alert *from = &config->alerts[i];
        (*rules)[i].after = from->after;
        for (size_t k = 0; k < from->on_count; k++)
            (*rules)[i].on |= alert_of_name(from->on[k]);
        (*receivers)[i] = (struct receiver){strdup(from->webhook), strdup(from->command)};
        if (!(*receivers)[i].webhook || !(*receivers)[i].command)
            goto failed;
    }
    if (*rules && *receivers)
        return true;
failed:
    free_rules(*rules, *receivers, count);
    return false;
}

/* The rule that had the same receiver; the number of rules when there was none. */
static size_t find_rule(const struct alerts *a, const struct receiver *r)
{
    size_t i = 0;

    while (i < a->rule_count &&
           (strcmp(a->receivers[i].webhook, r->webhook) != 0 || strcmp(a->receivers[i].command, r->command) != 0))
        i++;
    return i;
}

/* What the rules have told, in the order that the new ones have. False without memory. */
static bool carry_told(const struct alerts *a, struct alert_state *state, const size_t *from, size_t count)
{
    struct alert_told *told = calloc(count + 1, sizeof(*told));

    if (!told)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (from[i] < a->rule_count)
            told[i] = state->told[from[i]];
    }
    free(state->told);
    state->told = told;
    return true;
}

static void carry_jobs(struct alerts *a, const struct config *config, const size_t *from, size_t count)
{
    struct job **at = &a->jobs;

    while (*at) {
        struct job *job = *at;
        if (config_find_job(config, job->name) && carry_told(a, &job->state, from, count)) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        free_job(job);
    }
}

void alerts_configure(struct alerts *a, const struct config *config)
{
    size_t count = config->alert_count, *from = calloc(count + 1, sizeof(*from));
    struct alert_rule *rules = NULL;
    struct receiver *receivers = NULL;

    if (!from || !copy_rules(config, &rules, &receivers)) {
        log_line(LOG_ERROR, NULL, "out of memory: alerts stay as they were");
        free(from);
        return;
    }
    for (size_t i = 0; i < count; i++)
        from[i] = find_rule(a, &receivers[i]);
    carry_jobs(a, config, from, count);
    free(from);
    free_rules(a->rules, a->receivers, a->rule_count);
    a->rules = rules;
    a->receivers = receivers;
    a->rule_count = count;
}

void alerts_free(struct alerts *a)
{
    if (!a)
        return;
    while (a->running) {
        struct delivery *d = a->running;
        a->running = d->next;
        children_forget(a->children, d->pid);
        free_delivery(d);
    }
    while (a->waiting) {
        struct delivery *d = take_waiting(a);
        log_lost(d, "the daemon ends");
        free_delivery(d);
    }
    while (a->jobs) {
        struct job *job = a->jobs;
        a->jobs = job->next;
        free_job(job);
    }
    free_rules(a->rules, a->receivers, a->rule_count);
    free(a);
}
