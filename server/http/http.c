/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* SO_REUSEPORT and TCP_NOTSENT_LOWAT are not in POSIX */
#include "server/http/http_int.h"

#include "base/log.h"
#include "base/text.h"
#include "base/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requests. */

static struct http_req *req_take(struct http_listener *l)
{
    struct http_req *q = l->spare;
    if (q) {
        l->spare = q->next;
        l->n_spare--;
    } else {
        q = calloc(1, sizeof *q);
        if (!q) return NULL;
        arena_init(&q->arena, HTTP_REQUEST_ARENA);
        buf_init(&q->body, 0);
        q->l = l;
    }
    q->pub = (struct http_request){ .arena = &q->arena, .conn = q };
    q->conn = NULL;
    q->mhd = NULL;
    q->phase = HTTP_P_HEAD;
    q->is_suspended = q->gone = false;
    q->passed = 0;
    q->crowded = 0;
    q->ended = false;
    q->upload = NULL;
    q->response = NULL;
    q->next = NULL;
    q->prev = NULL;
    q->live_next = l->live;
    if (l->live) l->live->live_prev = &q->live_next;
    q->live_prev = &l->live;
    l->live = q;
    return q;
}

static void req_free(struct http_req *q)
{
    arena_finish(&q->arena);
    buf_finish(&q->body);
    free(q);
}

static void req_give(struct http_req *q)
{
    struct http_listener *l = q->l;
    if (q->response) MHD_destroy_response(q->response);
    q->response = NULL;
    l->held -= q->held;
    q->held = 0;
    *q->live_prev = q->live_next;
    if (q->live_next) q->live_next->live_prev = q->live_prev;
    if (l->n_spare >= HTTP_SPARE_REQUESTS) {
        req_free(q);
        return;
    }
    arena_reset(&q->arena);
    if (q->body.cap > HTTP_BODY_KEPT) buf_finish(&q->body);
    buf_reset(&q->body);
    q->next = l->spare;
    l->spare = q;
    l->n_spare++;
}

static struct str keep_text(struct http_req *q, struct str s)
{
    if (s.n < sizeof q->query) {
        memcpy(q->query, s.p, s.n);
        q->query[s.n] = '\0';
        return (struct str){ q->query, s.n };
    }
    const char *p = arena_strz(&q->arena, s);
    return p ? (struct str){ p, s.n } : (struct str){ 0 };
}

static struct http_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

/* Release a request that libmicrohttpd answered on its own. For such a request it does not call on_request, and calls
 * on_completed only in some cases and versions: too many parameters or header lines, an invalid length, a connection
 * that ends within the head. */
static void forget_head(struct http_conn *c)
{
    if (c->head) req_give(c->head);
    c->head = NULL;
}

/* Called with the unmodified request line, before libmicrohttpd splits it: the raw query is available only here. Until
 * the head is complete, the connection owns the request. */
static void *on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
    struct http_conn *c = conn_of(mhd);
    const char *mark = uri ? strchr(uri, '?') : NULL;
    if (!c) return NULL;
    forget_head(c);
    struct http_req *q = c->head = req_take(ctx);
    if (!q) return NULL;
    q->mhd = mhd;
    q->conn = c;
    if (mark) q->pub.query = keep_text(q, str_of(mark + 1));
    return q;
}

/* Leave percent-escapes as they are: paths are decoded after they are split, queries when a handler reads them. */
static size_t no_unescape(void *ctx, struct MHD_Connection *mhd, char *s)
{
    (void)ctx, (void)mhd;
    return strlen(s);
}

static bool limits_address(const struct http_listener *l, const struct http_address *a)
{
    if (!l->config.max_per_address) return false;
    for (size_t i = 0; i < l->n_shared; i++)
        if (http_network_has(&l->shared[i], a)) return false;
    return true;
}

/* An address past its limit receives a bounded number of 503 answers; further connections are closed without one. */
static enum MHD_Result on_accept(void *ctx, const struct sockaddr *from, socklen_t n)
{
    const struct http_listener *l = ctx;
    struct http_address a;
    (void)n;
    return !http_address_of(from, &a) || !limits_address(l, &a) ||
                   http_peer_connections(l->peers, &a) < l->config.max_per_address + HTTP_REFUSED_AT_ONCE
               ? MHD_YES
               : MHD_NO;
}

