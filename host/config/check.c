/* check.c - the groups that are lists: tokens, alerts, connectors, jobs and what is in them. */
#include "check.h"

#include "secret.h"
#include "sluice/abi.h"
#include "source.h"
#include "url.h"
#include "value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The place of a member, else of the group. */
static const struct config_node *place(const struct config_node *group, const char *name)
{
    const struct config_node *kid = node_find(group, name);
    return kid ? kid : group;
}

bool check_token(struct reader *r, void *object, const struct config_node *node)
{
    const struct config_token *token = object;
    if (!node_find(node, "secret"))
        key_problem(r, node, "`secret` is missing: it must be a text in double quotes");
    secret_keep(r->files, token->secret, strlen(token->secret));
    return token->secret[0] != '\0';
}

bool check_alert(struct reader *r, void *object, const struct config_node *node)
{
    const struct config_alert *alert = object;
    bool silent = !alert->webhook[0] && !alert->command[0];
    if (silent && !node_find(node, "webhook") && !node_find(node, "command"))
        key_problem(r, node, "an alert needs a `webhook` or a `command`");
    const struct config_node *on = node_find(node, "on");
    if (on && on->kind == NODE_LIST && on->count == 0)
        key_problem(r, on, "`on` lists nothing: the alert would never be told");
    if (alert->webhook[0]) {
        if (!url_has_scheme(alert->webhook, "http https"))
            key_problem(r, place(node, "webhook"), "`webhook` must be an http:// or https:// URL");
        url_keep_secrets(r->files, alert->webhook);
        secret_keep(r->files, alert->webhook, strlen(alert->webhook));
    }
    return !silent;
}

bool check_http(struct reader *r, void *object, const struct config_node *node)
{
    const struct config_http *http = object;
    if (http->proxy[0] && !url_has_scheme(http->proxy, "http https socks4 socks4a socks5 socks5h"))
        key_problem(r, place(node, "proxy"), "`proxy` must be a URL such as http://proxy:3128 or socks5://proxy:1080");
    url_keep_secrets(r->files, http->proxy);
    return true;
}

/* ---- Jobs ---- */

static size_t count_words(const char *words)
{
    size_t n = 0, len = 0;
    while (value_word(&words, &len))
        n++;
    return n;
}

bool check_match(struct reader *r, void *object, const struct config_node *node)
{
    const struct config_match *match = object;
    if (match->never[0] && count_words(match->columns) > 1)
        key_problem(r, place(node, "never"), "`never` goes with a single column, and this rule has several");
    return true;
}

/* One rule says what a record is; the others find rows that do not have that yet. */
static void check_rules(struct reader *r, const struct config_job *job, const struct config_node *node)
{
    const struct config_node *match = node_find(node, "match");
    if (match && match->kind == NODE_LIST && match->count == 0)
        key_problem(r, match, "`match` lists no rule: take the line out to keep the stream's own");
    for (size_t i = 0; match && i < job->match_count && match->count == job->match_count; i++) {
        uint32_t rule = job->match[i].rule;
        if (rule == 0)
            continue; /* it was wrong, and said so */
        if (i == 0 && rule != SLUICE_IDENTITY)
            key_problem(r, match->kids[i], "the first rule of `match` must be the identity");
        else if (i > 0 && rule == SLUICE_IDENTITY)
            key_problem(r, match->kids[i], "`match` has an identity already: the others are adopt or rebind");
    }
}

static void check_fields(struct reader *r, const struct config_job *job, const struct config_node *node)
{
    const struct config_node *fields = node_find(node, "fields");
    for (size_t i = 0; fields && i < job->field_count && fields->count == job->field_count; i++) {
        const struct config_node *at = place(fields->kids[i], "column"), *scale = node_find(fields->kids[i], "scale");
        if (scale && job->fields[i].type != SLUICE_DECIMAL)
            key_problem(r, scale, "`scale` goes with the type decimal only");
        for (size_t j = 0; j < i; j++)
            if (job->fields[i].column[0] && strcmp(job->fields[i].column, job->fields[j].column) == 0)
                key_problem(r, at, "`fields` fills the column `%s` twice", node_shown(at, job->fields[i].column));
    }
}

/* sluice's own tables: a stream that was written into one of them would take the ledger with it. */
static void check_table(struct reader *r, const struct config_job *job, const struct config_node *node)
{
    if (strncasecmp(job->table, "sluice_", 7) == 0)
        key_problem(r, place(node, "table"), "`table` must not begin with sluice_: such tables are sluice's own");
}

bool check_job(struct reader *r, void *object, const struct config_node *node)
{
    struct config_job *job = object;
    job->partition = pool_text(r->pool, "");
    job->tenant = pool_text(r->pool, "");
    job->file = node->file;
    job->line = node->line;
    job->node = node;
    check_rules(r, job, node);
    check_fields(r, job, node);
    check_table(r, job, node);
    return true;
}

/* ---- Connectors ---- */

/* A job's name begins with its connector's; until now it is the part behind the dot, if any. */
static void name_job(struct reader *r, const struct config_connector *connector, struct config_job *job)
{
    const char *last = job->name[0] ? job->name : job->stream;
    job->name = pool_printf(r->pool, "%s.%s", connector->name, last);
}

static void check_ca_file(struct reader *r, const struct config_connector *k, const struct config_node *node)
{
    struct stat st;
    if (!k->enabled || !k->http.ca_file[0])
        return;
    bool there = access(k->http.ca_file, R_OK) == 0 && stat(k->http.ca_file, &st) == 0;
    const char *reason = there ? "not a file" : strerror(errno);
    if (there && S_ISREG(st.st_mode))
        return;
    const struct config_node *at = place(place(node, "http"), "ca_file");
    key_problem(r, at, "`ca_file` cannot be read: %s: %s", node_shown(at, k->http.ca_file), reason);
}

bool check_connector(struct reader *r, void *object, const struct config_node *node)
{
    struct config_connector *connector = object;
    connector->file = node->file;
    connector->line = node->line;
    check_ca_file(r, connector, node);
    if (strchr(connector->plugin, '/'))
        connector->plugin = source_absolute(r->pool, place(node, "plugin")->file, connector->plugin);
    for (size_t i = 0; i < connector->job_count; i++) {
        struct config_job *job = &connector->jobs[i];
        job->enabled = job->enabled && connector->enabled;
        name_job(r, connector, job);
    }
    return true;
}
