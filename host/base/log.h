/* log.h - one line for an event, to standard error: time, level, what about, message.
 *
 * The one global of a process: where lines go and which level is wanted. Every line passes through redact().
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#define LOG_ERROR 0
#define LOG_WARN 1
#define LOG_INFO 2
#define LOG_DEBUG 3

/* Lines of a level above `level` are dropped. The default is LOG_WARN. */
void log_set_level(int level);

/* Write a line about `subject` (a job, a file; NULL: none). */
void log_line(int level, const char *subject, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
