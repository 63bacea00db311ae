/* pages.c - a list that comes in pages by limit and offset.
 *
 * A page is read in two passes: the first one names its records and judges its seam, the second one maps them. So a
 * page that does not join is left alone, and read again after what lies before it. Pages are sent ahead where the next
 * ones should begin; when one comes shorter than that, the ones behind it are dropped and asked for again.
 */
#include "list.h"
#include "request.h"
#include "seam.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MAX 64                 /* pages under way */
#define BACK_MAX  3                  /* pages to go back for a seam */
#define ROWS_MAX  ((size_t)32 << 20) /* bytes of the names of one page */
#define PAGE_SEED 3

/* A page that was sent for. */
struct page {
    sluice_exchange *exchange;
    int64_t offset;
};

struct reader {
    sluice_run *run;
    const sluice_call *call;
    struct page ahead[AHEAD_MAX]; /* in the order of their offsets */
    size_t ahead_count;
    int64_t mark;   /* the source's clock at the first request; 0: none was answered */
    int64_t offset; /* where the next page begins */
    int64_t lap;    /* its records that should have come already */
    int64_t pages;  /* that were mapped */
    int64_t widest; /* most records of a page */
    int64_t distinct;
    int64_t total_first, total_last; /* as announced; -1: not */
    struct seam_row last;            /* the last record of the newest page */
    int back;                        /* pages gone back for the present seam */
    int64_t frontier;                /* where the page that did not join began */
    bool unproven;                   /* rows moved: seams say nothing any more */
    bool ended;
    bool refused; /* the first page was */

    /* The page that is being read. */
    struct region memory;
    struct sluice_body *body;
    struct buf rows; /* struct seam_row */
    size_t row_count;
    size_t fresh;     /* records that no page before had */
    size_t at;        /* the record that is mapped next */
    bool out_of_rows; /* ROWS_MAX was reached */
    int64_t total;    /* as this page announced it; -1: not */
    struct seen seen;
};

static const struct seam_row *row_of(const struct reader *r, size_t i)
{
    return (const struct seam_row *)(const void *)r->rows.ptr + i;
}

/* ---- Sending ---- */

static void drop_ahead(struct reader *r)
{
    for (size_t i = 0; i < r->ahead_count; i++)
        r->run->host->drop(r->run, r->ahead[i].exchange);
    r->ahead_count = 0;
}

/* Send for the page at `offset`. */
static bool send_page(struct reader *r, int64_t offset)
{
    char limit[24], place[24];
    snprintf(limit, sizeof limit, "%" PRId64, r->call->page_size);
    snprintf(place, sizeof place, "%" PRId64, offset);
    sluice_pair more[2] = {{r->call->offset, place}, {r->call->limit, limit}};
    sluice_exchange *exchange = request_send(r->run, r->call, more, r->call->limit ? 2 : 1);
    if (!exchange)
        return false;
    r->ahead[r->ahead_count++] = (struct page){exchange, offset};
    return true;
}

/* The page that was just mapped came full: send for the ones behind it, as far as the list is known to go. */
static bool send_ahead(struct reader *r)
{
    int64_t stride = (int64_t)r->row_count - r->lap;
    if (r->ahead_count && r->ahead[0].offset != r->offset)
        drop_ahead(r);
    size_t want = r->run->parallel < AHEAD_MAX ? r->run->parallel : AHEAD_MAX;
    while (r->ahead_count < want && stride > 0) {
        int64_t offset = r->offset + (int64_t)r->ahead_count * stride;
        if (r->total >= 0 && offset + r->lap >= r->total)
            break;
        if (!send_page(r, offset))
            return false;
    }
    return true;
}

/* The exchange of the page at r->offset, sent now or before; the caller drops it. */
static sluice_exchange *take_page(struct reader *r)
{
    if (r->ahead_count && r->ahead[0].offset != r->offset)
        drop_ahead(r);
    if (!r->ahead_count && !send_page(r, r->offset))
        return NULL;
    sluice_exchange *exchange = r->ahead[0].exchange;
    r->ahead_count--;
    memmove(r->ahead, r->ahead + 1, r->ahead_count * sizeof r->ahead[0]);
    return exchange;
}

/* ---- The first pass ---- */

static bool look_at_row(void *context, sluice_str record)
{
    struct reader *r = context;
    struct seam_row row = seam_read(record, r->call->id);
    row.known = seen_find(&r->seen, row.row);
    r->out_of_rows = !buf_add(&r->rows, &row, sizeof row);
    r->row_count++;
    r->fresh += row.known == SEEN_NEW;
    return !r->out_of_rows;
}

