/* SPDX-License-Identifier: Apache-2.0 */
#include "server/jobs/retention.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/world.h"
#include "db/clock.h"
#include "db/device.h"
#include "db/event.h"
#include "db/idempotency.h"
#include "db/notification.h"
#include "db/sample.h"
#include "db/instance.h"
#include "db/operation_record.h"
#include "db/recording.h"
#include "db/session_record.h"
#include "server/core/health.h"
#include "server/core/restored.h"
#include "server/core/metrics.h"
#include "server/images/images.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROWS = 500,
    DEVICES = 200,
    PERIOD_MS = 3600000,
    TICK_S = 60,
    PAUSE_MS = 2,
    DAY_MS = 86400000,
    PROBE_MS = 1000,
    PROBE_WAIT_MS = 500,
    CHECK_SHARE = 100,
    RUN_SHARE = 4,
    LOOK_MS = 5000
};

struct retention {
    struct server *srv;
    struct sql *db;
    struct threads threads; /* one; signalled for a probe, and signals its requester when done */
    int64_t looked_ms;      /* last check of the clock; monotonic, 0 = none yet */
    /* the last probe */
    bool wanted;
    int64_t probed_ms; /* monotonic; 0 = never */
    enum rc writes;
    char why[ERR_TEXT_BYTES];
};

enum rc retention_open(const struct server_config *c, struct sql_health *health, struct sql **out, struct err *e)
{
    const struct sql_options o = { .durable = c->durable, .busy_ms = 5000, .health = health };
    return sql_open(c->database, &o, out, e);
}

/* ---- trusted time ---- */

/* Rows written between the last check of the clock and the death of the server carry the trusted time of that period.
 * */
static enum rc catch_up(struct sql *db, int64_t *trusted_ms, struct err *e)
{
    int64_t at_ms = 0;
    enum rc rc = db_instance_newest_ms(db, false, &at_ms, e);
    if (!rc && at_ms > *trusted_ms && at_ms - *trusted_ms <= CLOCK_LEAP_MS) *trusted_ms = at_ms;
    return rc;
}

static enum rc load_clock(struct sql *db, int64_t now_ms, struct db_clock *out, struct err *e)
{
    int64_t newest_ms = 0;
    enum rc rc = db_clock_get(db, out, e);
    if (rc != RC_NOT_FOUND) return rc;
    rc = db_instance_newest_ms(db, false, &newest_ms, e);
    *out = (struct db_clock){ .trusted_ms = newest_ms ? newest_ms : now_ms };
    return rc;
}

/* One leap of so much, and several of twice as much together: an hour of running makes up for four of them. */
static bool is_leap(struct db_clock *c, int64_t now_ms, int64_t ran_ms)
{
    const int64_t off = now_ms - c->trusted_ms - ran_ms, step = off < 0 ? -off : off;
    c->leapt_ms = c->leapt_ms > RUN_SHARE * ran_ms ? c->leapt_ms - RUN_SHARE * ran_ms : 0;
    if (step > CLOCK_LEAP_MS || c->leapt_ms + step > CLOCK_LEAPS_MS) return true;
    c->leapt_ms += step;
    return false;
}

enum rc retention_time(struct sql *db, int64_t now_ms, int64_t ran_ms, int64_t *time_ms, int64_t *ahead_ms,
                       struct err *e)
{
    struct db_clock c = { 0 };
    enum rc rc = load_clock(db, now_ms, &c, e);
    if (!rc && !ran_ms) rc = catch_up(db, &c.trusted_ms, e);
    if (rc) return rc;
    const bool leap = is_leap(&c, now_ms, ran_ms);
    c.waited_ms = leap ? c.waited_ms + ran_ms : 0;
    if (c.waited_ms >= RETENTION_WAIT_MS)
        c = (struct db_clock){ .trusted_ms = now_ms };
    else
        c.trusted_ms = leap ? c.trusted_ms + ran_ms : now_ms;
    rc = db_clock_put(db, &c, e);
    *time_ms = c.trusted_ms;
    *ahead_ms = now_ms - c.trusted_ms;
    return rc;
}

