/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fetch.h"
#include "tests/lib/test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROWS(row) (sizeof row / sizeof row[0])
enum { REQUEST_BYTES = 256 << 10, BIG_BYTES = 1 << 20 };

/* --- a server that gives the same answer to the same path ------------------------------------------------------ */

static struct {
    int fd;
    unsigned port;
    pthread_t thread;
    unsigned connections;
} srv;

static void say(int fd, const char *text, size_t n)
{
    for (ssize_t sent; n && (sent = send(fd, text, n, MSG_NOSIGNAL)) > 0; n -= (size_t)sent) text += sent;
}

static void answer(int fd, const char *head, struct str body)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, body.n);
    say(fd, line, (size_t)n);
    say(fd, body.p, body.n);
}

/* One whole request into in, NUL-terminated; the length of its head through *head. @return false when the peer left */
static bool hear(int fd, char *in, size_t *head, size_t *n)
{
    *n = 0;
    for (;;) {
        ssize_t got = recv(fd, in + *n, REQUEST_BYTES - 1 - *n, 0);
        if (got <= 0) return false;
        *n += (size_t)got;
        in[*n] = '\0';
        const char *end = strstr(in, "\r\n\r\n"), *length = strstr(in, "Content-Length: ");
        if (!end) continue;
        *head = (size_t)(end - in) + 4;
        if (*n >= *head + (length && length < end ? strtoul(length + 16, NULL, 10) : 0)) return true;
    }
}

