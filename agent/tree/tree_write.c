/* SPDX-License-Identifier: Apache-2.0 */
/* Add, Replace, Delete, Copy, Exec: checks the command, the access rights, the description and the object; then
 * changes the record. */
#include "agent/tree/tree_int.h"
#include "base/text.h"
#include "ddf/tnds/tnds.h"

enum { TREE_TITLE_BYTES = 255 };

struct change {
    struct tree *t;
    struct str server, format, type, data;
    bool has_data;
    struct arena *a;
};

static int failed(enum rc rc)
{
    return rc == RC_OK ? 200 : rc == RC_LIMIT ? 420 : 500; /* device full; no memory */
}

/* Check against the description. Formats and values are normalised first: "Chr", b64 for bin, 1 for true. */
static int fits(const struct change *c, enum ddf_access command, const struct tree_at *at)
{
    int status = 200;

    if (ddf_check(tree_model_schema(c->t->model), command, at->uri, c->format, c->type, c->data, c->has_data, true,
                  &status, NULL))
        return status >= 400 ? status : 405;
    return 200;
}

static bool canonical(struct change *c, const struct ddf_node *n)
{
    enum ddf_format f = n->format;
    int64_t number;

    if (!c->data.p) c->data = STR(""); /* WBXML has no octets for an empty text */
    if (f == DDF_BIN && ddf_format_of(c->format, &f) &&
        f == DDF_B64) { /* C-113: stored as bin whatever the format on the wire */
        if (text_b64_decode(c->data, c->a, &c->data)) return false;
        c->format = STR("bin");
    }
    if (n->format == DDF_BOOL && (str_is(c->data, "1") || str_is(c->data, "0")))
        c->data = str_is(c->data, "1") ? STR("true") : STR("false");
    if (n->format == DDF_INT && str_to_i64(str_trim(c->data), &number))
        c->data = arena_printf(c->a, "%lld", (long long)number);
    return c->data.p || !c->has_data;
}

static int asked(const struct change *c, const struct tree_at *at, enum ddf_access command, struct str value)
{
    return at->row && at->row->check ? at->row->check(c->t->ctx, at, command, value) : 200;
}

static int write_value(const struct change *c, const struct tree_at *at, bool make, enum tree_what what)
{
    const struct record *old = tree_store_get(c->t->records, at->uri);
    struct record rec = old ? *old : (struct record){ .uri = at->uri };
    struct str before;
    enum rc rc;

    rec.has_value = tree_is_leaf(at->node) && at->node->format != DDF_NULL;
    rec.value = rec.has_value ? c->data : (struct str){ 0 };
    rec.type = c->type.n && !str_is(c->type, "text/plain") ? c->type : (struct str){ 0 };
    if (make) {
        rec.node = true;
        rec.made_ms = c->t->now_ms;
    } else {
        tree_kept(c->t, at, &before);
        if (!str_eq(rec.value, before) || !str_eq(rec.type, old ? old->type : (struct str){ 0 }))
            tree_stamp(c->t, &rec);
    }
    c->t->generation++;
    rc = tree_store_set(c->t->records, &rec);
    if (!rc && make) rc = tree_stamp_list(c->t, ddf_uri_parent(at->uri));
    if (rc) return failed(rc);
    return tree_note(c->t, what, at->uri, (struct str){ 0 }) ? 200 : 500;
}

static int replace_value(struct change *c, const struct tree_at *at)
{
    int status;

    if (!tree_is_leaf(at->node)) return 405;
    if (!(at->node->access & DDF_REPLACE)) return 405; /* C-111: AccessType 405, ACL 425 */
    if (!tree_allowed(c->t, c->server, DDF_REPLACE, at->uri)) return 425;
    if (!canonical(c, at->node)) return 400;
    status = fits(c, DDF_REPLACE, at);
    if (status == 200) status = asked(c, at, DDF_REPLACE, c->data);
    return status == 200 ? write_value(c, at, false, TREE_CHANGED) : status;
}

