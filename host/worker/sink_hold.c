/* sink_hold.c - see sink_hold.h. */
#include "sink_hold.h"

#include "clock.h"
#include "date.h"
#include "hold.h"

int sink_hold(struct sink *s, struct err *err)
{
    struct hold h = {0};
    int rc = SLUICE_OK;

    if (s->hold_us > 0 && rejects_any(s->rejects))
        rc = hold_ask(s->db, s->run->job, s->run->partition, s->hold_us, clock_wall_us(), &h, err);
    if (rc)
        return rc;
    s->tally.held = h.over ? 0 : h.count;
    s->tally.left_behind += h.over ? h.count : 0;
    if (h.count)
        s->tally.held_since = h.since;
    return SLUICE_OK;
}

#define RECORDS(n) (long long)(n), (n) == 1 ? "" : "s"

static void put_second(struct buf *out, int64_t us)
{
    date_print(out, us / CLOCK_SECOND * CLOCK_SECOND);
}

static void tell_held(struct sink *s)
{
    struct buf text = {0};

    buf_printf(&text,
               "the cursor is held back: %lld rejected record%s may yet be stored; until then, and at the latest "
               "until ",
               RECORDS(s->tally.held));
    put_second(&text, s->tally.held_since + s->hold_us);
    buf_add_str(&text, " (`hold`), each run reads from the same place");
    run_warn(s->run, buf_text(&text));
    run_stat(s->run, "held", s->tally.held);
    buf_free(&text);
}

static void tell_left_behind(struct sink *s)
{
    struct buf text = {0};

    buf_add_str(&text, "the cursor was held back since ");
    put_second(&text, s->tally.held_since);
    buf_printf(&text,
               ", as long as `hold` allows, and has moved on: left behind %lld rejected record%s, still retried at "
               "the start of each run; `sluice rejects %s` lists what is open",
               RECORDS(s->tally.left_behind), s->run->job);
    run_warn(s->run, buf_text(&text));
    run_stat(s->run, "left_behind", s->tally.left_behind);
    buf_free(&text);
}

void sink_hold_tell(struct sink *s)
{
    if (s->tally.held)
        tell_held(s);
    if (s->tally.left_behind)
        tell_left_behind(s);
}
