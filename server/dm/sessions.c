/* SPDX-License-Identifier: Apache-2.0 */
#include "server/dm/sessions.h"
#include "base/crypto.h"
#include "base/text.h"
#include "server/decide/inflight.h"
#include "server/decide/device_cache.h"
#include "server/dm/recorder.h"
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_SUPERSEDED = 4 }; /* remembered superseded sessions per device */

struct session_list {
    struct session *oldest, *newest;
    size_t n;
};

struct sessions {
    struct sessions_config c;
    sessions_left *left;
    void *ctx;
    struct session **by_key, **by_token;
    size_t mask;
    struct session_list open, ended; /* by last use */
    size_t ended_bytes, recall_bytes;
};

struct sessions *sessions_create(const struct sessions_config *c, sessions_left *left, void *ctx)
{
    struct sessions *ss = calloc(1, sizeof *ss);
    size_t slots = 64;
    while (slots < c->max + (size_t)SESSIONS_ENDED) slots *= 2;
    if (ss) {
        ss->by_key = calloc(slots, sizeof *ss->by_key);
        ss->by_token = calloc(slots, sizeof *ss->by_token);
    }
    if (!ss || !ss->by_key || !ss->by_token) {
        if (ss) {
            free(ss->by_key);
            free(ss->by_token);
        }
        free(ss);
        return NULL;
    }
    ss->c = *c;
    ss->left = left;
    ss->ctx = ctx;
    ss->mask = slots - 1;
    return ss;
}

/* ---- links ---- */

static struct session_list *list_of(struct sessions *ss, const struct session *s)
{
    return s->ended ? &ss->ended : &ss->open;
}

static void list_remove(struct sessions *ss, struct session *s)
{
    struct session_list *l = list_of(ss, s);
    *(s->older ? &s->older->newer : &l->oldest) = s->newer;
    *(s->newer ? &s->newer->older : &l->newest) = s->older;
    s->older = s->newer = NULL;
    l->n--;
}

static void list_add(struct sessions *ss, struct session *s)
{
    struct session_list *l = list_of(ss, s);
    s->older = l->newest;
    s->newer = NULL;
    *(l->newest ? &l->newest->newer : &l->oldest) = s;
    l->newest = s;
    l->n++;
}

static void unlink_session(struct sessions *ss, struct session *s)
{
    struct session **at = &ss->by_key[s->key_hash & ss->mask];
    while (*at != s) at = &(*at)->same_key;
    *at = s->same_key;
    at = &ss->by_token[s->token_hash & ss->mask];
    while (*at != s) at = &(*at)->same_token;
    *at = s->same_token;
    if (s->ended) ss->ended_bytes -= s->last.cap;
    ss->recall_bytes -= s->recall_bytes;
    list_remove(ss, s);
}

/* Free the members that only an open session needs. */
static void close_session(struct session *s)
{
    sml_server_destroy(s->sml);
    session_work_finish(&s->work);
    s->sml = NULL;
}

void sessions_free(struct session *s)
{
    close_session(s);
    recorder_free(s->recording);
    buf_finish(&s->last);
    buf_finish(&s->last_hmac);
    free(s);
}

void sessions_drop(struct sessions *ss, struct session *s)
{
    unlink_session(ss, s);
    sessions_free(s);
}

void sessions_detach(struct sessions *ss, struct session *s)
{
    unlink_session(ss, s);
    close_session(s);
}

static void give_up(struct sessions *ss, struct session *s, const char *why)
{
    if (!s->ended && ss->left) ss->left(ss->ctx, s, why);
    sessions_drop(ss, s);
}

void sessions_destroy(struct sessions *ss)
{
    if (!ss) return;
    while (ss->open.oldest) give_up(ss, ss->open.oldest, "the server was stopped");
    while (ss->ended.oldest) sessions_drop(ss, ss->ended.oldest);
    free(ss->by_key);
    free(ss->by_token);
    free(ss);
}

void sessions_forget(struct sessions *ss)
{
    if (ss) ss->left = NULL;
    sessions_destroy(ss);
}

/* ---- finding ---- */

static uint64_t key_hash(int64_t authority, struct str name)
{
    return str_hash(name) ^ (uint64_t)authority * 0x9E3779B97F4A7C15u;
}

static bool same_device(const struct session *s, const struct session_key *k)
{
    return s->authority == k->authority && str_eq(s->name, k->name);
}

bool sessions_repeats(const struct session *s, const struct session_key *k)
{
    return s->last.n && s->last_hash == k->hash && s->last_bytes == k->bytes;
}

