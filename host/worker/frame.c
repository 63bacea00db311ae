/* frame.c - see frame.h. */
#include "frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_AT (64u << 10)  /* gathered bytes that are worth a write */
#define READ_SIZE (256u << 10)
#define HEAD 5               /* u32 length, u8 type */

void frame_begin(struct frame_out *o, uint8_t type)
{
    const char head[HEAD] = {[HEAD - 1] = (char)type}; /* the length comes at its end */

    o->frame = o->buf.len;
    buf_add(&o->buf, head, sizeof(head));
}

void frame_put_raw(struct frame_out *o, const void *bytes, size_t len)
{
    buf_add(&o->buf, bytes, len);
}

void frame_put_u32(struct frame_out *o, uint32_t v)
{
    buf_add(&o->buf, &v, sizeof(v));
}

void frame_put_i64(struct frame_out *o, int64_t v)
{
    buf_add(&o->buf, &v, sizeof(v));
}

void frame_put_str(struct frame_out *o, sluice_str s)
{
    frame_put_u32(o, (uint32_t)s.len);
    buf_add(&o->buf, s.ptr, s.len);
}

/* A type, a count, and what there are so many of: in one piece, since every value of every record comes here. */
static void put_counted(struct frame_out *o, uint8_t type, uint32_t count, const void *bytes, size_t len)
{
    char *p = buf_reserve(&o->buf, 1 + sizeof(count) + len);

    if (!p)
        return;
    *p++ = (char)type;
    memcpy(p, &count, sizeof(count));
    if (len)
        memcpy(p + sizeof(count), bytes, len);
    o->buf.len += 1 + sizeof(count) + len;
}

static void put_scalar(struct frame_out *o, uint8_t type, int64_t v)
{
    char bytes[1 + sizeof(v)] = {(char)type};

    memcpy(bytes + 1, &v, sizeof(v));
    buf_add(&o->buf, bytes, sizeof(bytes));
}

void frame_put_value(struct frame_out *o, const sluice_value *v)
{
    uint8_t type = (uint8_t)v->type;

    switch (v->type) {
    case SLUICE_ABSENT:
    case SLUICE_NULL:
        buf_add(&o->buf, &type, 1);
        break;
    case SLUICE_TEXT:
        put_counted(o, type, (uint32_t)v->as.s.len, v->as.s.ptr, v->as.s.len);
        break;
    case SLUICE_INTS:
        put_counted(o, type, (uint32_t)v->as.n.len, v->as.n.ptr, v->as.n.len * sizeof(int64_t));
        break;
    default:
        put_scalar(o, type, v->as.i);
    }
}

void frame_end(struct frame_out *o)
{
    size_t length = o->buf.len - o->frame - HEAD;
    uint32_t length32 = (uint32_t)length;

    if (o->buf.failed || length > FRAME_MAX) {
        o->broken = true;
        return;
    }
    memcpy(o->buf.ptr + o->frame, &length32, sizeof(length32));
    if (o->buf.len >= SEND_AT && !o->held)
        frame_flush(o);
}

void frame_drop(struct frame_out *o)
{
    o->buf.len = o->frame;
    o->buf.failed = false;
}

