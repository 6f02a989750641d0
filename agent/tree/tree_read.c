/* SPDX-License-Identifier: Apache-2.0 */
/* Get: values, child lists, properties, whole subtrees. */
#include "agent/tree/tree_int.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

enum { READ_MAX = 20000 };

struct tree_reading {
    struct tree *t;
    struct str server;
    struct arena *a;
    bool data, all_leaves;
    struct tree_leaf *list;
    size_t n, cap;
    bool full;
};

static struct tree_leaf *push(struct tree_reading *r)
{
    if (r->n == r->cap) {
        size_t want = r->cap ? r->cap * 2 : 32;
        struct tree_leaf *list = want <= READ_MAX * 2 ? ARENA_ARRAY(r->a, struct tree_leaf, want) : NULL;
        if (!list) {
            r->full = true;
            return NULL;
        }
        if (r->n) memcpy(list, r->list, r->n * sizeof *list);
        r->list = list;
        r->cap = want;
    }
    return &r->list[r->n++];
}

static int one(struct tree *t, struct arena *a, const struct tree_at *at, struct tree_leaf *out)
{
    struct tree_names names = { a, NULL, 0, false };
    struct buf b;

    *out = (struct tree_leaf){ .uri = at->uri, .format = at->node->format, .has_data = true };
    if (tree_is_leaf(at->node)) {
        out->type = tree_type_of(t, at);
        out->data = tree_value_of(t, at, a);
        return 200;
    }
    /* C-103: names joined by '/'; no children give empty Data and status 200 */
    if (!tree_children(t, at, &names)) return 500;
    out->type = STR("text/plain");
    buf_init(&b, 0);
    for (size_t i = 0; i < names.n; i++) {
        if (i) buf_byte(&b, '/');
        buf_put(&b, names.list[i]);
    }
    if (!buf_ok(&b) || !arena_str(a, buf_str(&b), &out->data)) {
        buf_finish(&b);
        return 500;
    }
    buf_finish(&b);
    return 200;
}

/* List the subtree in depth-first order, without the nodes that this server may not read (C-115). */
static void walk(struct tree_reading *r, const struct tree_at *at)
{
    struct tree_names names = { r->a, NULL, 0, false };
    struct tree_leaf *leaf;
    bool leafy = tree_is_leaf(at->node),
         readable = at->node->access & DDF_GET && tree_allowed(r->t, r->server, DDF_GET, at->uri);

    if (readable && (leafy || !r->all_leaves)) {
        leaf = push(r);
        if (!leaf) return;
        *leaf = (struct tree_leaf){ .uri = at->uri, .format = at->node->format, .type = tree_type_of(r->t, at) };
        leaf->has_data = leafy && r->data;
        if (leaf->has_data) leaf->data = tree_value_of(r->t, at, r->a);
    }
    if (leafy || r->full) return;
    if (!tree_children(r->t, at, &names)) {
        r->full = true;
        return;
    }
    for (size_t i = 0; i < names.n && !r->full; i++) {
        struct str uri = ddf_uri_join(r->a, at->uri, names.list[i]);
        struct tree_at child;
        if (!uri.n)
            r->full = true;
        else if (tree_step(r->t, at, names.list[i], uri, &child))
            walk(r, &child);
    }
}

/* protocol.md 11.1 */
static int property(struct tree *t, const struct tree_at *at, struct str name, struct arena *a, struct str *out)
{
    const struct record *rec = tree_store_get(tree_records(t), at->uri);
    struct tree_version version;
    int status;

    if (str_is(name, "TStamp") || str_is(name, "VerNo")) {
        status = tree_version(t, at, a, &version);
        if (status == 200) *out = str_is(name, "TStamp") ? version.tstamp : version.verno;
        return status;
    }
    if (str_is(name, "ACL"))
        *out = tree_acl(t, at->uri); /* C-110: its own ACL, never the inherited one */
    else if (str_is(name, "Format"))
        *out = str_of(ddf_format_name(at->node->format));
    else if (str_is(name, "Name"))
        *out = ddf_uri_name(at->uri);
    else if (str_is(name, "Type"))
        *out = tree_type_of(t, at);
    else if (str_is(name, "Title"))
        *out = rec && rec->title.n ? rec->title : at->node->title;
    else if (str_is(name, "Size") && tree_is_leaf(at->node)) /* interior nodes must not have it */
        *out = arena_printf(a, "%zu", tree_value_of(t, at, a).n);
    else
        return 406;
    return 200;
}

/* Copy what was read: later commands of the same message change the records and accounts that the values are
 * borrowed from. */
static bool own(struct tree_reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct tree_leaf *l = &r->list[i];
        const struct tree_leaf lent = *l;
        if (!arena_str(r->a, lent.uri, &l->uri) || !arena_str(r->a, lent.type, &l->type) ||
            !arena_str(r->a, lent.data, &l->data))
            return false;
    }
    return true;
}

int tree_get(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n)
{
    struct tree_reading r = { .t = t, .server = server, .a = a };
    enum ddf_query query;
    struct str base, arg;
    struct tree_path p;
    struct tree_at at;
    unsigned depth;
    int status;

    if (ddf_uri_split_query(uri, &base, &query, &arg, NULL)) return 406;
    status = tree_path(base, a, &p);
    if (status != 200) return status;
    tree_walk(t, &p, a, &at, &depth);
    if (depth < p.names.depth) return 404;
    if (query != DDF_QUERY_PROP && !(at.node->access & DDF_GET)) return 405;
    if (!tree_allowed(t, server, DDF_GET, at.uri)) return 425;
    if (query == DDF_QUERY_STRUCT || query == DDF_QUERY_STRUCT_DATA) {
        r.data = query == DDF_QUERY_STRUCT_DATA;
        walk(&r, &at);
        if (r.full) return 413;
    } else {
        struct tree_leaf *leaf = push(&r);
        if (!leaf) return 500;
        if (query == DDF_QUERY_PROP) {
            *leaf = (struct tree_leaf){ .uri = arena_printf(a, "%.*s?prop=%.*s", STR_ARG(at.uri), STR_ARG(arg)),
                                        .format = DDF_CHR,
                                        .type = STR("text/plain"),
                                        .has_data = true };
            status = property(t, &at, arg, a, &leaf->data);
        } else if (query == DDF_QUERY_TNDS) {
            status = tree_get_document(t, server, &at, arg, a, leaf);
        } else {
            status = one(t, a, &at, leaf);
        }
    }
    if (status == 200 && !own(&r)) status = 413;
    if (status == 200) {
        *out = r.list;
        *n = r.n;
    }
    return status;
}

static int by_uri(const void *a, const void *b)
{
    return str_cmp(((const struct tree_leaf *)a)->uri, ((const struct tree_leaf *)b)->uri);
}

bool tree_leaves(struct tree *t, struct str server, struct str uri, struct arena *a, struct tree_leaf **out, size_t *n)
{
    struct tree_reading r = { .t = t, .server = server, .a = a, .data = true, .all_leaves = true };
    struct tree_at at;

    if (tree_find(t, uri, a, &at)) walk(&r, &at);
    if (r.full) return false;
    if (r.n) qsort(r.list, r.n, sizeof r.list[0], by_uri);
    *out = r.list;
    *n = r.n;
    return true;
}
