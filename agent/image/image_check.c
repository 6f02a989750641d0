/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/image_check.h"
#include "base/confined.h"
#include "base/doc.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QEMU_IMG_S = 10, QEMU_IMG_BYTES = 256 << 10, LOOK_ARENA_BYTES = 8 << 20, HEADER_BYTES = 4096 };

/* ---- the file ---- */

enum rc image_check_file(const char *file, int *out, struct err *e)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    enum rc rc = RC_OK;
    if (fd < 0)
        return err_set(e, errno == ELOOP ? RC_INVALID : RC_IO, "%s %s", file,
                       errno == ELOOP ? "is a symbolic link, which is not allowed for a VM's files" : strerror(errno));
    if (fstat(fd, &st) != 0)
        rc = err_set(e, RC_IO, "%s: %s", file, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = err_set(e, RC_INVALID, "%s is not a regular file", file);
    else if (st.st_nlink != 1)
        rc = err_set(e, RC_INVALID, "%s has a second hard link, which is not allowed for a VM's files", file);
    if (rc || !out)
        close(fd);
    else
        *out = fd;
    return rc;
}

static enum rc check_size(int64_t bytes, const struct image_rules *rules, struct err *e)
{
    if (rules->virtual_max_kb <= 0 || (bytes + 1023) / 1024 <= rules->virtual_max_kb) return RC_OK;
    return err_set(e, RC_LIMIT,
                   "the image's disk of %" PRId64 " KiB is larger than the %" PRId64 " KiB that it may have",
                   (bytes + 1023) / 1024, rules->virtual_max_kb);
}

/* ---- qcow2's header, big endian (QEMU docs/interop/qcow2.txt) ---- */

static uint64_t number(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    while (n--) v = v << 8 | *p++;
    return v;
}

enum {
    QCOW2_MAGIC = 0x514649fb,
    QCOW2_V2_BYTES = 72,
    QCOW2_V3_BYTES = 104,
    EXT_END = 0,
    EXT_DATA_FILE = 0x44415441,
    FEATURE_CORRUPT = 1 << 1,
    FEATURE_DATA_FILE = 1 << 2,
    FEATURES_KNOWN = 0x1f /* dirty, corrupt, data file, compression type, extended L2 */
};
static const uint32_t EXT_BACKING_FORMAT = 0xe2792aca, EXT_ENCRYPTION = 0x0537be77;

/* Extensions can refer to other files. */
static enum rc check_extensions(const uint8_t *h, size_t n, size_t at, struct err *e)
{
    while (at + 8 <= n) {
        const uint32_t type = (uint32_t)number(h + at, 4);
        const uint64_t length = number(h + at + 4, 4);
        if (type == EXT_END) return RC_OK;
        if (type == EXT_DATA_FILE) return err_set(e, RC_INVALID, "the image keeps its data in another file");
        if (type == EXT_BACKING_FORMAT) return err_set(e, RC_INVALID, "the image is based on another file");
        if (type == EXT_ENCRYPTION) return err_set(e, RC_INVALID, "the image carries an encryption header");
        at += 8 + (size_t)((length + 7) & ~(uint64_t)7);
    }
    return err_set(e, RC_INVALID, "the image's header does not end within %zu bytes", n);
}

static enum rc check_header(int fd, const struct image_rules *rules, struct err *e)
{
    uint8_t h[HEADER_BYTES] = { 0 };
    ssize_t got = pread(fd, h, sizeof h, 0);
    size_t n = got > 0 ? (size_t)got : 0, end = QCOW2_V2_BYTES;
    enum rc rc;
    if (n < QCOW2_V2_BYTES || number(h, 4) != QCOW2_MAGIC)
        return err_set(e, RC_INVALID, "the image is declared as qcow2 and is not");
    const uint64_t version = number(h + 4, 4), features = version == 3 ? number(h + 72, 8) : 0;
    if (version != 2 && version != 3)
        return err_set(e, RC_INVALID, "the image is qcow2 of version %" PRIu64 "; 2 and 3 are known", version);
    if (number(h + 8, 8)) return err_set(e, RC_INVALID, "the image is based on another file (backing file)");
    if (number(h + 32, 4)) return err_set(e, RC_INVALID, "the image is encrypted");
    if (features & FEATURE_DATA_FILE) return err_set(e, RC_INVALID, "the image keeps its data in another file");
    if (features & FEATURE_CORRUPT) return err_set(e, RC_INVALID, "the image is marked as damaged");
    if (features & ~(uint64_t)FEATURES_KNOWN)
        return err_set(e, RC_INVALID, "the image has features that are not known here (%" PRIx64 ")", features);
    if (number(h + 24, 8) > INT64_MAX) return err_set(e, RC_LIMIT, "the image's disk has an impossible size");
    rc = check_size((int64_t)number(h + 24, 8), rules, e);
    if (!rc && version == 3) {
        end = (size_t)number(h + 100, 4);
        if (end < QCOW2_V3_BYTES || end > n) return err_set(e, RC_INVALID, "the image's header is malformed");
    }
    return rc ? rc : check_extensions(h, n, end, e);
}

