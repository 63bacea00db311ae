/* config.h - what the operator wrote: libconfig files into one immutable, checked object.
 *
 * The main file may hold every key (keys.c lists them); the *.cfg of its include directory, in byte order, hold
 * `connectors` only. Texts may hold ${NAME}, ${NAME:-default} and ${file:/path} (interpolate.h); variables come from
 * the env_file, else from the environment. These files must be changed by nobody but root and the current user.
 *
 * config_load() reads the main file, its env_file and its include directory, and reports every problem it finds, each
 * with file and line, not just the first. What only a connector's plugin can tell (which settings and streams there
 * are) is checked by config_bind(), with the plugin's description.
 *
 * Lifetime: a config owns all it points to, until config_free(). It never changes after config_bind(); a reload loads
 *           a new one, in another process that hands it back by snapshot.h. When memory runs out while it is read the
 *           process ends: see pool.h.
 * Secrets:  config_bind() registers the values of secret settings with redact(), config_load() those of tokens, of
 *           passwords in URLs, and webhooks. A problem never quotes a secret, nor what ${} stands for: it names that;
 *           only connectors and jobs are called by their names wherever those came from.
 */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thing that is wrong. */
struct config_problem {
    char *file; /* as the operator named it */
    int line;   /* 1 is the first; 0: the file as a whole */
    char *text; /* what is wrong, and the likely fix */
};
struct config_problems {
    struct config_problem *list;
    size_t count;
    size_t more; /* found beyond CONFIG_PROBLEMS_MAX, and only counted */
};
#define CONFIG_PROBLEMS_MAX 1000 /* nobody reads more, and each costs memory */
void config_problems_free(struct config_problems *p);

