#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define BAD "\xEF\xBF\xBD"

/* Decode `in`, fed in pieces: up to `first` bytes, up to `second`, the rest. Returns the number of replacements. */
static uint64_t decode(const char *name, sluice_str in, size_t first, size_t second, struct buf *out)
{
    struct charset *cs = charset_open(name);
    assert_non_null(cs);
    buf_clear(out);
    assert_true(charset_feed(cs, (sluice_str){in.ptr, first}, out));
    assert_true(charset_feed(cs, (sluice_str){in.ptr + first, second - first}, out));
    assert_true(charset_feed(cs, (sluice_str){in.ptr + second, in.len - second}, out));
    assert_true(charset_end(cs, out));
    uint64_t replaced = charset_replaced(cs);
    charset_close(cs);
    return replaced;
}

struct text_case {
    const char *charset, *in;
    size_t len;
    const char *want;
    uint64_t replaced;
};
#define CASE(charset, in, want, replaced) {charset, in, sizeof(in) - 1, want, replaced}

static void check_cases_at_every_split(const struct text_case *cases, size_t count)
{
    struct buf out = {0};
    for (size_t i = 0; i < count; i++) {
        const struct text_case *c = &cases[i];
        for (size_t second = 0; second <= c->len; second++)
            for (size_t first = 0; first <= second; first++) {
                uint64_t replaced = decode(c->charset, (sluice_str){c->in, c->len}, first, second, &out);
                if (strcmp(buf_text(&out), c->want) != 0 || out.len != strlen(c->want) || replaced != c->replaced)
                    fail_msg("case %zu, %s, split at %zu and %zu: \"%s\", %llu replaced", i, c->charset, first, second,
                             buf_text(&out), (unsigned long long)replaced);
            }
    }
    buf_free(&out);
}

/* ---- windows-1253 ---- */

/* The code points of bytes 80 to BF, 0 for those without; C0 to FE are U+0390 to U+03CE but for D2. */
static const uint16_t greek_80_to_bf[64] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0,      0x2030, 0,      0x2039, 0,      0,      0,      0,
    0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0,      0x2122, 0,      0x203A, 0,      0,      0,      0,
    0x00A0, 0x0385, 0x0386, 0x00A3, 0x00A4, 0x00A5, 0x00A6, 0x00A7,
    0x00A8, 0x00A9, 0,      0x00AB, 0x00AC, 0x00AD, 0x00AE, 0x2015,
    0x00B0, 0x00B1, 0x00B2, 0x00B3, 0x0384, 0x00B5, 0x00B6, 0x00B7,
    0x0388, 0x0389, 0x038A, 0x00BB, 0x038C, 0x00BD, 0x038E, 0x038F,
};

static uint32_t greek_code_point(int byte)
{
    if (byte < 0x80)
        return (uint32_t)byte;
    if (byte < 0xC0)
        return greek_80_to_bf[byte - 0x80];
    return byte == 0xD2 || byte == 0xFF ? 0 : 0x0390u + (uint32_t)byte - 0xC0u;
}

