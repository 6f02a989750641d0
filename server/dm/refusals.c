/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/refusals.h"
#include "base/crypto.h"
#include "base/log.h"
#include "server/store/ceilings.h"
#include "server/dm/session_log.h"
#include "server/core/metrics.h"
#include "db/device_state.h"
#include "db/refusal.h"
#include "db/session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTES = 64, /* devices with unwritten refusals; further ones are only counted */
    WHY_BYTES = 200,
    KEEP_AGAIN_MS = 3000, /* one device's row is written once in this time */
    SAME_ROW_MS = 600000, /* refusals within this time share a row of the history */
    CONTESTS_TOLD = 3,    /* so many within SESSIONS_CONTESTED_MS are no accident any more */
    DELAY_MS = 1000
};

/* Of one device. */
struct note {
    int64_t device, authority; /* device 0: free */
    char name[SESSION_NAME_BYTES + 1];
    char session_id[SESSION_ID_BYTES + 1];
    int64_t written_ms;
    /* refusals since then */
    unsigned refused;
    int64_t refused_ms;
    char remote[SESSION_REMOTE_BYTES], why[WHY_BYTES];
    /* contests */
    unsigned contested;
    int64_t contested_ms, contested_since_ms;
    char one[SESSION_REMOTE_BYTES], other[SESSION_REMOTE_BYTES];
};

struct refusals {
    struct brake guesses, challenges;
    uint64_t salt;
    struct note note[NOTES];
};

struct refusals *refusals_create(void)
{
    struct refusals *r = calloc(1, sizeof *r);
    if (r) crypto_random((uint8_t *)&r->salt, sizeof r->salt);
    return r;
}

void refusals_destroy(struct refusals *r)
{
    free(r);
}

static void put_text(char *out, size_t n, struct str s)
{
    snprintf(out, n, "%.*s", STR_ARG(s));
}

/* The device's note, or a free one. A note that has nothing to say may be taken. */
static struct note *note_of(struct refusals *r, int64_t device)
{
    struct note *found = NULL;
    for (size_t i = 0; i < NOTES; i++) {
        struct note *n = &r->note[i];
        if (n->device == device) return n;
        if (!n->refused && !n->contested && (!found || n->written_ms < found->written_ms)) found = n;
    }
    if (found) *found = (struct note){ .device = device };
    return found;
}

static void note_refusal(struct refusals *r, const struct refusal *f, int64_t now_ms)
{
    struct note *n = f->device ? note_of(r, f->device) : NULL;
    if (!n) return;
    n->authority = f->authority;
    put_text(n->name, sizeof n->name, f->name);
    put_text(n->session_id, sizeof n->session_id, f->session_id);
    put_text(n->remote, sizeof n->remote, f->remote);
    put_text(n->why, sizeof n->why, str_of(f->why));
    n->refused_ms = now_ms;
    n->refused++;
}

static int brake(struct refusals *r, const struct server *srv, const struct refusal *f, int64_t now_ms)
{
    const struct server_config *c = srv->config;
    const uint64_t address = brake_address(f->remote, r->salt), device = str_hash(f->name) ^ ~r->salt;
    bool within;
    if (f->kind == REFUSAL_NOTHING) {
        within = brake_take(&r->challenges, address, c->dm_challenges_per_s, now_ms);
    } else {
        within = brake_take(&r->guesses, address, c->dm_refusals_per_s, now_ms);
        within &= brake_take(&r->guesses, device, c->dm_refusals_per_s, now_ms);
    }
    if (within) return 0;
    metrics_add(srv->metrics, METRIC_BRAKED, 1);
    return DELAY_MS;
}

int refusals_add(struct refusals *r, const struct server *srv, const struct refusal *f, int64_t now_ms)
{
    metrics_add(srv->metrics, METRIC_UNPROVEN_NONE + (enum metric)f->kind, 1);
    if (f->kind != REFUSAL_NOTHING)
        log_event(LOG_INFO, "device.refused", LOG_S("device", f->name), LOG_S("session", f->session_id),
                  LOG_S("msg", f->msg_id), LOG_Z("why", f->why), LOG_S("remote", f->remote));
    if (f->kind == REFUSAL_CREDENTIALS || f->kind == REFUSAL_CERTIFICATE) note_refusal(r, f, now_ms);
    return brake(r, srv, f, now_ms);
}

void refusals_forget(struct refusals *r, int64_t device, struct str remote)
{
    for (size_t i = 0; i < NOTES; i++)
        if (r->note[i].device == device && str_is(remote, r->note[i].remote)) r->note[i].refused = 0;
}

void refusals_contest(struct refusals *r, const struct server *srv, const struct session *s, struct str remote,
                      int64_t now_ms)
{
    metrics_add(srv->metrics, METRIC_CONTESTS, 1);
    if (s->contested < CONTESTS_TOLD) return;
    struct note *n = note_of(r, s->device);
    if (!n) return;
    n->authority = s->authority;
    put_text(n->name, sizeof n->name, s->name);
    put_text(n->one, sizeof n->one, remote);
    put_text(n->other, sizeof n->other, str_of(s->remote));
    n->contested = s->contested;
    n->contested_since_ms = s->contested_ms;
    n->contested_ms = now_ms;
}

void refusals_no_request(const struct server *srv, struct str remote, const char *why)
{
    metrics_add(srv->metrics, METRIC_NO_REQUEST, 1);
    log_event(LOG_INFO, "device.no_request", LOG_S("remote", remote),
              LOG_Z("what", "a TLS connection ended before a request: the handshake failed, or nothing was asked"),
              LOG_Z("alert", why ? why : "none"));
}

