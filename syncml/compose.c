/* SPDX-License-Identifier: Apache-2.0 */
#include "syncml/compose.h"

#include "base/text.h"
#include "base/world.h"

#include <string.h>

void compose_begin(struct compose *b, enum sml_type type, struct arena *a, struct sml_msg *msg, uint64_t peer_max)
{
    *b = (struct compose){ .type = type, .a = a, .msg = msg, .tail = &msg->cmds };
    b->max = peer_max == 0 ? COMPOSE_DEFAULT_BYTES : peer_max < SML_MSG_BYTES ? (size_t)peer_max : SML_MSG_BYTES;
    b->used = sml_frame_bytes(type, msg);
}

struct str compose_number(struct arena *a, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    char *p = arena_bytes(a, sizeof digits - at);
    if (!p) return (struct str){ 0 };
    memcpy(p, digits + at, sizeof digits - at);
    return (struct str){ p, sizeof digits - at };
}

struct sml_cmd *compose_cmd(struct compose *b, enum sml_cmd_kind kind)
{
    struct sml_cmd *c = ARENA_NEW(b->a, struct sml_cmd);
    struct str id = c ? compose_number(b->a, b->last_id + 1) : (struct str){ 0 };
    if (!id.n) {
        b->nomem = true;
        b->spare = (struct sml_cmd){ 0 };
        return &b->spare;
    }
    b->last_id++;
    c->kind = kind;
    c->name = str_of(sml_cmd_name(kind));
    c->cmd_id = id;
    return c;
}

struct sml_item *compose_item(struct compose *b, struct sml_item ***tail)
{
    struct sml_item *it = ARENA_NEW(b->a, struct sml_item);
    if (!it) {
        b->nomem = true;
        return NULL;
    }
    **tail = it;
    *tail = &it->next;
    return it;
}

size_t compose_used(struct compose *b)
{
    if (b->rough) {
        b->used = sml_frame_bytes(b->type, b->msg);
        for (const struct sml_cmd *c = b->msg->cmds; c; c = c->next) b->used += sml_cmd_bytes(b->type, c);
        b->rough = false;
        b->exact = true;
    }
    return b->used;
}

size_t compose_room(struct compose *b)
{
    size_t used = compose_used(b);
    return used < b->max ? b->max - used : 0;
}

/* An upper bound, cheap to compute: the octets that the longest names of an encoding need around a text and around
 * elements. */
struct guess {
    enum sml_type type;
    size_t bytes;
};

static void guess_text(struct guess *g, struct str s)
{
    if (!s.n) return;
    g->bytes += s.n + (g->type == SML_XML ? 48 : 10);
    for (size_t i = 0; g->type == SML_XML && i < s.n; i++)
        if (s.p[i] == '&' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\r') g->bytes += 5;
}

static void guess_frames(struct guess *g, unsigned n)
{
    g->bytes += n * (g->type == SML_XML ? 32u : 6u);
}

static void guess_meta(struct guess *g, const struct sml_meta *m)
{
    if (!m->present) return;
    guess_frames(g, m->has_size || m->has_max_msg || m->has_max_obj ? 8 : 1);
    guess_text(g, m->format);
    guess_text(g, m->type);
    guess_text(g, m->mark);
    guess_text(g, m->next_nonce);
}

static void guess_item(struct guess *g, const struct sml_item *it)
{
    guess_frames(g, it->more_data ? 5 : 4);
    guess_text(g, it->target);
    guess_text(g, it->target_name);
    guess_text(g, it->source);
    guess_text(g, it->source_name);
    guess_meta(g, &it->meta);
    guess_text(g, it->data);
}

static void guess_cmd(struct guess *g, const struct sml_cmd *c)
{
    const struct str text[] = { c->cmd_id, c->msg_ref, c->cmd_ref, c->cmd, c->data, c->correlator, c->cred.data };
    guess_frames(g, c->chal.present || c->cred.present ? 6 : 2);
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) guess_text(g, text[i]);
    guess_meta(g, &c->meta);
    guess_meta(g, &c->chal.meta);
    guess_meta(g, &c->cred.meta);
    for (const struct sml_ref *r = c->target_refs; r; r = r->next) guess_text(g, r->uri);
    for (const struct sml_ref *r = c->source_refs; r; r = r->next) guess_text(g, r->uri);
    for (const struct sml_item *it = c->items; it; it = it->next) guess_item(g, it);
    for (const struct sml_cmd *k = c->children; k; k = k->next) guess_cmd(g, k);
}

/* A message that had to be measured once is nearly full, so estimates stop here. */
static bool surely(struct compose *b, size_t bytes)
{
    if (b->nomem || b->exact || b->used > b->max || bytes > b->max - b->used) return false;
    b->rough = true;
    return true;
}

bool compose_add_surely(struct compose *b, struct sml_cmd *c)
{
    struct guess g = { b->type, 0 };
    if (!b->exact) guess_cmd(&g, c);
    if (!surely(b, g.bytes)) return false;
    compose_put(b, c, g.bytes);
    return true;
}

bool compose_item_surely(struct compose *b, const struct sml_item *it)
{
    struct guess g = { b->type, 0 };
    if (!b->exact) guess_item(&g, it);
    if (!surely(b, g.bytes)) return false;
    b->used += g.bytes;
    return true;
}

