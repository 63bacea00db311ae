/* redact.h - secrets of this process, and text without them.
 *
 * Whoever learns a secret registers it; whoever lets text out (log, errors, ledger, JSON, the pipe) passes it through
 * redact(). A secret is masked as it is, as JSON text (any escapes) and as URL text (any percent-encoding); its first
 * bytes, three or more, also where the text was cut inside it, which shows as "..." or "…" behind them: who cuts text
 * that was not masked yet, says so with one of these.
 *
 * Limits:  secrets shorter than three bytes are not masked: they would mask half of every text.
 * Threads: any.
 */
#ifndef SLUICE_BASE_REDACT_H
#define SLUICE_BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* Remember `secret` (copied). False when memory ran out: then do not go on. */
bool redact_add(const char *secret, size_t len);

/* Mask every secret in the `len` bytes at `text` as "***", in place; the text never grows. Returns its new length; a
 * NUL follows it if the text became shorter. */
size_t redact(char *text, size_t len);

/* For tests and processes that change their secrets: forget all. */
void redact_forget(void);

#endif
