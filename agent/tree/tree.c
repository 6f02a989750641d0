/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tree/tree_int.h"
#include <stdlib.h>
#include <string.h>

#define ROOT_ACL "Add=*&Get=*" /* protocol.md 11.3 */

struct tree *tree_create(const struct tree_model *m, void *ctx, int64_t born_ms)
{
    struct tree *t = calloc(1, sizeof *t);

    if (!t) return NULL;
    t->model = m;
    t->ctx = ctx;
    t->born_ms = t->now_ms = born_ms;
    t->changes_end = &t->changes;
    t->records = tree_store_create();
    if (!t->records) {
        free(t);
        return NULL;
    }
    return t;
}

static void free_changes(struct tree_change *c)
{
    while (c) {
        struct tree_change *next = c->next;
        free(c);
        c = next;
    }
}

void tree_destroy(struct tree *t)
{
    if (!t) return;
    free_changes(t->changes);
    tree_store_destroy(t->records);
    free(t);
}

const struct tree_model *tree_model(const struct tree *t)
{
    return t->model;
}

struct tree_store *tree_records(struct tree *t)
{
    return t->records;
}

uint64_t tree_generation(const struct tree *t)
{
    return t->generation;
}

int tree_uri_parse(struct str uri, struct ddf_uri *out)
{
    const enum rc rc = ddf_uri_parse(uri, out, NULL);
    const size_t dotted = str_is(uri, ".") || str_starts(uri, STR("./")) ? 0 : 2;
    bool longer = false;

    if (rc) return rc == RC_LIMIT ? 414 : 400;
    for (unsigned i = 0; i < out->depth; i++) longer |= out->name[i].n > TREE_NAME_BYTES;
    return longer || out->depth > TREE_URI_NAMES || uri.n + dotted > TREE_URI_BYTES ? 414 : 200;
}

int tree_path(struct str uri, struct arena *a, struct tree_path *out)
{
    const int status = tree_uri_parse(uri, &out->names);
    char *p, *at;

    if (status != 200) return status;
    p = at = arena_bytes(a, uri.n + 3);
    if (!p) return 500;
    *at++ = '.';
    out->end[0] = 1;
    for (unsigned i = 0; i < out->names.depth; i++) {
        *at++ = '/';
        memcpy(at, out->names.name[i].p, out->names.name[i].n);
        at += out->names.name[i].n;
        out->end[i + 1] = (size_t)(at - p);
    }
    *at = 0;
    out->text = (struct str){ p, (size_t)(at - p) };
    return 200;
}

bool tree_step(struct tree *t, const struct tree_at *parent, struct str name, struct str uri, struct tree_at *out)
{
    const struct ddf_node *n = ddf_node_child(parent->node, name);

    if (!n) return false;
    *out = *parent;
    out->uri = uri;
    out->node = n;
    out->row = tree_model_row_of(t->model, n);
    if (!n->name.n) {
        if (out->n_names == TREE_NAMES) return false;
        out->names[out->n_names++] = (struct str){ uri.p + uri.n - name.n, name.n };
    }
    return true;
}

/* Does the row of an un-named node list this name? */
static bool listed(struct tree *t, const struct tree_at *at, struct arena *a)
{
    struct tree_names names = { a, NULL, 0, false };
    struct tree_at parent = *at;

    if (!at->row || !at->row->list) return false;
    parent.uri = ddf_uri_parent(at->uri);
    parent.n_names--;
    at->row->list(t->ctx, &parent, &names);
    for (size_t i = 0; i < names.n; i++)
        if (str_eq(names.list[i], at->names[at->n_names - 1])) return true;
    return false;
}

bool tree_there(struct tree *t, const struct tree_at *at, struct arena *a)
{
    const struct record *rec = tree_store_get(t->records, at->uri);
    struct str unused;

    if (rec && rec->node) return true;
    if (!at->node->name.n && at->node->parent) return listed(t, at, a);
    if (at->node->min_occurs) return true;
    if (!at->row) return false;
    return !at->row->get || at->row->get(t->ctx, at, a, &unused);
}

void tree_walk(struct tree *t, const struct tree_path *p, struct arena *a, struct tree_at *at, unsigned *depth)
{
    *at = (struct tree_at){ .uri = tree_prefix(p, 0), .node = ddf_schema_find(tree_model_schema(t->model), STR(".")) };
    at->row = tree_model_row_of(t->model, at->node);
    for (*depth = 0; *depth < p->names.depth; ++*depth) {
        struct tree_at child;
        if (!tree_step(t, at, p->names.name[*depth], tree_prefix(p, *depth + 1), &child) || !tree_there(t, &child, a))
            return;
        *at = child;
    }
}

