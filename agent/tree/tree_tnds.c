/* SPDX-License-Identifier: Apache-2.0 */
/* Subtrees as documents (ddf-tnds.md 4): Get ?list=TNDS, and Add and Replace of a document, all or nothing. */
#include "agent/tree/tree_int.h"
#include "base/text.h"
#include "ddf/tnds/tnds.h"

/* ---- reading ---- */

struct lister {
    struct tree *t;
    struct str server;
    struct arena *a;
    struct ddf_tnds doc;
    size_t n;
    bool versions, full;
};

static void describe(struct lister *l, const struct tree_at *at, struct ddf_tnds_node *to)
{
    const struct record *rec = tree_store_get(tree_records(l->t), at->uri);
    struct tree_version version;
    int status;

    to->format = at->node->format;
    to->type = tree_type_of(l->t, at);
    to->acl = tree_acl(l->t, at->uri);
    to->title = rec && rec->title.n ? rec->title : at->node->title;
    to->has = DDF_TNDS_FORMAT | DDF_TNDS_TYPE | (to->acl.n ? DDF_TNDS_ACL : 0) | (to->title.n ? DDF_TNDS_TITLE : 0);
    if (tree_is_leaf(at->node) && at->node->format != DDF_NULL) {
        to->value = tree_value_of(l->t, at, l->a);
        to->has |= DDF_TNDS_VALUE;
    }
    if (!l->versions) return;
    status = tree_version(l->t, at, l->a, &version);
    l->full |= status == 500;
    if (status != 200) return;
    to->tstamp = version.tstamp;
    to->verno = version.verno;
    to->has |= DDF_TNDS_TSTAMP | DDF_TNDS_VERNO;
}

/* Without nodes that this server may not read, and everything below them. */
static void list(struct lister *l, const struct tree_at *at, struct ddf_tnds_node *parent)
{
    struct tree_names names = { l->a, NULL, 0, false };
    struct ddf_tnds_node *mine;

    if (!(at->node->access & DDF_GET) || !tree_allowed(l->t, l->server, DDF_GET, at->uri)) return;
    mine = l->n++ < DDF_TNDS_NODES ? ddf_tnds_append(&l->doc, parent, ddf_uri_name(at->uri), l->a) : NULL;
    if (!mine) {
        l->full = true;
        return;
    }
    describe(l, at, mine);
    if (tree_is_leaf(at->node)) return;
    if (!tree_children(l->t, at, &names)) l->full = true;
    for (size_t i = 0; i < names.n && !l->full; i++) {
        struct str uri = ddf_uri_join(l->a, at->uri, names.list[i]);
        struct tree_at child;
        if (!uri.n)
            l->full = true;
        else if (tree_step(l->t, at, names.list[i], uri, &child))
            list(l, &child, mine);
    }
}

int tree_get_document(struct tree *t, struct str server, const struct tree_at *at, struct str arg, struct arena *a,
                      struct tree_leaf *out)
{
    struct lister l = { .t = t, .server = server, .a = a };
    unsigned properties;
    struct buf b;
    enum rc rc;

    if (ddf_tnds_select(arg, &properties, NULL)) return 406;
    l.versions = properties & (DDF_TNDS_TSTAMP | DDF_TNDS_VERNO);
    list(&l, at, NULL);
    if (l.full) return 413;
    *out = (struct tree_leaf){ .uri = at->uri, .format = DDF_XML, .type = STR(DDF_TNDS_XML), .has_data = true };
    buf_init(&b, DDF_TNDS_BYTES);
    rc = ddf_tnds_write_xml(&l.doc, properties, &b, NULL);
    if (rc == RC_INVALID) { /* a value that XML cannot hold */
        buf_reset(&b);
        out->format = DDF_BIN;
        out->type = STR(DDF_TNDS_WBXML);
        rc = ddf_tnds_write_wbxml(&l.doc, properties, &b, NULL);
    }
    if (!rc && !buf_ok(&b)) rc = RC_LIMIT;
    if (!rc && !arena_str(a, buf_str(&b), &out->data)) rc = RC_NOMEM;
    buf_finish(&b);
    return rc == RC_OK ? 200 : rc == RC_LIMIT ? 413 : 500;
}

/* ---- writing ---- */

struct planting {
    struct tree *t;
    struct str server;
    struct arena *a;
    struct ddf_tnds_item *items;
    size_t n;
    bool replace;
};

static struct str format_of(const struct ddf_tnds_node *n)
{
    return n->has & DDF_TNDS_FORMAT || n->format == DDF_NODE ? str_of(ddf_format_name(n->format)) : (struct str){ 0 };
}

static bool is_leaf(const struct ddf_tnds_node *n)
{
    return !n->first && n->format != DDF_NODE;
}

static bool same_format(const struct ddf_tnds_node *n, const struct ddf_node *d)
{
    return !(n->has & DDF_TNDS_FORMAT) || n->format == d->format || (n->format == DDF_B64 && d->format == DDF_BIN);
}

