/* SPDX-License-Identifier: Apache-2.0 */
/* Records the values that policies set and the VMs that they place on the device, before they are sent, so that a
 * restart in between loses nothing. */
#include "base/vec.h"
#include "ddf/uri.h"
#include "server/decide/message.h"

/* ---- sets ---- */

static void load_sets(struct message_work *v)
{
    struct device_cache *r = v->r;
    if (r->has_sets) return;
    enum rc rc = v->facts->sets(v->facts->ctx, &v->d, &r->arena, &r->sets, &r->n_sets, v->e);
    r->sets_cap = r->n_sets;
    r->has_sets = !rc;
    message_error(v, rc);
}

/* `uri` below `from` -> the same below `to`. */
static struct str moved(struct message_work *v, struct str uri, struct str from, struct str to)
{
    struct str out = arena_printf(v->a, "%.*s%.*s", STR_ARG(to), STR_ARG(str_slice(uri, from.n, uri.n)));
    if (!out.n) message_nomem(v);
    return out;
}

static void set_drop(struct message_work *v, size_t i)
{
    struct device_cache *r = v->r;
    dm_change_set_removed(v->c, r->sets[i].uri);
    r->sets[i] = r->sets[--r->n_sets];
}

static struct pol_set *new_set(struct device_cache *r, struct str uri)
{
    struct str kept;
    if (!arena_str(&r->arena, uri, &kept)) return NULL;
    struct pol_set *s = VEC_ADD_APART_IN(&r->arena, r->sets, r->n_sets, r->sets_cap);
    if (s) s->uri = kept;
    return s;
}

static void set_put(struct message_work *v, struct str uri, struct str value, bool row)
{
    struct device_cache *r = v->r;
    struct pol_set *s = NULL;
    load_sets(v);
    for (size_t i = 0; i < r->n_sets && !s; i++)
        if (str_eq(r->sets[i].uri, uri)) s = &r->sets[i];
    if (s && s->row == row && str_eq(s->value, value)) return;
    if (s && !s->row) {
        s->earlier = s->value;
        s->has_earlier = true;
    }
    if (!s) s = new_set(r, uri);
    if (!s || !arena_str(&r->arena, value, &s->value)) {
        message_nomem(v);
        return;
    }
    s->row = row;
    dm_change_set(v->c, uri, row ? NULL : &value);
}

/* What was set there before goes on at its new address, with the value before it. */
static void set_move(struct message_work *v, const struct pol_set *s, struct str to)
{
    dm_change_set_removed(v->c, s->uri);
    dm_change_set_removed(v->c, to);
    if (s->has_earlier) dm_change_set(v->c, to, &s->earlier);
    dm_change_set(v->c, to, s->row ? NULL : &s->value);
}

void message_sets_move(struct message_work *v, struct str from, struct str to)
{
    struct device_cache *r = v->r;
    load_sets(v);
    for (size_t i = r->n_sets; i-- > 0;)
        if (ddf_uri_within(r->sets[i].uri, to) && !ddf_uri_within(r->sets[i].uri, from)) set_drop(v, i);
    for (size_t i = 0; i < r->n_sets; i++) {
        struct str uri;
        if (!ddf_uri_within(r->sets[i].uri, from)) continue;
        if (!arena_str(&r->arena, moved(v, r->sets[i].uri, from, to), &uri)) message_nomem(v);
        set_move(v, &r->sets[i], uri);
        r->sets[i].uri = uri;
    }
}

void message_set(struct message_work *v, const struct pol_step *s)
{
    for (const struct pol_step *c = s->children; c; c = c->next) message_set(v, c);
    if (s->ours && (s->verb == DM_ADD || s->verb == DM_REPLACE)) set_put(v, s->uri, s->data, str_is(s->format, "node"));
}

static struct str lock_uri(struct message_work *v, struct str vm)
{
    const struct ddf_entry *en = v->l->entry[DDF_ROLE_LOCK_STATE];
    return en ? ddf_layout_uri(v->l, en, vm, (struct str){ 0 }, v->a) : (struct str){ 0 };
}

void message_set_lock(struct message_work *v, const struct pol_operation *op)
{
    const struct ddf_operation *o = ddf_layout_operation(v->l, op->scope, op->kind);
    struct str uri = o && op->scope == DDF_VM && o->lock_to >= 0 ? lock_uri(v, op->owner) : (struct str){ 0 };
    if (!uri.n) return;
    if (op->by_policy && ddf_operation_is(o, DDF_OP_LOCK))
        set_put(v, uri, arena_printf(v->a, "%d", o->lock_to), false);
    else
        message_disown(v, uri);
}

void message_disown(struct message_work *v, struct str uri)
{
    struct device_cache *r = v->r;
    load_sets(v);
    for (size_t i = r->n_sets; i-- > 0;)
        if (ddf_uri_within(r->sets[i].uri, uri) || (r->sets[i].row && ddf_uri_within(uri, r->sets[i].uri)))
            set_drop(v, i);
}

/* ---- charges ---- */

static const struct pol_charge *charge_in(const struct pol_charge *list, size_t n, const struct pol_charge *c)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].policy == c->policy && str_eq(list[i].vm, c->vm)) return &list[i];
    return NULL;
}

static void keep_charges(struct message_work *v, const struct pol_desired *d)
{
    for (size_t i = 0; i < d->n_charges; i++) {
        const struct pol_charge *c = &d->charges[i], *was = charge_in(v->f.charges, v->f.n_charges, c);
        if (!was || was->left_ms != c->left_ms || was->goal != c->goal)
            dm_change_policy_vm(v->c, &(struct db_policy_vm){
                                          .policy = c->policy, .vm = c->vm, .goal = c->goal, .left_ms = c->left_ms });
    }
    for (size_t i = 0; i < v->f.n_charges; i++) {
        const struct pol_charge *c = &v->f.charges[i];
        if (!charge_in(d->charges, d->n_charges, c)) dm_change_policy_vm_removed(v->c, c->policy, c->vm);
    }
}

/* ---- both ---- */

void message_load_back(struct message_work *v)
{
    load_sets(v);
    message_error(v, v->facts->charges(v->facts->ctx, &v->d, v->a, &v->f, v->e));
    v->f.sets = v->r->sets;
    v->f.n_sets = v->r->n_sets;
}

void message_keep_back(struct message_work *v, const struct pol_desired *d)
{
    for (size_t i = 0; i < d->n_over; i++)
        for (size_t k = 0; k < v->r->n_sets; k++)
            if (str_eq(v->r->sets[k].uri, d->over[i])) {
                set_drop(v, k);
                break;
            }
    keep_charges(v, d);
}
