/* SPDX-License-Identifier: Apache-2.0 */
#include "ddf/tnds/tnds.h"
#include "ddf/uri.h"

struct ddf_tnds_node *ddf_tnds_append(struct ddf_tnds *t, struct ddf_tnds_node *parent, struct str name,
                                      struct arena *a)
{
    struct ddf_tnds_node *n = ARENA_NEW(a, struct ddf_tnds_node);
    struct ddf_tnds_node **first = parent ? &parent->first : &t->first, **last = parent ? &parent->last : &t->last;
    if (!n) return NULL;
    n->name = name;
    n->format = DDF_NODE;
    n->parent = parent;
    if (*last)
        (*last)->next = n;
    else
        *first = n;
    *last = n;
    if (parent) parent->n_children++;
    return n;
}

struct ddf_tnds_node *ddf_tnds_child(const struct ddf_tnds_node *parent, struct str name)
{
    struct ddf_tnds_node *c = parent->first;
    while (c && !str_eq(c->name, name)) c = c->next;
    return c;
}

/* Name and Size may be requested, but are never present. */
static bool property_of(struct str name, unsigned *bit)
{
    static const struct {
        const char *name;
        unsigned bit;
    } row[] = {
        { "ACL", DDF_TNDS_ACL },
        { "Format", DDF_TNDS_FORMAT },
        { "Name", 0 },
        { "Size", 0 },
        { "Title", DDF_TNDS_TITLE },
        { "TStamp", DDF_TNDS_TSTAMP },
        { "Type", DDF_TNDS_TYPE },
        { "VerNo", DDF_TNDS_VERNO },
        { "Value", DDF_TNDS_VALUE },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (str_is(name, row[i].name)) {
            *bit = row[i].bit;
            return true;
        }
    }
    return false;
}

enum rc ddf_tnds_select(struct str arg, unsigned *properties, struct err *e)
{
    unsigned named = 0;
    for (size_t i = 0; i < arg.n;) {
        size_t to = i + 1;
        unsigned bit;
        if ((arg.p[i] != '+' && arg.p[i] != '-') || arg.p[i] != arg.p[0])
            return err_set(e, RC_PARSE, "?list=TNDS%.*s: properties are named with '+' or with '-', not mixed",
                           STR_ARG(str_slice(arg, 0, 100)));
        while (to < arg.n && arg.p[to] != '+' && arg.p[to] != '-') to++;
        if (!property_of(str_slice(arg, i + 1, to), &bit))
            return err_set(e, RC_PARSE, "?list=TNDS: no node has a property \"%.*s\"",
                           STR_ARG(str_slice(arg, i + 1, to)));
        named |= bit;
        i = to;
    }
    *properties = arg.n && arg.p[0] == '+' ? named : DDF_TNDS_ALL & ~named;
    return RC_OK;
}

bool ddf_tnds_is(struct str type)
{
    const struct str family = STR("application/vnd.syncml.dmtnds+");
    return str_eq_fold(str_slice(str_trim(type), 0, family.n), family);
}

/* --- by media type ---------------------------------------------------------------------------------------------- */

enum rc ddf_tnds_parse(struct str type, struct str data, struct arena *a, struct ddf_tnds *out, struct err *e)
{
    struct str base = str_trim(str_slice(type, 0, str_find(type, ';', 0)));
    if (!str_eq_fold(base, STR(DDF_TNDS_XML)) && !str_eq_fold(base, STR(DDF_TNDS_WBXML)))
        return err_set(e, RC_UNSUPPORTED, "\"%.*s\" is not a type of a serialised tree",
                       STR_ARG(str_slice(base, 0, 100)));
    /* WBXML begins with its version, 1.x as 0x0x; XML text never does (protocol.md 18, items 9 to 11: declared types
     * may be wrong). */
    if (data.n && (unsigned char)data.p[0] < 0x04) return ddf_tnds_parse_wbxml(data, a, out, e);
    return ddf_tnds_parse_xml(data, a, out, e);
}

/* --- addresses -------------------------------------------------------------------------------------------------- */

struct flat {
    const struct ddf_tnds *t;
    struct str target;
    bool at; /* the first root node is at the target itself */
    struct arena *a;
    struct ddf_tnds_item *items;
    size_t n;
    struct err *e;
};

static size_t count(const struct ddf_tnds_node *n)
{
    size_t sum = 0;
    for (; n; n = n->next) sum += 1 + count(n->first);
    return sum;
}

static enum rc join(struct flat *f, struct str parent, struct str relative, struct str *out)
{
    struct str raw = ddf_uri_join(f->a, parent, relative);
    if (!raw.p) return err_set(f->e, RC_NOMEM, "no memory left for an address");
    return ddf_uri_canonical(raw, f->a, out, f->e);
}

/* A Path is the parent's, below the target. */
static enum rc address(struct flat *f, const struct ddf_tnds_node *n, struct str parent, struct str *out)
{
    struct str path = n->path;
    enum rc rc = RC_OK;
    if (str_starts(path, STR("./"))) path = str_slice(path, 2, path.n);
    if (str_is(path, ".")) path = (struct str){ 0 };
    if (path.n)
        rc = join(f, f->target, path, &parent);
    else if (n == f->t->first && f->at)
        return ddf_uri_canonical(f->target, f->a, out, f->e);
    return rc ? rc : join(f, parent, n->name, out);
}

static enum rc flatten(struct flat *f, const struct ddf_tnds_node *n, struct str parent)
{
    enum rc rc = RC_OK;
    for (; !rc && n; n = n->next) {
        struct ddf_tnds_item *it = &f->items[f->n];
        it->node = n;
        rc = address(f, n, parent, &it->uri);
        f->n += !rc;
        if (!rc) rc = flatten(f, n->first, it->uri);
    }
    return rc;
}

enum rc ddf_tnds_flatten(const struct ddf_tnds *t, struct str target, enum ddf_tnds_reading reading, bool parent_exists,
                         struct arena *a, struct ddf_tnds_item **out, size_t *n, struct err *e)
{
    struct flat f = { .t = t, .a = a, .e = e };
    enum rc rc = ddf_uri_canonical(target, a, &f.target, e);
    if (rc) return rc;
    f.at = t->first && (!t->first->name.n || reading == DDF_TNDS_AT ||
                        (reading == DDF_TNDS_AUTO && parent_exists && str_eq(t->first->name, ddf_uri_name(f.target))));
    f.items = ARENA_ARRAY(a, struct ddf_tnds_item, count(t->first));
    if (!f.items) return err_set(e, RC_NOMEM, "no memory left for a serialised tree");
    rc = flatten(&f, t->first, f.target);
    if (rc) return rc;
    *out = f.items;
    *n = f.n;
    return RC_OK;
}