/* c.1: a leaf that was created with its VM may be added again while nothing depends on it. */
static bool fresh(const struct change *c, const struct tree_path *p, struct str *whose)
{
    for (unsigned d = p->names.depth; d-- > 1;) {
        struct tree_at at;
        if (!tree_find(c->t, tree_prefix(p, d), c->a, &at) || !at.row || !at.row->fresh) continue;
        *whose = at.uri;
        return at.row->fresh(c->t->ctx, &at);
    }
    return false;
}

/* 11.3: a node added by a server that may not Replace its parent gets an ACL of its own; read rights are inherited. */
static int own_rights(const struct change *c, const struct tree_at *at, struct str parent)
{
    struct str acl = { 0 }, up = tree_effective_acl(c->t, parent);
    enum rc rc;

    if (!c->server.n || tree_is_leaf(at->node) || tree_allowed(c->t, c->server, DDF_REPLACE, parent)) return 200;
    rc = ddf_acl_with(acl, DDF_ADD | DDF_DELETE | DDF_REPLACE, c->server, c->a, &acl);
    if (!rc) rc = ddf_acl_with(acl, DDF_GET, ddf_acl_allows(up, DDF_GET, STR("*")) ? STR("*") : c->server, c->a, &acl);
    if (!rc) rc = tree_set_acl(c->t, at->uri, acl);
    return failed(rc);
}

static int add(struct change *c, const struct tree_path *p, unsigned to);

/* Missing parents are created where the description allows it (C-104). */
static int parents(const struct change *c, const struct tree_path *p, unsigned to)
{
    struct change node = *c;

    node.format = STR("node");
    node.type = node.data = (struct str){ 0 };
    node.has_data = false;
    return add(&node, p, to);
}

static int add(struct change *c, const struct tree_path *p, unsigned to)
{
    struct tree_path mine = *p;
    struct tree_at at, parent;
    struct str whose;
    unsigned depth;
    int status;

    mine.names.depth = to;
    tree_walk(c->t, &mine, c->a, &at, &depth);
    if (depth == to) {
        if (to && tree_is_leaf(at.node) && fresh(c, &mine, &whose)) return replace_value(c, &at);
        return 418;
    }
    if (tree_is_leaf(at.node)) return 405; /* a leaf has no children */
    if (!ddf_node_child(at.node, p->names.name[depth])) return 404;
    if (depth + 1 < to) {
        status = parents(c, p, to - 1);
        if (status != 200) return status == 405 ? 404 : status;
        tree_walk(c->t, &mine, c->a, &at, &depth);
        if (depth == to) return tree_is_leaf(at.node) ? replace_value(c, &at) : 200; /* was created with its parent */
    }
    parent = at;
    if (!tree_step(c->t, &parent, p->names.name[to - 1], tree_prefix(p, to), &at)) return 404;
    if (!((at.node->access | parent.node->access) & DDF_ADD) || at.node->permanent) return 405;
    if (!tree_allowed(c->t, c->server, DDF_ADD, parent.uri)) return 425;
    if (!canonical(c, at.node)) return 400;
    status = fits(c, DDF_ADD, &at);
    if (status == 200) status = asked(c, &at, DDF_ADD, c->data);
    if (status == 200) status = write_value(c, &at, true, TREE_ADDED);
    return status == 200 ? own_rights(c, &at, parent.uri) : status;
}

static int take_back(struct tree *t, size_t mark, int status)
{
    if (status != 200) tree_rollback(t, mark);
    return status;
}

/* Cut the address and its query. @return 200, 400, 406, 414, 500 */
static int address(struct tree *t, struct str uri, struct arena *a, struct tree_path *p, enum ddf_query *query,
                   struct str *arg)
{
    struct str base;

    (void)t;
    if (ddf_uri_split_query(uri, &base, query, arg, NULL)) return 406;
    return tree_path(base, a, p);
}

