/* log.h - one line for an event, to standard error, as logfmt or as JSON:
 *
 *   time=2025-10-11T08:58:45.123Z level=warn job=erp.customers msg="3 records were rejected" errors=3
 *   {"time":"2025-10-11T08:58:45.123Z","level":"warn","job":"erp.customers","msg":"3 records were rejected","errors":3}
 *
 * The one global of a process: where lines go, how they look, which level is wanted. Every text passes through
 * redact(); control characters are escaped, bytes that are not UTF-8 become U+FFFD. A line has at most 4096 bytes and
 * is written in one piece, so lines of several processes do not mix.
 *
 * Of equal events in a row the first is written. How many came after it is told once something else is written, a
 * minute has passed when the next one comes, or log_flush() is called: the same line again, with repeated=17.
 *
 * Threads: one.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_ERROR 0
#define LOG_WARN  1
#define LOG_INFO  2
#define LOG_DEBUG 3

/* Lines of a level above `level` are dropped. The default is LOG_WARN. */
void log_set_level(int level);

/* The variable that has the processes that we start log as we do: "json", or unset. */
#define LOG_VARIABLE "SLUICE_LOG"

/* JSON lines from now on; false: logfmt, the default. */
void log_set_json(bool json);
bool log_is_json(void);

/* Write a line about `subject` (a job, a connector; NULL: none). */
void log_line(int level, const char *subject, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same, whatever level is wanted. */
void log_say(int level, const char *subject, const char *text);

/* More of an event than its message: const struct log_field f[] = {LOG_TEXT("run", id), LOG_NUMBER("errors", 3)}. Keys
 * are plain words. */
struct log_field {
    const char *key;
    bool is_number;
    int64_t number;
    const char *text; /* NULL: the field is left out */
};
#define LOG_NUMBER(name, value)                                                                                        \
    {                                                                                                                  \
        .key = (name), .is_number = true, .number = (value)                                                            \
    }
#define LOG_TEXT(name, value)                                                                                          \
    {                                                                                                                  \
        .key = (name), .text = (value)                                                                                 \
    }

/* Write a line with fields behind the message; long texts are cut, and a field that the line has no room for is left
 * out. */
void log_event(int level, const char *subject, const char *message, const struct log_field *fields, size_t count);

/* Tell now what was held back as repeated; before the process ends. */
void log_flush(void);

#endif
