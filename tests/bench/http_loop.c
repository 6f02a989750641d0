/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/http_loop.h"
#include "tests/bench/bench.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { CONNECTIONS = 20000, IDLE_S = 75, MEMORY = 8 << 10, BODY_BYTES = 1 << 20 };

struct loop {
    loop_take *take;
    loop_commit *commit;
    void *ctx;
    struct loop_request *waiting, *spare;
};

static volatile sig_atomic_t stopped;
static void on_stop(int signal)
{
    stopped = signal;
}

static struct loop_request *request(struct loop *l)
{
    struct loop_request *q = l->spare;
    if (q) {
        l->spare = q->next;
    } else {
        q = calloc(1, sizeof *q);
        if (q) buf_init(&q->body, BODY_BYTES);
    }
    return q;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **req_ctx)
{
    struct loop *l = ctx;
    struct loop_request *q = *req_ctx;
    (void)url, (void)method, (void)version;
    if (!q) {
        *req_ctx = request(l);
        return *req_ctx ? MHD_YES : MHD_NO;
    }
    if (*n) {
        buf_put(&q->body, (struct str){ data, *n });
        *n = 0;
        return MHD_YES;
    }
    if (q->phase == LOOP_BODY) {
        l->take(l->ctx, q, mhd);
        q->phase = LOOP_WAITS;
        q->next = l->waiting;
        l->waiting = q;
        return MHD_YES; /* looked at again in the next turn, as in dmvisord */
    }
    if (q->phase == LOOP_WAITS) return MHD_YES;
    return q->response ? MHD_queue_response(mhd, 200, q->response) : MHD_NO;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **req_ctx, enum MHD_RequestTerminationCode how)
{
    struct loop *l = ctx;
    struct loop_request *q = *req_ctx;
    (void)mhd, (void)how;
    if (!q) return;
    if (q->response) MHD_destroy_response(q->response);
    q->response = NULL;
    q->phase = LOOP_BODY;
    buf_reset(&q->body);
    q->next = l->spare;
    l->spare = q;
}

static void turn_over(struct loop *l)
{
    if (!l->waiting) return;
    if (l->commit) l->commit(l->ctx);
    while (l->waiting) {
        l->waiting->phase = LOOP_READY;
        l->waiting = l->waiting->next;
    }
}

int loop_run(loop_take *take, loop_commit *commit, void *ctx)
{
    struct loop l = { .take = take, .commit = commit, .ctx = ctx };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct epoll_event ev;

    signal(SIGTERM, on_stop);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&at, &n))
        bench_fail("cannot listen on loopback");
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                                            on_request, &l, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
                                            on_completed, &l, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
                                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
                                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!d) bench_fail("libmicrohttpd does not start");
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    int epoll = epoll_create1(EPOLL_CLOEXEC), http = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = http };
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, http, &ev)) bench_fail("no event loop");
    while (!stopped) {
        MHD_UNSIGNED_LONG_LONG ms = 1000;
        if (MHD_get_timeout(d, &ms) != MHD_YES || ms > 1000) ms = 1000;
        epoll_wait(epoll, &ev, 1, (int)ms);
        MHD_run(d);
        turn_over(&l);
    }
    MHD_stop_daemon(d);
    return 0;
}
