/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include "agent/hv/libvirt_exits.h"
#include "agent/hv/hv.h"
#include "base/world.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 64, NAME_BYTES = 80, END_WAIT_MS = 1000, YOUNG_S = 30 };

/* linux/pidfd.h of Linux 6.15; older headers lack it. Older kernels answer without the exit's bit, or not at all. */
struct exit_info {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
#define EXIT_INFO_GET  _IOWR(0xFF, 11, struct exit_info)
#define EXIT_INFO_EXIT ((uint64_t)1 << 3)

struct held {
    char domain[NAME_BYTES];
    pid_t pid;
    int fd;
    int64_t at_ms; /* since when it is held, monotonic */
};
struct virt_exits {
    char dir[512];
    int notify, handle;
    pthread_mutex_t lock; /* protects the members below */
    struct held held[HELD];
    unsigned next;
};

/* ---- held emulators ---- */

static pid_t pid_in(const char *file)
{
    char text[32] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Start time of a process in seconds since the host's start; -1 = there is no such process. */
static double started_s(pid_t pid)
{
    char file[64], text[1024] = "";
    unsigned long long ticks = 0;
    snprintf(file, sizeof file, "/proc/%d/stat", (int)pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    const char *p = n > 0 ? strrchr(text, ')') : NULL;
    if (!p ||
        sscanf(p + 2, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &ticks) != 1)
        return -1;
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static bool is_young(pid_t pid)
{
    struct timespec now;
    const double since = started_s(pid);
    clock_gettime(CLOCK_BOOTTIME, &now);
    return since >= 0 && (double)now.tv_sec - since <= YOUNG_S;
}

/* For an emulator that ran before the agent: its arguments name the domain. */
static bool emulates(pid_t pid, const char *domain)
{
    char file[64], line[4096], guest[NAME_BYTES + 8];
    const int n_guest = snprintf(guest, sizeof guest, "guest=%s,", domain);
    snprintf(file, sizeof file, "/proc/%d/cmdline", (int)pid);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line);
    if (fd >= 0) close(fd);
    for (ssize_t i = 0; i + n_guest <= n; i++)
        if (memcmp(line + i, guest, (size_t)n_guest) == 0) return true;
    return false;
}

/* The pid may belong to another process by now, or to another pid namespace: it is held only when its owner matches. */
static void hold(struct virt_exits *x, const char *name, bool is_new)
{
    char file[sizeof x->dir + 256], domain[NAME_BYTES];
    const char *end = strstr(name, ".pid");
    if (!end || end[4] || (size_t)(end - name) >= sizeof domain) return;
    snprintf(file, sizeof file, "%s/%s", x->dir, name);
    snprintf(domain, sizeof domain, "%.*s", (int)(end - name), name);
    const pid_t pid = pid_in(file);
    const int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0u) : -1;
    if (fd < 0) return;
    if (!emulates(pid, domain) && !(is_new && is_young(pid))) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&x->lock);
    struct held *h = NULL;
    for (unsigned i = 0; i < HELD; i++)
        if (strcmp(x->held[i].domain, domain) == 0) h = &x->held[i];
    if (!h) h = &x->held[x->next++ % HELD];
    if (h->fd >= 0) close(h->fd);
    h->fd = fd;
    h->pid = pid;
    h->at_ms = world_monotonic_ms();
    memcpy(h->domain, domain, sizeof domain);
    pthread_mutex_unlock(&x->lock);
}

static void on_written(int watch, int fd, int events, void *opaque)
{
    struct virt_exits *x = opaque;
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n;
    (void)watch, (void)events;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *ev = (const struct inotify_event *)(const void *)(buffer + at);
            if (ev->len) hold(x, ev->name, true);
            at += (ssize_t)(sizeof *ev + ev->len);
        }
}

static void hold_those_there(struct virt_exits *x)
{
    DIR *dir = opendir(x->dir);
    for (struct dirent *d; dir && (d = readdir(dir)) != NULL;) hold(x, d->d_name, false);
    if (dir) closedir(dir);
}

