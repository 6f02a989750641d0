/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/exchange.h"
#include "base/crypto.h"
#include "base/log.h"
#include "db/notification.h"
#include "db/session.h"
#include "server/dm/clock_step.h"
#include "server/http/certificate.h"
#include "server/dm/session_log.h"
#include "server/core/health.h"
#include "server/core/metrics.h"
#include "server/dm/refusals.h"
#include "server/decide/decide.h"
#include "syncml/challenge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block, kept between messages, is enough for nearly every message. */
enum { ARENA_FIRST_BYTES = 512 << 10 };

/* The state of one message in the line. */
struct dm_turn {
    struct dm *dm;
    struct turn_message *m; /* its changes */
    const struct world *w;
    const struct exchange_request *rq;
    struct exchange_reply *rp;
    struct arena *a;
    struct err *e;
    struct session_key key;
    struct session *s;
    const struct authority *au;
    struct sml_verdict verdict; /* for a message without its session's token */
    bool alone;                 /* the message had no token */
    bool taken;                 /* later failures are not the device's fault */
    bool recorded;
    bool there; /* `device` is loaded: the claimed identity exists */
    struct dm_device device;
    struct sml_msg msg, reply;
    struct sml_news news;
    struct sml_keep keep;
    struct sml_transport transport;
    struct sml_step *steps; /* offered */
    size_t n_sent;
    struct buf reasons; /* why these steps; for recorded sessions only */
};

/* ---- open, close ---- */

enum rc dm_open(const struct server *srv, struct dm **out, struct err *e)
{
    const struct server_config *c = srv->config;
    const struct sessions_config sc = { .max = c->dm_max_sessions,
                                        .idle_ms = (int64_t)c->dm_session_timeout_s * 1000,
                                        .lifetime_ms = (int64_t)c->dm_session_lifetime_s * 1000 };
    struct dm *dm = calloc(1, sizeof *dm);
    if (!dm) return err_set(e, RC_NOMEM, "no memory for the DM worker");
    dm->srv = srv;
    dm->recorder.kept_bytes = -1;
    arena_init(&dm->arena, EXCHANGE_ARENA_BYTES);
    arena_bytes(&dm->arena, ARENA_FIRST_BYTES);
    arena_reset(&dm->arena);
    arena_init(&dm->kept, TURN_ARENA_BYTES);
    arena_bytes(&dm->kept, ARENA_FIRST_BYTES);
    arena_reset(&dm->kept);
    dm->turn = 1;
    buf_init(&dm->out, SML_MSG_BYTES * 2);
    buf_init(&dm->facts, RECORDER_FACTS_BYTES);
    buf_init(&dm->decisions, RECORDER_FACTS_BYTES);
    dm->refusals = refusals_create();
    if (!dm->refusals) {
        dm_close(dm);
        return err_set(e, RC_NOMEM, "no memory for the DM worker");
    }
    enum rc rc = store_open(srv, &dm->st, e);
    if (!rc && !(dm->sessions = sessions_create(&sc, session_log_left, dm)))
        rc = err_set(e, RC_NOMEM, "no memory for sessions");
    if (!rc) rc = dm_begin(dm, e);
    if (!rc) /* of a killed process */
        rc = db_session_lost(store_sql(dm->st), health_world(srv->health).now_ms, e);
    if (!rc) rc = store_publish_facts(dm->st, e);
    if (!rc) rc = sql_commit(store_sql(dm->st), e);
    if (rc)
        dm_close(dm);
    else
        *out = dm;
    return rc;
}

void dm_close(struct dm *dm)
{
    struct err e = { 0 };
    if (!dm) return;
    dm->closing = true;
    sessions_destroy(dm->sessions);
    dm->sessions = NULL;
    if (dm->st && sql_in_transaction(store_sql(dm->st)) && dm_commit(dm, &e))
        log_event(LOG_ERROR, "sessions.not_kept", LOG_Z("error", e.text));
    err_clear(&e);
    if (session_log_keep_failed(dm, &e)) log_event(LOG_ERROR, "sessions.not_kept", LOG_Z("error", e.text));
    session_log_forget_failed(dm);
    refusals_destroy(dm->refusals);
    store_close(dm->st);
    arena_finish(&dm->arena);
    arena_finish(&dm->kept);
    buf_finish(&dm->out);
    buf_finish(&dm->facts);
    buf_finish(&dm->decisions);
    free(dm);
}

/* Periodically check all addresses of the dictionary, one slice at a time. */
static enum rc sweep_paths(struct dm *dm, int64_t now_ms, struct err *e)
{
    if (!dm->swept_path && dm->sweep_ms && now_ms >= dm->sweep_ms && now_ms - dm->sweep_ms < EXCHANGE_SWEEP_MS)
        return RC_OK;
    enum rc rc = dm_begin(dm, e);
    if (!rc) rc = uri_table_sweep(store_paths(dm->st), &dm->swept_path, e);
    if (!rc) dm->dirty = true;
    dm->sweep_ms = now_ms;
    return rc;
}

