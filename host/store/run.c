/* run.c - see run.h. */
#include "run.h"

#include "buf.h"
#include "date.h"
#include "id.h"

#include <stdlib.h>
#include <string.h>

int run_init(struct run *r, const char *job, const char *partition, const char *mode, struct err *err)
{
    *r = (struct run){.total = -1};
    id_new(r->id);
    snprintf(r->mode, sizeof(r->mode), "%s", mode);
    snprintf(r->status, sizeof(r->status), "running");
    r->job = strdup(job);
    r->partition = strdup(partition);
    r->warnings = json_array();
    r->stats = json_object();
    r->details = json_array();
    if (r->job && r->partition && r->warnings && r->stats && r->details)
        return SLUICE_OK;
    run_free(r);
    return err_set(err, E_SYSTEM, "out of memory");
}

void run_free(struct run *r)
{
    free(r->job);
    free(r->partition);
    free(r->scope);
    free(r->reason);
    free(r->host);
    free(r->window_start);
    free(r->window_end);
    free(r->message);
    free(r->error);
    json_decref(r->warnings);
    json_decref(r->stats);
    json_decref(r->details);
    *r = (struct run){0};
}

void run_set(char **member, const char *text)
{
    char *copy = text ? strdup(text) : NULL;

    free(*member);
    *member = copy;
}

void run_warn(struct run *r, const char *text)
{
    json_array_append_new(r->warnings, json_string(text));
}

void run_stat(struct run *r, const char *name, int64_t value)
{
    json_object_set_new(r->stats, name, json_integer(value));
}

void run_detail(struct run *r, const char *key, const char *reason)
{
    if (json_array_size(r->details) < RUN_DETAILS_MAX)
        json_array_append_new(r->details, json_pack("{s:s, s:s}", "key", key, "reason", reason));
}

static json_t *time_json(int64_t us)
{
    struct buf text = {0};

    if (us == 0)
        return json_null();
    date_print_ms(&text, us);
    json_t *json = json_string(buf_text(&text));
    buf_free(&text);
    return json;
}

static json_t *text_json(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *run_json(const struct run *r)
{
    int succeeded = strcmp(r->status, "success") == 0 || strcmp(r->status, "partial") == 0;
    int64_t end = r->finished_at ? r->finished_at : r->started_at;
    json_t *j = json_object();

    json_object_set_new(j, "job", json_string(r->job));
    json_object_set_new(j, "run", json_string(r->id));
    if (*r->partition)
        json_object_set_new(j, "partition", json_string(r->partition));
    if (*r->partition && r->scope)
        json_object_set_new(j, "scope", json_string(r->scope));
    json_object_set_new(j, "mode", json_string(r->mode));
    json_object_set_new(j, "status", json_string(r->status));
    json_object_set_new(j, "success", json_boolean(succeeded));
    json_object_set_new(j, "total", json_integer(r->total >= 0 ? r->total : r->counts.processed));
    json_object_set_new(j, "processed", json_integer(r->counts.processed));
    json_object_set_new(j, "created", json_integer(r->counts.created));
    json_object_set_new(j, "updated", json_integer(r->counts.updated));
    json_object_set_new(j, "skipped", json_integer(r->counts.skipped));
    json_object_set_new(j, "errors", json_integer(r->counts.errors));
    json_object_set(j, "errorDetails", r->details);
    json_object_set_new(j, "window_start", text_json(r->window_start));
    json_object_set_new(j, "at", text_json(r->window_end));
    json_object_set_new(j, "message", text_json(r->message));
    json_object_set(j, "warnings", r->warnings);
    json_object_set(j, "stats", r->stats);
    json_object_set_new(j, "started_at", time_json(r->started_at));
    json_object_set_new(j, "timestamp", time_json(end));
    json_object_set_new(j, "duration_ms", json_integer(end / 1000 - r->started_at / 1000));
    json_object_set_new(j, "partitions", json_array());
    if (r->reason)
        json_object_set_new(j, "reason", json_string(r->reason));
    if (r->error)
        json_object_set_new(j, "error", json_string(r->error));
    return j;
}

json_t *run_part_json(const struct run *r)
{
    json_t *j = json_pack("{s:s}", "id", r->partition), *rest = run_json(r);

    json_object_update(j, rest);
    json_decref(rest);
    return j;
}

int run_exit_code(const char *status, int code)
{
    if (strcmp(status, "success") == 0)
        return 0;
    if (strcmp(status, "partial") == 0)
        return code ? err_exit_code(code) : 2;
    if (strcmp(status, "cancelled") == 0)
        return err_exit_code(SLUICE_E_CANCELLED);
    if (strcmp(status, "failed") == 0 && code)
        return err_exit_code(code);
    return 1;
}
