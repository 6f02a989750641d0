/* SPDX-License-Identifier: Apache-2.0 */
/* The flight recorder: writes what happened in a session, without its secrets. */
#include "syncml/record/replay_int.h"

#include "base/text.h"
#include "syncml/codec.h"
#include "syncml/compose.h"
#include "syncml/session/server.h"

#include <string.h>

static const char *const auth_names[] = { "none", "basic", "md5", "mac", "unknown" };

const char *replay_auth_name(enum sml_auth a)
{
    return auth_names[a <= SML_AUTH_UNKNOWN ? a : SML_AUTH_UNKNOWN];
}

bool replay_auth_of(struct str s, enum sml_auth *out)
{
    for (unsigned i = 0; i < sizeof auth_names / sizeof auth_names[0]; i++)
        if (str_is(s, auth_names[i])) {
            *out = (enum sml_auth)i;
            return true;
        }
    return false;
}

/* Write a member's name, with a comma unless it is the first. */
static void put_key(struct buf *out, const char *key)
{
    char last = out->n ? out->p[out->n - 1] : '{';
    buf_putz(out, last == '{' || last == '[' ? "\"" : ",\"");
    buf_putz(out, key);
    buf_putz(out, "\":");
}

void replay_put_str(struct buf *out, const char *key, struct str value)
{
    put_key(out, key);
    buf_byte(out, '"');
    buf_json(out, value);
    buf_byte(out, '"');
}

static void put_decimal(struct buf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    buf_put(out, (struct str){ digits + at, sizeof digits - at });
}

static void put_number(struct buf *out, const char *key, uint64_t n)
{
    put_key(out, key);
    put_decimal(out, n);
}

static void put_bool(struct buf *out, const char *key, bool b)
{
    put_key(out, key);
    buf_putz(out, b ? "true" : "false");
}

static void put_b64(struct buf *out, const char *key, struct str bytes)
{
    put_key(out, key);
    buf_byte(out, '"');
    text_b64_put(out, bytes);
    buf_byte(out, '"');
}

/* ---- secrets ---- */

static char cover(char c)
{
    return c == '=' ? '=' : 'A'; /* base64 stays base64 */
}

/* Overwrite every occurrence of `secret`. @return their number */
static size_t overwrite(char *bytes, size_t n, struct str secret, bool nul)
{
    size_t found = 0;
    for (size_t at = 0; secret.n && at + secret.n <= n; at++) {
        const char *hit = memchr(bytes + at, secret.p[0], n - secret.n + 1 - at);
        if (!hit) break;
        at = (size_t)(hit - bytes);
        if (memcmp(hit, secret.p, secret.n) != 0) continue;
        for (size_t i = 0; i < secret.n; i++) bytes[at + i] = nul ? '\0' : cover(secret.p[i]);
        at += secret.n - 1;
        found++;
    }
    return found;
}

struct masking {
    enum sml_type type;
    char *bytes;
    size_t n;
    bool missed; /* a secret is present in a form that was not found */
    enum rc rc;
};

static void mask_text(struct masking *k, struct str secret)
{
    if (secret.n && !overwrite(k->bytes, k->n, secret, false)) k->missed = true;
}

static void mask_value(struct masking *k, struct str value)
{
    struct buf escaped;
    bool text = compose_is_xml_text(value);
    if (!value.n) return;
    buf_init(&escaped, 0);
    if (k->type == SML_XML && !sml_xml_escape(value, &escaped)) buf_reset(&escaped);
    struct str needle = k->type == SML_XML && escaped.n ? buf_str(&escaped) : value;
    if (!overwrite(k->bytes, k->n, needle, !text)) k->missed = true;
    buf_finish(&escaped);
}

static void mask_cmds(struct masking *k, const struct sml_cmd *c)
{
    for (; c; c = c->next) {
        mask_text(k, c->chal.meta.next_nonce);
        mask_text(k, c->cred.data);
        for (const struct sml_item *it = c->items; it; it = it->next)
            if (sml_item_is_secret(it)) mask_value(k, it->data);
        mask_cmds(k, c->children);
    }
}

