/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events/events.h"

#include "base/log.h"
#include "base/thread.h"
#include "base/text.h"
#include "base/world.h"
#include "db/event.h"
#include "server/events/json.h"
#include "server/events/operation_json.h"
#include "server/core/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STREAMS = 256,
    STREAMS_EACH = 64, /* streams of one principal */
    BATCH = 500,
    HEARTBEAT_MS = 15000, /* a comment line, which reveals a dead peer and keeps proxies from closing the connection */
    LOOK_MS = 2000,       /* other processes on the same database cannot wake this thread */
    TYPES_BYTES = 128,
    DEVICE_BYTES = 160
};

/* One reader. */
struct live {
    struct http_stream *stream;
    int64_t at; /* rows up to here are sent */
    struct events_reader who;
    int64_t authority, operation; /* 0 = all; operation: only this one, as a whole object */
    bool dirty;                   /* the operation may have changed */
    uint64_t last_hash;           /* of the operation as last sent */
    char types[TYPES_BYTES], device[DEVICE_BYTES];
    struct live *next;
};

struct events {
    struct server *srv;
    int wake;       /* an eventfd, so that a committing thread never waits */
    struct sql *db; /* of the streaming thread */
    /* One. The lock protects the list of streams: any thread adds at the front, only the streaming thread removes, so
     * it may read the list without the lock. */
    struct threads threads;
    struct live *streams;
    atomic_uint n_streams;
    atomic_bool look_again; /* at who may read */
};

static bool wants(const struct live *s, int64_t authority, struct str type, struct str device)
{
    if (s->authority && s->authority != authority) return false;
    if (s->device[0] && device.n && !str_is(device, s->device))
        return false; /* an event without a device concerns every device */
    if (!s->types[0]) return true;
    struct str rest = str_of(s->types), one;
    while (str_cut(&rest, ',', &one))
        if (str_eq(one, type)) return true;
    return false;
}

static struct live *first(struct events *ev)
{
    threads_lock(&ev->threads);
    struct live *s = ev->streams;
    threads_unlock(&ev->threads);
    return s;
}

static void drop(struct events *ev, struct live *s)
{
    threads_lock(&ev->threads);
    struct live **at = &ev->streams;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    threads_unlock(&ev->threads);
    http_stream_end(s->stream);
    http_stream_release(s->stream);
    free(s);
    unsigned n = atomic_fetch_sub(&ev->n_streams, 1) - 1;
    metrics_gauge(ev->srv->metrics, GAUGE_STREAMS_OPEN, n);
}

/* Format one row as a server-sent event. */
static void format(struct buf *b, const struct db_event *v)
{
    json_t *j = json_loadb(v->data.n ? v->data.p : "", v->data.n, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        j = json_object();
    }
    if (!json_object_get(j, "at")) json_put_time(j, "at", v->at_ms);
    if (v->device.n && !json_object_get(j, "device")) json_put_str(j, "device", v->device);
    buf_printf(b, "id: %" PRId64 "\nevent: %.*s\ndata: ", v->id, STR_ARG(v->type));
    json_write(j, b);
    buf_putz(b, "\n\n");
    json_decref(j);
}

/* Send one row to the streams that have received everything before it from `after` on. */
static void hand_out(struct events *ev, const struct db_event *v, int64_t after, struct buf *b)
{
    buf_reset(b);
    for (struct live *s = first(ev), *next; s; s = next) {
        next = s->next;
        if (s->at >= v->id || s->at < after) continue;
        s->at = v->id;
        if (!wants(s, v->authority, v->type, v->device)) continue;
        s->dirty |= s->operation != 0;
        if (s->operation) continue;
        if (!b->n) format(b, v);
        if (!http_stream_write(s->stream, buf_str(b))) drop(ev, s);
    }
}

