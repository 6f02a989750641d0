/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/session_log.h"
#include "base/log.h"
#include "server/decide/inflight.h"
#include "db/event.h"
#include "server/store/ceilings.h"
#include "server/core/metrics.h"
#include "db/session.h"
#include <string.h>

static struct str json_session(struct arena *a, const struct session *s, const char *outcome, const char *why)
{
    struct buf b;
    struct str out = { 0 };
    buf_init(&b, 4096);
    buf_printf(&b, "{\"id\":%lld,\"sessionId\":\"", (long long)s->work.row);
    buf_json(&b, s->id);
    buf_printf(&b, "\",\"outcome\":\"%s\",\"messages\":%u,\"why\":\"", outcome, s->messages);
    buf_json(&b, str_of(why));
    buf_putz(&b, "\"}");
    arena_str(a, buf_str(&b), &out);
    buf_finish(&b);
    return out;
}

enum rc session_log_event(struct dm *dm, int64_t authority, const char *type, struct str device, struct str json,
                          int64_t now_ms, struct err *e)
{
    dm->events = dm->dirty = true;
    const struct db_event event = {
        .authority = authority, .at_ms = now_ms, .type = str_of(type), .device = device, .data = json
    };
    int64_t id = 0;
    enum rc rc = db_event_add(store_sql(dm->st), &event, &id, e);
    return rc ? rc : ceilings_event(store_sql(dm->st), dm->srv, authority, device, id, e);
}

enum rc session_log_row(struct store *st, struct dm_changes *c, struct session *s, struct err *e)
{
    enum rc rc = store_session_number(st, &s->work.row, e);
    if (rc) return rc;
    dm_change_session(c, &(struct db_session){ .row = s->work.row,
                                               .device = s->device,
                                               .id = s->id,
                                               .notification = s->work.notification,
                                               .started_ms = s->work.started_ms,
                                               .messages = s->messages });
    return RC_OK;
}

enum rc session_log_keep(struct dm *dm, struct dm_changes *c, struct session *s, const char *outcome, const char *why,
                         int64_t now_ms, struct arena *a, struct err *e)
{
    enum rc rc = !s->work.row && recorder_wanted(s, outcome) ? session_log_row(dm->st, c, s, e) : RC_OK;
    if (rc || !s->work.row) return rc;
    dm_change_session_end(c, &(struct db_session_end){ .row = s->work.row,
                                                       .messages = s->messages,
                                                       .now_ms = now_ms,
                                                       .outcome = str_of(outcome),
                                                       .why = str_of(why) });
    if (recorder_wanted(s, outcome)) recorder_keep(s, dm->srv->config, c);
    dm_change_event(c, s->authority, STR("session"), s->name, json_session(a, s, outcome, why));
    return RC_OK;
}

static enum rc blame(struct dm *dm, struct dm_changes *c, const struct session *s, const struct flown *x,
                     struct arena *a, struct err *e)
{
    struct dm_device d = { .id = s->device };
    struct pol_failure *list = NULL, *before = NULL;
    size_t n = 0;
    enum rc rc = store_load_failures(dm->st, &d, a, &list, &n, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].key, x->step.key)) before = &list[i];
    const struct pol_failure f = pol_failure_after(before, x->step.key, POL_CODE_LOST, s->used_ms);
    dm_change_failure(c, &(struct db_failure){ .key = f.key,
                                               .why = pol_code_words(NULL, f.code),
                                               .code = f.code,
                                               .tries = f.tries,
                                               .retry_ms = f.retry_ms,
                                               .at_ms = s->used_ms });
    return RC_OK;
}

enum rc session_log_unanswered(struct dm *dm, struct dm_changes *c, const struct session *s, struct arena *a,
                               struct err *e)
{
    const struct flown *x = inflight_culprit(s->work.flight);
    if (!s->device || !inflight_unanswered(s->work.flight)) return RC_OK;
    c->careful = true;
    return x && !x->operation ? blame(dm, c, s, x, a, e) : RC_OK;
}

