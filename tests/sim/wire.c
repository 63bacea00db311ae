/* HTTP/1.1 on a blocking socket: read a request, write a reply. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX    ((size_t)64 * 1024)
#define REQUEST_MAX ((size_t)512 * 1024 * 1024)
#define HOLD_BYTES  ((size_t)1024 * 1024) /* a body that fits is sent with its length, a longer one in chunks */

/* ---- Requests ---- */

/* Receive some more behind what `b` has; false at the end. */
static bool receive(int fd, struct buf *b)
{
    size_t room = 64 * 1024;
    char *to = buf_reserve(b, room);
    if (!to)
        return false;
    ssize_t got = recv(fd, to, room, 0);
    if (got <= 0)
        return false;
    b->len += (size_t)got;
    return true;
}

static void drop_front(struct buf *b, size_t count)
{
    if (b->ptr && count > 0)
        memmove(b->ptr, b->ptr + count, b->len - count);
    b->len -= count;
}

/* Length of the head with its empty line; 0 when the client left or sent too much. */
static size_t read_head(int fd, struct buf *spare)
{
    for (;;) {
        char *end = spare->len ? memmem(spare->ptr, spare->len, "\r\n\r\n", 4) : NULL;
        if (end)
            return (size_t)(end - spare->ptr) + 4;
        if (spare->len > HEAD_MAX || !receive(fd, spare))
            return 0;
    }
}

static void add_terminated(struct buf *b, const char *text, size_t len)
{
    buf_add(b, text, len);
    buf_add_char(b, '\0');
}

/* Append "name\0value\0" for each line in [at, end), then "\0". */
static bool cut_headers(const char *at, const char *end, struct buf *out)
{
    while (at < end) {
        const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
        const char *colon = eol ? memchr(at, ':', (size_t)(eol - at)) : NULL;
        if (!colon || colon == at)
            return false;
        const char *value = colon + 1;
        while (value < eol && (*value == ' ' || *value == '\t'))
            value++;
        add_terminated(out, at, (size_t)(colon - at));
        add_terminated(out, value, (size_t)(eol - value));
        at = eol + 2;
    }
    return buf_add_char(out, '\0');
}

/* "POST /path?query HTTP/1.1" and the lines below it. */
static bool cut_head(const char *head, size_t len, struct request *q)
{
    const char *eol = memmem(head, len, "\r\n", 2);
    const char *first = memchr(head, ' ', (size_t)(eol - head));
    const char *second = first ? memchr(first + 1, ' ', (size_t)(eol - first - 1)) : NULL;
    if (!second || eol - second != 9 || memcmp(second + 1, "HTTP/1.", 7) != 0)
        return false;
    const char *mark = memchr(first, '?', (size_t)(second - first));

    buf_clear(&q->head);
    add_terminated(&q->head, head, (size_t)(first - head));
    size_t path = q->head.len;
    add_terminated(&q->head, first + 1, (size_t)((mark ? mark : second) - first - 1));
    size_t query = q->head.len;
    add_terminated(&q->head, mark ? mark + 1 : "", mark ? (size_t)(second - mark - 1) : 0);
    size_t headers = q->head.len;
    if (!cut_headers(eol + 2, head + len - 2, &q->head) || q->head.failed)
        return false;
    q->method = q->head.ptr;
    q->path = q->head.ptr + path;
    q->query = q->head.ptr + query;
    q->headers = q->head.ptr + headers;
    q->keep_alive = eol[-1] == '1';
    const char *connection = request_header(q, "Connection");
    if (connection && strcasecmp(connection, "close") == 0)
        q->keep_alive = false;
    return true;
}

const char *request_header(const struct request *q, const char *name)
{
    for (const char *at = q->headers; *at;) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

bool request_argument(const struct request *q, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    for (const char *at = q->query; at && *at;) {
        const char *end = strchrnul(at, '&');
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            snprintf(out, size, "%.*s", (int)(end - at - (ptrdiff_t)len - 1), at + len + 1);
            return true;
        }
        at = *end ? end + 1 : NULL;
    }
    return false;
}