bool tree_find(struct tree *t, struct str uri, struct arena *a, struct tree_at *out)
{
    struct tree_path p;
    unsigned depth;

    if (tree_path(uri, a, &p) != 200) return false;
    tree_walk(t, &p, a, out, &depth);
    return depth == p.names.depth;
}

/* The value of a leaf that was never written and has no default in the description. */
static struct str nothing(enum ddf_format f)
{
    return f == DDF_INT || f == DDF_FLOAT ? STR("0") : f == DDF_BOOL ? STR("false") : (struct str){ 0 };
}

bool tree_kept(struct tree *t, const struct tree_at *at, struct str *out)
{
    const struct record *rec = tree_store_get(t->records, at->uri);

    if (rec && rec->has_value)
        *out = rec->value;
    else if (at->node->has_default)
        *out = at->node->default_value;
    else
        *out = nothing(at->node->format);
    return rec && rec->has_value;
}

struct str tree_value_of(struct tree *t, const struct tree_at *at, struct arena *a)
{
    struct str v;

    if (at->row && at->row->get && at->row->get(t->ctx, at, a, &v)) return v;
    tree_kept(t, at, &v);
    return v;
}

bool tree_value(struct tree *t, struct str uri, struct arena *a, struct str *out)
{
    struct tree_at at;

    if (!tree_find(t, uri, a, &at) || !tree_is_leaf(at.node)) return false;
    *out = tree_value_of(t, &at, a);
    return true;
}

struct str tree_type_of(struct tree *t, const struct tree_at *at)
{
    const struct record *rec = tree_store_get(t->records, at->uri);

    if (rec && rec->type.n) return rec->type;
    if (!tree_is_leaf(at->node)) return at->node->ddf_name;
    if (at->node->mime.n) return at->node->mime;
    return at->node->format == DDF_BIN ? STR("application/octet-stream") : STR("text/plain");
}

