/* keys.c - every key that a configuration may hold. The manual's table is made from this one. */
#include "key.h"

#include "check.h"
#include "sluice/abi.h"

#include <stddef.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define MIB    (INT64_C(1) << 20)
#define TIB    (INT64_C(1) << 40)

#ifndef SLUICE_PLUGIN_DIR
#define SLUICE_PLUGIN_DIR "/usr/local/lib/sluice/plugins"
#endif

/* ---- jobs ---- */

#define AT(member) offsetof(struct config_field, member)
static const struct key field_keys[] = {
    {"from", KEY_TEXT, AT(from), .flags = KEY_REQUIRED, .help = "path of the field in the source's record"},
    {"column", KEY_COLUMN, AT(column), .flags = KEY_REQUIRED, .help = "column it goes into"},
    {"type", KEY_CHOICE, AT(type), .preset = "text", .min = SLUICE_INT,
     .choices = "integer text boolean decimal time integers", .help = "type of the column"},
    {"scale", KEY_COUNT, AT(scale), .preset = "2", .min = 0, .max = 15, .help = "digits behind the point of a decimal"},
};
#undef AT
static const struct key_group field_group = {"an extra field", field_keys, LEN(field_keys), sizeof(struct config_field),
                                             NULL};

#define AT(member) offsetof(struct config_match, member)
static const struct key match_keys[] = {
    {"rule", KEY_CHOICE, AT(rule), .flags = KEY_REQUIRED, .min = SLUICE_IDENTITY, .choices = "identity adopt rebind",
     .help = "the row with this key; else the one that has no identity yet; else whoever has it"},
    {"columns", KEY_WORDS, AT(columns), .flags = KEY_REQUIRED, .help = "columns of the key"},
    {"never", KEY_WORDS, AT(never), .help = "values of a single column that match nothing"},
};
#undef AT
static const struct key_group match_group = {"a match rule", match_keys, LEN(match_keys), sizeof(struct config_match),
                                             check_match};

#define AT(member) offsetof(struct config_job, member)
static const struct key job_keys[] = {
    {"stream", KEY_TEXT, AT(stream), .flags = KEY_REQUIRED, .help = "which stream of the connector"},
    {"name", KEY_NAME, AT(name), .help = "name of the job behind the connector's; default: the stream"},
    {"enabled", KEY_TRUTH, AT(enabled), .preset = "true", .help = "false: not scheduled, cannot be run"},
    {"schedule", KEY_CRON, AT(schedule), .help = "cron line, five fields, or six with seconds first"},
    {"full_schedule", KEY_CRON, AT(full_schedule), .help = "cron line of full runs"},
    {"timezone", KEY_ZONE, AT(timezone), .preset = "UTC", .help = "IANA zone of both cron lines"},
    {"on_start", KEY_TRUTH, AT(on_start),
     .help = "run when the daemon starts, or a reload brings or enables the job"},
    {"jitter", KEY_DURATION, AT(jitter_us), .preset = "0s", .max = DAY,
     .help = "delay of its fires, at most: each job has its own, always the same"},
    {"catchup", KEY_CHOICE, AT(catchup), .preset = "once", .min = CONFIG_CATCHUP_ONCE, .choices = "once skip",
     .help = "fires missed while no daemon ran: run once, or not"},
    {"overlap", KEY_CHOICE, AT(overlap), .preset = "skip", .min = CONFIG_OVERLAP_SKIP, .choices = "skip queue",
     .help = "a fire while the job runs: skip it, or run once more after"},
    {"deadline", KEY_DURATION, AT(deadline_us), .min = SECOND, .max = 30 * DAY,
     .help = "a run may take so long; default: limits.deadline"},
    {"after", KEY_TEXTS, AT(after), AT(after_count), AT(after_set),
     .help = "streams that run first, in order; [] for none; default: what the stream needs"},
    {"fields", KEY_GROUPS, AT(fields), AT(field_count), .group = &field_group,
     .help = "fields of the source into extra columns"},
    {"table", KEY_COLUMN, AT(table), .help = "table to write; default: the stream's own"},
    {"columns", KEY_RENAMES, AT(columns), AT(column_count),
     .help = "other names for columns: { code = \"erp_code\"; }; \"\" leaves one out"},
    {"match", KEY_GROUPS, AT(match), AT(match_count), .group = &match_group,
     .help = "how records find their rows, instead of the stream's rules"},
    {"manage", KEY_CHOICE, AT(manage), .preset = "create", .min = CONFIG_MANAGE_CREATE, .choices = "create check",
     .help = "create the table and add missing columns, or only verify"},
    {"on_gap", KEY_CHOICE, AT(on_gap), .preset = "warn", .min = CONFIG_ON_GAP_WARN, .choices = "warn full",
     .help = "time that no window covered: warn, or also run it in full right after"},
    {"gap_tolerance", KEY_DURATION, AT(gap_tolerance_us), .preset = "30s", .max = YEAR,
     .help = "a smaller gap is none"},
    {"hold", KEY_DURATION, AT(hold_us), .preset = "24h", .max = YEAR,
     .help = "how long retryable rejects may hold the cursor back"},
    {"batch", KEY_COUNT, AT(batch), .min = 1, .max = 1000000,
     .help = "records a transaction; default: 5000, with PostgreSQL 20000, which is also the most there"},
};
#undef AT
const struct key_group keys_job = {"a job", job_keys, LEN(job_keys), sizeof(struct config_job), check_job};

