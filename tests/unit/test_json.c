/* The record reader against jansson, which is the oracle for what is JSON and what it means, and the structural scan at
 * every place where a window can end. */
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define LEN(a)    (sizeof(a) / sizeof((a)[0]))
#define SEED      20260210u
#define MUTATIONS 200000

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

/* ---- The same text through both readers ---- */

static void assert_same(const struct json_value *ours, json_t *theirs);

static void assert_same_string(const struct json_value *ours, const char *theirs, size_t len)
{
    struct buf text = {0};
    assert_int_equal(ours->kind, JSON_KIND_STRING);
    assert_true(json_unescape(ours, &text));
    assert_int_equal(text.len, len);
    assert_memory_equal(buf_text(&text), theirs, len);
    assert_true(json_string_is(ours, (sluice_str){theirs, len}));
    assert_false(json_string_is(ours, str_of("no generated text is like this")));
    buf_free(&text);
}

/* The number's text, read as jansson reads it. */
static void assert_same_number(const struct json_value *ours, const json_t *theirs)
{
    char text[512];
    assert_int_equal(ours->kind, JSON_KIND_NUMBER);
    if (ours->text.len >= sizeof text)
        return;
    memcpy(text, ours->text.ptr, ours->text.len);
    text[ours->text.len] = '\0';
    if (json_is_integer(theirs))
        assert_true(strtoll(text, NULL, 10) == json_integer_value(theirs));
    else
        assert_true(strtod(text, NULL) >= json_real_value(theirs) && strtod(text, NULL) <= json_real_value(theirs));
}

static void assert_same_array(const struct json_value *ours, const json_t *theirs)
{
    struct json j;
    struct json_value element;
    size_t count = 0;
    assert_int_equal(ours->kind, JSON_KIND_ARRAY);
    json_enter(&j, ours->text);
    while (json_next_element(&j, &element))
        assert_same(&element, json_array_get(theirs, count++));
    assert_true(json_done(&j));
    assert_int_equal(count, json_array_size(theirs));
}

/* The last member of that name. */
static struct json_value last_member(sluice_str object, sluice_str name)
{
    struct json j;
    struct json_value key, value, last = {0};
    json_enter(&j, object);
    while (json_next_member(&j, &key, &value)) {
        if (json_string_is(&key, name))
            last = value;
    }
    assert_true(json_done(&j));
    return last;
}

static void assert_same_object(const struct json_value *ours, json_t *theirs)
{
    const char *name;
    json_t *member;
    assert_int_equal(ours->kind, JSON_KIND_OBJECT);
    json_object_foreach(theirs, name, member)
    {
        struct json_value value = last_member(ours->text, str_of(name));
        assert_same(&value, member);
    }
    struct json j;
    struct json_value key, value;
    json_enter(&j, ours->text);
    while (json_next_member(&j, &key, &value)) {
        struct buf text = {0};
        assert_true(json_unescape(&key, &text));
        assert_non_null(json_object_get(theirs, buf_text(&text)));
        buf_free(&text);
    }
}

static void assert_same(const struct json_value *ours, json_t *theirs)
{
    switch (json_typeof(theirs)) {
    case JSON_OBJECT:
        assert_same_object(ours, theirs);
        break;
    case JSON_ARRAY:
        assert_same_array(ours, theirs);
        break;
    case JSON_STRING:
        assert_same_string(ours, json_string_value(theirs), json_string_length(theirs));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        assert_same_number(ours, theirs);
        break;
    case JSON_TRUE:
        assert_int_equal(ours->kind, JSON_KIND_TRUE);
        break;
    case JSON_FALSE:
        assert_int_equal(ours->kind, JSON_KIND_FALSE);
        break;
    case JSON_NULL:
        assert_int_equal(ours->kind, JSON_KIND_NULL);
        break;
    }
}

/* Both accept it and mean the same, or neither does. Two exceptions: jansson refuses numbers beyond 64 bits or a
 * double, and where it stopped at one nothing can be compared; it overlooks a NUL byte in some places, we never do.
 * Returns whether it is JSON. */
