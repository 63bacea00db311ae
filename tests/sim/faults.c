/* The ways in which an answer can be broken. Each function sends a reply once and says whether the connection is still
 * good for another request. */
#include "sim.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>

#define COLLECT_MAX ((size_t)1 << 30)
#define HANG_MS     120000u
#define DRIP_MS     100u

/* What a fault works on. The body is whole, in reply->body. */
struct victim {
    struct sim *sim;
    int fd;
    const struct request *request;
    struct reply *reply;
};

bool wait_ms(struct sim *sim, int fd, uint32_t ms)
{
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    return poll(&gone, 1, (int)ms) == 0 && !atomic_load(&sim->stopping);
}

static bool send_head(const struct victim *v, const char *framing)
{
    struct buf head = {0};
    reply_head(v->sim, v->reply, framing, &head);
    bool good = send_bytes(v->fd, buf_text(&head), head.len);
    buf_free(&head);
    return good;
}

static bool send_head_length(const struct victim *v, size_t length)
{
    char framing[64];
    snprintf(framing, sizeof framing, "Content-Length: %zu\r\n", length);
    return send_head(v, framing);
}

static bool send_half(const struct victim *v)
{
    const struct buf *body = &v->reply->body;
    return send_head_length(v, body->len) && send_bytes(v->fd, buf_text(body), body->len / 2);
}

/* ---- Connections that end or hang ---- */

static bool close_before_headers(struct victim *v)
{
    (void)v;
    return false;
}

static bool close_in_headers(struct victim *v)
{
    send_bytes(v->fd, "HTTP/1.1 200 OK\r\nContent-Ty", 27);
    return false;
}

static bool cut_body(struct victim *v)
{
    send_half(v);
    return false;
}

static bool hang_before_headers(struct victim *v)
{
    wait_ms(v->sim, v->fd, HANG_MS);
    return false;
}

static bool hang_in_body(struct victim *v)
{
    if (send_half(v))
        wait_ms(v->sim, v->fd, HANG_MS);
    return false;
}

static bool drip(struct victim *v)
{
    const struct buf *body = &v->reply->body;
    if (!send_head_length(v, body->len))
        return false;
    for (size_t i = 0; i < body->len; i++)
        if (!send_bytes(v->fd, body->ptr + i, 1) || !wait_ms(v->sim, v->fd, DRIP_MS))
            return false;
    return true;
}

/* With a linger of zero the close that follows sends RST. */
static void arm_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static bool reset(struct victim *v)
{
    arm_reset(v->fd);
    return false;
}

static bool reset_in_body(struct victim *v)
{
    send_half(v);
    wait_ms(v->sim, v->fd, 50); /* a reset at once would overtake what was sent */
    arm_reset(v->fd);
    return false;
}

/* ---- Chunks ---- */

static bool send_chunks(struct victim *v, size_t length)
{
    size_t step = length / 7 + 1;
    if (!send_head(v, "Transfer-Encoding: chunked\r\n"))
        return false;
    for (size_t at = 0; at < length; at += step)
        if (!send_chunk(v->fd, v->reply->body.ptr + at, length - at < step ? length - at : step))
            return false;
    return true;
}

static bool chunked(struct victim *v)
{
    return send_chunks(v, v->reply->body.len) && send_bytes(v->fd, "0\r\n\r\n", 5);
}

static bool chunked_cut(struct victim *v)
{
    send_chunks(v, v->reply->body.len / 2);
    return false;
}

static bool endless(struct victim *v)
{
    static const char line[] = "this goes on and on, for as long as somebody listens to it ....\n";
    struct buf piece = {0};
    while (piece.len < 65536)
        buf_add(&piece, line, sizeof line - 1);
    bool good = send_head(v, "Transfer-Encoding: chunked\r\n");
    while (good && !atomic_load(&v->sim->stopping))
        good = send_chunk(v->fd, piece.ptr, piece.len);
    buf_free(&piece);
    return false;
}

/* ---- Compression ---- */

static void deflate_into(struct buf *body, z_stream *z, int flush)
{
    int rc = Z_OK;
    do {
        char *to = buf_reserve(body, 65536);
        if (!to)
            return;
        z->next_out = (Bytef *)to;
        z->avail_out = 65536;
        rc = deflate(z, flush);
        body->len += 65536 - z->avail_out;
    } while (z->avail_out == 0 && rc != Z_STREAM_END);
}

/* Replace the body by its gzip form, repeated `times`, and say so in the headers when `declare`. */
static void compress_body(struct reply *r, unsigned times, bool declare)
{
    z_stream z = {0};
    struct buf packed = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    for (unsigned i = 0; i < times; i++) {
        z.next_in = (Bytef *)r->body.ptr;
        z.avail_in = (uInt)r->body.len;
        deflate_into(&packed, &z, i + 1 == times ? Z_FINISH : Z_NO_FLUSH);
    }
    deflateEnd(&z);
    buf_free(&r->body);
    r->body = packed;
    if (declare)
        reply_header(r, "Content-Encoding", "gzip");
}

static bool gzip(struct victim *v)
{
    compress_body(v->reply, 1, true);
    return reply_send(v->sim, v->fd, v->reply);
}

