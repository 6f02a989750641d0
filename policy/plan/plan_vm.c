/* SPDX-License-Identifier: Apache-2.0 */
/* Takes one VM from its current to its desired state. One stage in a plan: the next one is decided when the device
 * has answered. */
#include "base/text.h"
#include "policy/plan/planner_int.h"
#include "policy/resolve/device_rules.h"

/* ---- settings ---- */

/* What the current state allows. */
struct difference {
    const struct pol_value *v;
    struct str uri, have;
    bool there;
    struct str words; /* for a return to the default; otherwise it follows from v */
};

static struct str why_of(struct planning *p, const struct difference *d)
{
    if (d->words.n) return d->words;
    struct str from = !d->there ? STR("not set") : ddf_entry_to_word(d->v->setting->entry, d->have, p->a);
    return planner_say(p, "%.*s %.*s -> %.*s (policy %.*s)", STR_ARG(d->v->setting->name), STR_ARG(from),
                       STR_ARG(d->v->setting->word), STR_ARG(d->v->policy->name));
}

static bool differs(struct planning *p, const struct pol_value *v, struct str owner, struct difference *out)
{
    struct str uri = ddf_layout_uri(p->l, v->setting->entry, owner, v->setting->instance, p->a);
    if (!uri.n) {
        p->no_memory = true;
        return false;
    }
    const struct pol_mirror_node *n = planner_mirror_find(p, uri);
    *out = (struct difference){ .v = v, .uri = uri, .have = n ? n->value : (struct str){ 0 }, .there = n != NULL };
    return !n || !planner_same_value(v->setting->entry->format, n->value, v->wire);
}

/* It has no effect on this device: it is not sent, and a wait reports it. */
static bool unsupported(struct planning *p, struct str vm, const struct pol_value *v)
{
    if (!v->unsupported) return false;
    planner_add_wait(p, vm, "failed",
                     planner_say(p, "%.*s %.*s is not supported by this device (policy %.*s)",
                                 STR_ARG(v->setting->name), STR_ARG(v->setting->word), STR_ARG(v->policy->name)),
                     406, 0);
    return true;
}

static bool set_aside(struct planning *p, const struct difference *d)
{
    const struct pol_failure *x = planner_failure_of(p, pol_set_key(d->uri, p->a));
    return planner_held_back(p, x);
}

static const struct ddf_route *route_from(const struct ddf_goal *g, int state)
{
    for (size_t i = 0; i < g->n_routes; i++)
        if (g->routes[i].from == state) return &g->routes[i];
    return NULL;
}

/* The arguments with one more, where the operation has it. */
static struct str with_arg(struct planning *p, struct str args, const struct ddf_arg *more)
{
    if (!more) return args;
    return planner_say(p, "%.*s%s%.*s=1", STR_ARG(args), args.n ? ";" : "", STR_ARG(more->name));
}

static const struct pol_value *value_of(const struct planning *p, const struct pol_vm *vm, enum ddf_role role)
{
    for (size_t i = 0; i < vm->n_values; i++)
        if (vm->values[i].setting->entry == p->l->entry[role]) return &vm->values[i];
    return NULL;
}

/* "within 60 s": from the policy, else from the device. */
static struct str shut_time(struct planning *p, const struct pol_vm *vm)
{
    const struct pol_value *set = value_of(p, vm, DDF_ROLE_SHUT_TIMEOUT);
    const struct pol_mirror_node *has = planner_mirror_entry(p, DDF_ROLE_SHUT_TIMEOUT, vm->name);
    if (set) return planner_say(p, "within %.*s s", STR_ARG(set->wire));
    return has && has->known == POL_REPORTED ? planner_say(p, "within %.*s s", STR_ARG(has->value)) : STR("in time");
}

/* The guest is asked to shut down. With the argument force=1 the device powers it off when the time limit has passed;
 * the argument is left out where a policy sets policy.forceStop: false. Other ways to stop lose the guest's memory.
 * @param args  in: the route's, out: those to send. @return `why` with the way it is stopped, for display */
