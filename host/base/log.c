#include "log.h"

#include "clock.h"
#include "plain.h"
#include "redact.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES    4096 /* not more than a pipe takes in one piece, so lines of several processes do not mix */
#define TAIL_BYTES    32   /* kept for repeated=… and the end of the line */
#define TIME_BYTES    40
#define SUBJECT_BYTES 512 /* of a line, level and subject at most */
#define FIELD_BYTES   512 /* of a line, one field at most */
#define FIELDS_BYTES  2048
#define REPEAT_US     (60 * CLOCK_SECOND)
#define MORE          "…"

/* What is gathered of a line. */
struct line {
    char text[LINE_BYTES];
    size_t len, max;
};

static struct {
    int level;
    bool json;
    struct line last;   /* the last event, from its level on */
    int64_t repeats;    /* how often it came again since it was written */
    int64_t written_us; /* when that was; monotonic */
} sink = {.level = LOG_WARN};

/* ---- Text ---- */

/* Append all of it or, where it does not fit, nothing. */
static bool put(struct line *l, const char *text, size_t len)
{
    if (len > l->max - l->len)
        return false;
    memcpy(l->text + l->len, text, len);
    l->len += len;
    return true;
}

static bool put_str(struct line *l, const char *text)
{
    return put(l, text, strlen(text));
}

static size_t char_len(const char *text)
{
    size_t len = 1;

    while (((unsigned char)text[len] & 0xC0) == 0x80)
        len++;
    return len;
}

/* Append a character as it stands between quotes, in JSON and in logfmt. Terminals obey U+0080 to U+009F too. */
static bool put_escaped(struct line *l, const char *text)
{
    static const char meant[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    const char *special = strchr(meant, text[0]);
    unsigned first = (unsigned char)text[0], second = first ? (unsigned char)text[1] : 0;
    char escape[8];

    if (special)
        snprintf(escape, sizeof(escape), "\\%c", letters[special - meant]);
    else if (first < 0x20 || first == 0x7F)
        snprintf(escape, sizeof(escape), "\\u%04x", first);
    else if (first == 0xC2 && second < 0xA0)
        snprintf(escape, sizeof(escape), "\\u%04x", second);
    else
        return put(l, text, char_len(text));
    return put_str(l, escape);
}

/* Append `text` in quotes. What does not fit is cut off, which "…" tells. */
static bool put_quoted(struct line *l, const char *text)
{
    size_t max = l->max;

    if (max - l->len < sizeof(MORE) + 1)
        return false;
    put_str(l, "\"");
    l->max -= sizeof(MORE); /* the mark and a quote */
    while (*text && put_escaped(l, text))
        text += char_len(text);
    l->max = max;
    return put_str(l, *text ? MORE "\"" : "\"");
}

/* Can logfmt do without quotes? */
static bool is_bare(const char *text)
{
    const char *p = text;

    while (*p > ' ' && *p < 0x7F && !strchr("\"=\\", *p))
        p++;
    return p > text && !*p;
}

/* A copy of `text` that is fit for people: masked, valid UTF-8. NULL without memory. */
static char *clean(const char *text)
{
    char *copy = strdup(text);
    size_t len = copy ? redact(copy, strlen(copy)) : 0;
    char *shown = copy ? plain_text((sluice_str){copy, len}, LINE_BYTES) : NULL;

    free(copy);
    return shown;
}

/* ---- One event ---- */

static bool put_key(struct line *l, const char *key)
{
    return put_str(l, sink.json ? ",\"" : " ") && put_str(l, key) && put_str(l, sink.json ? "\":" : "=");
}

static bool put_text(struct line *l, const char *key, const char *text)
{
    char *shown = clean(text);
    bool bare = shown && !sink.json && is_bare(shown) && strcmp(key, "msg") != 0;
    bool ok = shown && put_key(l, key) && ((bare && put_str(l, shown)) || put_quoted(l, shown));

    free(shown);
    return ok;
}

static bool put_number(struct line *l, const char *key, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    return put_key(l, key) && put_str(l, text);
}

static void put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->len, max = l->max;

    if (max - before > FIELD_BYTES)
        l->max = before + FIELD_BYTES;
    if (!(f->is_number ? put_number(l, f->key, f->number) : f->text && put_text(l, f->key, f->text)))
        l->len = before;
    l->max = max;
}