enum rc dm_expire(struct dm *dm, const struct world *w, struct err *e)
{
    enum rc rc = clock_step_check(dm, w->now_ms, e);
    if (rc) return rc;
    sessions_expire(dm->sessions, w->now_ms);
    rc = refusals_keep(dm, w->now_ms, e);
    if (!rc) rc = sweep_paths(dm, w->now_ms, e);
    if (rc) {
        sql_rollback(store_sql(dm->st));
        turn_forget(dm);
        return rc;
    }
    metrics_gauge(dm->srv->metrics, GAUGE_SESSIONS_OPEN, (int64_t)sessions_count(dm->sessions));
    rc = sql_in_transaction(store_sql(dm->st)) ? dm_commit(dm, e) : RC_OK;
    return rc ? rc : session_log_keep_failed(dm, e);
}

/* ---- replies ---- */

static void say(struct exchange_reply *rp, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct exchange_reply *rp, int status, const char *fmt, ...)
{
    char text[ERR_TEXT_BYTES + 200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_reset(&rp->body);
    buf_putz(&rp->body, text);
    buf_byte(&rp->body, '\n');
    rp->status = status;
    rp->hmac[0] = '\0';
}

void exchange_overload(struct exchange_reply *rp, const char *why)
{
    say(rp, 503, "The server cannot take this message now (%s). Try again in %d seconds.", why, (int)EXCHANGE_RETRY_S);
    rp->retry_after_s = EXCHANGE_RETRY_S;
}

bool dm_kept(const struct dm *dm, const struct exchange_reply *rp)
{
    return !turn_has_lost(dm, rp->message);
}

void exchange_reply_finish(struct exchange_reply *rp)
{
    buf_finish(&rp->body);
}

static enum rc fail(struct dm_turn *x, enum rc rc)
{
    char text[ERR_TEXT_BYTES + 200];
    const char *why = err_format(x->e, text, sizeof text);
    switch (rc) {
    case RC_PARSE:
    case RC_INVALID:
    case RC_UNSUPPORTED:
    case RC_LIMIT:
        if (x->taken)
            say(x->rp, 500, "The server could not process this message; its log says why.");
        else if (rc == RC_LIMIT)
            say(x->rp, 413, "The message is too large: %s", why);
        else
            say(x->rp, 400, "This is not a SyncML message: %s", why);
        break;
    case RC_NOT_FOUND: say(x->rp, 404, "%s", why); break;
    case RC_BUSY:
    case RC_NOMEM: exchange_overload(x->rp, rc == RC_BUSY ? why : "memory"); break;
    default:
        if (x->dm->srv->health && x->dm->srv->health->database.moved) {
            exchange_overload(x->rp, "its database was moved");
            break;
        }
        say(x->rp, 500, "The server could not process this message; its log says why.");
        break;
    }
    return rc;
}

/* Send the same octets again (architecture.md 6.2, protocol.md 15.1, OMA-TS-SyncML_HTTPBinding-V1_2_1). */
static void send_again(struct dm_turn *x)
{
    x->rp->status = 200;
    x->rp->type = x->s->last_type;
    buf_put(&x->rp->body, buf_str(&x->s->last));
    if (x->s->last_hmac.n) snprintf(x->rp->hmac, sizeof x->rp->hmac, "%.*s", STR_ARG(buf_str(&x->s->last_hmac)));
}

/* ---- messages of authenticated devices ---- */

static bool notification_number(struct str session_id, unsigned *out)
{
    unsigned n = 0;
    if (!session_id.n || session_id.n > 4) return false;
    for (size_t i = 0; i < session_id.n; i++) {
        char c = session_id.p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return false;
        n = n * 16 + (unsigned)digit;
    }
    *out = n;
    return n != 0;
}

/* The notification that this session answers; some clients swap the number's octets (protocol.md 20, trap 5). */
static enum rc answer_notification(struct dm_turn *x)
{
    struct dm_changes *c = &x->m->changes;
    unsigned no = 0;
    int64_t latency = -1, sent_ms = 0;
    if (!notification_number(x->s->id, &no)) return RC_OK;
    enum rc rc = db_notification_open(store_sql(x->dm->st), x->device.id, no, (no & 0xFF) << 8 | no >> 8, &c->answered,
                                      &sent_ms, x->e);
    if (rc) return rc == RC_NOT_FOUND ? RC_OK : rc;
    x->s->work.notification = c->answered;
    if (sent_ms) latency = x->w->now_ms - sent_ms;
    metrics_add(x->dm->srv->metrics, METRIC_NOTIFICATIONS_ANSWERED, 1);
    if (latency >= 0) metrics_time(x->dm->srv->metrics, HISTOGRAM_NOTIFICATION_LATENCY, (uint64_t)latency * 1000);
    struct str json = arena_printf(x->a, "{\"id\":%lld,\"state\":\"answered\",\"latencyMs\":%lld}",
                                   (long long)x->s->work.notification, (long long)latency);
    dm_change_event(c, x->device.authority, STR("notification"), x->device.name, json);
    return RC_OK;
}

/* The device begins a session, which ends its other open sessions. */
static enum rc claim(struct dm_turn *x)
{
    sessions_claim(x->dm->sessions, x->s);
    return turn_has(x->dm, x->device.id) ? turn_apply(x->dm, x->e) : RC_OK;
}

static enum rc first_news(struct dm_turn *x)
{
    const struct dm_device *d = &x->device;
    enum rc rc = claim(x);
    if (!rc && x->news.server_alert) rc = answer_notification(x);
    if (!str_eq(d->user_agent, x->rq->user_agent) || !str_eq(d->remote, x->rq->remote))
        dm_change_caller(&x->m->changes, x->rq->user_agent, x->rq->remote);
    return rc;
}

static void change_contact(struct dm_turn *x, bool quiet)
{
    const struct sml_account *acc = &x->device.account;
    const struct sml_keep *k = &x->keep;
    const struct certificate *shown = x->rq->certificate;
    if (!x->news.first && !k->client_nonce_next.n && !k->server_nonce.n) return;
    if (k->server_nonce.n) x->s->nonce_ms = x->w->now_ms;
    dm_change_contact(&x->m->changes,
                      &(struct db_contact){
                          .device = x->device.id,
                          .now_ms = x->w->now_ms,
                          .client_nonce = k->client_nonce_next.n ? k->client_nonce_next : acc->client_nonce,
                          .server_nonce = k->server_nonce.n ? k->server_nonce : acc->server_nonce,
                          .challenges_used = k->challenges_used ? (int64_t)k->challenges_used : acc->challenges_used,
                          .certificate_until_ms = shown ? shown->until_ms : 0,
                          .resynchronised = k->resynchronised,
                          .quiet = quiet && !x->s->work.worked });
}

static enum rc make_reply(struct dm_turn *x, struct sml_step *steps)
{
    const struct sml_account *account = x->there ? &x->device.account : NULL;
    return sml_server_answer(x->s->sml, steps, x->there && x->device.large_objects, x->rq->answer, account, x->w, x->a,
                             &x->reply, &x->n_sent, &x->keep, x->e);
}

static enum rc offer(void *ctx, struct sml_step *steps, bool large_objects, size_t *n_sent,
                     const struct sml_keep **keep, struct err *e)
{
    struct dm_turn *x = ctx;
    (void)e; /* x->e */
    x->device.large_objects = large_objects;
    x->steps = steps;
    enum rc rc = make_reply(x, steps);
    *n_sent = x->n_sent;
    *keep = &x->keep;
    return rc;
}

/* Update metrics and log from the decisions. */
static void count(const struct dm_turn *x, const struct message_counts *n)
{
    struct metrics *m = x->dm->srv->metrics;
    metrics_add(m, METRIC_ALERTS_REFUSED, n->alerts_refused);
    metrics_add(m, METRIC_ALERTS_REPEATED, n->alerts_repeated);
    metrics_add(m, METRIC_ATTRIBUTES_REFUSED, n->attributes_refused);
    metrics_add(m, METRIC_TREES_FULL, n->tree_full);
    if (n->alerts_refused)
        log_event(LOG_WARN, "device.alerts_refused", LOG_S("device", x->device.name), LOG_S("session", x->s->id),
                  LOG_N("per_hour", x->dm->srv->config->dm_alerts_per_hour));
    if (n->tree_full)
        log_event(LOG_WARN, "device.tree_full", LOG_S("device", x->device.name), LOG_N("nodes", MIRROR_NODES),
                  LOG_N("octets", MIRROR_BYTES), LOG_Z("what", "the device reported more nodes than the mirror keeps"));
}

static struct message_settings settings_of(const struct server *srv)
{
    const struct server_config *c = srv->config;
    return (struct message_settings){ .schema = srv->schema,
                                      .layouts = srv->layouts,
                                      .n_layouts = srv->n_layouts,
                                      .secret_key = srv->secret_key,
                                      .max_object_bytes = c->dm_max_object_bytes,
                                      .alerts_per_hour = c->dm_alerts_per_hour,
                                      .kpi_interval_s = c->kpi_interval_s };
}

static struct recording *recording_of(struct dm_turn *x)
{
    return recorder_begin(&x->dm->recorder, x->s, x->au, x->there ? &x->device.account : NULL, x->rq->resp_base);
}

/* Everything else: news -> mirror -> plan -> steps -> reply -> rows. */
static enum rc work(struct dm_turn *x)
{
    struct dm_facts facts = store_facts(x->dm->st);
    const struct message_settings settings = settings_of(x->dm->srv);
    struct facts_writer writer;
    struct recording *recording = recording_of(x);
    if (recording)
        facts = facts_write_begin(&writer, &facts, &recording->written, &settings, &x->device, x->s->work.notification,
                                  x->a, &x->dm->facts);
    struct message_work v = { .facts = &facts,
                              .settings = &settings,
                              .attributes = store_attributes(x->dm->st),
                              .c = &x->m->changes,
                              .w = x->w,
                              .a = x->a,
                              .e = x->e,
                              .s = &x->s->work,
                              .session_id = x->s->id,
                              .messages = x->s->messages,
                              .d = x->device };
    struct decide_reply r = { .ctx = x, .answer = offer };
    enum rc rc = decide_message(&v, &x->news, &r);
    count(x, &v.counts);
    if (recording) facts_write_end(&writer);
    if (rc) return rc;
    if (recording) dm_changes_print(&x->m->changes, x->a, &x->dm->decisions);
    sessions_recall(x->dm->sessions, x->s, recall_bytes(x->s->work.recall));
    if (recording) recorder_reasons(&r.plan, r.n_sent, r.first_tag, &x->reasons);
    if (r.unfit.n) { /* what it takes is less than what must be said: that is the end of this session */
        x->news.aborted = true;
        x->news.refused = r.unfit.p;
    }
    return RC_OK;
}

static enum rc stay_quiet(struct dm_turn *x)
{
    struct recording *recording = x->s->record > RECORD_FAILURES ? recording_of(x) : NULL;
    if (recording) {
        const struct dm_facts none = { .ctx = NULL };
        const struct message_settings settings = settings_of(x->dm->srv);
        struct facts_writer w;
        facts_write_begin(&w, &none, &recording->written, &settings, &x->device, x->s->work.notification, x->a,
                          &x->dm->facts);
        facts_write_end(&w);
        buf_putz(&x->dm->decisions, DECIDE_QUIET);
    }
    return make_reply(x, NULL);
}

static enum rc known(struct dm_turn *x)
{
    enum rc rc = x->news.first ? first_news(x) : RC_OK;
    if (rc) return rc;
    const bool quiet = decide_is_quiet(&x->device, &x->news, x->w->now_ms);
    rc = quiet ? stay_quiet(x) : work(x);
    if (!rc) change_contact(x, quiet);
    return rc;
}

/* ---- the line ---- */

/* Distinguishes messages of one session; processes eight octets at a time, because it hashes every message. */
static uint64_t octets_hash(struct str s)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t h = s.n * odd, word = 0;
    for (; s.n >= sizeof word; s.p += sizeof word, s.n -= sizeof word) {
        memcpy(&word, s.p, sizeof word);
        h = (h ^ word) * odd;
        h ^= h >> 29;
    }
    word = 0;
    if (s.n) memcpy(&word, s.p, s.n);
    h = (h ^ word) * odd;
    return h ^ h >> 32;
}