static struct str covered(struct arena *a, struct str s, bool nul)
{
    char *p = arena_bytes(a, s.n + 1);
    for (size_t i = 0; p && i < s.n; i++) p[i] = nul ? '\0' : cover(s.p[i]);
    return (struct str){ p, p ? s.n : 0 };
}

/* Remove secrets from the decoded message, for texts that are hidden behind escapes. Its commands are changed in
 * place. */
static void cover_cmds(struct arena *a, struct sml_cmd *c)
{
    for (; c; c = c->next) {
        c->chal.meta.next_nonce = covered(a, c->chal.meta.next_nonce, false);
        c->cred.data = covered(a, c->cred.data, false);
        for (struct sml_item *it = c->items; it; it = it->next)
            if (sml_item_is_secret(it)) it->data = covered(a, it->data, false);
        cover_cmds(a, c->children);
    }
}

static enum rc mask_anew(enum sml_type type, struct str bytes, struct str token, struct arena *a, struct buf *out)
{
    struct sml_msg m = { 0 };
    size_t from = out->n;
    enum rc rc = sml_decode(type, bytes, a, &m, NULL);
    m.cred.data = covered(a, m.cred.data, false);
    cover_cmds(a, m.cmds);
    if (!rc) rc = sml_encode(type, &m, out, NULL);
    if (!rc) overwrite(out->p + from, out->n - from, token, false);
    return rc;
}

enum rc replay_mask(enum sml_type type, struct str bytes, const struct sml_msg *m, struct str token, struct arena *a,
                    struct buf *out)
{
    struct masking k = { .type = type, .n = bytes.n };
    size_t from = out->n;
    k.bytes = buf_room(out, bytes.n);
    if (!k.bytes) return RC_NOMEM;
    if (bytes.n) memcpy(k.bytes, bytes.p, bytes.n);
    mask_text(&k, m->cred.data);
    mask_cmds(&k, m->cmds);
    overwrite(k.bytes, k.n, token, false);
    if (!k.missed) return RC_OK;
    buf_cut(out, from);
    return mask_anew(type, bytes, token, a, out);
}

enum rc replay_step_value(enum sml_type type, const struct sml_step *p, struct arena *a, struct str *out)
{
    struct sml_item it = { .target = p->uri, .data = p->data, .meta.type = p->type };
    struct buf escaped;
    *out = p->data;
    if (!sml_item_is_secret(&it)) return RC_OK;
    if (!compose_is_xml_text(p->data) || (type == SML_XML && str_eq_fold(p->format, STR("bin")))) {
        *out = covered(a, p->data, true);
        return out->n == p->data.n ? RC_OK : RC_NOMEM;
    }
    buf_init(&escaped, 0);
    if (type == SML_XML) sml_xml_escape(p->data, &escaped);
    struct str wire = type == SML_XML ? buf_str(&escaped) : p->data;
    *out = covered(a, wire, false);
    enum rc rc = out->n == wire.n && buf_ok(&escaped) ? RC_OK : RC_NOMEM;
    buf_finish(&escaped);
    return rc;
}

/* ---- steps ---- */