/* Report a connection that ended before a request. A failed handshake leaves no other trace of the device that tried.
 * */
static void no_request(struct http_listener *l, struct http_conn *c)
{
    if (c->asked || c->over || !l->config.cert_file || !l->config.no_request || atomic_load(&l->stopping)) return;
    l->config.no_request(l->ctx, str_of(c->remote), http_tls_alert(c));
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_listener *l = ctx;
    struct http_conn *c = *socket_ctx;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        atomic_fetch_sub(&l->connections, 1);
        if (c) http_wait(l, c, HTTP_W_NONE);
        if (c) forget_head(c);
        if (c) http_peer_leave(l->peers, c->peer);
        if (c) no_request(l, c);
        if (c) free(c->certificate);
        free(c);
        *socket_ctx = NULL;
        return;
    }
    unsigned n = atomic_fetch_add(&l->connections, 1) + 1;
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c = calloc(1, sizeof *c);
    *socket_ctx = c;
    if (!c) return;
    c->mhd = mhd;
    if (l->tls) http_tls_begin(l->tls, mhd);
    struct http_address from;
    if (i && http_address_of(i->client_addr, &from)) {
        http_address_print(&from, c->remote, sizeof c->remote);
        if (limits_address(l, &from)) c->peer = http_peer_join(l->peers, &from);
    }
    if (c->peer && c->peer->connections > l->config.max_per_address)
        c->over = HTTP_O_ADDRESS;
    else if (n > l->config.max_connections && !http_time_make_room(l))
        c->over = HTTP_O_ALL;
    http_wait(l, c, c->over ? HTTP_W_REFUSED : HTTP_W_HEAD);
}

struct str http_header(const struct http_request *r, const char *name)
{
    const struct http_req *q = r->conn;
    return str_of(q->gone ? NULL : MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, name));
}

int64_t http_content_length(const struct http_request *r)
{
    int64_t n;
    struct str s = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return s.n && str_to_i64(s, &n) && n >= 0 ? n : -1;
}

void *http_request_upload(const struct http_request *r)
{
    return ((const struct http_req *)r->conn)->upload;
}

static enum rc decode_form(struct str s, struct arena *a, struct str *out)
{
    if (s.n && memchr(s.p, '+', s.n)) {
        char *p = arena_bytes(a, s.n);
        if (!p) return RC_NOMEM;
        for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] == '+' ? ' ' : s.p[i];
        s.p = p;
    }
    return text_url_decode(s, a, out);
}

struct str http_query_find(struct str query, const char *name, size_t *from, struct arena *a, bool *present)
{
    struct str value;
    if (present) *present = false;
    while (*from < query.n) {
        size_t end = str_find(query, '&', *from), eq = str_find(query, '=', *from);
        struct str key = str_slice(query, *from, eq < end ? eq : end);
        struct str raw = eq < end ? str_slice(query, eq + 1, end) : (struct str){ 0 };
        *from = end + 1;
        if (decode_form(key, a, &key) || !str_is(key, name) || decode_form(raw, a, &value)) continue;
        if (present) *present = true;
        return value;
    }
    return (struct str){ 0 };
}

struct str http_query(const struct http_request *r, const char *name, bool *present)
{
    size_t from = 0;
    return http_query_find(r->query, name, &from, r->arena, present);
}

/* Answers. */

static void hold(struct http_req *q, size_t more)
{
    q->held += more;
    q->l->held += more;
}

static void prepare(struct http_req *q, struct http_reply *reply)
{
    hold(q, reply->body.cap);
    q->response = http_make_response(q, reply, &q->status);
    q->phase = HTTP_P_READY;
}