int tree_add(struct tree *t, struct str server, struct str uri, struct str format, struct str type, struct str data,
             bool has_data, struct arena *a)
{
    struct change c = { t, server, format, type, data, has_data, a };
    size_t mark = tree_mark(t);
    struct tree_path p;
    enum ddf_query query;
    struct str arg;
    int status = address(t, uri, a, &p, &query, &arg);

    if (status != 200) return status;
    if (query != DDF_QUERY_NONE) return 405; /* C-107: properties are never added */
    if (ddf_tnds_is(type)) return tree_put_document(t, server, uri, type, format, data, false, a);
    if (!p.names.depth) return 418;
    return take_back(t, mark, add(&c, &p, p.names.depth));
}

/* protocol.md 11.3: the right to change an ACL */
static int replace_acl(struct tree *t, struct str server, const struct tree_at *at, struct str acl)
{
    struct str parent = ddf_uri_parent(at->uri);
    bool may = parent.n && tree_allowed(t, server, DDF_REPLACE, parent);

    if (!tree_is_leaf(at->node)) may |= tree_allowed(t, server, DDF_REPLACE, at->uri);
    if (!may) return 425;
    if (ddf_acl_check(acl, NULL)) return 400;
    if (!parent.n && !ddf_acl_allows(acl, DDF_ADD, STR("*"))) return 405; /* everybody keeps Add at the root */
    return failed(tree_set_acl(t, at->uri, acl));
}

static int replace_title(struct tree *t, const struct tree_at *at, struct str title)
{
    const struct record *old = tree_store_get(t->records, at->uri);
    struct record rec = old ? *old : (struct record){ .uri = at->uri };

    if (title.n > TREE_TITLE_BYTES) return 414;
    rec.title = title;
    return failed(tree_store_set(t->records, &rec));
}

/* Every record of the node gets the new name (C-108). */
static int rename_node(struct change *c, const struct tree_at *at)
{
    struct str parent = ddf_uri_parent(at->uri), to = ddf_uri_join(c->a, parent, c->data), old = ddf_uri_name(at->uri);
    struct tree_at other;
    struct ddf_uri unused;
    enum rc rc = RC_OK;
    int status;

    if (at->node->permanent || at->node->name.n || !at->node->parent) return 405;
    if (!to.n || str_find(c->data, '/', 0) < c->data.n || !c->data.n || tree_uri_parse(to, &unused) != 200) return 400;
    if (str_eq(c->data, old)) return 200;
    if (tree_find(c->t, to, c->a, &other)) return 418;
    status = asked(c, at, DDF_REPLACE, c->data);
    if (status != 200) return status;
    for (size_t i = tree_store_from(c->t->records, at->uri); !rc; i = tree_store_from(c->t->records, at->uri)) {
        const struct record *rec = tree_store_at(c->t->records, i);
        struct record moved;
        struct str from;

        while (rec && str_starts(rec->uri, at->uri) && !ddf_uri_within(rec->uri, at->uri))
            rec = tree_store_at(c->t->records, ++i); /* "./A-x" sorts between "./A" and "./A/..." */
        if (!rec || !ddf_uri_within(rec->uri, at->uri)) break;
        if (!arena_str(c->a, rec->uri, &from)) return 500;
        moved = *rec;
        moved.uri = arena_printf(c->a, "%.*s%.*s", STR_ARG(to), STR_ARG(str_slice(from, at->uri.n, from.n)));
        if (!moved.uri.n) return 500;
        rc = tree_store_set(c->t->records, &moved);
        if (!rc) rc = tree_store_remove(c->t->records, from);
    }
    c->t->generation++;
    if (!rc) rc = tree_stamp_list(c->t, parent);
    if (rc) return failed(rc);
    return tree_note(c->t, TREE_RENAMED, to, old) ? 200 : 500;
}

static int replace_property(struct change *c, const struct tree_at *at, struct str name)
{
    struct tree_version version;

    if (str_is(name, "ACL")) return replace_acl(c->t, c->server, at, c->data);
    if (str_is(name, "Name") || str_is(name, "Title")) {
        if (!tree_allowed(c->t, c->server, DDF_REPLACE, at->uri)) return 425;
        return str_is(name, "Name") ? rename_node(c, at) : replace_title(c->t, at, c->data);
    }
    if (str_is(name, "TStamp") || str_is(name, "VerNo")) {
        int status = tree_version(c->t, at, c->a, &version);
        return status == 200 ? 405 : status; /* 11.1: Get only */
    }
    return str_is(name, "Format") || str_is(name, "Type") || str_is(name, "Size") ? 405 : 406;
}

