/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "db/sql/beside.h"
#include "db/sql/migrate.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 3 * (SQL_ID_BYTES + 1) };

/* @return false for a database in memory */
static bool names(const char *target, const char **path, char file[PATH_MAX + 8], struct err *e, enum rc *rc)
{
    char real[PATH_MAX];
    *rc = sql_path(target, path, e);
    if (*rc || strcmp(*path, ":memory:") == 0) return false;
    int n = snprintf(file, PATH_MAX + 8, "%s.id", realpath(*path, real) ? real : *path);
    if (n >= PATH_MAX) *rc = err_set(e, RC_LIMIT, "database: the path is too long: %.200s", *path);
    return !*rc;
}

/* "id\n", "id moment\n" or "id moment next\n" */
static bool cut(struct str text, struct sql_beside *out)
{
    char *const to[] = { out->id, out->moment, out->next };
    for (size_t i = 0; i < sizeof to / sizeof to[0] && text.n; i++) {
        if (text.n <= SQL_ID_BYTES || strspn(text.p, "0123456789abcdef") != SQL_ID_BYTES) return false;
        snprintf(to[i], SQL_ID_BYTES + 1, "%s", text.p);
        const char after = text.p[SQL_ID_BYTES];
        if (after == '\n') return true;
        if (after != ' ') return false;
        text = (struct str){ text.p + SQL_ID_BYTES + 1, text.n - SQL_ID_BYTES - 1 };
    }
    return false;
}

enum rc sql_beside(const char *target, struct sql_beside *out, struct err *e)
{
    char file[PATH_MAX + 8], text[LINE_BYTES + 1];
    const char *path = NULL;
    struct stat st;
    enum rc rc;
    *out = (struct sql_beside){ 0 };
    if (!names(target, &path, file, e, &rc)) return rc;
    out->there = stat(path, &st) == 0 && st.st_size > 0;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? RC_OK : err_set(e, RC_IO, "cannot read %s: %s", file, strerror(errno));
    ssize_t n = read(fd, text, LINE_BYTES);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (n > 0 && cut((struct str){ text, (size_t)n }, out)) return RC_OK;
    out->id[0] = '\0';
    return err_set(
        e, RC_INVALID,
        "%s does not contain a database id (%d hex digits): remove the file if the database is the right one", file,
        (int)SQL_ID_BYTES);
}

enum rc sql_beside_keep(const char *target, const struct sql_beside *b, struct err *e)
{
    char file[PATH_MAX + 8], fresh[PATH_MAX + 16], text[LINE_BYTES + 1];
    const char *path = NULL;
    enum rc rc;
    if (!names(target, &path, file, e, &rc)) return rc;
    const int n = snprintf(text, sizeof text, "%s%s%s%s%s\n", b->id, b->moment[0] ? " " : "", b->moment,
                           b->next[0] ? " " : "", b->next);
    snprintf(fresh, sizeof fresh, "%s.new", file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0) whole = false;
    if (whole && rename(fresh, file) == 0) return RC_OK;
    return err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
}
