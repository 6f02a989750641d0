/* SPDX-License-Identifier: Apache-2.0 */
/* Takes in a message of the server: credentials first, then the commands. The caller gets those that it must
 * execute. */
#include "base/origin.h"
#include "syncml/session/client_int.h"

struct taking {
    struct sml_client *s;
    const struct sml_msg *m;
    struct arena *a;
    struct sml_client_news *news;
    struct sml_cmd *list, **tail; /* to be executed */
    bool next;                    /* Alert 1222 came */
    enum rc rc;
};

static struct client_slot *slot(struct taking *t, const struct sml_cmd *c, int code)
{
    struct client_slot *p = ARENA_NEW(t->a, struct client_slot);
    if (!p) {
        t->rc = RC_NOMEM;
        return NULL;
    }
    p->cmd = c;
    p->code = code;
    *t->s->turn.slot_tail = p;
    t->s->turn.slot_tail = &p->next;
    return p;
}

/* Pass a command to the caller: a copy, so that the caller's list is independent. */
static void hand_out(struct taking *t, const struct sml_cmd *c)
{
    struct sml_cmd *copy = ARENA_NEW(t->a, struct sml_cmd);
    if (!copy || !slot(t, c, 0)) {
        t->rc = RC_NOMEM;
        return;
    }
    *copy = *c;
    copy->next = NULL;
    *t->tail = copy;
    t->tail = &copy->next;
    t->news->n_cmds++;
}

/* ---- objects in pieces (C-014, C-015) ---- */

static void cut(struct taking *t)
{
    struct sml_client *s = t->s;
    if (s->in->refused) return; /* the server expects no more of it */
    s->turn.cut = true;
    if (!arena_str(t->a, s->in->target, &s->turn.cut_target) || !arena_str(t->a, s->in->source, &s->turn.cut_source))
        t->rc = RC_NOMEM;
    sml_join_destroy(s->in);
    s->in = NULL;
}

static struct sml_cmd *joined(struct taking *t, const struct sml_cmd *c)
{
    const struct sml_join *j = t->s->in;
    struct sml_cmd *whole = ARENA_NEW(t->a, struct sml_cmd);
    struct sml_item *it = ARENA_NEW(t->a, struct sml_item);
    if (!whole || !it) return NULL;
    *whole = *c;
    *it = *c->items;
    it->more_data = false;
    it->has_data = true;
    it->meta.present = true;
    whole->items = it;
    bool ok = arena_str(t->a, buf_str(&j->value), &it->data) && arena_str(t->a, j->format, &it->meta.format) &&
              arena_str(t->a, j->type, &it->meta.type) && arena_str(t->a, j->target, &it->target) &&
              arena_str(t->a, j->source, &it->source) && arena_str(t->a, j->correlator, &whole->correlator);
    return ok ? whole : NULL;
}

/* Refuse the first piece of an object in a command that allows none. */
static void refuse_pieces(struct taking *t, const struct sml_cmd *c, int status)
{
    for (const struct sml_item *it = c->items; it; it = it->next)
        if (it->more_data && sml_join_refuse(&t->s->in, c, it, status)) t->rc = RC_NOMEM;
    for (const struct sml_cmd *k = c->children; k; k = k->next) refuse_pieces(t, k, status);
    t->s->turn.joining |= t->s->in != NULL;
}

static void take_piece(struct taking *t, const struct sml_cmd *c)
{
    struct sml_client *s = t->s;
    int status = 426; /* one Item only, and only where a value can be written */
    if ((c->kind == SML_ADD || c->kind == SML_REPLACE) && !c->items->next &&
        sml_join_take(&s->in, c, c->items, s->c.max_obj_bytes, &status))
        status = 413;
    else if (status == 426)
        refuse_pieces(t, c, status);
    s->turn.joining |= status == 213 || (s->in && s->in->refused);
    struct sml_cmd *whole = status == 200 ? joined(t, c) : NULL;
    if (status == 200) {
        sml_join_destroy(s->in);
        s->in = NULL;
    }
    if (whole)
        hand_out(t, whole);
    else
        slot(t, c, status == 200 ? 413 : status);
}

static bool has_piece(const struct sml_cmd *c)
{
    for (const struct sml_item *it = c->items; it; it = it->next)
        if (it->more_data) return true;
    for (const struct sml_cmd *k = c->children; k; k = k->next)
        if (has_piece(k)) return true;
    return false;
}

/* Does the command, or one inside it, carry more of the refused object? */
static const struct sml_item *rest_of_refused(const struct sml_join *j, const struct sml_cmd *c)
{
    const struct sml_item *found = NULL;
    for (const struct sml_item *it = c->items; it && !found; it = it->next)
        if (sml_join_goes_on(j, c, it)) found = it;
    for (const struct sml_cmd *k = c->children; k && !found; k = k->next) found = rest_of_refused(j, k);
    return found;
}

