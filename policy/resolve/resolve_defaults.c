/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/resolve/resolve_defaults.h"
#include "ddf/uri.h"
#include "policy/resolve/facts.h"
#include "policy/document/rules.h"
#include "policy/resolve/device_rules.h"

struct backing {
    const struct pol_facts *f;
    const struct candidate *holds;
    size_t n_holds;
    struct arena *a;
    struct pol_desired *d;
    bool no_memory;
};

bool pol_defaults_vm_name(const struct pol_facts *f, size_t i, struct str *name)
{
    struct ddf_match m = { 0 };
    *name = (struct str){ 0 };
    if (i < f->n_charges)
        *name = f->charges[i].vm;
    else if (i - f->n_charges >= f->n_sets)
        return false;
    else if (ddf_layout_match(f->layout, f->sets[i - f->n_charges].uri, &m) && m.scope == DDF_VM)
        *name = m.owner;
    return true;
}

/* ---- the mirror ---- */

/* Does the mirror have it, or anything below it? */
static bool is_there(const struct backing *b, struct str uri)
{
    struct str below = arena_printf(b->a, "%.*s/", STR_ARG(uri));
    size_t i = pol_facts_from(b->f, below);
    return pol_facts_node(b->f, uri) || (i < b->f->n_mirror && str_starts(b->f->mirror[i].uri, below));
}

/* It is not in the mirror, and what is above it is to be read again: it may be there all the same, or the whole object
 * elsewhere. */
static bool in_doubt(const struct backing *b, struct str uri)
{
    const struct pol_mirror_node *n = NULL;
    if (!b->f->mirror_read) return true;
    if (pol_facts_node(b->f, uri)) return false;
    while (!n && !str_eq(uri, b->f->layout->root) && ddf_uri_within(uri, b->f->layout->root)) {
        uri = ddf_uri_parent(uri);
        n = pol_facts_node(b->f, uri);
    }
    return n && n->known != POL_REPORTED;
}

static const struct pol_mirror_node *vm_node(const struct backing *b, struct str vm, enum ddf_role role)
{
    const struct ddf_entry *en = b->f->layout->entry[role];
    struct str uri = en ? ddf_layout_uri(b->f->layout, en, vm, (struct str){ 0 }, b->a) : (struct str){ 0 };
    return uri.n ? pol_facts_node(b->f, uri) : NULL;
}

static bool vm_there(const struct backing *b, struct str vm)
{
    return is_there(b, ddf_layout_owner_uri(b->f->layout, DDF_VM, vm, b->a));
}

static bool same(struct str format, struct str x, struct str y)
{
    const struct pol_mirror_node n = { .format = format, .value = x, .known = POL_ACKNOWLEDGED };
    return !pol_read_back_differs(&n, y);
}

static bool as_set(const struct pol_set *s, const struct pol_mirror_node *n)
{
    return same(n->format, n->value, s->value) || (s->has_earlier && same(n->format, n->value, s->earlier));
}

/* ---- what policies set ---- */

static bool says(const struct pol_policy *p, const struct ddf_entry *en, struct str instance, bool row)
{
    if (str_starts(en->name, STR("upgrade.window.")) && p->has_window) return true;
    for (size_t i = 0; i < p->n_settings; i++) {
        const struct pol_setting *s = &p->settings[i];
        if (row ? s->entry->node == en && str_eq(s->instance, instance)
                : (s->entry == en && str_eq(s->instance, instance)) ||
                      (s->entry->kind == DDF_K_IMAGE && en->kind == DDF_K_IMAGE))
            return true;
    }
    return false;
}

static bool said(const struct backing *b, const struct ddf_match *m, bool row)
{
    for (size_t i = 0; i < b->n_holds; i++) {
        const struct pol_policy *p = b->holds[i].policy;
        if ((m->scope == DDF_DEVICE || str_eq(p->vm, m->owner)) && says(p, m->entry, m->instance, row)) return true;
    }
    return false;
}