void tree_name(struct tree_names *out, struct str name)
{
    struct str *list;

    for (size_t i = 0; i < out->n; i++)
        if (str_eq(out->list[i], name)) return;
    if (out->n == TREE_CHILDREN) {
        out->full = true;
        return;
    }
    if ((out->n & (out->n - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: the list is full and doubles */
        list = ARENA_ARRAY(out->a, struct str, out->n ? out->n * 2 : 1);
        if (!list) {
            out->full = true;
            return;
        }
        if (out->n) memcpy(list, out->list, out->n * sizeof *list);
        out->list = list;
    }
    if (!arena_str(out->a, name, &out->list[out->n]))
        out->full = true;
    else
        out->n++;
}

/* Un-named children that were added: the records directly below. */
static void kept_names(struct tree *t, struct str parent, struct tree_names *out)
{
    struct str base = arena_printf(out->a, "%.*s/", STR_ARG(parent));
    size_t i = tree_store_from(t->records, base);
    const struct record *rec;

    out->full |= !base.n;
    while (base.n && (rec = tree_store_at(t->records, i)) && str_starts(rec->uri, base)) {
        struct str rest = str_slice(rec->uri, base.n, rec->uri.n);
        if (rec->node && str_find(rest, '/', 0) == rest.n) tree_name(out, rest);
        i++;
    }
}

bool tree_children(struct tree *t, const struct tree_at *at, struct tree_names *out)
{
    for (const struct ddf_node *n = at->node->first; n; n = n->next) {
        const struct tree_row *row = tree_model_row_of(t->model, n);
        struct tree_at child;

        if (n->name.n) {
            struct str uri = ddf_uri_join(out->a, at->uri, n->name);
            if (!uri.n || !tree_step(t, at, n->name, uri, &child)) return false;
            if (tree_there(t, &child, out->a)) tree_name(out, n->name);
        } else {
            struct tree_names some = { out->a, NULL, 0, false };
            kept_names(t, at->uri, &some);
            if (row && row->list) row->list(t->ctx, at, &some);
            for (size_t i = 0; i < some.n; i++)
                if (ddf_node_child(at->node, some.list[i]) == n) tree_name(out, some.list[i]);
            out->full |= some.full;
        }
    }
    return !out->full;
}

struct str tree_effective_acl(struct tree *t, struct str uri)
{
    for (struct str u = uri; u.n; u = ddf_uri_parent(u)) {
        const struct record *rec = tree_store_get(t->records, u);
        if (rec && rec->acl.n) return rec->acl;
    }
    return STR(ROOT_ACL);
}

bool tree_allowed(struct tree *t, struct str server, enum ddf_access command, struct str uri)
{
    return !server.n || ddf_acl_allows(tree_effective_acl(t, uri), command, server);
}

struct str tree_acl(struct tree *t, struct str uri)
{
    const struct record *rec = tree_store_get(t->records, uri);

    if (rec && rec->acl.n) return rec->acl;
    return str_is(uri, ".") ? STR(ROOT_ACL) : (struct str){ 0 };
}

static struct record record_of(struct tree *t, struct str uri)
{
    const struct record *rec = tree_store_get(t->records, uri);

    return rec ? *rec : (struct record){ .uri = uri };
}

static enum rc store(struct tree *t, const struct record *rec)
{
    t->generation++;
    if (!rec->node && !rec->has_value && !rec->acl.n && !rec->title.n && !rec->type.n && !rec->changed_ms)
        return tree_store_remove(t->records, rec->uri);
    return tree_store_set(t->records, rec);
}

enum rc tree_put(struct tree *t, struct str uri, struct str value)
{
    struct record rec = record_of(t, uri);

    if (!rec.has_value || !str_eq(rec.value, value)) tree_stamp(t, &rec);
    rec.has_value = true;
    rec.value = value;
    return store(t, &rec);
}

enum rc tree_make(struct tree *t, struct str uri)
{
    struct record rec = record_of(t, uri);
    enum rc rc;

    if (rec.node) return RC_OK;
    rec.node = true;
    rec.made_ms = t->now_ms;
    rc = store(t, &rec);
    return rc ? rc : tree_stamp_list(t, ddf_uri_parent(uri));
}

enum rc tree_drop(struct tree *t, struct str uri)
{
    const struct record *rec = tree_store_get(t->records, uri);
    bool was_child = rec && rec->node;
    enum rc rc = tree_store_remove_within(t->records, uri);

    t->generation++;
    return rc || !was_child ? rc : tree_stamp_list(t, ddf_uri_parent(uri));
}

enum rc tree_set_acl(struct tree *t, struct str uri, struct str acl)
{
    struct record rec = record_of(t, uri);

    rec.acl = acl;
    return store(t, &rec);
}

bool tree_note(struct tree *t, enum tree_what what, struct str uri, struct str old)
{
    struct tree_change *c = malloc(sizeof *c + uri.n + old.n + 2);

    if (!c) return false;
    *c = (struct tree_change){ .what = what, .uri = (char *)(c + 1) };
    memcpy(c->uri, uri.p, uri.n);
    c->uri[uri.n] = 0;
    c->old = c->uri + uri.n + 1;
    if (old.n) memcpy(c->old, old.p, old.n);
    c->old[old.n] = 0;
    *t->changes_end = c;
    t->changes_end = &c->next;
    t->n_changes++;
    return true;
}

/* A mark is a position in the store's journal. All changes noted since the last tree_done belong to what may be
 * rolled back with it, because marks follow tree_done. Nested marks (items of a command, children of an Atomic) roll
 * back all or only their own records, so the upper half holds the number of changes. */
size_t tree_mark(const struct tree *t)
{
    return t->n_changes << 32 | tree_store_mark(t->records);
}

void tree_rollback(struct tree *t, size_t mark)
{
    size_t keep = mark >> 32;
    struct tree_change **end = &t->changes;

    tree_store_rollback(t->records, mark & 0xffffffffu);
    for (size_t i = 0; i < keep && *end; i++) end = &(*end)->next;
    free_changes(*end);
    *end = NULL;
    t->changes_end = end;
    t->n_changes = keep;
    t->generation++;
}

/* A deleted node no longer exists, so its description is found without reading the tree. */
static bool described(struct tree *t, struct str uri, struct arena *a, struct tree_at *at)
{
    struct tree_path p;

    if (tree_path(uri, a, &p) != 200) return false;
    *at = (struct tree_at){ .uri = tree_prefix(&p, 0), .node = ddf_schema_find(tree_model_schema(t->model), STR(".")) };
    for (unsigned i = 0; i < p.names.depth; i++) {
        struct tree_at child;
        if (!tree_step(t, at, p.names.name[i], tree_prefix(&p, i + 1), &child)) return false;
        *at = child;
    }
    return true;
}

void tree_done(struct tree *t)
{
    struct tree_change *list = t->changes;
    struct arena a;

    t->changes = NULL;
    t->changes_end = &t->changes;
    t->n_changes = 0;
    for (struct tree_change *c = list; c; c = c->next) {
        struct tree_at at;
        arena_init(&a, 1 << 20);
        if (described(t, str_of(c->uri), &a, &at) && at.row && at.row->changed)
            at.row->changed(t->ctx, &at, c->what, str_of(c->old));
        arena_finish(&a);
    }
    free_changes(list);
}