enum rc retention_trust(struct sql *db, int64_t now_ms, struct err *e)
{
    const struct db_clock c = { .trusted_ms = now_ms };
    return db_clock_put(db, &c, e);
}

/* ---- sweeping ---- */

/* Leave time for other writers between two slices. */
static void pause_a_little(void)
{
    const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000 };
    nanosleep(&t, NULL);
}

/* Rows by age, ROWS at a time, each in a transaction of its own. */
static enum rc expire(struct sql *db, enum rc (*some)(struct sql *, int64_t, int64_t, int64_t *, struct err *),
                      int64_t before_ms, struct err *e)
{
    int64_t n = 0;
    enum rc rc;
    do {
        rc = some(db, before_ms, ROWS, &n, e);
        if (!rc && n == ROWS) pause_a_little();
    } while (!rc && n == ROWS);
    return rc;
}

static enum rc trim_device(struct sql *db, int64_t device, int64_t before_ms, struct err *e)
{
    int64_t n = 0;
    enum rc rc;
    do {
        rc = db_sample_expire(db, device, before_ms, ROWS, &n, e);
        if (!rc && n == ROWS) pause_a_little();
    } while (!rc && n == ROWS);
    return rc;
}

/* The key of samples begins with the device: walk the devices. */
static enum rc trim_samples(struct sql *db, int64_t before_ms, struct err *e)
{
    int64_t id[DEVICES], after = 0;
    size_t n = 0;
    enum rc rc;
    do {
        rc = db_device_ids(db, after, DEVICES, id, &n, e);
        for (size_t i = 0; !rc && i < n; i++) rc = trim_device(db, id[i], before_ms, e);
        if (rc || n == 0) return rc;
        after = id[n - 1];
    } while (!rc && n == DEVICES);
    return rc;
}

enum rc retention_sweep(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e)
{
    enum rc rc = trim_samples(db, now_ms - c->keep_samples_ms, e);
    if (!rc) rc = expire(db, db_event_expire, now_ms - c->keep_events_ms, e);
    if (!rc) rc = expire(db, db_recording_expire, now_ms - c->recorder_keep_ms, e);
    if (!rc) rc = expire(db, db_session_record_expire, now_ms - c->keep_sessions_ms, e);
    if (!rc) rc = expire(db, db_notification_expire, now_ms - c->keep_sessions_ms, e);
    if (!rc) rc = expire(db, db_operation_record_expire, now_ms - c->keep_operations_ms, e);
    if (!rc) rc = expire(db, db_operation_record_expire_sealed, now_ms - DAY_MS, e);
    if (!rc) rc = expire(db, db_idempotency_expire, now_ms - DAY_MS, e);
    return rc;
}

/* Log a leap of the clock when it is noticed, and when it is over. */
static void tell(struct retention *r, int64_t ahead_ms, int64_t now_ms)
{
    struct health *h = r->srv->health;
    const int64_t before = h ? h->clock_ahead_s : 0;
    if (h) h->clock_ahead_s = ahead_ms / 1000;
    if (ahead_ms && !before)
        log_event(LOG_WARN, "clock.leap", LOG_N("ahead_s", ahead_ms / 1000), LOG_N("clock_ms", now_ms),
                  LOG_Z("what",
                        "the clock has leapt: it is not trusted until the server has run for a day with it, or until "
                        "`dmvisord --trust-clock` confirms it; until then time continues from the last trusted value"));
    else if (!ahead_ms && before)
        log_event(LOG_WARN, "clock.believed", LOG_N("clock_ms", now_ms));
}

