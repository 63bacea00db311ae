/* sink.c - see sink.h. */
#include "sink.h"

#include "clock.h"
#include "plain.h"
#include "record.h"
#include "sink_gone.h"
#include "sink_hold.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 5000 /* records a transaction where nobody says how many, and they are merged one by one */

static void warn_run(void *context, const char *text)
{
    run_warn(context, text);
}

/* In a dry run the transaction is that of all batches, and of all partitions; what is taken back is the last batch. */
static int save(struct sink *s, struct err *err)
{
    if (!s->dry_run || s->saved)
        return SLUICE_OK;
    int rc = db_exec(s->db, "SAVEPOINT sluice_batch", err);
    s->saved = !rc;
    return rc;
}

/* The first of it opens the rejects: most parts of a whole never come here. */
static int begin(struct sink *s, struct err *err)
{
    int rc = db_in_transaction(s->db) ? SLUICE_OK : db_begin(s->db, err);

    if (!rc)
        rc = save(s, err);
    if (rc || s->rejects || !s->target)
        return rc;
    rc = rejects_open(s->db, s->run->job, s->run->partition, s->run->id, s->run->scope, &s->rejects, err);
    if (s->bulk)
        bulk_use_rejects(s->bulk, s->rejects);
    return rc;
}

int sink_begin(struct sink *s, struct err *err)
{
    return begin(s, err);
}

static int merge_one(void *context, const sluice_value *values, uint32_t count, struct err *err);

int sink_open(struct sink *s, struct err *err)
{
    int rc = s->dry_run ? db_begin(s->db, err) : SLUICE_OK;

    if (!rc)
        rc = schema_ensure(s->db, err);
    if (!rc)
        rc = ledger_start(s->db, s->whole ? s->whole : s->run, err);
    return rc;
}

int sink_prepare(struct sink *s, struct err *err)
{
    const struct run *run = s->whole ? s->whole : s->run; /* parts know each other's rows */
    int rc = begin(s, err);

    if (!rc)
        rc = target_open(s->db, s->table, run->id, warn_run, s->run, &s->target, err);
    if (!rc)
        rc = begin(s, err); /* now that there is a table to have rejects */
    if (!rc && !*run->partition && !s->whole)
        rc = landed_get(s->db, run->job, &s->landed, err);
    if (!rc && s->ways != SINK_ONE_BY_ONE)
        rc = bulk_open(s->db, s->target, s->rejects, run->id, (struct bulk_one){merge_one, s}, &s->bulk, err);
    if (s->bulk && s->ways == SINK_IN_BULK)
        bulk_always(s->bulk);
    if (s->batch_max == 0)
        s->batch_max = s->bulk ? BULK_RECORDS : BATCH;
    return rc ? rc : sink_commit(s, NULL, err);
}

void sink_next_part(struct sink *s)
{
    rejects_close(s->rejects);
    gone_close(s->gone);
    s->rejects = NULL;
    s->gone = NULL;
    s->full = s->complete = false;
    s->batch = 0;
    s->tally = (struct sink_tally){0};
    memset(&s->committed, 0, sizeof(s->committed));
    s->committed.batch_no = s->run->batch_no;
    s->committed.whole_batch_no = s->whole->batch_no;
}

bool sink_is_untouched(const struct sink *s)
{
    return !s->rejects;
}

/* A text that the store refused may be no text at all: what is told and kept of it is. */
static void make_plain(struct buf *b)
{
    char *plain = plain_is_utf8(buf_str(b)) ? NULL : plain_text(buf_str(b), b->len);

    if (!plain)
        return;
    buf_clear(b);
    buf_add_str(b, plain);
    free(plain);
}

/* What is kept of a record that the store refused: the record as mapped, in a row of its own or in that of reject `id`,
 * which was retried. */
