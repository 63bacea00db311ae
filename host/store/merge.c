/* merge.c - see merge.h. Written over the calls of target.h only, so it is the same for every database. */
#include "merge.h"

#include <string.h>

#define MERGE_TRIES 3 /* when other programs change the same rows */

void merge_outcome_free(struct merge_outcome *o)
{
    buf_free(&o->key);
    buf_free(&o->reason);
    buf_free(&o->note);
    *o = (struct merge_outcome){0};
}

static int reject(struct merge_outcome *o, const char *fmt, const char *what)
{
    o->what = MERGE_REJECTED;
    buf_clear(&o->reason);
    buf_printf(&o->reason, "%s%s", fmt, what);
    return SLUICE_OK;
}

/* "trdr or afm" */
static void tell_rules(const struct table *table, struct buf *out)
{
    for (size_t i = 0; i < table->rule_count; i++) {
        buf_add_str(out, i ? " or " : "");
        for (size_t k = 0; k < table->rules[i].column_count; k++)
            buf_printf(out, "%s%s", k ? "+" : "", table->columns[table->rules[i].columns[k]].source);
    }
}

static int reject_no_key(const struct table *table, struct merge_outcome *o)
{
    struct buf rules = {0};

    tell_rules(table, &rules);
    int rc = reject(o, "no-key: the record has no usable ", buf_text(&rules));
    buf_free(&rules);
    return rc;
}

static int reject_ambiguous(const struct table *table, size_t rule, struct merge_outcome *o)
{
    const struct table_rule *r = &table->rules[rule];

    return reject(o, "ambiguous: more than one row has its ", table->columns[r->columns[0]].source);
}

/* A row found by an alternate key that belongs to another identity: taken over, unless this run has used it. */
static int check_rebind(struct target *t, struct merge_outcome *o, struct err *err)
{
    int claimed = target_claimed(t, err);

    if (claimed < 0)
        return claimed;
    if (claimed)
        return reject(o, "conflict: its row was already used in this run by ", target_found_identity(t));
    o->rebound = true;
    buf_clear(&o->note);
    buf_printf(&o->note, "row of %s is now %s", target_found_identity(t), buf_text(&o->key));
    return SLUICE_OK;
}

/* Find the row. Returns 1 with *hit, 0 when there is none or the record was rejected, or an error. */
static int match(struct target *t, const struct table *table, struct target_hit *hit, struct merge_outcome *o,
                 struct err *err)
{
    bool usable = false;

    for (size_t i = 0; i < table->rule_count; i++) {
        if (!target_usable(t, i))
            continue;
        if (!usable)
            target_key(t, i, &o->key);
        usable = true;
        int rc = target_find(t, i, hit, err);
        if (rc < 0)
            return rc;
        if (rc == 2)
            return reject_ambiguous(table, i, o);
        if (rc == 1 && table->rules[i].rule == SLUICE_REBIND && hit->other_identity) {
            rc = check_rebind(t, o, err);
            return rc || o->what == MERGE_REJECTED ? rc : 1;
        }
        if (rc == 1)
            return 1;
    }
    return usable ? SLUICE_OK : reject_no_key(table, o);
}

static int write_record(struct target *t, bool matched, const struct target_hit *hit, int64_t now,
                        struct merge_outcome *o, struct err *err)
{
    int rc = SLUICE_OK;

    if (!matched) {
        o->what = MERGE_CREATED;
        rc = target_insert(t, now, err);
    } else if (hit->same) {
        o->what = MERGE_UNCHANGED;
    } else if (hit->quiet) {
        o->what = MERGE_UNCHANGED;
        rc = target_update(t, now, err);
    } else {
        o->what = MERGE_UPDATED;
        rc = target_update(t, now, err);
    }
    return rc ? rc : target_claim(t, err);
}

/* Look the record up and write it; TARGET_MOVED when another program wrote in between. */
static int match_and_write(struct target *t, const struct table *table, int64_t now, struct merge_outcome *o,
                           struct err *err)
{
    struct target_hit hit = {0};

    o->what = 0;
    o->rebound = false;
    buf_clear(&o->key);
    int rc = match(t, table, &hit, o, err);
    if (rc < 0 || o->what == MERGE_REJECTED)
        return rc;
    return write_record(t, rc == 1, &hit, now, o, err);
}

int merge_record(struct target *t, const struct table *table, const sluice_value *values, uint32_t count, int64_t now,
                 struct merge_outcome *o, struct err *err)
{
    o->what = 0;
    o->rebound = false;
    buf_clear(&o->key);
    int rc = target_load(t, values, count, err);
    for (int tries = 0; !rc && tries < MERGE_TRIES; tries++) {
        rc = match_and_write(t, table, now, o, err);
        if (rc != TARGET_MOVED)
            break;
        rc = SLUICE_OK;
        if (tries + 1 == MERGE_TRIES)
            rc = err_set(err, E_REFUSED, "ignored: a trigger or constraint of the table dropped it without an error");
    }
    if (rc == E_REFUSED) {
        o->rebound = false;
        return reject(o, "", err->msg);
    }
    return rc;
}