/* @return rows read */
static int pump(struct events *ev, int64_t after, struct err *e)
{
    struct sql_rows *r = NULL;
    struct db_event v;
    struct buf b;
    int n = 0;
    buf_init(&b, 0);
    enum rc rc = db_event_list(ev->db, after, BATCH, &r, e);
    for (; !rc && (rc = db_event_next(r, &v, e)) == RC_OK; n++) hand_out(ev, &v, after, &b);
    sql_end(r);
    buf_finish(&b);
    return n;
}

/* The positions of the stream furthest ahead and of the one furthest behind. @return false when there are no streams */
static bool span(struct events *ev, int64_t *last, int64_t *behind)
{
    *last = INT64_MIN;
    *behind = INT64_MAX;
    for (const struct live *s = first(ev); s; s = s->next) {
        if (s->at > *last) *last = s->at;
        if (s->at < *behind) *behind = s->at;
    }
    return *last != INT64_MIN;
}

/* Send new rows first, then some past rows to streams that resume. @return milliseconds that took, the pause before
 * more past rows; -1 = no stream is behind */
static int64_t tell(struct events *ev, struct err *e)
{
    int64_t last, behind;
    if (!span(ev, &last, &behind)) return -1;
    while (pump(ev, last, e) == BATCH && span(ev, &last, &behind)) continue;
    if (!span(ev, &last, &behind) || behind == last) return -1;
    int64_t began = world_monotonic_ms();
    pump(ev, behind, e);
    return world_monotonic_ms() - began;
}

/* @return false when the stream has ended */
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
    for (struct live *s = first(ev), *next; s; s = next) {
        next = s->next;
        if (s->operation && s->dirty && !send_operation(ev, s)) drop(ev, s);
    }
}

static void beat(struct events *ev)
{
    for (struct live *s = first(ev), *next; s; s = next) {
        next = s->next;
        if (!http_stream_write(s->stream, STR(": \n\n"))) drop(ev, s);
    }
}

static void end_those_who_may_not(struct events *ev)
{
    for (struct live *s = first(ev), *next; s; s = next) {
        next = s->next;
        if (s->who.may_read && !s->who.may_read(s->who.ctx, ev->db, &s->who)) drop(ev, s);
    }
}

/* @param ms  -1 = until woken */
static void wait_for(struct events *ev, int64_t ms)
{
    struct pollfd p = { .fd = ev->wake, .events = POLLIN };
    poll(&p, 1, (int)ms);
    wake_clear(ev->wake);
}

static void *run(void *ctx)
{
    struct events *ev = ctx;
    int64_t next_beat = 0, next_look = 0, behind_ms = -1;
    while (!ev->threads.stop) {
        wait_for(ev, behind_ms >= 0 ? behind_ms : first(ev) ? LOOK_MS : -1);
        if (atomic_exchange(&ev->look_again, false) || world_monotonic_ms() >= next_look) {
            end_those_who_may_not(ev);
            next_look = world_monotonic_ms() + LOOK_MS;
        }
        struct err e = { 0 };
        behind_ms = tell(ev, &e);
        if (e.rc && e.rc != RC_NOT_FOUND) {
            log_event(LOG_WARN, "events.failed", LOG_Z("why", e.text));
            behind_ms = -1;
        }
        send_operations(ev);
        if (world_monotonic_ms() >= next_beat) {
            beat(ev);
            next_beat = world_monotonic_ms() + HEARTBEAT_MS;
        }
    }
    for (struct live *s; (s = first(ev));) drop(ev, s);
    return NULL;
}

static void finish(struct events *ev)
{
    threads_finish(&ev->threads);
    if (ev->wake >= 0) close(ev->wake);
    sql_close(ev->db);
    free(ev);
}

enum rc events_create(struct server *srv, struct events **out, struct err *e)
{
    struct sql_options o = { .read_only = true, .busy_ms = 5000 };
    struct events *ev = calloc(1, sizeof *ev);
    if (!ev) return err_set(e, RC_NOMEM, "no memory for the live stream");
    ev->srv = srv;
    threads_init(&ev->threads);
    ev->wake = wake_open();
    enum rc rc = ev->wake < 0 ? err_set(e, RC_IO, "cannot create an eventfd: %s", strerror(errno)) : RC_OK;
    if (!rc) rc = sql_open(srv->config->database, &o, &ev->db, e);
    if (!rc) rc = threads_start(&ev->threads, run, ev, "the live stream", e);
    if (rc)
        finish(ev);
    else
        *out = ev;
    return rc;
}

