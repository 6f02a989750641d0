/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the commands of a known client: Statuses and Results find the step they refer to, every other command is
 * owed a Status. */
#include "syncml/session/server_int.h"

#include "base/text.h"

#include <string.h>

struct owed_status *sml_server_due(struct server_reader *r, const struct sml_cmd *c, int code)
{
    struct owed_status *d = r->n_due++ < SERVER_CMDS_MAX ? ARENA_NEW(r->a, struct owed_status) : NULL;
    if (!d) {
        r->rc = r->n_due > SERVER_CMDS_MAX ? RC_LIMIT : RC_NOMEM;
        return NULL;
    }
    d->msg_ref = r->m->msg_id;
    d->cmd_ref = c->cmd_id;
    d->cmd = c->name.n ? c->name : str_of(sml_cmd_name(c->kind));
    d->code = code;
    *r->s->turn.due_tail = d;
    r->s->turn.due_tail = &d->next;
    return d;
}

struct sml_outcome *sml_server_outcome(struct server_reader *r, int row, int code)
{
    struct sent_row *from = &r->s->sent->rows[row];
    struct sml_outcome *o = r->g.row[row];
    if (!o) {
        o = ARENA_NEW(r->a, struct sml_outcome);
        struct str uri = { r->s->sent->uris + from->uri_at, from->uri_n };
        if (!o || !arena_str(r->a, uri, &o->uri)) {
            r->rc = RC_NOMEM;
            return NULL;
        }
        o->tag = from->tag;
        r->g.row[row] = o;
        r->g.tail[row] = &o->values;
        from->told = true;
    }
    o->code = from->refused ? from->refused : code;
    o->shortest = from->shortest;
    o->limit = from->shortest ? r->s->peer_max_msg : 0;
    return o;
}

void sml_server_meta(struct server_reader *r, const struct sml_meta *item, const struct sml_meta *cmd,
                     struct str *format, struct str *type)
{
    *format = item->format.n ? item->format : cmd->format.n ? cmd->format : STR("chr");
    *type = item->type.n ? item->type : cmd->type.n ? cmd->type : STR("text/plain");
    bool upper = false;
    for (size_t i = 0; i < format->n; i++) upper |= format->p[i] >= 'A' && format->p[i] <= 'Z';
    char *p = upper ? arena_bytes(r->a, format->n) : NULL;
    if (!p) return;
    for (size_t i = 0; i < format->n; i++)
        p[i] = (char)(format->p[i] >= 'A' && format->p[i] <= 'Z' ? format->p[i] + ('a' - 'A') : format->p[i]);
    format->p = p;
}

void sml_server_value(struct server_reader *r, struct sml_value ***tail, struct sml_value v)
{
    struct sml_value *to = ARENA_NEW(r->a, struct sml_value);
    if (!to) {
        r->rc = RC_NOMEM;
        return;
    }
    *to = v;
    **tail = to;
    *tail = &to->next;
}

/* Octets become base64; base64 that came as text is kept, without its line breaks. */
static void octets(struct server_reader *r, struct sml_value *v)
{
    v->binary = str_is(v->format, "bin") || str_is(v->format, "b64");
    if (!v->binary || !v->data.n || !r->m->wbxml || str_is(v->format, "b64")) return;
    char *p = arena_bytes(r->a, text_b64_len(v->data.n) + 1);
    if (!p) {
        r->rc = RC_NOMEM;
        return;
    }
    text_b64(v->data.p, v->data.n, p);
    v->data = (struct str){ p, text_b64_len(v->data.n) };
}

static struct sml_value value_of(struct server_reader *r, const struct sml_cmd *c, const struct sml_item *it)
{
    struct sml_value v = { .uri = it->source.n ? it->source : it->target,
                           .data = it->data,
                           .has_data = it->has_data,
                           .has_size = it->meta.has_size,
                           .size = it->meta.size };
    sml_server_meta(r, &it->meta, &c->meta, &v.format, &v.type);
    octets(r, &v);
    bool property = false;
    for (size_t i = str_find(v.uri, '?', 0); !property && i < v.uri.n; i = v.uri.n)
        property = str_starts(str_slice(v.uri, i, v.uri.n), STR("?prop="));
    while (property && v.data.n && v.data.p[v.data.n - 1] == '\0') /* protocol.md 20, trap 18 */
        v.data.n--;
    return v;
}

/* ---- Status ---- */

static int code_of(struct str data)
{
    int64_t n;
    return str_to_i64(data, &n) && n >= 100 && n <= 1999 ? (int)n : 500;
}

static bool refuses(int code)
{
    return (code >= 300 && code < 1200) || code >= 1400;
}

static bool is_header_status(const struct sml_cmd *c)
{
    return c->kind == SML_STATUS && (str_eq_fold(c->cmd, STR("SyncHdr")) || (str_is(c->cmd_ref, "0") && !c->cmd.n));
}

