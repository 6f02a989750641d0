/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SEEK_DATA */
#include "base/erase.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { STRETCH_BYTES = 4 << 20, CHUNK_BYTES = 64 << 10 };

static enum rc lost(struct err *e, const char *what, const char *name)
{
    return err_set(e, RC_IO, "%s: %s: %s", name, what, strerror(errno));
}

/* Overwrite [at, at + n) with zeroes, and read them back from the disk. */
static enum rc zero(int fd, const char *name, off_t at, size_t n, struct err *e)
{
    static const char nothing[CHUNK_BYTES];
    char seen[CHUNK_BYTES];

    for (size_t done = 0; done < n;) {
        ssize_t w = pwrite(fd, nothing, n - done < CHUNK_BYTES ? n - done : CHUNK_BYTES, at + (off_t)done);
        if (w <= 0) return lost(e, "cannot be overwritten", name);
        done += (size_t)w;
    }
    if (fdatasync(fd) != 0) return lost(e, "cannot be overwritten", name);
    posix_fadvise(fd, at, (off_t)n, POSIX_FADV_DONTNEED);
    for (size_t done = 0; done < n;) {
        ssize_t r = pread(fd, seen, n - done < CHUNK_BYTES ? n - done : CHUNK_BYTES, at + (off_t)done);
        if (r <= 0) return lost(e, "cannot be read back", name);
        if (memcmp(seen, nothing, (size_t)r) != 0)
            return err_set(e, RC_IO, "%s: the disk still returns data after it was overwritten", name);
        done += (size_t)r;
    }
    return RC_OK;
}

/* The next range that holds data. A file system without holes reports the whole file as data. @return false at the
 * end */
static bool next_data(int fd, off_t *at, size_t *n)
{
    off_t size = lseek(fd, 0, SEEK_END), from = lseek(fd, *at, SEEK_DATA), to;

    if (from < 0 && errno == ENXIO) return false;
    if (from < 0) from = *at;
    if (from >= size) return false;
    to = lseek(fd, from, SEEK_HOLE);
    if (to <= from) to = size;
    *at = from;
    *n = to - from < STRETCH_BYTES ? (size_t)(to - from) : STRETCH_BYTES;
    return true;
}

enum rc erase_some(int fd, const char *name, off_t *at, int64_t *budget, bool *done, struct err *e)
{
    enum rc rc = RC_OK;
    size_t n = 0;

    *done = false;
    while (!rc && *budget > 0) {
        if (!next_data(fd, at, &n)) {
            *done = true;
            return ftruncate(fd, 0) == 0 && fsync(fd) == 0 ? RC_OK : lost(e, "cannot be emptied", name);
        }
        rc = zero(fd, name, *at, n, e);
        *at += (off_t)n;
        *budget -= (int64_t)n;
    }
    return rc;
}

enum rc erase_file(const char *file, struct err *e)
{
    int64_t budget = INT64_MAX;
    bool done = false;
    off_t at = 0;
    int fd = open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) return errno == ENOENT ? RC_OK : lost(e, "cannot be opened", file);
    enum rc rc = erase_some(fd, file, &at, &budget, &done, e);
    close(fd);
    if (!rc && unlink(file) != 0 && errno != ENOENT) rc = lost(e, "cannot be removed", file);
    return rc || access(file, F_OK) != 0 ? rc : err_set(e, RC_IO, "%s: still exists after it was removed", file);
}
