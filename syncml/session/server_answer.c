/* SPDX-License-Identifier: Apache-2.0 */
/* The reply: Statuses first, then what the state of both packages allows (protocol.md 8, the states S1 to S3). */
#include "syncml/session/server_int.h"

#include <string.h>

enum {
    ROOM_FOR_MORE = 400
}; /* with less room than this beside the header's Status, a reply holds mandatory content
                               * only */

struct server_reply {
    struct sml_server *s;
    const struct sml_account *account;
    struct compose b;
    struct sent_draft draft;
    size_t alone;     /* octets of the smallest reply: header and its Status */
    unsigned n_asked; /* commands that the client will answer */
    bool open;        /* no Final */
    size_t shortest;  /* octets of the message that the mandatory content needs, when that is more than the client
                       * accepts */
    enum rc rc;
};

static void write_header(struct server_reply *w, const struct sml_msg *m, struct arena *a, struct sml_msg *reply)
{
    struct sml_server *s = w->s;
    /* Some decoders end the session at a version later than their own. */
    *reply = (struct sml_msg){ .dtd = s->dtd, .wbxml = m->wbxml, .wbxml_minor = m->wbxml_minor };
    s->msg_out++;
    reply->ver_dtd = str_of(server_ver_dtd[s->ver_dtd]);
    reply->ver_proto = str_of(server_ver_proto[s->ver_proto]);
    reply->session_id = s->session_id;
    reply->msg_id = compose_number(a, s->msg_out);
    reply->target = m->source;
    reply->source = s->c->url;
    reply->source_name = s->c->server_id;
    reply->resp_uri = s->resp_uri;
    if (s->setup || s->msg_out == 1) {
        reply->meta.has_max_msg = s->c->max_msg_bytes > 0;
        reply->meta.max_msg_bytes = s->c->max_msg_bytes;
        reply->meta.has_max_obj = s->c->max_obj_bytes > 0;
        reply->meta.max_obj_bytes = s->c->max_obj_bytes;
        reply->meta.present = reply->meta.has_max_msg || reply->meta.has_max_obj;
    }
}

/* Mandatory content does not fit. Keeps the size of the first one found. */
static void too_small(struct server_reply *w, size_t bytes)
{
    if (!w->shortest) w->shortest = bytes;
}

/* MsgRef and CmdRef identify what a Status is about; TargetRef and SourceRef are dropped when there is no room for
 * them. */
static void without_refs(struct sml_cmd *status)
{
    status->target_refs = status->source_refs = NULL;
}

static void list_versions(struct compose *b, struct sml_cmd *status, const char *const *row, size_t n)
{
    struct sml_item **tail = &status->items;
    for (size_t i = 0; i < n; i++) {
        struct sml_item *it = compose_item(b, &tail);
        if (!it) return;
        it->data = str_of(row[i]);
        it->has_data = true;
    }
}

static void write_header_status(struct server_reply *w, const struct sml_msg *m, const struct world *wd,
                                struct sml_keep *keep)
{
    struct server_message *t = &w->s->turn;
    struct sml_cmd *c = compose_status(&w->b, m->msg_id, STR("0"), STR("SyncHdr"), t->header_code);
    compose_ref(&w->b, &c->target_refs, m->target);
    compose_ref(&w->b, &c->source_refs, m->source);
    if (t->header_code == 505)
        list_versions(&w->b, c, server_ver_dtd, 2);
    else if (t->header_code == 513)
        list_versions(&w->b, c, server_ver_proto, 3);
    sml_server_put_chal(w->s, &w->b, c, w->account, wd, keep);
    if (w->b.used + sml_cmd_bytes(w->b.type, c) + ROOM_FOR_MORE > w->b.max) without_refs(c);
    compose_put(&w->b, c, sml_cmd_bytes(w->b.type, c));
    w->alone = w->b.used;
    if (w->alone > w->b.max) too_small(w, w->alone);
}

/* ---- Statuses that are owed ---- */

static int code_of_due(const struct owed_status *d, bool *same)
{
    int code = d->n_alerts ? d->alerts[0].status : d->code;
    *same = true;
    for (size_t i = 1; i < d->n_alerts; i++) *same &= d->alerts[i].status == code;
    return code;
}

