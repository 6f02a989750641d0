/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image/bundle.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, ENTRIES_MAX = 1000, PASSED_OVER_BYTES = 64 << 20 };

/* The parts of a bundle. Other entries are skipped, as long as they are small, because they are decompressed as
 * well. */
static const struct part {
    const char *name;
    int64_t max_bytes;
    bool required, text;
} parts[] = {
    { "kernel", 256LL << 20, true, false },
    { "initrd", 1LL << 30, false, false },
    { "cmdline", BUNDLE_CMDLINE_BYTES, false, true },
};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* "kernel" or "./kernel"; a name with any other folder is not a part. */
static const struct part *part_of(const char *path)
{
    if (strncmp(path, "./", 2) == 0) path += 2;
    for (size_t i = 0; i < PARTS; i++)
        if (strcmp(path, parts[i].name) == 0) return &parts[i];
    return NULL;
}

static enum rc write_all(int fd, const char *p, size_t n, const char *file, struct err *e)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return err_set(e, errno == ENOSPC ? RC_LIMIT : RC_IO, "cannot write %s: %s", file, strerror(errno));
        p += w;
        n -= (size_t)w;
    }
    return RC_OK;
}

/* The kernel's command line is one line of text. */
static enum rc check_text(const char *p, size_t n, const char *what, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t') || p[i] == 0x7f)
            return err_set(e, RC_INVALID, "the bundle's %s has a control character at byte %zu", what, i);
    return RC_OK;
}

static enum rc unpack_part(struct archive *ar, const struct part *part, const char *dir, struct err *e)
{
    char chunk[16 << 10];
    char file[PATH_BYTES];
    int64_t total = 0;
    la_ssize_t n = 0;
    enum rc rc = RC_OK;
    snprintf(file, sizeof file, "%s/%s", dir, part->name);
    unlink(file); /* never through an existing link */
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
    while (!rc && (n = archive_read_data(ar, chunk, sizeof chunk)) > 0) {
        total += n;
        rc = total > part->max_bytes ? err_set(e, RC_INVALID, "the bundle's %s is larger than %lld bytes", part->name,
                                               (long long)part->max_bytes)
             : part->text            ? check_text(chunk, (size_t)n, part->name, e)
                                     : RC_OK;
        if (!rc) rc = write_all(fd, chunk, (size_t)n, file, e);
    }
    if (!rc && n < 0)
        rc = err_set(e, RC_PARSE, "the bundle is damaged in %s: %s", part->name, archive_error_string(ar));
    if (close(fd) != 0 && !rc) rc = err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
    if (!rc && !total && part->required) rc = err_set(e, RC_INVALID, "the bundle's %s is empty", part->name);
    if (rc) unlink(file);
    return rc;
}

/* A part must be a file of its own; a link would name another one. */
static enum rc check_kind(struct archive_entry *entry, const struct part *part, struct err *e)
{
    if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry)) return RC_OK;
    return err_set(e, RC_INVALID, "the bundle's %s is %s; it must be a regular file", part->name,
                   archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK ? "a link"
                                                                                              : "not a file");
}

/* The supported compressions. libarchive knows others, some of which run external programs. */
static bool know_formats(struct archive *ar)
{
    return archive_read_support_format_tar(ar) > ARCHIVE_FAILED &&
           archive_read_support_filter_gzip(ar) > ARCHIVE_FAILED &&
           archive_read_support_filter_bzip2(ar) > ARCHIVE_FAILED &&
           archive_read_support_filter_xz(ar) > ARCHIVE_FAILED && archive_read_support_filter_zstd(ar) > ARCHIVE_FAILED;
}

/* A small archive can expand to terabytes, here of entries that are skipped. */
static enum rc pass_over(struct archive_entry *entry, int64_t *budget, const char *file, struct err *e)
{
    const int64_t bytes = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    if (bytes > *budget)
        return err_set(e, RC_LIMIT, "%s holds more than %d bytes beside kernel, initrd and cmdline", file,
                       PASSED_OVER_BYTES);
    *budget -= bytes > 0 ? bytes : 0;
    return RC_OK;
}

enum rc bundle_unpack(const char *file, const char *dir, struct err *e)
{
    struct archive_entry *entry;
    unsigned seen = 0, n = 0;
    int64_t budget = PASSED_OVER_BYTES;
    int code = ARCHIVE_OK;
    enum rc rc = RC_OK;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_set(e, RC_IO, "cannot make the folder %s: %s", dir, strerror(errno));
    struct archive *ar = archive_read_new();
    if (!ar) return err_set(e, RC_NOMEM, "no memory to unpack %s", file);
    if (!know_formats(ar))
        rc = err_set(e, RC_NOMEM, "no memory to unpack %s", file);
    else if (archive_read_open_filename(ar, file, 64 << 10) != ARCHIVE_OK)
        rc = err_set(e, errno == ENOENT ? RC_IO : RC_PARSE, "%s is not a bundle: %s", file, archive_error_string(ar));
    while (!rc && (code = archive_read_next_header(ar, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        const struct part *part = name ? part_of(name) : NULL;
        if (++n > ENTRIES_MAX)
            rc = err_set(e, RC_LIMIT, "%s is not a kernel bundle: it has more than %d entries", file, ENTRIES_MAX);
        else if (!part)
            rc = pass_over(entry, &budget, file, e);
        else if (seen & 1u << (part - parts))
            rc = err_set(e, RC_INVALID, "the bundle has two files \"%s\"", part->name);
        else if (!(rc = check_kind(entry, part, e)) && !(rc = unpack_part(ar, part, dir, e)))
            seen |= 1u << (part - parts);
    }
    if (!rc && code != ARCHIVE_EOF) rc = err_set(e, RC_PARSE, "%s is not a bundle: %s", file, archive_error_string(ar));
    for (size_t i = 0; !rc && i < PARTS; i++)
        if (parts[i].required && !(seen & 1u << i))
            rc = err_set(e, RC_PARSE, "%s is not a kernel bundle: it has no file \"%s\"", file, parts[i].name);
    archive_read_free(ar);
    return rc;
}
