/* SPDX-License-Identifier: Apache-2.0 */
/* Writes settings: one by one, or together in an Atomic. */
#include "ddf/uri.h"
#include "policy/plan/planner_int.h"

void planner_batch_init(struct batch *b, enum ddf_scope scope, struct str owner, bool creating)
{
    *b = (struct batch){ .scope = scope, .owner = owner, .creating = creating };
}

static struct str vm_of(const struct batch *b)
{
    return b->scope == DDF_VM ? b->owner : (struct str){ 0 };
}

static const struct ddf_node *described(const struct planning *p, struct str uri)
{
    return p->f->schema ? ddf_schema_find(p->f->schema, uri) : NULL;
}

/* Add to the batch unless its failure is set aside. */
static bool put(struct planning *p, struct batch *b, struct pol_step *s, bool alone)
{
    if (!s) return false;
    const struct pol_failure *x = planner_failure_of(p, s->key);
    if (planner_held_back(p, x)) {
        planner_wait_failure(p, vm_of(b), s->why, x);
        return false;
    }
    if (!planner_step_in_order(p, s, vm_of(b))) return false;
    s->ours = b->ours;
    if (!b->n) b->tail = &b->first;
    if (!b->n_alone) b->alone_tail = &b->alone;
    struct pol_step ***tail = alone ? &b->alone_tail : &b->tail;
    **tail = s;
    *tail = &s->next;
    *(alone ? &b->n_alone : &b->n) += 1;
    return true;
}

static bool planned(const struct batch *b, struct str uri)
{
    for (const struct pol_step *s = b->first; s; s = s->next)
        if (str_eq(s->uri, uri)) return true;
    return false;
}

/* A new parent is created with its required children, so those are replaced. Others are added where the description
 * allows it. */
static struct pol_step *leaf(struct planning *p, struct str uri, struct str format, struct str data, struct str why)
{
    const struct ddf_node *d = described(p, uri);
    bool add = d && (d->access & DDF_ADD) && d->min_occurs == 0 && !planner_mirror_find(p, uri);
    struct pol_step *s = planner_new_step(p, add ? DM_ADD : DM_REPLACE, POL_FOR_CHANGE, uri, why);
    if (!s) return NULL;
    s->format = format;
    s->type = d && d->mime.n ? d->mime : STR("text/plain");
    s->data = data;
    s->has_data = true;
    return s;
}

bool planner_batch_add_node(struct planning *p, struct batch *b, struct str uri, struct str why)
{
    struct pol_step *s = planner_new_step(p, DM_ADD, POL_FOR_CHANGE, uri, why);
    if (!s) return false;
    s->format = STR("node");
    return put(p, b, s, false);
}

bool planner_batch_remove(struct planning *p, struct batch *b, struct str uri, struct str why)
{
    return put(p, b, planner_new_step(p, DM_DELETE, POL_FOR_CHANGE, uri, why), true);
}

static struct str with_star(struct planning *p, struct str value, struct str instance)
{
    size_t star = str_find(value, '*', 0);
    return star == value.n ? value
                           : planner_say(p, "%.*s%.*s%.*s", STR_ARG(str_slice(value, 0, star)), STR_ARG(instance),
                                         STR_ARG(str_slice(value, star + 1, value.n)));
}

/* The interior nodes between the owner and `uri` that the device lacks, where the description allows adding them. */
static void missing_parents(struct planning *p, struct batch *b, struct str uri, struct str owner)
{
    struct str parent = ddf_uri_parent(uri);
    if (parent.n <= owner.n || planner_mirror_has(p, parent) || planned(b, parent)) return;
    missing_parents(p, b, parent, owner);
    const struct ddf_node *d = described(p, parent);
    if (d && d->min_occurs == 0 && (d->access & DDF_ADD))
        planner_batch_add_node(p, b, parent, STR("does not exist yet"));
}

/* The instance's own node with its `with` leaves. @return false when the node cannot be added now */
static bool new_instance(struct planning *p, struct batch *b, const struct ddf_entry *en, struct str instance,
                         struct str skip)
{
    struct str uri = en->node ? ddf_layout_uri(p->l, en->node, b->owner, instance, p->a) : (struct str){ 0 };
    if (!uri.n || planner_mirror_has(p, uri) || planned(b, uri)) return true;
    if (!b->creating) missing_parents(p, b, uri, planner_owner_uri(p, b->scope, b->owner));
    if (!planner_batch_add_node(p, b, uri, planner_say(p, "%.*s is new", STR_ARG(uri)))) return false;
    for (size_t i = 0; i < en->n_with; i++) {
        struct ddf_match m = { 0 };
        struct str at = ddf_uri_join(p->a, uri, en->with[i].word);
        if (str_eq(at, skip) || planned(b, at)) continue;
        struct str format = ddf_layout_match(p->l, at, &m) && m.entry ? m.entry->format : STR("chr");
        put(p, b,
            leaf(p, at, format, with_star(p, en->with[i].wire, instance),
                 planner_say(p, "%.*s is new", STR_ARG(instance))),
            false);
    }
    return true;
}