/* ---- authentication ---- */

static struct str certified(const struct dm_turn *x)
{
    const struct certificate *c = x->rq->certificate;
    /* The TLS library uses the wall clock; a certificate must be valid by both clocks. */
    bool counts = c && !c->problem[0] && (!c->until_ms || x->w->now_ms < c->until_ms);
    return counts ? (struct str){ c->name, c->n_name } : (struct str){ 0 };
}

/* Why the client certificate is rejected; NULL = valid, or there is none. */
static const char *certificate_problem(const struct dm_turn *x)
{
    const struct certificate *c = x->rq->certificate;
    if (!c) return NULL;
    struct str name = certified(x), text = { 0 };
    if (c->problem[0])
        text = arena_printf(x->a, "its client certificate %s", c->problem);
    else if (!name.n)
        return "its client certificate has expired";
    else if (!str_eq(name, x->msg.source))
        text = arena_printf(x->a, "its client certificate is for %.*s, not for %.*s", STR_ARG(name),
                            STR_ARG(x->msg.source));
    else
        return NULL;
    return text.n ? text.p : "its client certificate is not valid";
}

/* A certificate authenticates the device that it names. */
static bool is_certified(const struct dm_turn *x)
{
    struct str name = certified(x);
    return name.n && str_eq(name, x->msg.source);
}