/* @return false when the connection shall end */
static bool serve_one(int fd, char *in)
{
    static char big[BIG_BYTES];
    size_t head, n;
    if (!hear(fd, in, &head, &n)) return false;
    const char *path = strchr(in, ' ') + 1;
    struct str whole = { in, n };
    if (strncmp(path, "/hello ", 7) == 0)
        answer(fd,
               "200 OK\r\nContent-Type: text/plain\r\nETAG: \"v1\"\r\nx-syncml-hmac:  algorithm=MD5, mac=x \r\n"
               "Retry-After: 0",
               STR("hello"));
    else if (strncmp(path, "/echo ", 6) == 0)
        answer(fd, "200 OK", whole);
    else if (strncmp(path, "/moved ", 7) == 0)
        answer(fd, "302 Found\r\nLocation: http://127.0.0.1/else", STR(""));
    else if (strncmp(path, "/away ", 6) == 0)
        answer(fd, "302 Found\r\nLocation: http://127.0.0.1/else", STR("elsewhere"));
    else if (strncmp(path, "/busy ", 6) == 0)
        answer(fd, "503 Service Unavailable\r\nRetry-After: 7", STR("later"));
    else if (strncmp(path, "/part ", 6) == 0 && strstr(in, "Range: bytes=4-\r\n"))
        answer(fd, "206 Partial Content\r\nContent-Range: bytes 4-7/8", STR("data"));
    else if (strncmp(path, "/continue ", 10) == 0)
        answer(fd, "100 Continue\r\nETag: \"not this\"\r\n\r\nHTTP/1.1 200 OK", STR("ok"));
    else if (strncmp(path, "/big ", 5) == 0)
        answer(fd, "200 OK", (struct str){ big, sizeof big });
    else if (strncmp(path, "/stall ", 7) == 0) {
        static const char head_only[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
        say(fd, head_only, sizeof head_only - 1);
    } else if (strncmp(path, "/long-header ", 13) == 0) {
        char text[2000];
        snprintf(text, sizeof text, "302 Found\r\nEtag: %0200d", 1);
        answer(fd, text, STR(""));
    } else if (strncmp(path, "/nonsense ", 10) == 0) {
        say(fd, "nonsense\r\n\r\n", 12);
        return false;
    } else
        answer(fd, "404 Not Found", STR("no such thing"));
    return true;
}

static void *serve(void *ctx)
{
    static char in[REQUEST_BYTES];
    (void)ctx;
    for (int fd; (fd = accept(srv.fd, NULL, NULL)) >= 0; close(fd)) {
        srv.connections++;
        while (serve_one(fd, in))
            ;
    }
    return NULL;
}

static void start(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    srv.connections = 0;
    srv.fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(srv.fd >= 0 && bind(srv.fd, (struct sockaddr *)&at, n) == 0 && listen(srv.fd, 8) == 0 &&
                    getsockname(srv.fd, (struct sockaddr *)&at, &n) == 0);
    srv.port = ntohs(at.sin_port);
    CU_ASSERT_FATAL(pthread_create(&srv.thread, NULL, serve, NULL) == 0);
    setenv("no_proxy", "*", 1);
}

/* The client goes first, so that the server sees the end of its connection. */
static void stop(struct fetch *f)
{
    fetch_destroy(f);
    shutdown(srv.fd, SHUT_RDWR);
    pthread_join(srv.thread, NULL);
    close(srv.fd);
}

static const char *url(const char *path)
{
    static char text[128];
    snprintf(text, sizeof text, "http://127.0.0.1:%u%s", srv.port, path);
    return text;
}

static enum rc get(struct fetch *f, const char *path, struct fetch_reply *reply, struct err *e)
{
    return fetch_do(f, &(struct fetch_request){ .method = "GET", .url = url(path) }, reply, e);
}

/* --- tests ---------------------------------------------------------------------------------------------------- */

static void any_answer_is_ok_and_its_headers_are_kept(void)
{
    static const struct {
        const char *path;
        long status;
        const char *body, *type, *etag, *location, *hmac;
        int64_t retry_after_s;
    } row[] = {
        { "/hello", 200, "hello", "text/plain", "\"v1\"", "", "algorithm=MD5, mac=x", 0 },
        { "/moved", 302, "", "", "", "http://127.0.0.1/else", "", -1 },
        { "/busy", 503, "later", "", "", "", "", 7 },
        { "/none", 404, "no such thing", "", "", "", "", -1 },
        { "/continue", 200, "ok", "", "", "", "", -1 },
        { "/long-header", 302, "", "", "", "", "", -1 },
    };
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    start();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct fetch_reply r;
        CU_ASSERT_EQUAL(get(f, row[i].path, &r, NULL), RC_OK);
        CU_ASSERT_EQUAL(r.status, row[i].status);
        CU_ASSERT(str_is(buf_str(&r.body), row[i].body));
        CU_ASSERT_EQUAL(r.content_length, (int64_t)strlen(row[i].body));
        CU_ASSERT_STRING_EQUAL(r.content_type, row[i].type);
        CU_ASSERT_STRING_EQUAL(r.etag, row[i].etag);
        CU_ASSERT_STRING_EQUAL(r.location, row[i].location);
        CU_ASSERT_STRING_EQUAL(r.hmac, row[i].hmac);
        CU_ASSERT_EQUAL(r.retry_after_s, row[i].retry_after_s);
        fetch_reply_finish(&r);
    }
    CU_ASSERT_EQUAL(srv.connections, 1); /* kept alive */
    stop(f);
}

