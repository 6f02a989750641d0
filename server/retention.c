#include "server/retention.h"
#include "base/log.h"
#include "base/world.h"
#include "db/retention.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 1000, DEVICES = 200, PERIOD_S = 3600, DAY_MS = 86400000 };

static const char *const stmt_sql[RETENTION_STMT_COUNT] = {
#define X(name, sql) sql,
    RETENTION_STATEMENTS(X)
#undef X
};

struct retention {
    struct server *srv;
    struct sql *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
};

enum rc retention_open(const struct server_config *c, struct sql **out, struct err *e)
{
    const struct sql_options o = {
        .durable = c->durable, .busy_ms = 5000, .statements = stmt_sql, .n_statements = RETENTION_STMT_COUNT
    };
    return sql_open(c->database, &o, out, e);
}

/* Rows by age, ROWS at a time, each in a transaction of its own. */
static enum rc trim(struct sql *db, int statement, int64_t before_ms, struct err *e)
{
    int64_t n = 0;
    enum rc rc;
    do {
        rc = sql_run(db, statement, SQL_ARGS({ "before_ms", SQL_I(before_ms) }, { "limit", SQL_I(ROWS) }), &n, e);
    } while (!rc && n == ROWS);
    return rc;
}

/* Samples lead with the device: walk the devices, some in each transaction. */
static enum rc trim_samples(struct sql *db, int64_t before_ms, struct err *e)
{
    int64_t id[DEVICES], after = 0;
    size_t n;
    enum rc rc;
    do {
        struct sql_rows *r = NULL;
        n = 0;
        rc = sql_start(db, RETENTION_STMT_DEVICES, SQL_ARGS({ "after", SQL_I(after) }, { "limit", SQL_I(DEVICES) }), &r,
                       e);
        while (!rc && n < DEVICES && (rc = sql_step(r, e)) == RC_OK) id[n++] = sql_int(r, 0);
        sql_end(r);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc;
        if (rc || n == 0 || (rc = sql_begin(db, true, e))) return rc;
        for (size_t i = 0; !rc && i < n; i++)
            rc = sql_run(db, RETENTION_STMT_SAMPLES,
                         SQL_ARGS({ "device_id", SQL_I(id[i]) }, { "before_ms", SQL_I(before_ms) }), NULL, e);
        if (!rc) rc = sql_commit(db, e);
        if (rc) sql_rollback(db);
        after = id[n - 1];
    } while (!rc && n == DEVICES);
    return rc;
}

enum rc retention_sweep(struct sql *db, const struct server_config *c, int64_t now_ms, struct err *e)
{
    enum rc rc = trim_samples(db, now_ms - c->keep_samples_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_EVENTS, now_ms - c->keep_events_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_RECORDINGS, now_ms - c->recorder_keep_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_SESSIONS, now_ms - c->keep_sessions_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_TRIGGERS, now_ms - c->keep_sessions_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_OPERATIONS, now_ms - c->keep_operations_ms, e);
    if (!rc) rc = trim(db, RETENTION_STMT_SEALED_RESULTS, now_ms - DAY_MS, e);
    if (!rc) rc = sql_run(db, RETENTION_STMT_IDEMPOTENCY, SQL_ARGS({ "before_ms", SQL_I(now_ms - DAY_MS) }), NULL, e);
    return rc;
}

static void *run(void *arg)
{
    struct retention *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct timespec t;
        struct err e = { 0 };
        pthread_mutex_unlock(&r->lock);
        if (retention_sweep(r->db, r->srv->config, world_real().now_ms, &e))
            log_event(LOG_WARN, "retention.failed", LOG_Z("why", e.text));
        pthread_mutex_lock(&r->lock);
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += PERIOD_S;
        if (!r->stop) pthread_cond_timedwait(&r->wake, &r->lock, &t);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

enum rc retention_create(struct server *srv, struct retention **out, struct err *e)
{
    pthread_condattr_t monotonic;
    struct retention *r = calloc(1, sizeof *r);
    if (!r) return err_set(e, RC_NOMEM, "no memory for retention");
    r->srv = srv;
    enum rc rc = retention_open(srv->config, &r->db, e);
    if (rc) {
        free(r);
        return rc;
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&r->thread, NULL, run, r) != 0) {
        r->stop = true;
        retention_destroy(r);
        return err_set(e, RC_IO, "cannot start the retention thread");
    }
    *out = r;
    return RC_OK;
}

void retention_destroy(struct retention *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    bool running = !r->stop;
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    if (running) pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    sql_close(r->db);
    free(r);
}