void compose_put(struct compose *b, struct sml_cmd *c, size_t bytes)
{
    if (b->nomem) return;
    *b->tail = c;
    b->tail = &c->next;
    b->used += bytes;
    b->n_cmds++;
}

void compose_force(struct compose *b, struct sml_cmd *c)
{
    if (!b->nomem && !compose_add_surely(b, c)) compose_put(b, c, sml_cmd_bytes(b->type, c));
}

void compose_drop(struct compose *b, const struct sml_cmd *c)
{
    uint64_t id;
    if (str_to_u64(c->cmd_id, &id) && id > 0) b->last_id = (unsigned)id - 1;
}

bool compose_add(struct compose *b, struct sml_cmd *c)
{
    if (b->nomem) return false;
    if (compose_add_surely(b, c)) return true;
    size_t bytes = sml_cmd_bytes(b->type, c);
    if (bytes > compose_room(b)) {
        compose_drop(b, c);
        return false;
    }
    compose_put(b, c, bytes);
    return true;
}

struct sml_cmd *compose_status(struct compose *b, struct str msg_ref, struct str cmd_ref, struct str cmd, int code)
{
    struct sml_cmd *c = compose_cmd(b, SML_STATUS);
    c->msg_ref = msg_ref;
    c->cmd_ref = cmd_ref;
    c->cmd = cmd;
    c->data = compose_number(b->a, (uint64_t)code);
    return c;
}

void compose_ref(struct compose *b, struct sml_ref **list, struct str uri)
{
    if (!uri.n) return;
    struct sml_ref *r = ARENA_NEW(b->a, struct sml_ref);
    if (!r) {
        b->nomem = true;
        return;
    }
    r->uri = uri;
    while (*list) list = &(*list)->next;
    *list = r;
}

struct sml_cmd *compose_alert(struct compose *b, int code)
{
    struct sml_cmd *c = compose_cmd(b, SML_ALERT);
    c->data = compose_number(b->a, (uint64_t)code);
    return c;
}

void compose_chal(struct compose *b, struct sml_cred *chal, enum sml_auth scheme, const uint8_t *nonce, size_t n_nonce)
{
    chal->present = true;
    chal->meta.present = true;
    chal->meta.format = STR("b64");
    chal->meta.type = str_of(sml_auth_name(scheme));
    if (!n_nonce) return;
    char *p = arena_bytes(b->a, text_b64_len(n_nonce) + 1);
    if (!p) {
        b->nomem = true;
        return;
    }
    text_b64(nonce, n_nonce, p);
    chal->meta.next_nonce = (struct str){ p, text_b64_len(n_nonce) };
}

bool compose_is_xml_text(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80) {
            if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
            i++;
            continue;
        }
        struct str rest = { s.p + i, s.n - i };
        size_t n = str_utf8(rest);
        if (!n || (n == 3 && (memcmp(rest.p, "\xEF\xBF\xBE", 3) == 0 || memcmp(rest.p, "\xEF\xBF\xBF", 3) == 0)))
            return false;
        i += n;
    }
    return true;
}

enum rc compose_value(enum sml_type type, struct arena *a, struct str value, struct str *format, struct str *out)
{
    bool binary = str_eq_fold(*format, STR("bin"));
    if (type == SML_WBXML || (!binary && compose_is_xml_text(value))) {
        *out = value;
        return RC_OK;
    }
    char *p = arena_bytes(a, text_b64_len(value.n) + 1);
    if (!p) return RC_NOMEM;
    text_b64(value.p, value.n, p);
    *out = (struct str){ p, text_b64_len(value.n) };
    *format = STR("b64");
    return RC_OK;
}

/* The start of the character that contains octet n, so that a cut there splits no character. */
static size_t whole_chars(struct str s, size_t n)
{
    size_t at = n;
    if (n >= s.n) return s.n;
    while (at > 0 && n - at < 3 && ((unsigned char)s.p[at] & 0xC0) == 0x80) at--;
    return at > 0 && str_utf8((struct str){ s.p + at, s.n - at }) ? at : n;
}

size_t compose_piece(enum sml_type type, struct sml_cmd *c, struct str rest, size_t room)
{
    struct sml_item *it = c->items;
    it->has_data = true;
    it->data = rest;
    it->more_data = false;
    if (rest.n <= room && sml_cmd_bytes(type, c) <= room) return rest.n;
    size_t low = 0, high = rest.n < room ? rest.n : room; /* low fits, or nothing does */
    it->more_data = true;
    while (low < high) {
        size_t mid = low + (high - low + 1) / 2;
        it->data = (struct str){ rest.p, whole_chars(rest, mid) };
        if (sml_cmd_bytes(type, c) <= room)
            low = mid;
        else
            high = mid - 1;
    }
    low = whole_chars(rest, low < rest.n ? low : rest.n - 1);
    it->data = (struct str){ rest.p, low };
    return low;
}

void compose_nonce(const struct world *w, uint8_t out[SML_NONCE_BYTES])
{
    w->random(w->ctx, out, SML_NONCE_BYTES);
    for (unsigned i = 0; i < SML_NONCE_BYTES; i++)
        for (unsigned tries = 0; out[i] == 0; tries++) {
            if (tries == 8)
                out[i] = (uint8_t)(i + 1); /* a broken source of randomness must not cause an endless loop */
            else
                w->random(w->ctx, &out[i], 1);
        }
}
