/* SPDX-License-Identifier: Apache-2.0 */
/* The desired state of each VM as a text that is equal as long as the state is, and the failures that outlive it. */
#include "base/text.h"
#include "ddf/uri.h"
#include "policy/plan/planner_int.h"

enum { WISH_BYTES = 16 };

/* ---- desired states ---- */

static void put_by(struct buf *b, const struct pol_policy *by)
{
    if (by) buf_printf(b, "\t%lld.%lld", (long long)by->id, (long long)by->revision);
    buf_byte(b, '\n');
}

static void put_value(struct buf *b, const struct pol_value *v)
{
    buf_printf(b, "%.*s\t%.*s\t%.*s", STR_ARG(v->setting->name), STR_ARG(v->setting->instance), STR_ARG(v->wire));
    put_by(b, v->policy);
}

static void put_vm(struct buf *b, const struct pol_vm *vm)
{
    buf_printf(b, "%.*s\t%.*s", STR_ARG(vm->name), STR_ARG(vm->goal ? vm->goal->name : (struct str){ 0 }));
    put_by(b, vm->goal_policy);
    buf_printf(b, "lock %d", !vm->has_locked ? -1 : vm->locked);
    put_by(b, vm->locked_policy);
    buf_printf(b, "image %.*s %.*s", STR_ARG(vm->image ? vm->image->id : (struct str){ 0 }), STR_ARG(vm->problem));
    put_by(b, vm->window_policy);
    for (size_t i = 0; i < vm->n_values; i++) put_value(b, &vm->values[i]);
    for (size_t i = 0; i < vm->n_back; i++)
        buf_printf(b, "back %.*s\t%.*s\n", STR_ARG(vm->back[i].uri), STR_ARG(vm->back[i].wire));
}

static void add_wish(struct planning *p, struct str uri, struct buf *text)
{
    struct pol_plan *out = p->out;
    struct pol_wish *x = &out->wishes[out->n_wishes];
    const struct pol_wish *before = pol_wish_at(p->f->wishes, p->f->n_wishes, uri);
    uint8_t digest[SHA256_BYTES];
    char hex[2 * WISH_BYTES + 1];
    bool ok = buf_ok(text) && (uri.p || !uri.n);
    if (ok) {
        crypto_sha256(buf_str(text), digest);
        text_hex(digest, WISH_BYTES, hex);
        *x = (struct pol_wish){ .uri = uri, .hash = planner_say(p, "%s", hex), .since_ms = p->f->now_ms };
        if (before && str_eq(before->hash, x->hash))
            x->since_ms = before->since_ms;
        else
            out->wishes_changed = true;
        out->n_wishes++;
    }
    if (!ok) p->no_memory = true;
}

static void wish_of_device(struct planning *p)
{
    const struct pol_desired *d = p->d;
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < d->n_vms; i++) put_vm(&b, &d->vms[i]);
    for (size_t i = 0; i < d->n_device_values; i++) put_value(&b, &d->device_values[i]);
    add_wish(p, (struct str){ 0 }, &b);
    buf_finish(&b);
}

/* An image is desired by all VMs that use it. */
static void wish_of_image(struct planning *p, size_t first)
{
    const struct pol_desired *d = p->d;
    const struct pol_image *image = d->vms[first].image;
    struct buf b;
    if (!image) return;
    for (size_t i = 0; i < first; i++)
        if (d->vms[i].image && str_eq(d->vms[i].image->id, image->id)) return;
    buf_init(&b, 0);
    for (size_t i = first; i < d->n_vms; i++)
        if (d->vms[i].image && str_eq(d->vms[i].image->id, image->id)) put_vm(&b, &d->vms[i]);
    add_wish(p, planner_owner_uri(p, DDF_IMAGE, image->id), &b);
    buf_finish(&b);
}

