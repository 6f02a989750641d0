/* SPDX-License-Identifier: Apache-2.0 */
/* Makes commands from steps: as many as fit, in their order, within the commands that the protocol allows a server
 * (protocol.md 4). */
#include "syncml/session/server_int.h"

#include "base/text.h"

#define BIT(kind) (1u << (kind))

enum {
    IN_BODY = BIT(SML_GET) | BIT(SML_ADD) | BIT(SML_REPLACE) | BIT(SML_DELETE) | BIT(SML_EXEC) | BIT(SML_COPY) |
              BIT(SML_ALERT) | BIT(SML_ATOMIC) | BIT(SML_SEQUENCE),
    IN_ATOMIC = BIT(SML_ADD) | BIT(SML_ALERT) | BIT(SML_COPY) | BIT(SML_DELETE) | BIT(SML_REPLACE),
    IN_SEQUENCE = IN_ATOMIC | BIT(SML_GET) | BIT(SML_EXEC)
};

static bool is_container(const struct sml_step *p)
{
    return p->kind == SML_ATOMIC || p->kind == SML_SEQUENCE;
}

/* S-202. @return 0, or the status that a step which must not be sent gets */
static int check(const struct sml_step *p, unsigned allowed)
{
    if ((unsigned)p->kind >= 32 || !(BIT(p->kind) & allowed)) return 405;
    if (!is_container(p)) return 0;
    size_t n = 0;
    for (const struct sml_step *k = p->children; k; k = k->next, n++) {
        int code = check(k, p->kind == SML_ATOMIC ? IN_ATOMIC : IN_SEQUENCE);
        if (code) return code;
    }
    return n == 0 || n > SML_STEP_GROUP_MAX ? 412 : 0;
}

static void write_items(struct compose *b, const struct sml_step *p, struct sml_cmd *c, enum rc *rc)
{
    struct sml_item **tail = &c->items, *it;
    if (p->kind == SML_ALERT) {
        c->data = p->data;
        for (const struct sml_item *from = p->items; from; from = from->next)
            if ((it = compose_item(b, &tail)) != NULL) {
                struct sml_item *next = it->next;
                *it = *from;
                it->next = next;
            }
        return;
    }
    it = compose_item(b, &tail);
    if (!it) return;
    it->target = p->uri;
    it->source = p->kind == SML_COPY ? p->source : (struct str){ 0 };
    it->meta.format = p->format;
    it->meta.type = p->type;
    it->has_data = p->has_data;
    struct str value = p->data;
    if (str_eq_fold(p->format, STR("bin")) && text_b64_decode(p->data, b->a, &value)) value = p->data;
    if (p->has_data) *rc = compose_value(b->type, b->a, value, &it->meta.format, &it->data);
    it->meta.present = it->meta.format.n || it->meta.type.n;
}

struct sml_cmd *sml_server_step_cmd(struct compose *b, const struct sml_step *p, enum rc *rc)
{
    struct sml_cmd *c = compose_cmd(b, p->kind), **tail = &c->children;
    if (p->kind == SML_EXEC) c->correlator = p->correlator;
    if (!is_container(p)) {
        write_items(b, p, c, rc);
        return c;
    }
    for (const struct sml_step *k = p->children; k && !*rc && !b->nomem; k = k->next) {
        *tail = sml_server_step_cmd(b, k, rc);
        tail = &(*tail)->next;
    }
    return c;
}

static unsigned id_of(const struct sml_cmd *c)
{
    uint64_t id = 0;
    str_to_u64(c->cmd_id, &id);
    return (unsigned)id;
}

static bool note(struct step_writer *w, const struct sml_step *p, const struct sml_cmd *c)
{
    bool ok = sml_server_draft_add(w->draft, w->b->a, p, id_of(c), 0, 0);
    const struct sml_cmd *kc = c->children;
    for (const struct sml_step *k = p->children; ok && k && kc && is_container(p); k = k->next, kc = kc->next)
        ok = sml_server_draft_add(w->draft, w->b->a, k, id_of(kc), 0, 0);
    return ok;
}

/* Record the server's own verdict on a step that is never sent; children of a container were not executed. */
static bool note_unsent(struct step_writer *w, const struct sml_step *p, int code, size_t shortest)
{
    bool ok = sml_server_draft_add(w->draft, w->b->a, p, 0, code, shortest);
    for (const struct sml_step *k = p->children; ok && k && is_container(p); k = k->next)
        ok = sml_server_draft_add(w->draft, w->b->a, k, 0, 215, 0);
    return ok;
}