/* A policy that cannot be read, fully or in part, may set anything: nothing returns to a default. */
static bool unreadable(const struct backing *b, enum ddf_scope scope, struct str vm)
{
    for (size_t i = 0; i < b->f->n_charges; i++)
        if (b->f->charges[i].unreadable && (scope == DDF_DEVICE || str_eq(b->f->charges[i].vm, vm))) return true;
    for (size_t i = 0; i < b->n_holds; i++)
        if (b->holds[i].policy->attention.n && (scope == DDF_DEVICE || str_eq(b->holds[i].policy->vm, vm))) return true;
    return false;
}

/* ---- defaults ---- */

/* The owner of a VM follows from who created it. */
static bool own_mark(const struct backing *b, const struct ddf_entry *en, struct str *wire)
{
    const struct ddf_layout *l = b->f->layout;
    *wire = en == l->entry[DDF_ROLE_DOMAIN_SERVERS]                ? b->f->server_id
            : en == l->entry[DDF_ROLE_DOMAIN_ID]                   ? b->f->authority
            : en == l->entry[DDF_ROLE_DOMAIN_OWNER] && b->f->owner ? arena_printf(b->a, "%d", b->f->owner)
                                                                   : (struct str){ 0 };
    return wire->n > 0;
}

static bool default_of(const struct backing *b, const struct ddf_entry *en, struct str uri, struct str *wire)
{
    const struct ddf_node *d = b->f->schema ? ddf_schema_find(b->f->schema, uri) : NULL;
    if (own_mark(b, en, wire)) return true;
    *wire = d && d->has_default ? d->default_value : en->default_wire;
    return (d && d->has_default) || en->has_default;
}

static bool comes_with_node(const struct backing *b, const struct ddf_match *m, struct str uri)
{
    struct str node = m->entry->node ? ddf_layout_uri(b->f->layout, m->entry->node, m->owner, m->instance, b->a)
                                     : (struct str){ 0 };
    for (size_t i = 0; node.n && i < m->entry->n_with; i++)
        if (str_eq(ddf_uri_join(b->a, node, m->entry->with[i].word), uri)) return true;
    return false;
}

/* The row that contains it is removed as a whole. */
static bool goes_with_row(const struct backing *b, const struct ddf_match *m)
{
    const struct ddf_entry *node = m->entry->node;
    if (!node || node->remove == DDF_C_NEVER) return false;
    struct ddf_match row = *m;
    row.entry = node;
    struct str uri = ddf_layout_uri(b->f->layout, node, m->owner, m->instance, b->a);
    for (size_t i = 0; i < b->f->n_sets; i++)
        if (b->f->sets[i].row && str_eq(b->f->sets[i].uri, uri)) return !said(b, &row, true);
    return false;
}

static bool rule_applies(const struct pol_vm *vm, const struct ddf_rule *r, struct str instance)
{
    struct str when = { 0 };
    for (size_t i = 0; r->when && i < vm->n_values; i++)
        if (vm->values[i].setting->entry == r->when && str_eq(vm->values[i].setting->instance, instance))
            when = vm->values[i].wire;
    return pol_rules_apply(r, when);
}

/* A desired value of this authority that conflicts with the default. */
static struct str against(const struct backing *b, const struct pol_vm *vm, const struct pol_back *x)
{
    for (size_t k = 0; k < b->f->layout->n_rules; k++) {
        const struct ddf_rule *r = &b->f->layout->rules[k];
        const struct ddf_entry *other = r->left == x->entry ? r->right : r->right == x->entry ? r->left : NULL;
        for (size_t i = 0; other && other->scope == DDF_VM && i < vm->n_values; i++) {
            const struct pol_value *v = &vm->values[i];
            bool left = r->left == x->entry;
            if (v->setting->entry == other && str_eq(v->setting->instance, x->instance) &&
                rule_applies(vm, r, x->instance) &&
                !pol_rules_hold(r, left ? x->wire : v->wire, left ? v->wire : x->wire))
                return arena_printf(b->a, "its default %.*s would not go with %.*s %.*s", STR_ARG(x->word),
                                    STR_ARG(v->setting->name), STR_ARG(v->setting->word));
        }
    }
    return (struct str){ 0 };
}

/* ---- one value that was set ---- */

