/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that a session has sent: a table in one block, and packed copies of those that may have to be sent
 * again. */
#include "syncml/session/server_int.h"

#include "base/cursor.h"

#include <stdlib.h>
#include <string.h>

void sml_server_sent_free(struct sml_server *s)
{
    free(s->sent);
    s->sent = NULL;
}

bool sml_server_draft_add(struct sent_draft *d, struct arena *a, const struct sml_step *step, unsigned cmd_id,
                          int local_code, size_t shortest)
{
    struct sent_list *l = ARENA_NEW(a, struct sent_list);
    if (!l || d->n == UINT16_MAX || step->uri.n > UINT16_MAX) return false;
    l->row = (struct sent_row){ .tag = step->tag,
                                .cmd_id = (uint16_t)cmd_id,
                                .kind = (uint8_t)step->kind,
                                .code = (int16_t)local_code,
                                .shortest = shortest < UINT32_MAX ? (uint32_t)shortest : UINT32_MAX,
                                .local = local_code != 0 };
    l->uri = step->uri;
    if (!d->tail) d->tail = &d->first;
    *d->tail = l;
    d->tail = &l->next;
    d->n++;
    return true;
}

enum rc sml_server_draft_keep(struct sml_server *s, const struct sent_draft *d)
{
    size_t text = 0;
    sml_server_sent_free(s);
    if (!d->n) return RC_OK;
    for (const struct sent_list *l = d->first; l; l = l->next) text += l->uri.n;
    size_t bytes = sizeof *s->sent + d->n * sizeof(struct sent_row) + text;
    struct sent_table *t = malloc(bytes);
    if (!t) return RC_NOMEM;
    *t = (struct sent_table){ .msg_id = s->msg_out, .n = (uint16_t)d->n, .bytes = bytes };
    t->rows = (struct sent_row *)(t + 1);
    t->uris = (char *)(t->rows + d->n);
    size_t at = 0, i = 0;
    for (const struct sent_list *l = d->first; l; l = l->next, i++) {
        t->rows[i] = l->row;
        t->rows[i].uri_at = (uint32_t)at;
        t->rows[i].uri_n = (uint32_t)l->uri.n;
        if (l->uri.n) memcpy(t->uris + at, l->uri.p, l->uri.n);
        at += l->uri.n;
    }
    s->sent = t;
    return RC_OK;
}

/* ---- finding ---- */

static struct str row_uri(const struct sent_table *t, size_t i)
{
    return (struct str){ t->uris + t->rows[i].uri_at, t->rows[i].uri_n };
}

static struct str plain(struct str uri)
{
    return str_starts(uri, STR("./")) ? str_slice(uri, 2, uri.n) : uri;
}

static bool row_of_kind(const struct sent_row *r, const struct sml_cmd *c)
{
    if (r->local) return false;
    if (c->kind == SML_RESULTS)
        return r->kind == SML_GET || r->kind == SML_EXEC || r->kind == SML_REPLACE || r->kind == SML_ADD;
    return !c->cmd.n || str_eq_fold(c->cmd, str_of(sml_cmd_name(r->kind)));
}

/* MsgRef and CmdRef identify it. The URI is used only where one of them is missing or names no message of the server
 * (protocol.md 20, traps 2 and 22). */
int sml_server_sent_find(const struct sml_server *s, const struct sml_cmd *c)
{
    const struct sent_table *t = s->sent;
    uint64_t msg, cmd;
    bool has_msg = str_to_u64(c->msg_ref, &msg) && msg > 0 && msg <= s->msg_out, has_cmd = str_to_u64(c->cmd_ref, &cmd);
    if (!t || (has_msg && msg != t->msg_id)) return -1;
    for (size_t i = 0; has_cmd && i < t->n; i++)
        if (t->rows[i].cmd_id == cmd && row_of_kind(&t->rows[i], c)) return (int)i;
    if (has_msg && has_cmd) return -1;
    struct str uri = c->target_refs                       ? c->target_refs->uri
                     : c->kind == SML_RESULTS && c->items ? c->items->source
                                                          : (struct str){ 0 };
    for (size_t i = 0; uri.n && i < t->n; i++)
        if (row_of_kind(&t->rows[i], c) && str_eq(plain(row_uri(t, i)), plain(uri))) return (int)i;
    return -1;
}

/* ---- packing ---- */

static void put_u32(struct buf *b, uint32_t n)
{
    buf_put(b, (struct str){ (const char *)&n, sizeof n });
}