struct session *sessions_of_token(struct sessions *ss, const struct session_key *k)
{
    uint64_t hash = str_hash(k->token);
    for (struct session *s = ss->by_token[hash & ss->mask]; s && k->token.n; s = s->same_token)
        if (s->token_hash == hash && text_same_secret(k->token, str_of(s->token)) && same_device(s, k) &&
            str_eq(s->id, k->id))
            return s;
    return NULL;
}

/* The next session of this device, newest first; NULL starts. */
static struct session *next_of_device(struct sessions *ss, const struct session_key *k, struct session *s)
{
    uint64_t hash = key_hash(k->authority, k->name);
    s = s ? s->same_key : ss->by_key[hash & ss->mask];
    while (s && (s->key_hash != hash || !same_device(s, k))) s = s->same_key;
    return s;
}

struct session *sessions_of_device(struct sessions *ss, const struct session_key *k)
{
    struct session *s = next_of_device(ss, k, NULL);
    while (s && (s->ended || !str_eq(s->id, k->id))) s = next_of_device(ss, k, s);
    return s;
}

struct session *sessions_repeated(struct sessions *ss, const struct session_key *k)
{
    struct session *s = next_of_device(ss, k, NULL);
    while (s && !(s->alone && sessions_repeats(s, k) && str_eq(s->id, k->id))) s = next_of_device(ss, k, s);
    return s;
}

static void contest(struct session *s, int64_t now_ms)
{
    if (!s->contested || now_ms - s->contested_ms > SESSIONS_CONTESTED_MS) {
        s->contested = 0;
        s->contested_ms = now_ms;
    }
    s->contested++;
}

struct session *sessions_contest(struct sessions *ss, const struct session_key *k, int64_t now_ms)
{
    struct session *s = next_of_device(ss, k, NULL);
    while (s && s->superseded) s = next_of_device(ss, k, s);
    if (s) contest(s, now_ms);
    return s;
}

/* ---- opening, ending ---- */

enum rc sessions_key_check(const struct session_key *k, struct err *e)
{
    if (k->name.n <= SESSION_NAME_BYTES && k->id.n <= SESSION_ID_BYTES) return RC_OK;
    return err_set(e, RC_LIMIT, "device id longer than %d or SessionID longer than %d octets", (int)SESSION_NAME_BYTES,
                   (int)SESSION_ID_BYTES);
}

enum rc sessions_open(struct sessions *ss, const struct session_key *k, const struct world *w, struct session **out,
                      struct err *e)
{
    enum rc rc = sessions_key_check(k, e);
    if (rc) return rc;
    if (ss->open.n >= ss->c.max) return err_set(e, RC_BUSY, "the maximum number of sessions is open (%u)", ss->c.max);
    struct session *s = calloc(1, sizeof *s + k->name.n + k->id.n + 1);
    if (!s) return err_set(e, RC_NOMEM, "no memory for a session");
    char *p = (char *)(s + 1);
    if (k->name.n) memcpy(p, k->name.p, k->name.n);
    if (k->id.n) memcpy(p + k->name.n, k->id.p, k->id.n);
    s->name = (struct str){ p, k->name.n };
    s->id = (struct str){ p + k->name.n, k->id.n };
    s->authority = k->authority;
    s->work.started_ms = s->used_ms = w->now_ms;
    crypto_random_text(w, s->token, SESSION_TOKEN);
    s->key_hash = key_hash(k->authority, k->name);
    s->token_hash = str_hash(str_of(s->token));
    s->same_key = ss->by_key[s->key_hash & ss->mask];
    ss->by_key[s->key_hash & ss->mask] = s;
    s->same_token = ss->by_token[s->token_hash & ss->mask];
    ss->by_token[s->token_hash & ss->mask] = s;
    list_add(ss, s);
    *out = s;
    return RC_OK;
}

/* End an open session without repeating its reply; only its token stays known. */
static void supersede(struct sessions *ss, struct session *s)
{
    if (ss->left) ss->left(ss->ctx, s, "the device began another session");
    buf_finish(&s->last);
    s->superseded = true;
    sessions_end(ss, s);
}

static struct session *other_open(struct sessions *ss, const struct session_key *k, const struct session *s)
{
    struct session *other = next_of_device(ss, k, NULL);
    while (other && (other == s || other->ended)) other = next_of_device(ss, k, other);
    return other;
}

