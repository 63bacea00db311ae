#include "text.h"

#include "date.h"
#include "decimal.h"

#include <inttypes.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

sluice_str text_trim(sluice_str text)
{
    while (text.len && is_space(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len && is_space(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool text_word(sluice_str *list, sluice_str *word)
{
    *list = text_trim(*list);
    *word = (sluice_str){list->ptr, 0};
    while (list->len && !is_space(*list->ptr)) {
        list->ptr++;
        list->len--;
        word->len++;
    }
    return word->len > 0;
}

sluice_str text_cut(sluice_str text, size_t max)
{
    if (text.len <= max)
        return text;
    while (max && ((unsigned char)text.ptr[max] & 0xC0) == 0x80)
        max--;
    return (sluice_str){text.ptr, max};
}

/* ---- For people ---- */

static void add_control(struct buf *out, unsigned char c)
{
    if (c == '\n')
        buf_add_str(out, "\\n");
    else if (c == '\r')
        buf_add_str(out, "\\r");
    else if (c == '\t')
        buf_add_str(out, "\\t");
    else
        buf_printf(out, "\\x%02x", c);
}

bool text_quote(struct buf *out, sluice_str text, size_t max)
{
    sluice_str shown = text_cut(text, max);
    buf_add_char(out, '"');
    for (size_t i = 0; i < shown.len; i++) {
        unsigned char c = (unsigned char)shown.ptr[i];
        if (c < 0x20 || c == 0x7F)
            add_control(out, c);
        else
            buf_add_char(out, (char)c);
    }
    if (shown.len < text.len)
        buf_add_str(out, "…");
    return buf_add_char(out, '"');
}

/* ---- Values ---- */

static bool add_list(struct buf *out, const int64_t *numbers, size_t len)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%s%" PRId64, i ? "," : "", numbers[i]);
    return buf_add_char(out, ']');
}

bool text_value(struct buf *out, const sluice_value *value, uint32_t scale)
{
    switch (value->type) {
    case SLUICE_INT:
    case SLUICE_DURATION:
        return buf_printf(out, "%" PRId64, value->as.i);
    case SLUICE_TEXT:
    case SLUICE_ZONE:
    case SLUICE_CHARSET:
        return buf_add(out, value->as.s.ptr, value->as.s.len);
    case SLUICE_BOOL:
        return buf_add_str(out, value->as.i ? "true" : "false");
    case SLUICE_DECIMAL:
        return decimal_print(out, value->as.i, scale);
    case SLUICE_TIME:
        return date_print(out, value->as.i);
    case SLUICE_INTS:
        return add_list(out, value->as.n.ptr, value->as.n.len);
    default:
        return !out->failed;
    }
}

bool text_value_json(struct buf *out, const sluice_value *value, uint32_t scale)
{
    switch (value->type) {
    case SLUICE_ABSENT:
    case SLUICE_NULL:
        return buf_add_str(out, "null");
    case SLUICE_TEXT:
    case SLUICE_ZONE:
    case SLUICE_CHARSET:
        buf_add_char(out, '"');
        buf_add_json(out, value->as.s);
        return buf_add_char(out, '"');
    case SLUICE_TIME:
        buf_add_char(out, '"');
        text_value(out, value, scale);
        return buf_add_char(out, '"');
    default:
        return text_value(out, value, scale);
    }
}

/* ---- Templates ---- */

/* Append a setting's value in the way that the template asks for. */
static bool add_setting(struct buf *out, const sluice_value *value, int how)
{
    if (how == TEXT_JSON)
        return text_value_json(out, value, 0);
    if (how == TEXT_PLAIN)
        return text_value(out, value, 0);
    struct buf plain = {0};
    text_value(&plain, value, 0);
    for (size_t i = 0; i < plain.len; i++) {
        buf_add_char(out, plain.ptr[i]);
        if (plain.ptr[i] == '%')
            buf_add_char(out, '%');
    }
    bool ok = !plain.failed && !out->failed;
    buf_free(&plain);
    return ok;
}

/* Append the setting named by the `len` bytes at `name`. */
static bool fill_one(struct buf *out, const char *name, size_t len, int how, text_setting *setting, void *context)
{
    struct buf terminated = {0};
    sluice_value value = {0};
    bool ok = buf_add(&terminated, name, len) && setting(context, buf_text(&terminated), &value) &&
              add_setting(out, &value, how);
    buf_free(&terminated);
    return ok;
}

bool text_fill(struct buf *out, const char *template, int how, text_setting *setting, void *context)
{
    for (const char *p = template; *p; p++) {
        const char *end = p[0] == '$' && p[1] == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            buf_add_char(out, how == TEXT_JSON && *p == '\'' ? '"' : *p);
            continue;
        }
        if (!fill_one(out, p + 2, (size_t)(end - p) - 2, how, setting, context))
            return false;
        p = end;
    }
    return !out->failed;
}

bool text_url(struct buf *out, const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? host + 3 : url;
    path += strcspn(path, "/?#");
    buf_add(out, url, (size_t)(path - url));
    for (; *path && *path != '?' && *path != '#'; path++) {
        if (path[0] != '/' || path[1] != '/')
            buf_add_char(out, *path);
    }
    return buf_add_str(out, path);
}

bool text_argument(struct buf *out, sluice_str text)
{
    static const char plain[] = "-_.!~*'():$,";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (letter || (c >= '0' && c <= '9') || (c && strchr(plain, c)))
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
    return !out->failed;
}
