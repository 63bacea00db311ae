/* tenant_view.c - see tenant_view.h. */
#include "tenant_view.h"

#include <stdint.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

bool tenant_has_part(const struct config_job *job, const char *tenant)
{
    if (!*tenant)
        return true;
    json_t *ids = config_tenant_partitions(job, tenant);
    bool has = json_array_size(ids) > 0;
    json_decref(ids);
    return has;
}

bool tenant_sees(const struct config_job *job, const char *tenant, const char *id, const char *scope)
{
    return config_is_tenants(job, id, tenant) && (!*tenant || !*scope || strcmp(scope, tenant) == 0);
}

/* ---- A run over several ---- */

static json_t *own_parts(const struct config_job *job, const char *tenant, const json_t *run)
{
    const json_t *parts = json_object_get(run, "partitions");
    json_t *own = json_array();

    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *part = json_array_get(parts, i);
        if (tenant_sees(job, tenant, text_of(part, "id"), text_of(part, "scope")))
            json_array_append(own, part);
    }
    return own;
}

/* Figures add up; of gaps the widest counts. */
static void add_stats(json_t *sum, const json_t *stats)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)stats, name, value) {
        json_int_t have = json_integer_value(json_object_get(sum, name)), more = json_integer_value(value);
        bool widest = strcmp(name, "gap_seconds") == 0;
        json_object_set_new(sum, name, json_integer(!widest ? have + more : have > more ? have : more));
    }
}

static json_t *sum_of(const json_t *parts, const char *key)
{
    json_int_t sum = 0;

    for (size_t i = 0; i < json_array_size(parts); i++)
        sum += json_integer_value(json_object_get(json_array_get(parts, i), key));
    return json_integer(sum);
}

/* "running" while the whole is; else what all came to. */
static const char *status_of(const json_t *run, const json_t *parts)
{
    size_t good = 0, failed = 0, count = json_array_size(parts);

    if (strcmp(text_of(run, "status"), "running") == 0)
        return "running";
    for (size_t i = 0; i < count; i++) {
        const char *status = text_of(json_array_get(parts, i), "status");
        good += strcmp(status, "success") == 0;
        failed += strcmp(status, "success") != 0 && strcmp(status, "partial") != 0;
    }
    return good == count ? "success" : failed == count ? text_of(json_array_get(parts, 0), "status") : "partial";
}

/* What is said in words is said by the partitions. */
static void put_words(json_t *view, const json_t *parts)
{
    json_t *details = json_array(), *warnings = json_array(), *stats = json_object(), *error = NULL;

    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        json_array_extend(details, json_object_get(part, "errorDetails"));
        json_array_extend(warnings, json_object_get(part, "warnings"));
        add_stats(stats, json_object_get(part, "stats"));
        if (!error && *text_of(part, "error"))
            error = json_object_get(part, "error");
    }
    json_object_set_new(view, "errorDetails", details);
    json_object_set_new(view, "warnings", warnings);
    json_object_set_new(view, "stats", stats);
    if (error)
        json_object_set(view, "error", error);
}

/* Steals the parts. */
static json_t *cut(const json_t *run, json_t *parts)
{
    static const char *const same[] = {"job", "run", "mode", "started_at", "timestamp", "duration_ms"};
    static const char *const figures[] = {"total", "processed", "created", "updated", "skipped", "errors"};
    static const char *const nothing[] = {"window_start", "at", "message"};
    const char *status = status_of(run, parts);
    bool good = strcmp(status, "success") == 0 || strcmp(status, "partial") == 0;
    json_t *view = json_pack("{s:s, s:b}", "status", status, "success", (int)good);

    for (size_t i = 0; i < LEN(same); i++)
        json_object_set(view, same[i], json_object_get(run, same[i]));
    for (size_t i = 0; i < LEN(figures); i++)
        json_object_set_new(view, figures[i], sum_of(parts, figures[i]));
    for (size_t i = 0; i < LEN(nothing); i++)
        json_object_set_new(view, nothing[i], json_null());
    put_words(view, parts);
    json_object_set_new(view, "partitions", parts);
    return view;
}

json_t *tenant_run(const struct config_job *job, const char *tenant, const json_t *run)
{
    const char *partition = text_of(run, "partition");

    if (!*tenant)
        return json_incref((json_t *)(uintptr_t)run);
    if (!job)
        return NULL;
    if (*partition)
        return tenant_sees(job, tenant, partition, text_of(run, "scope")) ? json_incref((json_t *)(uintptr_t)run)
                                                                          : NULL;
    json_t *parts = own_parts(job, tenant, run);
    if (json_array_size(parts))
        return cut(run, parts);
    json_decref(parts);
    return NULL;
}
