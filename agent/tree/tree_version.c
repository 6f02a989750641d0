/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TStamp and VerNo (C-114): the time of the last change of a node's value, and the number of changes. The tree itself
 * keeps them.
 *
 * The value of a node is what a Get returns: a leaf's data with its type, an interior node's list of children. ACL and
 * Title are not part of it, and writing the same value again is no change: a server that finds a known number may
 * continue to use its copy.
 *
 * A node that never changed has VerNo 0 and the time of its creation: that of the nearest node above that was added, or
 * of the tree. A node that is deleted and added again is a new one.
 *
 * A node with a volatile value (a KPI, a state, a list that an object computes) has neither property: the tree is not
 * informed when such a value changes, and the time of the request must not be taken for the time of a change. Requests
 * for them are answered with 406, which 11.1 has for a node without the property, and documents leave them out.
 */
#include "agent/tree/tree_int.h"
#include "base/text.h"

void tree_set_time(struct tree *t, int64_t now_ms)
{
    t->now_ms = now_ms;
}

void tree_stamp(const struct tree *t, struct record *rec)
{
    rec->version++; /* 16 bits: 0xFFFF is followed by 0 */
    rec->changed_ms = t->now_ms;
}

enum rc tree_stamp_list(struct tree *t, struct str parent)
{
    const struct record *old = tree_store_get(t->records, parent);
    struct record rec = old ? *old : (struct record){ .uri = parent };

    if (!parent.n) return RC_OK;
    tree_stamp(t, &rec);
    t->generation++;
    return tree_store_set(t->records, &rec);
}

/* Does an object decide which children exist? */
static bool list_lives(struct tree *t, const struct ddf_node *parent)
{
    for (const struct ddf_node *n = parent->first; n; n = n->next) {
        const struct tree_row *row = tree_model_row_of(t->model, n);
        if (row && (n->name.n ? row->get && !n->min_occurs : row->list != NULL)) return true;
    }
    return false;
}

static bool lives(struct tree *t, const struct tree_at *at, struct arena *a)
{
    struct str unused;

    if (!tree_is_leaf(at->node)) return list_lives(t, at->node);
    return at->row && at->row->get && at->row->get(t->ctx, at, a, &unused);
}

static int64_t since_ms(struct tree *t, struct str uri)
{
    for (struct str u = uri; u.n; u = ddf_uri_parent(u)) {
        const struct record *rec = tree_store_get(t->records, u);
        if (rec && rec->node && rec->made_ms) return rec->made_ms;
    }
    return t->born_ms;
}

int tree_version(struct tree *t, const struct tree_at *at, struct arena *a, struct tree_version *out)
{
    const struct record *rec = tree_store_get(t->records, at->uri);
    char time[17];

    if (lives(t, at, a)) return 406;
    text_time_basic(rec && rec->changed_ms ? rec->changed_ms : since_ms(t, at->uri), time);
    *out = (struct tree_version){ arena_printf(a, "%s", time),
                                  arena_printf(a, "%u", rec ? (unsigned)rec->version : 0) };
    return out->tstamp.n && out->verno.n ? 200 : 500;
}
