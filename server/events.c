#include "server/events.h"

#include "base/log.h"
#include "base/text.h"
#include "base/world.h"
#include "db/api.h"
#include "server/api/json.h"
#include "server/api/operation_json.h"
#include "server/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STREAMS = 256,
    BATCH = 500,
    HEARTBEAT_MS = 15000, /* a comment, so that a dead peer is seen and proxies keep the connection */
    LOOK_MS = 2000,       /* other processes on the same database do not wake us */
    TYPES_BYTES = 128,
    DEVICE_BYTES = 160
};

/* One reader. */
struct live {
    struct http_stream *stream;
    int64_t at;                   /* rows up to here are dealt with */
    int64_t authority, operation; /* 0 = all; operation: only this one, as a whole */
    bool dirty;                   /* the operation may have changed */
    uint64_t last_hash;           /* of the operation as last sent */
    char types[TYPES_BYTES], device[DEVICE_BYTES];
    struct live *next;
};

struct events {
    struct server *srv;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below; the thread holds it while it works */
    pthread_cond_t wake;
    struct sql *db;
    struct live *streams;
    atomic_uint n_streams;
    bool woken, stop;
};

static bool wants(const struct live *s, int64_t authority, struct str type, struct str device)
{
    if (s->authority && s->authority != authority) return false;
    if (s->device[0] && !str_is(device, s->device)) return false;
    if (!s->types[0]) return true;
    struct str rest = str_of(s->types), one;
    while (str_cut(&rest, ',', &one))
        if (str_eq(one, type)) return true;
    return false;
}

static void drop(struct events *ev, struct live **at)
{
    struct live *s = *at;
    *at = s->next;
    http_stream_end(s->stream);
    http_stream_release(s->stream);
    free(s);
    unsigned n = atomic_fetch_sub(&ev->n_streams, 1) - 1;
    metrics_gauge(ev->srv->metrics, GAUGE_STREAMS_OPEN, n);
}

/* One row as readers get it. */
static void format(struct buf *b, int64_t id, int64_t at_ms, struct str type, struct str device, struct str data)
{
    json_t *j = json_loadb(data.n ? data.p : "", data.n, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        j = json_object();
    }
    if (!json_object_get(j, "at")) j_time(j, "at", at_ms);
    if (device.n && !json_object_get(j, "device")) j_str(j, "device", device);
    buf_printf(b, "id: %" PRId64 "\nevent: %.*s\ndata: ", id, STR_ARG(type));
    json_write(j, b);
    buf_putz(b, "\n\n");
    json_decref(j);
}

/* Rows after the one that is furthest behind; each reader takes those it has not had. @return rows read */
static int pump(struct events *ev, struct err *e)
{
    int64_t after = INT64_MAX;
    struct sql_rows *r = NULL;
    struct buf b;
    int n = 0;
    for (const struct live *s = ev->streams; s; s = s->next)
        if (s->at < after) after = s->at;
    buf_init(&b, 0);
    enum rc rc = sql_start(ev->db, API_EVENTS, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(BATCH) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        int64_t id = sql_int(r, 0);
        buf_reset(&b);
        format(&b, id, sql_int(r, 2), sql_text(r, 3), sql_text(r, 4), sql_text(r, 5));
        for (struct live **at = &ev->streams; *at;) {
            struct live *s = *at;
            bool fits = s->at < id && wants(s, sql_int(r, 1), sql_text(r, 3), sql_text(r, 4));
            if (s->at < id) s->at = id;
            s->dirty |= fits && s->operation != 0;
            if (fits && !s->operation && !http_stream_write(s->stream, buf_str(&b)))
                drop(ev, at);
            else
                at = &s->next;
        }
        n++;
    }
    sql_end(r);
    buf_finish(&b);
    return n;
}

/* @return false when the stream is over */
static bool send_operation(struct events *ev, struct live *s)
{
    json_t *j = NULL;
    bool finished = true, ok = true;
    struct err e = { 0 };
    struct buf b, text;
    s->dirty = false;
    if (operation_json(ev->srv, ev->db, s->operation, 0, true, &j, &finished, &e)) {
        json_decref(j);
        return false;
    }
    buf_init(&b, 0);
    buf_init(&text, 0);
    json_write(j, &text);
    uint64_t hash = str_hash(buf_str(&text));
    if (hash != s->last_hash) {
        buf_putz(&b, "event: operation\ndata: ");
        buf_put(&b, buf_str(&text));
        buf_putz(&b, "\n\n");
        ok = http_stream_write(s->stream, buf_str(&b));
        s->last_hash = hash;
    }
    buf_finish(&b);
    buf_finish(&text);
    json_decref(j);
    return ok && !finished;
}

static void send_operations(struct events *ev)
{
    for (struct live **at = &ev->streams; *at;)
        if ((*at)->operation && (*at)->dirty && !send_operation(ev, *at))
            drop(ev, at);
        else
            at = &(*at)->next;
}

static void beat(struct events *ev)
{
    for (struct live **at = &ev->streams; *at;)
        if (!http_stream_write((*at)->stream, STR(": \n\n")))
            drop(ev, at);
        else
            at = &(*at)->next;
}

static void wait_ms(struct events *ev, int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&ev->wake, &ev->lock, &t);
}

