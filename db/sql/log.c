/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* pread */
#include "db/sql/log.h"
#include "db/sql/migrate.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* SQLite's file format, section 4. Numbers are big endian; the words of a checksum are as the magic number says. */
enum { LOG_HEADER = 32, FRAME_HEADER = 24, MAGIC = 0x377f0682, PAGE_LEAST = 512, PAGE_MOST = 65536 };

struct sum {
    uint32_t a, b;
};

struct scan {
    int fd;
    size_t page;
    bool big;
    uint32_t salt[2];
    struct sum before; /* as the frame before says */
    uint8_t frame[FRAME_HEADER + PAGE_MOST];
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const uint8_t *p, bool big)
{
    return big ? be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static struct sum add(struct sum s, const uint8_t *p, size_t n, bool big)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        s.a += word(p + i, big) + s.b;
        s.b += word(p + i + 4, big) + s.a;
    }
    return s;
}

static bool is_page(size_t n)
{
    return n >= PAGE_LEAST && n <= PAGE_MOST && (n & (n - 1)) == 0;
}

static bool read_at(int fd, void *out, size_t n, off_t at)
{
    return pread(fd, out, n, at) == (ssize_t)n;
}

/* How large the pages of the database are, says the database itself. */
static size_t page_of(const char *path)
{
    uint8_t h[18];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = fd >= 0 && read_at(fd, h, sizeof h, 0) ? (size_t)h[16] << 8 | h[17] : 0;
    if (fd >= 0) close(fd);
    return n == 1 ? PAGE_MOST : n;
}

static bool next_frame(struct scan *s, int64_t i)
{
    const size_t n = FRAME_HEADER + s->page;
    return read_at(s->fd, s->frame, n, (off_t)LOG_HEADER + (off_t)(i * (int64_t)n));
}

/* @return false when there is nothing to look at; *whole: the header is as it was written */
static bool begin(struct scan *s, const char *path, bool *whole)
{
    uint8_t h[LOG_HEADER];
    if (!read_at(s->fd, h, sizeof h, 0)) return false;
    s->big = be32(h) & 1;
    s->before = (struct sum){ be32(h + 24), be32(h + 28) };
    const struct sum is = add((struct sum){ 0 }, h, 24, s->big);
    *whole = (be32(h) | 1) == (MAGIC | 1) && is.a == s->before.a && is.b == s->before.b;
    s->page = *whole ? be32(h + 8) : page_of(path);
    if (!is_page(s->page) || !next_frame(s, 0)) return false;
    if (!*whole) s->big = (be32(h) | 1) == (MAGIC | 1) && s->big;
    for (size_t i = 0; i < 2; i++) s->salt[i] = *whole ? be32(h + 16 + 4 * i) : be32(s->frame + 8 + 4 * i);
    return true;
}

/* Does this frame follow the one before, whatever that holds? */
static bool follows(struct scan *s)
{
    const uint8_t *f = s->frame;
    const struct sum said = { be32(f + 16), be32(f + 20) };
    struct sum is = add(s->before, f, 8, s->big);
    is = add(is, f + FRAME_HEADER, s->page, s->big);
    s->before = said;
    return be32(f) && be32(f + 8) == s->salt[0] && be32(f + 12) == s->salt[1] && is.a == said.a && is.b == said.b;
}

/* @param broken  the first frame that is wrong, counted from 1; 0 = the header
 * @return how many transactions were kept behind the place where the log is broken off */
static int64_t kept_behind(struct scan *s, bool whole, int64_t *broken)
{
    bool intact = whole, commit_before = false, proven = false;
    int64_t commits = 0;
    *broken = 0;
    for (int64_t i = 0; next_frame(s, i); i++) {
        const bool good = follows(s), commit = good && be32(s->frame + 4);
        if (intact && !good) {
            intact = false;
            *broken = i + 1;
        }
        /* What stands behind a commit was written when that had reached the disk, and all before it. */
        if (!intact) proven |= good && commit_before;
        if (!intact) commits += commit;
        commit_before = !intact && commit;
    }
    return proven ? commits : 0;
}

enum rc sql_log_check(const char *target, struct err *e)
{
    const char *path = NULL;
    char file[PATH_MAX];
    bool whole = false;
    int64_t broken = 0, lost = 0;
    enum rc rc = sql_path(target, &path, e);
    if (rc) return rc;
    int n = snprintf(file, sizeof file, "%s-wal", path);
    if (n < 0 || (size_t)n >= sizeof file) return err_set(e, RC_LIMIT, "database: the path is too long: %.200s", path);
    struct scan *s = calloc(1, sizeof *s);
    if (!s) return err_set(e, RC_NOMEM, "no memory to look at the log of the database");
    s->fd = open(file, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 && errno != ENOENT) rc = err_set(e, RC_IO, "cannot read %s: %s", file, strerror(errno));
    if (s->fd >= 0 && begin(s, path, &whole)) lost = kept_behind(s, whole, &broken);
    if (s->fd >= 0) close(s->fd);
    free(s);
    if (lost)
        rc = err_set(e, RC_INVALID,
                     "its log (-wal) is wrong at frame %" PRId64 ", and at least %" PRId64
                     " changes that were kept stand behind that",
                     broken, lost);
    return rc;
}