void events_destroy(struct events *ev)
{
    if (!ev) return;
    threads_ask_stop(&ev->threads);
    wake_raise(ev->wake);
    finish(ev);
}

void events_wake(struct events *ev)
{
    if (ev && atomic_load_explicit(&ev->n_streams, memory_order_relaxed) != 0) wake_raise(ev->wake);
}

void events_look_again(struct events *ev)
{
    if (!ev) return;
    atomic_store(&ev->look_again, true);
    events_wake(ev);
}

/* With the lock held. */
static unsigned streams_of(const struct events *ev, int64_t principal)
{
    unsigned n = 0;
    for (const struct live *s = ev->streams; s; s = s->next) n += s->who.principal == principal;
    return n;
}

static enum rc add(struct events *ev, struct sql *db, struct live *s, int64_t after, struct err *e)
{
    int64_t last = 0, first_row = 0;
    enum rc rc = db_event_ends(db, &last, &first_row, e);
    if (rc) return rc;
    bool forgotten = after && (after > last || after < first_row - 1);
    s->at = after && !forgotten ? after : last;
    http_stream_write(s->stream, STR("retry: 2000\n\n"));
    if (forgotten) http_stream_write(s->stream, STR("event: reset\ndata: {}\n\n"));
    threads_lock(&ev->threads);
    if (atomic_load(&ev->n_streams) >= STREAMS)
        rc = err_set(e, RC_BUSY, "%d live streams are open", STREAMS);
    else if (s->who.principal && streams_of(ev, s->who.principal) >= STREAMS_EACH)
        rc = err_set(e, RC_BUSY, "%d live streams are open with this token", STREAMS_EACH);
    if (!rc) {
        s->next = ev->streams;
        ev->streams = s;
        unsigned n = atomic_fetch_add(&ev->n_streams, 1) + 1;
        metrics_gauge(ev->srv->metrics, GAUGE_STREAMS_OPEN, n);
    }
    threads_unlock(&ev->threads);
    if (rc) return rc;
    atomic_store(&ev->look_again, true); /* what let this reader in may have ended since */
    wake_raise(ev->wake);
    return RC_OK;
}

static enum rc new_stream(struct events *ev, struct sql *db, struct live what, struct str types, struct str device,
                          int64_t after, struct err *e)
{
    struct live *s = NULL;
    if (!ev) return err_set(e, RC_BUSY, "the live stream is not available");
    if (types.n >= TYPES_BYTES || device.n >= DEVICE_BYTES) return err_set(e, RC_LIMIT, "types or device is too long");
    s = malloc(sizeof *s);
    if (!s) return err_set(e, RC_NOMEM, "no memory for a stream");
    *s = what;
    memcpy(s->types, types.n ? types.p : "", types.n);
    s->types[types.n] = '\0';
    memcpy(s->device, device.n ? device.p : "", device.n);
    s->device[device.n] = '\0';
    enum rc rc = add(ev, db, s, after, e);
    if (rc) free(s);
    return rc;
}

enum rc events_stream(struct events *ev, struct sql *db, const struct events_reader *who, int64_t after,
                      struct str types, struct str device, int64_t authority, struct http_stream *stream, struct err *e)
{
    return new_stream(ev, db, (struct live){ .stream = stream, .who = *who, .authority = authority }, types, device,
                      after, e);
}

enum rc events_stream_operation(struct events *ev, struct sql *db, const struct events_reader *who, int64_t operation,
                                struct str device, struct http_stream *stream, struct err *e)
{
    return new_stream(ev, db, (struct live){ .stream = stream, .who = *who, .operation = operation, .dirty = true },
                      STR("operation"), device, 0, e);
}
