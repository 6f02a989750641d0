/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SERVER_HTTP_FIXTURE_H
#define TESTS_SERVER_HTTP_FIXTURE_H
/* For tests of the listeners: a small site that does what it is told, and a client of plain sockets. */
#include "server/http/certificate.h"
#include "server/http/http.h"
#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CLOSE             "Host: x\r\nConnection: close\r\n"
#define HAS(text, part)   CU_ASSERT_PTR_NOT_NULL(strstr((text), (part)))
#define HASNT(text, part) CU_ASSERT_PTR_NULL(strstr((text), (part)))

/* What the listener under test is told to do, and what it saw. */
struct http_fixture {
    const char *file;
    int64_t file_size;
    struct http_stream *stream;
    atomic_int drops, pieces;
    char upload[4096];
    atomic_size_t n_upload;
    atomic_bool sink; /* uploads are counted only */
    struct http_request *waiting[16];
    unsigned n_waiting;
    char subject[256];
};

static inline void echo(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct http_fixture *s = ctx;
    reply->status = 200;
    if (str_is(r->path, "/file")) {
        reply->file = s->file;
        reply->file_etag = STR("tag1");
        reply->file_size = s->file_size;
        http_reply_header(reply, "Content-Type", STR("application/octet-stream"));
        return;
    }
    if (str_is(r->path, "/stream")) {
        reply->stream = s->stream;
        http_reply_header(reply, "Content-Type", STR("text/event-stream"));
        return;
    }
    if (str_is(r->path, "/later")) {
        s->waiting[s->n_waiting++] = r;
        reply->later = true;
        return;
    }
    if (str_is(r->path, "/upload")) {
        buf_printf(&reply->body, "%zu bytes, %s", s->n_upload, http_request_upload(r) == s ? "mine" : "not mine");
        return;
    }
    if (str_is(r->path, "/problem")) {
        http_problem(reply, 409, "No", "/a/b", "it is \"so\" %d", 7);
        return;
    }
    snprintf(s->subject, sizeof s->subject, "%.*s",
             STR_ARG((r->certificate && !r->certificate->problem[0]
                          ? (struct str){ r->certificate->name, r->certificate->n_name }
                          : (struct str){ 0 })));
    http_reply_header(reply, "Content-Type", STR("text/plain"));
    http_reply_header(reply, "X-Test", STR("yes"));
    bool present;
    struct str q = http_query(r, "q", &present);
    buf_printf(&reply->body, "%.*s|%.*s|%.*s|%s|%.*s|%.*s|%.*s", STR_ARG(r->method), STR_ARG(r->path), STR_ARG(q),
               present ? "q" : "-", STR_ARG(http_header(r, "x-asked")), STR_ARG(r->remote), STR_ARG(r->body));
}

static inline bool wants(void *ctx, struct http_request *r, void **upload, struct http_reply *refuse)
{
    if (str_is(r->path, "/forbidden")) {
        http_problem(refuse, 403, "No", NULL, "not here");
        return false;
    }
    if (!str_is(r->path, "/upload")) return false;
    *upload = ctx;
    return true;
}

static inline bool piece(void *ctx, void *upload, struct str bytes)
{
    struct http_fixture *s = upload;
    (void)ctx;
    s->pieces++;
    if (s->sink) {
        s->n_upload += bytes.n;
        return true;
    }
    if (s->n_upload + bytes.n > sizeof s->upload) return false;
    memcpy(s->upload + s->n_upload, bytes.p, bytes.n);
    s->n_upload += bytes.n;
    return true;
}

static inline void drop(void *ctx, void *upload)
{
    (void)ctx;
    ((struct http_fixture *)upload)->drops++;
}

static const struct http_upload uploads = { wants, piece, drop };
static const struct http_config plain = {
    .address = "127.0.0.1", .max_connections = 8, .max_body_bytes = 1000, .idle_timeout_s = 5
};

static inline struct http_listener *begin(struct http_fixture *s)
{
    struct http_listener *l = NULL;
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(http_start(&plain, echo, &uploads, s, &l, &e), RC_OK);
    return l;
}

/* A client of plain sockets. */

/* @param window  octets the peer may be ahead; 0 = as usual */
static inline int dial_with(uint16_t port, int window)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval tv = { 5, 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (window) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) perror("connect");
    return fd;
}

static inline int dial(uint16_t port)
{
    return dial_with(port, 0);
}

static inline void say(int fd, const char *text)
{
    size_t n = strlen(text);
    if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n) perror("send");
}

/* Reads until `until` was seen or the peer closed. */
static inline const char *hear(int fd, const char *until)
{
    static char text[64 << 10];
    size_t n = 0;
    text[0] = '\0';
    while (n < sizeof text - 1) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        text[n] = '\0';
        if (until && strstr(text, until)) break;
    }
    return text;
}

/* The loop of a DM worker in miniature. */
static inline void turn(struct http_listener *l, int wait_ms)
{
    struct pollfd p = { http_fd(l), POLLIN, 0 };
    int ms = http_timeout_ms(l);
    poll(&p, 1, ms >= 0 && ms < wait_ms ? ms : wait_ms);
    http_turn(l);
}
#endif