static void *run(void *ctx)
{
    struct events *ev = ctx;
    int64_t next_beat = 0;
    pthread_mutex_lock(&ev->lock);
    while (!ev->stop) {
        if (!ev->woken && !ev->streams)
            pthread_cond_wait(&ev->wake, &ev->lock);
        else if (!ev->woken)
            wait_ms(ev, LOOK_MS);
        ev->woken = false;
        struct err e = { 0 };
        while (ev->streams && pump(ev, &e) == BATCH)
            ;
        if (e.rc && e.rc != RC_NOT_FOUND) log_event(LOG_WARN, "events.failed", LOG_Z("why", e.text));
        send_operations(ev);
        if (world_monotonic_ms() >= next_beat) {
            beat(ev);
            next_beat = world_monotonic_ms() + HEARTBEAT_MS;
        }
    }
    while (ev->streams) drop(ev, &ev->streams);
    pthread_mutex_unlock(&ev->lock);
    return NULL;
}

enum rc events_create(struct server *srv, struct events **out, struct err *e)
{
    struct sql_options o = {
        .read_only = true, .busy_ms = 5000, .statements = api_statements, .n_statements = API_STATEMENT_COUNT
    };
    struct events *ev = calloc(1, sizeof *ev);
    pthread_condattr_t monotonic;
    if (!ev) return err_set(e, RC_NOMEM, "no memory for the live stream");
    ev->srv = srv;
    enum rc rc = sql_open(srv->config->database, &o, &ev->db, e);
    if (rc) {
        free(ev);
        return rc;
    }
    pthread_mutex_init(&ev->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ev->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&ev->thread, NULL, run, ev) != 0) {
        sql_close(ev->db);
        free(ev);
        return err_set(e, RC_NOMEM, "cannot start the thread of the live stream");
    }
    *out = ev;
    return RC_OK;
}

void events_destroy(struct events *ev)
{
    if (!ev) return;
    pthread_mutex_lock(&ev->lock);
    ev->stop = ev->woken = true;
    pthread_cond_signal(&ev->wake);
    pthread_mutex_unlock(&ev->lock);
    pthread_join(ev->thread, NULL);
    pthread_cond_destroy(&ev->wake);
    pthread_mutex_destroy(&ev->lock);
    sql_close(ev->db);
    free(ev);
}

void events_wake(struct events *ev)
{
    if (!ev || atomic_load_explicit(&ev->n_streams, memory_order_relaxed) == 0) return;
    pthread_mutex_lock(&ev->lock);
    ev->woken = true;
    pthread_cond_signal(&ev->wake);
    pthread_mutex_unlock(&ev->lock);
}

/* With the lock held: where the newest and the oldest row stand. */
static enum rc ends(struct events *ev, int64_t *last, int64_t *first, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(ev->db, API_EVENT_LAST, NULL, 0, &r, e);
    if (!rc) rc = sql_step(r, e);
    if (!rc) {
        *last = sql_int(r, 0);
        *first = sql_int(r, 1);
    }
    sql_end(r);
    return rc;
}

static enum rc add(struct events *ev, struct live *s, int64_t after, struct err *e)
{
    int64_t last = 0, first = 0;
    pthread_mutex_lock(&ev->lock);
    enum rc rc = ends(ev, &last, &first, e);
    if (!rc && atomic_load(&ev->n_streams) >= STREAMS) rc = err_set(e, RC_BUSY, "%d live streams are open", STREAMS);
    if (!rc) {
        bool forgotten = after && (after > last || after < first - 1);
        s->at = after && !forgotten ? after : last;
        http_stream_write(s->stream, STR("retry: 2000\n\n"));
        if (forgotten) http_stream_write(s->stream, STR("event: reset\ndata: {}\n\n"));
        s->next = ev->streams;
        ev->streams = s;
        unsigned n = atomic_fetch_add(&ev->n_streams, 1) + 1;
        metrics_gauge(ev->srv->metrics, GAUGE_STREAMS_OPEN, n);
        ev->woken = true;
        pthread_cond_signal(&ev->wake);
    }
    pthread_mutex_unlock(&ev->lock);
    return rc;
}

static enum rc new_stream(struct events *ev, struct live what, struct str types, struct str device, int64_t after,
                          struct err *e)
{
    struct live *s = NULL;
    if (!ev) return err_set(e, RC_BUSY, "there is no live stream");
    if (types.n >= TYPES_BYTES || device.n >= DEVICE_BYTES) return err_set(e, RC_LIMIT, "types or device is too long");
    s = malloc(sizeof *s);
    if (!s) return err_set(e, RC_NOMEM, "no memory for a stream");
    *s = what;
    memcpy(s->types, types.n ? types.p : "", types.n);
    s->types[types.n] = '\0';
    memcpy(s->device, device.n ? device.p : "", device.n);
    s->device[device.n] = '\0';
    enum rc rc = add(ev, s, after, e);
    if (rc) free(s);
    return rc;
}

enum rc events_stream(struct events *ev, int64_t after, struct str types, struct str device, int64_t authority,
                      struct http_stream *stream, struct err *e)
{
    return new_stream(ev, (struct live){ .stream = stream, .authority = authority }, types, device, after, e);
}

enum rc events_stream_operation(struct events *ev, int64_t operation, struct str device, struct http_stream *stream,
                                struct err *e)
{
    return new_stream(ev, (struct live){ .stream = stream, .operation = operation, .dirty = true }, STR("operation"),
                      device, 0, e);
}