static void sends_method_headers_and_body(void)
{
    static const char *const headers[] = { "Content-Type: application/vnd.syncml.dm+xml", "X-Test: yes", NULL };
    static const struct {
        const char *method;
        struct str body;
        bool file;
        const char *starts, *ends;
    } row[] = {
        { "GET", { 0 }, false, "GET /echo HTTP/1.1\r\n", "\r\n\r\n" },
        { "POST", STR_INIT("a\0b"), false, "POST /echo HTTP/1.1\r\n", "\r\n\r\na" },
        { "POST", { 0 }, false, "POST /echo HTTP/1.1\r\n", "\r\n\r\n" },
        { "PUT", STR_INIT("text"), false, "PUT /echo HTTP/1.1\r\n", "\r\n\r\ntext" },
        { "PATCH", STR_INIT("text"), false, "PATCH /echo HTTP/1.1\r\n", "\r\n\r\ntext" },
        { "DELETE", { 0 }, false, "DELETE /echo HTTP/1.1\r\n", "\r\n\r\n" },
        { "PUT", { 0 }, true, "PUT /echo HTTP/1.1\r\n", "\r\n\r\nin a file" },
        { "POST", { 0 }, true, "POST /echo HTTP/1.1\r\n", "\r\n\r\nin a file" },
        { "GET", { 0 }, false, "GET /echo HTTP/1.1\r\n", "\r\n\r\n" }, /* nothing is left of those before */
    };
    char name[] = "/tmp/fetch_test.XXXXXX";
    int fd = mkstemp(name);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, "in a file", 9) == 9);
    close(fd);
    struct fetch *f = fetch_create(&(struct fetch_config){ .user_agent = "test/1" });
    start();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct fetch_reply r;
        struct fetch_request q = { .method = row[i].method,
                                   .url = url("/echo"),
                                   .headers = headers,
                                   .body = row[i].body,
                                   .body_file = row[i].file ? name : NULL };
        CU_ASSERT_EQUAL(fetch_do(f, &q, &r, NULL), RC_OK);
        const char *seen = buf_z(&r.body);
        CU_ASSERT_EQUAL(strncmp(seen, row[i].starts, strlen(row[i].starts)), 0);
        CU_ASSERT_STRING_EQUAL(strstr(seen, "\r\n\r\n"), row[i].ends);
        CU_ASSERT_PTR_NOT_NULL(strstr(seen, "\r\nContent-Type: application/vnd.syncml.dm+xml\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(seen, "\r\nX-Test: yes\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(seen, "\r\nUser-Agent: test/1\r\n"));
        CU_ASSERT_EQUAL(strstr(seen, "x-www-form-urlencoded") != NULL, false);
        if (row[i].body.n == 3) CU_ASSERT(str_ends(buf_str(&r.body), STR("a\0b")));
        fetch_reply_finish(&r);
    }
    struct fetch_reply r;
    unlink(name);
    CU_ASSERT_EQUAL(fetch_do(f, &(struct fetch_request){ .method = "PUT", .url = url("/echo"), .body_file = name }, &r,
                             NULL),
                    RC_IO);
    fetch_reply_finish(&r);
    stop(f);
}

struct sunk {
    size_t n, stop_at;
    volatile int *cancel;
};

static bool sink(void *ctx, struct str bytes)
{
    struct sunk *s = ctx;
    s->n += bytes.n;
    if (s->cancel) *s->cancel = 1;
    return !s->stop_at || s->n < s->stop_at;
}

static void a_sink_takes_good_bytes_only(void)
{
    static const struct {
        const char *path;
        size_t stop_at;
        uint64_t resume_from;
        enum rc want;
        long status;
        size_t sunk;
        const char *body;
    } row[] = {
        { "/big", 0, 0, RC_OK, 200, BIG_BYTES, "" },   { "/none", 0, 0, RC_OK, 404, 0, "no such thing" },
        { "/hello", 1, 0, RC_IO, 0, 5, "" },           { "/part", 0, 4, RC_OK, 206, 4, "" },
        { "/hello", 0, 4, RC_UNSUPPORTED, 0, 0, "" }, /* it would begin at the start */
        { "/away", 0, 0, RC_OK, 302, 0, "elsewhere" },
    };
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    start();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct sunk s = { .stop_at = row[i].stop_at };
        struct fetch_reply r;
        struct fetch_request q = {
            .method = "GET", .url = url(row[i].path), .sink = sink, .ctx = &s, .resume_from = row[i].resume_from
        };
        CU_ASSERT_EQUAL(fetch_do(f, &q, &r, NULL), row[i].want);
        CU_ASSERT_EQUAL(s.n, row[i].sunk);
        CU_ASSERT(str_is(buf_str(&r.body), row[i].body));
        if (row[i].want == RC_OK) CU_ASSERT_EQUAL(r.status, row[i].status);
        fetch_reply_finish(&r);
    }
    stop(f);
}

