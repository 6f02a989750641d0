/* SPDX-License-Identifier: Apache-2.0 */
/* The request path with libmicrohttpd in it: the input is what a stranger sends over one connection. Its first octet
 * says how: in how many pieces, whether the writing end is closed in the middle, and whether the handler answers at once
 * or a turn later. Whatever comes, the connection ends and everything it took is given back (LeakSanitizer tells). */
#include "server/http/http.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HELD = 8, TURNS = 64, BODY_BYTES = 4096 };

struct listener_site {
    bool later;
    struct http_request *held[HELD];
    unsigned n_held;
    size_t uploaded;
    int uploads; /* begun and not dropped */
};

static void answer(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct listener_site *s = ctx;
    if (r->body.n > BODY_BYTES || (r->path.n && memchr(r->path.p, '\0', r->path.n))) abort();
    if (s->later && s->n_held < HELD) {
        s->held[s->n_held++] = r;
        reply->later = true;
        return;
    }
    reply->status = 200;
    http_reply_header(reply, "Content-Type", STR("text/plain"));
    http_reply_header(reply, "X-Asked", http_header(r, "X-Asked"));
    buf_printf(&reply->body, "%.*s %.*s", STR_ARG(r->method), STR_ARG(http_query(r, "q", NULL)));
}

static bool wants(void *ctx, struct http_request *r, void **upload, struct http_reply *refuse)
{
    struct listener_site *s = ctx;
    if (str_is(r->path, "/no")) http_problem(refuse, 403, "No", NULL, "not here");
    if (!str_is(r->path, "/up")) return false;
    s->uploads++;
    *upload = s;
    return true;
}

static bool piece(void *ctx, void *upload, struct str bytes)
{
    struct listener_site *s = upload;
    (void)ctx;
    s->uploaded += bytes.n;
    return s->uploaded < BODY_BYTES;
}

static void drop(void *ctx, void *upload)
{
    struct listener_site *s = upload;
    (void)ctx;
    s->uploads--;
}

static void turn(struct listener_site *s, struct http_listener *l)
{
    http_turn(l);
    while (s->n_held) {
        struct http_reply reply = { .status = 200 };
        buf_putz(&reply.body, "later");
        http_answer(s->held[--s->n_held], &reply);
    }
}

/* What the listener says is read and forgotten. */
static void read_all(int fd)
{
    char text[4096];
    while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0) continue;
}

static void talk(struct listener_site *s, struct http_listener *l, int fd, const uint8_t *p, size_t n, unsigned pieces)
{
    for (unsigned i = 0; i < pieces; i++) {
        size_t from = n * i / pieces, to = n * (i + 1) / pieces;
        while (from < to) {
            ssize_t sent = send(fd, p + from, to - from, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent <= 0) break;
            from += (size_t)sent;
        }
        turn(s, l);
        read_all(fd);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_upload uploads = { wants, piece, drop };
    static const struct http_config config = {
        .address = "127.0.0.1", .max_connections = 4, .max_body_bytes = BODY_BYTES, .idle_timeout_s = 5
    };
    struct listener_site s = { 0 };
    struct http_listener *l = NULL;
    struct err e = { 0 };
    int pair[2];
    if (size == 0) return 0;
    s.later = data[0] & 0x80;
    if (http_open(&config, answer, &uploads, &s, &l, &e)) abort();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) || http_adopt(l, pair[0], &e)) abort();
    talk(&s, l, pair[1], data + 1, size - 1, 1 + (data[0] & 7));
    if (data[0] & 0x40) { /* the end of the stream, and what is still to come is read */
        shutdown(pair[1], SHUT_WR);
        for (int i = 0; i < 4; i++) turn(&s, l);
        read_all(pair[1]);
    }
    close(pair[1]);
    for (int i = 0; i < TURNS && http_connections(l); i++) turn(&s, l);
    if (http_connections(l)) abort();
    http_stop(l);
    if (s.uploads) abort();
    return 0;
}