/* A session that began with a certificate continues only on connections with the same certificate; a session without
 * one, only on connections without another certificate. */
static bool certificate_fits(const struct dm_turn *x, const struct session *s)
{
    struct str name = certified(x);
    if (s->by_certificate) return is_certified(x);
    return !name.n || str_eq(name, x->msg.source) || str_hash(name) == s->certificate;
}

static bool has_own_proof(const struct dm_turn *x)
{
    return x->msg.cred.present || x->rq->hmac.n || is_certified(x);
}

/* True for package 1, whatever its MsgID: the device repeats it after a challenge. */
static bool begins_session(const struct sml_msg *m)
{
    uint64_t number = 0;
    if (str_to_u64(m->msg_id, &number) && number == 1) return true;
    for (const struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_ALERT && (str_is(c->data, "1200") || str_is(c->data, "1201"))) return true;
    return false;
}

static uint64_t credentials_hash(const struct sml_account *acc)
{
    return str_hash(acc->client_ha1) ^ str_hash(acc->client_name) << 1 ^ (uint64_t)acc->auth;
}

/* The key of challenges is valid for one period of time; used challenges are remembered by the minute. */
static const uint8_t *challenge_key(struct dm *dm, int64_t now_ms)
{
    if (!dm->challenge_ms || now_ms + CHALLENGE_WINDOW_MS / 2 < dm->challenge_ms)
        crypto_random(dm->challenge_key, sizeof dm->challenge_key);
    dm->challenge_ms = now_ms;
    return dm->challenge_key;
}

