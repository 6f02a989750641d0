/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator that costs little itself, so that server, floor and echo are driven by the same messages at the same pace: it sends a
 * recorded message again and again over kept-alive connections, with device, credentials, SessionID and StateToken put into their places.
 *
 *   bench_load --port N --type MIME --devices FILE --patch what:message:offset,... [--connections N] [--seconds S] [--rate R]
 *              [--fixed-nonce] [--count N] [--hold S] [--close] MESSAGE...
 *
 * Latency counts from the moment at which a message was due, not from the moment at which a connection was free (--rate). */
#define _DEFAULT_SOURCE
#include "tests/bench/bench.h"
#include "base/arena.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 128 << 10, HEAD_BYTES = 512, PATCHES = 512, BODIES = 64, SESSION_DIGITS = 4 };

struct load_patch {
    char what;
    unsigned body;
    size_t at;
}; /* d device, s SessionID, c credentials, t token */

struct conn {
    int fd;
    struct bench_device *device;
    unsigned body; /* of --bodies, the next */
    int64_t due_us;
    size_t n_in;
    char in[MESSAGE_BYTES];
};

static struct {
    uint16_t port;
    const char *type, *path;
    unsigned connections, body_count;
    double seconds, rate, hold_s;
    uint64_t count;
    bool fixed_nonce, close_after;
    struct bench_device *devices;
    size_t n_devices, next_device;
    struct str body[BODIES];
    unsigned n_bodies;
    struct load_patch patch[PATCHES];
    unsigned n_patches;
    struct conn *conns;
    struct conn **idle;
    unsigned first_idle, n_idle; /* a ring: each connection gets its turn */
    int epoll;
    uint64_t started, answered, errors, bytes_out, bytes_in;
    uint32_t *latency;
    size_t n_latency, cap_latency;
    char message[MESSAGE_BYTES + HEAD_BYTES];
    char error[200];
} g;

static void error_of(const char *text, size_t n)
{
    if (!g.errors++) snprintf(g.error, sizeof g.error, "%.*s", (int)(n > 180 ? 180 : n), text);
}

