/* reject.c - see reject.h. */
#include "reject.h"

#include "buf.h"
#include "clock.h"
#include "date.h"
#include "id.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

#define WALKED_AT_ONCE 256 /* ids that a walk reads ahead, so that it does not look through all for each */

struct rejects {
    struct db *db;
    char *job, *partition;
    char run_id[RUN_ID_SIZE];
    int64_t open; /* upper bound of the open rejects of this job and partition */
    char last_id[RUN_ID_SIZE]; /* of the newest row made here: ids are in the order of the records */
    struct db_stmt *find, *again, *insert, *supersede, *overtake, *retried, *resolve, *all, *retryable, *one;
    struct { /* where rejects_next() is */
        char ids[WALKED_AT_ONCE][RUN_ID_SIZE];
        size_t at, count;
        bool retryable_only;
    } walk;
};

static void now_text(struct buf *out)
{
    date_print_ms(out, clock_wall_us());
}

static int count_open(struct rejects *r, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(r->db,
                        "SELECT count(*) FROM sluice_rejects WHERE job = $1 AND partition = $2 AND " REJECT_OPEN, &st,
                        err);
    if (rc)
        return rc;
    db_bind_text(st, 1, r->job);
    db_bind_text(st, 2, r->partition);
    rc = db_step(st, err);
    if (rc == 1)
        r->open = db_column_int(st, 0);
    db_finalize(st);
    return rc < 0 ? rc : SLUICE_OK;
}

static const char *const retryable_classes[] = {"foreign-key:", "lock:", "serialization:", "disk:", "permission:"};

#define CLASS_COUNT (sizeof(retryable_classes) / sizeof(retryable_classes[0]))

void reject_retryable_sql(struct buf *out)
{
    buf_add_str(out, "(kind = '" REJECT_STORE "' AND (");
    for (size_t i = 0; i < CLASS_COUNT; i++)
        buf_printf(out, "%ssubstr(reason, 1, %zu) = '%s'", i ? " OR " : "", strlen(retryable_classes[i]),
                   retryable_classes[i]);
    buf_add_str(out, "))");
}

static int prepare_walk(struct rejects *r, bool retryable_only, struct db_stmt **out, struct err *err)
{
    struct buf sql = {0};

    buf_add_str(&sql, "SELECT id FROM sluice_rejects WHERE job = $1 AND partition = $2 AND id > $3 AND " REJECT_OPEN);
    if (retryable_only) {
        buf_add_str(&sql, " AND ");
        reject_retryable_sql(&sql);
    }
    buf_printf(&sql, " ORDER BY id LIMIT %d", WALKED_AT_ONCE);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(r->db, buf_text(&sql), out, err);
    buf_free(&sql);
    return rc;
}

static int prepare(struct rejects *r, struct err *err)
{
    struct {
        struct db_stmt **st;
        const char *sql;
    } list[] = {
        {&r->find, "SELECT id FROM sluice_rejects WHERE job = $1 AND partition = $2 AND record_key = $3"
                   " AND " REJECT_OPEN " AND (payload = $4 OR ($3 <> '' AND run_id <> $5))"
                   " ORDER BY payload = $4 DESC, id LIMIT 1"},
        {&r->again, "UPDATE sluice_rejects SET run_id = $1, reason = $2, kind = $3, payload = $4,"
                    " seen_count = seen_count + 1, last_seen_at = $5 WHERE id = $6"},
        {&r->insert, "INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload, kind,"
                     " rejected_at, last_seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"},
        {&r->supersede, "UPDATE sluice_rejects SET superseded_at = $1 WHERE job = $2 AND partition = $3"
                        " AND record_key = $4 AND " REJECT_OPEN},
        {&r->overtake, "UPDATE sluice_rejects SET superseded_at = $1 WHERE job = $2 AND partition = $3"
                       " AND record_key = $4 AND id < $5 AND " REJECT_OPEN},
        {&r->retried, "UPDATE sluice_rejects SET record_key = $1, reason = $2, kind = $3, payload = $4,"
                      " seen_count = seen_count + 1, last_seen_at = $5 WHERE id = $6"},
        {&r->resolve, "UPDATE sluice_rejects SET resolved_at = $1 WHERE id = $2"},
        /* whether it is open is no condition: the index of the open ones is no way to find one by its id */
        {&r->one, "SELECT id, record_key, reason, kind, payload, COALESCE(resolved_at, superseded_at, '')"
                  " FROM sluice_rejects WHERE id = $1"},
    };

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        int rc = db_prepare(r->db, list[i].sql, list[i].st, err);
        if (rc)
            return rc;
    }
    int rc = prepare_walk(r, false, &r->all, err);
    return rc ? rc : prepare_walk(r, true, &r->retryable, err);
}

