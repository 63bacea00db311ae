#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)1024 * 1024)
#define WRITE_SIZE ((size_t)256 * 1024)
#define READ_SIZE  ((size_t)256 * 1024)

void spool_open(struct spool *s, const char *dir)
{
    *s = (struct spool){.dir = dir, .fd = -1};
}

void spool_close(struct spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    buf_free(&s->tail);
    buf_free(&s->window);
    spool_open(s, s->dir);
}

static const char *directory(const struct spool *s)
{
    const char *dir = s->dir && s->dir[0] ? s->dir : getenv("TMPDIR");
    return dir && dir[0] ? dir : "/var/tmp";
}

/* Not every file system has files without a name: then one is made and its name removed. */
static int open_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    struct buf path = {0};
    buf_printf(&path, "%s/sluice-XXXXXX", dir);
    fd = path.failed ? -1 : mkostemp(path.ptr, O_CLOEXEC);
    if (fd >= 0)
        unlink(path.ptr);
    buf_free(&path);
    return fd;
}

static int flush(struct spool *s, struct err *err)
{
    for (size_t done = 0; done < s->tail.len;) {
        ssize_t n = pwrite(s->fd, s->tail.ptr + done, s->tail.len - done, (off_t)s->in_file);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, E_SYSTEM, "a large answer does not fit into %s: %s", directory(s), strerror(errno));
        done += (size_t)n;
        s->in_file += (uint64_t)n;
    }
    buf_clear(&s->tail);
    return 0;
}

int spool_settle(struct spool *s, bool last, struct err *err)
{
    if (s->tail.failed)
        return err_set(err, E_SYSTEM, "out of memory");
    if (s->fd < 0) {
        if (s->tail.len <= MEMORY_MAX)
            return 0;
        s->fd = open_file(directory(s));
        if (s->fd < 0)
            return err_set(err, E_SYSTEM, "no file for a large answer in %s: %s", directory(s), strerror(errno));
        int rc = flush(s, err);
        buf_free(&s->tail); /* from now on less memory will do */
        return rc;
    }
    if (!last && s->tail.len < WRITE_SIZE)
        return 0;
    int rc = flush(s, err);
    if (rc == 0 && last)
        buf_free(&s->tail);
    return rc;
}

uint64_t spool_size(const struct spool *s)
{
    return s->in_file + s->tail.len;
}

static int fill_window(struct spool *s, uint64_t offset, size_t want, struct err *err)
{
    size_t size = want > READ_SIZE ? want : READ_SIZE;
    if (s->window.cap > 2 * READ_SIZE && size == READ_SIZE)
        buf_free(&s->window); /* one long record does not keep its memory */
    buf_clear(&s->window);
    char *to = buf_reserve(&s->window, size);
    if (!to)
        return err_set(err, E_SYSTEM, "out of memory");
    s->window_at = offset;
    while (s->window.len < size) {
        ssize_t n = pread(s->fd, to + s->window.len, size - s->window.len, (off_t)(offset + s->window.len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, E_SYSTEM, "cannot read back a large answer: %s", strerror(errno));
        if (n == 0)
            break;
        s->window.len += (size_t)n;
    }
    return 0;
}

int spool_read(struct spool *s, uint64_t offset, size_t want, sluice_str *bytes, struct err *err)
{
    uint64_t size = spool_size(s);
    *bytes = (sluice_str){"", 0};
    if (offset >= size)
        return 0;
    if (s->fd < 0) {
        *bytes = (sluice_str){s->tail.ptr + offset, s->tail.len - (size_t)offset};
        return 0;
    }
    if (want > size - offset)
        want = (size_t)(size - offset);
    if (offset < s->window_at || offset + want > s->window_at + s->window.len) {
        int rc = fill_window(s, offset, want, err);
        if (rc)
            return rc;
    }
    size_t skip = (size_t)(offset - s->window_at);
    *bytes = (sluice_str){s->window.ptr + skip, s->window.len - skip};
    return 0;
}