static int change(struct planting *p, const struct ddf_tnds_item *i, struct tree_at *at)
{
    const struct ddf_tnds_node *n = i->node;
    struct str now;

    if (is_leaf(n) != tree_is_leaf(at->node)) return 415;
    if (!is_leaf(n) || !(n->has & DDF_TNDS_VALUE)) return 200;
    if (same_format(n, at->node) && at->node->access & DDF_GET && tree_value(p->t, i->uri, p->a, &now) &&
        str_eq(now, n->value))
        return 200; /* no change, so no right is needed */
    return tree_replace(p->t, p->server, i->uri, format_of(n), n->type, n->value, true, p->a);
}

static int property(struct planting *p, const struct ddf_tnds_item *i, const char *name, struct str value,
                    struct str now)
{
    struct str uri = arena_printf(p->a, "%.*s?prop=%s", STR_ARG(i->uri), name);

    if (str_eq(value, now)) return 200;
    return uri.n ? tree_replace(p->t, p->server, uri, (struct str){ 0 }, (struct str){ 0 }, value, true, p->a) : 500;
}

/* by the rules for a Replace of the property. TStamp and VerNo of a document are ignored: they belong to the
 * tree it was read from, and this tree keeps its own. */
static int properties(struct planting *p, const struct ddf_tnds_item *i, const struct tree_at *at)
{
    const struct record *rec = tree_store_get(tree_records(p->t), i->uri);
    int status = 200;

    if (i->node->has & DDF_TNDS_TITLE)
        status = property(p, i, "Title", i->node->title, rec && rec->title.n ? rec->title : at->node->title);
    if (status == 200 && i->node->has & DDF_TNDS_ACL)
        status = property(p, i, "ACL", i->node->acl, tree_acl(p->t, i->uri));
    return status;
}

/* Write one node of the document. Below a new node, the required children (c.1) exist already. */
static int plant(struct planting *p, const struct ddf_tnds_item *i)
{
    const struct ddf_tnds_node *n = i->node;
    struct str kept = { 0 };
    struct tree_at at;
    int status;

    if (is_leaf(n) && ddf_tnds_is(n->type)) return 415; /* a document in a document */
    if (tree_find(p->t, i->uri, p->a, &at))
        status = !n->parent && !p->replace ? 418 : change(p, i, &at);
    else if (!n->parent && p->replace)
        status = 404; /* C-105: Replace never creates the target */
    else
        status = tree_add(p->t, p->server, i->uri, is_leaf(n) ? format_of(n) : STR("node"), is_leaf(n) ? n->type : kept,
                          n->value, is_leaf(n) && n->has & DDF_TNDS_VALUE, p->a);
    if (status == 200 && n->has & (DDF_TNDS_TITLE | DDF_TNDS_ACL))
        status = tree_find(p->t, i->uri, p->a, &at) ? properties(p, i, &at) : 500;
    return status;
}

/* nodes that the document lacks are removed. Those that no server may delete stay, because they exist with
 * their parent. */
static int weed(struct planting *p, const struct ddf_tnds_item *i)
{
    struct tree_names names = { p->a, NULL, 0, false };
    struct tree_at at, child;

    if (is_leaf(i->node)) return 200;
    if (!tree_find(p->t, i->uri, p->a, &at) || !tree_children(p->t, &at, &names)) return 500;
    for (size_t k = 0; k < names.n; k++) {
        struct str uri = ddf_uri_join(p->a, at.uri, names.list[k]);
        if (ddf_tnds_child(i->node, names.list[k])) continue;
        if (!uri.n) return 500;
        if (!tree_step(p->t, &at, names.list[k], uri, &child) || child.node->permanent ||
            !(child.node->access & DDF_DELETE))
            continue;
        int status = tree_delete(p->t, p->server, uri, p->a);
        if (status != 200) return status;
    }
    return 200;
}

static int read_document(struct planting *p, struct str uri, struct str type, struct str format, struct str data)
{
    struct ddf_tnds doc;
    struct tree_at parent;
    enum ddf_format f;
    struct str base, up;
    enum rc rc;

    if (ddf_uri_canonical(uri, p->a, &base, NULL)) return 400;
    /* in an XML message the octets of a +wbxml document are base64 */
    if (ddf_format_of(format, &f) && (f == DDF_B64 || f == DDF_BIN) && data.n && (unsigned char)data.p[0] >= 0x20 &&
        data.p[0] != '<' && text_b64_decode(data, p->a, &data))
        return 400;
    rc = ddf_tnds_parse(type, data, p->a, &doc, NULL);
    up = ddf_uri_parent(base);
    if (!rc)
        rc = ddf_tnds_flatten(&doc, base, DDF_TNDS_AUTO, up.n && tree_find(p->t, up, p->a, &parent), p->a, &p->items,
                              &p->n, NULL);
    return rc == RC_OK ? 200 : rc == RC_UNSUPPORTED ? 415 : rc == RC_NOMEM ? 500 : rc == RC_LIMIT ? 413 : 400;
}

int tree_put_document(struct tree *t, struct str server, struct str uri, struct str type, struct str format,
                      struct str data, bool replace, struct arena *a)
{
    struct planting p = { .t = t, .server = server, .a = a, .replace = replace };
    size_t mark = tree_mark(t);
    int status = read_document(&p, uri, type, format, data);

    for (size_t i = 0; status == 200 && i < p.n; i++) status = plant(&p, &p.items[i]);
    for (size_t i = 0; replace && status == 200 && i < p.n; i++) status = weed(&p, &p.items[i]);
    if (status != 200) tree_rollback(t, mark);
    return status;
}
