#include "server/mirror.h"
#include "db/dm.h"
#include "ddf/token.h"
#include "ddf/uri.h"
#include <stdlib.h>
#include <string.h>

void mirror_init(struct mirror *m, struct arena *a) { *m = (struct mirror){ .a = a }; }

static void place(struct mirror *m, size_t i)
{
    size_t at = str_hash(m->nodes[i].uri) & m->mask;
    while (m->slots[at]) at = (at + 1) & m->mask;
    m->slots[at] = (uint32_t)i + 1;
}

static bool grow(struct mirror *m)
{
    size_t cap = m->cap ? m->cap * 2 : 256;
    struct mirror_node *nodes = ARENA_ARRAY(m->a, struct mirror_node, cap);
    uint32_t *slots = ARENA_ARRAY(m->a, uint32_t, cap * 2);
    if (!nodes || !slots) return false;
    if (m->n) memcpy(nodes, m->nodes, m->n * sizeof *nodes);
    m->nodes = nodes;
    m->slots = slots;
    m->cap = cap;
    m->mask = cap * 2 - 1;
    for (size_t i = 0; i < m->n; i++) place(m, i);
    return true;
}

static struct mirror_node *add(struct mirror *m, struct str uri)
{
    if (m->n == m->cap && !grow(m)) return NULL;
    m->nodes[m->n] = (struct mirror_node){ .uri = uri };
    place(m, m->n);
    return &m->nodes[m->n++];
}

enum rc mirror_load(struct mirror *m, struct sql *db, struct paths *paths, int64_t device, struct err *e)
{
    struct sql_rows *r = NULL;
    enum rc rc = sql_start(db, DM_STMT(NODES), SQL_ARGS({ "device_id", SQL_I(device) }), &r, e);
    while (!rc && (rc = sql_step(r, e)) == RC_OK) {
        struct str uri, value = { 0 };
        struct mirror_node *n = NULL;
        int64_t path = sql_int(r, 0), format = sql_int(r, 1), known = sql_int(r, 2);
        rc = paths_uri(paths, path, &uri, e);
        if (rc == RC_NOT_FOUND) rc = RC_INTERNAL;       /* a foreign key forbids it */
        if (rc) break;
        if (!(n = add(m, uri)) || !arena_str(m->a, sql_text(r, 3), &value)) {
            rc = err_set(e, RC_NOMEM, "no memory for the mirror of a device");
            break;
        }
        n->path = path;
        n->value = value;
        n->at_ms = sql_int(r, 4);
        n->format = format >= 0 && format < DDF_FORMAT_COUNT ? (enum ddf_format)format : DDF_CHR;
        n->known = known == POL_REPORTED ? POL_REPORTED : known == POL_ACKNOWLEDGED ? POL_ACKNOWLEDGED : POL_STALE;
        n->stored = true;
        m->bytes += value.n;
    }
    sql_end(r);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc write_node(struct mirror_node *n, struct sql *db, struct paths *paths, int64_t device, struct err *e)
{
    enum rc rc = n->path ? RC_OK : paths_id(paths, n->uri, &n->path, e);
    if (rc) return rc;
    if (n->gone)
        return sql_run(db, DM_STMT(NODE_DROP), SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(n->path) }), NULL, e);
    return sql_run(db, DM_STMT(NODE_PUT),
                   SQL_ARGS({ "device_id", SQL_I(device) }, { "path_id", SQL_I(n->path) }, { "format", SQL_I(n->format) },
                            { "known", SQL_I(n->known) },
                            { "value", n->format == DDF_NODE && !n->value.n ? SQL_N : SQL_T(n->value) },
                            { "at_ms", SQL_I(n->at_ms) }), NULL, e);
}

enum rc mirror_write(struct mirror *m, struct sql *db, struct paths *paths, int64_t device, struct err *e)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; !rc && i < m->n; i++) {
        struct mirror_node *n = &m->nodes[i];
        if (n->gone ? !n->stored : !n->changed) continue;
        rc = write_node(n, db, paths, device, e);
        n->stored = !n->gone;
        n->changed = false;
    }
    return rc;
}

static struct mirror_node *look(const struct mirror *m, struct str uri)
{
    for (size_t at = str_hash(uri) & m->mask; m->n && m->slots[at]; at = (at + 1) & m->mask)
        if (str_eq(m->nodes[m->slots[at] - 1].uri, uri)) return &m->nodes[m->slots[at] - 1];
    return NULL;
}