static struct str how_to_stop(struct planning *p, const struct pol_vm *vm, int state, const struct ddf_operation *o,
                              struct str why, struct str *args)
{
    const struct pol_value *off = value_of(p, vm, DDF_ROLE_FORCE_STOP);
    const struct str forced = with_arg(p, (struct str){ 0 }, p->l->arg[DDF_ARG_FORCE]);
    if (ddf_operation_is(o, DDF_OP_STOP))
        return planner_state_is(p, state, DDF_STATE_PAUSED)
                   ? planner_say(p, "%.*s: powered off, as a paused guest cannot shut down", STR_ARG(why))
               : planner_state_is(p, state, DDF_STATE_SUSPENDED)
                   ? planner_say(p, "%.*s: its saved memory is dropped", STR_ARG(why))
                   : why;
    if (!ddf_operation_is(o, DDF_OP_SHUTDOWN) || !forced.n || !str_eq(*args, forced)) return why;
    const struct str within = shut_time(p, vm);
    if (!off || !str_is(off->wire, "false"))
        return planner_say(p, "%.*s: the guest is asked to shut down, and powered off when it has not %.*s",
                           STR_ARG(why), STR_ARG(within));
    *args = (struct str){ 0 };
    return planner_say(p,
                       "%.*s: the guest is asked to shut down, and not powered off when it has not %.*s (policy %.*s)",
                       STR_ARG(why), STR_ARG(within), STR_ARG(off->policy->name));
}

/* A setting can only be written while the VM is stopped. Stop it only where the policy's goal allows it, and only
 * gently: powering off a VM in use, or one whose memory is on storage, needs an operator's decision. @return true
 * when a step or wait was made */
static bool stop_first(struct planning *p, const struct pol_vm *vm, int state, const struct difference *d)
{
    const struct ddf_route *r = route_from(p->l->stopped, state);
    const struct ddf_operation *o = r ? ddf_layout_operation(p->l, DDF_VM, r->operation) : NULL;

    if (!vm->goal || vm->goal->state != state || !o || o->destructive || planner_is_locked(p, vm->name)) {
        bool later = vm->goal && vm->goal->state != state && !planner_is_locked(p, vm->name);
        if (later) return false; /* the route to the goal comes first */
        planner_add_wait_at(p, vm->name, d->uri, "waiting",
                            planner_say(p, "%.*s can only change while the VM is stopped, and it is %s%s",
                                        STR_ARG(why_of(p, d)), planner_state_name(p, state),
                                        planner_is_locked(p, vm->name) ? " and locked" : ""),
                            0, 0);
        return false;
    }
    struct str args = r->args, why = planner_say(p, "%.*s needs the VM stopped", STR_ARG(why_of(p, d)));
    why = how_to_stop(p, vm, state, o, why, &args);
    planner_add_operation(p, o, vm->name, args, why);
    return true;
}

static void set_upgrade(struct planning *p, struct batch *b, const struct pol_vm *vm, const struct difference *d)
{
    struct str why = why_of(p, d);
    const struct pol_mirror_node *after = planner_mirror_entry(p, DDF_ROLE_UPGRADE_NOT_AFTER, vm->name);
    const struct pol_mirror_node *before = planner_mirror_entry(p, DDF_ROLE_UPGRADE_NOT_BEFORE, vm->name);
    struct str window = vm->window ? planner_say(p, "the window of policy %.*s", STR_ARG(vm->window_policy->name))
                                   : (struct str){ 0 };
    const struct pol_mirror_node *target = planner_mirror_entry(p, DDF_ROLE_UPGRADE_TARGET, vm->name);
    int64_t opens, closes;
    char text[17];

    b->ours = true;
    if (!target || !str_eq(target->value, vm->image->id))
        planner_batch_set_role(p, b, DDF_ROLE_UPGRADE_TARGET, vm->image->id, why);
    const struct ddf_entry *keeps = p->l->entry[DDF_ROLE_UPGRADE_NOT_BEFORE];
    if (!vm->window || !keeps || !pol_rules_supported(pol_rules_settings(p->f), keeps, (struct str){ 0 })) return;
    pol_window_next(vm->window, p->f->now_ms, 0, &opens, &closes);
    text_time_basic(closes, text);
    if (!after || !str_is(after->value, text))
        planner_batch_set_role(p, b, DDF_ROLE_UPGRADE_NOT_AFTER, planner_say(p, "%s", text), window);
    text_time_basic(opens, text);
    if (!before || !str_is(before->value, text))
        planner_batch_set_role(p, b, DDF_ROLE_UPGRADE_NOT_BEFORE, planner_say(p, "%s", text), window);
}

/* Does the device store the policy's window? */
static bool window_kept(struct planning *p, const struct pol_vm *vm)
{
    const struct pol_mirror_node *after = planner_mirror_entry(p, DDF_ROLE_UPGRADE_NOT_AFTER, vm->name);
    const struct pol_mirror_node *before = planner_mirror_entry(p, DDF_ROLE_UPGRADE_NOT_BEFORE, vm->name);
    int64_t opens, closes, from, to;
    pol_window_next(vm->window, p->f->now_ms, 0, &opens, &closes);
    return before && after && before->known == POL_REPORTED && after->known == POL_REPORTED &&
           text_time_parse(before->value, &from) && text_time_parse(after->value, &to) && from / 1000 == opens / 1000 &&
           to / 1000 == closes / 1000;
}

