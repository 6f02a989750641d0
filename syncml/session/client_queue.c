/* SPDX-License-Identifier: Apache-2.0 */
/* The client's queue: Statuses, Results and alerts in their order, over as many messages as the server's MaxMsgSize
 * requires. Entries stay until the server has accepted the message that carried them, so that they can be sent again
 * after a challenge. */
#include "syncml/session/client_int.h"

#include <stdlib.h>

void sml_client_queue_init(struct sml_client *s)
{
    arena_init(&s->queue, CLIENT_QUEUE_BYTES);
    s->tail = &s->first;
}

/* ---- deep copies ---- */

static bool own(struct arena *a, struct str *s)
{
    struct str from = *s;
    return !from.n || arena_str(a, from, s);
}

static bool own_item(struct arena *a, const struct sml_item *from, struct sml_item **out)
{
    struct sml_item *it = ARENA_NEW(a, struct sml_item);
    if (!it) return false;
    *it = *from;
    it->next = NULL;
    *out = it;
    return own(a, &it->target) && own(a, &it->source) && own(a, &it->target_name) && own(a, &it->source_name) &&
           own(a, &it->data) && own(a, &it->meta.format) && own(a, &it->meta.type) && own(a, &it->meta.mark);
}

static bool own_refs(struct arena *a, const struct sml_ref *from, struct sml_ref **out)
{
    for (*out = NULL; from; from = from->next, out = &(*out)->next)
        if (!(*out = ARENA_NEW(a, struct sml_ref)) || !arena_str(a, from->uri, &(*out)->uri)) return false;
    return true;
}

struct queued *sml_client_queue(struct sml_client *s, const struct sml_cmd *c)
{
    struct arena *a = &s->queue;
    struct queued *q = ARENA_NEW(a, struct queued);
    if (!q) return NULL;
    struct sml_cmd *to = &q->cmd;
    *to = *c;
    to->items = NULL;
    to->children = NULL;
    to->next = NULL;
    bool ok = own(a, &to->name) && own(a, &to->msg_ref) && own(a, &to->cmd_ref) && own(a, &to->cmd) &&
              own(a, &to->data) && own(a, &to->correlator) && own_refs(a, c->target_refs, &to->target_refs) &&
              own_refs(a, c->source_refs, &to->source_refs);
    struct sml_item **tail = &to->items;
    for (const struct sml_item *it = c->items; ok && it; it = it->next, tail = &(*tail)->next)
        ok = own_item(a, it, tail);
    if (!ok) return NULL;
    *s->tail = q;
    s->tail = &q->next;
    if (!s->next) s->next = q;
    return q;
}

static enum rc queue_it(struct sml_client *s, const struct sml_cmd *c)
{
    return sml_client_queue(s, c) ? RC_OK : RC_NOMEM;
}

/* ---- answers ---- */

static enum rc queue_status(struct sml_client *s, const struct sml_cmd *c, int code, const struct sml_item *item,
                            struct sml_item *items)
{
    char text[16];
    struct sml_ref target = { .uri = item ? item->target : (struct str){ 0 } };
    struct sml_ref source = { .uri = item && c->kind == SML_COPY ? item->source : (struct str){ 0 } };
    size_t n = 0;
    for (int v = code < 100 || code > 1999 ? 500 : code; v; v /= 10) text[15 - n++] = (char)('0' + v % 10);
    struct sml_cmd status = { .kind = SML_STATUS,
                              .name = STR("Status"),
                              .msg_ref = s->turn.m->msg_id,
                              .cmd_ref = c->cmd_id,
                              .cmd = c->name,
                              .data = { text + 16 - n, n },
                              .items = items,
                              .target_refs = target.uri.n ? &target : NULL,
                              .source_refs = source.uri.n ? &source : NULL };
    return queue_it(s, &status);
}

static bool leaf_fits(const struct sml_client *s, const struct sml_leaf *l)
{
    return !s->peer_max_obj || l->data.n <= s->peer_max_obj;
}

static enum rc queue_leaf(struct sml_client *s, const struct sml_cmd *c, const struct sml_leaf *l)
{
    struct sml_item it = { .source = l->uri, .has_data = l->has_data, .meta.format = l->format, .meta.type = l->type };
    enum rc rc = compose_value(s->c.type, &s->queue, l->data, &it.meta.format, &it.data);
    it.meta.present = it.meta.format.n || it.meta.type.n;
    struct sml_cmd results = {
        .kind = SML_RESULTS, .name = STR("Results"), .msg_ref = s->turn.m->msg_id, .cmd_ref = c->cmd_id, .items = &it
    };
    return rc ? rc : queue_it(s, &results);
}

