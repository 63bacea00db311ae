/* plan.c - see plan.h. */
#include "plan.h"

#include "spec.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"

static int no_memory(struct err *err)
{
    return err_set(err, E_SYSTEM, "out of memory");
}

static char *copy_or_null(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? strdup(text) : NULL;
}

/* The table's name for a stream's column: as the job renames it. */
static const char *renamed(const json_t *job, const char *column)
{
    const json_t *list = json_object_get(job, "columns");

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(spec_text(json_array_get(list, i), "from"), column) == 0)
            return spec_text(json_array_get(list, i), "to");
    }
    return column;
}

static int make_column(const json_t *j, const json_t *job, struct table_column *out, struct err *err)
{
    const char *name = spec_text(j, "name");
    int64_t type = spec_int(j, "type"), scale = spec_int(j, "scale");

    if (!*name || type < SLUICE_INT || type > SLUICE_INTS || scale < 0 || scale > 18)
        return err_set(err, SLUICE_E_BUG, "the plugin's HELLO has a column that is not one");
    *out = (struct table_column){.name = strdup(renamed(job, name)),
                                 .source = strdup(name),
                                 .type = (uint32_t)type,
                                 .flags = (uint32_t)spec_int(j, "flags"),
                                 .scale = (uint32_t)scale,
                                 .preset = copy_or_null(j, "preset"),
                                 .value = copy_or_null(j, "value")};
    return out->name && out->source ? SLUICE_OK : no_memory(err);
}

static int make_columns(const json_t *stream, const json_t *job, struct table *t, struct err *err)
{
    const json_t *list = json_object_get(stream, "columns");
    size_t n = json_array_size(list);
    int rc = SLUICE_OK;

    if (n == 0)
        return err_set(err, SLUICE_E_BUG, "the plugin's HELLO has no columns");
    t->columns = calloc(n, sizeof(*t->columns));
    if (!t->columns)
        return no_memory(err);
    for (size_t i = 0; !rc && i < n; i++) {
        t->column_count = i + 1;
        rc = make_column(json_array_get(list, i), job, &t->columns[i], err);
    }
    return rc;
}

static size_t find_column(const struct table *t, const char *name, size_t len)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (strlen(t->columns[i].source) == len && strncmp(t->columns[i].source, name, len) == 0)
            return i;
    }
    return TABLE_NONE;
}

static int add_rule_columns(const struct table *t, const char *names, struct table_rule *r, struct err *err)
{
    for (const char *p = names + strspn(names, BLANKS); *p; p += strspn(p, BLANKS)) {
        size_t len = strcspn(p, BLANKS);
        size_t column = find_column(t, p, len);
        if (column == TABLE_NONE || !*t->columns[column].name)
            return err_set(err, SLUICE_E_CONFIG, "match: there is no column %.*s in the table", (int)len, p);
        if (r->column_count == TABLE_KEY_MAX)
            return err_set(err, SLUICE_E_CONFIG, "match: more than %d columns in one rule", TABLE_KEY_MAX);
        r->columns[r->column_count++] = column;
        p += len;
    }
    return r->column_count ? SLUICE_OK : err_set(err, SLUICE_E_CONFIG, "match: a rule without columns");
}

static int add_never(const char *values, struct table_rule *r, struct err *err)
{
    for (const char *p = values + strspn(values, BLANKS); *p; p += strspn(p, BLANKS)) {
        size_t len = strcspn(p, BLANKS);
        char **grown = realloc(r->never, (r->never_count + 1) * sizeof(char *));
        if (!grown)
            return no_memory(err);
        r->never = grown;
        r->never[r->never_count] = strndup(p, len);
        if (!r->never[r->never_count])
            return no_memory(err);
        r->never_count++;
        p += len;
    }
    return SLUICE_OK;
}

/* The job's own rules replace the stream's. */
static int make_rules(const json_t *stream, const json_t *job, struct table *t, struct err *err)
{
    const json_t *list = json_object_get(job, "match");

    if (json_array_size(list) == 0)
        list = json_object_get(stream, "matches");
    size_t n = json_array_size(list);
    t->rules = calloc(n + 1, sizeof(*t->rules));
    if (!t->rules)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const json_t *j = json_array_get(list, i);
        struct table_rule *r = &t->rules[i];
        t->rule_count = i + 1;
        r->rule = (uint32_t)spec_int(j, "rule");
        if (r->rule < SLUICE_IDENTITY || r->rule > SLUICE_REBIND)
            return err_set(err, SLUICE_E_BUG, "match: an unknown rule");
        int rc = add_rule_columns(t, spec_text(j, "columns"), r, err);
        if (!rc)
            rc = add_never(spec_text(j, "never"), r, err);
        if (rc)
            return rc;
    }
    return n ? SLUICE_OK : err_set(err, SLUICE_E_CONFIG, "match: there is no rule by which a record finds its row");
}

static int make_scope(const json_t *stream, struct table *t, struct err *err)
{
    const char *scope = spec_text(stream, "scope");

    t->scope = TABLE_NONE;
    if (!*scope)
        return SLUICE_OK;
    t->scope = find_column(t, scope, strlen(scope));
    if (t->scope == TABLE_NONE || !*t->columns[t->scope].name)
        return err_set(err, SLUICE_E_CONFIG, "scope: there is no column %s in the table", scope);
    return SLUICE_OK;
}

static int make_gone(const json_t *stream, struct table *t, struct err *err)
{
    const char *gone = spec_text(stream, "gone");

    if (!*gone)
        return SLUICE_OK;
    size_t column = find_column(t, gone, strlen(gone));
    if (column == TABLE_NONE || !*t->columns[column].name || t->columns[column].type != SLUICE_TIME)
        return err_set(err, SLUICE_E_CONFIG, "gone: there is no time column %s in the table", gone);
    t->gone = &t->columns[column];
    return SLUICE_OK;
}

/* What reading the table takes: its columns. */
static int make_table(const json_t *stream, const json_t *job, struct table *t, struct err *err)
{
    const char *name = spec_text(job, "table");

    t->scope = TABLE_NONE;
    t->name = strdup(*name ? name : spec_text(stream, "table"));
    t->check_only = spec_bool(job, "manage_check");
    int rc = t->name ? make_columns(stream, job, t, err) : no_memory(err);
    if (!rc)
        rc = make_gone(stream, t, err);
    if (!rc && !*t->name)
        rc = err_set(err, SLUICE_E_BUG, "the plugin's HELLO names no table");
    return rc;
}

int plan_make_source(const json_t *stream, const json_t *job, struct table *out, struct err *err)
{
    struct table t = {0};
    int rc = make_table(stream, job, &t, err);

    if (rc)
        table_free(&t);
    else
        *out = t;
    return rc;
}

int plan_make(const json_t *stream, const json_t *job, struct plan *out, struct err *err)
{
    struct plan p = {.windowed = spec_bool(stream, "windowed")};
    int rc = make_table(stream, job, &p.table, err);

    if (!rc)
        rc = make_rules(stream, job, &p.table, err);
    if (!rc)
        rc = make_scope(stream, &p.table, err);
    if (rc)
        plan_free(&p);
    else
        *out = p;
    return rc;
}

void plan_free(struct plan *p)
{
    table_free(&p->table);
}
