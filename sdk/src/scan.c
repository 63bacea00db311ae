/* scan.c - the helpers of sluice.h that read streams which have landed: rows by the names of their columns. */
#include "helper.h"

#include "text.h"

#include <string.h>

struct sluice_scan {
    sluice_run *run;
    sluice_rows *rows;
    const char *stream;
    sluice_str *names; /* of the columns */
    uint32_t count;
    const sluice_value *row; /* NULL: none */
    struct region memory;    /* of the row's texts */
    struct sluice_scan *next;
};

void helper_scans_free(struct helper *h)
{
    for (struct sluice_scan *s = h->scans; s; s = s->next)
        region_free(&s->memory);
    h->scans = NULL;
}

/* ---- Opening ---- */

static bool name_columns(struct helper *h, struct sluice_scan *s, const char *columns)
{
    const char *kept = region_text(&h->run_memory, (sluice_str){columns, strlen(columns)});
    if (!kept)
        return false;
    sluice_str list = {kept, strlen(kept)}, word;
    while (text_word(&list, &word))
        s->count++;
    s->names = region_alloc(&h->run_memory, s->count * sizeof *s->names + 1);
    list = (sluice_str){kept, strlen(kept)};
    for (uint32_t i = 0; s->names && text_word(&list, &word); i++)
        s->names[i] = word;
    return s->names != NULL;
}

sluice_scan *sluice_scan_open(sluice_run *run, const char *stream, const char *columns, const char *order)
{
    struct helper *h = helper_of(run);
    if (!h || helper_status(run) != SLUICE_OK)
        return NULL;
    struct sluice_scan *s = region_alloc(&h->run_memory, sizeof *s);
    const char *kept = region_text(&h->run_memory, (sluice_str){stream, strlen(stream)});
    if (!s || !kept || !name_columns(h, s, columns))
        return helper_run_full(run);
    s->run = run;
    s->stream = kept;
    s->memory.max = RECORD_MEMORY_MAX;
    const sluice_query query = {.struct_size = sizeof query, .stream = stream, .columns = columns, .order = order};
    if (run->host->scan(run, &query, &s->rows) != SLUICE_OK)
        return NULL;
    s->next = h->scans;
    h->scans = s;
    return s;
}

int sluice_scan_next(sluice_scan *scan)
{
    if (!scan)
        return 0;
    region_reset(&scan->memory);
    if (scan->run->host->next(scan->run, scan->rows, &scan->row) != SLUICE_OK)
        scan->row = NULL;
    return scan->row != NULL;
}

/* ---- The row ---- */

/* The row's value of a column; one that was not asked for is the connector's mistake. */
static sluice_value cell(const sluice_scan *scan, const char *column)
{
    const sluice_value none = {.type = SLUICE_NULL};
    size_t len = strlen(column);
    if (!scan)
        return none;
    for (uint32_t i = 0; i < scan->count; i++) {
        if (scan->names[i].len == len && memcmp(scan->names[i].ptr, column, len) == 0)
            return scan->row ? scan->row[i] : none;
    }
    sluice_fail(scan->run, SLUICE_E_BUG, "the scan of %s has no column \"%s\"", scan->stream, column);
    return none;
}

static void fail_type(const sluice_scan *scan, const char *column, const char *what)
{
    sluice_fail(scan->run, SLUICE_E_BUG, "the column \"%s\" of %s is not %s", column, scan->stream, what);
}

int64_t sluice_cell(sluice_scan *scan, const char *column)
{
    sluice_value value = cell(scan, column);
    if (value.type == SLUICE_NULL)
        return 0;
    if (value.type != SLUICE_TEXT && value.type != SLUICE_INTS)
        return value.as.i;
    fail_type(scan, column, "a number");
    return 0;
}

const char *sluice_cell_text(sluice_scan *scan, const char *column)
{
    sluice_value value = cell(scan, column);
    if (value.type == SLUICE_NULL)
        return "";
    if (value.type != SLUICE_TEXT) {
        fail_type(scan, column, "a text");
        return "";
    }
    const char *text = region_text(&scan->memory, value.as.s);
    if (!text)
        helper_record_full(scan->run);
    return text ? text : "";
}

int sluice_cell_null(sluice_scan *scan, const char *column)
{
    return cell(scan, column).type == SLUICE_NULL;
}

void sluice_ids_add_cell(sluice_ids *ids, sluice_scan *scan, const char *column)
{
    sluice_value value = cell(scan, column);
    if (value.type != SLUICE_INTS && value.type != SLUICE_NULL)
        fail_type(scan, column, "a list of integers");
    for (size_t i = 0; value.type == SLUICE_INTS && i < value.as.n.len; i++)
        sluice_ids_add(ids, value.as.n.ptr[i]);
}