int rejects_open(struct db *db, const char *job, const char *partition, const char *run_id, struct rejects **out,
                 struct err *err)
{
    struct rejects *r = calloc(1, sizeof(*r));

    if (!r)
        return err_set(err, E_SYSTEM, "out of memory");
    r->db = db;
    r->job = strdup(job);
    r->partition = strdup(partition);
    snprintf(r->run_id, sizeof(r->run_id), "%s", run_id);
    int rc = r->job && r->partition ? prepare(r, err) : err_set(err, E_SYSTEM, "out of memory");
    if (!rc)
        rc = count_open(r, err);
    if (rc)
        rejects_close(r);
    else
        *out = r;
    return rc;
}

void rejects_close(struct rejects *r)
{
    if (!r)
        return;
    db_finalize(r->find);
    db_finalize(r->again);
    db_finalize(r->insert);
    db_finalize(r->supersede);
    db_finalize(r->overtake);
    db_finalize(r->retried);
    db_finalize(r->resolve);
    db_finalize(r->all);
    db_finalize(r->retryable);
    db_finalize(r->one);
    free(r->job);
    free(r->partition);
    free(r);
}

static struct db_value text_of(sluice_str s)
{
    return (struct db_value){.type = DB_TEXT, .s = s};
}

/* The id of the row that this record already has, "" when it has none. */
static int find_again(struct rejects *r, sluice_str key, sluice_str payload, char id[RUN_ID_SIZE], struct err *err)
{
    id[0] = '\0';
    if (r->open == 0)
        return SLUICE_OK;
    db_bind_text(r->find, 1, r->job);
    db_bind_text(r->find, 2, r->partition);
    db_bind(r->find, 3, text_of(key));
    db_bind(r->find, 4, text_of(payload));
    db_bind_text(r->find, 5, r->run_id);
    int rc = db_step(r->find, err);
    if (rc == 1)
        snprintf(id, RUN_ID_SIZE, "%s", db_column_text(r->find, 0));
    db_reset(r->find);
    return rc < 0 ? rc : SLUICE_OK;
}

static int put_again(struct rejects *r, const char *id, const char *reason, const char *kind, sluice_str payload,
                     const char *now, struct err *err)
{
    db_bind_text(r->again, 1, r->run_id);
    db_bind_text(r->again, 2, reason);
    db_bind_text(r->again, 3, kind);
    db_bind(r->again, 4, text_of(payload));
    db_bind_text(r->again, 5, now);
    db_bind_text(r->again, 6, id);
    return db_run(r->again, NULL, err);
}

static int put_new(struct rejects *r, sluice_str key, const char *reason, const char *kind, sluice_str payload,
                   const char *now, struct err *err)
{
    id_new_after(r->last_id, r->last_id);
    db_bind_text(r->insert, 1, r->last_id);
    db_bind_text(r->insert, 2, r->run_id);
    db_bind_text(r->insert, 3, r->job);
    db_bind_text(r->insert, 4, r->partition);
    db_bind(r->insert, 5, text_of(key));
    db_bind_text(r->insert, 6, reason);
    db_bind(r->insert, 7, text_of(payload));
    db_bind_text(r->insert, 8, kind);
    db_bind_text(r->insert, 9, now);
    r->open++;
    return db_run(r->insert, NULL, err);
}

