/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/session/client_int.h"

#include <stdlib.h>
#include <string.h>

enum { LIFE_BYTES = 64 << 10 };

static bool own_texts(struct arena *a, struct str *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str from = *list[i];
        if (!arena_str(a, from, list[i])) return false;
    }
    return true;
}

struct sml_client *sml_client_create(const struct sml_client_config *c, const struct sml_client_account *acc,
                                     struct str session_id)
{
    struct sml_client *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->c = *c;
    s->acc = *acc;
    s->session_id = session_id;
    arena_init(&s->life, LIFE_BYTES);
    buf_init(&s->resp_uri, CLIENT_URI_BYTES);
    sml_client_queue_init(s);
    struct str *const texts[] = {
        &s->c.device_id,     &s->c.user_agent,    &s->session_id,       &s->acc.server_id,
        &s->acc.url,         &s->acc.client_name, &s->acc.client_ha1,   &s->acc.client_password,
        &s->acc.server_name, &s->acc.server_ha1,  &s->acc.client_nonce, &s->acc.server_nonce
    };
    if (!own_texts(&s->life, texts, sizeof texts / sizeof texts[0])) {
        sml_client_destroy(s);
        return NULL;
    }
    s->scheme = acc->pref;
    if (acc->client_nonce.n && acc->client_nonce.n <= sizeof s->nonce) {
        memcpy(s->nonce, acc->client_nonce.p, acc->client_nonce.n);
        s->n_nonce = (uint8_t)acc->client_nonce.n;
    }
    return s;
}

void sml_client_destroy(struct sml_client *s)
{
    if (!s) return;
    sml_join_destroy(s->in);
    VEC_FREE(&s->told);
    arena_finish(&s->queue);
    arena_finish(&s->life);
    buf_finish(&s->resp_uri);
    free(s);
}

struct str sml_client_url(const struct sml_client *s)
{
    return s->resp_uri.n ? buf_str(&s->resp_uri) : s->acc.url;
}

bool sml_client_proved(const struct sml_client *s)
{
    return s->proved;
}

/* ---- writing ---- */

static void write_header(struct sml_client *s, struct arena *a, struct sml_msg *out, bool *nomem)
{
    *out = (struct sml_msg){ .ver_dtd = STR("1.2"),
                             .ver_proto = STR("DM/1.2"),
                             .session_id = s->session_id,
                             .target = sml_client_url(s),
                             .source = s->c.device_id,
                             .source_name = s->acc.client_name };
    out->msg_id = compose_number(a, ++s->msg_out);
    out->meta.has_max_msg = s->c.max_msg_bytes > 0;
    out->meta.max_msg_bytes = s->c.max_msg_bytes;
    out->meta.has_max_obj = s->c.max_obj_bytes > 0;
    out->meta.max_obj_bytes = s->c.max_obj_bytes;
    out->meta.present = out->meta.has_max_msg || out->meta.has_max_obj;
    *nomem = !out->msg_id.n;
    sml_client_put_cred(s, out, a, nomem);
}

static void write_cut(struct sml_client *s, struct compose *b)
{
    struct sml_cmd *c = compose_alert(b, 1225);
    struct sml_item **tail = &c->items, *it = compose_item(b, &tail);
    if (it) {
        it->target = s->turn.cut_target;
        it->source = s->turn.cut_source;
    }
    compose_force(b, c);
}

/* Write one message: the Status for the server's header when it had one, then what is queued. @param abort  end with
 * 1223 */