/* A tiny write, so that /readyz reports whether messages can be stored. */
static void probe(struct retention *r)
{
    struct err e = { 0 };
    threads_unlock(&r->threads);
    enum rc rc = sql_begin(r->db, true, &e);
    if (!rc) rc = db_clock_probe(r->db, health_world(r->srv->health).now_ms, &e);
    if (!rc) rc = sql_commit(r->db, &e);
    if (rc) sql_rollback(r->db);
    threads_lock(&r->threads);
    r->wanted = false;
    r->probed_ms = world_monotonic_ms();
    r->writes = rc == RC_BUSY ? RC_OK : rc; /* another writer is active */
    snprintf(r->why, sizeof r->why, "%s", e.text);
    threads_wake(&r->threads);
}

enum rc retention_probe(struct retention *r, char warning[256], struct err *e)
{
    warning[0] = '\0';
    if (!r) return RC_OK;
    const struct health *h = r->srv->health;
    const int64_t ahead_s = h ? h->clock_ahead_s : 0;
    if (ahead_s)
        snprintf(warning, 256,
                 "the clock is %lld days %s than the newest entry and is not trusted: nothing is deleted or expires "
                 "by it until the server has run for a day, or dmvisord --trust-clock confirms it",
                 (long long)(ahead_s < 0 ? -ahead_s : ahead_s) / 86400, ahead_s < 0 ? "earlier" : "later");
    threads_lock(&r->threads);
    if (!r->probed_ms || world_monotonic_ms() - r->probed_ms >= PROBE_MS) {
        r->wanted = true;
        threads_wake(&r->threads);
        const int64_t until_ms = world_monotonic_ms() + PROBE_WAIT_MS;
        while (r->wanted && !r->threads.stop && threads_wait_until(&r->threads, until_ms)) continue;
    }
    enum rc rc = r->writes ? err_set(e, r->writes, "%s", r->why) : RC_OK;
    threads_unlock(&r->threads);
    if (!rc && h && h->database.full) rc = err_set(e, RC_IO, "the disk of the database is full");
    if (h && h->database.damaged)
        rc = err_set(e, RC_IO, "the database is damaged: run dmvisord --check-database, and restore a backup");
    return rc;
}

/* Compute the trusted time for all threads. */
static enum rc look_at_clock(struct retention *r, int64_t *time_ms, struct err *e)
{
    int64_t ahead_ms = 0;
    const int64_t now = world_monotonic_ms(), now_ms = world_real().now_ms;
    enum rc rc = retention_time(r->db, now_ms, r->looked_ms ? now - r->looked_ms : 0, time_ms, &ahead_ms, e);
    if (rc) return rc;
    r->looked_ms = now;
    if (r->srv->health) r->srv->health->clock_offset_ms = *time_ms - now;
    tell(r, ahead_ms, now_ms);
    return RC_OK;
}

/* Store the trusted time at the end, for the next start. */
static void keep_last(struct retention *r)
{
    int64_t time_ms = 0;
    struct err e = { 0 };
    if (look_at_clock(r, &time_ms, &e) || restored_mark(r->db, r->srv->config, &e))
        log_event(LOG_WARN, "retention.failed", LOG_Z("why", e.text));
}

static enum rc sweep_aside(const struct retention *r, int64_t time_ms, struct err *e)
{
    const struct server_config *c = r->srv->config;
    int64_t removed = 0;
    uint64_t left = 0;
    enum rc rc = images_sweep_aside(c->images_dir, r->db, time_ms - c->keep_aside_ms, &removed, &left, e);
    metrics_gauge(r->srv->metrics, GAUGE_IMAGES_ASIDE, (int64_t)left);
    if (removed)
        log_event(LOG_WARN, "images.aside_removed", LOG_N("files", removed),
                  LOG_Z("why", "they were put aside longer ago than keep.imagesAside"));
    return rc;
}