int tree_replace(struct tree *t, struct str server, struct str uri, struct str format, struct str type, struct str data,
                 bool has_data, struct arena *a)
{
    struct change c = { t, server, format, type, data, has_data, a };
    size_t mark = tree_mark(t);
    struct tree_path p;
    struct tree_at at;
    enum ddf_query query;
    struct str arg;
    unsigned depth;
    int status = address(t, uri, a, &p, &query, &arg);

    if (status != 200) return status;
    tree_walk(t, &p, a, &at, &depth);
    if (depth < p.names.depth) return 404; /* C-105: never creates */
    if (query == DDF_QUERY_PROP) return take_back(t, mark, replace_property(&c, &at, arg));
    if (query != DDF_QUERY_NONE) return 405;
    if (ddf_tnds_is(type)) return tree_put_document(t, server, uri, type, format, data, true, a);
    return take_back(t, mark, replace_value(&c, &at));
}

int tree_delete(struct tree *t, struct str server, struct str uri, struct arena *a)
{
    struct change c = { .t = t, .server = server, .a = a };
    size_t mark = tree_mark(t);
    struct tree_path p;
    struct tree_at at;
    enum ddf_query query;
    struct str arg;
    unsigned depth;
    int status = address(t, uri, a, &p, &query, &arg);

    if (status != 200) return status;
    tree_walk(t, &p, a, &at, &depth);
    if (depth < p.names.depth) return 404;
    if (query != DDF_QUERY_NONE || !depth || at.node->permanent || !(at.node->access & DDF_DELETE))
        return 405; /* C-106 */
    if (!tree_allowed(t, server, DDF_DELETE, at.uri)) return 425;
    status = fits(&c, DDF_DELETE, &at);
    if (status == 200) status = asked(&c, &at, DDF_DELETE, (struct str){ 0 });
    if (status == 200) status = failed(tree_drop(t, at.uri));
    if (status == 200 && !tree_note(t, TREE_DELETED, at.uri, (struct str){ 0 })) status = 500;
    return take_back(t, mark, status);
}

int tree_copy(struct tree *t, struct str server, struct str from, struct str to, struct arena *a)
{
    struct tree_at source, target;
    struct tree_path p;
    struct str format, value;
    int status = tree_path(from, a, &p);

    if (status == 200) status = tree_path(to, a, &p);
    if (status != 200) return status;
    if (!tree_find(t, from, a, &source)) return 404;
    if (!tree_is_leaf(source.node) || !(source.node->access & DDF_GET)) return 405; /* only a leaf to a leaf */
    if (!tree_allowed(t, server, DDF_GET, source.uri)) return 425;
    value = tree_value_of(t, &source, a);
    format = str_of(ddf_format_name(source.node->format));
    if (!tree_find(t, to, a, &target)) return tree_add(t, server, to, format, (struct str){ 0 }, value, true, a);
    return tree_replace(t, server, to, format, (struct str){ 0 }, value, true, a);
}

int tree_exec(struct tree *t, struct str uri, const struct tree_call *call, struct arena *a)
{
    struct tree_path p;
    struct tree_at at;
    enum ddf_query query;
    struct str arg;
    unsigned depth;
    int status = address(t, uri, a, &p, &query, &arg);

    if (status != 200) return status;
    tree_walk(t, &p, a, &at, &depth);
    if (depth < p.names.depth) return 404;
    if (query != DDF_QUERY_NONE || !(at.node->access & DDF_EXEC) || !at.row || !at.row->exec) return 405;
    if (!tree_allowed(t, call->server, DDF_EXEC, at.uri)) return 425;
    return at.row->exec(t->ctx, &at, call);
}