static void put_str(struct buf *b, struct str s)
{
    put_u32(b, (uint32_t)s.n);
    buf_put(b, s);
}

static uint32_t get_u32(struct cursor *c)
{
    uint32_t n = 0;
    struct str s = cursor_take(c, sizeof n);
    if (s.n == sizeof n) memcpy(&n, s.p, sizeof n);
    return n;
}

static struct str get_str(struct cursor *c)
{
    return cursor_take(c, get_u32(c));
}

static uint32_t count_items(const struct sml_item *it)
{
    uint32_t n = 0;
    for (; it; it = it->next) n++;
    return n;
}

/* Fields in the order they are packed; `mask` marks those that are present. */
struct packed_step {
    uint64_t tag;
    uint16_t mask;
    uint8_t kind, has_data;
};
enum { PACKED_TEXTS = 6, PACKED_ITEMS = 1 << PACKED_TEXTS, PACKED_CHILDREN = 2 << PACKED_TEXTS };

static void texts_of(struct sml_step *p, struct str *out[PACKED_TEXTS])
{
    struct str *const field[PACKED_TEXTS] = { &p->uri, &p->source, &p->format, &p->type, &p->data, &p->correlator };
    memcpy(out, field, sizeof field);
}

static uint32_t count_steps(const struct sml_step *p)
{
    uint32_t n = 0;
    for (; p; p = p->next) n++;
    return n;
}

/* Counts, or counts and writes. */
struct packer {
    char *p;
    size_t n;
};

static void pack(struct packer *k, const void *from, size_t n)
{
    if (k->p && n) memcpy(k->p + k->n, from, n);
    k->n += n;
}

static void pack_str(struct packer *k, struct str s)
{
    const uint32_t n = (uint32_t)s.n;
    pack(k, &n, sizeof n);
    pack(k, s.p, s.n);
}

static void pack_step(struct packer *k, const struct sml_step *step)
{
    struct sml_step p = *step;
    struct str *text[PACKED_TEXTS];
    struct packed_step head = { .tag = p.tag, .kind = (uint8_t)p.kind, .has_data = p.has_data };
    texts_of(&p, text);
    for (unsigned i = 0; i < PACKED_TEXTS; i++) head.mask = (uint16_t)(head.mask | (text[i]->n ? 1u << i : 0));
    head.mask = (uint16_t)(head.mask | (p.items ? PACKED_ITEMS : 0) | (p.children ? PACKED_CHILDREN : 0));
    pack(k, &head, sizeof head);
    for (unsigned i = 0; i < PACKED_TEXTS; i++)
        if (text[i]->n) pack_str(k, *text[i]);
    const uint32_t n_items = count_items(p.items), n_children = count_steps(p.children);
    if (n_items) pack(k, &n_items, sizeof n_items);
    for (const struct sml_item *it = p.items; it; it = it->next) {
        const uint8_t has_data = it->has_data;
        pack_str(k, it->target);
        pack_str(k, it->source);
        pack_str(k, it->data);
        pack(k, &has_data, 1);
    }
    if (n_children) pack(k, &n_children, sizeof n_children);
    for (const struct sml_step *c = p.children; c; c = c->next) pack_step(k, c);
}

enum rc sml_server_copy_steps(struct sml_server *s, const struct sml_step *steps, size_t n)
{
    struct packer k = { 0 };
    size_t i = 0;
    for (const struct sml_step *p = steps; p && i < n; p = p->next, i++) pack_step(&k, p);
    sml_server_copy_free(s);
    s->copy = k.n ? malloc(k.n) : NULL;
    if (!s->copy) return k.n ? RC_NOMEM : RC_OK;
    s->copy_bytes = k.n;
    k = (struct packer){ s->copy, 0 };
    i = 0;
    for (const struct sml_step *p = steps; p && i < n; p = p->next, i++) pack_step(&k, p);
    s->copy_n = s->copy_next = (uint32_t)n;
    return RC_OK;
}

static enum rc unpack_items(struct cursor *c, struct arena *a, struct sml_item **out)
{
    for (uint32_t n = get_u32(c); n && !c->failed; n--, out = &(*out)->next) {
        if (!(*out = ARENA_NEW(a, struct sml_item))) return RC_NOMEM;
        (*out)->target = get_str(c);
        (*out)->source = get_str(c);
        (*out)->data = get_str(c);
        (*out)->has_data = cursor_u8(c);
    }
    return RC_OK;
}

