/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/session/server_int.h"

#include <stdlib.h>
#include <string.h>

/* The versions that this server speaks; the answer uses the client's version (protocol.md 1, 19). Row 0 answers an
 * unknown version. */
const char *const server_ver_dtd[2] = { "1.2", "1.1" }, *const server_ver_proto[3] = { "DM/1.2", "DM/1.1", "DM/1.3" };

static int version_row(const char *const *row, size_t n, struct str v)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(v, row[i])) return (int)i;
    return -1;
}

struct sml_server *sml_server_create(const struct sml_server_config *c, struct str session_id, struct str device_id,
                                     struct str resp_base, struct str token)
{
    struct sml_server *s = calloc(1, sizeof *s);
    size_t resp = token.n ? resp_base.n + 3 + token.n : 0;
    char *p = s ? malloc(session_id.n + device_id.n + resp + 1) : NULL;
    if (!p) {
        free(s);
        return NULL;
    }
    s->c = c;
    s->texts = p;
    s->session_id = (struct str){ p, session_id.n };
    s->device_id = (struct str){ p + session_id.n, device_id.n };
    s->resp_uri = (struct str){ p + session_id.n + device_id.n, resp };
    const struct str part[] = { session_id, device_id, resp ? resp_base : (struct str){ 0 },
                                !resp                                       ? (struct str){ 0 }
                                : str_find(resp_base, '?', 0) < resp_base.n ? STR("&s=")
                                                                            : STR("?s="),
                                token };
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        if (part[i].n) memcpy(p, part[i].p, part[i].n);
        p += part[i].n;
    }
    s->setup = true;
    s->own_scheme = SML_AUTH_MD5;
    return s;
}

void sml_server_destroy(struct sml_server *s)
{
    if (!s) return;
    sml_server_sent_free(s);
    sml_server_copy_free(s);
    buf_finish(&s->owed);
    sml_server_out_free(s);
    sml_join_destroy(s->in);
    free(s->texts);
    free(s);
}

size_t sml_server_bytes(const struct sml_server *s)
{
    return sizeof *s + s->session_id.n + s->device_id.n + s->resp_uri.n + 1 + (s->sent ? s->sent->bytes : 0) +
           s->copy_bytes + s->owed.cap + (s->out ? sizeof *s->out + s->out->bytes : 0) + sml_join_bytes(s->in);
}

bool sml_server_over(const struct sml_server *s)
{
    return s->over;
}

void sml_server_stop(struct sml_server *s)
{
    s->stopping = true;
}

/* ---- take ---- */

/* protocol.md 2.1. @return false when the rest of the message is ignored */
static bool header_is_good(struct sml_server *s, const struct sml_msg *m, struct sml_news *news)
{
    int dtd = version_row(server_ver_dtd, 2, m->ver_dtd), proto = version_row(server_ver_proto, 3, m->ver_proto);
    int code = dtd < 0 ? 505 : proto < 0 ? 513 : !m->session_id.n || !m->msg_id.n ? 400 : 0;
    s->dtd = m->dtd;
    s->ver_dtd = dtd > 0 ? (uint8_t)dtd : 0;
    s->ver_proto = proto > 0 ? (uint8_t)proto : 0;
    if (!code) return true;
    s->turn.header_code = code;
    s->turn.stop = true;
    s->over = news->over = news->aborted = true;
    news->refused = code == 505   ? "the server does not support the device's VerDTD"
                    : code == 513 ? "the server does not support the device's VerProto"
                                  : "the message has no SessionID or no MsgID";
    return false;
}

static void refuse_all(struct server_reader *r, const struct sml_verdict *v)
{
    struct sml_server *s = r->s;
    r->news->who = r->account ? SML_WHO_REFUSED : SML_WHO_UNKNOWN;
    r->news->refused = v->why;
    s->turn.header_code = v->code;
    s->turn.chal = !v->over;
    s->turn.stop = true;
    s->over = r->news->over = v->over;
    r->news->aborted = v->over;
    for (const struct sml_cmd *c = r->m->cmds; c && !r->rc; c = c->next)
        if (c->kind != SML_STATUS && c->cmd_id.n) /* S-103 */
            sml_server_due(r, c, v->code);
}

static bool gather_init(struct server_reader *r)
{
    r->g.n = r->s->sent ? r->s->sent->n : 0;
    if (!r->g.n) return true;
    r->g.row = ARENA_ARRAY(r->a, struct sml_outcome *, r->g.n);
    r->g.tail = ARENA_ARRAY(r->a, struct sml_value **, r->g.n);
    return r->g.row && r->g.tail;
}