static int keep_refused(struct sink *s, const char *id, const sluice_value *values, uint32_t count, struct err *err)
{
    buf_clear(&s->payload);
    if (!record_print(&s->payload, s->table, values, count))
        return err_set(err, E_SYSTEM, "out of memory");
    make_plain(&s->payload);
    make_plain(&s->outcome.key);
    make_plain(&s->outcome.reason);
    if (id)
        return rejects_again(s->rejects, id, buf_str(&s->outcome.key), buf_text(&s->outcome.reason), REJECT_STORE,
                             buf_str(&s->payload), err);
    return rejects_put(s->rejects, buf_str(&s->outcome.key), buf_text(&s->outcome.reason), REJECT_STORE,
                       buf_str(&s->payload), err);
}

static void note_detail(struct sink *s, const char *key, const char *reason)
{
    s->run->counts.errors++;
    if (json_array_size(s->run->details) >= RUN_DETAILS_MAX)
        s->tally.details_lost++;
    run_detail(s->run, key, reason);
}

static void note_rebound(struct sink *s)
{
    struct buf text = {0};

    s->tally.rebound++;
    if (s->tally.rebound <= RUN_DETAILS_MAX) {
        buf_printf(&text, "re-bound: %s", buf_text(&s->outcome.note));
        run_warn(s->run, buf_text(&text));
    }
    buf_free(&text);
}

static void count_outcome(struct sink *s)
{
    switch (s->outcome.what) {
    case MERGE_CREATED:
        s->run->counts.created++;
        break;
    case MERGE_UPDATED:
        s->run->counts.updated++;
        break;
    case MERGE_UNCHANGED:
        s->run->counts.skipped++;
        s->tally.unchanged++;
        break;
    default:
        note_detail(s, buf_text(&s->outcome.key), buf_text(&s->outcome.reason));
    }
    if (s->outcome.rebound)
        note_rebound(s);
}

/* One record more in the open batch. */
static int count_record(struct sink *s, struct err *err)
{
    s->run->counts.processed++;
    if (++s->batch < s->batch_max && !(s->bulk && bulk_is_due(s->bulk)))
        return SLUICE_OK;
    return sink_commit(s, NULL, err);
}

/* Merge one record now, and note what became of it. */
static int merge_one(void *context, const sluice_value *values, uint32_t count, struct err *err)
{
    struct sink *s = context;
    int rc = merge_record(s->target, s->table, values, count, clock_wall_us(), &s->outcome, err);

    if (!rc && s->outcome.what == MERGE_REJECTED)
        rc = keep_refused(s, NULL, values, count, err);
    else if (!rc)
        rc = rejects_supersede(s->rejects, buf_str(&s->outcome.key), err);
    if (!rc)
        count_outcome(s);
    return rc;
}

int sink_row(struct sink *s, const sluice_value *values, uint32_t count, struct err *err)
{
    int rc = begin(s, err);

    if (rc)
        return rc;
    if (s->gone)
        gone_meet(s->gone, values, count);
    rc = s->bulk ? bulk_add(s->bulk, values, count, err) : merge_one(s, values, count, err);
    return rc ? rc : count_record(s, err);
}

int sink_flush(struct sink *s, struct err *err)
{
    struct bulk_tally t = {0};
    int rc = s->bulk ? bulk_flush(s->bulk, &t, err) : SLUICE_OK;

    s->run->counts.created += t.created;
    s->run->counts.updated += t.updated;
    s->run->counts.skipped += t.unchanged;
    s->tally.unchanged += t.unchanged;
    if (!rc && s->gone)
        rc = gone_flush(s->gone, err);
    return rc;
}

int sink_skip(struct sink *s, sluice_str key, struct err *err)
{
    int rc = begin(s, err);

    if (rc)
        return rc;
    if (s->gone)
        gone_meet_key(s->gone, key);
    s->run->counts.skipped++;
    s->tally.ignored++;
    return count_record(s, err);
}

