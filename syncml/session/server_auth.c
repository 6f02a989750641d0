/* SPDX-License-Identifier: Apache-2.0 */
/* The server's part of protocol.md 7: authenticates the device, and the server towards the device. */
#include "syncml/challenge.h"
#include "syncml/session/server_int.h"

#include "base/text.h"

#include <string.h>

/* The strength of a scheme; a demand is met by the scheme itself and by stronger ones. */
static int strength(enum sml_auth a)
{
    return a == SML_AUTH_BASIC ? 1 : a == SML_AUTH_MD5 ? 2 : a == SML_AUTH_MAC ? 3 : 0;
}

static enum sml_auth demand_of(const struct sml_server *s, const struct sml_transport *t,
                               const struct sml_account *account)
{
    enum sml_auth a = account ? account->auth : s->c->unknown_auth;
    bool basic = (s->c->allow_basic && t->tls) || s->c->allow_basic_plain;
    return a == SML_AUTH_MAC ? a : a == SML_AUTH_BASIC && basic ? a : SML_AUTH_MD5;
}

static bool has_notification_alert(const struct sml_msg *m)
{
    for (const struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind == SML_ALERT && str_is(c->data, "1200")) return true;
    return false;
}

static struct str nonce_text(struct str nonce, struct arena *a)
{
    char *p = arena_bytes(a, text_b64_len(nonce.n) + 1);
    if (!p) return (struct str){ 0 };
    text_b64(nonce.p, nonce.n, p);
    return (struct str){ p, text_b64_len(nonce.n) };
}

/* The inputs of a digest, except for the nonce. */
struct claim {
    enum sml_auth scheme;
    struct str ha1, given;
    char body[SML_DIGEST_BYTES + 1]; /* of MAC */
};

static bool digest_is(const struct claim *c, struct str nonce)
{
    char want[SML_DIGEST_BYTES + 1];
    if (c->scheme == SML_AUTH_MAC)
        sml_mac_of(c->ha1, nonce, c->body, want);
    else
        sml_md5_digest(c->ha1, nonce, want);
    return text_same_secret(str_of(want), c->given);
}

struct
try {
    struct str nonce;
    const char *how;
    bool resync;
};

/* The nonces that this client may have used, likeliest first (protocol.md 7.5). A nonce that was answered is no
 * longer valid, because a captured message could be sent again: a client that did not receive the answer with the
 * next nonce is challenged (S-111), and so is one that resynchronises a second time. */
static size_t nonces(const struct sml_server *s, const struct sml_msg *m, const struct sml_account *acc,
                     struct arena *a, struct try out[8])
{
    size_t n = 0;
    if (s->has_nonce) { /* a nonce given in this session is the only valid one */
        out[n++] = (struct try){ { (const char *)s->nonce, SML_NONCE_BYTES }, "the nonce of this session", false };
        return n;
    }
    if (acc->client_nonce.n) out[n++] = (struct try){ acc->client_nonce, "the stored nonce", false };
    if (!acc->resync || !has_notification_alert(m)) return n;
    /* S-122, and the readings of it that exist in the field (protocol.md 20, trap 6) */
    out[n++] = (struct try){ { "\0\0\0\0", 4 }, "the resynchronisation nonce", true };
    out[n++] = (struct try){ STR("0x00000000"), "the resynchronisation nonce as ten characters", true };
    out[n++] = (struct try){ STR("AAAAAA=="), "the resynchronisation nonce as base64 text", true };
    out[n++] = (struct try){ { "", 0 }, "an empty nonce while resynchronising", true };
    if (acc->client_nonce.n)
        out[n++] = (struct try){ nonce_text(acc->client_nonce, a),
                                 "the stored nonce as base64 text while resynchronising", true };
    return n;
}

/* The challenge that this answers; 0 = no open challenge. */
static int64_t answered_challenge(const struct sml_server *s, const struct claim *c, const uint8_t *key,
                                  struct str device, int64_t used, int64_t now_ms)
{
    uint8_t nonce[CHALLENGE_BYTES];
    int64_t slot = 0;
    for (unsigned i = 0; i < CHALLENGE_NONCES; i++) {
        if (!(slot = sml_challenge_slot(used, i, now_ms))) continue;
        sml_challenge_nonce(key, s->c->server_id, device, slot, nonce);
        if (digest_is(c, (struct str){ (const char *)nonce, sizeof nonce })) return slot;
    }
    return 0;
}

