/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/server/http_fixture.h"

#include "base/world.h"

#include <stdlib.h>

/* Peers that take their time. */

enum { HURRY_MS = 300 };

static struct http_listener *begin_in_a_hurry(struct http_fixture *s, const char *cert, const char *key)
{
    struct http_config c = plain;
    struct http_listener *l = NULL;
    struct err e = { 0 };
    c.head_timeout_ms = c.body_timeout_ms = HURRY_MS;
    c.idle_timeout_s = 1;
    c.cert_file = cert;
    c.key_file = key;
    CU_ASSERT_EQUAL_FATAL(http_start(&c, echo, &uploads, s, &l, &e), RC_OK);
    return l;
}

/* One octet every few milliseconds, until the other side has enough of it. @return milliseconds that took, -1: never */
static int64_t drip(int fd, const char *first, const char *again)
{
    int64_t since = world_monotonic_ms();
    say(fd, first);
    for (const char *at = again; world_monotonic_ms() - since < 20000; at = at[1] ? at + 1 : again) {
        struct pollfd p = { fd, POLLIN, 0 };
        if (poll(&p, 1, 20) > 0) return world_monotonic_ms() - since;
        if (send(fd, at, 1, MSG_NOSIGNAL) < 0) return world_monotonic_ms() - since;
    }
    return -1;
}

static void gone(struct http_listener *l)
{
    for (int i = 0; i < 5000 && http_connections(l); i++) poll(NULL, 0, 2);
    CU_ASSERT_EQUAL(http_connections(l), 0);
}

static void a_request_that_drips_gets_408(void)
{
    static const struct {
        const char *first, *again, *what;
        int at_least;
    } row[] = {
        { "G", "ET", "head", 0 }, /* not even a request line */
        { "GET / HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", "head", 0 },
        { "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n", "z", "body", 0 },
        { "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nz\r\n", "body", 0 },
        { "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", "z", "body", 0 },
        /* On a connection that was kept its head may begin any time before the connection is idle for too long. */
        { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "head", 1000 },
    };
    struct http_fixture s = { 0 };
    struct http_listener *l = begin_in_a_hurry(&s, NULL, NULL);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        int fd = dial(http_port(l));
        const char *first = row[i].first;
        if (row[i].at_least) {
            say(fd, first);
            hear(fd, "127.0.0.1|");
            first = "";
        }
        int64_t took = drip(fd, first, row[i].again);
        CU_ASSERT(took >= HURRY_MS / 2 + row[i].at_least && took < 15000);
        const char *t = hear(fd, NULL); /* the end of the stream comes, too */
        HAS(t, "HTTP/1.1 408 ");
        HAS(t, "Connection: close");
        HAS(t, row[i].what);
        close(fd);
        gone(l);
    }
    http_stop(l);
}

static void who_never_says_anything_goes_too(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin_in_a_hurry(&s, NULL, NULL);
    int fd[3];
    for (int i = 0; i < 3; i++) fd[i] = dial(http_port(l));
    for (int i = 0; i < 3; i++) {
        HAS(hear(fd[i], NULL), "HTTP/1.1 408 ");
        close(fd[i]);
    }
    gone(l);
    http_stop(l);
}

/* Slower than a body may be, but it gets on. */
static void an_upload_takes_as_long_as_it_needs(void)
{
    enum { STEPS = 12, STEP = 32 << 10 };
    static char block[STEP];
    struct http_fixture s = { 0 };
    struct http_listener *l = begin_in_a_hurry(&s, NULL, NULL);
    int fd = dial(http_port(l));
    char head[200];
    int64_t since = world_monotonic_ms();
    memset(block, 'u', sizeof block);
    snprintf(head, sizeof head, "POST /upload HTTP/1.1\r\n" CLOSE "Content-Length: %d\r\n\r\n", STEPS * STEP);
    say(fd, head);
    s.sink = true;
    for (int i = 0; i < STEPS; i++) {
        CU_ASSERT_EQUAL(send(fd, block, STEP, MSG_NOSIGNAL), STEP);
        poll(NULL, 0, HURRY_MS / 6);
    }
    HAS(hear(fd, NULL), "393216 bytes, mine");
    CU_ASSERT(world_monotonic_ms() - since > HURRY_MS);
    close(fd);
    http_stop(l);
}

/* Reads so slowly that the reply takes longer than a request may, and that what the kernel could hold for it would
 * last for longer than a connection may be idle. */