/* Is a node between the owner and this address optional, and not known to exist? */
static bool optional_parent(struct planning *p, struct str uri, struct str owner)
{
    for (struct str at = ddf_uri_parent(uri); at.n > owner.n; at = ddf_uri_parent(at)) {
        const struct ddf_node *d = described(p, at);
        if (d && d->name.n && d->min_occurs == 0 && !planner_mirror_has(p, at)) return true;
    }
    return false;
}

/* The missing interior node of this address that cannot be added. */
static struct str lacking(struct planning *p, const struct batch *b, struct str uri, struct str owner)
{
    struct str found = { 0 };
    for (struct str at = ddf_uri_parent(uri); at.n > owner.n; at = ddf_uri_parent(at)) {
        const struct ddf_node *d = described(p, at);
        if (d && d->name.n && d->min_occurs == 0 && !(d->access & DDF_ADD) && !planner_mirror_has(p, at) &&
            !planned(b, at))
            found = at;
    }
    return found;
}

bool planner_batch_set(struct planning *p, struct batch *b, const struct ddf_entry *en, struct str instance,
                       struct str wire, struct str why)
{
    struct str uri = ddf_layout_uri(p->l, en, b->owner, instance, p->a),
               owner = planner_owner_uri(p, b->scope, b->owner), parent;
    if (!uri.n || !owner.n) {
        p->no_memory = true;
        return false;
    }
    if (b->creating && optional_parent(p, uri, owner)) return true; /* when the content of the new node is known */
    if ((parent = lacking(p, b, uri, owner)).n) {
        planner_add_wait_at(p, vm_of(b), uri, "failed",
                            planner_say(p, "%.*s: this device has no %.*s", STR_ARG(why), STR_ARG(parent)), 404, 0);
        return false;
    }
    if (en->instance && !new_instance(p, b, en, instance, uri)) return false; /* its node waits */
    if (!en->instance && !b->creating) missing_parents(p, b, uri, owner);
    for (struct pol_step *s = b->first; s; s = s->next) /* came with the instance; the policy's value replaces it */
        if (str_eq(s->uri, uri)) {
            s->data = wire;
            s->why = why;
            return true;
        }
    const struct ddf_node *d = described(p, uri);
    bool optional = d && d->min_occurs == 0 && !planner_mirror_find(p, uri),
         fresh = b->creating || planned(b, ddf_uri_parent(uri));
    if (optional && fresh) return true;                              /* as above */
    return put(p, b, leaf(p, uri, en->format, wire, why), optional); /* optional: it must not fail the Atomic */
}

bool planner_batch_set_role(struct planning *p, struct batch *b, enum ddf_role role, struct str wire, struct str why)
{
    const struct ddf_entry *en = p->l->entry[role];
    return !en || planner_batch_set(p, b, en, (struct str){ 0 }, wire, why);
}

/* Send one after another. A step that depends on a node of the same batch follows it, so the order is right already. */
static bool send_single(struct planning *p, const struct batch *b, struct pol_step *s)
{
    bool any = false;
    for (struct pol_step *next; s; s = next) {
        next = s->next;
        s->next = NULL;
        any |= planner_add_step(p, s, vm_of(b));
    }
    return any;
}

bool planner_batch_send(struct planning *p, struct batch *b, struct str why)
{
    struct pol_step *s = b->first;
    if (p->no_memory || !(b->n + b->n_alone)) return false;
    if (b->n <= 1) {
        bool any = send_single(p, b, b->first);
        return send_single(p, b, b->alone) || any;
    }
    struct pol_step *atomic = planner_new_step(p, DM_ATOMIC, POL_FOR_CHANGE, planner_owner_uri(p, b->scope, b->owner),
                                               why);
    if (!atomic) return false;
    const struct pol_failure *x = planner_failure_of(p, atomic->key);
    bool any;
    if (x && x->tries >= POL_MAX_TRIES) { /* the device refuses Atomics, or this one */
        any = send_single(p, b, b->first);
    } else {
        for (size_t i = 1; i < POL_ATOMIC_CHILDREN && s->next; i++) s = s->next;
        s->next = NULL; /* the remaining steps are in the next plan */
        atomic->children = b->first;
        any = planner_add_step(p, atomic, vm_of(b));
    }
    return send_single(p, b, b->alone) || any;
}
