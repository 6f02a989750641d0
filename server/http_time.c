#include "server/http_private.h"

#include "base/log.h"
#include "base/world.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* How long a peer may take for a request. libmicrohttpd's own limit counts from the last octet, so that an octet now
 * and then would hold a connection for ever. And it misses the end of a stream (FIN) that comes together with the last
 * octets: its epoll tells of edges only, and it takes a short read for the end of what there is.
 *
 * Each wait stands in a line, in order of time, since all in a line may take equally long. A new wait comes into the
 * line of those that nobody has looked at yet; nearly all are over before their time there is, and nothing else is done
 * for them. */
enum { LOOK_MS = 1000, NEW = HTTP_W_NONE };

static unsigned or_else(unsigned ms, unsigned standard)
{
    return ms ? ms : standard;
}

void http_time_begin(struct http_listener *l)
{
    const struct http_config *c = &l->config;
    const int64_t head = or_else(c->head_timeout_ms, HTTP_HEAD_MS), body = or_else(c->body_timeout_ms, HTTP_BODY_MS);
    int64_t look = LOOK_MS;
    if (look > head / 2) look = head / 2;
    if (look > body / 2) look = body / 2;
    l->limit_ms[NEW] = look;
    l->limit_ms[HTTP_W_HEAD] = head - look;
    l->limit_ms[HTTP_W_KEPT] = head - look + (int64_t)c->idle_timeout_s * 1000;
    l->limit_ms[HTTP_W_BODY] = body - look;
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

/* libmicrohttpd notices and closes. */
static void cut(const struct http_conn *c)
{
    shutdown(socket_of(c), SHUT_RDWR);
}

/* In the middle of a request the library takes no reply; as nothing else is under way to this peer, it can be said
 * directly. */
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

static void too_slow(struct http_listener *l, struct http_conn *c)
{
    const char *what = c->wait == HTTP_W_BODY ? "the body of the request" : "the head of the request";
    log_event(LOG_INFO, "http.too_slow", LOG_S("remote", str_of(c->remote)), LOG_N("port", l->port),
              LOG_Z("what", what));
    say_408(c, what);
    cut(c);
    http_wait(l, c, HTTP_W_NONE);
}

/* Its peer may have gone unnoticed. */
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