static bool compare(sluice_str text)
{
    json_error_t error;
    struct json j;
    struct json_value value;
    json_t *theirs = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &error);
    bool ours = json_read(&j, text, &value);
    if (!theirs && json_error_code(&error) == json_error_numeric_overflow)
        return ours;
    if (memchr(text.ptr, '\0', text.len)) {
        json_decref(theirs);
        assert_false(ours);
        return false;
    }
    if (ours != (theirs != NULL))
        fail_msg("we say %s, jansson says %s, of: %.*s", ours ? "JSON" : j.error, theirs ? "JSON" : error.text,
                 (int)text.len, text.ptr);
    if (!ours)
        assert_true(j.error && json_offset(&j) <= text.len);
    else
        assert_same(&value, theirs);
    json_decref(theirs);
    return ours;
}

/* ---- Texts ---- */

static const char *const texts[] = {
    "",
    " ",
    "null",
    "true",
    "false",
    "nul",
    "truex",
    "True",
    "tru",
    "nulll",
    " null ",
    "\tnull\r\n",
    "null null",
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "1",
    "-1",
    "-",
    "+1",
    "--1",
    "1.",
    ".5",
    "1.5",
    "-1.5",
    "1.5.5",
    "1e",
    "1e+",
    "1e-",
    "1e5",
    "1E5",
    "1e+5",
    "1E-5",
    "1.25e-3",
    "0e0",
    "0.0",
    "0.e1",
    "-0.0e-0",
    "1e5.5",
    "0x10",
    "1_000",
    "1,000",
    "1a",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "1234567890123456.78",
    "0.1",
    "1e308",
    "1e309",
    "-1e309",
    "1e-400",
    "123456789012345678901234567890",
    "NaN",
    "Infinity",
    "-Infinity",
    "1 2",
    "\"\"",
    "\"a\"",
    "\"a",
    "a\"",
    "\"",
    "\"\\\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\x\"",
    "\"\\",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u1234\"",
    "\"\\u00e9\"",
    "\"\\u00E9\"",
    "\"\\u0041\"",
    "\"\\u0000\"",
    "\"\\u0001\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD83D\"",
    "\"\\uDE00\"",
    "\"\\uD83Dx\"",
    "\"\\uD83D\\n\"",
    "\"\\uD83D\\u0041\"",
    "\"\\uD83D\\uD83D\"",
    "\"\\uDE00\\uD83D\"",
    "\"\\uD83D\\uDE0\"",
    "\"\\uD83D\\uDE0",
    "\"\\uDBFF\\uDFFF\"",
    "\"\\uD800\\uDC00\"",
    "\"\\uFFFF\"",
    "\"\\uFFFD\"",
    "\"\\U0041\"",
    "\"\\u 041\"",
    "\"\\u+041\"",
    "\"tab\there\"",
    "\"line\nhere\"",
    "\"\x01\"",
    "\"\x1f\"",
    "\"\x7f\"",
    "\"Άνεμος & Υιοί\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xEF\xBF\xBD\"",
    "\"1234567\"",
    "\"12345678\"",
    "\"123456789\"",
    "\"1234567\\n\"",
    "\"12345678\\n\"",
    "\"a string that is longer than two steps of eight\"",
    "'a'",
    "\"a\" \"b\"",
    "[]",
    "[ ]",
    "[",
    "]",
    "[]]",
    "[[]",
    "[1]",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[1, 2]",
    "[1,2,3]",
    "[true,false,null]",
    "[\"a\",\"b\"]",
    "[[[[]]]]",
    "[[[[]]]",
    "[1}",
    "[{}]",
    "[{]}",
    "[\"a\":1]",
    "[a]",
    "[1]x",
    "[-]",
    "[1\t]",
    "[1\f]",
    "{}",
    "{ }",
    "{",
    "}",
    "{}}",
    "{{}}",
    "{\"a\":1}",
    "{\"a\" : 1 }",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\"}",
    "{\"a\":}",
    "{:1}",
    "{1:1}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"b\":2}",
    "{\"a\":1;\"b\":2}",
    "{\"a\"::1}",
    "{\"a\",1}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":1},\"a\":{\"c\":2}}",
    "{\"\":1}",
    "{\"\\u0061\":1,\"a\":2}",
    "{\"\\u0000\":1}",
    "{\"a\":[1,{\"b\":[2,{\"c\":null}]}]}",
    "{\"a\":[}]",
    "{\"a\":tru}",
    "{\"a\":01}",
    "{null:1}",
    "{\"a\":\"b\\\"c\",\"d\\\\\":\"e\"}",
    "{\"a\":1}{\"b\":2}",
    "{\"a\":1},",
    "// a\n{}",
    "{}// a",
    "/* a */{}",
    "\xEF\xBB\xBF{}",
    "\xEF\xBB\xBF",
    "\xC2\xA0"
    "1",
    "{\"a\":1\v}",
    "{\"success\": true, \"code\": 200, \"message\": \"OK\", \"at\": \"2026-02-10 09:20:03\", \"total\": 2, "
    "\"result\": [\n"
    " {\"TRDR\": \"20411\", \"AFM\": \"012345678\", \"NAME\": \"Άνεμος\", \"ZIP\": \"030 01\", \"DISTRICT\": \"\"},\n"
    " {\"TRDR\": 20412, \"NAME\": \"B\\u00fcro M\\u00f6bel\", \"IRSDATA\": null, \"ISPROSP\": 1, \"x\": [1.50, "
    "-2e3]}]}",
    "{\"value\":[{\"Id\":1,\"Amount\":1234567890123456.78,\"Products\":[{\"ProductId\":31},{\"ProductId\":null}],"
    "\"Contact\":{\"Name\":\"Zé \\uD83D\\uDE00 \\\"o\\\" "
    "Novo\"},\"Open\":false}],\"@odata.nextLink\":\"http:\\/\\/x\"}",
};

