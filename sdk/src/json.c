#include "json.h"

#include "json_inner.h"

static bool fail(struct json *j, const char *error)
{
    if (!j->error)
        j->error = error;
    return false;
}

static inline void skip_space(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\r' || *j->p == '\t'))
        j->p++;
}

static inline bool at(const struct json *j, char c)
{
    return j->p < j->end && *j->p == c;
}

/* ---- Strings ---- */

/* The first byte from `p` that ends the plain part of a string: a quote, a backslash, a control character, the end. */
static inline const char *plain_end(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t bytes = load_eight(p);
        uint64_t stops = bytes_equal(bytes, '"') | bytes_equal(bytes, '\\') | bytes_below(bytes, 0x20);
        if (stops)
            return p + first_byte(stops);
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

/* Check the digits behind \u, and the second escape where the first is half of a pair. */
static bool check_unicode(struct json *j)
{
    int unit = hex_unit(j->p, j->end);
    if (unit < 0)
        return fail(j, "\\u without four hexadecimal digits");
    if (unit == 0)
        return fail(j, "\\u0000 in a text");
    if (is_low(unit))
        return fail(j, "a surrogate without its pair");
    j->p += 4;
    if (!is_high(unit))
        return true;
    if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u' || !is_low(hex_unit(j->p + 2, j->end)))
        return fail(j, "a surrogate without its pair");
    j->p += 6;
    return true;
}

/* Check the escape whose backslash is the next byte. */
static bool check_escape(struct json *j)
{
    j->p++;
    if (j->p == j->end)
        return fail(j, "a text does not end");
    switch (*j->p++) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    case 'u':
        return check_unicode(j);
    default:
        j->p--;
        return fail(j, "an escape that does not exist");
    }
}

/* Read the string whose opening quote is the next byte. */
static inline bool read_string(struct json *j, struct json_value *value)
{
    const char *text = ++j->p;
    bool escaped = false;
    for (;;) {
        j->p = plain_end(j->p, j->end);
        if (j->p == j->end)
            return fail(j, "a text does not end");
        if (*j->p == '"')
            break;
        if (*j->p != '\\')
            return fail(j, "a control character in a text");
        escaped = true;
        if (!check_escape(j))
            return false;
    }
    *value = (struct json_value){JSON_KIND_STRING, escaped, {text, (size_t)(j->p - text)}};
    j->p++;
    return true;
}

/* ---- Numbers and literals ---- */

/* Skip digits; false when there is none. */
static bool skip_digits(struct json *j)
{
    const char *first = j->p;
    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    return j->p > first;
}

static bool read_number(struct json *j, struct json_value *value)
{
    const char *text = j->p;
    if (at(j, '-'))
        j->p++;
    if (at(j, '0'))
        j->p++;
    else if (!skip_digits(j))
        return fail(j, "no value where one must be");
    if (at(j, '.')) {
        j->p++;
        if (!skip_digits(j))
            return fail(j, "a number that ends at its point");
    }
    if (at(j, 'e') || at(j, 'E')) {
        j->p++;
        if (at(j, '+') || at(j, '-'))
            j->p++;
        if (!skip_digits(j))
            return fail(j, "a number that ends in its exponent");
    }
    *value = (struct json_value){JSON_KIND_NUMBER, false, {text, (size_t)(j->p - text)}};
    return true;
}

static bool read_literal(struct json *j, const char *name, int kind, struct json_value *value)
{
    size_t len = strlen(name);
    if ((size_t)(j->end - j->p) < len || memcmp(j->p, name, len) != 0)
        return fail(j, "no value where one must be");
    *value = (struct json_value){kind, false, {j->p, len}};
    j->p += len;
    return true;
}

static inline bool read_scalar(struct json *j, struct json_value *value)
{
    switch (j->p < j->end ? *j->p : 0) {
    case '"':
        return read_string(j, value);
    case 't':
        return read_literal(j, "true", JSON_KIND_TRUE, value);
    case 'f':
        return read_literal(j, "false", JSON_KIND_FALSE, value);
    case 'n':
        return read_literal(j, "null", JSON_KIND_NULL, value);
    default:
        return read_number(j, value);
    }
}

