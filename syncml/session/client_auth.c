/* SPDX-License-Identifier: Apache-2.0 */
/* The client's part of protocol.md 7, OMA-TS-DM_Security-V1_2_1 5. */
#include "syncml/session/client_int.h"

#include "base/text.h"
#include "base/world.h"

#include <string.h>

static int strength(enum sml_auth a)
{
    return a == SML_AUTH_BASIC ? 1 : a == SML_AUTH_MD5 ? 2 : a == SML_AUTH_MAC ? 3 : 0;
}

/* ---- the server's credentials ---- */

static bool digest_is(struct sml_client *s, const struct sml_hmac *hmac, const struct sml_msg *m, struct str raw)
{
    struct str nonce = s->has_server_nonce ? (struct str){ (const char *)s->server_nonce, SML_NONCE_BYTES }
                                           : s->acc.server_nonce;
    char want[SML_DIGEST_BYTES + 1];
    if (!s->acc.server_ha1.n || !nonce.n) return false;
    if (hmac && hmac->present) {
        sml_mac(s->acc.server_ha1, nonce, raw, want);
        return text_same_secret(str_of(want), hmac->mac) && str_eq(hmac->username, s->acc.server_name);
    }
    sml_md5_digest(s->acc.server_ha1, nonce, want);
    return text_same_secret(str_of(want), str_trim(m->cred.data));
}

static bool password_is(const struct sml_client *s, const struct sml_msg *m, struct arena *a)
{
    struct str user, password;
    char ha1[SML_HA1_BYTES + 1];
    if (!s->acc.server_by_tls || sml_basic_decode(str_trim(m->cred.data), a, &user, &password) != RC_OK)
        return false; /* a password in clear is accepted over TLS only */
    sml_ha1(user, password, ha1);
    return text_same_secret(str_of(ha1), s->acc.server_ha1);
}

static bool good_server(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                        struct arena *a)
{
    enum sml_auth given = hmac && hmac->present ? SML_AUTH_MAC : sml_auth_of_name(m->cred.meta.type);
    return given == SML_AUTH_MD5 || given == SML_AUTH_MAC      ? digest_is(s, hmac, m, raw)
           : given == SML_AUTH_BASIC || given == SML_AUTH_NONE ? password_is(s, m, a)
                                                               : false;
}

static bool challenge(struct sml_client *s, int code, const char **why)
{
    if (s->server_asked && ++s->server_tries >= CLIENT_SERVER_TRIES) {
        *why = "the server fails to authenticate itself";
        return false;
    }
    s->turn.header_code = code;
    s->turn.chal = true;
    return true;
}

bool sml_client_check_server(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                             bool asks, struct arena *a, const char **why)
{
    struct client_turn *t = &s->turn;
    bool mac = hmac && hmac->present, given = mac || m->cred.present;
    if (given && (s->acc.server_ha1.n || !s->acc.server_by_tls)) {
        if (!good_server(s, m, hmac, raw, a)) {
            t->header_code = 401;
            return asks ? challenge(s, 401, why) : true;
        }
        s->server_nonce_unsaved |=
            s->has_server_nonce; /* both sides hold this nonce now, even when this is the last message */
        t->trusted = t->next_nonce = true;
        t->header_code = mac ? 200 : 212;
        s->server_ok = !mac;
        s->server_tries = 0;
        s->server_asked = false;
        return true;
    }
    t->trusted = s->acc.server_by_tls || s->server_ok;
    t->header_code = given ? 212 : 200;
    if (t->trusted || !asks) return true; /* C-005: nothing in it requires a challenge */
    return challenge(s, 407, why);
}

void sml_client_put_chal(struct sml_client *s, struct compose *b, struct sml_cmd *status, const struct world *w)
{
    if (!s->turn.chal && !s->turn.next_nonce) return;
    compose_nonce(w, s->server_nonce);
    s->has_server_nonce = true;
    s->server_asked = s->turn.chal;
    s->server_nonce_unsaved = !s->turn.chal;
    compose_chal(b, &status->chal, s->acc.pref == SML_AUTH_MAC ? SML_AUTH_MAC : SML_AUTH_MD5, s->server_nonce,
                 SML_NONCE_BYTES);
}

/* ---- the client's credentials ---- */

static void take_nonce(struct sml_client *s, const struct sml_cmd *status, struct arena *a, bool for_later)
{
    struct str nonce;
    if (!status->chal.present || !status->chal.meta.next_nonce.n ||
        text_b64_decode(status->chal.meta.next_nonce, a, &nonce) != RC_OK || !nonce.n || nonce.n > sizeof s->nonce)
        return;
    memcpy(s->nonce, nonce.p, nonce.n);
    s->n_nonce = (uint8_t)nonce.n;
    s->fresh = true;
    s->unsaved = for_later;
}

