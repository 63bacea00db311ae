/* Frames over the pipe between a connector child and its writer: nothing in them is trusted. */
#include "frame.h"

#include "state.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HEAD 5

static sluice_str str_of(const char *text)
{
    return (sluice_str){text, strlen(text)};
}

static const int64_t numbers[] = {1, -2, INT64_MIN, INT64_MAX};

static sluice_value number(uint32_t type, int64_t i)
{
    return (sluice_value){.type = type, .as.i = i};
}

/* One value of every type. */
static size_t make_values(sluice_value *v)
{
    size_t n = 0;

    v[n++] = (sluice_value){0};
    v[n++] = (sluice_value){.type = SLUICE_NULL};
    v[n++] = number(SLUICE_INT, INT64_MIN);
    v[n++] = (sluice_value){.type = SLUICE_TEXT, .as.s = {"a\0\xCE\xB1", 4}};
    v[n++] = (sluice_value){.type = SLUICE_TEXT};
    v[n++] = number(SLUICE_BOOL, 1);
    v[n++] = number(SLUICE_DECIMAL, -1250);
    v[n++] = number(SLUICE_TIME, INT64_MAX);
    v[n++] = (sluice_value){.type = SLUICE_INTS, .as.n = {numbers, LEN(numbers)}};
    v[n++] = (sluice_value){.type = SLUICE_INTS};
    return n;
}

static void check_value(const sluice_value *have, const sluice_value *want)
{
    assert_int_equal(have->type, want->type);
    if (want->type == SLUICE_TEXT) {
        assert_int_equal(have->as.s.len, want->as.s.len);
        assert_true(want->as.s.len == 0 || memcmp(have->as.s.ptr, want->as.s.ptr, want->as.s.len) == 0);
    } else if (want->type == SLUICE_INTS) {
        assert_int_equal(have->as.n.len, want->as.n.len);
        assert_true(want->as.n.len == 0 || memcmp(have->as.n.ptr, want->as.n.ptr, want->as.n.len * 8) == 0);
    } else if (want->type > SLUICE_NULL) {
        assert_true(have->as.i == want->as.i);
    }
}