/* The client demands that the server authenticate itself first: the commands it refused are sent again (S-112). */
static void say_again(struct server_reader *r)
{
    struct sml_server *s = r->s;
    if (!s->copy_n && !s->out) return;
    for (size_t i = 0; s->sent && i < s->sent->n; i++)
        if (s->sent->rows[i].local) sml_server_outcome(r, (int)i, s->sent->rows[i].code);
    sml_server_sent_free(s);
    if (s->out) { /* the only command of its message */
        s->out->sent = 0;
        s->out->code = 0;
    } else {
        s->copy_next = s->copy_from;
    }
}

static void read_header_status(struct server_reader *r, const struct sml_cmd *c)
{
    bool challenge = str_is(c->data, "401") || str_is(c->data, "407");
    if (!sml_server_own_status(r->s, c, r->account, r->a, &r->why)) return;
    if (challenge) say_again(r);
}

static void read_status(struct server_reader *r, const struct sml_cmd *c)
{
    struct sml_server *s = r->s;
    int row = sml_server_sent_find(s, c), code = code_of(c->data);
    if (row < 0 || code == 101) /* in progress: the final Status is still to come */
        return;
    struct sent_row *to = &s->sent->rows[row];
    if (!s->out && refuses(to->code) && !refuses(code)) code = to->code; /* refused, so it was not executed */
    to->code = (int16_t)code;
    if (s->out) { /* the only command of its message, so the Status refers to it */
        bool piece = code == 213 || code == 200;
        s->out->code = piece ? 213 : code;
        if (piece) return;
    }
    sml_server_outcome(r, row, code);
    for (const struct sml_item *it = c->items; it && !r->rc; it = it->next)
        if (to->kind == SML_ALERT && it->has_data)
            sml_server_value(r, &r->g.tail[row], (struct sml_value){ .data = it->data, .has_data = true });
}

/* ---- Results ---- */

static void read_results(struct server_reader *r, const struct sml_cmd *c)
{
    struct sml_server *s = r->s;
    int row = sml_server_sent_find(s, c), worst = 200;
    for (const struct sml_item *it = c->items; it && !r->rc; it = it->next) {
        struct sml_item whole = *it;
        int code = 200;
        if (row >= 0 && sml_server_is_piece(r, c, it, row))
            code = sml_server_join(r, c, it, row, &whole);
        else
            s->turn.other = true;
        if (code != 200) worst = code;
        if (row < 0 || code == 213 || r->rc) continue;
        struct sent_row *from = &s->sent->rows[row];
        if (code != 200) from->refused = (int16_t)code;
        sml_server_outcome(r, row, code == 200 ? from->code ? from->code : 200 : code);
        if (code == 200 && !r->rc) sml_server_value(r, &r->g.tail[row], value_of(r, c, &whole));
    }
    if (worst != 200) /* S-207: a missing Status means success */
        sml_server_due(r, c, worst);
}

/* ---- everything else ---- */

static void read_replace(struct server_reader *r, const struct sml_cmd *c)
{
    r->s->turn.other = true;
    if (!r->s->setup) {
        sml_server_due(r, c, 405); /* device information belongs in package 1 */
        return;
    }
    int code = 200;
    for (const struct sml_item *it = c->items; it && !r->rc; it = it->next) {
        if (sml_server_is_piece(r, c, it, -1))
            code = sml_server_refuse_piece(r, c, it, 426);
        else if (it->source.n || it->target.n)
            sml_server_value(r, &r->devinfo, value_of(r, c, it));
    }
    sml_server_due(r, c, c->items ? code : 412);
}

/* Commands that a client must not send (S-014); a container's children get the same status. */
static void read_forbidden(struct server_reader *r, const struct sml_cmd *c)
{
    r->s->turn.other = true;
    sml_server_due(r, c, c->kind >= SML_PUT ? 501 : 405);
    for (const struct sml_cmd *k = c->children; k && !r->rc; k = k->next)
        if (k->cmd_id.n) sml_server_due(r, k, k->kind >= SML_PUT ? 501 : 405);
}

void sml_server_read_commands(struct server_reader *r)
{
    bool header = false;
    for (const struct sml_cmd *c = r->m->cmds; c && !r->rc && !r->why; c = c->next)
        if (is_header_status(c)) {
            header = true;
            read_header_status(r, c);
        }
    for (const struct sml_cmd *c = r->m->cmds; c && !r->rc && !r->why; c = c->next) {
        if (c->kind == SML_STATUS) {
            if (!is_header_status(c)) read_status(r, c);
        } else if (!c->cmd_id.n && c->kind != SML_RESULTS) {
            sml_server_due(r, c, 400); /* the Status cannot name the Item */
        } else if (c->kind == SML_RESULTS) {
            read_results(r, c);
        } else if (c->kind == SML_ALERT) {
            sml_server_read_alert(r, c);
        } else if (c->kind == SML_REPLACE) {
            read_replace(r, c);
        } else {
            read_forbidden(r, c);
        }
    }
    for (size_t i = 0; !header && i < r->g.n; i++) /* it executed commands, so it accepts the credentials */
        if (r->g.row[i] && r->g.row[i]->code / 100 == 2) r->s->own_settled = true;
}
