/* SPDX-License-Identifier: Apache-2.0 */
#include "server/notify/notifier.h"
#include "server/core/health.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/world.h"
#include "db/event.h"
#include "db/notification.h"
#include "db/operation.h"
#include "server/store/generation.h"
#include "server/events/events.h"
#include "server/notify/push.h"
#include "server/store/replan.h"
#include "server/core/credentials.h"
#include "syncml/notify.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Notifications signed and sent between two commits: a tenth of a second's share, so that the rate is smooth. */
enum { SLICES_PER_S = 10, BATCH_MAX = 1000, BATCH_ARENA_BYTES = 4 << 20, RETRIES_MAX = 32, WAKE_MAX = 500 };

static const char *const standard_retries[] = { "5s", "30s", "5m", "30m", "2h" };

/* "0x00000000": four zero octets (protocol.md 7.5) */
static const struct str resync_nonce = { "\0\0\0\0", 4 };

struct notifier {
    struct server *srv;
    struct sql *db;
    struct push *push;
    struct threads threads; /* one */
    bool woken;
    int64_t retry_ms[RETRIES_MAX];
    size_t n_retries;
};

static enum rc read_due(struct notifier *n, int64_t now_ms, size_t limit, struct arena *a,
                        struct db_notification_due *out, size_t *n_out, struct err *e)
{
    struct sql_rows *r = NULL;
    size_t count = 0;
    enum rc rc = db_notification_due(n->db, now_ms, (int64_t)limit, &r, e);
    while (!rc && count < limit && (rc = db_notification_next_due(r, &out[count], e)) == RC_OK)
        rc = db_notification_keep_due(&out[count++], a, e);
    sql_end(r);
    *n_out = count;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc sign_and_send(struct notifier *n, const struct db_notification_due *d, bool resync, struct arena *a,
                             struct err *e)
{
    char ha1[SML_HA1_BYTES + 1];
    struct str body;
    const struct sml_notify m = { .version = 11,
                                  .ui = SML_UI_BACKGROUND,
                                  .by_server = true,
                                  .session = (uint16_t)d->session_no,
                                  .server_id = d->server_name };
    enum rc rc = credentials_open_ha1(n->srv->secret_key, d->device_name, "server", d->server_ha1, ha1, e);
    if (!rc)
        rc = sml_notify_encode(&m, (struct str){ ha1, SML_HA1_BYTES }, resync ? resync_nonce : d->server_nonce, a,
                               &body, e);
    return rc ? rc : push_send(n->push, d->channel, d->address, body, e);
}

static enum rc tell(struct notifier *n, const struct db_notification_due *d, const char *state, const char *error,
                    int64_t now_ms, struct err *e)
{
    struct buf data;
    buf_init(&data, 4096);
    buf_printf(&data, "{\"id\":%" PRId64 ",\"state\":\"%s\",\"tries\":%" PRId64 ",\"sessionId\":\"%X\",\"why\":\"",
               d->id, state, d->tries + 1, (unsigned)d->session_no);
    buf_json(&data, d->why);
    buf_putz(&data, "\",\"error\":\"");
    buf_json(&data, str_of(error));
    buf_putz(&data, "\"}");
    const struct db_event event = { .authority = d->authority,
                                    .at_ms = now_ms,
                                    .type = STR("notification"),
                                    .device = d->device_name,
                                    .data = buf_str(&data) };
    enum rc rc = db_event_add(n->db, &event, NULL, e);
    buf_finish(&data);
    return rc;
}

/* Give up after the last unanswered repetition with the resynchronisation nonce: the device continues when it polls. */
static enum rc give_up(struct notifier *n, const struct db_notification_due *d, int64_t now_ms, struct err *e)
{
    static const char why[] = "notifications were not answered; work resumes when the device next connects";
    enum rc rc = db_notification_failed(n->db, d->id, STR("not answered after the last repetition"), e);
    if (!rc) rc = db_notification_unreachable(n->db, d->device, now_ms, e);
    log_event(LOG_WARN, "notification.unanswered", LOG_S("device", d->device_name), LOG_N("notification", d->id),
              LOG_N("tries", d->tries));
    return rc ? rc : tell(n, d, "failed", why, now_ms, e);
}

/* Stored before the datagram is sent: a crash can repeat a notification (same session id, so the device runs one
 * session), but never loses one. */
static enum rc note(struct notifier *n, const struct db_notification_due *d, bool resync, int64_t now_ms, struct err *e)
{
    int64_t wait = n->retry_ms[(size_t)d->tries < n->n_retries ? (size_t)d->tries : n->n_retries - 1];
    char reason[160];
    snprintf(reason, sizeof reason, "notification sent by %.*s, waiting for the device to connect",
             STR_ARG(d->channel));
    enum rc rc = db_notification_sent(n->db, d->id, now_ms, now_ms + wait, e);
    if (!rc && resync) rc = db_notification_resync(n->db, d->device, now_ms + wait, e);
    if (!rc) rc = db_operation_notified(n->db, d->device, str_of(reason), now_ms, e);
    return rc ? rc : tell(n, d, "sent", "", now_ms, e);
}

static enum rc fail(struct notifier *n, const struct db_notification_due *d, const struct err *why, int64_t now_ms,
                    struct err *e)
{
    log_event(LOG_WARN, "notification.failed", LOG_S("device", d->device_name), LOG_N("notification", d->id),
              LOG_Z("why", why->text));
    enum rc rc = db_notification_failed(n->db, d->id, str_of(why->text), e);
    return rc ? rc : tell(n, d, "failed", why->text, now_ms, e);
}

static enum rc read_waking(struct notifier *n, int64_t now_ms, size_t limit, struct arena *a,
                           struct db_operation_waking *out, size_t *n_out, struct err *e)
{
    struct sql_rows *r = NULL;
    size_t count = 0;
    enum rc rc = db_operation_waking(n->db, now_ms, (int64_t)limit, &r, e);
    while (!rc && count < limit && (rc = db_operation_next_waking(r, &out[count], e)) == RC_OK) {
        rc = arena_str(a, out[count].kind, &out[count].kind) ? RC_OK
                                                             : err_set(e, RC_NOMEM, "no memory for due operations");
        count++;
    }
    sql_end(r);
    *n_out = count;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* The operation's scheduled time has come: treat it like a new request. */
static enum rc wake_one(struct notifier *n, const struct db_operation_waking *x, int64_t now_ms, struct arena *a,
                        struct err *e)
{
    int64_t stamp = 0;
    struct str why = arena_printf(a, "scheduled operation %.*s is due", STR_ARG(x->kind));
    enum rc rc = x->waits ? generation_stamp(n->db, x->authority, &stamp, e) : RC_OK;
    if (!rc && x->waits) rc = generation_touch_device(n->db, x->device, stamp, why, now_ms, e);
    if (!rc)
        rc = db_operation_woken(n->db, x->id, STR("its scheduled time has come; waiting for the device to connect"), e);
    return rc;
}

/* Notify the devices of operations whose scheduled time has come. @param n_woken  how many */
static enum rc wake_operations(struct notifier *n, int64_t now_ms, struct arena *a, size_t *n_woken, struct err *e)
{
    struct db_operation_waking *list = ARENA_ARRAY(a, struct db_operation_waking, WAKE_MAX);
    *n_woken = 0;
    if (!list) return err_set(e, RC_NOMEM, "no memory for due operations");
    enum rc rc = read_waking(n, now_ms, WAKE_MAX, a, list, n_woken, e);
    if (rc || !*n_woken || (rc = sql_begin(n->db, true, e))) return rc;
    for (size_t i = 0; !rc && i < *n_woken; i++) rc = wake_one(n, &list[i], now_ms, a, e);
    if (!rc) rc = sql_commit(n->db, e);
    if (rc) sql_rollback(n->db);
    return rc;
}

/* One slice: store all in one transaction, then send. */
static enum rc turn(struct notifier *n, size_t limit, size_t *n_sent, struct err *e)
{
    struct arena a;
    const int64_t now_ms = health_world(n->srv->health).now_ms;
    size_t n_due = 0, n_woken = 0;
    arena_init(&a, BATCH_ARENA_BYTES);
    struct db_notification_due *due = ARENA_ARRAY(&a, struct db_notification_due, limit);
    enum rc rc = due ? wake_operations(n, now_ms, &a, &n_woken, e) : RC_NOMEM;
    if (!rc) rc = read_due(n, now_ms, limit, &a, due, &n_due, e);
    *n_sent = 0;
    if (!rc && n_due && !(rc = sql_begin(n->db, true, e))) {
        rc = read_due(n, now_ms, limit, &a, due, &n_due, e); /* from here on no other writer can change a nonce */
        for (size_t i = 0; !rc && i < n_due; i++)
            rc = (size_t)due[i].tries > n->n_retries
                     ? give_up(n, &due[i], now_ms, e)
                     : note(n, &due[i], (size_t)due[i].tries == n->n_retries, now_ms, e);
        if (!rc) rc = sql_commit(n->db, e);
        if (rc) sql_rollback(n->db);
    }
    for (size_t i = 0; !rc && i < n_due; i++) {
        const struct db_notification_due *d = &due[i];
        struct err why = { 0 };
        const bool resync = (size_t)d->tries == n->n_retries;
        if ((size_t)d->tries > n->n_retries) continue;
        if (sign_and_send(n, d, resync, &a, &why) == RC_OK) {
            ++*n_sent;
            log_event(LOG_INFO, "notification.sent", LOG_S("device", d->device_name), LOG_N("notification", d->id),
                      LOG_S("channel", d->channel), LOG_S("address", d->address), LOG_N("try", d->tries + 1),
                      LOG_N("resync", resync));
        } else if (why.rc != RC_IO || (size_t)d->tries + 1 >= n->n_retries) {
            rc = fail(n, d, &why, now_ms, e); /* an invalid address is not retried */
        } else {
            log_event(LOG_WARN, "notification.retry", LOG_S("device", d->device_name), LOG_N("notification", d->id),
                      LOG_Z("why", why.text));
        }
    }
    arena_finish(&a);
    if (n_due) events_wake(n->srv->events);
    return rc;
}

static int64_t next_due(struct notifier *n)
{
    int64_t next = INT64_MAX;
    return db_notification_wake_ms(n->db, &next, NULL) ? INT64_MAX : next;
}

/* Sleep until woken, stopped, or `ms` have passed. @return false to stop */
static bool wait_for(struct notifier *n, int64_t ms)
{
    threads_lock(&n->threads);
    if (!n->woken) threads_wait(&n->threads, ms == INT64_MAX ? -1 : ms);
    n->woken = false;
    threads_unlock(&n->threads);
    return !n->threads.stop;
}

static void *run(void *arg)
{
    struct notifier *n = arg;
    int64_t pause_ms = 0;
    while (wait_for(n, pause_ms)) {
        const unsigned rate = n->srv->config->notification_rate_per_s;
        size_t limit = rate / SLICES_PER_S ? rate / SLICES_PER_S : 1, n_sent = 0;
        struct err e = { 0 };
        bool more = false;
        if (limit > BATCH_MAX) limit = BATCH_MAX;
        enum rc rc = replan_slice(n->db, n->srv, health_world(n->srv->health).now_ms, &more, &e);
        if (!rc) rc = turn(n, limit, &n_sent, &e);
        if (rc && rc != RC_BUSY) log_event(LOG_ERROR, "notifier.failed", LOG_Z("why", e.text));
        int64_t next = next_due(n), now_ms = health_world(n->srv->health).now_ms;
        pause_ms = next == INT64_MAX ? INT64_MAX : next > now_ms ? next - now_ms : 0;
        int64_t slice_ms = (int64_t)limit * 1000 / rate;
        if (pause_ms < slice_ms && (n_sent || rc)) pause_ms = rc ? 1000 : slice_ms;
        if (more && pause_ms > slice_ms) pause_ms = slice_ms; /* leave time for other writers */
    }
    return NULL;
}

static enum rc read_retries(struct notifier *n, struct err *e)
{
    const struct setting_list *given = &n->srv->config->notification_retries;
    const char *const *item = given->n ? given->items : standard_retries;
    size_t count = given->n ? given->n : sizeof standard_retries / sizeof standard_retries[0];
    if (count > RETRIES_MAX) return err_set(e, RC_LIMIT, "notifications.retries has more than %d entries", RETRIES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!text_duration_parse(str_of(item[i]), &n->retry_ms[i]))
            return err_set(e, RC_INVALID, "notifications.retries: \"%s\" is not a duration", item[i]);
    n->n_retries = count;
    return RC_OK;
}

enum rc notifier_create(struct server *srv, struct notifier **out, struct err *e)
{
    const struct sql_options o = { .durable = srv->config->durable, .busy_ms = 5000 };
    struct notifier *n = calloc(1, sizeof *n);
    if (!n) return err_set(e, RC_NOMEM, "no memory for the notifier");
    n->srv = srv;
    threads_init(&n->threads);
    enum rc rc = read_retries(n, e);
    if (!rc) rc = sql_open(srv->config->database, &o, &n->db, e);
    if (!rc) rc = push_create(&n->push, e);
    if (!rc) rc = threads_start(&n->threads, run, n, "the notifier", e);
    if (rc)
        notifier_destroy(n);
    else
        *out = n;
    return rc;
}

void notifier_destroy(struct notifier *n)
{
    if (!n) return;
    threads_finish(&n->threads);
    push_destroy(n->push);
    sql_close(n->db);
    free(n);
}

void notifier_wake(struct notifier *n)
{
    if (!n) return;
    threads_lock(&n->threads);
    n->woken = true;
    threads_wake(&n->threads);
    threads_unlock(&n->threads);
}