/* A device without a node for the window would upgrade at once, so the command itself waits until the window is
 * open. */
static bool outside_window(struct planning *p, const struct pol_vm *vm, const struct difference *d)
{
    int64_t opens, closes;
    char text[17];
    if (!vm->window || window_kept(p, vm)) return false;
    pol_window_next(vm->window, p->f->now_ms, 0, &opens, &closes);
    if (opens <= p->f->now_ms) return false;
    text_time_basic(opens, text);
    planner_add_wait(
        p, vm->name, "waiting",
        planner_say(p,
                    "%.*s waits for the window of policy %.*s, which opens at %s: the device does not support windows",
                    STR_ARG(why_of(p, d)), STR_ARG(vm->window_policy->name), text),
        0, opens);
    return true;
}

/* The desired image differs from the one the VM was provisioned with. @return true when a step was made */
static bool upgrade(struct planning *p, const struct pol_vm *vm, int state, const struct difference *d)
{
    const struct ddf_operation *o = p->l->operation[DDF_OP_UPGRADE];
    const struct pol_mirror_node *target = planner_mirror_entry(p, DDF_ROLE_UPGRADE_TARGET, vm->name);
    const struct ddf_word *was = planner_mirror_word(p, DDF_ROLE_UPGRADE_STATE, vm->name);
    struct batch b;

    const struct ddf_entry *to = p->l->entry[DDF_ROLE_UPGRADE_TARGET];
    if (to && !pol_rules_supported(pol_rules_settings(p->f), to, (struct str){ 0 })) {
        planner_add_wait(p, vm->name, "failed",
                         planner_say(p, "%.*s: this device cannot upgrade a VM; delete it to have it created again",
                                     STR_ARG(why_of(p, d))),
                         1411, 0);
        return false;
    }
    if (!plan_image(p, vm)) return false;
    if (target && str_eq(target->value, vm->image->id) &&
        (planner_word_is(p, was, DDF_WORD_ROLLED_BACK) || planner_word_is(p, was, DDF_WORD_ROLLBACK_FAILED))) {
        planner_add_wait_at(
            p, vm->name, d->uri, "failed",
            planner_say(p, "%.*s: the device rolled back to the previous image; set another image, or upgrade by hand",
                        STR_ARG(why_of(p, d))),
            1440, 0);
        return false;
    }
    if (!o || !planner_has_int(o->from, o->n_from, state)) {
        planner_add_wait_at(p, vm->name, d->uri, "waiting",
                            planner_say(p, "%.*s waits: an upgrade is not possible while the VM is %s",
                                        STR_ARG(why_of(p, d)), planner_state_name(p, state)),
                            0, 0);
        return false;
    }
    planner_batch_init(&b, DDF_VM, vm->name, false);
    set_upgrade(p, &b, vm, d);
    if (b.n || b.n_alone || !target || !str_eq(target->value, vm->image->id))
        return planner_batch_send(p, &b, why_of(p, d));
    if (outside_window(p, vm, d)) return false;
    return planner_add_operation(p, o, vm->name, (struct str){ 0 }, why_of(p, d));
}

static void wait_defined(struct planning *p, const struct pol_vm *vm, const struct difference *d)
{
    planner_add_wait_at(
        p, vm->name, d->uri, "waiting",
        planner_say(p,
                    "%.*s can only be set before the VM is provisioned: delete the VM to have it created again, or "
                    "correct the policy",
                    STR_ARG(why_of(p, d))),
        0, 0);
}

/* A volume with data is not made smaller: the device would refuse it, so it is reported before it is sent. */
static bool would_shrink(struct planning *p, const struct pol_vm *vm, const struct difference *d)
{
    int64_t now, then;
    if (!d->v->setting->entry->only_grows || !d->there || !str_to_i64(d->have, &now) ||
        !str_to_i64(d->v->wire, &then) || then >= now)
        return false;
    planner_add_wait_at(
        p, vm->name, d->uri, "failed",
        planner_say(
            p, "%.*s: it holds data and is never made smaller; set at least the current size, or create the VM again",
            STR_ARG(why_of(p, d))),
        1411, 0);
    return true;
}

/* The owners of a VM may be changed; but that this server loses its own rights is taken as an error. */
static bool would_give_away(struct planning *p, const struct pol_vm *vm, const struct difference *d)
{
    struct str rest = d->v->wire, one;
    if (d->v->setting->entry != p->l->entry[DDF_ROLE_DOMAIN_SERVERS] || !p->f->server_id.n) return false;
    while (str_cut(&rest, ',', &one))
        if (str_eq(str_trim(one), p->f->server_id)) return false;
    planner_add_wait_at(p, vm->name, d->uri, "failed",
                        planner_say(p,
                                    "%.*s: this server, %.*s, would lose its rights to the VM: include it in the list",
                                    STR_ARG(why_of(p, d)), STR_ARG(p->f->server_id)),
                        1400, 0);
    return true;
}

