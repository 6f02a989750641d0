/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/worker.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/text.h"
#include "base/world.h"
#include "server/events/events.h"
#include "server/dm/exchange.h"
#include "server/core/health.h"
#include "server/http/http.h"
#include "server/core/metrics.h"
#include "server/notify/notifier.h"
#include "server/dm/refusals.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { WORKER_IDLE_S = 75, WORKER_TICK_MS = 1000, WORKER_DRAIN_MS = 5000, WORKER_CHECKPOINT_MS = 500 };

/* A message that waits for processing, or for the commit of its turn. */
struct pending {
    struct http_request *r;
    struct exchange_request rq;
    struct exchange_reply rp;
    int64_t since_us, due_us; /* due_us: earliest time of the answer */
    struct pending *next;
};

struct queue {
    struct pending *first, **tail;
};

/* A pool of random octets, which saves a system call for each nonce and token. Used octets are wiped. */
struct pool {
    uint8_t octets[4096];
    size_t left;
};

struct worker {
    struct server *srv;
    struct pool pool;
    struct dm *dm;
    struct http_listener *listener;
    int epoll, wake;
    struct threads loop, carrier; /* one each */
    bool full_told;               /* the full disk was logged, and it is still full */
    struct sql *log;
    struct queue waiting, held; /* held: sorted by due time */
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->tail = &q->first;
}

static void queue_put(struct queue *q, struct pending *p)
{
    p->next = NULL;
    *q->tail = p;
    q->tail = &p->next;
}

static struct pending *queue_take(struct queue *q)
{
    struct pending *p = q->first;
    if (!p) return NULL;
    q->first = p->next;
    if (!q->first) q->tail = &q->first;
    return p;
}

static void from_pool(void *ctx, uint8_t *out, size_t n)
{
    struct pool *p = ctx;
    if (n > p->left) {
        crypto_random(p->octets, sizeof p->octets);
        p->left = sizeof p->octets;
    }
    if (n > p->left) {
        crypto_random(out, n);
        return;
    }
    p->left -= n;
    memcpy(out, p->octets + p->left, n);
    memset(p->octets + p->left, 0, n);
}