static void put_step(struct buf *out, enum sml_type type, const struct sml_step *p, struct arena *a)
{
    struct str value = { 0 };
    buf_byte(out, '{');
    replay_put_str(out, "kind", str_of(sml_cmd_name(p->kind)));
    put_number(out, "tag", p->tag);
    const struct {
        const char *key;
        struct str value;
    } text[] = { { "uri", p->uri },
                 { "source", p->source },
                 { "format", p->format },
                 { "type", p->type },
                 { "correlator", p->correlator } };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        if (text[i].value.n) replay_put_str(out, text[i].key, text[i].value);
    if (replay_step_value(type, p, a, &value)) out->failed = RC_NOMEM;
    if (p->has_data || value.n) {
        if (compose_is_xml_text(value))
            replay_put_str(out, "data", value);
        else
            put_b64(out, "data64", value);
    }
    if (p->items) {
        buf_putz(out, ",\"items\":[");
        for (const struct sml_item *it = p->items; it; it = it->next) {
            buf_putz(out, it == p->items ? "\"" : ",\"");
            buf_json(out, it->data);
            buf_byte(out, '"');
        }
        buf_byte(out, ']');
    }
    if (p->children) {
        buf_putz(out, ",\"children\":");
        replay_put_steps(out, type, p->children, SIZE_MAX, a);
    }
    buf_byte(out, '}');
}

void replay_put_steps(struct buf *out, enum sml_type type, const struct sml_step *p, size_t n, struct arena *a)
{
    buf_byte(out, '[');
    for (bool first = true; p && n; p = p->next, n--, first = false) {
        if (!first) buf_byte(out, ',');
        put_step(out, type, p, a);
    }
    buf_byte(out, ']');
}

/* ---- the document ---- */

void sml_record_begin(struct buf *out, const struct sml_server_config *c, struct str session_id, struct str device_id,
                      struct str resp_base, struct str token, const struct sml_account *account, const char *facts)
{
    buf_putz(out, "recording: dmvisor/session/1\nsession: {");
    replay_put_str(out, "id", session_id);
    replay_put_str(out, "device", device_id);
    replay_put_str(out, "resp_base", resp_base);
    put_number(out, "token_bytes", token.n);
    buf_putz(out, "}\nserver: {");
    replay_put_str(out, "id", c->server_id);
    replay_put_str(out, "url", c->url);
    put_number(out, "max_msg_bytes", c->max_msg_bytes);
    put_number(out, "max_obj_bytes", c->max_obj_bytes);
    put_number(out, "max_messages", c->max_messages);
    put_number(out, "max_auth_tries", c->max_auth_tries);
    put_bool(out, "allow_basic", c->allow_basic);
    put_bool(out, "allow_basic_plain", c->allow_basic_plain);
    put_bool(out, "per_message", c->per_message);
    replay_put_str(out, "unknown_auth", str_of(replay_auth_name(c->unknown_auth)));
    buf_putz(out, "}\naccount: {");
    put_bool(out, "known", account != NULL);
    if (account) {
        replay_put_str(out, "client_name", account->client_name);
        replay_put_str(out, "server_name", account->server_name);
        replay_put_str(out, "auth", str_of(replay_auth_name(account->auth)));
        put_bool(out, "server_credentials", account->server_ha1.n > 0);
        put_bool(out, "server_nonce_known", account->server_nonce.n > 0);
        put_bool(out, "resync", account->resync);
    }
    buf_putz(out, "}\n");
    if (facts) buf_printf(out, "facts: %s\n", facts);
    buf_putz(out, "messages:\n");
}

void sml_news_print(const struct sml_news *news, struct buf *out)
{
    unsigned n = 0;
    if (news->who != SML_WHO_KNOWN) {
        buf_printf(out, "%s%s%s", news->who == SML_WHO_UNKNOWN ? "unknown" : "refused", news->refused ? ": " : "",
                   news->refused ? news->refused : "");
    } else {
        buf_printf(out, "known");
        if (news->how) buf_printf(out, " (%s)", news->how);
        if (news->refused) buf_printf(out, ": %s", news->refused);
    }
    buf_putz(out, news->first ? ", first" : "");
    buf_putz(out, news->server_alert ? ", triggered" : "");
    for (const struct sml_value *v = news->devinfo; v; v = v->next) n++;
    if (n) buf_printf(out, ", %u values", n);
    for (const struct sml_alert_in *p = news->alerts; p; p = p->next)
        buf_printf(out, ", alert %d %.*s", p->code, STR_ARG(p->type));
    for (const struct sml_outcome *o = news->outcomes; o; o = o->next) {
        n = 0;
        for (const struct sml_value *v = o->values; v; v = v->next) n++;
        buf_putz(out, ", #");
        put_decimal(out, o->tag);
        buf_byte(out, '=');
        put_decimal(out, (uint64_t)o->code);
        if (n) buf_printf(out, " (%u)", n);
    }
    buf_putz(out, news->package_done ? ", done" : "");
    buf_putz(out, news->aborted ? ", aborted" : "");
    buf_putz(out, news->over ? ", over" : "");
}

