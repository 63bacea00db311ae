#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)16384)

static int open_regular(const char *path, int *fd, struct err *err)
{
    /* O_NONBLOCK: a FIFO must be refused below, not waited for. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, E_NOT_FOUND, "%s: no such file", path);
    if (opened < 0)
        return err_set(err, SLUICE_E_CONFIG, "%s: cannot open: %s", path, strerror(errno));

    struct stat st;
    if (fstat(opened, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(opened);
        return err_set(err, SLUICE_E_CONFIG, "%s: not a regular file", path);
    }
    *fd = opened;
    return SLUICE_OK;
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    buf_clear(out);
    int fd = -1;
    int rc = open_regular(path, &fd, err);
    if (rc)
        return rc;

    for (;;) {
        char *room = buf_reserve(out, PIECE_BYTES);
        if (!room) {
            rc = err_set(err, SLUICE_E_CONFIG, "%s: no memory to read it", path);
            break;
        }
        ssize_t got = read(fd, room, PIECE_BYTES);
        if (got == 0)
            break;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = err_set(err, SLUICE_E_CONFIG, "%s: cannot read: %s", path, strerror(errno));
            break;
        }
        out->len += (size_t)got;
        if (out->len > max) {
            rc = err_set(err, SLUICE_E_CONFIG, "%s: larger than %zu bytes", path, max);
            break;
        }
    }
    close(fd);
    if (rc)
        buf_clear(out);
    else if (out->ptr)
        out->ptr[out->len] = '\0';
    return rc;
}
