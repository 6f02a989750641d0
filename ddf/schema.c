/* SPDX-License-Identifier: Apache-2.0 */
/* The described tree: merges documents into one tree, and looks nodes up. */
#include "base/buf.h"
#include "ddf/schema_int.h"
#include "ddf/uri.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Large enough for a document of DDF_BYTES with DDF_NODES nodes. */
enum { DOC_ARENA_BYTES = 192 << 20 };

/* From this number of children on they are found by a table of their names: merging large documents stays linear. */
enum { INDEX_FROM = 16 };

struct ddf_schema *ddf_schema_create(void)
{
    struct ddf_schema *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->root.described = true;
    s->root.pub = (struct ddf_node){ .name = STR("."),
                                     .access = DDF_GET | DDF_ADD,
                                     .format = DDF_NODE,
                                     .min_occurs = 1,
                                     .max_occurs = 1,
                                     .permanent = true };
    return s;
}

static void destroy_doc(struct schema_doc *d)
{
    arena_finish(&d->a);
    free(d);
}

void ddf_schema_destroy(struct ddf_schema *s)
{
    if (!s) return;
    for (struct schema_doc *d = s->docs, *next; d; d = next) {
        next = d->next;
        destroy_doc(d);
    }
    free(s);
}

static struct schema_node **slot_of(const struct schema_node *parent, struct str name)
{
    uint64_t at = str_hash(name);
    while (parent->index[at & parent->index_mask] && !str_eq(parent->index[at & parent->index_mask]->pub.name, name))
        at++;
    return &parent->index[at & parent->index_mask];
}

/* Build a table at most half full. Without memory for it, lookups search the list. */
static void index_children(struct arena *a, struct schema_node *parent)
{
    size_t room = 4 * INDEX_FROM;
    while (room < 4 * (size_t)parent->n_children) room *= 2;
    parent->index = ARENA_ARRAY(a, struct schema_node *, room);
    parent->index_mask = (unsigned)(room - 1);
    for (struct schema_node *c = parent->index ? parent->first : NULL; c; c = c->next)
        *slot_of(parent, c->pub.name) = c;
}

struct schema_node *schema_child(struct schema_node *parent, struct str name)
{
    struct schema_node *c = parent->first;
    if (parent->index) return *slot_of(parent, name);
    while (c && !str_eq(c->pub.name, name)) c = c->next;
    return c;
}

/* The later document's description of a node replaces the earlier one; links are kept. */
static void describe(struct schema_node *old, const struct schema_node *new)
{
    struct ddf_node fresh = new->pub;
    if (!new->described) return;
    fresh.name = old->pub.name;
    fresh.parent = old->pub.parent;
    fresh.first = old->pub.first;
    fresh.next = old->pub.next;
    old->pub = fresh;
    old->described = true;
}

static void append(struct arena *a, struct schema_node *parent, struct schema_node *n)
{
    n->parent = parent;
    n->next = NULL;
    n->pub.parent = &parent->pub;
    n->pub.next = NULL;
    if (parent->last) {
        parent->last->next = n;
        parent->last->pub.next = &n->pub;
    } else {
        parent->first = n;
        parent->pub.first = &n->pub;
    }
    parent->last = n;
    parent->n_children++;
    if (parent->index && 2 * parent->n_children <= parent->index_mask)
        *slot_of(parent, n->pub.name) = n;
    else if (parent->n_children >= INDEX_FROM)
        index_children(a, parent);
}

struct schema_node *schema_attach(struct arena *a, struct schema_node *parent, struct schema_node *n)
{
    struct schema_node *old = schema_child(parent, n->pub.name);
    if (!old) {
        if (parent->n_children >= DDF_CHILDREN) return NULL;
        append(a, parent, n);
        return n;
    }
    describe(old, n);
    for (struct schema_node *c = n->first, *next; c; c = next) {
        next = c->next;
        if (!schema_attach(a, old, c)) return NULL;
    }
    return old;
}