/* List the outcomes in the order of the steps. At the end of a package, steps without a Status have code 0. */
static void gather_finish(struct server_reader *r, bool all)
{
    struct sml_server *s = r->s;
    struct sml_outcome **tail = &r->news->outcomes;
    for (size_t i = 0; s->sent && i < s->sent->n; i++)
        if (!s->sent->rows[i].told && (all || s->sent->rows[i].local))
            sml_server_outcome(r, (int)i, s->sent->rows[i].code);
    for (size_t i = 0; i < r->g.n; i++)
        if (r->g.row[i]) {
            *tail = r->g.row[i];
            tail = &r->g.row[i]->next;
        }
    if (all) sml_server_sent_free(s);
}

/* Advance or drop the object that is being sent in pieces (S-305). */
static void object_goes_on(struct sml_server *s)
{
    if (!s->out) return;
    if (s->out->code && s->out->code != 213)
        sml_server_out_free(s);
    else
        s->turn.pieces = s->out->code == 213 || s->turn.wants_next || s->out->sent == 0;
}

static void end_of_message(struct server_reader *r)
{
    struct sml_server *s = r->s;
    struct server_message *t = &s->turn;
    if (s->in && !t->joining && (t->other || r->m->final || s->in->refused)) /* S-307 */
        sml_server_cut(r);
    s->peer_done = (r->m->final || (s->own_open && s->peer_done)) && (!s->in || s->in->refused);
    object_goes_on(s);
    if (!t->stop && (r->why || s->stopping || s->n_messages >= s->c->max_messages)) {
        t->abort = true;
        r->news->refused = r->why        ? r->why
                           : s->stopping ? "the server ended the session"
                                         : "the session has too many messages";
    }
    bool ends = t->abort || t->stop, package_end = s->peer_done && !s->out;
    s->over = r->news->over = r->news->aborted = ends;
    t->resend = package_end && !ends && s->copy_next < s->copy_n;
    gather_finish(r, ends || package_end);
    if (ends || (package_end && !t->resend)) sml_server_copy_free(s);
    t->steps = r->news->package_done = package_end && !t->resend && !ends;
    if (s->peer_done) s->setup = false;
}

/* A session may begin with the answer to a challenge of a session that is gone: the message numbers continue after
 * that one's. */
static void number_replies(struct sml_server *s, const struct sml_msg *m)
{
    uint64_t n = 0;
    if (str_to_u64(m->msg_id, &n) && n > 1 && n <= s->c->max_messages) s->msg_out = (uint32_t)n - 1;
}

enum rc sml_server_take(struct sml_server *s, const struct sml_msg *m, const struct sml_transport *t,
                        const struct sml_account *account, const struct world *w, struct arena *a,
                        struct sml_news *news, struct err *e)
{
    struct server_reader r = { .s = s, .m = m, .account = account, .a = a, .news = news };
    *news = (struct sml_news){ 0 };
    if (s->over) return err_set(e, RC_INVALID, "the session is over");
    r.devinfo = &news->devinfo;
    r.alerts = &news->alerts;
    s->turn = (struct server_message){ .m = m };
    s->turn.due_tail = &s->turn.due;
    s->turn.challenge_key = t->challenge_key;
    if (s->n_messages++ == 0) number_replies(s, m);
    if (!header_is_good(s, m, news)) return RC_OK;
    if (m->meta.has_max_msg) /* a refusal must fit too */
        s->peer_max_msg = m->meta.max_msg_bytes;
    if (m->meta.has_max_obj) s->peer_max_obj = m->meta.max_obj_bytes;
    bool opened = s->opened;
    struct sml_verdict v = s->given ? *s->given : t->proved ? *t->proved : sml_server_check(s, m, t, account, w, a);
    sml_server_accept_verdict(s, &v);
    if (v.ok) {
        news->who = SML_WHO_KNOWN;
        news->how = v.how;
        news->first = !opened;
        news->current_nonce = v.current_nonce_used;
        s->turn.trusted = true;
        s->turn.header_code = v.code;
        if (!gather_init(&r)) return err_set(e, RC_NOMEM, "no room for the outcomes of a message");
        sml_server_read_commands(&r);
        if (!r.rc) end_of_message(&r);
    } else {
        refuse_all(&r, &v);
    }
    if (r.rc == RC_LIMIT) return err_set(e, r.rc, "the message has more than %d commands", (int)SERVER_CMDS_MAX);
    return r.rc ? err_set(e, r.rc, "no room to take in a message") : RC_OK;
}

const struct sml_verdict *sml_server_verdict(const struct sml_server *s)
{
    return &s->verdict;
}

void sml_server_give_verdict(struct sml_server *s, const struct sml_verdict *v)
{
    s->given = v;
}
