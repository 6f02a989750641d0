/* SPDX-License-Identifier: Apache-2.0 */
/* The desired state for REST and display: every value with its winner, its losers and the rule. */
#include "base/text.h"
#include "policy/resolve/facts.h"
#include <limits.h>

static void text(struct buf *b, const char *key, struct str value)
{
    buf_printf(b, "\"%s\":\"", key);
    buf_json(b, value);
    buf_putz(b, "\"");
}

static void policy(struct buf *b, const struct pol_policy *p)
{
    buf_putz(b, ",");
    text(b, "policy", p->name);
    buf_printf(b, ",\"revision\":%lld", (long long)p->revision);
}

static void value(struct buf *b, const struct pol_facts *f, struct str owner, const struct pol_value *v,
                  struct arena *a)
{
    buf_putz(b, "{");
    text(b, "name", v->setting->name);
    buf_putz(b, ",");
    text(b, "value", v->setting->word);
    buf_putz(b, ",");
    text(b, "wire", v->wire);
    buf_putz(b, ",");
    text(b, "uri", ddf_layout_uri(f->layout, v->setting->entry, owner, v->setting->instance, a));
    buf_putz(b, ",");
    text(b, "label", v->setting->entry->label);
    policy(b, v->policy);
    buf_putz(b, ",");
    text(b, "rule", str_of(v->rule));
    if (v->unsupported) buf_putz(b, ",\"supported\":false");
    if (v->described.n) {
        buf_putz(b, ",");
        text(b, "description", v->described);
    }
    buf_putz(b, ",\"losers\":[");
    for (const struct pol_loser *l = v->losers; l; l = l->next) {
        buf_putz(b, "{");
        text(b, "policy", l->policy);
        buf_putz(b, ",");
        text(b, "value", l->word);
        buf_putz(b, ",");
        text(b, "rule", str_of(l->rule));
        buf_putz(b, l->next ? "}," : "}");
    }
    buf_putz(b, "]}");
}

static void values(struct buf *b, const struct pol_facts *f, struct str owner, const struct pol_value *v, size_t n,
                   struct arena *a)
{
    buf_putz(b, "[");
    for (size_t i = 0; i < n; i++) {
        if (i) buf_putz(b, ",");
        value(b, f, owner, &v[i], a);
    }
    buf_putz(b, "]");
}

/* A VM without a goal is not stopped or restarted for it. */
static bool at_next_start(const struct pol_vm *vm, const struct pol_back *x)
{
    return vm && !vm->goal && !x->stays.n &&
           (x->entry->change == DDF_C_APPLY || x->entry->change == DDF_C_STOPPED || x->entry->remove == DDF_C_STOPPED);
}

/* Values that no policy sets any more, and why some of them stay. @param vm  NULL = the device's own */
static void backs(struct buf *b, const struct pol_vm *vm, const struct pol_back *list, size_t n)
{
    buf_putz(b, "[");
    for (size_t i = 0; i < n; i++) {
        const struct pol_back *x = &list[i];
        const bool row = str_is(x->entry->format, "node");
        buf_putz(b, i ? ",{" : "{");
        text(b, "name", x->name);
        buf_putz(b, ",");
        text(b, "uri", x->uri);
        if (!row && !x->stays.n) {
            buf_putz(b, ",");
            text(b, "value", x->word);
        }
        buf_putz(b, ",");
        text(b, "change", x->stays.n ? STR("stays") : row ? STR("removed") : STR("default"));
        buf_putz(b, ",");
        text(b, "why", x->stays.n ? x->stays : STR("no policy sets it"));
        if (at_next_start(vm, x))
            buf_putz(b, ",\"when\":\"at the VM's next start, where it cannot change while the VM runs\"");
        buf_putz(b, "}");
    }
    buf_putz(b, "]");
}

/* The state of the VM that the device reported last; -1 = none. */
static int state_of(const struct pol_facts *f, struct str vm, struct arena *a)
{
    const struct ddf_entry *en = f->layout->entry[DDF_ROLE_STATE];
    struct str uri = en ? ddf_layout_uri(f->layout, en, vm, (struct str){ 0 }, a) : (struct str){ 0 };
    int64_t state;
    const struct pol_mirror_node *n = uri.n ? pol_facts_node(f, uri) : NULL;
    return n && str_to_i64(n->value, &state) && state >= 0 && state <= INT_MAX ? (int)state : -1;
}

/* The last operation of an operator that led the VM to its current state, away from the goal, and is newer than the
 * policy. */
