#include "list.h"

bool list_map(sluice_run *run, sluice_str record)
{
    struct helper *h = run->helper;
    h->verdicts = 0;
    int32_t rc = run->stream->map(run, record);
    if (helper_status(run) != SLUICE_OK)
        return false;
    if (rc != SLUICE_OK) {
        sluice_fail(run, rc, "map() gave up without a reason");
        return false;
    }
    if (h->verdicts != 1) {
        sluice_fail(run, SLUICE_E_BUG, "map() ended a record with %u verdicts", h->verdicts);
        return false;
    }
    return true;
}

/* Is there a list that can be read? Ends the run when not. */
static bool can_read(struct sluice_body *b, const struct body_key *list, const char *key)
{
    struct buf what = {0};
    if (list && list->first == '[' && b->exchange)
        return true;
    buf_printf(&what, "answer has no list \"%s\"", key);
    if (list && list->first == '[')
        sluice_fail(b->run, SLUICE_E_BUG, "the list \"%s\" is read after %d further answers", key, ANSWERS_OPEN);
    else
        body_refuse(b, buf_text(&what));
    buf_free(&what);
    return false;
}

int64_t list_read(struct sluice_body *b, const char *key, list_element *take, void *context)
{
    const struct body_key *list = body_find(b, b->is_list ? "" : key);
    if (!can_read(b, list, key))
        return 0;
    int64_t count = 0;
    uint64_t at = list->offset + 1;
    char next = body_next(b, &at);
    while (next != ']') {
        sluice_str element = body_value(b, at);
        if (!element.len)
            break;
        if (!take(context, element))
            return count;
        count++;
        at += element.len;
        next = body_next(b, &at);
        if (next != ',')
            break;
        at++;
        body_next(b, &at);
    }
    if (next != ']')
        sluice_fail(b->run, SLUICE_E_REMOTE, "the list \"%s\" is broken at byte %llu of the answer", key,
                    (unsigned long long)at);
    return count;
}

static bool map_element(void *run, sluice_str record)
{
    return list_map(run, record);
}

int64_t sluice_each(sluice_run *run, sluice_body *body, const char *key)
{
    return body && helper_status(run) == SLUICE_OK ? list_read(body, key, map_element, run) : 0;
}
