/* Scripted replies: a queue of what the next answers are to be, first in, first out among those a request matches.
 *
 * {"status": 503, "headers": {"Retry-After": "1"}, "retry_after_date": 2, "body": "text", "body_base64": "…",
 *  "charset": "utf-8", "fault": "cut-body", "delay_ms": 50, "times": 2, "path": "getCustomers", "query": "limit=5"}
 *
 * All keys are optional. Without a body the source answers as usual (a status other than 200 gets a short text).
 * "times" 0 is for ever. "path" and "query" are parts of the request's.
 */
#include "sim.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct script {
    json_t *json;
    json_int_t left; /* 0: for ever */
    struct script *next;
};

struct scripts {
    pthread_mutex_t lock;
    struct script *first;
};

static const char *const keys[] = {"status",  "headers", "retry_after_date", "body",  "body_base64",
                                   "charset", "fault",   "delay_ms",         "times", "path",  "query"};

struct scripts *scripts_open(void)
{
    struct scripts *s = calloc(1, sizeof *s);
    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void script_free(struct script *e)
{
    json_decref(e->json);
    free(e);
}

void scripts_clear(struct scripts *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->first) {
        struct script *e = s->first;
        s->first = e->next;
        script_free(e);
    }
    pthread_mutex_unlock(&s->lock);
}

void scripts_close(struct scripts *s)
{
    if (!s)
        return;
    scripts_clear(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool is_key(const char *name)
{
    for (size_t i = 0; i < LEN(keys); i++)
        if (strcmp(keys[i], name) == 0)
            return true;
    return false;
}

/* A misspelt key would make a test pass for the wrong reason. */
static bool check(json_t *json, struct buf *why)
{
    if (!json_is_object(json))
        return buf_add_str(why, "a script is a JSON object"), false;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json, name, value)
    {
        if (!is_key(name))
            return buf_printf(why, "unknown key %s", name), false;
    }
    const json_t *fault = json_object_get(json, "fault");
    if (fault && (!json_is_string(fault) || !fault_known(json_string_value(fault))))
        return buf_printf(why, "unknown fault"), false;
    return true;
}

bool scripts_add(struct scripts *s, sluice_str text, struct buf *why)
{
    json_error_t error;
    json_t *json = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);
    struct script *e = json && check(json, why) ? calloc(1, sizeof *e) : NULL;
    if (!e) {
        if (!json)
            buf_add_str(why, error.text);
        json_decref(json);
        return false;
    }
    const json_t *times = json_object_get(json, "times");
    e->json = json;
    e->left = times ? json_integer_value(times) : 1;

    pthread_mutex_lock(&s->lock);
    struct script **end = &s->first;
    while (*end)
        end = &(*end)->next;
    *end = e;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* The first script for the request, one use less of it; a copy of its JSON, because counting references is not for threads.
 */
static json_t *take(struct scripts *s, const struct request *q)
{
    json_t *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct script **at = &s->first; *at && !found; at = &(*at)->next) {
        struct script *e = *at;
        const char *path = json_string_value(json_object_get(e->json, "path"));
        const char *query = json_string_value(json_object_get(e->json, "query"));
        if ((path && !strstr(q->path, path)) || (query && !strstr(q->query, query)))
            continue;
        found = json_deep_copy(e->json);
        if (e->left != 0 && --e->left == 0) {
            *at = e->next;
            script_free(e);
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static int base64_value(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

static void decode_base64(const char *text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (; *text; text++) {
        int value = base64_value(*text);
        if (value < 0)
            continue;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)(bits >> have & 0xFF));
        }
    }
}

static void add_headers(struct sim *sim, const json_t *json, struct buf *out)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(json, "headers"), name, value)
        buf_printf(out, "%s: %s\r\n", name, json_is_string(value) ? json_string_value(value) : "");
    const json_t *later = json_object_get(json, "retry_after_date");
    if (later) {
        char date[32];
        clock_http_date(clock_now(sim->clock) + (time_t)json_integer_value(later), date);
        buf_printf(out, "Retry-After: %s\r\n", date);
    }
}

static void add_body(struct sim *sim, const json_t *json, const char *charset, struct scripted *out)
{
    const char *wanted = json_string_value(json_object_get(json, "charset"));
    const json_t *text = json_object_get(json, "body");
    const char *base64 = json_string_value(json_object_get(json, "body_base64"));
    out->has_body = text || base64;
    if (text) {
        sluice_str bytes = {json_string_value(text), json_string_length(text)};
        if (!encode(wanted ? wanted : charset, sim->opt.escape, bytes, &out->body))
            buf_add(&out->body, bytes.ptr, bytes.len);
    } else if (base64) {
        decode_base64(base64, &out->body);
    } else if (out->status != 0 && out->status != 200) {
        out->has_body = true;
        buf_printf(&out->body, "scripted status %d\n", out->status);
    }
}

void scripts_take(struct sim *sim, const struct request *q, const char *charset, struct scripted *out)
{
    *out = (struct scripted){0};
    json_t *json = take(sim->scripts, q);
    if (!json)
        return;
    const char *fault = json_string_value(json_object_get(json, "fault"));
    out->found = true;
    out->status = (int)json_integer_value(json_object_get(json, "status"));
    out->delay_ms = (uint32_t)json_integer_value(json_object_get(json, "delay_ms"));
    if (fault)
        strncpy(out->fault, fault, sizeof out->fault - 1);
    bool utf8 = strcmp(out->fault, "utf8") == 0 || strcmp(out->fault, "bom") == 0;
    add_headers(sim, json, &out->headers);
    add_body(sim, json, utf8 ? "utf-8" : charset, out);
    json_decref(json);
}

void scripted_free(struct scripted *s)
{
    buf_free(&s->headers);
    buf_free(&s->body);
}
