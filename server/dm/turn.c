/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/turn.h"
#include "base/log.h"
#include "server/core/metrics.h"
#include "server/dm/exchange.h"
#include "server/dm/session_log.h"
#include "server/store/ceilings.h"
#include <stdio.h>

enum rc dm_begin(struct dm *dm, struct err *e)
{
    return store_begin(dm->st, e);
}

struct turn_message *turn_message(struct dm *dm, uint64_t number, int64_t device, int64_t now_ms)
{
    if (dm->committed) turn_forget(dm);
    struct turn_message *m = ARENA_NEW(&dm->kept, struct turn_message);
    if (!m) return NULL;
    m->number = number;
    dm_changes_init(&m->changes, &dm->kept, device, now_ms);
    return m;
}

void turn_keep(struct dm *dm, struct turn_message *m)
{
    if (dm->last)
        dm->last->next = m;
    else
        dm->first = m;
    dm->last = m;
}

void turn_forget(struct dm *dm)
{
    dm->first = dm->last = NULL;
    dm->committed = dm->broken = false;
    arena_reset(&dm->kept);
}

bool turn_has(const struct dm *dm, int64_t device)
{
    for (const struct turn_message *m = dm->committed ? NULL : dm->first; m; m = m->next)
        if (!m->applied && m->changes.device == device) return true;
    return false;
}

bool turn_is_full(const struct dm *dm)
{
    return !dm->committed && dm->kept.used > TURN_FULL_BYTES;
}

bool turn_has_lost(const struct dm *dm, uint64_t number)
{
    for (const struct turn_message *m = dm->first; m; m = m->next)
        if (m->number == number && number) return m->lost;
    return false;
}

/* ---- apply ---- */

static enum rc apply_recording(struct dm *dm, const struct dm_changes *c, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    if (!c->has_recording) return RC_OK;
    enum rc rc = ceilings_recording(db, dm->srv, c->device, (int64_t)c->recording.data.n, e);
    return rc ? rc : recorder_put(&dm->recorder, c, dm->srv->config, db, e);
}

static enum rc apply(struct dm *dm, struct turn_message *m, struct err *e)
{
    enum rc rc = store_apply(dm->st, &m->changes, &dm->samples_written, e);
    if (!rc) rc = apply_recording(dm, &m->changes, e);
    if (rc) return rc;
    dm->events |= m->changes.events.first != NULL;
    dm->dirty = true;
    return RC_OK;
}

/* Apply all messages together, which nearly always succeeds. */
static enum rc apply_all(struct dm *dm, struct err *e)
{
    enum rc rc = RC_OK;
    for (struct turn_message *m = dm->first; m && !rc; m = m->next)
        if (!m->applied) rc = apply(dm, m, e);
    return rc;
}

static void take_back(struct dm *dm)
{
    sql_rollback_to(store_sql(dm->st));
    uri_table_forget(store_paths(dm->st)); /* they may contain new addresses */
    dm->recorder.kept_bytes = -1;
}

static enum rc apply_alone(struct dm *dm, struct turn_message *m, struct err *e)
{
    enum rc rc = sql_savepoint(store_sql(dm->st), e);
    if (rc) return rc;
    rc = apply(dm, m, e);
    if (!rc) rc = sql_release(store_sql(dm->st), e);
    if (rc) take_back(dm);
    return rc;
}

static void give_up(struct dm *dm, struct session *s, const struct err *why)
{
    char text[ERR_TEXT_BYTES + 100];
    snprintf(text, sizeof text, "the server could not store the message's changes: its database failed (%s)",
             why->text);
    session_log_failed(dm, s, text);
}

static void lose(struct dm *dm, struct turn_message *m, const struct err *why)
{
    struct session *s = m->number ? sessions_of_message(dm->sessions, m->number) : NULL;
    m->lost = true;
    log_event(LOG_ERROR, "message.not_kept", LOG_N("device_id", m->changes.device), LOG_Z("error", why->text));
    if (s) give_up(dm, s, why);
}

/* One message cannot be applied: apply each alone. @return the error of the first, when none can */
static enum rc apply_each(struct dm *dm, struct err *e)
{
    enum rc all = RC_OK;
    bool any = false;
    for (struct turn_message *m = dm->first; m; m = m->next) {
        struct err why = { 0 };
        if (m->applied) continue;
        enum rc rc = apply_alone(dm, m, &why);
        if (!sql_in_transaction(store_sql(dm->st))) { /* a full disk has rolled everything back */
            if (e) *e = why;
            return rc ? rc : err_set(e, RC_IO, "the transaction was lost");
        }
        any |= !rc;
        if (rc) lose(dm, m, &why);
        if (rc && !all) {
            all = rc;
            if (e) *e = why;
        }
    }
    if (!any) return all;
    err_clear(e);
    return RC_OK;
}

static enum rc apply_in_transaction(struct dm *dm, bool only, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    if (!sql_in_transaction(db)) return err_set(e, RC_IO, "the transaction was lost");
    if (only) return apply_all(dm, e); /* no other message is lost with it */
    enum rc rc = sql_savepoint(db, e);
    if (rc) return rc;
    rc = apply_all(dm, e);
    if (!rc) rc = sql_release(db, e);
    if (!rc) return RC_OK;
    take_back(dm);
    if (!sql_in_transaction(db)) return rc;
    err_clear(e);
    return apply_each(dm, e);
}

enum rc turn_apply(struct dm *dm, struct err *e)
{
    size_t n = 0;
    if (dm->committed) return RC_OK;
    for (const struct turn_message *m = dm->first; m; m = m->next) n += !m->applied;
    if (!n) return RC_OK;
    enum rc rc = apply_in_transaction(dm, n == 1 && !dm->dirty, e);
    for (struct turn_message *m = dm->first; m; m = m->next) m->applied = true;
    dm->broken |= rc != RC_OK;
    return rc;
}

/* ---- commit ---- */

static enum rc commit(struct dm *dm, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    enum rc rc = turn_apply(dm, e);
    if (rc) return rc;
    if (dm->broken) return err_set(e, RC_IO, "a part of the turn could not be stored");
    return sql_in_transaction(db) ? sql_commit(db, e)
           : dm->dirty            ? err_set(e, RC_IO, "the transaction was lost")
                                  : RC_OK;
}

enum rc dm_commit(struct dm *dm, struct err *e)
{
    struct err why = { 0 };
    enum rc rc = commit(dm, &why);
    if (rc && e) *e = why;
    if (rc) {
        sql_rollback(store_sql(dm->st));
        uri_table_forget(store_paths(dm->st));
        dm->recorder.kept_bytes = -1;
        for (struct session *s; dm->sessions && (s = sessions_of_turn(dm->sessions, dm->turn)) != NULL;)
            give_up(dm, s, &why);
    } else if (dm->dirty) {
        metrics_add(dm->srv->metrics, METRIC_DM_COMMITS, 1);
    }
    dm->turn = dm->message + 1;
    dm->committed = true;
    dm->dirty = dm->broken = false;
    return rc;
}