static void it_accepts_what_jansson_accepts_and_reads_the_same_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(texts); i++)
        compare(str_of(texts[i]));
    assert_false(compare((sluice_str){"\0", 1}));
    assert_false(compare((sluice_str){"1\0", 2}));
    assert_false(compare((sluice_str){"\"a\0b\"", 5}));
    assert_false(compare((sluice_str){"[1,\0]", 5}));
    struct json j;
    struct json_value value;
    assert_false(json_read(&j, (sluice_str){NULL, 0}, &value));
}

static void it_knows_every_form_of_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool number;
    } cases[] = {
        {"0", true},     {"-0", true},     {"10", true},
        {"-10", true},   {"0.0", true},    {"10.01", true},
        {"0e1", true},   {"1E+2", true},   {"1.5e-10", true},
        {"00", false},   {"-", false},     {"+1", false},
        {"1.", false},   {".1", false},    {"1e", false},
        {"1e+", false},  {"-a", false},    {"0x1", false},
        {"1 ", true},    {" 1", true},     {"1\n", true},
        {"1f", false},   {"1.e1", false},  {"- 1", false},
        {"1e999", true}, {"-1e999", true}, {"99999999999999999999999999", true},
        {"١", false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct json j;
        struct json_value value;
        if (json_read(&j, str_of(cases[i].text), &value) != cases[i].number)
            fail_msg("%s", cases[i].text);
        if (cases[i].number)
            assert_int_equal(value.kind, JSON_KIND_NUMBER);
    }
}

static void numbers_keep_their_text(void **state)
{
    (void)state;
    struct json j;
    struct json_value value;
    assert_true(json_read(&j, str_of(" 1234567890123456.78 "), &value));
    assert_int_equal(value.text.len, 19);
    assert_memory_equal(value.text.ptr, "1234567890123456.78", 19);
}

/* `depth` opening brackets, `inside`, and as many closing ones. */
static bool compare_nested(size_t depth, const char *open, const char *inside, char close)
{
    struct buf text = {0};
    for (size_t i = 0; i < depth; i++)
        buf_add_str(&text, open);
    buf_add_str(&text, inside);
    for (size_t i = 0; i < depth; i++)
        buf_add_char(&text, close);
    json_error_t error;
    struct json j;
    struct json_value value;
    json_t *theirs = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &error);
    bool ours = json_read(&j, buf_str(&text), &value);
    assert_int_equal(ours, theirs != NULL);
    json_decref(theirs);
    buf_free(&text);
    return ours;
}