/* How the credentials are good, NULL when they are not; records in `v` which nonce they were made with. */
static const char *good_digest(const struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                               enum sml_auth scheme, const struct sml_account *acc, const struct world *w,
                               struct arena *a, struct sml_verdict *v)
{
    struct claim c = { .scheme = scheme,
                       .ha1 = acc->client_ha1,
                       .given = scheme == SML_AUTH_MAC ? t->hmac.mac : str_trim(m->cred.data) };
    struct try row[8];
    size_t n = nonces(s, m, acc, a, row);
    const char *how = NULL;
    if (scheme == SML_AUTH_MAC) sml_mac_body(t->raw, c.body);
    for (size_t i = 0; i < n && !how; i++) {
        if (!digest_is(&c, row[i].nonce)) continue;
        how = row[i].how;
        v->current_nonce_used = !s->has_nonce && i == 0 && acc->client_nonce.n;
        v->resynchronised = row[i].resync;
        v->challenge = s->has_nonce ? s->challenge : 0;
    }
    if (!how && t->challenge_key && !s->has_nonce) {
        v->challenge = answered_challenge(s, &c, t->challenge_key, m->source, acc->challenges_used, w->now_ms);
        if (v->challenge) how = "the nonce of a challenge";
    }
    if (scheme == SML_AUTH_MAC && !str_eq(t->hmac.username, acc->client_name)) how = NULL;
    return acc->client_ha1.n ? how : NULL;
}

static const char *good_basic(const struct sml_msg *m, const struct sml_account *acc, struct arena *a)
{
    return sml_basic_is(str_trim(m->cred.data), acc->client_name, acc->client_ha1, a) ? "the password" : NULL;
}

static struct sml_verdict refuse(struct sml_verdict v, int code, bool over, const char *why)
{
    v.code = code;
    v.over = over;
    v.why = why;
    return v;
}

/* A failed attempt: the challenge may be answered again until the budget is spent (S-105). */
static struct sml_verdict try_failed(const struct sml_server *s, struct sml_verdict v, int code, const char *why)
{
    unsigned most = s->c->max_auth_tries < 2 ? 2 : s->c->max_auth_tries;
    v.tries++;
    /* S-117: after a good MAC, a bad one ends the session */
    return refuse(v, code, v.tries >= most || (s->opened && s->scheme == SML_AUTH_MAC), why);
}

static struct sml_verdict good(struct sml_verdict v, int code, const char *how)
{
    v.ok = true;
    v.code = code;
    v.how = how;
    return v;
}

static struct sml_verdict without_credentials(const struct sml_server *s, struct sml_verdict v,
                                              const struct sml_transport *t, const struct sml_account *account)
{
    if (account && t->client_cert_subject.n) return good(v, 200, "TLS client certificate");
    if (account && s->known) return good(v, 200, "the session is authenticated");
    if (s->opened && s->scheme == SML_AUTH_MAC)
        return refuse(v, 401, true, "no x-syncml-hmac, though the session began with one");
    return s->challenged ? try_failed(s, v, 407, "no credentials, though they were asked for")
                         : refuse(v, 407, false, "no credentials");
}

static struct sml_verdict accept(const struct sml_server *s, struct sml_verdict v, enum sml_auth scheme,
                                 const char *how)
{
    v.scheme = (uint8_t)scheme;
    v.per_message = scheme == SML_AUTH_MAC || s->c->per_message;
    v.known = !v.per_message;
    v.tries = 0;
    v.next_nonce = scheme != SML_AUTH_BASIC;
    return good(v, v.per_message ? 200 : 212, how);
}

static const char *weak(enum sml_auth given, enum sml_auth demand)
{
    if (given == SML_AUTH_UNKNOWN) return "credentials of a scheme that is not known here";
    if (strength(given) >= strength(demand)) return NULL;
    return given == SML_AUTH_BASIC ? "basic credentials, which this account may not use (or not without TLS)"
                                   : "md5 credentials, but the account demands syncml:auth-MAC";
}

/* An unknown device costs the same work, so that neither the answer nor its time reveals which devices exist. */
static const struct sml_account nobody = { .client_name = { "-", 1 },
                                           .client_ha1 = { "AAAAAAAAAAAAAAAAAAAAAAAA", 24 },
                                           .client_nonce = { "AAAAAAAAAAAAAAAA", 16 } };