static struct world now(struct worker *w)
{
    struct world world = health_world(w->srv->health);
    world.random = from_pool;
    world.ctx = &w->pool;
    return world;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- requests ---- */

static void refuse(struct http_reply *reply, int status, const char *text)
{
    reply->status = status;
    http_reply_header(reply, "Content-Type", STR("text/plain; charset=utf-8"));
    buf_putz(&reply->body, text);
    buf_byte(&reply->body, '\n');
}

/* "/dm" or "/dm/<authority>". @return false for another path */
static bool authority_of(struct str path, struct str *authority)
{
    const struct str base = STR("/dm");
    if (!str_starts(path, base)) return false;
    *authority = str_slice(path, base.n, path.n);
    if (authority->n && authority->p[0] != '/') return false;
    if (authority->n) *authority = str_slice(*authority, 1, authority->n);
    return str_find(*authority, '/', 0) == authority->n;
}

/* RespURI without its token: the public DM URL, the authority, and the rest of the device's query (protocol.md 20:
 * ?mode=Maintenance). */
static struct str resp_base(const struct server *srv, struct str authority, struct str query, struct arena *a)
{
    struct str base = str_of(srv->config->dm_url), part;
    struct buf b;
    struct str out = { 0 };
    if (!authority.n && !query.n) return base;
    buf_init(&b, 4096);
    buf_put(&b, base);
    if (authority.n && !str_ends(base, authority)) {
        buf_byte(&b, '/');
        text_url_put(&b, authority);
    }
    bool first = true;
    while (str_cut(&query, '&', &part)) {
        if (!part.n || str_starts(part, STR("s="))) continue;
        buf_byte(&b, first ? '?' : '&');
        buf_put(&b, part);
        first = false;
    }
    if (buf_ok(&b)) arena_str(a, buf_str(&b), &out);
    buf_finish(&b);
    return out.n ? out : base;
}

/* Refuse wrong requests before the body is read. The credentials of a device are in its message, so nothing else can be
 * checked here. */
static bool look_at_head(void *ctx, struct http_request *r, void **upload, struct http_reply *reply)
{
    struct str authority;
    enum sml_type type;
    (void)ctx, (void)upload;
    if (!authority_of(r->path, &authority)) {
        refuse(reply, 404, "Not found. Devices send their messages to /dm or /dm/<authority>.");
    } else if (!str_is(r->method, "POST")) {
        http_reply_header(reply, "Allow", STR("POST"));
        refuse(reply, 405, "Send a SyncML message as the body of a POST.");
    } else if (!sml_type_of_mime(http_header(r, "Content-Type"), &type)) {
        refuse(reply, 415, "Content-Type must be " SML_MIME_XML " or " SML_MIME_WBXML ".");
    }
    return false;
}

static const struct http_upload heads = { look_at_head, NULL, NULL };

/* Called for every complete request while libmicrohttpd reads; the work is done later. */
static void handle(void *ctx, struct http_request *r, struct http_reply *reply)
{
    struct worker *w = ctx;
    struct str authority;
    enum sml_type type = SML_XML;
    authority_of(r->path, &authority);
    sml_type_of_mime(http_header(r, "Content-Type"), &type);
    struct pending *p = ARENA_NEW(r->arena, struct pending);
    if (!p) {
        refuse(reply, 503, "No memory for this message. Try again later.");
        return;
    }
    p->r = r;
    p->since_us = now_us();
    p->rq = (struct exchange_request){
        .authority = authority,
        .token = http_query(r, "s", NULL),
        .resp_base = resp_base(w->srv, authority, r->query, r->arena),
        .body = r->body,
        .user_agent = str_slice(http_header(r, "User-Agent"), 0, 200),
        .remote = r->remote,
        .hmac = http_header(r, "x-syncml-hmac"),
        .certificate = r->certificate,
        .type = type,
        .answer = sml_answer_type(type, http_header(r, "Accept")),
        .tls = r->tls,
    };
    reply->later = true;
    queue_put(&w->waiting, p);
}

/* ---- replies ---- */

static void answer(struct worker *w, struct pending *p)
{
    struct http_reply reply = { .status = p->rp.status };
    char seconds[16];
    metrics_add(w->srv->metrics, METRIC_DM_BYTES_IN, p->rq.body.n);
    metrics_add(w->srv->metrics, METRIC_DM_BYTES_OUT, p->rp.body.n);
    metrics_time(w->srv->metrics, HISTOGRAM_DM_LATENCY, (uint64_t)(now_us() - p->since_us));
    if (reply.status == 200) {
        http_reply_header(&reply, "Content-Type", str_of(sml_mime(p->rp.type)));
        http_reply_header(&reply, "Cache-Control", STR("no-store"));
        if (p->rp.hmac[0]) http_reply_header(&reply, "x-syncml-hmac", str_of(p->rp.hmac));
    } else {
        http_reply_header(&reply, "Content-Type", STR("text/plain; charset=utf-8"));
    }
    if (p->rp.retry_after_s) {
        snprintf(seconds, sizeof seconds, "%d", p->rp.retry_after_s);
        http_reply_header(&reply, "Retry-After", str_of(seconds));
    }
    reply.body = p->rp.body;
    p->rp.body = (struct buf){ 0 };
    http_answer(p->r, &reply);
}

static void log_failure(const struct pending *p, const struct err *e)
{
    char text[ERR_TEXT_BYTES + 200];
    enum log_level level = p->rp.status >= 500 ? LOG_WARN : LOG_INFO;
    log_event(level, "dm.message_failed", LOG_S("remote", p->rq.remote), LOG_N("status", p->rp.status),
              LOG_N("bytes", p->rq.body.n), LOG_Z("error", err_format(e, text, sizeof text)));
}

/* Log a full disk or a moved database once, not for each message. */
static bool is_news(struct worker *w)
{
    const struct health *h = w->srv->health;
    const bool full = h && (h->database.full || h->database.moved);
    const bool told = full && w->full_told;
    w->full_told = full;
    return !told;
}

/* Delay the answers to wrong credentials; other answers are sent meanwhile. */
static void hold_or_answer(struct worker *w, struct pending *p)
{
    if (!p->rp.delay_ms) {
        answer(w, p);
        return;
    }
    p->due_us = now_us() + (int64_t)p->rp.delay_ms * 1000;
    queue_put(&w->held, p);
}

static void answer_held(struct worker *w, int64_t until_us)
{
    while (w->held.first && w->held.first->due_us <= until_us) answer(w, queue_take(&w->held));
}

/* Process waiting messages within a turn's time, commit once, then send their replies. */
static void turn(struct worker *w)
{
    int64_t until = now_us() + (int64_t)w->srv->config->dm_turn_ms * 1000;
    struct queue done;
    struct pending *p;
    struct err e = { 0 };
    queue_init(&done);
    const struct world world = now(w);
    while ((p = queue_take(&w->waiting)) != NULL) {
        err_clear(&e);
        if (exchange(w->dm, &world, &p->rq, &p->rp, &e) && is_news(w)) log_failure(p, &e);
        queue_put(&done, p);
        if (now_us() > until || turn_is_full(w->dm)) break;
    }
    err_clear(&e);
    enum rc rc = dm_commit(w->dm, &e);
    const bool events = w->dm->events;
    w->dm->events = false;
    if (!rc) w->full_told = false;
    if (rc && is_news(w)) log_event(LOG_ERROR, "dm.commit_failed", LOG_Z("error", e.text));
    while ((p = queue_take(&done)) != NULL) {
        if (rc || !dm_kept(w->dm, &p->rp)) exchange_overload(&p->rp, "its database cannot be written");
        hold_or_answer(w, p);
    }
    if (rc || !events) return;
    events_wake(w->srv->events);
    notifier_wake(w->srv->notifier);
}

static void expire(struct worker *w)
{
    struct err e = { 0 };
    const struct world world = now(w);
    if (dm_expire(w->dm, &world, &e)) log_event(LOG_ERROR, "dm.expire_failed", LOG_Z("error", e.text));
    if (w->dm->events) {
        events_wake(w->srv->events);
        notifier_wake(w->srv->notifier);
    }
    w->dm->events = false;
}

/* ---- the log ---- */

/* A separate thread checkpoints SQLite's log, so that no turn waits for it. */
static void *carry_over(void *arg)
{
    struct worker *w = arg;
    struct err e = { 0 };
    threads_lock(&w->carrier);
    while (!w->carrier.stop) {
        if (threads_wait(&w->carrier, WORKER_CHECKPOINT_MS)) continue;
        threads_unlock(&w->carrier);
        err_clear(&e);
        if (sql_checkpoint(w->log, NULL, &e)) log_event(LOG_WARN, "db.checkpoint_failed", LOG_Z("error", e.text));
        threads_lock(&w->carrier);
    }
    threads_unlock(&w->carrier);
    return NULL;
}

static enum rc start_carrier(struct worker *w, struct err *e)
{
    const struct sql_options o = { .durable = w->srv->config->durable,
                                   .busy_ms = 1000,
                                   .no_checkpoints = true,
                                   .health = server_database_health(w->srv) };
    enum rc rc = sql_open(w->srv->config->database, &o, &w->log, e);
    return rc ? rc : threads_start(&w->carrier, carry_over, w, "the database's log", e);
}

/* ---- the loop ---- */

static int wait_ms(const struct worker *w, int64_t next_tick)
{
    int http = http_timeout_ms(w->listener);
    int64_t tick = next_tick - world_monotonic_ms();
    int64_t held = w->held.first ? (w->held.first->due_us - now_us()) / 1000 + 1 : tick;
    if (w->waiting.first) return 0;
    if (held < tick) tick = held;
    if (tick < 0) tick = 0;
    return http >= 0 && http < tick ? http : (int)tick;
}

/* @return false when the worker is to stop */
static bool wait_for_work(const struct worker *w, int timeout_ms)
{
    struct epoll_event ev[2];
    int n = epoll_wait(w->epoll, ev, 2, timeout_ms);
    for (int i = 0; i < n; i++)
        if (ev[i].data.fd == w->wake) return false;
    return true;
}

static void *loop(void *arg)
{
    struct worker *w = arg;
    int64_t tick = world_monotonic_ms() + WORKER_TICK_MS;
    while (wait_for_work(w, wait_ms(w, tick))) {
        http_turn(w->listener);
        if (w->waiting.first) turn(w);
        answer_held(w, now_us());
        if (world_monotonic_ms() < tick) continue;
        expire(w);
        log_flush(false);
        tick = world_monotonic_ms() + WORKER_TICK_MS;
    }
    /* Accept no new connections; answer the accepted requests. */
    http_quiesce(w->listener);
    int64_t until = world_monotonic_ms() + WORKER_DRAIN_MS;
    do {
        http_turn(w->listener);
        if (w->waiting.first) turn(w);
        answer_held(w, INT64_MAX);
        http_turn(w->listener);
    } while (w->waiting.first && world_monotonic_ms() < until);
    return NULL;
}

static enum rc open_loop(struct worker *w, struct err *e)
{
    struct epoll_event ev = { .events = EPOLLIN };
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = wake_open();
    if (w->epoll < 0 || w->wake < 0) return err_set(e, RC_IO, "cannot create an event loop: %s", strerror(errno));
    ev.data.fd = w->wake;
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &ev))
        return err_set(e, RC_IO, "cannot wait for events: %s", strerror(errno));
    ev.data.fd = http_fd(w->listener);
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, ev.data.fd, &ev))
        return err_set(e, RC_IO, "cannot wait for connections: %s", strerror(errno));
    return RC_OK;
}

