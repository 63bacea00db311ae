/* err.h - what went wrong: a code that says what the caller does next, and a message for people.
 *
 * A function that can fail returns 0 or a negative code and fills its struct err. The message grows outwards:
 * "erp.customers: store: cannot open /x/y.db: Permission denied".
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

#include "sluice/abi.h"

#include <stddef.h>

/* The ABI's codes are SLUICE_E_*, -1 to -7. The host's own: */
#define E_USAGE (-20)     /* the command line is wrong */
#define E_NOT_FOUND (-21) /* no such job, run or file */
#define E_BUSY (-22)      /* already running */
#define E_STORE (-23)     /* the store is away, full, read-only or broken */
#define E_SYSTEM (-24)    /* the operating system refused: memory, descriptors, processes */
#define E_REFUSED (-25)   /* the store refused one record; the message says why */
#define E_FENCED (-26)    /* the run was taken over by another process */

struct err {
    int code;       /* 0 or a negative code */
    char msg[1024]; /* outermost context first; "" while code is 0 */
};

/* Set code and message; returns code. A message that is too long is cut at a whole character. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the message; returns the code that is there. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The process exit code of contract A2 for a code: 0, 1, 3, 64, 66, 69, 77, 78 or 130. */
int err_exit_code(int code);

/* Of two exit codes the one that counts: 78, 77, 69, 1, 2, 3, 0, and before all of them 130, 64 and 66. */
int err_worse_exit(int a, int b);

/* A static analyzer sees one file at a time; this is how it learns that a failure's code is never 0. */
#ifdef __clang_analyzer__
#include <limits.h>
#define err_set(...) (err_set(__VA_ARGS__) | INT_MIN)
#define err_wrap(...) (err_wrap(__VA_ARGS__) | INT_MIN)
#endif

#endif
