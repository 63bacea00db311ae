/* Byte buffers: what they hold, and that a refusal is remembered and changes nothing. */
#include "buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static void a_zeroed_buffer_is_empty_text(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_str(&b).len, 0);
    assert_non_null(buf_str(&b).ptr);
    buf_clear(&b);
    buf_free(&b);
    buf_free(&b);
}

static void appends_follow_one_another(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_true(buf_add(&b, "a\0b", 3));
    assert_true(buf_add(&b, NULL, 0));
    assert_true(buf_add_str(&b, "cd"));
    assert_true(buf_add_char(&b, 'e'));
    assert_true(buf_printf(&b, "%d %s", 12, "f"));
    assert_int_equal(b.len, 10);
    assert_memory_equal(b.ptr, "a\0bcde12 f", 11);
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
    assert_true(buf_add_str(&b, "again"));
    assert_string_equal(buf_text(&b), "again");
    buf_free(&b);
}

static void it_grows_to_any_size(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 100000; i++)
        assert_true(buf_printf(&b, "%d,", i % 10));
    assert_int_equal(b.len, 200000);
    assert_memory_equal(b.ptr + b.len - 4, "8,9,", 5);
    buf_free(&b);
}

static void the_limit_is_exact_and_a_refusal_stays(void **state)
{
    (void)state;
    for (size_t max = 1; max < 200; max++) {
        struct buf b = {.max = max};
        for (size_t i = 0; i < max; i++)
            assert_true(buf_add_char(&b, 'x'));
        assert_false(buf_add_char(&b, 'y'));
        assert_true(b.failed);
        assert_false(buf_add(&b, "", 0));
        assert_false(buf_printf(&b, "%s", ""));
        assert_null(buf_reserve(&b, 0));
        assert_int_equal(b.len, max);
        assert_int_equal(strspn(buf_text(&b), "x"), max);
        buf_clear(&b);
        assert_true(buf_add_char(&b, 'z'));
        buf_free(&b);
        assert_int_equal(b.max, max);
    }
    struct buf b = {.max = 10};
    assert_false(buf_printf(&b, "%s", "eleven long"));
    assert_false(buf_add_str(&b, "x"));
    assert_string_equal(buf_text(&b), "");
    buf_free(&b);
    assert_false(buf_add(&b, "", (size_t)-1));
    buf_free(&b);
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add_str(&b, "ab");
    char *room = buf_reserve(&b, 3);
    assert_non_null(room);
    memcpy(room, "cde", 3);
    b.len += 3;
    assert_string_equal(buf_text(&b), "abcde");
    assert_true(buf_add_char(&b, 'f'));
    assert_string_equal(buf_text(&b), "abcdef");
    buf_free(&b);
}

static void json_text_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain Ωμέγα 😀 /", "plain Ωμέγα 😀 /"},
        {"\"", "\\\""},
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
        {"\x01\x1f\x7f", "\\u0001\\u001f\x7f"},
        {"end\n", "end\\n"},
    };
    for (size_t i = 0; i < LEN(cases); i++) {
        struct buf b = {0};
        assert_true(buf_add_json(&b, (sluice_str){cases[i].text, strlen(cases[i].text)}));
        assert_string_equal(buf_text(&b), cases[i].want);
        buf_free(&b);
    }
    struct buf b = {0};
    assert_true(buf_add_json(&b, (sluice_str){"a\0b", 3}));
    assert_true(buf_add_json(&b, (sluice_str){NULL, 0}));
    assert_string_equal(buf_text(&b), "a\\u0000b");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_buffer_is_empty_text),
        cmocka_unit_test(appends_follow_one_another),
        cmocka_unit_test(it_grows_to_any_size),
        cmocka_unit_test(the_limit_is_exact_and_a_refusal_stays),
        cmocka_unit_test(reserved_room_is_the_callers_to_fill),
        cmocka_unit_test(json_text_is_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