static enum rc write_message(struct sml_client *s, const struct world *w, struct arena *a, struct sml_msg *out,
                             bool abort)
{
    struct compose b;
    bool nomem;
    const struct sml_msg *m = s->turn.m;
    write_header(s, a, out, &nomem);
    compose_begin(&b, s->c.type, a, out, s->peer_max_msg);
    b.nomem = nomem;
    if (m) {
        struct sml_cmd *c = compose_status(&b, m->msg_id, STR("0"), STR("SyncHdr"), s->turn.header_code);
        compose_ref(&b, &c->target_refs, m->target);
        compose_ref(&b, &c->source_refs, m->source);
        sml_client_put_chal(s, &b, c, w);
        compose_put(&b, c, sml_cmd_bytes(b.type, c));
    }
    if (abort) {
        compose_force(&b, compose_alert(&b, 1223));
        out->final = true;
        return b.nomem ? RC_NOMEM : RC_OK;
    }
    if (s->turn.cut) write_cut(s, &b);
    size_t reserve = s->server_open && b.max > COMPOSE_ALERT_BYTES ? COMPOSE_ALERT_BYTES : 0;
    b.max -= reserve;
    enum rc rc = sml_client_say(s, &b);
    b.max += reserve;
    if (!s->next && s->server_open)
        compose_force(&b, compose_alert(&b, 1222)); /* the server has more to send: ask for it */
    out->final = !s->next && !s->server_open;
    s->own_final = out->final;
    return rc ? rc : b.nomem ? RC_NOMEM : RC_OK;
}

static enum rc queue_start(struct sml_client *s, int alert, const struct sml_leaf *devinfo, size_t n, struct arena *a)
{
    struct sml_cmd start = { .kind = SML_ALERT,
                             .name = STR("Alert"),
                             .data = alert == 1200 ? STR("1200") : STR("1201") };
    struct sml_cmd replace = { .kind = SML_REPLACE, .name = STR("Replace") };
    struct sml_item **tail = &replace.items;
    for (size_t i = 0; i < n; i++, tail = &(*tail)->next) {
        if (!(*tail = ARENA_NEW(a, struct sml_item))) return RC_NOMEM;
        **tail = (struct sml_item){ .source = devinfo[i].uri,
                                    .data = devinfo[i].data,
                                    .has_data = devinfo[i].has_data,
                                    .meta = { .format = devinfo[i].format,
                                              .type = devinfo[i].type,
                                              .present = devinfo[i].format.n || devinfo[i].type.n } };
    }
    return sml_client_queue(s, &start) && (!n || sml_client_queue(s, &replace)) ? RC_OK : RC_NOMEM;
}

enum rc sml_client_first(struct sml_client *s, int alert, const struct sml_leaf *devinfo, size_t n_devinfo,
                         const struct sml_alert_out *alerts, const struct world *w, struct arena *a,
                         struct sml_msg *out, struct err *e)
{
    enum rc rc = queue_start(s, alert, devinfo, n_devinfo, a);
    if (!rc) rc = sml_client_queue_alerts(s, alerts);
    if (!rc) rc = write_message(s, w, a, out, false);
    return rc ? err_set(e, rc, "no room to build the first message of a session") : RC_OK;
}

enum rc sml_client_answer(struct sml_client *s, const struct sml_answer *answers, const struct sml_alert_out *alerts,
                          const struct world *w, struct arena *a, struct sml_msg *out, bool *over,
                          struct sml_client_keep *keep, struct err *e)
{
    *keep = (struct sml_client_keep){ 0 };
    *over = false;
    if (!s->turn.m) return err_set(e, RC_INVALID, "there is no message to answer");
    bool had_alerts = alerts != NULL;
    enum rc rc = s->turn.resend ? RC_OK : sml_client_queue_answers(s, answers);
    bool must = s->next || s->turn.resend || s->turn.chal || s->turn.cut || s->server_open;
    if (!rc && !must) { /* C-009: an answer without content ends the session; alerts raised meanwhile wait for the
                         * next session */
        s->over = *over = true;
        s->turn = (struct client_turn){ 0 };
        return RC_OK;
    }
    if (!rc && had_alerts) rc = sml_client_queue_alerts(s, alerts);
    if (!rc) rc = write_message(s, w, a, out, false);
    if (!rc) rc = sml_client_keep(s, a, keep);
    s->turn = (struct client_turn){ 0 };
    return rc ? err_set(e, rc, "no room to build a message") : RC_OK;
}

enum rc sml_client_abort(struct sml_client *s, const struct world *w, struct arena *a, struct sml_msg *out,
                         struct err *e)
{
    enum rc rc = write_message(s, w, a, out, true);
    s->over = true;
    s->turn = (struct client_turn){ 0 };
    return rc ? err_set(e, rc, "no room to build a message") : RC_OK;
}
