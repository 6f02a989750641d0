/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/confined.h"
#include "base/world.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY_BYTES = 1 << 30, FILES = 64 };

static bool limit(int what, rlim_t n)
{
    const struct rlimit r = { n, n };
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

/* Between fork and exec only raw system calls are used: another thread of the parent may hold any lock. */
static void become(const char *const argv[], const struct confined_limits *l, int out)
{
    static char language[] = "LC_ALL=C", path[] = "PATH=/usr/bin:/bin", *const environment[] = { language, path, NULL };
    sigset_t none;
    int null = open("/dev/null", O_RDWR);
    sigemptyset(&none);
    bool good = null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(null, 2) == 2;
    good = good && (syscall(SYS_close_range, 3u, ~0u, 0u) == 0 || errno == ENOSYS); /* they are CLOEXEC anyway */
    good = good && limit(RLIMIT_CPU, l->time_s) && limit(RLIMIT_AS, MEMORY_BYTES) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, FILES);
    /* The C library's setters signal all threads of the process that forked; the system calls change only this one. */
    if (l->uid)
        good = good && syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_setresgid, l->gid, l->gid, l->gid) == 0 &&
               syscall(SYS_setresuid, l->uid, l->uid, l->uid) == 0;
    good = good && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
    if (good) execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

/* Read the program's output up to its end. */
static enum rc collect(int fd, const struct confined_limits *l, struct buf *out, const char *name, struct err *e)
{
    const int64_t until = world_monotonic_ms() + (int64_t)l->time_s * 1000;
    char chunk[4096];
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        const int64_t left = until - world_monotonic_ms();
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return err_set(e, RC_TIMEOUT, "%s did not end within %u s", name, l->time_s);
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(e, RC_IO, "%s: %s", name, strerror(errno));
        if (n == 0) return RC_OK;
        if (out->n + (size_t)n > l->out_bytes)
            return err_set(e, RC_LIMIT, "%s writes more than %zu bytes", name, l->out_bytes);
        buf_put(out, (struct str){ chunk, (size_t)n });
    }
}

enum rc confined_run(const char *const argv[], const struct confined_limits *limits, struct buf *out, int *code,
                     struct err *e)
{
    int fds[2], status = 0;
    if (pipe2(fds, O_CLOEXEC) != 0) return err_set(e, RC_IO, "%s: %s", argv[0], strerror(errno));
    pid_t pid = fork();
    if (pid == 0) become(argv, limits, fds[1]);
    close(fds[1]);
    enum rc rc = pid < 0 ? err_set(e, RC_IO, "%s cannot be started: %s", argv[0], strerror(errno))
                         : collect(fds[0], limits, out, argv[0], e);
    close(fds[0]);
    if (pid < 0) return rc;
    if (rc) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return rc;
}