static enum MHD_Result send_ready(struct http_req *q)
{
    struct MHD_Response *r = q->response;
    q->response = NULL;
    q->phase = HTTP_P_DONE;
    if (!r) return MHD_NO;
    http_wait(q->l, q->conn, HTTP_W_SEND);
    enum MHD_Result ok = MHD_queue_response(q->mhd, q->status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result refuse_now(struct http_req *q, struct http_reply *reply)
{
    http_reply_header(reply, MHD_HTTP_HEADER_CONNECTION, STR("close"));
    prepare(q, reply);
    return send_ready(q);
}

static size_t held_by(const struct http_listener *l, int64_t principal)
{
    size_t n = 0;
    for (const struct http_req *q = l->live; q; q = q->live_next) n += q->pub.principal == principal ? q->held : 0;
    return n;
}

/* One principal may use half of the space, so that others always find some; but always enough for one body.
 * @return the ceiling that `more` bytes would pass; 0 = the bytes fit */
static size_t ceiling_passed(const struct http_req *q, size_t more)
{
    const struct http_listener *l = q->l;
    const size_t all = l->config.max_bodies_bytes, half = all / 2, body = l->config.max_body_bytes;
    const size_t share = half < body ? body : half;
    if (l->held + more > all) return all;
    return q->pub.principal && held_by(l, q->pub.principal) + more > share ? share : 0;
}

static void no_room(const struct http_req *q, size_t ceiling, struct http_reply *refuse)
{
    http_problem(refuse, 503, "Too many bytes in progress", NULL,
                 ceiling == q->l->config.max_bodies_bytes
                     ? "requests and replies in progress fill the limit of %zu bytes for all clients; try again"
                     : "your requests and replies in progress fill your limit of %zu bytes; try again",
                 ceiling);
}

/* Limits on connections, which do not depend on the request. */
static bool is_crowded(struct http_req *q, struct http_reply *refuse)
{
    const struct http_listener *l = q->l;
    const int64_t body = http_content_length(&q->pub);
    const size_t ceiling = q->crowded ? q->crowded : ceiling_passed(q, body > 0 ? (size_t)body : 0);
    if (q->conn->over == HTTP_O_ADDRESS)
        http_problem(refuse, 503, "Too many connections", NULL,
                     "all %u connections allowed for one address are in use; try again", l->config.max_per_address);
    else if (q->conn->over)
        http_problem(refuse, 503, "Too many connections", NULL, "all %u connections are in use; try again",
                     l->config.max_connections);
    else if (ceiling)
        no_room(q, ceiling, refuse);
    if (refuse->status) http_reply_header(refuse, "Retry-After", STR("5"));
    return refuse->status != 0;
}

/* The head is complete: refuse the request now if that does not depend on the body. */
static enum MHD_Result begin(struct http_req *q, const char *url, const char *method)
{
    struct http_listener *l = q->l;
    struct http_reply refuse = { 0 };

    q->conn->head = NULL; /* from here on the library always calls on_completed */
    http_wait(l, q->conn, HTTP_W_BODY);
    const bool first = !q->conn->asked;
    q->conn->asked = true;
    if (l->tls && first) http_tls_first_request(l, q->conn);
    struct http_request *r = &q->pub;
    r->method = str_of(method);
    r->raw_path = r->path = str_of(url);
    r->remote = str_of(q->conn->remote);
    r->tls = l->config.cert_file != NULL;
    r->certificate = q->conn->certificate;

    if (q->conn->over && is_crowded(q, &refuse)) return refuse_now(q, &refuse);
    if (memchr(url, '%', r->path.n) &&
        (text_url_decode(r->raw_path, r->arena, &r->path) || memchr(r->path.p, '\0', r->path.n))) {
        http_problem(&refuse, 400, "Bad path", NULL, "the path has a broken percent-escape");
        return refuse_now(q, &refuse);
    }
    if (l->upload && l->upload->wants(l->ctx, r, &q->upload, &refuse)) {
        q->conn->uploads = true;
        q->phase = HTTP_P_BODY;
        return MHD_YES;
    }
    if (refuse.status) return refuse_now(q, &refuse);
    if (http_content_length(r) > (int64_t)l->config.max_body_bytes) {
        http_problem(&refuse, 413, "Body too large", NULL, "at most %zu bytes are accepted here",
                     l->config.max_body_bytes);
        return refuse_now(q, &refuse);
    }
    if (is_crowded(q, &refuse)) return refuse_now(q, &refuse);
    q->phase = HTTP_P_BODY;
    return MHD_YES;
}

static enum MHD_Result take_piece(struct http_req *q, struct str bytes)
{
    struct http_listener *l = q->l;
    if (q->phase == HTTP_P_PASS) {
        q->passed += bytes.n;
        return q->passed > HTTP_PASSED_OVER ? MHD_NO : MHD_YES;
    }
    if (q->upload) {
        http_progress(l, q->conn, bytes.n);
        if (!l->upload->piece(l->ctx, q->upload, bytes)) q->phase = HTTP_P_PASS;
        return MHD_YES;
    }
    const size_t before = q->body.cap, room = before - q->body.n;
    q->crowded = bytes.n > room ? ceiling_passed(q, bytes.n - room) : 0;
    if (q->crowded || bytes.n > l->config.max_body_bytes - q->body.n)
        q->phase =
            HTTP_P_PASS; /* a chunked body has no length in the head; or other requests took the space meanwhile */
    else
        buf_put(&q->body, bytes);
    hold(q, q->body.cap - before);
    return buf_ok(&q->body) ? MHD_YES : MHD_NO;
}

static enum MHD_Result complete(struct http_req *q)
{
    struct http_listener *l = q->l;
    struct http_reply reply = { 0 };

    http_wait(l, q->conn, HTTP_W_NONE);
    if (q->crowded) {
        is_crowded(q, &reply);
        http_reply_header(&reply, MHD_HTTP_HEADER_CONNECTION, STR("close"));
    } else if (q->phase == HTTP_P_PASS && !q->upload) {
        http_problem(&reply, 413, "Body too large", NULL, "at most %zu bytes are accepted here",
                     l->config.max_body_bytes);
        http_reply_header(&reply, MHD_HTTP_HEADER_CONNECTION, STR("close"));
    } else if (atomic_load(&l->stopping)) {
        http_problem(&reply, 503, "Shutting down", NULL, "the server is shutting down; try again");
        http_reply_header(&reply, "Retry-After", STR("5"));
    } else {
        q->pub.body = buf_str(&q->body);
        l->handler(l->ctx, &q->pub, &reply);
    }
    if (reply.later) {
        /* An external loop needs no action: the library calls again in the next turn, when the commit is done and the
         * answer is ready. Only a request that takes longer is suspended. */
        q->phase = HTTP_P_LATER;
        q->next = l->later;
        q->prev = &l->later;
        if (q->next) q->next->prev = &q->next;
        l->later = q;
        q->is_suspended = l->wake >=
                          0; /* another thread works on the request and reads its head: the library must not touch it */
        if (q->is_suspended) MHD_suspend_connection(q->mhd);
        return MHD_YES;
    }
    prepare(q, &reply);
    return send_ready(q);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **req_ctx)
{
    struct http_req *q = *req_ctx;
    (void)ctx, (void)version;

    if (!q) return MHD_NO; /* no memory for the connection or the request */
    switch (q->phase) {
    case HTTP_P_HEAD: return begin(q, url, method);
    case HTTP_P_BODY:
    case HTTP_P_PASS:
        if (*n == 0 && q->l->wake >= 0 && !q->ended) {
            /* The library stops reading from the peer only from the next call on. Without that call, it would treat the
             * end of the peer's data as the end of the connection when it resumes after another thread's answer. */
            q->ended = true;
            return MHD_YES;
        }
        if (*n == 0) return complete(q);
        enum MHD_Result ok = take_piece(q, (struct str){ data, *n });
        *n = 0;
        return ok;
    case HTTP_P_LATER:
        q->is_suspended = true;
        MHD_suspend_connection(mhd);
        return MHD_YES;
    case HTTP_P_READY: return send_ready(q);
    case HTTP_P_DONE: break;
    }
    return MHD_NO;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **req_ctx, enum MHD_RequestTerminationCode how)
{
    struct http_req *q = *req_ctx;
    (void)ctx, (void)mhd, (void)how;

    *req_ctx = NULL;
    if (!q) return;
    if (q->conn->head == q) q->conn->head = NULL;
    http_wait(q->l, q->conn, HTTP_W_KEPT);
    q->conn->uploads = false;
    if (q->upload && q->l->upload) q->l->upload->drop(q->l->ctx, q->upload);
    q->upload = NULL;
    q->gone = true;
    if (q->phase != HTTP_P_LATER) /* otherwise the handler still owns it: http_answer releases it */
        req_give(q);
}

void http_answer(struct http_request *r, struct http_reply *reply)
{
    struct http_req *q = r->conn;
    *q->prev = q->next;
    if (q->next) q->next->prev = q->prev;
    prepare(q, reply);
    if (q->gone)
        req_give(q);
    else if (q->is_suspended)
        MHD_resume_connection(q->mhd);
}

void http_answer_elsewhere(struct http_request *r, struct http_reply *reply)
{
    struct http_req *q = r->conn;
    struct http_listener *l = q->l;
    q->answer = reply;
    threads_lock(&l->threads);
    q->next_done = l->done;
    l->done = q;
    threads_unlock(&l->threads);
    http_wake(l);
}

static void answer_done(struct http_listener *l)
{
    threads_lock(&l->threads);
    struct http_req *q = l->done;
    l->done = NULL;
    threads_unlock(&l->threads);
    for (struct http_req *next; q; q = next) {
        next = q->next_done;
        http_answer(&q->pub, q->answer);
    }
}

/* Listeners. */

static void on_log(void *ctx, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *ctx, const char *fmt, va_list ap)
{
    char text[256];
    (void)ctx;
    vsnprintf(text, sizeof text, fmt, ap);
    log_event(LOG_DEBUG, "http.library", LOG_S("text", str_trim(str_of(text))));
}

static enum rc listen_on(const struct http_config *c, int *out, uint16_t *port, struct err *e)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *ai = NULL;
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char service[8];
    /* The number of unsent bytes that the kernel may hold: with more, a slow peer's download appears stalled for
     * minutes. */
    int fd = -1, on = 1, unsent = HTTP_UNSENT_BYTES;

    snprintf(service, sizeof service, "%u", c->port);
    if (getaddrinfo(c->address, service, &hints, &ai) != 0)
        return err_set(e, RC_INVALID,
                       "cannot listen on \"%s\": write a numeric address such as 127.0.0.1 or ::", c->address);
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) == 0;
    if (ok && c->reuse_port) ok = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
    ok = ok && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 1024) == 0 &&
         getsockname(fd, (struct sockaddr *)&at, &n) == 0;
    freeaddrinfo(ai);
    if (!ok) {
        int why = errno;
        if (fd >= 0) close(fd);
        return err_set(e, RC_IO, "cannot listen on %s port %u: %s", c->address, c->port, strerror(why));
    }
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    memcpy(&in4, &at, sizeof in4);
    memcpy(&in6, &at, sizeof in6);
    *port = ntohs(at.ss_family == AF_INET6 ? in6.sin6_port : in4.sin_port);
    *out = fd;
    return RC_OK;
}