/* ---- connectors ---- */

#define AT(member) offsetof(struct config_http, member)
static const struct key http_keys[] = {
    {"timeout", KEY_DURATION, AT(timeout_us), .preset = "30s", .min = SECOND / 10, .max = DAY,
     .help = "one attempt, and silence within it"},
    {"connect_timeout", KEY_DURATION, AT(connect_timeout_us), .preset = "10s", .min = SECOND / 10, .max = HOUR,
     .help = "name look-up, connection and TLS"},
    {"attempts", KEY_COUNT, AT(attempts), .preset = "4", .min = 1, .max = 20, .help = "tries of one request"},
    {"parallel", KEY_COUNT, AT(parallel), .min = 1, .max = 64,
     .help = "requests under way; default: what the connector proposes"},
    {"rate", KEY_RATE, AT(rate_per_min), .set_at = AT(rate_set), .max = 1000000,
     .help = "requests that may start: \"80/min\", \"2/s\", \"none\"; default: what the connector proposes"},
    {"max_body", KEY_SIZE, AT(max_body), .preset = "1GiB", .min = 1024, .max = TIB, .help = "bytes of one answer"},
    {"proxy", KEY_TEXT, AT(proxy), .flags = KEY_SECRET, .help = "URL of a proxy; the environment's is not used"},
    {"ca_file", KEY_PATH, AT(ca_file), .help = "PEM file of authorities to trust instead of the system's"},
    {"insecure", KEY_TRUTH, AT(insecure), .help = "true: http:// also to hosts that are not this one"},
};
#undef AT
static const struct key_group http_group = {"http", http_keys, LEN(http_keys), sizeof(struct config_http), check_http};

#define AT(member) offsetof(struct config_connector, member)
static const struct key connector_keys[] = {
    {"name", KEY_NAME, AT(name), .flags = KEY_REQUIRED, .help = "what jobs are called by"},
    {"plugin", KEY_TEXT, AT(plugin), .flags = KEY_REQUIRED, .help = "name of a plugin, or path of its file"},
    {"enabled", KEY_TRUTH, AT(enabled), .preset = "true",
     .help = "false: its jobs do not exist; variables may be unset"},
    {"settings", KEY_NODE, AT(settings), .help = "what the plugin wants to know: sluice plugins show NAME"},
    {"http", KEY_GROUP, AT(http), .group = &http_group, .help = "how the source is spoken to"},
    {"jobs", KEY_GROUPS, AT(jobs), AT(job_count), .group = &keys_job,
     .help = "streams that are scheduled into tables"},
    {"routes", KEY_TRUTH, AT(routes), .preset = "true", .help = "false: do not serve the plugin's HTTP paths"},
    {"log", KEY_LEVEL, AT(log), .choices = "error warn info debug", .help = "log level of its runs"},
};
#undef AT
const struct key_group keys_connector = {"a connector", connector_keys, LEN(connector_keys),
                                         sizeof(struct config_connector), check_connector};

/* ---- the host ---- */

#define AT(member) offsetof(struct config, member)
static const struct key store_keys[] = {
    {"url", KEY_TEXT, AT(store_url), .preset = "sqlite:/var/lib/sluice/sluice.db", .flags = KEY_SECRET | KEY_FIXED,
     .help = "sqlite:PATH or a postgresql:// URL"},
};
static const struct key_group store_group = {"store", store_keys, LEN(store_keys), sizeof(struct config), NULL};

