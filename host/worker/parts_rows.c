/* parts_rows.c - the rows of partitions in the ledger: they begin in groups, and quiet ones end in groups. See
 * parts.h.
 */
#include "parts.h"

#include "clock.h"
#include "id.h"
#include "reading.h"

#include <stdio.h>
#include <string.h>

#define QUIET_US CLOCK_SECOND /* for so long an end may wait for others */

void parts_end(struct parts *p, int end, const struct err *err)
{
    if (p->end != END_NONE)
        return;
    p->end = end;
    p->err = *err;
}

/* ---- Beginnings ---- */

static int init_part(struct parts *p, struct ledger_part *part, const char *id, const char *mode, struct err *err)
{
    char run_id[RUN_ID_SIZE];

    memset(part, 0, sizeof(*part));
    int rc = run_init(&part->run, p->whole.job, id, mode, err);
    if (rc)
        return rc;
    id_new_after(p->last_id, run_id);
    snprintf(part->run.id, sizeof(part->run.id), "%s", run_id);
    snprintf(p->last_id, sizeof(p->last_id), "%s", run_id);
    snprintf(part->run.parent, sizeof(part->run.parent), "%s", p->whole.id);
    run_set(&part->run.host, p->whole.host);
    part->run.started_at = clock_wall_us();
    return SLUICE_OK;
}

/* The rows of the next ones. */
static int claim(struct worker *w)
{
    struct parts *p = w->parts;
    size_t n = 0;
    int rc = SLUICE_OK;

    for (; !rc && n < PARTS_GROUP && p->at + n < parts_count(p); n++)
        rc = init_part(p, &p->group[n], parts_id(p, p->at + n), reading_mode(w), &w->err);
    if (!rc)
        rc = ledger_claim_parts(w->db, &p->whole, p->group, n, &w->err);
    p->group_from = p->at;
    p->claimed = p->at + n;
    return rc;
}

int parts_next(struct worker *w, struct ledger_part **out)
{
    struct parts *p = w->parts;
    int rc = SLUICE_OK;

    if (w->what == SPEC_PREVIEW) {
        p->group_from = p->at;
        rc = init_part(p, &p->group[0], parts_id(p, p->at), "incremental", &w->err);
    } else if (p->at == p->claimed) {
        rc = claim(w);
    }
    *out = &p->group[p->at - p->group_from];
    return rc;
}

/* ---- Ends that wait ---- */

/* They are told as ended once that is stored; when it was not, they have failed. */
static void tell_quiet(struct parts *p, const struct ledger_end *ends, const struct err *err)
{
    for (size_t i = 0; i < p->quiet_count; i++) {
        struct part_quiet *q = &p->quiet[i];
        const struct err *why = err->code ? err : &ends[i].fenced;
        if (why->code) {
            q->code = why->code;
            snprintf(q->run.status, sizeof(q->run.status), "failed");
            run_set(&q->run.error, why->msg);
        }
        parts_add(p, q->index, &q->run, true, q->code);
        run_free(&q->run);
    }
    p->quiet_count = 0;
}

int parts_check(struct worker *w)
{
    struct parts *p = w->parts;
    struct ledger_end ends[PARTS_GROUP] = {0};
    struct err err = {0};

    for (size_t i = 0; i < p->quiet_count; i++) {
        ends[i].run = &p->quiet[i].run;
        ends[i].cursor = p->quiet[i].moves ? &p->quiet[i].cursor : NULL;
    }
    int rc = ledger_finish_parts(w->db, &p->whole, ends, p->quiet_count, &err);
    tell_quiet(p, ends, &err);
    if (rc)
        parts_end(p, END_FAIL, &err);
    return rc;
}

int parts_flush(struct worker *w)
{
    return w->parts->quiet_count ? parts_check(w) : SLUICE_OK;
}

static bool is_due(const struct parts *p)
{
    return p->quiet_count == PARTS_GROUP || (p->quiet_count && clock_mono_us() - p->quiet_since >= QUIET_US);
}

int parts_mind(struct worker *w)
{
    if (!is_due(w->parts))
        return SLUICE_OK;
    int rc = parts_flush(w);
    if (rc)
        w->err = w->parts->err;
    return rc;
}

void parts_keep_quiet(struct worker *w, const struct cursor *cursor, int code)
{
    struct parts *p = w->parts;
    struct part_quiet *q = &p->quiet[p->quiet_count++];

    if (p->quiet_count == 1)
        p->quiet_since = clock_mono_us();
    q->index = p->at;
    q->code = code;
    q->run = w->run;
    q->moves = cursor != NULL;
    if (cursor)
        q->cursor = *cursor;
    w->run = (struct run){0};
}

/* ---- The whole ---- */

int parts_close(struct worker *w, struct err *err)
{
    struct parts *p = w->parts;
    bool dry = w->sink.dry_run;
    int rc = dry && db_in_transaction(w->db) ? SLUICE_OK : db_begin(w->db, err);

    if (!rc)
        rc = ledger_drop_parts(w->db, &p->whole, err);
    if (!rc)
        rc = ledger_finish(w->db, &p->whole, err);
    if (!rc && !dry)
        rc = ledger_commit(w->db, &p->whole, err);
    if (rc || dry)
        db_rollback(w->db);
    return rc;
}
