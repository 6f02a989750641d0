/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/text.h"
#include "ddf/layout/token.h"
#include "ddf/uri.h"

enum { OWNER_ARENA_BYTES = 8192, TOKEN_TEXT_BYTES = 16 << 20 };

/* The path to the previous leaf: sorted addresses share prefixes, so most of it is reused. */
struct trail {
    struct str uri;
    unsigned depth;
    const struct ddf_node *node[DDF_URI_NAMES + 1]; /* [0] is the root */
    size_t end[DDF_URI_NAMES + 1];                  /* bytes of the address down to it */
};

/* State of the walk over the leaves. */
struct token {
    struct trail trail;
    const struct ddf_layout *l;
    const struct ddf_entry *state, *lock_state, *servers;
    struct str server;
    const struct ddf_leaf *leaves;
    size_t n;
    struct str owner; /* the VM of the current leaves */
    bool ours;
    struct arena a;
};

static const struct ddf_leaf *find_leaf(const struct token *t, struct str uri)
{
    size_t lo = 0, hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = str_cmp(t->leaves[mid].uri, uri);
        if (d == 0) return &t->leaves[mid];
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static bool list_has(struct str list, struct str word)
{
    struct str part;
    while (str_cut(&list, ',', &part))
        if (str_eq(str_trim(part), word)) return true;
    return false;
}

/* Does this VM list the server among its owners? The leaves of a VM are adjacent, so it is checked once for each VM. */
static bool is_ours(struct token *t, struct str owner)
{
    const struct ddf_leaf *servers;
    if (t->owner.p && str_eq(owner, t->owner)) return t->ours;
    arena_reset(&t->a);
    servers = t->servers ? find_leaf(t, ddf_layout_uri(t->l, t->servers, owner, (struct str){ 0 }, &t->a)) : NULL;
    t->owner = owner;
    t->ours = servers && list_has(servers->value, t->server);
    return t->ours;
}

/* The description of `uri`, or NULL; reuses the path to the previous leaf. */
static const struct ddf_node *describe(struct trail *t, struct str uri)
{
    size_t same = 0;
    unsigned d = t->depth;
    while (same < uri.n && same < t->uri.n && uri.p[same] == t->uri.p[same]) same++;
    while (d && (t->end[d] > same || (t->end[d] < uri.n && uri.p[t->end[d]] != '/'))) d--;
    t->uri = uri;
    while (t->end[d] < uri.n) {
        size_t from = t->end[d] + 1, to = str_find(uri, '/', from);
        const struct ddf_node *n = from < to && d < DDF_URI_NAMES ? ddf_node_child(t->node[d], str_slice(uri, from, to))
                                                                  : NULL;
        if (!n) {
            t->depth = d;
            return NULL;
        }
        t->node[++d] = n;
        t->end[d] = to;
    }
    t->depth = d;
    return t->node[d];
}

/* A value that the server can write but never read back cannot be part of a token that both sides compute. */
static bool counts(struct token *t, struct str uri)
{
    enum { NEED = DDF_GET | DDF_REPLACE };
    const struct ddf_node *n;
    struct ddf_match m;
    if (!ddf_layout_match(t->l, uri, &m) || m.operation) return false;
    if (m.scope == DDF_VM && !is_ours(t, m.owner)) return false;
    if (m.entry && (m.entry == t->state || m.entry == t->lock_state)) return true;
    n = describe(&t->trail, uri);
    return n && n->format != DDF_NODE && (n->access & NEED) == NEED;
}

enum rc ddf_state_token(const struct ddf_schema *s, const struct ddf_layout *l, struct str server,
                        const struct ddf_leaf *leaves, size_t n, char hex[SHA256_HEX_BYTES], struct err *e)
{
    struct token t = { .l = l, .server = server, .leaves = leaves, .n = n };
    uint8_t digest[SHA256_BYTES];
    struct buf text;
    enum rc rc = RC_OK;
    t.trail.node[0] = ddf_schema_find(s, STR("."));
    t.trail.end[0] = 1;
    t.state = DDF_ENTRY(l, DDF_VM, "state");
    t.lock_state = DDF_ENTRY(l, DDF_VM, "lockState");
    t.servers = DDF_ENTRY(l, DDF_VM, "domain.servers");
    arena_init(&t.a, OWNER_ARENA_BYTES);
    buf_init(&text, TOKEN_TEXT_BYTES);
    for (size_t i = 0; !rc && i < n; i++) {
        if (i && str_cmp(leaves[i - 1].uri, leaves[i].uri) >= 0) {
            rc = err_set(e, RC_INVALID, "leaves must be sorted, each once: %.*s", STR_ARG(leaves[i].uri));
        } else if (counts(&t, leaves[i].uri)) {
            buf_put(&text, leaves[i].uri);
            buf_byte(&text, '=');
            buf_put(&text, leaves[i].value);
            buf_byte(&text, '\n');
        }
    }
    if (!rc && !buf_ok(&text))
        rc = err_set(e, text.failed, "the state is too large for a token (%d bytes)", TOKEN_TEXT_BYTES);
    if (!rc) {
        crypto_sha256(buf_str(&text), digest);
        text_hex(digest, sizeof digest, hex);
    }
    buf_finish(&text);
    arena_finish(&t.a);
    return rc;
}