static void put_event(struct line *l, int level, const char *subject, const char *message,
                      const struct log_field *fields, size_t count)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct line behind = {.max = FIELDS_BYTES};

    for (size_t i = 0; i < count; i++)
        put_field(&behind, &fields[i]);
    l->max = SUBJECT_BYTES;
    put_text(l, "level", names[level]);
    if (subject && *subject)
        put_text(l, "job", subject);
    l->max = LINE_BYTES - TIME_BYTES - TAIL_BYTES - behind.len;
    put_text(l, "msg", message);
    l->max = LINE_BYTES;
    put(l, behind.text, behind.len);
}

/* ---- Writing ---- */

static void put_time(struct line *l)
{
    char text[TIME_BYTES];
    int64_t now_us = clock_wall_us();
    time_t now = (time_t)(now_us / CLOCK_SECOND);
    struct tm utc = {0};

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    put_str(l, sink.json ? "{\"time\":\"" : "time=");
    put_str(l, text);
    snprintf(text, sizeof(text), ".%03dZ", (int)(now_us % CLOCK_SECOND / 1000));
    put_str(l, text);
    put_str(l, sink.json ? "\"" : "");
}

/* Write the last event, as one that came again `repeats` times. */
static void write_last(int64_t repeats)
{
    struct line l = {.max = LINE_BYTES};

    put_time(&l);
    put(&l, sink.last.text, sink.last.len);
    if (repeats)
        put_number(&l, "repeated", repeats);
    put_str(&l, sink.json ? "}\n" : "\n");
    while (write(STDERR_FILENO, l.text, l.len) < 0 && errno == EINTR)
        continue;
    sink.repeats = 0;
    sink.written_us = clock_mono_us();
}

void log_flush(void)
{
    int saved_errno = errno;

    if (sink.repeats)
        write_last(sink.repeats);
    errno = saved_errno;
}

static void write_event(const struct line *event)
{
    if (event->len == sink.last.len && memcmp(event->text, sink.last.text, event->len) == 0) {
        sink.repeats++;
        if (clock_mono_us() - sink.written_us >= REPEAT_US)
            log_flush();
        return;
    }
    log_flush();
    memcpy(sink.last.text, event->text, event->len);
    sink.last.len = event->len;
    write_last(0);
}

static void write_it(int level, const char *subject, const char *message, const struct log_field *fields, size_t count)
{
    int saved_errno = errno;
    struct line event = {0};

    put_event(&event, level, subject, message, fields, count);
    write_event(&event);
    errno = saved_errno;
}

void log_event(int level, const char *subject, const char *message, const struct log_field *fields, size_t count)
{
    if (level >= LOG_ERROR && level <= LOG_DEBUG && level <= sink.level)
        write_it(level, subject, message, fields, count);
}

void log_say(int level, const char *subject, const char *text)
{
    if (level >= LOG_ERROR && level <= LOG_DEBUG)
        write_it(level, subject, text, NULL, 0);
}

void log_line(int level, const char *subject, const char *fmt, ...)
{
    int saved_errno = errno;
    char *message = NULL;
    va_list args;

    if (level < LOG_ERROR || level > LOG_DEBUG || level > sink.level)
        return;
    va_start(args, fmt);
    int wanted = vasprintf(&message, fmt, args);
    va_end(args);
    if (wanted >= 0) {
        log_event(level, subject, message, NULL, 0);
        free(message);
    }
    errno = saved_errno;
}

void log_set_level(int level)
{
    sink.level = level;
}

void log_set_json(bool json)
{
    log_flush();
    sink.last.len = 0;
    sink.json = json;
}

bool log_is_json(void)
{
    return sink.json;
}