/* ---- returning to defaults ---- */

static struct str back_words(struct planning *p, const struct pol_back *x)
{
    const struct pol_mirror_node *n = planner_mirror_find(p, x->uri);
    if (x->entry->remove != DDF_C_NEVER) return planner_say(p, "%.*s is removed: no policy sets it", STR_ARG(x->name));
    return planner_say(p, "%.*s %.*s -> %.*s: back to default, because no policy sets it", STR_ARG(x->name),
                       STR_ARG(n ? ddf_entry_to_word(x->entry, n->value, p->a) : STR("not set")),
                       STR_ARG(x->word.n ? x->word : STR("\"\"")));
}

static bool back_needed(const struct planning *p, const struct pol_back *x)
{
    const struct pol_mirror_node *n = planner_mirror_find(p, x->uri);
    return !x->stays.n && (x->entry->remove != DDF_C_NEVER || (n && !planner_same_value(n->format, n->value, x->wire)));
}

static bool back_waits_for_stop(const struct pol_back *x)
{
    return x->entry->change == DDF_C_STOPPED || x->entry->remove == DDF_C_STOPPED;
}

/* Not now, because the VM is not stopped. A VM without a goal is not stopped for it. */
static void back_later(struct planning *p, struct str vm, const struct difference *d, bool managed,
                       struct difference *needs_stop)
{
    const struct pol_failure *x = planner_failure_of(p, pol_set_key(d->uri, p->a));
    if (!managed)
        planner_add_wait_at(
            p, vm, d->uri, "waiting",
            planner_say(
                p,
                "%.*s; it takes effect at the VM's next start: it is written when the VM is stopped, and no policy"
                " sets its state",
                STR_ARG(d->words)),
            0, 0);
    else if (planner_held_back(p, x))
        planner_wait_failure(p, vm, d->words, x);
    else if (!needs_stop->uri.n)
        *needs_stop = *d;
}

/* Defaults that can be written now. */
static void backs(struct planning *p, struct batch *b, const struct pol_back *list, size_t n, bool stopped,
                  bool managed, struct difference *needs_stop)
{
    b->ours = false;
    for (size_t i = 0; i < n && !p->no_memory; i++) {
        const struct pol_back *x = &list[i];
        if (!back_needed(p, x)) continue;
        struct difference d = { .uri = x->uri, .words = back_words(p, x), .there = true };
        if (back_waits_for_stop(x) && !stopped) {
            back_later(p, b->owner, &d, managed, needs_stop);
        } else if (x->entry->remove != DDF_C_NEVER) {
            planner_batch_remove(p, b, x->uri, d.words);
        } else {
            planner_batch_set(p, b, x->entry, x->instance, x->wire, d.words);
        }
    }
}

/* @return true when this VM's stage of this plan is decided (a step was made) */
static bool settings(struct planning *p, const struct pol_vm *vm, int state)
{
    bool defined = planner_state_is(p, state, DDF_STATE_DEFINED),
         stopped = defined || planner_state_is(p, state, DDF_STATE_STOPPED), upgrading = false;
    struct difference d, needs_stop = { 0 }, other_image = { 0 };
    struct batch b;

    planner_batch_init(&b, DDF_VM, vm->name, false);
    b.ours = true;
    for (size_t i = 0; i < vm->n_values && !p->no_memory; i++) {
        const struct pol_value *v = &vm->values[i];
        enum ddf_change change = v->setting->entry->change;
        if ((v == vm->image_value && !vm->image) || unsupported(p, vm->name, v) || !differs(p, v, vm->name, &d))
            continue;
        if ((!defined && would_shrink(p, vm, &d)) || would_give_away(p, vm, &d)) continue;
        if (change == DDF_C_UPGRADE && !defined) {
            other_image = d;
            upgrading = true;
        } else if (change == DDF_C_UPGRADE && !plan_image(p, vm)) {
            return true; /* it is not provisioned with an image other than the desired one */
        } else if (change == DDF_C_DEFINED && !defined) {
            wait_defined(p, vm, &d);
        } else if (change == DDF_C_STOPPED && !stopped) {
            if (!needs_stop.uri.n && !set_aside(p, &d))
                needs_stop = d;
            else if (set_aside(p, &d))
                planner_wait_failure(p, vm->name, why_of(p, &d), planner_failure_of(p, pol_set_key(d.uri, p->a)));
        } else {
            planner_batch_set(p, &b, v->setting->entry, v->setting->instance, v->wire, why_of(p, &d));
        }
    }
    backs(p, &b, vm->back, vm->n_back, stopped, vm->goal, &needs_stop);
    if (needs_stop.uri.n && stop_first(p, vm, state, &needs_stop)) return true; /* and then everything together */
    if (planner_batch_send(p, &b, planner_say(p, "settings of VM %.*s", STR_ARG(vm->name)))) return true;
    return upgrading && upgrade(p, vm, state, &other_image);
}

