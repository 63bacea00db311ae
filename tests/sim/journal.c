/* The requests that sources saw, for tests to look at. The oldest go when there are too many. */
#include "sim.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 4096
#define BODY_MAX    ((size_t)64 * 1024)

struct journal {
    pthread_mutex_t lock;
    json_t *entries;
};

struct journal *journal_open(void)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    pthread_mutex_init(&j->lock, NULL);
    j->entries = json_array();
    return j;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    json_decref(j->entries);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static int64_t mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* JSON text is UTF-8; other bytes are shown as they would be in Latin-1. */
static json_t *text_of(const char *bytes, size_t len)
{
    json_t *text = json_stringn(bytes, len);
    if (text)
        return text;
    struct buf utf8 = {0};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x80) {
            buf_add_char(&utf8, (char)c);
        } else {
            buf_add_char(&utf8, (char)(0xC0 | c >> 6));
            buf_add_char(&utf8, (char)(0x80 | (c & 0x3F)));
        }
    }
    text = json_stringn(buf_text(&utf8), utf8.len);
    buf_free(&utf8);
    return text;
}

static json_t *headers_of(const struct request *q)
{
    json_t *headers = json_object();
    for (const char *name = q->headers; *name;) {
        const char *value = name + strlen(name) + 1;
        json_object_set_new(headers, name, text_of(value, strlen(value)));
        name = value + strlen(value) + 1;
    }
    return headers;
}

void journal_add(struct journal *j, const struct request *q)
{
    json_t *entry = json_object();
    json_object_set_new(entry, "at_us", json_integer(mono_us()));
    json_object_set_new(entry, "method", text_of(q->method, strlen(q->method)));
    json_object_set_new(entry, "path", text_of(q->path, strlen(q->path)));
    json_object_set_new(entry, "query", text_of(q->query, strlen(q->query)));
    json_object_set_new(entry, "headers", headers_of(q));
    size_t shown = q->body.len < BODY_MAX ? q->body.len : BODY_MAX;
    json_object_set_new(entry, "body", text_of(buf_text(&q->body), shown));

    pthread_mutex_lock(&j->lock);
    if (json_array_size(j->entries) >= ENTRIES_MAX)
        json_array_remove(j->entries, 0);
    json_array_append_new(j->entries, entry);
    pthread_mutex_unlock(&j->lock);
}

void journal_clear(struct journal *j)
{
    pthread_mutex_lock(&j->lock);
    json_array_clear(j->entries);
    pthread_mutex_unlock(&j->lock);
}

void journal_print(struct journal *j, struct buf *out)
{
    pthread_mutex_lock(&j->lock);
    char *text = json_dumps(j->entries, JSON_INDENT(1));
    pthread_mutex_unlock(&j->lock);
    buf_add_str(out, text ? text : "[]");
    free(text);
}