static const struct key limits_keys[] = {
    {"max_runs", KEY_COUNT, AT(max_runs), .preset = "4", .min = 1, .max = 1000, .help = "runs at once"},
    {"memory", KEY_SIZE, AT(memory), .preset = "256MiB", .min = 16 * MIB, .max = TIB, .help = "memory of one run"},
    {"deadline", KEY_DURATION, AT(deadline_us), .preset = "30m", .min = SECOND, .max = 30 * DAY,
     .help = "a run may take so long"},
};
static const struct key_group limits_group = {"limits", limits_keys, LEN(limits_keys), sizeof(struct config), NULL};

static const struct key history_keys[] = {
    {"runs", KEY_DURATION, AT(history_runs_us), .preset = "90d", .min = HOUR, .max = 100 * YEAR,
     .help = "how long runs are remembered"},
    {"rejects", KEY_DURATION, AT(history_rejects_us), .preset = "1y", .min = HOUR, .max = 100 * YEAR,
     .help = "how long rejects are kept"},
};
static const struct key_group history_group = {"history", history_keys, LEN(history_keys), sizeof(struct config), NULL};
#undef AT

#define AT(member) offsetof(struct config_token, member)
static const struct key token_keys[] = {
    {"name", KEY_NAME, AT(name), .flags = KEY_REQUIRED, .help = "whose it is, for the log"},
    {"secret", KEY_TEXT, AT(secret), .flags = KEY_SECRET,
     .help = "what is sent as Bearer; \"\": there is no such token"},
    {"tenant", KEY_TEXT, AT(tenant), .help = "the only tenant it sees; default: all"},
};
#undef AT
static const struct key_group token_group = {"a token", token_keys, LEN(token_keys), sizeof(struct config_token),
                                             check_token};

#define AT(member) offsetof(struct config, member)
static const struct key control_keys[] = {
    {"listen", KEY_TEXT, AT(listen), .preset = "127.0.0.1:8480", .flags = KEY_FIXED,
     .help = "address and port of the control API; \"\" for none"},
    {"socket", KEY_PATH, AT(socket), .preset = "/run/sluice/control.sock", .flags = KEY_FIXED,
     .help = "socket of the command line; \"\" for none"},
    {"tokens", KEY_GROUPS, AT(tokens), AT(token_count), .group = &token_group, .help = "who may use the control API"},
};
#undef AT
static const struct key_group control_group = {"control", control_keys, LEN(control_keys), sizeof(struct config), NULL};

#define AT(member) offsetof(struct config_alert, member)
static const struct key alert_keys[] = {
    {"on", KEY_TEXTS, AT(on), AT(on_count), .preset = "failing recovered gap stale config",
     .choices = "failing recovered gap stale rejects config", .help = "what is told"},
    {"after", KEY_COUNT, AT(after), .preset = "1", .min = 1, .max = 1000,
     .help = "failures in a row before it is told"},
    {"webhook", KEY_TEXT, AT(webhook), .flags = KEY_SECRET, .help = "URL that gets a POST"},
    {"command", KEY_TEXT, AT(command), .flags = KEY_SECRET, .help = "shell command that gets the alert on its input"},
};
#undef AT
static const struct key_group alert_group = {"an alert", alert_keys, LEN(alert_keys), sizeof(struct config_alert),
                                             check_alert};

#define AT(member) offsetof(struct config, member)
static const struct key root_keys[] = {
    {"store", KEY_GROUP, 0, .group = &store_group, .help = "where the tables are"},
    {"env_file", KEY_PATH, 0, .flags = KEY_EARLY, .help = "file of NAME=value lines that win over the environment"},
    {"control", KEY_GROUP, 0, .group = &control_group, .help = "how the daemon is spoken to"},
    {"plugins", KEY_PATH, AT(plugins), .preset = SLUICE_PLUGIN_DIR, .help = "directory of plugins"},
    {"include", KEY_PATH, 0, .flags = KEY_EARLY, .help = "directory whose *.cfg hold more connectors"},
    {"limits", KEY_GROUP, 0, .group = &limits_group, .help = "what runs may use"},
    {"history", KEY_GROUP, 0, .group = &history_group, .help = "how long results are kept"},
    {"alerts", KEY_GROUPS, AT(alerts), AT(alert_count), .group = &alert_group, .help = "who is told when"},
    {"connectors", KEY_GROUPS, AT(connectors), AT(connector_count), .group = &keys_connector,
     .help = "the sources; every included file may list more"},
};
#undef AT
const struct key_group keys_root = {"the main file", root_keys, LEN(root_keys), sizeof(struct config), check_config};
