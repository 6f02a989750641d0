/* SPDX-License-Identifier: Apache-2.0 */
#include "server/decide/mirror.h"
#include "ddf/layout/token.h"
#include "db/node.h"
#include "ddf/uri.h"
#include <string.h>

void mirror_init(struct mirror *m, struct arena *a)
{
    *m = (struct mirror){ .a = a, .message = 1 };
}

void mirror_next(struct mirror *m)
{
    m->message++;
    m->changed = false;
}

static void place(struct mirror *m, size_t i)
{
    size_t at = m->nodes[i].hash & m->mask;
    while (m->slots[at]) at = (at + 1) & m->mask;
    m->slots[at] = (uint32_t)i + 1;
}

static bool grow(struct mirror *m)
{
    size_t cap = m->cap ? m->cap * 2 : 256;
    struct mirror_node *nodes = ARENA_ARRAY(m->a, struct mirror_node, cap);
    uint32_t *slots = ARENA_ARRAY(m->a, uint32_t, cap * 2), *order = ARENA_ARRAY(m->a, uint32_t, cap * 2);
    if (!nodes || !slots || !order) return false;
    if (m->n) memcpy(nodes, m->nodes, m->n * sizeof *nodes);
    if (m->n_order) memcpy(order, m->order, m->n_order * sizeof *order);
    m->nodes = nodes;
    m->slots = slots;
    m->order = order;
    m->scratch = order + cap;
    m->cap = cap;
    m->mask = cap * 2 - 1;
    for (size_t i = 0; i < m->n; i++) place(m, i);
    return true;
}

static struct mirror_node *add(struct mirror *m, struct str uri, uint64_t hash)
{
    struct str name;
    if ((m->n == m->cap && !grow(m)) || !arena_str(m->a, uri, &name)) return NULL;
    m->nodes[m->n] = (struct mirror_node){ .uri = name, .hash = hash };
    place(m, m->n);
    return &m->nodes[m->n++];
}

/* ---- sorting ---- */

static size_t run_end(const struct mirror *m, size_t from, size_t n)
{
    size_t to = from + 1;
    while (to < n && str_cmp(m->nodes[m->order[to - 1]].uri, m->nodes[m->order[to]].uri) < 0) to++;
    return to < n ? to : n;
}

static void merge(struct mirror *m, size_t from, size_t mid, size_t to)
{
    size_t i = from, k = mid, out = from;
    memcpy(m->scratch + from, m->order + from, (to - from) * sizeof *m->order);
    while (i < mid && k < to)
        m->order[out++] = str_cmp(m->nodes[m->scratch[i]].uri, m->nodes[m->scratch[k]].uri) < 0 ? m->scratch[i++]
                                                                                                : m->scratch[k++];
    while (i < mid) m->order[out++] = m->scratch[i++];
    while (k < to) m->order[out++] = m->scratch[k++];
}

/* A natural merge sort: the nodes mostly consist of one or a few sorted runs. */
static void put_in_order(struct mirror *m)
{
    if (m->n_order == m->n) return;
    while (m->n_order < m->n) {
        m->order[m->n_order] = (uint32_t)m->n_order;
        m->n_order++;
    }
    for (size_t runs = 2; runs > 1;) {
        runs = 0;
        for (size_t from = 0; from < m->n; runs++) {
            size_t mid = run_end(m, from, m->n), to = mid < m->n ? run_end(m, mid, m->n) : mid;
            if (to > mid) merge(m, from, mid, to);
            from = to;
        }
    }
}

/* ---- rows ---- */

/* The stale interior nodes above the current node, during a walk in order. */
struct above {
    struct {
        struct str uri;
        int64_t since_ms;
    } level[DDF_URI_NAMES + 1];
    unsigned n;
};

static int64_t stale_since(struct above *up, struct str uri)
{
    while (up->n && !ddf_uri_within(uri, up->level[up->n - 1].uri)) up->n--;
    return up->n ? up->level[up->n - 1].since_ms : INT64_MIN;
}

static void go_below(struct above *up, const struct mirror_node *n, int64_t since_ms)
{
    int64_t above_ms = up->n ? up->level[up->n - 1].since_ms : INT64_MIN;
    if (n->format != DDF_NODE || up->n > DDF_URI_NAMES) return;
    up->level[up->n].uri = n->uri;
    up->level[up->n++].since_ms = since_ms > above_ms ? since_ms : above_ms;
}