void session_log_count(struct dm *dm, const char *outcome)
{
    static const struct {
        const char *name;
        enum metric metric;
    } row[] = {
        { "done", METRIC_SESSIONS_DONE },
        { "aborted", METRIC_SESSIONS_ABORTED },
        { "lost", METRIC_SESSIONS_LOST },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (strcmp(row[i].name, outcome) == 0) metrics_add(dm->srv->metrics, row[i].metric, 1);
}

void session_log_left(void *ctx, struct session *s, const char *why)
{
    struct dm *dm = ctx;
    struct err e = { 0 };
    struct arena a;
    arena_init(&a, 1 << 20);
    enum rc rc = dm_begin(dm, &e);
    struct turn_message *m = turn_message(dm, 0, s->device, s->used_ms);
    if (!m && !rc) rc = err_set(&e, RC_NOMEM, "no memory for the end of a session");
    if (!rc) rc = session_log_keep(dm, &m->changes, s, "lost", why, s->used_ms, &a, &e);
    if (!rc && !dm->closing) rc = session_log_unanswered(dm, &m->changes, s, &a, &e);
    if (!rc) turn_keep(dm, m);
    if (rc) log_event(LOG_WARN, "session.not_kept", LOG_S("device", s->name), LOG_Z("error", e.text));
    arena_finish(&a);
    session_log_count(dm, "lost");
}

/* ---- sessions whose end could not be written ---- */

void session_log_failed(struct dm *dm, struct session *s, const char *why)
{
    sessions_detach(dm->sessions, s);
    if (!s->ended) session_log_count(dm, "lost");
    buf_reset(&s->last); /* the reply is not needed any more */
    buf_putz(&s->last, why);
    if (s->ended || dm->n_failed >= ENDING_FAILED_MAX || (!s->work.row && !recorder_wanted(s, "lost"))) {
        sessions_free(s);
        return;
    }
    s->newer = dm->failed;
    dm->failed = s;
    dm->n_failed++;
}

/* Its row may have been lost with a rolled-back transaction, and the row's number may have been given to another
 * session. */
static enum rc check_row(struct dm *dm, struct session *s, struct err *e)
{
    if (!s->work.row) return RC_OK;
    enum rc rc = db_session_is_open(store_sql(dm->st), s->work.row, s->device, s->id, e);
    if (rc != RC_NOT_FOUND) return rc;
    s->work.row = 0;
    return RC_OK;
}

static enum rc keep_one(struct dm *dm, struct session *s, struct arena *a, struct err *e)
{
    struct turn_message *m = turn_message(dm, 0, s->device, s->used_ms);
    if (!m) return err_set(e, RC_NOMEM, "no memory for the end of a session");
    enum rc rc = check_row(dm, s, e);
    if (!rc) rc = session_log_keep(dm, &m->changes, s, "lost", buf_z(&s->last), s->used_ms, a, e);
    if (!rc) turn_keep(dm, m);
    return rc;
}

enum rc session_log_keep_failed(struct dm *dm, struct err *e)
{
    struct arena a;
    if (!dm->failed) return RC_OK;
    arena_init(&a, 1 << 20);
    enum rc rc = dm_begin(dm, e);
    for (struct session *s = dm->failed; s && !rc; s = s->newer) rc = keep_one(dm, s, &a, e);
    if (!rc) rc = dm_commit(dm, e);
    arena_finish(&a);
    if (rc) { /* try again later */
        sql_rollback(store_sql(dm->st));
        turn_forget(dm);
        return rc;
    }
    session_log_forget_failed(dm);
    return RC_OK;
}

void session_log_forget_failed(struct dm *dm)
{
    for (struct session *s = dm->failed, *next; s; s = next) {
        next = s->newer;
        sessions_free(s);
    }
    dm->failed = NULL;
    dm->n_failed = 0;
}