static struct str written_out(const struct backing *b, const struct ddf_match *m)
{
    struct str name = m->entry->name;
    size_t star = str_find(name, '*', 0);
    if (str_ends(name, STR(".node"))) name.n -= 5;
    if (star >= name.n) return name;
    return arena_printf(b->a, "%.*s%.*s%.*s", STR_ARG(str_slice(name, 0, star)), STR_ARG(m->instance),
                        STR_ARG(str_slice(name, star + 1, name.n)));
}

/* @return false when there is nothing to change back: the set is finished */
static bool leaf_back(struct backing *b, const struct pol_vm *vm, const struct pol_set *s, const struct ddf_match *m,
                      struct pol_back *x, bool *quiet)
{
    const struct pol_mirror_node *n = pol_facts_node(b->f, s->uri);
    *quiet = true;
    if (!n && in_doubt(b, s->uri)) return true;
    if (!n || comes_with_node(b, m, s->uri)) return false;
    *quiet = goes_with_row(b, m);
    if (*quiet) return true;
    bool known = default_of(b, m->entry, s->uri, &x->wire), is_default = known && same(n->format, n->value, x->wire);
    if (n->known == POL_REPORTED && (is_default || !as_set(s, n))) return false;
    *quiet = n->known != POL_REPORTED && !is_default && !as_set(s, n);
    x->word = ddf_entry_to_word(m->entry, x->wire, b->a);
    if (!known)
        x->stays = STR("it has no default");
    else if (m->entry->change == DDF_C_DEFINED || m->entry->change == DDF_C_UPGRADE)
        x->stays = STR("it can only be set before the VM is provisioned");
    else if (vm)
        x->stays = against(b, vm, x);
    return true;
}

static bool row_back(const struct backing *b, const struct pol_set *s, struct pol_back *x, bool *quiet)
{
    *quiet = !is_there(b, s->uri);
    if (*quiet) return in_doubt(b, s->uri);
    if (x->entry->remove == DDF_C_NEVER) x->stays = STR("it holds data: remove it by hand where it is not needed");
    return true;
}

/* @param quiet  it is neither displayed nor changed now. @return false: the set is finished */
static bool back_of(struct backing *b, struct pol_vm *vm, const struct pol_set *s, struct pol_back *x, bool *quiet)
{
    struct ddf_match m = { 0 };
    *quiet = true;
    if (!ddf_layout_match(b->f->layout, s->uri, &m) || !m.entry) return false;
    if (said(b, &m, s->row) || !b->f->mirror_read || unreadable(b, m.scope, m.owner)) return true;
    *x = (struct pol_back){ .entry = m.entry, .instance = m.instance, .uri = s->uri, .name = written_out(b, &m) };
    *quiet = false;
    return s->row ? row_back(b, s, x, quiet) : leaf_back(b, vm, s, &m, x, quiet);
}

/* ---- the lock ---- */

static const struct pol_policy nobody = { .name = { "that locked it, which no longer says so", 39 },
                                          .revised_ms = INT64_MAX };

static bool lock_said(const struct backing *b, struct str vm)
{
    for (size_t i = 0; i < b->n_holds; i++)
        if (str_eq(b->holds[i].policy->vm, vm) && b->holds[i].policy->has_locked) return true;
    return false;
}

/* A policy locked it, and no policy requires the lock any more. @return false: the set is finished */
static bool lock_back(const struct backing *b, struct pol_vm *vm, const struct pol_set *s)
{
    const struct pol_mirror_node *n = pol_facts_node(b->f, s->uri);
    if (lock_said(b, vm->name) || vm->has_locked || !b->f->mirror_read || unreadable(b, DDF_VM, vm->name)) return true;
    if (!n) return in_doubt(b, s->uri);
    if (n->known == POL_REPORTED && !same(n->format, n->value, s->value)) return false;
    vm->has_locked = true;
    vm->locked = false;
    vm->locked_policy = &nobody;
    return true;
}

/* ---- policies that a device has left ---- */

static const struct candidate *holding(const struct backing *b, int64_t policy)
{
    for (size_t i = 0; i < b->n_holds; i++)
        if (b->holds[i].policy->id == policy) return &b->holds[i];
    return NULL;
}