static void remember(int64_t us)
{
    if (g.n_latency == g.cap_latency) {
        g.cap_latency = g.cap_latency ? 2 * g.cap_latency : 1 << 16;
        if (!(g.latency = realloc(g.latency, g.cap_latency * sizeof *g.latency))) bench_fail("no memory");
    }
    g.latency[g.n_latency++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void dial(struct conn *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(g.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
    int on = 1;
    c->n_in = 0;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) || epoll_ctl(g.epoll, EPOLL_CTL_ADD, c->fd, &ev))
        bench_fail("cannot connect to port %u: %s", g.port, strerror(errno));
}

static struct bench_device *free_device(void)
{
    for (size_t i = 0; i < g.n_devices; i++) {
        struct bench_device *d = &g.devices[g.next_device];
        g.next_device = (g.next_device + 1) % g.n_devices;
        if (!d->busy) return d;
    }
    bench_fail("fewer devices than connections");
}

static void patch_body(char *body, unsigned n, const struct bench_device *d)
{
    char digest[SML_DIGEST_BYTES + 1], session[SESSION_DIGITS + 1];
    sml_md5_digest(str_of(d->ha1), (struct str){ (const char *)d->nonce, d->n_nonce }, digest);
    snprintf(session, sizeof session, "%04X", (d->sessions + 4096) % 65536);
    for (unsigned i = 0; i < g.n_patches; i++) {
        char *at = body + g.patch[i].at;
        if (g.patch[i].body != n) continue;
        switch (g.patch[i].what) {
        case 'd': memcpy(at, d->id, strlen(d->id)); break;
        case 's': memcpy(at, session, SESSION_DIGITS); break;
        case 'c': memcpy(at, digest, SML_DIGEST_BYTES); break;
        case 't': memcpy(at, d->token, strlen(d->token)); break;
        default: bench_fail("unknown patch %c", g.patch[i].what);
        }
    }
}

static void send_next(struct conn *c, int64_t due_us)
{
    struct str body = g.body[c->body];
    int head = snprintf(
        g.message, HEAD_BYTES,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: %s\r\nAccept: %s\r\nUser-Agent: bench/1\r\n"
        "Content-Length: %zu\r\n\r\n",
        g.path, g.port, g.type, g.type, body.n);
    memcpy(g.message + head, body.p, body.n);
    if (!c->device) {
        c->device = free_device();
        c->device->busy = true;
        c->device->sessions++;
    }
    patch_body(g.message + head, c->body, c->device);
    c->body = (c->body + 1) % g.n_bodies;
    c->due_us = due_us;
    g.started++;
    g.bytes_out += body.n;
    size_t n = (size_t)head + body.n;
    for (size_t done = 0; done < n;) {
        ssize_t k = write(c->fd, g.message + done, n - done);
        if (k < 0) bench_fail("sending: %s", strerror(errno));
        done += (size_t)k;
    }
}

/* Where `what` begins in s, or NULL. */
static const char *find(struct str s, struct str what)
{
    for (size_t at = 0; at + what.n <= s.n; at++) {
        at = str_find(s, what.p[0], at);
        if (at + what.n <= s.n && memcmp(s.p + at, what.p, what.n) == 0) return s.p + at;
    }
    return NULL;
}

/* The nonce that the device uses next, in either encoding: <NextNonce ...>text<, or the token with an inline string. */
static void take_nonce(struct bench_device *d, struct str body)
{
    const char *at = find(body, STR("<NextNonce")), *end = body.p + body.n;
    struct arena a;
    struct str nonce;
    if (at)
        at = memchr(at, '>', (size_t)(end - at));
    else if ((at = find(body, STR("\x50\x03"))))
        at++;
    if (!at) return;
    const char *stop = ++at;
    while (stop < end && *stop && *stop != '<') stop++;
    arena_init(&a, 4096);
    if (!text_b64_decode((struct str){ at, (size_t)(stop - at) }, &a, &nonce) && nonce.n <= sizeof d->nonce) {
        memcpy(d->nonce, nonce.p, nonce.n);
        d->n_nonce = nonce.n;
    }
    arena_finish(&a);
}

/* A whole reply in c->in? Length of head and body. @return 0: not yet */
static size_t whole(struct conn *c, struct str *body)
{
    const char *end = find((struct str){ c->in, c->n_in }, STR("\r\n\r\n"));
    size_t n = 0;
    if (!end) return 0;
    size_t head = (size_t)(end - c->in) + 4;
    for (const char *p = c->in; p < end; p = (const char *)memchr(p, '\n', (size_t)(end + 2 - p)) + 1)
        if (strncasecmp(p, "Content-Length:", 15) == 0) n = strtoul(p + 15, NULL, 10);
    if (head + n > sizeof c->in) bench_fail("a reply of %zu bytes", n);
    *body = (struct str){ c->in + head, n };
    return c->n_in >= head + n ? head + n : 0;
}

static void idle(struct conn *c)
{
    g.idle[(g.first_idle + g.n_idle++) % g.connections] = c;
}

static struct conn *next_idle(void)
{
    struct conn *c = g.idle[g.first_idle];
    g.first_idle = (g.first_idle + 1) % g.connections;
    g.n_idle--;
    return c;
}

static void answered(struct conn *c)
{
    struct str body;
    ssize_t k = read(c->fd, c->in + c->n_in, sizeof c->in - c->n_in);
    if (k <= 0) bench_fail("the server closed a connection: %.200s", c->n_in ? c->in : "");
    c->n_in += (size_t)k;
    if (!whole(c, &body)) return;
    remember(bench_now_us() - c->due_us);
    g.answered++;
    g.bytes_in += body.n;
    if (memcmp(c->in + 9, "200", 3)) error_of(c->in, c->n_in);
    if (!g.fixed_nonce) take_nonce(c->device, body);
    if (c->body == 0) { /* the last message of its session */
        c->device->busy = false;
        c->device = NULL;
    }
    c->n_in = 0;
    if (g.close_after) {
        close(c->fd);
        dial(c);
    }
    idle(c);
}

static void turn(int wait_ms)
{
    struct epoll_event ev[256];
    int n = epoll_wait(g.epoll, ev, 256, wait_ms);
    for (int i = 0; i < n; i++) answered(ev[i].data.ptr);
}

static void run(void)
{
    int64_t began = bench_now_us(), until = began + (int64_t)(g.seconds * 1e6);
    for (;;) {
        int64_t now = bench_now_us();
        bool more = now < until && (!g.count || g.started < g.count);
        if (!more && g.answered == g.started) break;
        if (now > until + 10000000) bench_fail("no answer for 10 seconds");
        while (more && g.n_idle) {
            int64_t due = g.rate > 0 ? began + (int64_t)((double)g.started * 1e6 / g.rate) : now;
            if (due > now || (g.count && g.started >= g.count)) break;
            send_next(next_idle(), due);
        }
        turn(g.rate > 0 && more ? 1 : 100);
    }
    g.seconds = (double)(bench_now_us() - began) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double ms_at(double part)
{
    return g.n_latency ? g.latency[(size_t)(part * (double)(g.n_latency - 1))] / 1000.0 : 0;
}

static void report(void)
{
    struct rusage u;
    struct buf text = { 0 };
    getrusage(RUSAGE_SELF, &u);
    qsort(g.latency, g.n_latency, sizeof *g.latency, by_value);
    buf_json(&text, str_of(g.error));
    printf(
        "{\"messages\": %llu, \"seconds\": %.3f, \"perS\": %.1f, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f, \"errors\": %llu, \"bytesOut\": %llu,"
        " \"bytesIn\": %llu, \"ownCpuUs\": %.2f, \"error\": \"%s\"}\n",
        (unsigned long long)g.answered, g.seconds, (double)g.answered / g.seconds, ms_at(0.5), ms_at(0.99), ms_at(1),
        (unsigned long long)g.errors, (unsigned long long)g.bytes_out, (unsigned long long)g.bytes_in,
        ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)) /
            (double)(g.answered ? g.answered : 1),
        buf_z(&text));
    fflush(stdout);
    buf_finish(&text);
}

