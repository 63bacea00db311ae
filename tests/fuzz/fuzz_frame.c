/* Arbitrary bytes as what a plugin's process may write to the pipe: frames and their payloads. */
#include "frame.h"
#include "fuzz.h"

#include <unistd.h>

#define INTS 64 /* room for a row's lists, small so that it runs out */

/* Write a row as it was read: there is one way only. */
static void must_be_written_the_same(const struct frame *f, const sluice_value *values, uint32_t count)
{
    struct frame_out o = {.fd = -1};
    const size_t head = 5;

    frame_begin(&o, f->type);
    frame_put_u32(&o, count);
    for (uint32_t i = 0; i < count; i++)
        frame_put_value(&o, &values[i]);
    frame_end(&o);
    if (!o.broken) /* a large one was sent away */
        MUST(same_bytes((sluice_str){o.buf.ptr + head, o.buf.len - head}, f->payload));
    buf_free(&o.buf);
}

static bool is_inside(sluice_str part, sluice_str all)
{
    return part.len == 0 || (part.ptr >= all.ptr && part.ptr + part.len <= all.ptr + all.len);
}

static void read_row(const struct frame *f)
{
    static sluice_value values[FRAME_VALUES_MAX];
    int64_t ints[INTS], *next = ints;
    struct frame_walk w = frame_walk(f);
    uint32_t count = frame_u32(&w);

    if (count > FRAME_VALUES_MAX)
        return;
    for (uint32_t i = 0; i < count; i++) {
        frame_value(&w, &values[i], &next, ints + INTS);
        MUST(next >= ints && next <= ints + INTS);
        MUST(values[i].type <= SLUICE_INTS);
        if (values[i].type == SLUICE_TEXT)
            MUST(is_inside(values[i].as.s, f->payload));
    }
    if (frame_walked(&w))
        must_be_written_the_same(f, values, count);
}

static void read_parts(const struct frame *f)
{
    struct frame_walk w = frame_walk(f);

    for (int i = 0; i < 8; i++) {
        sluice_str s = frame_str(&w);
        MUST(s.ptr != NULL && is_inside(s, f->payload));
        MUST(!w.bad || s.len == 0);
        int64_t n = frame_i64(&w);
        MUST(!w.bad || n == 0);
    }
    MUST(!frame_walked(&w) || f->payload.len >= 8 * 12);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chance chance = chance_of(data, size);
    struct frame_in in = {.fd = -1};
    struct err err = {0};
    struct frame f;
    size_t fed = 0, taken = 0;
    int rc = 0;
    int fds[2];

    MUST(pipe(fds) == 0);
    in.fd = fds[0];
    while (fed < size && rc == 0) { /* the pipe cuts wherever it likes */
        size_t len = 1 + chance_below(&chance, 64);
        if (len > size - fed)
            len = size - fed;
        MUST(write(fds[1], data + fed, len) == (ssize_t)len);
        fed += len;
        MUST(frame_fill(&in, &err) == 1);
        while ((rc = frame_next(&in, &f, &err)) == 1) {
            MUST(taken + 5 + f.payload.len <= fed);
            MUST(f.type == data[taken + 4]);
            MUST(memcmp(f.payload.ptr, data + taken + 5, f.payload.len) == 0);
            taken += 5 + f.payload.len;
            read_row(&f);
            read_parts(&f);
        }
    }
    MUST(rc == 0 || (rc == SLUICE_E_BUG && *err.msg));
    frame_in_free(&in);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
