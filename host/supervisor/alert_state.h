/* alert_state.h - which alerts the runs of a job give rise to: a pure function of what happened before. Sends nothing.
 *
 * Each rule (an entry of `alerts`) has a state of its own for each job: one may tell of the first failure, another of
 * the third. Runs that were cancelled, do not end, have no id, or only retry rejects change nothing.
 */
#ifndef SLUICE_SUPERVISOR_ALERT_STATE_H
#define SLUICE_SUPERVISOR_ALERT_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALERT_FAILING   1u
#define ALERT_RECOVERED 2u
#define ALERT_GAP       4u
#define ALERT_STALE     8u
#define ALERT_REJECTS   16u
#define ALERT_CONFIG    32u

/* "failing", "recovered", …: as the configuration calls it; and back, 0 for another word. */
const char *alert_name(unsigned what);
unsigned alert_of_name(const char *name);

struct alert_rule {
    unsigned on;    /* ALERT_*: what is told */
    uint32_t after; /* failures in a row before it is failing */
};

/* What a rule has told of a job. */
struct alert_told {
    bool failing; /* this row of failures */
    bool owes;    /* and is to tell when it is over */
};

struct alert_state {
    uint32_t failures; /* in a row */
    bool stale, gap, rejects;
    bool settling;           /* remembered; how stale it is was not asked yet */
    char *covered_to;        /* where the last complete run's window ended, as the source said; NULL: not known */
    struct alert_told *told; /* one for each rule */
};

/* Something to be told. */
struct alert_event {
    unsigned what;     /* one ALERT_* */
    uint32_t failures; /* in a row; before it recovered */
    const char *from;  /* gap: where the last window ended; NULL: not known */
    const json_t *run; /* NULL for stale and config */
    int64_t since;     /* stale: the last good run; 0: none is known */
    const char *others; /* config: the hosts that differ */
};

/* Hears what rule number `rule` is to tell; the event lives for the call. */
typedef void alert_tell(void *context, size_t rule, const struct alert_event *event);

/* A state before any run. False without memory. */
bool alert_state_init(struct alert_state *s, size_t rule_count);
void alert_state_free(struct alert_state *s);

/* A run of the job ended; its gaps above `tolerance_us` count. */
void alert_state_run(struct alert_state *s, const struct alert_rule *rules, size_t rule_count, int64_t tolerance_us,
                     const json_t *run, alert_tell *tell, void *context);

/* The job is stale, or not. Only a run that completes ends what was told. */
void alert_state_stale(struct alert_state *s, const struct alert_rule *rules, size_t rule_count, bool stale,
                       int64_t since, alert_tell *tell, void *context);

/* The state after `runs`, newest first; all that they give rise to was told before, and so was a job's being stale if
 * the first that is asked says so. */
void alert_state_remember(struct alert_state *s, const struct alert_rule *rules, size_t rule_count,
                          int64_t tolerance_us, const json_t *runs);

#endif