/* Three frames: a row with one value of every type, a reject, and one that is empty. */
static void put_frames(struct frame_out *o)
{
    sluice_value values[16];
    size_t count = make_values(values);

    frame_begin(o, FRAME_ROW);
    frame_put_u32(o, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        frame_put_value(o, &values[i]);
    frame_end(o);
    frame_begin(o, FRAME_WINDOW);
    frame_put_str(o, str_of("from"));
    frame_put_str(o, str_of(""));
    frame_put_i64(o, -7);
    frame_put_i64(o, INT64_MAX);
    frame_end(o);
    frame_begin(o, FRAME_DONE);
    frame_end(o);
}

/* Check frame number `i` of those. */
static void check_frame(const struct frame *f, int i)
{
    static const uint8_t types[] = {FRAME_ROW, FRAME_WINDOW, FRAME_DONE};
    struct frame_walk w = frame_walk(f);
    sluice_value values[16], have;
    int64_t room[16], *ints = room;

    assert_in_range(i, 0, 2);
    assert_int_equal(f->type, types[i]);
    if (i == 0) {
        size_t count = make_values(values);
        assert_int_equal(frame_u32(&w), count);
        for (size_t k = 0; k < count; k++) {
            frame_value(&w, &have, &ints, room + LEN(room));
            check_value(&have, &values[k]);
        }
    } else if (i == 1) {
        sluice_str from = frame_str(&w), to = frame_str(&w);
        assert_int_equal(from.len, 4);
        assert_memory_equal(from.ptr, "from", 4);
        assert_int_equal(to.len, 0);
        assert_int_equal(frame_i64(&w), -7);
        assert_true(frame_i64(&w) == INT64_MAX);
    }
    assert_true(frame_walked(&w));
}

/* Take the frames that are there; returns the number of the next one. */
static int take_frames(struct frame_in *in, int next)
{
    struct frame f;
    struct err err = {0};
    int rc;

    while ((rc = frame_next(in, &f, &err)) == 1)
        check_frame(&f, next++);
    assert_int_equal(rc, 0);
    return next;
}

static void what_is_put_in_comes_out_wherever_the_pipe_cuts_it(void **state)
{
    struct frame_out o = {.fd = -1};
    (void)state;

    put_frames(&o);
    for (size_t cut = 0; cut <= o.buf.len; cut++) {
        struct frame_in in = {0};
        struct err err = {0};
        int fds[2], next = 0;
        assert_int_equal(pipe(fds), 0);
        in.fd = fds[0];
        if (cut) {
            assert_int_equal(write(fds[1], o.buf.ptr, cut), cut);
            assert_int_equal(frame_fill(&in, &err), 1);
            next = take_frames(&in, 0);
        }
        if (cut < o.buf.len) {
            assert_int_equal(write(fds[1], o.buf.ptr + cut, o.buf.len - cut), o.buf.len - cut);
            assert_int_equal(frame_fill(&in, &err), 1);
        }
        close(fds[1]);
        assert_int_equal(take_frames(&in, next), 3);
        assert_int_equal(frame_fill(&in, &err), 0);
        assert_int_equal(in.start, in.end);
        close(fds[0]);
        frame_in_free(&in);
    }
    buf_free(&o.buf);
}

static void many_and_large_frames_pass(void **state)
{
    static const size_t sizes[] = {0, 1, 65531, 65536, 300000, 262139, 1 << 20, 3, 5000000, 70000, 2};
    struct frame_out o = {.fd = memfd_create("frames", MFD_CLOEXEC)};
    char *bytes = calloc(1, 5000000);
    (void)state;

    assert_true(o.fd >= 0 && bytes);
    for (size_t i = 0; i < LEN(sizes); i++) {
        memset(bytes, (int)i, sizes[i]);
        frame_begin(&o, (uint8_t)i);
        frame_put_raw(&o, bytes, sizes[i]);
        frame_end(&o);
    }
    assert_true(frame_flush(&o));
    assert_int_equal(o.buf.len, 0);
    assert_int_equal(lseek(o.fd, 0, SEEK_SET), 0);

    struct frame_in in = {.fd = o.fd};
    struct frame f;
    struct err err = {0};
    for (size_t i = 0; i < LEN(sizes); i++) {
        int rc;
        while ((rc = frame_next(&in, &f, &err)) == 0)
            assert_int_equal(frame_fill(&in, &err), 1);
        assert_int_equal(rc, 1);
        assert_int_equal(f.type, i);
        assert_int_equal(f.payload.len, sizes[i]);
        memset(bytes, (int)i, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(f.payload.ptr, bytes, sizes[i]) == 0);
    }
    assert_int_equal(frame_fill(&in, &err), 0);
    frame_in_free(&in);
    close(o.fd);
    buf_free(&o.buf);
    free(bytes);
}

/* ---- Lies ---- */

static void a_frame_that_claims_too_much_is_broken(void **state)
{
    static const struct {
        uint32_t length;
        int rc;
    } cases[] = {{0, 1}, {1, 0}, {FRAME_MAX, 0}, {FRAME_MAX + 1, SLUICE_E_BUG}, {UINT32_MAX, SLUICE_E_BUG}};
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        char bytes[HEAD] = {0};
        struct frame_in in = {.buf = bytes, .end = HEAD, .cap = HEAD};
        struct frame f;
        struct err err = {0};
        memcpy(bytes, &cases[i].length, sizeof(cases[i].length));
        if (frame_next(&in, &f, &err) != cases[i].rc)
            fail_msg("length %u", cases[i].length);
        if (cases[i].rc < 0)
            assert_non_null(strstr(err.msg, "the plugin broke the pipe"));
    }
}

static void a_descriptor_that_fails_is_told(void **state)
{
    struct frame_in in = {.fd = -1};
    struct err err = {0};
    (void)state;

    assert_int_equal(frame_fill(&in, &err), E_SYSTEM);
    assert_string_equal(err.msg, "pipe: Bad file descriptor");
    frame_in_free(&in);
}

/* A payload of which `len` bytes are there. */
static struct frame_walk walk_over(const char *bytes, size_t len)
{
    const struct frame f = {.payload = {bytes, len}};

    return frame_walk(&f);
}

static void a_part_that_is_not_there_ends_the_walk(void **state)
{
    static const char bytes[] = "\1\0\0\0a\2\0\0\0\0\0\0\0";
    (void)state;

    for (size_t len = 0; len < sizeof(bytes) - 1; len++) {
        struct frame_walk w = walk_over(bytes, len);
        sluice_str s = frame_str(&w);
        int64_t i = frame_i64(&w);
        assert_true(w.bad);
        assert_false(frame_walked(&w));
        assert_true(s.len == (len >= 5 ? 1 : 0) && s.ptr != NULL);
        assert_int_equal(i, 0);
        assert_int_equal(frame_u32(&w), 0);
        assert_int_equal(frame_str(&w).len, 0);
    }
    struct frame_walk w = walk_over(bytes, sizeof(bytes) - 1);
    assert_int_equal(frame_str(&w).len, 1);
    assert_int_equal(frame_i64(&w), 2);
    assert_true(frame_walked(&w));
}