static const struct pol_hold *hold_of(const struct pol_facts *f, const struct pol_vm *vm, struct arena *a)
{
    if (!vm->goal || vm->goal->gone || !f->n_holds) return NULL;
    const int state = state_of(f, vm->name, a);
    if (state < 0 || state == vm->goal->state) return NULL;
    return pol_facts_hold(f, vm->name, false, vm->goal_policy, state);
}

static void held(struct buf *b, const struct pol_facts *f, const struct pol_vm *vm, struct arena *a)
{
    const struct pol_hold *h = hold_of(f, vm, a);
    if (!h) return;
    const struct ddf_operation *o = ddf_layout_operation(f->layout, DDF_VM, h->kind);
    buf_printf(b, ",\"held\":{\"operation\":%lld,", (long long)h->operation);
    text(b, "kind", h->kind);
    buf_putz(b, ",");
    text(b, "by", h->by);
    buf_putz(b, ",\"why\":\"");
    if (o) buf_json(b, o->label);
    buf_putz(b, " by ");
    buf_json(b, h->by);
    buf_printf(
        b,
        " (operation %lld) overrides the policy: the VM keeps its state until it is changed by hand, or a newer revision"
        " is applied\"}",
        (long long)h->operation);
}

static void left(struct buf *b, const struct pol_vm *vm)
{
    char since[25];
    text_time_iso(vm->left_ms, since);
    buf_putz(b, ",\"left\":{");
    text(b, "policy", str_slice(vm->left->name, 0, str_find(vm->left->name, ',', 0)));
    buf_putz(b, ",");
    text(b, "onLeave", str_of(pol_leave_word(vm->leave)));
    buf_putz(b, ",");
    text(b, "since", str_of(since));
    buf_putz(b, "}");
}

static void vm(struct buf *b, const struct pol_facts *f, const struct pol_vm *vm, struct arena *a)
{
    buf_putz(b, "{");
    text(b, "id", vm->name);
    if (vm->goal) {
        buf_putz(b, ",\"state\":{");
        text(b, "value", vm->goal->name);
        policy(b, vm->goal_policy);
        buf_putz(b, "}");
    }
    if (vm->has_locked) {
        buf_printf(b, ",\"locked\":{\"value\":%s", vm->locked ? "true" : "false");
        policy(b, vm->locked_policy);
        buf_putz(b, "}");
    }
    if (vm->problem.n) {
        buf_putz(b, ",");
        text(b, "problem", vm->problem);
        if (vm->problem_code) buf_printf(b, ",\"problemCode\":%d", vm->problem_code);
    }
    buf_putz(b, ",\"values\":");
    values(b, f, vm->name, vm->values, vm->n_values, a);
    held(b, f, vm, a);
    if (vm->left) left(b, vm);
    buf_putz(b, ",\"noLongerSaid\":");
    backs(b, vm, vm->back, vm->n_back);
    buf_putz(b, "}");
}

enum rc pol_desired_json(const struct pol_desired *d, const struct pol_facts *f, struct buf *out)
{
    struct arena a; /* addresses only */
    arena_init(&a, 4 << 20);
    buf_printf(out, "{\"hash\":\"%s\",\"vms\":[", d->hash);
    for (size_t i = 0, n = 0; i < d->n_vms; i++) {
        const struct pol_vm *x = &d->vms[i];
        if (!x->spoken && !x->left && !x->n_back) continue; /* unmanaged, with nothing left to change */
        if (n++) buf_putz(out, ",");
        vm(out, f, x, &a);
    }
    buf_putz(out, "],\"device\":");
    values(out, f, (struct str){ 0 }, d->device_values, d->n_device_values, &a);
    buf_putz(out, ",\"deviceNoLongerSaid\":");
    backs(out, NULL, d->device_back, d->n_device_back);
    buf_putz(out, ",\"unknown\":[");
    for (size_t i = 0; i < d->n_unknown; i++) {
        buf_putz(out, i ? ",{" : "{");
        text(out, "policy", d->unknown[i].policy->name);
        buf_putz(out, ",");
        text(out, "why", d->unknown[i].why);
        buf_putz(out, "}");
    }
    buf_putz(out, "],\"warnings\":[");
    for (size_t i = 0; i < d->n_warnings; i++) {
        buf_putz(out, i ? ",\"" : "\"");
        buf_json(out, d->warnings[i]);
        buf_putz(out, "\"");
    }
    buf_putz(out, "]}");
    arena_finish(&a);
    return out->failed;
}
