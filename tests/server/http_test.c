/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/server/http_fixture.h"

#include "base/crypto.h"
#include "base/fetch.h"
#include "base/world.h"

#include <pthread.h>
#include <stdlib.h>

static const char *ask(uint16_t port, const char *request)
{
    int fd = dial(port);
    say(fd, request);
    const char *t = hear(fd, NULL);
    close(fd);
    return t;
}

static void hands_out_requests_and_sends_replies(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    uint16_t port = http_port(l);
    const char *t;

    t = ask(port, "GET /a%20b/c?x=1&q=%22a%22+b HTTP/1.1\r\n" CLOSE "X-Asked: it\r\n\r\n");
    HAS(t, "HTTP/1.1 200");
    HAS(t, "X-Test: yes");
    HAS(t, "\r\n\r\nGET|/a b/c|\"a\" b|q|it|127.0.0.1|");
    t = ask(port, "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello");
    HAS(t, "POST|/p||-||127.0.0.1|hello");
    t = ask(port, "POST /p HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    HAS(t, "|hello");
    t = ask(port, "HEAD /p HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(t, "HTTP/1.1 200");
    HAS(t, "Content-Length: 22");
    HASNT(t, "HEAD|");
    t = ask(port, "GET /a%zz HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(t, "HTTP/1.1 400");
    t = ask(port, "GET /a%00b HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(t, "HTTP/1.1 400");
    t = ask(port, "GET /problem HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(t, "HTTP/1.1 409");
    HAS(t, "application/problem+json");
    HAS(t,
        "{\"type\":\"about:blank\",\"title\":\"No\",\"status\":409,\"detail\":\"it is \\\"so\\\" 7\",\"pointer\":\"/a/b\"}");
    http_stop(l);
}

static void a_query_longer_than_the_inline_room_is_whole(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    char text[2000], value[700];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    snprintf(text, sizeof text, "GET /?a=1&q=%s HTTP/1.1\r\n" CLOSE "\r\n", value);
    const char *t = ask(http_port(l), text);
    HAS(t, value);
    http_stop(l);
}

static void keeps_connections_alive(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    int fd = dial(http_port(l));
    for (int i = 0; i < 5; i++) {
        say(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        const char *t = hear(fd, "|hi");
        HAS(t, "HTTP/1.1 200");
        CU_ASSERT_EQUAL(http_connections(l), 1);
    }
    close(fd);
    http_stop(l);
}

static void refuses_large_bodies_before_reading_them(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    uint16_t port = http_port(l);
    char big[1600];
    const char *t = ask(port, "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 1001\r\n\r\n");
    HAS(t, "HTTP/1.1 413");
    t = ask(port, "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 99999999999999999999999999\r\n\r\n");
    HASNT(t, "HTTP/1.1 200");
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    char text[2000];
    snprintf(text, sizeof text, "POST /p HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
             strlen(big), big);
    t = ask(port, text);
    HAS(t, "HTTP/1.1 413");
    http_stop(l);
}

static void says_503_past_the_ceiling(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    int fd[9];
    for (unsigned i = 0; i < 8; i++) {
        fd[i] = dial(http_port(l));
        say(fd[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        HAS(hear(fd[i], "127.0.0.1|"), "HTTP/1.1 200");
    }
    fd[8] = dial(http_port(l));
    say(fd[8], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const char *t = hear(fd[8], NULL);
    HAS(t, "HTTP/1.1 503");
    HAS(t, "Retry-After: ");
    for (unsigned i = 0; i < 9; i++) close(fd[i]);
    http_stop(l);
}

static struct http_listener *begin_with(struct http_fixture *s, const struct http_config *c)
{
    struct http_listener *l = NULL;
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(http_start(c, echo, &uploads, s, &l, &e), RC_OK);
    return l;
}

static void one_address_cannot_take_all_connections(void)
{
    static const char *const networks[] = { "192.0.2.0/24", "127.0.0.0/8" };
    for (size_t shared = 0; shared < 2; shared++) {
        struct http_fixture s = { 0 };
        struct http_config c = plain;
        int fd[4];
        c.max_per_address = 3;
        c.shared_networks = networks;
        c.n_shared_networks = 1 + shared;
        struct http_listener *l = begin_with(&s, &c);
        for (unsigned i = 0; i < 3; i++) {
            fd[i] = dial(http_port(l));
            say(fd[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            HAS(hear(fd[i], "127.0.0.1|"), "HTTP/1.1 200");
        }
        fd[3] = dial(http_port(l));
        say(fd[3], "GET / HTTP/1.1\r\n" CLOSE "\r\n");
        const char *t = hear(fd[3], NULL);
        HAS(t, shared ? "HTTP/1.1 200" : "HTTP/1.1 503");
        if (!shared) HAS(t, "one address");
        close(fd[0]); /* its place is free again */
        for (int i = 0; i < 1000 && http_connections(l) > 2; i++) poll(NULL, 0, 2);
        HAS(ask(http_port(l), "GET / HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200");
        for (unsigned i = 1; i < 4; i++) close(fd[i]);
        http_stop(l);
    }
}

/* Eight who say nothing are no reason to refuse a ninth who does. */
static void who_keeps_us_waiting_makes_room(void)
{
    struct http_fixture s = { 0 };
    struct http_config c = plain;
    int fd[8];
    c.head_timeout_ms = 10000;
    struct http_listener *l = begin_with(&s, &c);
    for (unsigned i = 0; i < 8; i++) {
        fd[i] = dial(http_port(l));
        say(fd[i], "GET / HTTP/1.1\r\nHost:");
    }
    int64_t began = world_monotonic_ms();
    const char *t = "";
    while (!strstr(t, "HTTP/1.1 200") && world_monotonic_ms() - began < 5000)
        t = ask(http_port(l), "GET / HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(t, "HTTP/1.1 200");
    CU_ASSERT(world_monotonic_ms() - began < 5000);
    HASNT(hear(fd[0], NULL), "HTTP/1.1 200"); /* the first one is gone */
    for (unsigned i = 0; i < 8; i++) close(fd[i]);
    http_stop(l);
}

/* Bodies that are not complete yet count, too. */
static void all_bodies_together_have_a_ceiling(void)
{
    struct http_fixture s = { 0 };
    struct http_config c = plain;
    char half[600], text[900];
    int fd[2];
    c.max_bodies_bytes = 2400;
    struct http_listener *l = begin_with(&s, &c);
    memset(half, 'x', sizeof half - 1);
    half[sizeof half - 1] = '\0';
    snprintf(text, sizeof text, "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 900\r\n\r\n%s", half);
    for (unsigned i = 0; i < 2; i++) {
        fd[i] = dial(http_port(l));
        say(fd[i], text);
    }
    const char *t = "";
    for (int i = 0; i < 1000 && !strstr(t, "HTTP/1.1 503"); i++)
        t = ask(http_port(l), "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 900\r\n\r\n");
    HAS(t, "HTTP/1.1 503");
    HAS(t, "Retry-After");
    for (unsigned i = 0; i < 2; i++) close(fd[i]);
    for (int i = 0; i < 1000 && http_connections(l); i++) poll(NULL, 0, 2);
    HAS(ask(http_port(l), "POST /p HTTP/1.1\r\n" CLOSE "Content-Length: 2\r\n\r\nhi"), "|hi");
    http_stop(l);
}

static void sends_files_whole_and_in_ranges(void)
{
    static const struct {
        const char *method, *headers;
        int status;
        const char *length, *range, *body;
    } row[] = {
        { "GET", "", 200, "10", NULL, "0123456789" },
        { "HEAD", "", 200, "10", NULL, "" },
        { "GET", "Range: bytes=2-4\r\n", 206, "3", "bytes 2-4/10", "234" },
        { "GET", "Range: bytes=7-\r\n", 206, "3", "bytes 7-9/10", "789" },
        { "GET", "Range: bytes=7-99\r\n", 206, "3", "bytes 7-9/10", "789" },
        { "GET", "Range: bytes=-2\r\n", 206, "2", "bytes 8-9/10", "89" },
        { "GET", "Range: bytes=-20\r\n", 206, "10", "bytes 0-9/10", "0123456789" },
        { "GET", "Range: bytes=10-\r\n", 416, "0", "bytes */10", "" },
        { "GET", "Range: bytes=-0\r\n", 416, "0", "bytes */10", "" },
        { "GET", "Range: bytes=0-1,3-4\r\n", 200, "10", NULL, "0123456789" },
        { "GET", "Range: bytes=4-2\r\n", 200, "10", NULL, "0123456789" },
        { "GET", "Range: lines=4-5\r\n", 200, "10", NULL, "0123456789" },
        { "GET", "Range: bytes=x-\r\n", 200, "10", NULL, "0123456789" },
        { "GET", "Range: bytes=2-4\r\nIf-Range: \"tag1\"\r\n", 206, "3", "bytes 2-4/10", "234" },
        { "GET", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n", 200, "10", NULL, "0123456789" },
        { "GET", "If-None-Match: \"tag1\"\r\n", 304, NULL, NULL, "" },
        { "GET", "If-None-Match: \"a\", W/\"tag1\"\r\n", 304, NULL, NULL, "" },
        { "GET", "If-None-Match: \"a\"\r\n", 200, "10", NULL, "0123456789" },
        { "HEAD", "Range: bytes=2-4\r\n", 206, "3", "bytes 2-4/10", "" },
    };
    char name[] = "/tmp/dmvisor-http-XXXXXX";
    int fd = mkstemp(name);
    CU_ASSERT_EQUAL(write(fd, "0123456789", 10), 10);
    close(fd);
    struct http_fixture s = { .file = name, .file_size = 10 };
    struct http_listener *l = begin(&s);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        char text[400], want[100];
        snprintf(text, sizeof text, "%s /file HTTP/1.1\r\n" CLOSE "%s\r\n", row[i].method, row[i].headers);
        const char *t = ask(http_port(l), text);
        snprintf(want, sizeof want, "HTTP/1.1 %d ", row[i].status);
        HAS(t, want);
        HAS(t, "ETag: \"tag1\"\r\n");
        snprintf(want, sizeof want, "Content-Length: %s\r\n", row[i].length ? row[i].length : "0");
        if (row[i].length) HAS(t, want);
        snprintf(want, sizeof want, "Content-Range: %s\r\n", row[i].range ? row[i].range : "");
        CU_ASSERT_EQUAL(strstr(t, want) != NULL, row[i].range != NULL);
        const char *body = strstr(t, "\r\n\r\n");
        CU_ASSERT_PTR_NOT_NULL_FATAL(body);
        CU_ASSERT_STRING_EQUAL(body + 4, row[i].body);
    }
    s.file_size = 11;
    HAS(ask(http_port(l), "GET /file HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 500");
    unlink(name);
    HAS(ask(http_port(l), "GET /file HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 404");
    http_stop(l);
}

static void *feed(void *ctx)
{
    struct http_stream *s = ctx;
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof text, "data: %d\n\n", i);
        if (!http_stream_write(s, str_of(text))) break;
    }
    http_stream_end(s);
    http_stream_release(s);
    return NULL;
}

static void streams_what_another_thread_writes(void)
{
    struct http_fixture s = { .stream = http_stream_create(64 << 10) };
    struct http_listener *l = begin(&s);
    pthread_t th;
    int fd = dial(http_port(l));
    say(fd, "GET /stream HTTP/1.1\r\n" CLOSE "\r\n");
    HAS(hear(fd, "\r\n\r\n"), "text/event-stream");
    pthread_create(&th, NULL, feed, s.stream);
    HAS(hear(fd, NULL), "data: 99\n\n");
    pthread_join(th, NULL);
    close(fd);
    http_stop(l);
}

static void drops_a_slow_reader_and_one_that_went(void)
{
    struct http_fixture s = { .stream = http_stream_create(64 << 10) };
    struct http_listener *l = begin(&s);
    int fd = dial(http_port(l));
    char block[1000];
    memset(block, 'x', sizeof block);
    say(fd, "GET /stream HTTP/1.1\r\n" CLOSE "\r\n");
    hear(fd, "\r\n\r\n");
    int i = 0;
    while (i < 100000 && http_stream_write(s.stream, (struct str){ block, sizeof block })) i++;
    CU_ASSERT(i > 10 && i < 100000); /* nobody reads: the socket's buffers fill, then ours */
    http_stream_release(s.stream);
    close(fd);

    s.stream = http_stream_create(64 << 10);
    fd = dial(http_port(l));
    say(fd, "GET /stream HTTP/1.1\r\n" CLOSE "\r\n");
    hear(fd, "\r\n\r\n");
    close(fd);
    for (i = 0; i < 1000 && http_stream_write(s.stream, STR(": ping\n\n")); i++) poll(NULL, 0, 2);
    CU_ASSERT(i < 1000);
    http_stream_release(s.stream);
    http_stop(l);
}

static void stops_with_open_streams(void)
{
    struct http_fixture s = { .stream = http_stream_create(1000) };
    struct http_listener *l = begin(&s);
    int fd = dial(http_port(l));
    say(fd, "GET /stream HTTP/1.1\r\n" CLOSE "\r\n");
    hear(fd, "\r\n\r\n");
    CU_ASSERT_TRUE(http_stream_write(s.stream, STR("a")));
    http_stop(l);
    CU_ASSERT_FALSE(http_stream_write(s.stream, STR("b")));
    http_stream_release(s.stream);
    close(fd);
}

static void takes_uploads_in_pieces(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = begin(&s);
    uint16_t port = http_port(l);
    char text[8000], body[3000];
    memset(body, 'u', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    snprintf(text, sizeof text, "POST /upload HTTP/1.1\r\n" CLOSE "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    HAS(ask(port, text), "2999 bytes, mine");
    CU_ASSERT_EQUAL(s.drops, 1);
    HAS(ask(port, text), "2999 bytes, mine"); /* the second does not fit: passed over */
    CU_ASSERT_EQUAL(s.drops, 2);
    HAS(ask(port, "POST /forbidden HTTP/1.1\r\n" CLOSE "Content-Length: 100000000\r\n\r\n"), "HTTP/1.1 403");
    s.n_upload = 0;
    int fd = dial(port);
    say(fd, "POST /upload HTTP/1.1\r\n" CLOSE "Content-Length: 100\r\n\r\nhalf");
    for (int i = 0; i < 1000 && s.n_upload < 4; i++) poll(NULL, 0, 2);
    close(fd);
    for (int i = 0; i < 1000 && s.drops < 3; i++) poll(NULL, 0, 2);
    CU_ASSERT_EQUAL(s.drops, 3);
    http_stop(l);
}

/* The loop of a DM worker in miniature: a turn, a commit, the answers. */

static void answer_all(struct http_fixture *s, const char *text)
{
    for (unsigned i = 0; i < s->n_waiting; i++) {
        struct http_reply r = { .status = 200 };
        buf_putz(&r.body, text);
        http_answer(s->waiting[i], &r);
    }
    s->n_waiting = 0;
}

static struct http_listener *open_external(struct http_fixture *s)
{
    struct http_listener *l = NULL;
    struct err e = { 0 };
    CU_ASSERT_EQUAL_FATAL(http_open(&plain, echo, NULL, s, &l, &e), RC_OK);
    return l;
}

static void answers_after_the_commit(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = open_external(&s);
    int fd[4];
    for (unsigned i = 0; i < 4; i++) {
        fd[i] = dial(http_port(l));
        say(fd[i], "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100 && s.n_waiting < 4; i++) turn(l, 20);
        CU_ASSERT_EQUAL(s.n_waiting, 4);
        for (unsigned i = 0; i < 4; i++) {
            char c;
            CU_ASSERT_EQUAL(recv(fd[i], &c, 1, MSG_DONTWAIT), -1); /* nothing goes before the commit */
        }
        if (round == 1) /* takes longer than a turn: suspended meanwhile, and no busy loop */
            for (int i = 0; i < 3; i++) http_turn(l);
        if (round == 1) CU_ASSERT_NOT_EQUAL(http_timeout_ms(l), 0);
        answer_all(&s, "kept");
        turn(l, 20);
        turn(l, 20);
        for (unsigned i = 0; i < 4; i++) {
            const char *t = hear(fd[i], "kept");
            HAS(t, "HTTP/1.1 200");
            HAS(t, "\r\n\r\nkept");
            say(fd[i], "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        }
    }
    for (unsigned i = 0; i < 4; i++) close(fd[i]);
    http_stop(l);
}

static void a_peer_that_goes_while_its_answer_is_kept_does_no_harm(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = open_external(&s);
    for (int suspended = 0; suspended < 2; suspended++) {
        int fd = dial(http_port(l));
        say(fd, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        for (int i = 0; i < 100 && s.n_waiting < 1; i++) turn(l, 20);
        if (suspended) http_turn(l);
        struct linger now = { 1, 0 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
        for (int i = 0; i < 3; i++) http_turn(l);
        answer_all(&s, "too late");
        for (int i = 0; i < 100 && http_connections(l); i++) turn(l, 20);
        CU_ASSERT_EQUAL(http_connections(l), 0);
    }
    http_stop(l);
}

static void stops_with_requests_that_wait(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = open_external(&s);
    int fd[2];
    for (unsigned i = 0; i < 2; i++) {
        fd[i] = dial(http_port(l));
        say(fd[i], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int k = 0; k < 100 && s.n_waiting < i + 1; k++) turn(l, 20);
        if (i == 0) http_turn(l); /* one suspended, one not */
    }
    http_stop(l);
    for (unsigned i = 0; i < 2; i++) {
        HAS(hear(fd[i], NULL), "HTTP/1.1 503");
        close(fd[i]);
    }
}

static void quiesce_lets_open_ones_finish_and_takes_no_new_ones(void)
{
    struct http_fixture s = { 0 };
    struct http_listener *l = open_external(&s);
    int fd = dial(http_port(l));
    for (int i = 0; i < 2; i++) {
        say(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int k = 0; k < 100 && s.n_waiting < 1; k++) turn(l, 20);
        answer_all(&s, "still here");
        turn(l, 20);
        HAS(hear(fd, "still here"), "HTTP/1.1 200");
        if (i == 0) http_quiesce(l);
    }
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(http_port(l)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int other = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(connect(other, (struct sockaddr *)&to, sizeof to), -1);
    close(other);
    close(fd);
    http_stop(l);
}

static void speaks_tls_and_names_verified_clients(void)
{
    char dir[] = "/tmp/dmvisor-http-XXXXXX", cert[64], key[64], ccert[64], ckey[64], url[64];
    const char *hosts[] = { "127.0.0.1" }, *device[] = { "phone-17" };
    struct err e = { 0 };
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/cert", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    snprintf(ccert, sizeof ccert, "%s/ccert", dir);
    snprintf(ckey, sizeof ckey, "%s/ckey", dir);
    CU_ASSERT_EQUAL_FATAL(crypto_make_certificate(cert, key, hosts, 1, 2, &e), RC_OK);
    CU_ASSERT_EQUAL_FATAL(crypto_make_certificate(ccert, ckey, device, 1, 2, &e), RC_OK);

    struct http_config c = plain;
    struct http_listener *l = NULL;
    struct http_fixture s = { 0 };
    c.cert_file = cert;
    c.key_file = ckey;
    CU_ASSERT_EQUAL(http_start(&c, echo, NULL, &s, &l, &e), RC_INVALID); /* not a pair */
    err_clear(&e);
    c.key_file = key;
    c.client_ca_file = ccert;
    CU_ASSERT_EQUAL_FATAL(http_start(&c, echo, NULL, &s, &l, &e), RC_OK);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/x", http_port(l));
    for (int with = 0; with < 3; with++) {
        struct fetch_config fc = { .ca_file = cert,
                                   .client_cert = with == 1   ? ccert
                                                  : with == 2 ? cert
                                                              : NULL,
                                   .client_key = with == 1   ? ckey
                                                 : with == 2 ? key
                                                             : NULL };
        struct fetch *f = fetch_create(&fc);
        struct fetch_reply reply = { 0 };
        struct fetch_request q = { .method = "GET", .url = url };
        strcpy(s.subject, "?");
        err_clear(&e);
        enum rc rc = fetch_do(f, &q, &reply, &e);
        if (with < 2) {
            CU_ASSERT_EQUAL(rc, RC_OK);
            CU_ASSERT_EQUAL(reply.status, 200);
            CU_ASSERT_EQUAL(s.subject[0] != '\0', with == 1);
        } else {
            CU_ASSERT(rc != RC_OK || s.subject[0] == '\0'); /* a certificate that nobody vouches for */
        }
        fetch_reply_finish(&reply);
        fetch_destroy(f);
    }
    http_stop(l);
    unlink(cert), unlink(key), unlink(ccert), unlink(ckey), rmdir(dir);
}

static void says_why_it_cannot_listen(void)
{
    struct http_config c = plain;
    struct http_listener *l = NULL, *other = NULL;
    struct http_fixture s = { 0 };
    struct err e = { 0 };
    c.address = "example.invalid";
    CU_ASSERT_EQUAL(http_open(&c, echo, NULL, &s, &l, &e), RC_INVALID);
    HAS(e.text, "example.invalid");
    err_clear(&e);
    l = begin(&s);
    c = plain;
    c.port = http_port(l);
    CU_ASSERT_EQUAL(http_open(&c, echo, NULL, &s, &other, &e), RC_IO);
    HAS(e.text, "in use");
    http_stop(l);
    err_clear(&e);
    c.port = 0;
    c.cert_file = "/nonexistent/cert";
    c.key_file = "/nonexistent/key";
    CU_ASSERT_NOT_EQUAL(http_open(&c, echo, NULL, &s, &l, &e), RC_OK);
    HAS(e.text, "/nonexistent/cert");
}

TEST_MAIN("server.http", TEST(hands_out_requests_and_sends_replies), TEST(a_query_longer_than_the_inline_room_is_whole),
          TEST(keeps_connections_alive), TEST(refuses_large_bodies_before_reading_them),
          TEST(says_503_past_the_ceiling), TEST(one_address_cannot_take_all_connections),
          TEST(who_keeps_us_waiting_makes_room), TEST(all_bodies_together_have_a_ceiling),
          TEST(sends_files_whole_and_in_ranges), TEST(streams_what_another_thread_writes),
          TEST(drops_a_slow_reader_and_one_that_went), TEST(stops_with_open_streams), TEST(takes_uploads_in_pieces),
          TEST(answers_after_the_commit), TEST(a_peer_that_goes_while_its_answer_is_kept_does_no_harm),
          TEST(stops_with_requests_that_wait), TEST(quiesce_lets_open_ones_finish_and_takes_no_new_ones),
          TEST_OF("S-120 S-605", speaks_tls_and_names_verified_clients), TEST(says_why_it_cannot_listen))