int sink_reject(struct sink *s, sluice_str key, sluice_str why, sluice_str source, struct err *err)
{
    struct buf key_text = {0}, reason = {0};
    int rc = begin(s, err);

    buf_add(&key_text, key.ptr, key.len);
    buf_add(&reason, why.ptr, why.len);
    if (!rc && s->bulk) /* a record with this key that came before does not supersede this reject */
        rc = bulk_has(s->bulk, key) ? sink_flush(s, err) : bulk_rest(s->bulk, err);
    if (!rc)
        rc = rejects_put(s->rejects, key, buf_text(&reason), REJECT_MAPPING, source, err);
    if (!rc) {
        if (s->gone)
            gone_meet_key(s->gone, key);
        note_detail(s, buf_text(&key_text), buf_text(&reason));
        rc = count_record(s, err);
    }
    buf_free(&key_text);
    buf_free(&reason);
    return rc;
}

static void put_stats(struct sink *s)
{
    run_stat(s->run, "unchanged", s->tally.unchanged);
    run_stat(s->run, "ignored", s->tally.ignored);
    if (s->tally.rebound)
        run_stat(s->run, "rebound", s->tally.rebound);
    if (s->tally.retried) {
        run_stat(s->run, "retried", s->tally.retried);
        run_stat(s->run, "resolved", s->tally.resolved);
    }
    if (s->gone)
        run_stat(s->run, "gone", s->tally.gone);
}

void sink_end_untouched(struct sink *s)
{
    put_stats(s);
    s->run->finished_at = clock_wall_us();
}

static int put_cursor(struct sink *s, const struct cursor *cursor, struct err *err)
{
    int rc = cursor ? sink_hold(s, err) : SLUICE_OK;

    if (rc || !cursor || s->tally.held)
        return rc;
    return cursor_put(s->db, s->run->job, s->run->partition, cursor, err);
}

static void count_whole(struct sink *s, const struct run_counts *part)
{
    const struct run_counts *b = &s->before;

    s->whole->counts = (struct run_counts){b->processed + part->processed, b->created + part->created,
                                           b->updated + part->updated, b->skipped + part->skipped,
                                           b->errors + part->errors};
}

/* The last statement of a batch, by `write`: ledger_fence() or ledger_finish(); and the same of the whole. */
static int fence(struct sink *s, int (*write)(struct db *db, struct run *r, struct err *err), struct err *err)
{
    int rc = write(s->db, s->run, err);

    if (rc || !s->whole)
        return rc;
    count_whole(s, &s->run->counts);
    return ledger_fence(s->db, s->whole, err);
}

/* Or, in a dry run, what stands for it. */
static int commit(struct sink *s, struct err *err)
{
    if (!s->dry_run)
        return ledger_commit(s->db, s->run, err);
    if (!s->saved)
        return SLUICE_OK;
    s->saved = false;
    return db_exec(s->db, "RELEASE SAVEPOINT sluice_batch", err);
}

static void note_committed(struct sink *s)
{
    s->batch = 0;
    s->committed.whole_batch_no = s->whole ? s->whole->batch_no : 0;
    s->committed.counts = s->run->counts;
    s->committed.tally = s->tally;
    s->committed.details = json_array_size(s->run->details);
    s->committed.batch_no = s->run->batch_no;
}

int sink_commit(struct sink *s, const struct cursor *cursor, struct err *err)
{
    if (!sink_is_open(s) && !cursor)
        return SLUICE_OK;
    int rc = begin(s, err);
    if (!rc)
        rc = sink_flush(s, err);
    if (!rc)
        rc = put_cursor(s, cursor, err);
    put_stats(s);
    if (!rc)
        rc = sink_land(s, err);
    if (!rc)
        rc = fence(s, ledger_fence, err);
    if (!rc)
        rc = commit(s, err);
    if (rc)
        return rc;
    note_committed(s);
    return SLUICE_OK;
}

bool sink_is_open(const struct sink *s)
{
    return db_in_transaction(s->db);
}

int sink_finish(struct sink *s, const struct cursor *cursor, struct err *err)
{
    int rc = begin(s, err);

    if (!rc)
        rc = sink_flush(s, err);
    if (s->tally.details_lost) {
        struct buf text = {0};
        buf_printf(&text, "%lld more errors are in sluice_rejects", (long long)s->tally.details_lost);
        run_warn(s->run, buf_text(&text));
        buf_free(&text);
        s->tally.details_lost = 0; /* it is said */
    }
    put_stats(s);
    if (!rc)
        rc = put_cursor(s, cursor, err);
    sink_hold_tell(s);
    if (!rc)
        rc = sink_land(s, err);
    if (!rc)
        rc = fence(s, ledger_finish, err);
    if (!rc)
        rc = commit(s, err);
    if (!rc && s->whole)
        note_committed(s);
    else if (rc ? !s->dry_run : s->dry_run)
        db_rollback(s->db);
    return rc;
}

