/* cursor.c - see cursor.h. */
#include "cursor.h"

#include "buf.h"
#include "clock.h"
#include "date.h"

#include <stdio.h>
#include <string.h>

bool cursor_is_elsewhere(const struct cursor *cursor, const char *scope)
{
    return *cursor->scope && *scope && strcmp(cursor->scope, scope) != 0;
}

void cursor_set_scope(struct cursor *cursor, const char *scope)
{
    snprintf(cursor->scope, sizeof(cursor->scope), "%s", strlen(scope) <= CURSOR_SCOPE_MAX ? scope : "");
}

int cursor_get(struct db *db, const char *job, const char *partition, struct cursor *out, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT cursor, reply_at, window_us, coalesce(scope, '') FROM sluice_cursors"
                        " WHERE job = $1 AND partition = $2",
                        &st, err);

    *out = (struct cursor){0};
    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    db_bind_text(st, 2, partition);
    rc = db_step(st, err);
    if (rc == 1) {
        snprintf(out->text, sizeof(out->text), "%s", db_column_text(st, 0));
        out->reply_at = db_column_int(st, 1);
        out->window_us = db_column_int(st, 2);
        cursor_set_scope(out, db_column_text(st, 3));
        rc = SLUICE_OK;
    }
    db_finalize(st);
    return rc;
}

int cursor_put(struct db *db, const char *job, const char *partition, const struct cursor *cursor, struct err *err)
{
    struct db_stmt *st;
    struct buf now = {0};
    int rc = db_prepare(db,
                        "INSERT INTO sluice_cursors (job, partition, cursor, updated_at, reply_at, window_us, scope)"
                        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (job, partition) DO UPDATE SET"
                        " cursor = excluded.cursor, updated_at = excluded.updated_at, reply_at = excluded.reply_at,"
                        " window_us = excluded.window_us, scope = excluded.scope",
                        &st, err);
    if (rc)
        return rc;
    date_print_ms(&now, clock_wall_us());
    db_bind_text(st, 1, job);
    db_bind_text(st, 2, partition);
    db_bind_text(st, 3, cursor->text);
    db_bind_text(st, 4, buf_text(&now));
    db_bind_int(st, 5, cursor->reply_at);
    db_bind_int(st, 6, cursor->window_us);
    db_bind_text(st, 7, cursor->scope);
    rc = db_run(st, NULL, err);
    db_finalize(st);
    buf_free(&now);
    return rc;
}

int cursor_reset(struct db *db, const char *job, const char *partition, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "DELETE FROM sluice_cursors WHERE job = $1 AND partition = $2", &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job);
    db_bind_text(st, 2, partition);
    rc = db_run(st, NULL, err);
    db_finalize(st);
    return rc;
}

int cursor_list(struct db *db, const char *job,
                int (*each)(const char *job, const char *partition, const char *cursor, const char *updated_at,
                            void *context),
                void *context, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT job, partition, cursor, updated_at FROM sluice_cursors WHERE $1 = '' OR job = $1"
                        " ORDER BY job, partition",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, job ? job : "");
    while ((rc = db_step(st, err)) == 1) {
        rc = each(db_column_text(st, 0), db_column_text(st, 1), db_column_text(st, 2), db_column_text(st, 3), context);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc;
}