static void a_download_takes_as_long_as_it_needs(void)
{
    enum { SIZE = 8 << 20, SMALL = 16 << 10, SLOW_MS = 2500 };
    char name[] = "/tmp/dmvisor-http-XXXXXX";
    static char block[256 << 10];
    struct http_fixture s = { .file = name, .file_size = SIZE };
    int file = mkstemp(name), fd;
    CU_ASSERT_EQUAL_FATAL(ftruncate(file, SIZE), 0);
    close(file);
    struct http_listener *l = begin_in_a_hurry(&s, NULL, NULL);
    fd = dial_with(http_port(l), SMALL);
    say(fd, "GET /file HTTP/1.1\r\n" CLOSE "\r\n");
    int64_t since = world_monotonic_ms();
    size_t n = 0;
    for (ssize_t got; (got = recv(fd, block, sizeof block, 0)) > 0; n += (size_t)got)
        if (world_monotonic_ms() - since < SLOW_MS) poll(NULL, 0, 50);
    CU_ASSERT(n > SIZE && n < SIZE + 1000);
    CU_ASSERT(world_monotonic_ms() - since >= SLOW_MS);
    close(fd);
    http_stop(l);
    unlink(name);
}

/* The last octets and the end of the stream arrive as one: libmicrohttpd does not see the end. */
static void who_ends_with_its_last_octets_is_let_go(void)
{
    static const char *const said[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /* complete: answered first */
        "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhal",
        "GET / HT",
        "",
    };
    struct http_config c = plain;
    struct http_listener *l = NULL;
    struct http_fixture s = { 0 };
    struct err e = { 0 };
    c.idle_timeout_s = c.head_timeout_ms = c.body_timeout_ms = 3600000; /* not by these */
    CU_ASSERT_EQUAL_FATAL(http_open(&c, echo, NULL, &s, &l, &e), RC_OK);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        int fd = dial(http_port(l));
        say(fd, said[i]);
        shutdown(fd, SHUT_WR);
        int64_t until = world_monotonic_ms() + 10000;
        turn(l, 20);
        while (http_connections(l) && world_monotonic_ms() < until) turn(l, 100);
        CU_ASSERT_EQUAL(http_connections(l), 0);
        if (i == 0) HAS(hear(fd, NULL), "HTTP/1.1 200");
        close(fd);
    }
    http_stop(l);
}

/* Who does not read what it asked for goes; a stream that has nothing to say stays. */
static void who_does_not_read_is_cut_off(void)
{
    enum { FILE_BYTES = 32 << 20 };
    char name[] = "/tmp/dmvisor-http-XXXXXX";
    int file = mkstemp(name);
    CU_ASSERT_EQUAL_FATAL(ftruncate(file, FILE_BYTES), 0);
    struct http_fixture s = { .file = name, .file_size = FILE_BYTES, .stream = http_stream_create(1000) };
    struct http_config c = plain;
    struct http_listener *l = NULL;
    struct err e = { 0 };
    c.send_timeout_ms = c.head_timeout_ms = HURRY_MS;
    c.idle_timeout_s = 60;
    CU_ASSERT_EQUAL_FATAL(http_start(&c, echo, &uploads, &s, &l, &e), RC_OK);
    int quiet = dial(http_port(l)), deaf = dial_with(http_port(l), 4096);
    say(quiet, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    HAS(hear(quiet, "\r\n\r\n"), "text/event-stream");
    int64_t since = world_monotonic_ms();
    say(deaf, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 5000 && http_connections(l) > 1; i++) poll(NULL, 0, 2);
    CU_ASSERT_EQUAL(http_connections(l), 1);
    CU_ASSERT(world_monotonic_ms() - since >= HURRY_MS / 2);
    while (world_monotonic_ms() - since < 5 * HURRY_MS) poll(NULL, 0, 20);
    CU_ASSERT_TRUE(http_stream_write(s.stream, STR("data: still here\n\n")));
    HAS(hear(quiet, "still here"), "still here");
    http_stream_end(s.stream);
    http_stream_release(s.stream);
    close(quiet), close(deaf), close(file);
    unlink(name);
    http_stop(l);
}

TEST_MAIN("server.http_time", TEST(who_does_not_read_is_cut_off), TEST(a_request_that_drips_gets_408),
          TEST(who_never_says_anything_goes_too), TEST(an_upload_takes_as_long_as_it_needs),
          TEST(a_download_takes_as_long_as_it_needs), TEST(who_ends_with_its_last_octets_is_let_go))