static void make_wishes(struct planning *p)
{
    const struct pol_desired *d = p->d;
    if (!(p->out->wishes = ARENA_ARRAY(p->a, struct pol_wish, 2 * d->n_vms + 1))) {
        p->no_memory = true;
        return;
    }
    wish_of_device(p);
    for (size_t i = 0; i < d->n_vms && !p->no_memory; i++) {
        struct buf b;
        buf_init(&b, 0);
        put_vm(&b, &d->vms[i]);
        add_wish(p, planner_owner_uri(p, DDF_VM, d->vms[i].name), &b);
        buf_finish(&b);
        wish_of_image(p, i);
    }
    p->out->wishes_changed |= p->out->n_wishes != p->f->n_wishes;
}

const struct pol_wish *pol_wish_at(const struct pol_wish *list, size_t n, struct str uri)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].uri, uri)) return &list[i];
    return NULL;
}

const struct pol_wish *pol_wish_of(const struct pol_wish *list, size_t n, struct str key)
{
    const struct pol_wish *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (!list[i].uri.n ? !found : pol_failure_within(key, list[i].uri)) found = &list[i];
    return found;
}

/* ---- operations of users ---- */

static bool is_read(const struct pol_failure *x)
{
    return str_starts(x->key, STR("get "));
}

/* A read retries reads of that place, a write retries everything there. */
static bool command_concerns(struct str command, struct str uri, const struct pol_failure *x)
{
    struct str at = str_slice(uri, 0, str_find(uri, '?', 0));
    return at.n && (!pol_is_look(command) || is_read(x)) && pol_failure_within(x->key, at);
}

static bool tree_concerns(const struct pol_operation *op, const struct pol_failure *x)
{
    for (size_t i = 0; i < op->n_items; i++)
        if (command_concerns(op->items[i].command, op->items[i].uri, x)) return true;
    return command_concerns(op->tree_command, op->tree_uri, x);
}

/* An operation that leads the VM to a state retries everything of the VM; any other retries itself and what it must
 * know. */
static bool concerns(struct planning *p, const struct pol_operation *op, const struct pol_failure *x)
{
    const struct ddf_operation *o = ddf_layout_operation(p->l, op->scope, op->kind);
    if (op->by_policy || op->created_ms < x->at_ms) return false;
    if (str_is(op->kind, "tree")) return tree_concerns(op, x);
    if (!o) return false;
    if (str_eq(x->key, pol_op_key(p->l, op, p->a))) return true;
    if (op->scope == DDF_DEVICE || !pol_failure_within(x->key, planner_owner_uri(p, op->scope, op->owner)))
        return false;
    if (op->scope == DDF_VM && is_read(x) &&
        pol_failure_within(x->key, planner_entry_uri(p, DDF_ROLE_DOMAIN_SERVERS, op->owner)))
        return false; /* the owner of a VM: a value known before the failure is not trusted again because of a read */
    return op->scope == DDF_IMAGE || o->to >= 0 || is_read(x);
}

/* ---- failures ---- */

static bool outlives(struct planning *p, const struct pol_failure *x)
{
    const struct pol_wish *then = pol_wish_of(p->f->wishes, p->f->n_wishes, x->key);
    const struct pol_wish *now = pol_wish_of(p->out->wishes, p->out->n_wishes, x->key);
    if (p->f->n_wishes && (!then || !now || !str_eq(then->uri, now->uri) || !str_eq(then->hash, now->hash)))
        return false;
    for (size_t i = 0; i < p->f->n_operations; i++)
        if (concerns(p, &p->f->operations[i], x)) return false;
    return true;
}

void plan_failures(struct planning *p)
{
    struct pol_plan *out = p->out;
    make_wishes(p);
    if (p->no_memory) return;
    struct pol_failure *kept = ARENA_ARRAY(p->a, struct pol_failure, p->f->n_failures + 1);
    if (!kept) {
        p->no_memory = true;
        return;
    }
    for (size_t i = 0; i < p->f->n_failures; i++)
        if (outlives(p, &p->f->failures[i])) kept[out->n_failures++] = p->f->failures[i];
    out->failures = kept;
}

void plan_settled_failures(struct pol_plan *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n_failures; i++)
        if (is_read(&out->failures[i])) out->failures[n++] = out->failures[i];
    out->n_failures = n;
}
