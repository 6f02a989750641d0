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

enum rc sql_beside(const char *target, char id[SQL_ID_BYTES + 1], bool *there, struct err *e)
{
    char file[PATH_MAX + 8];
    const char *path = NULL;
    struct stat st;
    enum rc rc;
    id[0] = '\0';
    *there = false;
    if (!names(target, &path, file, e, &rc)) return rc;
    *there = stat(path, &st) == 0 && st.st_size > 0;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? RC_OK : err_set(e, RC_IO, "cannot read %s: %s", file, strerror(errno));
    ssize_t n = read(fd, id, SQL_ID_BYTES);
    close(fd);
    id[SQL_ID_BYTES] = '\0';
    if (n == SQL_ID_BYTES && strspn(id, "0123456789abcdef") == SQL_ID_BYTES) return RC_OK;
    id[0] = '\0';
    return err_set(e, RC_INVALID,
                   "%s does not hold the id of a database (%d hex digits): remove it if the database is the right one",
                   file, (int)SQL_ID_BYTES);
}

enum rc sql_beside_keep(const char *target, const char id[SQL_ID_BYTES + 1], struct err *e)
{
    char file[PATH_MAX + 8], fresh[PATH_MAX + 16];
    const char *path = NULL;
    enum rc rc;
    if (!names(target, &path, file, e, &rc)) return rc;
    snprintf(fresh, sizeof fresh, "%s.new", file);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0 && write(fd, id, SQL_ID_BYTES) == SQL_ID_BYTES && write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0) whole = false;
    if (whole && rename(fresh, file) == 0) return RC_OK;
    return err_set(e, RC_IO, "cannot write %s: %s", file, strerror(errno));
}
