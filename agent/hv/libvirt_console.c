/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/libvirt_console.h"
#include "base/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONSOLES = 64, CHUNK = 16 << 10, DIR_BYTES = 512, CHUNKS_A_TURN = 8 };

struct console {
    char dir[DIR_BYTES]; /* "" = free */
    int from, to;
    off_t size;
};

struct virt_consoles {
    struct threads threads; /* one; it holds the lock while it writes a console, so that nothing is written after
                             * libvirt_consoles_leave */
    int epoll, wake;
    struct console console[CONSOLES];
};

static void let_go(struct console *c)
{
    if (c->from >= 0) close(c->from);
    if (c->to >= 0) close(c->to);
    *c = (struct console){ .from = -1, .to = -1 };
}

/* ---- the log ---- */

static bool open_log(struct console *c)
{
    char file[DIR_BYTES + 32];
    struct stat st;
    snprintf(file, sizeof file, "%s/" VIRT_CONSOLE_LOG, c->dir);
    c->to = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (c->to < 0 || fstat(c->to, &st) != 0) return false;
    c->size = st.st_size;
    return true;
}

static bool turn_over(struct console *c)
{
    char file[DIR_BYTES + 32], old[DIR_BYTES + 32];
    snprintf(file, sizeof file, "%s/" VIRT_CONSOLE_LOG, c->dir);
    snprintf(old, sizeof old, "%s/" VIRT_CONSOLE_LOG ".0", c->dir);
    close(c->to);
    c->to = -1;
    return rename(file, old) == 0 && open_log(c);
}

/* @return false when the console has ended, or its log cannot be kept within its size */
static bool pass_on(struct console *c)
{
    char chunk[CHUNK];
    for (int i = 0; i < CHUNKS_A_TURN; i++) {
        ssize_t n = read(c->from, chunk, sizeof chunk);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        if (n == 0) return false;
        if (c->size + n > VIRT_CONSOLE_BYTES && !turn_over(c)) return false;
        if (write(c->to, chunk, (size_t)n) == n) c->size += n; /* on a full disk the guest's output is dropped */
    }
    return true;
}

static void *run(void *arg)
{
    struct virt_consoles *all = arg;
    struct epoll_event ready[16];
    for (;;) {
        int n = epoll_wait(all->epoll, ready, 16, -1);
        if (n < 0 && errno != EINTR) return NULL;
        for (int i = 0; i < n; i++) {
            struct console *c = ready[i].data.ptr;
            if (!c) return NULL; /* stop */
            threads_lock(&all->threads);
            if (c->from >= 0 && !pass_on(c)) let_go(c);
            threads_unlock(&all->threads);
        }
    }
}

/* ---- which ones ---- */

static int dial(const char *dir)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (snprintf(at.sun_path, sizeof at.sun_path, "%s/" VIRT_CONSOLE_SOCKET, dir) >= (int)sizeof at.sun_path) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void libvirt_consoles_read(struct virt_consoles *all, const char *dir)
{
    struct console *room = NULL;
    if (!dir[0] || strlen(dir) >= DIR_BYTES) return;
    threads_lock(&all->threads);
    for (size_t i = 0; i < CONSOLES; i++) {
        struct console *c = &all->console[i];
        if (!room && !c->dir[0]) room = c;
        if (strcmp(c->dir, dir) == 0) {
            room = NULL;
            break;
        }
    }
    int fd = room ? dial(dir) : -1;
    if (fd >= 0) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = room };
        snprintf(room->dir, sizeof room->dir, "%s", dir);
        room->from = fd;
        if (!open_log(room) || epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) let_go(room);
    }
    threads_unlock(&all->threads);
}

void libvirt_consoles_leave(struct virt_consoles *all, const char *dir)
{
    threads_lock(&all->threads);
    for (size_t i = 0; dir[0] && i < CONSOLES; i++)
        if (strcmp(all->console[i].dir, dir) == 0) let_go(&all->console[i]);
    threads_unlock(&all->threads);
}

enum rc libvirt_consoles_create(struct virt_consoles **out, struct err *e)
{
    struct virt_consoles *all = calloc(1, sizeof *all);
    struct epoll_event ev = { .events = EPOLLIN };
    enum rc rc;
    if (!all) return err_set(e, RC_NOMEM, "no memory for the guests' consoles");
    for (size_t i = 0; i < CONSOLES; i++) all->console[i].from = all->console[i].to = -1;
    threads_init(&all->threads);
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    all->wake = wake_open();
    rc = all->epoll >= 0 && all->wake >= 0 && epoll_ctl(all->epoll, EPOLL_CTL_ADD, all->wake, &ev) == 0
             ? threads_start(&all->threads, run, all, "the guests' consoles", e)
             : err_set(e, RC_IO, "cannot wait for what the guests' consoles say: %s", strerror(errno));
    if (rc)
        libvirt_consoles_destroy(all);
    else
        *out = all;
    return rc;
}

void libvirt_consoles_destroy(struct virt_consoles *all)
{
    if (!all) return;
    if (all->wake >= 0) wake_raise(all->wake);
    threads_finish(&all->threads);
    for (size_t i = 0; i < CONSOLES; i++) let_go(&all->console[i]);
    if (all->epoll >= 0) close(all->epoll);
    if (all->wake >= 0) close(all->wake);
    free(all);
}
