/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined program can still do, tried by a child of this one. */
#define _GNU_SOURCE
#include "base/sandbox.h"
#include "tests/lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/dmvisor-sandbox-XXXXXX";

/* 0 = it worked, else the errno. */
static int opening(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

/* gcc and clang say it differently. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static int running(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno;
}

static int own(const char *name, int flags)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return opening(path, flags);
}

static int making_a_node(mode_t kind)
{
    char path[100];
    snprintf(path, sizeof path, "%s/node", dir);
    int bad = mknod(path, kind | 0600, makedev(1, 7)) ? errno : 0;
    if (!bad) unlink(path);
    return bad;
}

/* A child of its own with these flags. */
static int cloning(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) _exit(0);
    if (pid < 0) return errno;
    return waitpid((pid_t)pid, NULL, 0) == pid ? 0 : errno;
}

static void *nothing(void *p)
{
    return p;
}

static bool a_thread_runs(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool status_says(const char *line)
{
    char text[200];
    FILE *f = fopen("/proc/self/status", "r");
    bool yes = false;
    while (f && fgets(text, sizeof text, f)) yes |= !strncmp(text, line, strlen(line));
    if (f) fclose(f);
    return yes;
}

/* One attempt after another; the number of the first that went otherwise than it should, 0 = none. */
static int attempts(const struct sandbox_state *got, bool programs)
{
    int n = 0;
#define SHOULD(what)                                                                                                   \
    do {                                                                                                               \
        n++;                                                                                                           \
        if (!(what)) return n;                                                                                         \
    } while (0)
    SHOULD(status_says("NoNewPrivs:\t1"));
    SHOULD(own("new", O_WRONLY | O_CREAT) == 0 && own("new", O_RDWR) == 0);
    SHOULD(opening("/etc/hosts", O_RDONLY) == 0 || errno == ENOENT);
    SHOULD(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    if (got->files) {
        SHOULD(opening("/etc/dmvisor-sandbox", O_WRONLY | O_CREAT) == EACCES);
        SHOULD(opening("/tmp/dmvisor-sandbox", O_WRONLY | O_CREAT) == EACCES);
        SHOULD(opening("/root", O_RDONLY | O_DIRECTORY) == EACCES);
        SHOULD(opening("/boot", O_RDONLY | O_DIRECTORY) == EACCES);
        SHOULD(mkdir("/tmp/dmvisor-sandbox.d", 0700) < 0 && errno == EACCES);
        SHOULD(making_a_node(S_IFBLK) != 0 && making_a_node(S_IFCHR) != 0);
        SHOULD(geteuid() != 0 || making_a_node(S_IFBLK) == EACCES);
    }
    if (got->calls) {
        SHOULD(status_says("Seccomp:\t2"));
        SHOULD(mount("none", "/mnt", "tmpfs", 0, NULL) < 0 && errno == EPERM);
        SHOULD(unshare(CLONE_NEWNS) < 0 && errno == EPERM);
        SHOULD(cloning(CLONE_NEWUSER) == EPERM && cloning(CLONE_NEWUSER | CLONE_NEWNS) == EPERM);
        SHOULD(cloning(CLONE_NEWNET) == EPERM && cloning(CLONE_NEWPID) == EPERM && cloning(CLONE_NEWIPC) == EPERM);
        SHOULD(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
        SHOULD(cloning(0) == 0 && a_thread_runs());
        SHOULD(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT);
        SHOULD(socket(AF_ALG, SOCK_SEQPACKET, 0) < 0 && errno == EAFNOSUPPORT);
        SHOULD(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT);
        SHOULD(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
        SHOULD(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
        SHOULD(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
        SHOULD(syscall(SYS_finit_module, -1, "", 0) < 0 && errno == EPERM);
        SHOULD(syscall(SYS_kexec_load, 0, 0, NULL, 0) < 0 && errno == EPERM);
        SHOULD(syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno == EPERM);
        SHOULD(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) < 0 && errno == EPERM);
        SHOULD(SANITIZED || (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM));
        if (!programs) SHOULD(running() == EPERM);
    }
    if (programs) _exit(running() ? 99 : 0);
    return 0;
}

static int in_a_child(const struct sandbox *s)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_state got;
        if (sandbox_enter(s, &got, NULL)) _exit(98);
        _exit(attempts(&got, s->runs_programs));
    }
    CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const struct sandbox_path paths[] = {
    { dir, SANDBOX_WRITE },    { "/usr", SANDBOX_RUN },      { "/bin", SANDBOX_RUN },
    { "/lib", SANDBOX_RUN },   { "/lib64", SANDBOX_RUN },    { "/etc", SANDBOX_READ },
    { "/proc", SANDBOX_READ }, { "/absent", SANDBOX_WRITE }, { NULL, SANDBOX_WRITE },
};

static void what_was_given_up_is_gone(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    struct sandbox s = { .mode = SANDBOX_PREFER, .paths = paths, .n_paths = sizeof paths / sizeof paths[0] };
    CU_ASSERT_EQUAL(in_a_child(&s), 0);
    s.runs_programs = true;
    CU_ASSERT_EQUAL(in_a_child(&s), 0);
    char file[100];
    snprintf(file, sizeof file, "%s/new", dir);
    unlink(file);
    rmdir(dir);
}

/* What is missing is named, and `require` does not start without it. */
static void what_is_missing_is_said(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox s = { .mode = SANDBOX_OFF };
        struct sandbox_state got;
        struct err e = { 0 };
        if (sandbox_enter(&s, &got, &e) || got.no_new_privs || !got.missing[0]) _exit(1);
        s = (struct sandbox){ .mode = SANDBOX_PREFER, .paths = paths, .n_paths = 1 };
        if (sandbox_enter(&s, &got, &e) || (got.calls && got.files) != !got.missing[0]) _exit(2);
        s.mode = SANDBOX_REQUIRE;
        enum rc rc = sandbox_enter(&s, &got, &e);
        if (got.calls && got.files ? rc != RC_OK : rc != RC_UNSUPPORTED || !strstr(e.text, got.missing)) _exit(3);
        _exit(0);
    }
    CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_MAIN("base.sandbox", TEST(what_was_given_up_is_gone), TEST(what_is_missing_is_said))
