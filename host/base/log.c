#include "log.h"

#include "clock.h"
#include "redact.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Not more than a pipe takes in one piece, so lines of several processes do not mix. */
#define LINE_BYTES 4096

static int log_level = LOG_WARN;

void log_set_level(int level)
{
    log_level = level;
}

/* Write "2025-10-11T08:58:45.123Z WARN subject: " into `line`; returns its length. */
static size_t write_head(char *line, size_t size, int level, const char *subject)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    int64_t now_us = clock_wall_us();
    time_t now = (time_t)(now_us / CLOCK_SECOND);
    struct tm utc = {0};
    gmtime_r(&now, &utc);

    size_t len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + len, size - len, ".%03dZ %s %s%s", (int)(now_us % CLOCK_SECOND / 1000), names[level],
                        subject ? subject : "", subject ? ": " : "");
    len += more > 0 ? (size_t)more : 0;
    return len < size ? len : size - 1;
}

/* One event is one line: control characters, line feeds among them, become blanks. */
static void flatten(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = ' ';
}

/* Append `len` bytes of `text`, or as many whole characters as there is room for before the line feed. */
static size_t append_cut(char *line, size_t used, const char *text, size_t len)
{
    size_t room = LINE_BYTES - 1 - used;
    if (len > room) {
        len = room;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(line + used, text, len);
    return used + len;
}

void log_line(int level, const char *subject, const char *fmt, ...)
{
    if (level < LOG_ERROR || level > LOG_DEBUG || level > log_level)
        return;

    int saved_errno = errno;
    char *message = NULL;
    va_list args;
    va_start(args, fmt);
    int wanted = vasprintf(&message, fmt, args);
    va_end(args);
    if (wanted < 0) {
        errno = saved_errno;
        return;
    }

    char line[LINE_BYTES];
    size_t len = write_head(line, sizeof line / 2, level, subject);
    len = redact(line, len);
    len = append_cut(line, len, message, redact(message, (size_t)wanted));
    free(message);
    flatten(line, len);
    line[len++] = '\n';

    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