/* Drop the rest of a refused object, with the command that carries it. @return false when c does not carry it */
static bool take_rest_of_refused(struct taking *t, const struct sml_cmd *c)
{
    struct sml_client *s = t->s;
    const struct sml_item *it = s->in && s->in->refused ? rest_of_refused(s->in, c) : NULL;
    if (!it || (it->more_data && it->meta.has_size)) return false;
    slot(t, c, s->in->refused);
    if (it->more_data) {
        s->turn.joining = true;
        return true;
    }
    sml_join_destroy(s->in);
    s->in = NULL;
    return true;
}

/* ---- commands ---- */

static void take_status(struct taking *t, const struct sml_cmd *c)
{
    struct sml_client *s = t->s;
    uint64_t tag, msg, cmd;
    if (str_is(c->data, "213")) return;
    if (str_to_u64(c->cmd_ref, &cmd) && cmd == s->piece_cmd && str_to_u64(c->msg_ref, &msg) && msg == s->piece_msg &&
        !str_starts(c->data, STR("2")))
        sml_client_drop_piece(s);
    if (sml_client_take_tag(s, c, &tag) && (str_is(c->data, "200") || str_is(c->data, "202")) && t->news->acked)
        t->news->acked[t->news->n_acked++] = tag;
}

static void take_alert(struct taking *t, const struct sml_cmd *c)
{
    struct sml_client *s = t->s;
    if (str_is(c->data, "1222")) {
        t->next = true;
        slot(t, c, 200);
    } else if (str_is(c->data, "1223")) {
        t->news->aborted = true;
        t->news->why = "the server ended the session";
    } else if (str_is(c->data, "1225")) {
        sml_client_drop_piece(s);
        slot(t, c, 200);
    } else if (c->data.n == 4 && str_cmp(c->data, STR("1100")) >= 0 && str_cmp(c->data, STR("1104")) <= 0) {
        hand_out(t, c);
    } else {
        slot(t, c, 406);
    }
}

static void take_command(struct taking *t, const struct sml_cmd *c)
{
    struct sml_client *s = t->s;
    if (c->kind != SML_ALERT && c->cmd_id.n && take_rest_of_refused(t, c)) return;
    if (s->in && !s->in->refused && (!c->items || !sml_join_goes_on(s->in, c, c->items)) && c->kind != SML_ALERT)
        cut(t);
    if (c->kind == SML_ALERT)
        take_alert(t, c);
    else if (!c->cmd_id.n)
        slot(t, c, 400);
    else if (c->kind == SML_RESULTS)
        slot(t, c, 405);
    else if (c->kind >= SML_PUT)
        slot(t, c, 501);
    else if (c->children && has_piece(c)) {
        refuse_pieces(t, c, 426);
        slot(t, c, 426);
    } else if ((s->in && !s->in->refused) || has_piece(c))
        take_piece(t, c);
    else
        hand_out(t, c);
}

static bool is_header_status(const struct sml_cmd *c)
{
    return c->kind == SML_STATUS && (str_eq_fold(c->cmd, STR("SyncHdr")) || (str_is(c->cmd_ref, "0") && !c->cmd.n));
}

static void take_commands(struct taking *t)
{
    struct sml_client *s = t->s;
    t->news->acked = s->told.n ? ARENA_ARRAY(t->a, uint64_t, s->told.n) : NULL;
    for (const struct sml_cmd *c = t->m->cmds; c && !t->rc; c = c->next) {
        if (is_header_status(c)) continue;
        if (c->kind != SML_STATUS && !s->turn.trusted)
            slot(t, c, s->turn.header_code); /* protocol.md 7.4: each command gets 401 or 407 */
        else if (c->kind == SML_STATUS && s->turn.trusted)
            take_status(t, c);
        else if (c->kind != SML_STATUS)
            take_command(t, c);
    }
    if (s->in && s->in->refused && !s->turn.joining && s->turn.trusted) {
        sml_join_destroy(s->in);
        s->in = NULL;
    }
    if (s->in && !s->turn.joining && s->turn.trusted && t->m->final) cut(t);
}

/* ---- the whole ---- */

static void take_header(struct sml_client *s, const struct sml_msg *m)
{
    if (m->meta.has_max_msg) s->peer_max_msg = m->meta.max_msg_bytes;
    if (m->meta.has_max_obj) s->peer_max_obj = m->meta.max_obj_bytes;
}

/* RespURI is the address of the next message, which carries credentials and values of the tree. The account's own
 * host is trusted as the account's address is. Another host is used only after the server has authenticated itself;
 * until then messages go to the previous address. A step from TLS to an address without TLS is never taken. @return
 * false when the session must end; *why is the reason */