int rejects_put(struct rejects *r, sluice_str key, const char *reason, const char *kind, sluice_str payload,
                struct err *err)
{
    char id[RUN_ID_SIZE];
    struct buf now = {0};
    int rc = find_again(r, key, payload, id, err);

    now_text(&now);
    if (!rc && *id)
        rc = put_again(r, id, reason, kind, payload, buf_text(&now), err);
    else if (!rc)
        rc = put_new(r, key, reason, kind, payload, buf_text(&now), err);
    buf_free(&now);
    return rc;
}

int rejects_again(struct rejects *r, const char *id, sluice_str key, const char *reason, const char *kind,
                  sluice_str payload, struct err *err)
{
    struct buf now = {0};

    now_text(&now);
    db_bind(r->retried, 1, text_of(key));
    db_bind_text(r->retried, 2, reason);
    db_bind_text(r->retried, 3, kind);
    db_bind(r->retried, 4, text_of(payload));
    db_bind_text(r->retried, 5, buf_text(&now));
    db_bind_text(r->retried, 6, id);
    int rc = db_run(r->retried, NULL, err);
    buf_free(&now);
    return rc;
}

bool rejects_any(const struct rejects *r)
{
    return r->open > 0;
}

int rejects_supersede(struct rejects *r, sluice_str key, struct err *err)
{
    struct buf now = {0};

    if (r->open == 0 || key.len == 0)
        return SLUICE_OK;
    now_text(&now);
    db_bind_text(r->supersede, 1, buf_text(&now));
    db_bind_text(r->supersede, 2, r->job);
    db_bind_text(r->supersede, 3, r->partition);
    db_bind(r->supersede, 4, text_of(key));
    int rc = db_run(r->supersede, NULL, err);
    buf_free(&now);
    return rc;
}

/* IS TRUE keeps the list from becoming a join, whose cost nobody can estimate: it is hashed. */
int rejects_supersede_all(struct rejects *r, const char *keys, struct err *err)
{
    struct buf sql = {0}, now = {0};
    struct db_stmt *st = NULL;

    if (r->open == 0)
        return SLUICE_OK;
    buf_printf(&sql, "UPDATE sluice_rejects SET superseded_at = $1 WHERE job = $2 AND partition = $3 AND record_key <> ''"
                     " AND " REJECT_OPEN " AND (record_key IN (%s)) IS TRUE", keys);
    now_text(&now);
    int rc = sql.failed ? err_set(err, E_SYSTEM, "out of memory") : db_prepare(r->db, buf_text(&sql), &st, err);
    if (!rc) {
        db_bind_text(st, 1, buf_text(&now));
        db_bind_text(st, 2, r->job);
        db_bind_text(st, 3, r->partition);
        rc = db_run(st, NULL, err);
    }
    db_finalize(st);
    buf_free(&sql);
    buf_free(&now);
    return rc;
}

bool reject_retryable(const char *reason)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        if (strncmp(reason, retryable_classes[i], strlen(retryable_classes[i])) == 0)
            return true;
    }
    return false;
}

/* ---- Walking ---- */

/* Read the ids after `after_id`. */
static int read_ahead(struct rejects *r, bool retryable_only, const char *after_id, struct err *err)
{
    struct db_stmt *st = retryable_only ? r->retryable : r->all;
    char last[RUN_ID_SIZE];
    int rc;

    snprintf(last, sizeof(last), "%s", after_id);
    r->walk.at = r->walk.count = 0;
    r->walk.retryable_only = retryable_only;
    db_bind_text(st, 1, r->job);
    db_bind_text(st, 2, r->partition);
    db_bind_text(st, 3, last);
    while ((rc = db_step(st, err)) == 1 && r->walk.count < WALKED_AT_ONCE)
        snprintf(r->walk.ids[r->walk.count++], RUN_ID_SIZE, "%s", db_column_text(st, 0));
    db_reset(st);
    return rc < 0 ? rc : SLUICE_OK;
}