void sessions_claim(struct sessions *ss, struct session *s)
{
    const struct session_key k = { .authority = s->authority, .name = s->name };
    struct session *other, *next;
    unsigned superseded = 0;
    while ((other = other_open(ss, &k, s)) != NULL) supersede(ss, other);
    for (other = next_of_device(ss, &k, NULL); other; other = next) {
        next = next_of_device(ss, &k, other);
        if (other == s) continue;
        if (other->contested > s->contested) {
            s->contested = other->contested;
            s->contested_ms = other->contested_ms;
        }
        if (!other->superseded || ++superseded > SESSIONS_SUPERSEDED) sessions_drop(ss, other);
    }
}

void sessions_touch(struct sessions *ss, struct session *s, int64_t now_ms)
{
    s->used_ms = now_ms;
    list_remove(ss, s);
    list_add(ss, s);
}

void sessions_end(struct sessions *ss, struct session *s)
{
    if (s->ended) return;
    list_remove(ss, s);
    close_session(s);
    recorder_free(s->recording);
    s->recording = NULL;
    ss->recall_bytes -= s->recall_bytes;
    s->recall_bytes = 0;
    s->ended = true;
    ss->ended_bytes += s->last.cap;
    list_add(ss, s);
    while (ss->ended.n > SESSIONS_ENDED || ss->ended_bytes > SESSIONS_ENDED_BYTES) sessions_drop(ss, ss->ended.oldest);
}

struct session *sessions_of_turn(struct sessions *ss, uint64_t first)
{
    struct session *s = ss->open.newest;
    if (!s || s->turn < first) s = ss->ended.newest;
    return s && s->turn >= first ? s : NULL;
}

struct session *sessions_of_message(struct sessions *ss, uint64_t message)
{
    struct session *s = ss->open.newest;
    while (s && s->turn > message) s = s->older;
    if (s && s->turn == message) return s;
    s = ss->ended.newest;
    while (s && s->turn > message) s = s->older;
    return s && s->turn == message ? s : NULL;
}

static void forget_device(struct sessions *ss, struct session *s)
{
    if (!s->work.recall) return;
    device_cache_free(s->work.recall);
    s->work.recall = NULL;
    s->work.forgot = true;
    ss->recall_bytes -= s->recall_bytes;
    s->recall_bytes = 0;
}

void sessions_expire(struct sessions *ss, int64_t now_ms)
{
    for (struct session *s = ss->open.oldest; s && s->used_ms + RECALL_IDLE_MS < now_ms; s = s->newer)
        forget_device(ss, s);
    while (ss->open.oldest && ss->open.oldest->used_ms + ss->c.idle_ms < now_ms)
        give_up(ss, ss->open.oldest, "the device did not continue in time");
    while (ss->ended.oldest && ss->ended.oldest->used_ms + ss->c.idle_ms < now_ms) sessions_drop(ss, ss->ended.oldest);
}

void sessions_recall(struct sessions *ss, struct session *s, size_t bytes)
{
    ss->recall_bytes += bytes - s->recall_bytes;
    s->recall_bytes = bytes;
    for (struct session *old = ss->open.oldest; old && ss->recall_bytes > RECALL_BYTES; old = old->newer)
        if (old != s) forget_device(ss, old);
}

void sessions_shift(struct sessions *ss, int64_t by_ms)
{
    struct session_list *lists[] = { &ss->open, &ss->ended };
    for (int i = 0; i < 2; i++)
        for (struct session *s = lists[i]->oldest; s; s = s->newer) {
            s->used_ms -= by_ms;
            s->work.started_ms -= by_ms;
        }
}

bool sessions_too_old(const struct sessions *ss, const struct session *s, int64_t now_ms)
{
    return s->work.started_ms + ss->c.lifetime_ms < now_ms;
}

size_t sessions_count(const struct sessions *ss)
{
    return ss->open.n;
}

size_t sessions_bytes(const struct sessions *ss)
{
    size_t n = 2 * (ss->mask + 1) * sizeof *ss->by_key;
    const struct session_list *lists[] = { &ss->open, &ss->ended };
    for (int i = 0; i < 2; i++)
        for (const struct session *s = lists[i]->oldest; s; s = s->newer)
            n += sizeof *s + s->name.n + s->id.n + 1 + s->last.cap + s->last_hmac.cap + s->recall_bytes +
                 (s->work.asked ? sizeof *s->work.asked + s->work.asked->cap * sizeof s->work.asked->row[0] : 0) +
                 (s->work.flight ? s->work.flight->bytes : 0) + (s->sml ? sml_server_bytes(s->sml) : 0);
    return n;
}
