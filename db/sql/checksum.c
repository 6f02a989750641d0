/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sql/checksum.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    HEADER_BYTES = 100, /* https://www.sqlite.org/fileformat2.html 1.3 */
    PAGE_BYTES_AT = 16,
    RESERVED_AT = 20,
    PAGE_BYTES_MAX = 65536,
    EXPECT = 1000, /* file controls of our own */
    BAD_PAGE = 1001,
    BARE_PAGES = 1002
};
static const char magic[] = "SQLite format 3";
static const int counted_at[] = { 24, 40, 92, 96 }; /* changes, schema cookie, version-valid-for, SQLite's version */

struct page_file { /* the file object that SQLite sees; the file object of the underlying VFS follows in memory */
    sqlite3_file base;
    int page_bytes; /* 0 = pages have no checksums, or the file is empty */
    bool expected;  /* sql_checksum_expect has set page_bytes; the header is ignored */
    int64_t bad_page, bare_pages;
    uint8_t *page; /* write buffer of page_bytes */
    int room;
};

static sqlite3_file *below(sqlite3_file *f)
{
    return (sqlite3_file *)((struct page_file *)f + 1);
}

/* @return 0 when the pages have no checksums */
static int page_bytes_of(const uint8_t *header)
{
    int n = header[PAGE_BYTES_AT] << 8 | header[PAGE_BYTES_AT + 1];
    if (memcmp(header, magic, sizeof magic) != 0 || header[RESERVED_AT] != SQL_CHECKSUM_BYTES) return 0;
    return n == 1 ? PAGE_BYTES_MAX : n;
}

/* The checksum is never 0. It leaves out the counters of the first page's header, which programs change that only copy
 * the file (sqlite3 .backup). */
static void checksum(const uint8_t *page, int page_bytes, int64_t number, uint8_t out[SQL_CHECKSUM_BYTES])
{
    const size_t skip = number == 1 ? HEADER_BYTES : 0;
    uint8_t header[HEADER_BYTES];
    uint64_t sum = XXH3_64bits_withSeed(page + skip, (size_t)(page_bytes - SQL_CHECKSUM_BYTES) - skip,
                                        (uint64_t)number);
    if (skip) {
        memcpy(header, page, sizeof header);
        for (size_t i = 0; i < sizeof counted_at / sizeof counted_at[0]; i++) memset(header + counted_at[i], 0, 4);
        sum ^= XXH3_64bits(header, sizeof header);
    }
    if (!sum) sum = 1;
    for (int i = 0; i < SQL_CHECKSUM_BYTES; i++) out[i] = (uint8_t)(sum >> 8 * i);
}

static bool is_zero(const uint8_t *octets, size_t n)
{
    while (n && !octets[n - 1]) n--;
    return !n;
}

/* WHOLE: the checksum matches. BARE: no checksum, because another program copied the page from the log. WRONG: the
 * checksum does not match, or the page is all zeroes, as in a hole of a file. */
enum state { WHOLE, BARE, WRONG };

static enum state state_of(const uint8_t *page, int page_bytes, int64_t number)
{
    const uint8_t *sum = page + page_bytes - SQL_CHECKSUM_BYTES;
    uint8_t right[SQL_CHECKSUM_BYTES];
    checksum(page, page_bytes, number, right);
    if (memcmp(sum, right, sizeof right) == 0) return WHOLE;
    return is_zero(sum, SQL_CHECKSUM_BYTES) && !is_zero(page, (size_t)page_bytes) ? BARE : WRONG;
}

/* Another connection may have written the first page, or changed the format. */
static void learn(struct page_file *f)
{
    uint8_t header[HEADER_BYTES];
    sqlite3_file *to = below(&f->base);
    if (!f->page_bytes && to->pMethods->xRead(to, header, sizeof header, 0) == SQLITE_OK)
        f->page_bytes = page_bytes_of(header);
}

static bool is_page(const struct page_file *f, int n, sqlite3_int64 at)
{
    return f->page_bytes && n == f->page_bytes && at % n == 0;
}

/* @return the SQLite result code */
static int looked_at(struct page_file *f, const void *page, int n, sqlite3_int64 at)
{
    const enum state state = is_page(f, n, at) ? state_of(page, n, at / n + 1) : WHOLE;
    if (state == BARE) f->bare_pages++;
    if (state != WRONG) return SQLITE_OK;
    f->bad_page = at / n + 1;
    return SQLITE_IOERR_DATA;
}

