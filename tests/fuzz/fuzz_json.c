/* The strict reader against jansson, and the structural scan over windows cut anywhere. */
#include "charset.h"
#include "fuzz.h"
#include "json.h"

#include <jansson.h>

static void must_be_same(const struct json_value *ours, json_t *theirs);

static void must_be_same_string(const struct json_value *ours, json_t *theirs)
{
    struct buf text = {0};
    sluice_str want = {json_string_value(theirs), json_string_length(theirs)};

    MUST(ours->kind == JSON_KIND_STRING);
    MUST(json_unescape(ours, &text));
    MUST(same_bytes(buf_str(&text), want));
    MUST(json_string_is(ours, want));
    char *room = copy_of(ours->text.ptr, ours->text.len);
    MUST(json_unescape_to(ours, room) == want.len);
    MUST(same_bytes((sluice_str){room, want.len}, want));
    free(room);
    buf_free(&text);
}

/* The number's text, read as jansson reads it. */
static void must_be_same_number(const struct json_value *ours, json_t *theirs)
{
    char text[512];

    MUST(ours->kind == JSON_KIND_NUMBER);
    if (ours->text.len >= sizeof text)
        return;
    memcpy(text, ours->text.ptr, ours->text.len);
    text[ours->text.len] = '\0';
    if (json_is_integer(theirs))
        MUST(strtoll(text, NULL, 10) == json_integer_value(theirs));
    else
        MUST(strtod(text, NULL) >= json_real_value(theirs) && strtod(text, NULL) <= json_real_value(theirs));
}

static void must_be_same_array(const struct json_value *ours, json_t *theirs)
{
    struct json j;
    struct json_value element;
    size_t count = 0;

    MUST(ours->kind == JSON_KIND_ARRAY);
    json_enter(&j, ours->text);
    while (json_next_element(&j, &element)) {
        MUST(count < json_array_size(theirs));
        must_be_same(&element, json_array_get(theirs, count++));
    }
    MUST(json_done(&j));
    MUST(count == json_array_size(theirs));
}

/* Of a repeated key jansson keeps the last value; its objects are told apart by counting each key once. */
static void must_be_same_object(const struct json_value *ours, json_t *theirs)
{
    struct json j;
    struct json_value key, value;
    const char *name;
    json_t *member;

    MUST(ours->kind == JSON_KIND_OBJECT);
    json_object_foreach(theirs, name, member)
    {
        struct json_value last = {0};
        json_enter(&j, ours->text);
        while (json_next_member(&j, &key, &value)) {
            if (json_string_is(&key, (sluice_str){name, strlen(name)}))
                last = value;
        }
        MUST(json_done(&j));
        must_be_same(&last, member);
    }
    json_enter(&j, ours->text);
    while (json_next_member(&j, &key, &value)) {
        struct buf text = {0};
        MUST(json_unescape(&key, &text));
        MUST(json_object_get(theirs, buf_text(&text)) != NULL);
        buf_free(&text);
    }
    MUST(json_done(&j));
}

static void must_be_same(const struct json_value *ours, json_t *theirs)
{
    switch (json_typeof(theirs)) {
    case JSON_OBJECT:
        must_be_same_object(ours, theirs);
        break;
    case JSON_ARRAY:
        must_be_same_array(ours, theirs);
        break;
    case JSON_STRING:
        must_be_same_string(ours, theirs);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        must_be_same_number(ours, theirs);
        break;
    case JSON_TRUE:
        MUST(ours->kind == JSON_KIND_TRUE);
        break;
    case JSON_FALSE:
        MUST(ours->kind == JSON_KIND_FALSE);
        break;
    case JSON_NULL:
        MUST(ours->kind == JSON_KIND_NULL);
        break;
    }
}

/* Two exceptions, as json.h says: numbers that jansson cannot keep, and NUL bytes, which it overlooks in places. */
static bool compare(sluice_str text)
{
    json_error_t error;
    struct json j;
    struct json_value value;
    json_t *theirs = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &error);
    bool ours = json_read(&j, text, &value);

    MUST(ours || (j.error && json_offset(&j) <= text.len));
    if (memchr(text.ptr, '\0', text.len))
        MUST(!ours);
    else if (theirs || json_error_code(&error) != json_error_numeric_overflow)
        MUST(ours == (theirs != NULL));
    if (ours && theirs)
        must_be_same(&value, theirs);
    json_decref(theirs);
    return ours;
}

/* Scan windows of up to `most` bytes, each in memory of its own. */
static int scan(sluice_str text, size_t most, struct chance *chance, size_t *used, bool *scalar)
{
    struct json_scan s = {0};
    int found = JSON_SCAN_MORE;

    *used = 0;
    for (size_t from = 0; from < text.len && found == JSON_SCAN_MORE;) {
        size_t len = 1 + chance_below(chance, most), taken;
        if (len > text.len - from)
            len = text.len - from;
        char *window = copy_of(text.ptr + from, len);
        found = json_scan_value(&s, (sluice_str){window, len}, &taken);
        MUST(taken <= len && (taken == len || found != JSON_SCAN_MORE));
        *used += taken;
        from += len;
        free(window);
    }
    *scalar = s.scalar;
    return found;
}

static void scan_anyhow(sluice_str text, bool valid, struct chance *chance)
{
    static const size_t sizes[] = {1, 3, 9, 40};
    size_t whole_used, used;
    bool whole_scalar, scalar;
    int whole = scan(text, text.len + 1, &(struct chance){0}, &whole_used, &whole_scalar);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int found = scan(text, sizes[i], chance, &used, &scalar);
        MUST(found == whole && used == whole_used && scalar == whole_scalar);
    }
    if (!valid)
        return;
    size_t end = text.len;
    while (end > 0 && strchr(" \t\r\n", text.ptr[end - 1]))
        end--;
    MUST(whole == JSON_SCAN_END ? whole_used == end : whole_scalar && whole_used == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct charset *cs = charset_open("utf-8"); /* the reader is promised valid UTF-8 */
    struct chance chance = chance_of(data, size);
    struct buf text = {0};

    MUST(cs && charset_feed(cs, (sluice_str){(const char *)data, size}, &text) && charset_end(cs, &text));
    char *copy = copy_of(text.ptr, text.len);
    scan_anyhow((sluice_str){copy, text.len}, compare((sluice_str){copy, text.len}), &chance);
    free(copy);
    buf_free(&text);
    charset_close(cs);
    return 0;
}