static bool read_body(int fd, struct buf *spare, struct request *q)
{
    const char *length = request_header(q, "Content-Length");
    size_t want = length ? strtoull(length, NULL, 10) : 0;
    if (want > REQUEST_MAX || request_header(q, "Transfer-Encoding"))
        return false;
    const char *expect = request_header(q, "Expect");
    if (expect && strcasecmp(expect, "100-continue") == 0 && !send_bytes(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return false;
    while (spare->len < want)
        if (!receive(fd, spare))
            return false;
    buf_clear(&q->body);
    buf_add(&q->body, buf_text(spare), want);
    drop_front(spare, want);
    return !q->body.failed;
}

bool request_read(int fd, struct buf *spare, struct request *q)
{
    size_t head = read_head(fd, spare);
    if (head == 0 || !cut_head(spare->ptr, head, q))
        return false;
    drop_front(spare, head);
    return read_body(fd, spare, q);
}

void request_free(struct request *q)
{
    buf_free(&q->head);
    buf_free(&q->body);
}

/* ---- Replies ---- */

void reply_free(struct reply *r)
{
    if (r->release)
        r->release(r);
    if (r->file >= 0)
        close(r->file);
    buf_free(&r->headers);
    buf_free(&r->body);
}

void reply_header(struct reply *r, const char *name, const char *value)
{
    buf_printf(&r->headers, "%s: %s\r\n", name, value);
}

/* Drop the lines that begin with the `len` bytes at `name`. */
static void drop_lines(struct buf *headers, const char *name, size_t len)
{
    struct buf kept = {0};
    for (const char *at = buf_text(headers); *at;) {
        const char *end = strstr(at, "\r\n") + 2;
        if (strncasecmp(at, name, len) != 0)
            buf_add(&kept, at, (size_t)(end - at));
        at = end;
    }
    buf_free(headers);
    *headers = kept;
}

void reply_override(struct reply *r, const struct buf *lines)
{
    for (const char *at = buf_text(lines); *at; at = strstr(at, "\r\n") + 2)
        drop_lines(&r->headers, at, strcspn(at, ":") + 1);
    buf_add(&r->headers, lines->ptr, lines->len);
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 307:
        return "Temporary Redirect";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 503:
        return "Service Unavailable";
    default:
        return "Scripted";
    }
}

static bool has_line(const struct buf *headers, const char *start)
{
    const char *at = buf_text(headers);
    while (at && *at) {
        if (strncasecmp(at, start, strlen(start)) == 0)
            return true;
        at = strstr(at, "\r\n");
        at = at ? at + 2 : NULL;
    }
    return false;
}

void reply_head(struct sim *sim, const struct reply *r, const char *framing, struct buf *out)
{
    buf_printf(out, "HTTP/1.1 %d %s\r\n", r->status, reason(r->status));
    if (!has_line(&r->headers, "Date:")) {
        char date[32];
        clock_http_date(clock_now(sim->clock), date);
        buf_printf(out, "Date: %s\r\n", date);
    }
    buf_add(out, r->headers.ptr, r->headers.len);
    buf_printf(out, "%s%s\r\n", framing, r->close ? "Connection: close\r\n" : "");
}

bool send_bytes(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool send_chunk(int fd, const void *bytes, size_t len)
{
    char size[24];
    int digits = snprintf(size, sizeof size, "%zx\r\n", len);
    return send_bytes(fd, size, (size_t)digits) && send_bytes(fd, bytes, len) && send_bytes(fd, "\r\n", 2);
}

static bool append_file(struct reply *r)
{
    for (off_t at = 0; (size_t)at < r->file_size;) {
        size_t want = r->file_size - (size_t)at < HOLD_BYTES ? r->file_size - (size_t)at : HOLD_BYTES;
        char *to = buf_reserve(&r->body, want);
        ssize_t got = to ? pread(r->file, to, want, at) : -1;
        if (got <= 0)
            return false;
        r->body.len += (size_t)got;
        at += got;
    }
    close(r->file);
    r->file = -1;
    r->file_size = 0;
    return true;
}

bool reply_collect(struct reply *r, size_t max)
{
    while (r->produce && r->body.len < max)
        if (!r->produce(r, &r->body))
            r->produce = NULL;
    if (r->produce)
        return false;
    return r->file < 0 || r->body.len + r->file_size > max ? r->file < 0 : append_file(r);
}

static bool send_file(int fd, const struct reply *r)
{
    off_t at = 0;
    while ((size_t)at < r->file_size)
        if (sendfile(fd, r->file, &at, r->file_size - (size_t)at) <= 0)
            return false;
    return true;
}

static bool send_streamed(struct sim *sim, int fd, struct reply *r)
{
    struct buf head = {0};
    reply_head(sim, r, "Transfer-Encoding: chunked\r\n", &head);
    bool good = send_bytes(fd, buf_text(&head), head.len);
    buf_free(&head);
    while (good) {
        good = r->body.len == 0 || send_chunk(fd, r->body.ptr, r->body.len);
        buf_clear(&r->body);
        if (!r->produce)
            break;
        if (!r->produce(r, &r->body))
            r->produce = NULL;
    }
    return good && send_bytes(fd, "0\r\n\r\n", 5);
}

bool reply_send(struct sim *sim, int fd, struct reply *r)
{
    if (!reply_collect(r, HOLD_BYTES) && r->produce)
        return send_streamed(sim, fd, r);

    char framing[64];
    snprintf(framing, sizeof framing, "Content-Length: %zu\r\n", r->body.len + r->file_size);
    struct buf head = {0};
    reply_head(sim, r, r->status == 204 ? "" : framing, &head);
    buf_add(&head, r->body.ptr, r->body.len);
    bool good = !head.failed && send_bytes(fd, head.ptr, head.len) && send_file(fd, r);
    buf_free(&head);
    return good;
}
