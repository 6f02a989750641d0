/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_http.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 16384 };

uint64_t sim_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct str sim_path_of(struct str url)
{
    size_t at = str_find(url, '/', 0);

    if (str_starts(url, STR("http"))) at = str_find(url, '/', str_find(url, ':', 0) + 3);
    return at < url.n ? str_slice(url, at, url.n) : STR("/");
}

enum rc sim_server_of(const char *url, struct sim_server *out, struct err *e)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
    struct str u = str_of(url), rest, host, port = STR("80");
    char h[256], p[16];
    size_t colon;

    if (str_starts(u, STR("https://")))
        return err_set(e, RC_UNSUPPORTED, "%s: the simulator speaks plain HTTP only (a listener on loopback)", url);
    if (!str_starts(u, STR("http://"))) return err_set(e, RC_INVALID, "%s: http://host:port/path is expected", url);
    rest = str_slice(u, 7, str_find(u, '/', 7));
    colon = str_find(rest, ':', 0);
    host = str_slice(rest, 0, colon);
    if (colon < rest.n) port = str_slice(rest, colon + 1, rest.n);
    snprintf(h, sizeof h, "%.*s", STR_ARG(host));
    snprintf(p, sizeof p, "%.*s", STR_ARG(port));
    snprintf(out->host, sizeof out->host, "%.*s", STR_ARG(rest));
    if (getaddrinfo(h, p, &hints, &list)) return err_set(e, RC_NOT_FOUND, "%s: the host is not known", url);
    memcpy(&out->address, list->ai_addr, list->ai_addrlen);
    out->n = list->ai_addrlen;
    freeaddrinfo(list);
    return RC_OK;
}

void sim_conn_init(struct sim_conn *c)
{
    *c = (struct sim_conn){ .fd = -1 };
    buf_init(&c->out, SIM_REPLY_BYTES);
    buf_init(&c->in, SIM_REPLY_BYTES);
}

static void hang_up(struct sim_conn *c)
{
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->busy = false;
}

void sim_conn_finish(struct sim_conn *c)
{
    hang_up(c);
    buf_finish(&c->out);
    buf_finish(&c->in);
}

bool sim_conn_open(struct sim_conn *c, const struct sim_server *s)
{
    int one = 1;

    if (c->fd >= 0) return true;
    c->fd = socket(s->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (const struct sockaddr *)&s->address, s->n)) { /* loopback: connects at once or not at all */
        int why = errno;
        hang_up(c);
        errno = why;
        return false;
    }
    return true;
}

bool sim_conn_flush(struct sim_conn *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            hang_up(c);
            return false;
        }
        c->sent += (size_t)n;
    }
    return true;
}

bool sim_conn_send(struct sim_conn *c, const struct sim_server *s, const char *method, struct str path,
                   struct str headers, struct str body)
{
    buf_reset(&c->out);
    buf_reset(&c->in);
    c->sent = 0;
    buf_printf(&c->out, "%s %.*s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n", method, STR_ARG(path), s->host,
               body.n);
    buf_put(&c->out, headers);
    buf_putz(&c->out, "\r\n");
    buf_put(&c->out, body);
    c->busy = true;
    c->began_ns = sim_now_ns();
    if (!buf_ok(&c->out)) {
        hang_up(c);
        return false;
    }
    return sim_conn_flush(c);
}

static bool header(struct str line, struct str name, struct str *value)
{
    if (line.n <= name.n || line.p[name.n] != ':' || !str_eq_fold(str_slice(line, 0, name.n), name)) return false;
    *value = str_trim(str_slice(line, name.n + 1, line.n));
    return true;
}

/* Is the answer complete? @return its length, 0 = not yet; SIZE_MAX = not an HTTP answer that this client can read */
static size_t whole(struct str in, struct sim_reply *r, bool *close_after)
{
    struct str line, v;
    uint64_t length = UINT64_MAX;
    size_t body;
    int64_t status;

    *r = (struct sim_reply){ 0 };
    *close_after = false;
    for (body = 0;;) {
        size_t end = str_find(in, '\n', body);
        if (end == in.n) return in.n > 65536 ? SIZE_MAX : 0;
        line = str_trim(str_slice(in, body, end));
        if (!body) {
            if (!str_starts(line, STR("HTTP/1.")) || !str_to_i64(str_slice(line, 9, 12), &status)) return SIZE_MAX;
            r->status = (int)status;
        }
        body = end + 1;
        if (!line.n) break;
        if (header(line, STR("Content-Length"), &v) && !str_to_u64(v, &length)) return SIZE_MAX;
        if (header(line, STR("Transfer-Encoding"), &v)) return SIZE_MAX;
        if (header(line, STR("Connection"), &v)) *close_after = str_eq_fold(v, STR("close"));
        header(line, STR("Content-Type"), &r->content_type);
        header(line, STR("x-syncml-hmac"), &r->hmac);
    }
    if (length > SIM_REPLY_BYTES) return SIZE_MAX;
    if (in.n - body < length) return 0;
    r->body = str_slice(in, body, body + (size_t)length);
    return body + (size_t)length;
}

enum sim_read sim_conn_read(struct sim_conn *c, struct sim_reply *out)
{
    bool close_after;

    for (;;) {
        size_t had = c->in.n, n_whole;
        char *at = buf_room(&c->in, CHUNK);
        ssize_t n = at ? recv(c->fd, at, CHUNK, MSG_DONTWAIT) : -1;

        buf_cut(&c->in, had + (n > 0 ? (size_t)n : 0));
        if (at && n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SIM_MORE;
        if (at && n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            hang_up(c);
            return SIM_BROKEN;
        }
        n_whole = whole(buf_str(&c->in), out, &close_after);
        if (n_whole == SIZE_MAX) {
            hang_up(c);
            return SIM_BROKEN;
        }
        if (!n_whole) continue;
        c->busy = false;
        if (close_after) {
            close(c->fd);
            c->fd = -1;
        }
        return SIM_WHOLE;
    }
}