static void nesting_ends_where_jansson_ends_it(void **state)
{
    (void)state;
    assert_true(compare_nested(JSON_DEPTH_MAX - 1, "[", "1", ']'));
    assert_true(compare_nested(JSON_DEPTH_MAX, "[", "", ']'));
    assert_false(compare_nested(JSON_DEPTH_MAX, "[", "1", ']'));
    assert_false(compare_nested(JSON_DEPTH_MAX + 1, "[", "", ']'));
    assert_true(compare_nested(JSON_DEPTH_MAX - 1, "{\"a\":", "{}", '}'));
    assert_false(compare_nested(JSON_DEPTH_MAX, "{\"a\":", "{}", '}'));
    assert_false(compare_nested(100000, "[", "", ']'));
}

/* ---- Texts made up and spoiled, always the same ones ---- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

static void make_string(struct buf *out)
{
    static const char *const parts[] = {
        "a", "name", "Ω", "😀", "\\n", "\\\"", "\\\\", "\\u00e9", "\\uD83D\\uDE00", " ", "0123456789abcdef",
        "{", "]",    ",", ":", "\\/", "\x7f"};
    buf_add_char(out, '"');
    for (uint32_t count = random_below(6); count; count--)
        buf_add_str(out, parts[random_below(LEN(parts))]);
    buf_add_char(out, '"');
}

static void make_value(struct buf *out, uint32_t depth)
{
    static const char *const scalars[] = {"null",  "true", "false", "0",       "-1",
                                          "12.50", "1e3",  "20411", "-0.5E-2", "\"\""};
    static const char *const spaces[] = {"", "", "", " ", "\n ", "\t"};
    uint32_t kind = random_below(depth ? 10 : 6);
    if (kind < 4)
        buf_add_str(out, scalars[random_below(LEN(scalars))]);
    else if (kind < 6)
        make_string(out);
    else {
        bool object = kind < 8;
        buf_add_char(out, object ? '{' : '[');
        for (uint32_t i = 0, count = random_below(5); i < count; i++) {
            buf_add_str(out, i ? "," : "");
            buf_add_str(out, spaces[random_below(LEN(spaces))]);
            if (object) {
                make_string(out);
                buf_add_str(out, ":");
            }
            make_value(out, depth - 1);
            buf_add_str(out, spaces[random_below(LEN(spaces))]);
        }
        buf_add_char(out, object ? '}' : ']');
    }
}

static void it_reads_any_generated_text(void **state)
{
    (void)state;
    random_state = SEED;
    struct buf text = {0};
    for (int i = 0; i < 20000; i++) {
        buf_clear(&text);
        make_value(&text, 4);
        if (!compare(buf_str(&text)))
            fail_msg("%s", buf_text(&text));
    }
    buf_free(&text);
}

/* Is it UTF-8 that the charset step would let through? */
static bool is_utf8(sluice_str text)
{
    struct buf quoted = {0};
    json_error_t error;
    buf_add_char(&quoted, '"');
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] >= 0x80)
            buf_add_char(&quoted, text.ptr[i]);
        else
            buf_add_char(&quoted, 'a');
    }
    buf_add_char(&quoted, '"');
    json_t *parsed = json_loadb(quoted.ptr, quoted.len, JSON_DECODE_ANY, &error);
    buf_free(&quoted);
    json_decref(parsed);
    return parsed != NULL;
}

/* Change, drop, repeat or insert something. */
static void spoil(struct buf *text)
{
    static const char alphabet[] = "\"\\{}[]:,0123456789.eE+-truefalsn u/bD8dC \n\t\x01\x1f\x7f";
    if (!text->len)
        return;
    size_t where = random_below((uint32_t)text->len);
    size_t len = 1 + random_below(4);
    if (len > text->len - where)
        len = text->len - where;
    char saved[4];
    memcpy(saved, text->ptr + where, len);
    switch (random_below(4)) {
    case 0:
        text->ptr[where] = alphabet[random_below(sizeof alphabet)];
        break;
    case 1:
        memmove(text->ptr + where, text->ptr + where + len, text->len - where - len);
        text->len -= len;
        break;
    case 2:
        buf_add(text, "    ", len);
        memmove(text->ptr + where + len, text->ptr + where, text->len - where - len);
        memcpy(text->ptr + where, saved, len);
        break;
    default:
        buf_add_char(text, ' ');
        memmove(text->ptr + where + 1, text->ptr + where, text->len - where - 1);
        text->ptr[where] = alphabet[random_below(sizeof alphabet)];
        break;
    }
}