static enum rc unpack_step(struct cursor *c, struct arena *a, struct sml_step **out)
{
    struct sml_step *p = ARENA_NEW(a, struct sml_step);
    struct packed_step head = { 0 };
    struct str *text[PACKED_TEXTS], bytes = cursor_take(c, sizeof head);
    if (!p) return RC_NOMEM;
    if (bytes.n == sizeof head) memcpy(&head, bytes.p, sizeof head);
    p->kind = head.kind;
    p->has_data = head.has_data;
    p->tag = head.tag;
    texts_of(p, text);
    for (unsigned i = 0; i < PACKED_TEXTS; i++)
        if (head.mask & 1u << i) *text[i] = get_str(c);
    enum rc rc = head.mask & PACKED_ITEMS ? unpack_items(c, a, &p->items) : RC_OK;
    struct sml_step **child = &p->children;
    for (uint32_t n = !rc && head.mask & PACKED_CHILDREN ? get_u32(c) : 0; n && !rc && !c->failed;
         n--, child = &(*child)->next) {
        rc = unpack_step(c, a, child);
        if (rc) return rc;
    }
    *out = p;
    return rc ? rc : c->failed ? RC_INTERNAL : RC_OK;
}

enum rc sml_server_unpack_steps(const struct sml_server *s, uint32_t skip, struct arena *a, struct sml_step **out)
{
    struct str copy; /* the block may be freed while the steps are in use */
    if (!arena_str(a, (struct str){ s->copy, s->copy_bytes }, &copy)) return RC_NOMEM;
    struct cursor c = cursor_of(copy);
    *out = NULL;
    while (!cursor_done(&c)) {
        struct sml_step *p = NULL;
        enum rc rc = unpack_step(&c, a, &p);
        if (rc) return rc;
        if (skip) {
            skip--;
            continue;
        }
        *out = p;
        out = &p->next;
    }
    return RC_OK;
}

void sml_server_copy_free(struct sml_server *s)
{
    free(s->copy);
    s->copy = NULL;
    s->copy_bytes = 0;
    s->copy_n = s->copy_from = s->copy_next = 0;
}

void sml_server_pack_due(struct buf *b, const struct owed_status *d, int code)
{
    put_str(b, d->msg_ref);
    put_str(b, d->cmd_ref);
    put_str(b, d->cmd);
    put_str(b, d->target);
    put_str(b, d->source);
    put_u32(b, (uint32_t)code);
}

enum rc sml_server_unpack_dues(struct str bytes, struct arena *a, struct owed_status **out)
{
    struct str copy;
    if (!arena_str(a, bytes, &copy)) return RC_NOMEM;
    struct cursor c = cursor_of(copy);
    while (!cursor_done(&c)) {
        struct owed_status *d = ARENA_NEW(a, struct owed_status);
        if (!d) return RC_NOMEM;
        d->msg_ref = get_str(&c);
        d->cmd_ref = get_str(&c);
        d->cmd = get_str(&c);
        d->target = get_str(&c);
        d->source = get_str(&c);
        d->code = (int)get_u32(&c);
        *out = d;
        out = &d->next;
    }
    return c.failed ? RC_INTERNAL : RC_OK;
}

/* ---- the object being sent in pieces ---- */

void sml_server_out_free(struct sml_server *s)
{
    if (s->out) free(s->out->texts);
    free(s->out);
    s->out = NULL;
}

enum rc sml_server_out_begin(struct sml_server *s, const struct sml_step *step, struct str format, struct str data)
{
    const struct str from[] = { step->uri, step->source, format, step->type, step->correlator, data };
    size_t bytes = 1;
    sml_server_out_free(s);
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) bytes += from[i].n;
    struct object_out *o = calloc(1, sizeof *o);
    char *p = o ? malloc(bytes) : NULL;
    if (!p) {
        free(o);
        return RC_NOMEM;
    }
    struct str *const to[] = { &o->step.uri,  &o->step.source,     &o->step.format,
                               &o->step.type, &o->step.correlator, &o->step.data };
    o->texts = p;
    o->bytes = bytes;
    o->step.kind = step->kind;
    o->step.tag = step->tag;
    o->step.has_data = true;
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        if (from[i].n) memcpy(p, from[i].p, from[i].n);
        *to[i] = (struct str){ p, from[i].n };
        p += from[i].n;
    }
    s->out = o;
    return RC_OK;
}