enum rc libvirt_exits_create(const char *pids, struct virt_exits **out, struct err *e)
{
    struct virt_exits *x = calloc(1, sizeof *x);
    if (!x) return err_set(e, RC_NOMEM, "no memory for the emulators' ends");
    snprintf(x->dir, sizeof x->dir, "%s", pids);
    pthread_mutex_init(&x->lock, NULL);
    for (unsigned i = 0; i < HELD; i++) x->held[i].fd = -1;
    x->handle = -1;
    x->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    /* The file stays open and locked while its emulator lives: it is never closed after writing. */
    if (x->notify >= 0 && inotify_add_watch(x->notify, x->dir, IN_MODIFY) >= 0)
        x->handle = virEventAddHandle(x->notify, VIR_EVENT_HANDLE_READABLE, on_written, x, NULL);
    hold_those_there(x);
    *out = x;
    return RC_OK;
}

void libvirt_exits_destroy(struct virt_exits *x)
{
    if (!x) return;
    if (x->handle >= 0) (void)virEventRemoveHandle(x->handle);
    if (x->notify >= 0) close(x->notify);
    for (unsigned i = 0; i < HELD; i++)
        if (x->held[i].fd >= 0) close(x->held[i].fd);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* ---- how it ended ---- */

/* The kernel reports the exit to others only after its parent has collected it. */
static bool exit_code_of(int fd, int *code)
{
    const int64_t until = world_monotonic_ms() + END_WAIT_MS;
    for (;;) {
        struct exit_info info = { .mask = EXIT_INFO_EXIT };
        if (ioctl(fd, EXIT_INFO_GET, &info) == 0 && info.mask & EXIT_INFO_EXIT) {
            *code = info.exit_code;
            return true;
        }
        if (world_monotonic_ms() >= until) return false;
        (void)poll(NULL, 0, 5);
    }
}

/* "6,1201,88123456,-;Out of memory: Killed process 4711 (qemu-system-x86) ...", also of a control group. The pid may
 * have belonged to another process before: only records since it was held count. */
static bool is_about(const char *record, const char *words, int64_t since_ms)
{
    unsigned long long us = 0;
    return strstr(record, words) && sscanf(record, "%*u,%*u,%18llu", &us) == 1 &&
           (int64_t)(us / 1000) + 1000 >= since_ms;
}

static bool killed_for_memory(pid_t pid, int64_t since_ms)
{
    char record[8192], words[48];
    bool found = false;
    const int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n;
    snprintf(words, sizeof words, "Killed process %d (", (int)pid);
    while (fd >= 0 && !found && ((n = read(fd, record, sizeof record - 1)) > 0 || (n < 0 && errno == EPIPE))) {
        record[n > 0 ? n : 0] = '\0';
        found = is_about(record, words, since_ms);
    }
    if (fd >= 0) close(fd);
    return found;
}

struct virt_exit libvirt_exits_of(struct virt_exits *x, const char *domain, int64_t since_ms)
{
    struct virt_exit how = { 0 };
    pid_t pid = 0;
    int64_t at_ms = 0;
    int fd = -1, code = 0;
    if (!x) return how;
    pthread_mutex_lock(&x->lock);
    for (unsigned i = 0; i < HELD && fd < 0; i++)
        if (x->held[i].fd >= 0 && x->held[i].at_ms >= since_ms && strcmp(x->held[i].domain, domain) == 0) {
            fd = fcntl(x->held[i].fd, F_DUPFD_CLOEXEC, 3);
            pid = x->held[i].pid;
            at_ms = x->held[i].at_ms;
        }
    pthread_mutex_unlock(&x->lock);
    if (fd < 0) return how;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    how.ended = poll(&p, 1, END_WAIT_MS) > 0;
    how.known = how.ended && exit_code_of(fd, &code);
    close(fd);
    if (how.known && WIFSIGNALED(code))
        how.signal = WTERMSIG(code);
    else if (how.known)
        how.status = WEXITSTATUS(code);
    how.by_oom = how.ended && (!how.known || how.signal == 9) && killed_for_memory(pid, at_ms);
    return how;
}

void libvirt_exit_words(const struct virt_exit *how, char *out, size_t n)
{
    if (how->by_oom)
        snprintf(out, n, ", killed by the kernel because memory ran out");
    else if (how->known && how->signal)
        snprintf(out, n, ", killed by signal %d", how->signal);
    else if (how->known)
        snprintf(out, n, ", with exit status %d", how->status);
    else
        snprintf(out, n, ", exit status unknown");
}