static const struct pol_policy *in_force(const struct backing *b, int64_t policy)
{
    const struct pol_policy *p = b->f->policies;
    while (p && p->id != policy) p = p->next;
    return p;
}

/* Does another policy give it a state? 1 yes, 0 no, -1 perhaps */
static int cared_for(const struct backing *b, struct str vm)
{
    int found = 0;
    for (size_t i = 0; i < b->n_holds; i++)
        if (str_eq(b->holds[i].policy->vm, vm) && b->holds[i].policy->goal.n) {
            if (!b->holds[i].unknown) return 1;
            found = -1;
        }
    return found;
}

static bool reported_as(const struct backing *b, struct str vm, const enum ddf_state_role *roles, size_t n)
{
    const struct pol_mirror_node *x = vm_node(b, vm, DDF_ROLE_STATE);
    int64_t state;
    if (!x || x->known != POL_REPORTED || !str_to_i64(x->value, &state)) return false;
    for (size_t i = 0; i < n; i++)
        if (ddf_layout_state_is(b->f->layout, (int)state, roles[i])) return true;
    return false;
}

/* Did an operator decide otherwise after the device had left the policy? */
static bool overruled(const struct backing *b, struct str vm, enum pol_leave leave, int64_t left_ms)
{
    for (size_t i = 0; i < b->f->n_holds; i++) {
        const struct pol_hold *h = &b->f->holds[i];
        const struct ddf_operation *o = ddf_layout_operation(b->f->layout, DDF_VM, h->kind);
        if (!o || !str_eq(h->vm, vm) || h->at_ms < left_ms) continue;
        if (leave == POL_LEAVE_LOCK && ddf_operation_is(o, DDF_OP_UNLOCK)) return true;
        if (leave == POL_LEAVE_STOP && o->to >= 0) return true;
    }
    return false;
}

static bool vm_in_doubt(const struct backing *b, struct str vm)
{
    struct str uri = ddf_layout_owner_uri(b->f->layout, DDF_VM, vm, b->a);
    return uri.n && in_doubt(b, uri);
}

static bool done(const struct backing *b, struct str vm, enum pol_leave leave, int64_t left_ms)
{
    static const enum ddf_state_role off[] = { DDF_STATE_STOPPED, DDF_STATE_DEFINED, DDF_STATE_BROKEN };
    if (leave == POL_LEAVE_KEEP || (b->f->mirror_read && !vm_there(b, vm) && !vm_in_doubt(b, vm))) return true;
    if (leave == POL_LEAVE_STOP && reported_as(b, vm, off, sizeof off / sizeof *off)) return true;
    return overruled(b, vm, leave, left_ms);
}

static void leaves(struct backing *b, struct pol_vm *vm, const struct pol_charge *c, struct str name,
                   enum pol_leave leave)
{
    struct pol_policy *p;
    if (vm->left && vm->leave >= leave) return; /* of several, the strongest applies */
    if (!(p = ARENA_NEW(b->a, struct pol_policy))) {
        b->no_memory = true;
        return;
    }
    *p = (struct pol_policy){ .vm = vm->name, .id = c->policy, .revised_ms = c->left_ms, .leave = leave };
    p->name = arena_printf(b->a, "%.*s, which this device has left", STR_ARG(name));
    vm->left = p;
    vm->leave = leave;
    vm->left_ms = c->left_ms;
}

static struct pol_vm *vm_named(const struct backing *b, struct str name)
{
    for (size_t i = 0; i < b->d->n_vms; i++)
        if (str_eq(b->d->vms[i].name, name)) return &b->d->vms[i];
    return NULL;
}