static void something_left_over_is_not_walked(void **state)
{
    struct frame_walk w = walk_over("\7\0\0\0x", 5);
    (void)state;

    assert_int_equal(frame_u32(&w), 7);
    assert_false(w.bad);
    assert_false(frame_walked(&w));
}

static void lengths_types_and_counts_that_lie_are_bad(void **state)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *name, *bytes;
        size_t len;
        bool good;
    } cases[] = {
        {"absent", BYTES("\0"), true},
        {"null", BYTES("\1"), true},
        {"nothing", BYTES(""), false},
        {"an integer", BYTES("\2\1\0\0\0\0\0\0\0"), true},
        {"half an integer", BYTES("\2\1\0\0\0"), false},
        {"a text", BYTES("\3\1\0\0\0a"), true},
        {"a text that is longer than all", BYTES("\3\2\0\0\0a"), false},
        {"a text of 4 GB", BYTES("\3\xFF\xFF\xFF\xFF" "a"), false},
        {"a text without its length", BYTES("\3\1\0"), false},
        {"a list", BYTES("\7\1\0\0\0\1\0\0\0\0\0\0\0"), true},
        {"an empty list", BYTES("\7\0\0\0\0"), true},
        {"a list that is longer than all", BYTES("\7\2\0\0\0\1\0\0\0\0\0\0\0"), false},
        {"a list that is longer than its room", BYTES("\7\5\0\0\0"), false},
        {"a list of 32 GB", BYTES("\7\xFF\xFF\xFF\xFF"), false},
        {"a type that is for options only", BYTES("\x20\0\0\0\0\0\0\0\0"), false},
        {"no type", BYTES("\x08\0\0\0\0\0\0\0\0"), false},
        {"the last type", BYTES("\xFF\0\0\0\0\0\0\0\0"), false},
    };
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        int64_t room[4], *ints = room;
        sluice_value v = {.type = 99};
        struct frame_walk w = walk_over(cases[i].bytes, cases[i].len);
        frame_value(&w, &v, &ints, room + LEN(room));
        if (frame_walked(&w) != cases[i].good || ints > room + LEN(room))
            fail_msg("%s", cases[i].name);
        if (!cases[i].good)
            assert_int_equal(v.type, SLUICE_ABSENT);
    }
}

static void lists_share_the_room_of_their_row(void **state)
{
    static const char two[] = "\7\2\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0";
    int64_t room[3], *ints = room;
    sluice_value first, second;
    (void)state;

    struct frame_walk w = walk_over(two, sizeof(two) - 1);
    frame_value(&w, &first, &ints, room + LEN(room));
    assert_true(frame_walked(&w) && ints == room + 2);
    w = walk_over(two, sizeof(two) - 1);
    frame_value(&w, &second, &ints, room + LEN(room));
    assert_true(w.bad && ints == room + 2);
    assert_int_equal(first.as.n.ptr[1], 2);
}

/* ---- An end that is gone ---- */

static void a_reader_that_is_gone_is_noticed_and_stays_gone(void **state)
{
    struct frame_out o = {0};
    int fds[2];
    (void)state;

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    o.fd = fds[1];
    put_frames(&o);
    assert_false(frame_flush(&o));
    assert_true(o.broken);
    put_frames(&o);
    assert_false(frame_flush(&o));
    close(fds[1]);
    buf_free(&o.buf);
}

static void a_frame_that_is_too_large_breaks_its_writer(void **state)
{
    struct frame_out o = {.fd = memfd_create("frames", MFD_CLOEXEC)};
    char *bytes = calloc(1, FRAME_MAX + 1);
    (void)state;

    assert_true(o.fd >= 0 && bytes);
    frame_begin(&o, FRAME_RECORD);
    frame_put_raw(&o, bytes, FRAME_MAX + 1);
    frame_end(&o);
    assert_true(o.broken);
    assert_false(frame_flush(&o));
    assert_int_equal(lseek(o.fd, 0, SEEK_END), 0);
    close(o.fd);
    buf_free(&o.buf);
    free(bytes);
}