/* Add a problem; used by config and by those who check with it. Its text is masked, and cut where it is very long. */
void config_problem(struct config_problems *p, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same as [{"file","line","text"}], new reference; NULL without memory. Bytes that are not UTF-8 show as U+FFFD. */
json_t *config_problems_json(const struct config_problems *p);

struct config_node; /* opaque: a connector's settings block as written, with its places */

/* connectors[].http */
struct config_http {
    int64_t timeout_us;         /* default 30s */
    int64_t connect_timeout_us; /* default 10s */
    uint64_t max_body;          /* default 1GiB */
    uint32_t attempts;          /* default 4 */
    uint32_t parallel;          /* 0: as the connector proposes */
    uint32_t rate_per_min;      /* 0: no limit ("none") */
    bool rate_set;              /* false: the connector's proposal holds */
    bool insecure;              /* http:// to hosts that are not loopback; default false */
    char *proxy;                /* "" when not set */
    char *ca_file;              /* absolute; "" when not set */
};

/* jobs[].fields */
struct config_field {
    char *from; /* path in the source's record */
    char *column;
    uint32_t type;  /* SLUICE_INT to SLUICE_INTS; written as integer, text, boolean, decimal, time, integers */
    uint32_t scale; /* decimals; default 2 */
};

/* jobs[].columns: stream's column -> table's column; "" leaves it out */
struct config_rename {
    char *from, *to;
};

/* jobs[].match */
struct config_match {
    uint32_t rule; /* SLUICE_IDENTITY, ADOPT or REBIND */
    char *columns; /* names, split by blanks */
    char *never;   /* values that match nothing, split by blanks; "" when none */
};

#define CONFIG_CATCHUP_ONCE  0
#define CONFIG_CATCHUP_SKIP  1
#define CONFIG_OVERLAP_SKIP  0
#define CONFIG_OVERLAP_QUEUE 1
#define CONFIG_MANAGE_CREATE 0
#define CONFIG_MANAGE_CHECK  1
#define CONFIG_ON_GAP_WARN   0
#define CONFIG_ON_GAP_FULL   1

struct config_connector;

/* connectors[].jobs[] */
struct config_job {
    const struct config_connector *connector;
    char *name; /* "<connector>.<stream>", or "<connector>.<name>" where the job has a name */
    char *stream;
    bool enabled;                   /* itself and its connector */
    char *schedule, *full_schedule; /* cron lines; "" when not set */
    char *timezone;                 /* IANA; default UTC */
    bool on_start;
    int64_t jitter_us;    /* default 0 */
    int catchup, overlap; /* CONFIG_CATCHUP_*, CONFIG_OVERLAP_* */
    int64_t deadline_us;  /* default limits.deadline */
    char **after;         /* streams that run first; after config_bind() what the stream needs, where nothing is set */
    size_t after_count;
    bool after_set; /* false: what the stream needs */
    struct config_field *fields;
    size_t field_count;
    struct config_rename *columns;
    size_t column_count;
    struct config_match *match; /* match_count 0: the stream's own */
    size_t match_count;
    char *table;              /* "" until config_bind() puts the stream's own in */
    char *partition;          /* the option that lists the stream's partitions; "": it has none, or is not bound */
    char *tenant;             /* the setting of a partition that names its tenant (tenants.c); "": none does */
    int manage, on_gap;       /* CONFIG_MANAGE_*, CONFIG_ON_GAP_* */
    int64_t gap_tolerance_us; /* default 30s */
    int64_t hold_us;          /* default 24h */
    uint32_t batch;           /* records a transaction; 0: as many as suit the store */
    const char *file;
    int line;
    const struct config_node *node; /* as written */
};

/* connectors[] */
struct config_connector {
    char *name, *plugin; /* plugin: a name in the plugins directory, or a path with a "/" */
    bool enabled, routes;
    char *log;                    /* level; "" when not set */
    struct config_node *settings; /* as written */
    struct config_http http;
    struct config_job *jobs;
    size_t job_count;
    json_t *options; /* after config_bind(): every option by name, presets filled in, converted: text, integers
                      * (durations in microseconds), booleans, arrays, objects for groups, arrays of objects for groups
                      * that are lists. One that is neither set nor preset is left out */
    json_t *served;  /* after config_bind(): the plugin's routes (host/worker/describe.h), an array; NULL when they are
                      * not served: `routes` is false, or the connector disabled */
    const char *file;
    int line;
};

/* control.tokens[] */
struct config_token {
    char *name, *secret, *tenant; /* tenant "" when it sees all; a token with an empty secret is left out */
};

struct config_alert {
    char **on; /* failing, recovered, gap, stale, rejects, config */
    size_t on_count;
    uint32_t after; /* default 1 */
    char *webhook, *command;
};

struct config {
    char *path;      /* the main file */
    char *store_url; /* default sqlite:/var/lib/sluice/sluice.db; a sqlite: path is absolute */
    char *plugins;   /* directory, absolute; default: where this sluice was installed to */
    char *listen, *socket;
    struct config_token *tokens;
    size_t token_count;
    uint32_t max_runs;          /* default 4 */
    uint64_t memory;            /* default 256MiB */
    int64_t deadline_us;        /* default 30m */
    int64_t history_runs_us;    /* default 90d */
    int64_t history_rejects_us; /* default 1y */
    struct config_alert *alerts;
    size_t alert_count;
    struct config_connector *connectors;
    size_t connector_count;
    /* private to config/ */
    struct config_files *files;
};

/* Read it all. Returns 0 with *out, or SLUICE_E_CONFIG with *problems (and E_NOT_FOUND when `path` itself is not
 * there). `env_file` overrides the file's own; NULL: as the file says. Problems may be there beside a result of 0 only
 * as none: any problem is an error. */
int config_load(const char *path, const char *env_file, struct config **out, struct config_problems *problems);

/* Check connector `index` against its plugin's description (the JSON of host/worker/describe.h) and fill in its
 * options and routes, and of its jobs what their streams say: table, partition, after. Returns 0 or SLUICE_E_CONFIG
 * with *problems. */
int config_bind(struct config *c, size_t index, const json_t *description, struct config_problems *problems);

/* Do two enabled connectors claim the same HTTP path? descriptions[i] is that of connector i, NULL when there is none.
 * Returns 0 or SLUICE_E_CONFIG with *problems. */
int config_check_routes(const struct config *c, const json_t *const *descriptions, struct config_problems *problems);

/* A job by its name, NULL when there is none. */
const struct config_job *config_find_job(const struct config *c, const char *name);

/* The name nearest to `name` among `count` names, NULL when none is near. */
const char *config_nearest(const char *name, const char *const *names, size_t count);

/* The partitions of a bound job, in the order of its connector's settings: how many (0: the stream has none, or none is
 * listed), their ids, and is there one of this id? */
size_t config_partition_count(const struct config_job *job);
const char *config_partition(const struct config_job *job, size_t index);
bool config_has_partition(const struct config_job *job, const char *id);

/* May somebody ask for partition `id` of this bound job? 0; E_NOT_FOUND, with the ids that there are; E_USAGE where the
 * stream has no partitions. */
int config_check_partition(const struct config_job *job, const char *id, struct err *err);

/* Is partition `id` of a bound job this tenant's? "" is every tenant; an id that is not listed is nobody's. */
bool config_is_tenants(const struct config_job *job, const char *id, const char *tenant);

/* The ids of the partitions that are this tenant's, in the settings' order. New reference; NULL without memory. */
json_t *config_tenant_partitions(const struct config_job *job, const char *tenant);

/* A key that a configuration may hold, for manuals. */
struct config_key {
    const char *path;   /* "connectors[].jobs[].batch" */
    const char *wanted; /* "a whole number from 1 to 1000000" */
    const char *preset; /* as it would be written; "" when there is none */
    const char *help;   /* one line */
    bool required;
    bool reloads; /* a reload can change it */
};

/* Call `each` for every password in the store's URL, as written and decoded: a process that knows no more is to mask
 * these. */
void config_store_secrets(const struct config *c, void (*each)(void *context, const char *secret, size_t len),
                          void *context);

/* Show every key, in the order of the manual; what is shown lives for the call. */
void config_each_key(void (*show)(void *context, const struct config_key *key), void *context);

void config_free(struct config *c);

#endif