/* Can this scheme be used: is there a secret for it, and is it not weaker than the account demands? A silent
 * downgrade is not allowed. */
static bool may_use(const struct sml_client *s, enum sml_auth scheme)
{
    bool have = scheme == SML_AUTH_BASIC ? s->acc.client_password.n > 0 : s->acc.client_ha1.n > 0;
    return strength(scheme) > 0 && have && strength(scheme) >= strength(s->acc.pref);
}

static bool on_challenge(struct sml_client *s, const struct sml_cmd *status, struct arena *a, const char **why)
{
    bool wrong = s->sent && s->sent_fresh;
    enum sml_auth scheme = status->chal.present ? sml_auth_of_name(status->chal.meta.type) : SML_AUTH_NONE;
    *why = scheme == SML_AUTH_NONE ? "the server does not accept our credentials"
           : !may_use(s, scheme)
               ? "the server demands a weaker scheme than the account allows, or one it has no secret for"
           : wrong && scheme == s->scheme ? "the server does not accept our credentials even with its own nonce"
           : ++s->challenges > CLIENT_CHALLENGES_MAX ? "the server repeats its challenge"
                                                     : NULL;
    if (*why) return false;
    take_nonce(s, status, a, false);
    s->scheme = scheme;
    s->accepted = false;
    s->turn.resend = true;
    sml_client_queue_rewind(s);
    return true;
}

bool sml_client_own_status(struct sml_client *s, const struct sml_cmd *status, struct arena *a, const char **why)
{
    if (str_is(status->data, "401") || str_is(status->data, "407")) return on_challenge(s, status, a, why);
    if (str_is(status->data, "212"))
        s->accepted = s->scheme != SML_AUTH_MAC;
    else if (str_is(status->data, "200"))
        s->accepted = !s->sent;
    else if (!str_starts(status->data, STR("2"))) {
        *why = "the server refuses the session";
        return false;
    }
    take_nonce(s, status, a, true);
    sml_client_queue_done(s);
    return true;
}

void sml_client_put_cred(struct sml_client *s, struct sml_msg *out, struct arena *a, bool *nomem)
{
    s->sent = !s->accepted &&
              (s->scheme == SML_AUTH_BASIC ? s->acc.client_password.n > 0
                                           : s->scheme != SML_AUTH_NONE && s->acc.client_ha1.n > 0 && s->n_nonce > 0);
    s->sent_fresh = s->sent && (s->fresh || s->scheme == SML_AUTH_BASIC);
    if (!s->sent || s->scheme == SML_AUTH_MAC) return;
    struct str nonce = { (const char *)s->nonce, s->n_nonce }, plain = { 0 };
    char *p;
    if (s->scheme == SML_AUTH_BASIC) {
        plain = arena_printf(a, "%.*s:%.*s", STR_ARG(s->acc.client_name), STR_ARG(s->acc.client_password));
        p = plain.p ? arena_bytes(a, text_b64_len(plain.n) + 1) : NULL;
        if (p) text_b64(plain.p, plain.n, p);
    } else {
        p = arena_bytes(a, SML_DIGEST_BYTES + 1);
        if (p) sml_md5_digest(s->acc.client_ha1, nonce, p);
    }
    if (!p) {
        *nomem = true;
        return;
    }
    out->cred.present = out->cred.meta.present = true;
    out->cred.meta.format = STR("b64");
    out->cred.meta.type = str_of(sml_auth_name(s->scheme));
    out->cred.data = str_of(p);
}

struct str sml_client_mac(struct sml_client *s, struct str encoded, struct arena *a)
{
    char mac[SML_DIGEST_BYTES + 1];
    if (!s->sent || s->scheme != SML_AUTH_MAC) return (struct str){ 0 };
    sml_mac(s->acc.client_ha1, (struct str){ (const char *)s->nonce, s->n_nonce }, encoded, mac);
    return sml_hmac_format(s->acc.client_name, str_of(mac), a);
}

/* A nonce from a server that has not authenticated itself serves this session and is not persisted (protocol.md
 * 7.5). */
enum rc sml_client_keep(struct sml_client *s, struct arena *a, struct sml_client_keep *keep)
{
    if (s->unsaved && s->turn.trusted) {
        s->unsaved = false;
        if (!arena_str(a, (struct str){ (const char *)s->nonce, s->n_nonce }, &keep->client_nonce)) return RC_NOMEM;
    }
    if (s->server_nonce_unsaved) {
        s->server_nonce_unsaved = false;
        if (!arena_str(a, (struct str){ (const char *)s->server_nonce, SML_NONCE_BYTES }, &keep->server_nonce))
            return RC_NOMEM;
    }
    return RC_OK;
}