/* ---- What a writer makes of one ---- */

static void what_requests_cost_is_taken_whole_or_not_at_all(void **state)
{
    static const struct {
        int64_t figures[5];
        size_t count;
        int rc;
    } cases[] = {
        {{3, 1, 1500000, 4096}, 4, SLUICE_OK},
        {{0, 0, 0, 0}, 4, SLUICE_OK},
        {{3, 1, 1500000}, 3, SLUICE_E_BUG},
        {{3, 1, 1500000, 4096, 0}, 5, SLUICE_E_BUG},
        {{3, 1, -1, 4096}, 4, SLUICE_E_BUG},
        {{INT64_MIN, 1, 1, 4096}, 4, SLUICE_E_BUG},
        {{3, -1, 1, 4096}, 4, SLUICE_E_BUG},
        {{3, 1, 1, -1}, 4, SLUICE_E_BUG},
    };
    static struct worker w;
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct frame f = {FRAME_HTTP, {(const char *)cases[i].figures, cases[i].count * sizeof(int64_t)}};
        w.http = (struct http_stats){7, 7, 7, 7};
        assert_int_equal(intake_frame(&w, &f), cases[i].rc);
        assert_int_equal(w.http.requests, cases[i].rc ? 7 : cases[i].figures[0]);
        assert_int_equal(w.http.retries, cases[i].rc ? 7 : cases[i].figures[1]);
        assert_int_equal(w.http.throttled_us, cases[i].rc ? 7 : cases[i].figures[2]);
        assert_int_equal(w.http.bytes, cases[i].rc ? 7 : cases[i].figures[3]);
        assert_int_equal(w.end, END_NONE);
    }
}

static void texts_of_a_partition_are_for_columns_that_have_some(void **state)
{
    static const struct {
        const char *name;
        uint32_t count, column, preset;
        sluice_str text;
        int rc;
    } cases[] = {
        {"a value", 1, 0, 0, {"new", 3}, SLUICE_OK},
        {"a preset", 1, 1, 1, {"", 0}, SLUICE_OK},
        {"no such column", 1, 2, 0, {"new", 3}, SLUICE_E_BUG},
        {"neither value nor preset", 1, 0, 2, {"new", 3}, SLUICE_E_BUG},
        {"a column without a preset", 1, 0, 1, {"new", 3}, SLUICE_E_BUG},
        {"no text", 1, 0, 0, {"n\0w", 3}, SLUICE_E_BUG},
        {"more than is said", 0, 0, 0, {"new", 3}, SLUICE_E_BUG},
        {"less than is said", UINT32_MAX, 0, 0, {"new", 3}, SLUICE_E_BUG},
    };
    static struct worker w;
    (void)state;

    for (size_t i = 0; i < LEN(cases); i++) {
        struct table_column columns[2] = {{.value = strdup("old")}, {.preset = strdup("old")}};
        struct frame_out o = {0};
        w.plan.table.columns = columns;
        w.plan.table.column_count = 2;
        frame_put_u32(&o, cases[i].count);
        frame_put_u32(&o, cases[i].column);
        frame_put_u32(&o, cases[i].preset);
        frame_put_str(&o, cases[i].text);
        const struct frame f = {FRAME_CONSTANTS, {o.buf.ptr, o.buf.len}};
        int rc = intake_constants(&w, &f);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].name, rc);
        if (!rc)
            assert_string_equal(cases[i].preset ? columns[1].preset : columns[0].value, cases[i].text.ptr);
        free(columns[0].value);
        free(columns[1].preset);
        buf_free(&o.buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_comes_out_wherever_the_pipe_cuts_it),
        cmocka_unit_test(many_and_large_frames_pass),
        cmocka_unit_test(a_frame_that_claims_too_much_is_broken),
        cmocka_unit_test(a_descriptor_that_fails_is_told),
        cmocka_unit_test(a_part_that_is_not_there_ends_the_walk),
        cmocka_unit_test(something_left_over_is_not_walked),
        cmocka_unit_test(lengths_types_and_counts_that_lie_are_bad),
        cmocka_unit_test(lists_share_the_room_of_their_row),
        cmocka_unit_test(a_reader_that_is_gone_is_noticed_and_stays_gone),
        cmocka_unit_test(a_frame_that_is_too_large_breaks_its_writer),
        cmocka_unit_test(what_requests_cost_is_taken_whole_or_not_at_all),
        cmocka_unit_test(texts_of_a_partition_are_for_columns_that_have_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