/* From here on nothing is known to be complete. */
static void doubt(struct reader *r, const char *why)
{
    if (!r->unproven)
        sluice_warn(r->run,
                    "it cannot be proven that all records came: %s (seen at %s=%" PRId64 "); what came is stored, and "
                    "the cursor stays, so that the next run reads the same span again",
                    why, r->call->offset, r->offset);
    r->unproven = true;
}

/* Has the page new records although no further page is allowed? */
static bool passes_cap(const struct reader *r)
{
    return r->call->max_pages > 0 && r->pages >= r->call->max_pages && (int64_t)r->row_count > r->lap;
}

/* The whole page as one record, to find one that comes again. */
static struct seen_row page_row(const struct reader *r)
{
    uint64_t content = PAGE_SEED;
    for (size_t i = 0; i < r->row_count; i++)
        content = seen_hash((sluice_str){(const char *)&row_of(r, i)->row.content, sizeof content}, content);
    return (struct seen_row){content, PAGE_SEED};
}

static bool repeats(const struct reader *r)
{
    return (int64_t)r->row_count > r->lap && !r->back && seen_find(&r->seen, page_row(r)) == SEEN_SAME;
}

/* A source that ignores the offset gives the same page for ever. When that was not even full, it may well be all. */
static void end_with_repeat(struct reader *r)
{
    if (r->pages > 1 || (int64_t)r->row_count >= r->call->page_size) {
        sluice_fail(r->run, SLUICE_E_REMOTE,
                    "the page at %s=%" PRId64 " repeats an earlier one: does the source ignore \"%s\"?",
                    r->call->offset, r->offset, r->call->offset);
        return;
    }
    doubt(r, "the source seems to ignore the offset, for the second page is the first one again");
    r->ended = true;
}

/* Name the page's records. False when the run has failed. */
static bool look(struct reader *r)
{
    buf_clear(&r->rows);
    r->row_count = r->fresh = 0;
    list_read(r->body, r->call->list, look_at_row, r);
    if (r->out_of_rows)
        sluice_fail(r->run, SLUICE_E_LIMIT, "a page has more than %zu records", r->row_count);
    else if (passes_cap(r))
        sluice_fail(r->run, SLUICE_E_LIMIT, "the list goes on after %" PRId64 " pages, which is the most that are read",
                    r->call->max_pages);
    else if (repeats(r))
        end_with_repeat(r);
    return helper_status(r->run) == SLUICE_OK;
}

/* ---- The seam ---- */

/* Go back for the seam of the page that is being read, or give it up. The page is not mapped. */
static void go_back(struct reader *r)
{
    int64_t step = r->widest > 1 ? r->widest - 1 : 1;
    if (r->offset > r->frontier)
        r->frontier = r->offset;
    if (r->back < BACK_MAX && r->offset > 0) {
        r->back++;
        r->offset = r->offset > step ? r->offset - step : 0;
        return;
    }
    r->offset = r->frontier;
    doubt(r, "rows shifted while the pages were read, and a page does not join the one before it");
    r->back = 0;
}

/* Does the page join those before it? Where that cannot be said it does, with a doubt. */
static bool joins(struct reader *r)
{
    if (!r->pages || r->unproven)
        return true;
    if (!r->lap && r->row_count && (r->call->overlap || r->fresh < r->row_count))
        doubt(r, r->call->overlap ? "pages of one record have no seam" : "records came twice");
    if (!r->lap)
        return true;
    int found = seam_judge(row_of(r, 0), r->row_count, &r->last, r->call->ascending != 0);
    if (found == SEAM_MOVED)
        doubt(r, "rows moved while the pages were read, and records came twice");
    return found != SEAM_APART;
}

/* ---- The second pass ---- */

static bool remember(struct reader *r, struct seen_row row, int *found)
{
    if (seen_put(&r->seen, row, found))
        return true;
    sluice_fail(r->run, SLUICE_E_LIMIT, "out of memory");
    return false;
}

/* Records that two versions of one page have in another order are mapped once more, so that the later one stays. */
static bool map_row(void *context, sluice_str record)
{
    struct reader *r = context;
    const struct seam_row *row = row_of(r, r->at++);
    int found;
    if (!remember(r, row->row, &found))
        return false;
    r->distinct += found == SEEN_NEW;
    return (row->known == SEEN_SAME && found == SEEN_SAME) || list_map(r->run, record);
}

/* Map what is new in the page, and remember it. */
static bool map_page(struct reader *r)
{
    int found;
    r->at = 0;
    list_read(r->body, r->call->list, map_row, r);
    if (helper_status(r->run) != SLUICE_OK)
        return false;
    for (size_t i = 0; i < r->row_count; i++) {
        if (!r->call->ascending || row_of(r, i)->numbered)
            r->last = *row_of(r, i);
    }
    r->pages++;
    return !r->row_count || remember(r, page_row(r), &found);
}