static bool same_codes(const struct sml_cmd *c, const struct sml_answer *ans)
{
    size_t i = 0;
    if (ans->item_codes)
        for (const struct sml_item *it = c->items; it; it = it->next, i++)
            if (ans->item_codes[i] != ans->item_codes[0]) return false;
    return true;
}

static enum rc queue_answer(struct sml_client *s, const struct sml_cmd *c, const struct sml_answer *ans)
{
    enum rc rc = RC_OK;
    int code = ans->item_codes && c->items ? ans->item_codes[0] : ans->code;
    bool single = c->items && !c->items->next;
    size_t i = 0;
    for (i = 0; i < ans->n_results; i++)
        if (!leaf_fits(s, &ans->results[i])) code = 413;
    if (same_codes(c, ans)) {
        rc = queue_status(s, c, code, single ? c->items : NULL, ans->items);
    } else {
        i = 0;
        for (const struct sml_item *it = c->items; it && !rc; it = it->next)
            rc = queue_status(s, c, ans->item_codes[i++], it, NULL);
    }
    for (i = 0; i < ans->n_results && !rc; i++)
        if (leaf_fits(s, &ans->results[i])) rc = queue_leaf(s, c, &ans->results[i]);
    const struct sml_answer skipped = { .code = 215 };
    i = 0;
    for (const struct sml_cmd *k = c->children; k && !rc; k = k->next, i++)
        rc = queue_answer(s, k, ans->children ? &ans->children[i] : &skipped);
    return rc;
}

enum rc sml_client_queue_answers(struct sml_client *s, const struct sml_answer *answers)
{
    const struct sml_answer failed = { .code = 500 };
    enum rc rc = RC_OK;
    size_t i = 0;
    for (const struct client_slot *p = s->turn.slots; p && !rc; p = p->next) {
        const struct sml_answer local = { .code = p->code };
        rc = queue_answer(s, p->cmd, p->code ? &local : answers ? &answers[i] : &failed);
        i += p->code == 0;
    }
    return rc;
}

enum rc sml_client_queue_alerts(struct sml_client *s, const struct sml_alert_out *alerts)
{
    for (const struct sml_alert_out *p = alerts; p; p = p->next) {
        struct sml_item it = { .source = p->source,
                               .has_data = true,
                               .meta = { .present = true,
                                         .format = p->format.n ? p->format : STR("chr"),
                                         .type = p->type,
                                         .mark = p->mark } };
        struct sml_cmd c = { .kind = SML_ALERT,
                             .name = STR("Alert"),
                             .correlator = p->correlator,
                             .items = &it,
                             .data = p->code == 1224 ? STR("1224") : STR("1226") };
        enum rc rc = compose_value(s->c.type, &s->queue, p->data, &it.meta.format, &it.data);
        struct queued *q = NULL;
        if (!rc && s->peer_max_obj && it.data.n > s->peer_max_obj)
            continue; /* too large for any message; the caller gets no acknowledgement */
        if (!rc) q = sml_client_queue(s, &c);
        if (!q) return RC_NOMEM;
        q->tagged = true;
        q->tag = p->tag;
    }
    return RC_OK;
}

/* ---- sending ---- */

void sml_client_queue_done(struct sml_client *s)
{
    s->first = s->next;
    s->piece_from = s->piece_to;
    if (!s->first) {
        arena_reset(&s->queue);
        s->tail = &s->first;
    }
}

void sml_client_queue_rewind(struct sml_client *s)
{
    s->next = s->first;
    s->piece_to = s->piece_from;
}

void sml_client_drop_piece(struct sml_client *s)
{
    if (!s->piece_from || !s->next) return;
    s->piece_to = 0;
    s->next = s->next->next;
    sml_client_queue_done(s);
}

static bool note_tag(struct sml_client *s, const struct queued *q, const struct compose *b)
{
    size_t i = 0;
    while (i < s->told.n && s->told.at[i].tag != q->tag) /* sent again after a challenge */
        i++;
    struct client_told *t = i < s->told.n ? &s->told.at[i] : VEC_ADD(&s->told);
    if (!t) return false;
    *t = (struct client_told){ q->tag, s->msg_out, b->last_id };
    return true;
}

bool sml_client_take_tag(struct sml_client *s, const struct sml_cmd *status, uint64_t *tag)
{
    uint64_t msg, cmd;
    if (!str_to_u64(status->cmd_ref, &cmd)) return false;
    if (!str_to_u64(status->msg_ref, &msg)) msg = s->msg_out;
    for (size_t i = 0; i < s->told.n; i++)
        if (s->told.at[i].msg == msg && s->told.at[i].cmd == cmd) {
            *tag = s->told.at[i].tag;
            VEC_REMOVE_UNORDERED(&s->told, i);
            return true;
        }
    return false;
}