static bool follow(struct sml_client *s, const struct sml_msg *m, const char **why)
{
    struct origin here, there;
    struct buf next;
    bool known;

    if (!m->resp_uri.n) return true;
    *why = "the server wants the next message at an address (RespURI) that is too long or not an http(s) address";
    if (m->resp_uri.n >= CLIENT_URI_BYTES || !origin_of(m->resp_uri, &there)) return false;
    known = origin_of(sml_client_url(s), &here);
    *why = "the server wants the next message at an address (RespURI) without TLS";
    if (known ? origin_weaker(&here, &there) : !there.tls) return false;
    if (!s->turn.trusted && !(known && origin_same(&here, &there))) return true;
    buf_init(&next, CLIENT_URI_BYTES);
    buf_put(&next, m->resp_uri);
    *why = "no memory for the server's RespURI";
    if (!buf_ok(&next)) {
        buf_finish(&next);
        return false;
    }
    buf_finish(&s->resp_uri);
    s->resp_uri = next;
    return true;
}

/* Does the message contain anything that requires an authenticated server? */
static bool asks_something(const struct sml_msg *m, const struct sml_cmd *header)
{
    for (const struct sml_cmd *c = m->cmds; c; c = c->next)
        if (c->kind != SML_STATUS) return true;
    return header && header->chal.present && (str_is(header->data, "401") || str_is(header->data, "407"));
}

static const struct sml_cmd *header_status(const struct sml_msg *m)
{
    for (const struct sml_cmd *c = m->cmds; c; c = c->next)
        if (is_header_status(c)) return c;
    return NULL;
}

static enum rc refuse(struct sml_client *s, struct sml_client_news *news, bool aborted, const char *why)
{
    s->over = news->over = true;
    news->aborted = aborted;
    news->refused = !aborted;
    news->why = why;
    return RC_OK;
}

/* The caller may walk the commands as a list or as an array. */
static enum rc as_array(struct taking *t)
{
    struct sml_client_news *news = t->news;
    if (!news->n_cmds) return RC_OK;
    news->cmds = ARENA_ARRAY(t->a, struct sml_cmd, news->n_cmds);
    if (!news->cmds) return RC_NOMEM;
    size_t i = 0;
    for (const struct sml_cmd *c = t->list; c; c = c->next, i++) {
        news->cmds[i] = *c;
        news->cmds[i].next = c->next ? &news->cmds[i + 1] : NULL;
    }
    return RC_OK;
}

enum rc sml_client_take(struct sml_client *s, const struct sml_msg *m, const struct sml_hmac *hmac, struct str raw,
                        const struct world *w, struct arena *a, struct sml_client_news *news,
                        struct sml_client_keep *keep, struct err *e)
{
    struct taking t = { .s = s, .m = m, .a = a, .news = news };
    const struct sml_cmd *header = header_status(m);
    const char *why = NULL;
    (void)w;
    *news = (struct sml_client_news){ 0 };
    *keep = (struct sml_client_keep){ 0 };
    t.tail = &t.list;
    if (s->over) return err_set(e, RC_INVALID, "the session is over");
    if (!str_eq(m->session_id, s->session_id))
        return err_set(e, RC_INVALID, "the answer belongs to session \"%.*s\", not \"%.*s\"", STR_ARG(m->session_id),
                       STR_ARG(s->session_id));
    s->turn = (struct client_turn){ .m = m };
    s->turn.slot_tail = &s->turn.slots;
    take_header(s, m);
    if (!sml_client_check_server(s, m, hmac, raw, asks_something(m, header), a, &why))
        return refuse(s, news, true, why);
    s->proved |= s->turn.trusted;
    if (!follow(s, m, &why)) return refuse(s, news, true, why);
    if (header ? !sml_client_own_status(s, header, a, &why) : false) return refuse(s, news, false, why);
    if (!header) sml_client_queue_done(s);
    news->resend = s->turn.resend;
    take_commands(&t);
    if (t.rc || as_array(&t) || sml_client_keep(s, a, keep))
        return err_set(e, RC_NOMEM, "no room to take in a message");
    if (news->aborted) {
        s->over = news->over = true;
        return RC_OK;
    }
    if (s->c.max_messages && s->msg_out >= s->c.max_messages)
        return refuse(s, news, true, "the session has too many messages");
    if (m->final)
        s->server_open = false;
    else if (s->own_final)
        s->server_open = true;
    bool must = s->turn.slots || s->next || s->turn.resend || s->turn.chal || s->turn.cut || s->server_open;
    s->over = news->over = !must;
    return RC_OK;
}