static void it_agrees_with_jansson_on_spoiled_texts(void **state)
{
    (void)state;
    print_message("seed %u\n", SEED);
    random_state = SEED;
    size_t valid = 0;
    struct buf text = {0};
    for (int i = 0; i < MUTATIONS; i++) {
        buf_clear(&text);
        if (random_below(2))
            buf_add_str(&text, texts[random_below(LEN(texts))]);
        else
            make_value(&text, 3);
        for (uint32_t times = 1 + random_below(3); times; times--)
            spoil(&text);
        if (is_utf8(buf_str(&text)))
            valid += compare(buf_str(&text));
    }
    buf_free(&text);
    assert_true(valid > MUTATIONS / 20);
}

/* ---- Walks ---- */

static void a_walk_finds_what_json_read_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(texts); i++) {
        struct json whole, walk;
        struct json_value value, key;
        bool valid = json_read(&whole, str_of(texts[i]), &value);
        json_enter(&walk, str_of(texts[i]));
        if (walk.error)
            continue;
        while (walk.close == '}' ? json_next_member(&walk, &key, &value) : json_next_element(&walk, &value))
            continue;
        if (json_done(&walk) != valid)
            fail_msg("%s: %s", texts[i], walk.error ? walk.error : "taken");
    }
}

static void a_walk_over_the_wrong_thing_is_an_error(void **state)
{
    (void)state;
    struct json j;
    struct json_value key, value;
    json_enter(&j, str_of("[1]"));
    assert_false(json_next_member(&j, &key, &value));
    assert_string_equal(j.error, "not an object");
    json_enter(&j, str_of("{\"a\":1}"));
    assert_false(json_next_element(&j, &value));
    assert_string_equal(j.error, "not an array");
    json_enter(&j, str_of("\"a\""));
    assert_false(json_next_element(&j, &value));
    assert_string_equal(j.error, "neither an object nor an array");
}

static void errors_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
        size_t offset;
    } cases[] = {
        {"", "no value where one must be", 0},
        {"{\"a\":tru}", "no value where one must be", 5},
        {"{\"a\":1 \"b\":2}", "no comma between two values", 7},
        {"{\"a\" 1}", "no colon behind a name", 5},
        {"{a:1}", "no name where one must be", 1},
        {"[\"a]", "a text does not end", 4},
        {"[\"a\\", "a text does not end", 4},
        {"[\"a\nb\"]", "a control character in a text", 3},
        {"[\"\\x\"]", "an escape that does not exist", 3},
        {"[\"\\u12\"]", "\\u without four hexadecimal digits", 4},
        {"[\"\\u0000\"]", "\\u0000 in a text", 4},
        {"[\"\\uDC00\"]", "a surrogate without its pair", 4},
        {"[1.]", "a number that ends at its point", 3},
        {"[1e]", "a number that ends in its exponent", 3},
        {"[] []", "something behind the value", 3},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct json j;
        struct json_value value;
        assert_false(json_read(&j, str_of(cases[i].text), &value));
        assert_string_equal(j.error, cases[i].error);
        if (json_offset(&j) != cases[i].offset)
            fail_msg("%s: at %zu", cases[i].text, json_offset(&j));
    }
}

/* ---- The structural scan ---- */

/* Feed the windows that end at the set bits of `cuts` (of the first 64 places), or `step` bytes at a time. */
static int scan(const char *text, uint64_t cuts, size_t step, size_t *used)
{
    struct json_scan s = {0};
    size_t len = strlen(text);
    size_t from = 0;
    *used = 0;
    for (size_t to = 1; to <= len; to++) {
        bool cut = to == len || (step ? (to - from) == step : to < 64 && (cuts >> to & 1));
        if (!cut)
            continue;
        size_t taken;
        int found = json_scan_value(&s, (sluice_str){text + from, to - from}, &taken);
        *used += taken;
        if (found != JSON_SCAN_MORE)
            return found;
        from = to;
    }
    return s.scalar ? JSON_SCAN_END : JSON_SCAN_MORE;
}