/* Would the united children of `n` and `old` stay within DDF_CHILDREN everywhere? Checked first, so that a failure
 * changes nothing. */
static bool fits(struct schema_node *old, const struct schema_node *n)
{
    size_t more = 0;
    for (struct schema_node *c = n->first; c; c = c->next) {
        struct schema_node *twin = schema_child(old, c->pub.name);
        more += twin == NULL;
        if (twin && !fits(twin, c)) return false;
    }
    return old->n_children + more <= DDF_CHILDREN;
}

static enum rc load(struct ddf_schema *s, struct str text, const char *name, struct str document, struct err *e)
{
    struct schema_doc *d = calloc(1, sizeof *d);
    enum rc rc;
    if (!d) return err_at(e, RC_NOMEM, name, 0, 0, "no memory left to read it");
    arena_init(&d->a, DOC_ARENA_BYTES);
    rc = schema_read(text, name, document, d, e);
    if (!rc && (s->n_nodes + d->n_nodes > DDF_NODES || !fits(&s->root, d->root)))
        rc = err_at(e, RC_LIMIT, name, 0, 0,
                    "together with what is loaded it describes too many nodes (%d in all, %d in one)", DDF_NODES,
                    DDF_CHILDREN);
    if (rc) {
        destroy_doc(d);
        return rc;
    }
    describe(&s->root, d->root);
    s->root.pub.name = STR(".");
    for (struct schema_node *c = d->root->first, *next; c; c = next) {
        next = c->next;
        schema_attach(&d->a, &s->root, c);
    }
    s->n_nodes += d->n_nodes;
    d->next = s->docs;
    s->docs = d;
    return RC_OK;
}

enum rc ddf_schema_load(struct ddf_schema *s, struct str text, const char *name, struct err *e)
{
    return load(s, text, name, str_of(name), e);
}

/* Out of its parent's children. */
static void detach(struct arena *a, struct schema_node *n)
{
    struct schema_node *parent = n->parent, **at = &parent->first, *before = NULL;
    while (*at != n) {
        before = *at;
        at = &before->next;
    }
    *at = n->next;
    if (before)
        before->pub.next = n->pub.next;
    else
        parent->pub.first = n->pub.next;
    if (parent->last == n) parent->last = before;
    parent->n_children--;
    parent->index = NULL;
    if (parent->n_children >= INDEX_FROM) index_children(a, parent);
    n->next = NULL;
}

static struct schema_node *described_at(struct ddf_schema *s, const struct ddf_uri *u)
{
    struct schema_node *n = &s->root;
    for (unsigned i = 0; n && i < u->depth; i++) n = schema_child(n, u->name[i]);
    return n;
}

/* The nodes of `to` above its last, each with the next as its only child. */
static struct schema_node *way_to(const struct ddf_uri *to, struct schema_node *last, struct arena *a)
{
    struct schema_node *child = last;
    for (unsigned i = to->depth - 1; i-- > 0;) {
        struct schema_node *n = ARENA_NEW(a, struct schema_node);
        if (!n || !arena_str(a, to->name[i], &n->pub.name)) return NULL;
        n->pub.access = DDF_GET;
        n->pub.format = DDF_NODE;
        n->pub.min_occurs = n->pub.max_occurs = 1;
        n->pub.permanent = true;
        n->pub.document = last->pub.document;
        append(a, n, child);
        child = n;
    }
    return child;
}

static enum rc move(struct ddf_schema *s, struct schema_node *n, const struct ddf_uri *to, struct schema_doc *d,
                    struct err *e)
{
    struct schema_node all = { 0 };
    detach(&d->a, n);
    struct schema_node *top = arena_str(&d->a, to->name[to->depth - 1], &n->pub.name) ? way_to(to, n, &d->a) : NULL;
    if (!top) return err_set(e, RC_NOMEM, "no memory for device descriptions");
    append(&d->a, &all, top);
    if (!fits(&s->root, &all)) return err_set(e, RC_LIMIT, "more than %d nodes below one", DDF_CHILDREN);
    schema_attach(&d->a, &s->root, top);
    return RC_OK;
}

