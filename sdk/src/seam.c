#include "seam.h"

#include "decimal.h"
#include "json.h"

#include <string.h>

#define NAME_SEED    1
#define CONTENT_SEED 2

/* The record's value at `id`, without its quotes; the first one, so that the rest of the record is not read. */
static bool find_id(sluice_str record, const char *id, sluice_str *text)
{
    struct json j;
    struct json_value key, value;
    sluice_str want = {id, strlen(id)};
    if (!record.len || *record.ptr != '{')
        return false;
    json_enter(&j, record);
    while (json_next_member(&j, &key, &value)) {
        if (!json_string_is(&key, want))
            continue;
        *text = value.text;
        return value.kind != JSON_KIND_NULL;
    }
    return false;
}

struct seam_row seam_read(sluice_str record, const char *id)
{
    struct seam_row r = {.row.content = seen_hash(record, CONTENT_SEED)};
    sluice_str name = {0};
    if (id && find_id(record, id, &name)) {
        r.row.name = seen_hash(name, NAME_SEED);
        r.numbered = integer_parse(name, &r.number) == NUMBER_OK;
    } else {
        r.row.name = r.row.content;
    }
    return r;
}

/* Sorted by an integer: the page goes up, and begins at or before the last record. Records without one are passed by.
 */
static int judge_ascending(const struct seam_row *rows, size_t count, const struct seam_row *last)
{
    const struct seam_row *first = NULL, *before = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].numbered)
            continue;
        if (before && rows[i].number < before->number)
            return SEAM_MOVED;
        before = &rows[i];
        first = first ? first : before;
    }
    if (count && !rows[0].numbered && rows[0].known == SEEN_SAME)
        return SEAM_JOINS;
    return first && last->numbered && first->number <= last->number ? SEAM_JOINS : SEAM_APART;
}

int seam_judge(const struct seam_row *rows, size_t count, const struct seam_row *last, bool ascending)
{
    size_t at = count;
    if (ascending)
        return judge_ascending(rows, count, last);
    while (at && rows[at - 1].row.name != last->row.name)
        at--;
    if (!at)
        return SEAM_APART;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < at ? rows[i].known == SEEN_NEW : i >= at && rows[i].known == SEEN_SAME)
            return SEAM_MOVED;
    }
    return SEAM_JOINS;
}
