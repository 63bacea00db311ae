/* cursor.h - where the next incremental run of a job (and partition) resumes. */
#ifndef SLUICE_STORE_CURSOR_H
#define SLUICE_STORE_CURSOR_H

#include "db.h"

#define CURSOR_MAX       4096 /* bytes; a longer one is refused */
#define CURSOR_SCOPE_MAX 512  /* bytes */

struct cursor {
    char text[CURSOR_MAX + 1]; /* "": none */
    int64_t reply_at;          /* our clock at the last good reply of a windowed source, in microseconds; 0: never */
    int64_t window_us;         /* the last good window's length; 0: unknown */
    char scope[CURSOR_SCOPE_MAX + 1]; /* what the stream's scope column held then (a tenant); "": not known */
};

/* Is it one for another scope than `scope`? Not where one of the two is not known. */
bool cursor_is_elsewhere(const struct cursor *cursor, const char *scope);

/* Note the scope that it is for; one that is too long is not known. */
void cursor_set_scope(struct cursor *cursor, const char *scope);

/* Read it; a cursor that is not there is all zero. */
int cursor_get(struct db *db, const char *job, const char *partition, struct cursor *out, struct err *err);

/* Write it, inside the transaction of the data that it covers. */
int cursor_put(struct db *db, const char *job, const char *partition, const struct cursor *cursor, struct err *err);

/* Forget it. */
int cursor_reset(struct db *db, const char *job, const char *partition, struct err *err);

/* Call `each` for every cursor (of `job`; NULL: all), in job and partition order. */
int cursor_list(struct db *db, const char *job,
                int (*each)(const char *job, const char *partition, const char *cursor, const char *updated_at,
                            void *context),
                void *context, struct err *err);

#endif
