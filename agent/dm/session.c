/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dm/session.h"
#include "agent/dm/commands.h"
#include "agent/mo/mo.h"
#include "ddf/layout/token.h"
#include "syncml/session/client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_ALERTS = 32, SESSION_MESSAGES = 500, SESSION_POST_BYTES = 2 << 20 };

/* One message of the server, from its octets to the answer. It outlives a call only while a prompt is shown. */
struct session_message {
    struct arena a;
    struct str body;
    struct sml_msg in;
    struct exec_run run;
    bool resend, last; /* send package 1 again; no answer is needed */
};

struct dm_session {
    struct dm_client *c;
    char server_id[ACCOUNT_ID_BYTES], id[8], url[2048], hmac[256];
    struct sml_client *client;
    struct buf out;
    unsigned messages;
    bool managed, waits;
    struct session_message turn;
};

static struct sml_client_account account_of(const struct account *acc, const struct push_call *push)
{
    struct sml_client_account c = { .server_id = str_of(acc->server_id),
                                    .url = str_of(acc->url),
                                    .client_name = str_of(acc->client_name),
                                    .client_ha1 = str_of(acc->client_ha1),
                                    .client_password = str_of(acc->client_password),
                                    .server_name = str_of(acc->server_name),
                                    .server_ha1 = str_of(acc->server_ha1),
                                    .client_nonce = account_client_nonce(acc),
                                    .server_nonce = account_server_nonce(acc),
                                    .pref = acc->auth };

    /* protocol.md 7.5: a notification signed with the resynchronisation nonce: package 1 uses it */
    if (push && push->n_resync) c.client_nonce = (struct str){ (const char *)push->resync, push->n_resync };
    return c;
}

/* The state token (architecture.md 6.4), computed again only when an input may have changed. */
static enum rc token(struct dm_client *c, struct str server, struct err *e)
{
    struct mo_env *env = c->env;
    struct dm_token *t = &c->token;
    struct tree_leaf *images, *virt;
    struct ddf_leaf *all;
    size_t n_images, n_virt, n = 0;
    struct arena a;
    enum rc rc = RC_OK;

    if (t->hex[0] && str_is(server, t->server_id) && t->generation == tree_generation(env->tree) &&
        t->changes == env->changes)
        return RC_OK;
    arena_init(&a, 16 << 20);
    if (!tree_leaves(env->tree, server, mo_layout(env)->images, &a, &images, &n_images) ||
        !tree_leaves(env->tree, server, mo_layout(env)->root, &a, &virt, &n_virt) ||
        !(all = ARENA_ARRAY(&a, struct ddf_leaf, n_images + n_virt + 1)))
        rc = err_set(e, RC_NOMEM, "no memory for the state token");
    if (!rc) {
        size_t i = 0, k = 0; /* merge two sorted lists; images within the root are in both */
        while (i < n_images || k < n_virt) {
            if (i < n_images && k < n_virt && str_eq(images[i].uri, virt[k].uri)) i++;
            const struct tree_leaf *l = k == n_virt || (i < n_images && str_cmp(images[i].uri, virt[k].uri) < 0)
                                            ? &images[i++]
                                            : &virt[k++];
            all[n++] = (struct ddf_leaf){ l->uri, l->data };
        }
        rc = ddf_state_token(tree_model_schema(tree_model(env->tree)), mo_layout(env), server, all, n, t->hex, e);
    }
    arena_finish(&a);
    t->generation = tree_generation(env->tree);
    t->changes = env->changes;
    snprintf(t->server_id, sizeof t->server_id, "%.*s", STR_ARG(server));
    return rc;
}

static enum rc first_alerts(struct dm_session *s, struct arena *a, struct sml_alert_out **out, struct err *e)
{
    struct mo_env *env = s->c->env;
    struct sml_alert_out *t = ARENA_NEW(a, struct sml_alert_out);
    enum rc rc = t ? token(s->c, str_of(s->server_id), e) : err_set(e, RC_NOMEM, "no memory for the state token");

    if (!rc) rc = alerts_take(env->alerts, str_of(s->server_id), SESSION_ALERTS, a, out, e);
    if (rc) return rc;
    *t = (struct sml_alert_out){ .code = 1226,
                                 .source = mo_layout(env)->root,
                                 .type = ddf_layout_alert_type(mo_layout(env), STR("state_token")),
                                 .format = STR("chr"),
                                 .mark = STR("informational"),
                                 .data = str_of(s->c->token.hex),
                                 .next = *out };
    if (t->type.n) *out = t;
    return RC_OK;
}

static enum rc encode(struct dm_session *s, const struct sml_msg *m, struct arena *a, struct session_post *post,
                      struct err *e)
{
    struct str url = sml_client_url(s->client), hmac;
    enum rc rc;