/* Load the claimed sender and the properties of the connection. */
static enum rc load(struct dm_turn *x)
{
    struct sml_transport *t = &x->transport;
    *t = (struct sml_transport){ .tls = x->rq->tls,
                                 .raw = x->rq->body,
                                 .challenge_key = challenge_key(x->dm, x->w->now_ms),
                                 .client_cert_subject = is_certified(x) ? x->msg.source : (struct str){ 0 } };
    if (x->rq->hmac.n && sml_hmac_parse(x->rq->hmac, x->a, &t->hmac, NULL))
        t->hmac = (struct sml_hmac){ .present = true };
    enum rc rc = store_find_device(x->dm->st, x->au, x->msg.source, x->w->now_ms, x->a, &x->device, x->e);
    if (!rc && turn_has(x->dm, x->device.id)) { /* its previous message is in the same turn */
        rc = turn_apply(x->dm, x->e);
        if (!rc) rc = store_find_device(x->dm->st, x->au, x->msg.source, x->w->now_ms, x->a, &x->device, x->e);
    }
    x->there = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A message continues a session that another session of the device has ended. A late copy of the last message does not
 * count. */
static void contested(struct dm_turn *x, struct str remote)
{
    struct session *s = sessions_contest(x->dm->sessions, &x->key, x->w->now_ms);
    if (s) refusals_contest(x->dm->refusals, x->dm->srv, s, remote, x->w->now_ms);
}

/* MsgIDs of a session increase, except for clients that always send 1. */
static bool goes_back(const struct dm_turn *x, const struct session *s)
{
    uint64_t number = 0;
    return str_to_u64(x->msg.msg_id, &number) && number <= s->msg_id && s->msg_id > 1;
}

/* Find the session by the token of the message. A wrong token counts as no credentials, and no other session is
 * searched. */
static enum rc find_by_token(struct dm_turn *x, bool *repeated)
{
    struct session *s = sessions_of_token(x->dm->sessions, &x->key);
    if (s && s->superseded && s->last_hash != x->key.hash) contested(x, x->rq->remote);
    if (s && !certificate_fits(x, s)) s = NULL;
    if (s && sessions_repeats(s, &x->key)) {
        *repeated = true;
        x->s = s;
        return RC_OK;
    }
    enum rc rc = load(x);
    if (rc || !s || s->ended) return rc;
    if (goes_back(x, s)) { /* a copy of the device received the same answer and now sends something else */
        contested(x, x->rq->remote);
        return RC_OK;
    }
    if (x->there && credentials_hash(&x->device.account) != s->credentials)
        return RC_OK; /* the credentials were replaced */
    x->s = s;
    return RC_OK;
}

/* Without a token: a repetition of the last answered message. Its octets contain the device's credentials, or the
 * connection has the certificate; and it comes from the same address. */
static enum rc find_repeated(struct dm_turn *x, bool *repeated)
{
    struct session *s = has_own_proof(x) ? sessions_repeated(x->dm->sessions, &x->key) : NULL;
    if (s && (!certificate_fits(x, s) || !str_is(x->rq->remote, s->remote))) s = NULL;
    enum rc rc = load(x);
    if (rc || !s) return rc;
    if (s->ended) { /* a transport repeats within seconds; later it is a device that always sends the same message */
        const struct dm_device *d = &x->device;
        bool idle = x->there && d->generation == d->observed_generation &&
                    (!d->next_kpi_ms || d->next_kpi_ms > x->w->now_ms);
        if (s->messages == 1 && (!idle || x->w->now_ms - s->used_ms > EXCHANGE_REPEAT_MS)) return RC_OK;
    }
    *repeated = true;
    x->s = s;
    return RC_OK;
}

/* The session that this authenticated message continues; NULL = it begins a session. */
static struct session *find_by_proof(struct dm_turn *x)
{
    struct session *s = x->key.token.n || begins_session(&x->msg) ? NULL : sessions_of_device(x->dm->sessions, &x->key);
    if (!s || s->credentials != credentials_hash(&x->device.account) || !certificate_fits(x, s) ||
        !str_is(x->rq->remote, s->remote))
        return NULL;
    if (!goes_back(x, s)) return s;
    contested(x, x->rq->remote);
    return NULL;
}

static enum rc open_session(struct dm_turn *x)
{
    struct session *s = NULL;
    enum rc rc = sessions_open(x->dm->sessions, &x->key, x->w, &s, x->e);
    if (rc) return rc;
    x->s = s;
    s->device = x->device.id;
    s->credentials = credentials_hash(&x->device.account);
    s->certificate = certified(x).n ? str_hash(certified(x)) : 0;
    s->by_certificate = !x->msg.cred.present && !x->rq->hmac.n;
    snprintf(s->remote, sizeof s->remote, "%.*s", STR_ARG(x->rq->remote));
    s->record = (int)recorder_wish(x->dm->srv->config, x->au, &x->device, str_of(s->token));
    metrics_add(x->dm->srv->metrics, METRIC_SESSIONS_STARTED, 1);
    s->sml = sml_server_create(&x->au->sml, s->id, s->name, x->rq->resp_base, str_of(s->token));
    return s->sml ? RC_OK : err_set(x->e, RC_NOMEM, "no memory for a session");
}

/* A message without a session token must authenticate its sender before it has any effect. */
static enum rc prove(struct dm_turn *x)
{
    const struct sml_account *account = x->there ? &x->device.account : NULL;
    x->verdict = sml_server_prove(&x->au->sml, &x->msg, &x->transport, account, x->w, x->a);
    x->transport.proved = &x->verdict;
    if (!x->verdict.ok) return RC_OK;
    refusals_forget(x->dm->refusals, x->device.id, x->rq->remote);
    x->s = find_by_proof(x);
    if (!x->s) return open_session(x);
    sml_verdict_alone(&x->verdict);
    return RC_OK;
}

/* Set x->s to the session of this message; NULL = its sender is not authenticated. */
static enum rc hold(struct dm_turn *x, bool *repeated)
{
    x->key = (struct session_key){ .authority = x->au->id,
                                   .name = x->msg.source,
                                   .id = x->msg.session_id,
                                   .token = x->rq->token,
                                   .hash = octets_hash(x->rq->body) ^ str_hash(x->rq->hmac),
                                   .bytes = x->rq->body.n };
    enum rc rc = sessions_key_check(&x->key, x->e);
    if (!rc) rc = x->key.token.n ? find_by_token(x, repeated) : find_repeated(x, repeated);
    if (rc || *repeated) return rc;
    x->alone = !x->s;
    if (x->alone) rc = prove(x);
    if (rc || !x->s) return rc;
    x->s->turn = x->rp->message;
    x->s->messages++;
    x->s->alone = x->alone;
    str_to_u64(x->msg.msg_id, &x->s->msg_id);
    sessions_touch(x->dm->sessions, x->s, x->w->now_ms);
    return RC_OK;
}

/* ---- unauthenticated messages ---- */

static enum refusal_kind kind_of(const struct dm_turn *x)
{
    return x->msg.cred.present || x->rq->hmac.n ? REFUSAL_CREDENTIALS
           : certificate_problem(x)             ? REFUSAL_CERTIFICATE
           : x->key.token.n                     ? REFUSAL_TOKEN
           : !begins_session(&x->msg)           ? REFUSAL_SESSION
                                                : REFUSAL_NOTHING;
}

static const char *why_refused(const struct dm_turn *x, enum refusal_kind kind)
{
    const char *certificate = certificate_problem(x);
    if (certificate && kind == REFUSAL_CREDENTIALS) {
        struct str both = arena_printf(x->a, "%s; and %s", x->news.refused, certificate);
        return both.n ? both.p : x->news.refused;
    }
    return kind == REFUSAL_CERTIFICATE ? certificate
           : kind == REFUSAL_TOKEN     ? "the address belongs to no open session, and there are no credentials"
           : kind == REFUSAL_SESSION   ? "neither the address of a session nor credentials"
                                       : x->news.refused;
}

/* Even the shortest reply exceeds the device's MaxMsgSize: the answer is a plain text, shorter than any SyncML reply.
 * */
static void no_reply(struct dm_turn *x)
{
    say(x->rp, 400, "Your MaxMsgSize is too small.");
    if (x->rp->body.n > x->keep.limit) buf_reset(&x->rp->body);
}

/* Challenge the sender. Only a count is kept, and for an existing device its last refusal. */
static enum rc challenge(struct dm_turn *x)
{
    const struct sml_account *account = x->there ? &x->device.account : NULL;
    struct str none = { 0 };
    struct buf *out = &x->dm->out;
    struct sml_server *s = sml_server_create(&x->au->sml, x->msg.session_id, x->msg.source, x->rq->resp_base, none);
    if (!s) return err_set(x->e, RC_NOMEM, "no memory for an answer");
    enum rc rc = sml_server_take(s, &x->msg, &x->transport, account, x->w, x->a, &x->news, x->e);
    if (!rc)
        rc = sml_server_answer(s, NULL, false, x->rq->answer, account, x->w, x->a, &x->reply, &x->n_sent, &x->keep,
                               x->e);
    buf_reset(out);
    if (!rc) rc = sml_encode(x->rq->answer, &x->reply, out, x->e);
    sml_server_destroy(s);
    if (rc) return rc;
    const enum refusal_kind kind = kind_of(x);
    const struct refusal f = { .kind = kind,
                               .device = x->there ? x->device.id : 0,
                               .authority = x->au->id,
                               .name = x->msg.source,
                               .session_id = x->msg.session_id,
                               .msg_id = x->msg.msg_id,
                               .remote = x->rq->remote,
                               .why = why_refused(x, kind) };
    x->rp->delay_ms = refusals_add(x->dm->refusals, x->dm->srv, &f, x->w->now_ms);
    if (x->keep.unfit) {
        no_reply(x);
        return RC_OK;
    }
    x->rp->status = 200;
    x->rp->type = x->rq->answer;
    buf_put(&x->rp->body, buf_str(out));
    return buf_ok(&x->rp->body) ? RC_OK : err_set(x->e, RC_NOMEM, "no memory for an answer");
}

static enum rc take(struct dm_turn *x)
{
    if (sessions_too_old(x->dm->sessions, x->s, x->w->now_ms)) sml_server_stop(x->s->sml);
    return sml_server_take(x->s->sml, &x->msg, &x->transport, x->there ? &x->device.account : NULL, x->w, x->a,
                           &x->news, x->e);
}

static enum rc encode(struct dm_turn *x)
{
    struct buf *out = &x->dm->out;
    buf_reset(out);
    enum rc rc = sml_encode(x->rq->answer, &x->reply, out, x->e);
    if (rc) return rc;
    struct str mac = sml_server_mac(x->s->sml, x->there ? &x->device.account : NULL, buf_str(out), x->a);
    struct session *s = x->s;
    buf_finish(&s->last);
    buf_init(&s->last, 0);
    char *room = buf_room(&s->last, out->n);
    buf_reset(&s->last_hmac);
    if (mac.n) buf_put(&s->last_hmac, mac);
    if (!room || !buf_ok(&s->last_hmac) || mac.n >= sizeof x->rp->hmac)
        return err_set(x->e, RC_NOMEM, "no memory for a reply");
    memcpy(room, out->p, out->n);
    buf_trim(&s->last);
    s->last_type = x->rq->answer;
    s->last_hash = x->key.hash;
    s->last_bytes = x->key.bytes;
    return RC_OK;
}

/* How the session ends with this reply; NULL: it continues. */
static const char *outcome_of(const struct dm_turn *x)
{
    const struct session *s = x->s;
    const bool nothing = x->news.package_done && x->n_sent == 0 && !s->work.flight &&
                         x->reply.final; /* otherwise the reply carries 1222 */
    const bool over = sml_server_over(s->sml) || nothing;
    return !over ? NULL : x->news.aborted ? "aborted" : "done";
}

/* @param replied  the message is answered; later failures are not caused by it */
static void record(struct dm_turn *x, bool replied)
{
    struct session *s = x->s;
    const struct server_config *c = x->dm->srv->config;
    if (s->record == RECORD_NO) return;
    x->recorded = true;
    if (replied && s->record == RECORD_FAILURES && s->messages == 1) { /* most sessions are one successful message */
        const char *outcome = outcome_of(x);
        if (outcome && strcmp(outcome, "done") == 0) return;
    }
    if (!recording_of(x)) return;
    const struct sml_record m = { .s = s->sml,
                                  .type = x->rq->type,
                                  .in = x->rq->body,
                                  .out = replied ? buf_str(&s->last) : (struct str){ 0 },
                                  .m = &x->msg,
                                  .reply = replied ? &x->reply : NULL,
                                  .t = &x->transport,
                                  .news = &x->news,
                                  .steps = x->steps,
                                  .n_sent = x->n_sent,
                                  .large_objects = x->there && x->device.large_objects,
                                  .now_ms = x->w->now_ms,
                                  .token = str_of(s->token),
                                  .reasons = buf_str(&x->reasons),
                                  .facts = buf_str(&x->dm->facts),
                                  .decisions = buf_str(&x->dm->decisions) };
    if (!buf_ok(&x->dm->facts) || !buf_ok(&x->dm->decisions)) s->recording->cut = true;
    recorder_add(&x->dm->recorder, s, &m, c->recorder_session_bytes);
}

static enum rc finish(struct dm_turn *x)
{
    struct session *s = x->s;
    struct dm_changes *c = &x->m->changes;
    enum rc rc = RC_OK;
    const char *outcome = outcome_of(x);
    if (!outcome) return RC_OK;
    const char *why = x->news.refused ? x->news.refused : "";
    /* Pending notifications are not needed any more, because the device has just connected. A notification sent before
     * the session changed the nonce is no longer accepted, so it is sent again now. */
    c->needless = s->work.worked && !s->work.notification && strcmp(outcome, "done") == 0;
    c->again_nonce_ms = s->nonce_ms;
    if (s->work.notification && !s->work.row) rc = session_log_row(x->dm->st, c, s, x->e);
    if (!rc) rc = session_log_keep(x->dm, c, s, outcome, why, x->w->now_ms, x->a, x->e);
    session_log_count(x->dm, outcome);
    if (!rc) sessions_end(x->dm->sessions, s);
    return rc;
}

static enum rc line(struct dm_turn *x)
{
    bool repeated = false;
    enum rc rc = sml_decode(x->rq->type, x->rq->body, x->a, &x->msg, x->e); /* bytes -> message */
    if (!rc) rc = dm_begin(x->dm, x->e);
    if (!rc && !(x->au = authorities_find(store_catalog(x->dm->st), x->rq->authority)))
        return err_set(x->e, RC_NOT_FOUND,
                       x->rq->authority.n ? "Unknown authority."
                                          : "This server has several authorities: the address is /dm/<authority>.");
    if (!rc) rc = hold(x, &repeated); /* one message of a session at a time */
    if (!rc && repeated) {
        send_again(x);
        return RC_OK;
    }
    if (!rc && !x->s) return challenge(x);
    if (!rc) rc = take(x); /* message -> news */
    if (rc) return rc;
    x->taken = true;
    x->m = turn_message(x->dm, x->rp->message, x->s->device, x->w->now_ms);
    if (!x->m) return err_set(x->e, RC_NOMEM, "no memory for what a message changes");
    rc = x->news.who == SML_WHO_KNOWN ? known(x) : make_reply(x, NULL); /* news -> plan -> message */
    const bool unfit = x->keep.unfit;
    if (!rc && !unfit) rc = encode(x); /* message -> bytes */
    if (rc) return rc;
    if (unfit)
        no_reply(x);
    else
        send_again(x);
    record(x, !unfit);
    rc = finish(x);
    if (!rc && x->m->changes.nomem) rc = err_set(x->e, RC_NOMEM, "no memory for what a message changes");
    if (!rc) turn_keep(x->dm, x->m);
    return rc;
}

/* The server cannot continue this session. The message that caused it is recorded without a reply. */
static void give_up(struct dm_turn *x)
{
    char text[ERR_TEXT_BYTES + 200], why[ERR_TEXT_BYTES + 300];
    if (x->s->ended) {
        sessions_drop(x->dm->sessions, x->s);
        return;
    }
    x->steps = x->n_sent ? x->steps : NULL;
    if (x->taken && !x->recorded) record(x, false);
    snprintf(why, sizeof why, "the server answered %d: %s", x->rp->status, err_format(x->e, text, sizeof text));
    session_log_failed(x->dm, x->s, why);
}

static void log_refusal(const struct dm_turn *x)
{
    if (!x->s || !x->news.refused || !(x->msg.cred.present || x->rq->hmac.n || x->news.over)) return;
    log_event(LOG_INFO, "device.refused", LOG_S("device", x->msg.source), LOG_S("session", x->msg.session_id),
              LOG_S("msg", x->msg.msg_id), LOG_Z("why", x->news.refused), LOG_S("remote", x->rq->remote));
}

enum rc exchange(struct dm *dm, const struct world *w, const struct exchange_request *rq, struct exchange_reply *rp,
                 struct err *e)
{
    struct err own = { 0 };
    struct dm_turn x = { .dm = dm, .w = w, .rq = rq, .rp = rp, .a = &dm->arena, .e = e ? e : &own };
    *rp = (struct exchange_reply){ .status = 500, .type = rq->answer, .message = ++dm->message };
    buf_init(&rp->body, 0);
    buf_init(&x.reasons, RECORDER_REASONS_BYTES);
    buf_reset(&dm->facts);
    buf_reset(&dm->decisions);
    enum rc rc = line(&x);
    if (rc) {
        fail(&x, rc);
        if (x.s) give_up(&x);
    } else {
        log_refusal(&x);
    }
    buf_finish(&x.reasons);
    metrics_add(dm->srv->metrics, METRIC_DM_MESSAGES, 1);
    arena_reset(&dm->arena);
    return rc;
}
