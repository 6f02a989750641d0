/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* realpath, flock */
#include "db/sql/claim.h"
#include "db/sql/migrate.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The process opens the lock file once and keeps it open: closing any descriptor of a file releases all of the
 * process's locks on it. */
struct sql_claim {
    int fd, file; /* of the lock file, and of the database */
};

static enum rc taken(int fd, const char *path, const char *lock, struct err *e)
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
        return err_set(
            e, RC_CONFLICT,
            "another dmvisord (pid %ld) serves the database %s: stop it first, or give this one a database of its own",
            (long)l.l_pid, path);
    return err_set(e, RC_CONFLICT, "another process has locked %s", lock);
}

/* The database may not exist yet, but its folder does. */
static enum rc lock_name(const char *path, char out[PATH_MAX + 8], struct err *e)
{
    char real[PATH_MAX];
    int n = snprintf(out, PATH_MAX + 8, "%s.lock", realpath(path, real) ? real : path);
    return n < PATH_MAX ? RC_OK : err_set(e, RC_LIMIT, "database: the path is too long: %.200s", path);
}

/* Lock the database file as well: it may have a second name (a hard link), or its lock file may have been removed.
 * SQLite uses another kind of lock. On a file system without flock, the lock file is the only protection. */
static enum rc claim_file(const char *path, int *fd, struct err *e)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return RC_OK;
    return err_set(
        e, RC_CONFLICT,
        "another dmvisord serves the database %s, under another name of the same file or with its lock file removed: "
        "stop it first, or give this one a database of its own",
        path);
}

enum rc sql_claim(const char *target, struct sql_claim **out, struct err *e)
{
    const char *path = NULL;
    char lock[PATH_MAX + 8];
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct sql_claim *c = calloc(1, sizeof *c);
    enum rc rc = c ? sql_path(target, &path, e) : err_set(e, RC_NOMEM, "no memory for a lock");
    if (!rc) rc = lock_name(path, lock, e);
    if (rc) {
        free(c);
        return rc;
    }
    c->fd = c->file = -1;
    if (strcmp(path, ":memory:") != 0) {
        c->fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (c->fd < 0)
            rc = err_set(e, RC_IO, "cannot open the lock file %s: %s", lock, strerror(errno));
        else if (fcntl(c->fd, F_SETLK, &l) != 0)
            rc = errno == EACCES || errno == EAGAIN ? taken(c->fd, path, lock, e)
                                                    : err_set(e, RC_IO, "cannot lock %s: %s", lock, strerror(errno));
        if (!rc) rc = claim_file(path, &c->file, e);
    }
    if (rc)
        sql_claim_give_back(c);
    else
        *out = c;
    return rc;
}

void sql_claim_give_back(struct sql_claim *c)
{
    if (!c) return;
    if (c->file >= 0) close(c->file);
    if (c->fd >= 0) close(c->fd);
    free(c);
}