/* @param alone  no other Status is in this message: one that does not fit now never will */
static bool write_status(struct server_reply *w, const struct owed_status *d, int code, struct str source, bool alone)
{
    struct sml_cmd *c = compose_status(&w->b, d->msg_ref, d->cmd_ref, d->cmd, code);
    compose_ref(&w->b, &c->target_refs, d->target);
    compose_ref(&w->b, &c->source_refs, source);
    if (compose_add(&w->b, c)) return true;
    if (!alone) return false;
    c = compose_status(&w->b, d->msg_ref, d->cmd_ref, d->cmd, code);
    without_refs(c);
    if (compose_add(&w->b, c)) return true;
    too_small(w, w->alone + sml_cmd_bytes(w->b.type, c) + COMPOSE_ALERT_BYTES);
    return false;
}

static void owe(struct server_reply *w, const struct owed_status *d, int code, struct str source)
{
    struct owed_status copy = *d;
    copy.source = source;
    sml_server_pack_due(&w->s->owed, &copy, code);
    if (!buf_ok(&w->s->owed)) w->rc = RC_NOMEM;
}

/* A Status that does not fit waits for the next message, which an Alert 1222 requests. */
static void write_due(struct server_reply *w, const struct owed_status *d, bool *full, unsigned *n)
{
    bool same;
    int code = code_of_due(d, &same);
    for (size_t i = 0; i < (same ? 1 : d->n_alerts); i++) {
        struct str source = same ? d->source : d->alerts[i].source;
        int one = same ? code : d->alerts[i].status;
        *full = *full || !write_status(w, d, one, source, *n == 0);
        if (*full)
            owe(w, d, one, source);
        else
            ++*n;
    }
}

static void write_statuses(struct server_reply *w, struct arena *a)
{
    struct sml_server *s = w->s;
    struct owed_status *owed = NULL;
    unsigned n = 0;
    bool full = false;
    const size_t reserve = COMPOSE_ALERT_BYTES;
    if (s->owed.n && !s->turn.stop) w->rc = sml_server_unpack_dues(buf_str(&s->owed), a, &owed);
    buf_finish(&s->owed);
    if (!owed && !s->turn.due) return;
    if (w->b.max < w->alone + reserve) {
        too_small(w, w->alone + reserve);
        return;
    }
    w->b.max -= reserve;
    for (const struct owed_status *d = owed; d && !w->rc; d = d->next) write_due(w, d, &full, &n);
    for (const struct owed_status *d = s->turn.due; d && !w->rc; d = d->next) write_due(w, d, &full, &n);
    w->b.max += reserve;
    if (s->turn.stop) buf_finish(&s->owed);
}

/* ---- commands ---- */

static void write_alert(struct server_reply *w, int code)
{
    if (!compose_add(&w->b, compose_alert(&w->b, code))) too_small(w, w->alone + COMPOSE_ALERT_BYTES);
    w->n_asked++;
}

/* Alert 1222, which requests the client's next message: no commands and no Final go with it. */
static void write_next(struct server_reply *w)
{
    write_alert(w, 1222);
    w->open = true;
}

static void write_cut(struct server_reply *w)
{
    struct server_message *t = &w->s->turn;
    struct sml_cmd *c = compose_alert(&w->b, 1225);
    struct sml_item **tail = &c->items, *it = compose_item(&w->b, &tail);
    if (it) {
        it->target = t->cut_target;
        it->source = t->cut_source;
    }
    size_t bytes = sml_cmd_bytes(w->b.type, c);
    if (!compose_add(&w->b, c)) too_small(w, w->alone + bytes);
    w->n_asked++;
}

static enum rc own_piece(struct arena *a, struct sml_item *it, struct sml_step *step)
{
    struct str *const text[] = { &it->target, &it->meta.format, &it->meta.type, &it->data, &step->uri };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        struct str from = *text[i];
        if (!arena_str(a, from, text[i])) return RC_NOMEM;
    }
    return RC_OK;
}

