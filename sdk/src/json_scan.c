#include "json.h"

#include "json_inner.h"

/* What a byte outside of strings means to the scan. */
enum { OTHER, SPACE, QUOTE, OPEN, CLOSE, DELIMITER };

static const unsigned char classes[256] = {
    [' '] = SPACE, ['\t'] = SPACE, ['\n'] = SPACE, ['\r'] = SPACE,    ['"'] = QUOTE,     ['{'] = OPEN,
    ['['] = OPEN,  ['}'] = CLOSE,  [']'] = CLOSE,  [','] = DELIMITER, [':'] = DELIMITER,
};

/* Go on inside a string; returns the byte behind its closing quote, or `end` with s->in_string still set. */
static inline const char *scan_string(struct json_scan *s, const char *p, const char *end)
{
    if (s->escape) {
        s->escape = false;
        p++;
    }
    while (p < end) {
        if (end - p >= 8) {
            uint64_t bytes = load_eight(p);
            uint64_t stops = bytes_equal(bytes, '"') | bytes_equal(bytes, '\\');
            if (!stops) {
                p += 8;
                continue;
            }
            p += first_byte(stops);
        }
        char c = *p++;
        if (c == '"') {
            s->in_string = false;
            return p;
        }
        if (c != '\\')
            continue;
        if (p == end)
            s->escape = true;
        else
            p++;
    }
    return end;
}

/* A bracket closes; false when it is not the one that must. */
static inline bool close_bracket(struct json_nest *n, bool brace)
{
    if (nest_in_brace(n) != brace)
        return false;
    n->depth--;
    return true;
}

/* Go on inside brackets, outside of strings: to the byte behind the one that closes the last of them, or to the end. */
static int scan_inside(struct json_scan *s, const char **next, const char *end)
{
    const char *p = *next;
    int found = JSON_SCAN_MORE;
    while (p < end && found == JSON_SCAN_MORE) {
        char c = *p++;
        switch (classes[(unsigned char)c]) {
        case QUOTE:
            s->in_string = true;
            p = scan_string(s, p, end);
            break;
        case OPEN:
            if (nest_full(&s->nest))
                found = JSON_SCAN_BROKEN;
            else
                nest_push(&s->nest, c == '{');
            break;
        case CLOSE:
            if (!close_bracket(&s->nest, c == '}'))
                found = JSON_SCAN_BROKEN;
            else if (s->nest.depth == 0)
                found = JSON_SCAN_END;
            break;
        default:
            break;
        }
    }
    *next = p;
    return found;
}

/* Go on where no bracket is open: over white space and a number or literal, up to where something else begins. Returns
 * JSON_SCAN_MORE also when that is a bracket or string, which is entered. */
static int scan_bare(struct json_scan *s, const char **next, const char *end)
{
    const char *p = *next;
    for (; p < end; p++) {
        unsigned char class = classes[(unsigned char)*p];
        if (class == OTHER) {
            s->scalar = true;
            continue;
        }
        if (s->scalar || class == CLOSE || class == DELIMITER) {
            *next = p;
            return JSON_SCAN_END;
        }
        if (class == SPACE)
            continue;
        s->in_string = class == QUOTE;
        if (class == OPEN)
            nest_push(&s->nest, *p == '{');
        p++;
        break;
    }
    *next = p;
    return JSON_SCAN_MORE;
}

int json_scan_value(struct json_scan *s, sluice_str window, size_t *used)
{
    const char *p = window.ptr;
    const char *end = p + window.len;
    int found = JSON_SCAN_MORE;
    while (p < end && found == JSON_SCAN_MORE) {
        if (s->in_string) {
            p = scan_string(s, p, end);
            if (!s->in_string && s->nest.depth == 0)
                found = JSON_SCAN_END;
        } else if (s->nest.depth) {
            found = scan_inside(s, &p, end);
        } else {
            found = scan_bare(s, &p, end);
        }
    }
    *used = (size_t)(p - window.ptr);
    return found;
}
