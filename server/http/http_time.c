/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http/http_int.h"

#include "base/log.h"
#include "base/world.h"

#include <gnutls/gnutls.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Timeouts of peers. libmicrohttpd's own limit counts from the last octet, so that a peer that sends an octet now and
 * then would hold a connection for ever. The library also misses the end of a stream (FIN) that arrives together with
 * the last octets: its epoll is edge-triggered, and it treats a short read as the end of the available data.
 *
 * Each wait is in a queue. All waits of a queue have the same timeout, so a queue is in order of time. A new wait
 * enters the queue of waits that have not been checked yet; nearly all end before their first check and cost nothing
 * more. */
enum { LOOK_MS = 1000, NEW = HTTP_W_NONE };

static unsigned or_else(unsigned ms, unsigned standard)
{
    return ms ? ms : standard;
}

void http_time_begin(struct http_listener *l)
{
    const struct http_config *c = &l->config;
    const int64_t head = or_else(c->head_timeout_ms, HTTP_HEAD_MS), body = or_else(c->body_timeout_ms, HTTP_BODY_MS),
                  sending = or_else(c->send_timeout_ms, HTTP_SEND_MS);
    int64_t look = LOOK_MS;
    if (look > head / 2) look = head / 2;
    if (look > body / 2) look = body / 2;
    l->limit_ms[NEW] = look;
    l->limit_ms[HTTP_W_HEAD] = head - look;
    l->limit_ms[HTTP_W_KEPT] = head - look + (int64_t)c->idle_timeout_s * 1000;
    l->limit_ms[HTTP_W_BODY] = body - look;
    l->limit_ms[HTTP_W_SEND] = sending > look ? sending - look : look;
    l->limit_ms[HTTP_W_REFUSED] = look;
    l->now_ms = world_monotonic_ms();
}

static struct http_line *line_of(struct http_listener *l, const struct http_conn *c)
{
    return &l->lines[c->looked ? c->wait : NEW];
}

static void leave(struct http_listener *l, struct http_conn *c)
{
    struct http_line *line = line_of(l, c);
    *(c->prev ? &c->prev->next : &line->first) = c->next;
    *(c->next ? &c->next->prev : &line->last) = c->prev;
}

static void join(struct http_listener *l, struct http_conn *c)
{
    struct http_line *line = line_of(l, c);
    c->since_ms = l->now_ms;
    c->next = NULL;
    c->prev = line->last;
    *(c->prev ? &c->prev->next : &line->first) = c;
    line->last = c;
}

void http_wait(struct http_listener *l, struct http_conn *c, enum http_wait wait)
{
    if (c->wait) leave(l, c);
    c->wait = wait;
    c->looked = false;
    c->progress = 0;
    if (wait) join(l, c);
}

void http_progress(struct http_listener *l, struct http_conn *c, size_t bytes)
{
    c->progress += bytes;
    if (c->progress >= HTTP_UPLOAD_STEP) http_wait(l, c, c->wait);
}

static int socket_of(const struct http_conn *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? i->connect_fd : -1;
}

/* Shut the socket down; libmicrohttpd notices and closes the connection. */
static void cut(const struct http_conn *c)
{
    shutdown(socket_of(c), SHUT_RDWR);
}

/* Write the 408 directly to the socket: in the middle of a request the library accepts no reply, and nothing else is
 * being sent to this peer. */
static void say_408(const struct http_conn *c, const char *what)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    char body[160], text[400];
    int n = snprintf(
        body, sizeof body,
        "{\"type\":\"about:blank\",\"title\":\"Too slow\",\"status\":408,\"detail\":\"%s took too long\"}\n", what);
    n = snprintf(text, sizeof text,
                 "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
                 "Content-Length: %d\r\n\r\n%s",
                 n, body);
    if (i && i->tls_session)
        gnutls_record_send(i->tls_session, text, (size_t)n);
    else
        send(socket_of(c), text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void tell(const struct http_listener *l, const struct http_conn *c, const char *event, const char *what)
{
    log_event(LOG_INFO, event, LOG_S("remote", str_of(c->remote)), LOG_N("port", l->port), LOG_Z("what", what));
}

/* True when the peer reads what it is sent, or when nothing is unsent, so that the peer waits for the server. */
static bool reads(struct http_conn *c)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    int unread = 0;
    memset(&info, 0, sizeof info);
    if (ioctl(socket_of(c), SIOCOUTQ, &unread) != 0 || unread == 0 ||
        getsockopt(socket_of(c), IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return true;
    uint64_t before = c->acked;
    c->acked = info.tcpi_bytes_acked;
    return c->acked - before >= HTTP_UPLOAD_STEP;
}

static void too_slow(struct http_listener *l, struct http_conn *c)
{
    static const char *const what[HTTP_WAITS] = { [HTTP_W_HEAD] = "the head of the request",
                                                  [HTTP_W_KEPT] = "the head of the request",
                                                  [HTTP_W_BODY] = "the body of the request",
                                                  [HTTP_W_SEND] = "the reply is not read",
                                                  [HTTP_W_REFUSED] = "the head of a request past the ceiling" };
    if (c->wait == HTTP_W_SEND && reads(c)) {
        http_wait(l, c, HTTP_W_SEND);
        return;
    }
    tell(l, c, "http.too_slow", what[c->wait]);
    if (c->wait != HTTP_W_SEND && c->wait != HTTP_W_REFUSED) say_408(c, what[c->wait]);
    cut(c);
    http_wait(l, c, HTTP_W_NONE);
}

/* Only checked waits have lasted for some time. Admitted uploads are not closed. */
static struct http_conn *longest_in(const struct http_listener *l, enum http_wait wait)
{
    enum { LOOKED_AT = 64 };
    struct http_conn *c = l->lines[wait].first;
    for (int i = 0; c && c->uploads && i < LOOKED_AT; i++) c = c->next;
    return c && c->uploads ? NULL : c;
}

bool http_time_make_room(struct http_listener *l)
{
    static const enum http_wait waits[] = { HTTP_W_HEAD, HTTP_W_KEPT, HTTP_W_BODY };
    struct http_conn *longest = NULL;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        struct http_conn *c = longest_in(l, waits[i]);
        if (c && (!longest || c->since_ms < longest->since_ms)) longest = c;
    }
    if (!longest) return false;
    tell(l, longest, "http.made_room", "it was idle for longest when all connections were in use");
    cut(longest);
    http_wait(l, longest, HTTP_W_NONE);
    return true;
}

/* First check of a wait: the peer may have closed unnoticed. */
static void look(struct http_listener *l, struct http_conn *c)
{
    char octet;
    leave(l, c);
    c->looked = true;
    join(l, c);
    if (recv(socket_of(c), &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0) cut(c);
}

static bool is_over(const struct http_listener *l, unsigned line)
{
    const struct http_conn *c = l->lines[line].first;
    return c && l->now_ms - c->since_ms >= l->limit_ms[line];
}

void http_time_run(struct http_listener *l)
{
    while (is_over(l, NEW)) look(l, l->lines[NEW].first);
    for (unsigned i = HTTP_W_HEAD; i < HTTP_WAITS; i++)
        while (is_over(l, i)) too_slow(l, l->lines[i].first);
}

int http_time_left(const struct http_listener *l)
{
    int64_t least = -1;
    for (unsigned i = 0; i < HTTP_WAITS; i++) {
        const struct http_conn *c = l->lines[i].first;
        if (!c) continue;
        int64_t left = c->since_ms + l->limit_ms[i] - l->now_ms;
        if (left < 0) left = 0;
        if (least < 0 || left < least) least = left;
    }
    return (int)least;
}