    buf_reset(&s->out);
    rc = sml_encode(s->c->config.encoding, m, &s->out, e);
    if (rc) return rc;
    if (url.n >= sizeof s->url)
        return err_set(e, RC_LIMIT, "the server wants the next message at an address of %zu bytes", url.n);
    snprintf(s->url, sizeof s->url, "%.*s", STR_ARG(url));
    hmac = sml_client_mac(s->client, buf_str(&s->out), a);
    snprintf(s->hmac, sizeof s->hmac, "%.*s", STR_ARG(hmac));
    s->messages++;
    *post = (struct session_post){ str_of(s->url), sml_mime(s->c->config.encoding), buf_str(&s->out), str_of(s->hmac) };
    return RC_OK;
}

static void name_session(struct dm_session *s, const struct push_call *push, const struct world *w)
{
    uint16_t id = push ? push->session : 0;

    while (!id) w->random(w->ctx, (uint8_t *)&id, sizeof id);
    sml_notify_session_text(id, s->id);
}

static enum rc begin(struct dm_session *s, const struct account *acc, const struct push_call *push,
                     const struct world *w, struct session_post *post, struct err *e)
{
    const struct dm_config *dc = &s->c->config;
    const struct sml_client_config c = { str_of(s->c->env->config.id),
                                         STR("dmvisor-agent/" DMVISOR_VERSION),
                                         dc->max_msg_bytes,
                                         dc->max_obj_bytes,
                                         dc->encoding,
                                         SESSION_MESSAGES };
    struct sml_client_account ca = account_of(acc, push);
    struct sml_alert_out *alerts = NULL;
    struct sml_leaf info[DEVINFO_LEAVES];
    struct sml_msg m;
    struct arena a;
    enum rc rc;

    arena_init(&a, SML_MSG_ARENA_BYTES);
    s->client = sml_client_create(&c, &ca, str_of(s->id));
    mo_devinfo_leaves(s->c->env, info);
    rc = s->client ? first_alerts(s, &a, &alerts, e) : err_set(e, RC_NOMEM, "no memory for a session");
    if (!rc) rc = sml_client_first(s->client, push ? 1200 : 1201, info, DEVINFO_LEAVES, alerts, w, &a, &m, e);
    if (!rc) rc = encode(s, &m, &a, post, e);
    arena_finish(&a);
    return rc;
}

enum rc session_create(struct dm_client *c, const struct session_start *st, const struct world *w,
                       struct dm_session **out, struct session_post *post, struct err *e)
{
    const struct account *acc = mo_find_account(c->env, st->server_id);
    struct dm_session *s = acc ? calloc(1, sizeof *s) : NULL;
    enum rc rc;

    if (!s)
        return err_set(e, acc ? RC_NOMEM : RC_NOT_FOUND, "no %s for a session with %.*s", acc ? "memory" : "account",
                       STR_ARG(st->server_id));
    s->c = c;
    c->env->w = w;
    snprintf(s->server_id, sizeof s->server_id, "%s", acc->server_id);
    buf_init(&s->out, SESSION_POST_BYTES);
    name_session(s, st->push, w);
    rc = begin(s, acc, st->push, w, post, e);
    if (rc)
        session_destroy(s);
    else
        *out = s;
    return rc;
}

void session_destroy(struct dm_session *s)
{
    if (!s) return;
    alerts_session_over(s->c->env->alerts, str_of(s->server_id));
    if (s->waits) arena_finish(&s->turn.a);
    sml_client_destroy(s->client);
    buf_finish(&s->out);
    free(s);
}

struct str session_id(const struct dm_session *s)
{
    return str_of(s->id);
}

unsigned session_messages(const struct dm_session *s)
{
    return s->messages;
}

bool session_managed(const struct dm_session *s)
{
    return s->managed;
}

/* Nonces must be durable before the message that depends on them is sent (7.5). */
static void keep_nonces(struct dm_session *s, const struct sml_client_keep *keep)
{
    struct account *acc = mo_find_account(s->c->env, str_of(s->server_id));

    if (!acc || (!keep->client_nonce.n && !keep->server_nonce.n)) return;
    if (keep->client_nonce.n) account_set_nonce(keep->client_nonce, acc->client_nonce, &acc->n_client_nonce);
    if (keep->server_nonce.n) account_set_nonce(keep->server_nonce, acc->server_nonce, &acc->n_server_nonce);
    mo_note(s->c->env, persist_put_account(s->c->env->state, acc, &s->c->env->trouble), "nonces");
}

static enum rc decode(struct dm_session *s, const char *content_type, struct str hmac, struct str body,
                      struct sml_hmac *mac, struct err *e)
{
    struct session_message *t = &s->turn;
    enum sml_type type;
    enum rc rc;