static void says_which_host_and_why(void)
{
    static const struct {
        const char *path;
        size_t limit;
        enum rc want;
        const char *where;
    } row[] = {
        { "/big", BIG_BYTES - 1, RC_LIMIT, "127.0.0.1" },
        { "/nonsense", 0, RC_IO, "127.0.0.1" },
        { "/stall", 0, RC_TIMEOUT, "127.0.0.1" },
    };
    struct fetch *f = fetch_create(&(struct fetch_config){ .total_timeout_s = 1 });
    start();
    for (size_t i = 0; i < ROWS(row); i++) {
        struct fetch_reply r;
        struct err e = { 0 };
        struct fetch_request q = { .method = "GET", .url = url(row[i].path), .reply_limit = row[i].limit };
        CU_ASSERT_EQUAL(fetch_do(f, &q, &r, &e), row[i].want);
        CU_ASSERT_EQUAL(e.rc, row[i].want);
        CU_ASSERT_STRING_EQUAL(e.where, row[i].where);
        CU_ASSERT(strlen(e.text) > 0);
        CU_ASSERT_PTR_NULL(r.body.p);
        fetch_reply_finish(&r);
    }
    static const char *const bad[] = { "file:///etc/passwd", "http://", "gopher://127.0.0.1/x", "" };
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct fetch_reply r;
        CU_ASSERT_EQUAL(fetch_do(f, &(struct fetch_request){ .method = "GET", .url = bad[i] }, &r, NULL), RC_IO);
        fetch_reply_finish(&r);
    }
    stop(f);
}

static void nobody_listening_is_an_io_failure(void)
{
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    struct fetch_reply r;
    struct err e = { 0 };
    start();
    shutdown(srv.fd, SHUT_RDWR);
    pthread_join(srv.thread, NULL);
    close(srv.fd);
    CU_ASSERT_EQUAL(fetch_do(f, &(struct fetch_request){ .method = "GET", .url = url("/?token=secret") }, &r, &e),
                    RC_IO);
    CU_ASSERT_STRING_EQUAL(e.where, "127.0.0.1");
    CU_ASSERT_PTR_NULL(strstr(e.text, "secret"));
    CU_ASSERT_EQUAL(r.status, 0);
    fetch_reply_finish(&r);
    fetch_destroy(f);
    fetch_destroy(NULL);
}

static void can_be_cancelled(void)
{
    volatile int cancel = 0;
    struct sunk s = { .cancel = &cancel };
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    struct fetch_reply r;
    struct err e = { 0 };
    start();
    struct fetch_request q = {
        .method = "GET", .url = url("/stall"), .sink = sink, .ctx = &s, .cancel = &cancel, .no_total_timeout = true
    };
    CU_ASSERT_EQUAL(fetch_do(f, &q, &r, &e), RC_IO);
    CU_ASSERT_STRING_EQUAL(e.text, "cancelled");
    CU_ASSERT_EQUAL(s.n, 3);
    fetch_reply_finish(&r);
    stop(f);
}

static void gives_up_on_a_stalled_transfer(void)
{
    struct fetch *f = fetch_create(&(struct fetch_config){ 0 });
    struct fetch_reply r;
    start();
    struct fetch_request q = { .method = "GET", .url = url("/stall"), .stall_s = 1, .no_total_timeout = true };
    CU_ASSERT_EQUAL(fetch_do(f, &q, &r, NULL), RC_TIMEOUT);
    fetch_reply_finish(&r);
    stop(f);
}

TEST_MAIN("base.fetch", TEST(any_answer_is_ok_and_its_headers_are_kept), TEST(sends_method_headers_and_body),
          TEST(a_sink_takes_good_bytes_only), TEST(says_which_host_and_why), TEST(nobody_listening_is_an_io_failure),
          TEST(can_be_cancelled), TEST(gives_up_on_a_stalled_transfer))
