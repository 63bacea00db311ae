#include "err.h"

#undef err_set
#undef err_wrap

#include "redact.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Exit codes as sysexits.h names them. */
#define EXIT_CODE_USAGE 64
#define EXIT_CODE_NO_INPUT 66
#define EXIT_CODE_UNAVAILABLE 69
#define EXIT_CODE_NO_PERMISSION 77
#define EXIT_CODE_CONFIG 78
#define EXIT_CODE_INTERRUPTED 130

/* Longer than any message that is kept, so that secrets are masked before the text is cut. */
#define DRAFT_BYTES 4096

/* The largest length up to `max` at which `text` can be cut without splitting a UTF-8 character. */
static size_t cut_at_character(const char *text, size_t max)
{
    size_t len = max;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static void keep_message(struct err *e, char *draft)
{
    size_t len = redact(draft, strlen(draft));
    if (len >= sizeof e->msg)
        len = cut_at_character(draft, sizeof e->msg - 1);
    memcpy(e->msg, draft, len);
    e->msg[len] = '\0';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    char draft[DRAFT_BYTES] = ""; /* e->msg may be among the arguments */
    va_list args;
    va_start(args, fmt);
    vsnprintf(draft, sizeof draft, fmt, args);
    va_end(args);

    e->code = code;
    keep_message(e, draft);
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (e->code == SLUICE_OK)
        return SLUICE_OK;

    char context[DRAFT_BYTES - sizeof e->msg] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof context, fmt, args);
    va_end(args);

    char draft[DRAFT_BYTES + 2];
    snprintf(draft, sizeof draft, "%s: %s", context, e->msg);
    keep_message(e, draft);
    return e->code;
}

int err_exit_code(int code)
{
    switch (code) {
    case SLUICE_OK:
        return 0;
    case SLUICE_E_CONFIG:
        return EXIT_CODE_CONFIG;
    case SLUICE_E_AUTH:
        return EXIT_CODE_NO_PERMISSION;
    case SLUICE_E_RETRY:
    case E_STORE:
        return EXIT_CODE_UNAVAILABLE;
    case SLUICE_E_CANCELLED:
        return EXIT_CODE_INTERRUPTED;
    case E_USAGE:
        return EXIT_CODE_USAGE;
    case E_NOT_FOUND:
        return EXIT_CODE_NO_INPUT;
    case E_BUSY:
        return 3;
    default:
        return 1;
    }
}

/* How much an exit code counts: 0 counts most. One that is not listed counts as a plain failure. */
static size_t exit_rank(int code)
{
    static const int worst_first[] = {EXIT_CODE_INTERRUPTED,
                                      EXIT_CODE_USAGE,
                                      EXIT_CODE_NO_INPUT,
                                      EXIT_CODE_CONFIG,
                                      EXIT_CODE_NO_PERMISSION,
                                      EXIT_CODE_UNAVAILABLE,
                                      1,
                                      2,
                                      3,
                                      0};
    for (size_t i = 0; i < sizeof worst_first / sizeof worst_first[0]; i++)
        if (worst_first[i] == code)
            return i;
    return exit_rank(1);
}

int err_worse_exit(int a, int b)
{
    return exit_rank(b) < exit_rank(a) ? b : a;
}