/* Values that were written but wait for the VM's next start: applied now where the policy's goal is the VM's state, else
 * reported. */
static bool pending(struct planning *p, const struct pol_vm *vm, int state)
{
    const struct ddf_operation *o = p->l->operation[DDF_OP_APPLY_RESOURCES];
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_RESOURCES_PENDING, vm->name),
                                 *now = planner_mirror_entry(p, DDF_ROLE_RESOURCES_EFFECTIVE, vm->name);
    const bool waits = n && n->known == POL_REPORTED && planner_same_value(STR("bool"), n->value, STR("true"));
    const bool locked = planner_is_locked(p, vm->name);

    if (!waits || planner_state_is(p, state, DDF_STATE_STOPPED) || (vm->goal && vm->goal->state != state && !locked))
        return false;
    if (!locked && vm->goal && o && planner_has_int(o->from, o->n_from, state))
        return planner_add_operation(p, o, vm->name, with_arg(p, (struct str){ 0 }, p->l->arg[DDF_ARG_RESTART]),
                                     STR("changed resources wait for a restart"));
    planner_add_wait(p, vm->name, "waiting",
                     planner_say(p, "changed resources wait for the VM's next start: %s%s%.*s",
                                 locked     ? "it is locked"
                                 : vm->goal ? "they cannot be applied in this state"
                                            : "no policy says which state it shall be in",
                                 now && now->value.n ? "; in force until then: " : "",
                                 STR_ARG(now && now->value.n ? now->value : (struct str){ 0 })),
                     0, 0);
    return false;
}

/* ---- lock and goal ---- */

static void wait_hold(struct planning *p, const struct pol_vm *vm, const struct pol_hold *h,
                      const struct pol_policy *policy)
{
    const struct ddf_operation *o = ddf_layout_operation(p->l, DDF_VM, h->kind);
    planner_add_wait(
        p, vm->name, "waiting",
        planner_say(p,
                    "%.*s by %.*s (operation %lld) overrides policy %.*s, which is older: undo it, or apply a newer "
                    "revision",
                    STR_ARG(o->label), STR_ARG(h->by), (long long)h->operation, STR_ARG(policy->name)),
        0, 0);
}

/* @return true when a step was made */
static bool lock(struct planning *p, const struct pol_vm *vm, int state)
{
    const struct ddf_operation *o = p->l->operation[vm->locked ? DDF_OP_LOCK : DDF_OP_UNLOCK];
    const struct pol_hold *h;
    int now;

    if (!vm->has_locked || !o || !planner_mirror_number(p, DDF_ROLE_LOCK_STATE, vm->name, &now) || now == o->lock_to ||
        (now == 0 && !vm->locked))
        return false;
    if ((h = planner_hold_on(p, vm->name, true, vm->locked_policy, now)) != NULL) {
        wait_hold(p, vm, h, vm->locked_policy);
        return false;
    }
    if (o->n_from && !planner_has_int(o->from, o->n_from, state)) return false; /* cannot be locked in this state */
    return planner_add_operation(p, o, vm->name, (struct str){ 0 },
                                 planner_say(p, "locked %s -> %s (policy %.*s)", vm->locked ? "false" : "true",
                                             vm->locked ? "true" : "false", STR_ARG(vm->locked_policy->name)));
}

/* The device stopped a VM after repeated crashes (crash.escalation: stop), as the policy demands: starting it for
 * the policy's goal would undo that for ever. A newer revision, or a start by an operator, begins anew. */
static bool given_up(struct planning *p, const struct pol_vm *vm, int state)
{
    const struct pol_mirror_node *when = planner_mirror_entry(p, DDF_ROLE_STATE_TIME, vm->name);
    int reason;
    int64_t at_ms;
    return planner_state_is(p, state, DDF_STATE_STOPPED) &&
           planner_mirror_number(p, DDF_ROLE_STATE_REASON, vm->name, &reason) &&
           p->l->reason[DDF_REASON_CRASH_ACTION] && p->l->reason[DDF_REASON_CRASH_ACTION]->code == reason && when &&
           text_time_parse(when->value, &at_ms) && vm->goal_policy->revised_ms < at_ms;
}