static void no_request(void *ctx, struct str remote, const char *why)
{
    struct worker *w = ctx;
    refusals_no_request(w->srv, remote, why);
}

static void handshake(void *ctx, bool resumed)
{
    const struct worker *w = ctx;
    metrics_add(w->srv->metrics, resumed ? METRIC_TLS_RESUMED : METRIC_TLS_FULL, 1);
}

enum rc worker_start(struct server *srv, struct worker **out, struct err *e)
{
    const struct server_config *c = srv->config;
    const struct http_config hc = { .address = c->dm_address,
                                    .port = c->dm_port,
                                    .cert_file = c->dm_cert,
                                    .key_file = c->dm_key,
                                    .client_ca_file = c->dm_client_ca,
                                    .certificate_name = (enum crypto_name)c->dm_certificate_name,
                                    .no_request = no_request,
                                    .handshake = handshake,
                                    .max_connections = c->dm_max_connections,
                                    .max_per_address = c->dm_max_per_address,
                                    .shared_networks = c->shared_networks.items,
                                    .n_shared_networks = c->shared_networks.n,
                                    .max_bodies_bytes = (size_t)c->dm_max_bodies,
                                    .max_body_bytes = (size_t)c->dm_max_message_bytes,
                                    .idle_timeout_s = WORKER_IDLE_S,
                                    .head_timeout_ms = c->dm_head_timeout_s * 1000,
                                    .body_timeout_ms = c->dm_body_timeout_s * 1000,
                                    .reuse_port = true };
    struct worker *w = calloc(1, sizeof *w);
    if (!w) return err_set(e, RC_NOMEM, "no memory for the DM worker");
    w->srv = srv;
    w->epoll = w->wake = -1;
    threads_init(&w->loop);
    threads_init(&w->carrier);
    queue_init(&w->waiting);
    queue_init(&w->held);
    enum rc rc = dm_open(srv, &w->dm, e);
    if (!rc) rc = http_open(&hc, handle, &heads, w, &w->listener, e);
    if (!rc) rc = open_loop(w, e);
    if (!rc) rc = start_carrier(w, e);
    if (!rc) rc = threads_start(&w->loop, loop, w, "the DM worker", e);
    if (rc)
        worker_stop(w);
    else
        *out = w;
    return rc;
}

void worker_stop(struct worker *w)
{
    if (!w) return;
    if (w->wake >= 0) wake_raise(w->wake);
    threads_finish(&w->loop);
    threads_finish(&w->carrier);
    http_stop(w->listener);
    dm_close(w->dm);
    sql_close(w->log);
    if (w->epoll >= 0) close(w->epoll);
    if (w->wake >= 0) close(w->wake);
    free(w);
}

uint16_t worker_port(const struct worker *w)
{
    return http_port(w->listener);
}