int frame_flush_some(struct frame_out *o)
{
    if (o->owner && o->owner != getpid())
        o->broken = true;
    while (!o->broken && o->sent < o->buf.len) {
        ssize_t n = write(o->fd, o->buf.ptr + o->sent, o->buf.len - o->sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            o->broken = true;
        else
            o->sent += (size_t)n;
    }
    o->sent = 0;
    if (o->buf.cap > 4 * SEND_AT)
        buf_free(&o->buf); /* one large record must not stay in memory */
    else
        buf_clear(&o->buf);
    return o->broken ? -1 : 1;
}

bool frame_flush(struct frame_out *o)
{
    struct pollfd room = {.fd = o->fd, .events = POLLOUT};
    int sent;

    while ((sent = frame_flush_some(o)) == 0)
        poll(&room, 1, -1);
    return sent > 0;
}

/* Room for at least one more read; what was consumed is moved out first. */
static bool make_room(struct frame_in *in)
{
    if (in->start == in->end)
        in->start = in->end = 0;
    if (in->cap - in->end >= READ_SIZE / 2)
        return true;
    if (in->start > 0) {
        memmove(in->buf, in->buf + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->cap - in->end >= READ_SIZE / 2)
        return true;
    size_t cap = in->cap ? in->cap * 2 : READ_SIZE;
    char *grown = realloc(in->buf, cap);
    if (!grown)
        return false;
    in->buf = grown;
    in->cap = cap;
    return true;
}

int frame_fill(struct frame_in *in, struct err *err)
{
    if (!make_room(in))
        return err_set(err, E_SYSTEM, "out of memory");
    for (;;) {
        ssize_t n = read(in->fd, in->buf + in->end, in->cap - in->end);
        if (n > 0)
            in->end += (size_t)n;
        if (n >= 0)
            return n > 0;
        if (errno != EINTR)
            return err_set(err, E_SYSTEM, "pipe: %s", strerror(errno));
    }
}

int frame_next(struct frame_in *in, struct frame *out, struct err *err)
{
    uint32_t length;

    if (in->end - in->start < HEAD)
        return 0;
    memcpy(&length, in->buf + in->start, sizeof(length));
    if (length > FRAME_MAX)
        return err_set(err, SLUICE_E_BUG, "the plugin broke the pipe: a frame of %u bytes", length);
    if (in->end - in->start < HEAD + (size_t)length)
        return 0;
    out->type = (uint8_t)in->buf[in->start + sizeof(length)];
    out->payload = (sluice_str){in->buf + in->start + HEAD, length};
    in->start += HEAD + length;
    return 1;
}

void frame_in_free(struct frame_in *in)
{
    free(in->buf);
    *in = (struct frame_in){.fd = -1};
}

struct frame_walk frame_walk(const struct frame *f)
{
    return (struct frame_walk){.p = f->payload.ptr, .end = f->payload.ptr + f->payload.len};
}

static bool take(struct frame_walk *w, void *out, size_t len)
{
    if (w->bad || (size_t)(w->end - w->p) < len) {
        w->bad = true;
        memset(out, 0, len);
        return false;
    }
    memcpy(out, w->p, len);
    w->p += len;
    return true;
}

uint32_t frame_u32(struct frame_walk *w)
{
    uint32_t v;

    take(w, &v, sizeof(v));
    return v;
}

int64_t frame_i64(struct frame_walk *w)
{
    int64_t v;

    take(w, &v, sizeof(v));
    return v;
}

sluice_str frame_str(struct frame_walk *w)
{
    uint32_t len = frame_u32(w);
    sluice_str s = {w->p, len};

    if (w->bad || (size_t)(w->end - w->p) < len) {
        w->bad = true;
        return (sluice_str){"", 0};
    }
    w->p += len;
    return s;
}

static void take_ints(struct frame_walk *w, sluice_value *out, int64_t **ints, const int64_t *ints_end)
{
    uint32_t count = frame_u32(w);

    if (count > (size_t)(ints_end - *ints)) {
        w->bad = true;
        count = 0;
    }
    out->as.n.ptr = *ints;
    out->as.n.len = count;
    if (count && take(w, *ints, count * sizeof(int64_t)))
        *ints += count;
}

void frame_value(struct frame_walk *w, sluice_value *out, int64_t **ints, const int64_t *ints_end)
{
    uint8_t type;

    take(w, &type, 1);
    *out = (sluice_value){.type = type};
    switch (type) {
    case SLUICE_ABSENT:
    case SLUICE_NULL:
        break;
    case SLUICE_TEXT:
        out->as.s = frame_str(w);
        break;
    case SLUICE_INTS:
        take_ints(w, out, ints, ints_end);
        break;
    case SLUICE_INT:
    case SLUICE_BOOL:
    case SLUICE_DECIMAL:
    case SLUICE_TIME:
        out->as.i = frame_i64(w);
        break;
    default:
        w->bad = true;
    }
    if (w->bad)
        *out = (sluice_value){0};
}

bool frame_walked(const struct frame_walk *w)
{
    return !w->bad && w->p == w->end;
}