/* After a crash the device itself acts on the VM as long as its crash action is pending; Progress reports it,
 * without a correlator. Read once in each session, because it may end without a report. @return true: nothing is
 * sent now */
static bool device_acts(struct planning *p, const struct pol_vm *vm, int state, struct str why)
{
    const struct pol_mirror_node *c, *text;
    int phase = 0, result = 0;
    if (!planner_state_is(p, state, DDF_STATE_CRASHED)) return false;
    c = planner_mirror_entry(p, DDF_ROLE_PROGRESS_PHASE, vm->name);
    if (!c || c->known != POL_REPORTED || c->at_ms < p->f->session_ms)
        return planner_add_progress_read(p, DDF_VM, vm->name, POL_FOR_INQUIRY,
                                         "the device's own action after the crash");
    planner_mirror_number(p, DDF_ROLE_PROGRESS_PHASE, vm->name, &phase);
    planner_mirror_number(p, DDF_ROLE_PROGRESS_RESULT, vm->name, &result);
    c = planner_mirror_entry(p, DDF_ROLE_PROGRESS_CORRELATOR, vm->name);
    if (!phase || result || (c && c->value.n)) return false;
    text = planner_mirror_entry(p, DDF_ROLE_PROGRESS_TEXT, vm->name);
    planner_add_wait(p, vm->name, "working",
                     pol_with_text(planner_say(p, "%.*s waits for the device's own crash action", STR_ARG(why)),
                                   text ? text->value : (struct str){ 0 }, p->a),
                     0, 0);
    return true;
}

/* `onLeave: remove` is a safety setting: the guest's data is destroyed, not only unlinked. */
static bool destroys(const struct pol_vm *vm, const struct ddf_operation *o)
{
    return vm->left && vm->leave == POL_LEAVE_REMOVE && ddf_operation_is(o, DDF_OP_DELETE);
}

static void go(struct planning *p, const struct pol_vm *vm, int state)
{
    const struct ddf_goal *g = vm->goal;
    const struct ddf_route *r;
    const struct ddf_operation *o;
    const struct pol_hold *h;
    struct str why;

    if (!g || (!g->gone && g->state == state)) return;
    why = planner_say(p, "state %s -> %.*s (policy %.*s)", planner_state_name(p, state), STR_ARG(g->name),
                      STR_ARG(vm->goal_policy->name));
    if (!g->gone && (h = planner_hold_on(p, vm->name, false, vm->goal_policy, state)) != NULL) {
        wait_hold(p, vm, h, vm->goal_policy);
        return;
    }
    if (!g->gone && !planner_state_is(p, g->state, DDF_STATE_STOPPED) && given_up(p, vm, state)) {
        const struct pol_mirror_node *info = planner_mirror_entry(p, DDF_ROLE_CRASH_LAST_INFO, vm->name);
        struct str words = planner_say(
            p,
            "%.*s waits: the device stopped the VM after a crash, as its crash policy says; look at its crash figures, then"
            " start it by hand or apply a new revision",
            STR_ARG(why));
        planner_add_wait(p, vm->name, "failed", pol_with_text(words, info ? info->value : (struct str){ 0 }, p->a), 0,
                         0);
        return;
    }
    if (!(r = route_from(g, state)) || !(o = ddf_layout_operation(p->l, DDF_VM, r->operation))) {
        planner_add_wait(p, vm->name, "failed",
                         planner_say(p, "%.*s: no operation leads there; an operator must act", STR_ARG(why)), 0, 0);
        return;
    }
    if (!g->gone && planner_is_locked(p, vm->name) && !planner_state_is(p, state, DDF_STATE_DEFINED)) {
        if (!vm->has_locked || !vm->locked) /* a policy that locks a VM also stops it */
            planner_add_wait(p, vm->name, "waiting", planner_say(p, "%.*s waits: the VM is locked", STR_ARG(why)), 1442,
                             0);
        return;
    }
    if (!g->gone && device_acts(p, vm, state, why)) return;
    struct str args = destroys(vm, o) ? with_arg(p, r->args, p->l->arg[DDF_ARG_WIPE]) : r->args;
    why = how_to_stop(p, vm, state, o, why, &args);
    planner_add_operation(p, o, vm->name, args, why);
}

/* ---- a VM that does not exist ---- */