static void a_scan_finds_the_end_wherever_windows_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *value, *rest;
        int found;
    } cases[] = {
        {"{}", "", JSON_SCAN_END},
        {"{}", "}", JSON_SCAN_END},
        {" [ ]", ",1", JSON_SCAN_END},
        {"{\"a\":[1,{\"b\":\"]}\"}]}", ",{}", JSON_SCAN_END},
        {"{\"a\\\"}\":\"\\\\\"}", "]", JSON_SCAN_END},
        {"\"a text with } and \\\" in it\"", ":1", JSON_SCAN_END},
        {"\"\"", "\"\"", JSON_SCAN_END},
        {"\"\\\\\\\\\"", "x", JSON_SCAN_END},
        {"123.5e7", ",", JSON_SCAN_END},
        {"123", "}", JSON_SCAN_END},
        {"\n\ttrue", " ,", JSON_SCAN_END},
        {"null", "\"", JSON_SCAN_END},
        {"null", "[", JSON_SCAN_END},
        {"42", "", JSON_SCAN_END},
        {"", ",", JSON_SCAN_END},
        {" ", "]", JSON_SCAN_END},
        {"", "", JSON_SCAN_MORE},
        {"  ", "", JSON_SCAN_MORE},
        {"{\"a\":[1,2", "", JSON_SCAN_MORE},
        {"\"abc", "", JSON_SCAN_MORE},
        {"\"abc\\\"", "", JSON_SCAN_MORE},
        {"[1}", "", JSON_SCAN_BROKEN},
        {"{\"a\":[}", "]}", JSON_SCAN_BROKEN},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        char text[128];
        size_t used;
        size_t len = strlen(cases[i].value);
        snprintf(text, sizeof text, "%s%s", cases[i].value, cases[i].rest);
        for (size_t step = 1; step <= strlen(text); step++) {
            int found = scan(text, 0, step, &used);
            if (found != cases[i].found || used != len)
                fail_msg("%s in steps of %zu: %d after %zu", text, step, found, used);
        }
        for (size_t a = 1; a < strlen(text); a++) {
            for (size_t b = a; b < strlen(text); b++) {
                int found = scan(text, UINT64_C(1) << a | UINT64_C(1) << b, 0, &used);
                if (found != cases[i].found || used != len)
                    fail_msg("%s cut at %zu and %zu: %d after %zu", text, a, b, found, used);
            }
        }
    }
}

static void a_scan_takes_all_of_every_valid_text(void **state)
{
    (void)state;
    random_state = SEED;
    struct buf text = {0};
    for (int i = 0; i < 2000; i++) {
        size_t used;
        buf_clear(&text);
        make_value(&text, 4);
        if (scan(buf_text(&text), 0, 1 + random_below(20), &used) != JSON_SCAN_END || used != text.len)
            fail_msg("%s: %zu", buf_text(&text), used);
    }
    buf_free(&text);
}

static void a_scan_refuses_to_nest_without_end(void **state)
{
    (void)state;
    struct buf text = {0};
    size_t used;
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++)
        buf_add_char(&text, '[');
    assert_int_equal(scan(buf_text(&text), 0, 100, &used), JSON_SCAN_MORE);
    buf_add_char(&text, '[');
    assert_int_equal(scan(buf_text(&text), 0, 100, &used), JSON_SCAN_BROKEN);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_accepts_what_jansson_accepts_and_reads_the_same_values),
        cmocka_unit_test(it_knows_every_form_of_a_number),
        cmocka_unit_test(numbers_keep_their_text),
        cmocka_unit_test(nesting_ends_where_jansson_ends_it),
        cmocka_unit_test(it_reads_any_generated_text),
        cmocka_unit_test(it_agrees_with_jansson_on_spoiled_texts),
        cmocka_unit_test(a_walk_finds_what_json_read_finds),
        cmocka_unit_test(a_walk_over_the_wrong_thing_is_an_error),
        cmocka_unit_test(errors_name_their_place),
        cmocka_unit_test(a_scan_finds_the_end_wherever_windows_are_cut),
        cmocka_unit_test(a_scan_takes_all_of_every_valid_text),
        cmocka_unit_test(a_scan_refuses_to_nest_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