/* ---- Objects and arrays ---- */

/* A member's name and its colon. */
static inline bool read_key(struct json *j, struct json_value *key)
{
    skip_space(j);
    if (!at(j, '"'))
        return fail(j, "no name where one must be");
    if (!read_string(j, key))
        return false;
    skip_space(j);
    if (!at(j, ':'))
        return fail(j, "no colon behind a name");
    j->p++;
    return true;
}

/* Check everything up to the bracket that closes the outermost of `n` above `base`. */
static bool check_inside(struct json *j, struct json_nest *n, uint32_t base)
{
    bool first = true;
    while (n->depth > base) {
        struct json_value ignored;
        bool brace = nest_in_brace(n);
        skip_space(j);
        if (at(j, brace ? '}' : ']')) {
            j->p++;
            n->depth--;
            first = false;
            continue;
        }
        if (!first) {
            if (!at(j, ','))
                return fail(j, "no comma between two values");
            j->p++;
        }
        if (brace && !read_key(j, &ignored))
            return false;
        skip_space(j);
        if (nest_full(n))
            return fail(j, "nested too deep");
        first = at(j, '{') || at(j, '[');
        if (first)
            nest_push(n, *j->p++ == '{');
        else if (!read_scalar(j, &ignored))
            return false;
    }
    return true;
}

/* Read the object or array whose opening bracket is the next byte; `depth` brackets are open around it. */
static bool read_container(struct json *j, uint32_t depth, struct json_value *value)
{
    const char *text = j->p;
    struct json_nest nest = {.depth = depth};
    nest_push(&nest, *j->p++ == '{');
    if (!check_inside(j, &nest, depth))
        return false;
    *value =
        (struct json_value){*text == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY, false, {text, (size_t)(j->p - text)}};
    return true;
}

static inline bool read_value(struct json *j, uint32_t depth, struct json_value *value)
{
    skip_space(j);
    if (at(j, '{') || at(j, '['))
        return read_container(j, depth, value);
    return read_scalar(j, value);
}

static void start(struct json *j, sluice_str text)
{
    const char *p = text.ptr ? text.ptr : "";
    *j = (struct json){.start = p, .p = p, .end = p + text.len, .first = true};
}

bool json_read(struct json *j, sluice_str text, struct json_value *value)
{
    start(j, text);
    *value = (struct json_value){0};
    if (!read_value(j, 0, value))
        return false;
    skip_space(j);
    return j->p == j->end || fail(j, "something behind the value");
}

void json_enter(struct json *j, sluice_str object_or_array)
{
    start(j, object_or_array);
    skip_space(j);
    if (at(j, '{'))
        j->close = '}';
    else if (at(j, '['))
        j->close = ']';
    else
        fail(j, "neither an object nor an array");
    if (!j->error)
        j->p++;
}

/* Go to where the next member or element begins; false when there is none. */
static inline bool next_item(struct json *j)
{
    if (j->error || j->closed)
        return false;
    skip_space(j);
    if (at(j, j->close)) {
        j->p++;
        j->closed = true;
        return false;
    }
    if (!j->first) {
        if (!at(j, ','))
            return fail(j, j->p == j->end ? "a bracket is not closed" : "no comma between two values");
        j->p++;
    }
    j->first = false;
    return true;
}

bool json_next_member(struct json *j, struct json_value *key, struct json_value *value)
{
    if (!j->error && j->close != '}')
        return fail(j, "not an object");
    return next_item(j) && read_key(j, key) && read_value(j, 1, value);
}

bool json_next_element(struct json *j, struct json_value *value)
{
    if (!j->error && j->close != ']')
        return fail(j, "not an array");
    return next_item(j) && read_value(j, 1, value);
}

bool json_done(struct json *j)
{
    if (j->error)
        return false;
    if (!j->closed)
        return fail(j, "a bracket is not closed");
    skip_space(j);
    return j->p == j->end || fail(j, "something behind the value");
}

size_t json_offset(const struct json *j)
{
    return (size_t)(j->p - j->start);
}