static void utf8_of(uint32_t cp, struct buf *out)
{
    if (cp < 0x80) {
        buf_add_char(out, (char)cp);
    } else if (cp < 0x800) {
        buf_add_char(out, (char)(0xC0 | cp >> 6));
        buf_add_char(out, (char)(0x80 | (cp & 0x3F)));
    } else {
        buf_add_char(out, (char)(0xE0 | cp >> 12));
        buf_add_char(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_add_char(out, (char)(0x80 | (cp & 0x3F)));
    }
}

static void every_byte_of_windows_1253_is_the_right_character(void **state)
{
    (void)state;
    static const char *const names[] = {"windows-1253", "WINDOWS-1253", "CP1253"};
    struct buf out = {0}, want = {0};
    for (size_t n = 0; n < LEN(names); n++) {
        int undefined = 0;
        for (int byte = 0; byte < 256; byte++) {
            char in = (char)byte;
            uint64_t replaced = decode(names[n], (sluice_str){&in, 1}, 0, 1, &out);
            uint32_t cp = greek_code_point(byte);
            bool none = byte > 0 && cp == 0;
            buf_clear(&want);
            utf8_of(none ? 0xFFFD : cp, &want);
            undefined += none;
            if (replaced != (uint64_t)none || out.len != want.len || memcmp(buf_text(&out), buf_text(&want), want.len))
                fail_msg("%s byte %02X", names[n], (unsigned)byte);
        }
        assert_int_equal(undefined, 17);
    }
    buf_free(&out);
    buf_free(&want);
}

static void windows_1253_agrees_with_iconv_where_that_has_a_character(void **state)
{
    (void)state;
    iconv_t cd = iconv_open("UTF-8", "WINDOWS-1253");
    assert_true(cd != (iconv_t)-1);
    struct buf out = {0};
    for (int byte = 0; byte < 256; byte++) {
        char in = (char)byte, result[8], *from = &in, *to = result;
        size_t left = 1, room = sizeof result;
        iconv(cd, NULL, NULL, NULL, NULL);
        bool defined = iconv(cd, &from, &left, &to, &room) != (size_t)-1;
        uint64_t replaced = decode("windows-1253", (sluice_str){&in, 1}, 0, 0, &out);
        assert_int_equal(replaced, !defined);
        if (defined)
            assert_memory_equal(buf_text(&out), result, sizeof result - room);
    }
    iconv_close(cd);
    buf_free(&out);
}

static void single_byte_texts_do_not_care_where_they_are_split(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        CASE("windows-1253", "", "", 0),
        CASE("windows-1253", "abc", "abc", 0),
        CASE("windows-1253", "\xC1\xF9", "\xCE\x91\xCF\x89", 0),
        CASE("windows-1253", "a\xAA" "b\xD2\xFF", "a" BAD "b" BAD BAD, 3),
        CASE("windows-1253", "{\"NAME\":\"\xD0\xC1\xD0\xC1\xC4\xCF\xD0\xCF\xD5\xCB\xCF\xD3 \x96 \xA2\xED\xED\xE1\"}",
             "{\"NAME\":\"\xCE\xA0\xCE\x91\xCE\xA0\xCE\x91\xCE\x94\xCE\x9F\xCE\xA0\xCE\x9F\xCE\xA5\xCE\x9B\xCE\x9F"
             "\xCE\xA3 \xE2\x80\x93 \xCE\x86\xCE\xBD\xCE\xBD\xCE\xB1\"}",
             0),
        CASE("iso-8859-7", "\xB6\xA4", "\xCE\x86\xE2\x82\xAC", 0),
        CASE("iso-8859-1", "caf\xE9\x80", "caf\xC3\xA9\xC2\x80", 0),
        CASE("us-ascii", "a\xE9z", "a" BAD "z", 1),
        CASE("ibm037", "\xC8\x85\x93\x93\x96\x40\x25", "Hello \n", 0), /* not even its letters are ASCII */
    };
    check_cases_at_every_split(cases, LEN(cases));
}

/* ---- UTF-8 ---- */

static void utf8_is_checked_and_bad_sequences_are_replaced_part_by_part(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        CASE("utf-8", "plain", "plain", 0),
        CASE("UTF8", "\xCE\xB1\xE2\x82\xAC\xF0\x9F\x98\x80", "\xCE\xB1\xE2\x82\xAC\xF0\x9F\x98\x80", 0),
        CASE("utf-8", "\xEF\xBB\xBF{}", "{}", 0),
        CASE("utf-8", "\xEF\xBB\xBF\xEF\xBB\xBF", "\xEF\xBB\xBF", 0), /* the second is text */
        CASE("utf-8", "a\xEF\xBB\xBF", "a\xEF\xBB\xBF", 0),
        CASE("utf-8", "\xEF\xBB", BAD, 1),
        CASE("utf-8", "\x80\xBF", BAD BAD, 2),
        CASE("utf-8", "\xC0\xAF", BAD BAD, 2),
        CASE("utf-8", "\xE0\x80\xAF", BAD BAD BAD, 3),
        CASE("utf-8", "\xF0\x80\x80\xAF", BAD BAD BAD BAD, 4),
        CASE("utf-8", "\xED\xA0\x80\xED\xBF\xBF", BAD BAD BAD BAD BAD BAD, 6),
        CASE("utf-8", "\xED\x9F\xBF\xEE\x80\x80", "\xED\x9F\xBF\xEE\x80\x80", 0),
        CASE("utf-8", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF", 0),
        CASE("utf-8", "\xF4\x90\x80\x80", BAD BAD BAD BAD, 4),
        CASE("utf-8", "\xF8\x88\x80\x80\x80", BAD BAD BAD BAD BAD, 5),
        CASE("utf-8", "\xFE\xFF", BAD BAD, 2),
        CASE("utf-8", "a\xF1\x80\x80\xE1\x80\xC2" "b\x80" "c\x80\xBF" "d",
             "a" BAD BAD BAD "b" BAD "c" BAD BAD "d", 6), /* the Unicode standard's own example */
        CASE("utf-8", "x\xE2\x82", "x" BAD, 1),
        CASE("utf-8", "\xE2\x82" "A\xCE", BAD "A" BAD, 2),
        CASE("utf-8", "\xF0\x9F\x98\xF0\x9F\x98\x80", BAD "\xF0\x9F\x98\x80", 1),
        CASE("utf-8", "0123456789abcdef\xCE\xB1" "0123456789\xFF", "0123456789abcdef\xCE\xB1" "0123456789" BAD, 1),
    };
    check_cases_at_every_split(cases, LEN(cases));
}