    if (!sml_type_of_mime(str_of(content_type), &type))
        return err_set(e, RC_UNSUPPORTED, "the server answered with Content-Type %.100s; check the address",
                       content_type);
    if (!arena_str(&t->a, body, &t->body)) return err_set(e, RC_NOMEM, "no memory for a message");
    rc = sml_decode(type, t->body, &t->a, &t->in, e);
    if (!rc && hmac.n) rc = sml_hmac_parse(hmac, &t->a, mac, e);
    return rc;
}

/* Message -> news: what the server acknowledged, and its commands. */
static enum rc take(struct dm_session *s, const struct sml_hmac *mac, const struct world *w, struct err *e)
{
    struct session_message *t = &s->turn;
    struct mo_env *env = s->c->env;
    struct sml_client_news news = { 0 };
    struct sml_client_keep keep = { 0 };
    enum rc rc = sml_client_take(s->client, &t->in, mac->present ? mac : NULL, t->body, w, &t->a, &news, &keep, e);

    if (rc) return rc;
    keep_nonces(s, &keep);
    if (news.refused || news.aborted)
        return err_set(e, RC_DENIED, "%s: %s",
                       news.refused ? "the server does not accept the credentials" : "the session was aborted",
                       news.why ? news.why : "no reason given");
    for (size_t i = 0; i < news.n_acked; i++)
        mo_note(env, alerts_acked(env->alerts, news.acked[i], &env->trouble), "alert");
    t->resend = news.resend;
    t->last = news.over;
    t->run = (struct exec_run){
        env->tree, str_of(s->server_id), s->c->config.user, news.cmds, news.n_cmds, &t->a, NULL, false, NULL, false
    };
    if (news.n_cmds) {
        s->managed = true;
        mo_virt_facts(env, false);
    }
    return RC_OK;
}

/* Results -> message. @param over  nothing more is to be sent */
static enum rc answer(struct dm_session *s, const struct world *w, struct sml_msg *out, bool *over, struct err *e)
{
    struct session_message *t = &s->turn;
    struct sml_client_keep keep = { 0 };
    struct sml_alert_out *alerts = NULL;
    enum rc rc = RC_OK;

    *over = t->last;
    if (t->last) return RC_OK;
    if (!t->resend) rc = alerts_take(s->c->env->alerts, str_of(s->server_id), SESSION_ALERTS, &t->a, &alerts, e);
    if (!rc) rc = sml_client_answer(s->client, t->run.answers, alerts, w, &t->a, out, over, &keep, e);
    if (!rc) keep_nonces(s, &keep);
    return rc;
}

/* The rest of the message's processing, between mo_enter and the next message. */
static enum session_next finish(struct dm_session *s, const struct world *w, enum rc rc, struct session_post *post,
                                struct err *e)
{
    struct sml_msg out;
    bool over = false;
    enum rc kept;

    if (!rc) rc = commands_exec_cmds(&s->turn.run, e);
    s->waits = !rc && s->turn.run.waits;
    if (!rc && !s->waits) rc = answer(s, w, &out, &over, e);
    if (!rc && over && sml_client_proved(s->client)) mo_contact(s->c->env, s->server_id);
    kept = mo_leave(s->c->env, e);
    if (!rc) rc = kept;
    if (rc) s->waits = false;
    if (s->waits) return SESSION_WAITS;
    if (!rc && !over) rc = encode(s, &out, &s->turn.a, post, e);
    arena_finish(&s->turn.a);
    return rc ? SESSION_FAILED : over ? SESSION_OVER : SESSION_POST;
}

enum session_next session_resume(struct dm_session *s, const struct world *w, struct session_post *post, struct err *e)
{
    if (!s->waits) {
        err_set(e, RC_INVALID, "the session does not wait for an answer");
        return SESSION_FAILED;
    }
    mo_enter(s->c->env, w, str_of(s->server_id));
    return finish(s, w, RC_OK, post, e);
}

enum session_next session_reply(struct dm_session *s, const struct world *w, long status, const char *content_type,
                                struct str hmac, struct str body, struct session_post *post, struct err *e)
{
    struct sml_hmac mac = { 0 };
    enum rc rc;

    if (status != 200) {
        err_set(e, status == 503 ? RC_BUSY : RC_IO, "the server answered HTTP %ld%s", status,
                status == 404   ? "; check the path of the account's address"
                : status == 503 ? " (overloaded)"
                                : "");
        return SESSION_FAILED;
    }
    s->turn = (struct session_message){ 0 };
    arena_init(&s->turn.a, SML_MSG_ARENA_BYTES);
    mo_enter(s->c->env, w, str_of(s->server_id));
    rc = decode(s, content_type, hmac, body, &mac, e);
    if (!rc) rc = take(s, &mac, w, e);
    return finish(s, w, rc, post, e);
}