/* Credentials in a session that needs none. When they are good, their nonce was exposed and is replaced, so that the
 * message cannot open a session later. */
static struct sml_verdict of_known(const struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                                   enum sml_auth given, const struct sml_account *account, const struct world *w,
                                   struct arena *a, struct sml_verdict v)
{
    v.next_nonce = (given == SML_AUTH_MD5 || given == SML_AUTH_MAC) && good_digest(s, m, t, given, account, w, a, &v);
    return good(v, 212, "the session is authenticated");
}

struct sml_verdict sml_server_check(const struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                                    const struct sml_account *account, const struct world *w, struct arena *a)
{
    enum sml_auth demand = demand_of(s, t, account);
    enum sml_auth given = t->hmac.present       ? SML_AUTH_MAC
                          : !m->cred.present    ? SML_AUTH_NONE
                          : m->cred.meta.type.n ? sml_auth_of_name(m->cred.meta.type)
                                                : SML_AUTH_BASIC;
    struct sml_verdict v = { .scheme = s->scheme,
                             .demanded = (uint8_t)demand,
                             .known = s->known,
                             .per_message = s->per_message,
                             .tries = s->tries };
    if (!account && s->opened) return refuse(v, 401, true, "the device is not known any more");
    if (given == SML_AUTH_NONE) return without_credentials(s, v, t, account);
    if (account && t->client_cert_subject.n && !account->client_ha1.n) return good(v, 212, "TLS client certificate");
    if (account && s->known) return of_known(s, m, t, given, account, w, a, v);
    if (s->opened && s->scheme != SML_AUTH_NONE && given != s->scheme)
        return refuse(v, 401, true, "another scheme than the session began with");
    if (s->challenged && given != s->demanded) /* S-118 */
        return refuse(v, 401, true, "another scheme than the challenge asked for");
    const char *why = weak(given, demand);
    if (why) return try_failed(s, v, 401, why);
    const struct sml_account *who = account ? account : &nobody;
    const char *how = given == SML_AUTH_BASIC ? good_basic(m, who, a) : good_digest(s, m, t, given, who, w, a, &v);
    if (!account) return try_failed(s, v, 401, "the device is not known");
    if (!how) return try_failed(s, v, 401, s->has_nonce ? "wrong credentials" : "wrong credentials or a stale nonce");
    return accept(s, v, given, how);
}

struct sml_verdict sml_server_prove(const struct sml_server_config *c, const struct sml_msg *m,
                                    const struct sml_transport *t, const struct sml_account *account,
                                    const struct world *w, struct arena *a)
{
    const struct sml_server nothing = { .c = c };
    return sml_server_check(&nothing, m, t, account, w, a);
}

void sml_verdict_alone(struct sml_verdict *v)
{
    v->known = false;
    v->per_message = true;
    v->code = 200;
}

void sml_server_accept_verdict(struct sml_server *s, const struct sml_verdict *v)
{
    s->verdict = *v;
    s->scheme = v->scheme;
    s->demanded = v->demanded;
    s->tries = v->tries;
    if (!v->ok) return;
    s->opened = true;
    s->challenged = false;
    s->known = v->known;
    s->per_message = v->per_message;
    s->turn.next_nonce = v->next_nonce;
    s->turn.resynchronised = v->resynchronised;
    s->turn.challenge = v->challenge;
    if (v->scheme == SML_AUTH_MAC) s->own_scheme = SML_AUTH_MAC;
}

/* ---- the server's credentials ---- */

static struct str own_nonce(const struct sml_server *s, const struct sml_account *account)
{
    return s->has_own_nonce ? (struct str){ (const char *)s->own_nonce, s->own_nonce_n } : account->server_nonce;
}

static void take_own_nonce(struct sml_server *s, const struct sml_cmd *status, struct arena *a)
{
    struct str nonce;
    if (!status->chal.present || !status->chal.meta.next_nonce.n ||
        text_b64_decode(status->chal.meta.next_nonce, a, &nonce) != RC_OK || !nonce.n || nonce.n > sizeof s->own_nonce)
        return;
    memcpy(s->own_nonce, nonce.p, nonce.n);
    s->own_nonce_n = (uint8_t)nonce.n;
    s->has_own_nonce = s->own_keep = true;
}