static enum rc open_peers(struct http_listener *l, struct err *e)
{
    const struct http_config *c = &l->config;
    l->peers = http_peers_create(c->max_connections);
    l->shared = calloc(c->n_shared_networks + 1, sizeof *l->shared);
    if (!l->peers || !l->shared) return err_set(e, RC_NOMEM, "no memory for a listener");
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < c->n_shared_networks; i++)
        rc = http_network_parse(str_of(c->shared_networks[i]), &l->shared[l->n_shared++], e);
    return rc;
}

static void close_peers(struct http_listener *l)
{
    http_peers_destroy(l->peers);
    free(l->shared);
}

static enum rc start(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                     struct http_listener **out, struct err *e)
{
    struct http_listener *l = calloc(1, sizeof *l);
    int fd = -1;
    enum rc rc = RC_OK;

    if (!l) return err_set(e, RC_NOMEM, "no memory for a listener");
    threads_init(&l->threads);
    l->config = *c;
    if (!l->config.max_connections) l->config.max_connections = 1024;
    if (!l->config.max_bodies_bytes) l->config.max_bodies_bytes = HTTP_BODIES_BYTES;
    l->handler = handler;
    l->upload = upload;
    l->ctx = ctx;
    l->epoll = l->wake = -1;
    if (!l->config.idle_timeout_s) l->config.idle_timeout_s = 60;
    http_time_begin(l);
    rc = open_peers(l, e);
    if (!rc && c->cert_file) rc = http_tls_open(c, &l->tls, e);
    if (!rc) rc = listen_on(c, &fd, &l->port, e);
    if (rc) goto out;