/* May this value be sent in pieces (S-304, S-311)? */
static bool may_be_cut(const struct step_writer *w, const struct sml_step *p, const struct sml_cmd *c)
{
    return w->large && (p->kind == SML_ADD || p->kind == SML_REPLACE) && c->items &&
           c->items->data.n > COMPOSE_PIECE_MIN;
}

static size_t data_bytes(const struct sml_cmd *c)
{
    size_t most = 0;
    for (const struct sml_item *it = c->items; it; it = it->next) most = it->data.n > most ? it->data.n : most;
    for (const struct sml_cmd *k = c->children; k; k = k->next) {
        size_t n = data_bytes(k);
        most = n > most ? n : most;
    }
    return most;
}

/* Octets of the command around the smallest piece of its value. */
static size_t bytes_of_piece(struct step_writer *w, struct sml_cmd *c, size_t total)
{
    struct sml_item *it = c->items;
    const struct str whole = it->data;
    it->data.n = 0;
    it->more_data = it->meta.has_size = it->meta.present = true;
    it->meta.size = total;
    size_t n = sml_cmd_bytes(w->b->type, c) + (size_t)6 * COMPOSE_PIECE_MIN; /* "&quot;" is the longest escape */
    it->data = whole;
    it->more_data = it->meta.has_size = false;
    it->meta.present = it->meta.format.n || it->meta.type.n;
    return n;
}

enum fate { GOES, WAITS, CUT, NEVER };

/* Decide what happens to a step. One that is sent is in the message afterwards. */
static enum fate fate_of(struct step_writer *w, const struct sml_step *p, struct sml_cmd *c)
{
    size_t most = w->b->max > w->alone ? w->b->max - w->alone : 0;
    if (w->s->peer_max_obj && data_bytes(c) > w->s->peer_max_obj) return NEVER; /* S-309 */
    if (compose_add_surely(w->b, c)) return GOES;
    size_t bytes = sml_cmd_bytes(w->b->type, c);
    if (bytes <= compose_room(w->b)) {
        compose_put(w->b, c, bytes);
        return GOES;
    }
    if (bytes <= most) return WAITS; /* S-310: it fits in a message of its own */
    if (!may_be_cut(w, p, c) || bytes_of_piece(w, c, c->items->data.n) > most) return NEVER;
    return w->n_asked ? WAITS : CUT;
}

/* Octets of the shortest message that can carry the step; 0 when the device's limit for objects refuses it. */
static size_t shortest_of(struct step_writer *w, const struct sml_step *p, struct sml_cmd *c)
{
    if (w->s->peer_max_obj && data_bytes(c) > w->s->peer_max_obj) return 0;
    size_t whole = sml_cmd_bytes(w->b->type, c);
    size_t piece = may_be_cut(w, p, c) ? bytes_of_piece(w, c, c->items->data.n) : whole;
    return w->alone + (piece < whole ? piece : whole);
}

static enum rc write_step(struct step_writer *w, const struct sml_step *p, enum fate *fate)
{
    int bad = check(p, IN_BODY);
    enum rc rc = RC_OK;
    *fate = NEVER;
    if (bad) return note_unsent(w, p, bad, 0) ? RC_OK : RC_NOMEM;
    struct sml_cmd *c = sml_server_step_cmd(w->b, p, &rc);
    if (rc || w->b->nomem) return RC_NOMEM;
    *fate = fate_of(w, p, c);
    if (*fate == GOES) {
        w->n_asked++;
        return note(w, p, c) ? RC_OK : RC_NOMEM;
    }
    compose_drop(w->b, c);
    if (*fate == NEVER) return note_unsent(w, p, 413, shortest_of(w, p, c)) ? RC_OK : RC_NOMEM;
    if (*fate == CUT) {
        w->large_begun = true;
        return sml_server_out_begin(w->s, p, c->items->meta.format, c->items->data);
    }
    w->wait = w->n_asked == 0; /* only Statuses take the room; a reply that needs no answer would end the session */
    return RC_OK;
}

enum rc sml_server_write_steps(struct step_writer *w, const struct sml_step *steps, size_t *n_sent)
{
    for (const struct sml_step *p = steps; p; p = p->next) {
        enum fate fate;
        enum rc rc = write_step(w, p, &fate);
        if (rc) return rc;
        if (fate == WAITS) return RC_OK;
        ++*n_sent;
        if (fate == CUT) return RC_OK;
    }
    return RC_OK;
}