/* Apply stale interior nodes to the nodes below them. */
static void inherit(struct mirror *m)
{
    struct above up = { .n = 0 };
    put_in_order(m);
    for (size_t i = 0; i < m->n; i++) {
        struct mirror_node *n = &m->nodes[m->order[i]];
        if (n->row_ms < stale_since(&up, n->uri)) n->known = POL_STALE;
        if (n->row_known == POL_STALE) go_below(&up, n, n->row_ms);
    }
}

bool mirror_add_row(struct mirror *m, struct str uri, uint64_t hash, const struct db_node *x)
{
    struct str value = { 0 };
    struct mirror_node *n = add(m, uri, hash);
    if (!n || !arena_str(m->a, x->value, &value)) return false;
    n->path = x->path;
    n->value = value;
    n->at_ms = x->at_ms;
    n->format = x->format >= 0 && x->format < DDF_FORMAT_COUNT ? (enum ddf_format)x->format : DDF_CHR;
    n->row_known = n->known = x->known == POL_REPORTED       ? POL_REPORTED
                              : x->known == POL_ACKNOWLEDGED ? POL_ACKNOWLEDGED
                                                             : POL_STALE;
    n->row_ms = n->at_ms;
    n->stored = true;
    m->bytes += value.n;
    return true;
}

void mirror_rows_end(struct mirror *m)
{
    inherit(m);
}

static void change_node(struct mirror_node *n, struct dm_changes *c)
{
    const struct db_node row = { .path = n->path,
                                 .format = n->format,
                                 .known = n->known,
                                 .value = n->gone ? (struct str){ 0 } : n->value,
                                 .has_value = n->format != DDF_NODE || n->value.n,
                                 .at_ms = n->at_ms };
    dm_change_node(c, n->gone ? DM_NODE_REMOVE : n->stored ? DM_NODE_SET : DM_NODE_ADD, n->uri, n->hash, &row);
    if (n->gone) n->path = 0; /* the address may have left the dictionary when the node returns */
}

void mirror_changes(struct mirror *m, struct dm_changes *c)
{
    struct above up = { .n = 0 };
    if (!m->changed) return;
    put_in_order(m);
    for (size_t i = 0; i < m->n; i++) {
        struct mirror_node *n = &m->nodes[m->order[i]];
        int64_t since_ms = stale_since(&up, n->uri);
        enum pol_known says = n->row_ms < since_ms ? POL_STALE
                                                   : n->row_known; /* state of the row, with the stale nodes above it */
        if (n->gone ? n->stored : n->changed || !n->stored || says != n->known) {
            change_node(n, c);
            n->stored = !n->gone;
            n->changed = false;
            n->row_known = n->known;
            n->row_ms = n->at_ms;
        }
        if (!n->gone && n->row_known == POL_STALE) go_below(&up, n, n->row_ms);
    }
}

struct mirror_node *mirror_look(const struct mirror *m, struct str uri, uint64_t hash)
{
    for (size_t at = hash & m->mask; m->n && m->slots[at]; at = (at + 1) & m->mask) {
        struct mirror_node *n = &m->nodes[m->slots[at] - 1];
        if (n->hash == hash && str_eq(n->uri, uri)) return n;
    }
    return NULL;
}

struct mirror_node *mirror_at(const struct mirror *m, struct str uri)
{
    struct mirror_node *n = mirror_look(m, uri, str_hash(uri));
    return n && !n->gone ? n : NULL;
}

/* A value that the server wrote may be as large as an object; a value that a device reports may not. */
static bool fits(const struct mirror *m, const struct mirror_node *n, struct str value, enum pol_known known)
{
    const bool ours = known == POL_ACKNOWLEDGED;
    return (n || m->n < MIRROR_NODES) && (ours || value.n <= MIRROR_VALUE_BYTES) &&
           m->bytes + value.n <= (ours ? MIRROR_OURS_BYTES : MIRROR_BYTES);
}