static bool room_for_one_more(struct planning *p, const struct pol_vm *vm)
{
    int most, have = 0;
    size_t first, end;
    if (!planner_mirror_number(p, DDF_ROLE_HYPERVISOR_MAX_VMS, (struct str){ 0 }, &most) || most <= 0) return true;
    planner_mirror_below(p, p->l->vms, &first, &end);
    for (size_t i = first; i < end; i++)
        have += str_find(p->f->mirror[i].uri, '/', p->l->vms.n + 1) == p->f->mirror[i].uri.n;
    if (have < most) return true;
    planner_add_wait(p, vm->name, "failed",
                     planner_say(p, "the device supports %d VMs and has %d: remove one", most, have), 1449, 0);
    return false;
}

/* Does a policy mention this VM that may or may not apply? Then the VM's own state is kept. */
static bool undecided(const struct planning *p, struct str vm)
{
    for (size_t i = 0; i < p->d->n_unknown; i++)
        if (str_eq(p->d->unknown[i].policy->vm, vm)) return true;
    return false;
}

static void create(struct planning *p, const struct pol_vm *vm)
{
    struct batch b;
    struct str why;

    if (!vm->goal && undecided(p, vm->name)) return;
    if (!vm->goal) {
        planner_add_wait(
            p, vm->name, "waiting",
            planner_say(p, "VM %.*s is not on the device, and no policy gives it a state (running, stopped ...)",
                        STR_ARG(vm->name)),
            0, 0);
        return;
    }
    if (!room_for_one_more(p, vm) || (vm->image && !plan_image(p, vm))) return;
    why = planner_say(p, "VM %.*s does not exist (policy %.*s)", STR_ARG(vm->name), STR_ARG(vm->goal_policy->name));
    planner_batch_init(&b, DDF_VM, vm->name, true);
    if (!planner_batch_add_node(p, &b, planner_owner_uri(p, DDF_VM, vm->name), why)) return;
    if (p->f->server_id.n) planner_batch_set_role(p, &b, DDF_ROLE_DOMAIN_SERVERS, p->f->server_id, why);
    if (p->f->authority.n) planner_batch_set_role(p, &b, DDF_ROLE_DOMAIN_ID, p->f->authority, why);
    if (p->f->owner) planner_batch_set_role(p, &b, DDF_ROLE_DOMAIN_OWNER, planner_say(p, "%d", p->f->owner), why);
    b.ours = true;
    for (size_t i = 0; i < vm->n_values; i++) {
        struct difference d = { .v = &vm->values[i] };
        if (unsupported(p, vm->name, d.v)) continue;
        planner_batch_set(p, &b, vm->values[i].setting->entry, vm->values[i].setting->instance, vm->values[i].wire,
                          why_of(p, &d));
    }
    planner_batch_send(p, &b, why);
}

/* ---- the stages ---- */

static bool has_request(const struct planning *p, struct str vm)
{
    for (size_t i = 0; i < p->n_busy; i++)
        if (str_eq(p->busy[i], vm)) return true;
    return false;
}

/* Written, not read back, and readable: decide nothing before it is read. */
static bool unverified(struct planning *p, struct str uri)
{
    size_t first, end;
    planner_mirror_below(p, uri, &first, &end);
    for (size_t i = first; i < end; i++) {
        const struct pol_mirror_node *n = &p->f->mirror[i];
        if (n->known == POL_ACKNOWLEDGED && planner_readable(p, n->uri) &&
            !planner_held_back(p, planner_failure_of(p, planner_say(p, "get %.*s", STR_ARG(n->uri)))))
            return true;
    }
    return false;
}

/* @return false when the state is unknown: it is being read, or a wait reports why it cannot be */
static bool state_of(struct planning *p, struct str vm, int *state)
{
    static const enum ddf_role roles[] = { DDF_ROLE_STATE, DDF_ROLE_LOCK_STATE, DDF_ROLE_RESOURCES_PENDING };
    bool asked = false, stale = false;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        const struct pol_mirror_node *n = planner_mirror_entry(p, roles[i], vm);
        if (!p->l->entry[roles[i]]) continue;
        if (n ? n->known == POL_REPORTED : i > 0 && !p->f->list_unsupported)
            continue; /* a VM that was read as a whole is complete */
        bool got = planner_add_read(p, planner_entry_uri(p, roles[i], vm), false, n ? POL_FOR_VERIFY : POL_FOR_DISCOVER,
                                    n ? "it may have changed since it was last read" : "not known yet");
        stale |= got || i == 0;
        asked |= got;
    }
    if (stale && asked) return false;
    if (planner_mirror_number(p, DDF_ROLE_STATE, vm, state)) return true;
    const struct pol_failure *x = planner_failure_of(p, planner_say(p, "get %.*s",
                                                                    STR_ARG(planner_entry_uri(p, DDF_ROLE_STATE, vm))));
    planner_add_wait(p, vm, "failed",
                     planner_say(p, "the device does not report the state of VM %.*s%s%.*s", STR_ARG(vm), x ? ": " : "",
                                 STR_ARG(x ? pol_code_text(p->l, x->code, p->a) : (struct str){ 0 })),
                     x ? x->code : 0, 0);
    return false;
}