/* @return false: it is finished */
static bool charge(struct backing *b, struct pol_charge *c)
{
    const struct candidate *h = holding(b, c->policy);
    const struct pol_policy *p = h ? h->policy : in_force(b, c->policy);
    struct pol_vm *vm = vm_named(b, c->vm);
    if (c->unreadable || !vm) return true;
    if (h && str_eq(p->vm, c->vm)) {
        c->left_ms = 0;
        c->goal = p->goal.n > 0;
        return true;
    }
    const enum pol_leave leave = p ? p->leave : c->leave;
    const int cared = cared_for(b, c->vm);
    if (!c->left_ms) c->left_ms = b->f->now_ms;
    if (cared > 0 || done(b, c->vm, leave, c->left_ms)) return false;
    if (cared == 0 && !unreadable(b, DDF_VM, c->vm)) leaves(b, vm, c, p ? p->name : c->name, leave);
    return true;
}

static void charges(struct backing *b)
{
    struct pol_desired *d = b->d;
    if (!(d->charges = ARENA_ARRAY(b->a, struct pol_charge, b->f->n_charges + b->n_holds + 1))) {
        b->no_memory = true;
        return;
    }
    for (size_t i = 0; i < b->f->n_charges; i++) {
        struct pol_charge c = b->f->charges[i];
        if (charge(b, &c)) d->charges[d->n_charges++] = c;
    }
    for (size_t i = 0; i < b->n_holds; i++) {
        const struct pol_policy *p = b->holds[i].policy;
        size_t k = 0;
        while (k < d->n_charges && !(d->charges[k].policy == p->id && str_eq(d->charges[k].vm, p->vm))) k++;
        if (k == d->n_charges && !b->holds[i].unknown)
            d->charges[d->n_charges++] = (struct pol_charge){ .policy = p->id, .vm = p->vm, .goal = p->goal.n > 0 };
    }
}

static void obey(const struct backing *b, struct pol_vm *vm)
{
    if (!vm->left) return;
    if (vm->leave == POL_LEAVE_LOCK && !vm->has_locked) {
        vm->has_locked = vm->locked = true;
        vm->locked_policy = vm->left;
    }
    if (vm->leave != POL_LEAVE_STOP && vm->leave != POL_LEAVE_REMOVE) return;
    vm->goal = vm->leave == POL_LEAVE_STOP ? b->f->layout->stopped : b->f->layout->absent;
    vm->goal_policy = vm->left;
}

/* ---- all of it ---- */

static bool is_lock(const struct backing *b, const struct pol_set *s, struct ddf_match *m)
{
    *m = (struct ddf_match){ 0 };
    return ddf_layout_match(b->f->layout, s->uri, m) && m->entry &&
           m->entry == b->f->layout->entry[DDF_ROLE_LOCK_STATE];
}

static void put_back(struct backing *b, const struct pol_set *s)
{
    struct pol_desired *d = b->d;
    struct pol_back x = { 0 };
    struct ddf_match m;
    bool quiet = true;
    const bool lock = is_lock(b, s, &m);
    struct pol_vm *vm = m.scope == DDF_VM ? vm_named(b, m.owner) : NULL;
    if (!(lock ? !vm || lock_back(b, vm, s) : back_of(b, vm, s, &x, &quiet)))
        d->over[d->n_over++] = s->uri;
    else if (!quiet && m.scope == DDF_DEVICE)
        d->device_back[d->n_device_back++] = x;
    else if (!quiet && vm)
        vm->back[vm->n_back++] = x;
}

bool pol_defaults_resolve(const struct pol_facts *f, const struct candidate *holds, size_t n_holds, struct arena *a,
                          struct pol_desired *d)
{
    struct backing b = { .f = f, .holds = holds, .n_holds = n_holds, .a = a, .d = d };
    charges(&b);
    d->over = ARENA_ARRAY(a, struct str, f->n_sets + 1);
    d->device_back = ARENA_ARRAY(a, struct pol_back, f->n_sets + 1);
    b.no_memory |= !d->over || !d->device_back;
    for (size_t i = 0; i < d->n_vms && !b.no_memory; i++) {
        obey(&b, &d->vms[i]);
        d->vms[i].back = ARENA_ARRAY(a, struct pol_back, f->n_sets + 1);
        b.no_memory |= !d->vms[i].back;
    }
    for (size_t i = 0; i < f->n_sets && !b.no_memory; i++) put_back(&b, &f->sets[i]);
    return !b.no_memory;
}