bool sml_server_own_status(struct sml_server *s, const struct sml_cmd *status, const struct sml_account *account,
                           struct arena *a, const char **why)
{
    take_own_nonce(s, status, a);
    if (str_is(status->data, "212")) {
        s->own_settled = s->own_scheme != SML_AUTH_MAC;
        s->own_wanted = false;
        return true;
    }
    if (str_is(status->data, "200")) {
        s->own_settled = !s->own_sent; /* credentials in each message, or none demanded */
        s->own_wanted = s->own_sent;
        s->own_tries = 0;
        return true;
    }
    if (!str_is(status->data, "401") && !str_is(status->data, "407")) return true;
    enum sml_auth scheme = status->chal.present ? sml_auth_of_name(status->chal.meta.type) : SML_AUTH_MD5;
    *why = !account->server_ha1.n ? "the device demands credentials of the server, and its account has none"
           : scheme != SML_AUTH_MD5 && scheme != SML_AUTH_MAC
               ? "the device demands a scheme from the server that it cannot use"
           : s->own_sent && ++s->own_tries >= SERVER_OWN_TRIES ? "the device does not accept the server's credentials"
                                                               : NULL;
    if (*why) return false;
    s->own_scheme = (uint8_t)scheme;
    s->own_wanted = true;
    s->own_settled = false;
    return true;
}

void sml_server_put_chal(struct sml_server *s, struct compose *b, struct sml_cmd *status,
                         const struct sml_account *account, const struct world *w, struct sml_keep *keep)
{
    if (s->turn.challenge && account)
        keep->challenges_used = sml_challenge_use(account->challenges_used, s->turn.challenge);
    if (s->turn.chal) {
        if (s->turn.challenge_key)
            s->challenge = sml_challenge_issue(s->turn.challenge_key, s->c->server_id, s->device_id,
                                               account ? account->challenges_used : 0, w, s->nonce);
        else
            compose_nonce(w, s->nonce);
        s->has_nonce = s->challenged = true;
        bool basic = s->demanded == SML_AUTH_BASIC;
        compose_chal(b, &status->chal, s->demanded, s->nonce, basic ? 0 : SML_NONCE_BYTES);
    } else if (s->turn.next_nonce && account) {
        uint8_t nonce[SML_NONCE_BYTES];
        compose_nonce(w, nonce);
        compose_chal(b, &status->chal, s->scheme, nonce, SML_NONCE_BYTES);
        if (!arena_str(b->a, (struct str){ (const char *)nonce, SML_NONCE_BYTES }, &keep->client_nonce_next))
            b->nomem = true;
        keep->resynchronised = s->turn.resynchronised;
        s->has_nonce = s->per_message;
        s->challenge = 0;
        memcpy(s->nonce, nonce, SML_NONCE_BYTES);
    }
}

void sml_server_put_cred(struct sml_server *s, struct sml_msg *reply, const struct sml_account *account,
                         struct arena *a)
{
    s->own_sent = s->own_mac = false;
    if (!account || !account->server_ha1.n || s->own_settled || !s->turn.trusted) return;
    struct str nonce = own_nonce(s, account);
    if (!nonce.n && !s->own_wanted) return; /* without a nonce the device challenges, and gives one */
    s->own_sent = true;
    s->own_mac = s->own_scheme == SML_AUTH_MAC;
    if (s->own_mac) return;
    char *digest = arena_bytes(a, SML_DIGEST_BYTES + 1);
    if (!digest) return;
    sml_md5_digest(account->server_ha1, nonce, digest);
    reply->cred.present = reply->cred.meta.present = true;
    reply->cred.meta.format = STR("b64");
    reply->cred.meta.type = str_of(sml_auth_name(SML_AUTH_MD5));
    reply->cred.data = (struct str){ digest, SML_DIGEST_BYTES };
}

struct str sml_server_mac(struct sml_server *s, const struct sml_account *account, struct str encoded, struct arena *a)
{
    char mac[SML_DIGEST_BYTES + 1];
    if (!s->own_mac || !account) return (struct str){ 0 };
    sml_mac(account->server_ha1, own_nonce(s, account), encoded, mac);
    return sml_hmac_format(account->server_name, str_of(mac), a);
}