/* An irreversible command needs a mirror that agrees with the device's token. */
static bool looks_again(struct planning *p, struct str vm, struct str uri)
{
    const struct pol_mirror_node *n = planner_mirror_entry(p, DDF_ROLE_STATE, vm);
    return p->f->reported_token.n && !p->f->mirror_matches_token && n && n->at_ms < p->f->session_ms &&
           planner_add_read(p, uri, true, POL_FOR_VERIFY,
                            "the device's state token shows a change; it is read before it is deleted");
}

/* Is there work left for a VM that no policy mentions any more? */
static bool has_more(const struct planning *p, const struct pol_vm *vm)
{
    bool any = vm->left || vm->has_locked;
    for (size_t i = 0; i < vm->n_back; i++) any |= back_needed(p, &vm->back[i]);
    return any;
}

void plan_vm(struct planning *p, const struct pol_vm *vm)
{
    struct str uri = planner_owner_uri(p, DDF_VM, vm->name);
    struct live_op *op = planner_busy_with(p, DDF_VM, vm->name);
    bool there = uri.n && planner_mirror_has(p, uri), gone = vm->goal && vm->goal->gone;
    int state = 0;

    if (p->no_memory || (!there && gone) || (!vm->spoken && (!there || !has_more(p, vm)))) return;
    if (vm->problem.n && !gone) planner_add_wait(p, vm->name, "failed", vm->problem, vm->problem_code, 0);
    if (!there) {
        if (!vm->problem.n) create(p, vm);
        return;
    }
    if (!planner_is_ours(p, vm->name)) {
        if (!vm->spoken && !vm->left && planner_whose_is(p, vm->name) == OF_OTHERS)
            return; /* it was given to another authority */
        if (planner_whose_is(p, vm->name) == OF_OTHERS)
            planner_add_wait(p, vm->name, "failed",
                             planner_say(p, "%.*s: give yours another id", STR_ARG(planner_not_ours(p, vm->name))),
                             1443, 0);
        else if (!planner_asks_whose(p, vm->name))
            planner_add_wait(p, vm->name, "failed", planner_not_ours(p, vm->name), 1443, 0);
        return;
    }
    /* A VM whose state is not in the mirror (the device once answered 404) would wait for ever. */
    if (!planner_mirror_entry(p, DDF_ROLE_STATE, vm->name))
        planner_add_read(p, planner_entry_uri(p, DDF_ROLE_STATE, vm->name), false, POL_FOR_DISCOVER,
                         "the VM's state is not known");
    if (op) {
        planner_wait_busy(p, op, vm->name);
        return;
    }
    if (has_request(p, vm->name) || !state_of(p, vm->name, &state)) return;
    if (!gone && unverified(p, uri)) {
        planner_add_wait(p, vm->name, "working", STR("what was written is being read back"), 0, 0);
        return;
    }
    const struct ddf_state *s = ddf_layout_state(p->l, state);
    if (!s || !s->stable) {
        planner_add_wait(p, vm->name, "working", planner_say(p, "the VM is %s", planner_state_name(p, state)), 0, 0);
        planner_poll_state(p, vm->name);
        return;
    }
    if (gone) {
        if (!looks_again(p, vm->name, uri)) go(p, vm, state);
        return;
    }
    if (lock(p, vm, state)) return;
    /* Settings that conflict, or exceed the device, are neither written nor started. */
    if (vm->problem_code) {
        if (vm->goal && planner_state_is(p, vm->goal->state, DDF_STATE_STOPPED)) go(p, vm, state);
        return;
    }
    if (!settings(p, vm, state) && !pending(p, vm, state)) go(p, vm, state);
}

void plan_device(struct planning *p)
{
    struct batch b;
    struct difference d;
    struct difference needs_stop = { 0 };
    planner_batch_init(&b, DDF_DEVICE, (struct str){ 0 }, false);
    b.ours = true;
    for (size_t i = 0; i < p->d->n_device_values && !p->no_memory; i++)
        if (!unsupported(p, (struct str){ 0 }, &p->d->device_values[i]) &&
            differs(p, &p->d->device_values[i], (struct str){ 0 }, &d))
            planner_batch_set(p, &b, d.v->setting->entry, d.v->setting->instance, d.v->wire, why_of(p, &d));
    backs(p, &b, p->d->device_back, p->d->n_device_back, true, false, &needs_stop);
    planner_batch_send(p, &b, STR("settings of the device"));
}