/* A new command for this message from a queue entry; it shares the Items. */
static struct sml_cmd *fresh(struct compose *b, const struct queued *q)
{
    struct sml_cmd *c = compose_cmd(b, q->cmd.kind);
    struct str id = c->cmd_id;
    *c = q->cmd;
    c->cmd_id = id;
    c->next = NULL;
    return c;
}

static struct sml_item *fresh_item(struct compose *b, const struct sml_item *from)
{
    struct sml_item *it = ARENA_NEW(b->a, struct sml_item);
    if (!it)
        b->nomem = true;
    else
        *it = *from;
    return it;
}

/* Append one more Item to the Results at the end of the message, when both belong to the same Get. */
static bool join_results(struct compose *b, struct sml_cmd *last, struct sml_item **end, const struct sml_cmd *c)
{
    if (!last || last->kind != SML_RESULTS || c->kind != SML_RESULTS || !str_eq(last->cmd_ref, c->cmd_ref) ||
        !str_eq(last->msg_ref, c->msg_ref))
        return false;
    struct sml_cmd bare = *c;
    if (!compose_item_surely(b, c->items)) {
        bare.items = NULL;
        size_t bytes = sml_cmd_bytes(b->type, c) - sml_cmd_bytes(b->type, &bare);
        if (bytes > compose_room(b)) return false;
        b->used += bytes;
    }
    (*end)->next = c->items;
    *end = c->items;
    compose_drop(b, c);
    return true;
}

/* Write the next piece of a value that fits in no message. @return false when there is no room for a piece now */
static bool say_piece(struct sml_client *s, struct compose *b, struct sml_cmd *c)
{
    struct str whole = c->items->data, rest = str_slice(whole, s->piece_from, whole.n);
    struct sml_item *it = c->items;
    it->meta.present = true;
    it->meta.has_size = s->piece_from == 0;
    it->meta.size = whole.n;
    size_t n = compose_piece(b->type, c, rest, compose_room(b));
    if (n < COMPOSE_PIECE_MIN && n < rest.n) {
        compose_drop(b, c);
        return false;
    }
    s->piece_msg = s->msg_out;
    s->piece_cmd = b->last_id;
    compose_force(b, c);
    s->piece_to = it->more_data ? s->piece_from + n : 0;
    if (!it->more_data) s->piece_from = 0;
    return true;
}

/* Statuses and the like are never cut: one that fits in no message is sent whole all the same. */
enum manner { WHOLE, LATER, PIECE };

/* Decide how an entry is sent. A WHOLE one is in the message afterwards. */
static enum manner manner_of(const struct sml_client *s, struct compose *b, const struct queued *q, struct sml_cmd *c,
                             size_t header)
{
    size_t alone = b->max > header ? b->max - header : 0, bytes;
    if (s->piece_from > 0) return PIECE;
    if (compose_add_surely(b, c)) return WHOLE;
    bytes = sml_cmd_bytes(b->type, c);
    bool object = q->cmd.kind == SML_RESULTS || q->tagged;
    if (bytes <= compose_room(b) || (bytes > alone && !object && b->used <= header)) {
        compose_put(b, c, bytes);
        return WHOLE;
    }
    return bytes > alone && object ? PIECE : LATER;
}

enum rc sml_client_say(struct sml_client *s, struct compose *b)
{
    struct sml_cmd *last = NULL;
    struct sml_item *end = NULL;
    size_t header = compose_used(b);
    for (; s->next && !b->nomem; s->next = s->next->next) {
        struct queued *q = s->next;
        struct sml_cmd *c = fresh(b, q);
        bool results = c->kind == SML_RESULTS;
        if (results || q->tagged) c->items = fresh_item(b, c->items);
        if (b->nomem) return RC_NOMEM;
        if (s->piece_from == 0 && join_results(b, last, &end, c)) continue;
        enum manner how = manner_of(s, b, q, c, header);
        if (how == LATER) {
            compose_drop(b, c);
            return RC_OK;
        }
        if (how == PIECE && !say_piece(s, b, c)) {
            if (compose_used(b) > header) return RC_OK;
            s->piece_from = s->piece_to = 0; /* not even a piece fits: it cannot be sent */
            continue;
        }
        if (q->tagged && !note_tag(s, q, b)) return RC_NOMEM;
        if (s->piece_to) return RC_OK;
        last = how == WHOLE ? c : NULL;
        end = c->items;
    }
    return b->nomem ? RC_NOMEM : RC_OK;
}
