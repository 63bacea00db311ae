/* bind_job.c - a job against its stream: what runs first, which columns there are, how records find their rows. */
#include "bind.h"

#include "sluice/abi.h"
#include "value.h"

#include <string.h>
#include <strings.h>

/* A job and its stream. */
struct pair {
    struct binder *b;
    struct config_job *job;
    const json_t *stream;
};

static const struct config_node *place(const struct config_job *job, const char *key, size_t index)
{
    const struct config_node *node = node_find(job->node, key);
    if (!node)
        return job->node;
    return index < node->count ? node->kids[index] : node;
}

static bool has_word(const char *words, const char *name)
{
    size_t wanted = strlen(name), len = 0;
    for (const char *word; (word = value_word(&words, &len)) != NULL;)
        if (len == wanted && memcmp(word, name, len) == 0)
            return true;
    return false;
}

/* ---- Columns ---- */

static const json_t *find_column(const struct pair *p, const char *name)
{
    size_t i = 0;
    const json_t *column = NULL;
    json_array_foreach(json_object_get(p->stream, "columns"), i,
                       column) if (strcmp(bind_text(column, "name"), name) == 0) return column;
    return NULL;
}

static bool is_field(const struct pair *p, const char *name)
{
    for (size_t i = 0; i < p->job->field_count; i++)
        if (strcmp(p->job->fields[i].column, name) == 0)
            return true;
    return false;
}

static bool has_key_column(const struct pair *p)
{
    size_t i = 0;
    const json_t *column = NULL;
    json_array_foreach(json_object_get(p->stream, "columns"), i,
                       column) if (json_integer_value(json_object_get(column, "flags")) & SLUICE_KEY) return true;
    return false;
}