/* ---- Everything else ---- */

static void multi_byte_texts_do_not_care_where_they_are_split(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        CASE("shift_jis", "\x93\xFA\x96\x7B" "A\xB1", "\xE6\x97\xA5\xE6\x9C\xAC" "A\xEF\xBD\xB1", 0),
        CASE("shift_jis", "\x93", BAD, 1),
        CASE("shift_jis", "\x93\"}", BAD "\"}", 1), /* a lone lead byte does not eat the quote */
        CASE("euc-jp", "\xC6\xFC\xCB\xDC", "\xE6\x97\xA5\xE6\x9C\xAC", 0),
        CASE("gb18030", "\x94\x39\xFC\x36z", "\xF0\x9F\x98\x80z", 0),
        CASE("utf-16le", "\x91\x03" "a\0", "\xCE\x91" "a", 0),
        CASE("utf-16be", "\xD8\x3D\xDE\x00\0a", "\xF0\x9F\x98\x80" "a", 0),
        CASE("utf-16", "\xFF\xFE\x91\x03", "\xCE\x91", 0),
        CASE("utf-16", "\xFE\xFF\x03\x91", "\xCE\x91", 0),
        CASE("utf-16le", "\xFF\xFE{\0", "{", 0), /* a byte order mark where none is needed */
        CASE("utf-16le", "\x3D\xD8" "a\0b\0", BAD "ab", 1),
        CASE("utf-16le", "\x00\xDE" "a\0", BAD "a", 1),
        CASE("utf-16le", "a\0b", "a" BAD, 1),
        CASE("utf-16le", "\x3D\xD8\x00", BAD, 1),
        CASE("utf-32be", "\0\x01\xF6\0\0\0\0a", "\xF0\x9F\x98\x80" "a", 0),
        CASE("utf-32be", "\0\x11\0\0\0\0\0a", BAD "a", 1),
        CASE("iso-2022-jp", "\x1B$BF|K\\\x1B(Bz", "\xE6\x97\xA5\xE6\x9C\xAC" "z", 0),
        CASE("ibm930", "\x0E\x45\x62\x45\x66\x0F\x62", "\xE6\x97\xA5\xE6\x9C\xAC" "a", 0), /* shifts in and out */
        CASE("windows-1255", "\xF9\xD1" "a\xF9", "\xEF\xAC\xAA" "a\xD7\xA9", 0), /* a letter waits for its point */
    };
    check_cases_at_every_split(cases, LEN(cases));
}

static bool is_utf8(sluice_str text)
{
    iconv_t cd = iconv_open("UCS-4LE", "UTF-8");
    assert_true(cd != (iconv_t)-1);
    char result[4096], *in = (char *)(uintptr_t)text.ptr, *out = result;
    size_t left = text.len, room = sizeof result;
    bool ok = iconv(cd, &in, &left, &out, &room) != (size_t)-1;
    iconv_close(cd);
    return ok;
}