/* Was `after_id` the last one that was given, with more behind it? */
static bool goes_on(const struct rejects *r, bool retryable_only, const char *after_id)
{
    return r->walk.retryable_only == retryable_only && r->walk.at > 0 && r->walk.at < r->walk.count &&
           strcmp(r->walk.ids[r->walk.at - 1], after_id) == 0;
}

int rejects_next(struct rejects *r, bool retryable_only, const char *after_id, struct reject *out, struct err *err)
{
    const char *after = after_id;
    int rc = 0;

    if (r->open == 0)
        return 0;
    db_reset(r->one);
    while (rc == 0) { /* one that was read ahead may be done with by now */
        if (!goes_on(r, retryable_only, after)) {
            rc = read_ahead(r, retryable_only, after, err);
            if (rc || r->walk.count == 0)
                return rc;
        }
        after = r->walk.ids[r->walk.at++];
        db_reset(r->one);
        db_bind_text(r->one, 1, after);
        rc = db_step(r->one, err);
        if (rc == 1 && *db_column_text(r->one, 5))
            rc = 0;
    }
    if (rc == 1)
        *out = (struct reject){db_column_text(r->one, 0), db_column_text(r->one, 1), db_column_text(r->one, 2),
                               db_column_text(r->one, 3), db_column(r->one, 4).s};
    return rc;
}

int rejects_resolve(struct rejects *r, const char *id, sluice_str key, struct err *err)
{
    struct buf now = {0};

    now_text(&now);
    db_bind_text(r->resolve, 1, buf_text(&now));
    db_bind_text(r->resolve, 2, id);
    int rc = db_run(r->resolve, NULL, err);
    if (!rc && key.len > 0) {
        db_bind_text(r->overtake, 1, buf_text(&now));
        db_bind_text(r->overtake, 2, r->job);
        db_bind_text(r->overtake, 3, r->partition);
        db_bind(r->overtake, 4, text_of(key));
        db_bind_text(r->overtake, 5, id);
        rc = db_run(r->overtake, NULL, err);
    }
    buf_free(&now);
    return rc;
}

/* ---- For people ---- */

int reject_list(struct db *db, const char *job, int (*each)(const struct reject_row *row, void *context), void *context,
                struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db,
                        "SELECT id, run_id, job, partition, record_key, reason, payload, kind, rejected_at,"
                        " last_seen_at, seen_count FROM sluice_rejects WHERE ($1 = '' OR job = $1) AND " REJECT_OPEN
                        " ORDER BY id",
                        &st, err);
    if (rc)
        return rc;
    db_bind_text(st, 1, job ? job : "");
    while ((rc = db_step(st, err)) == 1) {
        struct reject_row row = {.id = db_column_text(st, 0),         .run_id = db_column_text(st, 1),
                                 .job = db_column_text(st, 2),        .partition = db_column_text(st, 3),
                                 .record_key = db_column_text(st, 4), .reason = db_column_text(st, 5),
                                 .payload = db_column_text(st, 6),    .kind = db_column_text(st, 7),
                                 .rejected_at = db_column_text(st, 8), .last_seen_at = db_column_text(st, 9),
                                 .seen_count = db_column_int(st, 10)};
        rc = each(&row, context);
        if (rc < 0)
            break;
    }
    db_finalize(st);
    return rc;
}

int reject_purge(struct db *db, const char *job, int64_t *count, struct err *err)
{
    struct db_stmt *st;
    int rc = db_prepare(db, "DELETE FROM sluice_rejects WHERE ($1 = '' OR job = $1) AND " REJECT_OPEN, &st, err);

    if (rc)
        return rc;
    db_bind_text(st, 1, job ? job : "");
    rc = db_run(st, count, err);
    db_finalize(st);
    return rc;
}
