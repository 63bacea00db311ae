/* file.h - whole small files into memory: configuration, secrets, sockets' notes. */
#ifndef SLUICE_BASE_FILE_H
#define SLUICE_BASE_FILE_H

#include "buf.h"
#include "err.h"

/* Read the regular file at `path` into `out`, replacing what it held. Returns 0; E_NOT_FOUND when there is none;
 * SLUICE_E_CONFIG when it is larger than `max` bytes, not a regular file, or not readable. After an error `out` is
 * empty. Links are followed. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

#endif