enum rc ddf_schema_move(struct ddf_schema *s, struct str from, struct str to, struct err *e)
{
    struct ddf_uri u, v;
    enum rc rc = ddf_uri_parse(from, &u, e);
    if (!rc) rc = ddf_uri_parse(to, &v, e);
    if (rc) return rc;
    if (!u.depth || !v.depth || ddf_uri_within(from, to) || ddf_uri_within(to, from))
        return err_set(e, RC_INVALID, "what is described at %.*s cannot be moved to %.*s", STR_ARG(from), STR_ARG(to));
    struct schema_node *n = described_at(s, &u);
    if (!n) return RC_OK;
    struct schema_doc *d = calloc(1, sizeof *d);
    if (!d) return err_set(e, RC_NOMEM, "no memory for device descriptions");
    arena_init(&d->a, DOC_ARENA_BYTES);
    d->next = s->docs;
    s->docs = d;
    return move(s, n, &v, d, e);
}

size_t ddf_schema_bytes(const struct ddf_schema *s)
{
    size_t n = sizeof *s;
    for (const struct schema_doc *d = s->docs; d; d = d->next) n += sizeof *d + d->a.used;
    return n;
}

/* "/usr/share/dmvisor/ddf/mo/devinfo.ddf" -> "devinfo" */
static struct str base_name(const char *file)
{
    struct str s = str_of(file);
    size_t from = s.n, to = s.n;
    while (from && s.p[from - 1] != '/') from--;
    for (size_t i = from + 1; i < s.n; i++)
        if (s.p[i] == '.') to = i;
    return str_slice(s, from, to);
}

enum rc ddf_schema_load_file(struct ddf_schema *s, const char *file, struct err *e)
{
    FILE *f = fopen(file, "rb");
    struct buf b;
    enum rc rc = RC_OK;
    char block[16384];
    size_t n;
    if (!f) return err_at(e, RC_IO, file, 0, 0, "cannot be opened: does it exist, and is it readable?");
    buf_init(&b, DDF_BYTES + 1);
    while ((n = fread(block, 1, sizeof block, f)) > 0 && buf_ok(&b)) buf_put(&b, (struct str){ block, n });
    if (ferror(f))
        rc = err_at(e, RC_IO, file, 0, 0, "cannot be read");
    else if (!buf_ok(&b))
        rc = err_at(e, b.failed, file, 0, 0, "is larger than %d bytes", DDF_BYTES);
    fclose(f);
    if (!rc) rc = load(s, buf_str(&b), file, base_name(file), e);
    buf_finish(&b);
    return rc;
}

/* ddf-tnds.md 5: the exact name first, then names whose case does not matter, then an un-named child. */
const struct ddf_node *ddf_node_child(const struct ddf_node *n, struct str name)
{
    const struct ddf_node *any = NULL, *folded = NULL;
    for (const struct ddf_node *c = n->first; c; c = c->next) {
        if (c->name.n && str_eq(c->name, name)) return c;
        if (!c->name.n && !any) any = c;
        if (!folded && c->ignore_case && c->name.n && str_eq_fold(c->name, name)) folded = c;
    }
    return folded ? folded : any;
}

const struct ddf_notes *ddf_node_applies(const struct ddf_node *n)
{
    for (; n; n = n->parent)
        if (n->notes && (n->notes->os_build.n || n->notes->version.n || n->notes->editions.n)) return n->notes;
    return NULL;
}

const struct ddf_node *ddf_schema_find(const struct ddf_schema *s, struct str uri)
{
    struct ddf_uri u;
    const struct ddf_node *n = &s->root.pub;
    if (ddf_uri_parse(uri, &u, NULL)) return NULL;
    for (unsigned i = 0; n && i < u.depth; i++) n = ddf_node_child(n, u.name[i]);
    return n;
}