/* Write the next piece of a value too long for one message. No other command goes with it. */
static void write_piece(struct server_reply *w)
{
    struct sml_server *s = w->s;
    struct object_out *o = s->out;
    struct str rest = str_slice(o->step.data, o->sent, o->step.data.n);
    struct sml_step step = o->step;
    step.has_data = false; /* the value was converted to its wire form when the object was begun */
    struct sml_cmd *c = sml_server_step_cmd(&w->b, &step, &w->rc);
    if (w->rc || w->b.nomem) return;
    c->items->meta.present = true;
    c->items->meta.has_size = o->sent == 0;
    c->items->meta.size = o->step.data.n;
    size_t n = compose_piece(w->b.type, c, rest, compose_room(&w->b));
    if (n < COMPOSE_PIECE_MIN && n < rest.n) { /* Statuses left no room: the next message carries the piece */
        compose_drop(&w->b, c);
        write_next(w);
        return;
    }
    uint64_t id = w->b.last_id;
    o->sent += n;
    o->code = 0;
    w->open = c->items->more_data;
    if (!w->open) /* freed now, before the reply is encoded */
        w->rc = own_piece(w->b.a, c->items, &step);
    compose_force(&w->b, c);
    w->n_asked++;
    if (!w->rc && !sml_server_draft_add(&w->draft, w->b.a, &step, (unsigned)id, 0, 0)) w->rc = RC_NOMEM;
    if (!w->open) sml_server_out_free(s);
}

/* ---- the whole ---- */

static void write_steps(struct server_reply *w, struct sml_step *steps, bool large, size_t *n_sent)
{
    struct step_writer sw = { .s = w->s, .b = &w->b, .draft = &w->draft, .alone = w->alone, .large = large };
    w->rc = sml_server_write_steps(&sw, steps, n_sent);
    w->n_asked += sw.n_asked;
    if (w->rc) return;
    if (sw.large_begun)
        write_piece(w);
    else if (sw.wait)
        write_next(w);
}

/* Keep a copy of the steps until the client has accepted the server's credentials. */
static void keep_copy(struct server_reply *w, const struct sml_step *steps, size_t n)
{
    struct sml_server *s = w->s;
    sml_server_copy_free(s);
    if (s->own_settled || !w->account || !w->account->server_ha1.n || s->out) return;
    w->rc = sml_server_copy_steps(s, steps, n);
}

static void write_again(struct server_reply *w, struct arena *a, bool large)
{
    struct sml_server *s = w->s;
    struct sml_step *steps = NULL;
    size_t n = 0;
    w->rc = sml_server_unpack_steps(s, s->copy_next, a, &steps);
    if (w->rc) return;
    write_steps(w, steps, large, &n);
    s->copy_from = s->copy_next;
    s->copy_next += (uint32_t)n;
}

static void write_body(struct server_reply *w, struct sml_step *steps, bool large, struct arena *a, size_t *n_sent)
{
    struct sml_server *s = w->s;
    struct server_message *t = &s->turn;
    if (t->stop) return;
    if (t->abort) {
        write_alert(w, 1223);
        w->n_asked = 0;
        return;
    }
    if (t->cut) write_cut(w);
    if (s->owed.n)
        write_next(w);
    else if (t->pieces)
        write_piece(w);
    else if (!s->peer_done || s->out)
        write_next(w);
    else if (t->resend)
        write_again(w, a, large);
    else if (t->steps) {
        write_steps(w, steps, large, n_sent);
        if (!w->rc) keep_copy(w, steps, *n_sent);
    }
}

/* End the session with the smallest reply, or, when even that exceeds the client's limit, without one. */
static void cut_short(struct server_reply *w, struct sml_msg *reply, struct sml_keep *keep)
{
    struct sml_server *s = w->s;
    if (!w->shortest) return;
    if (reply->cmds) reply->cmds->next = NULL;
    keep->limit = w->b.max;
    keep->shortest = w->shortest;
    keep->unfit = w->alone > w->b.max;
    w->open = false;
    w->n_asked = 0;
    s->turn.chal = false;
    buf_finish(&s->owed);
    sml_server_out_free(s);
}