/* ---- the file ---- */

static int file_close(sqlite3_file *f)
{
    free(((struct page_file *)f)->page);
    return below(f)->pMethods->xClose(below(f));
}

static int file_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    struct page_file *p = (struct page_file *)f;
    int code = below(f)->pMethods->xRead(below(f), out, n, at);
    if (code != SQLITE_OK) return code;
    if (at == 0 && n >= HEADER_BYTES && !p->expected) p->page_bytes = page_bytes_of(out);
    code = looked_at(p, out, n, at);
    /* Pages in the log therefore have no checksum, and a program that copies them from the log writes no wrong one. */
    if (code == SQLITE_OK && is_page(p, n, at)) memset((uint8_t *)out + n - SQL_CHECKSUM_BYTES, 0, SQL_CHECKSUM_BYTES);
    return code;
}

static int file_write(sqlite3_file *f, const void *octets, int n, sqlite3_int64 at)
{
    struct page_file *p = (struct page_file *)f;
    if (at == 0 && n >= HEADER_BYTES && !p->expected)
        p->page_bytes = page_bytes_of(octets);
    else
        learn(p);
    if (!is_page(p, n, at)) return below(f)->pMethods->xWrite(below(f), octets, n, at);
    if (p->room < n) {
        free(p->page);
        p->room = 0;
        if (!(p->page = malloc((size_t)n))) return SQLITE_IOERR_NOMEM;
        p->room = n;
    }
    memcpy(p->page, octets, (size_t)(n - SQL_CHECKSUM_BYTES));
    checksum(p->page, n, at / n + 1, p->page + n - SQL_CHECKSUM_BYTES);
    return below(f)->pMethods->xWrite(below(f), p->page, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return below(f)->pMethods->xTruncate(below(f), size);
}
static int file_sync(sqlite3_file *f, int flags)
{
    return below(f)->pMethods->xSync(below(f), flags);
}
static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return below(f)->pMethods->xFileSize(below(f), size);
}
static int file_lock(sqlite3_file *f, int lock)
{
    return below(f)->pMethods->xLock(below(f), lock);
}
static int file_unlock(sqlite3_file *f, int lock)
{
    return below(f)->pMethods->xUnlock(below(f), lock);
}
static int file_check_lock(sqlite3_file *f, int *reserved)
{
    return below(f)->pMethods->xCheckReservedLock(below(f), reserved);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    struct page_file *p = (struct page_file *)f;
    if (op == EXPECT) {
        p->page_bytes = *(const int *)arg;
        p->expected = true;
        return SQLITE_OK;
    }
    if (op == BAD_PAGE || op == BARE_PAGES) {
        *(int64_t *)arg = op == BAD_PAGE ? p->bad_page : p->bare_pages;
        return SQLITE_OK;
    }
    return below(f)->pMethods->xFileControl(below(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
    return below(f)->pMethods->xSectorSize(below(f));
}
static int file_device(sqlite3_file *f)
{
    return below(f)->pMethods->xDeviceCharacteristics(below(f));
}
static int file_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **out)
{
    return below(f)->pMethods->xShmMap(below(f), region, size, extend, out);
}
static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return below(f)->pMethods->xShmLock(below(f), offset, n, flags);
}
static void file_shm_barrier(sqlite3_file *f)
{
    below(f)->pMethods->xShmBarrier(below(f));
}
static int file_shm_unmap(sqlite3_file *f, int drop)
{
    return below(f)->pMethods->xShmUnmap(below(f), drop);
}

/* A page of the mapped file. It does not change during the check: a checkpoint does not overwrite pages that a reader
 * needs. */
static int file_fetch(sqlite3_file *f, sqlite3_int64 at, int n, void **out)
{
    int code = below(f)->pMethods->xFetch(below(f), at, n, out);
    if (code != SQLITE_OK || !*out) return code;
    code = looked_at((struct page_file *)f, *out, n, at);
    if (code == SQLITE_OK) return SQLITE_OK;
    below(f)->pMethods->xUnfetch(below(f), at, *out);
    *out = NULL;
    return code;
}

static int file_unfetch(sqlite3_file *f, sqlite3_int64 at, void *page)
{
    return below(f)->pMethods->xUnfetch(below(f), at, page);
}

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
    .xFetch = file_fetch,
    .xUnfetch = file_unfetch,
};

/* ---- the VFS: logs, journals and temporary files go to the underlying VFS unchanged ---- */