static void random_bytes_give_the_same_utf8_at_every_split(void **state)
{
    (void)state;
    static const char *const names[] = {
        "utf-8",  "windows-1253", "windows-1255", "windows-1258", "koi8-r", "ibm037",     "ibm930",      "utf-16",
        "utf-16le", "utf-16be",   "utf-32",       "utf-32le",     "euc-tw", "shift_jis",  "euc-jp",      "euc-kr",
        "gb18030",  "big5",       "big5-hkscs",   "tcvn",         "iso_6937", "iso-2022-jp", "iso-2022-kr",
    };
    static const unsigned char spice[] = {0x1B, '$',  'B',  '(',  0x0E, 0x0F, '+', '-',
                                          0xD8, 0xDC, 0xFE, 0xFF, 0,    0xEF, 0xBB};
    uint64_t seed = 42;
    struct buf whole = {0}, split = {0};
    for (size_t n = 0; n < LEN(names); n++) {
        if (!charset_known(names[n]))
            continue;
        for (int round = 0; round < 12; round++) {
            char in[20];
            size_t len = 0;
            for (; len < sizeof in; len++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                in[len] = (char)(seed >> 60 < 6 ? spice[(seed >> 40) % sizeof spice] : (unsigned char)(seed >> 50));
            }
            uint64_t replaced = decode(names[n], (sluice_str){in, len}, len, len, &whole);
            assert_true(is_utf8(buf_str(&whole)));
            for (size_t first = 0; first <= len; first++) {
                uint64_t again = decode(names[n], (sluice_str){in, len}, first, first + (len - first) / 2, &split);
                if (again != replaced || split.len != whole.len ||
                    memcmp(buf_text(&split), buf_text(&whole), whole.len) != 0)
                    fail_msg("%s, round %d, split at %zu", names[n], round, first);
            }
        }
    }
    buf_free(&whole);
    buf_free(&split);
}

static void long_texts_come_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"windows-1253", "utf-8", "iso-8859-7", "big5", "shift_jis"};
    size_t len = 100003;
    char *text = malloc(len);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(' ' + i % 90);
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\\' || text[i] == '~')
            text[i] = ' '; /* shift_jis has other signs there */
    struct buf out = {0};
    for (size_t n = 0; n < LEN(names); n++) {
        assert_int_equal(decode(names[n], (sluice_str){text, len}, 1, 70001, &out), 0);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.ptr, text, len);
    }
    free(text);
    buf_free(&out);
}

static void a_charset_can_be_used_again_after_its_end(void **state)
{
    (void)state;
    static const char *const names[] = {"utf-8", "utf-16le"};
    static const sluice_str texts[] = {{"\xEF\xBB\xBF" "a\xCE", 5}, {"\xFF\xFE" "a\0\x91", 5}};
    for (size_t n = 0; n < LEN(names); n++) {
        struct charset *cs = charset_open(names[n]);
        struct buf out = {0};
        for (int round = 0; round < 2; round++) {
            buf_clear(&out);
            assert_true(charset_feed(cs, texts[n], &out));
            assert_true(charset_end(cs, &out));
            assert_string_equal(buf_text(&out), "a" BAD);
        }
        assert_int_equal(charset_replaced(cs), 2);
        charset_close(cs);
        buf_free(&out);
    }
}

static void a_refusing_buffer_is_reported(void **state)
{
    (void)state;
    static const char *const names[] = {"windows-1253", "utf-8", "utf-16le"};
    for (size_t n = 0; n < LEN(names); n++) {
        struct charset *cs = charset_open(names[n]);
        struct buf out = {.max = 3};
        assert_false(charset_feed(cs, (sluice_str){"abcdefgh\xCE\xB1", 10}, &out));
        charset_close(cs);
        buf_free(&out);
    }
}

static void only_charsets_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool known;
    } cases[] = {
        {"windows-1253", true}, {"WINDOWS-1253", true}, {"utf-8", true},          {"UTF8", true},
        {"latin1", true},       {"", false},            {"windows-1253//IGNORE", false}, {"//TRANSLIT", false},
        {"klingon", false},     {"windows 1253", false}, {"utf-7", false},                {"UTF7", false},
        {"UTF-7-IMAP", false},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct charset *cs = charset_open(cases[i].name);
        if (charset_known(cases[i].name) != cases[i].known || (cs != NULL) != cases[i].known)
            fail_msg("\"%s\"", cases[i].name);
        charset_close(cs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_of_windows_1253_is_the_right_character),
        cmocka_unit_test(windows_1253_agrees_with_iconv_where_that_has_a_character),
        cmocka_unit_test(single_byte_texts_do_not_care_where_they_are_split),
        cmocka_unit_test(utf8_is_checked_and_bad_sequences_are_replaced_part_by_part),
        cmocka_unit_test(multi_byte_texts_do_not_care_where_they_are_split),
        cmocka_unit_test(random_bytes_give_the_same_utf8_at_every_split),
        cmocka_unit_test(long_texts_come_whole),
        cmocka_unit_test(a_charset_can_be_used_again_after_its_end),
        cmocka_unit_test(a_refusing_buffer_is_reported),
        cmocka_unit_test(only_charsets_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
