/* sink_gone.c - see sink_gone.h. */
#include "sink_gone.h"

#include "clock.h"

int sink_mind_gone(struct sink *s, struct err *err)
{
    int rc = s->table->gone ? sink_begin(s, err) : SLUICE_OK;

    if (rc || !s->table->gone)
        return rc;
    rc = gone_open(s->db, s->table, s->run->id, *s->run->partition != '\0', &s->gone, err);
    return rc ? rc : sink_commit(s, NULL, err);
}

static void warn_unnoted(struct sink *s, int64_t count, const char *what)
{
    struct buf text = {0};

    buf_printf(&text, "%lld record%s %s: nobody knows which rows are gone, so none was noted", (long long)count,
               count == 1 ? "" : "s", what);
    run_warn(s->run, buf_text(&text));
    buf_free(&text);
}

int sink_note_gone(struct sink *s, bool allow, struct err *err)
{
    const struct run *r = s->run;
    int rc = sink_begin(s, err);

    if (!rc)
        rc = sink_flush(s, err);
    if (rc)
        return rc;
    if (gone_unknown(s->gone)) {
        warn_unnoted(s, gone_unknown(s->gone), "came without a usable identity");
        return SLUICE_OK;
    }
    if (r->total > r->counts.processed) {
        warn_unnoted(s, r->total - r->counts.processed, "fewer came than the source announced");
        return SLUICE_OK;
    }
    return gone_note(s->gone, clock_wall_us(), allow, &s->tally.gone, err);
}

/* Has the open transaction written rows? */
static bool has_written(const struct sink *s)
{
    const struct run_counts *now = &s->run->counts, *before = &s->committed.counts;

    return now->created > before->created || now->updated > before->updated ||
           s->tally.gone > s->committed.tally.gone || s->tally.resolved > s->committed.tally.resolved;
}

/* A full run that has begun to write leaves something that is neither the old nor the new, until it is complete. */
int sink_land(struct sink *s, struct err *err)
{
    bool complete = s->complete || (s->landed.complete && !s->full), written = has_written(s);

    if (*s->run->partition || (!written && (!s->complete || s->landed.complete)))
        return SLUICE_OK;
    s->landed.complete = complete;
    return landed_put(s->db, s->run, complete, err);
}