/* Columns that the host fills itself. */
static bool is_reserved(const struct pair *p, const char *name)
{
    static const char *const always[] = {"created_at", "updated_at", "last_sync_at"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (strcasecmp(name, always[i]) == 0)
            return true;
    return strcasecmp(name, "id") == 0 && !has_key_column(p);
}

/* What a column's name is in the table; "" when it is left out. */
static const char *final_name(const struct pair *p, const char *name)
{
    for (size_t i = 0; i < p->job->column_count; i++)
        if (strcmp(p->job->columns[i].from, name) == 0)
            return p->job->columns[i].to;
    return name;
}

/* SQLite takes "Name" and "name" for one column. */
static bool same_column(const struct pair *p, const char *a, const char *b)
{
    bool sqlite = strncmp(p->b->config->store_url, "sqlite:", 7) == 0;
    return (sqlite ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

/* The column of the stream, other than `except`, that ends as `name` in the table; NULL: none. */
static const char *taken_by(const struct pair *p, const char *name, const char *except)
{
    size_t i = 0;
    const json_t *column = NULL;
    json_array_foreach(json_object_get(p->stream, "columns"), i, column)
    {
        const char *own = bind_text(column, "name");
        if (strcmp(own, except) != 0 && same_column(p, final_name(p, own), name))
            return own;
    }
    return NULL;
}

/* What needs a column to be there; NULL: nothing. */
static const char *needed_for(const struct pair *p, const char *name)
{
    if (strcmp(bind_text(p->stream, "scope"), name) == 0)
        return "tells tenants apart";
    if (strcmp(bind_text(p->stream, "gone"), name) == 0)
        return "notes what is gone";
    if (json_integer_value(json_object_get(find_column(p, name), "flags")) & SLUICE_KEY)
        return "is the table's key";
    for (size_t i = 0; i < p->job->match_count; i++)
        if (has_word(p->job->match[i].columns, name))
            return "finds rows";
    if (p->job->match_count > 0)
        return NULL;
    size_t i = 0;
    const json_t *match = NULL;
    json_array_foreach(json_object_get(p->stream, "matches"), i,
                       match) if (has_word(bind_text(match, "columns"), name)) return "finds rows";
    return NULL;
}

static void check_rename(const struct pair *p, const struct config_rename *r, const struct config_node *at)
{
    struct config_problems *problems = p->b->problems;
    if (!find_column(p, r->from)) {
        config_problem(problems, at->file, at->line, "%s has no column `%s`: %s", p->job->stream, r->from,
                       bind_hint(p->b, json_object_get(p->stream, "columns"), r->from));
        return;
    }
    const char *need = r->to[0] ? NULL : needed_for(p, r->from);
    if (need)
        config_problem(problems, at->file, at->line, "the column `%s` %s and cannot be left out", r->from, need);
    if (!r->to[0])
        return;
    if (is_reserved(p, r->to))
        config_problem(problems, at->file, at->line, "`%s` is a column that sluice fills itself",
                       node_shown(at, r->to));
    else if (taken_by(p, r->to, r->from))
        config_problem(problems, at->file, at->line, "two columns would be called `%s`: `%s` and `%s`",
                       node_shown(at, r->to), taken_by(p, r->to, r->from), r->from);
}

static void check_field(const struct pair *p, const char *column, const struct config_node *field)
{
    const struct config_node *at = node_find(field, "column");
    at = at ? at : field;
    const char *shown = node_shown(at, column);
    if (is_reserved(p, column))
        config_problem(p->b->problems, at->file, at->line, "`%s` is a column that sluice fills itself", shown);
    else if (taken_by(p, column, ""))
        config_problem(p->b->problems, at->file, at->line, "`fields` cannot fill the column `%s`: %s has it already",
                       shown, p->job->stream);
}

static void check_match(const struct pair *p, const struct config_match *match, const struct config_node *rule)
{
    const struct config_node *at = node_find(rule, "columns");
    at = at ? at : rule;
    const char *words = match->columns;
    size_t len = 0;
    for (const char *word; (word = value_word(&words, &len)) != NULL;) {
        const char *name = pool_copy(p->b->pool, word, len);
        if (!find_column(p, name) && !is_field(p, name))
            config_problem(p->b->problems, at->file, at->line, "`match`: %s has no column `%s`: %s", p->job->stream,
                           node_shown(at, name), bind_hint(p->b, json_object_get(p->stream, "columns"), name));
    }
}

static void check_columns(const struct pair *p)
{
    const struct config_job *job = p->job;
    for (size_t i = 0; i < job->column_count; i++) {
        const struct config_node *at = node_find(node_find(job->node, "columns"), job->columns[i].from);
        check_rename(p, &job->columns[i], at ? at : job->node);
    }
    for (size_t i = 0; i < job->field_count; i++)
        check_field(p, job->fields[i].column, place(job, "fields", i));
    for (size_t i = 0; i < job->match_count; i++)
        check_match(p, &job->match[i], place(job, "match", i));
}

/* ---- Order ---- */

static void check_after(const struct pair *p, const json_t *streams)
{
    const struct config_job *job = p->job;
    for (size_t i = 0; i < job->after_count; i++) {
        const struct config_node *at = place(job, "after", i);
        if (strcmp(job->after[i], job->stream) == 0)
            config_problem(p->b->problems, at->file, at->line, "`after`: `%s` cannot run before itself", job->stream);
        else if (!bind_stream(streams, job->after[i]))
            config_problem(p->b->problems, at->file, at->line, "`after`: %s has no stream `%s`: %s",
                           p->b->connector->name, node_shown(at, job->after[i]),
                           bind_hint(p->b, streams, job->after[i]));
    }
}

/* Streams on the way, to see circles. */
struct walk {
    struct binder *b;
    const json_t *streams;
    const char *goal;
    bool *seen;
};

static bool leads_to(struct walk *w, const char *stream);

static bool words_lead_to(struct walk *w, const char *words)
{
    size_t len = 0;
    for (const char *word; (word = value_word(&words, &len)) != NULL;)
        if (leads_to(w, pool_copy(w->b->pool, word, len)))
            return true;
    return false;
}

/* Does what `stream` waits for come to the goal? */
static bool leads_to(struct walk *w, const char *stream)
{
    if (strcmp(stream, w->goal) == 0)
        return true;
    size_t i = 0;
    const json_t *json = NULL;
    json_array_foreach(w->streams, i, json) if (strcmp(bind_text(json, "name"), stream) == 0) break;
    if (i == json_array_size(w->streams) || w->seen[i])
        return false;
    w->seen[i] = true;

    bool scheduled = false;
    for (size_t j = 0; j < w->b->connector->job_count; j++) {
        const struct config_job *job = &w->b->connector->jobs[j];
        if (strcmp(job->stream, stream) != 0 || !job->after_set)
            continue;
        scheduled = true;
        for (size_t k = 0; k < job->after_count; k++)
            if (leads_to(w, job->after[k]))
                return true;
    }
    return !scheduled && words_lead_to(w, bind_text(json, "needs"));
}

void bind_order(struct binder *b, const json_t *streams)
{
    for (size_t i = 0; i < b->connector->job_count; i++) {
        const struct config_job *job = &b->connector->jobs[i];
        struct walk w = {b, streams, job->stream, pool_alloc(b->pool, json_array_size(streams) + 1)};
        for (size_t k = 0; k < job->after_count; k++) {
            if (strcmp(job->after[k], job->stream) == 0 || !leads_to(&w, job->after[k]))
                continue;
            const struct config_node *at = place(job, "after", k);
            config_problem(b->problems, at->file, at->line, "`after` goes in a circle: `%s` waits for `%s`",
                           job->after[k], job->stream);
            break;
        }
    }
}

/* The setting of a partition whose value the column that tells tenants apart has: "tenant_id" for
 * "${mappings.tenant_id}". */
static char *find_tenant(const struct pair *p)
{
    const char *partition = p->job->partition, *scope = bind_text(p->stream, "scope");
    const char *value = *scope ? bind_text(find_column(p, scope), "value") : "";
    size_t len = strlen(partition), end = strlen(value);

    if (len == 0 || end < len + 5 || strncmp(value, "${", 2) != 0 || strncmp(value + 2, partition, len) != 0 ||
        value[2 + len] != '.' || strchr(value, '}') != value + end - 1)
        return pool_text(p->b->pool, "");
    return pool_copy(p->b->pool, value + len + 3, end - len - 4);
}

void bind_job(struct binder *b, struct config_job *job, const json_t *streams)
{
    if (!job->stream[0])
        return; /* its variable is not set, and the connector is disabled */
    struct pair p = {b, job, bind_stream(streams, job->stream)};
    if (!p.stream) {
        const struct config_node *at = node_find(job->node, "stream");
        config_problem(b->problems, at->file, at->line, "%s has no stream `%s`: %s", b->connector->name,
                       at->origin ? at->origin : job->stream, bind_hint(b, streams, job->stream));
        return;
    }
    if (!job->table[0])
        job->table = pool_text(b->pool, bind_text(p.stream, "table"));
    job->partition = pool_text(b->pool, bind_text(p.stream, "partition"));
    job->tenant = find_tenant(&p);
    check_after(&p, streams);
    check_columns(&p);
}

static bool has_job(const struct config_connector *connector, const char *stream)
{
    for (size_t i = 0; i < connector->job_count; i++)
        if (strcmp(connector->jobs[i].stream, stream) == 0)
            return true;
    return false;
}

/* What the stream reads must land somewhere. */
static void check_needs(struct binder *b, const struct config_job *job, const char *needs)
{
    size_t len = 0;
    for (const char *word; (word = value_word(&needs, &len)) != NULL;) {
        const char *name = pool_copy(b->pool, word, len);
        if (job->enabled && !has_job(b->connector, name))
            config_problem(b->problems, job->file, job->line,
                           "`%s` reads what `%s` has landed, and there is no job for that: add { stream = \"%s\"; }",
                           job->stream, name, name);
    }
}

void bind_needs(struct binder *b, struct config_job *job, const json_t *streams)
{
    const char *needs = bind_text(bind_stream(streams, job->stream), "needs");
    size_t len = 0;
    check_needs(b, job, needs);
    if (job->after_set)
        return;
    job->after = NULL;
    job->after_count = 0;
    for (const char *word; (word = value_word(&needs, &len)) != NULL;) {
        job->after = pool_append(b->pool, job->after, job->after_count, sizeof *job->after);
        job->after[job->after_count++] = pool_copy(b->pool, word, len);
    }
}