static void put_verdict(struct buf *out, const struct sml_verdict *v)
{
    buf_putz(out, ",\"verdict\":{");
    put_bool(out, "ok", v->ok);
    put_bool(out, "over", v->over);
    put_number(out, "code", (uint64_t)v->code);
    put_number(out, "tries", v->tries);
    replay_put_str(out, "scheme", str_of(replay_auth_name((enum sml_auth)v->scheme)));
    replay_put_str(out, "demanded", str_of(replay_auth_name((enum sml_auth)v->demanded)));
    put_bool(out, "known", v->known);
    put_bool(out, "per_message", v->per_message);
    put_bool(out, "next_nonce", v->next_nonce);
    put_bool(out, "current_nonce_used", v->current_nonce_used);
    put_bool(out, "resynchronised", v->resynchronised);
    if (v->why) replay_put_str(out, "why", str_of(v->why));
    if (v->how) replay_put_str(out, "how", str_of(v->how));
    buf_byte(out, '}');
}

static void put_message(struct buf *out, const struct sml_record *r, struct arena *a)
{
    char time[25];
    struct buf masked, news;
    buf_init(&masked, 0);
    buf_init(&news, 0);
    text_time_iso(r->now_ms, time);
    buf_putz(out, "- {");
    replay_put_str(out, "time", str_of(time));
    replay_put_str(out, "type", r->type == SML_XML ? STR("xml") : STR("wbxml"));
    put_bool(out, "tls", r->t->tls);
    if (r->t->client_cert_subject.n) replay_put_str(out, "certificate", r->t->client_cert_subject);
    put_bool(out, "mac", r->t->hmac.present);
    if (replay_mask(r->type, r->in, r->m, r->token, a, &masked)) out->failed = RC_NOMEM;
    put_b64(out, "in", buf_str(&masked));
    put_verdict(out, sml_server_verdict(r->s));
    sml_news_print(r->news, &news);
    replay_put_str(out, "news", buf_str(&news));
    if (r->news->alerts) {
        buf_putz(out, ",\"alert_status\":[");
        for (const struct sml_alert_in *p = r->news->alerts; p; p = p->next)
            buf_printf(out, "%s%d", p == r->news->alerts ? "" : ",", p->status);
        buf_byte(out, ']');
    }
    buf_putz(out, ",\"steps\":");
    /* the first step that was not sent is recorded too: that it did not fit is a decision as well */
    replay_put_steps(out, r->type, r->steps, r->n_sent + 1, a);
    put_bool(out, "large_objects", r->large_objects);
    put_number(out, "sent", r->n_sent);
    if (r->reasons.n) replay_put_str(out, "reasons", r->reasons);
    if (r->facts.n) {
        put_key(out, "facts");
        buf_put(out, r->facts);
    }
    if (r->decisions.n) replay_put_str(out, "decisions", r->decisions);
    buf_reset(&masked);
    if (r->reply && replay_mask(r->type, r->out, r->reply, r->token, a, &masked)) out->failed = RC_NOMEM;
    if (r->reply) put_b64(out, "out", buf_str(&masked));
    buf_putz(out, "}\n");
    buf_finish(&masked);
    buf_finish(&news);
}

void sml_record_message(struct buf *out, const struct sml_record *r)
{
    struct arena a;
    arena_init(&a, SML_REPLAY_ARENA_BYTES);
    put_message(out, r, &a);
    arena_finish(&a);
}
