/* record.c - the record helpers of sluice.h: map, look, change, and one verdict. */
#include "helper.h"

#include "text.h"

#include <string.h>

/* What a helper returns that was given no record: the run has failed, and map() has only to return. */
#define NO_RECORD SLUICE_E_CANCELLED

/* ---- Making the mapping, once for a run ---- */

/* Open the zone that the stream's setting names. */
static bool open_zone(sluice_run *run, struct helper *h)
{
    const char *option = run->stream->zone;
    const char *name = option ? sluice_opt_text(run, option) : "";
    if (helper_status(run) != SLUICE_OK)
        return false;
    if (!*name)
        return true;
    h->zone = zone_open(name);
    if (h->zone)
        return true;
    sluice_fail(run, SLUICE_E_CONFIG, "%s: this system has no time zone \"%s\"", option, name);
    return false;
}

static bool make_mapping(sluice_run *run, struct helper *h)
{
    struct sluice_record *rec = &h->record;
    struct buf why = {0};
    if (!open_zone(run, h))
        return false;
    rec->run = run;
    rec->helper = h;
    rec->made = mapping_init(&rec->mapping, run->stream, h->zone, &h->run_memory, &h->record_memory, &why);
    if (!rec->made && why.len)
        sluice_fail(run, SLUICE_E_BUG, "%s", buf_text(&why));
    else if (!rec->made)
        helper_run_full(run);
    buf_free(&why);
    return rec->made;
}

void helper_record_free(struct sluice_record *rec)
{
    mapping_free(&rec->mapping);
    *rec = (struct sluice_record){0};
}

/* The run's record, with nothing of the one before it; NULL when the run has failed. */
static sluice_record *next_record(sluice_run *run)
{
    struct helper *h = helper_of(run);
    if (!h || helper_status(run) != SLUICE_OK)
        return NULL;
    if (!h->record.made && !make_mapping(run, h))
        return NULL;
    region_reset(&h->record_memory);
    return &h->record;
}

sluice_record *sluice_map(sluice_run *run, sluice_str json)
{
    sluice_record *rec = next_record(run);
    if (!rec)
        return NULL;
    rec->open = mapping_read(&rec->mapping, json);
    return rec->open ? rec : helper_record_full(run);
}

sluice_record *sluice_new(sluice_run *run)
{
    sluice_record *rec = next_record(run);
    if (!rec)
        return NULL;
    mapping_start(&rec->mapping, (sluice_str){0});
    rec->open = true;
    return rec;
}

/* ---- Looking at it and changing it ---- */

bool helper_record_open(const struct sluice_record *rec)
{
    return rec && rec->open;
}

int64_t helper_record_column(struct sluice_record *rec, const char *name)
{
    int64_t i = mapping_column_named(rec->mapping.stream, (sluice_str){name, strlen(name)});
    if (i < 0)
        sluice_fail(rec->run, SLUICE_E_BUG, "there is no column \"%s\"", name);
    return i;
}

const char *helper_record_text(struct sluice_record *rec, sluice_str text)
{
    const char *copy = region_text(&rec->helper->record_memory, text);
    if (!copy)
        helper_record_full(rec->run);
    return copy ? copy : "";
}

const char *sluice_get(sluice_record *rec, const char *column)
{
    int64_t i = helper_record_open(rec) ? helper_record_column(rec, column) : -1;
    if (i < 0)
        return "";
    const sluice_value *value = &rec->mapping.values[i];
    if (value->type == SLUICE_TEXT)
        return helper_record_text(rec, value->as.s);
    struct buf text = {0};
    text_value(&text, value, mapping_column(rec->mapping.stream, (uint32_t)i)->scale);
    const char *copy = helper_record_text(rec, buf_str(&text));
    buf_free(&text);
    return copy;
}

/* The key of the record's tree. One that no column wants is added, and this record read once more for it; later records
 * bring it along. */
static const struct path_node *source_key(sluice_record *rec, sluice_str key)
{
    struct paths *paths = &rec->mapping.paths;
    for (const struct path_node *n = paths->root.child; n; n = n->sibling) {
        if (n->key.len == key.len && memcmp(n->key.ptr, key.ptr, key.len) == 0)
            return n;
    }
    const struct path_node *added = paths_add_key(paths, key);
    if (!added)
        return helper_run_full(rec->run);
    paths_read(paths, rec->mapping.source);
    return added;
}

const char *sluice_source(sluice_record *rec, const char *key)
{
    if (!helper_record_open(rec) || rec->mapping.broken || !rec->mapping.source.ptr)
        return NULL;
    const struct path_node *n = source_key(rec, (sluice_str){key, strlen(key)});
    if (!n || n->seen != rec->mapping.paths.record)
        return NULL;
    sluice_str text = {0};
    if (n->found.kind != JSON_KIND_NULL && !mapping_text(&rec->mapping, &n->found, &text))
        return helper_record_full(rec->run);
    return helper_record_text(rec, text);
}

/* ---- Verdicts ---- */

/* May the record get its verdict now? */
static bool begin_verdict(sluice_record *rec)
{
    if (!rec->open)
        sluice_fail(rec->run, SLUICE_E_BUG, "a record got two verdicts");
    return rec->open;
}

static int32_t end_verdict(sluice_record *rec, int32_t rc)
{
    rec->open = false;
    rec->helper->verdicts++;
    region_reset(&rec->helper->record_memory);
    return rc;
}

static int32_t reject(sluice_record *rec, sluice_str why)
{
    struct buf key = {0};
    mapping_key(&rec->mapping, &key);
    int32_t rc = rec->run->host->reject(rec->run, buf_str(&key), why, rec->mapping.source);
    buf_free(&key);
    return end_verdict(rec, rc);
}

static int32_t skip(sluice_record *rec, sluice_str why)
{
    struct buf key = {0};
    mapping_key(&rec->mapping, &key);
    int32_t rc = rec->run->host->skip(rec->run, buf_str(&key), why);
    buf_free(&key);
    return end_verdict(rec, rc);
}

int32_t sluice_emit(sluice_record *rec)
{
    if (!rec)
        return NO_RECORD;
    if (!begin_verdict(rec))
        return helper_status(rec->run);
    struct mapping *m = &rec->mapping;
    mapping_check_required(m);
    if (m->why.len)
        return reject(rec, buf_str(&m->why));
    return end_verdict(rec, rec->run->host->emit(rec->run, m->values, m->stream->column_count));
}

/* A record that could not be read is rejected whatever map() thought of it: it saw none of its columns. */
int32_t sluice_skip(sluice_record *rec, const char *why)
{
    if (!rec)
        return NO_RECORD;
    if (!begin_verdict(rec))
        return helper_status(rec->run);
    if (rec->mapping.broken)
        return reject(rec, buf_str(&rec->mapping.why));
    return skip(rec, (sluice_str){why, why ? strlen(why) : 0});
}

int32_t sluice_reject(sluice_record *rec, const char *fmt, ...)
{
    if (!rec)
        return NO_RECORD;
    if (!begin_verdict(rec))
        return helper_status(rec->run);
    if (rec->mapping.broken)
        return reject(rec, buf_str(&rec->mapping.why));
    struct buf why = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&why, fmt, args);
    va_end(args);
    int32_t rc = reject(rec, buf_str(&why));
    buf_free(&why);
    return rc;
}

int32_t sluice_map_table(sluice_run *run, sluice_str record)
{
    return sluice_emit(sluice_map(run, record));
}