static void sweep(struct retention *r, int64_t *swept_ms)
{
    struct err e = { 0 };
    int64_t time_ms = 0;
    const int64_t now = world_monotonic_ms();
    enum rc rc = look_at_clock(r, &time_ms, &e);
    if (!rc && (!*swept_ms || now - *swept_ms >= PERIOD_MS)) {
        rc = retention_sweep(r->db, r->srv->config, time_ms, &e);
        if (!rc) rc = sweep_aside(r, time_ms, &e);
        if (!rc) rc = restored_mark(r->db, r->srv->config, &e);
        *swept_ms = now;
    }
    if (rc) log_event(LOG_WARN, "retention.failed", LOG_Z("why", e.text));
}

/* Check one table and its indexes, then pause for CHECK_SHARE times as long as that took. All tables take their turn
 * for as long as the server runs. */
static void check(struct retention *r, int64_t *at, int64_t *due_ms)
{
    struct err e = { 0 };
    const int64_t began = world_monotonic_ms();
    const struct health *h = r->srv->health;
    if (began < *due_ms || (h && h->database.damaged)) return;
    bool over = false;
    enum rc rc = sql_check_part(r->db, *at, &over, &e);
    if (rc == RC_INVALID)
        log_event(LOG_ERROR, "database.damaged", LOG_Z("why", e.text),
                  LOG_Z("what", "run dmvisord --check-database, and restore a backup"));
    else if (rc)
        log_event(LOG_WARN, "database.not_checked", LOG_Z("why", e.text));
    *at = over ? 0 : *at + 1;
    const int64_t now = world_monotonic_ms();
    *due_ms = now + (over ? r->srv->config->database_check_ms : (now - began) * CHECK_SHARE);
}

static void tell_moved(struct retention *r, bool *told)
{
    const bool moved = sql_moved(r->db);
    if (r->srv->health) r->srv->health->database.moved = moved;
    if (moved && !*told)
        log_event(LOG_ERROR, "database.moved",
                  LOG_Z("what", "the database file was moved, removed or replaced: nothing is stored, and writes are "
                                "refused, until the file is back or the server is restarted with the right one"));
    else if (!moved && *told)
        log_event(LOG_WARN, "database.back", LOG_Z("what", "the database file is back in its place"));
    *told = moved;
}

static void *run(void *arg)
{
    struct retention *r = arg;
    int64_t swept_ms = 0, due_ms = 0, part = 0, check_ms = world_monotonic_ms() + r->srv->config->database_check_ms;
    bool moved = false;
    threads_lock(&r->threads);
    while (!r->threads.stop) {
        if (r->wanted) probe(r);
        if (world_monotonic_ms() >= due_ms) {
            threads_unlock(&r->threads);
            sweep(r, &swept_ms);
            due_ms = world_monotonic_ms() + TICK_S * 1000;
            threads_lock(&r->threads);
        }
        threads_unlock(&r->threads);
        check(r, &part, &check_ms);
        tell_moved(r, &moved);
        threads_lock(&r->threads);
        const int64_t look_ms = world_monotonic_ms() + LOOK_MS, next_ms = check_ms < look_ms ? check_ms : look_ms;
        if (!r->wanted) threads_wait_until(&r->threads, due_ms < next_ms ? due_ms : next_ms);
    }
    threads_unlock(&r->threads);
    return NULL;
}

enum rc retention_create(struct server *srv, struct retention **out, struct err *e)
{
    struct retention *r = calloc(1, sizeof *r);
    if (!r) return err_set(e, RC_NOMEM, "no memory for retention");
    r->srv = srv;
    int64_t time_ms = 0;
    enum rc rc = retention_open(srv->config, server_database_health(srv), &r->db, e);
    if (!rc) rc = look_at_clock(r, &time_ms, e);
    if (rc) {
        sql_close(r->db);
        free(r);
        return rc;
    }
    threads_init(&r->threads);
    rc = threads_start(&r->threads, run, r, "retention", e);
    if (rc) {
        retention_destroy(r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

void retention_destroy(struct retention *r)
{
    if (!r) return;
    const bool ran = r->threads.list.n > 0;
    threads_finish(&r->threads);
    if (ran) keep_last(r);
    sql_close(r->db);
    free(r);
}