int sink_retry(struct sink *s, const char *id, const char *known, const sluice_value *values, uint32_t count,
               struct err *err)
{
    int rc = begin(s, err);

    if (!rc)
        rc = merge_record(s->target, s->table, values, count, clock_wall_us(), &s->outcome, err);
    if (rc)
        return rc;
    if (s->outcome.what == MERGE_REJECTED && known && strcmp(known, buf_text(&s->outcome.reason)) == 0)
        return SLUICE_OK;
    if (s->outcome.what == MERGE_REJECTED)
        return keep_refused(s, id, values, count, err);
    if (s->outcome.rebound)
        note_rebound(s);
    s->tally.resolved++;
    return rejects_resolve(s->rejects, id, buf_str(&s->outcome.key), err);
}

static int retry_one(struct sink *s, const struct reject *r, bool by_itself, struct err *err)
{
    sluice_value *values = calloc(s->table->column_count + 1, sizeof(*values));
    struct record_keep *keep = NULL;
    char id[RUN_ID_SIZE];
    int rc = values ? record_read(r->payload, s->table, values, &keep, err) : err_set(err, E_SYSTEM, "out of memory");

    snprintf(id, sizeof(id), "%s", r->id);
    if (!rc)
        rc = sink_retry(s, id, by_itself ? r->reason : NULL, values, (uint32_t)s->table->column_count, err);
    else if (rc == SLUICE_E_BUG)
        rc = SLUICE_OK; /* kept by an older stream: it stays as it is */
    record_keep_free(keep);
    free(values);
    return rc;
}

int sink_retry_kept(struct sink *s, bool retryable_only, struct err *err)
{
    char after[RUN_ID_SIZE] = "";
    struct reject r;
    int rc = begin(s, err);

    if (rc)
        return rc;
    while ((rc = rejects_next(s->rejects, retryable_only, after, &r, err)) == 1) {
        snprintf(after, sizeof(after), "%s", r.id);
        if (strcmp(r.kind, REJECT_STORE) != 0)
            continue;
        s->tally.retried++;
        rc = retry_one(s, &r, retryable_only, err);
        if (!rc && ++s->batch >= s->batch_max)
            rc = sink_commit(s, NULL, err);
        if (!rc)
            rc = begin(s, err);
        if (rc)
            return rc;
    }
    return rc ? rc : sink_commit(s, NULL, err);
}

void sink_rollback(struct sink *s)
{
    struct err ignored = {0};

    if (s->bulk && s->saved)
        bulk_rest(s->bulk, &ignored);
    if (s->bulk)
        bulk_drop(s->bulk);
    if (!s->dry_run || (s->saved && db_exec(s->db, "ROLLBACK TO SAVEPOINT sluice_batch", &ignored))) {
        db_rollback(s->db);
        s->saved = false;
    }
    s->run->counts = s->committed.counts;
    s->run->batch_no = s->committed.batch_no; /* the fence may have passed before the commit failed */
    if (s->whole) {
        s->whole->batch_no = s->committed.whole_batch_no;
        count_whole(s, &s->run->counts);
    }
    s->tally = s->committed.tally;
    s->batch = 0;
    while (json_array_size(s->run->details) > s->committed.details)
        json_array_remove(s->run->details, json_array_size(s->run->details) - 1);
}

void sink_close(struct sink *s)
{
    bulk_close(s->bulk);
    gone_close(s->gone);
    target_close(s->target);
    rejects_close(s->rejects);
    merge_outcome_free(&s->outcome);
    buf_free(&s->payload);
    s->bulk = NULL;
    s->gone = NULL;
    s->target = NULL;
    s->rejects = NULL;
}