struct mirror_node *mirror_at(const struct mirror *m, struct str uri)
{
    struct mirror_node *n = look(m, uri);
    return n && !n->gone ? n : NULL;
}

struct mirror_node *mirror_put(struct mirror *m, struct str uri, enum ddf_format format, struct str value, enum pol_known known, int64_t now_ms)
{
    struct mirror_node *n = look(m, uri);
    bool same = n && !n->gone && str_eq(n->value, value);
    struct str copy = same ? n->value : (struct str){ 0 };
    if (!same) {
        if (value.n > MIRROR_VALUE_BYTES || m->bytes + value.n > MIRROR_BYTES || (!n && m->n >= MIRROR_NODES)) {
            m->full = true;
            return NULL;
        }
        if (!arena_str(m->a, value, &copy)) return NULL;
        m->bytes += copy.n;
    }
    if (!n) {
        struct str name;
        if (!arena_str(m->a, uri, &name) || !(n = add(m, name))) return NULL;
    }
    n->changed |= !same || n->gone || n->format != format || n->known != known || n->at_ms != now_ms || !n->stored;
    n->format = format;
    n->value = copy;
    n->known = known;
    n->at_ms = now_ms;
    n->gone = false;
    n->reported |= known == POL_REPORTED;
    m->changed |= n->changed;
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

static void stale(struct mirror *m, struct mirror_node *n)
{
    if (n->gone || n->known == POL_STALE) return;
    n->known = POL_STALE;
    n->changed = m->changed = true;
}

void mirror_stale(struct mirror *m, struct str uri)
{
    for (size_t i = 0; i < m->n; i++)
        if (ddf_uri_within(m->nodes[i].uri, uri)) stale(m, &m->nodes[i]);
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

/* Never told by a device: credentials of downloads and the like. */
static bool unreadable(const struct ddf_schema *s, struct str uri)
{
    const struct ddf_node *n = ddf_schema_find(s, uri);
    return n && n->format != DDF_NODE && !(n->access & DDF_GET);
}

void mirror_sweep(struct mirror *m, struct str uri, int64_t first_ms, const struct ddf_schema *s)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mirror_node *n = &m->nodes[i];
        if (!n->gone && !n->reported && n->at_ms < first_ms && ddf_uri_within(n->uri, uri) && !unreadable(s, n->uri)) drop_node(m, n);
    }
}

static int by_uri(const void *a, const void *b)
{
    const struct pol_mirror_node *x = a, *y = b;
    return str_cmp(x->uri, y->uri);
}

enum rc mirror_nodes(const struct mirror *m, struct pol_mirror_node **out, size_t *n, struct err *e)
{
    struct pol_mirror_node *list = ARENA_ARRAY(m->a, struct pol_mirror_node, m->n + 1);
    size_t k = 0;
    if (!list) return err_set(e, RC_NOMEM, "no memory for the mirror of a device");
    for (size_t i = 0; i < m->n; i++) {
        const struct mirror_node *x = &m->nodes[i];
        if (x->gone) continue;
        list[k++] = (struct pol_mirror_node){ x->uri, str_of(ddf_format_name(x->format)), x->value, x->known, x->at_ms };
    }
    qsort(list, k, sizeof *list, by_uri);
    *out = list;
    *n = k;
    return RC_OK;
}

enum rc mirror_token(const struct mirror *m, const struct ddf_schema *s, const struct ddf_layout *l, struct str server_id,
                     char hex[SHA256_HEX_BYTES], struct err *e)
{
    struct pol_mirror_node *nodes = NULL;
    struct ddf_leaf *leaves = NULL;
    size_t n = 0, k = 0;
    enum rc rc = mirror_nodes(m, &nodes, &n, e);
    if (rc) return rc;
    leaves = ARENA_ARRAY(m->a, struct ddf_leaf, n + 1);
    if (!leaves) return err_set(e, RC_NOMEM, "no memory for a state token");
    for (size_t i = 0; i < n; i++)
        if (!str_is(nodes[i].format, "node")) leaves[k++] = (struct ddf_leaf){ nodes[i].uri, nodes[i].value };
    return ddf_state_token(s, l, server_id, leaves, k, hex, e);
}