/* ---- the result of qemu-img ---- */

static bool plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '/' || s.p[i] == '\\' || s.p[i] == '\x7f') return false;
    return s.n && s.n <= 64 && s.p[0] != '.' && s.p[0] != '-';
}

static enum rc check_report(struct str json, const struct image_rules *rules, struct arena *a, struct err *e)
{
    static const char *const elsewhere[] = { "backing-filename", "full-backing-filename", "backing-image",
                                             "format-specific/data/data-file" };
    const struct doc *v, *snapshots;
    struct doc *d;
    bool encrypted = false;
    int64_t size;
    enum rc rc = doc_parse(json, "qemu-img info", a, &d, e);
    if (rc) return rc;
    v = doc_get(d, "format");
    if (!v || !str_is(v->text, "qcow2")) return err_set(e, RC_INVALID, "the image is declared as qcow2 and is not");
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (doc_path(d, elsewhere[i])) return err_set(e, RC_INVALID, "the image refers to another file");
    if (doc_bool(doc_get(d, "encrypted"), &encrypted) && encrypted)
        return err_set(e, RC_INVALID, "the image is encrypted");
    snapshots = doc_get(d, "snapshots");
    for (const struct doc *s = snapshots ? snapshots->first : NULL; s; s = s->next) {
        v = doc_get(s, "name");
        if (!v || !plain(v->text)) return err_set(e, RC_INVALID, "the image has a snapshot with an invalid name");
    }
    if (!doc_i64(doc_get(d, "virtual-size"), &size) || size < 0)
        return err_set(e, RC_INVALID, "the image's disk size is missing");
    return check_size(size, rules, e);
}

static enum rc ask_qemu_img(const char *file, const struct image_rules *rules, struct err *e)
{
    const char *const argv[] = { "/usr/bin/qemu-img", "info", "-U", "--output=json", "-f", "qcow2", "--", file, NULL };
    const struct confined_limits limits = { QEMU_IMG_S, QEMU_IMG_BYTES, rules->uid, rules->gid };
    struct buf out;
    struct arena a;
    int code = -1;
    buf_init(&out, QEMU_IMG_BYTES);
    arena_init(&a, LOOK_ARENA_BYTES);
    enum rc rc = confined_run(argv, &limits, &out, &code, e);
    if (!rc && code == 127)
        rc = err_set(e, RC_UNSUPPORTED, "qemu-img is needed to check qcow2 images; install qemu-utils");
    if (!rc && code != 0) rc = err_set(e, RC_INVALID, "qemu-img cannot read the image (it ended with %d)", code);
    if (!rc) rc = check_report(buf_str(&out), rules, &a, e);
    arena_finish(&a);
    buf_finish(&out);
    return rc;
}

enum rc image_check(const char *file, const char *format, const struct image_rules *rules, struct err *e)
{
    struct stat st;
    const bool raw = strcmp(format, "raw") == 0;
    int fd = -1;
    if (!raw && strcmp(format, "qcow2") != 0)
        return err_set(e, RC_UNSUPPORTED, "image format \"%s\" is not supported; supported: bundle, raw, qcow2",
                       format);
    enum rc rc = image_check_file(file, &fd, e);
    if (rc) return rc;
    if (fstat(fd, &st) != 0 || (rules->uid && fchown(fd, rules->uid, rules->gid) != 0))
        rc = err_set(e, RC_IO, "%s: %s", file, strerror(errno));
    if (!rc && st.st_size == 0) rc = err_set(e, RC_INVALID, "%s is empty", file);
    if (!rc) rc = raw ? check_size(st.st_size, rules, e) : check_header(fd, rules, e);
    close(fd);
    return rc || raw ? rc : ask_qemu_img(file, rules, e);
}
