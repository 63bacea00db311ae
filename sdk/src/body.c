#include "body.h"

#include "text.h"

#include <string.h>

#define KEY_MAX ((size_t)64 << 10) /* bytes of a key at the top, and of a value that is kept */
#define QUOTED  ((size_t)200)      /* bytes of an answer that a failure shows */

struct sluice_body *body_make(sluice_run *run, sluice_exchange *exchange, const sluice_reply *reply, const char *hint,
                              struct region *memory)
{
    struct sluice_body *b = region_alloc(memory, sizeof *b);
    const char *kept = b ? region_text(memory, (sluice_str){hint, hint ? strlen(hint) : 0}) : NULL;
    if (!kept)
        return helper_run_full(run);
    *b = (struct sluice_body){.run = run, .helper = run->helper, .memory = memory, .exchange = exchange, .hint = kept};
    b->size = reply->size;
    b->status = reply->status;
    return b;
}

/* ---- Bytes ---- */

sluice_str body_bytes(struct sluice_body *b, uint64_t offset, size_t want)
{
    if (offset >= b->size || !b->exchange)
        return (sluice_str){0};
    if (want > b->size - offset)
        want = (size_t)(b->size - offset);
    if (offset >= b->at && offset - b->at <= b->window.len && want <= b->window.len - (size_t)(offset - b->at)) {
        size_t skip = (size_t)(offset - b->at);
        return (sluice_str){b->window.ptr + skip, b->window.len - skip};
    }
    size_t ask = want > b->helper->window ? want : b->helper->window;
    if (ask > b->size - offset)
        ask = (size_t)(b->size - offset);
    b->at = offset;
    b->window = (sluice_str){0};
    if (b->run->host->read(b->run, b->exchange, offset, ask, &b->window) != SLUICE_OK || b->window.len < want) {
        b->window = (sluice_str){0};
        sluice_fail(b->run, SLUICE_E_REMOTE, "the answer ends before its announced size");
    }
    return b->window;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

char body_next(struct sluice_body *b, uint64_t *at)
{
    for (;;) {
        sluice_str bytes = body_bytes(b, *at, 1);
        if (!bytes.len)
            return 0;
        for (size_t i = 0; i < bytes.len; i++, ++*at) {
            if (!is_space(bytes.ptr[i]))
                return bytes.ptr[i];
        }
    }
}

/* Go through the value at *at, window by window, to the byte behind it. False when there is none, or it does not end;
 * then *at is the body's size. */
static bool skip_value(struct sluice_body *b, uint64_t *at)
{
    struct json_scan s = {0};
    uint64_t start = *at;
    int found = JSON_SCAN_MORE;
    while (found == JSON_SCAN_MORE) {
        sluice_str bytes = body_bytes(b, *at, 1);
        size_t used;
        if (!bytes.len)
            return s.scalar;
        found = json_scan_value(&s, bytes, &used);
        *at += used;
    }
    if (found == JSON_SCAN_BROKEN)
        *at = start;
    return *at > start;
}

sluice_str body_value(struct sluice_body *b, uint64_t at)
{
    struct json_scan s = {0};
    size_t size = 0;
    for (size_t want = 1;; want = size * 2 + b->helper->window) {
        sluice_str bytes = body_bytes(b, at, want);
        size_t used;
        if (bytes.len <= size)
            return (sluice_str){bytes.ptr, s.scalar ? size : 0};
        int found = json_scan_value(&s, (sluice_str){bytes.ptr + size, bytes.len - size}, &used);
        size += used;
        if (found != JSON_SCAN_MORE)
            return (sluice_str){bytes.ptr, found == JSON_SCAN_END ? size : 0};
    }
}

/* ---- The walk over the top ---- */

void body_refuse(struct sluice_body *b, const char *what)
{
    if (helper_status(b->run) != SLUICE_OK)
        return;
    struct buf why = {0};
    sluice_str bytes = body_bytes(b, 0, QUOTED + 1);
    buf_printf(&why, "%s: ", what);
    text_quote(&why, bytes, QUOTED);
    buf_printf(&why, " (HTTP %d)", (int)b->status);
    if (*b->hint)
        buf_printf(&why, "; check %s", b->hint);
    sluice_fail(b->run, SLUICE_E_REMOTE, "%s", buf_text(&why));
    buf_free(&why);
}

/* The characters of a key, kept for the run; NULL when it is not a string or too long. */
static const char *key_name(struct sluice_body *b, uint64_t at, uint64_t size)
{
    struct json j;
    struct json_value value;
    struct buf name = {0};
    char *kept = NULL;
    if (size > KEY_MAX)
        return NULL;
    sluice_str text = {body_bytes(b, at, (size_t)size).ptr, (size_t)size};
    if (text.ptr && json_read(&j, text, &value) && json_unescape(&value, &name)) {
        kept = region_text(b->memory, buf_str(&name));
        if (!kept)
            helper_run_full(b->run);
    }
    buf_free(&name);
    return kept;
}

/* Note a key and its value; keep the value where it is small and single. */
static bool add_key(struct sluice_body *b, const char *name, uint64_t at, uint64_t size)
{
    struct body_key *key = region_alloc(b->memory, sizeof *key);
    bool small = size <= KEY_MAX;
    sluice_str value = body_bytes(b, at, small ? (size_t)size : 1);
    if (!value.len)
        return false;
    bool single = *value.ptr != '{' && *value.ptr != '[';
    const char *kept = small && single ? region_text(b->memory, (sluice_str){value.ptr, (size_t)size}) : "";
    if (!key || !kept)
        return helper_run_full(b->run);
    *key = (struct body_key){.name = name, .first = *value.ptr, .offset = at, .value = kept, .before = b->last};
    b->last = key;
    return true;
}

/* Read one member at *at, which moves to the byte behind its value. */
static bool index_member(struct sluice_body *b, uint64_t *at)
{
    if (body_next(b, at) != '"')
        return false;
    uint64_t start = *at;
    const char *name = skip_value(b, at) ? key_name(b, start, *at - start) : NULL;
    if (!name || body_next(b, at) != ':')
        return false;
    ++*at;
    body_next(b, at);
    start = *at;
    return skip_value(b, at) && add_key(b, name, start, *at - start);
}

/* Read the object at *at, which moves to the byte behind it. */
static bool index_object(struct sluice_body *b, uint64_t *at)
{
    if (body_next(b, at) != '{')
        return false;
    ++*at;
    if (body_next(b, at) == '}') {
        ++*at;
        return true;
    }
    while (index_member(b, at)) {
        char next = body_next(b, at);
        if (next == ',' || next == '}')
            ++*at;
        if (next == '}')
            return true;
        if (next != ',')
            return false;
    }
    return false;
}

/* Read the list at *at, which moves to the byte behind it. */
static bool index_list(struct sluice_body *b, uint64_t *at)
{
    uint64_t start = *at;
    b->is_list = true;
    return skip_value(b, at) && add_key(b, "", start, *at - start);
}

/* The byte behind a byte order mark, which not every source leaves out. */
static uint64_t first_byte(struct sluice_body *b)
{
    sluice_str start = body_bytes(b, 0, 3);
    return start.len >= 3 && memcmp(start.ptr, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

bool body_index(struct sluice_body *b)
{
    uint64_t at = first_byte(b);
    char first = body_next(b, &at);
    if (!first && at >= b->size)
        body_refuse(b, "answer is empty");
    else if (first == '<')
        body_refuse(b, "answer is not JSON (HTML?)");
    else if (first != '{' && !(first == '[' && b->may_be_list))
        body_refuse(b, "answer is not a JSON object");
    else if (first == '[' ? !index_list(b, &at) : !index_object(b, &at))
        body_refuse(b, at >= b->size ? "answer is cut off" : "answer is not JSON");
    else if (body_next(b, &at) || at < b->size)
        body_refuse(b, b->is_list ? "answer goes on behind its list" : "answer goes on behind its JSON object");
    return helper_status(b->run) == SLUICE_OK;
}

struct body_key *body_find(struct sluice_body *b, const char *name)
{
    struct body_key *key = b->last;
    while (key && (strcmp(key->name, name) != 0))
        key = key->before;
    return key;
}
