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
    char *job, *partition, *scope; /* scope: NULL where there is none */
    char run_id[RUN_ID_SIZE];
    int64_t open;              /* upper bound of the open rejects of this job and partition */
    bool older;                /* some of them are of earlier runs */
    char last_id[RUN_ID_SIZE]; /* of the newest row made here: ids are in the order of the records */
    struct db_stmt *find_same, *find_older, *again, *insert, *supersede, *overtake, *retried, *resolve, *all,
        *retryable, *one;
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
    r->older = r->open > 0;
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
        {&r->find_same, "SELECT id FROM sluice_rejects WHERE job = $1 AND partition = $2 AND record_key = $3"
                        " AND payload_hash = $4 AND payload = $5 AND " REJECT_OPEN " ORDER BY id LIMIT 1"},
        {&r->find_older, "SELECT id FROM sluice_rejects WHERE job = $1 AND partition = $2 AND record_key = $3"
                         " AND run_id <> $4 AND " REJECT_OPEN " ORDER BY id LIMIT 1"},
        {&r->again, "UPDATE sluice_rejects SET run_id = $1, reason = $2, kind = $3, payload = $4, payload_hash = $5,"
                    " scope = $6, seen_count = seen_count + 1, last_seen_at = $7 WHERE id = $8"},
        {&r->insert, "INSERT INTO sluice_rejects (id, run_id, job, partition, record_key, reason, payload,"
                     " payload_hash, kind, scope, rejected_at, last_seen_at)"
                     " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"},
        {&r->supersede, "UPDATE sluice_rejects SET superseded_at = $1 WHERE job = $2 AND partition = $3"
                        " AND record_key = $4 AND " REJECT_OPEN},
        {&r->overtake, "UPDATE sluice_rejects SET superseded_at = $1 WHERE job = $2 AND partition = $3"
                       " AND record_key = $4 AND id < $5 AND " REJECT_OPEN},
        {&r->retried, "UPDATE sluice_rejects SET record_key = $1, reason = $2, kind = $3, payload = $4,"
                      " payload_hash = $5, seen_count = seen_count + 1, last_seen_at = $6 WHERE id = $7"},
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

int rejects_open(struct db *db, const char *job, const char *partition, const char *run_id, const char *scope,
                 struct rejects **out, struct err *err)
{
    struct rejects *r = calloc(1, sizeof(*r));

    if (!r)
        return err_set(err, E_SYSTEM, "out of memory");
    r->db = db;
    r->job = strdup(job);
    r->partition = strdup(partition);
    r->scope = scope ? strdup(scope) : NULL;
    snprintf(r->run_id, sizeof(r->run_id), "%s", run_id);
    int rc = r->job && r->partition && (r->scope || !scope) ? prepare(r, err) : err_set(err, E_SYSTEM, "out of memory");
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
    db_finalize(r->find_same);
    db_finalize(r->find_older);
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
    free(r->scope);
    free(r);
}

static struct db_value text_of(sluice_str s)
{
    return (struct db_value){.type = DB_TEXT, .s = s};
}

/* FNV-1a: what an index finds a payload by. */
static int64_t hash_of(sluice_str payload)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    int64_t stored;

    for (size_t i = 0; i < payload.len; i++)
        hash = (hash ^ (unsigned char)payload.ptr[i]) * UINT64_C(0x100000001B3);
    memcpy(&stored, &hash, sizeof(stored));
    return stored;
}

static int find_id(struct db_stmt *st, char id[RUN_ID_SIZE], struct err *err)
{
    int rc = db_step(st, err);

    if (rc == 1)
        snprintf(id, RUN_ID_SIZE, "%s", db_column_text(st, 0));
    db_reset(st);
    return rc < 0 ? rc : SLUICE_OK;
}

/* The id of the row that this record already has, "" when it has none. */
static int find_again(struct rejects *r, sluice_str key, sluice_str payload, char id[RUN_ID_SIZE], struct err *err)
{
    id[0] = '\0';
    if (r->open == 0)
        return SLUICE_OK;
    db_bind_text(r->find_same, 1, r->job);
    db_bind_text(r->find_same, 2, r->partition);
    db_bind(r->find_same, 3, text_of(key));
    db_bind_int(r->find_same, 4, hash_of(payload));
    db_bind(r->find_same, 5, text_of(payload));
    int rc = find_id(r->find_same, id, err);
    if (rc || *id || key.len == 0 || !r->older)
        return rc;
    db_bind_text(r->find_older, 1, r->job);
    db_bind_text(r->find_older, 2, r->partition);
    db_bind(r->find_older, 3, text_of(key));
    db_bind_text(r->find_older, 4, r->run_id);
    return find_id(r->find_older, id, err);
}

static int put_again(struct rejects *r, const char *id, const char *reason, const char *kind, sluice_str payload,
                     const char *now, struct err *err)
{
    db_bind_text(r->again, 1, r->run_id);
    db_bind_text(r->again, 2, reason);
    db_bind_text(r->again, 3, kind);
    db_bind(r->again, 4, text_of(payload));
    db_bind_int(r->again, 5, hash_of(payload));
    db_bind_text(r->again, 6, r->scope);
    db_bind_text(r->again, 7, now);
    db_bind_text(r->again, 8, id);
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
    db_bind_int(r->insert, 8, hash_of(payload));
    db_bind_text(r->insert, 9, kind);
    db_bind_text(r->insert, 10, r->scope);
    db_bind_text(r->insert, 11, now);
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
    db_bind_int(r->retried, 5, hash_of(payload));
    db_bind_text(r->retried, 6, buf_text(&now));
    db_bind_text(r->retried, 7, id);
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

/* ---- Tables of an older sluice ---- */

/* The next ones after `id`, which becomes the last of them. 1: there may be more. */
static int hash_some(struct db_stmt *read, struct db_stmt *write, char id[RUN_ID_SIZE], struct err *err)
{
    struct {
        char id[RUN_ID_SIZE];
        int64_t hash;
    } some[WALKED_AT_ONCE] = {0};
    int rc, count = 0;

    db_bind_text(read, 1, id);
    while ((rc = db_step(read, err)) == 1 && count < WALKED_AT_ONCE) {
        snprintf(some[count].id, RUN_ID_SIZE, "%s", db_column_text(read, 0));
        some[count++].hash = hash_of(db_column(read, 1).s);
    }
    db_reset(read);
    for (int i = 0; rc >= 0 && i < count; i++) {
        db_bind_int(write, 1, some[i].hash);
        db_bind_text(write, 2, some[i].id);
        rc = db_run(write, NULL, err);
        memcpy(id, some[i].id, RUN_ID_SIZE);
    }
    return rc < 0 ? rc : count == WALKED_AT_ONCE;
}

int rejects_hash_all(struct db *db, struct err *err)
{
    struct db_stmt *read = NULL, *write = NULL;
    char id[RUN_ID_SIZE] = "", sql[160];

    snprintf(sql, sizeof(sql),
             "SELECT id, payload FROM sluice_rejects WHERE id > $1 AND " REJECT_OPEN " ORDER BY id LIMIT %d",
             WALKED_AT_ONCE);
    int rc = db_prepare(db, sql, &read, err);
    if (!rc)
        rc = db_prepare(db, "UPDATE sluice_rejects SET payload_hash = $1 WHERE id = $2", &write, err);
    if (!rc)
        do {
            rc = hash_some(read, write, id, err);
        } while (rc == 1);
    db_finalize(read);
    db_finalize(write);
    return rc;
}