/* Is the list at its end with this page? Otherwise r->offset moves to where the next one begins. A full page is not
 * believed to be the last one, whatever the total says: there are sources that announce the page. */
static void step_on(struct reader *r)
{
    int64_t count = (int64_t)r->row_count;
    bool full = (r->call->page_size > 0 && count >= r->call->page_size) || (count == r->widest && r->pages > 1);
    int64_t end = r->offset + count;
    r->widest = count > r->widest ? count : r->widest;
    bool last = !full && (r->fresh == 0 || (r->total >= 0 && end >= r->total));
    if (count <= r->lap || last) {
        r->ended = true;
        if (end < r->total)
            sluice_fail(r->run, SLUICE_E_RETRY,
                        "the source announced %" PRId64 " records, and its list ends after %" PRId64, r->total, end);
        return;
    }
    r->lap = r->call->overlap < count ? r->call->overlap : count - 1;
    r->offset = end - r->lap;
    if (r->fresh)
        r->back = 0;
    if (full)
        send_ahead(r);
}

/* ---- The list ---- */

static void note_total(struct reader *r)
{
    r->total = r->call->total ? sluice_int_of(r->body, r->call->total) : -1;
    if (r->total_first < 0) {
        r->total_first = r->total;
        sluice_total(r->run, r->total);
    }
    r->total_last = r->total;
}

/* Read the page whose answer is `reply`. */
static bool read_body(struct reader *r, sluice_exchange *exchange, const sluice_reply *reply)
{
    region_reset(&r->memory);
    r->body = body_make(r->run, exchange, reply, r->call->hint, &r->memory);
    if (!r->body)
        return false;
    r->body->may_be_list = true;
    if (!body_index(r->body))
        return false;
    note_total(r);
    if (!look(r))
        return false;
    if (r->ended)
        return true;
    if (!joins(r))
        go_back(r);
    else if (map_page(r))
        step_on(r);
    return helper_status(r->run) == SLUICE_OK;
}

static bool read_page(struct reader *r)
{
    sluice_reply reply = {.struct_size = sizeof reply};
    sluice_exchange *exchange = take_page(r);
    if (!exchange)
        return false;
    bool ok = r->run->host->wait(r->run, exchange, &reply) == SLUICE_OK;
    if (ok && reply.status == 400 && !r->mark)
        r->refused = r->ended = true;
    else if (ok && reply.status == 400)
        sluice_fail(r->run, SLUICE_E_REMOTE, "HTTP 400 to the page at %s=%" PRId64 ", not to the first one",
                    r->call->offset, r->offset);
    ok = ok && reply.status != 400;
    if (ok && !r->mark)
        r->mark = reply.source_time;
    ok = ok && read_body(r, exchange, &reply);
    r->run->host->drop(r->run, exchange);
    return ok;
}

/* What the totals say at the end. */
static void compare_totals(struct reader *r)
{
    int64_t least = r->total_first < r->total_last ? r->total_first : r->total_last;
    if (least < 0 || r->unproven)
        return;
    if (r->distinct < least)
        doubt(r, "fewer different records came than were announced");
    else if (!r->call->overlap && r->total_first != r->total_last)
        doubt(r, "the number of records changed");
    if (r->total_last != r->total_first)
        sluice_total(r->run, r->total_last);
}

static int64_t wrong_call(sluice_run *run)
{
    sluice_fail(run, SLUICE_E_BUG, "pages need a list, an offset, and more records than they overlap");
    return 0;
}

int64_t sluice_read_pages(sluice_run *run, const sluice_call *call)
{
    struct reader r = {.run = run, .call = call, .rows.max = ROWS_MAX, .memory.max = RUN_MEMORY_MAX};
    r.total_first = r.total_last = r.total = -1;
    if (!helper_of(run) || helper_status(run) != SLUICE_OK)
        return 0;
    if (!call->list || !call->offset || call->overlap < 0 || (call->limit && call->page_size <= call->overlap))
        return wrong_call(run);
    while (!r.ended && read_page(&r))
        ;
    bool complete = helper_status(run) == SLUICE_OK && !r.refused;
    if (complete)
        compare_totals(&r);
    drop_ahead(&r);
    buf_free(&r.rows);
    region_free(&r.memory);
    seen_free(&r.seen);
    if (r.refused)
        return SLUICE_REFUSED;
    return complete && !r.unproven ? r.mark : 0;
}