static bool gzip_undeclared(struct victim *v)
{
    compress_body(v->reply, 1, false);
    return reply_send(v->sim, v->fd, v->reply);
}

/* The stream ends early, the HTTP message does not. */
static bool gzip_cut(struct victim *v)
{
    compress_body(v->reply, 1, true);
    v->reply->body.len -= v->reply->body.len / 3;
    return reply_send(v->sim, v->fd, v->reply);
}

static bool gzip_corrupt(struct victim *v)
{
    compress_body(v->reply, 1, true);
    struct buf *body = &v->reply->body;
    body->ptr[body->len / 2] = (char)(body->ptr[body->len / 2] ^ 0x55);
    body->ptr[body->len - 6] = (char)(body->ptr[body->len - 6] ^ 0x55); /* the checksum */
    return reply_send(v->sim, v->fd, v->reply);
}

/* 64 MiB of blanks in 64 KiB. */
static bool gzip_bomb(struct victim *v)
{
    struct buf *body = &v->reply->body;
    buf_clear(body);
    char *to = buf_reserve(body, 1 << 20);
    if (!to)
        return false;
    memset(to, ' ', 1 << 20);
    body->len = 1 << 20;
    compress_body(v->reply, 64, true);
    return reply_send(v->sim, v->fd, v->reply);
}

/* ---- Wrong answers ---- */

static bool html_200(struct victim *v)
{
    struct reply *r = v->reply;
    buf_clear(&r->headers);
    reply_header(r, "Content-Type", "text/html; charset=utf-8");
    buf_clear(&r->body);
    buf_add_str(
        &r->body,
        "<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>We will be back soon.</body></html>\n");
    return reply_send(v->sim, v->fd, r);
}

static bool empty(struct victim *v)
{
    buf_clear(&v->reply->body);
    return reply_send(v->sim, v->fd, v->reply);
}

static bool bom(struct victim *v)
{
    struct buf whole = {0};
    buf_add_str(&whole, "\xEF\xBB\xBF");
    buf_add(&whole, v->reply->body.ptr, v->reply->body.len);
    buf_free(&v->reply->body);
    v->reply->body = whole;
    return reply_send(v->sim, v->fd, v->reply);
}

/* The rendering did it already. */
static bool utf8(struct victim *v)
{
    return reply_send(v->sim, v->fd, v->reply);
}

static bool wrong_content_length(struct victim *v)
{
    const struct buf *body = &v->reply->body;
    if (send_head_length(v, body->len / 2))
        send_bytes(v->fd, buf_text(body), body->len);
    return false;
}

static bool huge_headers(struct victim *v)
{
    char filler[4096];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    for (int i = 0; i < 256; i++)
        reply_header(v->reply, "X-Filler", filler);
    return reply_send(v->sim, v->fd, v->reply);
}

/* ---- Redirects ---- */

static bool redirect(struct victim *v, const char *origin, const char *query)
{
    struct reply *r = v->reply;
    if (r->status == 200)
        r->status = 307;
    buf_clear(&r->body);
    buf_printf(&r->headers, "Location: %s%s%s\r\n", origin, v->request->path, query);
    return reply_send(v->sim, v->fd, r);
}

static bool redirect_same(struct victim *v)
{
    return redirect(v, "", "?moved=1");
}

static bool redirect_loop(struct victim *v)
{
    return redirect(v, "", "");
}

static bool redirect_other(struct victim *v)
{
    char origin[64];
    snprintf(origin, sizeof origin, "http://localhost:%u", v->sim->port);
    return redirect(v, origin, "?moved=1");
}

static const struct {
    const char *name;
    bool (*send)(struct victim *);
} faults[] = {
    {"close-before-headers", close_before_headers},
    {"close-in-headers", close_in_headers},
    {"cut-body", cut_body},
    {"hang-before-headers", hang_before_headers},
    {"hang-in-body", hang_in_body},
    {"drip", drip},
    {"reset", reset},
    {"reset-in-body", reset_in_body},
    {"chunked", chunked},
    {"chunked-cut", chunked_cut},
    {"endless", endless},
    {"gzip", gzip},
    {"gzip-undeclared", gzip_undeclared},
    {"gzip-cut", gzip_cut},
    {"gzip-corrupt", gzip_corrupt},
    {"gzip-bomb", gzip_bomb},
    {"html-200", html_200},
    {"empty", empty},
    {"bom", bom},
    {"utf8", utf8},
    {"wrong-content-length", wrong_content_length},
    {"huge-headers", huge_headers},
    {"redirect-same", redirect_same},
    {"redirect-other", redirect_other},
    {"redirect-loop", redirect_loop},
};

bool fault_known(const char *name)
{
    for (size_t i = 0; i < LEN(faults); i++)
        if (strcmp(faults[i].name, name) == 0)
            return true;
    return false;
}

bool fault_send(struct sim *sim, int fd, const struct request *q, struct reply *r, const char *name)
{
    struct victim v = {sim, fd, q, r};
    if (!reply_collect(r, COLLECT_MAX))
        return false;
    for (size_t i = 0; i < LEN(faults); i++)
        if (strcmp(faults[i].name, name) == 0)
            return faults[i].send(&v);
    return false;
}