    struct MHD_OptionItem more[HTTP_TLS_OPTIONS] = { { MHD_OPTION_END, 0, NULL } };
    if (l->tls) http_tls_options(l->tls, more);
    unsigned limit = l->config.max_connections;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (l->tls ? MHD_USE_TLS : 0);
    l->daemon = MHD_start_daemon(
        flags, 0, on_accept, l, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, l, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
        /* The library accepts some connections past the limit, which receive 503; the kernel queues the rest. */
        MHD_OPTION_CONNECTION_LIMIT, limit + limit / 16 + 16, MHD_OPTION_CONNECTION_TIMEOUT, l->config.idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        c->connection_memory ? c->connection_memory : (size_t)HTTP_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (!l->daemon) {
        close(fd);
        rc = err_set(e, RC_IO, "cannot start listening on %s port %u (see the debug log)", c->address, c->port);
    }
out:
    if (rc) {
        http_tls_close(l->tls);
        close_peers(l);
        threads_finish(&l->threads);
        free(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

enum rc http_open(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                  struct http_listener **out, struct err *e)
{
    return start(c, handler, upload, ctx, out, e);
}

enum rc http_adopt(struct http_listener *l, int fd, struct err *e)
{
    struct sockaddr_storage from = { 0 };
    socklen_t n = sizeof from;
    if (getpeername(fd, (struct sockaddr *)&from, &n) == 0 &&
        MHD_add_connection(l->daemon, fd, (struct sockaddr *)&from, n) == MHD_YES)
        return RC_OK;
    return err_set(e, RC_IO, "cannot take over a connection: %s", strerror(errno));
}

int http_fd(const struct http_listener *l)
{
    return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_timeout_ms(const struct http_listener *l)
{
    MHD_UNSIGNED_LONG_LONG ms;
    const int left = http_time_left(l);
    if (MHD_get_timeout(l->daemon, &ms) != MHD_YES) return left;
    if (ms > INT_MAX) ms = INT_MAX;
    return left >= 0 && left < (int)ms ? left : (int)ms;
}

void http_turn(struct http_listener *l)
{
    l->now_ms = world_monotonic_ms();
    if (l->wake >= 0) answer_done(l);
    MHD_run(l->daemon);
    http_time_run(l);
}

uint16_t http_port(const struct http_listener *l)
{
    return l->port;
}

unsigned http_connections(const struct http_listener *l)
{
    return atomic_load(&l->connections);
}

void http_quiesce(struct http_listener *l)
{
    if (l->quiet) return;
    l->quiet = true;
    int fd = MHD_quiesce_daemon(l->daemon);
    if (fd >= 0) close(fd);
}

/* A listener's own thread runs a small loop like that of the DM worker. */

static void *loop(void *arg)
{
    struct http_listener *l = arg;
    struct epoll_event ev;
    while (!l->threads.stop) {
        if (epoll_wait(l->epoll, &ev, 1, http_timeout_ms(l)) > 0 && ev.data.fd == l->wake) wake_clear(l->wake);
        http_turn(l);
    }
    return NULL;
}

void http_wake(struct http_listener *l)
{
    if (l->wake >= 0) wake_raise(l->wake);
}

static bool watch(struct http_listener *l, int fd)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
    return fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static void stop_thread(struct http_listener *l)
{
    threads_ask_stop(&l->threads);
    http_wake(l);
    threads_stop(&l->threads);
    if (l->epoll >= 0) close(l->epoll);
    if (l->wake >= 0) close(l->wake);
    l->epoll = l->wake = -1;
}

enum rc http_start(const struct http_config *c, http_handler *handler, const struct http_upload *upload, void *ctx,
                   struct http_listener **out, struct err *e)
{
    struct http_listener *l = NULL;
    enum rc rc = start(c, handler, upload, ctx, &l, e);
    if (rc) return rc;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = wake_open();
    rc = watch(l, l->wake) && watch(l, http_fd(l))
             ? threads_start(&l->threads, loop, l, "a listener", e)
             : err_set(e, RC_IO, "cannot wait for %s port %u: %s", c->address, l->port, strerror(errno));
    if (rc) {
        http_stop(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void http_stop(struct http_listener *l)
{
    if (!l) return;
    http_end_streams(l);
    stop_thread(l);
    http_quiesce(l);
    /* From here on this is the only thread: answer the waiting requests, and run the resumed ones before the listener
     * ends. */
    answer_done(l);
    while (l->later) {
        struct http_reply r = { 0 };
        http_problem(&r, 503, "Shutting down", NULL, "the server is shutting down; try again");
        http_answer(&l->later->pub, &r);
    }
    for (int i = 0; i < 2; i++) MHD_run(l->daemon);
    MHD_stop_daemon(l->daemon);
    while (l->spare) {
        struct http_req *q = l->spare;
        l->spare = q->next;
        req_free(q);
    }
    http_tls_close(l->tls);
    close_peers(l);
    threads_finish(&l->threads);
    free(l);
}