static void take_patches(char *text)
{
    for (char *p = strtok(text, ","); p; p = strtok(NULL, ",")) {
        char *end = NULL;
        if (g.n_patches == PATCHES || !p[0] || p[1] != ':')
            bench_fail("--patch wants d:0:120,c:0:300,..., %d at the most", (int)PATCHES);
        struct load_patch *at = &g.patch[g.n_patches++];
        at->what = p[0];
        at->body = (unsigned)strtoul(p + 2, &end, 10);
        at->at = *end == ':' ? strtoul(end + 1, NULL, 10) : 0;
    }
}

int main(int argc, char **argv)
{
    enum { PORT = 256, TYPE, PATH, DEVICES, PATCH, CONNECTIONS, SECONDS, RATE, COUNT, HOLD, FIXED, CLOSE };
    static const struct option options[] = {
        { "port", 1, NULL, PORT },
        { "type", 1, NULL, TYPE },
        { "path", 1, NULL, PATH },
        { "devices", 1, NULL, DEVICES },
        { "patch", 1, NULL, PATCH },
        { "connections", 1, NULL, CONNECTIONS },
        { "seconds", 1, NULL, SECONDS },
        { "rate", 1, NULL, RATE },
        { "count", 1, NULL, COUNT },
        { "hold", 1, NULL, HOLD },
        { "fixed-nonce", 0, NULL, FIXED },
        { "close", 0, NULL, CLOSE },
        { NULL, 0, NULL, 0 },
    };
    g.path = "/dm";
    g.connections = 64;
    g.seconds = 3;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (o) {
        case PORT: g.port = (uint16_t)atoi(optarg); break;
        case TYPE: g.type = optarg; break;
        case PATH: g.path = optarg; break;
        case DEVICES: g.devices = bench_devices(optarg, &g.n_devices); break;
        case PATCH: take_patches(optarg); break;
        case CONNECTIONS: g.connections = (unsigned)atoi(optarg); break;
        case SECONDS: g.seconds = atof(optarg); break;
        case RATE: g.rate = atof(optarg); break;
        case COUNT: g.count = strtoull(optarg, NULL, 10); break;
        case HOLD: g.hold_s = atof(optarg); break;
        case FIXED: g.fixed_nonce = true; break;
        case CLOSE: g.close_after = true; break;
        default: return 2;
        }
    for (; optind < argc && g.n_bodies < BODIES; optind++) g.body[g.n_bodies++] = bench_file(argv[optind]);
    if (!g.port || !g.type || !g.n_bodies || !g.connections || !g.devices)
        bench_fail("--port, --type, --devices and a message are needed");
    for (unsigned i = 0; i < g.n_bodies; i++)
        if (g.body[i].n > MESSAGE_BYTES) bench_fail("a message is longer than %d bytes", (int)MESSAGE_BYTES);
    g.epoll = epoll_create1(EPOLL_CLOEXEC);
    g.conns = calloc(g.connections, sizeof *g.conns);
    g.idle = calloc(g.connections, sizeof *g.idle);
    if (!g.conns || !g.idle || g.epoll < 0) bench_fail("no memory");
    for (unsigned i = 0; i < g.connections; i++) {
        dial(&g.conns[i]);
        idle(&g.conns[i]);
    }
    run();
    report();
    if (g.hold_s > 0) usleep((useconds_t)(g.hold_s * 1e6)); /* connections stay open meanwhile */
    return 0;
}