static sqlite3_vfs vfs; /* SQLite keeps it in its list from the first use on */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    sqlite3_vfs *to = v->pAppData;
    if (!(flags & SQLITE_OPEN_MAIN_DB)) return to->xOpen(to, name, f, flags, out_flags);
    memset(f, 0, sizeof(struct page_file));
    int code = to->xOpen(to, name, below(f), flags, out_flags);
    f->pMethods = code == SQLITE_OK ? &methods : NULL;
    return code;
}

static void register_vfs(void)
{
    sqlite3_vfs *to = sqlite3_vfs_find(NULL);
    if (!to) return;
    vfs = *to;
    vfs.pNext = NULL;
    vfs.zName = "checksum";
    vfs.pAppData = to;
    vfs.szOsFile = (int)sizeof(struct page_file) + to->szOsFile;
    vfs.xOpen = vfs_open;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) vfs.zName = NULL;
}

const char *sql_checksum_vfs(void)
{
    pthread_once(&once, register_vfs);
    return vfs.zName;
}

void sql_checksum_expect(sqlite3 *db, int page_bytes)
{
    (void)sqlite3_file_control(db, "main", EXPECT, &page_bytes);
}

static int64_t told(sqlite3 *db, int op)
{
    int64_t n = 0;
    return sqlite3_file_control(db, "main", op, &n) == SQLITE_OK ? n : 0;
}

int64_t sql_checksum_bad_page(sqlite3 *db)
{
    return told(db, BAD_PAGE);
}

int64_t sql_checksum_bare_pages(sqlite3 *db)
{
    return told(db, BARE_PAGES);
}

/* ---- a file that no process has open ---- */

enum { LOCK_BYTE_AT = 0x40000000 }; /* SQLite's lock bytes: this page is never written */

static enum rc mend_page(int fd, uint8_t *page, int n, off_t at, const char *path, struct err *e)
{
    checksum(page, n, at / n + 1, page + n - SQL_CHECKSUM_BYTES);
    return pwrite(fd, page, (size_t)n, at) == n ? RC_OK
                                                : err_set(e, RC_IO, "cannot write %s: %s", path, strerror(errno));
}

/* @param mended  number of repaired pages; NULL = check only. @param worst  the worst state that is repaired */
static enum rc walk(int fd, const char *path, int n, enum state worst, int64_t *mended, struct err *e)
{
    uint8_t *page = malloc((size_t)n);
    enum rc rc = page ? RC_OK : err_set(e, RC_NOMEM, "no memory for a page");
    ssize_t got = n;
    for (off_t at = 0; !rc && (got = pread(fd, page, (size_t)n, at)) == n; at += n) {
        const enum state state = at / n == LOCK_BYTE_AT / n ? WHOLE : state_of(page, n, at / n + 1);
        if (state == WHOLE || (state == BARE && !mended)) continue;
        if (mended && state <= worst) {
            rc = mend_page(fd, page, n, at, path, e);
            ++*mended;
        } else {
            rc = err_set(e, RC_INVALID, "page %lld of %s has a wrong checksum", (long long)(at / n + 1), path);
        }
    }
    if (!rc && got < 0) rc = err_set(e, RC_IO, "cannot read %s: %s", path, strerror(errno));
    if (!rc && got > 0) rc = err_set(e, RC_INVALID, "%s ends in the middle of a page", path);
    if (!rc && mended && fsync(fd) != 0) rc = err_set(e, RC_IO, "cannot write %s: %s", path, strerror(errno));
    free(page);
    return rc;
}

static enum rc walk_file(const char *path, enum state worst, int64_t *mended, struct err *e)
{
    uint8_t header[HEADER_BYTES];
    int fd = open(path, (mended ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return err_set(e, RC_IO, "cannot open %s: %s", path, strerror(errno));
    const int n = pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header ? page_bytes_of(header) : 0;
    enum rc rc = n ? walk(fd, path, n, worst, mended, e)
                   : err_set(e, RC_UNSUPPORTED, "%s is not a database with page checksums", path);
    close(fd);
    return rc;
}

enum rc sql_checksum_check(const char *path, struct err *e)
{
    return walk_file(path, WHOLE, NULL, e);
}

enum rc sql_checksum_mend(const char *path, bool all, int64_t *mended, struct err *e)
{
    *mended = 0;
    return walk_file(path, all ? WRONG : BARE, mended, e);
}