static enum rc keep_unsent(struct server_reply *w, struct sml_keep *keep)
{
    struct sml_outcome **tail = &keep->unsent;
    for (const struct sent_list *l = w->draft.first; l; l = l->next) {
        struct sml_outcome *o = ARENA_NEW(w->b.a, struct sml_outcome);
        if (!o) return RC_NOMEM;
        *o = (struct sml_outcome){
            .tag = l->row.tag, .uri = l->uri, .code = l->row.code, .shortest = l->row.shortest, .limit = w->b.max
        };
        *tail = o;
        tail = &o->next;
    }
    return RC_OK;
}

enum rc sml_server_answer(struct sml_server *s, struct sml_step *steps, bool large_objects, enum sml_type type,
                          const struct sml_account *account, const struct world *w, struct arena *a,
                          struct sml_msg *reply, size_t *n_sent, struct sml_keep *keep, struct err *e)
{
    struct server_reply wr = { .s = s, .account = account };
    const struct sml_msg *m = s->turn.m;
    *n_sent = 0;
    *keep = (struct sml_keep){ 0 };
    if (!m) return err_set(e, RC_INVALID, "there is no message to answer");
    write_header(&wr, m, a, reply);
    sml_server_put_cred(s, reply, account, a);
    compose_begin(&wr.b, type, a, reply, s->peer_max_msg);
    write_header_status(&wr, m, w, keep);
    write_statuses(&wr, a);
    if (!wr.rc) write_body(&wr, steps, large_objects, a, n_sent);
    if (s->own_keep && account) {
        struct str nonce = { (const char *)s->own_nonce, s->own_nonce_n };
        s->own_keep = false;
        if (!arena_str(a, nonce, &keep->server_nonce)) wr.rc = RC_NOMEM;
    }
    if (s->turn.trusted || wr.alone > wr.b.max) cut_short(&wr, reply, keep);
    reply->final = !wr.open;
    s->own_open = wr.open;
    if (!wr.open && !wr.n_asked && !s->turn.chal) s->over = true; /* S-501 */
    s->turn = (struct server_message){ 0 };
    if (!wr.rc && wr.draft.n) wr.rc = s->over ? keep_unsent(&wr, keep) : sml_server_draft_keep(s, &wr.draft);
    if (wr.b.nomem || !reply->msg_id.n) wr.rc = RC_NOMEM;
    return wr.rc ? err_set(e, wr.rc, "no room to build a reply") : RC_OK;
}

enum rc sml_server_refuse(const struct sml_server_config *c, const struct sml_msg *m, int status, struct arena *a,
                          struct sml_msg *reply, struct err *e)
{
    struct compose b;
    *reply = (struct sml_msg){ .dtd = m->dtd,
                               .wbxml = m->wbxml,
                               .wbxml_minor = m->wbxml_minor,
                               .ver_dtd = STR("1.2"),
                               .ver_proto = STR("DM/1.2"),
                               .session_id = m->session_id,
                               .msg_id = STR("1"),
                               .target = m->source,
                               .source = c->url,
                               .source_name = c->server_id,
                               .final = true };
    for (size_t i = 0; i < 2; i++)
        if (str_is(m->ver_dtd, server_ver_dtd[i])) reply->ver_dtd = m->ver_dtd;
    for (size_t i = 0; i < 3; i++)
        if (str_is(m->ver_proto, server_ver_proto[i])) reply->ver_proto = m->ver_proto;
    compose_begin(&b, SML_XML, a, reply, 0);
    struct sml_cmd *s = compose_status(&b, m->msg_id, STR("0"), STR("SyncHdr"), status);
    compose_ref(&b, &s->target_refs, m->target);
    compose_ref(&b, &s->source_refs, m->source);
    if (status == 505)
        list_versions(&b, s, server_ver_dtd, 2);
    else if (status == 513)
        list_versions(&b, s, server_ver_proto, 3);
    compose_force(&b, s);
    return b.nomem ? err_set(e, RC_NOMEM, "no room to build a reply") : RC_OK;
}