struct mirror_node *mirror_put(struct mirror *m, struct str uri, enum ddf_format format, struct str value,
                               enum pol_known known, int64_t now_ms)
{
    uint64_t hash = str_hash(uri);
    struct mirror_node *n = mirror_look(m, uri, hash);
    bool same = n && !n->gone && str_eq(n->value, value);
    struct str copy = same ? n->value : (struct str){ 0 };
    if (!same) {
        if (!fits(m, n, value, known)) {
            m->full = true;
            return NULL;
        }
        if (!arena_str(m->a, value, &copy)) return NULL;
        m->bytes += copy.n;
    }
    if (!n && !(n = add(m, uri, hash))) return NULL;
    n->changed |= !same || n->gone || n->format != format || !n->stored || (m->keep_times && n->at_ms != now_ms);
    m->changed |= n->changed || n->known != known;
    n->format = format;
    n->value = copy;
    n->known = known;
    n->at_ms = now_ms;
    n->gone = false;
    if (known == POL_REPORTED) n->reported = m->message;
    return n;
}

static void drop_node(struct mirror *m, struct mirror_node *n)
{
    if (n->gone) return;
    n->gone = m->changed = true;
    n->changed = false;
}

void mirror_drop(struct mirror *m, struct str uri)
{
    for (size_t i = 0; i < m->n; i++)
        if (ddf_uri_within(m->nodes[i].uri, uri)) drop_node(m, &m->nodes[i]);
}

void mirror_stale(struct mirror *m, struct str uri, int64_t now_ms)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mirror_node *n = &m->nodes[i];
        if (n->gone || !ddf_uri_within(n->uri, uri)) continue;
        if (n->uri.n == uri.n) { /* stale from now on, for all nodes below */
            n->at_ms = now_ms;
            n->changed = true;
        }
        n->known = POL_STALE;
        m->changed = true;
    }
}

static bool named(struct str names, struct str name)
{
    struct str part;
    while (str_cut(&names, '/', &part))
        if (str_eq(part, name)) return true;
    return false;
}

struct mirror_node *mirror_children(struct mirror *m, struct str uri, struct str names, int64_t now_ms)
{
    for (size_t i = 0; i < m->n; i++) {
        struct str at = m->nodes[i].uri;
        if (m->nodes[i].gone || !ddf_uri_within(at, uri) || at.n <= uri.n) continue;
        struct str below = str_slice(at, uri.n + 1, at.n);
        if (!named(names, str_slice(below, 0, str_find(below, '/', 0)))) drop_node(m, &m->nodes[i]);
    }
    return mirror_put(m, uri, DDF_NODE, names, POL_REPORTED, now_ms);
}

/* Never reported by a device: credentials of downloads, for example. */
static bool unreadable(const struct ddf_schema *s, struct str uri)
{
    const struct ddf_node *n = ddf_schema_find(s, uri);
    return n && n->format != DDF_NODE && !(n->access & DDF_GET);
}

void mirror_sweep(struct mirror *m, struct str uri, int64_t first_ms, const struct ddf_schema *s)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mirror_node *n = &m->nodes[i];
        if (!n->gone && n->reported != m->message && n->at_ms < first_ms && ddf_uri_within(n->uri, uri) &&
            !unreadable(s, n->uri))
            drop_node(m, n);
    }
}

enum rc mirror_nodes(struct mirror *m, struct arena *a, struct pol_mirror_node **out, size_t *n, struct err *e)
{
    struct pol_mirror_node *list = ARENA_ARRAY(a, struct pol_mirror_node, m->n + 1);
    size_t k = 0;
    if (!list) return err_set(e, RC_NOMEM, "no memory for the mirror of a device");
    put_in_order(m);
    for (size_t i = 0; i < m->n; i++) {
        const struct mirror_node *x = &m->nodes[m->order[i]];
        if (x->gone) continue;
        list[k++] = (struct pol_mirror_node){ x->uri, str_of(ddf_format_name(x->format)), x->value, x->known,
                                              x->at_ms };
    }
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc mirror_token(struct mirror *m, struct arena *a, const struct ddf_schema *s, const struct ddf_layout *l,
                     struct str server_id, char hex[SHA256_HEX_BYTES], struct err *e)
{
    struct ddf_leaf *leaves = ARENA_ARRAY(a, struct ddf_leaf, m->n + 1);
    size_t k = 0;
    if (!leaves) return err_set(e, RC_NOMEM, "no memory for a state token");
    put_in_order(m);
    for (size_t i = 0; i < m->n; i++) {
        const struct mirror_node *x = &m->nodes[m->order[i]];
        if (!x->gone && x->format != DDF_NODE) leaves[k++] = (struct ddf_leaf){ x->uri, x->value };
    }
    return ddf_state_token(s, l, server_id, leaves, k, hex, e);
}