/* ---- to be kept ---- */

static enum rc tell_refused(struct dm *dm, const struct note *n, int64_t row, struct arena *a, struct err *e)
{
    struct buf b;
    struct str json = { 0 };
    buf_init(&b, 4096);
    buf_printf(&b, "{\"id\":%lld,\"sessionId\":\"", (long long)row);
    buf_json(&b, str_of(n->session_id));
    buf_printf(&b, "\",\"outcome\":\"refused\",\"messages\":%u,\"why\":\"", n->refused);
    buf_json(&b, str_of(n->why));
    buf_putz(&b, "\"}");
    arena_str(a, buf_str(&b), &json);
    buf_finish(&b);
    return session_log_event(dm, n->authority, "session", str_of(n->name), json, n->refused_ms, e);
}

/* Add a row to the history. */
static enum rc add_row(struct dm *dm, const struct note *n, struct db_refusal *x, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    struct db_session s = { .device = n->device, .id = str_of(n->session_id), .started_ms = n->refused_ms };
    enum rc rc = store_session_number(dm->st, &s.row, e);
    if (!rc) rc = db_session_add(db, &s, e);
    x->session_row = s.row;
    x->times = 0;
    x->since_ms = n->refused_ms;
    return rc ? rc : ceilings_session(db, dm->srv, n->device, s.row, e);
}

static enum rc keep_refusal(struct dm *dm, const struct note *n, struct arena *a, struct err *e)
{
    struct sql *db = store_sql(dm->st);
    struct db_refusal x = { .device = n->device };
    int64_t messages = 0;
    enum rc rc = db_refusal_find(db, n->device, &x, e);
    if (!rc || rc == RC_NOT_FOUND) /* the row of the history that this refusal extends */
        rc = db_session_refused(db, x.session_row, n->device, n->refused_ms - SAME_ROW_MS, &messages, e);
    const bool fresh = rc == RC_NOT_FOUND;
    if (fresh) rc = add_row(dm, n, &x, e);
    x.at_ms = n->refused_ms;
    x.times += n->refused;
    x.remote = str_of(n->remote);
    x.why = str_of(n->why);
    const struct db_session_end end = { .row = x.session_row,
                                        .messages = messages + n->refused,
                                        .now_ms = n->refused_ms,
                                        .outcome = STR("refused"),
                                        .why = x.why };
    if (!rc) rc = db_session_end(db, &end, e);
    if (!rc) rc = db_refusal_put(db, &x, e);
    dm->dirty = true;
    if (!rc && fresh) rc = tell_refused(dm, n, x.session_row, a, e);
    struct buf b;
    struct str json = { 0 };
    buf_init(&b, 4096);
    buf_putz(&b, "{\"summary\":\"unauthenticated\",\"why\":\"");
    buf_json(&b, str_of(n->why));
    buf_putz(&b, "\"}");
    arena_str(a, buf_str(&b), &json);
    buf_finish(&b);
    return rc ? rc : session_log_event(dm, n->authority, "device", str_of(n->name), json, n->refused_ms, e);
}

static enum rc keep_contest(struct dm *dm, const struct note *n, struct arena *a, struct err *e)
{
    struct str json = arena_printf(a,
                                   "{\"state\":\"contested\",\"times\":%u,\"addresses\":[\"%s\",\"%s\"],"
                                   "\"why\":\"two devices use one identity and end each other's sessions\"}",
                                   n->contested, n->one, n->other);
    log_event(LOG_WARN, "device.contested", LOG_Z("device", n->name), LOG_N("times", n->contested),
              LOG_Z("remote", n->one), LOG_Z("other", n->other),
              LOG_Z("what", "two devices use one identity and end each other's sessions"));
    const struct db_contest x = { .device = n->device,
                                  .at_ms = n->contested_ms,
                                  .since_ms = n->contested_since_ms,
                                  .times = n->contested,
                                  .remote = str_of(n->one),
                                  .other = str_of(n->other) };
    enum rc rc = db_contest_put(store_sql(dm->st), &x, e);
    dm->dirty = true;
    return rc ? rc : session_log_event(dm, n->authority, "device", str_of(n->name), json, n->contested_ms, e);
}

static enum rc keep_note(struct dm *dm, struct note *n, int64_t now_ms, struct err *e)
{
    struct arena a;
    arena_init(&a, 64 << 10);
    enum rc rc = dm_begin(dm, e);
    if (!rc) rc = db_device_state_name(store_sql(dm->st), n->device, &a, NULL, NULL, e);
    bool gone = rc == RC_NOT_FOUND; /* deleted meanwhile */
    if (!rc && n->refused) rc = keep_refusal(dm, n, &a, e);
    if (!rc && n->contested) rc = keep_contest(dm, n, &a, e);
    arena_finish(&a);
    if (rc && !gone) return rc;
    n->refused = n->contested = 0;
    n->written_ms = now_ms;
    return RC_OK;
}

enum rc refusals_keep(struct dm *dm, int64_t now_ms, struct err *e)
{
    struct refusals *r = dm->refusals;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < NOTES && !rc; i++) {
        struct note *n = &r->note[i];
        if (!n->device || (!n->refused && !n->contested)) continue;
        if (n->written_ms <= now_ms && now_ms - n->written_ms < KEEP_AGAIN_MS) continue;
        rc = keep_note(dm, n, now_ms, e);
    }
    return rc;
}
